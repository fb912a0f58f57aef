/**
 * The tables of the terminal report: who goes where, capacity, pools. Rich paper rules a line under the head and draws shares as
 * bars; plain paper keeps columns with blanks only.
 */
import Table from 'cli-table3';
import { countText, momentText, percentText, spanText, timesText } from '../core/figures.ts';
import type { Fidelity, RunReport } from '../core/report.ts';
import { placementRows } from './facts.ts';
import { fidelityCells } from './fidelity-facts.ts';
import { type Paint, padEnd, padStart, printable } from './paint.ts';

/** More regions than this are too many for a screen; the files have all of them. */
const MAX_ROWS = 60;

export function placementTable(report: RunReport, paint: Paint): string {
  const rows = placementRows(report);
  if (rows.length === 0) return '  No requests.';
  const roomy = paint.width >= 52 + report.phases.length * 20;
  const narrow = paint.width < 90;
  const barColumns = paint.plain || !roomy ? 0 : 8;
  const arrow = paint.plain ? '' : '→ ';
  const head = [
    'region',
    'pool',
    ...report.phases.map(({ name }, i) => (i === 0 ? '' : arrow) + name),
    'requests',
    'failed',
  ];
  let previous = '';
  const body = rows.slice(0, MAX_ROWS).map((row) => {
    const first = row.region !== previous;
    previous = row.region;
    const requests = row.requests.reduce((sum, n) => sum + n, 0);
    const failed = row.failed.reduce((sum, n) => sum + n, 0);
    const shares = row.shares.map((share) => {
      if (share === null) return paint.style('dim', padStart('-', 8));
      const text = padStart(percentText(share), 8);
      const bar = barColumns === 0 ? '' : ` ${paint.style('cyan', paint.bar(share, barColumns))}`;
      return share === 0 ? paint.style('dim', text) : text + bar;
    });
    const lost =
      failed === 0
        ? paint.style('dim', '0')
        : paint.style(
            'red',
            narrow
              ? countText(failed)
              : `${countText(failed)} (${percentText((100 * failed) / Math.max(1, requests))})`,
          );
    return [
      first ? paint.style('bold', printable(row.region)) : '',
      printable(row.pool),
      ...shares,
      countText(requests),
      lost,
    ];
  });
  const more = rows.length > MAX_ROWS ? `\n  and ${rows.length - MAX_ROWS} more rows in the files` : '';
  return (
    table(head, body, ['left', 'left', ...report.phases.map(() => 'left' as const), 'right', 'left'], paint) + more
  );
}

export function capacityTable(report: RunReport, paint: Paint): string {
  const narrow = paint.width < 100;
  const rows = [...report.capacity]
    .sort((a, b) => b.peakRatio - a.peakRatio || b.peak - a.peak || (a.pool < b.pool ? -1 : 1))
    .slice(0, 20)
    .map((row) => {
      const over = row.limit !== null && row.peakRatio > 1;
      const ratio =
        row.limit === null ? paint.style('dim', narrow ? '-' : 'no limit stated') : timesText(row.peakRatio);
      return [
        over ? paint.mark('bad') : paint.mark(row.limit === null ? 'neutral' : 'good'),
        printable(`${row.pool}/${row.origin}`),
        row.limit === null ? '-' : `${countText(row.limit)}/s`,
        `${countText(row.peak)}/s${narrow ? '' : ` at ${momentText(row.peakAtUs, report)}`}`,
        over ? paint.style('red', ratio) : ratio,
        row.overloadedSeconds === 0 ? '-' : spanText(row.overloadedSeconds * 1e6),
        row.rejected === 0 ? '-' : countText(row.rejected),
      ];
    });
  return table(
    ['', 'origin', 'limit', 'peak', 'of limit', 'over for', 'rejected'],
    rows,
    ['left', 'left', 'right', 'left', 'left', 'right', 'right'],
    paint,
  );
}

/** Predicted, measured, difference, allowed. Narrow paper leaves what is allowed to the files, and takes two lines a figure. */
export function fidelityTable({ rows }: Fidelity, paint: Paint): string {
  const roomy = paint.width >= 120;
  const body = rows.map((row) => {
    const cells = fidelityCells(row);
    const sign = cells.verdict === '' ? paint.mark('neutral') : paint.mark(cells.verdict === 'ok' ? 'good' : 'bad');
    const difference = cells.verdict === 'outside' ? paint.style('red', cells.difference) : cells.difference;
    const what = cells.subject === '' ? cells.figure : `${cells.figure}, ${cells.subject}`;
    return [
      sign,
      printable(what),
      cells.predicted,
      cells.measured,
      difference,
      ...(roomy ? [paint.style('dim', cells.allowed)] : []),
    ];
  });
  const made = table(
    ['', 'figure', 'predicted', 'measured', 'difference', ...(roomy ? ['allowed'] : [])],
    body,
    ['left', 'left', 'right', 'right', 'right', ...(roomy ? (['left'] as const) : [])],
    paint,
  );
  if (made.split('\n').every((line) => visible(line) <= paint.width)) return made;
  const lines = body.map(
    ([sign = '', what = '', predicted, measured, difference]) =>
      `  ${sign} ${paint.wrap(what, 4)}\n      predicted ${predicted}, measured ${measured}, difference ${difference}`,
  );
  return lines.join('\n');
}

function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  aligns: readonly ('left' | 'right')[],
  paint: Paint,
): string {
  const rule = paint.plain ? '' : '─';
  const none = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
  };
  const chars = {
    ...none,
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: paint.plain ? '  ' : ' ',
  };
  const made = new Table({
    head: head.map((title) => paint.style('dim', title)),
    colAligns: [...aligns],
    chars,
    style: { head: [], border: [], 'padding-left': 1, 'padding-right': 1, compact: true },
  });
  made.push(...rows.map((row) => [...row]));
  const lines = made
    .toString()
    .split('\n')
    .map((line) => ` ${line.trimEnd()}`);
  if (rule === '') return lines.join('\n');
  const widest = Math.min(paint.width - 2, Math.max(...lines.map((line) => visible(line))));
  return [lines[0], `  ${paint.style('dim', rule.repeat(Math.max(8, widest - 2)))}`, ...lines.slice(1)].join('\n');
}

function visible(line: string): number {
  return padEnd(line, 0).replace(/\u001b\[[0-9;]*m/g, '').length;
}
