/**
 * The targets of a layer-4 balancer: which are in service by their health checks, and which takes the next connection. Pure, for both
 * worlds: `live/l4-balancer.ts` and the simulator send the probes and carry the bytes, this file says when, and what an answer means.
 *
 *     add ─► OutOfService ── `healthy` passes in a row ──► InService
 *                 ▲                                            │
 *                 └────────── `unhealthy` failures in a row ───┘
 *
 * Figures are those of AWS's classic load balancer (spec/railgun.md 9.3). A driver drains `wake` and `result`, and calls `wake` at `wakeAt`.
 */
import { assert } from '../core/assert.ts';
import { type Micros, US_PER_SECOND, after } from '../core/time.ts';

export interface L4CheckSettings {
  /** From the start of one probe to the start of the next. */
  readonly intervalUs: number;
  /** A probe without an answer after this has failed. Shorter than the interval. */
  readonly timeoutUs: number;
  readonly unhealthy: number;
  readonly healthy: number;
}

export const L4_CHECK_DEFAULTS: L4CheckSettings = {
  intervalUs: 30 * US_PER_SECOND,
  timeoutUs: 5 * US_PER_SECOND,
  unhealthy: 2,
  healthy: 10,
};

/** What the service accepts at least; drills that are pressed go below, and say so. */
export const L4_CHECK_MINIMA: L4CheckSettings = {
  intervalUs: 5 * US_PER_SECOND,
  timeoutUs: 2 * US_PER_SECOND,
  unhealthy: 2,
  healthy: 2,
};

/** Why the service would refuse these settings; undefined when it takes them. */
export function l4CheckObjection(settings: L4CheckSettings): string | undefined {
  const { intervalUs, timeoutUs, unhealthy, healthy } = settings;
  if (intervalUs < L4_CHECK_MINIMA.intervalUs) return 'an interval below 5 s';
  if (timeoutUs < L4_CHECK_MINIMA.timeoutUs) return 'a timeout below 2 s';
  if (unhealthy < L4_CHECK_MINIMA.unhealthy || healthy < L4_CHECK_MINIMA.healthy) return 'a threshold below 2';
  return timeoutUs < intervalUs ? undefined : 'a timeout that is not shorter than the interval';
}

/** How long a target that dies may stay in service at most, from its death: the last probe it passed was just before. */
export function worstDetectionUs({ intervalUs, timeoutUs, unhealthy }: L4CheckSettings): number {
  return unhealthy * intervalUs + timeoutUs;
}

export type L4Event =
  /** Try to connect; tell by `result(target, probe, …)`. */
  | { readonly kind: 'probe'; readonly target: string; readonly probe: number }
  | { readonly kind: 'in_service'; readonly target: string }
  | { readonly kind: 'out_of_service'; readonly target: string };

export interface L4Options {
  readonly checks: L4CheckSettings;
  /** Off: each zone with a target in service gets the same share of connections, whatever it holds (RG-111). */
  readonly crossZone: boolean;
  readonly policy: 'round_robin' | 'least_connections';
}

export interface L4TargetView {
  readonly id: string;
  readonly zone: string;
  readonly state: 'InService' | 'OutOfService';
  /** Results in a row that speak against the state. */
  readonly streak: number;
  readonly connections: number;
}

interface Target {
  readonly id: string;
  readonly zone: string;
  inService: boolean;
  streak: number;
  nextProbeAt: Micros;
  /** The probe under way and when it has failed. */
  probe: { readonly number: number; readonly failsAt: Micros } | undefined;
  connections: number;
  /** When it was last chosen, in choices: who waits longest is next. */
  turn: number;
}

/** Beyond any real group; each has a probe of its own. */
const MAX_TARGETS = 1_000;

export class L4Targets {
  readonly #options: L4Options;
  readonly #targets = new Map<string, Target>();
  readonly #zoneTurns = new Map<string, number>();
  #probes = 0;
  #turn = 0;

  constructor(options: L4Options) {
    const { intervalUs, timeoutUs, unhealthy, healthy } = options.checks;
    assert(timeoutUs > 0 && timeoutUs < intervalUs, 'a check times out before the next begins');
    assert(unhealthy >= 1 && healthy >= 1, 'thresholds of at least one result');
    this.#options = options;
  }

  /** It is out of service until it has passed (RG-109); its first probe is due at once. */
  add(id: string, zone: string, now: Micros): void {
    assert(!this.#targets.has(id), 'a target is added once');
    assert(this.#targets.size < MAX_TARGETS, `no more than ${MAX_TARGETS} targets`);
    const fresh = { inService: false, streak: 0, nextProbeAt: now, probe: undefined, connections: 0, turn: this.#turn };
    this.#targets.set(id, { id, zone, ...fresh });
  }

  /** Its connections are the driver's to keep or cut. */
  remove(id: string): void {
    this.#targets.delete(id);
  }

  targets(): readonly L4TargetView[] {
    return [...this.#targets.values()].map(({ id, zone, inService, streak, connections }) => {
      return { id, zone, state: inService ? 'InService' : 'OutOfService', streak, connections };
    });
  }

  wakeAt(): Micros | undefined {
    let first: Micros | undefined;
    for (const { probe, nextProbeAt } of this.#targets.values()) {
      const at = probe === undefined || nextProbeAt < probe.failsAt ? nextProbeAt : probe.failsAt;
      if (first === undefined || at < first) first = at;
    }
    return first;
  }

  /** Probes that are due, and what follows from those that were not answered in time. */
  wake(now: Micros): readonly L4Event[] {
    const events: L4Event[] = [];
    for (const target of this.#targets.values()) {
      if (target.probe !== undefined && target.probe.failsAt <= now) this.#fold(target, false, events);
      if (target.nextProbeAt > now) continue;
      const { intervalUs, timeoutUs } = this.#options.checks;
      this.#probes += 1;
      target.probe = { number: this.#probes, failsAt: after(now, timeoutUs) };
      // A driver that comes late does not make up for what it missed.
      target.nextProbeAt = after(now, intervalUs);
      events.push({ kind: 'probe', target: target.id, probe: this.#probes });
    }
    return events;
  }

  /** Of a probe that is under way; of any other, and of targets that are gone, it is ignored. */
  result(id: string, probe: number, passed: boolean): readonly L4Event[] {
    const target = this.#targets.get(id);
    if (target?.probe?.number !== probe) return [];
    const events: L4Event[] = [];
    this.#fold(target, passed, events);
    return events;
  }

  /** The target of the next connection, counted as its; undefined while none is in service. */
  choose(): string | undefined {
    const serving = [...this.#targets.values()].filter((target) => target.inService);
    const zone = this.#options.crossZone ? undefined : this.#nextZone(serving);
    let best: Target | undefined;
    for (const target of serving) {
      if (zone !== undefined && target.zone !== zone) continue;
      if (best === undefined || this.#before(target, best)) best = target;
    }
    if (best === undefined) return undefined;
    this.#turn += 1;
    best.turn = this.#turn;
    best.connections += 1;
    this.#zoneTurns.set(best.zone, this.#turn);
    return best.id;
  }

  /** A connection that `choose` gave it is over. */
  closed(id: string): void {
    const target = this.#targets.get(id);
    if (target !== undefined && target.connections > 0) target.connections -= 1;
  }

  #fold(target: Target, passed: boolean, events: L4Event[]): void {
    target.probe = undefined;
    if (passed === target.inService) {
      target.streak = 0;
      return;
    }
    target.streak += 1;
    const { healthy, unhealthy } = this.#options.checks;
    if (target.streak < (passed ? healthy : unhealthy)) return;
    target.inService = passed;
    target.streak = 0;
    events.push({ kind: passed ? 'in_service' : 'out_of_service', target: target.id });
  }

  #before(a: Target, b: Target): boolean {
    if (this.#options.policy === 'least_connections' && a.connections !== b.connections) {
      return a.connections < b.connections;
    }
    return a.turn < b.turn;
  }

  /** The zone that waits longest; clients spread over zones by DNS, which knows only those that serve. */
  #nextZone(serving: readonly Target[]): string | undefined {
    let best: string | undefined;
    for (const { zone } of serving) {
      if (best === undefined || this.#zoneTurn(zone) < this.#zoneTurn(best)) best = zone;
    }
    return best;
  }

  #zoneTurn(zone: string): number {
    return this.#zoneTurns.get(zone) ?? 0;
  }
}
