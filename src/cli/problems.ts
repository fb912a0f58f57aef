/**
 * Prints problems of files: one line that editors and CI can click on, the line of the file, and a caret.
 *
 *   shop.yaml:12:5: error: unknown key "steering_polcy", did you mean "steering_policy"?
 *     12 |     steering_polcy: off
 *        |     ^
 */
import type { Problem } from '../core/problem.ts';
import { readTextFile } from './files.ts';
import { type Io, paint, wantsColour } from './io.ts';

export interface ProblemStyle {
  readonly colour: boolean;
  /** Texts of the files by name, to quote from; a file without one is only named. */
  readonly sources?: ReadonlyMap<string, string>;
}

/** A broken file can break on every line; after this many the rest is counted. `--json` prints them all. */
const MAX_PRINTED = 100;
/** Longer lines are cut around the column: a minified file is one line. */
const MAX_QUOTE = 100;

/** For verbs that cannot go on: problems to stderr with quotes from the files, or to stdout as JSON. */
export function printProblems(problems: readonly Problem[], io: Io, json: boolean): void {
  if (json) {
    io.out(
      `${JSON.stringify({ valid: !problems.some((problem) => problem.severity === 'error'), problems }, undefined, 2)}\n`,
    );
  } else {
    io.err(formatProblems(problems, { colour: wantsColour(io, 'err'), sources: sourcesOf(problems) }));
  }
}

/** The texts that problems point into, read again from the disk; a file that is no file (`--set`) is left out. */
export function sourcesOf(problems: readonly Problem[]): Map<string, string> {
  const sources = new Map<string, string>();
  for (const file of new Set(problems.flatMap((problem) => (problem.line === 0 ? [] : [problem.file])))) {
    const read = readTextFile(file);
    if ('text' in read) sources.set(file, read.text);
  }
  return sources;
}

/** All problems as text with a line break at the end, and a last line that counts them; empty for none. */
export function formatProblems(problems: readonly Problem[], style: ProblemStyle): string {
  if (problems.length === 0) return '';
  const lines = problems.slice(0, MAX_PRINTED).map((problem) => formatProblem(problem, style));
  if (problems.length > MAX_PRINTED) lines.push(`… and ${problems.length - MAX_PRINTED} more`);
  return `${lines.join('\n')}\n${countProblems(problems)}\n`;
}

export function formatProblem(problem: Problem, style: ProblemStyle): string {
  const { colour } = style;
  const tone = problem.severity === 'error' ? 'red' : 'yellow';
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  const hint = problem.hint === '' ? '' : `, ${problem.hint}`;
  const head = `${paint(colour, 'bold', printable(place))}: ${paint(colour, tone, problem.severity)}: ${printable(problem.message + hint)}`;
  const quote = quoteLine(style.sources?.get(problem.file), problem);
  if (quote === undefined) return head;
  const number = String(problem.line).padStart(4);
  return `${head}\n${paint(colour, 'dim', `${number} |`)} ${quote.text}\n${paint(colour, 'dim', `${' '.repeat(number.length)} |`)} ${' '.repeat(quote.caret)}${paint(colour, tone, '^')}`;
}

/** `2 errors, 1 warning` */
export function countProblems(problems: readonly Problem[]): string {
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  const warnings = problems.length - errors;
  const count = (many: number, word: string): string[] =>
    many === 0 ? [] : [`${many} ${word}${many === 1 ? '' : 's'}`];
  return [...count(errors, 'error'), ...count(warnings, 'warning')].join(', ') || 'no problems';
}

/** The line and how far in the caret stands, both as printed: tabs are one blank, long lines are cut around the column. */
function quoteLine(source: string | undefined, problem: Problem): { text: string; caret: number } | undefined {
  if (source === undefined || problem.line === 0) return undefined;
  const line = nthLine(source, problem.line);
  if (line === undefined) return undefined;
  const column = Math.min(problem.column - 1, line.length);
  const from = line.length <= MAX_QUOTE ? 0 : Math.max(0, Math.min(column - MAX_QUOTE / 2, line.length - MAX_QUOTE));
  const shownPart = line.slice(from, from + MAX_QUOTE);
  const lead = from > 0 ? '…' : '';
  const text = `${lead}${printable(shownPart)}${from + MAX_QUOTE < line.length ? '…' : ''}`;
  return { text, caret: lead.length + [...printable(line.slice(from, column))].length };
}

/** Without splitting the whole file, which may be one line of 16 MiB or a million short ones. */
function nthLine(source: string, wanted: number): string | undefined {
  let from = 0;
  for (let line = 1; line < wanted; line += 1) {
    const end = source.indexOf('\n', from);
    if (end < 0) return undefined;
    from = end + 1;
  }
  const end = source.indexOf('\n', from);
  return source.slice(from, end < 0 ? undefined : end).replace(/\r$/, '');
}

/** A file may hold escape sequences that would repaint the terminal: control characters become blanks. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, ' ');
}
