import { describe, expect, it } from 'vitest';
import { affinity, bench, origin, pool, shares, tolerance } from './builders.ts';
import type { Bench } from './builders.ts';

function expectShares(of: Bench, wanted: Record<string, number>, count = 20_000): void {
  const got = shares(of, count);
  expect(Object.keys(got).sort()).toEqual(Object.keys(wanted).sort());
  for (const [key, share] of Object.entries(wanted)) {
    expect(Math.abs(got[key]! - share), `${key}: ${got[key]}`).toBeLessThanOrEqual(tolerance(share, count));
  }
}

const weighted = [origin('a', { weight: 25 }), origin('b', { weight: 25 }), origin('c', { weight: 50 })];
const addresses = Array.from({ length: 4000 }, (_, i) => `2001:db8::${i.toString(16)}`);

describe('random', () => {
  it('LB-116 by weight', () => {
    expectShares(bench([pool('p', { origins: weighted }), pool('fb')]), { 'p/a': 0.25, 'p/b': 0.25, 'p/c': 0.5 });
  });

  it('LB-117 an unhealthy endpoint leaves its share to the others', () => {
    const lb = bench([pool('p', { origins: weighted }), pool('fb')]);
    lb.health.set('p', 'degraded').set('p/a', 'healthy').set('p/b', 'healthy').set('p/c', 'unhealthy');
    expectShares(lb, { 'p/a': 0.5, 'p/b': 0.5 });
  });

  it('LB-118 default weights share evenly', () => {
    expectShares(bench([pool('p', { origins: ['a', 'b', 'c'] }), pool('fb')]), {
      'p/a': 1 / 3,
      'p/b': 1 / 3,
      'p/c': 1 / 3,
    });
  });

  it('LB-119 weight 0 gets nothing', () => {
    expectShares(bench([pool('p', { origins: ['a', origin('b', { weight: 0 })] }), pool('fb')]), { 'p/a': 1 }, 2000);
  });

  it('LB-120 a disabled endpoint gets nothing', () => {
    expectShares(
      bench([pool('p', { origins: ['a', origin('b', { enabled: false })] }), pool('fb')]),
      { 'p/a': 1 },
      2000,
    );
  });

  it('all weights zero: the pool counts as unavailable', () => {
    expect(bench([pool('p', { origins: [origin('a', { weight: 0 })] }), pool('q'), pool('fb')], {}).to()).toBe('q/a');
  });

  it('an endpoint that no monitor reached yet is passed over', () => {
    const lb = bench([pool('p', { origins: ['a', 'b'] }), pool('fb')]);
    lb.health.set('p', 'degraded').set('p/a', 'unprobed').set('p/b', 'healthy');
    expectShares(lb, { 'p/b': 1 }, 500);
  });

  it('a verdict set by hand counts without a monitor too', () => {
    const lb = bench([pool('p', { origins: ['a', 'b'] }), pool('fb')]);
    lb.health.set('p/a', 'unhealthy');
    expectShares(lb, { 'p/b': 1 }, 500);
  });

  it('a pool with more endpoints than a mask has bits', () => {
    const names = Array.from({ length: 70 }, (_, i) => `o${i}`);
    const lb = bench([pool('p', { origins: names }), pool('fb')]);
    lb.health.set('p', 'degraded');
    for (const name of names) lb.health.set(`p/${name}`, 'unhealthy');
    lb.health.set('p/o66', 'healthy').set('p/o2', 'healthy');
    expectShares(lb, { 'p/o66': 0.5, 'p/o2': 0.5 });
  });
});

describe('hash', () => {
  const lb = (): Bench => bench([pool('p', { origins: ['a', 'b', 'c'], originSteering: 'hash' }), pool('fb')]);
  const map = (of: Bench): string[] => addresses.map((clientAddress) => of.to({ clientAddress }));

  it('LB-121 one address always takes the same endpoint', () => {
    expect(map(lb())).toEqual(map(lb()));
  });

  it('LB-121 at every PoP alike, and without a draw', () => {
    const of = lb();
    of.world.random = {
      next: () => expect.unreachable(),
      below: () => expect.unreachable(),
      fork: () => expect.unreachable(),
    };
    expect(map(of)).toEqual(map(lb()));
  });

  it('LB-122 its endpoint goes down: another; back again: the first. Nobody else moves', () => {
    const of = lb();
    of.health.set('p', 'healthy').set('p/a', 'healthy').set('p/b', 'healthy').set('p/c', 'healthy');
    const before = map(of);
    of.health.set('p/b', 'unhealthy');
    const during = map(of);
    before.forEach((to, i) => (to === 'p/b' ? expect(during[i]).not.toBe('p/b') : expect(during[i]).toBe(to)));
    of.health.set('p/b', 'healthy');
    expect(map(of)).toEqual(before);
  });

  it('shares follow the weights', () => {
    const of = bench([pool('p', { origins: weighted, originSteering: 'hash' }), pool('fb')]);
    const counts = map(of).reduce<Record<string, number>>((sum, to) => ({ ...sum, [to]: (sum[to] ?? 0) + 1 }), {});
    for (const [to, share] of Object.entries({ 'p/a': 0.25, 'p/b': 0.25, 'p/c': 0.5 })) {
      expect(Math.abs(counts[to]! / addresses.length - share)).toBeLessThanOrEqual(tolerance(share, addresses.length));
    }
  });
});

describe('least_*', () => {
  const origins = [origin('a', { weight: 40 }), origin('b', { weight: 60 })];

  it('LB-123 least_outstanding_requests: weight / (outstanding + 1) per endpoint', () => {
    const lb = bench([pool('p', { origins, originSteering: 'least_outstanding_requests' }), pool('fb')]);
    lb.load.outstanding.set('p/a', 3);
    expectShares(lb, { 'p/a': 0.1 / 0.7, 'p/b': 0.6 / 0.7 });
  });

  it('LB-115 least_connections: by open connections, idle ones included', () => {
    const lb = bench([pool('p', { origins, originSteering: 'least_connections' }), pool('fb')]);
    lb.load.connections.set('p/a', 3);
    expectShares(lb, { 'p/a': 0.1 / 0.7, 'p/b': 0.6 / 0.7 });
  });
});

describe('host names', () => {
  const named = [origin('a', { address: 'a.example.net' }), origin('b', { address: 'b.example.net' })];

  it('LB-124 an endpoint whose name does not resolve is left out of this request', () => {
    const lb = bench([pool('p', { origins: named }), pool('q'), pool('fb')]);
    lb.names.broken.add('a.example.net');
    expectShares(lb, { 'p/b': 1 }, 500);
    lb.names.broken.delete('a.example.net');
    expectShares(lb, { 'p/a': 0.5, 'p/b': 0.5 });
  });

  it('no name of the pool resolves: the next pool', () => {
    const lb = bench([pool('p', { origins: named }), pool('q'), pool('fb')]);
    lb.names.broken.add('a.example.net').add('b.example.net');
    expect(lb.to()).toBe('q/a');
  });

  it('an address is never looked up', () => {
    const lb = bench([pool('p', { origins: [origin('a', { address: '2001:db8::1' })] }), pool('fb')]);
    lb.names.broken.add('2001:db8::1');
    expect(lb.to()).toBe('p/a');
  });
});

describe('DNS-only', () => {
  it('LB-059 one endpoint is drawn by weight, whatever the endpoint policy', () => {
    const of = bench([pool('p', { origins: weighted, originSteering: 'hash' }), pool('fb')], { proxied: false });
    expectShares(of, { 'p/a': 0.25, 'p/b': 0.25, 'p/c': 0.5 });
  });

  it('ip_cookie: one address takes one endpoint, without a session (C15)', () => {
    const fields = { proxied: false, affinity: affinity({ kind: 'ip_cookie' }), steeringPolicy: 'random' } as const;
    const of = bench([pool('p', { origins: ['a', 'b', 'c'] }), pool('q'), pool('fb')], fields);
    const seen = new Set<string>();
    for (const clientAddress of addresses.slice(0, 200)) {
      const first = of.ask({ clientAddress });
      expect(first).toMatchObject({ because: 'affinity_ip', affinity: 'off', newClaim: undefined });
      expect(of.to({ clientAddress })).toBe(of.name(first));
      seen.add(of.name(first));
    }
    expect(seen.size).toBe(4);
  });
});
