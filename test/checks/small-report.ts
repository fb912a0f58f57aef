/**
 * One minute in six buckets of ten seconds, small enough to add up by hand. Pool eu fails from 12:00:20 to 12:00:40.
 *
 *     bucket       0     1     2     3     4     5      sum
 *     requests    100   100   100   100   100   100     600
 *     … eu         60    60    60    20     0    60     260
 *     … us         40    40    40    75   100    40     335
 *     … none        0     0     0     5     0     0       5
 *     failed        0     0    60     9     0     0      69
 *     … eu          0     0    60     4     0     0      64
 */
import type { RunReport } from '../../src/core/report.ts';
import { SAMPLE_START_US, sampleReport } from '../report/sample.ts';

const S = 1_000_000;
export const at = (seconds: number): number => SAMPLE_START_US + seconds * S;

const zero = [0, 0, 0, 0, 0, 0];

export function smallReport(changes: Partial<RunReport> = {}): RunReport {
  const base = sampleReport({ minutes: 1, bucketUs: 10 * S, failover: false });
  const [eu, us] = base.pools;
  const origin = { address: '192.0.2.1', requests: 0, failed: 0 };
  return {
    ...base,
    startUs: at(0),
    endUs: at(60),
    totals: {
      requests: 600,
      served: 531,
      failed: 69,
      fallback: 5,
      retried: 12,
      causes: [
        { cause: 'origin_refused', status: 521, count: 64 },
        { cause: 'nothing_may_serve', status: 530, count: 5 },
      ],
    },
    phases: [{ name: 'before', fromUs: at(0), toUs: at(60) }],
    placement: {
      regions: ['WEU', 'ENAM'],
      pools: ['eu', 'us', '(none)'],
      counts: [
        [
          [260, 95, 5],
          [0, 240, 0],
        ],
      ],
      failed: [
        [
          [64, 0, 5],
          [0, 0, 0],
        ],
      ],
    },
    budget: {
      outages: [
        {
          subject: 'pool/eu',
          fault: 'refuse',
          fromUs: at(20),
          detectedUs: at(32),
          recoveredUs: at(34),
          healedUs: at(40),
          backUs: at(48),
          failed: 69,
          parts: [
            { part: 'before_detection', failed: 64, knob: 'interval' },
            { part: 'nothing_may_serve', failed: 5, knob: 'fallback' },
          ],
        },
      ],
    },
    sessions: {
      sessions: 90,
      returning: 50,
      kept: 40,
      moved: 10,
      movedBack: 4,
      lost: 2,
      drained: 1,
      expired: 0,
      byReason: [],
    },
    capacity: [
      {
        pool: 'eu',
        origin: 'eu-1',
        limit: 5,
        peak: 4,
        peakAtUs: at(5),
        peakRatio: 0.8,
        overloadedSeconds: 0,
        longestOverloadSeconds: 0,
        rejected: 0,
      },
      {
        pool: 'us',
        origin: 'us-1',
        limit: 4,
        peak: 6,
        peakAtUs: at(42),
        peakRatio: 1.5,
        overloadedSeconds: 14,
        longestOverloadSeconds: 11,
        rejected: 7,
      },
      {
        pool: 'us',
        origin: 'us-2',
        limit: null,
        peak: 4,
        peakAtUs: at(42),
        peakRatio: 0,
        overloadedSeconds: 0,
        longestOverloadSeconds: 0,
        rejected: 0,
      },
    ],
    latency: { p50Us: 20_000, p90Us: 80_000, p99Us: 240_000, p999Us: 900_000, maxUs: 1_500_000 },
    dns: { queries: 30, cacheHits: 270, staleRequests: 6, soaAnswers: 3 },
    railgun: {
      viaLane: 400,
      direct: [
        { reason: 'no_lane', count: 60 },
        { reason: 'cookie', count: 40 },
      ],
      pageBytes: 1_000_000,
      wanBytes: 40_000,
      ratio: 0.04,
      lanesOpened: 4,
      lanesLost: 2,
    },
    pools: [
      {
        ...eu!,
        name: 'eu',
        requests: 260,
        failed: 64,
        origins: [
          {
            ...origin,
            name: 'eu-1',
            beats: [
              { fromUs: at(0), state: 'healthy', reason: '' },
              { fromUs: at(32), state: 'unhealthy', reason: '' },
              { fromUs: at(48), state: 'healthy', reason: '' },
            ],
          },
        ],
        beats: [
          { fromUs: at(0), state: 'healthy', reason: '' },
          { fromUs: at(32), state: 'critical', reason: '' },
          { fromUs: at(48), state: 'healthy', reason: '' },
        ],
      },
      {
        id: us!.id,
        name: 'us',
        enabled: true,
        requests: 335,
        failed: 0,
        latitude: null,
        longitude: null,
        origins: [
          {
            ...origin,
            name: 'us-1',
            beats: [
              { fromUs: at(0), state: 'unprobed', reason: '' },
              { fromUs: at(10), state: 'healthy', reason: '' },
            ],
          },
          { ...origin, name: 'us-2', beats: [{ fromUs: at(0), state: 'unhealthy', reason: '' }] },
        ],
      },
    ],
    pops: [{ code: 'LHR', city: 'London', region: 'WEU', latitude: 51, longitude: 0, requests: 360, failed: 69 }],
    timeline: [
      { atUs: at(20), kind: 'fault', tone: 'bad', text: 'eu refuses', line: 9 },
      { atUs: at(40), kind: 'heal', tone: 'good', text: 'eu is back', line: 10 },
    ],
    series: {
      startUs: at(0),
      bucketUs: 10 * S,
      buckets: 6,
      requests: [100, 100, 100, 100, 100, 100],
      failed: [0, 0, 60, 9, 0, 0],
      fallback: [0, 0, 0, 5, 0, 0],
      retried: [0, 0, 2, 10, 0, 0],
      poolRequests: [
        [60, 60, 60, 20, 0, 60],
        [40, 40, 40, 75, 100, 40],
      ],
      poolFailed: [
        [0, 0, 60, 4, 0, 0],
        [0, 0, 0, 0, 0, 0],
      ],
      regionRequests: [
        [60, 60, 60, 60, 60, 60],
        [40, 40, 40, 40, 40, 40],
      ],
      regionFailed: [
        [0, 0, 60, 9, 0, 0],
        [0, 0, 0, 0, 0, 0],
      ],
      regionPool: [
        [
          [60, 60, 60, 20, 0, 60],
          [0, 0, 0, 35, 60, 0],
          [0, 0, 0, 5, 0, 0],
        ],
        [
          [0, 0, 0, 0, 0, 0],
          [40, 40, 40, 40, 40, 40],
          [0, 0, 0, 0, 0, 0],
        ],
      ],
      originRequests: [
        [60, 60, 60, 20, 0, 60],
        [30, 30, 30, 60, 60, 30],
        [10, 10, 10, 15, 40, 10],
      ],
      originFailed: [[0, 0, 60, 4, 0, 0], zero, zero],
      sessionsMoved: [0, 0, 0, 6, 4, 0],
      sessionsLost: [0, 0, 0, 2, 0, 0],
      latencyMeanUs: [20_000, 20_000, 40_000, 30_000, 50_000, 20_000],
      latencyP99Us: [200_000, 210_000, 300_000, 250_000, 240_000, 200_000],
      railgunRequests: [100, 100, 50, 50, 50, 50],
      railgunDirect: [0, 0, 40, 40, 20, 0],
      railgunPageBytes: [250_000, 250_000, 125_000, 125_000, 125_000, 125_000],
      railgunWanBytes: [25_000, 3_000, 3_000, 3_000, 3_000, 3_000],
    },
    checks: [],
    ...changes,
  };
}
