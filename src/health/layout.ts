/**
 * Who probes what: the model seen by health, with every pool's monitors, data centers and votes laid out. Made once per
 * configuration; `HealthBoard` keeps verdicts in its shape, `ProbePlan` keeps the calendar.
 *
 *   pool ── origins × members (monitors) × slots (data centers)
 *                                           └─ region ─┐
 *                                                      └─ world
 *
 * The places that can have an opinion of their own are *nodes*: 0 is the world, then the probing regions, then the slots.
 */
import type { Model, Monitor, Origin, Pool } from '../core/model.ts';
import { assert } from '../core/assert.ts';
import { type Sites, dataCentersOf } from './data-centers.ts';
import type { Member } from './monitor-group.ts';

/** Data centers and votes; shared by all pools with the same `check_regions`. */
export interface Electorate {
  /** PoP indices of the probing data centers, ascending. */
  readonly slots: readonly number[];
  /** Slot by PoP index, -1 = does not probe. */
  readonly slotOf: Int32Array;
  /** Indices of the regions that have a slot, ascending; their nodes are 1, 2, … */
  readonly regions: readonly number[];
  /** Node of each slot's region, 0 = in none. */
  readonly regionNode: Int32Array;
  /** Slots per node of a region; by node, [0] unused. */
  readonly slotsIn: Int32Array;
  /** Who decides for the world: regions where some are checked, data centers where all probe (spec 3.2). */
  readonly worldVoters: 'regions' | 'data_centers';
  readonly nodes: number;
}

/** What a PoP goes by: `health_sources` (spec 3.2). `local`: its own probes, then the world's opinion. */
export type Source = 'global' | 'regional' | 'local';

export interface PoolLayout {
  readonly pool: Pool;
  readonly electorate: Electorate;
  readonly source: Source;
  /** Empty = unmonitored (LB-127). */
  readonly members: readonly Member[];
  /** False: disabled (LB-141), or no balancer looks at its health. */
  readonly probed: boolean;
}

export interface HealthLayout {
  readonly sites: Sites;
  readonly pools: readonly PoolLayout[];
  /** Flat number of a pool's first origin: `originBase[pool] + origin`. One more than there are pools. */
  readonly originBase: Int32Array;
}

export interface LayoutOptions {
  /**
   * Probe also pools that are nothing but fallback pools. Default false: their health is not considered, and the 2021 text says
   * that no checks run on them.
   */
  readonly probeFallbackOnly?: boolean;
}

export function layOut(model: Model, sites: Sites, options: LayoutOptions = {}): HealthLayout {
  const electorates = new Map<string, Electorate>();
  const monitors = new Map<string, Monitor>(model.monitors.map((monitor) => [monitor.id, monitor]));
  const idle = options.probeFallbackOnly === true ? new Set<string>() : fallbackOnlyPools(model);
  const originBase = new Int32Array(model.pools.length + 1);
  const pools = model.pools.map((pool, index): PoolLayout => {
    originBase[index + 1] = originBase[index]! + pool.origins.length;
    const key = pool.checkRegions === null ? '*' : [...pool.checkRegions].sort().join();
    let electorate = electorates.get(key);
    if (electorate === undefined) electorates.set(key, (electorate = electorateOf(pool, sites)));
    const members = membersOf(pool, model, monitors);
    const source = pool.healthSources !== null ? 'regional' : pool.checkRegions === null ? 'local' : 'global';
    return { pool, electorate, source, members, probed: pool.enabled && members.length > 0 && !idle.has(pool.id) };
  });
  return { sites, pools, originBase };
}

/** Is this origin probed at all? Disabled ones are not (LB-141, OAS). */
export function isProbed(pool: PoolLayout, origin: Origin): boolean {
  return pool.probed && origin.enabled;
}

function electorateOf(pool: Pool, sites: Sites): Electorate {
  const everywhere = pool.checkRegions === null;
  const wanted = everywhere ? undefined : new Set<string>(pool.checkRegions);
  const slots = everywhere
    ? [...sites.inUse]
    : sites.regions.flatMap((code, region) => (wanted!.has(code) ? dataCentersOf(sites, region) : []));
  slots.sort((a, b) => a - b);
  const slotOf = new Int32Array(sites.pops.length).fill(-1);
  for (const [slot, pop] of slots.entries()) slotOf[pop] = slot;
  const regionOfSlot = slots.map((pop) => sites.pops[pop]!.regionIndex);
  const regions = sites.regions.flatMap((_, region) => (regionOfSlot.includes(region) ? [region] : []));
  const regionNode = Int32Array.from(regionOfSlot, (region) => regions.indexOf(region) + 1);
  const slotsIn = new Int32Array(regions.length + 1);
  for (const node of regionNode) slotsIn[node]! += 1;
  return {
    slots,
    slotOf,
    regions,
    regionNode,
    slotsIn,
    worldVoters: everywhere ? 'data_centers' : 'regions',
    nodes: 1 + regions.length + slots.length,
  };
}

function membersOf(pool: Pool, model: Model, monitors: ReadonlyMap<string, Monitor>): readonly Member[] {
  if (pool.monitor !== undefined) {
    const monitor = monitors.get(pool.monitor);
    assert(monitor !== undefined, `pool ${pool.id} refers to a monitor of the same model`);
    return [{ monitor, votes: true, mustBeHealthy: false }];
  }
  const group = model.monitorGroups.find((each) => each.id === pool.monitorGroup);
  assert(group !== undefined || pool.monitorGroup === undefined, `pool ${pool.id} refers to a group of the same model`);
  return (group?.members ?? []).flatMap((member): Member[] => {
    const monitor = monitors.get(member.monitor);
    assert(monitor !== undefined, `group ${group!.id} refers to monitors of the same model`);
    return member.enabled ? [{ monitor, votes: !member.monitoringOnly, mustBeHealthy: member.mustBeHealthy }] : [];
  });
}

/** Pools that some balancer falls back to and that stand on no list (spec 3.2). A pool that no balancer names is probed. */
function fallbackOnlyPools(model: Model): ReadonlySet<string> {
  const fallback = new Set<string>();
  const listed = new Set<string>();
  const list = (pools: readonly string[] | undefined): void => pools?.forEach((pool) => listed.add(pool));
  const lists = (map: ReadonlyMap<unknown, readonly string[]> | undefined): void =>
    map?.forEach((pools) => list(pools));
  for (const balancer of model.loadBalancers) {
    const sets = [balancer, ...balancer.rules.map((rule) => rule.overrides)];
    for (const settings of sets) {
      if (settings.fallbackPool !== undefined) fallback.add(settings.fallbackPool);
      list(settings.defaultPools);
      lists(settings.regionPools);
      lists(settings.countryPools);
      lists(settings.regionCountryPools);
      lists(settings.popPools);
    }
    for (const set of balancer.poolSets) {
      if (set.fallbackPool !== undefined) fallback.add(set.fallbackPool);
      list(set.pools);
    }
  }
  for (const pool of listed) fallback.delete(pool);
  return fallback;
}
