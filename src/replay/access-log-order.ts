/**
 * Puts log entries into the order of time, in bounded memory. Servers write a line when a request ends, and several workers
 * write at once, so lines are near their place but not in it.
 *
 *     in ──► [ held: sorted half │ new half ] ──full──► sort, hand out the older half
 *
 * A log that fits the window is sorted as a whole. In a longer one an entry may be up to half a window of lines from its place;
 * one that is further off came too late: it is handed out at once, at the time of the last one before it, and counted. Entries
 * of one time keep the order of their lines.
 */
import type { LogEntry } from './access-log.ts';

/** Entries held, some 20 MB. Half of it is how far a line may stray: 32,768 lines are half a minute at 1,000 requests/s. */
export const MAX_HELD = 65_536;

export class LogOrder {
  /** Entries older than the one before them in the file. */
  outOfOrder = 0;
  /** Those among them that were too far from their place. */
  tooLate = 0;
  readonly #limit: number;
  #held: LogEntry[] = [];
  #sorted = true;
  #lastIn = Number.NEGATIVE_INFINITY;
  #lastOut = Number.NEGATIVE_INFINITY;

  constructor(limit: number = MAX_HELD) {
    this.#limit = Math.max(2, limit);
  }

  add(entry: LogEntry): void {
    if (entry.atUs < this.#lastIn) {
      this.outOfOrder++;
      this.#sorted = false;
    } else {
      this.#lastIn = entry.atUs;
    }
    if (entry.atUs < this.#lastOut) {
      this.tooLate++;
      this.#held.push({ ...entry, atUs: this.#lastOut as LogEntry['atUs'] });
    } else {
      this.#held.push(entry);
    }
  }

  /** The older half when the window is full, else `undefined`. */
  take(): readonly LogEntry[] | undefined {
    return this.#held.length < this.#limit ? undefined : this.#hand(this.#limit >> 1);
  }

  /** All the rest: no more will come. */
  finish(): readonly LogEntry[] {
    return this.#hand(this.#held.length);
  }

  #hand(count: number): readonly LogEntry[] {
    // Array.prototype.sort is stable, and quick where most is in order already.
    if (!this.#sorted) this.#held.sort((a, b) => a.atUs - b.atUs);
    this.#sorted = true;
    const out = this.#held.slice(0, count);
    this.#held = this.#held.slice(count);
    this.#lastOut = out.at(-1)?.atUs ?? this.#lastOut;
    return out;
  }
}
