import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Draws, PART, threefry } from '../../src/core/draws.ts';
import { seededRandom } from '../../src/core/random.ts';

const drawsOf = (seed: number | string): Draws => new Draws(seededRandom(seed));
const SEEDS = [1, 2, 7, 'switchyard'];
const MANY = 256_000;

/** Pearson's chi-square over 256 equal boxes, which has 255 degrees of freedom: mean 255, deviation 22.6. */
function chiSquare(boxOf: (trial: number) => number): number {
  const counts = new Float64Array(256);
  for (let trial = 0; trial < MANY; trial += 1) counts[boxOf(trial)]! += 1;
  const expected = MANY / 256;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}
/** Six deviations to either side: too even is as wrong as too uneven. */
const [LEAST, MOST] = [120, 390];
const box256 = (draw: number): number => Math.floor(draw * 256);
const box16 = (draw: number): number => Math.floor(draw * 16);

describe('the generator', () => {
  // random123/tests/kat_vectors, as the authors publish them.
  it.each([
    { counter: [0, 0], key: [0, 0], out: '9d1c5ec6 8bd50731' },
    { counter: [-1, -1], key: [-1, -1], out: 'fd36d048 2d17272c' },
    { counter: [0x243f6a88, 0x85a308d3], key: [0x13198a2e, 0x03707344], out: 'ba3e4725 f27d669e' },
  ])('gives $out, as the known answers of threefry2x32 with 13 rounds do', ({ counter, key, out }) => {
    const words = new Int32Array(2);
    threefry(key[0]! | 0, key[1]! | 0, counter[0]! | 0, counter[1]! | 0, words);
    expect([...words].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join(' ')).toBe(out);
  });
});

describe('draws about a key', () => {
  it('are the same however many others were drawn before', () => {
    const draw = fc.record({ key: fc.integer(), part: fc.integer({ min: 0, max: 5 }), count: fc.nat({ max: 9 }) });
    fc.assert(
      fc.property(fc.integer(), fc.array(draw, { maxLength: 20 }), draw, (seed, before, { key, part, count }) => {
        const take = (draws: Draws): number[] => {
          draws.about(key, part);
          return Array.from({ length: count + 1 }, () => draws.next());
        };
        const busy = drawsOf(seed);
        for (const other of before) {
          busy.about(other.key, other.part);
          for (let n = 0; n < other.count; n += 1) busy.next();
        }
        expect(take(busy)).toEqual(take(drawsOf(seed)));
      }),
    );
  });

  it('are others for another seed, another fork, another key and another part', () => {
    const first = drawsOf(1).about(5, PART.first).next();
    expect(drawsOf(2).about(5, PART.first).next()).not.toBe(first);
    expect(new Draws(seededRandom(1).fork('steering')).about(5, PART.first).next()).not.toBe(first);
    expect(drawsOf(1).about(6, PART.first).next()).not.toBe(first);
    expect(drawsOf(1).about(5, PART.again).next()).not.toBe(first);
  });

  it('take an unsigned key for the signed one of the same bits, as it comes back from a header', () => {
    expect(drawsOf(1).about(4_294_967_295, 0).next()).toBe(drawsOf(1).about(-1, 0).next());
  });

  it('lie in [0, 1), and whole ones below their limit', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, key, limit) => {
        const draws = drawsOf(seed).about(key, 0);
        const [share, whole] = [draws.next(), draws.below(limit)];
        expect(share >= 0 && share < 1 && whole >= 0 && whole < limit && Number.isInteger(whole)).toBe(true);
      }),
    );
  });
});

describe.each(SEEDS)('chance of seed %s', (seed) => {
  const draws = drawsOf(seed);
  const nth = (key: number, part: number, n: number): number => {
    draws.about(key, part);
    for (let before = 0; before < n; before += 1) draws.next();
    return draws.next();
  };

  it.each([0, 1, 2, 5])('is even over keys that follow each other, for draw %i of each', (n) => {
    const value = chiSquare((trial) => box256(nth(trial, PART.first, n)));
    expect(value).toBeGreaterThan(LEAST);
    expect(value).toBeLessThan(MOST);
  });

  it('is even over the draws of one key', () => {
    // 131,070 draws are the most that one thing may have.
    const value = chiSquare((trial) => {
      if (trial % 100_000 === 0) draws.about(Math.floor(trial / 100_000), PART.first);
      return box256(draws.next());
    });
    expect(value).toBeGreaterThan(LEAST);
    expect(value).toBeLessThan(MOST);
  });

  it.each<{ what: string; pair: (trial: number) => readonly [number, number] }>([
    { what: 'two draws of one block', pair: (trial) => [nth(trial, 0, 0), nth(trial, 0, 1)] },
    { what: 'two draws of two blocks', pair: (trial) => [nth(trial, 0, 1), nth(trial, 0, 2)] },
    { what: 'keys that follow each other', pair: (trial) => [nth(trial, 0, 0), nth(trial + 1, 0, 0)] },
    {
      what: 'keys that differ in their highest bit',
      pair: (trial) => [nth(trial, 0, 0), nth(trial ^ (1 << 31), 0, 0)],
    },
    { what: 'two parts of one request', pair: (trial) => [nth(trial, PART.first, 0), nth(trial, PART.again, 0)] },
  ])('of $what has nothing to do with each other', ({ pair }) => {
    const value = chiSquare((trial) => {
      const [one, other] = pair(trial);
      return box16(one) * 16 + box16(other);
    });
    expect(value).toBeGreaterThan(LEAST);
    expect(value).toBeLessThan(MOST);
  });

  it('of another seed has nothing to do with it', () => {
    const other = drawsOf(`${seed}'`);
    const value = chiSquare((trial) => box16(nth(trial, 0, 0)) * 16 + box16(other.about(trial, 0).next()));
    expect(value).toBeGreaterThan(LEAST);
    expect(value).toBeLessThan(MOST);
  });
});
