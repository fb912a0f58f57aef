/**
 * What a world must provide. The live world answers from sockets and the machine's clock, the simulated one from virtual
 * time; the core never knows which. Health, load and names are in `health-view.ts`.
 */
import type { Micros } from './time.ts';

export interface Clock {
  now(): Micros;
}

/** Timers of a world. Ties run in the order they were set. */
export interface Scheduler extends Clock {
  /** Runs `run` at `time`, or as soon as possible when that is past. Returns a handle for `cancel`. */
  at(time: Micros, run: () => void): number;
  cancel(handle: number): void;
}

/**
 * A place for bytes that may be lost at any time: page versions of the Railgun link. Every method settles within the
 * store's own budget; a slow, full, lying or dead store is a miss, never an error of the request. Bytes that were put in, and bytes that
 * came out, are changed by nobody from then on.
 */
export interface ByteStore {
  get(key: string): Promise<Uint8Array | undefined>;
  /** Best effort; resolves to whether the store took it. */
  set(key: string, value: Uint8Array, expirationSeconds: number): Promise<boolean>;
  delete(key: string): Promise<void>;
  close(): Promise<void>;
}
