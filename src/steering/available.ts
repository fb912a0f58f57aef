/**
 * Which pools are available, and which endpoints can serve (spec 2.2). Health is asked here and nowhere else; the answers
 * are kept per place by place.ts. Host names are asked each time, since what resolves changes without notice (LB-124).
 */
import type { OriginSkip, PoolSkip } from '../core/decision.ts';
import type { HealthView, NameView } from '../core/health-view.ts';
import type { Location } from '../core/location.ts';
import { endpointSet } from './pool-plan.ts';
import type { EndpointSet, OriginPlan, PoolPlan } from './pool-plan.ts';

const scratch: OriginPlan[] = [];

/** The endpoints that may serve new clients, host names not yet tried; or why the pool is passed over. */
export function usableEndpoints(pool: PoolPlan, from: Location, health: HealthView): EndpointSet | PoolSkip {
  if (!pool.enabled) return 'pool_disabled';
  const state = health.pool(pool.index, from);
  if (state === 'critical') return 'pool_critical';
  if (state === 'unprobed') return 'pool_unprobed';
  scratch.length = 0;
  for (const origin of pool.origins) {
    if (origin.enabled && origin.weight > 0 && fit(origin, from, health)) scratch.push(origin);
  }
  return endpointSet(pool, scratch) ?? 'pool_no_usable_origin';
}

/** Asked even of a pool without a monitor: an operator may have set a verdict by hand. */
function fit(origin: OriginPlan, from: Location, health: HealthView): boolean {
  const state = health.origin(origin.pool.index, origin.index, from);
  return state === 'healthy' || state === 'unmonitored';
}

/** The part of a set whose names resolve from here; `undefined` when none does. */
export function resolvable(set: EndpointSet, from: Location, names: NameView): EndpointSet | undefined {
  if (!set.pool.hasHostnames) return set;
  scratch.length = 0;
  for (const origin of set.origins) {
    if (resolves(origin, from, names)) scratch.push(origin);
  }
  return scratch.length === set.origins.length ? set : endpointSet(set.pool, scratch);
}

export function resolves(origin: OriginPlan, from: Location, names: NameView): boolean {
  return origin.hostname === undefined || names.resolves(origin.hostname, from);
}

/** A set without one endpoint; `undefined` when nothing is left. */
export function without(set: EndpointSet, tried: OriginPlan): EndpointSet | undefined {
  scratch.length = 0;
  for (const origin of set.origins) {
    if (origin !== tried) scratch.push(origin);
  }
  return scratch.length === set.origins.length ? set : endpointSet(set.pool, scratch);
}

/** Endpoints of the fallback pool: health, shedding and drains ignored, the operator's switches not (spec 4). */
export function enabledEndpoints(pool: PoolPlan): EndpointSet | undefined {
  scratch.length = 0;
  for (const origin of pool.origins) {
    if (origin.enabled && origin.weight > 0) scratch.push(origin);
  }
  return endpointSet(pool, scratch);
}

/** Why an endpoint is not in the set that was chosen from; for explained ladders. */
export function whyNotUsable(
  origin: OriginPlan,
  from: Location,
  world: { readonly health: HealthView; readonly names: NameView },
  options: { readonly draining: boolean; readonly healthIgnored: boolean },
): OriginSkip {
  if (!origin.enabled) return options.draining ? 'origin_draining' : 'origin_disabled';
  if (origin.weight <= 0) return 'origin_weight_zero';
  if (!options.healthIgnored) {
    const state = world.health.origin(origin.pool.index, origin.index, from);
    if (state === 'unhealthy') return 'origin_unhealthy';
    if (state === 'unprobed') return 'origin_unprobed';
  }
  return resolves(origin, from, world.names) ? 'origin_not_drawn' : 'origin_unresolvable';
}
