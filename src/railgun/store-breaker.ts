/**
 * When to leave a store of page versions alone. More failures than answers in a row of operations put it to rest; while it rests nobody asks
 * it, so a dead store is paid for a few times and not on each request. Coming back is found by probes that no request waits for, at
 * growing distances, so a store that returns is used again within `MAX_REST_MS` and one probe.
 *
 * Knows neither clock nor store: `live/stores/guard.ts` asks it and keeps the time, and so does `sim/wire/page-store.ts`.
 */

/** One failure more than answers, three times over: a single late answer costs nothing, a dead store three budgets. */
const FAILURES = 3;
/** First distance between probes. Short, because most stores that are not there are just starting. */
const FIRST_REST_MS = 25;
/** Longest distance; with the time to connect again well below the five seconds that a return may take. */
const MAX_REST_MS = 2_000;
/** A store that fell again before it answered this often is not recovered: its rests go on growing. */
const RECOVERED = 50;

export class Breaker {
  #score = 0;
  #answers = 0;
  #restMs = FIRST_REST_MS;
  #resting: boolean;

  constructor(resting: boolean) {
    this.#resting = resting;
  }

  get resting(): boolean {
    return this.#resting;
  }

  /** True: it goes to rest with this failure. */
  failed(): boolean {
    if (this.#resting) return false;
    this.#answers = 0;
    this.#score += 1;
    if (this.#score < FAILURES) return false;
    this.#resting = true;
    return true;
  }

  answered(): void {
    if (this.#resting) return;
    this.#score = Math.max(0, this.#score - 1);
    this.#answers += 1;
    if (this.#answers === RECOVERED) this.#restMs = FIRST_REST_MS;
  }

  /** How long to wait before the next probe; each call doubles the next. */
  restMs(): number {
    const rest = this.#restMs;
    this.#restMs = Math.min(MAX_REST_MS, rest * 2);
    return rest;
  }

  /** A probe was answered. */
  returned(): void {
    this.#resting = false;
    this.#score = 0;
    this.#answers = 0;
  }
}
