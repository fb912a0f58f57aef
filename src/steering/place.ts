/**
 * What is known about one place under one variant: the candidate list in the order to try, which pools are available there,
 * and which endpoints a session may return to. Good until `HealthView.version` moves (or `rttVersion`, for a policy that
 * reads round-trip times); recomputed in place then. This memory is why a decision costs tens of nanoseconds.
 *
 * Draining, shedding and host names are not in it: they change with time, client and resolver.
 */
import type { PoolSkip } from '../core/decision.ts';
import type { HealthView } from '../core/health-view.ts';
import type { Location } from '../core/location.ts';
import { usableEndpoints } from './available.ts';
import { candidatesAt } from './candidates.ts';
import type { CandidateList } from './candidates.ts';
import type { EndpointSet, OriginPlan, PoolPlan } from './pool-plan.ts';
import type { Variant } from './variant.ts';

/** Verdict on returning to an endpoint, kept per place and health version. */
export const UNKNOWN = 0;
export const FIT = 1;
export const POOL_OUT = 2;
export const ORIGIN_UNHEALTHY = 3;
export type SessionVerdict = typeof FIT | typeof POOL_OUT | typeof ORIGIN_UNHEALTHY;

/** Distinct locations kept per variant: every PoP with every country of its visitors is a few thousand. */
const PLACES_LIMIT = 8192;

export class Place {
  readonly location: Location;
  readonly list: CandidateList;
  /** All candidates in the order to try (drawn policies: list order). */
  order: readonly PoolPlan[];
  /** The available ones among them, in the same order. */
  readonly ready: EndpointSet[] = [];
  /** `ready[i]` is `order[readyAt[i]]`. */
  readonly readyAt: number[] = [];
  /** Why each candidate is out; `undefined` = available. */
  readonly skips: (PoolSkip | undefined)[] = [];
  /** Policy weights of `ready`, and their sum. */
  readonly weights: number[] = [];
  totalWeight = 0;

  readonly #variant: Variant;
  readonly #sessions: Uint8Array;
  #health: HealthView | undefined;
  #version = -1;
  #rttVersion = -1;

  constructor(variant: Variant, location: Location) {
    this.#variant = variant;
    this.location = location;
    this.list = variant.policy.byPlace ? candidatesAt(variant.lists, location) : variant.lists.byDefault;
    this.order = this.list.pools;
    this.#sessions = new Uint8Array(variant.originCount);
  }

  /** Bring the memory up to date with this view. */
  refresh(health: HealthView): void {
    if (health === this.#health && health.version === this.#version) {
      if (!this.#variant.policy.readsRtt || (health.rttVersion ?? 0) === this.#rttVersion) return;
    } else {
      this.#sessions.fill(UNKNOWN);
    }
    this.#health = health;
    this.#version = health.version;
    this.#rttVersion = health.rttVersion ?? 0;
    const { policy, weights } = this.#variant;
    if (policy.kind === 'ordered') this.order = policy.order(this.list.pools, this.location, health);
    this.ready.length = 0;
    this.readyAt.length = 0;
    this.weights.length = 0;
    this.totalWeight = 0;
    for (let i = 0; i < this.order.length; i += 1) {
      const pool = this.order[i]!;
      const state = usableEndpoints(pool, this.location, health);
      if (typeof state === 'string') {
        this.skips[i] = state;
      } else {
        this.skips[i] = undefined;
        this.ready.push(state);
        this.readyAt.push(i);
        this.weights.push(weights[pool.slot]!);
        this.totalWeight += weights[pool.slot]!;
      }
    }
  }

  /** May a session return to this endpoint, as far as switches of its pool and health go? */
  sessionVerdict(origin: OriginPlan, health: HealthView): SessionVerdict {
    const known = this.#sessions[origin.flat]!;
    if (known !== UNKNOWN) return known as SessionVerdict;
    const verdict = judge(origin, this.location, health);
    this.#sessions[origin.flat] = verdict;
    return verdict;
  }
}

function judge(origin: OriginPlan, from: Location, health: HealthView): SessionVerdict {
  if (!origin.pool.enabled) return POOL_OUT;
  const state = health.pool(origin.pool.index, from);
  if (state === 'critical' || state === 'unprobed') return POOL_OUT;
  const own = health.origin(origin.pool.index, origin.index, from);
  // A draining origin is no longer probed (LB-120): only what is known to be bad keeps its sessions away.
  if (own === 'unhealthy' || (own === 'unprobed' && origin.enabled)) return ORIGIN_UNHEALTHY;
  return FIT;
}

/** The place of a location, up to date. Locations are interned by `geo`, so identity is enough. */
export function placeOf(variant: Variant, location: Location, health: HealthView): Place {
  const near = variant.nearby[location.popIndex];
  const place = near !== undefined && near.location === location ? near : lookUp(variant, location);
  place.refresh(health);
  return place;
}

function lookUp(variant: Variant, location: Location): Place {
  let place = variant.places.get(location);
  if (place === undefined) {
    if (variant.places.size >= PLACES_LIMIT) variant.places.clear();
    place = new Place(variant, location);
    variant.places.set(location, place);
  }
  variant.nearby[location.popIndex] = place;
  return place;
}
