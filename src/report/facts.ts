/**
 * What a report says before anything is drawn: the verdict, one-line summaries, names for codes. Terminal, HTML and Markdown all
 * take their words from here, so that they agree.
 */
import {
  bytesText,
  countText,
  dateText,
  momentText,
  percentText,
  plural,
  spanText,
  timesText,
} from '../core/figures.ts';
import type { BudgetPart, Outage, Phase, RunReport } from '../core/report.ts';
import { micros } from '../core/time.ts';

export interface Verdict {
  readonly word: 'passed' | 'failed' | 'no checks';
  readonly sentence: string;
}

export function verdictOf(report: RunReport): Verdict {
  const all = report.checks.length;
  const failed = report.checks.filter((check) => !check.pass).length;
  const cut =
    report.partial === null
      ? ''
      : ` The run was cut short at ${momentText(report.partial.atUs, report)}: ${report.partial.reason}.`;
  if (all === 0) return { word: 'no checks', sentence: `No checks were asked.${cut}` };
  if (failed === 0) return { word: 'passed', sentence: `${all === 1 ? 'The check' : `All ${all} checks`} held.${cut}` };
  return { word: 'failed', sentence: `${failed} of ${plural(all, 'check')} failed.${cut}` };
}

/** `252,400 requests over 20 min, 98.5 % served, 3,889 failed`. */
export function headline(report: RunReport): string {
  const { requests, served, failed } = report.totals;
  const span = spanText(report.endUs - report.startUs);
  if (requests === 0) return `No requests in ${span}`;
  const lost = failed === 0 ? 'none failed' : `${countText(failed)} failed`;
  return `${plural(requests, 'request')} over ${span}, ${percentText((100 * served) / requests)} served, ${lost}`;
}

/** `2026-03-01 12:00:00 UTC to 12:20:00`. */
export function whenText(report: RunReport): string {
  return `${dateText(micros(report.startUs))} to ${momentText(report.endUs, report)}`;
}

/** Who made the run, to be repeated: `switchyard 0.1.0 · seed 42 · configuration 3f9a1c07be42`. */
export function provenance(report: RunReport): string {
  return `${report.tool.name} ${report.tool.version} · seed ${report.seed} · configuration ${report.configHash}`;
}

export const PHASE_MEANING: Readonly<Record<Phase['name'], string>> = {
  before: 'before the first fault',
  during: 'from the first fault to the last heal',
  after: 'after the last heal',
};

export const PART_WORDS: Readonly<Record<BudgetPart, string>> = {
  before_detection: 'before detection',
  dns_cache: 'cached DNS answers',
  overload: 'overload of the survivor',
  fallback: 'on the fallback pool',
  nothing_may_serve: 'nothing could serve',
  other: 'other',
};

/** The moments of an outage in order, as words; what never came says so. */
export function outageSteps(
  outage: Outage,
  run: RunReport,
): readonly { readonly label: string; readonly text: string }[] {
  const since = (us: number): string => `${momentText(us, run)} (+${spanText(Math.max(0, us - outage.fromUs))})`;
  return [
    { label: 'began', text: momentText(outage.fromUs, run) },
    { label: 'noticed', text: outage.detectedUs === null ? 'never' : since(outage.detectedUs) },
    { label: 'last failed request', text: outage.recoveredUs === null ? 'none' : since(outage.recoveredUs) },
    { label: 'healed', text: outage.healedUs === null ? 'not in this run' : momentText(outage.healedUs, run) },
    {
      label: 'healthy again',
      text:
        outage.backUs === null
          ? 'not in this run'
          : outage.healedUs === null
            ? momentText(outage.backUs, run)
            : `${momentText(outage.backUs, run)} (+${spanText(Math.max(0, outage.backUs - outage.healedUs))})`,
    },
  ];
}

export interface PlacementRow {
  readonly region: string;
  readonly pool: string;
  /** By phase: percent of the region's requests; `null` when the region sent none in that phase. */
  readonly shares: readonly (number | null)[];
  readonly requests: readonly number[];
  readonly failed: readonly number[];
}

/** Regions with traffic, each with the pools it reached; all regions together come first, as `all`. */
export function placementRows(report: RunReport): readonly PlacementRow[] {
  const { regions, pools, counts, failed } = report.placement;
  const cell = (grid: typeof counts, phase: number, region: number, pool: number): number =>
    region >= 0
      ? (grid[phase]?.[region]?.[pool] ?? 0)
      : regions.reduce((sum, _, each) => sum + (grid[phase]?.[each]?.[pool] ?? 0), 0);
  const rows: PlacementRow[] = [];
  for (let region = -1; region < regions.length; region += 1) {
    pools.forEach((pool, p) => {
      const requests = report.phases.map((_, phase) => cell(counts, phase, region, p));
      if (requests.every((n) => n === 0)) return;
      const shares = requests.map((n, phase) => {
        const all = pools.reduce((sum, _, each) => sum + cell(counts, phase, region, each), 0);
        return all === 0 ? null : (100 * n) / all;
      });
      rows.push({
        region: regions[region] ?? 'all',
        pool,
        shares,
        requests,
        failed: report.phases.map((_, phase) => cell(failed, phase, region, p)),
      });
    });
  }
  return rows;
}

/** Stickiness, in the order in which people ask. */
export function sessionFigures(
  report: RunReport,
): readonly { readonly label: string; readonly count: number; readonly meaning: string }[] {
  const { sessions } = report;
  return [
    { label: 'seen', count: sessions.sessions, meaning: 'sessions with at least one request' },
    { label: 'came back', count: sessions.returning, meaning: 'with two requests or more: only these can move' },
    { label: 'kept', count: sessions.kept, meaning: 'stayed with their origin' },
    { label: 'moved', count: sessions.moved, meaning: 'changed their origin' },
    { label: 'moved back', count: sessions.movedBack, meaning: 'returned to their first origin' },
    { label: 'drained', count: sessions.drained, meaning: 'moved because a drain ended' },
    { label: 'expired', count: sessions.expired, meaning: 'ended by their own time limit' },
    {
      label: 'lost',
      count: sessions.lost,
      meaning: 'moved without the consent of the origin: its memory of them is gone',
    },
  ];
}

/** Lines of a scenario file are written as editors and CI read them: `power-loss.yaml:31`. */
export function lineOf(report: RunReport, line: number): string {
  return line === 0 ? '' : `${report.scenario.file.replace(/^.*[/\\]/, '')}:${line}`;
}

/** A check's value or limit with its unit; `null` (nothing measured) is a dash. */
export function figureText(value: number | null, unit: string): string {
  if (value === null) return '–';
  switch (unit) {
    case '%':
      return percentText(value);
    case 'ms':
      return spanText(value * 1e3);
    case 's':
      return spanText(value * 1e6);
    case 'x':
      return timesText(value);
    case 'B':
      return bytesText(value);
    case '/s':
      return `${countText(value)}/s`;
    default:
      return unit === '' ? countText(value) : `${countText(value)} ${unit}`;
  }
}

/** The sign of comparison in a check: `<`; empty for `within` and for states. */
export function signOf(check: string): string {
  return /(?:<=|>=|==|!=|<|>)/.exec(check)?.[0] ?? '';
}
