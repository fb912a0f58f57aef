/**
 * The fields that say where traffic goes, which a balancer has and a rule may override (spec 1.1, 1.5): pool lists, policies and
 * their weights. Session affinity is in affinity-fields.ts.
 *
 * Place maps keep every entry that was written, also those that the current policy ignores: a pool stays referenced (spec 7.3).
 */
import * as z from 'zod';
import type { CountryCode, PoolId, PopCode, RegionCode } from '../core/ids.ts';
import type { LocationStrategy, SteeringPolicy } from '../core/model.ts';
import type { ParseContext } from './context.ts';
import type { Path } from './document.ts';
import type { Findings } from './finding.ts';
import { shown } from './finding.ts';
import { REGION_CODES } from '../core/regions.ts';
import { readCountry, readPop, readRegion } from './places.ts';
import { optional } from './shape.ts';
import { didYouMean } from '../core/suggest.ts';

export const STEERING_POLICIES = [
  'off',
  'geo',
  'random',
  'dynamic_latency',
  'proximity',
  'least_outstanding_requests',
  'least_connections',
  '',
] as const satisfies readonly SteeringPolicy[];

/** Spec 1.1: 30 to 600 for DNS-only balancers. */
export const TTL_SECONDS = { least: 30, most: 600, fallback: 30 } as const;

export const poolList = z.array(z.string());
export const placeMap = z.record(z.string(), poolList);
export const policyWord = z.enum(STEERING_POLICIES);
export const share = z.number().min(0).max(1);
export const poolWeightMap = z.record(z.string(), share);

export const randomSteeringShape = z.strictObject({
  default_weight: optional(share, 1, 'Weight of pools that pool_weights does not name.', 'steps of 0.1'),
  pool_weights: optional(poolWeightMap, {}, 'Pool to weight.', 'each 0 to 1'),
});

export const locationStrategyShape = z.strictObject({
  mode: optional(
    z.enum(['pop', 'resolver_ip']),
    'pop',
    'Where a DNS query comes from when its client subnet is not used.',
  ),
  prefer_ecs: optional(
    z.enum(['always', 'never', 'proximity', 'geo']),
    'proximity',
    'For which policies the client subnet is used.',
  ),
});

export const adaptiveRoutingShape = z.strictObject({
  failover_across_pools: optional(z.boolean(), false, 'Zero-downtime failover may go on to the next pool.'),
});

/** Ids of a list in its order, each once. A pool named twice is said so and counted once. */
export function readPoolList(
  list: readonly string[],
  path: Path,
  context: ParseContext,
  findings: Findings,
  onTwice: 'warn' | 'refuse' = 'warn',
): PoolId[] {
  const pools: PoolId[] = [];
  for (const [index, text] of list.entries()) {
    const here = [...path, index];
    if (findings.isMuted(here)) continue;
    const pool = context.pools.resolve(text, here, findings);
    if (pool === undefined) continue;
    if (!pools.includes(pool)) pools.push(pool);
    else if (onTwice === 'refuse')
      findings.error('not_unique', here, `value not unique: pool ${shown(text)} is twice in this list`);
    else findings.warn(here, `pool ${shown(text)} is twice in this list; it counts once`, 'remove one');
  }
  return pools;
}

export interface RegionLists {
  readonly regions: ReadonlyMap<RegionCode, readonly PoolId[]>;
  readonly countries: ReadonlyMap<CountryCode, readonly PoolId[]>;
}

/** Regions, and countries where a two-letter key is no region (C2). */
export function readRegionPools(
  map: Readonly<Record<string, readonly string[]>>,
  path: Path,
  context: ParseContext,
  findings: Findings,
): RegionLists {
  const regions = new Map<RegionCode, readonly PoolId[]>();
  const countries = new Map<CountryCode, readonly PoolId[]>();
  for (const [key, list] of Object.entries(map)) {
    const here = [...path, key];
    if (findings.isMuted(here)) continue;
    const pools = readPoolList(list, here, context, findings);
    const region = readRegion(key);
    const country = readCountry(key);
    if (region !== undefined) addPlace(regions, region, pools, list, key, here, findings);
    else if (country !== undefined) {
      knownOrWarn(country, context.countries, 'country', here, findings);
      addPlace(countries, country, pools, list, key, here, findings);
    } else {
      const hint = didYouMean(key, REGION_CODES) || `a region (${REGION_CODES.join(', ')}) or a country of two letters`;
      findings.error('unknown_word', here, `${shown(key)} is neither a region nor a country`, hint, 'key');
    }
  }
  return { regions, countries };
}

export function readCountryPools(
  map: Readonly<Record<string, readonly string[]>>,
  path: Path,
  context: ParseContext,
  findings: Findings,
): ReadonlyMap<CountryCode, readonly PoolId[]> {
  const countries = new Map<CountryCode, readonly PoolId[]>();
  for (const [key, list] of Object.entries(map)) {
    const here = [...path, key];
    if (findings.isMuted(here)) continue;
    const pools = readPoolList(list, here, context, findings);
    const country = readCountry(key);
    if (country === undefined) {
      const hint = readRegion(key) === undefined ? 'two letters, such as DE' : 'regions belong in region_pools';
      findings.error('unknown_word', here, `${shown(key)} is not a country`, hint, 'key');
    } else {
      knownOrWarn(country, context.countries, 'country', here, findings);
      addPlace(countries, country, pools, list, key, here, findings);
    }
  }
  return countries;
}

export function readPopPools(
  map: Readonly<Record<string, readonly string[]>>,
  path: Path,
  context: ParseContext,
  findings: Findings,
): ReadonlyMap<PopCode, readonly PoolId[]> {
  const pops = new Map<PopCode, readonly PoolId[]>();
  for (const [key, list] of Object.entries(map)) {
    const here = [...path, key];
    if (findings.isMuted(here)) continue;
    const pools = readPoolList(list, here, context, findings);
    const pop = readPop(key);
    if (pop === undefined) {
      const hint = readRegion(key) === undefined ? 'three letters, such as LHR' : 'regions belong in region_pools';
      findings.error('unknown_word', here, `${shown(key)} is not a PoP`, hint, 'key');
    } else {
      knownOrWarn(pop, context.pops, 'PoP', here, findings);
      addPlace(pops, pop, pools, list, key, here, findings);
    }
  }
  return pops;
}

function addPlace<Code extends string>(
  map: Map<Code, readonly PoolId[]>,
  code: Code,
  pools: readonly PoolId[],
  list: readonly string[],
  asWritten: string,
  path: Path,
  findings: Findings,
): void {
  if (map.has(code)) {
    findings.error(
      'not_unique',
      path,
      `value not unique: ${shown(asWritten)} is here in another spelling, too`,
      `write ${code} once`,
      'key',
    );
  } else {
    if (list.length === 0)
      findings.warn(path, `${code} has no pools, so it counts as not listed`, 'name a pool, or remove it', 'key');
    map.set(code, pools);
  }
}

/** A code that the place tables do not know is never met, which is more likely a slip than a wish. */
export function knownOrWarn(
  code: string,
  known: ReadonlySet<string> | undefined,
  kind: string,
  path: Path,
  findings: Findings,
): void {
  if (known === undefined || known.has(code)) return;
  const hint = code === 'UK' ? 'did you mean "GB"?' : didYouMean(code, known);
  findings.warn(path, `no ${kind} with the code ${code} is known, so this never applies`, hint, 'key');
}

/** Keys are pools; each must exist. */
export function readPoolWeights(
  map: Readonly<Record<string, number>>,
  path: Path,
  context: ParseContext,
  findings: Findings,
): ReadonlyMap<PoolId, number> {
  const weights = new Map<PoolId, number>();
  for (const [key, weight] of Object.entries(map)) {
    const here = [...path, key];
    const pool = context.pools.resolve(key, here, findings, 'key');
    if (pool === undefined || findings.isMuted(here)) continue;
    if (weights.has(pool))
      findings.error('not_unique', here, `value not unique: pool ${shown(key)} has two weights`, 'keep one', 'key');
    else weights.set(pool, weight);
  }
  return weights;
}

/** The API takes the default weight in steps of 0.1 (spec 1.1). */
export function checkTenths(weight: number | undefined, path: Path, findings: Findings): void {
  if (weight === undefined || findings.isMuted(path)) return;
  if (Math.abs(weight * 10 - Math.round(weight * 10)) > 1e-9) {
    findings.error(
      'out_of_range',
      path,
      `${String(path.at(-1))} must be a multiple of 0.1`,
      `${Math.round(weight * 10) / 10} would be one`,
    );
  }
}

export function readLocationStrategy(raw: z.output<typeof locationStrategyShape> | undefined): LocationStrategy {
  return { mode: raw?.mode ?? 'pop', preferEcs: raw?.prefer_ecs ?? 'proximity' };
}

/** Checks a DNS TTL; returns the value to use. */
export function readTtl(
  ttl: number | undefined,
  proxied: boolean,
  path: Path,
  findings: Findings,
  leastSeconds: number = TTL_SECONDS.least,
): number {
  if (ttl === undefined) return TTL_SECONDS.fallback;
  if (proxied) {
    if (ttl !== 0) {
      findings.warn(path, 'ttl has no effect on a proxied balancer', 'remove it, or set proxied to false', 'key');
    }
    return TTL_SECONDS.fallback;
  }
  if (ttl < leastSeconds || ttl > TTL_SECONDS.most) {
    findings.error('out_of_range', path, `ttl is not in range [${leastSeconds}, ${TTL_SECONDS.most}]`, `it is ${ttl}`);
    return TTL_SECONDS.fallback;
  }
  return ttl;
}
