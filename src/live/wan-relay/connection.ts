/**
 * One connection through the relay: two sockets and a `Flow` each way. Reads into the flows, writes what is due, holds senders back when
 * a flow is full, and passes ends and resets on as late as bytes. When to look is `wan-relay.ts`'s business.
 */
import type { Socket } from 'node:net';
import type { Random } from '../../core/random.ts';
import { type Delivery, Flow, type FlowRoute } from './flow.ts';
import { DEFAULT_QUEUE_BYTES, type Direction, type LineShape, type SlowStart } from './shape.ts';

export interface WayOptions {
  readonly direction: Direction;
  readonly from: Socket;
  readonly to: Socket;
  readonly slowStart: SlowStart | undefined;
  readonly random: Random;
  /** Nothing goes on the line before this: the handshake. */
  readonly notBefore: number;
  readonly shape: () => LineShape;
  readonly route: () => FlowRoute;
  /** Something is new to the flow. */
  readonly wake: () => void;
  /** Bytes are to be delivered no further than this; then the connection is reset. */
  readonly resetAt: () => number;
  /** The connection has come to that byte. */
  readonly reset: () => void;
  /** The sender's reset has arrived. */
  readonly passReset: () => void;
  /** Of all connections of the relay. */
  readonly memory: Memory;
}

/** What the whole relay holds; every way adds and takes its own part. */
export interface Memory {
  heldBytes: number;
  readonly mostBytes: number;
}

export class Way {
  readonly flow: Flow;
  readonly direction: Direction;
  readonly #options: WayOptions;
  #blocked: boolean;
  /** When the receiver last took bytes again after it had been full. */
  #freeSince = 0;
  #held = false;
  #counted = 0;
  delivered = 0;

  constructor(options: WayOptions) {
    this.#options = options;
    this.direction = options.direction;
    this.flow = new Flow(options.slowStart);
    this.#blocked = options.to.connecting || options.to.pending;
    const { from, to } = options;
    from.on('data', (bytes: Buffer) => this.#read(bytes));
    from.on('end', () => {
      this.flow.end(Math.max(performance.now(), options.notBefore));
      options.wake();
    });
    to.on('drain', () => this.#unblock());
    to.on('connect', () => this.#unblock());
  }

  /** The sender's socket is gone without an end. */
  senderLost(): void {
    this.flow.reset(performance.now(), this.#options.route());
    this.#options.wake();
  }

  /** When there is something to deliver; Infinity when not, or while the receiver is full. */
  nextDue(): number {
    return this.#blocked ? Infinity : (this.flow.nextDue() ?? Infinity);
  }

  deliver(now: number): void {
    if (this.#blocked) return;
    const due = this.flow.take(now, this.#freeSince, this.#options.route());
    if (due.length > 0) this.#write(due);
  }

  /** What was stopped goes on: what lay there arrives now, and its acknowledgements start now. */
  goOn(): void {
    this.#freeSince = performance.now();
  }

  /** Stop reading from a sender whose bytes wait, and go on when they have left; its own window does the rest. */
  holdBack(): void {
    const { from, shape, memory } = this.#options;
    memory.heldBytes += this.flow.heldBytes - this.#counted;
    this.#counted = this.flow.heldBytes;
    const limit = shape().queueBytes ?? DEFAULT_QUEUE_BYTES;
    const held = this.flow.queuedBytes >= limit || memory.heldBytes >= memory.mostBytes;
    if (held === this.#held) return;
    this.#held = held;
    if (held) from.pause();
    else from.resume();
  }

  forget(): void {
    this.flow.clear();
    this.#options.memory.heldBytes -= this.#counted;
    this.#counted = 0;
  }

  #read(bytes: Buffer): void {
    const { random, shape, notBefore, wake } = this.#options;
    const { jitterMs = 0 } = shape();
    const jitter = jitterMs === 0 ? 0 : (random.next() * 2 - 1) * jitterMs;
    this.flow.push(bytes, Math.max(performance.now(), notBefore), jitter);
    this.holdBack();
    wake();
  }

  #write(due: readonly Delivery[]): void {
    const { to, resetAt, reset, passReset } = this.#options;
    if (to.destroyed) return;
    to.cork();
    for (const what of due) {
      if (what.kind === 'reset') {
        passReset();
        break;
      }
      if (what.kind === 'end') {
        to.end();
        continue;
      }
      const room = resetAt() - this.delivered;
      const last = what.bytes.length >= room;
      const bytes = last ? what.bytes.subarray(0, Math.max(0, room)) : what.bytes;
      this.delivered += bytes.length;
      this.#blocked = !to.write(bytes, last ? reset : undefined);
      if (last) break;
    }
    to.uncork();
  }

  #unblock(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#freeSince = performance.now();
    this.#options.wake();
  }
}
