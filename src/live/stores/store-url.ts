/**
 * Where a store is, as people write it: on the command line (`--store`), or as `memcached.servers` of `railgun.conf`. Text in, a target
 * or a sentence about what is wrong out; nothing is opened.
 *
 *     memory            memory?bytes=268435456           this process
 *     mock                                               ioredis-mock in this process
 *     redis://[user:password@]host[:6379][/db]           rediss:// with TLS; redis:///path/to/socket
 *     redis-cluster://[user:password@]host:port,host:port
 *     memcached://host[:11211],host:port?weight=2,1      memcached:///path/to/socket
 *     10.0.0.1:11211 10.0.0.2:11211, or /path/to/socket  as in railgun.conf, also as a list
 */
import type { RedisClusterTarget, RedisTarget } from './redis.ts';
import type { StoreAddress } from './socket-guard.ts';

export interface MemcachedNode {
  readonly name: string;
  readonly address: StoreAddress;
  readonly weight: number;
}

export type StoreTarget =
  | { readonly kind: 'memory' | 'mock'; readonly bytes: number | undefined }
  | ({ readonly kind: 'redis' } & RedisTarget)
  | ({ readonly kind: 'redis-cluster' } & RedisClusterTarget)
  | { readonly kind: 'memcached'; readonly nodes: readonly MemcachedNode[] };

export type ParsedStore =
  | { readonly ok: true; readonly target: StoreTarget }
  | { readonly ok: false; readonly message: string };

/** More would be a mistake: each has a connection, and each key is hashed for each. */
const MAX_NODES = 256;
const REDIS_PORT = 6_379;
const MEMCACHED_PORT = 11_211;

const wrong = (message: string): ParsedStore => ({ ok: false, message });

export function parseStore(spec: string | readonly string[]): ParsedStore {
  if (typeof spec !== 'string') return memcached(spec, undefined);
  const text = spec.trim();
  const scheme = /^([a-z][a-z-]*):\/\//.exec(text)?.[1];
  const rest = scheme === undefined ? text : text.slice(scheme.length + 3);
  switch (scheme) {
    case undefined:
      return inProcess(text) ?? memcached(text.split(/\s+/), undefined);
    case 'redis':
    case 'rediss':
      return redis(rest, scheme === 'rediss');
    case 'redis-cluster':
    case 'rediss-cluster':
      return redisCluster(rest, scheme === 'rediss-cluster');
    case 'memcached': {
      const [servers = '', query] = split(rest, '?');
      return memcached(servers.split(','), query);
    }
    default:
      return wrong(
        `unknown kind of store "${scheme}"; there are memory, mock, redis, rediss, redis-cluster, memcached`,
      );
  }
}

function inProcess(text: string): ParsedStore | undefined {
  const [kind, query] = split(text, '?');
  if (kind !== 'memory' && kind !== 'mock') return undefined;
  if (query === undefined) return { ok: true, target: { kind, bytes: undefined } };
  const bytes = /^bytes=([1-9]\d{0,14})$/.exec(query)?.[1];
  if (bytes === undefined) return wrong(`"${query}": the only option is bytes=NUMBER`);
  return { ok: true, target: { kind, bytes: Number(bytes) } };
}

function redis(rest: string, tls: boolean): ParsedStore {
  const login = loginOf(rest);
  if (login === undefined) return wrong('a user or password with broken percent-encoding');
  const { where, ...who } = login;
  if (where.startsWith('/'))
    return { ok: true, target: { kind: 'redis', ...who, tls, address: { path: where }, db: 0 } };
  const [place = '', db = ''] = split(where, '/');
  const address = hostAndPort(place, REDIS_PORT);
  if (address === undefined) return wrong(`"${place}" is not host:port`);
  if (!/^\d{0,5}$/.test(db)) return wrong(`"${db}" is not the number of a database`);
  return { ok: true, target: { kind: 'redis', ...who, tls, address, db: Number(db) } };
}

function redisCluster(rest: string, tls: boolean): ParsedStore {
  const login = loginOf(rest);
  if (login === undefined) return wrong('a user or password with broken percent-encoding');
  const { where, ...who } = login;
  const nodes: { host: string; port: number }[] = [];
  for (const place of where.split(',')) {
    const node = hostAndPort(place, REDIS_PORT);
    if (node === undefined) return wrong(`"${place}" is not host:port`);
    nodes.push(node);
  }
  if (nodes.length > MAX_NODES) return wrong(`more than ${MAX_NODES} nodes`);
  return { ok: true, target: { kind: 'redis-cluster', ...who, tls, nodes } };
}

function memcached(servers: readonly string[], query: string | undefined): ParsedStore {
  const places = servers.map((one) => one.trim()).filter((one) => one !== '');
  if (places.length === 0) return wrong('no memcached server is named');
  if (places.length > MAX_NODES) return wrong(`more than ${MAX_NODES} nodes`);
  if (new Set(places).size < places.length) return wrong('a server is named twice');
  const weights = weightsOf(query, places.length);
  if (weights === undefined) return wrong(`"${query ?? ''}": wanted weight= and a number above 0 for each server`);
  const nodes: MemcachedNode[] = [];
  for (const [i, place] of places.entries()) {
    const address = place.startsWith('/') ? { path: place } : hostAndPort(place, MEMCACHED_PORT);
    if (address === undefined) return wrong(`"${place}" is neither host:port nor the path of a socket`);
    const name = 'path' in address ? address.path : `${address.host}:${address.port}`;
    nodes.push({ name, address, weight: weights[i] ?? 1 });
  }
  return { ok: true, target: { kind: 'memcached', nodes } };
}

function weightsOf(query: string | undefined, count: number): readonly number[] | undefined {
  if (query === undefined) return [];
  const list = /^weight=([\d.,]+)$/.exec(query)?.[1]?.split(',').map(Number);
  if (list?.length !== count) return undefined;
  return list.every((weight) => weight > 0 && weight <= 1e6) ? list : undefined;
}

interface Login {
  readonly username?: string;
  readonly password?: string;
  readonly where: string;
}

function loginOf(rest: string): Login | undefined {
  const at = rest.lastIndexOf('@');
  if (at === -1) return { where: rest };
  const [user = '', password] = split(rest.slice(0, at), ':');
  try {
    return {
      ...(user !== '' && { username: decodeURIComponent(user) }),
      ...(password !== undefined && { password: decodeURIComponent(password) }),
      where: rest.slice(at + 1),
    };
  } catch {
    return undefined;
  }
}

/** `host`, `host:port`, `[::1]:port`. */
function hostAndPort(text: string, defaultPort: number): { host: string; port: number } | undefined {
  const match = /^(?:\[([\da-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? defaultPort);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** At the first `mark`. */
function split(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
