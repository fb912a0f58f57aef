import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge } from '../../src/checks/judge.ts';
import { MEASURED_NAMES } from '../../src/checks/measure.ts';
import { METRICS } from '../../src/checks/metrics.ts';
import { parseCheck } from '../../src/checks/parse-check.ts';
import type { CheckResult, RunReport } from '../../src/core/report.ts';
import { sampleReport } from '../report/sample.ts';
import { at, smallReport } from './small-report.ts';

const small = smallReport();

function judged(text: string, report: RunReport = small): CheckResult {
  const parsed = parseCheck(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.problem.message} (column ${parsed.problem.column})`);
  return judge(parsed.check, report, 7);
}

describe('figures worked out by hand', () => {
  it.each<[check: string, pass: boolean, value: number, limit: number, unit: string]>([
    ['failed_requests < 10', false, 69, 10, ''],
    ['failed_requests < 11.5%', false, 11.5, 11.5, '%'],
    ['failed_requests <= 11.5%', true, 11.5, 11.5, '%'],
    ['failed_requests == 69', true, 69, 69, ''],
    ['failed_requests != 69', false, 69, 69, ''],
    ['failed_requests == 0 before 12:00:20', true, 0, 0, ''],
    ['failed_requests < 5% from 12:00:30 to 12:00:50', true, 4.5, 5, '%'],
    ['failed_requests(pool/eu) < 25%', true, (100 * 64) / 260, 25, '%'],
    ['failed_requests(pool/eu) > 99% from 12:00:20 to 12:00:30', true, 100, 99, '%'],
    ['failed_requests(region/ENAM) == 0', true, 0, 0, ''],
    ['failed_requests(region/WEU) < 69', false, 69, 69, ''],
    ['failed_requests(origin/eu/eu-1) == 64', true, 64, 64, ''],
    ['failed_requests(pop/LHR) < 20%', true, (100 * 69) / 360, 20, '%'],
    ['failed_requests < 70 within 20s of 12:00:20', true, 69, 70, ''],
    ['served_requests > 88%', true, 88.5, 88, '%'],
    ['requests == 600', true, 600, 600, ''],
    ['requests(pool/us) > 5/s', true, 335 / 60, 5, '/s'],
    ['requests(pool/us) > 9/s from 12:00:40 to 12:00:50', true, 10, 9, '/s'],
    ['requests(region/WEU) == 120 after 12:00:40', true, 120, 120, ''],
    ['requests(origin/us/us-2) == 95', true, 95, 95, ''],
    ['fallback_requests == 5', true, 5, 5, ''],
    ['fallback_requests < 1%', true, 500 / 600, 1, '%'],
    ['retried_requests == 10 at 12:00:35', true, 10, 10, ''],
    ['share(pool/eu) == 0% at 12:00:45', true, 0, 0, '%'],
    ['share(pool/eu) < 50%', true, 26_000 / 600, 50, '%'],
    ['share(pool/us, region/WEU) > 25%', true, 9_500 / 360, 25, '%'],
    ['share(origin/us/us-1, pool/us) == 60% from 12:00:40 to 12:00:50', true, 60, 60, '%'],
    ['share(none) < 1%', true, 500 / 600, 1, '%'],
    ['share(region/WEU) == 60%', true, 60, 60, '%'],
    ['status(530) > 0', true, 5, 0, ''],
    ['status(522) == 0', true, 0, 0, ''],
    ['cause(origin_refused) < 10%', false, 6_400 / 600, 10, '%'],
    ['budget(before_detection) < 100', true, 64, 100, ''],
    ['budget(dns_cache) == 0', true, 0, 0, ''],
    ['p50 <= 20ms', true, 20, 20, 'ms'],
    ['p99 < 250ms', true, 240, 250, 'ms'],
    ['p99 < 250ms from 12:00:10 to 12:00:30', false, 300, 250, 'ms'],
    ['p999 < 1s', true, 900, 1_000, 'ms'],
    ['latency.max < 1s', false, 1_500, 1_000, 'ms'],
    ['latency.mean < 30ms before 12:00:20', true, 20, 30, 'ms'],
    // (40 ms × 40 served + 30 ms × 91) / 131
    ['latency.mean < 34ms from 12:00:20 to 12:00:40', true, (40 * 40 + 30 * 91) / 131, 34, 'ms'],
    ['sessions == 90', true, 90, 90, ''],
    ['sessions_lost < 5%', true, 4, 5, '%'],
    ['sessions_lost < 2', false, 2, 2, ''],
    ['sessions_moved == 6 at 12:00:30', true, 6, 6, ''],
    ['sessions_kept >= 80%', true, 80, 80, '%'],
    ['sessions_moved_back == 4', true, 4, 4, ''],
    ['sessions_drained == 1', true, 1, 1, ''],
    ['peak(pool/us) < 1.5x', false, 1.5, 1.5, 'x'],
    ['peak(pool/us) <= 6/s', true, 6, 6, '/s'],
    ['peak < 2x', true, 1.5, 2, 'x'],
    ['peak(origin/us/us-2) < 5/s', true, 4, 5, '/s'],
    ['overloaded(pool/us) < 10s', false, 14, 10, 's'],
    ['longest_overload < 12s', true, 11, 12, 's'],
    ['rejected(pool/us) < 10', true, 7, 10, ''],
    ['rejected(pool/eu) == 0', true, 0, 0, ''],
    ['soa_answers == 3', true, 3, 3, ''],
    ['dns.queries < 31', true, 30, 31, ''],
    ['dns.cache_hits == 90%', true, 90, 90, '%'],
    ['dns.stale_requests == 1%', true, 1, 1, '%'],
    ['railgun.ratio == 4%', true, 4, 4, '%'],
    ['railgun.ratio < 2.5% from 12:00:10 to 12:00:40', true, 1.8, 2.5, '%'],
    ['railgun.requests == 80%', true, 80, 80, '%'],
    ['railgun.direct < 20%', false, 20, 20, '%'],
    ['railgun.direct == 0 before 12:00:20', true, 0, 0, ''],
    ['railgun.direct(cookie) == 40', true, 40, 40, ''],
    ['railgun.wan_bytes <= 40KB', true, 40_000, 40_000, 'B'],
    ['railgun.page_bytes > 1MB', false, 1_000_000, 1_000_000, 'B'],
    ['railgun.lanes_opened == 4', true, 4, 4, ''],
    ['railgun.lanes_lost == 2', true, 2, 2, ''],
    ['detection_time < 12s', false, 12, 12, 's'],
    ['recovery_time(pool/eu) <= 14s', true, 14, 14, 's'],
    ['failing_time < 30s', true, 20, 30, 's'],
    ['failing_time(region/ENAM) == 0', true, 0, 0, 's'],
    ['flips(pool/eu) == 2', true, 2, 2, ''],
    ['flips(origin/eu/eu-1) == 1 after 12:00:40', true, 1, 1, ''],
    ['recovered within 14s of 12:00:20', true, 14, 14, 's'],
    ['recovered within 13s of +20s', false, 14, 13, 's'],
    ['recovered(pool/eu) within 14s of +20s', true, 14, 14, 's'],
    // no outage began at the heal, but something happened then: no bucket after it has failures
    ['recovered within 5s of 12:00:40', true, 0, 5, 's'],
    ['detected within 10s of 12:00:20', false, 12, 10, 's'],
    ['back within 8s of 12:00:40', true, 8, 8, 's'],
    ['failed_requests > 5% for 20s', true, 20, 20, 's'],
    ['failed_requests > 20% for 20s', false, 10, 20, 's'],
    ['healthy(pool/eu) at 12:00:31', true, 100, 100, '%'],
    ['healthy(pool/eu) at 12:00:32', false, 0, 100, '%'],
    ['unhealthy(pool/eu) at 12:00:32', true, 100, 100, '%'],
    ['unhealthy(pool/eu) from 12:00:32 to 12:00:48', true, 100, 100, '%'],
    ['healthy(pool/eu)', false, (100 * 44) / 60, 100, '%'],
    ['healthy(pool/us) at 12:00:05', false, 0, 100, '%'],
    ['healthy(pool/us) after 12:00:10', true, 100, 100, '%'],
    ['unhealthy(origin/us/us-2)', true, 100, 100, '%'],
  ])('%s', (text, pass, value, limit, unit) => {
    const result = judged(text);
    expect(result).toMatchObject({ check: text, pass, unit, line: 7 });
    expect(result.value).toBeCloseTo(value, 9);
    expect(result.limit).toBeCloseTo(limit, 9);
    expect(result.text).toMatch(/\.$/);
  });
});

describe('nothing to measure fails, and says why', () => {
  const quiet = smallReport({
    railgun: null,
    dns: null,
    capacity: [],
    sessions: {
      sessions: 9,
      returning: 0,
      kept: 0,
      moved: 0,
      movedBack: 0,
      lost: 0,
      drained: 0,
      expired: 0,
      byReason: [],
    },
    budget: { outages: [] },
  });
  it.each<[check: string, report: RunReport, why: string]>([
    ['railgun.ratio < 5%', quiet, 'this run has no Railgun link'],
    ['soa_answers == 0', quiet, 'no balancer of this run answers by DNS'],
    ['peak(pool/us) < 2x', quiet, 'no origin of pool/us states a capacity'],
    ['peak(origin/us/us-2) < 2x', small, 'no origin of origin/us/us-2 states a capacity'],
    ['sessions_lost < 2%', quiet, 'no session came back'],
    ['detection_time < 5s', quiet, 'there was no outage'],
    ['budget(overload) == 0', quiet, 'there was no outage'],
    ['detected within 5s of 12:00:20', quiet, 'no outage began at 12:00:20'],
    ['recovered within 5s of 12:00:05', small, 'no outage began at 12:00:05 (known: 12:00:20)'],
    ['recovered(pool/us) within 5s of 12:00:20', small, 'no outage began at 12:00:20 for pool/us'],
    ['back within 5s of 12:00:20', small, 'nothing was healed at 12:00:20 (known: 12:00:40)'],
    ['failed_requests(pool/eu) == 0 at 12:00:45', small, 'there was no request of pool/eu at 12:00:45'],
    ['failed_requests < 1% at 12:01:30', small, 'the run ended at 12:01:00'],
    ['share(pool/eu) == 0% from 12:00:50 to 12:01:10', small, 'the run ended at 12:01:00'],
    ['share(pool/uk) == 0%', small, 'there is no pool "uk" here (did you mean "pool/us"?)'],
    ['failed_requests(region/OC) == 0', small, 'there is no region "OC" here'],
    [
      'failed_requests == 0 after 12:00:30',
      smallReport({ partial: { reason: 'interrupted', atUs: at(35) } }),
      'the run was cut short at 12:00:35',
    ],
    [
      'detection_time < 60s',
      smallReport({ budget: { outages: [{ ...small.budget.outages[0]!, detectedUs: null }] } }),
      'health never noticed pool/eu',
    ],
    [
      'recovered within 90s of 12:00:20',
      smallReport({ budget: { outages: [{ ...small.budget.outages[0]!, recoveredUs: at(60) }] } }),
      'still failing when the run ended',
    ],
    [
      'failed_requests == 0',
      smallReport({ totals: { ...small.totals, requests: 0, failed: 0 } }),
      'there was no request',
    ],
  ])('%s', (text, report, why) => {
    const result = judged(text, report);
    expect(result).toMatchObject({ pass: false, value: null });
    expect(result.text).toContain(why);
  });
});

describe('what the sentence says', () => {
  it.each([
    ['failed_requests < 0.5%', '69 of 600 requests failed (11.5 %); must be below 0.5 %.'],
    ['failed_requests < 0.5% before 12:00:20', '0 of 200 requests failed (0 %) before 12:00:20; must be below 0.5 %.'],
    [
      'share(pool/eu) == 0% from 12:00:35 to 12:00:50',
      '20 of 200 requests went to pool/eu (10 %) from 12:00:35 to 12:00:50 (whole buckets of 10 s: 12:00:30 to 12:00:50); must be exactly 0 %.',
    ],
    ['peak(pool/us) < 1.2x', 'us/us-1 had a peak of 1.5× its limit of 4/s (at 12:00:42); must be below 1.2×.'],
    [
      'recovered within 10s of 12:00:20',
      'The last request that the refuse of pool/eu failed ended 14 s after it began; the limit is 10 s.',
    ],
    [
      'healthy(pool/eu) from 12:00:20 to 12:00:40',
      'pool/eu was healthy from 12:00:00, critical from 12:00:32 (healthy 60 % of the time); must be healthy from 12:00:20 to 12:00:40.',
    ],
    ['railgun.ratio < 5%', '40 kB crossed the link for 1 MB of pages (4 %); must be below 5 %.'],
  ])('%s', (text, sentence) => {
    expect(judged(text).text).toBe(sentence);
  });
});

it('every metric that is a number has a measure, and every measure is in the table', () => {
  const numbers = METRICS.filter((metric) => metric.form === 'number').map((metric) => metric.name);
  expect([...MEASURED_NAMES].sort()).toEqual([...numbers].sort());
});

describe('any check on any report', () => {
  const checks = METRICS.flatMap((metric) => {
    const example = parseCheck(metric.example);
    const windows = [
      '',
      ' before 12:05',
      ' after +30s',
      ' at 12:00:07',
      ' from 12:00:01 to 12:00:02',
      ' within 1s of +0s',
      ' for 3s',
    ];
    const stem = metric.example.replace(/ (?:before|after|at|from|within|for) .*$/, '');
    const more = windows.map((window) => parseCheck(stem + window));
    return [example, ...more].flatMap((parsed) => (parsed.ok ? [parsed.check] : []));
  });
  const reports = fc.record({
    minutes: fc.constantFrom(0, 1, 3, 14, 20),
    bucketUs: fc.constantFrom(1_000_000, 7_000_000, 60_000_000),
    seed: fc.string(),
    railgun: fc.boolean(),
    dns: fc.boolean(),
    failover: fc.boolean(),
  });
  const holes: ((report: RunReport) => RunReport)[] = [
    (report) => report,
    (report) => ({ ...report, pools: [], capacity: [], pops: [] }),
    (report) => ({
      ...report,
      series: { ...report.series, requests: [], failed: [], poolRequests: [], regionPool: [] },
    }),
    (report) => ({ ...report, totals: { ...report.totals, requests: 0, served: 0, failed: 0 } }),
    (report) => ({ ...report, partial: { reason: 'interrupted', atUs: report.startUs + 1 } }),
    (report) => ({ ...report, pools: report.pools.map((pool) => ({ ...pool, beats: [], origins: [] })) }),
  ];

  it('is judged with a sentence and a finite figure or none, and never throws', () => {
    fc.assert(
      fc.property(reports, fc.constantFrom(...holes), fc.constantFrom(...checks), (options, hole, check) => {
        const result = judge(check, hole(sampleReport(options)), 3);
        const figure = result.value === null ? !result.pass : Number.isFinite(result.value);
        return figure && result.text.length > 10 && !/NaN|undefined|Infinity/.test(result.text);
      }),
      { numRuns: 300 },
    );
  });
});
