/**
 * Connections to origins, kept alive and shared. Last in, first out: the warmest connection is used again, and the
 * others grow old and are closed. This is the `http1` transport of the engine.
 */
import { assert } from '../../core/assert.ts';
import type { TimerWheel } from '../timer-wheel.ts';
import type { Attempt, Http1Attempt } from './brain.ts';
import type { ProxyLimits } from './limits.ts';
import { HEADROOM_BYTES, READ_BYTES } from './limits.ts';
import type { OpenConnections, OpenCount } from './open-connections.ts';
import { OriginConnection } from './origin-connection.ts';
import type { Resolver } from './resolver.ts';
import type { LegResult, LegSink, OriginTransport } from './transport.ts';

/** What all connections of one key share. */
export interface OriginSlot {
  readonly key: string;
  readonly idle: OriginConnection[];
  readonly all: Set<OriginConnection>;
  /** Shared with the other slots of the same server: see `open-connections.ts`. */
  readonly count: OpenCount;
  /** TLS session to resume. */
  session: Buffer | undefined;
}

/** Bytes of the buffer in which small requests with a body are put together: one read and a head. */
const SCRATCH_BYTES = READ_BYTES + 40 * 1024;

/** Read buffers kept for connections to come, so that a burst of aborted requests does not leave their garbage. */
const SPARE_BUFFERS_MAX = 128;

export class OriginPool implements OriginTransport {
  readonly limits: ProxyLimits;
  readonly wheel: TimerWheel;
  readonly resolver: Resolver;
  readonly #slots = new Map<string, OriginSlot>();
  readonly #open: OpenConnections;
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  readonly #spare: Buffer[] = [];
  #closing = false;

  constructor(limits: ProxyLimits, wheel: TimerWheel, resolver: Resolver, open: OpenConnections) {
    this.#open = open;
    this.limits = limits;
    this.wheel = wheel;
    this.resolver = resolver;
  }

  open(attempt: Attempt, sink: LegSink, fresh: boolean): LegResult {
    assert(isHttp1(attempt), 'an http1 attempt');
    let slot = this.#slots.get(attempt.key);
    if (slot === undefined) {
      const count = this.#open.to(attempt.address, attempt.port);
      slot = { key: attempt.key, idle: [], all: new Set(), count, session: undefined };
      this.#slots.set(attempt.key, slot);
    }
    const warm = fresh ? undefined : slot.idle.pop();
    if (warm !== undefined) {
      warm.assign(sink);
      return warm;
    }
    if (slot.all.size - slot.idle.length >= this.limits.originConnections) {
      return { kind: 'fault', fault: 'overloaded', detail: 'origin_connections' };
    }
    const leg = new OriginConnection(this, slot, attempt, sink);
    slot.all.add(leg);
    slot.count.open += 1;
    return leg;
  }

  /** A connection is free again. False: it is not wanted any more. */
  release(leg: OriginConnection): boolean {
    if (this.#closing) return false;
    const idle = leg.slot.idle;
    idle.push(leg);
    if (idle.length > this.limits.originIdleMax) idle[0]?.abort();
    return true;
  }

  closed(leg: OriginConnection): void {
    const slot = leg.slot;
    if (slot.all.delete(leg)) slot.count.open -= 1;
    const at = slot.idle.lastIndexOf(leg);
    if (at !== -1) slot.idle.splice(at, 1);
    if (slot.all.size === 0 && this.#slots.get(slot.key) === slot) this.#slots.delete(slot.key);
  }

  close(hard: boolean): void {
    this.#closing = true;
    for (const slot of this.#slots.values()) for (const leg of [...(hard ? slot.all : slot.idle)]) leg.abort();
  }

  /** Connections open and idle, for metrics and tests. */
  counts(): { readonly open: number; readonly idle: number } {
    let open = 0;
    let idle = 0;
    for (const slot of this.#slots.values()) {
      open += slot.all.size;
      idle += slot.idle.length;
    }
    return { open, idle };
  }

  /** A buffer of at least `length` bytes to be written at once; after a write that blocks, `giveScratchAway`. */
  scratch(length: number): Buffer {
    return length <= this.#scratch.length ? this.#scratch : Buffer.allocUnsafeSlow(length);
  }

  /** A read buffer with its headroom; `giveBuffer` when nobody holds a piece of it any more. */
  takeBuffer(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(HEADROOM_BYTES + READ_BYTES);
  }

  giveBuffer(buffer: Buffer): void {
    if (this.#spare.length < SPARE_BUFFERS_MAX) this.#spare.push(buffer);
  }

  giveScratchAway(): void {
    this.#scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  }
}

function isHttp1(attempt: Attempt): attempt is Http1Attempt {
  return attempt.kind === 'http1';
}
