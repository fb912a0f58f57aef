/**
 * `npm run fidelity [-- --quick] [--only NAME] [--rounds N]`: plays every scenario of scenarios/drills for real and writes how far prediction
 * and measurement are apart into docs/fidelity.md, whether that is good news or not. `--quick`: pressed as hard as the tests do it.
 * `--only`: prints, writes nothing. With several rounds, each figure is the median of its differences.
 *
 * What a drill is and what a figure means is not known here: `switchyard drill` writes report.json, and this reads `fidelity` in it.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, platform, totalmem } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { filesBeside } from '../src/cli/files.ts';
import type { FidelityRow, RunReport } from '../src/core/report.ts';
import { lookEveryUs } from '../src/drill/fidelity.ts';
import { longestIntervalUs } from '../src/drill/monitors.ts';
import { press } from '../src/drill/press.ts';
import { prepareReplay } from '../src/replay/load.ts';
import { pacesOf } from './paces.ts';

const DRILLS = 'scenarios/drills';
const DOCUMENT = 'docs/fidelity.md';
const OUT = join('.tmp', 'fidelity');
const BEGIN = '<!-- fidelity: made by `npm run fidelity`, do not edit -->';
const END = '<!-- end of fidelity -->';
/** Of the product, whatever a scenario allows (issue "Failover drills", figures). */
const FIGURES = [
  {
    keys: ['time_to_recover', 'time_to_detect'],
    name: 'time to detect, to recover',
    must: 10,
    goal: 5,
    interval: true,
  },
  { keys: ['failed_requests'], name: 'failed requests', must: 10, goal: 10, few: 3 },
  { keys: ['share'], name: 'share of a pool', must: 2, goal: 1, points: true },
  { keys: ['wan_bytes'], name: 'bytes over the WAN', must: 5, goal: 2 },
] as const;

interface Played {
  readonly name: string;
  readonly pace: number;
  readonly intervalUs: number;
  readonly seconds: number;
  /** One per round; undefined when nothing was measured. */
  readonly rounds: { readonly code: number; readonly report: RunReport | undefined; readonly why: string }[];
}

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, only: { type: 'string' }, rounds: { type: 'string', default: '1' } },
});
const rounds = Number(values.rounds);
const names = readdirSync(DRILLS)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => basename(file, '.yaml'))
  .sort()
  .filter((name) => values.only === undefined || name.startsWith(values.only));
if (names.length === 0 || !(rounds >= 1 && rounds <= 100)) {
  console.error(names.length === 0 ? `no drill begins with "${values.only}"` : '--rounds takes 1 to 100');
  process.exit(2);
}
const played = await Promise.all(names.map(prepare));
for (let round = 1; round <= rounds; round += 1) for (const drill of played) play(drill, round);
const text = tableOf(played);
console.log(text);
if (values.only === undefined) {
  writeFileSync(DOCUMENT, withTable(readText(DOCUMENT), text));
  console.error(`${DOCUMENT} is written`);
}

async function prepare(name: string): Promise<Played> {
  const file = join(DRILLS, `${name}.yaml`);
  const source = readFileSync(file, 'utf8');
  const paces = pacesOf(source);
  const pace = values.quick === true ? paces.quick : paces.pace;
  const prepared = await prepareReplay(source, file, filesBeside(file, undefined), { version: '', repeat: '' });
  if (!prepared.ok) throw new Error(prepared.problems.map(({ message }) => `${file}: ${message}`).join('\n'));
  const pressed = press(prepared.value, pace);
  if (!pressed.ok) throw new Error(pressed.problems.map(({ message }) => `${file}: ${message}`).join('\n'));
  const { model, start, end } = pressed.value.input;
  return { name, pace, intervalUs: longestIntervalUs(model), seconds: (end - start) / 1e6, rounds: [] };
}

function play({ name, pace, rounds: done }: Played, round: number): void {
  const out = join(OUT, `${name}-${round}`);
  mkdirSync(out, { recursive: true });
  const verb = [
    'bin/switchyard.js',
    'drill',
    join(DRILLS, `${name}.yaml`),
    '--pace',
    String(pace),
    '--quiet',
    '--out',
    out,
  ];
  const { status, stderr } = spawnSync(process.execPath, verb, { encoding: 'utf8' });
  const code = status ?? 1;
  const ran = code === 0 || code === 3 || code === 6;
  const report = ran ? (JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as RunReport) : undefined;
  const last = stderr.trim().split('\n').at(-1) ?? '';
  done.push({ code, report, why: ran ? '' : last });
  const failing = report?.checks.filter(({ pass }) => !pass).map(({ check }) => check) ?? [];
  console.error(
    `${name}, round ${round}: exit ${code}${failing.length === 0 ? '' : ` (${failing.join('; ')})`} ${ran ? '' : last}`,
  );
}

// Figures

/** The same row of every round, as one: that whose difference is the median. */
function rowsOf({ rounds: done }: Played): readonly FidelityRow[] {
  const byKey = new Map<string, FidelityRow[]>();
  for (const { report } of done)
    for (const row of report?.fidelity?.rows ?? []) {
      const key = `${row.figure} ${row.subject}`;
      byKey.set(key, [...(byKey.get(key) ?? []), row]);
    }
  return [...byKey.values()].map((rows) => {
    const sorted = rows.toSorted((a, b) => Math.abs(a.difference ?? Infinity) - Math.abs(b.difference ?? Infinity));
    return sorted[Math.floor((sorted.length - 1) / 2)]!;
  });
}

/** That with the largest difference: a drill with several outages, causes or pools is as good as its worst. */
function worst(rows: readonly FidelityRow[], figure: string, whole = false): FidelityRow | undefined {
  return rows
    .filter((row) => row.figure === figure && (!whole || row.subject === ''))
    .toSorted((a, b) => Math.abs(b.difference ?? Infinity) - Math.abs(a.difference ?? Infinity))[0];
}

function within(row: FidelityRow, percent: number, figure: (typeof FIGURES)[number], intervalUs: number): boolean {
  const { predicted, measured, difference } = row;
  if (difference === null) return predicted === measured;
  const limits = ['points' in figure ? percent : (percent / 100) * Math.abs(predicted ?? 0)];
  if ('few' in figure) limits.push(figure.few);
  if ('interval' in figure && percent === figure.must) limits.push(lookEveryUs(row.subject, intervalUs) / 1e6);
  return Math.abs(difference) <= Math.max(...limits) + 1e-9;
}

// Text

function tableOf(drills: readonly Played[]): string {
  const head =
    '| drill | played | time to detect | time to recover | failed requests | share of a pool | bytes over the WAN | verdict |';
  const lines = drills.map((drill) => {
    const rows = rowsOf(drill);
    const cells = [
      cell(worst(rows, 'time_to_detect')),
      cell(worst(rows, 'time_to_recover')),
      cell(worst(rows, 'failed_requests', true)),
      cell(worst(rows, 'share')),
      cell(worst(rows, 'wan_bytes')),
      verdictOf(drill),
    ];
    return `| [${drill.name}](../${DRILLS}/${drill.name}.yaml) | ${drill.seconds} s, pace ${drill.pace} | ${cells.join(' | ')} |`;
  });
  return [
    BEGIN,
    '',
    machineText(drills),
    '',
    head,
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...lines,
    '',
    ...summary(drills),
    '',
    END,
  ].join('\n');
}

function summary(drills: readonly Played[]): string[] {
  const lines = FIGURES.map((figure) => {
    const all = drills.flatMap((drill) =>
      rowsOf(drill)
        .filter((row) => (figure.keys as readonly string[]).includes(row.figure))
        .map((row) => ({ row, intervalUs: drill.intervalUs })),
    );
    const count = (percent: number): number =>
      all.filter(({ row, intervalUs }) => within(row, percent, figure, intervalUs)).length;
    const unit = 'points' in figure ? ' points' : ' %';
    const must = `${figure.must}${unit}${'few' in figure ? ` or ${figure.few}` : ''}${'interval' in figure ? ' or one probe interval (of a lane: 0.5 s)' : ''}`;
    return `| ${figure.name} | ${must} | ${count(figure.must)} of ${all.length} | ${figure.goal}${unit}${'few' in figure ? ` or ${figure.few}` : ''} | ${count(figure.goal)} of ${all.length} |`;
  });
  return ['| figure | must be within | are | goal | are |', '| --- | --- | --- | --- | --- |', ...lines];
}

function verdictOf({ rounds: done }: Played): string {
  const words = done.map(({ code, report, why }) => {
    if (report === undefined) return `not measured: ${why}`;
    if (report.fidelity?.pass !== true) return 'fidelity fails';
    return code === 0 ? 'holds' : 'a check fails';
  });
  const good = words.filter((word) => word === 'holds').length;
  if (good === words.length) return words.length === 1 ? 'holds' : `holds, ${words.length} rounds`;
  return words.length === 1
    ? words[0]!
    : `${good} of ${words.length} rounds hold; ${words.find((word) => word !== 'holds')}`;
}

function cell(row: FidelityRow | undefined): string {
  if (row === undefined) return '';
  const { predicted, measured, difference, unit } = row;
  const text = (value: number | null): string => (value === null ? 'never' : figureText(value, unit));
  return `${text(predicted)} \\| ${text(measured)} \\| ${differenceText(difference, predicted, unit)}`;
}

function figureText(value: number, unit: string): string {
  switch (unit) {
    case 's':
      return `${value.toFixed(2)} s`;
    case '%':
      return `${value.toFixed(1)} %`;
    case 'B':
      return `${Math.round(value).toLocaleString('en')} B`;
    default:
      return value.toLocaleString('en');
  }
}

function differenceText(difference: number | null, predicted: number | null, unit: string): string {
  if (difference === null) return '';
  if (difference === 0) return '0';
  const sign = difference > 0 ? '+' : '−';
  const size = Math.abs(difference);
  if (unit === '%') return `${sign}${size.toFixed(1)} points`;
  const share = (predicted ?? 0) === 0 ? '' : ` (${((100 * size) / Math.abs(predicted!)).toFixed(1)} %)`;
  return `${sign}${figureText(size, unit)}${share}`;
}

function machineText(drills: readonly Played[]): string {
  const facts = drills.flatMap(({ rounds: done }) => done.flatMap(({ report }) => report?.drill ?? []));
  const most = (of: (fact: (typeof facts)[number]) => number): string =>
    `${Math.round(Math.max(0, ...facts.map(of)) / 1000)} ms`;
  return (
    `Each cell is predicted | measured | difference. ${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores, ` +
    `${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()}, Node ${process.versions.node}, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}. ` +
    `How busy the machine was: at worst 1 % of the requests of a drill were sent more than ${most((fact) => fact.lateness.p99Us)} late, ` +
    `and a fault was done ${most((fact) => fact.faultLatenessUs)} late.`
  );
}

function withTable(document: string, table: string): string {
  const [from, to] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (from < 0 || to < 0) return `${document}${document === '' ? '# Fidelity\n\n' : '\n'}${table}\n`;
  return document.slice(0, from) + table + document.slice(to + END.length);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
