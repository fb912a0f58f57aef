/**
 * Every word that a check may begin with, as a table: what it means, what it may be asked of, in which units, and whether part
 * of the run can be asked for. The parser, the docs (docs/checks.md) and shell completion are made from it; how each one is
 * measured is in `measure.ts`, `states.ts` and `spans.ts`.
 */

/** `number` compares with a limit; `span` is `NAME within D of T`; `state` holds or does not. */
export type MetricForm = 'number' | 'span' | 'state';

/** What stands in the brackets: `pool/eu`, `origin/eu/eu-1`, `region/WEU`, `pop/LHR`, or a word of a list (`words`). */
export type ScopeKind = 'pool' | 'origin' | 'region' | 'pop' | 'word' | 'status';

/** `count`: a bare number. `percent`: `0.5%`. `times`: `1.5x`. `time`: `250ms`. `bytes`: `10MB`. `rate`: `400/s`. */
export type Unit = 'count' | 'percent' | 'times' | 'time' | 'bytes' | 'rate';

export interface Metric {
  readonly name: string;
  readonly form: MetricForm;
  readonly units: readonly Unit[];
  readonly scopes: readonly ScopeKind[];
  /** Whether the brackets may be left out. */
  readonly scope: 'none' | 'optional' | 'required';
  /** A second object in the brackets: `share(pool/us, region/WEU)` is the share within that region. */
  readonly within: readonly ScopeKind[];
  /** For `word`: the words, or empty when they are only known from the report. */
  readonly words: readonly string[];
  /** The kinds of scope of which a part of the run can be asked; `all` stands for no brackets. Elsewhere only the whole run. */
  readonly windows: readonly (ScopeKind | 'all')[];
  /** What a percentage is a percentage of. */
  readonly of: string;
  readonly meaning: string;
  readonly example: string;
}

const BUDGET_PARTS = ['before_detection', 'dns_cache', 'overload', 'fallback', 'nothing_may_serve', 'other'] as const;

const BLANK = {
  form: 'number',
  units: ['count'],
  scopes: [],
  scope: 'none',
  within: [],
  words: [],
  windows: ['all'],
  of: '',
} as const;

const COUNTED = { ...BLANK, units: ['count', 'percent'] } as const;
const PLACES = ['pool', 'origin', 'region', 'pop'] as const;
const ON_THE_CLOCK = ['all', 'pool', 'origin', 'region'] as const;

export const METRICS: readonly Metric[] = [
  // Traffic
  {
    ...BLANK,
    name: 'requests',
    units: ['count', 'rate'],
    scopes: PLACES,
    scope: 'optional',
    windows: ON_THE_CLOCK,
    meaning: 'Requests that arrived (of an origin: attempts). With `/s`, the mean rate.',
    example: 'requests(pool/eu) > 1000 before 12:03',
  },
  {
    ...COUNTED,
    name: 'failed_requests',
    scopes: PLACES,
    scope: 'optional',
    windows: ON_THE_CLOCK,
    of: 'the requests there',
    meaning: 'Requests that got no answer, or an error that the edge or a dead origin made.',
    example: 'failed_requests < 0.5%',
  },
  {
    ...COUNTED,
    name: 'served_requests',
    scopes: PLACES,
    scope: 'optional',
    windows: ON_THE_CLOCK,
    of: 'the requests there',
    meaning: 'Requests that were answered: all but the failed ones.',
    example: 'served_requests(region/WEU) >= 99.9%',
  },
  {
    ...COUNTED,
    name: 'fallback_requests',
    of: 'all requests',
    meaning: 'Requests served by the fallback pool.',
    example: 'fallback_requests == 0',
  },
  {
    ...COUNTED,
    name: 'retried_requests',
    of: 'all requests',
    meaning: 'Requests for which a second attempt was made (zero-downtime failover).',
    example: 'retried_requests < 1% after 12:05',
  },
  {
    ...BLANK,
    name: 'share',
    units: ['percent'],
    scopes: ['pool', 'origin', 'region', 'word'],
    scope: 'required',
    within: ['region', 'pool'],
    words: ['none'],
    windows: ['pool', 'origin', 'region', 'word'],
    of: 'all requests',
    meaning:
      'The part of all requests that went there; `none` is no pool at all. Within a second object: `share(pool/us, region/WEU)`, `share(origin/eu/eu-1, pool/eu)`.',
    example: 'share(pool/eu) == 0% from 12:04:30 to 12:15',
  },
  {
    ...COUNTED,
    name: 'status',
    scopes: ['status'],
    scope: 'required',
    windows: [],
    of: 'all requests',
    meaning: 'Failed requests that were answered with this status code.',
    example: 'status(530) == 0',
  },
  {
    ...COUNTED,
    name: 'cause',
    scopes: ['word'],
    scope: 'required',
    windows: [],
    of: 'all requests',
    meaning:
      'Failed requests with this cause code, as listed in the report (`origin_refused`, `origin_overloaded`, …).',
    example: 'cause(origin_overloaded) < 0.1%',
  },
  // Time to notice, to recover, to come back
  {
    ...BLANK,
    name: 'detected',
    form: 'span',
    units: ['time'],
    scopes: ['pool', 'origin'],
    scope: 'optional',
    windows: [],
    meaning: 'Health noticed the outage that began at that time, this soon after.',
    example: 'detected within 30s of +3m',
  },
  {
    ...BLANK,
    name: 'recovered',
    form: 'span',
    units: ['time'],
    scopes: ['pool', 'origin'],
    scope: 'optional',
    windows: [],
    meaning:
      'The last failed request caused by what began at that time (a fault, a heal, a change) ended this soon after.',
    example: 'recovered within 90s of 12:03',
  },
  {
    ...BLANK,
    name: 'back',
    form: 'span',
    units: ['time'],
    scopes: ['pool', 'origin'],
    scope: 'optional',
    windows: [],
    meaning: 'Health was good again this soon after the heal at that time.',
    example: 'back within 2m of 12:12',
  },
  {
    ...BLANK,
    name: 'detection_time',
    units: ['time'],
    scopes: ['pool', 'origin'],
    scope: 'optional',
    windows: [],
    meaning: 'Longest time from the start of an outage until health noticed it.',
    example: 'detection_time < 60s',
  },
  {
    ...BLANK,
    name: 'recovery_time',
    units: ['time'],
    scopes: ['pool', 'origin'],
    scope: 'optional',
    windows: [],
    meaning: 'Longest time from the start of an outage until the last request that it failed.',
    example: 'recovery_time(pool/eu) < 90s',
  },
  {
    ...BLANK,
    name: 'failing_time',
    units: ['time'],
    scopes: ['pool', 'region', 'origin'],
    scope: 'optional',
    windows: ON_THE_CLOCK,
    meaning: 'Time in which at least one request failed, in whole buckets of the report.',
    example: 'failing_time < 90s',
  },
  {
    ...COUNTED,
    name: 'budget',
    scopes: ['word'],
    scope: 'required',
    words: BUDGET_PARTS,
    windows: [],
    of: 'all requests',
    meaning: 'Failed requests in this part of the downtime budget, over all outages.',
    example: 'budget(dns_cache) < 100',
  },
  // Latency of served requests
  ...(['p50', 'p90', 'p99', 'p999'] as const).map(
    (name): Metric => ({
      ...BLANK,
      name,
      units: ['time'],
      windows: name === 'p99' ? ['all'] : [],
      meaning: `${name === 'p999' ? '99.9 %' : `${name.slice(1)} %`} of served requests were at least this fast.${
        name === 'p99' ? ' For a part of the run: the slowest bucket in it.' : ''
      }`,
      example:
        name === 'p99' ? 'p99 < 250ms' : `${name} < ${name === 'p50' ? '40ms' : name === 'p90' ? '120ms' : '2s'}`,
    }),
  ),
  {
    ...BLANK,
    name: 'latency.max',
    units: ['time'],
    windows: [],
    meaning: 'The slowest served request.',
    example: 'latency.max < 5s',
  },
  {
    ...BLANK,
    name: 'latency.mean',
    units: ['time'],
    meaning: 'Mean latency of served requests.',
    example: 'latency.mean < 60ms after 12:05',
  },
  // Sessions
  {
    ...BLANK,
    name: 'sessions',
    windows: [],
    meaning: 'Sessions seen.',
    example: 'sessions > 1000',
  },
  {
    ...COUNTED,
    name: 'sessions_lost',
    of: 'sessions that came back',
    meaning: 'Sessions moved without the consent of their origin: what it remembered of the visitor is lost.',
    example: 'sessions_lost < 2%',
  },
  {
    ...COUNTED,
    name: 'sessions_moved',
    of: 'sessions that came back',
    meaning: 'Sessions that changed their origin.',
    example: 'sessions_moved < 30% before 12:10',
  },
  {
    ...COUNTED,
    name: 'sessions_kept',
    windows: [],
    of: 'sessions that came back',
    meaning: 'Sessions that stayed with their origin throughout.',
    example: 'sessions_kept > 95%',
  },
  {
    ...COUNTED,
    name: 'sessions_moved_back',
    windows: [],
    of: 'sessions that came back',
    meaning: 'Sessions that moved and later returned to their first origin.',
    example: 'sessions_moved_back == 0',
  },
  {
    ...COUNTED,
    name: 'sessions_drained',
    windows: [],
    of: 'sessions that came back',
    meaning: 'Sessions that moved because the drain of their origin ended.',
    example: 'sessions_drained < 5%',
  },
  // Capacity
  {
    ...BLANK,
    name: 'peak',
    units: ['times', 'rate'],
    scopes: ['pool', 'origin'],
    scope: 'optional',
    windows: [],
    meaning:
      'Highest arrival rate of an origin: with `x` as a multiple of its stated limit, with `/s` as it is. Of a pool: its worst origin.',
    example: 'peak(pool/us) < 1.5x',
  },
  {
    ...BLANK,
    name: 'overloaded',
    units: ['time'],
    scopes: ['pool', 'origin'],
    scope: 'optional',
    windows: [],
    meaning: 'Time during which arrivals were above the stated limit. Of a pool: its worst origin.',
    example: 'overloaded(pool/us) < 10s',
  },
  {
    ...BLANK,
    name: 'longest_overload',
    units: ['time'],
    scopes: ['pool', 'origin'],
    scope: 'optional',
    windows: [],
    meaning: 'The longest unbroken stretch above the stated limit.',
    example: 'longest_overload(origin/us/us-1) < 5s',
  },
  {
    ...COUNTED,
    name: 'rejected',
    scopes: ['pool', 'origin'],
    scope: 'optional',
    windows: [],
    of: 'all requests',
    meaning: 'Attempts that an origin turned away because its queue was full.',
    example: 'rejected(pool/us) == 0',
  },
  // Health
  {
    ...BLANK,
    name: 'healthy',
    form: 'state',
    scopes: ['pool', 'origin'],
    scope: 'required',
    windows: ['pool', 'origin'],
    meaning: 'The pool or origin was healthy (or degraded, or not monitored) all that time.',
    example: 'healthy(pool/eu) at 12:02',
  },
  {
    ...BLANK,
    name: 'unhealthy',
    form: 'state',
    scopes: ['pool', 'origin'],
    scope: 'required',
    windows: ['pool', 'origin'],
    meaning: 'The pool or origin was unhealthy, critical or not yet probed all that time.',
    example: 'unhealthy(pool/eu) at 12:05',
  },
  {
    ...BLANK,
    name: 'flips',
    scopes: ['pool', 'origin'],
    scope: 'required',
    windows: ['pool', 'origin'],
    meaning: 'Changes of state of the pool or origin.',
    example: 'flips(origin/eu/eu-1) <= 4',
  },
  // DNS
  {
    ...BLANK,
    name: 'soa_answers',
    windows: [],
    meaning: 'DNS queries answered with the SOA because nothing could serve.',
    example: 'soa_answers == 0',
  },
  {
    ...BLANK,
    name: 'dns.queries',
    windows: [],
    meaning: 'DNS queries that steering answered.',
    example: 'dns.queries > 0',
  },
  {
    ...COUNTED,
    name: 'dns.cache_hits',
    windows: [],
    of: 'look-ups (queries and cache hits)',
    meaning: 'Look-ups that a resolver answered from its cache.',
    example: 'dns.cache_hits > 90%',
  },
  {
    ...COUNTED,
    name: 'dns.stale_requests',
    windows: [],
    of: 'all requests',
    meaning: 'Requests sent to an address that steering no longer gave out.',
    example: 'dns.stale_requests < 1%',
  },
  // The link
  {
    ...BLANK,
    name: 'railgun.ratio',
    units: ['percent'],
    of: 'page bytes',
    meaning: 'Bytes that crossed the link, as a part of the page bytes they stood for.',
    example: 'railgun.ratio < 5% before 12:05',
  },
  {
    ...COUNTED,
    name: 'railgun.requests',
    of: 'requests by the link or direct',
    meaning: 'Requests that went over a lane.',
    example: 'railgun.requests > 95% before 12:05',
  },
  {
    ...COUNTED,
    name: 'railgun.direct',
    scopes: ['word'],
    scope: 'optional',
    of: 'requests by the link or direct',
    meaning: 'Requests that went round the link; with a reason in brackets, only those.',
    example: 'railgun.direct < 10%',
  },
  {
    ...BLANK,
    name: 'railgun.wan_bytes',
    units: ['bytes'],
    meaning: 'Bytes that crossed the link.',
    example: 'railgun.wan_bytes < 10MB',
  },
  {
    ...BLANK,
    name: 'railgun.page_bytes',
    units: ['bytes'],
    meaning: 'Bytes of the pages that the link carried.',
    example: 'railgun.page_bytes > 100MB',
  },
  {
    ...BLANK,
    name: 'railgun.lanes_opened',
    windows: [],
    meaning: 'Lanes opened, the first ones included.',
    example: 'railgun.lanes_opened < 20',
  },
  {
    ...BLANK,
    name: 'railgun.lanes_lost',
    windows: [],
    meaning: 'Lanes that broke.',
    example: 'railgun.lanes_lost == 0',
  },
];

const BY_NAME: ReadonlyMap<string, Metric> = new Map(METRICS.map((metric) => [metric.name, metric]));

export function metricNamed(name: string): Metric | undefined {
  return BY_NAME.get(name);
}

/** How a metric is written, for tables and completion: `share(pool | origin | region | none [, region | pool])`. */
export function signatureOf(metric: Metric): string {
  if (metric.scope === 'none') return metric.name;
  const kinds = metric.scopes.flatMap((kind) => (kind === 'word' && metric.words.length > 0 ? metric.words : [kind]));
  const within = metric.within.length === 0 ? '' : ` [, ${metric.within.join(' | ')}]`;
  const inside = `(${kinds.join(' | ')}${within})`;
  return metric.scope === 'required' ? `${metric.name}${inside}` : `${metric.name}[${inside}]`;
}
