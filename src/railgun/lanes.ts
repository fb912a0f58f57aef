/**
 * Which lane a request takes, and when a new one is opened (RG-001 to RG-018). One pool per edge place and Railgun. It never makes a
 * request wait: no lane ready means `direct` with the reason, while at most one lane is being opened in the background. It counts
 * streams; it does not know requests or bytes (sender-link.ts joins it to the machines).
 */
import { assert } from '../core/assert.ts';
import type { Random } from '../core/random.ts';
import { after, type Micros } from '../core/time.ts';
import { DirectReason } from './cf-railgun.ts';
import { ErrorCode, type LaneFault } from './faults.ts';
import { earliest } from './lane-end.ts';
import { BACKOFF_AUTH_US, BACKOFF_CEILING_US, BACKOFF_FIRST_US, LANE_OPEN_TIMEOUT_US, WAN_LANES } from './limits.ts';

export interface LanePoolOptions {
  /** `wan.lanes` */
  readonly maxLanes: number;
  /** TCP, TLS and SETTINGS together. */
  readonly openTimeoutUs: number;
  /** A lane this old is replaced by a new one first, then drained; 0 = never. */
  readonly maxAgeUs: number;
  /** A lane without a stream for this long is closed, unless it is the last; 0 = never. */
  readonly idleUs: number;
}

export const DEFAULT_LANE_POOL: LanePoolOptions = {
  maxLanes: WAN_LANES,
  openTimeoutUs: LANE_OPEN_TIMEOUT_US,
  maxAgeUs: 0,
  idleUs: 300_000_000,
};

export type LanePlace =
  | { readonly kind: 'lane'; readonly lane: number }
  | { readonly kind: 'direct'; readonly reason: DirectReason };

export type LanePoolEvent =
  | { readonly kind: 'open_lane'; readonly lane: number }
  /** It took too long: give the attempt up. */
  | { readonly kind: 'abandon_lane'; readonly lane: number }
  /** Open no more streams there; close it when the last one ends. */
  | { readonly kind: 'retire_lane'; readonly lane: number };

interface Lane {
  readonly number: number;
  /** Streams that may still be opened, as the machine says. */
  free: number;
  busy: number;
  retiring: boolean;
  idleSince: Micros;
  replaceAt: Micros | undefined;
}

export class LanePool {
  readonly #options: LanePoolOptions;
  readonly #random: Random;
  readonly #lanes = new Map<number, Lane>();
  #opening: { readonly lane: number; readonly by: Micros } | undefined;
  #lastLane = 0;
  #failures = 0;
  #notBefore = 0 as Micros;
  #events: LanePoolEvent[] = [];

  constructor(options: LanePoolOptions, random: Random) {
    assert(options.maxLanes >= 1, 'wan.lanes is at least 1');
    this.#options = options;
    this.#random = random;
  }

  /** Lanes in service, draining ones included. */
  get size(): number {
    return this.#lanes.size;
  }

  get opening(): number | undefined {
    return this.#opening?.lane;
  }

  /** Of the lanes in service, those that take no new streams. */
  get retiring(): number {
    return this.#lanes.size - this.#inService();
  }

  /** Opens that failed in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** No open is tried before this moment. */
  get backOffUntil(): Micros {
    return this.#notBefore;
  }

  takeEvents(): readonly LanePoolEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** A lane with a free stream, the least busy first; or direct, and why. */
  place(now: Micros): LanePlace {
    const best = this.#leastBusy();
    if (best !== undefined) return { kind: 'lane', lane: best.number };
    if (this.#opening !== undefined) return { kind: 'direct', reason: DirectReason.waiting };
    if (this.#inService() >= this.#options.maxLanes) return { kind: 'direct', reason: DirectReason.busy };
    // Between two tries nothing is under way, but one is pending all the same.
    return { kind: 'direct', reason: this.#open(now) ? DirectReason.starting : DirectReason.waiting };
  }

  /** TCP, TLS and SETTINGS are done. */
  opened(lane: number, free: number, now: Micros): void {
    if (this.#opening?.lane !== lane) return;
    this.#opening = undefined;
    this.#failures = 0;
    this.#notBefore = now;
    const { maxAgeUs } = this.#options;
    const replaceAt = maxAgeUs > 0 ? after(now, maxAgeUs * (0.9 + this.#random.next() * 0.2)) : undefined;
    this.#lanes.set(lane, { number: lane, free, busy: 0, retiring: false, idleSince: now, replaceAt });
    for (const old of this.#lanes.values()) {
      if (old.replaceAt !== undefined && now >= old.replaceAt && old.number !== lane) this.#retire(old);
    }
  }

  /** The attempt failed, by refusal, time-out, certificate or proof. `code`: of GOAWAY, 0 when there was none. */
  openFailed(lane: number, code: number, now: Micros): void {
    if (this.#opening?.lane !== lane) return;
    this.#opening = undefined;
    this.#failures += 1;
    const doubled = BACKOFF_FIRST_US * 2 ** Math.min(this.#failures - 1, 20);
    const waitUs = Math.min(BACKOFF_CEILING_US, doubled);
    // Full half jitter: edges that lost a listener together do not come back together.
    let delayUs = waitUs * (0.5 + this.#random.next() * 0.5);
    if (code === ErrorCode.auth || code === ErrorCode.version) delayUs += BACKOFF_AUTH_US;
    this.#notBefore = after(now, delayUs);
  }

  /** What the machine says of its streams. */
  update(lane: number, free: number, busy: number, now: Micros): void {
    const entry = this.#lanes.get(lane);
    if (entry === undefined) return;
    if (busy > 0 || entry.busy > 0) entry.idleSince = now;
    entry.free = free;
    entry.busy = busy;
  }

  /** The listener asked for no more streams: a new lane first, then this one may end (D13). */
  draining(lane: number, now: Micros): void {
    const entry = this.#lanes.get(lane);
    if (entry === undefined || entry.retiring) return;
    entry.retiring = true;
    if (this.#leastBusy() === undefined && this.#opening === undefined) this.#open(now);
  }

  closed(lane: number, fault: LaneFault, now: Micros): void {
    if (this.#opening?.lane === lane) return this.openFailed(lane, fault.code, now);
    this.#lanes.delete(lane);
    if (fault.code === ErrorCode.auth || fault.code === ErrorCode.version)
      this.#notBefore = after(now, BACKOFF_AUTH_US);
  }

  wake(now: Micros): void {
    if (this.#opening !== undefined && now >= this.#opening.by) {
      const { lane } = this.#opening;
      this.#events.push({ kind: 'abandon_lane', lane });
      this.openFailed(lane, ErrorCode.noError, now);
    }
    for (const lane of this.#lanes.values()) {
      if (lane.retiring) continue;
      const idle = this.#idleUntil(lane);
      if (lane.replaceAt !== undefined && now >= lane.replaceAt && this.#opening === undefined) this.#open(now);
      else if (idle !== undefined && now >= idle && this.#inService() > 1) this.#retire(lane);
    }
  }

  wakeAt(): Micros | undefined {
    let first = this.#opening?.by;
    const many = this.#inService() > 1;
    for (const lane of this.#lanes.values()) {
      if (lane.retiring) continue;
      if (many) first = earliest(first, this.#idleUntil(lane));
      if (lane.replaceAt !== undefined && this.#opening === undefined) {
        first = earliest(first, lane.replaceAt > this.#notBefore ? lane.replaceAt : this.#notBefore);
      }
    }
    return first;
  }

  #leastBusy(): Lane | undefined {
    let best: Lane | undefined;
    for (const lane of this.#lanes.values()) {
      if (lane.retiring || lane.free <= 0) continue;
      if (best === undefined || lane.busy < best.busy) best = lane;
    }
    return best;
  }

  /** Lanes that count against the limit: a retiring one may have its successor beside it. */
  #inService(): number {
    let count = 0;
    for (const lane of this.#lanes.values()) if (!lane.retiring) count += 1;
    return count;
  }

  #open(now: Micros): boolean {
    if (now < this.#notBefore) return false;
    this.#lastLane += 1;
    this.#opening = { lane: this.#lastLane, by: after(now, this.#options.openTimeoutUs) };
    this.#events.push({ kind: 'open_lane', lane: this.#lastLane });
    return true;
  }

  #retire(lane: Lane): void {
    lane.retiring = true;
    this.#events.push({ kind: 'retire_lane', lane: lane.number });
  }

  #idleUntil(lane: Lane): Micros | undefined {
    return this.#options.idleUs > 0 && lane.busy === 0 ? after(lane.idleSince, this.#options.idleUs) : undefined;
  }
}
