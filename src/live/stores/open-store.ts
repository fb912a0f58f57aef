/**
 * The one door to the stores: a URL, or the list of `memcached.servers`, in; a `Store` out. Opening does not wait for a server: what is
 * not there yet is a store that is not available yet (`Store.ready` waits).
 */
import { unreachable } from '../../core/assert.ts';
import { GuardedStore } from './guard.ts';
import { memcachedBackend } from './memcached-node.ts';
import { memoryBackend } from './memory.ts';
import { mockBackend } from './mock.ts';
import { redisBackend, redisClusterBackend } from './redis.ts';
import { SpreadStore } from './spread.ts';
import { LIMIT_BYTES, type Store, type StoreOptions } from './store.ts';
import { parseStore, type StoreTarget } from './store-url.ts';

export type OpenedStore =
  | { readonly ok: true; readonly store: Store }
  /** What is wrong with the URL. Never holds its password. */
  | { readonly ok: false; readonly message: string };

export function openStore(spec: string | readonly string[], options: StoreOptions = {}): OpenedStore {
  const parsed = parseStore(spec);
  return parsed.ok ? { ok: true, store: openTarget(parsed.target, options) } : parsed;
}

function openTarget(target: StoreTarget, options: StoreOptions): Store {
  const limitBytes = options.limitBytes ?? LIMIT_BYTES;
  const here = { ...options, thereAtOnce: true };
  const elsewhere = { ...options, thereAtOnce: false };
  switch (target.kind) {
    case 'memory': {
      const maxBytes = target.bytes ?? options.memoryBytes;
      return new GuardedStore('memory', memoryBackend(maxBytes === undefined ? {} : { maxBytes }), here);
    }
    case 'mock':
      return new GuardedStore('mock', mockBackend(target.bytes ?? options.memoryBytes), here);
    case 'redis': {
      const { address, db } = target;
      const place = 'path' in address ? address.path : `${address.host}:${address.port}`;
      return new GuardedStore(`redis ${place}/${db}`, redisBackend(target, limitBytes), elsewhere);
    }
    case 'redis-cluster': {
      const places = target.nodes.map((node) => `${node.host}:${node.port}`).join(',');
      return new GuardedStore(`redis-cluster ${places}`, redisClusterBackend(target, limitBytes), elsewhere);
    }
    case 'memcached':
      return new SpreadStore(
        target.nodes.map(({ name, address, weight }) => ({
          name,
          weight,
          store: new GuardedStore(name, memcachedBackend(address, limitBytes), elsewhere),
        })),
      );
    default:
      return unreachable(target);
  }
}
