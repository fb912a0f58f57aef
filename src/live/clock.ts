/**
 * Real time: the `Scheduler` of the live world. Microseconds come from the monotonic clock, set against the wall clock at the start
 * and again when the two have drifted by more than a second (a step of NTP, a machine that slept). Never runs backwards by more than
 * such a step.
 */
import type { Scheduler } from '../core/ports.ts';
import { type Micros, micros } from '../core/time.ts';

/** Longest delay that Node's timers take. */
const LONGEST_MS = 2_147_483_647;
const DRIFT_MS = 1_000;
const CHECK_MS = 60_000;

export class RealClock implements Scheduler {
  #baseMs: number;
  #checkAt = 0;
  #handles = 0;
  readonly #timers = new Map<number, NodeJS.Timeout>();

  constructor() {
    this.#baseMs = Date.now() - performance.now();
  }

  now(): Micros {
    const ms = performance.now();
    if (ms >= this.#checkAt) {
      this.#checkAt = ms + CHECK_MS;
      const base = Date.now() - ms;
      if (Math.abs(base - this.#baseMs) > DRIFT_MS) this.#baseMs = base;
    }
    return micros((this.#baseMs + ms) * 1_000);
  }

  at(time: Micros, run: () => void): number {
    this.#handles += 1;
    const handle = this.#handles;
    this.#arm(handle, time, run);
    return handle;
  }

  cancel(handle: number): void {
    clearTimeout(this.#timers.get(handle));
    this.#timers.delete(handle);
  }

  #arm(handle: number, time: Micros, run: () => void): void {
    const ms = Math.max(0, (time - this.now()) / 1_000);
    const timer = setTimeout(
      () => {
        // Node's timers may fire a little early, and long waits come in pieces.
        if (this.now() < time) return this.#arm(handle, time, run);
        this.#timers.delete(handle);
        run();
      },
      Math.min(LONGEST_MS, Math.ceil(ms)),
    );
    this.#timers.set(handle, timer);
  }
}
