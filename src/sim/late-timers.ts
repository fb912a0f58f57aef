/**
 * Timers over a run's queue and clock, under an event kind of their own: the run may go on firing them after its end, while requests that
 * are under way depend on them, when its other timers are silent already.
 */
import type { Clock, Scheduler } from '../core/ports.ts';
import type { Micros } from '../core/time.ts';
import type { EventQueue } from './event-queue.ts';

export class LateTimers implements Scheduler {
  readonly #clock: Clock;
  readonly #queue: EventQueue;
  readonly #kind: number;
  readonly #timers = new Map<number, () => void>();
  #nextHandle = 1;

  constructor(clock: Clock, queue: EventQueue, kind: number) {
    this.#clock = clock;
    this.#queue = queue;
    this.#kind = kind;
  }

  now(): Micros {
    return this.#clock.now();
  }

  at(time: Micros, run: () => void): number {
    // Operands of the queue have 27 bits; whoever is that far behind is long gone.
    const handle = this.#nextHandle;
    this.#nextHandle = (handle % 0x7ffffff) + 1;
    this.#timers.set(handle, run);
    this.#queue.push(Math.max(time, this.#clock.now()), this.#kind, handle);
    return handle;
  }

  cancel(handle: number): void {
    this.#timers.delete(handle);
  }

  /** To be called when an event of this kind is taken. */
  fire(handle: number): void {
    const run = this.#timers.get(handle);
    this.#timers.delete(handle);
    run?.();
  }
}
