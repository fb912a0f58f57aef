/**
 * A run as a replay would report it, made from a small model of its own: twenty minutes, three pools, six regions, a power loss,
 * a lost link, sessions. Deterministic, and consistent with itself: totals are the sums of the series.
 *
 *     12:00      12:03            12:05         12:08        12:12              12:20
 *     start      pool/eu dark     listener cut  listener up  power back         end
 *                12:03:40 noticed                            12:13:10 healthy
 */
import type { CheckResult, Phase, RunReport, TimelineEntry } from '../../src/core/report.ts';
import { REPORT_SCHEMA } from '../../src/core/report.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';

export const SAMPLE_START_US = 1_772_366_400_000_000; // 2026-03-01T12:00:00Z
const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;

const POOLS = ['eu', 'us', 'asia'] as const;
const REGIONS = ['WNAM', 'ENAM', 'WEU', 'EEU', 'SEAS', 'OC'] as const;
/** Where each region goes when all is well, and where when pool eu is gone. */
const HOME: Readonly<Record<(typeof REGIONS)[number], readonly [number, number]>> = {
  WNAM: [1, 1],
  ENAM: [1, 1],
  WEU: [0, 1],
  EEU: [0, 2],
  SEAS: [2, 2],
  OC: [2, 2],
};
const RATE: Readonly<Record<(typeof REGIONS)[number], number>> = {
  WNAM: 34,
  ENAM: 46,
  WEU: 72,
  EEU: 21,
  SEAS: 29,
  OC: 8,
};
const ORIGINS = [
  { pool: 0, name: 'eu-1', address: '192.0.2.11', limit: 120 },
  { pool: 0, name: 'eu-2', address: '192.0.2.12', limit: 120 },
  { pool: 1, name: 'us-1', address: '198.51.100.21', limit: 60 },
  { pool: 1, name: 'us-2', address: '198.51.100.22', limit: 60 },
  { pool: 2, name: 'asia-1', address: '203.0.113.31', limit: null },
] as const;
const POPS = [
  ['SJC', 'San Jose', 'WNAM', 37.36, -121.93, 0.7],
  ['SEA', 'Seattle', 'WNAM', 47.45, -122.31, 0.3],
  ['IAD', 'Ashburn', 'ENAM', 38.94, -77.46, 0.65],
  ['ORD', 'Chicago', 'ENAM', 41.98, -87.9, 0.35],
  ['LHR', 'London', 'WEU', 51.47, -0.45, 0.4],
  ['FRA', 'Frankfurt', 'WEU', 50.03, 8.57, 0.35],
  ['MAD', 'Madrid', 'WEU', 40.47, -3.56, 0.25],
  ['WAW', 'Warsaw', 'EEU', 52.17, 20.97, 1],
  ['SIN', 'Singapore', 'SEAS', 1.36, 103.99, 0.8],
  ['CGK', 'Jakarta', 'SEAS', -6.13, 106.66, 0.2],
  ['SYD', 'Sydney', 'OC', -33.95, 151.18, 1],
] as const;
const PLACES = [
  [50.11, 8.68],
  [39.04, -77.49],
  [1.29, 103.85],
] as const;

export interface SampleOptions {
  readonly bucketUs?: number;
  readonly minutes?: number;
  readonly seed?: string;
  readonly railgun?: boolean;
  readonly dns?: boolean;
  readonly failover?: boolean;
  readonly checks?: readonly CheckResult[];
}

export function sampleReport(options: SampleOptions = {}): RunReport {
  const {
    bucketUs = 5 * SECOND,
    minutes = 20,
    seed = '42',
    railgun = true,
    dns = true,
    failover = true,
    checks = [],
  } = options;
  const random = seededRandom(seed);
  const startUs = SAMPLE_START_US;
  const endUs = startUs + minutes * MINUTE;
  const buckets = Math.max(1, Math.ceil((endUs - startUs) / bucketUs));
  const at = (minute: number, second = 0): number => startUs + minute * MINUTE + second * SECOND;
  const [darkUs, noticedUs, healedUs, backUs] = [at(3), at(3, 40), at(12), at(13, 10)];
  const [cutUs, linkedUs] = [at(5), at(8)];

  const empty = (): number[] => new Array<number>(buckets).fill(0);
  const grid = (rows: number): number[][] => Array.from({ length: rows }, empty);
  const [requests, failed, fallback, retried] = [empty(), empty(), empty(), empty()];
  const [poolRequests, poolFailed] = [grid(POOLS.length), grid(POOLS.length)];
  const [regionRequests, regionFailed] = [grid(REGIONS.length), grid(REGIONS.length)];
  const regionPool = Array.from({ length: REGIONS.length }, () => grid(POOLS.length + 1));
  const [originRequests, originFailed] = [grid(ORIGINS.length), grid(ORIGINS.length)];
  const [sessionsMoved, sessionsLost] = [empty(), empty()];
  const [latencyMeanUs, latencyP99Us] = [empty(), empty()];
  const [railgunRequests, railgunDirect, railgunPageBytes, railgunWanBytes] = [empty(), empty(), empty(), empty()];
  const phases: Phase[] = failover
    ? [
        { name: 'before', fromUs: startUs, toUs: darkUs },
        { name: 'during', fromUs: darkUs, toUs: healedUs },
        { name: 'after', fromUs: healedUs, toUs: endUs },
      ]
    : [{ name: 'before', fromUs: startUs, toUs: endUs }];
  const counts = phases.map(() => REGIONS.map(() => new Array<number>(POOLS.length + 1).fill(0)));
  const failedCounts = phases.map(() => REGIONS.map(() => new Array<number>(POOLS.length + 1).fill(0)));
  const parts = { before_detection: 0, dns_cache: 0, overload: 0 };
  let rejected = 0;

  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const now = startUs + bucket * bucketUs;
    const dark = failover && now >= darkUs && now < healedUs;
    const noticed = failover && now >= noticedUs && now < backUs;
    const phase = Math.max(
      0,
      phases.findIndex((each) => now >= each.fromUs && now < each.toUs),
    );
    REGIONS.forEach((region, r) => {
      const arrived = drawn(random, (RATE[region] * bucketUs) / SECOND);
      const pool = noticed ? HOME[region][1] : HOME[region][0];
      let lost = dark && pool === 0 ? arrived : 0;
      parts.before_detection += lost;
      if (noticed && now < noticedUs + 45 * SECOND && HOME[region][0] === 0) {
        const stale = drawn(random, arrived * 0.04);
        parts.dns_cache += stale;
        lost += stale;
      }
      if (noticed && pool === 1 && region === 'WEU' && now < noticedUs + 60 * SECOND) {
        const shed = drawn(random, arrived * 0.02);
        parts.overload += shed;
        rejected += shed;
        lost += shed;
      }
      add(requests, bucket, arrived);
      add(failed, bucket, lost);
      add(poolRequests[pool]!, bucket, arrived);
      add(poolFailed[pool]!, bucket, lost);
      add(regionRequests[r]!, bucket, arrived);
      add(regionFailed[r]!, bucket, lost);
      add(regionPool[r]![pool]!, bucket, arrived);
      counts[phase]![r]![pool]! += arrived;
      failedCounts[phase]![r]![pool]! += lost;
      const mine = ORIGINS.flatMap((origin, i) => (origin.pool === pool ? [i] : []));
      mine.forEach((origin, i) => {
        const share =
          i === mine.length - 1 ? arrived - Math.floor(arrived / mine.length) * i : Math.floor(arrived / mine.length);
        const shareLost =
          i === mine.length - 1 ? lost - Math.floor(lost / mine.length) * i : Math.floor(lost / mine.length);
        add(originRequests[origin]!, bucket, share);
        add(originFailed[origin]!, bucket, shareLost);
      });
      if (dark && !noticed && pool === 0) add(retried, bucket, drawn(random, arrived * 0.1));
      if (noticed && HOME[region][0] === 0 && now < noticedUs + 3 * MINUTE) {
        const moved = drawn(random, arrived * 0.05);
        add(sessionsMoved, bucket, moved);
        add(sessionsLost, bucket, Math.floor(moved / 4));
      }
      if (railgun && pool === 0) {
        const byLane = now >= cutUs && now < linkedUs ? 0 : arrived - lost;
        add(railgunRequests, bucket, byLane);
        add(railgunPageBytes, bucket, byLane * 92_000);
        add(railgunWanBytes, bucket, Math.round(byLane * 92_000 * (now < startUs + 40 * SECOND ? 0.16 : 0.012)));
      }
      if (railgun && pool !== 0) add(railgunDirect, bucket, arrived);
    });
    const served = requests[bucket]! - failed[bucket]!;
    const hot = noticed && now < noticedUs + 90 * SECOND;
    latencyMeanUs[bucket] = served === 0 ? 0 : Math.round((hot ? 92_000 : 41_000) + random.next() * 4_000);
    latencyP99Us[bucket] = served === 0 ? 0 : Math.round((hot ? 870_000 : 160_000) + random.next() * 30_000);
  }

  const total = (series: readonly number[]): number => series.reduce((sum, n) => sum + n, 0);
  const all = total(requests);
  const allFailed = total(failed);
  const causes = [
    { cause: 'origin_connect_timeout', status: 522, count: parts.before_detection + parts.dns_cache },
    { cause: 'origin_overloaded', status: 503, count: parts.overload },
  ].filter((cause) => cause.count > 0);
  const moved = total(sessionsMoved);
  const lost = total(sessionsLost);
  const page = total(railgunPageBytes);
  const wan = total(railgunWanBytes);

  return {
    schema: REPORT_SCHEMA,
    kind: 'replay',
    tool: { name: 'switchyard', version: '0.1.0' },
    scenario: {
      name: failover ? 'A pool in western Europe loses power' : 'A quiet afternoon',
      file: 'scenarios/power-loss.yaml',
      description:
        'Pool eu goes dark at 12:03 and comes back at 12:12. Who is sent where, what fails, and which sessions survive?',
    },
    seed,
    configHash: '3f9a1c07be42',
    scenarioHash: 'a41d77c2908e',
    repeat: `switchyard replay scenarios/power-loss.yaml --seed ${seed}`,
    startUs,
    endUs,
    partial: null,
    assumptions: [
      'Origins without a stated latency answer in 20 ms.',
      'Resolvers honour the TTL, except the 4 % that the scenario lets ignore it.',
    ],
    warnings: ['data/access.log: 3 lines could not be read (first: line 118)'],
    traffic: [
      {
        kind: 'clients',
        name: 'clients 1',
        requests: Math.max(0, all - 4_000),
        lines: 0,
        brokenLines: 0,
        brokenLineNumbers: [],
        outOfOrder: 0,
        clients: 20_000,
      },
      {
        kind: 'log',
        name: 'data/access.log',
        requests: Math.min(all, 4_000),
        lines: 4_003,
        brokenLines: 3,
        brokenLineNumbers: [118, 902, 2_217],
        outOfOrder: 7,
        clients: 611,
      },
    ],
    totals: {
      requests: all,
      served: all - allFailed,
      failed: allFailed,
      fallback: total(fallback),
      retried: total(retried),
      causes,
    },
    phases,
    placement: { regions: [...REGIONS], pools: [...POOLS, '(none)'], counts, failed: failedCounts },
    budget: {
      outages: failover
        ? [
            {
              subject: 'pool/eu',
              fault: 'power_loss',
              fromUs: darkUs,
              detectedUs: noticedUs,
              recoveredUs: noticedUs + 60 * SECOND,
              healedUs,
              backUs,
              failed: allFailed,
              parts: [
                {
                  part: 'before_detection',
                  failed: parts.before_detection,
                  knob: 'monitor interval 30 s × consecutive_down 1 + timeout 5 s: shorten the interval',
                },
                { part: 'dns_cache', failed: parts.dns_cache, knob: 'ttl 30 s: shorten it, or proxy the balancer' },
                {
                  part: 'overload',
                  failed: parts.overload,
                  knob: 'us-1 and us-2 state 60/s each: raise the capacity or shed load',
                },
              ],
            },
            {
              subject: 'listener/1',
              fault: 'blackhole',
              fromUs: cutUs,
              detectedUs: cutUs + 4 * SECOND,
              recoveredUs: null,
              healedUs: linkedUs,
              backUs: linkedUs + 2 * SECOND,
              failed: 0,
              parts: [],
            },
          ]
        : [],
    },
    sessions: {
      sessions: 20_000,
      returning: 15_200,
      kept: 15_200 - moved,
      moved,
      movedBack: Math.floor(moved / 2),
      lost,
      drained: 0,
      expired: 31,
      byReason: [
        { reason: 'origin_unhealthy', count: moved - lost },
        { reason: 'pool_unavailable', count: lost },
      ].filter((each) => each.count > 0),
    },
    capacity: ORIGINS.map((origin, i) => {
      const perSecond = originRequests[i]!.map((n) => (n * SECOND) / bucketUs);
      const peak = Math.max(...perSecond);
      const over = origin.limit === null ? 0 : (perSecond.filter((n) => n > origin.limit).length * bucketUs) / SECOND;
      return {
        pool: POOLS[origin.pool],
        origin: origin.name,
        limit: origin.limit,
        peak,
        peakAtUs: startUs + perSecond.indexOf(peak) * bucketUs,
        peakRatio: origin.limit === null ? 0 : peak / origin.limit,
        overloadedSeconds: over,
        longestOverloadSeconds: over,
        rejected: origin.pool === 1 ? (origin.name === 'us-1' ? Math.ceil(rejected / 2) : Math.floor(rejected / 2)) : 0,
      };
    }),
    latency: { p50Us: 38_000, p90Us: 96_000, p99Us: 410_000, p999Us: 1_250_000, maxUs: 2_900_000 },
    dns: dns ? { queries: 8_212, cacheHits: 77_391, staleRequests: parts.dns_cache, soaAnswers: 0 } : null,
    railgun: railgun
      ? {
          viaLane: total(railgunRequests),
          direct: [{ reason: 'no_listener', count: total(railgunDirect) }].filter((each) => each.count > 0),
          pageBytes: page,
          wanBytes: wan,
          ratio: page === 0 ? 0 : wan / page,
          lanesOpened: 24,
          lanesLost: 11,
        }
      : null,
    pools: POOLS.map((name, p) => ({
      id: `17b5962d775c646f3f9725cbc7a53df${p}`,
      name,
      enabled: true,
      requests: total(poolRequests[p]!),
      failed: total(poolFailed[p]!),
      latitude: PLACES[p]![0],
      longitude: PLACES[p]![1],
      origins: ORIGINS.flatMap((origin, i) =>
        origin.pool === p
          ? [
              {
                name: origin.name,
                address: origin.address,
                requests: total(originRequests[i]!),
                failed: total(originFailed[i]!),
                beats: beatsOf(p, failover, { startUs, noticedUs, backUs }),
              },
            ]
          : [],
      ),
      beats: beatsOf(p, failover, { startUs, noticedUs, backUs }),
    })),
    pops: POPS.map(([code, city, region, latitude, longitude, part]) => {
      const r = REGIONS.indexOf(region);
      return {
        code,
        city,
        region,
        latitude,
        longitude,
        requests: Math.round(total(regionRequests[r]!) * part),
        failed: Math.round(total(regionFailed[r]!) * part),
      };
    }),
    timeline: failover ? story(at, parts.before_detection, lost) : [],
    series: {
      startUs,
      bucketUs,
      buckets,
      requests,
      failed,
      fallback,
      retried,
      poolRequests,
      poolFailed,
      regionRequests,
      regionFailed,
      regionPool,
      originRequests,
      originFailed,
      sessionsMoved,
      sessionsLost,
      latencyMeanUs,
      latencyP99Us,
      railgunRequests,
      railgunDirect,
      railgunPageBytes,
      railgunWanBytes,
    },
    checks,
  };
}

function beatsOf(
  pool: number,
  failover: boolean,
  { startUs, noticedUs, backUs }: { startUs: number; noticedUs: number; backUs: number },
) {
  if (pool === 2) return [{ fromUs: startUs, state: 'unmonitored', reason: 'no monitor' }];
  const well = { fromUs: startUs, state: 'healthy', reason: '200 in 18 ms' };
  if (pool !== 0 || !failover) return [well];
  return [
    well,
    { fromUs: noticedUs, state: 'unhealthy', reason: 'connect timed out after 5 s' },
    { fromUs: backUs, state: 'healthy', reason: '200 in 19 ms' },
  ];
}

function story(at: (minute: number, second?: number) => number, failed: number, lost: number): TimelineEntry[] {
  return [
    {
      atUs: at(0),
      kind: 'note',
      tone: 'neutral',
      text: 'Traffic begins: about 210 requests/s from 6 regions.',
      line: 0,
    },
    { atUs: at(3), kind: 'fault', tone: 'bad', text: 'pool/eu loses power: its origins stop answering.', line: 31 },
    {
      atUs: at(3, 40),
      kind: 'health',
      tone: 'bad',
      text: `Health notices: pool eu is critical (connect timed out after 5 s). ${failed} requests failed until now.`,
      line: 0,
    },
    { atUs: at(3, 40), kind: 'steering', tone: 'neutral', text: 'WEU now goes to pool us, EEU to pool asia.', line: 0 },
    { atUs: at(3, 45), kind: 'capacity', tone: 'bad', text: 'us-1 receives 1.27 times its limit of 60/s.', line: 0 },
    { atUs: at(4, 40), kind: 'sessions', tone: 'bad', text: `${lost} sessions lost their state so far.`, line: 0 },
    { atUs: at(5), kind: 'link', tone: 'bad', text: 'listener/1 is unreachable: requests go direct.', line: 32 },
    { atUs: at(8), kind: 'heal', tone: 'good', text: 'listener/1 is back; lanes reopen.', line: 33 },
    { atUs: at(12), kind: 'heal', tone: 'good', text: 'pool/eu has power again.', line: 34 },
    { atUs: at(13, 10), kind: 'health', tone: 'good', text: 'Pool eu is healthy; WEU and EEU return home.', line: 0 },
  ];
}

/** About `mean`, a whole number, spread by a few percent. */
function drawn(random: Random, mean: number): number {
  return Math.max(0, Math.round(mean * (0.94 + 0.12 * random.next())));
}

function add(series: number[], index: number, n: number): void {
  series[index] = (series[index] ?? 0) + n;
}
