/**
 * `railgun-nat.conf` (spec/railgun.md 2.5): which address the listener calls for which host, instead of `CF-ORIGIN-IP`. Text in, map or
 * every problem out; a file with a problem changes nothing, the old map stays (our choice).
 *
 *   www.example.com = 127.0.0.1            # a host
 *   www.example.com:2083 = 127.0.0.1:2083  # a port of its own needs an entry of its own (RG-083)
 *   default = 10.0.0.1                     # everything else
 */
import type { NatMap, NatTarget } from '../core/nat-map.ts';
import type { Checked, Problem } from '../core/problem.ts';
import { MAX_CONF_BYTES, confEntries } from './conf-lines.ts';

const NAME = /^[a-z0-9_*](?:[a-z0-9_.-]*[a-z0-9_])?$/i;
const IPV6 = /^(?=.*:.*:)[0-9a-f:.]+$/i;
const DIGITS_AND_DOTS = /^[0-9.]+$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

export function parseRailgunNat(file: string, text: string): Checked<NatMap> {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const entries = new Map<string, NatTarget>();
  const lines = new Map<string, number>();
  let fallback: NatTarget | undefined;
  if (text.length > MAX_CONF_BYTES) {
    const message = `the file is larger than ${MAX_CONF_BYTES} bytes`;
    return {
      ok: false,
      problems: [{ severity: 'error', file, line: 0, column: 0, path: '', message, hint: 'is it the map file?' }],
    };
  }
  for (const entry of confEntries(text)) {
    const { line } = entry;
    const problem = (column: number, message: string, hint: string): void => {
      problems.push({ severity: 'error', file, line, column, path: entry.key, message, hint });
    };
    if (entry.kind === 'broken') {
      problem(
        entry.column,
        `not an entry: "${entry.text.slice(0, 60)}"`,
        'entries read `host = address`, `host:port = address:port` or `default = address`',
      );
      continue;
    }
    const name = readName(entry.key);
    const target = readTarget(entry.value);
    if (name === undefined)
      problem(entry.column, `"${entry.key}" is no host or host:port`, 'IPv6 addresses stand in brackets');
    if (target === undefined) {
      problem(
        entry.valueColumn,
        `"${entry.value}" is no address or address:port`,
        'for example 127.0.0.1, 127.0.0.1:8080 or [2001:db8::1]:8080',
      );
    }
    if (name === undefined || target === undefined) continue;
    const earlier = lines.get(name);
    if (earlier !== undefined) {
      const message = `"${name}" was given on line ${earlier} already; this later line is used`;
      warnings.push({
        severity: 'warning',
        file,
        line,
        column: entry.column,
        path: name,
        message,
        hint: 'remove one of the two',
      });
    }
    lines.set(name, line);
    if (name === 'default') fallback = target;
    else entries.set(name, target);
  }
  return problems.length > 0
    ? { ok: false, problems: [...problems, ...warnings] }
    : { ok: true, value: { entries, fallback }, warnings };
}

/** Lower case, IPv6 in brackets; `undefined` when it is neither host nor host:port. */
function readName(text: string): string | undefined {
  const parts = splitPort(text);
  if (parts === undefined || !isHost(parts.host)) return undefined;
  const host = parts.host.toLowerCase();
  const shown = host.includes(':') ? `[${host}]` : host;
  return parts.port === undefined ? shown : `${shown}:${parts.port}`;
}

function readTarget(text: string): NatTarget | undefined {
  const parts = splitPort(text);
  if (parts === undefined || !isHost(parts.host) || parts.host.includes('*')) return undefined;
  return { address: parts.host, port: parts.port };
}

function isHost(host: string): boolean {
  if (IPV6.test(host)) return true;
  return DIGITS_AND_DOTS.test(host) ? IPV4.test(host) : host.length <= 253 && NAME.test(host) && !host.includes('*');
}

function splitPort(text: string): { host: string; port: number | undefined } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return IPV6.test(text) ? { host: text, port: undefined } : undefined;
  const [, bracketed, plain, digits] = match;
  if (bracketed !== undefined && !IPV6.test(bracketed)) return undefined;
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  return { host: bracketed ?? plain ?? '', port };
}
