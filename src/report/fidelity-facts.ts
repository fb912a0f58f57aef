/** The words of the fidelity section, the same for terminal, page and Markdown: names of figures, values with their unit, verdicts. */
import { countText, percentText, spanText } from '../core/figures.ts';
import type { FailedRequest, Fidelity, FidelityRow, RunReport } from '../core/report.ts';
import { figureText } from './facts.ts';

const FIGURES: ReadonlyMap<string, string> = new Map([
  ['time_to_detect', 'time to detect'],
  ['time_to_decide', 'time to decide'],
  ['time_to_recover', 'time to recover'],
  ['time_back', 'healthy again after the heal'],
  ['requests', 'requests'],
  ['failed_requests', 'failed requests'],
  ['share', 'share'],
  ['sessions_kept', 'sessions kept'],
  ['sessions_moved', 'sessions moved'],
  ['sessions_lost', 'sessions lost'],
  ['lane_bytes', 'bytes on the lanes'],
  ['wan_bytes', 'bytes of bodies over the link'],
  ['railgun_ratio', 'ratio of the link'],
  ['railgun_requests', 'requests over a lane'],
  ['p50', 'p50'],
  ['p99', 'p99'],
  ['p999', 'p99.9'],
]);

export interface FidelityCells {
  readonly figure: string;
  readonly subject: string;
  readonly predicted: string;
  readonly measured: string;
  readonly difference: string;
  readonly allowed: string;
  readonly verdict: 'ok' | 'outside' | '';
}

export function fidelityCells(row: FidelityRow): FidelityCells {
  return {
    figure: FIGURES.get(row.figure) ?? row.figure,
    subject: row.subject,
    predicted: valueText(row.predicted, row),
    measured: valueText(row.measured, row),
    difference: differenceText(row),
    allowed: row.allowed === '' ? 'not judged' : row.allowed,
    verdict: row.pass === null ? '' : row.pass ? 'ok' : 'outside',
  };
}

export function fidelitySentence({ rows }: Fidelity): string {
  const judged = rows.filter(({ pass }) => pass !== null);
  const outside = judged.filter(({ pass }) => pass === false).length;
  if (judged.length === 0) return 'No figure was judged.';
  return outside === 0
    ? `All ${judged.length} judged figures are as near to the prediction as is allowed.`
    : `${outside} of ${judged.length} judged figures are further from the prediction than is allowed.`;
}

/** How the drill itself went: what a reader must know before trusting its figures. */
export function drillSentences({ drill }: RunReport): readonly string[] {
  if (drill === undefined) return [];
  const { lateness, inFlight, steadyBeforeUs, steadyAfterUs, faultLatenessUs, leftovers, unjoined, ended } = drill;
  const steady = (us: number | null, otherwise: string): string => (us === null ? otherwise : spanText(us));
  return [
    `The run began at ${new Date(drill.wallStartUs / 1e3).toISOString().slice(0, 19)}Z on the wall, at pace ${drill.pace}; it ended ${ENDED[ended]}.`,
    `Steady state before: ${steady(steadyBeforeUs, 'not met')}; after everything was healed: ${steady(steadyAfterUs, 'not waited for, or not met')}.`,
    `Requests were sent late by ${spanText(lateness.p50Us)} (half of them), ${spanText(lateness.p99Us)} (99 %), ${spanText(lateness.maxUs)} at most; faults took ${spanText(faultLatenessUs)} at most to be done.`,
    `At most ${countText(inFlight.peak)} requests were under way at once, of ${countText(inFlight.limit)} allowed${inFlight.turnedAway === 0 ? '' : `; ${countText(inFlight.turnedAway)} were not sent because of that`}.`,
    ...(unjoined === 0 ? [] : [`${countText(unjoined)} requests have no line in an edge’s log.`]),
    ...(leftovers.length === 0 ? [] : [`Not rolled back: ${leftovers.join('; ')}.`]),
  ];
}

const ENDED = {
  finished: 'as planned',
  stopped: 'by a stop condition',
  interrupted: 'by an interrupt',
  broken: 'because the lab broke',
} as const;

/** A failed request's steps in order: when, and what. Moments since it was due. */
export function failureSteps(request: FailedRequest): readonly (readonly [when: string, what: string])[] {
  const since = (us: number): string => (us === 0 ? '–' : `+${spanText(Math.max(0, us - request.atUs))}`);
  const where = request.origin === '' ? 'no origin' : `${request.pool}/${request.origin}`;
  const steps: (readonly [string, string])[] = [[since(request.sentUs), `sent by ${request.client} to ${request.pop}`]];
  if (request.because !== '') {
    const tried = request.tried ?? [];
    const tries =
      tried.length > 0
        ? `, after ${tried.join(', ')}`
        : request.attempts > 1
          ? `, after ${request.attempts} attempts`
          : '';
    const fallback = request.fallback ? ', the fallback pool' : '';
    const candidates = request.candidates ?? '';
    const looked = candidates === '' ? '' : `; candidates ${candidates.replaceAll(',', ', ')}`;
    steps.push([
      since(request.edgeFromUs),
      `decided: ${where} because ${request.because}, affinity ${request.affinity}${fallback}${tries}${looked}`,
    ]);
  } else if (request.path === 'dns') steps.push([since(request.sentUs), `the name led to ${where}`]);
  if (request.headUs > 0) steps.push([since(request.headUs), `answered ${request.status}`]);
  const broke = request.error === '' ? '' : `, ${request.error}`;
  steps.push([since(request.endUs), `ended: ${request.cause}, ${countText(request.bytes)} B read${broke}`]);
  return steps;
}

function valueText(value: number | null, { unit }: FidelityRow): string {
  if (value === null) return 'never';
  return unit === 's' && value === 0 ? '0 s' : figureText(value, unit);
}

function differenceText({ difference, unit, predicted, figure }: FidelityRow): string {
  if (difference === null) return '–';
  const sign = difference > 0 ? '+' : difference < 0 ? '−' : '±';
  const size = Math.abs(difference);
  if (unit === '%') return `${sign}${size.toFixed(2)} points`;
  const text = size === 0 ? '0' : figureText(size, unit);
  const share =
    predicted === null || predicted === 0 || size === 0 ? '' : ` (${percentText((100 * size) / Math.abs(predicted))})`;
  return figure === 'requests' && size === 0 ? '±0' : `${sign}${text}${share}`;
}
