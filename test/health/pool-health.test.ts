import { describe, expect, it } from 'vitest';
import { balancerHealth, poolHealth, serves } from '../../src/health/pool-health.ts';

describe('a monitored pool', () => {
  it.each([
    { name: 'all origins healthy', h: 3, u: 0, q: 0, min: 1, state: 'healthy' },
    { name: 'LB-139 two of three healthy, two needed: degraded, serves', h: 2, u: 1, q: 0, min: 2, state: 'degraded' },
    { name: 'LB-140 one of three healthy, two needed: critical', h: 1, u: 2, q: 0, min: 2, state: 'critical' },
    { name: 'LB-126 no result yet', h: 0, u: 0, q: 3, min: 1, state: 'unprobed' },
    { name: 'LB-126 no result yet, though none is needed', h: 0, u: 0, q: 3, min: 0, state: 'unprobed' },
    { name: 'results missing that could still suffice', h: 1, u: 1, q: 1, min: 2, state: 'unprobed' },
    { name: 'results missing that cannot suffice any more', h: 0, u: 2, q: 1, min: 2, state: 'critical' },
    { name: 'enough are healthy, the rest is not known yet', h: 2, u: 0, q: 1, min: 2, state: 'degraded' },
    { name: 'a threshold above the number of origins', h: 3, u: 0, q: 0, min: 4, state: 'critical' },
    { name: 'a threshold of 0 with all down', h: 0, u: 2, q: 0, min: 0, state: 'degraded' },
    { name: 'every origin disabled', h: 0, u: 0, q: 0, min: 0, state: 'critical' },
  ])('$name', ({ h, u, q, min, state }) => {
    expect(poolHealth(h, u, q, min)).toBe(state);
  });

  it('serves while healthy, degraded or unmonitored, and not otherwise', () => {
    const states = ['healthy', 'degraded', 'unmonitored', 'critical', 'unprobed'] as const;
    expect(states.map((state) => serves(state))).toEqual([true, true, true, false, false]);
  });
});

describe('a balancer', () => {
  it.each([
    { pools: ['healthy', 'degraded', 'unmonitored'], state: 'healthy' },
    { pools: ['healthy', 'critical'], state: 'degraded' },
    { pools: ['critical', 'unprobed'], state: 'critical' },
  ] as const)('$pools is $state', ({ pools, state }) => {
    expect(balancerHealth(pools)).toBe(state);
  });
});
