/** `switchyard trace-diff A B`: 0 when the traces are equal, 3 when they differ (a check failed: they should have been one). */
import { createReadStream, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { diffTraces } from '../replay/trace-diff.ts';
import { fileProblem, reasonOf } from './files.ts';
import { EXIT, type Io } from './io.ts';
import { refuse } from './refuse.ts';

export async function runTraceDiff(a: string, b: string, flags: { readonly json?: boolean }, io: Io): Promise<number> {
  for (const file of [a, b]) {
    try {
      if (statSync(file).isDirectory()) return refuse([fileProblem(file, 'is a directory, not a trace')], flags, io);
    } catch (error) {
      return refuse([fileProblem(file, reasonOf(error))], flags, io);
    }
  }
  const difference = await diffTraces(lines(a), lines(b));
  if (flags.json === true) {
    io.out(`${JSON.stringify(difference)}\n`);
    return difference.kind === 'equal' ? EXIT.ok : EXIT.checkFailed;
  }
  if (difference.kind === 'equal') {
    io.out(`equal: ${difference.lines} lines\n`);
    return EXIT.ok;
  }
  io.out(`${difference.sentence}\n`);
  for (const { field, a: first, b: second } of difference.fields) io.out(`  ${field}: ${first} against ${second}\n`);
  if (difference.a !== undefined) io.out(`  a: ${difference.a}\n`);
  if (difference.b !== undefined) io.out(`  b: ${difference.b}\n`);
  if (difference.before !== undefined) io.out(`  just before, in both: ${difference.before}\n`);
  return EXIT.checkFailed;
}

function lines(file: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY });
}
