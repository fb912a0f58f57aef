/**
 * Checks from a scenario and from the command line, read before anything runs: one that names an unknown metric or pool is an error with
 * its place, never a silent pass.
 */
import type { Check } from '../checks/check.ts';
import { parseCheck } from '../checks/parse-check.ts';
import type { Vocabulary } from '../checks/vocabulary.ts';
import type { Problem } from '../core/problem.ts';
import { POPS, REGIONS } from '../geo/tables.ts';
import type { ReplayInput } from '../replay/load.ts';

/** A check as written, and where: line 0 is the command line. */
interface WrittenCheck {
  readonly text: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface ReadCheck {
  readonly check: Check;
  readonly line: number;
}

export type ReadChecks =
  | { readonly ok: true; readonly list: readonly ReadCheck[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function readChecks(written: readonly WrittenCheck[], known: Vocabulary): ReadChecks {
  const problems: Problem[] = [];
  const list: ReadCheck[] = [];
  for (const { text, file, line, column } of written) {
    const parsed = parseCheck(text, known);
    if (parsed.ok) {
      list.push({ check: parsed.check, line });
      continue;
    }
    const { message, hint } = parsed.problem;
    const at = line === 0 ? parsed.problem.column : column + parsed.problem.column - 1;
    // The command line has no lines to quote: the check itself is named instead.
    const named = line === 0 ? `${message} in "${text.slice(0, 80)}"` : message;
    problems.push({ severity: 'error', file, line, column: at, path: 'checks', message: named, hint });
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, list };
}

export function fromCommandLine(checks: readonly string[]): WrittenCheck[] {
  return checks.map((text) => ({ text, file: '--check', line: 0, column: 0 }));
}

/** The checks of a run that is ready to play, those of its scenario first. */
export function readRunChecks(input: ReplayInput, more: readonly string[]): ReadChecks {
  const { file, checks } = input.scenario;
  return readChecks([...checks.map((check) => ({ ...check, file })), ...fromCommandLine(more)], {
    startUs: input.start,
    endUs: input.end,
    regions: REGIONS.map((region) => region.code as string),
    pops: POPS.map((pop) => pop.code as string),
    pools: input.model.pools.map(({ id, name, origins }) => ({
      id,
      name,
      origins: origins.map((origin) => origin.name),
    })),
  });
}
