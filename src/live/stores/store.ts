/**
 * What the stores of this folder are, seen from outside: a `ByteStore` (core/ports.ts) that also says whether it is there, what it
 * counted, and the difference between "not held" and "could not be asked". Nothing here throws or rejects, whatever the store does.
 *
 *     Store ── GuardedStore (guard.ts) ── StoreBackend: memory.ts, mock.ts, redis.ts, memcached-node.ts
 *       └───── SpreadStore (spread.ts): one GuardedStore for each memcached node
 *
 * `open-store.ts` makes one from a URL.
 */
import type { ByteStore } from '../../core/ports.ts';

export type Lookup =
  | { readonly kind: 'hit'; readonly value: Uint8Array }
  | { readonly kind: 'miss' }
  /** Nobody could be asked, or nobody answered in time. */
  | { readonly kind: 'down' };

export interface Store extends ByteStore {
  /** `get` that tells a miss from a store that is not there. Settles within the budget, never rejects. */
  lookup(key: string): Promise<Lookup>;
  /** `expirationSeconds` 0 = never; left out, the store's own default. Resolves to whether the store says it took the value. */
  set(key: string, value: Uint8Array, expirationSeconds?: number): Promise<boolean>;
  /** False while every node rests after failures: a question would be answered `down` at once. */
  readonly available: boolean;
  /** Waits until the store answers, at most so long; for tests and for the first lines of a log. */
  ready(timeoutMs: number): Promise<boolean>;
  /** Names of nodes and what was counted for each, for metrics. Never holds credentials. */
  report(): readonly NodeReport[];
}

export interface NodeReport extends Readonly<Counters> {
  /** `127.0.0.1:11211`, `memory`, a socket's path. */
  readonly node: string;
  readonly available: boolean;
  readonly underWay: number;
  readonly waiting: number;
}

export interface Counters {
  hits: number;
  misses: number;
  /** Values that the store said it took. */
  stored: number;
  /** Values that the store would not take: full, or too large for it. */
  refused: number;
  /** Values above `limitBytes`; the store was not asked to take them, or what it gave was thrown away. */
  tooLarge: number;
  deletes: number;
  /** Operations that reached the end of their budget. */
  timeouts: number;
  /** Operations that failed sooner. */
  errors: number;
  /** Operations answered at once because the store rests, or too many were waiting. */
  skipped: number;
  /** Times that the store was left alone after failures. */
  rests: number;
  /** Bytes of values that came with hits, and of values that were stored. */
  bytesRead: number;
  bytesStored: number;
}

export type StoreEvent =
  | { readonly kind: 'store_down'; readonly node: string; readonly why: string }
  | { readonly kind: 'store_up'; readonly node: string };

export interface StoreOptions {
  /** `memcached.timeout`: no operation settles later than this. */
  readonly budgetMs?: number;
  /** `memcached.expiration`, for a `set` that does not say. */
  readonly expirationSeconds?: number;
  /** Largest value. A caller that limits pages by `memcached.limit` adds its own head to that. */
  readonly limitBytes?: number;
  /** For the in-process kinds: bytes of all keys and values. */
  readonly memoryBytes?: number;
  /** A node went down or came back; for the log. */
  readonly onEvent?: (event: StoreEvent) => void;
}

/** `memcached.timeout` of the manual. */
export const BUDGET_MS = 100;
/** `memcached.expiration` of the manual. */
export const EXPIRATION_SECONDS = 600;
/** A page of `memcached.limit` (1,000,000 B) with its head, and still below memcached's item limit of 1 MiB. */
export const LIMIT_BYTES = 1_040_000;
/** Memcached's own default (-m 64). */
export const MEMORY_BYTES = 67_108_864;

/** What `guard.ts` needs from a store. It may reject, stall and lie. */
export interface StoreBackend {
  get(key: string): Promise<Uint8Array | undefined>;
  /** False: the store answers, and will not take this value. */
  set(key: string, value: Uint8Array, expirationSeconds: number): Promise<boolean>;
  delete(key: string): Promise<void>;
  /** Drop connections and reject all that is under way; the next call begins anew. */
  reset(): void;
  close(): Promise<void>;
}
