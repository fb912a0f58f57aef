import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Rung } from '../../src/core/decision.ts';
import { steerAgain } from '../../src/steering/failover.ts';
import { affinity, at, bench, ids, origin, places, pool, poolId, requestOf, rule, START } from './builders.ts';

const line = (rung: Rung): string => `${rung.step} ${rung.subject}: ${rung.outcome} (${rung.reason})`;

describe('an explained decision', () => {
  it('tells every step, every pool and every endpoint, each with its reason', () => {
    const origins = [
      'a',
      origin('b', { enabled: false }),
      origin('c', { weight: 0 }),
      'd',
      origin('e', { address: 'e.example.net' }),
    ];
    const lb = bench([pool('p1'), pool('p2', { enabled: false }), pool('p3', { origins }), pool('p4'), pool('fb')], {
      steeringPolicy: 'geo',
      regionPools: places({ WEU: ['p1', 'p2', 'p3', 'p4'] }),
      affinity: affinity({ kind: 'cookie' }),
      rules: [rule('never', { disabled: true }), rule('always', { overrides: { failoverAcrossPools: true } })],
    });
    lb.health
      .set('p1', 'critical')
      .set('p3', 'degraded')
      .set('p3/a', 'healthy')
      .set('p3/d', 'unhealthy')
      .set('p3/e', 'healthy');
    lb.names.broken.add('e.example.net');
    const claim = { loadBalancer: 'lb', pool: 'p1', origin: 'a', issuedAt: START / 1e6 - 5 };
    expect(lb.explain({ claim, location: at('LHR') }).map(line)).toEqual([
      'balancer www.example.com: chosen (enabled)',
      'location LHR: noted (known)',
      'rule never: not_matched (disabled)',
      'rule always: matched (condition)',
      'affinity p1/a: passed_over (pool_unavailable)',
      'candidates region_pools[WEU]: chosen (place)',
      'order geo: noted (policy_geo)',
      'pool p1: passed_over (pool_critical)',
      'pool p2: passed_over (pool_disabled)',
      'pool p3: chosen (policy_geo)',
      'pool p4: passed_over (pool_not_drawn)',
      'origin p3/a: chosen (random)',
      'origin p3/b: passed_over (origin_disabled)',
      'origin p3/c: passed_over (origin_weight_zero)',
      'origin p3/d: passed_over (origin_unhealthy)',
      'origin p3/e: passed_over (origin_unresolvable)',
      'answer p3/a: chosen (policy_geo)',
    ]);
  });

  it('says what a session was worth, and stops there when it is kept', () => {
    const lb = bench([pool('p1'), pool('fb')], { affinity: affinity({ kind: 'cookie' }) });
    const claim = { loadBalancer: 'lb', pool: 'p1', origin: 'a', issuedAt: START / 1e6 - 5 };
    expect(lb.explain({ claim }).map(line).slice(2)).toEqual([
      'affinity p1/a: chosen (kept)',
      'answer p1/a: chosen (affinity_cookie)',
    ]);
  });

  it('gives the figures behind the order: round-trip times, distances, weights, work under way', () => {
    const details = (lb: ReturnType<typeof bench>): unknown[] =>
      lb
        .explain()
        .filter((rung) => rung.step === 'pool')
        .map((rung) => rung.detail);
    const dynamic = bench([pool('p1'), pool('p2'), pool('fb')], { steeringPolicy: 'dynamic_latency' });
    dynamic.health.setRttMs('p2', 'WEU', 30);
    expect(details(dynamic)).toMatchObject([{ rtt_us: 30_000 }, { rtt: 'unknown' }]);
    const near = bench([pool('p1', { latitude: 48.86, longitude: 2.35 }), pool('p2'), pool('fb')], {
      steeringPolicy: 'proximity',
    });
    const [first] = details(near) as { distance_km: number }[];
    expect(first!.distance_km).toBe(352);
    const least = bench([pool('p1'), pool('p2'), pool('fb')], {
      steeringPolicy: 'least_connections',
      randomSteering: { defaultWeight: 1, poolWeights: new Map([[poolId('p1'), 0.5]]) },
    });
    least.load.connections.set('p1', 4);
    const told = least.explain().find((rung) => rung.step === 'pool' && rung.subject === 'p1');
    expect(told?.detail).toMatchObject({ weight: 0.5, under_way: 4 });
  });

  it('tells of the fallback pool and of nothing at all', () => {
    const lb = bench([pool('p1', { enabled: false }), pool('fb', { enabled: false })], { proxied: false });
    expect(lb.explain().map(line).slice(-3)).toEqual([
      'pool p1: passed_over (pool_disabled)',
      'fallback fb: passed_over (pool_disabled)',
      'answer none: chosen (nothing_may_serve)',
    ]);
  });

  it('tells of a failover: what was tried, and what comes next', () => {
    const lb = bench([pool('p1', { origins: ['a', 'b'] }), pool('p2'), pool('fb')], { failoverAcrossPools: true });
    const rungs: Rung[] = [];
    const first = lb.ask();
    const ladder = { add: (rung: Rung) => rungs.push(rung) };
    const next = steerAgain(
      lb.plan,
      requestOf(),
      lb.world,
      first,
      { status: 521, attempts: 1, replayable: true },
      ladder,
    );
    expect(rungs.map(line)).toContain(`origin ${lb.name(first)}: passed_over (origin_already_tried)`);
    expect(rungs.at(-1)).toMatchObject({ step: 'answer', subject: lb.name(next!), reason: 'zero_downtime_same_pool' });
  });

  it('names drawn pools in the order of the draw', () => {
    const shed = { loadShedding: { defaultPercent: 100, defaultPolicy: 'random', sessionPercent: 0 } as const };
    const lb = bench([pool('p1', shed), pool('p2', shed), pool('fb')], {
      steeringPolicy: 'random',
      defaultPools: ids('p1', 'p2'),
    });
    const told = lb.explain().map(line);
    expect(told).toContain('pool p1: passed_over (pool_shed)');
    expect(told).toContain('pool p2: passed_over (pool_shed)');
    expect(told.at(-1)).toBe('answer fb/a: chosen (fallback_pool)');
  });
});

describe('docs/explain.md', () => {
  const page = readFileSync(new URL('../../docs/explain.md', import.meta.url), 'utf8');
  const source = readFileSync(new URL('../../src/core/decision.ts', import.meta.url), 'utf8');

  it('has a line for every code of core/decision.ts, and none that does not exist', () => {
    const unions = source.slice(source.indexOf('export type Reason'), source.indexOf('export interface AffinityClaim'));
    const codes = [...unions.matchAll(/^ {2}\| '(\w+)'/gm)].map((match) => match[1]!);
    const steps = [...source.slice(source.indexOf('readonly step:')).matchAll(/^ {4}\| '(\w+)'/gm)].map(
      (match) => match[1]!,
    );
    expect(codes.length).toBeGreaterThan(30);
    expect(steps.length).toBe(11);
    const told = [...page.matchAll(/^- `(\w+)`/gm)].map((match) => match[1]!);
    expect([...new Set(told)].sort()).toEqual([...new Set([...codes, ...steps])].sort());
  });
});
