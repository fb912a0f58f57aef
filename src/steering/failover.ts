/**
 * Zero-downtime failover (spec 5.5, LB-189..196): the edge itself could not reach the origin that steering chose. Once, and
 * only where it is safe, the request is tried on another endpoint: of the same pool, else (`failover_across_pools`) of the
 * next pool in the order of the policy. A session pinned to the failed endpoint follows the balancer's mode:
 *
 *   none        the client sees the error
 *   temporary   another endpoint for now; the claim stays and leads back   -> affinity `visiting`
 *   sticky      another endpoint, and the claim moves there                -> affinity `moved`
 */
import type { AffinityOutcome, Decision, Ladder, Reason } from '../core/decision.ts';
import { resolvable, usableEndpoints, without } from './available.ts';
import { chooseOrigin } from './choose-origin.ts';
import { choosePool } from './choose-pool.ts';
import type { OriginDecision } from './decisions.ts';
import { explainAnswer, explainOrigins } from './explain.ts';
import { placeOf } from './place.ts';
import type { BalancerPlan } from './plan.ts';
import type { EndpointSet, OriginPlan } from './pool-plan.ts';
import type { SteerRequest, SteerWorld } from './request.ts';
import type { Variant } from './variant.ts';

/** What became of the attempt that `previous` asked for. */
export interface FailedAttempt {
  /** The status that the edge itself would answer with; the origin's own 5xx is no failed attempt (LB-194). */
  readonly status: number;
  /** Attempts made for this request so far, the failed one included. */
  readonly attempts: number;
  /** Nothing of the body was lost: it can be sent again. */
  readonly replayable: boolean;
}

/** One retry, never two (LB-193). */
const ATTEMPTS_LIMIT = 2;

export function isFailoverStatus(status: number): boolean {
  return status === 521 || status === 522 || status === 523 || status === 525 || status === 526;
}

/**
 * Where to try next; `undefined` = nowhere, the client gets the error. `previous`: the decision that failed, for the same
 * request. The fallback pool is not a failover target, and what fails there fails (L17).
 */
export function steerAgain(
  plan: BalancerPlan,
  request: SteerRequest,
  world: SteerWorld,
  previous: Decision,
  failed: FailedAttempt,
  ladder?: Ladder | undefined,
): Decision | undefined {
  if (previous.kind !== 'origin' || !isFailoverStatus(failed.status)) return undefined;
  if (!failed.replayable || failed.attempts >= ATTEMPTS_LIMIT) return undefined;
  const variant = plan.branches.ofSettings(previous.settings);
  const session = afterwards(variant, previous);
  if (session === undefined) return undefined;

  const place = placeOf(variant, request.location, world.health);
  const pool = plan.pools.find((candidate) => candidate.index === previous.pool);
  const tried = pool?.origins[previous.origin];
  // The configuration changed while the attempt was under way: what failed is no longer there.
  if (pool === undefined || tried === undefined) return undefined;
  let because: Reason = 'zero_downtime_same_pool';
  let set = othersInPool(tried, request, world);
  if (set === undefined && variant.settings.failoverAcrossPools) {
    because = 'zero_downtime_next_pool';
    set = choosePool(variant, place, request, world, pool, ladder);
  }
  if (set === undefined) return undefined;
  const origin = chooseOrigin(variant, set, request, world);
  if (ladder !== undefined) {
    explainOrigins(ladder, variant, set, origin, request, world, { tried, healthIgnored: false });
  }
  const newClaim = session.claims ? variant.decisions.claim(origin, Math.floor(world.now / 1_000_000)) : undefined;
  const decision = variant.decisions.make('origin', origin, because, session.outcome, newClaim, previous.sessionKey);
  return ladder === undefined ? decision : explainAnswer(ladder, plan, decision);
}

/** The other endpoints of the pool that may serve; `undefined` when there is none. */
function othersInPool(tried: OriginPlan, request: SteerRequest, world: SteerWorld): EndpointSet | undefined {
  const all = usableEndpoints(tried.pool, request.location, world.health);
  if (typeof all === 'string') return undefined;
  const others = without(all, tried);
  return others === undefined ? undefined : resolvable(others, request.location, world.names);
}

/** What a failover does to the session: its outcome and whether a claim is handed out; `undefined` = no failover. */
function afterwards(
  variant: Variant,
  previous: OriginDecision,
): { readonly outcome: AffinityOutcome; readonly claims: boolean } | undefined {
  // No session yet: retried whatever the mode, and a session just made is made with the endpoint that answers.
  if (previous.affinity !== 'kept') {
    return { outcome: previous.affinity, claims: previous.newClaim !== undefined };
  }
  switch (variant.settings.affinity.zeroDowntime) {
    case 'none':
      return undefined;
    case 'temporary':
      return { outcome: 'visiting', claims: false };
    case 'sticky':
      // Not offered with header sessions: treated as none (LB-192).
      return variant.affinity === 'header' ? undefined : { outcome: 'moved', claims: true };
  }
}
