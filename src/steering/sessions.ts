/**
 * May this request go back to where its session began (spec 5.2, 5.3)? A live session outranks policies and weights; it does
 * not outrank the operator's switches, health, or a drain that has ended. Order of the questions, first "no" decides:
 *
 *   this balancer's? -> still young? -> pool listed? -> origin exists? -> pool and origin fit? -> enabled or draining?
 *   -> name resolves? -> not shed?
 */
import type { AffinityClaim, AffinityOutcome } from '../core/decision.ts';
import { resolves } from './available.ts';
import { shedsSession } from './load-shedding.ts';
import { FIT, POOL_OUT } from './place.ts';
import type { Place } from './place.ts';
import type { OriginPlan } from './pool-plan.ts';
import type { SteerRequest, SteerWorld } from './request.ts';
import type { Variant } from './variant.ts';

/** The endpoint to return to, or why the session is broken. `sliding`: age was judged by the table of header sessions. */
export function honourClaim(
  variant: Variant,
  place: Place,
  request: SteerRequest,
  world: SteerWorld,
  claim: AffinityClaim,
  sliding: boolean,
): OriginPlan | AffinityOutcome {
  const { plan } = variant;
  if (claim.loadBalancer !== plan.balancer.id) return 'foreign';
  if (!sliding && world.now >= (claim.issuedAt + variant.sessionTtlSeconds) * 1_000_000) return 'expired';
  const pool = plan.poolById.get(claim.pool);
  if (pool === undefined) return 'origin_gone';
  if (variant.listed[pool.slot] === 0) return pool === variant.fallback ? 'pool_unavailable' : 'origin_gone';
  const origin = pool.originByName.get(claim.origin);
  if (origin === undefined) return 'origin_gone';
  const verdict = place.sessionVerdict(origin, world.health);
  if (verdict !== FIT) return verdict === POOL_OUT ? 'pool_unavailable' : 'origin_unhealthy';
  if (!origin.enabled && !isDraining(variant, origin, world.now)) return 'drained';
  if (origin.hostname !== undefined && !resolves(origin, request.location, world.names)) return 'origin_unhealthy';
  if (pool.shedSessionPercent > 0 && shedsSession(pool, request)) return 'shed';
  return origin;
}

/**
 * While the fallback pool serves, a session made there stays with its endpoint, whatever the health. It ends when a listed
 * pool is back, unless the fallback pool is itself listed (our choice: the emergency should not outlive its cause).
 */
export function honourInFallback(
  variant: Variant,
  request: SteerRequest,
  world: SteerWorld,
  claim: AffinityClaim,
): OriginPlan | undefined {
  if (claim.pool !== variant.fallback.id) return undefined;
  const origin = variant.fallback.originByName.get(claim.origin);
  if (origin === undefined || !origin.enabled || !resolves(origin, request.location, world.names)) return undefined;
  return origin;
}

/** Disabled, with sessions still welcome (spec 5.3). */
export function isDraining(variant: Variant, origin: OriginPlan, now: number): boolean {
  return !origin.enabled && origin.disabledAt !== undefined && now < origin.disabledAt + variant.drainUs;
}
