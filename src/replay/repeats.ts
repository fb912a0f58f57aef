/**
 * How often a number came before since the last `forget`, for streams in which that is asked of every line: an open table of int32 that is
 * forgotten by counting on, and grows with the most numbers that were ever held at once, up to a limit.
 *
 *     row: number, round in which it was written, how often; another round = free
 */

const COLUMNS = 3;
const ROUND = 1;
const TIMES = 2;
/** Rows at first, and at most (1.5 MB); half of them are ever taken. */
const FIRST_ROWS = 256;
const MOST_ROWS = 131_072;

export class Repeats {
  #table = new Int32Array(FIRST_ROWS * COLUMNS);
  #rows = FIRST_ROWS;
  #taken = 0;
  #round = 1;

  forget(): void {
    this.#round = (this.#round + 1) | 0;
    this.#taken = 0;
  }

  /** 0 at first, then 1, 2, … `key`: int32, its low bits as good as chance. With 65,536 different ones held, further ones count as new each time. */
  before(key: number): number {
    const table = this.#table;
    const round = this.#round;
    const mask = this.#rows - 1;
    for (let at = key & mask; ; at = (at + 1) & mask) {
      const row = at * COLUMNS;
      if (table[row + ROUND] !== round) {
        if (this.#taken < this.#rows >> 1) {
          this.#taken += 1;
          table[row] = key;
          table[row + ROUND] = round;
          table[row + TIMES] = 1;
          return 0;
        }
        if (this.#rows === MOST_ROWS) return 0;
        this.#grow();
        return this.before(key);
      }
      if (table[row] === key) {
        const times = table[row + TIMES]!;
        table[row + TIMES] = times + 1;
        return times;
      }
    }
  }

  #grow(): void {
    const held = this.#table;
    this.#rows *= 2;
    this.#table = new Int32Array(this.#rows * COLUMNS);
    const mask = this.#rows - 1;
    for (let from = 0; from < held.length; from += COLUMNS) {
      if (held[from + ROUND] !== this.#round) continue;
      let at = held[from]! & mask;
      while (this.#table[at * COLUMNS + ROUND] === this.#round) at = (at + 1) & mask;
      this.#table.set(held.subarray(from, from + COLUMNS), at * COLUMNS);
    }
  }
}
