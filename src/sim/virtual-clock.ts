/**
 * The simulated world's clock and timers: time stands still until the next event, then jumps to it. Implements the same
 * `Scheduler` port as `live/clock.ts`, so a machine cannot tell which world drives it.
 */
import type { Scheduler } from '../core/ports.ts';
import { type Micros, micros } from '../core/time.ts';
import { EventQueue } from './event-queue.ts';

export class VirtualClock implements Scheduler {
  #now: Micros;
  #nextHandle = 1;
  readonly #queue: EventQueue;
  readonly #kind: number;
  readonly #timers = new Map<number, () => void>();

  /** Timers go into `queue` as events of `kind`, so that they keep their order among the owner's other events. */
  constructor(start: Micros, queue: EventQueue = new EventQueue(), kind = 0) {
    this.#now = start;
    this.#queue = queue;
    this.#kind = kind;
  }

  now(): Micros {
    return this.#now;
  }

  at(time: Micros, run: () => void): number {
    const handle = this.#nextHandle++;
    this.#timers.set(handle, run);
    this.#queue.push(Math.max(time, this.#now), this.#kind, handle);
    return handle;
  }

  cancel(handle: number): void {
    this.#timers.delete(handle);
  }

  /** Moves time on without running anything: the owner of the queue has taken an event of its own. */
  advance(to: Micros): void {
    this.#now = to;
  }

  /** Runs the timer that the owner of the queue found under `kind`. */
  fire(handle: number): void {
    const run = this.#timers.get(handle);
    this.#timers.delete(handle);
    run?.();
  }

  /** Jumps to the next due timer and runs it; false when none is left. For clocks that own their queue. */
  step(): boolean {
    while (this.#queue.size > 0) if (this.#takeNext()) return true;
    return false;
  }

  /** All that is due by then; the clock stands at `time` afterwards. */
  runUntil(time: Micros): void {
    while (this.#queue.nextAt <= time) this.#takeNext();
    if (this.#now < time) this.#now = time;
  }

  /** False: it had been cancelled. */
  #takeNext(): boolean {
    const handle = this.#queue.operand;
    const at = this.#queue.nextAt;
    this.#queue.drop();
    if (!this.#timers.has(handle)) return false;
    this.advance(micros(at));
    this.fire(handle);
    return true;
  }
}
