/**
 * The result of a run as data: what `report.json` holds (schema `switchyard.report/1`), what checks are judged against, and
 * what every printed or drawn report is made from. `replay` and `drill` fill it; `checks` and `report` read it and nothing else,
 * so a report can be rebuilt and new checks be asked of it long after the run.
 *
 * Shapes: all times are whole microseconds since the epoch (`…Us`) unless the name says otherwise; all series have one number
 * per bucket; pools and regions are in a fixed order (configuration order, table order).
 */

export const REPORT_SCHEMA = 'switchyard.report/1';

export interface RunReport {
  readonly schema: typeof REPORT_SCHEMA;
  readonly kind: 'replay' | 'drill';
  readonly tool: { readonly name: 'switchyard'; readonly version: string };
  readonly scenario: { readonly name: string; readonly file: string; readonly description: string };
  readonly seed: string;
  /** SHA-256 (first 12 hex) of the configuration and of the scenario as parsed. */
  readonly configHash: string;
  readonly scenarioHash: string;
  /** The command that repeats this run. */
  readonly repeat: string;
  readonly startUs: number;
  readonly endUs: number;
  /** Set when the run was cut short (Ctrl-C): everything below is true up to `atUs`. */
  readonly partial: { readonly reason: string; readonly atUs: number } | null;
  /** Plain sentences: what was assumed because the input did not say. */
  readonly assumptions: readonly string[];
  /** Plain sentences: warnings about the input (broken lines, affinity on a DNS-only balancer, …). */
  readonly warnings: readonly string[];
  readonly traffic: readonly TrafficSource[];
  readonly totals: Totals;
  readonly phases: readonly Phase[];
  readonly placement: Placement;
  readonly budget: DowntimeBudget;
  readonly sessions: SessionLedger;
  readonly capacity: readonly CapacityRow[];
  readonly latency: LatencySummary;
  readonly dns: DnsSummary | null;
  readonly railgun: RailgunSummary | null;
  readonly pools: readonly PoolSummary[];
  readonly pops: readonly PopSummary[];
  readonly timeline: readonly TimelineEntry[];
  readonly series: Series;
  readonly checks: readonly CheckResult[];
  /** Drills only: how the run itself went, beside what it measured. */
  readonly drill?: DrillFacts;
  /** Drills only: the replay's prediction beside the measurement. */
  readonly fidelity?: Fidelity;
  /** Drills only: the first failed requests, each with its whole story; all of them are in events.ndjson. */
  readonly failures?: readonly FailedRequest[];
}

/** What a reader must know to trust a drill. Times of the report are the scenario's; `wallStartUs` is when that began on the wall. */
export interface DrillFacts {
  readonly pace: number;
  readonly wallStartUs: number;
  readonly ended: 'finished' | 'stopped' | 'interrupted' | 'broken';
  /** Plain sentences: what was pressed, what stands in for what. */
  readonly notes: readonly string[];
  /** How much later than planned requests were sent, µs. */
  readonly lateness: { readonly p50Us: number; readonly p99Us: number; readonly maxUs: number };
  readonly inFlight: { readonly peak: number; readonly limit: number; readonly turnedAway: number };
  /** Requests whose line in the edge's access log was not found: their pool and origin are unknown. */
  readonly unjoined: number;
  /** Bytes that crossed between edges and listeners while the run lasted, both ways, as TCP payload (TLS included); `null` without a link. */
  readonly laneBytes: number | null;
  /** How long the steady state took to come about, before and after; `null` = it did not. */
  readonly steadyBeforeUs: number | null;
  readonly steadyAfterUs: number | null;
  /** Largest delay between a fault's moment and its being done. */
  readonly faultLatenessUs: number;
  /** What the rollback could not take away. */
  readonly leftovers: readonly string[];
}

export interface Fidelity {
  readonly pass: boolean;
  readonly rows: readonly FidelityRow[];
  /** Plain sentences, written under the numbers. */
  readonly unknown: readonly string[];
}

export interface FidelityRow {
  /** `time_to_detect`, `share`, `failed_requests`, … */
  readonly figure: string;
  /** Whose: `pool/eu refuse`, `eu while faults lasted`, `origin_refused`; empty = the run's. */
  readonly subject: string;
  /** `s`, `ms`, `%`, `B`, or empty for a count. */
  readonly unit: string;
  /** `null` = did not happen. */
  readonly predicted: number | null;
  readonly measured: number | null;
  /** measured - predicted; of shares in points. */
  readonly difference: number | null;
  /** In words: `10 % or 6 s`; empty = shown, not judged. */
  readonly allowed: string;
  /** `null` = not judged. */
  readonly pass: boolean | null;
}

/** One failed request from the client's send to its end. Times in µs of the scenario; 0 = did not happen. */
export interface FailedRequest {
  /** Number of the request in the run, as in events.ndjson. */
  readonly n: number;
  readonly atUs: number;
  readonly client: string;
  readonly pop: string;
  readonly host: string;
  readonly target: string;
  readonly cause: string;
  readonly status: number;
  readonly pool: string;
  readonly origin: string;
  readonly because: string;
  readonly affinity: string;
  readonly fallback: boolean;
  readonly attempts: number;
  /** Pools that were looked at, each with why it was passed over: `eu:pool_critical,us`; empty when none was. */
  readonly candidates?: string;
  /** Where it was tried before `origin`, and the edge's error there: `POOL/ORIGIN 521`. */
  readonly tried?: readonly string[];
  readonly path: string;
  readonly sentUs: number;
  readonly headUs: number;
  readonly endUs: number;
  /** What the edge's own clock says of it. */
  readonly edgeFromUs: number;
  readonly edgeToUs: number;
  readonly bytes: number;
  readonly ray: string;
  readonly railgun: string;
  /** An errno or a word for what broke the connection, as the client saw it. */
  readonly error: string;
}

export interface TrafficSource {
  readonly kind: 'log' | 'clients' | 'pages';
  readonly name: string;
  readonly requests: number;
  /** Logs only. */
  readonly lines: number;
  readonly brokenLines: number;
  /** Line numbers of the first broken lines, at most 20. */
  readonly brokenLineNumbers: readonly number[];
  readonly outOfOrder: number;
  readonly clients: number;
}

export interface Totals {
  readonly requests: number;
  readonly served: number;
  readonly failed: number;
  /** Served by the fallback pool. */
  readonly fallback: number;
  /** A second attempt was made (zero-downtime failover). */
  readonly retried: number;
  /** Failures by cause code (`origin_refused`, `origin_overloaded`, `nothing_may_serve`, …), most first. */
  readonly causes: readonly { readonly cause: string; readonly status: number; readonly count: number }[];
}

/** A span of the run between marks of the timeline: `before` the first fault, `during`, `after` the last heal. */
export interface Phase {
  readonly name: 'before' | 'during' | 'after';
  readonly fromUs: number;
  readonly toUs: number;
}

/** Who goes where: requests per region of the PoP and per pool, phase by phase. */
export interface Placement {
  readonly regions: readonly string[];
  /** Pool names, then `(none)` for requests that reached no pool. */
  readonly pools: readonly string[];
  /** counts[phase][region][pool] */
  readonly counts: readonly (readonly (readonly number[])[])[];
  /** failed[phase][region][pool] */
  readonly failed: readonly (readonly (readonly number[])[])[];
}

/** Failed requests split by why they were not avoided, and the knob that would shorten each part. */
export interface DowntimeBudget {
  readonly outages: readonly Outage[];
}

export interface Outage {
  readonly subject: string;
  readonly fault: string;
  readonly fromUs: number;
  /** When health first flipped; `null` = never noticed. */
  readonly detectedUs: number | null;
  /** End of the last failed request that this outage caused; `null` = none failed. */
  readonly recoveredUs: number | null;
  readonly healedUs: number | null;
  /** Health back to good after the heal; `null` = not within the run. */
  readonly backUs: number | null;
  /** Arrival of the last failed request that was sent to what this outage struck: from then on decisions avoid it. `null` = none. */
  readonly decidedUs?: number | null;
  readonly failed: number;
  readonly parts: readonly { readonly part: BudgetPart; readonly failed: number; readonly knob: string }[];
}

export type BudgetPart = 'before_detection' | 'dns_cache' | 'overload' | 'fallback' | 'nothing_may_serve' | 'other';

export interface SessionLedger {
  readonly sessions: number;
  /** Sessions with at least two requests: only those can move. */
  readonly returning: number;
  readonly kept: number;
  readonly moved: number;
  readonly movedBack: number;
  /** Moved without the old origin's consent: the user's state is lost. */
  readonly lost: number;
  readonly drained: number;
  readonly expired: number;
  readonly byReason: readonly { readonly reason: string; readonly count: number }[];
}

export interface CapacityRow {
  readonly pool: string;
  readonly origin: string;
  /** Requests per second; `null` = no limit stated. */
  readonly limit: number | null;
  readonly peak: number;
  readonly peakAtUs: number;
  /** peak / limit, 0 without a limit. */
  readonly peakRatio: number;
  /** Seconds during which arrivals were above the limit. */
  readonly overloadedSeconds: number;
  readonly longestOverloadSeconds: number;
  readonly rejected: number;
}

export interface LatencySummary {
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

export interface DnsSummary {
  readonly queries: number;
  readonly cacheHits: number;
  /** Requests sent to an address that steering no longer gave out. */
  readonly staleRequests: number;
  readonly soaAnswers: number;
}

export interface RailgunSummary {
  /** Requests by path: over the lane, or direct with a reason. */
  readonly viaLane: number;
  readonly direct: readonly { readonly reason: string; readonly count: number }[];
  readonly pageBytes: number;
  readonly wanBytes: number;
  /** Payload bytes on the lane / body bytes, of compressed responses. */
  readonly ratio: number;
  readonly lanesOpened: number;
  readonly lanesLost: number;
  /** Only when requests crossed the link at wire fidelity. */
  readonly wire?: WireSummary;
}

/** Answers of the link by how they were told, and all bytes that both ends wrote, TLS not counted. */
export interface WireSummary {
  readonly same: number;
  readonly delta: number;
  readonly full: number;
  readonly raw: number;
  readonly laneBytes: number;
}

export interface PoolSummary {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly requests: number;
  readonly failed: number;
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly origins: readonly OriginSummary[];
  /** The pool's own state (`minimum_origins` decides); without it, readers take a pool to be as healthy as its best origin. */
  readonly beats?: readonly Beat[];
}

/** From `fromUs` until the next beat (or the end of the run) the thing was in this state. */
export interface Beat {
  readonly fromUs: number;
  readonly state: string;
  readonly reason: string;
}

export interface OriginSummary {
  readonly name: string;
  readonly address: string;
  readonly requests: number;
  readonly failed: number;
  /** State changes in order: the beat bar. */
  readonly beats: readonly Beat[];
}

export interface PopSummary {
  readonly code: string;
  readonly city: string;
  readonly region: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly requests: number;
  readonly failed: number;
}

/** One line of the story. */
export interface TimelineEntry {
  readonly atUs: number;
  readonly kind:
    | 'fault'
    | 'heal'
    | 'change'
    | 'health'
    | 'steering'
    | 'capacity'
    | 'sessions'
    | 'link'
    | 'check'
    | 'note';
  readonly tone: 'good' | 'bad' | 'neutral';
  readonly text: string;
  /** Line of the scenario file this comes from, 0 = none. */
  readonly line: number;
}

/** Counts per bucket of time. `series.requests[i]` covers [startUs + i·bucketUs, startUs + (i+1)·bucketUs). */
export interface Series {
  readonly startUs: number;
  readonly bucketUs: number;
  readonly buckets: number;
  readonly requests: readonly number[];
  readonly failed: readonly number[];
  readonly fallback: readonly number[];
  readonly retried: readonly number[];
  /** By pool, in `pools` order: requests and failures that ended there. */
  readonly poolRequests: readonly (readonly number[])[];
  readonly poolFailed: readonly (readonly number[])[];
  /** By region of the PoP, in `placement.regions` order. */
  readonly regionRequests: readonly (readonly number[])[];
  readonly regionFailed: readonly (readonly number[])[];
  /** By region and pool (last pool column = none), regionPool[region][pool][bucket]: the scrubber's map. */
  readonly regionPool: readonly (readonly (readonly number[])[])[];
  /** By origin, flattened in pool order: arrivals, for the capacity view. */
  readonly originRequests: readonly (readonly number[])[];
  readonly originFailed: readonly (readonly number[])[];
  readonly sessionsMoved: readonly number[];
  readonly sessionsLost: readonly number[];
  /** Mean latency of served requests per bucket, µs; 0 where none. */
  readonly latencyMeanUs: readonly number[];
  readonly latencyP99Us: readonly number[];
  readonly railgunRequests: readonly number[];
  readonly railgunDirect: readonly number[];
  readonly railgunPageBytes: readonly number[];
  readonly railgunWanBytes: readonly number[];
}

export interface CheckResult {
  readonly check: string;
  readonly pass: boolean;
  /** What was measured, as a number in `unit`; `null` when there was nothing to measure (which fails the check). */
  readonly value: number | null;
  readonly limit: number | null;
  readonly unit: string;
  /** One sentence for people: "0.31 % of 12,400 requests failed; the limit is 0.5 %". */
  readonly text: string;
  /** Line of the scenario file, 0 = given on the command line. */
  readonly line: number;
}
