/**
 * The balancer's settings as they stand for one combination of matching pool set and rules, compiled. Most balancers have
 * one variant; one with rules has one per combination that requests really met.
 */
import type { AffinityKind, SteeringSettings } from '../core/model.ts';
import type { Location } from '../core/location.ts';
import { enabledEndpoints } from './available.ts';
import { compileCandidates, everyList, hasPlaces } from './candidates.ts';
import type { CandidateLists } from './candidates.ts';
import { DecisionTable } from './decisions.ts';
import type { Place } from './place.ts';
import type { BalancerPlan } from './plan.ts';
import type { Policy } from './policies/policy.ts';
import { POLICIES } from './policies/table.ts';
import type { EndpointSet, PoolPlan } from './pool-plan.ts';

/** `address`: DNS-only `ip_cookie`, an endpoint by source address without a session (C15). */
export type EffectiveAffinity = AffinityKind | 'address';

export interface Variant {
  readonly plan: BalancerPlan;
  /** Merged; the policy is never `""`. */
  readonly settings: SteeringSettings;
  readonly policy: Policy;
  readonly lists: CandidateLists;
  /** Policy weight by pool slot, whole millionths. */
  readonly weights: Float64Array;
  /** By pool slot: is the pool on any list that the policy could use? Sessions reach no other (spec 5.2). */
  readonly listed: Uint8Array;
  readonly affinity: EffectiveAffinity;
  /** Choices by client address instead of chance: `ip_cookie`, on DNS-only too. */
  readonly byAddress: boolean;
  readonly sessionTtlSeconds: number;
  readonly drainUs: number;
  readonly fallback: PoolPlan;
  /** `undefined` when the fallback pool is disabled or has no enabled endpoint (L10, L12). */
  readonly fallbackSet: EndpointSet | undefined;
  readonly originCount: number;
  readonly decisions: DecisionTable;
  readonly places: Map<Location, Place>;
  /** The last place asked about at each PoP: spares the map look-up. */
  readonly nearby: (Place | undefined)[];
}

/** Weights 0..1 become whole numbers, so that their sums are exact. */
const WEIGHT_SCALE = 1_000_000;

export function compileVariant(plan: BalancerPlan, merged: SteeringSettings): Variant {
  const lists = compileCandidates(merged, (ids) => plan.resolve(ids));
  const policyName = merged.steeringPolicy === '' ? (hasPlaces(lists) ? 'geo' : 'off') : merged.steeringPolicy;
  const settings: SteeringSettings = { ...merged, steeringPolicy: policyName };
  const policy = POLICIES[policyName];
  const listed = new Uint8Array(plan.pools.length);
  for (const list of policy.byPlace ? everyList(lists) : [lists.byDefault]) {
    for (const pool of list.pools) listed[pool.slot] = 1;
  }
  const weights = new Float64Array(plan.pools.length);
  for (const pool of plan.pools) {
    const weight = settings.randomSteering.poolWeights.get(pool.pool.id) ?? settings.randomSteering.defaultWeight;
    weights[pool.slot] = weight > 0 ? Math.max(1, Math.round(weight * WEIGHT_SCALE)) : 0;
  }
  const fallback = plan.resolve([settings.fallbackPool])[0]!;
  const affinity = effectiveAffinity(settings.affinity.kind, plan.balancer.proxied);
  return {
    plan,
    settings,
    policy,
    lists,
    weights,
    listed,
    affinity,
    byAddress: affinity === 'ip_cookie' || affinity === 'address',
    sessionTtlSeconds: settings.affinity.ttlSeconds,
    drainUs: affinity === 'none' || affinity === 'address' ? 0 : settings.affinity.drainSeconds * 1_000_000,
    fallback,
    fallbackSet: fallback.enabled ? enabledEndpoints(fallback) : undefined,
    originCount: plan.originCount,
    decisions: new DecisionTable(plan.balancer.id, settings, policy.because, plan.originCount),
    places: new Map(),
    nearby: [],
  };
}

function effectiveAffinity(kind: AffinityKind, proxied: boolean): EffectiveAffinity {
  if (proxied) return kind;
  return kind === 'ip_cookie' ? 'address' : 'none';
}
