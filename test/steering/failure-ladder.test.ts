import { describe, expect, it } from 'vitest';
import { steerAgain } from '../../src/steering/failover.ts';
import { affinity, bench, origin, pool, requestOf } from './builders.ts';

const two = () => [pool('p1'), pool('p2'), pool('fb')];
const disabled = () => [pool('p1', { enabled: false }), pool('p2', { enabled: false }), pool('fb')];
const allDisabled = () => [pool('p1', { enabled: false }), pool('fb', { enabled: false })];

describe('fallback pool', () => {
  it.each([
    {
      name: 'LB-153 the only pool is unhealthy, and so is the fallback',
      pools: [pool('p1'), pool('fb')],
      down: ['p1', 'fb'],
    },
    { name: 'LB-154 all pools are unhealthy', pools: two(), down: ['p1', 'p2'] },
    { name: 'LB-155 all pools are disabled', pools: disabled(), down: [] },
    {
      name: 'LB-158 one disabled, one unhealthy',
      pools: [pool('p1', { enabled: false }), pool('p2'), pool('fb')],
      down: ['p2'],
    },
  ])('$name: it serves', ({ pools, down }) => {
    const lb = bench(pools);
    for (const id of down) lb.health.set(id, 'critical');
    expect(lb.to()).toBe('fallback fb/a');
  });

  it('LB-160 the fallback is also first in the list, everything is unhealthy: it serves', () => {
    const [p1, p2, fb] = two();
    const lb = bench([p1!, p2!, fb!], { defaultPools: [fb!.id, p1!.id, p2!.id] });
    lb.health.set('p1', 'critical').set('p2', 'critical').set('fb', 'critical').set('fb/a', 'unhealthy');
    expect(lb.to()).toBe('fallback fb/a');
  });

  it('LB-161 its server refuses: no failover, the error is for the client', () => {
    const lb = bench([pool('p1'), pool('fb', { origins: ['a', 'b'] })], { failoverAcrossPools: true });
    lb.health.set('p1', 'critical');
    const decision = lb.ask();
    expect(decision.kind).toBe('fallback');
    const failed = { status: 521, attempts: 1, replayable: true };
    expect(steerAgain(lb.plan, requestOf(), lb.world, decision, failed)).toBeUndefined();
  });

  it('LB-162 the decision and its ladder say fallback', () => {
    const lb = bench(two());
    lb.health.set('p1', 'critical').set('p2', 'critical');
    expect(lb.ask()).toMatchObject({ kind: 'fallback', because: 'fallback_pool' });
    expect(lb.explain().find((rung) => rung.step === 'fallback')).toMatchObject({ outcome: 'chosen', subject: 'fb' });
  });

  it('LB-164 no monitors, and no host name of any pool resolves: fallback', () => {
    const named = [origin('a', { address: 'p1.example.net' })];
    const lb = bench([pool('p1', { origins: named }), pool('fb')]);
    lb.names.broken.add('p1.example.net');
    expect(lb.to()).toBe('fallback fb/a');
  });

  it('LB-165 nor does the name of the fallback: nothing may serve', () => {
    const lb = bench([
      pool('p1', { enabled: false }),
      pool('fb', { origins: [origin('a', { address: 'fb.example.net' })] }),
    ]);
    lb.names.broken.add('fb.example.net');
    expect(lb.ask()).toEqual({ kind: 'none', because: 'nothing_may_serve' });
  });

  it('LB-166 all its endpoints are disabled: as if it were', () => {
    const lb = bench([pool('p1', { enabled: false }), pool('fb', { origins: [origin('a', { enabled: false })] })]);
    expect(lb.ask()).toEqual({ kind: 'none', because: 'nothing_may_serve' });
  });

  it('a draining endpoint of the fallback pool takes no new client', () => {
    const origins = ['a', origin('b', { enabled: false, disabledAt: 1_772_366_399_000_000 as never })];
    const lb = bench([pool('p1', { enabled: false }), pool('fb', { origins })], {
      affinity: affinity({ kind: 'cookie', drainSeconds: 3600 }),
    });
    for (let i = 0; i < 200; i += 1) expect(lb.to()).toBe('fallback fb/a');
  });

  it('it sheds nothing', () => {
    const loadShedding = { defaultPercent: 100, defaultPolicy: 'random', sessionPercent: 100 } as const;
    const lb = bench([pool('p1', { enabled: false }), pool('fb', { loadShedding })]);
    expect(lb.to()).toBe('fallback fb/a');
  });
});

describe('nothing may serve', () => {
  it.each([
    { name: 'LB-156 all disabled, DNS-only: SOA', proxied: false, answer: 'SOA' },
    { name: 'LB-157 all disabled, proxied: 530 with 1016', proxied: true, answer: '530 with 1016' },
  ])('$name', ({ proxied, answer }) => {
    const lb = bench(allDisabled(), { proxied });
    expect(lb.ask()).toEqual({ kind: 'none', because: 'nothing_may_serve' });
    expect(lb.explain().at(-1)).toMatchObject({ step: 'answer', detail: { answer } });
  });

  it('LB-159 all unhealthy, fallback disabled, DNS-only: SOA', () => {
    const lb = bench([pool('p1'), pool('fb', { enabled: false })], { proxied: false });
    lb.health.set('p1', 'critical');
    expect(lb.ask()).toEqual({ kind: 'none', because: 'nothing_may_serve' });
  });
});

describe('disabled balancer', () => {
  it('LB-050 neither origins nor fallback', () => {
    expect(bench(two(), { enabled: false }).ask()).toEqual({ kind: 'records', because: 'balancer_disabled' });
  });

  it('LB-163 all pools healthy: no pool reached', () => {
    const lb = bench(two(), { enabled: false });
    lb.health.set('p1', 'healthy').set('p2', 'healthy').set('fb', 'healthy');
    expect(lb.ask()).toEqual({ kind: 'records', because: 'balancer_disabled' });
  });
});

describe('load shedding', () => {
  const shed = (defaultPercent: number, defaultPolicy: 'random' | 'hash' = 'random', sessionPercent = 0) => ({
    loadShedding: { defaultPercent, defaultPolicy, sessionPercent },
  });

  it('LB-197 20 % by chance', () => {
    const lb = bench([pool('p1', shed(20)), pool('p2'), pool('fb')]);
    let skipped = 0;
    for (let i = 0; i < 10_000; i += 1) if (lb.to() === 'p2/a') skipped += 1;
    expect(Math.abs(skipped - 2000)).toBeLessThan(4 * Math.sqrt(10_000 * 0.2 * 0.8));
  });

  it('LB-198 by hash: one address always or never, and about the share of all', () => {
    const lb = bench([pool('p1', shed(20, 'hash')), pool('p2'), pool('fb')]);
    let skipped = 0;
    for (let i = 0; i < 10_000; i += 1) {
      const clientAddress = `10.0.${i >> 8}.${i & 255}`;
      const to = lb.to({ clientAddress });
      expect(lb.to({ clientAddress })).toBe(to);
      if (to === 'p2/a') skipped += 1;
    }
    expect(Math.abs(skipped - 2000)).toBeLessThan(4 * Math.sqrt(10_000 * 0.2 * 0.8));
  });

  it('each pair of address and pool is judged by itself', () => {
    const lb = bench([pool('p1', shed(50, 'hash')), pool('p2', shed(50, 'hash')), pool('fb')]);
    const got: Record<string, number> = {};
    for (let i = 0; i < 8000; i += 1) {
      const to = lb.to({ clientAddress: `10.1.${i >> 8}.${i & 255}` });
      got[to] = (got[to] ?? 0) + 1;
    }
    for (const [to, share] of Object.entries({ 'p1/a': 0.5, 'p2/a': 0.25, 'fallback fb/a': 0.25 })) {
      expect(Math.abs(got[to]! / 8000 - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / 8000));
    }
  });

  it('LB-199 session_percent 0: live sessions stay whatever default_percent says', () => {
    const lb = bench([pool('p1', shed(100)), pool('p2'), pool('fb')], { affinity: affinity({ kind: 'cookie' }) });
    const claim = { loadBalancer: 'lb', pool: 'p1', origin: 'a', issuedAt: 1_772_366_300 };
    for (let i = 0; i < 500; i += 1) expect(lb.to({ claim, clientAddress: `10.2.0.${i}` })).toBe('p1/a');
    expect(lb.to()).toBe('p2/a');
  });

  it('session_percent breaks that share of sessions, by address', () => {
    const lb = bench([pool('p1', shed(0, 'random', 30)), pool('p2'), pool('fb')], {
      affinity: affinity({ kind: 'cookie' }),
    });
    const claim = { loadBalancer: 'lb', pool: 'p1', origin: 'a', issuedAt: 1_772_366_300 };
    let shedCount = 0;
    for (let i = 0; i < 5000; i += 1) {
      const decision = lb.ask({ claim, clientAddress: `10.3.${i >> 8}.${i & 255}` });
      if (decision.kind === 'origin' && decision.affinity === 'shed') shedCount += 1;
    }
    expect(Math.abs(shedCount / 5000 - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / 5000));
  });

  it('LB-200 all pools shed everything: fallback', () => {
    expect(bench([pool('p1', shed(100)), pool('p2', shed(100)), pool('fb', shed(100))]).to()).toBe('fallback fb/a');
  });

  it('LB-201 without load_shedding nothing is shed', () => {
    const lb = bench(two());
    for (let i = 0; i < 1000; i += 1) expect(lb.to({ clientAddress: `10.4.${i >> 8}.${i & 255}` })).toBe('p1/a');
  });

  it('a drawn policy draws again from what is left', () => {
    const lb = bench([pool('p1', shed(100)), pool('p2'), pool('p3'), pool('fb')], { steeringPolicy: 'random' });
    const got = new Set(Array.from({ length: 200 }, () => lb.to()));
    expect([...got].sort()).toEqual(['p2/a', 'p3/a']);
  });
});
