/**
 * `npm run parity`: what of the documented behaviour is modelled, stored or refused, statement by statement and field by field, with the
 * proving test of each. Prints the table and writes docs/parity.md.
 *
 *   --check           writes nothing; exit code 1 when a required statement has no passing test or the page is not what it would write
 *   --results FILE    vitest's JSON results; default .tmp/tests.json, made anew when it is missing or older than the sources
 */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { OBJECT_NAMES, fieldTable } from '../src/config/field-tables.ts';
import {
  type Field,
  type Section,
  type Standing,
  type Statements,
  type TestResult,
  fieldSections,
  joinStatements,
  nameOf,
  parityProblems,
  statementSections,
} from './parity-table.ts';

const ROOT = join(import.meta.dirname, '..');
const PAGE = join(ROOT, 'docs/parity.md');

interface VitestResults {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
    }[];
  }[];
}

function readResults(file: string): TestResult[] {
  const { testResults } = JSON.parse(readFileSync(file, 'utf8')) as VitestResults;
  const tests = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'passed' || status === 'failed')
      .map(({ ancestorTitles, title, status }) => ({
        file: relative(ROOT, name).replaceAll('\\', '/'),
        // Property tests add the seed of the day to their name.
        titles: [...ancestorTitles, title].map((one) => one.replace(/ \(with seed=-?\d+\)$/, '')),
        passed: status === 'passed',
      })),
  );
  return tests
    .map((test) => ({ test, key: nameOf(test) }))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ test }) => test);
}

/** Runs the tests when the last results are missing or older than what they are about. */
function freshResults(file: string): void {
  const made = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = globSync(['src/**/*.ts', 'test/**/*.ts', 'scenarios/**/*.yaml'], { cwd: ROOT });
  if (sources.every((path) => statSync(join(ROOT, path)).mtimeMs < made)) return;
  process.stderr.write('parity: running the tests first\n');
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  try {
    execFileSync(process.execPath, [vitest, 'run', '--reporter=json', `--outputFile.json=${file}`], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  } catch {
    // Failed tests are told below, statement by statement.
  }
}

/** The fields of every object, as the tables of docs/configuration.md have them. */
function readFields(): Field[] {
  return OBJECT_NAMES.flatMap((object) => {
    const table = fieldTable(object);
    const rows = [...table.matchAll(/^\| `([^`]+)` \|.* \| (modelled|stored) \| /gm)];
    const ignored = /^Taken from exports and ignored: (.*)\.$/m.exec(table)?.[1] ?? '';
    return [
      ...rows.map((row) => ({ object, name: row[1]!, standing: row[2] as Standing })),
      ...[...ignored.matchAll(/`([^`]+)`/g)].map((match) => ({
        object,
        name: match[1]!,
        standing: 'ignored' as const,
      })),
    ];
  });
}

const MEANING: Readonly<Record<Standing, string>> = {
  modelled: 'modelled',
  stored: 'accepted and stored',
  refused: 'refused',
  ignored: 'read-only, ignored',
  open: 'open',
};

function page(statements: readonly Section[], fields: readonly Section[]): string {
  const lines = [
    '# Parity',
    '',
    '<!-- Made by `npm run parity` from the tests. Do not edit: `npm test` compares it. -->',
    '',
    'What the public documentation of the load balancer (LB) and of the Railgun link (RG) says, statement by statement (given / when /',
    'then; H healthy, U unhealthy, D disabled, FB fallback pool), and what this program does about it. A statement is proved by the tests',
    'whose names begin with its number: the first one is named here. `open` statements belong to parts that are not built yet.',
    '',
    ...['| section | statements | proved |', '| --- | --- | --- |'],
    ...statements.map(
      ({ title, rows }) => `| ${title} | ${rows.length} | ${rows.filter((row) => row.proofs.length > 0).length} |`,
    ),
  ];
  for (const { title, rows } of statements) {
    lines.push('', `## ${title}`, '', '| number | statement | here | proof |', '| --- | --- | --- | --- |');
    for (const row of rows)
      lines.push(`| ${row.subject} | ${cell(row.text)} | ${MEANING[row.standing]} | ${proof(row.proofs, row.note)} |`);
  }
  lines.push(
    '',
    '# Fields',
    '',
    'Every field of a configuration file, and a test that names it.',
    'Unknown keys are refused.',
  );
  for (const { title, rows } of fields) {
    lines.push('', `## ${title}`, '', '| field | here | a test that names it |', '| --- | --- | --- |');
    for (const row of rows)
      lines.push(`| \`${row.subject}\` | ${MEANING[row.standing]} | ${proof(row.proofs.slice(0, 1), '')} |`);
  }
  return `${lines.join('\n')}\n`;
}

function proof(tests: readonly TestResult[], note: string): string {
  const [first] = tests;
  if (first === undefined) return note;
  const more = tests.length > 1 ? ` and ${tests.length - 1} more` : '';
  return `${cell(first.titles.at(-1) ?? '')} ([${first.file.replace('test/', '')}](../${first.file}))${more}`;
}

function cell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll(/\s+/g, ' ');
}

function terminal(sections: readonly Section[]): string {
  const table = new Table({
    head: ['', 'here', 'proof'],
    style: { head: [], border: [] },
    colWidths: [36, 22, 100],
    wordWrap: true,
  });
  for (const { title, rows } of sections) {
    table.push([{ colSpan: 3, content: title }]);
    for (const row of rows) {
      const [first] = row.proofs;
      table.push([row.subject, MEANING[row.standing], first === undefined ? row.note || row.text : nameOf(first)]);
    }
  }
  return table.toString();
}

const { values } = parseArgs({ options: { check: { type: 'boolean' }, results: { type: 'string' } } });
const file = values.results ?? join(ROOT, '.tmp/tests.json');
if (values.results === undefined) freshResults(file);
const tests = readResults(file);
const [balancing, link] = ['statements.json', 'railgun-statements.json'].map(
  (name) => JSON.parse(readFileSync(join(ROOT, 'scripts', name), 'utf8')) as Statements,
);
const statements = joinStatements(balancing!, link!);
const bySection = statementSections(statements, tests);
const byObject = fieldSections(readFields(), tests);
const made = page(bySection, byObject);
const problems = parityProblems(statements, bySection);

if (values.check === true) {
  if (!existsSync(PAGE) || made !== readFileSync(PAGE, 'utf8'))
    problems.push('docs/parity.md is out of date: npm run parity writes it anew');
} else {
  process.stdout.write(`${terminal([...bySection, ...byObject])}\n`);
  writeFileSync(PAGE, made);
}
const rows = bySection.flatMap((section) => section.rows);
process.stdout.write(
  `parity: ${rows.filter((row) => row.proofs.length > 0).length} of ${rows.length} statements proved, ${problems.length} problems\n`,
);
for (const problem of problems) process.stderr.write(`parity: ${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
