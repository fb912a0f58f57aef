import { describe, expect, it } from 'vitest';
import { POPS, REGIONS } from '../../src/geo/tables.ts';
import { type Sites, dataCentersOf } from '../../src/health/data-centers.ts';
import { layOut } from '../../src/health/layout.ts';
import { PLACES, WEU, balancer, model, origin, pool, popIndex } from './build.ts';

const WORLD: Sites = { pops: POPS, regions: REGIONS.map((region) => region.code), inUse: POPS.map((pop) => pop.index) };

describe('the data centers of a region', () => {
  it('LB-137 are three in each of the 13 regions of the real table, all of that region', () => {
    for (const region of REGIONS) {
      const chosen = dataCentersOf(WORLD, region.index);
      expect(new Set(chosen).size, region.code).toBe(3);
      expect(
        chosen.every((pop) => POPS[pop]!.regionIndex === region.index),
        region.code,
      ).toBe(true);
    }
  });

  it('are those in use first, then others of the table', () => {
    const inUse = [popIndex('LHR')];
    const chosen = dataCentersOf({ ...PLACES, inUse }, 0);
    expect(chosen).toHaveLength(3);
    expect(chosen).toContain(popIndex('LHR'));
  });

  it('are only those in use where the machine cannot be elsewhere', () => {
    const inUse = [popIndex('LHR')];
    expect(dataCentersOf({ ...PLACES, inUse, onlyInUse: true }, 0)).toEqual(inUse);
    expect(dataCentersOf({ ...PLACES, inUse, onlyInUse: true }, 2)).toEqual([]);
  });

  it('are fewer where the region has fewer', () => {
    expect(dataCentersOf(PLACES, 2)).toEqual([popIndex('SIN'), popIndex('VNO')]);
  });
});

describe('who is probed', () => {
  const probed = (source: ReturnType<typeof model>, probeFallbackOnly = false): boolean[] =>
    layOut(source, PLACES, { probeFallbackOnly }).pools.map((each) => each.probed);

  it('LB-141 a disabled pool is not', () => {
    expect(probed(model([pool('on', ['a']), pool('off', ['a'], { enabled: false })]))).toEqual([true, false]);
  });

  it('a pool that is nothing but a fallback pool is not, unless asked for; one that is also on a list is', () => {
    const pools = [pool('a', ['x']), pool('b', ['x']), pool('c', ['x'])];
    const source = model(pools, undefined, {
      balancers: [balancer('one', ['a'], 'b'), balancer('two', ['a', 'c'], 'c')],
    });
    expect(probed(source)).toEqual([true, false, true]);
    expect(probed(source, true)).toEqual([true, true, true]);
  });

  it('a pool that no balancer names is', () => {
    expect(probed(model([pool('a', ['x'])]))).toEqual([true]);
  });

  it('shares one electorate among pools with the same check regions', () => {
    const layout = layOut(model([pool('a', ['x']), pool('b', [origin('y')], { checkRegions: [WEU] })]), PLACES);
    expect(layout.pools[0]!.electorate).toBe(layout.pools[1]!.electorate);
  });
});
