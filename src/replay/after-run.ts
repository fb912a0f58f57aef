/**
 * What can only be told once the counts are in: where each region's traffic went over time, and who was sent more than it can serve.
 * Reads the finished series, writes timeline entries and capacity rows.
 */
import type { Model } from '../core/model.ts';
import type { CapacityRow, Placement, Series, TimelineEntry } from '../core/report.ts';

/**
 * The story tells of a new main pool when it leads in at least this many buckets with traffic in a row, and by so much that chance does
 * not explain it: lead² above 20 × requests is some 4.5 standard deviations of an even draw, and 21 requests where all go one way.
 */
const STEADY_BUCKETS = 2;
const LEAD_SQUARED = 20;
/** Above its stated limit by less than this is noise of arrivals. */
const OVERLOAD_RATIO = 1.05;

/** "WEU, EEU: traffic goes to us (before: eu)". Regions that change in the same bucket share a line. */
export function steeringShifts(series: Series, placement: Placement): TimelineEntry[] {
  const lines = new Map<string, { at: number; to: string; from: string; regions: string[]; bad: boolean }>();
  placement.regions.forEach((region, row) => {
    let main = -1;
    let candidate = -1;
    let since = 0;
    let held = 0;
    let lead = 0;
    let total = 0;
    for (let bucket = 0; bucket < series.buckets; bucket += 1) {
      const requests = series.regionRequests[row]![bucket]!;
      if (requests === 0) continue;
      const top = topPool(series, row, bucket);
      if (top < 0 || top === main) {
        candidate = -1;
        continue;
      }
      if (top !== candidate) {
        candidate = top;
        since = bucket;
        held = 0;
        lead = 0;
        total = 0;
      }
      held += 1;
      const its = series.regionPool[row]![top]![bucket]!;
      lead += 2 * its - requests;
      total += requests;
      if (held < STEADY_BUCKETS || lead * lead <= LEAD_SQUARED * total) continue;
      if (main >= 0) {
        const key = `${since}/${main}/${top}`;
        const line = lines.get(key) ?? {
          at: series.startUs + since * series.bucketUs,
          to: placement.pools[top]!,
          from: placement.pools[main]!,
          regions: [],
          bad: top === placement.pools.length - 1,
        };
        line.regions.push(region);
        lines.set(key, line);
      }
      main = top;
      candidate = -1;
    }
  });
  return [...lines.values()].map(({ at, to, from, regions, bad }) => ({
    atUs: at,
    kind: 'steering',
    tone: bad ? 'bad' : 'neutral',
    text: bad
      ? `${regions.join(', ')}: requests reach no pool any more (before: ${from})`
      : `${regions.join(', ')}: traffic goes to ${to} (before: ${from})`,
    line: 0,
  }));
}

/** The pool that took more than half of a region's requests in a bucket; -1 for none. */
function topPool(series: Series, region: number, bucket: number): number {
  const columns = series.regionPool[region]!;
  let total = 0;
  let top = -1;
  let most = 0;
  columns.forEach((counts, pool) => {
    const count = counts[bucket]!;
    total += count;
    if (count > most) {
      most = count;
      top = pool;
    }
  });
  return total > 0 && most * 2 > total ? top : -1;
}

export interface CapacityOrigin {
  /** `capacity` in requests per second, 0 = no limit. */
  readonly traits: { readonly capacity: number };
  /** Requests turned away by a full queue. */
  readonly rejected: number;
}

/** @param origins By global number, in the order of the model. */
export function capacityRows(model: Model, origins: readonly CapacityOrigin[], series: Series): CapacityRow[] {
  const rows: CapacityRow[] = [];
  const seconds = series.bucketUs / 1e6;
  let number = 0;
  for (const pool of model.pools) {
    for (const origin of pool.origins) {
      const counts = series.originRequests[number]!;
      const limit = origins[number]!.traits.capacity;
      let peak = 0;
      let peakAt = 0;
      let over = 0;
      let run = 0;
      let longest = 0;
      counts.forEach((count, bucket) => {
        const rate = count / seconds;
        if (rate > peak) {
          peak = rate;
          peakAt = bucket;
        }
        run = limit > 0 && rate > limit * OVERLOAD_RATIO ? run + 1 : 0;
        if (run > 0) over += 1;
        if (run > longest) longest = run;
      });
      rows.push({
        pool: pool.id,
        origin: origin.name,
        limit: limit > 0 ? limit : null,
        peak: round3(peak),
        peakAtUs: series.startUs + peakAt * series.bucketUs,
        peakRatio: limit > 0 ? round3(peak / limit) : 0,
        overloadedSeconds: over * seconds,
        longestOverloadSeconds: longest * seconds,
        rejected: origins[number]!.rejected,
      });
      number += 1;
    }
  }
  return rows;
}

/** "pool us, origin us-1: up to 4.2 times its stated limit, 38 s in a row". */
export function capacityAlarms(rows: readonly CapacityRow[]): TimelineEntry[] {
  return rows
    .filter((row) => row.limit !== null && row.longestOverloadSeconds > 0)
    .map((row) => ({
      atUs: row.peakAtUs,
      kind: 'capacity',
      tone: 'bad',
      text: `${row.pool}/${row.origin}: ${row.peakRatio.toFixed(1)} times its stated limit at the peak, above it for ${row.overloadedSeconds} s (${row.rejected} requests turned away)`,
      line: 0,
    }));
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}
