/**
 * Which probe is due when, and what follows from its result. No timers, no sockets: the simulator and the live driver both ask
 * `nextAt`, take what is due, and report back.
 *
 *   while (plan.nextAt <= now) { const probe = plan.next(now); if (probe) send(probe) }
 *   on an answer: if (plan.result(probe, outcome) === 'retry') send(probe) again at once, else board.record(…)
 *
 * One cycle is a probe and its retries; only a time-out is retried, and at once (LB-128, LB-129, C13). A cycle that is still under
 * way when the next is due is not doubled: that round is left out.
 *
 * Assumptions: a target that is new is probed within FIRST_ROUND_US and from then on at its own moment; a target that an earlier
 * plan had keeps its rhythm, unless its cycle was under way.
 */
import { assert } from '../core/assert.ts';
import type { Monitor } from '../core/model.ts';
import type { ProbeOutcome } from '../core/probe.ts';
import { type Micros, US_PER_SECOND, after } from '../core/time.ts';
import { type HealthLayout, isProbed } from './layout.ts';
import { isTimeout } from './reasons.ts';
import { Calendar, phaseOf } from './schedule.ts';
import type { HealthBoard } from './view.ts';

/** New targets are first probed within this time, so that a new monitor does not keep a pool down for an interval. */
export const FIRST_ROUND_US = US_PER_SECOND;

/** One target of the plan, and the state of its cycle. Made once; the same object comes back each round. */
export class Probe {
  /** Place in `ProbePlan.probes`. */
  readonly index: number;
  readonly pool: number;
  readonly origin: number;
  /** Place of the monitor in the pool's layout. */
  readonly member: number;
  readonly monitor: Monitor;
  /** PoP index. */
  readonly dataCenter: number;
  readonly timeoutUs: number;
  /** 0 = first try, then 1 to `monitor.retries`. */
  attempt = 0;
  underWay = false;

  constructor(index: number, pool: number, origin: number, member: number, monitor: Monitor, dataCenter: number) {
    this.index = index;
    this.pool = pool;
    this.origin = origin;
    this.member = member;
    this.monitor = monitor;
    this.dataCenter = dataCenter;
    this.timeoutUs = monitor.timeoutSeconds * US_PER_SECOND;
  }
}

export interface PlanOptions {
  /** Spreads the moments; the run's seed, or any fixed word. */
  readonly seed: string | number;
  /**
   * `each`: every data center at its own moment. `together`: all data centers probe an origin at one moment, so that one real probe
   * can stand for them all (`live/prober`). Default `each`.
   */
  readonly dataCenters?: 'each' | 'together';
  /** Targets of this one keep their rhythm; only new ones are probed at once. */
  readonly previous?: ProbePlan;
}

export class ProbePlan {
  readonly probes: readonly Probe[];
  /** From the start to the moment when every target can have had all results that its verdict needs, if nothing times out. */
  readonly warmUpUs: number;
  /** Rounds left out because the cycle before was still under way, or its data center was out. */
  skipped = 0;
  readonly #calendars: readonly Calendar[];
  /** By probe: pool, origin, monitor and data center by their stable names. */
  readonly #names: readonly string[];
  readonly #first: Probe[];
  readonly #firstAt: Float64Array;
  #firstCursor = 0;
  readonly #out = new Set<number>();

  constructor(layout: HealthLayout, start: Micros, options: PlanOptions) {
    const probes: Probe[] = [];
    const names: string[] = [];
    const byInterval = new Map<number, { target: number; phase: number }[]>();
    const first: { probe: Probe; at: number }[] = [];
    let warmUpUs = 0;
    const { previous } = options;
    // What was under way then is lost, so it is sent anew at once.
    const known = new Set(
      previous === undefined ? [] : previous.#names.filter((_, i) => !previous.probes[i]!.underWay),
    );
    for (const pop of previous === undefined ? [] : previous.#out) this.#out.add(pop);
    for (const [p, each] of layout.pools.entries()) {
      for (const [o, origin] of each.pool.origins.entries()) {
        if (!isProbed(each, origin)) continue;
        for (const [m, { monitor }] of each.members.entries()) {
          const intervalUs = monitor.intervalSeconds * US_PER_SECOND;
          warmUpUs = Math.max(warmUpUs, FIRST_ROUND_US + intervalUs * Math.max(1, monitor.consecutiveUp));
          for (const pop of each.electorate.slots) {
            const probe = new Probe(probes.length, p, o, m, monitor, pop);
            const who = [each.pool.id, origin.name, monitor.id];
            const where = options.dataCenters === 'together' ? [] : [layout.sites.pops[pop]!.code];
            const name = [...who, layout.sites.pops[pop]!.code].join(' ');
            const phase = phaseOf(options.seed, [...who, ...where], intervalUs);
            probes.push(probe);
            names.push(name);
            let calendar = byInterval.get(intervalUs);
            if (calendar === undefined) byInterval.set(intervalUs, (calendar = []));
            calendar.push({ target: probe.index, phase });
            if (known.has(name)) continue;
            // In the same order and proportion as the moments to come.
            const soon = Math.floor((phase / intervalUs) * FIRST_ROUND_US);
            first.push({ probe, at: start + soon });
          }
        }
      }
    }
    first.sort((a, b) => a.at - b.at || a.probe.index - b.probe.index);
    this.probes = probes;
    this.warmUpUs = warmUpUs;
    this.#names = names;
    this.#first = first.map((each) => each.probe);
    this.#firstAt = Float64Array.from(first, (each) => each.at);
    const from = first.length === 0 ? start : after(start, FIRST_ROUND_US);
    this.#calendars = [...byInterval]
      .sort(([a], [b]) => a - b)
      .map(([intervalUs, targets]) => new Calendar(intervalUs, targets, previous === undefined ? from : start));
  }

  /** When the next probe is due, µs; Infinity when there is nothing to probe. */
  get nextAt(): number {
    let at = this.#firstCursor < this.#first.length ? this.#firstAt[this.#firstCursor]! : Number.POSITIVE_INFINITY;
    for (const calendar of this.#calendars) if (calendar.nextAt < at) at = calendar.nextAt;
    return at;
  }

  /**
   * Takes the next moment that is due at `now`: its probe, under way from here on, or `undefined` when that round is left out or
   * nothing is due. So ask again while `nextAt <= now`.
   */
  next(now: Micros): Probe | undefined {
    const probe = this.#take(now);
    if (probe === undefined) return undefined;
    if (probe.underWay || this.#out.has(probe.dataCenter)) {
      this.skipped += 1;
      return undefined;
    }
    probe.underWay = true;
    probe.attempt = 0;
    return probe;
  }

  /** `retry`: send it again now, with the new `attempt`. `done`: the cycle ended, the outcome counts. */
  result(probe: Probe, outcome: ProbeOutcome): 'retry' | 'done' {
    assert(probe.underWay && this.probes[probe.index] === probe, 'a result belongs to a probe under way in this plan');
    if (isTimeout(outcome.reason) && probe.attempt < probe.monitor.retries) {
      probe.attempt += 1;
      return 'retry';
    }
    probe.underWay = false;
    return 'done';
  }

  /** The cycle ends without a result: cancelled, or never sent. */
  abandon(probe: Probe): void {
    probe.underWay = false;
  }

  /** A data center that is out sends no probes (a PoP withdrawn); its last results stand. */
  setDataCenter(pop: number, working: boolean): void {
    if (working) this.#out.delete(pop);
    else this.#out.add(pop);
  }

  #take(now: Micros): Probe | undefined {
    let soonest: Calendar | undefined;
    let at = this.#firstCursor < this.#first.length ? this.#firstAt[this.#firstCursor]! : Number.POSITIVE_INFINITY;
    for (const calendar of this.#calendars) {
      if (calendar.nextAt <= now) calendar.catchUp(now);
      if (calendar.nextAt < at) {
        at = calendar.nextAt;
        soonest = calendar;
      }
    }
    if (at > now) return undefined;
    if (soonest !== undefined) return this.probes[soonest.take()]!;
    const probe = this.#first[this.#firstCursor]!;
    this.#firstCursor += 1;
    return probe;
  }
}

/** Report a result to both: the plan says whether it counts, the board keeps it. `retry`: send the probe again now. */
export function settle(
  plan: ProbePlan,
  board: HealthBoard,
  probe: Probe,
  outcome: ProbeOutcome,
  now: Micros,
): 'retry' | 'done' {
  const step = plan.result(probe, outcome);
  if (step === 'done') board.record(probe.pool, probe.origin, probe.dataCenter, outcome, now, probe.member);
  return step;
}
