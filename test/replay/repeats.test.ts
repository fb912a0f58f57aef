import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Repeats } from '../../src/replay/repeats.ts';

describe('how often a number came before', () => {
  it('is what a map would say, also while the table grows, and nothing after it was forgotten', () => {
    // Few numbers that come often, many that share their low bits, and any.
    const number = fc.oneof(
      fc.integer({ min: -3, max: 3 }),
      fc.integer().map((n) => n << 10),
      fc.integer(),
    );
    fc.assert(
      fc.property(fc.array(fc.array(number, { maxLength: 900 }), { maxLength: 4 }), (rounds) => {
        const repeats = new Repeats();
        for (const round of rounds) {
          const counts = new Map<number, number>();
          for (const key of round) {
            const before = counts.get(key | 0) ?? 0;
            counts.set(key | 0, before + 1);
            expect(repeats.before(key | 0)).toBe(before);
          }
          repeats.forget();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('stays flat when there are more than it holds: those it holds are still counted, the others count as new', () => {
    const repeats = new Repeats();
    const spread = (n: number): number => Math.imul(n, 0x9e3779b1);
    for (let n = 0; n < 70_000; n += 1) expect(repeats.before(spread(n))).toBe(0);
    expect(repeats.before(spread(65_535))).toBe(1);
    expect(repeats.before(spread(69_999))).toBe(0);
    expect(repeats.before(spread(69_999))).toBe(0);
    repeats.forget();
    expect([repeats.before(7), repeats.before(7)]).toEqual([0, 1]);
  });
});
