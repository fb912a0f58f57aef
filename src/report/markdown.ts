/**
 * `summary.md`, for a pull request or a job summary: verdict, checks, story, who went where, budget. GitHub refuses a summary of more
 * than 1 MiB, so long lists are cut and say so.
 */
import { countText, momentText, percentText, plural, spanText, timesText } from '../core/figures.ts';
import type { RunReport } from '../core/report.ts';
import {
  PART_WORDS,
  figureText,
  headline,
  lineOf,
  outageSteps,
  placementRows,
  provenance,
  verdictOf,
  whenText,
} from './facts.ts';
import { drillSentences, fidelityCells, fidelitySentence } from './fidelity-facts.ts';
import { printable } from './paint.ts';

/** GitHub's limit for one step, less a margin; in bytes of UTF-8. */
export const MAX_SUMMARY_BYTES = 1_000_000;
const MAX_CHECKS = 200;
const MAX_STORY = 100;
const MAX_ROWS = 150;
const MAX_OUTAGES = 50;
/** Longer cells make a table unreadable; report.html has the whole text. */
const MAX_CELL = 400;

export function renderMarkdown(report: RunReport): string {
  const verdict = verdictOf(report);
  const sign = verdict.word === 'passed' ? '✅' : verdict.word === 'failed' ? '❌' : '▫️';
  const parts = [
    `## ${sign} ${cell(report.scenario.name)}`,
    `**${verdict.sentence}** ${headline(report)}.`,
    report.scenario.description === '' ? '' : cell(report.scenario.description),
    checks(report),
    story(report),
    placement(report),
    fidelity(report),
    budget(report),
    ledger(report),
    notes(report),
    `<sub>${cell(`${whenText(report)} · ${provenance(report)} · scenario ${report.scenarioHash}`)}</sub>`,
    `Repeat it: ${code(report.repeat)}`,
  ];
  const text = `${parts.filter((part) => part !== '').join('\n\n')}\n`;
  return Buffer.byteLength(text) <= MAX_SUMMARY_BYTES
    ? text
    : `${parts[0]}\n\n${parts[1]}\n\nThe summary is too long for GitHub; see report.html.\n`;
}

function checks(report: RunReport): string {
  if (report.checks.length === 0) return '';
  const failedFirst = [...report.checks].sort((a, b) => Number(a.pass) - Number(b.pass));
  const rows = failedFirst
    .slice(0, MAX_CHECKS)
    .map((check) => [
      check.pass ? '✅ held' : '❌ failed',
      code(check.check),
      figureText(check.value, check.unit),
      figureText(check.limit, check.unit),
      cell(check.text),
      check.line === 0 ? '' : cell(lineOf(report, check.line)),
    ]);
  return `### Checks\n\n${table(['', 'check', 'measured', 'limit', 'in words', 'line'], rows)}${more(report.checks.length - rows.length, 'check')}`;
}

function story(report: RunReport): string {
  if (report.timeline.length === 0) return '';
  const signs = { good: '✅', bad: '❌', neutral: '▫️' } as const;
  const rows = report.timeline
    .slice(0, MAX_STORY)
    .map((entry) => [
      momentText(entry.atUs, report),
      signs[entry.tone],
      cell(entry.text),
      entry.line === 0 ? '' : cell(lineOf(report, entry.line)),
    ]);
  return `### What happened\n\n${table(['time', '', '', 'line'], rows)}${more(report.timeline.length - rows.length, 'line')}`;
}

function placement(report: RunReport): string {
  const all = placementRows(report);
  if (all.length === 0) return '';
  const rows = all.slice(0, MAX_ROWS).map((row) => {
    const requests = row.requests.reduce((sum, n) => sum + n, 0);
    const failed = row.failed.reduce((sum, n) => sum + n, 0);
    return [
      cell(row.region),
      cell(row.pool),
      ...row.shares.map((share) => (share === null ? '–' : percentText(share))),
      countText(requests),
      countText(failed),
    ];
  });
  const head = [
    'region',
    'pool',
    ...report.phases.map(({ name }, i) => (i === 0 ? name : `→ ${name}`)),
    'requests',
    'failed',
  ];
  return `### Who went where\n\n${table(head, rows)}${more(all.length - rows.length, 'row')}`;
}

/** Drills only. What is outside comes first. */
function fidelity(report: RunReport): string {
  if (report.fidelity === undefined) return '';
  const { rows, unknown } = report.fidelity;
  const order = [...rows].sort((a, b) => Number(a.pass !== false) - Number(b.pass !== false));
  const lines = order.slice(0, MAX_ROWS).map((row) => {
    const cells = fidelityCells(row);
    const sign = cells.verdict === '' ? '▫️' : cells.verdict === 'ok' ? '✅' : '❌';
    const of = [cells.figure, cells.subject, cells.predicted, cells.measured, cells.difference, cells.allowed];
    return [sign, ...of.map(cell)];
  });
  const head = ['', 'figure', 'of', 'predicted', 'measured', 'difference', 'allowed'];
  const notes = [
    ...unknown.map((text) => `- ${cell(text)}`),
    ...drillSentences(report).map((text) => `- ${cell(text)}`),
  ];
  return `### Prediction and measurement\n\n${fidelitySentence(report.fidelity)}\n\n${table(head, lines)}${more(rows.length - lines.length, 'figure')}\n\n<details><summary>What the model does not know, and how the drill went</summary>\n\n${notes.join('\n')}\n\n</details>`;
}

function budget(report: RunReport): string {
  const { outages } = report.budget;
  if (outages.length === 0) return '';
  const items = outages.slice(0, MAX_OUTAGES).map((outage) => {
    const steps = outageSteps(outage, report).map(({ label, text }) => `${label} ${text}`);
    const parts = outage.parts.map((part) => {
      const percent = outage.failed === 0 ? 0 : (100 * part.failed) / outage.failed;
      return `  - ${PART_WORDS[part.part]}: ${countText(part.failed)} (${percentText(percent)}). ${cell(part.knob)}`;
    });
    return [
      `- **${cell(outage.subject)}** ${cell(outage.fault)}: ${plural(outage.failed, 'failed request')}; ${steps.join(', ')}`,
      ...parts,
    ].join('\n');
  });
  return `### Downtime budget\n\n${items.join('\n')}${more(outages.length - items.length, 'outage')}`;
}

function ledger(report: RunReport): string {
  const { sessions, capacity } = report;
  const lines: string[] = [];
  if (sessions.returning > 0) {
    lines.push(
      `**Sessions**: ${countText(sessions.returning)} came back, ${countText(sessions.kept)} kept, ${countText(sessions.moved)} moved, ${countText(sessions.movedBack)} moved back, ${countText(sessions.lost)} lost (${percentText((100 * sessions.lost) / sessions.returning)}).`,
    );
  }
  const over = capacity.filter((row) => row.limit !== null && row.peakRatio > 1).slice(0, 10);
  for (const row of over) {
    lines.push(
      `**Capacity**: ${cell(`${row.pool}/${row.origin}`)} had ${timesText(row.peakRatio)} its limit, above it for ${spanText(row.overloadedSeconds * 1e6)}, ${countText(row.rejected)} rejected.`,
    );
  }
  return lines.join('\n\n');
}

function notes(report: RunReport): string {
  const items = [
    ...report.warnings.map((text) => `- warning: ${cell(text)}`),
    ...report.assumptions.map((text) => `- assumed: ${cell(text)}`),
  ].slice(0, 50);
  return items.length === 0
    ? ''
    : `<details><summary>Warnings and assumptions</summary>\n\n${items.join('\n')}\n\n</details>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function more(left: number, noun: string): string {
  return left <= 0 ? '' : `\n\n${plural(left, `more ${noun}`, `more ${noun}s`)} in report.html.`;
}

/** Text as text: no markup, no HTML, no mentions, no way out of a table cell. */
function cell(text: string): string {
  const cut = text.length > MAX_CELL ? `${text.slice(0, MAX_CELL)}…` : text;
  return printable(cut)
    .replace(/[\\`*_{}[\]<>|#~]/g, (found) => (found === '<' ? '&lt;' : found === '>' ? '&gt;' : `\\${found}`))
    .replace(/@(?=\w)/g, '@\u200b');
}

/** In a code span only the back-tick and the bar of a table need care. */
function code(text: string): string {
  const safe = printable(text.length > MAX_CELL ? `${text.slice(0, MAX_CELL)}…` : text).replaceAll('|', '\\|');
  const fence = safe.includes('`') ? '``' : '`';
  return `${fence}${fence === '``' ? ` ${safe} ` : safe}${fence}`;
}
