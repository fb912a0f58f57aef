/**
 * Counting: every finished request is one call here, and everything that a report says about traffic is added up from these arrays.
 * Sizes are fixed when the run begins (buckets × regions × pools), so memory does not grow with requests.
 *
 * A request belongs to the bucket in which it arrived, whenever it ended. Latencies are the exception: the p99 of a bucket is that of
 * the requests that ended in it, so that one histogram is enough.
 */
import type { LatencySummary, Placement, Series } from '../core/report.ts';
import { Histogram } from './histogram.ts';

/** Widths a bucket may have, in seconds; the first that needs at most MAX_BUCKETS is taken. */
const BUCKET_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];
const MAX_BUCKETS = 3_600;

export function bucketWidthUs(durationUs: number): number {
  const seconds = BUCKET_SECONDS.find((width) => durationUs / (width * 1e6) <= MAX_BUCKETS) ?? 86_400;
  return seconds * 1e6;
}

export interface LedgerShape {
  readonly startUs: number;
  readonly endUs: number;
  readonly bucketUs: number;
  readonly regions: readonly string[];
  readonly pools: readonly string[];
  readonly origins: number;
  /** Ends of the phases, in order; the last is the end of the run. */
  readonly phaseEnds: readonly number[];
}

export class Ledger {
  readonly shape: LedgerShape;
  readonly buckets: number;
  readonly columns: number;
  requests = 0;
  failed = 0;
  fallback = 0;
  retried = 0;
  readonly causes = new Map<string, { cause: string; status: number; count: number }>();
  /** Of all buckets that are closed. */
  readonly latency = new Histogram();
  railgunPageBytes = 0;
  railgunWanBytes = 0;
  viaLane = 0;
  readonly directReasons = new Map<string, number>();
  /** Cell = (bucket × regions + region) × columns + pool; the last column is "no pool". */
  readonly #placed: Uint32Array;
  readonly #placedFailed: Uint32Array;
  readonly #phasePlaced: Float64Array;
  readonly #phaseFailed: Float64Array;
  readonly #originRequests: Uint32Array;
  readonly #originFailed: Uint32Array;
  readonly #perBucket: Record<BucketCounter, Float64Array>;
  readonly #p99: Float64Array;
  readonly #bucketLatency = new Histogram();
  #latencyBucket = -1;
  #bucket = 0;
  #bucketFrom = 0;
  #bucketTo = 0;

  constructor(shape: LedgerShape) {
    this.shape = shape;
    this.buckets = Math.max(1, Math.ceil((shape.endUs - shape.startUs) / shape.bucketUs));
    this.columns = shape.pools.length + 1;
    const cells = shape.regions.length * this.columns;
    this.#placed = new Uint32Array(this.buckets * cells);
    this.#placedFailed = new Uint32Array(this.buckets * cells);
    this.#phasePlaced = new Float64Array(shape.phaseEnds.length * cells);
    this.#phaseFailed = new Float64Array(shape.phaseEnds.length * cells);
    this.#originRequests = new Uint32Array(this.buckets * shape.origins);
    this.#originFailed = new Uint32Array(this.buckets * shape.origins);
    this.#perBucket = Object.fromEntries(
      BUCKET_COUNTERS.map((name) => [name, new Float64Array(this.buckets)]),
    ) as Record<BucketCounter, Float64Array>;
    this.#p99 = new Float64Array(this.buckets);
  }

  bucketOf(at: number): number {
    // Most calls ask about the bucket of the call before.
    if (at >= this.#bucketFrom && at < this.#bucketTo) return this.#bucket;
    const bucket = Math.floor((at - this.shape.startUs) / this.shape.bucketUs);
    if (bucket < 0) return 0;
    if (bucket >= this.buckets) return this.buckets - 1;
    this.#bucket = bucket;
    this.#bucketFrom = this.shape.startUs + bucket * this.shape.bucketUs;
    this.#bucketTo = this.#bucketFrom + this.shape.bucketUs;
    return bucket;
  }

  phaseOf(at: number): number {
    const ends = this.shape.phaseEnds;
    if (ends.length === 1) return 0;
    for (let phase = 0; phase < ends.length - 1; phase += 1) if (at < ends[phase]!) return phase;
    return ends.length - 1;
  }

  /** One attempt was sent to an origin (global origin number) in this bucket. */
  attempted(bucket: number, origin: number): void {
    this.#originRequests[bucket * this.shape.origins + origin]! += 1;
  }

  attemptFailed(bucket: number, origin: number): void {
    this.#originFailed[bucket * this.shape.origins + origin]! += 1;
  }

  /** One request came to its end. `pool` = -1 for none. */
  finished(arrivedAt: number, bucket: number, region: number, pool: number, failed: boolean, fallback: boolean): void {
    const column = pool < 0 ? this.columns - 1 : pool;
    const cell = region * this.columns + column;
    const at = bucket * this.shape.regions.length * this.columns + cell;
    const phase = this.phaseOf(arrivedAt) * this.shape.regions.length * this.columns + cell;
    this.requests += 1;
    this.#placed[at]! += 1;
    this.#phasePlaced[phase]! += 1;
    if (failed) {
      this.failed += 1;
      this.#placedFailed[at]! += 1;
      this.#phaseFailed[phase]! += 1;
    }
    if (fallback) {
      this.fallback += 1;
      this.#perBucket.fallback[bucket]! += 1;
    }
  }

  served(endedAt: number, latencyUs: number): void {
    const bucket = this.bucketOf(endedAt);
    if (bucket !== this.#latencyBucket) this.#closeLatency(bucket);
    this.#bucketLatency.add(latencyUs);
    this.#perBucket.latencySum[bucket]! += latencyUs;
    this.#perBucket.latencyCount[bucket]! += 1;
  }

  cause(cause: string, status: number): void {
    const known = this.causes.get(cause);
    if (known === undefined) this.causes.set(cause, { cause, status, count: 1 });
    else known.count += 1;
  }

  count(counter: BucketCounter, bucket: number, by = 1): void {
    this.#perBucket[counter][bucket]! += by;
  }

  /** One request was handed to a lane. */
  handedOver(bucket: number): void {
    this.viaLane += 1;
    this.#perBucket.railgunRequests[bucket]! += 1;
  }

  /** Its answer: the body, and what of the body crossed the link. */
  carried(bucket: number, pageBytes: number, wanBytes: number): void {
    this.railgunPageBytes += pageBytes;
    this.railgunWanBytes += wanBytes;
    this.#perBucket.railgunPageBytes[bucket]! += pageBytes;
    this.#perBucket.railgunWanBytes[bucket]! += wanBytes;
  }

  direct(bucket: number, reason: string): void {
    this.directReasons.set(reason, (this.directReasons.get(reason) ?? 0) + 1);
    this.#perBucket.railgunDirect[bucket]! += 1;
  }

  latencySummary(): LatencySummary {
    this.#closeLatency(-1);
    const at = (share: number): number => this.latency.quantile(share);
    return { p50Us: at(0.5), p90Us: at(0.9), p99Us: at(0.99), p999Us: at(0.999), maxUs: this.latency.max };
  }

  placement(): Placement {
    const { regions, pools, phaseEnds } = this.shape;
    const table = (from: Float64Array): number[][][] =>
      phaseEnds.map((_, phase) =>
        regions.map((_region, region) => {
          const first = (phase * regions.length + region) * this.columns;
          return [...from.subarray(first, first + this.columns)];
        }),
      );
    return { regions, pools: [...pools, '(none)'], counts: table(this.#phasePlaced), failed: table(this.#phaseFailed) };
  }

  series(): Series {
    this.#closeLatency(-1);
    const { regions, origins, startUs, bucketUs } = this.shape;
    const span = [...Array(this.buckets).keys()];
    const cells = regions.length * this.columns;
    const cell = (from: Uint32Array, bucket: number, region: number, column: number): number =>
      from[bucket * cells + region * this.columns + column]!;
    const sumBy = (from: Uint32Array, keep: (region: number, column: number) => boolean): number[] =>
      span.map((bucket) => {
        let sum = 0;
        for (let region = 0; region < regions.length; region += 1) {
          for (let column = 0; column < this.columns; column += 1) {
            if (keep(region, column)) sum += cell(from, bucket, region, column);
          }
        }
        return sum;
      });
    const columns = [...Array(this.columns).keys()];
    const plain = (counter: BucketCounter): number[] => [...this.#perBucket[counter]];
    return {
      startUs,
      bucketUs,
      buckets: this.buckets,
      requests: sumBy(this.#placed, () => true),
      failed: sumBy(this.#placedFailed, () => true),
      fallback: plain('fallback'),
      retried: plain('retried'),
      poolRequests: columns.map((wanted) => sumBy(this.#placed, (_, column) => column === wanted)),
      poolFailed: columns.map((wanted) => sumBy(this.#placedFailed, (_, column) => column === wanted)),
      regionRequests: regions.map((_, wanted) => sumBy(this.#placed, (region) => region === wanted)),
      regionFailed: regions.map((_, wanted) => sumBy(this.#placedFailed, (region) => region === wanted)),
      regionPool: regions.map((_, region) =>
        columns.map((column) => span.map((bucket) => cell(this.#placed, bucket, region, column))),
      ),
      originRequests: [...Array(origins).keys()].map((origin) =>
        span.map((bucket) => this.#originRequests[bucket * origins + origin]!),
      ),
      originFailed: [...Array(origins).keys()].map((origin) =>
        span.map((bucket) => this.#originFailed[bucket * origins + origin]!),
      ),
      sessionsMoved: plain('sessionsMoved'),
      sessionsLost: plain('sessionsLost'),
      latencyMeanUs: span.map((bucket) => {
        const count = this.#perBucket.latencyCount[bucket]!;
        return count === 0 ? 0 : Math.round(this.#perBucket.latencySum[bucket]! / count);
      }),
      latencyP99Us: [...this.#p99],
      railgunRequests: plain('railgunRequests'),
      railgunDirect: plain('railgunDirect'),
      railgunPageBytes: plain('railgunPageBytes'),
      railgunWanBytes: plain('railgunWanBytes'),
    };
  }

  #closeLatency(next: number): void {
    if (this.#latencyBucket >= 0) {
      // A bucket that is opened again (a look at a run under way) keeps its worse half.
      const before = this.#p99[this.#latencyBucket]!;
      this.#p99[this.#latencyBucket] = Math.max(before, this.#bucketLatency.quantile(0.99));
    }
    this.latency.addAll(this.#bucketLatency);
    this.#bucketLatency.clear();
    this.#latencyBucket = next;
  }
}

const BUCKET_COUNTERS = [
  'fallback',
  'retried',
  'sessionsMoved',
  'sessionsLost',
  'latencySum',
  'latencyCount',
  'railgunRequests',
  'railgunDirect',
  'railgunPageBytes',
  'railgunWanBytes',
] as const;
export type BucketCounter = (typeof BUCKET_COUNTERS)[number];
