import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssertionFailed } from '../../src/core/assert.ts';
import { NearestPop } from '../../src/geo/nearest.ts';
import { distanceKm } from '../../src/core/sphere.ts';
import { findPop, type Pop, POPS } from '../../src/geo/tables.ts';

const point = fc.tuple(fc.double({ min: -90, max: 90, noNaN: true }), fc.double({ min: -180, max: 180, noNaN: true }));
const pops = (codes: string): Pop[] => codes.split(' ').map((code) => findPop(code)!);

describe('the nearest PoP', () => {
  it.each([
    { place: 'Paris', at: [48.86, 2.35], among: 'LHR FRA IAD', is: 'LHR' },
    { place: 'Berlin', at: [52.52, 13.4], among: 'LHR FRA IAD', is: 'FRA' },
    { place: 'Honolulu, across the date line', at: [21.3, -157.9], among: 'NRT SJC SYD', is: 'SJC' },
    { place: 'Fiji', at: [-17.9, 178.2], among: 'NRT SJC SYD', is: 'SYD' },
    { place: 'the north pole', at: [90, 0], among: 'SYD OSL GRU', is: 'OSL' },
    { place: 'anywhere, with one PoP', at: [-33, 151], among: 'LHR', is: 'LHR' },
  ])('from $place is $is', ({ at, among, is }) => {
    expect(new NearestPop(pops(among)).to(at[0]!, at[1]!).code).toBe(is);
  });

  it('every PoP is nearest to itself, or one on the same spot with an earlier code is', () => {
    const all = new NearestPop(POPS);
    for (const pop of POPS) {
      const found = all.to(pop.latitude, pop.longitude);
      expect(distanceKm(found, pop), pop.code).toBeLessThan(0.05);
      expect(found.index).toBeLessThanOrEqual(pop.index);
    }
  });

  it('does not depend on the order in which the PoPs are listed, nor on doubles', () => {
    const some = pops('SJC LHR FRA AMS CDG NRT KIX SYD GRU EZE JNB');
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...some, ...some], { minLength: 11 }),
        point,
        (listed, [latitude, longitude]) => {
          const sorted = [...listed].sort((a, b) => a.index - b.index);
          expect(new NearestPop(listed).to(latitude, longitude)).toBe(new NearestPop(sorted).to(latitude, longitude));
        },
      ),
    );
  });

  it('is what a search by distance finds, whatever was asked before', () => {
    const shared = new NearestPop(POPS);
    fc.assert(
      fc.property(
        fc.double({ min: -90, max: 90, noNaN: true }),
        fc.double({ min: -180, max: 180, noNaN: true }),
        (latitude, longitude) => {
          const found = shared.to(latitude, longitude);
          const best = Math.min(...POPS.map((pop) => distanceKm({ latitude, longitude }, pop)));
          expect(distanceKm({ latitude, longitude }, found)).toBeLessThan(best + 0.05);
          expect(new NearestPop(POPS).to(latitude, longitude)).toBe(found);
          expect(shared.to(latitude, longitude)).toBe(found);
        },
      ),
    );
  });

  it('no PoPs, or no point, is our own mistake', () => {
    expect(() => new NearestPop([])).toThrow(AssertionFailed);
    for (const [latitude, longitude] of [
      [Number.NaN, 0],
      [91, 0],
      [0, 181],
      [0, Number.POSITIVE_INFINITY],
    ]) {
      expect(() => new NearestPop(POPS).to(latitude!, longitude!)).toThrow(AssertionFailed);
    }
  });
});
