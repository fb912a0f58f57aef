/**
 * `npm run scenarios:accept [-- NAME…]`: plays the library and writes each verdict to `scenarios/expected/NAME.json`. Look at the difference
 * before committing it: a digest alone that changed means that the model has changed, a total or a check that changed says how.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expectedFile, libraryNames, playVerdict } from '../test/replay/verdict.ts';

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !libraryNames().includes(name));
if (unknown.length > 0) {
  console.error(`no such scenario: ${unknown.join(', ')}`);
  process.exit(2);
}
mkdirSync('scenarios/expected', { recursive: true });
for (const name of asked.length > 0 ? asked : libraryNames()) {
  const verdict = await playVerdict(name);
  const text = `${JSON.stringify(verdict, null, 2)}\n`;
  const same = text === before(expectedFile(name));
  const failing = verdict.checks.filter(({ pass }) => !pass).length;
  const note = failing === 0 ? '' : `, ${failing} checks FAILED`;
  console.log(
    `${same ? '  same' : 'CHANGED'.padStart(6)}  ${name}: ${verdict.totals.requests} requests, ${verdict.totals.failed} failed${note}`,
  );
  writeFileSync(expectedFile(name), text);
}

function before(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
