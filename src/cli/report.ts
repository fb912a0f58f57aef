/**
 * `switchyard report FILE`: makes the files of a report again from its `report.json`, and asks it more checks. Nothing is played: a
 * check needs only what the report knows, so it can be asked long after the run.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { judge } from '../checks/judge.ts';
import { vocabularyOf } from '../checks/vocabulary.ts';
import type { RunReport } from '../core/report.ts';
import { readReport, renderJson } from '../report/json.ts';
import { renderAll } from '../report/render-all.ts';
import { renderTerminal } from '../report/terminal.ts';
import { fileProblem, reasonOf, writeWhole } from './files.ts';
import { EXIT, type Io, wantsColour } from './io.ts';
import { fromCommandLine, readChecks } from './read-checks.ts';
import { refuse } from './refuse.ts';

export interface ReportFlags {
  readonly out?: string;
  readonly check: readonly string[];
  readonly json?: boolean;
}

/** Ours are a few megabytes; a larger file is something else. */
const MAX_REPORT_BYTES = 256 * 1_048_576;

export async function runReport(file: string, flags: ReportFlags, io: Io): Promise<number> {
  const read = readJson(file);
  if ('reason' in read) return refuse([fileProblem(file, read.reason)], flags, io);
  const parsed = readReport(read.text);
  if (!parsed.ok) {
    const problems = parsed.problems.map((message) => ({ ...fileProblem(file, ''), message }));
    return refuse(problems, flags, io);
  }
  const asked = readChecks(fromCommandLine(flags.check), vocabularyOf(parsed.report));
  if (!asked.ok) return refuse(asked.problems, flags, io);
  const more = asked.list.map(({ check, line }) => judge(check, parsed.report, line));
  // Asked again, a check stands in the report once.
  const before = parsed.report.checks.filter((old) => old.line > 0 || !more.some((one) => one.check === old.check));
  const report: RunReport = { ...parsed.report, checks: [...before, ...more] };

  const out = flags.out ?? dirname(file);
  try {
    for (const [name, text] of await renderAll(report)) writeWhole(join(out, name), text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return refuse([fileProblem(out, reasonOf(error), 'choose another folder with --out')], flags, io);
  }
  if (flags.json === true) io.out(renderJson(report));
  else {
    const colour = wantsColour(io);
    io.out(renderTerminal(report, { colour, width: io.columns, plain: !io.outIsTerminal && !colour }));
    io.out(`\nReport  ${join(out, 'report.html')}   (report.json, junit.xml, summary.md beside it)\n`);
    io.out(`Repeat  ${report.repeat}\n`);
  }
  return report.checks.every((check) => check.pass) ? EXIT.ok : EXIT.checkFailed;
}

function readJson(file: string): { readonly text: string } | { readonly reason: string } {
  try {
    const stats = statSync(file);
    if (stats.isDirectory()) return { reason: 'is a directory; name the report.json in it' };
    if (stats.size > MAX_REPORT_BYTES) return { reason: `is larger than ${MAX_REPORT_BYTES / 1_048_576} MiB` };
    return { text: readFileSync(file, 'utf8') };
  } catch (error) {
    return { reason: reasonOf(error) };
  }
}
