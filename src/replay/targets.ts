/** Do the targets of a timeline exist? Pools, origins, PoPs and regions by the model and the map, listeners and nodes by the world. */
import { didYouMean } from '../core/suggest.ts';
import type { Model } from '../core/model.ts';
import type { Problem } from '../core/problem.ts';
import { POPS, REGIONS, findPop, findRegion } from '../geo/tables.ts';
import type { Target } from '../sim/faults/fault.ts';
import type { Scenario } from './scenario.ts';

export function checkTargets(scenario: Scenario, model: Model): Problem[] {
  return scenario.timeline.flatMap((event, index) => {
    if (event.kind !== 'fault') return [];
    const found = complaint(event.target, scenario, model);
    if (found === undefined) return [];
    return [scenario.document.problem(['timeline', index, 'target'], found.message, found.hint)];
  });
}

function complaint(target: Target, scenario: Scenario, model: Model): { message: string; hint: string } | undefined {
  const { kind, name } = target;
  const unknown = (known: readonly string[], word: string = kind): { message: string; hint: string } => ({
    message: `there is no ${word} "${name}"`,
    hint: didYouMean(name, known) || `known: ${known.slice(0, 12).join(', ')}`,
  });
  const railgun = scenario.world.railgun;
  switch (kind) {
    case 'pool':
      return name === 'all' || model.pools.some((pool) => pool.id === name || pool.name === name)
        ? undefined
        : unknown(model.pools.map((pool) => pool.id));
    case 'origin': {
      const [first, second] = name.split('/');
      const found = model.pools.some((pool) =>
        pool.origins.some((origin) =>
          second === undefined
            ? origin.name === first || origin.address === first
            : (pool.id === first || pool.name === first) && (origin.name === second || origin.address === second),
        ),
      );
      return found
        ? undefined
        : unknown(model.pools.flatMap((pool) => pool.origins.map((origin) => `${pool.id}/${origin.name}`)));
    }
    case 'pop':
      return findPop(name) !== undefined
        ? undefined
        : unknown(
            POPS.map((pop) => pop.code),
            'PoP',
          );
    case 'region':
      return findRegion(name) !== undefined ? undefined : unknown(REGIONS.map((region) => region.code));
    case 'listener':
      return numbered(name, railgun.listeners) ? undefined : unknown(numbers(railgun.listeners));
    case 'store':
      return numbered(name, railgun.storeNodes) ? undefined : unknown(numbers(railgun.storeNodes), 'memcached node');
    case 'link':
      return name === 'edge-origin' || name === 'all' ? undefined : unknown(['edge-origin']);
    default:
      return undefined;
  }
}

function numbered(name: string, count: number): boolean {
  return name === 'all' || (/^\d+$/.test(name) && Number(name) >= 1 && Number(name) <= count);
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index + 1));
}
