/** `--pace`: what is shortened, what is not, and what is said about it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCheck } from '../../src/checks/parse-check.ts';
import { judge } from '../../src/checks/judge.ts';
import { micros } from '../../src/core/time.ts';
import { press, pressCheck } from '../../src/drill/press.ts';
import { momentOf } from '../../src/replay/scenario.ts';
import { smallReport, at } from '../checks/small-report.ts';
import { prepared, pressed } from './stage.ts';

const SCENARIO = `
version: 1
name: everything that has a duration
config:
  version: 1
  load_balancers:
    - { name: www.example.com, proxied: true, default_pools: [one], fallback_pool: one, session_affinity: cookie, session_affinity_ttl: 3600, session_affinity_attributes: { drain_duration: 600 } }
    - { name: api.example.com, proxied: false, ttl: 120, default_pools: [one], fallback_pool: one }
    - { name: old.example.com, proxied: false, default_pools: [one], fallback_pool: one }
  pools:
    - { name: one, monitor: web, check_regions: [WEU], origins: [{ name: a, address: 192.0.2.1 }, { name: b, address: 192.0.2.2 }] }
  monitors:
    - { id: web, type: http, interval: 60, timeout: 5, retries: 1 }
  zones:
    - { name: example.com, soa: { min_ttl: 600 }, records: [{ name: '@', type: A, content: 192.0.2.9, ttl: 120 }] }
start: 2026-03-01T12:00:00Z
duration: 10m
world: { pops: [LHR], start_up: { edge: 800ms, memcached: 20ms }, origins: { '*': { latency: 30ms } }, railgun: { autoscale: { min: 2, replace_after: 100s } } }
traffic:
  - clients: { count: 10, host: www.example.com, rate: [{ at: +0s, rate: 10/s }, { at: +5m, rate: 20/s }], sessions: 10m, think: 30s }
  - clients: { count: 10, host: api.example.com, rate: 10/s, resolver_ttl: { min: 60s, max: 1h } }
timeline:
  - { at: '12:02', fault: flap, target: pool/one, down: 20s, up: 40s, for: 2m }
  - { at: +5m, fault: slow, target: pool/one, add: 500ms, for: 1m }
  - { at: +7m, set: { monitor/web: { interval: 30 }, load_balancer/api.example.com: { ttl: 60 } } }
stop_if: failed_requests > 20% for 30s
`;

describe('press', async () => {
  const { input, notes } = await pressed(SCENARIO, 10);
  const { scenario, model } = input;

  it('moves moments, spans and the end together, whatever way they are written', () => {
    expect(input.end - input.start).toBe(60e6);
    expect(scenario.timeline.map((event) => momentOf(event.moment, input.start) - input.start)).toEqual([
      12e6, 30e6, 42e6,
    ]);
    expect(scenario.timeline[0]).toMatchObject({ forUs: 12e6, parameters: { down: 2e6, up: 4e6 } });
    expect(scenario.world.railgun).toMatchObject({ replaceAfterUs: 10e6, expirationUs: 60e6 });
  });

  it('leaves latencies and rates as they are', () => {
    expect(scenario.timeline[1]).toMatchObject({ parameters: { add: 500_000 } });
    expect(scenario.world.origins.get('*')).toMatchObject({ latencyUs: 30_000 });
    expect(scenario.world.startUp).toEqual({ edge: 800_000, listener: 0, store: 20_000, origin: 0 });
    expect(scenario.traffic[0]).toMatchObject({ sessionUs: 60e6, thinkUs: 3e6, ramp: [{ rate: 10 }, { rate: 20 }] });
  });

  it('shortens what resolvers make of TTLs', () => {
    expect(scenario.traffic[1]).toMatchObject({ resolver: { kind: 'clamp', minUs: 6e6, maxUs: 360e6 } });
  });

  it('shortens the configuration below the public minima, defaults that nobody wrote included', () => {
    expect(model.monitors[0]).toMatchObject({ intervalSeconds: 6, timeoutSeconds: 1, retries: 1 });
    const [www, api, old] = model.loadBalancers;
    expect(www!.affinity).toMatchObject({ ttlSeconds: 360, drainSeconds: 60 });
    expect([api!.ttlSeconds, old!.ttlSeconds]).toEqual([12, 3]);
    expect(model.zones[0]!.soa.minimum).toBe(60);
  });

  it('shortens changes of the timeline, and works out their models again', () => {
    const [change] = input.changes;
    expect(change!.model.monitors[0]!.intervalSeconds).toBe(3);
    expect(change!.model.loadBalancers[1]!.ttlSeconds).toBe(6);
    expect(change!.at - input.start).toBe(42e6);
  });

  it('says what was rounded and what is not pressed', () => {
    expect(notes.join('\n')).toContain('monitor/web: timeout 5 s is 1 s, not 0.5 s');
    expect(notes.join('\n')).toContain('ttl of @ 120 s is 30 s, not 12 s');
    expect(notes.join('\n')).toContain('19 s');
  });

  it('presses stop conditions like checks', () => {
    expect(input.stops[0]!.check).toMatchObject({ forUs: 3e6, limit: { value: 20 } });
  });

  it('at pace 1 is the same input', async () => {
    const plain = await prepared(SCENARIO);
    expect(press(plain, 1)).toEqual({ ok: true, value: { input: plain, notes: [] } });
  });

  it('whole seconds stay whole and at least one, at any pace', async () => {
    const plain = await prepared(SCENARIO);
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 60 }), (pace) => {
        const result = press(plain, pace);
        expect(result.ok).toBe(true);
        if (!result.ok) return;
        const [monitor] = result.value.input.model.monitors;
        expect(monitor!.intervalSeconds).toBe(Math.max(1, Math.round(60 / pace)));
        expect(Number.isInteger(monitor!.timeoutSeconds) && monitor!.timeoutSeconds >= 1).toBe(true);
      }),
      { seed: 5, numRuns: 40 },
    );
  });
});

describe('checks of a pressed run', () => {
  const start = micros(at(0));
  const check = (text: string) => {
    const parsed = parseCheck(text);
    if (!parsed.ok) throw new Error(parsed.problem.message);
    return pressCheck(parsed.check, start, 10);
  };

  it.each([
    ['recovered within 90s of +3m', { limitUs: 9e6, of: { text: '+18000000us' } }],
    ['failed_requests < 0.5%', { limit: { value: 0.5 } }],
    [
      'failed_requests < 100 before +2m',
      { limit: { value: 10 }, window: { kind: 'before', to: { text: '+12000000us' } } },
    ],
    ['p99 < 250ms', { limit: { value: 250_000 } }],
    ['recovery_time < 90s', { limit: { value: 9e6 } }],
    ['peak(pool/us) < 1.5x', { limit: { value: 1.5 } }],
    ['flips(origin/eu/eu-1) <= 4', { limit: { value: 4 } }],
    ['failed_requests > 20% for 30s', { limit: { value: 20 }, forUs: 3e6 }],
    ['healthy(pool/eu) at +5m', { window: { kind: 'at', at: { text: '+30000000us' } } }],
  ])('%s', (text, expected) => {
    expect(check(text)).toMatchObject(expected);
  });

  it('can still be judged', () => {
    // Eu fails from +20 s to +40 s of this report: as a run of ten minutes pressed by 10, from 3:20 on.
    expect(judge(check('recovered within 150s of +200s'), smallReport())).toMatchObject({ pass: true, value: 14 });
  });
});
