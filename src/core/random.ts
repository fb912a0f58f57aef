/**
 * Chance, handed in. One seed per run and one named fork per room, so that a new draw in one room leaves the draws of
 * every other room as they were; where requests draw, each has its own (`draws.ts`). `alea` is seedrandom's fast generator:
 * 32-bit state words and exact arithmetic, so the same numbers come out on every machine.
 */
import seedrandom from 'seedrandom';

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Whole number in [0, below). */
  below(limit: number): number;
  /** An independent stream that depends on the seed and the names on the path, not on how far this one has run. */
  fork(name: string): Random;
}

class SeededRandom implements Random {
  readonly #path: string;
  readonly next: () => number;

  constructor(path: string) {
    this.#path = path;
    this.next = seedrandom.alea(path) as () => number;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  fork(name: string): Random {
    return new SeededRandom(`${this.#path}/${name}`);
  }
}

export function seededRandom(seed: number | string): Random {
  return new SeededRandom(String(seed));
}
