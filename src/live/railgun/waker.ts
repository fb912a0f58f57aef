/**
 * One timer for a machine that says when it wants to be woken (`wakeAt`). A machine changes its mind with every frame, so an armed
 * timer that is early enough is left alone: it fires, looks, and is set again.
 */
import type { Scheduler } from '../../core/ports.ts';
import type { Micros } from '../../core/time.ts';

export class Waker {
  readonly #clock: Scheduler;
  readonly #run: () => void;
  #handle: number | undefined;
  #armedFor = 0;

  constructor(clock: Scheduler, run: () => void) {
    this.#clock = clock;
    this.#run = run;
  }

  /** Wake at `time` at the latest; `undefined` = nothing is pending. */
  arm(time: Micros | undefined): void {
    if (time === undefined || (this.#handle !== undefined && this.#armedFor <= time)) return;
    this.stop();
    this.#armedFor = time;
    this.#handle = this.#clock.at(time, () => {
      this.#handle = undefined;
      this.#run();
    });
  }

  stop(): void {
    if (this.#handle !== undefined) this.#clock.cancel(this.#handle);
    this.#handle = undefined;
  }
}
