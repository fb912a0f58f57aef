/**
 * One direction of one simulated TCP connection. What goes in comes out in order and whole, later:
 *
 *     send ─► queue ── window (slow start) ── line (rate) ──► on its way ── delay, loss ──► deliver
 *                        ▲                                                        │
 *                        └──────────── acknowledged, one way back later ──────────┘
 *
 * The windows are those of the live WAN relay (live/wan-relay): 10 segments at first, a byte more for each byte acknowledged, small
 * again after a pause. Segments exist only as a unit of loss: a lost one delays what it carried, and all behind it, by a retransmission.
 * Bytes that take time are those that are handed in: no TCP, IP or TLS overhead. `sent` counts them with TLS's records around them, as
 * a relay on the way would see them.
 */
import type { Scheduler } from '../../core/ports.ts';
import type { Random } from '../../core/random.ts';
import { type Micros, US_PER_MS, US_PER_SECOND } from '../../core/time.ts';
import type { LinkState } from '../link.ts';

export const SEGMENT_BYTES = 1_460;
export const INITIAL_WINDOW_BYTES = 10 * SEGMENT_BYTES;
/** Linux's default limit of a receiver. Bounds what is on its way. */
export const MAX_WINDOW_BYTES = 6_291_456;
/** Smallest retransmission time-out of Linux, doubled each time. */
const RETRANSMISSION_US = 200 * US_PER_MS;
const MAX_RETRANSMISSION_US = 120 * US_PER_SECOND;
/** A window that was not used for this long, or two round trips, is the initial one again (RFC 5681 4.1). */
export const IDLE_WINDOW_US = RETRANSMISSION_US;
/** RFC 8446 5.2: header, content type and tag around at most this much. */
const RECORD_OVERHEAD = 5 + 1 + 16;
const RECORD_BYTES = 16_384;
/** Most that is put on a line at once, so that connections take turns on it. */
const PIECE_BYTES = INITIAL_WINDOW_BYTES;

/** One direction between a PoP and the far side, shared by all connections of the PoP. */
export class Line {
  #freeAt = 0;

  /** When the last of `bytes` has left, µs. `rate` in bytes per second, 0 = no limit. */
  leave(bytes: number, now: number, rate: number): number {
    const from = Math.max(now, this.#freeAt);
    this.#freeAt = rate > 0 ? from + (bytes / rate) * US_PER_SECOND : from;
    return Math.ceil(this.#freeAt);
  }
}

export interface PipeWay {
  readonly scheduler: Scheduler;
  readonly link: LinkState;
  readonly line: Line;
  readonly random: Random;
  /** One way in this direction, and back. */
  readonly delayUs: () => number;
  readonly backUs: () => number;
}

interface Flying {
  /** `undefined`: the sender has closed its side. */
  readonly bytes: Uint8Array | undefined;
  readonly sentAt: number;
}

export interface PipeEnd {
  received(bytes: Uint8Array): void;
  /** Less than it held is queued: more may be sent. */
  drained(): void;
  ended(): void;
}

export class Pipe {
  readonly #way: PipeWay;
  readonly #end: PipeEnd;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #closing = false;
  #flying: Flying[] = [];
  /** Could not be delivered: nothing passes. */
  #stalled: Flying[] = [];
  #acks: { readonly at: number; readonly bytes: number }[] = [];
  #window = INITIAL_WINDOW_BYTES;
  #unacked = 0;
  #sentAt = 0;
  #lastDue = 0;
  #notBefore = 0;
  #wakesAt = Number.POSITIVE_INFINITY;
  #held = false;
  #dead = false;
  /** Handed in since it was made, in TLS 1.3 records. */
  sent = 0;

  constructor(way: PipeWay, end: PipeEnd) {
    this.#way = way;
    this.#end = end;
  }

  /** Bytes that wait for window or line. */
  get queued(): number {
    return this.#queued;
  }

  send(bytes: Uint8Array): void {
    if (this.#dead || this.#closing) return;
    this.sent += bytes.length + RECORD_OVERHEAD * Math.ceil(bytes.length / RECORD_BYTES);
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.#pump();
  }

  /** The end follows the last byte. */
  close(): void {
    if (this.#dead || this.#closing) return;
    this.#closing = true;
    this.#pump();
  }

  /** The receiver reads nothing (frozen); what comes waits for `release`. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    if (!this.#way.link.cut) this.#again(this.#way.scheduler.now());
  }

  /** The link passes bytes again: what was lost meanwhile comes with the sender's next retransmission. */
  resume(): void {
    const [first] = this.#stalled;
    if (first === undefined || this.#held) return;
    this.#again(retransmittedAt(first.sentAt, this.#way.scheduler.now()) + this.#way.delayUs());
  }

  /** What stalled comes first, and nothing before `at`. */
  #again(at: number): void {
    const waiting = this.#stalled;
    this.#stalled = [];
    this.#flying.unshift(...waiting);
    this.#notBefore = at;
    this.#lastDue = Math.max(this.#lastDue, at);
    for (const _ of waiting) this.#way.scheduler.at(at as Micros, () => this.#arrive());
  }

  /** Nothing is delivered any more, and nobody is told. */
  kill(): void {
    this.#dead = true;
    this.#queue = [];
    this.#flying = [];
    this.#stalled = [];
    this.#queued = 0;
  }

  #pump(): void {
    const { scheduler, line, link } = this.#way;
    const now = scheduler.now();
    this.#acknowledge(now);
    if (this.#unacked === 0 && now - this.#sentAt > Math.max(IDLE_WINDOW_US, 2 * this.#roundTripUs()))
      this.#window = Math.min(this.#window, INITIAL_WINDOW_BYTES);
    while (this.#queued > 0 && this.#unacked < this.#window) {
      const bytes = this.#take(Math.min(PIECE_BYTES, this.#window - this.#unacked));
      const left = line.leave(bytes.length, now, link.rate);
      this.#unacked += bytes.length;
      this.#sentAt = left;
      this.#fly({ bytes, sentAt: left }, left + this.#way.delayUs() + this.#lossUs(bytes.length));
    }
    if (this.#queued > 0) return this.#awaitAck();
    if (!this.#closing) return undefined;
    this.#closing = false;
    this.#fly({ bytes: undefined, sentAt: now }, now + this.#way.delayUs());
    return undefined;
  }

  #take(most: number): Uint8Array {
    const [first] = this.#queue;
    if (first === undefined) return new Uint8Array(0);
    if (first.length > most) {
      this.#queue[0] = first.subarray(most);
      this.#queued -= most;
      return first.subarray(0, most);
    }
    this.#queue.shift();
    this.#queued -= first.length;
    return first;
  }

  #fly(what: Flying, due: number): void {
    // In order, also when the delay has just become smaller.
    this.#lastDue = Math.max(this.#lastDue, due, this.#way.scheduler.now());
    this.#flying.push(what);
    this.#way.scheduler.at(this.#lastDue as Micros, () => this.#arrive());
  }

  #arrive(): void {
    const now = this.#way.scheduler.now();
    if (now < this.#notBefore) {
      this.#way.scheduler.at(this.#notBefore as Micros, () => this.#arrive());
      return;
    }
    const next = this.#flying.shift();
    if (next === undefined || this.#dead) return;
    if (this.#held || this.#way.link.cut || this.#stalled.length > 0) {
      this.#stalled.push(next);
      return;
    }
    if (next.bytes === undefined) return this.#end.ended();
    this.#acks.push({ at: now + this.#way.backUs(), bytes: next.bytes.length });
    if (this.#queued > 0) this.#awaitAck();
    this.#end.received(next.bytes);
  }

  #acknowledge(now: number): void {
    let count = 0;
    for (const { at, bytes } of this.#acks) {
      if (at > now) break;
      count += 1;
      this.#unacked -= bytes;
      this.#window = Math.min(MAX_WINDOW_BYTES, this.#window + bytes);
    }
    if (count > 0) this.#acks.splice(0, count);
  }

  #awaitAck(): void {
    const [first] = this.#acks;
    if (first === undefined || first.at >= this.#wakesAt) return;
    this.#wakesAt = first.at;
    this.#way.scheduler.at(first.at as Micros, () => {
      this.#wakesAt = Number.POSITIVE_INFINITY;
      if (this.#dead) return;
      this.#pump();
      this.#end.drained();
    });
  }

  /** Retransmissions of what a piece lost, one after the other until it came through. */
  #lossUs(bytes: number): number {
    const { link, random } = this.#way;
    if (link.loss <= 0) return 0;
    let longest = 0;
    for (let left = bytes; left > 0; left -= SEGMENT_BYTES) {
      let spent = 0;
      for (let wait = RETRANSMISSION_US; random.next() < link.loss && wait < MAX_RETRANSMISSION_US; wait *= 2)
        spent += wait;
      longest = Math.max(longest, spent);
    }
    return longest;
  }

  #roundTripUs(): number {
    return this.#way.delayUs() + this.#way.backUs();
  }
}

/** First retransmission at or after `now` of something sent in vain. */
export function retransmittedAt(sentAt: number, now: number): number {
  let at = sentAt;
  for (let wait = RETRANSMISSION_US; at < now; wait = Math.min(wait * 2, MAX_RETRANSMISSION_US)) at += wait;
  return at;
}
