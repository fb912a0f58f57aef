/**
 * The series of a report at the width of a page: at most `MAX_STEPS` steps, each the sum of some buckets, and at most
 * `MAX_POOLS` pools, the rest together. Charts, map and scrubber all read this, so they agree at every moment.
 */
import { momentText } from '../core/figures.ts';
import type { RunReport, TimelineEntry } from '../core/report.ts';

/** Two to four screen points a step on a wide page; more would only make the file larger. */
const MAX_STEPS = 240;
/** As many colours as can be told apart. */
const MAX_POOLS = 7;
/** Numbers on the charts; more would cover each other. */
const MAX_MARKS = 24;
/** The part of a chart's width that a number takes. */
const MARK_WIDTH = 0.02;

export interface Steps {
  readonly count: number;
  readonly stepUs: number;
  readonly run: { readonly startUs: number; readonly endUs: number };
  /** Time of day at the start of each step. */
  readonly clocks: readonly string[];
  /** Seconds that a step covers: the last may be shorter. */
  readonly seconds: readonly number[];
  /** Pools as shown; `others` are summed into one, `no pool` is last when any request reached none. */
  readonly pools: readonly ShownPool[];
  readonly regions: readonly string[];
  readonly requests: readonly number[];
  readonly failed: readonly number[];
  readonly fallback: readonly number[];
  readonly retried: readonly number[];
  readonly sessionsMoved: readonly number[];
  readonly sessionsLost: readonly number[];
  /** Requests by shown pool. */
  readonly poolRequests: readonly (readonly number[])[];
  /** [region][shown pool][step] */
  readonly regionPool: readonly (readonly (readonly number[])[])[];
  readonly regionFailed: readonly (readonly number[])[];
  /** Mean of served requests, weighted; worst p99 of the buckets. `null` = nothing served. */
  readonly latencyMeanUs: readonly (number | null)[];
  readonly latencyP99Us: readonly (number | null)[];
  /** Percent; `null` = no page crossed. */
  readonly railgunRatio: readonly (number | null)[];
  readonly marks: readonly Mark[];
}

export interface ShownPool {
  readonly name: string;
  /** Indices in `report.pools`; empty for `no pool`. */
  readonly members: readonly number[];
  /** Colour 0..MAX_POOLS-1, `others` or `none`. */
  readonly colour: string;
}

/** A numbered event, which the scenario made happen: the same number in the story, on the charts and at the scrubber. */
export interface Mark {
  readonly number: number;
  readonly entry: TimelineEntry;
  readonly atSeconds: number;
  /** What is written there: `3`, or `3–5` at the first of marks too close to tell apart, and nothing at the others. */
  readonly label: string;
}

export function stepsOf(report: RunReport): Steps {
  const { series } = report;
  const per = Math.max(1, Math.ceil(series.buckets / MAX_STEPS));
  const count = Math.max(1, Math.ceil(series.buckets / per));
  const stepUs = per * series.bucketUs;
  const endUs = Math.max(report.endUs, series.startUs + 1);

  const summed = (row: readonly number[]): number[] => {
    const out = new Array<number>(count).fill(0);
    for (let i = 0; i < series.buckets; i += 1) out[Math.floor(i / per)]! += row[i] ?? 0;
    return out;
  };
  const highest = (row: readonly number[]): (number | null)[] => {
    const out = new Array<number | null>(count).fill(null);
    for (let i = 0; i < series.buckets; i += 1) {
      const value = row[i] ?? 0;
      const step = Math.floor(i / per);
      if (value > (out[step] ?? 0)) out[step] = value;
    }
    return out;
  };
  const together = (rows: readonly (readonly number[])[]): number[] =>
    rows.map(summed).reduce((sum, row) => sum.map((n, i) => n + row[i]!), new Array<number>(count).fill(0));

  const none = series.regionPool.map((row) => row[report.pools.length] ?? []);
  const pools = shownPools(
    report,
    none.some((row) => row.some((n) => n > 0)),
  );
  const page = summed(series.railgunPageBytes);
  const wan = summed(series.railgunWanBytes);
  return {
    count,
    stepUs,
    run: { startUs: report.startUs, endUs: report.endUs },
    clocks: Array.from({ length: count }, (_, i) => momentText(series.startUs + i * stepUs, report)),
    seconds: Array.from({ length: count }, (_, i) =>
      Math.max(1e-6, Math.min(stepUs, endUs - series.startUs - i * stepUs) / 1e6),
    ),
    pools,
    regions: report.placement.regions,
    requests: summed(series.requests),
    failed: summed(series.failed),
    fallback: summed(series.fallback),
    retried: summed(series.retried),
    sessionsMoved: summed(series.sessionsMoved),
    sessionsLost: summed(series.sessionsLost),
    poolRequests: pools.map(({ members, colour }) =>
      colour === 'none' ? together(none) : together(members.map((pool) => series.poolRequests[pool] ?? [])),
    ),
    regionPool: report.placement.regions.map((_, region) =>
      pools.map(({ members, colour }) =>
        colour === 'none'
          ? summed(none[region] ?? [])
          : together(members.map((pool) => series.regionPool[region]?.[pool] ?? [])),
      ),
    ),
    regionFailed: report.placement.regions.map((_, region) => summed(series.regionFailed[region] ?? [])),
    latencyMeanUs: weightedMeans(report, per, count),
    latencyP99Us: highest(series.latencyP99Us),
    railgunRatio: page.map((bytes, i) => (bytes === 0 ? null : (100 * wan[i]!) / bytes)),
    marks: marksOf(report),
  };
}

function shownPools(report: RunReport, someReachedNone: boolean): ShownPool[] {
  const busiest = report.pools
    .map((pool, index) => ({ index, requests: pool.requests }))
    .sort((a, b) => b.requests - a.requests || a.index - b.index)
    .slice(0, MAX_POOLS)
    .map(({ index }) => index)
    .sort((a, b) => a - b);
  const shown: ShownPool[] = busiest.map((index, i) => ({
    name: report.pools[index]!.name,
    members: [index],
    colour: String(i),
  }));
  const rest = report.pools.flatMap((_, index) => (busiest.includes(index) ? [] : [index]));
  if (rest.length > 0) shown.push({ name: `${rest.length} other pools`, members: rest, colour: 'others' });
  if (someReachedNone) shown.push({ name: 'no pool', members: [], colour: 'none' });
  return shown;
}

function weightedMeans(report: RunReport, per: number, count: number): (number | null)[] {
  const { series } = report;
  const total = new Array<number>(count).fill(0);
  const weight = new Array<number>(count).fill(0);
  for (let i = 0; i < series.buckets; i += 1) {
    const mean = series.latencyMeanUs[i] ?? 0;
    if (mean <= 0) continue;
    const served = Math.max(1, (series.requests[i] ?? 0) - (series.failed[i] ?? 0));
    const step = Math.floor(i / per);
    total[step]! += mean * served;
    weight[step]! += served;
  }
  return total.map((sum, step) => (weight[step] === 0 ? null : sum / weight[step]!));
}

function marksOf(report: RunReport): Mark[] {
  const entries = report.timeline
    .filter((entry) => entry.line > 0 || ['fault', 'heal', 'change'].includes(entry.kind))
    .slice(0, MAX_MARKS);
  const near = Math.max(1, report.endUs - report.startUs) * MARK_WIDTH;
  const marks: Mark[] = [];
  for (let first = 0; first < entries.length; ) {
    const beyond = entries.findIndex((entry, i) => i > first && entry.atUs - entries[first]!.atUs >= near);
    const end = beyond === -1 ? entries.length : beyond;
    entries.slice(first, end).forEach((entry, i) => {
      const label = i > 0 ? '' : end - first === 1 ? String(first + 1) : `${first + 1}–${end}`;
      marks.push({ number: first + i + 1, entry, atSeconds: (entry.atUs - report.series.startUs) / 1e6, label });
    });
    first = end;
  }
  return marks;
}
