/**
 * The run as a story: faults and what followed from them. Keeps the timeline that people read, and the downtime budget: for each
 * outage when it began, when health noticed, when the last request failed, and which part of the failures had which cause.
 *
 * A failed request is charged to the outage that acts on the origin it failed at; one that reached no origin, or failed at a survivor
 * (overload, fallback), to the youngest outage that still runs.
 */
import type { BudgetPart, DowntimeBudget, Outage, TimelineEntry } from '../core/report.ts';
import { LANE_LOST, NOTHING_MAY_SERVE, OVERLOADED } from '../sim/outcome.ts';

/** Repeated lines of one kind about one subject are told only this often. */
const MAX_REPEATS = 12;
/** Lines of the story; a flapping origin in a long run must not fill the report. */
const MAX_ENTRIES = 2_000;

/** What an outage acts on, and so what it takes to notice it. Empty sets: nothing watches this (a PoP, a resolver). */
export interface Struck {
  readonly origins: ReadonlySet<number>;
  readonly listeners: ReadonlySet<number>;
}

interface OpenOutage {
  readonly subject: string;
  readonly fault: string;
  readonly struck: Struck;
  /** Of these, those that are known to be down: origins by health, listeners by their lanes. */
  readonly down: Set<number>;
  readonly fromUs: number;
  detectedUs: number | null;
  recoveredUs: number | null;
  decidedUs: number | null;
  healedUs: number | null;
  backUs: number | null;
  failed: number;
  readonly parts: Map<BudgetPart, number>;
  readonly knobs: ReadonlyMap<BudgetPart, string>;
}

export class Story {
  readonly timeline: TimelineEntry[] = [];
  readonly #outages: OpenOutage[] = [];
  readonly #byOrigin = new Map<number, OpenOutage>();
  /** Since when health says that an origin is down. */
  readonly #downSince = new Map<number, number>();
  readonly #repeats = new Map<string, number>();

  tell(entry: TimelineEntry, repeatKey = ''): void {
    if (this.timeline.length >= MAX_ENTRIES) return;
    if (repeatKey !== '') {
      const times = (this.#repeats.get(repeatKey) ?? 0) + 1;
      this.#repeats.set(repeatKey, times);
      if (times > MAX_REPEATS) return;
      if (times === MAX_REPEATS) {
        this.timeline.push({ ...entry, text: `${entry.text} (further repeats are left out)` });
        return;
      }
    }
    this.timeline.push(entry);
  }

  open(
    subject: string,
    fault: string,
    struck: Struck,
    at: number,
    knobs: ReadonlyMap<BudgetPart, string>,
  ): OutageHandle {
    const outage: OpenOutage = {
      subject,
      fault,
      struck,
      down: new Set(),
      fromUs: at,
      detectedUs: null,
      recoveredUs: null,
      decidedUs: null,
      healedUs: null,
      backUs: null,
      failed: 0,
      parts: new Map(),
      knobs,
    };
    this.#outages.push(outage);
    for (const origin of struck.origins) this.#byOrigin.set(origin, outage);
    return {
      heal: (healedAt) => {
        outage.healedUs = healedAt;
        // A flapping origin may be found well before its fault is over.
        if (outage.detectedUs !== null && outage.down.size === 0) outage.backUs = healedAt;
      },
    };
  }

  /** Health of an origin changed, as the world sees it. */
  health(origin: number, healthy: boolean, at: number): void {
    if (healthy) this.#downSince.delete(origin);
    else if (!this.#downSince.has(origin)) this.#downSince.set(origin, at);
    for (const outage of this.#outages) if (outage.struck.origins.has(origin)) turn(outage, origin, healthy, at);
  }

  /** A lane to a listener opened, or one was lost or could not be opened. */
  lane(listener: number, open: boolean, at: number): void {
    for (const outage of this.#outages) if (outage.struck.listeners.has(listener)) turn(outage, listener, open, at);
  }

  failed(origin: number, ending: number, arrivedAt: number, endedAt: number, stale: boolean, fallback: boolean): void {
    const outage = this.#charge(origin, arrivedAt, endedAt);
    if (outage === undefined) return;
    outage.failed += 1;
    if (outage.recoveredUs === null || endedAt > outage.recoveredUs) outage.recoveredUs = endedAt;
    const struck = outage.struck.origins.size === 0 || outage.struck.origins.has(origin);
    if (struck && (outage.decidedUs === null || arrivedAt > outage.decidedUs)) outage.decidedUs = arrivedAt;
    // Nobody hands a request to a lane that is known to be lost.
    const believed = outage.struck.origins.has(origin)
      ? arrivedAt < (this.#downSince.get(origin) ?? Number.POSITIVE_INFINITY)
      : outage.detectedUs === null || arrivedAt < outage.detectedUs;
    const part = partOf(ending, stale, fallback, believed || ending === LANE_LOST);
    outage.parts.set(part, (outage.parts.get(part) ?? 0) + 1);
  }

  budget(): DowntimeBudget {
    return {
      outages: this.#outages.filter(isTold).map(
        (outage): Outage => ({
          subject: outage.subject,
          fault: outage.fault,
          fromUs: outage.fromUs,
          detectedUs: outage.detectedUs,
          recoveredUs: outage.recoveredUs,
          decidedUs: outage.decidedUs,
          healedUs: outage.healedUs,
          backUs: outage.backUs,
          failed: outage.failed,
          parts: PARTS.flatMap((part) => {
            const failed = outage.parts.get(part) ?? 0;
            return failed === 0 ? [] : [{ part, failed, knob: outage.knobs.get(part) ?? KNOBS[part] }];
          }),
        }),
      ),
    };
  }

  #charge(origin: number, arrivedAt: number, endedAt: number): OpenOutage | undefined {
    const within = (outage: OpenOutage): boolean =>
      endedAt >= outage.fromUs && arrivedAt <= (outage.healedUs ?? arrivedAt) + AFTERMATH_US;
    const own = this.#byOrigin.get(origin);
    return own !== undefined && within(own) ? own : this.#outages.findLast(within);
  }
}

export interface OutageHandle {
  heal(at: number): void;
}

/** Failures this long after a heal are still its aftermath: a connect time-out that was under way, a queue that drains. */
const AFTERMATH_US = 120_000_000;

const PARTS: readonly BudgetPart[] = [
  'before_detection',
  'dns_cache',
  'overload',
  'fallback',
  'nothing_may_serve',
  'other',
];

const KNOBS: Readonly<Record<BudgetPart, string>> = {
  before_detection:
    'a shorter monitor interval or fewer consecutive_down; zero_downtime_failover for proxied balancers',
  dns_cache: 'a shorter ttl, or proxied: true',
  overload: 'more capacity in the survivors, or load_shedding',
  fallback: 'a fallback_pool that can serve',
  nothing_may_serve: 'an enabled fallback_pool with an enabled origin',
  other: 'see the causes of these requests in events.ndjson',
};

/** `believed`: nobody knew yet that what the request was sent to is down. */
function partOf(ending: number, stale: boolean, fallback: boolean, believed: boolean): BudgetPart {
  if (ending === NOTHING_MAY_SERVE) return 'nothing_may_serve';
  if (ending === OVERLOADED) return 'overload';
  if (stale) return 'dns_cache';
  if (fallback) return 'fallback';
  return believed ? 'before_detection' : 'other';
}

function turn(outage: OpenOutage, thing: number, up: boolean, at: number): void {
  if (!up) {
    outage.down.add(thing);
    outage.detectedUs ??= at;
  } else if (outage.down.delete(thing) && outage.down.size === 0 && outage.healedUs !== null) outage.backUs = at;
}

/** A PoP that was withdrawn, or a resolver that ignores the TTL, is an outage only if somebody suffered. */
function isTold(outage: OpenOutage): boolean {
  return outage.failed > 0 || outage.struck.origins.size > 0 || outage.struck.listeners.size > 0;
}
