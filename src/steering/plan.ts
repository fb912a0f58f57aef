/**
 * One load balancer, compiled once per configuration: pools it can reach, conditions as functions, and the variants of its
 * settings, made when a request first meets that combination of pool set and rules. `steer.ts` runs it.
 *
 * A plan also remembers health per place, so use one plan per world; it never changes what is decided.
 */
import type { Decision } from '../core/decision.ts';
import type { PoolId } from '../core/ids.ts';
import type { LoadBalancer, Model, SteeringSettings } from '../core/model.ts';
import { assert } from '../core/assert.ts';
import { Branches } from './choose-variant.ts';
import { compilePool } from './pool-plan.ts';
import type { PoolPlan } from './pool-plan.ts';
import { compilePoolSets } from './pool-sets.ts';
import type { CompiledPoolSet } from './pool-sets.ts';
import { compileRules } from './rules.ts';
import type { CompiledRule } from './rules.ts';
import type { Variant } from './variant.ts';

export interface BalancerPlan {
  readonly model: Model;
  readonly balancerIndex: number;
  readonly balancer: LoadBalancer;
  /** The pools that the balancer can reach, each once. */
  readonly pools: readonly PoolPlan[];
  readonly poolById: ReadonlyMap<string, PoolPlan>;
  readonly originCount: number;
  readonly poolSets: readonly CompiledPoolSet[];
  /** In the order to run. */
  readonly rules: readonly CompiledRule[];
  /** Settings by combination of pool set and rules. */
  readonly branches: Branches;
  /** No pool set and no rule matched. */
  readonly base: Variant;
  /** Pools by id, in order, each once. */
  resolve(ids: readonly PoolId[]): readonly PoolPlan[];
}

export const BALANCER_DISABLED: Decision = { kind: 'records', because: 'balancer_disabled' };
export const NOTHING_MAY_SERVE: Decision = { kind: 'none', because: 'nothing_may_serve' };

/** `balancerIndex`: place in `Model.loadBalancers`. References were checked by `config`; a dangling one is our own mistake. */
export function compileBalancer(model: Model, balancerIndex: number): BalancerPlan {
  const balancer = model.loadBalancers[balancerIndex];
  assert(balancer !== undefined, `no load balancer at ${balancerIndex}`);
  const poolById = new Map<string, PoolPlan>();
  let originCount = 0;
  for (const id of reachable(balancer)) {
    if (poolById.has(id)) continue;
    const index = model.pools.findIndex((pool) => pool.id === id);
    assert(index >= 0, `load balancer ${balancer.name} names pool ${id}, which does not exist`);
    const pool = compilePool(model.pools[index]!, index, poolById.size, originCount);
    originCount += pool.origins.length;
    poolById.set(id, pool);
  }
  return new Plan(model, balancerIndex, balancer, poolById, originCount);
}

class Plan implements BalancerPlan {
  readonly model: Model;
  readonly balancerIndex: number;
  readonly balancer: LoadBalancer;
  readonly pools: readonly PoolPlan[];
  readonly poolById: ReadonlyMap<string, PoolPlan>;
  readonly originCount: number;
  readonly poolSets: readonly CompiledPoolSet[];
  readonly rules: readonly CompiledRule[];
  readonly branches: Branches;
  readonly base: Variant;

  constructor(
    model: Model,
    balancerIndex: number,
    balancer: LoadBalancer,
    poolById: ReadonlyMap<string, PoolPlan>,
    originCount: number,
  ) {
    this.model = model;
    this.balancerIndex = balancerIndex;
    this.balancer = balancer;
    this.pools = [...poolById.values()];
    this.poolById = poolById;
    this.originCount = originCount;
    this.poolSets = compilePoolSets(balancer);
    this.rules = compileRules(balancer);
    this.branches = new Branches(this);
    this.base = this.branches.variant(this.branches.root);
  }

  resolve(ids: readonly PoolId[]): readonly PoolPlan[] {
    return [...new Set(ids)].map((id) => this.poolById.get(id)!);
  }
}

function* reachable(balancer: LoadBalancer): Generator<string> {
  yield* reachableBy(balancer);
  for (const set of balancer.poolSets) {
    yield* set.pools;
    if (set.fallbackPool !== undefined) yield set.fallbackPool;
  }
  for (const rule of balancer.rules) yield* reachableBy(rule.overrides);
}

function* reachableBy(settings: Partial<Omit<SteeringSettings, 'affinity'>>): Generator<string> {
  yield* settings.defaultPools ?? [];
  for (const lists of [settings.popPools, settings.countryPools, settings.regionCountryPools, settings.regionPools]) {
    for (const ids of lists?.values() ?? []) yield* ids;
  }
  if (settings.fallbackPool !== undefined) yield settings.fallbackPool;
}
