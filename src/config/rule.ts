/**
 * Rules of a balancer (spec 1.5): a condition, and either a fixed answer or overrides of the balancer's own settings.
 * The condition's language is in expression.ts. Rules stay in the order of the file; who runs first is `steering`'s.
 */
import * as z from 'zod';
import type { Affinity, Overrides, Rule } from '../core/model.ts';
import { affinityAttributesShape, affinityWord, readAffinity } from './affinity-fields.ts';
import type { ParseContext } from './context.ts';
import type { Path } from './document.ts';
import { parseExpression } from './expression.ts';
import type { Findings } from './finding.ts';
import { shown } from './finding.ts';
import { fixedResponseField, readFixedResponse } from './fixed-response.ts';
import { maybe, optional } from './shape.ts';
import {
  adaptiveRoutingShape,
  checkTenths,
  locationStrategyShape,
  placeMap,
  policyWord,
  poolList,
  poolWeightMap,
  randomSteeringShape,
  readCountryPools,
  readLocationStrategy,
  readPoolList,
  readPoolWeights,
  readPopPools,
  readRegionPools,
  readTtl,
  share,
} from './steering-fields.ts';

const overridesShape = z.strictObject({
  default_pools: maybe(poolList.min(1), 'Replaces the list.'),
  fallback_pool: maybe(z.string(), 'Replaces the pool of last resort.'),
  region_pools: maybe(placeMap, 'Replaces the whole map.'),
  country_pools: maybe(placeMap, 'Replaces the whole map.'),
  pop_pools: maybe(placeMap, 'Replaces the whole map.'),
  steering_policy: maybe(policyWord, 'Replaces the policy.'),
  random_steering: maybe(randomSteeringShape, 'Replaces the weights.', 'not beside pool_weights'),
  pools: maybe(poolList.min(1), 'The newer spelling of default_pools.', 'not beside default_pools'),
  pool_weights: maybe(poolWeightMap, 'The newer spelling of random_steering.pool_weights.'),
  pool_default_weight: maybe(share, 'The newer spelling of random_steering.default_weight.'),
  session_affinity: maybe(affinityWord, 'Replaces the kind.'),
  session_affinity_ttl: maybe(z.int(), 'Replaces the TTL.'),
  session_affinity_attributes: maybe(affinityAttributesShape, 'Replaces the attributes that are given.'),
  adaptive_routing: maybe(adaptiveRoutingShape, 'Replaces the setting.'),
  location_strategy: maybe(locationStrategyShape, 'Replaces the setting.'),
  ttl: maybe(z.int(), 'Replaces the TTL of DNS-only answers.', '30 to 600'),
});

type RawOverrides = z.output<typeof overridesShape>;

export const ruleShape = z
  .strictObject({
    name: maybe(z.string().min(1).max(200), 'For people and traces.', 'default `rule N`'),
    condition: optional(z.string(), '', 'An expression; empty = always.', 'see "Conditions"'),
    disabled: optional(z.boolean(), false, 'On: the rule is not run.'),
    priority: optional(z.int().min(0), 0, 'Lower runs first; equal ones in the order of the list.'),
    terminates: optional(z.boolean(), false, 'No later rule runs after this one.'),
    fixed_response: fixedResponseField,
    overrides: maybe(overridesShape, 'What the rule changes.', 'at least one of fixed_response and overrides'),
  })
  .meta({ title: 'Rule' });

/** What a rule must know of its balancer. */
export interface RuleSurroundings {
  readonly proxied: boolean;
  readonly affinity: Affinity;
}

export function readRules(
  list: readonly z.output<typeof ruleShape>[],
  path: Path,
  around: RuleSurroundings,
  context: ParseContext,
  findings: Findings,
): Rule[] {
  const names = new Map<string, number>();
  const priorities = new Map<number, number>();
  return list.map((raw, index): Rule => {
    const here = [...path, index];
    const overridesPath = [...here, 'overrides'];
    const name = raw.name ?? `rule ${index + 1}`;
    const sameName = names.get(name);
    if (sameName !== undefined) {
      findings.warn(
        [...here, 'name'],
        `rules[${sameName}] has the name ${shown(name)}, too`,
        'traces name rules: give each its own',
      );
    } else names.set(name, index);
    const samePriority = priorities.get(raw.priority);
    if (raw.priority > 0 && samePriority !== undefined) {
      findings.warn(
        [...here, 'priority'],
        `rules[${samePriority}] has the priority ${raw.priority}, too; the one further up runs first`,
        'give each its own, or none',
      );
    } else priorities.set(raw.priority, index);
    const nothingSet =
      raw.overrides === undefined || Object.values(raw.overrides).every((value) => value === undefined);
    if (raw.fixed_response === undefined && nothingSet && !findings.isTouched([...here, 'overrides'])) {
      findings.error(
        'missing',
        here,
        `rule ${shown(name)} needs fixed_response or overrides`,
        'say what the rule changes',
      );
    }
    const parsed = readCondition(raw.condition, [...here, 'condition'], around.proxied, findings);
    return {
      name,
      condition: parsed,
      conditionText: raw.condition,
      disabled: raw.disabled,
      priority: raw.priority,
      terminates: raw.terminates || raw.fixed_response !== undefined,
      fixedResponse: readFixedResponse(raw.fixed_response),
      overrides:
        raw.overrides === undefined ? {} : readOverrides(raw.overrides, overridesPath, around, context, findings),
    };
  });
}

function readCondition(text: string, path: Path, proxied: boolean, findings: Findings): Rule['condition'] {
  if (text.trim() === '' || findings.isMuted(path)) return undefined;
  const result = parseExpression(text);
  if (!result.ok) {
    for (const fault of result.faults) {
      findings.error(
        'bad_expression',
        path,
        `condition, column ${fault.column}: ${fault.message}`,
        fault.hint,
        fault.column - 1,
      );
    }
    return undefined;
  }
  const other = proxied ? result.dnsFields : result.httpFields;
  if (other.length > 0) {
    const [mode, words] = proxied ? ['proxied', 'a DNS query'] : ['DNS-only', 'an HTTP request'];
    findings.warn(
      path,
      `${other.join(', ')} ${other.length === 1 ? 'exists' : 'exist'} only on ${words}: on a ${mode} balancer the comparison is never true`,
      proxied ? 'use http.* fields' : 'use dns.* fields, or set proxied to true',
    );
  }
  return result.expression;
}

function readOverrides(
  raw: RawOverrides,
  path: Path,
  around: RuleSurroundings,
  context: ParseContext,
  findings: Findings,
): Overrides {
  const at = (name: string): Path => [...path, name];
  const overrides: { -readonly [Field in keyof Overrides]: Overrides[Field] } = {};
  if (raw.default_pools !== undefined && raw.pools !== undefined) {
    findings.error('conflict', at('pools'), 'pools may not stand beside default_pools', 'keep one of the two', 'key');
  }
  for (const name of ['pool_weights', 'pool_default_weight'] as const) {
    if (raw[name] !== undefined && raw.random_steering !== undefined) {
      findings.error(
        'conflict',
        at(name),
        `${name} may not stand beside random_steering`,
        'keep one of the two',
        'key',
      );
    }
  }
  const listName = raw.default_pools !== undefined ? 'default_pools' : 'pools';
  const list = raw[listName];
  if (list !== undefined) overrides.defaultPools = readPoolList(list, at(listName), context, findings);
  if (raw.fallback_pool !== undefined) {
    const fallback = context.pools.resolve(raw.fallback_pool, at('fallback_pool'), findings);
    if (fallback !== undefined) overrides.fallbackPool = fallback;
  }
  if (raw.region_pools !== undefined) {
    const lists = readRegionPools(raw.region_pools, at('region_pools'), context, findings);
    overrides.regionPools = lists.regions;
    overrides.regionCountryPools = lists.countries;
  }
  if (raw.country_pools !== undefined)
    overrides.countryPools = readCountryPools(raw.country_pools, at('country_pools'), context, findings);
  if (raw.pop_pools !== undefined) overrides.popPools = readPopPools(raw.pop_pools, at('pop_pools'), context, findings);
  if (raw.steering_policy !== undefined) overrides.steeringPolicy = raw.steering_policy;
  checkTenths(raw.random_steering?.default_weight, [...path, 'random_steering', 'default_weight'], findings);
  if (raw.random_steering !== undefined) {
    overrides.randomSteering = {
      defaultWeight: raw.random_steering.default_weight,
      poolWeights: readPoolWeights(
        raw.random_steering.pool_weights,
        [...path, 'random_steering', 'pool_weights'],
        context,
        findings,
      ),
    };
  } else if (raw.pool_weights !== undefined || raw.pool_default_weight !== undefined) {
    overrides.randomSteering = {
      defaultWeight: raw.pool_default_weight ?? 1,
      poolWeights: readPoolWeights(raw.pool_weights ?? {}, at('pool_weights'), context, findings),
    };
  }
  if (raw.adaptive_routing !== undefined) overrides.failoverAcrossPools = raw.adaptive_routing.failover_across_pools;
  if (raw.location_strategy !== undefined) overrides.locationStrategy = readLocationStrategy(raw.location_strategy);
  if (raw.ttl !== undefined)
    overrides.ttlSeconds = readTtl(raw.ttl, around.proxied, at('ttl'), findings, context.limits.leastTtlSeconds);
  if (raw.session_affinity_attributes?.drain_duration !== undefined) {
    findings.warn(
      [...path, 'session_affinity_attributes', 'drain_duration'],
      'a rule cannot change drain_duration; it is ignored here',
      'set it on the balancer',
      'key',
    );
  }
  const { drainSeconds: _, ...affinity } = readAffinity(raw, around.affinity, path, context, findings);
  if (Object.keys(affinity).length > 0) overrides.affinity = affinity;
  return overrides;
}
