/**
 * Chance by name: what is drawn is a function of the seed, of whom the draws are about, and of which draw it is, not of how far a stream has
 * run. So a request draws the same in a replay, in a drill of it, and in a replay in which an earlier request is missing (common random
 * numbers): what differs between two runs is then what was changed between them, and not the luck of others.
 *
 *     (seed's two words) and (key, part, number of the draw) ──► Threefry-2x32, 13 rounds ──► two draws of 32 bits
 *
 * Threefry is a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): additions, rotations and
 * exclusive ors of 32-bit words, so exact on every machine. Not for secrets.
 */
import { assert } from './assert.ts';
import type { Random } from './random.ts';

/** What one request draws for, each by itself: more draws for one leave those for the others as they are. */
export const PART = {
  /** The first decision about a request; at an origin, what becomes of it there. */
  first: 0,
  /** Where it goes after an attempt has failed. */
  again: 1,
  /** The decision made anew, as when a name was found not to resolve. */
  anew: 2,
  /** A question to DNS, and which address of the answer is taken. */
  dns: 3,
  /** A request that is only asked about. */
  explained: 4,
  /** A monitor's request at an origin. */
  probe: 5,
} as const;

/** Two draws each. Nothing that is drawn for comes near it; beyond, they would be those of the next part. */
const BLOCKS = 0x10000;
const UNIT = 1 / 4294967296;

/** One object for all that is drawn for: `about` says for whom from here on, and nothing is allocated. So no draw after an `await` without it. */
export class Draws implements Random {
  readonly #source: Random;
  readonly #key0: number;
  readonly #key1: number;
  readonly #words = new Int32Array(2);
  #about = 0;
  /** Part and number of the next block. */
  #block = 0;
  #half = false;

  /** Takes its two words from `source` at once, and nothing later. */
  constructor(source: Random) {
    this.#source = source;
    this.#key0 = source.below(4294967296) | 0;
    this.#key1 = source.below(4294967296) | 0;
  }

  /**
   * The draws of this key begin, at the first.
   *
   * @param key A whole number; 32 bits of it count.
   * @param part One of `PART`.
   */
  about(key: number, part: number): this {
    this.#about = key | 0;
    this.#block = part * BLOCKS;
    this.#half = false;
    return this;
  }

  next(): number {
    const words = this.#words;
    if (this.#half) {
      this.#half = false;
      return (words[1]! >>> 0) * UNIT;
    }
    threefry(this.#key0, this.#key1, this.#about, this.#block, words);
    this.#block += 1;
    assert(this.#block % BLOCKS !== 0, 'one thing draws a hundred thousand times');
    this.#half = true;
    return (words[0]! >>> 0) * UNIT;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** A stream of its own, which knows nothing of keys. */
  fork(name: string): Random {
    return this.#source.fork(name);
  }
}

/** Threefry-2x32 with 13 rounds, the fewest that its authors found no test to tell from chance. All words are int32. */
export function threefry(key0: number, key1: number, counter0: number, counter1: number, out: Int32Array): void {
  const key2 = key0 ^ key1 ^ 0x1bd11bda;
  let a = (counter0 + key0) | 0;
  let b = (counter1 + key1) | 0;
  a = (a + b) | 0;
  b = ((b << 13) | (b >>> 19)) ^ a;
  a = (a + b) | 0;
  b = ((b << 15) | (b >>> 17)) ^ a;
  a = (a + b) | 0;
  b = ((b << 26) | (b >>> 6)) ^ a;
  a = (a + b) | 0;
  b = ((b << 6) | (b >>> 26)) ^ a;
  a = (a + key1) | 0;
  b = (b + key2 + 1) | 0;
  a = (a + b) | 0;
  b = ((b << 17) | (b >>> 15)) ^ a;
  a = (a + b) | 0;
  b = ((b << 29) | (b >>> 3)) ^ a;
  a = (a + b) | 0;
  b = ((b << 16) | (b >>> 16)) ^ a;
  a = (a + b) | 0;
  b = ((b << 24) | (b >>> 8)) ^ a;
  a = (a + key2) | 0;
  b = (b + key0 + 2) | 0;
  a = (a + b) | 0;
  b = ((b << 13) | (b >>> 19)) ^ a;
  a = (a + b) | 0;
  b = ((b << 15) | (b >>> 17)) ^ a;
  a = (a + b) | 0;
  b = ((b << 26) | (b >>> 6)) ^ a;
  a = (a + b) | 0;
  b = ((b << 6) | (b >>> 26)) ^ a;
  a = (a + key0) | 0;
  b = (b + key1 + 3) | 0;
  a = (a + b) | 0;
  b = ((b << 17) | (b >>> 15)) ^ a;
  out[0] = a;
  out[1] = b;
}
