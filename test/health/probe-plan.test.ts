import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import type { Pool } from '../../src/core/model.ts';
import { type Micros, US_PER_SECOND, micros } from '../../src/core/time.ts';
import { layOut } from '../../src/health/layout.ts';
import { FIRST_ROUND_US, type Probe, ProbePlan, settle } from '../../src/health/probe-plan.ts';
import { HealthBoard } from '../../src/health/view.ts';
import { PASS, PLACES, WEU, at, fail, model, monitor, origin, pool, popIndex, second } from './build.ts';

const START = second(1_000_000);

function planOf(pools: readonly Pool[], monitors = [monitor()], seed = 1): ProbePlan {
  return new ProbePlan(layOut(model(pools, monitors), PLACES), START, { seed });
}

/** Runs the plan for a while, answering every probe at once. */
function run(plan: ProbePlan, seconds: number, answer: (probe: Probe, now: Micros) => void): [number, Probe][] {
  const sent: [number, Probe][] = [];
  while (plan.nextAt < START + seconds * US_PER_SECOND) {
    const now = micros(plan.nextAt);
    const probe = plan.next(now);
    if (probe === undefined) continue;
    sent.push([now, probe]);
    answer(probe, now);
  }
  return sent;
}

describe('who is probed, and when', () => {
  it('each data center once per interval, at moments of its own, the first time within a second', () => {
    const plan = planOf([pool('eu', ['a'])]);
    const sent = run(plan, 301, (probe) => plan.result(probe, PASS));
    const byCenter = Map.groupBy(sent, ([, probe]) => probe.dataCenter);
    expect(byCenter.size).toBe(3);
    for (const probes of byCenter.values()) {
      const times = probes.map(([time]) => time);
      expect(times[0]! - START).toBeLessThan(FIRST_ROUND_US);
      const steps = times.slice(1).map((time, i) => time - times[i]!);
      expect(steps.slice(1)).toEqual(steps.slice(1).map(() => 60 * US_PER_SECOND));
      expect(probes).toHaveLength(6);
    }
    expect(new Set(sent.map(([time]) => time)).size).toBe(sent.length);
  });

  it('LB-141 nothing of a disabled pool, and no disabled origin', () => {
    const plan = planOf([pool('off', ['a'], { enabled: false }), pool('on', ['b', origin('c', { enabled: false })])]);
    expect(new Set(plan.probes.map((probe) => `${probe.pool} ${probe.origin}`))).toEqual(new Set(['1 0']));
  });

  it('LB-127 nothing where no monitor is attached', () => {
    const plan = planOf([pool('eu', ['a'], { monitor: undefined })]);
    expect([plan.nextAt, plan.next(START)]).toEqual([Infinity, undefined]);
  });

  it('an origin of weight 0 is probed all the same', () => {
    expect(planOf([pool('eu', [origin('a', { weight: 0 })])]).probes).toHaveLength(3);
  });

  it('every data center in use where check_regions is null', () => {
    expect(planOf([pool('eu', ['a'], { checkRegions: null })]).probes).toHaveLength(PLACES.pops.length);
  });

  it('ALL_REGIONS of the public service: three in each region', () => {
    expect(planOf([pool('eu', ['a'], { checkRegions: [...PLACES.regions] })]).probes).toHaveLength(3 + 3 + 2);
  });

  it('the same seed gives the same calendar, another seed another', () => {
    const times = (seed: number): number[] => {
      const plan = planOf([pool('eu', ['a', 'b'])], undefined, seed);
      return run(plan, 120, (probe) => plan.result(probe, PASS)).map(([time]) => time);
    };
    expect(times(1)).toEqual(times(1));
    expect(times(1)).not.toEqual(times(2));
  });

  it('data centers can be made to probe together', () => {
    const layout = layOut(model([pool('eu', ['a'])]), PLACES);
    const plan = new ProbePlan(layout, START, { seed: 1, dataCenters: 'together' });
    const sent = run(plan, 120, (probe) => plan.result(probe, PASS));
    expect(new Set(sent.map(([time]) => time)).size).toBe(sent.length / 3);
  });
});

describe('retries', () => {
  it('LB-128 retries 2: the third time-out fails the probe', () => {
    const plan = planOf([pool('eu', ['a'])], [monitor({ retries: 2 })]);
    const probe = plan.next(micros(plan.nextAt))!;
    const steps = [1, 2, 3].map(() => [probe.attempt, plan.result(probe, fail('http_timeout'))]);
    expect(steps).toEqual([
      [0, 'retry'],
      [1, 'retry'],
      [2, 'done'],
    ]);
  });

  it.each(['response_code_mismatch', 'response_body_mismatch', 'connection_reset', 'tcp_connection_failed'] as const)(
    'LB-129 %s fails the probe without a retry',
    (reason) => {
      const plan = planOf([pool('eu', ['a'])]);
      const probe = plan.next(micros(plan.nextAt))!;
      expect(plan.result(probe, fail(reason))).toBe('done');
    },
  );

  it('LB-128 a time-out that a retry makes good passes', () => {
    const layout = layOut(model([pool('eu', ['a'])]), PLACES);
    const board = new HealthBoard(layout);
    const plan = new ProbePlan(layout, START, { seed: 1 });
    for (let i = 0; i < 3; i += 1) {
      const now = micros(plan.nextAt);
      const probe = plan.next(now)!;
      expect(settle(plan, board, probe, fail('http_timeout'), now)).toBe('retry');
      expect(settle(plan, board, probe, PASS, now)).toBe('done');
    }
    expect(board.pool(0, at('LHR'))).toBe('healthy');
  });

  it('the next round begins with its first try', () => {
    const plan = planOf([pool('eu', ['a'])], [monitor({ retries: 0 })]);
    const sent = run(plan, 180, (probe) => {
      expect(probe.attempt).toBe(0);
      plan.result(probe, fail('http_timeout'));
    });
    expect(sent.length).toBeGreaterThan(6);
  });
});

describe('rounds left out', () => {
  it('a probe still under way is not doubled', () => {
    const plan = planOf([pool('eu', ['a'])]);
    const sent = run(plan, 200, () => {});
    expect(sent).toHaveLength(3);
    expect(plan.skipped).toBeGreaterThan(3);
    plan.result(sent[0]![1], PASS);
    expect(run(plan, 300, () => {}).map(([, probe]) => probe)).toEqual([sent[0]![1]]);
  });

  it('a data center that is out sends nothing until it is back', () => {
    const plan = planOf([pool('eu', ['a'])]);
    const gone = plan.probes[0]!.dataCenter;
    plan.setDataCenter(gone, false);
    const sent = run(plan, 120, (probe) => plan.result(probe, PASS));
    expect(sent.some(([, probe]) => probe.dataCenter === gone)).toBe(false);
    plan.setDataCenter(gone, true);
    expect(run(plan, 200, (probe) => plan.result(probe, PASS)).some(([, probe]) => probe.dataCenter === gone)).toBe(
      true,
    );
  });

  it('after a long sleep there is one late round, not many', () => {
    const plan = planOf([pool('eu', ['a'])]);
    run(plan, 100, (probe) => plan.result(probe, PASS));
    const woken = second(1_000_000 + 86_400);
    let sent = 0;
    while (plan.nextAt <= woken) {
      const probe = plan.next(woken);
      if (probe === undefined) continue;
      sent += 1;
      plan.result(probe, PASS);
    }
    expect(sent).toBeLessThanOrEqual(3);
  });
});

describe('a new configuration', () => {
  it('leaves the moments of known targets as they were, and probes new ones at once', () => {
    const old = planOf([pool('eu', ['a'])]);
    run(old, 10, (probe) => old.result(probe, PASS));
    const later = second(1_000_010);
    const layout = layOut(model([pool('new', ['z']), pool('eu', ['a', 'b'])]), PLACES);
    const plan = new ProbePlan(layout, later, { seed: 1, previous: old });
    const soon = plan.probes.filter(() => true).length;
    expect(soon).toBe(9);
    const early: Probe[] = [];
    while (plan.nextAt < later + FIRST_ROUND_US) {
      const probe = plan.next(micros(plan.nextAt));
      if (probe !== undefined) early.push(probe);
    }
    for (const [p, o] of [
      [0, 0],
      [1, 1],
    ]) {
      expect(early.filter((probe) => probe.pool === p && probe.origin === o).length).toBeGreaterThanOrEqual(3);
    }
    const oldMoments = (seconds: number): number[] =>
      run(old, seconds, (probe) => old.result(probe, PASS)).map(([time]) => time);
    const kept: number[] = [];
    while (plan.nextAt < START + 90 * US_PER_SECOND) {
      const now = micros(plan.nextAt);
      const probe = plan.next(now);
      if (probe !== undefined && probe.pool === 1 && probe.origin === 0) kept.push(now);
      if (probe !== undefined) plan.result(probe, PASS);
    }
    expect(kept).toEqual(oldMoments(90).filter((time) => time >= later + FIRST_ROUND_US));
  });

  it('keeps a withdrawn data center withdrawn', () => {
    const old = planOf([pool('eu', ['a'])]);
    const gone = old.probes[0]!.dataCenter;
    old.setDataCenter(gone, false);
    const plan = new ProbePlan(layOut(model([pool('eu', ['a', 'b'])]), PLACES), START, { seed: 1, previous: old });
    const sent = run(plan, 120, (probe) => plan.result(probe, PASS));
    expect(sent.some(([, probe]) => probe.dataCenter === gone)).toBe(false);
  });
});

describe('plan and board together', () => {
  test.prop([fc.integer({ min: 1, max: 3 }), fc.integer({ min: 10, max: 120 }), fc.boolean(), fc.nat()])(
    'after the warm-up an origin all of whose probes pass is healthy',
    (up, intervalSeconds, everywhere, seed) => {
      const checkRegions = everywhere ? null : [WEU];
      const layout = layOut(
        model([pool('eu', ['a', 'b'], { checkRegions })], [monitor({ consecutiveUp: up, intervalSeconds })]),
        PLACES,
      );
      const board = new HealthBoard(layout);
      const plan = new ProbePlan(layout, START, { seed });
      run(plan, plan.warmUpUs / US_PER_SECOND, (probe, now) => settle(plan, board, probe, PASS, now));
      for (const site of PLACES.pops) expect(board.pool(0, at(site.code))).toBe('healthy');
    },
  );

  it('a dead origin is found out within an interval and a bit', () => {
    const layout = layOut(model([pool('eu', ['a'])]), PLACES);
    const board = new HealthBoard(layout);
    const plan = new ProbePlan(layout, START, { seed: 7 });
    let detected = 0;
    run(plan, 400, (probe, now) => {
      const dead = now >= second(1_000_180);
      settle(plan, board, probe, dead ? fail() : PASS, now);
      if (detected === 0 && dead && board.pool(0, at('LHR')) === 'critical') detected = now;
    });
    expect(detected - second(1_000_180)).toBeLessThanOrEqual(60 * US_PER_SECOND);
    expect(detected).toBeGreaterThan(0);
    expect(popIndex('LHR')).toBeGreaterThan(0);
  });
});
