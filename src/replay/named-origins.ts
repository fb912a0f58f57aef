/** Origins by one number across all pools (pools in order, then origins): which ones a target names, and how a scenario says they behave. */
import type { Model, Origin, Pool } from '../core/model.ts';
import type { Target } from '../sim/faults/fault.ts';
import type { OriginTraits } from '../sim/origin.ts';
import { DEFAULT_ORIGIN, type World } from './scenario.ts';

/** Global numbers of the origins of a pool (`pool/all`: of every pool), or of the origins with that name or address. */
export function originsNamed(model: Model, target: Target): readonly number[] {
  const [first = '', second] = target.name.split('/');
  const found: number[] = [];
  let number = 0;
  for (const pool of model.pools) {
    const poolNamed = pool.id === first || pool.name === first;
    for (const { name, address } of pool.origins) {
      const named =
        target.kind === 'pool'
          ? target.name === 'all' || poolNamed
          : second === undefined
            ? name === first || address === first
            : poolNamed && (name === second || address === second);
      if (named) found.push(number);
      number += 1;
    }
  }
  return found;
}

/** By `POOL/ORIGIN`, by the origin's name, by `*`; else the default. */
export function traitsOfOrigin({ origins }: World, pool: Pool, { name }: Origin): OriginTraits {
  return (
    origins.get(`${pool.name}/${name}`) ??
    origins.get(`${pool.id}/${name}`) ??
    origins.get(name) ??
    origins.get('*') ??
    DEFAULT_ORIGIN
  );
}
