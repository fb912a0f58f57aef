/** Bad input, told once and in one way: every problem with its place, the line and a caret; as JSON for machines. Exit code 2. */
import type { Problem } from '../core/problem.ts';
import { readTextFile } from './files.ts';
import { EXIT, type Io, wantsColour } from './io.ts';
import { formatProblems } from './problems.ts';

export function refuse(problems: readonly Problem[], flags: { readonly json?: boolean }, io: Io): number {
  if (flags.json === true) {
    io.out(`${JSON.stringify({ ok: false, problems })}\n`);
    return EXIT.usage;
  }
  const sources = new Map<string, string>();
  for (const { file, line } of problems) {
    if (line === 0 || sources.has(file)) continue;
    const read = readTextFile(file);
    if ('text' in read) sources.set(file, read.text);
  }
  io.err(formatProblems(problems, { colour: wantsColour(io, 'err'), sources }));
  return EXIT.usage;
}
