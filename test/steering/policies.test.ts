import { describe, expect, it } from 'vitest';
import { at, bench, ids, origin, places, pool, poolId, shares, tolerance } from './builders.ts';
import type { Bench } from './builders.ts';

function expectShares(of: Bench, wanted: Record<string, number>, count = 30_000): void {
  const got = shares(of, count, (i) => ({ clientAddress: `198.51.${(i >> 8) & 255}.${i & 255}` }));
  expect(Object.keys(got).sort()).toEqual(
    Object.keys(wanted)
      .filter((key) => wanted[key]! > 0)
      .sort(),
  );
  for (const [key, share] of Object.entries(wanted)) {
    expect(Math.abs((got[key] ?? 0) - share), `${key}: ${got[key]}`).toBeLessThanOrEqual(tolerance(share, count));
  }
}

const three = () => [pool('p1'), pool('p2'), pool('p3'), pool('fb')];

describe('off', () => {
  it.each([
    { name: 'LB-066 all healthy: the first', health: {}, to: 'p1/a' },
    { name: 'LB-067 first unhealthy: the second', health: { p1: 'critical' }, to: 'p2/a' },
    { name: 'LB-069 second unhealthy: still the first', health: { p2: 'critical' }, to: 'p1/a' },
    { name: 'LB-070 two unhealthy: the third', health: { p1: 'critical', p2: 'critical' }, to: 'p3/a' },
    { name: 'a pool not yet probed is down', health: { p1: 'unprobed' }, to: 'p2/a' },
    { name: 'a degraded pool serves', health: { p1: 'degraded' }, to: 'p1/a' },
  ] as const)('$name', ({ health, to }) => {
    const lb = bench(three());
    for (const [id, state] of Object.entries(health)) lb.health.set(id, state);
    expect(lb.to()).toBe(to);
  });

  it('LB-068 a disabled first pool is passed over', () => {
    expect(bench([pool('p1', { enabled: false }), pool('p2'), pool('fb')]).to()).toBe('p2/a');
  });

  it('LB-071 back to the first pool with the first request after it recovers', () => {
    const lb = bench(three());
    lb.health.set('p1', 'critical');
    expect(lb.to()).toBe('p2/a');
    lb.health.set('p1', 'healthy');
    expect(lb.to()).toBe('p1/a');
  });

  it('LB-072 without monitors the first pool is chosen though its server is dead', () => {
    const lb = bench(three());
    lb.health.set('p1', 'unmonitored');
    expect(shares(lb, 100)).toEqual({ 'p1/a': 1 });
  });

  it('LB-073 region_pools are not consulted', () => {
    expect(bench(three(), { regionPools: places({ WEU: ['p2'] }) }).to({ location: at('LHR') })).toBe('p1/a');
  });
});

describe('geo and ""', () => {
  it.each([
    { name: 'LB-074 "" with region_pools is geo', maps: { regionPools: places({ WEU: ['p2'] }) }, to: 'p2/a' },
    { name: 'LB-075 "" with pop_pools alone is geo', maps: { popPools: places({ LHR: ['p2'] }) }, to: 'p2/a' },
    { name: 'LB-076 "" with neither is off', maps: {}, to: 'p1/a' },
    {
      name: 'LB-076 an empty list of a region counts as not defined',
      maps: { regionPools: places({ WEU: [] }) },
      to: 'p1/a',
    },
    { name: 'LB-077 "" with country_pools alone is geo', maps: { countryPools: places({ GB: ['p2'] }) }, to: 'p2/a' },
  ])('$name', ({ maps, to }) => {
    const lb = bench(three(), { steeringPolicy: '', ...maps });
    expect(lb.to({ location: at('LHR') })).toBe(to);
  });

  it('"" is resolved in the settings that a decision carries', () => {
    const policy = (maps: object): string | undefined => {
      const decision = bench(three(), { steeringPolicy: '', ...maps }).ask();
      return decision.kind === 'origin' ? decision.settings.steeringPolicy : undefined;
    };
    expect(policy({})).toBe('off');
    expect(policy({ popPools: places({ LHR: ['p2'] }) })).toBe('geo');
  });

  const four = () => [pool('p1'), pool('p2'), pool('p3'), pool('p4'), pool('fb')];
  const only = { defaultPools: ids('p1') };

  it.each([
    {
      name: 'LB-078 the region of the PoP has a list',
      maps: { regionPools: places({ WNAM: ['p2'] }) },
      pop: 'SJC',
      to: 'p2/a',
    },
    { name: 'LB-079 another region has not', maps: { regionPools: places({ WNAM: ['p2'] }) }, pop: 'IAD', to: 'p1/a' },
    {
      name: 'LB-080 the PoP beats its region',
      maps: { popPools: places({ LAX: ['p3'] }), regionPools: places({ WNAM: ['p2'] }) },
      pop: 'LAX',
      to: 'p3/a',
    },
    {
      name: 'LB-081 another PoP of that region',
      maps: { popPools: places({ LAX: ['p3'] }), regionPools: places({ WNAM: ['p2'] }) },
      pop: 'SJC',
      to: 'p2/a',
    },
    {
      name: 'LB-082 only a PoP is listed, and it is another',
      maps: { popPools: places({ LAX: ['p3'] }) },
      pop: 'SJC',
      to: 'p1/a',
    },
    {
      name: 'LB-083 the country beats the region',
      maps: { countryPools: places({ US: ['p4'] }), regionPools: places({ WNAM: ['p2'] }) },
      pop: 'SJC',
      to: 'p4/a',
    },
    {
      name: 'LB-084 PoP, then country, then region: PoP',
      maps: {
        popPools: places({ LAX: ['p3'] }),
        countryPools: places({ US: ['p4'] }),
        regionPools: places({ WNAM: ['p2'] }),
      },
      pop: 'LAX',
      to: 'p3/a',
    },
    {
      name: 'LB-084 PoP, then country, then region: country',
      maps: {
        popPools: places({ LAX: ['p3'] }),
        countryPools: places({ US: ['p4'] }),
        regionPools: places({ WNAM: ['p2'] }),
      },
      pop: 'SJC',
      to: 'p4/a',
    },
    {
      name: 'a country written into region_pools beats the region',
      maps: { regionCountryPools: places({ US: ['p3'] }), regionPools: places({ WNAM: ['p2'] }) },
      pop: 'SJC',
      to: 'p3/a',
    },
    {
      name: 'country_pools beats a country written into region_pools',
      maps: { countryPools: places({ US: ['p4'] }), regionCountryPools: places({ US: ['p3'] }) },
      pop: 'SJC',
      to: 'p4/a',
    },
    {
      name: 'a place without a region takes the default',
      maps: { regionPools: places({ WNAM: ['p2'] }) },
      pop: 'XXX',
      to: 'p1/a',
    },
    {
      name: 'an empty list of a PoP counts as not defined',
      maps: { popPools: places({ SJC: [] }), regionPools: places({ WNAM: ['p2'] }) },
      pop: 'SJC',
      to: 'p2/a',
    },
  ])('$name', ({ maps, pop, to }) => {
    const lb = bench(four(), { steeringPolicy: 'geo', ...only, ...maps });
    expect(lb.to({ location: at(pop) })).toBe(to);
  });

  it('LB-085 the list of the place is used in failover order', () => {
    const lb = bench(four(), { steeringPolicy: 'geo', ...only, regionPools: places({ WNAM: ['p2', 'p3'] }) });
    lb.health.set('p2', 'critical');
    expect(lb.to({ location: at('SJC') })).toBe('p3/a');
  });

  it('LB-086 the list of the place is down: fallback, not default_pools', () => {
    const lb = bench(four(), { steeringPolicy: 'geo', ...only, regionPools: places({ WNAM: ['p2'] }) });
    lb.health.set('p2', 'critical').set('p1', 'healthy');
    expect(lb.to({ location: at('SJC') })).toBe('fallback fb/a');
  });

  it('LB-087 a client in Canada at a PoP of WNAM takes the list of WNAM', () => {
    const lb = bench(four(), { steeringPolicy: 'geo', ...only, regionPools: places({ WNAM: ['p2'], ENAM: ['p3'] }) });
    expect(lb.to({ location: at('SJC', { country: 'CA', latitude: 45.5, longitude: -73.6 }) })).toBe('p2/a');
  });

  const dnsOnly = {
    steeringPolicy: 'geo' as const,
    ...only,
    regionPools: places({ WEU: ['p2'] }),
    countryPools: places({ JP: ['p3'], US: ['p4'] }),
  };

  // Where a query comes from is made by `geo`; what the lists do with it is proved here.
  it.each([
    { name: 'LB-088 DNS-only by region: the PoP that answers, wherever the client is', from: at('CDG'), to: 'p2/a' },
    { name: 'LB-089 DNS-only by country, located by client subnet', from: at('CDG', { country: 'JP' }), to: 'p3/a' },
    { name: 'LB-090 DNS-only by country, located by resolver', from: at('LHR', { country: 'US' }), to: 'p4/a' },
    { name: 'LB-091 DNS-only by country, resolver unknown: country of the PoP', from: at('NRT'), to: 'p3/a' },
  ])('$name', ({ from, to }) => {
    expect(bench(four(), { ...dnsOnly, proxied: false }).to({ location: from })).toBe(to);
  });

  it('LB-092 proxied: location_strategy changes nothing', () => {
    const strategy = { locationStrategy: { mode: 'resolver_ip', preferEcs: 'always' } as const };
    for (const from of [at('CDG'), at('LHR', { country: 'US' }), at('NRT')]) {
      const plain = bench(four(), dnsOnly).to({ location: from });
      expect(bench(four(), { ...dnsOnly, ...strategy }).to({ location: from })).toBe(plain);
    }
  });
});

describe('random', () => {
  it('LB-093 without weights each pool takes a third', () => {
    expectShares(bench(three(), { steeringPolicy: 'random' }), { 'p1/a': 1 / 3, 'p2/a': 1 / 3, 'p3/a': 1 / 3 });
  });

  it('LB-094 weights .3 and .5, default .2', () => {
    const poolWeights = new Map([
      [poolId('p1'), 0.3],
      [poolId('p2'), 0.5],
    ]);
    const lb = bench(three(), { steeringPolicy: 'random', randomSteering: { defaultWeight: 0.2, poolWeights } });
    expectShares(lb, { 'p1/a': 0.3, 'p2/a': 0.5, 'p3/a': 0.2 });
  });

  it('LB-095 an unhealthy pool leaves its share to the others', () => {
    const poolWeights = new Map([
      [poolId('p1'), 0.5],
      [poolId('p2'), 0.5],
      [poolId('p3'), 0.25],
    ]);
    const lb = bench(three(), { steeringPolicy: 'random', randomSteering: { defaultWeight: 1, poolWeights } });
    lb.health.set('p2', 'critical');
    expectShares(lb, { 'p1/a': 2 / 3, 'p3/a': 1 / 3 });
  });

  it('LB-096 a disabled pool gets nothing, the rest evenly', () => {
    const lb = bench([pool('p1', { enabled: false }), pool('p2'), pool('p3'), pool('fb')], {
      steeringPolicy: 'random',
    });
    expectShares(lb, { 'p2/a': 0.5, 'p3/a': 0.5 });
  });

  it('LB-097 one seed gives the same picks twice, another seed others', () => {
    const picks = (seed: number): string[] => {
      const lb = bench(three(), { steeringPolicy: 'random' }, seed);
      return Array.from({ length: 200 }, () => lb.to());
    };
    expect(picks(7)).toEqual(picks(7));
    expect(picks(7)).not.toEqual(picks(8));
  });

  it('LB-098 a zero weight beside a positive one is never drawn, and serves when that one fails', () => {
    const randomSteering = { defaultWeight: 1, poolWeights: new Map([[poolId('p1'), 0]]) };
    const lb = bench([pool('p1'), pool('p2'), pool('fb')], { steeringPolicy: 'random', randomSteering });
    expectShares(lb, { 'p2/a': 1 }, 5000);
    lb.health.set('p2', 'critical');
    expectShares(lb, { 'p1/a': 1 }, 100);
  });

  it('all weights zero is uniform', () => {
    const randomSteering = { defaultWeight: 0, poolWeights: new Map() };
    expectShares(bench(three(), { steeringPolicy: 'random', randomSteering }), {
      'p1/a': 1 / 3,
      'p2/a': 1 / 3,
      'p3/a': 1 / 3,
    });
  });

  it('LB-099 a pool without a monitor is drawn though its server is dead', () => {
    const lb = bench(three(), { steeringPolicy: 'random' });
    lb.health.set('p1', 'unmonitored').set('p2', 'healthy').set('p3', 'healthy');
    expectShares(lb, { 'p1/a': 1 / 3, 'p2/a': 1 / 3, 'p3/a': 1 / 3 });
  });

  it('an unresolvable pool leaves its share to the others in proportion', () => {
    const named = pool('p1', { origins: [origin('a', { address: 'gone.example.net' })] });
    const poolWeights = new Map([[poolId('p3'), 0.5]]);
    const lb = bench([named, pool('p2'), pool('p3'), pool('fb')], {
      steeringPolicy: 'random',
      randomSteering: { defaultWeight: 1, poolWeights },
    });
    lb.names.broken.add('gone.example.net');
    expectShares(lb, { 'p2/a': 2 / 3, 'p3/a': 1 / 3 });
  });
});

describe('dynamic_latency', () => {
  const dynamic = (): Bench => bench(three(), { steeringPolicy: 'dynamic_latency' });

  it('LB-100 the fastest of the region', () => {
    const lb = dynamic();
    lb.health.setRttMs('p1', 'WEU', 120).setRttMs('p2', 'WEU', 40);
    expect(lb.to()).toBe('p2/a');
  });

  it('LB-101 without a figure for this region: failover order', () => {
    expect(dynamic().to()).toBe('p1/a');
  });

  it('LB-102 the fastest is unhealthy: the next by time', () => {
    const lb = dynamic();
    lb.health.setRttMs('p1', 'WEU', 120).setRttMs('p2', 'WEU', 40).setRttMs('p3', 'WEU', 60).set('p2', 'critical');
    expect(lb.to()).toBe('p3/a');
  });

  it('LB-103 figures of WEU say nothing in SEAS', () => {
    const lb = dynamic();
    lb.health.setRttMs('p1', 'WEU', 120).setRttMs('p2', 'WEU', 40);
    expect(lb.to({ location: at('SIN') })).toBe('p1/a');
  });

  it('LB-105 equal times keep list order', () => {
    const lb = dynamic();
    lb.health.setRttMs('p3', 'WEU', 40).setRttMs('p2', 'WEU', 40).setRttMs('p1', 'WEU', 50);
    expect(lb.to()).toBe('p2/a');
  });

  it('pools without a figure follow those that have one, in list order', () => {
    const lb = dynamic();
    lb.health.setRttMs('p3', 'WEU', 400);
    expect(lb.to()).toBe('p3/a');
    lb.health.set('p3', 'critical');
    expect(lb.to()).toBe('p1/a');
  });

  it('a view that counts round-trip times apart is followed, and heard only here', () => {
    const lb = dynamic();
    let rtt = 50_000;
    const health = {
      version: 1,
      rttVersion: 1,
      pool: () => 'healthy' as const,
      origin: () => 'healthy' as const,
      rttUs: (index: number) => (index === 0 ? rtt : 100_000),
    };
    lb.world.health = health;
    expect(lb.to()).toBe('p1/a');
    rtt = 200_000;
    health.rttVersion = 2;
    expect(lb.to()).toBe('p2/a');
  });
});

describe('proximity', () => {
  const frankfurt = { latitude: 50.1, longitude: 8.7 };
  const ashburn = { latitude: 39.0, longitude: -77.5 };
  const tokyo = { latitude: 35.7, longitude: 139.7 };

  it('LB-106 the nearest pool to the PoP', () => {
    const lb = bench([pool('ashburn', ashburn), pool('frankfurt', frankfurt), pool('fb')], {
      steeringPolicy: 'proximity',
    });
    expect(lb.to({ location: at('LHR') })).toBe('frankfurt/a');
    expect(lb.to({ location: at('LAX') })).toBe('ashburn/a');
  });

  it('LB-107 the nearest is unhealthy: the next', () => {
    const lb = bench([pool('ashburn', ashburn), pool('frankfurt', frankfurt), pool('fb')], {
      steeringPolicy: 'proximity',
    });
    lb.health.set('frankfurt', 'critical');
    expect(lb.to({ location: at('LHR') })).toBe('ashburn/a');
  });

  it('LB-108 pools without coordinates come after all that have them', () => {
    const lb = bench([pool('nowhere'), pool('tokyo', tokyo), pool('fb')], { steeringPolicy: 'proximity' });
    expect(lb.to({ location: at('LHR') })).toBe('tokyo/a');
    lb.health.set('tokyo', 'critical');
    expect(lb.to({ location: at('LHR') })).toBe('nowhere/a');
  });

  it('LB-109 a client located in Tokyo by its subnet', () => {
    const lb = bench([pool('frankfurt', frankfurt), pool('tokyo', tokyo), pool('fb')], {
      steeringPolicy: 'proximity',
      proxied: false,
    });
    expect(lb.to({ location: at('CDG', { latitude: 35.7, longitude: 139.7 }) })).toBe('tokyo/a');
  });

  it('LB-110 equal distance keeps list order', () => {
    const lb = bench([pool('p1', tokyo), pool('p2', frankfurt), pool('p3', frankfurt), pool('fb')], {
      steeringPolicy: 'proximity',
    });
    expect(lb.to({ location: at('LHR') })).toBe('p2/a');
  });

  it('across the date line the short way counts', () => {
    const fiji = { latitude: -17.8, longitude: 178 };
    const samoa = { latitude: -13.8, longitude: -171.8 };
    const lb = bench([pool('tokyo', tokyo), pool('samoa', samoa), pool('fb')], { steeringPolicy: 'proximity' });
    expect(lb.to({ location: at('SIN', fiji) })).toBe('samoa/a');
  });
});

describe('least_outstanding_requests and least_connections', () => {
  const poolWeights = new Map([
    [poolId('p1'), 0.4],
    [poolId('p2'), 0.6],
  ]);
  const two = () => [pool('p1'), pool('p2'), pool('fb')];
  const randomSteering = { defaultWeight: 1, poolWeights };

  it('LB-111 weights .4 and .6 with 3 and 0 under way: 14.29 % and 85.71 %', () => {
    const lb = bench(two(), { steeringPolicy: 'least_outstanding_requests', randomSteering });
    lb.load.outstanding.set('p1', 3);
    expectShares(lb, { 'p1/a': 0.1 / 0.7, 'p2/a': 0.6 / 0.7 });
  });

  it('LB-112 nothing under way: by weights', () => {
    const lb = bench(two(), { steeringPolicy: 'least_outstanding_requests', randomSteering });
    expectShares(lb, { 'p1/a': 0.4, 'p2/a': 0.6 });
  });

  it('LB-113 DNS-only: by weights, whatever is under way', () => {
    const lb = bench(two(), { steeringPolicy: 'least_outstanding_requests', randomSteering, proxied: false });
    lb.load.outstanding.set('p1', 300);
    expectShares(lb, { 'p1/a': 0.4, 'p2/a': 0.6 });
  });

  it('LB-115 least_connections reads connections, idle ones included, not requests', () => {
    const lb = bench(two(), { steeringPolicy: 'least_connections', randomSteering });
    lb.load.outstanding.set('p2', 300);
    lb.load.connections.set('p1', 3);
    expectShares(lb, { 'p1/a': 0.1 / 0.7, 'p2/a': 0.6 / 0.7 });
  });
});
