/**
 * When to probe: every target has its own fixed moment within the interval, spread by hashing its names, so that origins are not
 * hit by all data centers at once, a reload leaves moments as they were, and one seed gives one calendar.
 *
 *   interval k           interval k+1
 *   |--a----b------c-----|--a----b------c-----|      targets in the order of their phases; a cursor goes round
 */
import { hashText } from '../core/hash.ts';
import type { Micros } from '../core/time.ts';

/** Where in the interval a target's moment lies, whole µs in [0, intervalUs). */
export function phaseOf(seed: string | number, names: readonly string[], intervalUs: number): number {
  return Math.floor((hashText(`${seed} ${names.join(' ')}`) / 4294967296) * intervalUs);
}

/** All targets of one interval, in the order of their moments. */
export class Calendar {
  /** When the next target is due, µs; Infinity without targets. */
  nextAt = Number.POSITIVE_INFINITY;
  readonly #intervalUs: number;
  readonly #targets: Int32Array;
  readonly #phases: Float64Array;
  /** Start of the interval that the cursor is in: a multiple of the interval. */
  #base: number;
  #cursor = 0;

  /** `targets` and their phases in any order; the first moment is at or after `start`. */
  constructor(
    intervalUs: number,
    targets: readonly { readonly target: number; readonly phase: number }[],
    start: Micros,
  ) {
    const sorted = [...targets].sort((a, b) => a.phase - b.phase || a.target - b.target);
    this.#intervalUs = intervalUs;
    this.#targets = Int32Array.from(sorted, (each) => each.target);
    this.#phases = Float64Array.from(sorted, (each) => each.phase);
    this.#base = Math.floor(start / intervalUs) * intervalUs;
    while (this.#cursor < sorted.length && this.#base + this.#phases[this.#cursor]! < start) this.#cursor += 1;
    this.#settle();
  }

  /** The target due at `nextAt`; moves on to the following one. */
  take(): number {
    const target = this.#targets[this.#cursor]!;
    this.#cursor += 1;
    this.#settle();
    return target;
  }

  /** Rounds that were slept through are not made up for: at most one round is ever late. */
  catchUp(now: Micros): void {
    const late = now - this.nextAt;
    if (late < this.#intervalUs || this.nextAt === Number.POSITIVE_INFINITY) return;
    this.#base += Math.floor(late / this.#intervalUs) * this.#intervalUs;
    this.#settle();
  }

  #settle(): void {
    if (this.#targets.length === 0) return;
    if (this.#cursor === this.#targets.length) {
      this.#cursor = 0;
      this.#base += this.#intervalUs;
    }
    this.nextAt = this.#base + this.#phases[this.#cursor]!;
  }
}
