/**
 * Annotations for GitHub Actions: workflow commands on stdout that put failed checks beside the line of the scenario. At most ten of a
 * kind are shown a step; the last one then says how many more there are.
 */
import type { RunReport } from '../core/report.ts';
import { verdictOf } from './facts.ts';

/** GitHub drops the rest without a word. */
export const MAX_ANNOTATIONS = 10;

export function renderGithub(report: RunReport): string {
  const failed = report.checks.filter((check) => !check.pass);
  const errors = failed.map((check) =>
    command('error', { file: report.scenario.file, line: check.line, title: check.check }, check.text),
  );
  const warnings = report.warnings.map((text) =>
    command('warning', { file: report.scenario.file, line: 0, title: 'Warning' }, text),
  );
  const notice = command(
    'notice',
    { file: report.scenario.file, line: 0, title: report.scenario.name },
    verdictOf(report).sentence,
  );
  const lines = [...capped(errors, 'error', 'failed checks'), ...capped(warnings, 'warning', 'warnings'), notice];
  return `${lines.join('\n')}\n`;
}

function capped(lines: readonly string[], kind: 'error' | 'warning', what: string): readonly string[] {
  if (lines.length <= MAX_ANNOTATIONS) return lines;
  const kept = MAX_ANNOTATIONS - 1;
  return [
    ...lines.slice(0, kept),
    command(kind, { file: '', line: 0, title: 'And more' }, `${lines.length - kept} more ${what} are in report.html.`),
  ];
}

function command(
  kind: 'error' | 'warning' | 'notice',
  where: { file: string; line: number; title: string },
  message: string,
): string {
  const properties = [
    ...(where.file === '' ? [] : [`file=${property(where.file)}`]),
    ...(where.line === 0 ? [] : [`line=${where.line}`, 'col=1']),
    `title=${property(where.title)}`,
  ];
  return `::${kind} ${properties.join(',')}::${data(message)}`;
}

/** The escapes of workflow commands: a line feed would begin a command of its own. */
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
