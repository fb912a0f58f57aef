/**
 * Pool sets (spec 1.6, LB-246..252): the first whose topology matches the place decides pools, policy, weights and fallback,
 * or answers by itself. Lists inside a match are ANDed, values in one list ORed (C16). Rules come on top.
 */
import type { Decision } from '../core/decision.ts';
import type { Location } from '../core/location.ts';
import type { LoadBalancer, PoolSet, SteeringSettings } from '../core/model.ts';

export interface CompiledPoolSet {
  readonly set: PoolSet;
  readonly pops: ReadonlySet<string> | undefined;
  readonly countries: ReadonlySet<string> | undefined;
  readonly regions: ReadonlySet<string> | undefined;
  readonly fixed: Decision | undefined;
}

export function compilePoolSets(balancer: LoadBalancer): readonly CompiledPoolSet[] {
  const asSet = (list: readonly string[]): ReadonlySet<string> | undefined =>
    list.length === 0 ? undefined : new Set(list);
  return balancer.poolSets.map((set) => ({
    set,
    pops: asSet(set.match.pops),
    countries: asSet(set.match.countries),
    regions: asSet(set.match.regions),
    fixed:
      set.fixedResponse === undefined
        ? undefined
        : { kind: 'fixed_response', because: 'fixed_response', response: set.fixedResponse },
  }));
}

export function poolSetMatches(compiled: CompiledPoolSet, from: Location): boolean {
  if (compiled.set.disabled) return false;
  if (compiled.pops !== undefined && !compiled.pops.has(from.pop)) return false;
  if (compiled.countries !== undefined && !compiled.countries.has(from.country)) return false;
  return compiled.regions === undefined || (from.region !== undefined && compiled.regions.has(from.region));
}

/** The balancer's settings with a matching set laid over them. The set's list is flat: maps of places no longer count. */
export function settingsOfPoolSet(balancer: LoadBalancer, set: PoolSet): SteeringSettings {
  return {
    ...balancer,
    defaultPools: set.pools,
    fallbackPool: set.fallbackPool ?? balancer.fallbackPool,
    regionPools: new Map(),
    countryPools: new Map(),
    regionCountryPools: new Map(),
    popPools: new Map(),
    steeringPolicy: set.steeringPolicy === '' ? 'off' : set.steeringPolicy,
    randomSteering: { defaultWeight: set.poolDefaultWeight, poolWeights: set.poolWeights },
  };
}
