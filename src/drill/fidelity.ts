/**
 * Prediction beside measurement: the replay's report and the drill's, figure by figure, with the difference and what is allowed. The
 * defaults are the figures that this project holds itself to; a scenario may set its own (`drill: { fidelity: … }`).
 *
 * What is not judged by default is still shown: latencies, which loopback and a busy machine make their own, and sessions.
 */
import { percentText, spanText } from '../core/figures.ts';
import type { CheckResult, Fidelity, FidelityRow, Outage, RunReport } from '../core/report.ts';
import { RGX_LIMITS } from '../railgun/limits.ts';
import type { Allowance } from '../replay/allowance.ts';

export interface FidelityOptions {
  readonly allowed: ReadonlyMap<string, Allowance>;
  /** Longest interval of the probes, µs, as pressed. */
  readonly intervalUs: number;
  /** Spans that a scenario allows are pressed like all of its spans. */
  readonly pace: number;
  readonly unknown: readonly string[];
}

const NONE: Allowance = { percent: undefined, absolute: undefined, interval: false, any: false };
const TIME: Allowance = { ...NONE, percent: 10, interval: true };
const ANY: Allowance = { ...NONE, any: true };
export const DEFAULT_ALLOWED: ReadonlyMap<string, Allowance> = new Map([
  ['detect', TIME],
  ['decide', TIME],
  ['recover', TIME],
  ['back', TIME],
  ['failed', { ...NONE, percent: 10, absolute: 3 }],
  ['share', { ...NONE, percent: 2 }],
  ['wan_bytes', { ...NONE, percent: 5 }],
  ['sessions', ANY],
  ['p50', ANY],
  ['p99', ANY],
  ['p999', ANY],
]);

/**
 * How often somebody looks at what an outage struck, µs: whether he finds it early or late in between is chance, so a time may be off by as
 * much. Origins are looked at by monitors, in rounds. Nobody probes a listener: each sender asks a lane that owes it an answer, at this
 * distance (`probeUs`, RG-123), and so does whoever has no monitor at all. No pace presses it.
 */
export function lookEveryUs(subject: string, monitorsUs: number): number {
  const { probeUs } = RGX_LIMITS;
  if (subject.startsWith('listener/') || monitorsUs === 0) return probeUs;
  return subject.startsWith('link/') ? Math.max(monitorsUs, probeUs) : monitorsUs;
}

/** What no replay knows, whatever the scenario. */
export const UNKNOWN_TO_MODEL: readonly string[] = [
  'TCP and TLS handshakes, slow start, head-of-line blocking and the kernel’s own buffers: the model knows round trips, rates and queues.',
  'This machine: processes share its cores, so latencies hold some milliseconds of scheduling; p50, p99 and p99.9 are shown, not judged.',
  'Draws: edges and origins draw for each request what the replay drew for it; where a request finds other health than in the replay, it draws for other things, and goes its own way.',
];

export function compare(predicted: RunReport, measured: RunReport, options: FidelityOptions): Fidelity {
  const rows = [
    ...outageRows(predicted, measured, options),
    ...failureRows(predicted, measured, options),
    ...shareRows(predicted, measured, options),
    ...sessionRows(predicted, measured, options),
    ...linkRows(predicted, measured, options),
    ...latencyRows(predicted, measured, options),
  ];
  return { pass: rows.every((row) => row.pass !== false), rows, unknown: options.unknown };
}

/** The check of a drill: fails when any figure is outside of what is allowed. */
export function fidelityCheck(fidelity: Fidelity): CheckResult {
  const judged = fidelity.rows.filter((row) => row.pass !== null);
  const outside = judged.filter((row) => row.pass === false);
  const named = outside.slice(0, 5).map((row) => (row.subject === '' ? row.figure : `${row.figure} (${row.subject})`));
  const more = outside.length > named.length ? ` and ${outside.length - named.length} more` : '';
  const text =
    outside.length === 0
      ? `All ${judged.length} figures are as near to the prediction as is allowed.`
      : `${outside.length} of ${judged.length} figures are further from the prediction than is allowed: ${named.join(', ')}${more}.`;
  return {
    check: 'fidelity',
    pass: outside.length === 0 && judged.length > 0,
    value: judged.length === 0 ? null : outside.length,
    limit: 0,
    unit: '',
    text: judged.length === 0 ? 'Nothing to measure: no figure was judged; so the check fails.' : text,
    line: 0,
  };
}

// Outages

type Step = readonly [figure: string, key: string, of: (outage: Outage) => number | null];

/** Seconds from the fault, and of `back` from the heal. No failed request at all is recovered at once: 0. */
const STEPS: readonly Step[] = [
  ['time_to_detect', 'detect', (outage) => since(outage.fromUs, outage.detectedUs)],
  ['time_to_decide', 'decide', (outage) => since(outage.fromUs, outage.decidedUs ?? outage.fromUs)],
  ['time_to_recover', 'recover', (outage) => since(outage.fromUs, outage.recoveredUs ?? outage.fromUs)],
  ['time_back', 'back', (outage) => (outage.healedUs === null ? null : since(outage.healedUs, outage.backUs))],
];

function outageRows(predicted: RunReport, measured: RunReport, options: FidelityOptions): FidelityRow[] {
  const keyOf = ({ subject, fault, fromUs }: Outage): string => `${subject} ${fault} ${fromUs}`;
  const pairs = new Map<string, { predicted?: Outage; measured?: Outage }>();
  for (const outage of predicted.budget.outages) pairs.set(keyOf(outage), { predicted: outage });
  for (const outage of measured.budget.outages)
    pairs.set(keyOf(outage), { ...pairs.get(keyOf(outage)), measured: outage });
  return [...pairs.values()].flatMap((pair) => {
    const { subject, fault } = (pair.predicted ?? pair.measured)!;
    const rows = STEPS.flatMap(([figure, key, of]) => {
      // An outage that nobody suffered and nobody watches is in no budget: all its times are 0.
      const [before, after] = [pair.predicted, pair.measured].map((outage) => (outage === undefined ? 0 : of(outage)));
      if (before === null && after === null) return [];
      return [
        row(figure, `${subject} ${fault}`, 's', before ?? null, after ?? null, allowance(key, options), {
          scale: 1e6,
          options,
        }),
      ];
    });
    const failed: readonly [number, number] = [pair.predicted?.failed ?? 0, pair.measured?.failed ?? 0];
    return [
      ...rows,
      row('failed_requests', `${subject} ${fault}`, '', failed[0], failed[1], allowance('failed', options), {
        options,
      }),
    ];
  });
}

function since(from: number, at: number | null): number | null {
  return at === null ? null : Math.max(0, at - from) / 1e6;
}

// Requests

function failureRows(predicted: RunReport, measured: RunReport, options: FidelityOptions): FidelityRow[] {
  const allowed = allowance('failed', options);
  const all = row('failed_requests', '', '', predicted.totals.failed, measured.totals.failed, allowed, { options });
  const causes = [...new Set([...predicted.totals.causes, ...measured.totals.causes].map(({ cause }) => cause))];
  const count = ({ totals }: RunReport, wanted: string): number =>
    totals.causes.find(({ cause }) => cause === wanted)?.count ?? 0;
  return [
    row('requests', '', '', predicted.totals.requests, measured.totals.requests, ANY, { options }),
    all,
    ...causes.map((cause) =>
      row('failed_requests', cause, '', count(predicted, cause), count(measured, cause), allowed, { options }),
    ),
  ];
}

function shareRows(predicted: RunReport, measured: RunReport, options: FidelityOptions): FidelityRow[] {
  const allowed = allowance('share', options);
  const during = predicted.phases.findIndex(({ name }) => name === 'during');
  return predicted.placement.pools.flatMap((pool, column) => {
    const of = (report: RunReport, phase: number | undefined): number | null => shareOf(report, column, phase);
    const whole: readonly [number | null, number | null] = [of(predicted, undefined), of(measured, undefined)];
    if ((whole[0] ?? 0) === 0 && (whole[1] ?? 0) === 0) return [];
    const rows = [row('share', pool, '%', whole[0], whole[1], allowed, { options, points: true })];
    if (during < 0) return rows;
    const named = `${pool} while faults lasted`;
    return [
      ...rows,
      row('share', named, '%', of(predicted, during), of(measured, during), allowed, { options, points: true }),
    ];
  });
}

/** Percent of the requests of one phase (or of all) that ended in this column; `null` without requests. */
function shareOf({ placement }: RunReport, column: number, phase: number | undefined): number | null {
  let [there, all] = [0, 0];
  placement.counts.forEach((regions, at) => {
    if (phase !== undefined && at !== phase) return;
    for (const pools of regions) {
      there += pools[column] ?? 0;
      for (const count of pools) all += count;
    }
  });
  return all === 0 ? null : (100 * there) / all;
}

function sessionRows(predicted: RunReport, measured: RunReport, options: FidelityOptions): FidelityRow[] {
  if (predicted.sessions.sessions === 0 && measured.sessions.sessions === 0) return [];
  const allowed = allowance('sessions', options);
  return (['kept', 'moved', 'lost'] as const).map((what) =>
    row(`sessions_${what}`, '', '', predicted.sessions[what], measured.sessions[what], allowed, { options }),
  );
}

function linkRows(predicted: RunReport, measured: RunReport, options: FidelityOptions): FidelityRow[] {
  const [before, after] = [predicted.railgun, measured.railgun];
  if (before === null || after === null) return [];
  const percent = ({ ratio }: { readonly ratio: number }): number => 100 * ratio;
  const allowed = allowance('wan_bytes', options);
  const [lanes, counted] = [before.wire?.laneBytes, measured.drill?.laneBytes];
  const whole = lanes !== undefined && counted !== undefined && counted !== null;
  return [
    // Counted bytes are better than those of a header that rounds to a hundredth of a percent.
    ...(whole ? [row('lane_bytes', '', 'B', lanes, counted, allowed, { options })] : []),
    row('wan_bytes', '', 'B', before.wanBytes, after.wanBytes, whole ? ANY : allowed, { options }),
    row('railgun_ratio', '', '%', percent(before), percent(after), ANY, { options, points: true }),
    row('railgun_requests', '', '', before.viaLane, after.viaLane, ANY, { options }),
  ];
}

function latencyRows(predicted: RunReport, measured: RunReport, options: FidelityOptions): FidelityRow[] {
  if (predicted.totals.served === 0 || measured.totals.served === 0) return [];
  return (
    [
      ['p50', 'p50Us'],
      ['p99', 'p99Us'],
      ['p999', 'p999Us'],
    ] as const
  ).map(([figure, key]) =>
    row(figure, '', 'ms', predicted.latency[key] / 1e3, measured.latency[key] / 1e3, allowance(figure, options), {
      scale: 1e3,
      options,
    }),
  );
}

// One row

function allowance(key: string, { allowed }: FidelityOptions): Allowance {
  return allowed.get(key) ?? DEFAULT_ALLOWED.get(key) ?? ANY;
}

interface RowOptions {
  readonly options: FidelityOptions;
  /** µs per unit, where the figure is a time. */
  readonly scale?: number;
  /** Percent of it makes no sense: the difference is in points. */
  readonly points?: boolean;
}

function row(
  figure: string,
  subject: string,
  unit: string,
  predicted: number | null,
  measured: number | null,
  allowed: Allowance,
  { options, scale, points }: RowOptions,
): FidelityRow {
  const difference = predicted === null || measured === null ? null : measured - predicted;
  const base = {
    figure,
    subject,
    unit,
    predicted: round(predicted),
    measured: round(measured),
    difference: round(difference),
  };
  if (allowed.any) return { ...base, allowed: '', pass: null };
  const limits: number[] = [];
  const words: string[] = [];
  if (allowed.percent !== undefined) {
    limits.push(points === true ? allowed.percent : (allowed.percent / 100) * Math.abs(predicted ?? 0));
    words.push(points === true ? `${allowed.percent} points` : percentText(allowed.percent));
  }
  if (allowed.absolute !== undefined) {
    // Spans of the story are pressed; latencies (ms) are not.
    const pressed = scale === 1e6 ? allowed.absolute / options.pace : allowed.absolute;
    limits.push(scale === undefined ? pressed : pressed / scale);
    words.push(scale === undefined ? String(pressed) : spanText(pressed));
  }
  if (allowed.interval) {
    const everyUs = lookEveryUs(subject, options.intervalUs);
    limits.push(everyUs / (scale ?? 1));
    words.push(spanText(everyUs));
  }
  // What happened in one world only is outside of any allowance.
  const pass = difference === null ? predicted === measured : Math.abs(difference) <= Math.max(0, ...limits) + 1e-9;
  return { ...base, allowed: words.join(' or ') || 'nothing', pass };
}

function round(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1e6) / 1e6;
}
