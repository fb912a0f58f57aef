/** What counts: histogram, ledger, and the story told from the counts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Placement, Series } from '../../src/core/report.ts';
import { capacityAlarms, capacityRows, steeringShifts } from '../../src/replay/after-run.ts';
import { Histogram } from '../../src/replay/histogram.ts';
import { Ledger, bucketWidthUs } from '../../src/replay/ledger.ts';
import { SimOrigin } from '../../src/sim/origin.ts';
import { seededRandom } from '../../src/core/random.ts';
import { modelOf } from './model.ts';

const S = 1_000_000;

describe('histogram', () => {
  const latencies = fc.array(fc.oneof(fc.nat(100), fc.nat(100_000), fc.nat(0x7fffffff)), {
    minLength: 1,
    maxLength: 400,
  });

  it('every quantile is at or above the exact one, by at most a thirty-second part', () => {
    fc.assert(
      fc.property(latencies, fc.constantFrom(0.01, 0.5, 0.9, 0.99, 0.999, 1), (values, share) => {
        const histogram = new Histogram();
        for (const value of values) histogram.add(value);
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(share * sorted.length - 1e-9) - 1)]!;
        const found = histogram.quantile(share);
        expect(found).toBeGreaterThanOrEqual(exact);
        expect(found).toBeLessThanOrEqual(exact * (1 + 1 / 32) + 1);
      }),
    );
  });

  it('two that were filled apart are one that was filled together', () => {
    fc.assert(
      fc.property(latencies, latencies, (one, other) => {
        const [a, b, both] = [new Histogram(), new Histogram(), new Histogram()];
        for (const value of one) a.add(value);
        for (const value of other) b.add(value);
        for (const value of [...one, ...other]) both.add(value);
        a.addAll(b);
        for (const share of [0, 0.1, 0.5, 0.99, 1]) expect(a.quantile(share)).toBe(both.quantile(share));
        expect([a.total, a.max]).toEqual([both.total, both.max]);
      }),
    );
  });

  it('empty, it says nothing; beyond its range it says its greatest', () => {
    const histogram = new Histogram();
    expect(histogram.quantile(0.5)).toBe(0);
    histogram.add(1e12);
    expect(histogram.quantile(0.5)).toBe(0x7fffffff);
    histogram.clear();
    expect([histogram.total, histogram.max, histogram.quantile(1)]).toEqual([0, 0, 0]);
  });
});

describe('ledger', () => {
  it.each([
    [60, 1],
    [3_600, 1],
    [3_601, 2],
    [86_400, 30],
    [366 * 86_400, 14_400],
  ])('a run of %i s has buckets of %i s', (duration, width) => {
    expect(bucketWidthUs(duration * S)).toBe(width * S);
  });

  it('every request is in one bucket, one region, one pool and one phase', () => {
    const request = fc.record({
      at: fc.nat(99 * S),
      lasts: fc.nat(30 * S),
      region: fc.nat(1),
      pool: fc.integer({ min: -1, max: 1 }),
      failed: fc.boolean(),
      fallback: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 200 }), (requests) => {
        const ledger = new Ledger({
          startUs: 0,
          endUs: 100 * S,
          bucketUs: 10 * S,
          regions: ['WEU', 'none'],
          pools: ['one', 'two'],
          origins: 2,
          phaseEnds: [30 * S, 60 * S, 100 * S],
        });
        for (const { at, lasts, region, pool, failed, fallback } of requests) {
          if (!failed) ledger.served(at + lasts, lasts);
          ledger.finished(at, ledger.bucketOf(at), region, pool, failed, fallback);
        }
        const series = ledger.series();
        const { counts, failed } = ledger.placement();
        for (let bucket = 0; bucket < 10; bucket += 1) {
          const mine = requests.filter(({ at }) => Math.floor(at / (10 * S)) === bucket);
          expect(series.requests[bucket]).toBe(mine.length);
          expect(series.failed[bucket]).toBe(mine.filter((one) => one.failed).length);
          expect(series.fallback[bucket]).toBe(mine.filter((one) => one.fallback).length);
          for (const pool of [-1, 0, 1]) {
            const column = pool < 0 ? 2 : pool;
            expect(series.poolRequests[column]![bucket]).toBe(mine.filter((one) => one.pool === pool).length);
          }
        }
        for (const [phase, [from, to]] of [
          [0, 30],
          [30, 60],
          [60, 100],
        ].entries()) {
          const mine = requests.filter(({ at }) => at >= from! * S && at < to! * S);
          expect(counts[phase]!.flat().reduce((a, b) => a + b, 0)).toBe(mine.length);
          expect(failed[phase]!.flat().reduce((a, b) => a + b, 0)).toBe(mine.filter((one) => one.failed).length);
        }
        const served = requests.filter((one) => !one.failed).map(({ lasts }) => lasts);
        expect(ledger.latencySummary().maxUs).toBe(Math.max(0, ...served));
      }),
      { numRuns: 50 },
    );
  });
});

/** One region, pools by the rows of counts per bucket. */
function seriesOf(rows: readonly (readonly number[])[]): { series: Series; placement: Placement } {
  const buckets = rows[0]!.length;
  const requests = Array.from({ length: buckets }, (_, at) => rows.reduce((sum, row) => sum + row[at]!, 0));
  const none = new Array<number>(buckets).fill(0);
  const series = {
    startUs: 0,
    bucketUs: S,
    buckets,
    requests,
    regionRequests: [requests],
    regionPool: [[...rows, none]],
    originRequests: rows,
  };
  return {
    series: series as unknown as Series,
    placement: { regions: ['WEU'], pools: [...rows.map((_, at) => `p${at}`), '(none)'], counts: [], failed: [] },
  };
}
const repeat = (value: number, times: number): number[] => new Array<number>(times).fill(value);

describe('where traffic went, as a story', () => {
  it('a failover is one line, at the bucket where it began', () => {
    const { series, placement } = seriesOf([
      [...repeat(20, 10), ...repeat(0, 10)],
      [...repeat(0, 10), ...repeat(20, 10)],
    ]);
    expect(steeringShifts(series, placement)).toEqual([
      { atUs: 10 * S, kind: 'steering', tone: 'neutral', text: 'WEU: traffic goes to p1 (before: p0)', line: 0 },
    ]);
  });

  it('a quiet second in between is no news', () => {
    const { series, placement } = seriesOf([[...repeat(20, 5), 0, 0, ...repeat(20, 5)], repeat(0, 12)]);
    expect(steeringShifts(series, placement)).toEqual([]);
  });

  it('an even draw is no story, for any seed', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = seededRandom(seed);
        const one = Array.from({ length: 300 }, () =>
          Array.from({ length: 40 }, () => random.below(2)).reduce((a, b) => a + b, 0),
        );
        const { series, placement } = seriesOf([one, one.map((count) => 40 - count)]);
        expect(steeringShifts(series, placement).length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 30 },
    );
  });

  it('requests that reach no pool are told as bad', () => {
    const { series, placement } = seriesOf([[...repeat(30, 5), ...repeat(0, 5)]]);
    const all = {
      ...series,
      regionRequests: [repeat(30, 10)],
      regionPool: [[series.regionPool[0]![0]!, [...repeat(0, 5), ...repeat(30, 5)]]],
    };
    expect(steeringShifts(all, placement)).toMatchObject([
      { tone: 'bad', text: 'WEU: requests reach no pool any more (before: p0)' },
    ]);
  });
});

describe('capacity', () => {
  const model = modelOf(`
load_balancers: [{ name: www.example.com, proxied: true, default_pools: [one], fallback_pool: one }]
pools: [{ name: one, origins: [{ name: a, address: 192.0.2.1 }, { name: b, address: 192.0.2.2 }] }]`);
  const origin = (capacity: number): SimOrigin =>
    new SimOrigin({ capacity, queueLimit: 1, latencyUs: 1, jitterUs: 0 }, seededRandom(1));

  it('says how far above its limit an origin was, for how long in all and in a row', () => {
    const { series } = seriesOf([
      [50, 150, 200, 50, 130, 50],
      [1, 2, 3, 4, 5, 6],
    ]);
    const rows = capacityRows(model, [origin(100), origin(0)], series);
    expect(rows[0]).toMatchObject({
      origin: 'a',
      limit: 100,
      peak: 200,
      peakAtUs: 2 * S,
      peakRatio: 2,
      overloadedSeconds: 3,
      longestOverloadSeconds: 2,
    });
    expect(rows[1]).toMatchObject({ origin: 'b', limit: null, peak: 6, peakRatio: 0, overloadedSeconds: 0 });
    expect(capacityAlarms(rows)).toMatchObject([
      { atUs: 2 * S, tone: 'bad', text: expect.stringMatching(/^one\/a: 2\.0 times its stated limit/) as unknown },
    ]);
  });
});
