/**
 * `stop_if` conditions of a scenario: they stop a live drill. A replay harms nobody and goes on, but says that a drill of the same story
 * would have been stopped. Read before the run, so that a misspelt one is refused rather than never met.
 */
import type { Check } from '../checks/check.ts';
import { judge } from '../checks/judge.ts';
import { parseCheck } from '../checks/parse-check.ts';
import type { Vocabulary } from '../checks/vocabulary.ts';
import type { Model } from '../core/model.ts';
import type { Problem } from '../core/problem.ts';
import type { RunReport } from '../core/report.ts';
import type { Micros } from '../core/time.ts';
import { POPS, REGIONS } from '../geo/tables.ts';
import type { Scenario } from './scenario.ts';

export interface StopCondition {
  readonly check: Check;
  readonly line: number;
}

export function readStops(
  scenario: Scenario,
  model: Model,
  start: Micros,
  end: Micros,
): { readonly stops: readonly StopCondition[]; readonly problems: readonly Problem[] } {
  const known: Vocabulary = {
    startUs: start,
    endUs: end,
    regions: REGIONS.map((region) => region.code as string),
    pops: POPS.map((pop) => pop.code as string),
    pools: model.pools.map(({ id, name, origins }) => ({ id, name, origins: origins.map((origin) => origin.name) })),
  };
  const stops: StopCondition[] = [];
  const problems: Problem[] = [];
  for (const { text, line, column } of scenario.stopIf) {
    const parsed = parseCheck(text, known);
    if (parsed.ok) stops.push({ check: parsed.check, line });
    else {
      const { message, hint } = parsed.problem;
      const at = column + parsed.problem.column - 1;
      problems.push({ severity: 'error', file: scenario.file, line, column: at, path: 'stop_if', message, hint });
    }
  }
  return { stops, problems };
}

export function stopWarnings(stops: readonly StopCondition[], report: RunReport): string[] {
  return stops.flatMap(({ check, line }) => {
    const { pass, text } = judge(check, report, line);
    return pass ? [`stop_if "${check.text}" was met, a drill would have been stopped: ${text}`] : [];
  });
}
