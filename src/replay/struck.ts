/** What a fault acts on, and so who notices it: the same for the story of a replay and of a drill. */
import type { Model } from '../core/model.ts';
import type { Fault, Target } from '../sim/faults/fault.ts';
import { originsNamed } from './named-origins.ts';
import type { World } from './scenario.ts';
import type { Struck } from './story.ts';

export function struckBy(fault: Fault, target: Target, model: Model, { railgun }: World): Struck {
  const all = (count: number): ReadonlySet<number> => new Set(Array.from({ length: count }, (_, index) => index));
  switch (target.kind) {
    case 'pool':
    case 'origin':
      return { origins: new Set(originsNamed(model, target)), listeners: NOBODY };
    case 'listener': {
      const listeners = target.name === 'all' ? all(railgun.listeners) : new Set([Number(target.name) - 1]);
      return { origins: NOBODY, listeners };
    }
    case 'link':
      // Of the link, one fault strikes lanes alone.
      if (fault.name === 'half_open') return { origins: NOBODY, listeners: all(railgun.listeners) };
      return { origins: all(model.pools.reduce((sum, pool) => sum + pool.origins.length, 0)), listeners: NOBODY };
    default:
      return { origins: NOBODY, listeners: NOBODY };
  }
}

const NOBODY: ReadonlySet<number> = new Set();
