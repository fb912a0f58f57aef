/**
 * `switchyard validate FILE…`: reads configurations and scenarios, and prints every problem of each. The problems are this verb's
 * result, so they go to stdout. Exit code 0, or 2 when a file is invalid.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ParseOptions } from '../config/config-file.ts';
import type { SourceDocument } from '../config/document.ts';
import { readDocument } from '../config/document.ts';
import { configHash } from '../config/hash.ts';
import { checkConfig } from '../config/load-config.ts';
import type { Model } from '../core/model.ts';
import type { Checked, Problem } from '../core/problem.ts';
import { COUNTRIES, POPS } from '../geo/tables.ts';
import { fileProblem, readTextFile } from './files.ts';
import { EXIT, type Io, wantsColour } from './io.ts';
import { countProblems, formatProblems } from './problems.ts';

export interface ValidateFlags {
  readonly json?: boolean;
  readonly lenient?: boolean;
  readonly quiet?: boolean;
}

/** Everything a scenario needs to be played, short of playing it. */
export type ScenarioCheck = (text: string, file: string) => Promise<Checked<unknown>>;

export interface FileReport {
  readonly file: string;
  readonly kind: 'config' | 'scenario' | 'unknown';
  readonly valid: boolean;
  /** One line about a valid file. */
  readonly summary: string;
  readonly problems: readonly Problem[];
}

export async function runValidate(
  files: readonly string[],
  flags: ValidateFlags,
  io: Io,
  checkScenario: ScenarioCheck = checkRun,
): Promise<number> {
  const list = files.length > 0 ? files : ownFiles(io.cwd);
  if (list.length === 0) {
    io.err(
      'switchyard: no file given, and there are none in ./scenarios and ./examples; write: switchyard validate FILE...\n',
    );
    return EXIT.usage;
  }
  const sources = new Map<string, string>();
  const reports: FileReport[] = [];
  for (const file of list) {
    const read = readTextFile(file);
    if ('reason' in read) {
      reports.push(refused(file, 'unknown', [fileProblem(file, read.reason)]));
      continue;
    }
    sources.set(file, read.text);
    reports.push(await validateText(read.text, file, flags, checkScenario));
  }
  const invalid = reports.filter((report) => !report.valid).length;
  if (flags.json === true) io.out(`${JSON.stringify({ valid: invalid === 0, files: reports }, undefined, 2)}\n`);
  else print(reports, sources, flags, io);
  return invalid === 0 ? EXIT.ok : EXIT.usage;
}

async function validateText(
  text: string,
  file: string,
  flags: ValidateFlags,
  checkScenario: ScenarioCheck,
): Promise<FileReport> {
  const document = readDocument(text, file);
  if (!document.ok) return refused(file, 'unknown', document.problems);
  if (kindOf(document.value.value) === 'config') {
    return validateConfigFile(document.value, {
      ...KNOWN_PLACES,
      profile: flags.lenient === true ? 'lenient' : 'strict',
    });
  }
  const checked = await checkScenario(text, file);
  if (!checked.ok) return refused(file, 'scenario', checked.problems);
  return { file, kind: 'scenario', valid: true, summary: 'valid scenario', problems: checked.warnings };
}

const KNOWN_PLACES: ParseOptions = {
  pops: new Set<string>(POPS.map((pop) => pop.code)),
  countries: new Set<string>(COUNTRIES.keys()),
};

/** A scenario tells itself by its story; everything else is read as a configuration. */
export function kindOf(value: unknown): 'config' | 'scenario' {
  if (typeof value !== 'object' || value === null) return 'config';
  const story = ['timeline', 'traffic', 'checks', 'world', 'duration', 'config'];
  return story.some((key) => Object.hasOwn(value, key)) ? 'scenario' : 'config';
}

/** The report on one configuration. */
export function validateConfigFile(document: SourceDocument, options: ParseOptions = KNOWN_PLACES): FileReport {
  const { file } = document;
  const checked = checkConfig(document, options);
  if (!checked.ok) return refused(file, 'config', checked.problems);
  return { file, kind: 'config', valid: true, summary: describe(checked.value.model), problems: checked.warnings };
}

/** The same preparation as `replay`, checks included, which stops where the run would begin. */
async function checkRun(text: string, file: string): Promise<Checked<unknown>> {
  const [{ prepareScenario }, { readRunChecks }] = await Promise.all([
    import('./prepare.ts'),
    import('./read-checks.ts'),
  ]);
  const prepared = await prepareScenario(text, file, {});
  if (!prepared.ok) return prepared;
  const checks = readRunChecks(prepared.value, []);
  return checks.ok ? prepared : { ok: false, problems: [...checks.problems, ...prepared.warnings] };
}

function refused(file: string, kind: FileReport['kind'], problems: readonly Problem[]): FileReport {
  return { file, kind, valid: false, summary: '', problems };
}

function print(
  reports: readonly FileReport[],
  sources: ReadonlyMap<string, string>,
  flags: ValidateFlags,
  io: Io,
): void {
  const style = { colour: wantsColour(io), sources };
  for (const report of reports) {
    const text = formatProblems(report.problems, style);
    if (text !== '') io.out(text);
    if (report.valid && flags.quiet !== true) io.out(`${report.file}: ${report.summary}\n`);
  }
  if (reports.length > 1 && flags.quiet !== true) {
    const invalid = reports.filter((report) => !report.valid).length;
    io.out(
      `${reports.length} files, ${invalid} invalid: ${countProblems(reports.flatMap((report) => report.problems))}\n`,
    );
  }
}

function describe(model: Model): string {
  const count = (many: number, word: string): string[] =>
    many === 0 ? [] : [`${many} ${word}${many === 1 ? '' : 's'}`];
  const origins = model.pools.reduce((sum, pool) => sum + pool.origins.length, 0);
  const parts = [
    ...count(model.loadBalancers.length, 'load balancer'),
    ...count(model.pools.length, 'pool'),
    ...count(origins, 'origin'),
    ...count(model.monitors.length, 'monitor'),
    ...count(model.railguns.length, 'railgun'),
    ...count(model.zones.length, 'zone'),
  ];
  return `valid configuration ${configHash(model)}: ${parts.join(', ') || 'nothing in it'}`;
}

/** Where a project keeps its files: every one there is checked when none is named. */
const FOLDERS: readonly string[] = ['scenarios', 'examples'];

function ownFiles(cwd: string): string[] {
  return FOLDERS.flatMap((folder) => {
    if (!existsSync(join(cwd, folder))) return [];
    return readdirSync(join(cwd, folder))
      .filter((name) => /\.(?:ya?ml|json)$/.test(name))
      .sort()
      .map((name) => join(folder, name));
  });
}
