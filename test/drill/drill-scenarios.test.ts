/**
 * One file, two worlds: every drill that ships is also a replay whose checks hold. At full length; those at wire fidelity, where a request costs
 * half a millisecond, as pressed as their drill. The drills themselves: drills/.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { pacesOf } from '../../scripts/paces.ts';
import { judge } from '../../src/checks/judge.ts';
import { filesBeside } from '../../src/cli/files.ts';
import { readRunChecks } from '../../src/cli/read-checks.ts';
import { MAX_PACE, press, pressCheck } from '../../src/drill/press.ts';
import { prepareReplay } from '../../src/replay/load.ts';
import { replay } from '../../src/replay/run.ts';

const FOLDER = 'scenarios/drills';
const names = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));

it.each(names)('%s replays, and all its checks hold', async (name) => {
  const file = `${FOLDER}/${name}`;
  const text = readFileSync(file, 'utf8');
  const { pace, quick } = pacesOf(text);
  expect(pace).toBeLessThanOrEqual(quick);
  expect(quick).toBeLessThanOrEqual(MAX_PACE);
  const prepared = await prepareReplay(text, file, filesBeside(file, undefined), { version: 'test', repeat: '' });
  if (!prepared.ok) throw new Error(prepared.problems.map(({ message }) => message).join('; '));
  const checks = readRunChecks(prepared.value, []);
  const played = /fidelity: wire/.test(text) ? quick : 1;
  const pressed = press(prepared.value, played);
  if (!checks.ok || !pressed.ok) throw new Error(`${name} cannot be pressed`);
  const report = await replay(pressed.value.input);
  const results = checks.list.map(({ check, line }) =>
    judge(pressCheck(check, prepared.value.start, played), report, line),
  );
  expect(results.length).toBeGreaterThanOrEqual(3);
  expect(results.filter(({ pass }) => !pass).map(({ check, text: words }) => `${check}: ${words}`)).toEqual([]);
});

it('every drill of the list ships: 1 to 14, by the number of its file', () => {
  const numbers = new Set(names.flatMap((name) => /^(\d\d)-/.exec(name)?.[1] ?? []));
  expect([...numbers].map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 14 }, (_, index) => index + 1));
});

it('scenarios/drills/README.md lists every drill; `vitest run test/drill/drill-scenarios.test.ts -u` renews the list', async () => {
  const rows = names.toSorted().map((file) => {
    const { name, description } = parse(readFileSync(`${FOLDER}/${file}`, 'utf8')) as Record<string, string>;
    return `| [${file.replace('.yaml', '')}](${file}) | ${name} | ${description} |`;
  });
  const table = ['| file | the story | what happens |', '| --- | --- | --- |', ...rows].join('\n');
  const page = readFileSync(`${FOLDER}/README.md`, 'utf8');
  const made = page.replace(/<!-- drills -->.*?<!-- end -->/s, () => `<!-- drills -->\n\n${table}\n\n<!-- end -->`);
  await expect(made).toMatchFileSnapshot(`../../${FOLDER}/README.md`);
});
