import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { Locator } from '../../src/geo/locate.ts';
import { Population, popsBehind } from '../../src/replay/population.ts';
import type { ClientTraffic } from '../../src/replay/scenario.ts';
import { hashAddress } from '../../src/steering/hash.ts';

const SPEC: ClientTraffic = {
  kind: 'clients',
  fidelity: 'flow',
  count: 20_000,
  ramp: [],
  from: new Map(),
  sessionUs: 0,
  thinkUs: 0,
  cookieShare: 1,
  pages: 1,
  pageBytes: 1,
  host: undefined,
  path: '/',
  method: 'GET',
  resolver: { kind: 'honour', minUs: 0, maxUs: 0 },
  resolversPerPop: 1,
  line: 1,
};

function sharesOf(from: Record<string, number>, pops: readonly string[]): Record<string, number> {
  const locator = new Locator({ pops });
  const people = new Population({ ...SPEC, from: new Map(Object.entries(from)) }, 0, locator, seededRandom(1));
  const counts: Record<string, number> = {};
  for (let client = 0; client < SPEC.count; client += 1) {
    const { pop } = people.locationOf(client);
    counts[pop] = (counts[pop] ?? 0) + 1 / SPEC.count;
  }
  return counts;
}

describe('where synthetic clients live', () => {
  it.each([
    [
      'parts of regions, spread over their PoPs in use',
      { WEU: 60, ENAM: 40 },
      ['LHR', 'FRA', 'IAD'],
      { LHR: 0.3, FRA: 0.3, IAD: 0.4 },
    ],
    ['a country', { DE: 1, GB: 3 }, ['LHR', 'FRA', 'IAD'], { FRA: 0.25, LHR: 0.75 }],
    ['a PoP', { IAD: 1 }, ['LHR', 'FRA', 'IAD'], { IAD: 1 }],
    ['nothing said: every PoP alike', {}, ['LHR', 'FRA', 'IAD', 'NRT'], { LHR: 0.25, FRA: 0.25, IAD: 0.25, NRT: 0.25 }],
  ])('%s', (_, from, pops, shares) => {
    const found = sharesOf(from, pops);
    expect(Object.keys(found).sort()).toEqual(Object.keys(shares).sort());
    for (const [pop, share] of Object.entries(shares)) expect(Math.abs(found[pop]! - share)).toBeLessThan(0.02);
  });

  it('clients of a region without a PoP in use are asked for all the same, at a PoP that is', () => {
    const found = sharesOf({ OC: 1 }, ['LHR', 'NRT']);
    expect(Object.values(found).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
  });

  it('client k stays where it is, and keeps its address, however many others there are', () => {
    const locator = new Locator({ pops: ['LHR', 'FRA', 'IAD'] });
    const of = (count: number): Population => new Population({ ...SPEC, count }, 2, locator, seededRandom(9));
    const [few, many] = [of(100), of(70_000)];
    for (let client = 0; client < 100; client += 1) {
      expect(many.locationOf(client)).toBe(few.locationOf(client));
      expect(many.addressOf(client)).toBe(few.addressOf(client));
    }
    expect(many.addressOf(69_999)).toBe('2001:db8:3::1:116f');
    expect(many.hashOf(5)).toBe(hashAddress('2001:db8:3::5'));
    expect(new Set(Array.from({ length: 70_000 }, (_, client) => many.addressOf(client))).size).toBe(70_000);
  });

  it('a key is a region before a PoP before a country, and nothing else', () => {
    const inUse = new Set(['LHR', 'FRA']);
    expect(popsBehind('WEU', inUse)).toEqual(
      ['FRA', 'LHR'].sort((a, b) => popsBehind('WEU', inUse).indexOf(a) - popsBehind('WEU', inUse).indexOf(b)),
    );
    expect(popsBehind('FRA', inUse)).toEqual(['FRA']);
    expect(popsBehind('GB', inUse)).toEqual(['LHR']);
    expect(popsBehind('nowhere', inUse)).toEqual([]);
  });
});
