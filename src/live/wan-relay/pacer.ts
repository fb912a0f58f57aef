/**
 * Wakes the relay at moments that are finer than Node's timers, which know whole milliseconds and are often a millisecond late. The
 * last stretch before a moment is waited for by turns of the event loop. That burns the processor, so it is done for what comes after
 * a pause, an answer or the first bytes of one; in a stream, where moments follow one another closely, timers do.
 */

export interface Precision {
  /** Waking this much before the moment is as good. */
  readonly earlyMs: number;
  /** A pause: longer than this since the last wake. */
  readonly pauseMs: number;
}

/** Timers are set this much short, and the rest is waited for in turns of the loop. */
const TIMER_SLACK_MS = 1.2;

export class Pacer {
  readonly #wake: () => void;
  #at = Infinity;
  #lastWake = 0;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  /** Call `wake` at `at` (`performance.now()`); replaces what was set. Infinity: not at all. */
  wakeAt(at: number, precision: Precision): void {
    if (at === this.#at) return;
    this.stop();
    if (at === Infinity) return;
    this.#at = at;
    this.#wait(precision);
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    this.#timer = undefined;
    this.#turn = undefined;
    this.#at = Infinity;
  }

  #wait(precision: Precision): void {
    const left = this.#at - performance.now() - precision.earlyMs;
    if (left <= 0) {
      this.#turn = setImmediate(() => this.#fire());
    } else if (left > TIMER_SLACK_MS) {
      this.#timer = setTimeout(() => this.#wait(precision), Math.floor(left - TIMER_SLACK_MS + 1));
    } else if (this.#at - this.#lastWake > precision.pauseMs) {
      this.#turn = setImmediate(() => this.#wait(precision));
    } else {
      this.#timer = setTimeout(() => this.#fire(), Math.max(1, Math.round(left)));
    }
  }

  #fire(): void {
    this.#at = Infinity;
    this.#lastWake = performance.now();
    this.#wake();
  }
}
