/**
 * The store in this process: least recently used out, by bytes. It keeps and gives out the very bytes it was given, which nobody changes
 * (core/ports.ts): two copies of every page would be most of the garbage of an edge with a link.
 */
import { LRUCache } from 'lru-cache';
import { MEMORY_BYTES, type StoreBackend } from './store.ts';

/** What an entry costs beside its key and value, about. */
const ENTRY_BYTES = 200;

export function entryBytes(key: string, value: Uint8Array): number {
  return key.length + value.length + ENTRY_BYTES;
}

export interface MemoryOptions {
  readonly maxBytes?: number;
  /** Milliseconds from any fixed point; a test hands in its own. */
  readonly nowMs?: () => number;
}

export function memoryBackend({
  maxBytes = MEMORY_BYTES,
  nowMs = () => performance.now(),
}: MemoryOptions): StoreBackend {
  const cache = new LRUCache<string, Uint8Array>({
    maxSize: maxBytes,
    sizeCalculation: (value, key) => entryBytes(key, value),
    ttlResolution: 0,
    perf: { now: nowMs },
  });
  return {
    get: async (key) => cache.get(key),
    set: async (key, value, expirationSeconds) => {
      // The cache ignores what is larger than itself and would leave the old value: that would be an older truth.
      cache.delete(key);
      cache.set(key, value, { ttl: expirationSeconds * 1_000 });
      return cache.has(key);
    },
    delete: async (key) => {
      cache.delete(key);
    },
    reset: () => {},
    close: async () => cache.clear(),
  };
}
