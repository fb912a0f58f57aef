import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { NO_RTT, RTT_STALE_US, smooth } from '../../src/health/rtt.ts';
import { US_PER_SECOND } from '../../src/core/time.ts';
import { Bench, EEU, PLACES, WEU, at, fail, model, monitor, origin, pool, popIndex, second } from './build.ts';

function sample(bench: Bench, code: string, rttUs: number, where: { origin?: number; member?: number } = {}): void {
  bench.now += 1;
  const outcome = { reason: 'no_failures', rttUs } as const;
  bench.board.record(0, where.origin ?? 0, popIndex(code), outcome, second(bench.now), where.member ?? 0);
}

describe('a run of samples', () => {
  it('LB-104 makes a weighted mean, not the last sample', () => {
    const run = [100_000, 100_000, 200_000].reduce(smooth, NO_RTT);
    expect(run).toBe(130_000);
    expect(smooth(130_000, 30_000)).toBe(100_000);
  });

  test.prop([fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1, maxLength: 50 })])(
    'LB-104 lies between the smallest and the largest, in whole µs',
    (samples) => {
      const mean = samples.reduce(smooth, NO_RTT);
      expect(Number.isInteger(mean)).toBe(true);
      expect(mean).toBeGreaterThanOrEqual(Math.min(...samples));
      expect(mean).toBeLessThanOrEqual(Math.max(...samples));
    },
  );
});

describe("a pool's round-trip time in a place", () => {
  it('LB-101 LB-103 is known in the region that probes, and nowhere else', () => {
    const bench = new Bench(model([pool('eu', ['a'], { checkRegions: [WEU, EEU] })]));
    expect(bench.board.rttUs(0, at('LHR'))).toBeUndefined();
    sample(bench, bench.centers().find((code) => PLACES.pops[popIndex(code)]!.regionIndex === 0)!, 40_000);
    expect(bench.board.rttUs(0, at('LHR'))).toBe(40_000);
    expect(bench.board.rttUs(0, at('WAW'))).toBeUndefined();
    expect(bench.board.rttUs(0, at('SIN'))).toBeUndefined();
    expect(bench.board.rttUs(0, at('THR'))).toBeUndefined();
  });

  it("is the mean over the region's data centers, then over enabled origins", () => {
    const bench = new Bench(model([pool('eu', ['a', 'b', origin('c', { enabled: false })])]));
    const [x, y] = bench.centers();
    sample(bench, x!, 10_000);
    sample(bench, y!, 30_000);
    sample(bench, x!, 80_000, { origin: 1 });
    sample(bench, x!, 999_000, { origin: 2 });
    expect(bench.board.rttUs(0, at('LHR'))).toBe(50_000);
  });

  it("is the PoP's own where every data center probes, and its region's where it has none", () => {
    const bench = new Bench(model([pool('eu', ['a'], { checkRegions: null })]));
    sample(bench, 'FRA', 10_000);
    sample(bench, 'CDG', 30_000);
    expect(bench.board.rttUs(0, at('FRA'))).toBe(10_000);
    expect(bench.board.rttUs(0, at('LHR'))).toBe(20_000);
    expect(bench.board.rttUs(0, at('SIN'))).toBeUndefined();
  });

  it('of a monitor group: the mean over members that vote', () => {
    const monitors = [monitor({ id: 'a' }), monitor({ id: 'b' }), monitor({ id: 'c' })];
    const members = monitors.map(({ id }, i) => ({
      monitor: id,
      enabled: true,
      monitoringOnly: i === 2,
      mustBeHealthy: false,
    }));
    const groups = [{ id: 'g', description: '', members }];
    const bench = new Bench(
      model([pool('eu', ['a'], { monitor: undefined, monitorGroup: 'g' })], monitors, { groups }),
    );
    const [x] = bench.centers();
    for (const [member, rttUs] of [10_000, 30_000, 900_000].entries()) sample(bench, x!, rttUs, { member });
    expect(bench.board.rttUs(0, at('LHR'))).toBe(20_000);
  });

  it('is not moved by a probe that failed, however fast the refusal came', () => {
    const bench = new Bench(model([pool('eu', ['a'])]));
    const [x] = bench.centers();
    sample(bench, x!, 10_000);
    bench.board.record(0, 0, popIndex(x!), { ...fail('response_code_mismatch'), rttUs: 1 }, second(bench.now));
    expect(bench.board.rttUs(0, at('LHR'))).toBe(10_000);
  });

  it('is counted in its own version, and verdicts in theirs', () => {
    const bench = new Bench(model([pool('eu', ['a'])]));
    bench.feed('.', { from: bench.centers() });
    const { version, rttVersion } = bench.board;
    sample(bench, bench.centers()[0]!, 90_000);
    expect(bench.board.version).toBe(version);
    expect(bench.board.rttVersion).toBeGreaterThan(rttVersion);
  });

  it('is forgotten when nothing new came for long', () => {
    const bench = new Bench(model([pool('eu', ['a'])]));
    sample(bench, bench.centers()[0]!, 10_000);
    const horizon = RTT_STALE_US / US_PER_SECOND;
    bench.board.wake(second(bench.now + horizon - 1));
    expect(bench.board.rttUs(0, at('LHR'))).toBe(10_000);
    bench.board.wake(second(bench.now + horizon));
    expect(bench.board.rttUs(0, at('LHR'))).toBeUndefined();
  });
});
