/**
 * When no candidate can serve (spec 4, L6 to L15): the fallback pool, whatever its health; and when that is disabled, empty or
 * unresolvable, nothing: SOA for a DNS query, 530 with 1016 for a proxied request.
 */
import { resolvable } from './available.ts';
import type { EndpointSet } from './pool-plan.ts';
import type { SteerRequest, SteerWorld } from './request.ts';
import type { Variant } from './variant.ts';

/** Endpoints of the fallback pool that this request can reach; `undefined` = nothing may serve. */
export function fallbackEndpoints(variant: Variant, request: SteerRequest, world: SteerWorld): EndpointSet | undefined {
  const set = variant.fallbackSet;
  return set === undefined ? undefined : resolvable(set, request.location, world.names);
}
