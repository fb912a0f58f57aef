/**
 * The table of metrics as Markdown: the middle of docs/checks.md, and what `switchyard` prints when asked for it. A test keeps the page
 * in step with the table in `metrics.ts`.
 */
import { METRICS, type Metric, type Unit, signatureOf } from './metrics.ts';

const UNIT_WORDS: Readonly<Record<Unit, string>> = {
  count: 'number',
  percent: '%',
  times: 'x',
  time: 'time',
  bytes: 'bytes',
  rate: '/s',
};

/** Between these lines of docs/checks.md. */
export const TABLE_BEGIN = '<!-- metrics: made by src/checks/metrics-table.ts, do not edit -->';
export const TABLE_END = '<!-- end of metrics -->';

export function metricsTable(): string {
  const rows = METRICS.map((metric) => [
    `\`${signatureOf(metric).replaceAll('|', '\\|')}\``,
    metric.form === 'state' ? '' : metric.units.map((unit) => UNIT_WORDS[unit]).join(', '),
    windowsOf(metric),
    metric.meaning + (metric.of !== '' && metric.units.includes('percent') ? ` Percentages are of ${metric.of}.` : ''),
    `\`${metric.example}\``,
  ]);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(['metric', 'limit', 'part of the run', 'meaning', 'example']),
    line(['---', '---', '---', '---', '---']),
    ...rows.map(line),
  ].join('\n');
}

function windowsOf(metric: Metric): string {
  if (metric.form === 'span') return '`within D of T`';
  if (metric.windows.length === 0) return 'no';
  const missing = metric.scopes.filter((kind) => kind !== 'word' && !metric.windows.includes(kind));
  if (missing.length > 0) return `yes, not for ${missing.join(', ')}`;
  return metric.scopes.includes('word') && !metric.windows.includes('word') ? 'yes, without brackets' : 'yes';
}
