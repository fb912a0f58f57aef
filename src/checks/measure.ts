/**
 * What a metric's value was in part of a run: a number, with the words that say where it comes from. Reads the summaries for the
 * whole run and the series for a part of it. Never throws on a report with gaps: what is not there is `nothing`, with the reason.
 */
import { bytesText, countText, momentText, percentText, plural, spanText, timesText } from '../core/figures.ts';
import type { CapacityRow, OriginSummary, PoolSummary, RunReport } from '../core/report.ts';
import type { NumberCheck, Scope } from './check.ts';
import type { Window } from './window.ts';

/** `said` begins a sentence: "38 of 12,400 requests failed (0.31 %)". Values are in the base of the unit: percent, µs, bytes. */
export type Measured =
  | { readonly kind: 'measured'; readonly value: number; readonly said: string }
  | { readonly kind: 'nothing'; readonly why: string };

export function measure(check: NumberCheck, report: RunReport, window: Window): Measured {
  const scope = check.scopes[0];
  const ask: Ask = { check, report, window, scope };
  const name = check.metric.name;
  const measures = MEASURES[name];
  return measures === undefined ? nothing(`"${name}" is not measured`) : measures(ask);
}

interface Ask {
  readonly check: NumberCheck;
  readonly report: RunReport;
  readonly window: Window;
  readonly scope: Scope | undefined;
}

type Measure = (ask: Ask) => Measured;

const MEASURES: Readonly<Record<string, Measure>> = {
  requests: (ask) => {
    const count = counted(ask, 'requests');
    if (ask.check.limit.unit !== 'rate') {
      return measured(count, `${plural(count, 'request')}${at(ask)} arrived`);
    }
    const seconds = ((ask.window.end - ask.window.first) * ask.report.series.bucketUs) / 1e6;
    const spanned = ask.window.whole ? (ask.report.endUs - ask.report.startUs) / 1e6 : seconds;
    if (spanned <= 0) return nothing('the run took no time');
    return measured(count / spanned, `on average ${countText(count / spanned)} requests/s${at(ask)} arrived`);
  },
  failed_requests: (ask) => part(ask, counted(ask, 'failed'), counted(ask, 'requests'), 'request', 'failed'),
  served_requests: (ask) => {
    const requests = counted(ask, 'requests');
    return part(ask, requests - counted(ask, 'failed'), requests, 'request', 'were served');
  },
  fallback_requests: (ask) => {
    const { series, totals } = ask.report;
    return part(
      ask,
      summed(ask, series.fallback, totals.fallback),
      allRequests(ask),
      'request',
      'were served by the fallback pool',
    );
  },
  retried_requests: (ask) => {
    const { series, totals } = ask.report;
    return part(
      ask,
      summed(ask, series.retried, totals.retried),
      allRequests(ask),
      'request',
      'needed a second attempt',
    );
  },
  share,
  status: (ask) => {
    const wanted = Number(ask.scope?.name);
    const count = ask.report.totals.causes.reduce((sum, cause) => sum + (cause.status === wanted ? cause.count : 0), 0);
    return part(
      ask,
      count,
      ask.report.totals.requests,
      'request',
      wanted === 0 ? 'got no answer' : `got status ${wanted}`,
    );
  },
  cause: (ask) => {
    const wanted = ask.scope?.name;
    const count = ask.report.totals.causes.reduce((sum, { cause, count: n }) => sum + (cause === wanted ? n : 0), 0);
    return part(ask, count, ask.report.totals.requests, 'request', `failed with ${wanted}`);
  },
  detection_time: (ask) => longestOutage(ask, 'detected'),
  recovery_time: (ask) => longestOutage(ask, 'recovered'),
  failing_time: (ask) => {
    if (counted(ask, 'requests') === 0) return nothing(`no request arrived${at(ask)}${ask.window.words}`);
    const failed = seriesOf(ask, 'failed');
    let buckets = 0;
    for (let i = ask.window.first; i < ask.window.end; i += 1) if ((failed[i] ?? 0) > 0) buckets += 1;
    const us = buckets * ask.report.series.bucketUs;
    return measured(us, `requests${at(ask)} failed during ${spanText(us)}`);
  },
  budget: (ask) => {
    const { outages } = ask.report.budget;
    if (outages.length === 0) return nothing('there was no outage');
    let count = 0;
    for (const outage of outages) {
      for (const each of outage.parts) if (each.part === ask.scope?.name) count += each.failed;
    }
    return part(
      ask,
      count,
      ask.report.totals.requests,
      'request',
      `failed in the part "${ask.scope?.name}" of the downtime budget`,
    );
  },
  p50: (ask) => percentile(ask, '50 %', ask.report.latency.p50Us),
  p90: (ask) => percentile(ask, '90 %', ask.report.latency.p90Us),
  p99: (ask) => {
    if (ask.window.whole) return percentile(ask, '99 %', ask.report.latency.p99Us);
    const worst = highest(ask.report.series.latencyP99Us, ask.window);
    if (worst.value <= 0) return nothing(`no request was served${ask.window.words}`);
    const when = momentText(ask.report.series.startUs + worst.bucket * ask.report.series.bucketUs, ask.report);
    return measured(worst.value, `the highest p99 of a bucket was ${spanText(worst.value)} (at ${when})`);
  },
  p999: (ask) => percentile(ask, '99.9 %', ask.report.latency.p999Us),
  'latency.max': (ask) =>
    ask.report.totals.served === 0
      ? nothing('no request was served')
      : measured(ask.report.latency.maxUs, `the slowest served request took ${spanText(ask.report.latency.maxUs)}`),
  'latency.mean': (ask) => {
    const { series } = ask.report;
    let [weight, total] = [0, 0];
    for (let i = ask.window.first; i < ask.window.end; i += 1) {
      const mean = series.latencyMeanUs[i] ?? 0;
      const served = Math.max(0, (series.requests[i] ?? 0) - (series.failed[i] ?? 0));
      if (mean > 0) {
        weight += Math.max(1, served);
        total += mean * Math.max(1, served);
      }
    }
    if (weight === 0) return nothing(`no request was served${ask.window.words}`);
    return measured(total / weight, `served requests took ${spanText(total / weight)} on average`);
  },
  sessions: (ask) => measured(ask.report.sessions.sessions, `${plural(ask.report.sessions.sessions, 'session')} seen`),
  sessions_lost: (ask) =>
    sessions(ask, summed(ask, ask.report.series.sessionsLost, ask.report.sessions.lost), 'were lost'),
  sessions_moved: (ask) =>
    sessions(ask, summed(ask, ask.report.series.sessionsMoved, ask.report.sessions.moved), 'moved'),
  sessions_kept: (ask) => sessions(ask, ask.report.sessions.kept, 'were kept'),
  sessions_moved_back: (ask) => sessions(ask, ask.report.sessions.movedBack, 'moved back'),
  sessions_drained: (ask) => sessions(ask, ask.report.sessions.drained, 'moved at the end of a drain'),
  peak: (ask) => {
    const rows = capacityRows(ask);
    if (ask.check.limit.unit === 'rate') {
      const worst = maxBy(rows, (row) => row.peak);
      if (worst === undefined) return nothing(`no origin${at(ask)} is in the capacity table`);
      return measured(
        worst.peak,
        `${worst.pool}/${worst.origin} had a peak of ${countText(worst.peak)} requests/s (at ${clock(ask, worst.peakAtUs)})`,
      );
    }
    const worst = maxBy(
      rows.filter((row) => row.limit !== null),
      (row) => row.peakRatio,
    );
    if (worst === undefined) return nothing(`no origin${at(ask)} states a capacity`);
    const words = `${worst.pool}/${worst.origin} had a peak of ${timesText(worst.peakRatio)} its limit of ${countText(worst.limit ?? 0)}/s`;
    return measured(worst.peakRatio, `${words} (at ${clock(ask, worst.peakAtUs)})`);
  },
  overloaded: (ask) => overload(ask, (row) => row.overloadedSeconds, 'was above its limit for'),
  longest_overload: (ask) =>
    overload(ask, (row) => row.longestOverloadSeconds, 'was above its limit without a break for at most'),
  rejected: (ask) => {
    const rows = capacityRows(ask);
    if (rows.length === 0) return nothing(`no origin${at(ask)} is in the capacity table`);
    const count = rows.reduce((sum, row) => sum + row.rejected, 0);
    return part(ask, count, ask.report.totals.requests, 'request', 'were turned away by a full origin');
  },
  flips: (ask) => {
    const beats = beatsOf(ask.scope, ask.report);
    if (beats === undefined || beats.length === 0) return nothing(`the report holds no health of ${nameOf(ask.scope)}`);
    let count = 0;
    beats.forEach((beat, i) => {
      const inside = beat.fromUs >= ask.window.fromUs && beat.fromUs < ask.window.toUs;
      if (i > 0 && inside && beat.state !== beats[i - 1]!.state) count += 1;
    });
    return measured(
      count,
      `${nameOf(ask.scope)} changed its state ${count === 1 ? 'once' : `${countText(count)} times`}`,
    );
  },
  soa_answers: (ask) =>
    dns(ask, (summary) => summary.soaAnswers, 'was answered with the SOA', 'were answered with the SOA'),
  'dns.queries': (ask) => dns(ask, (summary) => summary.queries, 'was asked', 'were asked'),
  'dns.cache_hits': (ask) => {
    const summary = ask.report.dns;
    if (summary === null) return nothing('no balancer of this run answers by DNS');
    return part(ask, summary.cacheHits, summary.cacheHits + summary.queries, 'look-up', 'came from a cache');
  },
  'dns.stale_requests': (ask) => {
    const summary = ask.report.dns;
    if (summary === null) return nothing('no balancer of this run answers by DNS');
    return part(
      ask,
      summary.staleRequests,
      ask.report.totals.requests,
      'request',
      'went to an address no longer given out',
    );
  },
  'railgun.ratio': (ask) => {
    if (ask.report.railgun === null) return noLink;
    const { series, railgun } = ask.report;
    const page = summed(ask, series.railgunPageBytes, railgun.pageBytes);
    const wan = summed(ask, series.railgunWanBytes, railgun.wanBytes);
    if (page === 0) return nothing(`no page crossed the link${ask.window.words}`);
    const percent = (100 * wan) / page;
    return measured(
      percent,
      `${bytesText(wan)} crossed the link for ${bytesText(page)} of pages (${percentText(percent)})`,
    );
  },
  'railgun.requests': (ask) => {
    if (ask.report.railgun === null) return noLink;
    const lane = summed(ask, ask.report.series.railgunRequests, ask.report.railgun.viaLane);
    return part(ask, lane, lane + directRequests(ask), 'request', 'went over a lane');
  },
  'railgun.direct': (ask) => {
    if (ask.report.railgun === null) return noLink;
    const { railgun, series } = ask.report;
    const all = summed(ask, series.railgunRequests, railgun.viaLane) + directRequests(ask);
    if (ask.scope === undefined) return part(ask, directRequests(ask), all, 'request', 'went round the link');
    const wanted = ask.scope.name;
    const count = railgun.direct.reduce((sum, { reason, count: n }) => sum + (reason === wanted ? n : 0), 0);
    return part(ask, count, all, 'request', `went round the link because of ${wanted}`);
  },
  'railgun.wan_bytes': (ask) => linkBytes(ask, 'railgunWanBytes', 'wanBytes', 'crossed the link'),
  'railgun.page_bytes': (ask) => linkBytes(ask, 'railgunPageBytes', 'pageBytes', 'of pages were carried by the link'),
  'railgun.lanes_opened': (ask) =>
    ask.report.railgun === null
      ? noLink
      : measured(ask.report.railgun.lanesOpened, `${plural(ask.report.railgun.lanesOpened, 'lane')} opened`),
  'railgun.lanes_lost': (ask) =>
    ask.report.railgun === null
      ? noLink
      : measured(ask.report.railgun.lanesLost, `${plural(ask.report.railgun.lanesLost, 'lane')} lost`),
};

/** Names for which a measure exists: the table in `metrics.ts` is tested against it. */
export const MEASURED_NAMES: readonly string[] = Object.keys(MEASURES);

const noLink: Measured = { kind: 'nothing', why: 'this run has no Railgun link' };

function nothing(why: string): Measured {
  return { kind: 'nothing', why };
}

function measured(value: number, said: string): Measured {
  return Number.isFinite(value) ? { kind: 'measured', value, said } : nothing('the report does not hold the figure');
}

/** A count that may be asked for as a percentage of `all`. Nothing to count from is nothing to measure, for both. */
function part(ask: Ask, count: number, all: number, noun: string, did: string): Measured {
  if (all === 0) return nothing(`there was no ${noun}${at(ask)}${ask.window.words}`);
  const percent = (100 * count) / all;
  const said = `${countText(count)} of ${plural(all, noun)}${at(ask)} ${did} (${percentText(percent)})`;
  return measured(ask.check.limit.unit === 'percent' ? percent : count, said);
}

// Traffic

/** Requests or failures of the scope in the window. PoPs are known for the whole run only. */
function counted(ask: Ask, what: 'requests' | 'failed'): number {
  const { report, scope, window } = ask;
  if (scope?.kind === 'pop') return report.pops.find((pop) => pop.code === scope.name)?.[what] ?? 0;
  if (window.whole) {
    if (scope === undefined) return report.totals[what];
    if (scope.kind === 'pool') return poolOf(scope, report)?.[what] ?? 0;
  }
  return sum(seriesOf(ask, what), window);
}

function allRequests(ask: Ask): number {
  return summed(ask, ask.report.series.requests, ask.report.totals.requests);
}

function directRequests(ask: Ask): number {
  const direct = ask.report.railgun?.direct.reduce((total, { count }) => total + count, 0) ?? 0;
  return summed(ask, ask.report.series.railgunDirect, direct);
}

/** The summary's figure for the whole run, the series' for a part of it. */
function summed(ask: Ask, series: readonly number[], whole: number): number {
  return ask.window.whole ? whole : sum(series, ask.window);
}

function seriesOf(ask: Ask, what: 'requests' | 'failed'): readonly number[] {
  const { report, scope } = ask;
  const { series } = report;
  if (scope === undefined) return series[what];
  switch (scope.kind) {
    case 'pool':
      return (what === 'requests' ? series.poolRequests : series.poolFailed)[poolIndex(scope, report)] ?? [];
    case 'region':
      return (
        (what === 'requests' ? series.regionRequests : series.regionFailed)[
          report.placement.regions.indexOf(scope.name)
        ] ?? []
      );
    case 'origin':
      return (what === 'requests' ? series.originRequests : series.originFailed)[originIndex(scope, report)] ?? [];
    case 'pop':
    case 'word':
    case 'status':
      return [];
    default:
      return scope.kind satisfies never;
  }
}

function share(ask: Ask): Measured {
  const { report, window, check } = ask;
  const [scope, within] = check.scopes;
  if (scope === undefined) return nothing('no object was named');
  const { series, placement } = report;
  let count: number;
  let all = allRequests(ask);
  let where = '';
  if (within?.kind === 'region') {
    const region = placement.regions.indexOf(within.name);
    count = sum(series.regionPool[region]?.[poolIndex(scope, report)] ?? [], window);
    all = sum(series.regionRequests[region] ?? [], window);
    where = ` in region/${within.name}`;
  } else if (scope.kind === 'word') {
    const pools = series.poolRequests.slice(0, report.pools.length);
    count = all - pools.reduce((total, pool) => total + sum(pool, window), 0);
  } else {
    count = counted(ask, 'requests');
    if (within?.kind === 'pool') {
      all = sum(series.poolRequests[poolIndex(within, report)] ?? [], window);
      where = ` of pool/${within.name}`;
    }
  }
  if (all === 0) return nothing(`there was no request${where}${window.words}`);
  const percent = (100 * count) / all;
  const did =
    scope.kind === 'word'
      ? 'reached no pool'
      : scope.kind === 'region'
        ? `came from ${nameOf(scope)}`
        : `went to ${nameOf(scope)}`;
  return measured(percent, `${countText(count)} of ${plural(all, 'request')}${where} ${did} (${percentText(percent)})`);
}

// Outages

function longestOutage(ask: Ask, end: 'detected' | 'recovered'): Measured {
  const outages = ask.report.budget.outages.filter((outage) => concerns(outage.subject, ask.scope, ask.report));
  if (outages.length === 0) return nothing(`there was no outage${at(ask)}`);
  let longest = { us: -1, words: '' };
  for (const outage of outages) {
    const name = `${outage.subject} (${outage.fault} at ${clock(ask, outage.fromUs)})`;
    if (end === 'detected' && outage.detectedUs === null) return nothing(`health never noticed ${name}`);
    const until = end === 'detected' ? outage.detectedUs! : (outage.recoveredUs ?? outage.fromUs);
    const us = Math.max(0, until - outage.fromUs);
    if (us > longest.us) longest = { us, words: name };
  }
  const did = end === 'detected' ? 'to be noticed' : 'until its last failed request';
  return measured(longest.us, `${longest.words} took ${spanText(longest.us)} ${did}`);
}

/** Whether an outage's subject (`pool/eu`, `origin/eu/eu-1`, `eu/eu-1`) is the object asked about, or part of it. */
export function concerns(subject: string, scope: Scope | undefined, report: RunReport): boolean {
  if (scope === undefined) return true;
  const bare = subject.replace(/^(?:pool|origin)\//, '');
  const names = scope.kind === 'pool' ? poolNames(scope, report) : [scope.name];
  if (scope.kind === 'origin') {
    return poolNames(scope, report).some((pool) => bare === `${pool}/${scope.origin}`) || bare === scope.origin;
  }
  return names.some((pool) => bare === pool || bare.startsWith(`${pool}/`));
}

// Latency, sessions, capacity, DNS, link

function percentile(ask: Ask, which: string, us: number): Measured {
  if (ask.report.totals.served === 0) return nothing('no request was served');
  return measured(us, `${which} of served requests took at most ${spanText(us)}`);
}

function sessions(ask: Ask, count: number, did: string): Measured {
  const { returning, sessions: seen } = ask.report.sessions;
  if (returning === 0) return nothing(seen === 0 ? 'there was no session' : 'no session came back, so none could move');
  const percent = (100 * count) / returning;
  const said = `${countText(count)} of ${plural(returning, 'returning session')} ${did} (${percentText(percent)})`;
  return measured(ask.check.limit.unit === 'percent' ? percent : count, said);
}

function capacityRows(ask: Ask): readonly CapacityRow[] {
  const { scope, report } = ask;
  if (scope === undefined) return report.capacity;
  const names = poolNames(scope, report);
  return report.capacity.filter(
    (row) => names.includes(row.pool) && (scope.kind === 'pool' || row.origin === scope.origin),
  );
}

function overload(ask: Ask, seconds: (row: CapacityRow) => number, did: string): Measured {
  const worst = maxBy(
    capacityRows(ask).filter((row) => row.limit !== null),
    seconds,
  );
  if (worst === undefined) return nothing(`no origin${at(ask)} states a capacity`);
  return measured(seconds(worst) * 1e6, `${worst.pool}/${worst.origin} ${did} ${spanText(seconds(worst) * 1e6)}`);
}

function dns(ask: Ask, pick: (summary: NonNullable<RunReport['dns']>) => number, was: string, were: string): Measured {
  const summary = ask.report.dns;
  if (summary === null) return nothing('no balancer of this run answers by DNS');
  const count = pick(summary);
  return measured(count, `${plural(count, 'DNS query', 'DNS queries')} ${count === 1 ? was : were}`);
}

function linkBytes(
  ask: Ask,
  series: 'railgunWanBytes' | 'railgunPageBytes',
  whole: 'wanBytes' | 'pageBytes',
  did: string,
): Measured {
  if (ask.report.railgun === null) return noLink;
  const bytes = summed(ask, ask.report.series[series], ask.report.railgun[whole]);
  return measured(bytes, `${bytesText(bytes)} ${did}`);
}

// Objects of a report

function poolNames(scope: Scope, report: RunReport): readonly string[] {
  const pool = poolOf(scope, report);
  return pool === undefined ? [scope.name] : [pool.name, pool.id];
}

function poolIndex(scope: Scope, report: RunReport): number {
  return report.pools.findIndex((pool) => pool.name === scope.name || pool.id === scope.name);
}

function poolOf(scope: Scope, report: RunReport): PoolSummary | undefined {
  return report.pools[poolIndex(scope, report)];
}

function originOf(scope: Scope, report: RunReport): OriginSummary | undefined {
  return poolOf(scope, report)?.origins.find((origin) => origin.name === scope.origin);
}

/** Series of origins are flattened in pool order. */
function originIndex(scope: Scope, report: RunReport): number {
  const pool = poolIndex(scope, report);
  const before = report.pools.slice(0, Math.max(0, pool)).reduce((total, each) => total + each.origins.length, 0);
  const inPool = report.pools[pool]?.origins.findIndex((origin) => origin.name === scope.origin) ?? -1;
  return inPool < 0 ? -1 : before + inPool;
}

export function beatsOf(scope: Scope | undefined, report: RunReport): PoolSummary['beats'] {
  if (scope === undefined) return undefined;
  return scope.kind === 'origin' ? originOf(scope, report)?.beats : poolOf(scope, report)?.beats;
}

export function nameOf(scope: Scope | undefined): string {
  if (scope === undefined) return 'everything';
  if (scope.kind === 'origin') return `origin/${scope.name}/${scope.origin}`;
  return scope.kind === 'word' || scope.kind === 'status' ? scope.name : `${scope.kind}/${scope.name}`;
}

/** ` of pool/eu`, or nothing for everything. */
function at(ask: Ask): string {
  const { scope } = ask;
  if (scope === undefined || scope.kind === 'word' || scope.kind === 'status') return '';
  return ` of ${nameOf(scope)}`;
}

function clock(ask: Ask, atUs: number): string {
  return momentText(atUs, ask.report);
}

function sum(series: readonly number[], window: Window): number {
  let total = 0;
  for (let i = window.first; i < window.end; i += 1) total += series[i] ?? 0;
  return total;
}

function highest(series: readonly number[], window: Window): { value: number; bucket: number } {
  let best = { value: 0, bucket: window.first };
  for (let i = window.first; i < window.end; i += 1) {
    const value = series[i] ?? 0;
    if (value > best.value) best = { value, bucket: i };
  }
  return best;
}

function maxBy<T>(items: readonly T[], key: (item: T) => number): T | undefined {
  let best: T | undefined;
  for (const item of items) if (best === undefined || key(item) > key(best)) best = item;
  return best;
}
