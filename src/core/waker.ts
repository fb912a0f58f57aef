/**
 * One timer for a machine that says when it wants to be woken (`wakeAt`). A machine changes its mind with every frame, so an armed timer
 * that is early enough is left alone: it fires, and is set again when its time has not come yet.
 */
import type { Scheduler } from './ports.ts';
import type { Micros } from './time.ts';

export class Waker {
  readonly #clock: Scheduler;
  readonly #wake: () => void;
  #handle: number | undefined;
  #armedFor = 0;
  #wanted: Micros | undefined;

  constructor(clock: Scheduler, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** Wake at `time`, or as soon as possible after it; `undefined` = nothing is pending. */
  arm(time: Micros | undefined): void {
    this.#wanted = time;
    if (time === undefined || (this.#handle !== undefined && this.#armedFor <= time)) return;
    if (this.#handle !== undefined) this.#clock.cancel(this.#handle);
    this.#armedFor = time;
    this.#handle = this.#clock.at(time, () => this.#fire());
  }

  stop(): void {
    if (this.#handle !== undefined) this.#clock.cancel(this.#handle);
    this.#handle = undefined;
    this.#wanted = undefined;
  }

  #fire(): void {
    this.#handle = undefined;
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    if (wanted > this.#clock.now()) this.arm(wanted);
    else this.#wake();
  }
}
