/**
 * Load balancers (spec 1.1): shape, checks, and the model of one. Its rules and pool sets are in rule.ts and pool-set.ts.
 */
import * as z from 'zod';
import type { LoadBalancerId, PoolId, RailgunId } from '../core/ids.ts';
import type { LoadBalancer } from '../core/model.ts';
import { affinityAttributesShape, affinityWord, NO_AFFINITY, readAffinity } from './affinity-fields.ts';
import type { ParseContext, ZoneFacts } from './context.ts';
import type { Path } from './document.ts';
import type { Findings } from './finding.ts';
import { shown } from './finding.ts';
import { canonicalHost, hostHint, isHostName, isWithin } from './host-names.ts';
import { idField } from './identity.ts';
import { poolSetShape, readPoolSets } from './pool-set.ts';
import { readRules, ruleShape } from './rule.ts';
import { checkShape, checked, maybe, optional, readOnly, required, stored } from './shape.ts';
import {
  adaptiveRoutingShape,
  checkTenths,
  locationStrategyShape,
  placeMap,
  policyWord,
  poolList,
  randomSteeringShape,
  readCountryPools,
  readLocationStrategy,
  readPoolList,
  readPoolWeights,
  readPopPools,
  readRegionPools,
  readTtl,
  TTL_SECONDS,
} from './steering-fields.ts';

const MAX_DESCRIPTION = 1_024;

export const loadBalancerShape = z
  .strictObject({
    id: idField,
    name: required(
      checked(z.string(), (name) => {
        const bare = name.startsWith('*.') ? name.slice(2) : name;
        if (name === '')
          return { kind: 'missing', message: 'name is required', hint: 'a host name such as www.example.com' };
        if (isHostName(bare) && (canonicalHost(bare).includes('.') || name !== bare)) return undefined;
        const hint =
          hostHint(bare) || `needs the full name, for example ${/^[a-z0-9-]+$/i.test(bare) ? bare : 'www'}.example.com`;
        return { kind: 'bad_format', message: `invalid hostname: ${name.slice(0, 80)}`, hint };
      }),
      'The host name whose traffic is balanced; `*.example.com` and the apex are allowed.',
      'a full host name inside a zone; unique',
      'stand-in.invalid',
    ),
    description: optional(z.string().max(MAX_DESCRIPTION), '', 'For people.'),
    enabled: optional(z.boolean(), true, 'Off: the zone answers with its own records of the name, if any.'),
    proxied: optional(
      z.boolean(),
      false,
      'On: HTTP through the edge. Off: DNS-only, clients go to the origins themselves.',
    ),
    ttl: maybe(
      z.int(),
      'Seconds for which a DNS-only answer may be kept.',
      '30 to 600, default 30; ignored when proxied',
    ),
    default_pools: required(poolList.min(1), 'Pools in failover order.', 'at least 1; ids or names of pools'),
    fallback_pool: required(z.string(), 'The pool of last resort, used whatever its health.', 'id or name of a pool'),
    region_pools: optional(
      placeMap,
      {},
      'Region, or country, to pools in failover order.',
      'keys: 13 regions, or two letters',
    ),
    pop_pools: optional(placeMap, {}, 'PoP to pools in failover order.', 'keys: three letters, any case'),
    country_pools: optional(
      placeMap,
      {},
      'Country to pools in failover order; beats a country in region_pools.',
      'keys: two letters',
    ),
    steering_policy: optional(
      policyWord,
      '',
      'How the pools are ordered. Empty: geo when a place map has an entry, else off.',
    ),
    random_steering: maybe(randomSteeringShape, 'Weights for random and least_* steering.', 'default: all 1'),
    location_strategy: maybe(
      locationStrategyShape,
      'Where a DNS-only query is taken to come from.',
      'default `{mode: pop, prefer_ecs: proximity}`',
    ),
    adaptive_routing: maybe(
      adaptiveRoutingShape,
      'Whether a retry may leave the pool.',
      'default `{failover_across_pools: false}`',
    ),
    session_affinity: optional(affinityWord, '', 'What keeps a visitor on one origin; empty is none.'),
    session_affinity_ttl: maybe(
      z.int(),
      'Seconds that a session lasts. Ignored without affinity; 0 = not set.',
      '1800 to 604800, default 82800; for header 30 to 3600, default 1800',
    ),
    session_affinity_attributes: maybe(
      affinityAttributesShape,
      'Cookie attributes, drain, zero-downtime failover, header names.',
    ),
    rules: maybe(z.array(ruleShape), 'Changes to the above for requests that meet a condition.', 'default: none'),
    pool_sets: maybe(
      z.array(poolSetShape).max(1_000),
      'Pool lists by place, first match decides (2026 extension).',
      'default: none',
    ),
    networks: stored(z.array(z.enum(['cloudflare', 'jdcloud'])), 'Networks that answer for the name.'),
    railgun: maybe(
      z.string(),
      'Ours: id or name of the Railgun link towards the origins; empty = none, whatever the zone says.',
      'default: the zone’s',
    ),
    ...readOnly('zone_name', 'zone_id', 'account_id', 'created_on', 'modified_on'),
  })
  .meta({ title: 'Load balancer' });

/** `undefined` when no balancer can be made: nothing to work on, or (lenient profile) no pool to send traffic to. */
export function readLoadBalancer(
  value: unknown,
  path: Path,
  context: ParseContext,
  findings: Findings,
): LoadBalancer | undefined {
  const raw = checkShape(loadBalancerShape, value, path, findings);
  if (raw === undefined) return undefined;
  const at = (name: string): Path => [...path, name];
  const name = canonicalHost(raw.name);
  const zone = zoneOf(name, context.zones);
  if (zone === undefined && context.zones.length > 0 && raw.name !== '') {
    findings.error(
      'unknown_reference',
      at('name'),
      `name ${shown(raw.name)} is outside the zone${context.zones.length > 1 ? 's' : ''} ${context.zones.map((each) => each.name).join(', ')}`,
      'add the zone to zones, or use a name inside one',
    );
  }
  const pools = readPoolList(raw.default_pools, at('default_pools'), context, findings);
  const fallback = findings.isMuted(at('fallback_pool'))
    ? undefined
    : context.pools.resolve(raw.fallback_pool, at('fallback_pool'), findings);
  const regionLists = readRegionPools(raw.region_pools, at('region_pools'), context, findings);
  const randomSteering = raw.random_steering;
  checkTenths(randomSteering?.default_weight, [...path, 'random_steering', 'default_weight'], findings);
  const affinity = { ...NO_AFFINITY, ...readAffinity(raw, NO_AFFINITY, path, context, findings) };
  const settings = {
    defaultPools: pools,
    fallbackPool: fallback ?? ('' as PoolId),
    regionPools: regionLists.regions,
    regionCountryPools: regionLists.countries,
    countryPools: readCountryPools(raw.country_pools, at('country_pools'), context, findings),
    popPools: readPopPools(raw.pop_pools, at('pop_pools'), context, findings),
    steeringPolicy: raw.steering_policy,
    randomSteering: {
      defaultWeight: randomSteering?.default_weight ?? 1,
      poolWeights: readPoolWeights(
        randomSteering?.pool_weights ?? {},
        [...path, 'random_steering', 'pool_weights'],
        context,
        findings,
      ),
    },
    locationStrategy: readLocationStrategy(raw.location_strategy),
    failoverAcrossPools: raw.adaptive_routing?.failover_across_pools ?? false,
    affinity,
    // Whether a TTL counts is unknown while `proxied` is.
    ttlSeconds: findings.isMuted(at('proxied'))
      ? TTL_SECONDS.fallback
      : readTtl(raw.ttl, raw.proxied, at('ttl'), findings, context.limits.leastTtlSeconds),
  };
  const surroundings = { proxied: raw.proxied, affinity };
  const rules = readRules(raw.rules ?? [], at('rules'), surroundings, context, findings);
  const poolSets = readPoolSets(raw.pool_sets ?? [], at('pool_sets'), context, findings);
  const railgun = readRailgunLink(raw.railgun, at('railgun'), zone, context, findings);
  if (fallback === undefined || pools.length === 0) return undefined;
  return {
    ...settings,
    id: (raw.id ?? name) as LoadBalancerId,
    name,
    description: raw.description,
    enabled: raw.enabled,
    proxied: raw.proxied,
    rules,
    poolSets,
    alwaysUseHttps: zone?.alwaysUseHttps ?? false,
    railgun,
  };
}

/** The longest zone that holds the name. */
export function zoneOf(name: string, zones: readonly ZoneFacts[]): ZoneFacts | undefined {
  let found: ZoneFacts | undefined;
  for (const zone of zones) {
    if (
      isWithin(name.startsWith('*.') ? name.slice(2) : name, zone.name) &&
      zone.name.length > (found?.name.length ?? -1)
    )
      found = zone;
  }
  return found;
}

function readRailgunLink(
  text: string | undefined,
  path: Path,
  zone: ZoneFacts | undefined,
  context: ParseContext,
  findings: Findings,
): RailgunId | undefined {
  if (text === undefined) return zone?.railgun;
  if (text === '') return undefined;
  return context.railguns.resolve(text, path, findings);
}
