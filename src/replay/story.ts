/**
 * The run as a story: faults and what followed from them. Keeps the timeline that people read, and the downtime budget: for each
 * outage when it began, when health noticed, when the last request failed, and which part of the failures had which cause.
 *
 * A failed request is charged to the outage that acts on the origin it failed at; one that reached no origin, or failed at a survivor
 * (overload, fallback), to the youngest outage that still runs.
 */
import type { BudgetPart, DowntimeBudget, Outage, TimelineEntry } from '../core/report.ts';
import { NOTHING_MAY_SERVE, OVERLOADED } from '../sim/outcome.ts';

/** Repeated lines of one kind about one subject are told only this often. */
const MAX_REPEATS = 12;
/** Lines of the story; a flapping origin in a long run must not fill the report. */
const MAX_ENTRIES = 2_000;

interface OpenOutage {
  readonly subject: string;
  readonly fault: string;
  readonly origins: ReadonlySet<number>;
  readonly fromUs: number;
  detectedUs: number | null;
  recoveredUs: number | null;
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
    origins: readonly number[],
    at: number,
    knobs: ReadonlyMap<BudgetPart, string>,
  ): OutageHandle {
    const outage: OpenOutage = {
      subject,
      fault,
      origins: new Set(origins),
      fromUs: at,
      detectedUs: null,
      recoveredUs: null,
      healedUs: null,
      backUs: null,
      failed: 0,
      parts: new Map(),
      knobs,
    };
    this.#outages.push(outage);
    for (const origin of origins) this.#byOrigin.set(origin, outage);
    return {
      heal: (healedAt) => {
        outage.healedUs = healedAt;
      },
    };
  }

  /** Health of an origin changed somewhere. */
  health(origin: number, healthy: boolean, at: number): void {
    for (const outage of this.#outages) {
      if (!outage.origins.has(origin)) continue;
      if (!healthy && outage.detectedUs === null && at >= outage.fromUs) outage.detectedUs = at;
      if (healthy && outage.healedUs !== null && outage.detectedUs !== null) outage.backUs = at;
    }
  }

  failed(origin: number, ending: number, arrivedAt: number, endedAt: number, stale: boolean, fallback: boolean): void {
    const outage = this.#charge(origin, arrivedAt);
    if (outage === undefined) return;
    outage.failed += 1;
    if (outage.recoveredUs === null || endedAt > outage.recoveredUs) outage.recoveredUs = endedAt;
    const part = partOf(outage, ending, arrivedAt, stale, fallback);
    outage.parts.set(part, (outage.parts.get(part) ?? 0) + 1);
  }

  budget(): DowntimeBudget {
    return {
      outages: this.#outages.map(
        (outage): Outage => ({
          subject: outage.subject,
          fault: outage.fault,
          fromUs: outage.fromUs,
          detectedUs: outage.detectedUs,
          recoveredUs: outage.recoveredUs,
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

  #charge(origin: number, at: number): OpenOutage | undefined {
    const own = this.#byOrigin.get(origin);
    if (own !== undefined && at <= (own.healedUs ?? at) + AFTERMATH_US) return own;
    for (let index = this.#outages.length - 1; index >= 0; index -= 1) {
      const outage = this.#outages[index]!;
      if (at >= outage.fromUs && at <= (outage.healedUs ?? at) + AFTERMATH_US) return outage;
    }
    return undefined;
  }
}

export interface OutageHandle {
  heal(at: number): void;
}

/** Failures this long after a heal are still its aftermath: a connect time-out that was under way, a queue that drains. */
const AFTERMATH_US = 120_000_000;

const PARTS: readonly BudgetPart[] = ['before_detection', 'dns_cache', 'overload', 'fallback', 'nothing_may_serve', 'other'];

const KNOBS: Readonly<Record<BudgetPart, string>> = {
  before_detection: 'a shorter monitor interval or fewer consecutive_down; zero_downtime_failover for proxied balancers',
  dns_cache: 'a shorter ttl, or proxied: true',
  overload: 'more capacity in the survivors, or load_shedding',
  fallback: 'a fallback_pool that can serve',
  nothing_may_serve: 'an enabled fallback_pool with an enabled origin',
  other: 'see the causes of these requests in events.ndjson',
};

function partOf(outage: OpenOutage, ending: number, arrivedAt: number, stale: boolean, fallback: boolean): BudgetPart {
  if (ending === NOTHING_MAY_SERVE) return 'nothing_may_serve';
  if (ending === OVERLOADED) return 'overload';
  if (stale) return 'dns_cache';
  if (fallback) return 'fallback';
  if (outage.detectedUs === null || arrivedAt < outage.detectedUs) return 'before_detection';
  return 'other';
}
