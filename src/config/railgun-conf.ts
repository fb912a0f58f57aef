/**
 * `railgun.conf`, every key of the manual (spec/railgun.md 2.4): text in, settings or all problems out. Files of the original are
 * read as they stand. Unknown keys warn; a value of the wrong kind is an error.
 *
 * Where the sources contradict one another (spec 13): `memcached.limit` is 1,000,000, because 100,000 would leave bodies that are
 * compressed and never stored; `validate.cert` is 1, as the manual says, and a packaged file that says 0 is obeyed;
 * `memcached.connect` and `activation.public_ip` are older spellings of `memcached.servers` and `activation.railgun_host`.
 */
import type { Checked, Problem } from '../core/problem.ts';
import { type ConfEntry, MAX_CONF_BYTES, confEntries } from './conf-lines.ts';
import { didYouMean } from '../core/suggest.ts';

/** `classic`: what the original did. `rgx`: what this project found better (DESIGN 6); a key that is written always wins. */
export type RailgunProfile = 'rgx' | 'classic';

export interface RailgunConf {
  readonly wanIp: string;
  readonly wanPort: number;
  readonly wanTls: boolean;
  readonly activateServer: string;
  readonly wanLanes: number;
  readonly lanTimeoutSeconds: number;
  /** `host:port` each, or one path of a Unix socket. */
  readonly memcachedServers: readonly string[];
  readonly memcachedTimeoutMs: number;
  readonly memcachedExpirationSeconds: number;
  readonly memcachedLimitBytes: number;
  readonly streamSizeBytes: number;
  readonly compressData: boolean;
  readonly mapFile: string;
  readonly validateCert: boolean;
  readonly caBundle: string;
  readonly insecureOrigin: boolean;
  readonly originIdleConns: number;
  readonly originCfRailgun: boolean;
  readonly certFile: string;
  readonly keyFile: string;
  readonly logLevel: 0 | 1 | 5;
  readonly syslogAddr: string;
  readonly stderrFile: string;
  readonly pidFile: string;
  readonly statsEnabled: boolean;
  readonly statsLog: boolean;
  readonly statsUrl: string;
  readonly statsIntervalMinutes: number;
  readonly statsListen: string;
  readonly activationToken: string;
  readonly activationRailgunHost: string;
  readonly activationHeartbeatSeconds: number;
  readonly memprofileFile: string;
  readonly cpuprofileFile: string;
  readonly cpuprofileInitial: boolean;
  readonly memstatsFile: string;
  readonly cpuOversubscribe: number;
}

type Kind =
  | { readonly kind: 'text' }
  | { readonly kind: 'flag' }
  | { readonly kind: 'whole'; readonly from: number; readonly to: number }
  | { readonly kind: 'servers' }
  | { readonly kind: 'level' }
  | { readonly kind: 'token' };

interface Key {
  readonly field: keyof RailgunConf;
  readonly is: Kind;
  /** SIGHUP applies it at once (spec 2.2). */
  readonly live?: true;
}

const text: Kind = { kind: 'text' };
const flag: Kind = { kind: 'flag' };
const whole = (from: number, to: number): Kind => ({ kind: 'whole', from, to });
/** A day: longer waits and intervals are mistakes of unit. */
const DAY = 86_400;

/** Both ends buffer this much for each stream; the manual says that more is of no use. */
const MAX_STREAM_SIZE = 1_048_576;

export const RAILGUN_KEYS: { readonly [key: string]: Key } = {
  'wan.ip': { field: 'wanIp', is: text },
  'wan.port': { field: 'wanPort', is: whole(1, 65_535) },
  'wan.tls': { field: 'wanTls', is: flag },
  'activate.server': { field: 'activateServer', is: text },
  'wan.lanes': { field: 'wanLanes', is: whole(1, 100_000) },
  'lan.timeout': { field: 'lanTimeoutSeconds', is: whole(1, DAY), live: true },
  'memcached.servers': { field: 'memcachedServers', is: { kind: 'servers' }, live: true },
  'memcached.timeout': { field: 'memcachedTimeoutMs', is: whole(1, 60_000), live: true },
  'memcached.expiration': { field: 'memcachedExpirationSeconds', is: whole(0, 30 * DAY), live: true },
  'memcached.limit': { field: 'memcachedLimitBytes', is: whole(0, 1_073_741_824), live: true },
  'stream.size': { field: 'streamSizeBytes', is: whole(0, 1_073_741_824) },
  'compress.data': { field: 'compressData', is: flag, live: true },
  'map.file': { field: 'mapFile', is: text, live: true },
  'validate.cert': { field: 'validateCert', is: flag, live: true },
  'ca.bundle': { field: 'caBundle', is: text },
  'insecure.origin': { field: 'insecureOrigin', is: flag },
  'origin.idleconns': { field: 'originIdleConns', is: whole(0, 100_000) },
  'origin.cf-railgun': { field: 'originCfRailgun', is: flag },
  'cert.file': { field: 'certFile', is: text },
  'key.file': { field: 'keyFile', is: text },
  'log.level': { field: 'logLevel', is: { kind: 'level' }, live: true },
  'syslog.addr': { field: 'syslogAddr', is: text, live: true },
  'stderr.file': { field: 'stderrFile', is: text },
  'pid.file': { field: 'pidFile', is: text },
  'stats.enabled': { field: 'statsEnabled', is: flag },
  'stats.log': { field: 'statsLog', is: flag },
  'stats.url': { field: 'statsUrl', is: text, live: true },
  'stats.interval': { field: 'statsIntervalMinutes', is: whole(1, 1_440) },
  'stats.listen': { field: 'statsListen', is: text },
  'activation.token': { field: 'activationToken', is: { kind: 'token' } },
  'activation.railgun_host': { field: 'activationRailgunHost', is: text },
  'activation.heartbeat_interval': { field: 'activationHeartbeatSeconds', is: whole(0, DAY) },
  'memprofile.file': { field: 'memprofileFile', is: text },
  'cpuprofile.file': { field: 'cpuprofileFile', is: text },
  // The manual's spelling.
  'cpuprofile.intial': { field: 'cpuprofileInitial', is: flag },
  'memstats.file': { field: 'memstatsFile', is: text },
  'cpu.oversubscribe': { field: 'cpuOversubscribe', is: whole(1, 64) },
};

/** Older or corrected spellings. */
const ALIASES: { readonly [key: string]: string } = {
  'memcached.connect': 'memcached.servers',
  'activation.public_ip': 'activation.railgun_host',
  'cpuprofile.initial': 'cpuprofile.intial',
};

export function defaultRailgunConf(profile: RailgunProfile): RailgunConf {
  return {
    wanIp: '',
    wanPort: 2408,
    wanTls: true,
    activateServer: '',
    wanLanes: 1_000,
    lanTimeoutSeconds: 30,
    memcachedServers: [],
    memcachedTimeoutMs: 100,
    memcachedExpirationSeconds: 600,
    memcachedLimitBytes: 1_000_000,
    streamSizeBytes: profile === 'classic' ? 250_000 : MAX_STREAM_SIZE,
    compressData: profile === 'rgx',
    mapFile: '',
    validateCert: true,
    caBundle: '',
    insecureOrigin: false,
    originIdleConns: 1,
    originCfRailgun: false,
    certFile: '',
    keyFile: '',
    logLevel: 0,
    syslogAddr: '',
    stderrFile: '',
    pidFile: '',
    statsEnabled: false,
    statsLog: false,
    statsUrl: '',
    statsIntervalMinutes: 1,
    statsListen: '',
    activationToken: '',
    activationRailgunHost: '',
    activationHeartbeatSeconds: 0,
    memprofileFile: '',
    cpuprofileFile: '',
    cpuprofileInitial: false,
    memstatsFile: '',
    cpuOversubscribe: 1,
  };
}

type Written = { -readonly [F in keyof RailgunConf]?: RailgunConf[F] };

export function parseRailgunConf(file: string, source: string, profile: RailgunProfile): Checked<RailgunConf> {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  if (source.length > MAX_CONF_BYTES) {
    const message = `the file is larger than ${MAX_CONF_BYTES} bytes`;
    return {
      ok: false,
      problems: [{ severity: 'error', file, line: 0, column: 0, path: '', message, hint: 'is it railgun.conf?' }],
    };
  }
  const written: Written = {};
  const seen = new Map<string, { readonly line: number; readonly alias: boolean }>();
  const say = (severity: Problem['severity'], at: ConfEntry, column: number, message: string, hint: string): void => {
    (severity === 'error' ? problems : warnings).push({
      severity,
      file,
      line: at.line,
      column,
      path: at.key,
      message,
      hint,
    });
  };
  for (const entry of confEntries(source)) {
    if (entry.kind === 'broken') {
      say('error', entry, entry.column, `not a setting: "${entry.text.slice(0, 60)}"`, 'settings read `key = value`');
      continue;
    }
    const alias = Object.hasOwn(ALIASES, entry.key);
    const name = alias ? (ALIASES[entry.key] ?? entry.key) : entry.key;
    const key = Object.hasOwn(RAILGUN_KEYS, name) ? RAILGUN_KEYS[name] : undefined;
    if (key === undefined) {
      const hint = didYouMean(name, Object.keys(RAILGUN_KEYS)) || 'it is ignored';
      say('warning', entry, entry.column, `unknown key "${entry.key}"`, hint);
      continue;
    }
    const earlier = seen.get(name);
    // The present spelling beats the older one wherever they stand.
    if (earlier !== undefined && alias && !earlier.alias) {
      say('warning', entry, entry.column, `"${name}" on line ${earlier.line} is used instead`, `remove "${entry.key}"`);
      continue;
    }
    if (earlier !== undefined) {
      say(
        'warning',
        entry,
        entry.column,
        `"${name}" was set on line ${earlier.line} already; this later line is used`,
        'remove one of the two',
      );
    }
    seen.set(name, { line: entry.line, alias });
    const wrong = read(written, key, entry.value);
    if (wrong !== undefined) say('error', entry, entry.valueColumn, wrong.message, wrong.hint);
  }
  const conf: RailgunConf = { ...defaultRailgunConf(profile), ...written };
  problems.push(...missing(file, conf, problems));
  if (problems.length > 0) return { ok: false, problems: [...problems, ...warnings] };
  const lineOf = (name: string): number => seen.get(name)?.line ?? 0;
  return { ok: true, value: clamped(conf), warnings: [...warnings, ...doubts(file, conf, lineOf)] };
}

/** Puts the value where it belongs, or says what is wrong with it. */
function read(into: Written, key: Key, value: string): { readonly message: string; readonly hint: string } | undefined {
  const put = (found: unknown): undefined => {
    Object.assign(into, { [key.field]: found });
    return undefined;
  };
  const { is } = key;
  switch (is.kind) {
    case 'text':
      return put(value);
    case 'flag':
      return value === '0' || value === '1'
        ? put(value === '1')
        : { message: `"${value}" is neither 0 nor 1`, hint: '1 = on, 0 = off' };
    case 'whole': {
      const number = /^\d{1,12}$/.test(value) ? Number(value) : Number.NaN;
      if (number >= is.from && number <= is.to) return put(number);
      return {
        message: `"${value}" is no whole number from ${is.from} to ${is.to}`,
        hint: 'digits alone, without a unit',
      };
    }
    case 'level':
      if (value === '0' || value === '1' || value === '5') return put(Number(value));
      return { message: `"${value}" is no log level`, hint: '0 errors, 1 information, 5 debug' };
    case 'token':
      if (value === '' || /^[0-9A-Za-z]{32}$/.test(value)) return put(value);
      return {
        message: `a token has 32 letters and digits, this has ${value.length} characters`,
        hint: 'copy it from the Railgun page',
      };
    default: {
      const servers = value.split(/[\s,]+/).filter((server) => server !== '');
      const bad = servers.find(
        (server) => !server.startsWith('/') && !/^(?:\[[0-9a-f:.]+\]|[^:\s]+):\d{1,5}$/i.test(server),
      );
      if (bad !== undefined)
        return { message: `"${bad}" is no host:port`, hint: 'host:port separated by spaces, or one socket path' };
      const sockets = servers.filter((server) => server.startsWith('/'));
      if (sockets.length > 0 && servers.length > 1)
        return { message: 'a socket path stands alone', hint: 'one path, or several host:port' };
      return put(servers);
    }
  }
}

/** RG-078: what a listener cannot start without. Said once: not when the line is there and wrong. */
function missing(file: string, conf: RailgunConf, found: readonly Problem[]): readonly Problem[] {
  const out: Problem[] = [];
  const need = (path: string, holds: boolean, hint: string): void => {
    if (holds || found.some((problem) => problem.path === path || ALIASES[problem.path] === path)) return;
    out.push({ severity: 'error', file, line: 0, column: 0, path, message: `"${path}" is missing`, hint });
  };
  need('memcached.servers', conf.memcachedServers.length > 0, 'for example `memcached.servers = 127.0.0.1:11211`');
  need('activation.token', conf.activationToken !== '', 'the 32 characters of the Railgun page');
  return out;
}

/** Settings that work and are probably not meant. */
function doubts(file: string, conf: RailgunConf, lineOf: (key: string) => number): readonly Problem[] {
  const out: Problem[] = [];
  const doubt = (path: string, holds: boolean, message: string, hint: string): void => {
    if (holds) out.push({ severity: 'warning', file, line: lineOf(path), column: 1, path, message, hint });
  };
  doubt(
    'stream.size',
    conf.streamSizeBytes > MAX_STREAM_SIZE,
    `bodies above ${MAX_STREAM_SIZE} bytes are streamed in any case`,
    `${MAX_STREAM_SIZE} is used`,
  );
  doubt(
    'memcached.limit',
    conf.memcachedLimitBytes < Math.min(conf.streamSizeBytes, MAX_STREAM_SIZE),
    `pages between memcached.limit (${conf.memcachedLimitBytes}) and stream.size (${conf.streamSizeBytes}) are never stored and always cross in full`,
    'raise memcached.limit or lower stream.size',
  );
  doubt('wan.tls', !conf.wanTls, 'lanes without TLS are for tests only', 'wan.tls = 1');
  doubt(
    'cert.file',
    (conf.certFile === '') !== (conf.keyFile === ''),
    'cert.file and key.file belong together',
    'set both or neither',
  );
  return out;
}

function clamped(conf: RailgunConf): RailgunConf {
  return conf.streamSizeBytes > MAX_STREAM_SIZE ? { ...conf, streamSizeBytes: MAX_STREAM_SIZE } : conf;
}

export interface Reload {
  /** The settings to go on with. */
  readonly conf: RailgunConf;
  /** Keys that changed and hold from now on. */
  readonly applied: readonly string[];
  /** Keys that changed in the file and need a restart: to be reported. */
  readonly ignored: readonly string[];
}

/** SIGHUP (RG-079): live keys are taken from the new file, all others stay. */
export function planReload(current: RailgunConf, next: RailgunConf): Reload {
  const live: Partial<Record<keyof RailgunConf, unknown>> = {};
  const applied: string[] = [];
  const ignored: string[] = [];
  for (const [name, key] of Object.entries(RAILGUN_KEYS)) {
    const [before, after] = [current[key.field], next[key.field]];
    if (JSON.stringify(before) === JSON.stringify(after)) continue;
    if (key.live === true) {
      live[key.field] = after;
      applied.push(name);
    } else {
      ignored.push(name);
    }
  }
  return { conf: { ...current, ...(live as Partial<RailgunConf>) }, applied, ignored };
}
