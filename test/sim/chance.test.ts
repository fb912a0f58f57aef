import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { exponential, naturalLog } from '../../src/sim/chance.ts';

describe('waiting times', () => {
  it.each([1, 0.9, 0.5, 0.1, 1e-3, 1e-9])('the logarithm of %d is that of the machine', (x) => {
    expect(naturalLog(x)).toBeCloseTo(Math.log(x), 12);
  });

  it('are exponential: mean 1, and 36.8 % are longer than the mean', () => {
    const random = seededRandom(1);
    let sum = 0;
    let longer = 0;
    const draws = 200_000;
    for (let draw = 0; draw < draws; draw += 1) {
      const value = exponential(random);
      sum += value;
      if (value > 1) longer += 1;
    }
    // Five standard errors: 5 / sqrt(200,000) = 0.011.
    expect(Math.abs(sum / draws - 1)).toBeLessThan(0.011);
    expect(Math.abs(longer / draws - 0.3679)).toBeLessThan(0.0055);
  });
});
