/**
 * `ioredis-mock`: Redis commands without a Redis, the embedded default of demos and tests. It never forgets what has expired unless
 * asked for it, and has no limit, so an index beside it keeps the bytes bounded.
 */
import RedisMock from 'ioredis-mock';
import { LRUCache } from 'lru-cache';
import { entryBytes } from './memory.ts';
import { MEMORY_BYTES, type StoreBackend } from './store.ts';

/** Instances with the same address share their data; each store is to have its own. */
let instances = 0;

export function mockBackend(maxBytes = MEMORY_BYTES): StoreBackend {
  instances += 1;
  const redis = new RedisMock({ host: `switchyard-${instances}.invalid` });
  redis.on('error', () => {});
  const index = new LRUCache<string, number>({
    maxSize: maxBytes,
    sizeCalculation: (size) => size,
    dispose: (_size, key, reason) => {
      if (reason !== 'set') redis.del(key).catch(() => {});
    },
  });
  return {
    get: async (key) => {
      index.get(key);
      return (await redis.getBuffer(key)) ?? undefined;
    },
    set: async (key, value, expirationSeconds) => {
      const size = entryBytes(key, value);
      if (size > maxBytes) {
        index.delete(key);
        return false;
      }
      index.set(key, size);
      const copy = Buffer.from(value);
      if (expirationSeconds === 0) await redis.set(key, copy);
      else await redis.set(key, copy, 'EX', expirationSeconds);
      return true;
    },
    delete: async (key) => {
      index.delete(key);
      await redis.del(key);
    },
    reset: () => {},
    close: async () => {
      index.clear();
      redis.disconnect();
    },
  };
}
