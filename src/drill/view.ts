/**
 * What a drill looks like while it runs: a snapshot as data, and its drawing as lines of text. A terminal draws it in place several times
 * a second; where nobody looks, one plain line is said every few seconds and whenever something happens.
 */
import { bytesText, countText, percentText, spanText } from '../core/figures.ts';

export type DrillPhase =
  | 'lab'
  | 'steady state'
  | 'calendar'
  | 'running'
  | 'draining'
  | 'recovery'
  | 'rollback'
  | 'done';

export interface View {
  readonly phase: DrillPhase;
  /** µs of the scenario gone, and its whole length; both 0 outside of the run. */
  readonly goneUs: number;
  readonly lengthUs: number;
  readonly requests: number;
  readonly failed: number;
  /** In the last whole second. */
  readonly perSecond: number;
  readonly failedPerSecond: number;
  readonly inFlight: number;
  /** Share 0..1 per pool in the last seconds, oldest first; the last entry is now. */
  readonly pools: readonly { readonly name: string; readonly shares: readonly number[] }[];
  readonly lanes: { readonly open: number; readonly lost: number } | null;
  /** Payload over the link for page bytes; 0 of 0 without a link. */
  readonly link: { readonly wanBytes: number; readonly pageBytes: number } | null;
  /** Last lines of the story, oldest first, each with its moment in µs of the scenario. */
  readonly story: readonly { readonly goneUs: number; readonly text: string }[];
  /** What is being waited for. */
  readonly note: string;
}

/** Seconds that a sparkline shows. */
export const SPARK_SECONDS = 30;
const SPARKS = '▁▂▃▄▅▆▇█';

export function sparkline(shares: readonly number[]): string {
  return shares
    .map((share) => SPARKS[Math.min(SPARKS.length - 1, Math.floor(share * SPARKS.length))] ?? SPARKS[0]!)
    .join('');
}

/** A terminal that does not know its own width says 0. */
const LEAST_WIDTH = 40;

/** Lines for a terminal, none wider than `width`. */
export function drawView(view: View, columns: number): string[] {
  const width = Math.max(LEAST_WIDTH, columns);
  const lines = [headLine(view)];
  if (view.phase === 'running' || view.phase === 'draining') {
    const names = Math.max(0, ...view.pools.map(({ name }) => name.length));
    for (const { name, shares } of view.pools) {
      lines.push(`  ${name.padEnd(names)} ${percentText(100 * (shares.at(-1) ?? 0)).padStart(7)} ${sparkline(shares)}`);
    }
    const link = linkText(view);
    if (link !== '') lines.push(`  ${link}`);
  }
  for (const { goneUs, text } of view.story.slice(-5)) lines.push(`  ${clock(goneUs)} ${text}`);
  return lines.map((line) => (line.length > width ? `${line.slice(0, Math.max(1, width - 1))}…` : line));
}

/** One line without any drawing. */
export function plainView(view: View): string {
  const parts = [headLine(view)];
  if (view.phase === 'running') {
    const shares = view.pools.map(({ name, shares: each }) => `${name} ${percentText(100 * (each.at(-1) ?? 0))}`);
    parts.push(...shares);
    const link = linkText(view);
    if (link !== '') parts.push(link);
  }
  return parts.join(', ');
}

function headLine(view: View): string {
  const { phase, goneUs, lengthUs, perSecond, failed, failedPerSecond, inFlight, note } = view;
  const what = note === '' ? phase : `${phase}: ${note}`;
  if (lengthUs === 0) return what;
  const figures = `${countText(perSecond)} requests/s, ${countText(failed)} failed (${countText(failedPerSecond)}/s), ${countText(inFlight)} under way`;
  return `${what} ${clock(goneUs)} of ${spanText(lengthUs)}, ${figures}`;
}

function linkText({ lanes, link }: View): string {
  if (lanes === null || link === null) return '';
  const ratio = link.pageBytes === 0 ? 0 : (100 * link.wanBytes) / link.pageBytes;
  return `lanes ${lanes.open} open (${lanes.lost} lost), link ${bytesText(link.wanBytes)} for ${bytesText(link.pageBytes)} (${percentText(ratio)})`;
}

function clock(us: number): string {
  const seconds = Math.max(0, Math.floor(us / 1e6));
  return `+${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
