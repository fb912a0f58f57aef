/** One timer for a machine whose deadline moves all the time: set anew only when it must fire sooner, and early wakes are put off. */
import type { Scheduler } from '../../core/ports.ts';
import type { Micros } from '../../core/time.ts';

export class Waker {
  readonly #scheduler: Scheduler;
  readonly #wake: () => void;
  #wanted: Micros | undefined;
  #armed = Number.POSITIVE_INFINITY;

  constructor(scheduler: Scheduler, wake: () => void) {
    this.#scheduler = scheduler;
    this.#wake = wake;
  }

  arm(at: Micros | undefined): void {
    this.#wanted = at;
    if (at === undefined || at >= this.#armed) return;
    this.#armed = at;
    this.#scheduler.at(at, () => this.#fire(at));
  }

  stop(): void {
    this.#wanted = undefined;
  }

  #fire(at: Micros): void {
    // An earlier one has been set meanwhile; it went off already.
    if (at !== this.#armed) return;
    this.#armed = Number.POSITIVE_INFINITY;
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    if (wanted > this.#scheduler.now()) return this.arm(wanted);
    this.#wake();
  }
}
