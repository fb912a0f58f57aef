/**
 * Who uses whom. A pool stays referenced by every list that names it, also where the current policy ignores the list (spec 7.3,
 * #5, #6): such an object cannot be deleted, and the answer should say who holds it (LB-042, LB-043).
 */
import type { PoolId } from '../core/ids.ts';
import type { LoadBalancer, Model, SteeringSettings } from '../core/model.ts';

export interface Reference {
  /** `referrer`: uses the object asked about. `referral`: is used by it. */
  readonly type: 'referrer' | 'referral';
  readonly resourceType: 'load_balancer' | 'pool' | 'monitor' | 'monitor_group' | 'zone' | 'railgun';
  readonly resourceId: string;
  readonly resourceName: string;
  /** Where: `default_pools`, `region_pools.WNAM`, `rules[0].overrides.fallback_pool`. */
  readonly through: readonly string[];
}

/** Every use of a pool by a balancer, in the order of the object's fields. */
export function poolReferences(balancer: LoadBalancer): { readonly pool: PoolId; readonly through: string }[] {
  const uses = settingsReferences(balancer, '');
  for (const [index, rule] of balancer.rules.entries()) {
    uses.push(...settingsReferences(rule.overrides, `rules[${index}].overrides.`));
  }
  for (const [index, set] of balancer.poolSets.entries()) {
    for (const pool of set.pools) uses.push({ pool, through: `pool_sets[${index}].overrides.pools` });
    if (set.fallbackPool !== undefined)
      uses.push({ pool: set.fallbackPool, through: `pool_sets[${index}].overrides.fallback_pool` });
  }
  return uses;
}

function settingsReferences(
  settings: Partial<Omit<SteeringSettings, 'affinity'>>,
  prefix: string,
): { pool: PoolId; through: string }[] {
  const uses: { pool: PoolId; through: string }[] = [];
  for (const pool of settings.defaultPools ?? []) uses.push({ pool, through: `${prefix}default_pools` });
  if (settings.fallbackPool !== undefined)
    uses.push({ pool: settings.fallbackPool, through: `${prefix}fallback_pool` });
  const maps = [
    ['region_pools', settings.regionPools],
    ['region_pools', settings.regionCountryPools],
    ['country_pools', settings.countryPools],
    ['pop_pools', settings.popPools],
  ] as const;
  for (const [name, map] of maps) {
    for (const [code, list] of map ?? [])
      for (const pool of list) uses.push({ pool, through: `${prefix}${name}.${code}` });
  }
  return uses;
}

/** Everything that uses the pool, monitor, monitor group or railgun `id`, and everything that it uses. Empty for an unknown id. */
export function referencesOf(model: Model, id: string): Reference[] {
  const references: Reference[] = [];
  const add = (
    type: Reference['type'],
    resourceType: Reference['resourceType'],
    resourceId: string,
    resourceName: string,
    through: readonly string[],
  ): void => {
    if (through.length > 0) references.push({ type, resourceType, resourceId, resourceName, through });
  };
  for (const balancer of model.loadBalancers) {
    const through = poolReferences(balancer).flatMap((use) => (use.pool === id ? [use.through] : []));
    if (balancer.railgun === id) through.push('railgun');
    add('referrer', 'load_balancer', balancer.id, balancer.name, through);
    if (balancer.id === id) {
      for (const pool of model.pools) {
        add(
          'referral',
          'pool',
          pool.id,
          pool.name,
          poolReferences(balancer).flatMap((use) => (use.pool === pool.id ? [use.through] : [])),
        );
      }
    }
  }
  for (const pool of model.pools) {
    if (pool.monitor === id) add('referrer', 'pool', pool.id, pool.name, ['monitor']);
    if (pool.monitorGroup === id) add('referrer', 'pool', pool.id, pool.name, ['monitor_group']);
    if (pool.id !== id) continue;
    for (const monitor of model.monitors) {
      if (monitor.id === pool.monitor)
        add('referral', 'monitor', monitor.id, monitor.description || monitor.id, ['monitor']);
    }
    for (const group of model.monitorGroups) {
      if (group.id === pool.monitorGroup)
        add('referral', 'monitor_group', group.id, group.description || group.id, ['monitor_group']);
    }
  }
  for (const group of model.monitorGroups) {
    const through = group.members.flatMap((member, index) => (member.monitor === id ? [`members[${index}]`] : []));
    add('referrer', 'monitor_group', group.id, group.description || group.id, through);
  }
  return references;
}

/** May the object be deleted? The referrers that say no (HTTP 412, code 1005), or an empty list. */
export function referrersOf(model: Model, id: string): Reference[] {
  return referencesOf(model, id).filter((reference) => reference.type === 'referrer');
}
