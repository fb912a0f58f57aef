/**
 * One direction of one connection, without sockets or clock. Bytes wait in a queue for the window and the line, then lie in the line
 * until they are due; acknowledgements come back a reverse delay after delivery and open the window again.
 *
 *     push ─► queue ── window, line (line.ts) ──► flying ── due ──► deliver ── reverse delay ──► acks: window grows
 *
 * Times are milliseconds with fractions. What is computed from them is the moment a thing should have happened, not the one at which a
 * timer got round to it, so lateness of timers does not add up.
 */
import { INITIAL_WINDOW_BYTES, MAX_WINDOW_BYTES, type SlowStart, idleMsOf } from './shape.ts';

interface Piece {
  readonly bytes: Buffer;
  /** Not on the line before this. */
  readonly from: number;
  /** Added to the delay of all of it. */
  readonly jitterMs: number;
}

export type Delivery =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' };

interface Flying {
  readonly what: Delivery;
  readonly due: number;
}

export interface FlowRoute {
  readonly delayMs: number;
  readonly reverseMs: number;
  readonly slowStart: SlowStart | undefined;
}

export class Flow {
  #queue: Piece[] = [];
  #queued = 0;
  #endAt: number | undefined;
  #flying: Flying[] = [];
  #flyingBytes = 0;
  #acks: { readonly bytes: number; readonly at: number }[] = [];
  #window: number;
  /** Sent and not acknowledged. */
  #unacked = 0;
  /** When the window last opened. */
  #openedAt = 0;
  #sentAt = 0;
  #lastDue = 0;

  constructor(slowStart: SlowStart | undefined) {
    this.#window = slowStart === undefined ? MAX_WINDOW_BYTES : initial(slowStart);
  }

  /** Bytes that wait for the line. */
  get queuedBytes(): number {
    return this.#queued;
  }

  get heldBytes(): number {
    return this.#queued + this.#flyingBytes;
  }

  get windowBytes(): number {
    return this.#window;
  }

  push(bytes: Buffer, from: number, jitterMs: number): void {
    this.#queue.push({ bytes, from, jitterMs });
    this.#queued += bytes.length;
  }

  /** The sender ends its side: passed on behind its bytes. */
  end(at: number): void {
    this.#endAt ??= at;
  }

  /** The sender is gone: overtakes what waits, not what is on the line. */
  reset(at: number, route: FlowRoute): void {
    this.#queue = [];
    this.#queued = 0;
    this.#endAt = undefined;
    this.#fly({ kind: 'reset' }, at + route.delayMs);
  }

  clear(): void {
    this.#queue = [];
    this.#flying = [];
    this.#acks = [];
    this.#queued = 0;
    this.#flyingBytes = 0;
    this.#endAt = undefined;
  }

  /** The earliest moment at which the first waiting bytes may go on the line; undefined while none wait or the window is shut. */
  readyAt(now: number, route: FlowRoute): number | undefined {
    const [head] = this.#queue;
    if (head === undefined) return undefined;
    if (this.#unacked === 0 && route.slowStart !== undefined && this.#sentAt !== 0) {
      const idleMs = idleMsOf(route.slowStart, route.delayMs + route.reverseMs);
      if (Math.max(now, head.from) - this.#sentAt > idleMs)
        this.#window = Math.min(this.#window, initial(route.slowStart));
    }
    return this.#unacked >= this.#windowOf(route) ? undefined : Math.max(head.from, this.#openedAt);
  }

  /** Put up to `most` bytes on the line: they leave it at `leave(bytes)`. Only after `readyAt` has said when. */
  send(most: number, route: FlowRoute, leave: (bytes: number) => number): void {
    const [head] = this.#queue;
    if (head === undefined) return;
    const size = Math.min(most, head.bytes.length, this.#windowOf(route) - this.#unacked);
    const left = leave(size);
    if (size === head.bytes.length) this.#queue.shift();
    else this.#queue[0] = { ...head, bytes: head.bytes.subarray(size) };
    this.#queued -= size;
    this.#unacked += size;
    this.#sentAt = left;
    this.#flyingBytes += size;
    this.#fly(
      { kind: 'bytes', bytes: head.bytes.subarray(0, size) },
      left + Math.max(0, route.delayMs + head.jitterMs),
    );
  }

  /** The end follows once nothing waits, right behind the last bytes. */
  sendEnd(route: FlowRoute): void {
    if (this.#endAt === undefined || this.#queue.length > 0) return;
    const due = this.#endAt + route.delayMs;
    this.#endAt = undefined;
    this.#fly({ kind: 'end' }, due);
  }

  nextDue(): number | undefined {
    return this.#flying[0]?.due;
  }

  /** The next acknowledgement, when the window waits for it. */
  nextAck(route: FlowRoute): number | undefined {
    return this.#queue.length > 0 && this.#unacked >= this.#windowOf(route) ? this.#acks[0]?.at : undefined;
  }

  /** What is due by `now`, in order. It is taken for delivered at the later of when it was due and `notBefore`. */
  take(now: number, notBefore: number, route: FlowRoute): Delivery[] {
    let count = 0;
    for (const { what, due } of this.#flying) {
      if (due > now) break;
      count += 1;
      if (what.kind !== 'bytes') continue;
      this.#flyingBytes -= what.bytes.length;
      this.#acks.push({ bytes: what.bytes.length, at: Math.max(due, notBefore) + route.reverseMs });
    }
    return this.#flying.splice(0, count).map(({ what }) => what);
  }

  acknowledge(now: number, route: FlowRoute): void {
    let count = 0;
    for (const { bytes, at } of this.#acks) {
      if (at > now) break;
      count += 1;
      if (this.#unacked >= this.#windowOf(route)) this.#openedAt = at;
      this.#unacked -= bytes;
      // A byte more for each byte that arrived: doubles with each round trip.
      this.#window = Math.min(MAX_WINDOW_BYTES, this.#window + bytes);
    }
    if (count > 0) this.#acks.splice(0, count);
  }

  #windowOf(route: FlowRoute): number {
    return route.slowStart === undefined ? MAX_WINDOW_BYTES : this.#window;
  }

  #fly(what: Delivery, due: number): void {
    // In order, also when the delay has just become smaller.
    this.#lastDue = Math.max(this.#lastDue, due);
    this.#flying.push({ what, due: this.#lastDue });
  }
}

function initial(slowStart: SlowStart): number {
  return slowStart.initialBytes ?? INITIAL_WINDOW_BYTES;
}
