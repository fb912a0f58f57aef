/**
 * Rungs of the ladder: what was looked at and what came of it, in words and numbers that docs/explain.md lists. Only called
 * when somebody asked for an explanation; nothing here may change a decision or draw from `random`.
 */
import type { AffinityOutcome, Decision, Ladder, PoolSkip, Reason, Rung } from '../core/decision.ts';
import { whyNotUsable } from './available.ts';
import type { Place } from './place.ts';
import type { BalancerPlan } from './plan.ts';
import type { EndpointSet, OriginPlan, PoolPlan } from './pool-plan.ts';
import type { SteerRequest, SteerWorld } from './request.ts';
import { isDraining } from './sessions.ts';
import type { Variant } from './variant.ts';

type Detail = Record<string, string | number | boolean>;

export function explainRequest(ladder: Ladder, plan: BalancerPlan, request: SteerRequest): void {
  const { balancer } = plan;
  ladder.add({
    step: 'balancer',
    subject: balancer.name,
    outcome: balancer.enabled ? 'chosen' : 'passed_over',
    reason: balancer.enabled ? 'enabled' : 'balancer_disabled',
    detail: { proxied: balancer.proxied },
  });
  if (!balancer.enabled) return;
  const { location } = request;
  ladder.add({
    step: 'location',
    subject: location.pop,
    outcome: 'noted',
    reason: location.assumed.length === 0 ? 'known' : location.assumed.join(' '),
    detail: { region: location.region ?? 'none', country: location.country, client: request.clientAddress },
  });
}

export function explainAffinity(
  ladder: Ladder,
  variant: Variant,
  subject: string,
  outcome: AffinityOutcome,
  origin: OriginPlan | undefined,
): void {
  const { affinity } = variant.settings;
  const detail: Detail = { affinity: affinity.kind };
  if (variant.affinity !== affinity.kind) detail['ignored'] = 'dns_only';
  if (variant.affinity === 'address') detail['ignored'] = 'cookie';
  if (variant.affinity !== 'none') detail['ttl_seconds'] = affinity.ttlSeconds;
  if (variant.affinity === 'header' && affinity.zeroDowntime === 'sticky')
    detail['zero_downtime'] = 'none: sticky has no header sessions';
  if (affinity.drainSeconds > 0) detail['drain_seconds'] = affinity.drainSeconds;
  if (origin !== undefined && !origin.enabled) detail['draining'] = true;
  ladder.add({
    step: 'affinity',
    subject: origin === undefined ? subject : `${origin.pool.name}/${origin.name}`,
    outcome: origin !== undefined ? 'chosen' : outcome === 'off' || outcome === 'no_claim' ? 'noted' : 'passed_over',
    reason: outcome,
    detail,
  });
}

export function explainCandidates(ladder: Ladder, variant: Variant, place: Place): void {
  const names = (pools: readonly PoolPlan[]): string => pools.map((pool) => pool.name).join(',');
  ladder.add({
    step: 'candidates',
    subject: place.list.source,
    outcome: 'chosen',
    reason: variant.policy.byPlace ? 'place' : 'list',
    detail: { pools: names(place.list.pools) },
  });
  ladder.add({
    step: 'order',
    subject: variant.policy.name,
    outcome: 'noted',
    reason: variant.policy.because,
    detail:
      variant.policy.kind === 'ordered'
        ? { order: names(place.order) }
        : { drawn_by: variant.byAddress ? 'address' : 'weight' },
  });
}

export function explainPool(
  ladder: Ladder,
  variant: Variant,
  place: Place,
  pool: PoolPlan,
  world: SteerWorld,
  outcome: Rung['outcome'],
  reason: PoolSkip | Reason,
): void {
  const from = place.location;
  const detail: Detail = {
    health: world.health.pool(pool.index, from),
    usable_origins: place.ready.find((set) => set.pool === pool)?.origins.length ?? 0,
    origins: pool.origins.length,
    minimum_origins: pool.pool.minimumOrigins,
  };
  const { policy } = variant;
  if (policy.kind === 'ordered') {
    Object.assign(detail, policy.detail(pool, from, world.health));
  } else {
    detail['weight'] = variant.weights[pool.slot]! / 1_000_000;
    if (policy.count !== undefined) detail['under_way'] = policy.count(world.load, pool.index, from.popIndex);
  }
  if (pool.shedPercent > 0) detail['shed_percent'] = pool.shedPercent;
  ladder.add({ step: 'pool', subject: pool.name, outcome, reason, detail });
}

/** Every endpoint of the pool that was chosen: why this one, why not the others. `tried`: failed a moment ago. */
export function explainOrigins(
  ladder: Ladder,
  variant: Variant,
  set: EndpointSet,
  chosen: OriginPlan,
  request: SteerRequest,
  world: SteerWorld,
  options: { readonly tried: OriginPlan | undefined; readonly healthIgnored: boolean },
): void {
  const { pool } = set;
  const steering = variant.byAddress ? 'address' : variant.plan.balancer.proxied ? pool.pool.originSteering : 'random';
  for (const origin of pool.origins) {
    const draining = isDraining(variant, origin, world.now);
    const detail: Detail = {
      health: world.health.origin(pool.index, origin.index, request.location),
      weight: origin.weight / 100,
    };
    if (steering === 'least_outstanding_requests' || steering === 'least_connections') {
      detail['under_way'] =
        steering === 'least_connections'
          ? world.load.originConnections(pool.index, origin.index, request.location.popIndex)
          : world.load.originOutstanding(pool.index, origin.index, request.location.popIndex);
    }
    ladder.add({
      step: 'origin',
      subject: `${pool.name}/${origin.name}`,
      outcome: origin === chosen ? 'chosen' : 'passed_over',
      reason:
        origin === chosen
          ? steering
          : origin === options.tried
            ? 'origin_already_tried'
            : whyNotUsable(origin, request.location, world, { draining, healthIgnored: options.healthIgnored }),
      detail,
    });
  }
}

export function explainFallback(ladder: Ladder, variant: Variant, serves: boolean): void {
  const pool = variant.fallback;
  ladder.add({
    step: 'fallback',
    subject: pool.name,
    outcome: serves ? 'chosen' : 'passed_over',
    reason: serves ? 'fallback_pool' : pool.enabled ? 'pool_no_usable_origin' : 'pool_disabled',
    detail: { enabled: pool.enabled, enabled_origins: variant.fallbackSet?.origins.length ?? 0, health: 'ignored' },
  });
}

export function explainAnswer(ladder: Ladder, plan: BalancerPlan, decision: Decision): Decision {
  const detail: Detail = {};
  let subject: string = decision.kind;
  if (decision.kind === 'origin' || decision.kind === 'fallback') {
    const pool = plan.model.pools[decision.pool]!;
    subject = `${pool.name}/${pool.origins[decision.origin]!.name}`;
    detail['affinity'] = decision.affinity;
    detail['new_session'] = decision.newClaim !== undefined;
    detail['policy'] = decision.settings.steeringPolicy;
  } else if (decision.kind === 'fixed_response') {
    detail['status'] = decision.response.statusCode;
  } else if (decision.kind === 'none') {
    detail['answer'] = plan.balancer.proxied ? '530 with 1016' : 'SOA';
  }
  ladder.add({ step: 'answer', subject, outcome: 'chosen', reason: decision.because, detail });
  return decision;
}
