/**
 * From a scenario file to a run that is ready to play, as `replay` and `drill` do it and `validate` and `explain` in part: the text, the GeoIP
 * file, the scenario with what the command line changes in it, its checks. The first step that fails says all that is wrong in it.
 */
import type { Checked, Problem } from '../core/problem.ts';
import { type ReplayInput, prepareReplay } from '../replay/load.ts';
import { fileProblem, filesBeside, findGeoDatabase, readTextFile } from './files.ts';
import { type ReadCheck, readRunChecks } from './read-checks.ts';
import { VERSION } from './version.ts';

/** What a command line may change about a scenario. */
export interface ScenarioFlags {
  readonly seed?: string;
  readonly set?: readonly string[];
  readonly trace?: string;
  readonly geoDb?: string;
}

export type PreparedRun =
  | { readonly ok: true; readonly input: ReplayInput; readonly checks: readonly ReadCheck[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** @param repeat The command that plays the same run again. */
export async function prepareRun(
  file: string,
  flags: ScenarioFlags & { readonly check: readonly string[] },
  repeat: string,
): Promise<PreparedRun> {
  const read = readTextFile(file);
  if ('reason' in read) return { ok: false, problems: [fileProblem(file, read.reason)] };
  const prepared = await prepareScenario(read.text, file, flags, repeat);
  if (!prepared.ok) return prepared;
  const checks = readRunChecks(prepared.value, flags.check);
  return checks.ok ? { ok: true, input: prepared.value, checks: checks.list } : checks;
}

/** Of a text that was read already; its checks are left unread. */
export async function prepareScenario(
  text: string,
  file: string,
  { seed, set = [], trace, geoDb }: ScenarioFlags,
  repeat = '',
): Promise<Checked<ReplayInput>> {
  const geo = findGeoDatabase(geoDb);
  if ('reason' in geo) return { ok: false, problems: [fileProblem(geoDb ?? '', geo.reason)] };
  return prepareReplay(text, file, filesBeside(file, geo.database), {
    seed,
    set: trace === undefined ? set : [...set, `trace=${trace}`],
    version: VERSION,
    repeat,
  });
}
