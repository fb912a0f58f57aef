import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import type { Location } from '../../src/core/location.ts';
import type { Pool } from '../../src/core/model.ts';
import { describeDataCenters, describeOrigin, describePool } from '../../src/health/describe.ts';
import { STALE_AFTER_INTERVALS } from '../../src/health/view.ts';
import { Bench, EEU, PLACES, SEAS, WEU, at, fail, model, monitor, origin, pool, popIndex, second } from './build.ts';

const EVERYWHERE = PLACES.pops.map((site) => site.code);
const ALL = [WEU, EEU, SEAS];
const REGIONAL: Pick<Pool, 'healthSources'> = { healthSources: ['regional', 'global'] };

describe('before and without probes', () => {
  it('LB-126 a monitor is attached and no result came yet: the pool is down, and told apart from unhealthy', () => {
    const { board } = new Bench(model([pool('eu', ['a'])]));
    expect(board.pool(0, at('LHR'))).toBe('unprobed');
    expect(board.origin(0, 0, at('LHR'))).toBe('unprobed');
    expect(describeOrigin(board, 0, 0, at('LHR'))).toMatchObject({
      state: 'unprobed',
      reason: 'no_result',
      since: undefined,
    });
  });

  it('LB-127 no monitor: health is not considered', () => {
    const { board } = new Bench(model([pool('eu', ['a'], { monitor: undefined })]));
    expect(board.pool(0, at('LHR'))).toBe('unmonitored');
    expect(board.origin(0, 0, at('LHR'))).toBe('unmonitored');
    expect(describePool(board, 0, undefined)).toMatchObject({ state: 'unmonitored', reason: 'no_monitor' });
  });

  it('a region without a result is not known, not bad', () => {
    const bench = new Bench(model([pool('eu', ['a'])]));
    const [first, second_] = bench.centers();
    bench.feed('.', { from: first! });
    expect(bench.board.pool(0, at('LHR'))).toBe('unprobed');
    bench.feed('x', { from: second_! });
    expect(bench.board.pool(0, at('LHR'))).toBe('unprobed');
  });
});

describe('from data centers to the world', () => {
  it('LB-137 two of three data centers of the only region say healthy', () => {
    const bench = new Bench(model([pool('eu', ['a'])]));
    const [a, b, c] = bench.centers();
    expect(bench.centers()).toHaveLength(3);
    bench.feed('.', { from: [a!, b!] });
    bench.feed('x', { from: c! });
    expect(bench.board.origin(0, 0, at('LHR'))).toBe('healthy');
    bench.feed('x', { from: b! });
    expect(bench.board.origin(0, 0, at('LHR'))).toBe('unhealthy');
  });

  it('LB-138 one region of three says healthy', () => {
    const bench = new Bench(model([pool('eu', ['a'], { checkRegions: ALL })]));
    bench.feed('.', { from: bench.centers() });
    expect(bench.board.origin(0, 0, at('LHR'))).toBe('healthy');
    for (const region of [1, 2]) {
      bench.feed('x', { from: bench.centers().filter((code) => PLACES.pops[popIndex(code)]!.regionIndex === region) });
    }
    expect(bench.board.origin(0, 0, at('LHR'))).toBe('unhealthy');
    expect(bench.board.origin(0, 0, at('SIN'))).toBe('unhealthy');
  });

  it('a region weighs as much as another, however many data centers it has', () => {
    const bench = new Bench(model([pool('eu', ['a'], { checkRegions: ALL })]));
    bench.feed('.', { from: bench.centers() });
    // SEAS has two data centers: one failing is an even split there, which is no majority.
    bench.feed('x', { from: 'SIN' });
    expect(bench.board.origin(0, 0, at('SIN'))).toBe('healthy');
    const eeu = bench.centers().filter((code) => PLACES.pops[popIndex(code)]!.regionIndex === 1);
    bench.feed('x', { from: eeu.slice(0, 2) });
    expect(bench.board.origin(0, 0, at('SIN'))).toBe('unhealthy');
  });

  it('where every data center probes, the world is the majority of data centers', () => {
    const bench = new Bench(model([pool('eu', ['a'], { checkRegions: null })]));
    bench.feed('.', { from: EVERYWHERE });
    bench.feed('x', { from: EVERYWHERE.slice(0, 4) });
    expect(describeOrigin(bench.board, 0, 0, undefined)).toMatchObject({
      state: 'healthy',
      votes: { healthy: 6, unhealthy: 4, unprobed: 0 },
    });
    bench.feed('x', { from: EVERYWHERE[4]! });
    expect(describeOrigin(bench.board, 0, 0, undefined).state).toBe('unhealthy');
  });
});

describe('what a PoP goes by', () => {
  it('LB-142 every data center probes and only FRA fails: FRA steers away, the others do not', () => {
    const bench = new Bench(model([pool('eu', ['a'], { checkRegions: null })]));
    bench.feed('.', { from: EVERYWHERE });
    bench.feed('x', { from: 'FRA' });
    expect(bench.board.pool(0, at('FRA'))).toBe('critical');
    for (const code of EVERYWHERE.filter((each) => each !== 'FRA')) {
      expect(bench.board.pool(0, at(code)), code).toBe('healthy');
    }
  });

  it('LB-142 a PoP that does not probe goes by the world', () => {
    const inUse = [popIndex('FRA'), popIndex('LHR'), popIndex('SIN')];
    const bench = new Bench(model([pool('eu', ['a'], { checkRegions: null })]), { ...PLACES, inUse });
    bench.feed('.', { from: ['FRA', 'LHR', 'SIN'] });
    bench.feed('x', { from: 'FRA' });
    expect(bench.board.pool(0, at('CDG'))).toBe('healthy');
  });

  it('LB-143 health_sources regional: a region that alone fails steers away alone', () => {
    const bench = new Bench(model([pool('eu', ['a'], { checkRegions: ALL, ...REGIONAL })]));
    bench.feed('.', { from: bench.centers() });
    bench.feed('x', { from: bench.centers().filter((code) => PLACES.pops[popIndex(code)]!.regionIndex === 1) });
    expect(bench.board.pool(0, at('WAW'))).toBe('critical');
    expect(bench.board.pool(0, at('LHR'))).toBe('healthy');
    expect(bench.board.pool(0, at('SIN'))).toBe('healthy');
  });

  it('LB-143 health_sources null with check regions: all go by the world', () => {
    const bench = new Bench(model([pool('eu', ['a'], { checkRegions: ALL })]));
    bench.feed('.', { from: bench.centers() });
    bench.feed('x', { from: bench.centers().filter((code) => PLACES.pops[popIndex(code)]!.regionIndex === 1) });
    expect(bench.board.pool(0, at('WAW'))).toBe('healthy');
  });

  it('LB-144 a region that is not checked, and a PoP without a region, go by the world', () => {
    const bench = new Bench(model([pool('eu', ['a'], { checkRegions: [WEU, EEU], ...REGIONAL })]));
    bench.feed('.', { from: bench.centers() });
    bench.feed('x', { from: bench.centers().filter((code) => PLACES.pops[popIndex(code)]!.regionIndex === 1) });
    expect(bench.board.pool(0, at('LHR'))).toBe('healthy');
    expect(bench.board.pool(0, at('SIN'))).toBe('critical');
    expect(bench.board.pool(0, at('THR'))).toBe('critical');
  });

  it('LB-144 a region whose results are out of date goes by the world, until the next result', () => {
    const bench = new Bench(
      model([pool('eu', ['a'], { checkRegions: ALL, ...REGIONAL })], [monitor({ intervalSeconds: 60 })]),
    );
    const eeu = bench.centers().filter((code) => PLACES.pops[popIndex(code)]!.regionIndex === 1);
    const others = bench.centers().filter((code) => !eeu.includes(code));
    bench.feed('.', { from: others });
    bench.feed('x', { from: eeu });
    const lastResult = bench.now;
    expect(bench.board.pool(0, at('WAW'))).toBe('critical');

    bench.now = lastResult + STALE_AFTER_INTERVALS * 60 - 2;
    bench.feed('.', { from: others });
    bench.board.wake(second(bench.now));
    expect(bench.board.pool(0, at('WAW'))).toBe('critical');

    const version = bench.board.version;
    bench.board.wake(second(lastResult + STALE_AFTER_INTERVALS * 60));
    expect(bench.board.pool(0, at('WAW'))).toBe('healthy');
    expect(describeOrigin(bench.board, 0, 0, at('WAW')).decidedBy).toBe('global');
    for (const [code, region] of [
      ['LHR', 'WEU'],
      ['SIN', 'SEAS'],
    ]) {
      expect(describeOrigin(bench.board, 0, 0, at(code!)).decidedBy).toBe(region);
    }
    expect(bench.board.version).toBeGreaterThan(version);

    bench.now = lastResult + 400;
    bench.feed('x', { from: eeu[0]! });
    expect(bench.board.pool(0, at('WAW'))).toBe('critical');
  });

  it('tells when to be woken, and is quiet when nothing can go out of date', () => {
    const bench = new Bench(model([pool('eu', ['a'], { checkRegions: ALL, ...REGIONAL })]));
    expect(bench.board.wakeAt()).toBeUndefined();
    bench.feed('x', { from: bench.centers() });
    let wakes = 0;
    for (let due = bench.board.wakeAt(); due !== undefined; due = bench.board.wakeAt()) {
      bench.board.wake(due);
      wakes += 1;
    }
    expect(wakes).toBeGreaterThan(0);
    expect(describeOrigin(bench.board, 0, 0, at('LHR')).decidedBy).toBe('global');
  });
});

describe('pools', () => {
  it('LB-139 LB-140 minimum_origins 2 of three: one down degrades, two down are critical', () => {
    const bench = new Bench(model([pool('eu', ['a', 'b', 'c'], { minimumOrigins: 2 })]));
    for (const index of [0, 1, 2]) bench.feed('.', { origin: index, from: bench.centers() });
    expect(bench.board.pool(0, at('LHR'))).toBe('healthy');
    bench.feed('x', { origin: 0, from: bench.centers() });
    expect(bench.board.pool(0, at('LHR'))).toBe('degraded');
    bench.feed('x', { origin: 2, from: bench.centers() });
    expect(bench.board.pool(0, at('LHR'))).toBe('critical');
    expect(describePool(bench.board, 0, undefined)).toMatchObject({
      state: 'critical',
      reason: 'tcp_connection_failed',
      reasonText: 'TCP connection failed',
      minimumOrigins: 2,
      origins: { healthy: 1, unhealthy: 2, unprobed: 0 },
    });
  });

  it('a disabled origin does not count', () => {
    const bench = new Bench(model([pool('eu', ['a', origin('b', { enabled: false })])]));
    bench.feed('.', { origin: 0, from: bench.centers() });
    expect(bench.board.pool(0, at('LHR'))).toBe('healthy');
  });
});

describe('changes', () => {
  it('LB-148 a change of state is told once, and no change is not told', () => {
    const bench = new Bench(model([pool('eu', ['a'])]));
    bench.feed('....', { from: bench.centers() });
    bench.feed('xxxx', { from: bench.centers() });
    bench.feed('.', { from: bench.centers() });
    expect(bench.told()).toEqual([
      'origin eu/a global: unprobed > healthy',
      'pool eu global: unprobed > healthy',
      'origin eu/a global: healthy > unhealthy',
      'pool eu global: healthy > critical',
      'origin eu/a global: unhealthy > healthy',
      'pool eu global: critical > healthy',
    ]);
    expect(bench.events[2]).toMatchObject({ at: second(1005), reason: 'tcp_connection_failed' });
  });

  it('LB-148 a change that one place alone sees is told with its place, and not at all when not wanted', () => {
    for (const placeEvents of [true, false]) {
      const bench = new Bench(model([pool('eu', ['a'], { checkRegions: null })]), PLACES, { placeEvents });
      bench.feed('.', { from: EVERYWHERE });
      bench.events.length = 0;
      bench.feed('x', { from: 'FRA' });
      expect(bench.told()).toEqual(
        placeEvents ? ['origin eu/a FRA: healthy > unhealthy', 'pool eu FRA: healthy > critical'] : [],
      );
    }
  });

  it('LB-257 answers change when the result is in, not before', () => {
    const bench = new Bench(model([pool('eu', ['a'])]));
    bench.feed('.', { from: bench.centers() });
    const before = bench.board.version;
    const [a, b] = bench.centers();
    bench.feed('x', { from: a! });
    expect([bench.board.version, bench.board.pool(0, at('LHR'))]).toEqual([before, 'healthy']);
    bench.feed('x', { from: b! });
    expect(bench.board.version).toBeGreaterThan(before);
    expect(bench.board.pool(0, at('LHR'))).toBe('critical');
  });

  it('results that only confirm leave the version as it is', () => {
    const bench = new Bench(model([pool('eu', ['a'], { checkRegions: null })]));
    bench.feed('.', { from: EVERYWHERE });
    const before = bench.board.version;
    bench.feed('......', { from: EVERYWHERE });
    expect(bench.board.version).toBe(before);
  });
});

describe('what is known is shown', () => {
  it('with its reason, since when, and the streak', () => {
    const bench = new Bench(model([pool('eu', ['a'])], [monitor({ consecutiveDown: 2 })]));
    const [a, b, c] = bench.centers();
    bench.feed('.', { from: [a!, b!, c!] });
    for (const reason of ['http_timeout', 'response_code_mismatch', 'response_code_mismatch'] as const) {
      bench.now += 10;
      for (const code of [a!, b!]) bench.board.record(0, 0, popIndex(code), fail(reason), second(bench.now));
    }
    expect(describeOrigin(bench.board, 0, 0, at('LHR'))).toEqual({
      state: 'unhealthy',
      reason: 'response_code_mismatch',
      reasonText: 'Response code mismatch error',
      since: second(1021),
      streak: -3,
      decidedBy: 'global',
      votes: { healthy: 0, unhealthy: 1, unprobed: 0 },
    });
    const rows = describeDataCenters(bench.board, 0, 0);
    expect(rows.map((row) => [row.dataCenter, row.region, row.state, row.streak])).toEqual([
      [a, 'WEU', 'unhealthy', -3],
      [b, 'WEU', 'unhealthy', -3],
      [c, 'WEU', 'healthy', 1],
    ]);
    expect(rows[2]).toMatchObject({
      reason: 'no_failures',
      reasonText: 'No failures',
      rttUs: 20_000,
      lastAt: second(1001),
    });
  });
});

describe("an operator's hand", () => {
  it('takes an origin out everywhere and puts it back', () => {
    const bench = new Bench(model([pool('eu', ['a', 'b'])]));
    for (const index of [0, 1]) bench.feed('.', { origin: index, from: bench.centers() });
    bench.events.length = 0;
    bench.board.setVerdict(0, 1, 'unhealthy', second(2000));
    expect(bench.board.origin(0, 1, at('SIN'))).toBe('unhealthy');
    expect(bench.board.pool(0, at('SIN'))).toBe('degraded');
    expect(describeOrigin(bench.board, 0, 1, at('SIN')).reason).toBe('set_by_operator');
    bench.feed('.', { origin: 1, from: bench.centers() });
    expect(bench.board.origin(0, 1, at('SIN'))).toBe('unhealthy');
    bench.board.setVerdict(0, 1, undefined, second(3000));
    expect(bench.board.pool(0, at('SIN'))).toBe('healthy');
    expect(bench.told()).toEqual([
      'origin eu/b global: healthy > unhealthy',
      'pool eu global: healthy > degraded',
      'origin eu/b global: unhealthy > healthy',
      'pool eu global: degraded > healthy',
    ]);
  });

  it('calls an origin healthy that all probes refuse', () => {
    const bench = new Bench(model([pool('eu', ['a'])]));
    bench.feed('x', { from: bench.centers() });
    bench.board.setVerdict(0, 0, 'healthy', second(2000));
    expect(bench.board.pool(0, at('LHR'))).toBe('healthy');
  });

  it('takes out an origin of a pool without a monitor', () => {
    const bench = new Bench(model([pool('eu', ['a', 'b'], { monitor: undefined })]));
    bench.board.setVerdict(0, 0, 'unhealthy', second(2000));
    expect(bench.board.pool(0, at('LHR'))).toBe('degraded');
    expect([0, 1].map((index) => bench.board.origin(0, index, at('LHR')))).toEqual(['unhealthy', 'unmonitored']);
    bench.board.setVerdict(0, 0, undefined, second(2001));
    expect(bench.board.pool(0, at('LHR'))).toBe('unmonitored');
  });

  it('takes out a whole pool', () => {
    const bench = new Bench(model([pool('eu', ['a'])]));
    bench.feed('.', { from: bench.centers() });
    bench.board.setPoolVerdict(0, 'critical', second(2000));
    expect(bench.board.pool(0, at('LHR'))).toBe('critical');
    expect(describePool(bench.board, 0, at('LHR')).reason).toBe('set_by_operator');
    bench.board.setPoolVerdict(0, undefined, second(2001));
    expect(bench.board.pool(0, at('LHR'))).toBe('healthy');
  });
});

/** Everything that steering can ask. */
function answers(bench: Bench): string {
  return PLACES.pops
    .map((site) => {
      const from: Location = at(site.code);
      return bench.layout.pools
        .map(({ pool: each }, p) => [
          bench.board.pool(p, from),
          ...each.origins.map((_, o) => bench.board.origin(p, o, from)),
        ])
        .join();
    })
    .join(';');
}

const steps = fc.array(
  fc.record({
    pool: fc.integer({ min: 0, max: 3 }),
    origin: fc.integer({ min: 0, max: 1 }),
    member: fc.nat(),
    center: fc.nat(),
    passed: fc.boolean(),
    wait: fc.integer({ min: 0, max: 120 }),
  }),
  { minLength: 1, maxLength: 250 },
);

/** One pool of every kind. THR probes nothing, so that somebody always asks for the world's opinion. */
function zoo(): Bench {
  const monitors = [
    monitor({ id: 'm', consecutiveDown: 2, consecutiveUp: 2 }),
    monitor({ id: 'n', intervalSeconds: 30 }),
    monitor({ id: 'o' }),
  ];
  const members = monitors.map(({ id }, i) => ({
    monitor: id,
    enabled: true,
    monitoringOnly: i === 2,
    mustBeHealthy: i === 1,
  }));
  const groups = [{ id: 'g', description: '', members }];
  const pools = [
    pool('world', ['a', 'b'], { checkRegions: ALL }),
    pool('regional', ['a', 'b'], { checkRegions: [WEU, EEU], ...REGIONAL }),
    pool('local', ['a', 'b'], { checkRegions: null, minimumOrigins: 2 }),
    pool('group', ['a', 'b'], { checkRegions: [SEAS], monitor: undefined, monitorGroup: 'g' }),
  ];
  const inUse = PLACES.inUse.filter((pop) => pop !== popIndex('THR'));
  return new Bench(model(pools, monitors, { groups }), { ...PLACES, inUse });
}

function play(
  bench: Bench,
  list: readonly { pool: number; origin: number; member: number; center: number; passed: boolean; wait: number }[],
): void {
  for (const step of list) {
    const { electorate, members } = bench.layout.pools[step.pool]!;
    bench.now += step.wait;
    bench.board.wake(second(bench.now));
    bench.board.record(
      step.pool,
      step.origin,
      electorate.slots[step.center % electorate.slots.length]!,
      step.passed ? { reason: 'no_failures', rttUs: 1000 } : fail(),
      second(bench.now),
      step.member % members.length,
    );
  }
}

describe('for any results in any order', () => {
  test.prop([steps])(
    'as long as the version stands, every answer stands; and it moves only when one changed',
    (list) => {
      const bench = zoo();
      let version = bench.board.version;
      let known = answers(bench);
      for (const step of list) {
        play(bench, [step]);
        const now = answers(bench);
        expect(bench.board.version !== version).toBe(now !== known);
        version = bench.board.version;
        known = now;
      }
    },
  );

  test.prop([steps])('events tell every change: replayed from unprobed they end in the state of the world', (list) => {
    const bench = zoo();
    play(bench, list);
    for (const [p, { pool: each }] of bench.layout.pools.entries()) {
      const last = bench.events.findLast((e) => e.scope === 'pool' && e.pool === each.id && e.where === 'global');
      expect(last?.to ?? 'unprobed').toBe(bench.board.worldPool(p));
    }
    for (const event of bench.events) expect(event.from).not.toBe(event.to);
  });

  test.prop([steps])(
    'an origin all of whose probes pass is healthy after the needed passes, whatever came before',
    (list) => {
      const bench = zoo();
      play(bench, list);
      for (const [p, { pool: each, members }] of bench.layout.pools.entries()) {
        for (const o of each.origins.keys()) {
          for (const m of members.keys()) bench.feed('..', { pool: p, origin: o, from: bench.centers(p), member: m });
        }
      }
      for (const site of PLACES.pops) {
        for (const p of bench.layout.pools.keys()) expect(bench.board.pool(p, at(site.code))).toBe('healthy');
      }
    },
  );
});
