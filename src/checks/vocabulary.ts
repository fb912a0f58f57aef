/**
 * The names that a check may use: pools, origins, regions, PoPs, and the span of the run. A scenario's reader passes what it
 * knows so that a wrong name is found before the run; a finished report knows all of it (`vocabularyOf`).
 */
import type { RunReport } from '../core/report.ts';
import { didYouMean } from '../core/suggest.ts';
import type { CheckProblem, Scope } from './check.ts';

export interface Vocabulary {
  /** Pools may be called by name or by id. */
  readonly pools: readonly { readonly id: string; readonly name: string; readonly origins: readonly string[] }[];
  /** Empty = not known yet, so not checked. */
  readonly regions: readonly string[];
  readonly pops: readonly string[];
  /** The run, when known: times outside it are mistakes. */
  readonly startUs: number | undefined;
  readonly endUs: number | undefined;
}

export function vocabularyOf(report: RunReport): Vocabulary {
  return {
    pools: report.pools.map(({ id, name, origins }) => ({ id, name, origins: origins.map((origin) => origin.name) })),
    regions: report.placement.regions,
    pops: report.pops.map((pop) => pop.code),
    startUs: report.startUs,
    endUs: report.endUs,
  };
}

/** A wrong name as a problem, or `undefined` when the object exists (or its kind is not known yet). */
export function unknownObject(scope: Scope, known: Vocabulary): CheckProblem | undefined {
  const complain = (written: string, what: string, names: readonly string[]): CheckProblem => ({
    column: scope.column,
    length: Math.max(1, written.length),
    message: `there is no ${what} here`,
    hint: didYouMean(written, names) || listed(names),
  });
  switch (scope.kind) {
    case 'pool':
    case 'origin': {
      const pool = known.pools.find(({ id, name }) => name === scope.name || id === scope.name);
      if (pool === undefined) {
        const written = scope.kind === 'pool' ? `pool/${scope.name}` : `origin/${scope.name}/${scope.origin}`;
        const names = known.pools.flatMap(({ name, origins }) =>
          scope.kind === 'pool' ? [`pool/${name}`] : origins.map((origin) => `origin/${name}/${origin}`),
        );
        return complain(written, `pool "${scope.name}"`, names);
      }
      if (scope.kind === 'pool' || pool.origins.includes(scope.origin)) return undefined;
      return complain(
        `origin/${scope.name}/${scope.origin}`,
        `origin "${scope.origin}" in pool "${pool.name}"`,
        pool.origins.map((origin) => `origin/${pool.name}/${origin}`),
      );
    }
    case 'region':
      if (known.regions.length === 0 || known.regions.includes(scope.name)) return undefined;
      return complain(
        `region/${scope.name}`,
        `region "${scope.name}"`,
        known.regions.map((name) => `region/${name}`),
      );
    case 'pop':
      if (known.pops.length === 0 || known.pops.includes(scope.name)) return undefined;
      return complain(
        `pop/${scope.name}`,
        `PoP "${scope.name}"`,
        known.pops.map((name) => `pop/${name}`),
      );
    case 'word':
    case 'status':
      return undefined;
    default:
      return scope.kind satisfies never;
  }
}

/** Short lists are worth printing whole; long ones are in the configuration. */
function listed(names: readonly string[]): string {
  if (names.length === 0) return '';
  const some = names.slice(0, 8);
  return `known: ${some.join(', ')}${names.length > some.length ? ', …' : ''}`;
}
