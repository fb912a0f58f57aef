import { describe, expect, it } from 'vitest';
import { DEFAULT_DELAY_US, LinkState } from '../../src/sim/link.ts';

describe('the way between edge and origin', () => {
  it.each([
    ['a delay that was stated', new LinkState(40_000, 0), 6_000, 80_000],
    ['a distance: light in fibre, half again as long as the great circle', new LinkState(undefined, 0), 2_000, 30_000],
    ['nothing known', new LinkState(undefined, 0), undefined, 2 * DEFAULT_DELAY_US],
  ])('takes %s there and back', (_, link, km, roundTripUs) => {
    expect(link.roundTripUs(km)).toBe(roundTripUs);
  });

  it('a rate costs time by the byte, none costs none', () => {
    expect(new LinkState(0, 1_000_000).transferUs(250_000)).toBe(250_000);
    expect(new LinkState(0, 0).transferUs(250_000)).toBe(0);
  });

  it('loss costs time: its share of a retransmission time-out', () => {
    const link = new LinkState(10_000, 0);
    link.apply({ loss: 0.1 });
    expect(link.roundTripUs(undefined)).toBe(20_000 + 20_000);
    link.apply({ loss: 0.5 });
    expect(link.loss).toBeCloseTo(1 - 0.9 * 0.5, 12);
  });
});
