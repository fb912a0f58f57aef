/**
 * A pool made ready for many decisions: weights, hashes and names resolved once per configuration, and every set of usable
 * endpoints that was ever met kept as one object (`EndpointSet`), so that a change of health costs lookups and no garbage.
 */
import type { Pool } from '../core/model.ts';
import { hashText } from '../core/hash.ts';
import { type UnitVector, unitVector } from '../core/sphere.ts';

export interface OriginPlan {
  readonly pool: PoolPlan;
  /** Index in `Model.pools[].origins`. */
  readonly index: number;
  /** Index among all origins that the balancer can reach: for typed arrays. */
  readonly flat: number;
  readonly name: string;
  readonly enabled: boolean;
  readonly disabledAt: number | undefined;
  readonly weight: number;
  /** The address when it is a host name, which may fail to resolve (LB-124); `undefined` for an IP address. */
  readonly hostname: string | undefined;
  readonly hash: number;
  /** 2 to the power of `index`: its bit in `EndpointSet.mask`. */
  readonly bit: number;
}

export interface PoolPlan {
  /** Index in `Model.pools`. */
  readonly index: number;
  /** Index among the pools that the balancer can reach. */
  readonly slot: number;
  readonly id: string;
  readonly name: string;
  readonly pool: Pool;
  readonly enabled: boolean;
  readonly hash: number;
  readonly shedHash: number;
  readonly origins: readonly OriginPlan[];
  readonly originByName: ReadonlyMap<string, OriginPlan>;
  readonly hasHostnames: boolean;
  /** Share of requests without a session to turn away, 0..100. */
  readonly shedPercent: number;
  readonly shedByHash: boolean;
  readonly shedSessionPercent: number;
  /** No host names and no shedding: once known as available, nothing more need be asked per request. */
  readonly plain: boolean;
  readonly where: UnitVector | undefined;
  readonly sets: Map<number, EndpointSet>;
}

/** Endpoints of one pool among which to choose: at least one, each with a positive weight. */
export interface EndpointSet {
  readonly pool: PoolPlan;
  readonly mask: number;
  readonly origins: readonly OriginPlan[];
  /** Running sums of the weights; the last is `total`. */
  readonly cumulative: readonly number[];
  readonly total: number;
}

/** Beyond this many origins a mask no longer fits a number, and sets are made anew each time. */
const MASK_BITS = 53;
/** Sets kept per pool: a pool of ten flapping origins has 1,023. */
const SETS_LIMIT = 1024;

const ADDRESS = /^(?:\d+\.\d+\.\d+\.\d+|.*:.*)$/;

export function compilePool(pool: Pool, index: number, slot: number, firstFlat: number): PoolPlan {
  const origins: OriginPlan[] = [];
  const originByName = new Map<string, OriginPlan>();
  const shedding = pool.loadShedding;
  const hasHostnames = pool.origins.some((origin) => !ADDRESS.test(origin.address));
  const shedPercent = shedding?.defaultPercent ?? 0;
  const plan: PoolPlan = {
    index,
    slot,
    id: pool.id,
    name: pool.name,
    pool,
    enabled: pool.enabled,
    hash: hashText(pool.id),
    shedHash: hashText(`shed/${pool.id}`),
    origins,
    originByName,
    hasHostnames,
    shedPercent,
    shedByHash: shedding?.defaultPolicy === 'hash',
    shedSessionPercent: shedding?.sessionPercent ?? 0,
    plain: !hasHostnames && shedPercent <= 0,
    where:
      pool.latitude === undefined || pool.longitude === undefined
        ? undefined
        : unitVector(pool.latitude, pool.longitude),
    sets: new Map(),
  };
  pool.origins.forEach((origin, i) => {
    const made: OriginPlan = {
      pool: plan,
      index: i,
      flat: firstFlat + i,
      name: origin.name,
      enabled: origin.enabled,
      disabledAt: origin.disabledAt,
      weight: origin.weight,
      hostname: ADDRESS.test(origin.address) ? undefined : origin.address,
      hash: hashText(`${pool.id}/${origin.name}`),
      bit: i < MASK_BITS ? 2 ** i : 0,
    };
    origins.push(made);
    originByName.set(origin.name, made);
  });
  return plan;
}

/** The set of these endpoints; `undefined` for none. The list is copied: callers may reuse theirs. */
export function endpointSet(pool: PoolPlan, usable: readonly OriginPlan[]): EndpointSet | undefined {
  if (usable.length === 0) return undefined;
  const masked = pool.origins.length <= MASK_BITS;
  let mask = 0;
  if (masked) {
    for (const origin of usable) mask += origin.bit;
    const known = pool.sets.get(mask);
    if (known !== undefined) return known;
  }
  let total = 0;
  const cumulative = usable.map((origin) => (total += origin.weight));
  const set: EndpointSet = { pool, mask, origins: [...usable], cumulative, total };
  if (masked) {
    if (pool.sets.size >= SETS_LIMIT) pool.sets.clear();
    pool.sets.set(mask, set);
  }
  return set;
}
