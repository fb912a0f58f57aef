/**
 * The one entry: where does this request go, and why (spec 2.1)?
 *
 *   balancer enabled? -> pool set, rules -> live session? -> candidates of the place, ordered by policy
 *     -> first available pool -> an endpoint in it -> else the fallback pool -> else nothing
 *
 * Pure but for its draws from `world.random`. With a ladder, every step is told; the decision and the draws are the same
 * either way. Failover after a failed attempt is `steerAgain` (failover.ts); plans are made by `compileBalancer` (plan.ts).
 */
import type { AffinityClaim, AffinityOutcome, Decision, Ladder } from '../core/decision.ts';
import { chooseOrigin } from './choose-origin.ts';
import { choosePool } from './choose-pool.ts';
import { chooseVariant } from './choose-variant.ts';
import {
  explainAffinity,
  explainAnswer,
  explainCandidates,
  explainFallback,
  explainOrigins,
  explainRequest,
} from './explain.ts';
import { sessionKey } from './header-sessions.ts';
import { fallbackEndpoints } from './last-resort.ts';
import { placeOf } from './place.ts';
import { BALANCER_DISABLED, NOTHING_MAY_SERVE } from './plan.ts';
import type { BalancerPlan } from './plan.ts';
import type { OriginPlan } from './pool-plan.ts';
import type { SteerRequest, SteerWorld } from './request.ts';
import { honourClaim, honourInFallback } from './sessions.ts';
import type { Variant } from './variant.ts';

export function steer(
  plan: BalancerPlan,
  request: SteerRequest,
  world: SteerWorld,
  ladder?: Ladder | undefined,
): Decision {
  if (ladder === undefined) return decide(plan, request, world, undefined);
  explainRequest(ladder, plan, request);
  return explainAnswer(ladder, plan, decide(plan, request, world, ladder));
}

function decide(plan: BalancerPlan, request: SteerRequest, world: SteerWorld, ladder: Ladder | undefined): Decision {
  if (!plan.balancer.enabled) return BALANCER_DISABLED;
  let variant = plan.base;
  if (plan.rules.length > 0 || plan.poolSets.length > 0) {
    const choice = chooseVariant(plan, request, world, ladder);
    if ('kind' in choice) return choice;
    variant = choice;
  }
  const place = placeOf(variant, request.location, world.health);

  let outcome: AffinityOutcome = 'off';
  let claim: AffinityClaim | undefined;
  let key: string | undefined;
  if (variant.affinity === 'cookie' || variant.affinity === 'ip_cookie') {
    claim = request.claim;
    outcome = request.claimProblem ?? 'no_claim';
  } else if (variant.affinity === 'header' && request.facts?.kind === 'http') {
    key = sessionKey(plan.balancer.id, variant.settings.affinity, request.facts);
    if (key !== undefined) {
      const found = world.sessions?.find(key, variant.sessionTtlSeconds, world.now);
      outcome = found === 'expired' ? 'expired' : 'no_claim';
      claim = found === 'expired' ? undefined : found;
    }
  }
  if (claim !== undefined) {
    const pinned = honourClaim(variant, place, request, world, claim, key !== undefined);
    if (typeof pinned === 'object') {
      if (ladder !== undefined) explainAffinity(ladder, variant, '', 'kept', pinned);
      if (key !== undefined) {
        const because = pinned.enabled ? 'affinity_header' : 'affinity_drain';
        return variant.decisions.make('origin', pinned, because, 'kept', undefined, key);
      }
      return variant.decisions.kept(pinned, pinned.enabled ? 'affinity_cookie' : 'affinity_drain');
    }
    outcome = pinned;
  }
  if (ladder !== undefined) {
    explainAffinity(
      ladder,
      variant,
      claim === undefined ? 'none' : `${claim.pool}/${claim.origin}`,
      outcome,
      undefined,
    );
    explainCandidates(ladder, variant, place);
  }

  const set = choosePool(variant, place, request, world, undefined, ladder);
  if (set === undefined) return fallBack(variant, request, world, claim, outcome, key, ladder);
  const origin = chooseOrigin(variant, set, request, world);
  if (ladder !== undefined) {
    explainOrigins(ladder, variant, set, origin, request, world, { tried: undefined, healthIgnored: false });
  }
  return newDecision(variant, origin, outcome, key, world);
}

function newDecision(
  variant: Variant,
  origin: OriginPlan,
  outcome: AffinityOutcome,
  key: string | undefined,
  world: SteerWorld,
): Decision {
  const { decisions } = variant;
  const because = variant.byAddress ? 'affinity_ip' : variant.policy.because;
  if (outcome === 'off') {
    return variant.byAddress
      ? decisions.make('origin', origin, because, 'off', undefined, undefined)
      : decisions.plain(origin);
  }
  const issuedAt = Math.floor(world.now / 1_000_000);
  if (key === undefined) return decisions.fresh(origin, because, outcome, issuedAt);
  return decisions.make('origin', origin, because, outcome, decisions.claim(origin, issuedAt), key);
}

function fallBack(
  variant: Variant,
  request: SteerRequest,
  world: SteerWorld,
  claim: AffinityClaim | undefined,
  outcome: AffinityOutcome,
  key: string | undefined,
  ladder: Ladder | undefined,
): Decision {
  const set = fallbackEndpoints(variant, request, world);
  if (ladder !== undefined) explainFallback(ladder, variant, set !== undefined);
  if (set === undefined) return NOTHING_MAY_SERVE;
  const usable = claim !== undefined && outcome !== 'foreign' && outcome !== 'expired';
  const pinned = usable ? honourInFallback(variant, request, world, claim) : undefined;
  const origin = pinned ?? chooseOrigin(variant, set, request, world);
  if (ladder !== undefined) {
    explainOrigins(ladder, variant, set, origin, request, world, { tried: undefined, healthIgnored: true });
  }
  const { decisions } = variant;
  if (pinned !== undefined) return decisions.make('fallback', origin, 'fallback_pool', 'kept', undefined, key);
  const newClaim = outcome === 'off' ? undefined : decisions.claim(origin, Math.floor(world.now / 1_000_000));
  return decisions.make('fallback', origin, 'fallback_pool', outcome, newClaim, key);
}
