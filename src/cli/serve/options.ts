/** The command line of `serve` (DESIGN 9), checked: every mistake at once, each naming its flag. */
import { isIP } from 'node:net';
import type { Problem } from '../../core/problem.ts';
import { parseNetwork } from '../../geo/addresses.ts';
import { findPop } from '../../geo/tables.ts';
import { parseStore } from '../../live/stores/store-url.ts';

export interface ServeFlags {
  readonly config?: string;
  readonly listen?: string;
  readonly listenTls?: string;
  readonly admin?: string;
  readonly adminToken?: string;
  readonly dns?: string;
  readonly pop?: string;
  readonly workers?: string;
  readonly store?: string;
  readonly geoDb?: string;
  readonly trustProxy?: readonly string[];
  readonly classic?: boolean;
  readonly railgunRetryDirect?: boolean;
  readonly json?: boolean;
  readonly accessLog?: string;
  readonly state?: string;
  readonly seed?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly originCa?: string;
  readonly originTls?: string;
  readonly minInterval?: string;
  readonly probe?: string;
  readonly drain?: string;
  readonly drillSeed?: string;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface ServeOptions {
  readonly config: string | undefined;
  readonly listen: Endpoint | undefined;
  readonly listenTls: Endpoint | undefined;
  readonly admin: Endpoint | undefined;
  readonly adminToken: string;
  readonly dns: Endpoint | undefined;
  readonly pop: string;
  /** `--pop` was given: clients that nobody places are there, whatever files of addresses are about. */
  readonly popGiven: boolean;
  /** 1 = this process alone. */
  readonly workers: number;
  readonly store: string;
  readonly geoDb: string | undefined;
  readonly trustProxies: readonly string[];
  readonly classic: boolean;
  /** RG-013. */
  readonly railgunRetryDirect: boolean;
  readonly json: boolean;
  readonly accessLog: string | undefined;
  readonly state: string | undefined;
  readonly seed: string | undefined;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly originCa: string | undefined;
  readonly originTls: 'auto' | 'on' | 'off';
  readonly minInterval: number;
  /** Data centers of the check regions: one probe for all, or each its own. */
  readonly probe: 'together' | 'each';
  readonly drainMs: number;
  /** Started by a drill: draws are those of the replay with this seed, about the keys that requests bring. */
  readonly drillSeed: string | undefined;
}

export const DEFAULTS = {
  listen: '127.0.0.1:8080',
  admin: '127.0.0.1:8787',
  pop: 'LHR',
} as const;

const WORKERS_MAX = 256;

export function readOptions(
  flags: ServeFlags,
):
  | { readonly ok: true; readonly options: ServeOptions }
  | { readonly ok: false; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const complain = (flag: string, message: string, hint: string): void => {
    problems.push({ severity: 'error', file: flag, line: 0, column: 0, path: '', message, hint });
  };
  const endpoint = (flag: string, text: string | undefined): Endpoint | undefined => {
    if (text === undefined || text === 'off') return undefined;
    const parsed = parseEndpoint(text);
    if (parsed === undefined)
      complain(flag, `"${text}" is no address and port`, 'write 127.0.0.1:8080, [::1]:8080 or 8080');
    return parsed;
  };
  const whole = (
    flag: string,
    text: string | undefined,
    standard: number,
    [min, max]: readonly [number, number],
  ): number => {
    if (text === undefined) return standard;
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    complain(flag, `"${text}" is not a whole number from ${min} to ${max}`, '');
    return standard;
  };

  const popText = flags.pop ?? DEFAULTS.pop;
  const pop = findPop(popText);
  if (pop === undefined) complain('--pop', `unknown PoP "${popText}"`, 'three letters, such as LHR');
  for (const network of flags.trustProxy ?? []) {
    if (parseNetwork(network) === undefined)
      complain('--trust-proxy', `"${network}" is no network`, 'write 10.0.0.0/8');
  }
  const store = flags.store ?? 'mock';
  const parsedStore = parseStore(store);
  if (!parsedStore.ok) {
    complain('--store', parsedStore.message, 'write memory, mock, redis://HOST:PORT or memcached://HOST:PORT');
  }
  const probe = flags.probe ?? 'together';
  if (probe !== 'together' && probe !== 'each') {
    complain('--probe', `"${probe}" is unknown`, 'write together or each');
  }
  const originTls = flags.originTls ?? 'auto';
  if (originTls !== 'auto' && originTls !== 'on' && originTls !== 'off') {
    complain('--origin-tls', `"${originTls}" is unknown`, 'write auto, on or off');
  }
  if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined)) {
    complain('--tls-cert', 'a certificate and its key belong together', 'give both --tls-cert and --tls-key');
  }
  const admin = endpoint('--admin', flags.admin ?? DEFAULTS.admin);
  const adminToken = flags.adminToken ?? '';
  if (admin !== undefined && !isLoopback(admin.host) && adminToken === '') {
    complain('--admin', `${admin.host} is not loopback, so the admin port needs a token`, 'add --admin-token TOKEN');
  }
  const listen = endpoint('--listen', flags.listen ?? DEFAULTS.listen);
  const options: ServeOptions = {
    config: flags.config,
    listen,
    listenTls: endpoint('--listen-tls', flags.listenTls),
    admin,
    adminToken,
    dns: endpoint('--dns', flags.dns),
    pop: pop?.code ?? DEFAULTS.pop,
    popGiven: flags.pop !== undefined,
    workers: whole('--workers', flags.workers, 1, [0, WORKERS_MAX]) || 1,
    store,
    geoDb: flags.geoDb,
    trustProxies: flags.trustProxy ?? [],
    classic: flags.classic === true,
    railgunRetryDirect: flags.railgunRetryDirect === true,
    json: flags.json === true,
    accessLog: flags.accessLog,
    state: flags.state,
    seed: flags.seed,
    drillSeed: flags.drillSeed,
    tlsCert: flags.tlsCert,
    tlsKey: flags.tlsKey,
    originCa: flags.originCa,
    originTls: originTls === 'on' || originTls === 'off' ? originTls : 'auto',
    minInterval: whole('--min-interval', flags.minInterval, 10, [1, 3600]),
    probe: probe === 'each' ? 'each' : 'together',
    drainMs: whole('--drain', flags.drain, 30, [0, 3600]) * 1_000,
  };
  if (listen === undefined && options.listenTls === undefined && problems.length === 0) {
    complain('--listen', 'there is nothing to listen at', 'give --listen or --listen-tls an address');
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, options };
}

/** `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, `:8080` (every address) or `8080` (loopback). */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[^:[\]]*):)?(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[2]);
  if (port > 65_535) return undefined;
  const host = match[1];
  if (host === undefined) return { host: '127.0.0.1', port };
  if (host === '') return { host: '::', port };
  if (host.startsWith('[')) return isIP(host.slice(1, -1)) === 6 ? { host: host.slice(1, -1), port } : undefined;
  if (isIP(host) === 0 && !/^[a-zA-Z0-9.-]+$/.test(host)) return undefined;
  return { host: host === 'localhost' ? '127.0.0.1' : host, port };
}

export function printEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.') || host === 'localhost';
}
