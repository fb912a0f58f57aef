/**
 * Monitors (spec 1.4): what a probe sends and expects, and how often. The schedule and the verdict are `health`'s.
 */
import * as z from 'zod';
import type { MonitorId } from '../core/ids.ts';
import type { Monitor } from '../core/model.ts';
import type { ParseContext } from './context.ts';
import type { Path } from './document.ts';
import type { Findings } from './finding.ts';
import { shown } from './finding.ts';
import { idField } from './identity.ts';
import { checkShape, maybe, optional, readOnly, stored } from './shape.ts';

const MONITOR_TYPES = ['http', 'https', 'tcp', 'udp_icmp', 'icmp_ping', 'smtp'] as const;
/** RFC 9110 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export const monitorShape = z
  .strictObject({
    id: idField,
    type: optional(z.enum(MONITOR_TYPES), 'http', 'What a probe speaks.'),
    description: optional(z.string(), '', 'For people.'),
    method: maybe(
      z.string(),
      'Request method; `connection_established` for tcp.',
      'default `GET`, or `connection_established` for tcp',
    ),
    path: optional(z.string(), '/', 'Request target of an HTTP probe.', 'begins with `/`'),
    header: optional(
      z.record(z.string(), z.array(z.string())),
      {},
      'Request fields of an HTTP probe: name to list of values. `User-Agent` is never sent from here.',
    ),
    port: maybe(
      z.int().min(0).max(65535),
      'Port to probe; 0 = 80 or 443. Required for tcp, udp_icmp and smtp.',
      'default 0',
    ),
    timeout: optional(z.int().min(1).max(10), 5, 'Seconds until a probe has failed.'),
    retries: optional(z.int().min(0).max(5), 2, 'More tries at once after a time-out.'),
    interval: optional(z.int(), 60, 'Seconds between probes from one data center.', '10 to 3600'),
    expected_codes: optional(
      z.string(),
      '200',
      'Status codes that pass: one code, a class `2xx`, or a list with commas. Empty = any.',
    ),
    expected_body: optional(
      z.string(),
      '',
      'Text that the first 10 KiB must contain, in any case. Empty = not checked.',
    ),
    follow_redirects: optional(z.boolean(), false, 'Follow redirects of HTTP probes.'),
    allow_insecure: optional(z.boolean(), false, 'Do not check certificates.'),
    probe_zone: stored(z.string(), 'Zone whose settings the probe would take on.'),
    consecutive_up: optional(z.int().min(0), 0, 'Passes in a row that make an origin healthy; 0 and 1: the first one.'),
    consecutive_down: optional(z.int().min(0), 0, 'Failures in a row that make it unhealthy; 0 and 1: the first one.'),
    ...readOnly('created_on', 'modified_on'),
  })
  .meta({ title: 'Monitor' });

/** Makes a monitor of `value`; findings tell whether to trust it. `undefined` when there is nothing to work on. */
export function readMonitor(
  value: unknown,
  path: Path,
  fallbackId: string,
  context: ParseContext,
  findings: Findings,
): Monitor | undefined {
  const raw = checkShape(monitorShape, value, path, findings);
  if (raw === undefined) return undefined;
  const isHttp = raw.type === 'http' || raw.type === 'https';
  const [least, most] = context.limits.intervalSeconds;
  let interval = raw.interval;
  if (interval < least || interval > most) {
    findings.error(
      'out_of_range',
      [...path, 'interval'],
      `interval is not in range [${least}, ${most}]`,
      `it is ${interval}`,
    );
    interval = 60;
  }
  const needsPort = raw.type === 'tcp' || raw.type === 'udp_icmp' || raw.type === 'smtp';
  if (needsPort && (raw.port ?? 0) === 0) {
    findings.error(
      'missing',
      [...path, 'port'],
      `port is required for ${raw.type} monitors`,
      'it must be from 1 to 65535',
    );
  }
  if (isHttp && raw.path !== '' && !raw.path.startsWith('/')) {
    findings.error(
      'bad_format',
      [...path, 'path'],
      `path ${shown(raw.path)} does not begin with "/"`,
      `write ${shown(`/${raw.path}`)}`,
    );
  }
  const method = raw.method ?? (raw.type === 'tcp' ? 'connection_established' : 'GET');
  if (isHttp && !TOKEN.test(method)) {
    findings.error(
      'bad_format',
      [...path, 'method'],
      `method ${shown(method)} is not a request method`,
      'write GET or HEAD',
    );
  }
  const expectedCodes = isHttp ? readCodes(raw.expected_codes, [...path, 'expected_codes'], findings) : [];
  return {
    id: (raw.id ?? fallbackId) as MonitorId,
    type: raw.type,
    description: raw.description,
    method,
    path: raw.path === '' ? '/' : raw.path,
    headers: readHeaders(raw.header, [...path, 'header'], findings),
    port: raw.port ?? 0,
    timeoutSeconds: raw.timeout,
    retries: raw.retries,
    intervalSeconds: interval,
    expectedCodes,
    expectedBody: raw.expected_body.toLowerCase(),
    followRedirects: raw.follow_redirects,
    allowInsecure: raw.allow_insecure,
    probeZone: raw.probe_zone ?? '',
    consecutiveUp: raw.consecutive_up,
    consecutiveDown: raw.consecutive_down,
  };
}

function readHeaders(
  header: Record<string, string[]>,
  path: Path,
  findings: Findings,
): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, readonly string[]>();
  for (const [name, values] of Object.entries(header)) {
    const here = [...path, name];
    if (!TOKEN.test(name)) {
      findings.error('bad_format', here, `${shown(name)} is not a header name`, '', 'key');
    } else if (name.toLowerCase() === 'user-agent') {
      findings.warn(here, 'the header User-Agent cannot be set and is not sent', 'remove it', 'key');
    } else {
      for (const [index, value] of values.entries()) {
        // A line break in a probe's header would be a second header (request splitting).
        if (/[\r\n\0]/.test(value))
          findings.error('bad_format', [...here, index], 'a header value may not contain line breaks');
      }
      headers.set(name, values);
    }
  }
  return headers;
}

/** `200`, `2xx`, `200,301,4xx` as inclusive ranges. */
function readCodes(text: string, path: Path, findings: Findings): (readonly [number, number])[] {
  if (text.trim() === '') return [];
  return text.split(',').flatMap((part): (readonly [number, number])[] => {
    const word = part.trim();
    const group = /^([1-5])xx$/i.exec(word);
    if (group !== null) return [[Number(group[1]) * 100, Number(group[1]) * 100 + 99]];
    if (/^[1-5]\d\d$/.test(word)) return [[Number(word), Number(word)]];
    findings.error(
      'bad_format',
      path,
      `expected_codes: ${shown(word)} is not a status code`,
      'write 200, 2xx, or a list such as 200,301',
    );
    return [];
  });
}
