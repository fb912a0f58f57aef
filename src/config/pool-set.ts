/**
 * Pool sets (spec 1.6): a list of pools by place, first match decides. A 2026 extension, wholly outside the seed.
 */
import * as z from 'zod';
import type { CountryCode, PopCode, RegionCode } from '../core/ids.ts';
import type { PoolSet } from '../core/model.ts';
import type { ParseContext } from './context.ts';
import type { Path } from './document.ts';
import type { Findings } from './finding.ts';
import { shown } from './finding.ts';
import { fixedResponseField, readFixedResponse } from './fixed-response.ts';
import { REGION_CODES } from '../core/regions.ts';
import { readCountry, readPop, readRegion } from './places.ts';
import { maybe, optional } from './shape.ts';
import { knownOrWarn, poolList, poolWeightMap, readPoolList, readPoolWeights, share } from './steering-fields.ts';
import { didYouMean } from '../core/suggest.ts';

const MAX_ENTRIES = 1_000;
const codes = z.array(z.string()).max(MAX_ENTRIES);

export const poolSetShape = z
  .strictObject({
    name: optional(z.string().max(200), '', 'For people and traces.'),
    disabled: optional(z.boolean(), false, 'On: the set is skipped.'),
    match: maybe(
      z.strictObject({
        default: maybe(z.literal(true), 'Matches everything.', 'not beside topology'),
        topology: maybe(
          z.strictObject({
            pops: maybe(codes, 'PoPs.'),
            countries: maybe(codes, 'Countries.'),
            regions: maybe(codes, 'Regions.'),
          }),
          'Where requests come from: one of each list that is given.',
        ),
      }),
      'Which requests the set serves.',
      'default: all',
    ),
    overrides: maybe(
      z.strictObject({
        pools: maybe(poolList.max(MAX_ENTRIES), 'Pools in failover order.'),
        pool_weights: maybe(poolWeightMap, 'Pool to weight.'),
        pool_default_weight: maybe(share, 'Weight of the others.', 'default 1'),
        fallback_pool: maybe(z.string(), 'Pool of last resort.', 'default: the balancer’s'),
        steering_policy: maybe(
          z.enum([
            'off',
            'random',
            'dynamic_latency',
            'proximity',
            'least_outstanding_requests',
            'least_connections',
            '',
          ]),
          'How the pools are ordered.',
          'default `off`',
        ),
      }),
      'The pools of the set, and how they are ordered.',
      'overrides.pools or fixed_response must be given',
    ),
    fixed_response: fixedResponseField,
  })
  .meta({ title: 'Pool set' });

export function readPoolSets(
  list: readonly z.output<typeof poolSetShape>[],
  path: Path,
  context: ParseContext,
  findings: Findings,
): PoolSet[] {
  return list.map((raw, index): PoolSet => {
    const here = [...path, index];
    const over = raw.overrides;
    const pools = over?.pools ?? [];
    if (pools.length === 0 && raw.fixed_response === undefined && !findings.isTouched([...here, 'overrides'])) {
      findings.error(
        'missing',
        here,
        'POOL_SET_NO_INTENT: a pool set needs overrides.pools or fixed_response',
        'name a pool',
      );
    }
    const overPath = [...here, 'overrides'];
    const fallback = over?.fallback_pool;
    return {
      name: raw.name === '' ? `set ${index + 1}` : raw.name,
      disabled: raw.disabled,
      match: readMatch(raw.match, [...here, 'match'], context, findings),
      fixedResponse: readFixedResponse(raw.fixed_response),
      pools: readPoolList(pools, [...overPath, 'pools'], context, findings, 'refuse'),
      poolWeights: readPoolWeights(over?.pool_weights ?? {}, [...overPath, 'pool_weights'], context, findings),
      poolDefaultWeight: over?.pool_default_weight ?? 1,
      fallbackPool: fallback ? context.pools.resolve(fallback, [...overPath, 'fallback_pool'], findings) : undefined,
      steeringPolicy: over?.steering_policy || 'off',
    };
  });
}

type RawMatch = z.output<typeof poolSetShape>['match'];

function readMatch(raw: RawMatch, path: Path, context: ParseContext, findings: Findings): PoolSet['match'] {
  const everywhere = { pops: [], countries: [], regions: [] };
  if (raw === undefined) return everywhere;
  if (raw.default === undefined && raw.topology === undefined && !findings.isTouched(path)) {
    findings.error(
      'missing',
      path,
      'POOL_SET_EMPTY_MATCH: match needs default or topology',
      'write {default: true}, or leave match out',
    );
  }
  if (raw.default !== undefined && raw.topology !== undefined) {
    findings.error(
      'conflict',
      [...path, 'topology'],
      'POOL_SET_DEFAULT_WITH_MATCH: topology may not stand beside default',
      'keep one of the two',
      'key',
    );
  }
  const topology = raw.topology;
  if (topology === undefined) return everywhere;
  const given = (['pops', 'countries', 'regions'] as const).filter((name) => (topology[name]?.length ?? 0) > 0);
  if (given.length === 0 && !findings.isTouched([...path, 'topology'])) {
    findings.error(
      'missing',
      [...path, 'topology'],
      'POOL_SET_EMPTY_TOPOLOGY: topology needs pops, countries or regions',
      'name a place',
    );
  }
  const at = (name: string): Path => [...path, 'topology', name];
  return {
    pops: readCodes<PopCode>(topology.pops, at('pops'), 'a PoP', readPop, [], findings, (code, here) =>
      knownOrWarn(code, context.pops, 'PoP', here, findings),
    ),
    countries: readCodes<CountryCode>(
      topology.countries,
      at('countries'),
      'a country',
      readCountry,
      [],
      findings,
      (code, here) => knownOrWarn(code, context.countries, 'country', here, findings),
    ),
    regions: readCodes<RegionCode>(
      topology.regions,
      at('regions'),
      'a region',
      readRegion,
      REGION_CODES,
      findings,
      () => {},
    ),
  };
}

function readCodes<Code extends string>(
  list: readonly string[] | undefined,
  path: Path,
  what: string,
  read: (text: string) => Code | undefined,
  words: readonly string[],
  findings: Findings,
  seen: (code: Code, path: Path) => void,
): Code[] {
  const codes: Code[] = [];
  for (const [index, text] of (list ?? []).entries()) {
    const here = [...path, index];
    if (findings.isMuted(here)) continue;
    const code = read(text);
    if (code === undefined)
      findings.error('unknown_word', here, `${shown(text)} is not ${what}`, didYouMean(text, words));
    else if (codes.includes(code))
      findings.error('not_unique', here, `value not unique: ${shown(text)} is twice in this list`);
    else {
      seen(code, here);
      codes.push(code);
    }
  }
  return codes;
}
