/**
 * From words to buckets: which part of the run a check asks about. Series count per bucket, so a window is rounded outward to
 * whole buckets, and the sentence of the result says so. A window that is not wholly inside what was run measures nothing.
 */
import { momentText, spanText } from '../core/figures.ts';
import { parseMoment } from '../core/quantities.ts';
import type { RunReport } from '../core/report.ts';
import { micros } from '../core/time.ts';
import type { Moment, WindowSpec } from './check.ts';

export interface Window {
  /** As asked for. */
  readonly fromUs: number;
  readonly toUs: number;
  /** Buckets [first, end). */
  readonly first: number;
  readonly end: number;
  readonly whole: boolean;
  /** ` before 12:05:00`, ` from 12:04:30 to 12:15:00`; empty for the whole run. */
  readonly words: string;
  /** ` (whole buckets of 10 s: 12:04:20 to 12:15:00)`, or empty when nothing was rounded. */
  readonly rounding: string;
}

export type Resolved = { readonly ok: true; readonly window: Window } | { readonly ok: false; readonly why: string };

export function resolveWindow(spec: WindowSpec, report: RunReport): Resolved {
  const { startUs, endUs } = report;
  const clock = (at: number): string => momentText(at, report);
  const wholeRun = (): Resolved => ({
    ok: true,
    window: {
      fromUs: startUs,
      toUs: endUs,
      first: 0,
      end: report.series.buckets,
      whole: true,
      words: '',
      rounding: '',
    },
  });
  if (spec.kind === 'whole') return wholeRun();

  let fromUs = startUs;
  let toUs = endUs;
  let words: string;
  switch (spec.kind) {
    case 'from':
      fromUs = momentOf(spec.from, report);
      toUs = momentOf(spec.to, report);
      words = ` from ${clock(fromUs)} to ${clock(toUs)}`;
      break;
    case 'before':
      toUs = momentOf(spec.to, report);
      words = ` before ${clock(toUs)}`;
      break;
    case 'after':
      fromUs = momentOf(spec.from, report);
      words = ` after ${clock(fromUs)}`;
      break;
    case 'at':
      fromUs = momentOf(spec.at, report);
      toUs = fromUs + 1;
      words = ` at ${clock(fromUs)}`;
      break;
    case 'within':
      fromUs = momentOf(spec.of, report);
      toUs = fromUs + spec.spanUs;
      words = ` within ${spanText(spec.spanUs)} of ${clock(fromUs)}`;
      break;
    default:
      return spec satisfies never;
  }
  const outside = outsideOf(fromUs, toUs, report);
  if (outside !== undefined) return { ok: false, why: outside };

  const { bucketUs, buckets } = report.series;
  const first = Math.max(0, Math.floor((fromUs - report.series.startUs) / bucketUs));
  const end = Math.min(buckets, Math.ceil((toUs - report.series.startUs) / bucketUs));
  const [roundedFrom, roundedTo] = [report.series.startUs + first * bucketUs, report.series.startUs + end * bucketUs];
  const moved = roundedFrom !== fromUs || (roundedTo !== toUs && end !== buckets);
  const rounding = moved
    ? ` (whole buckets of ${spanText(bucketUs)}: ${clock(roundedFrom)} to ${clock(roundedTo)})`
    : '';
  return { ok: true, window: { fromUs, toUs, first, end, whole: false, words, rounding } };
}

export function momentOf(moment: Moment, report: RunReport): number {
  return parseMoment(moment.text, micros(report.startUs)) ?? Number.NaN;
}

/** Why nothing can be said about this span, or `undefined` when the run covered it. */
export function outsideOf(fromUs: number, toUs: number, report: RunReport): string | undefined {
  const clock = (at: number): string => momentText(at, report);
  const lastUs = Math.min(report.endUs, report.partial?.atUs ?? report.endUs);
  if (Number.isNaN(fromUs) || Number.isNaN(toUs)) return 'the time is not one of this run';
  if (toUs <= fromUs) return 'the window is empty';
  if (fromUs < report.startUs) return `the run began at ${clock(report.startUs)}`;
  if (fromUs > lastUs || toUs > lastUs) {
    const cut = report.partial === null ? 'the run ended' : 'the run was cut short';
    return `${cut} at ${clock(lastUs)}`;
  }
  return undefined;
}
