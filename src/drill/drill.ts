/**
 * A drill from a checked scenario to its report: press, predict, run, compare, judge. What it needs of the outside world is handed in.
 *
 *   scenario ──press──► input ─┬─► replay ──► prediction ─┐
 *                              └─► lab ─► run ─► measured ─┴─► fidelity, checks ─► report
 *
 * Where the scenario has processes start again, the lab says how long that takes here, and the replay is asked once more with it (`start-up.ts`).
 */
import { judge } from '../checks/judge.ts';
import type { Check } from '../checks/check.ts';
import type { CheckResult, RunReport } from '../core/report.ts';
import type { ReplayInput } from '../replay/load.ts';
import { replay } from '../replay/run.ts';
import { UNKNOWN_TO_MODEL, compare, fidelityCheck } from './fidelity.ts';
import { type LabPlan, PROBE_SEED } from './lab.ts';
import { longestIntervalUs } from './monitors.ts';
import { pressCheck } from './press.ts';
import { type DrillOutcome, type DrillPorts, runDrill, usesLink } from './run.ts';
import { STEADY_ROUNDS } from './steady.ts';

export interface AskedCheck {
  readonly check: Check;
  readonly line: number;
}

export interface DrillOptions {
  /** As pressed. */
  readonly input: ReplayInput;
  readonly pace: number;
  /** Sentences of the press; those of the plan are added. */
  readonly notes: readonly string[];
  readonly plan: LabPlan;
  /** Made before anything started; made once more where a process is started again, when the lab knows how long that takes here. */
  readonly prediction: RunReport;
  /** Not pressed yet. */
  readonly checks: readonly AskedCheck[];
  /** `--no-compare`: the prediction is not judged against. */
  readonly compare: boolean;
}

/** Requests that are predicted with real bytes over the link, at some 700 a second; of more than these the link is arithmetic. */
export const MAX_WIRE_REQUESTS = 20_000;

/**
 * What the replay says of the very input that the drill will play, with probes at the moments of the lab's edges; where there is a link, at
 * wire fidelity, since the drill is, and with the requests of steady state before it.
 */
export async function predict(input: ReplayInput, signal?: { readonly aborted: boolean }): Promise<RunReport> {
  const asked = {
    ...input,
    probeSeed: PROBE_SEED,
    steady: STEADY_ROUNDS,
    traceSink: undefined,
    onProgress: undefined,
    signal,
    stops: [],
  };
  const flow = await replay(asked);
  if (!usesLink(input) || flow.totals.requests > MAX_WIRE_REQUESTS) return flow;
  const traffic = input.scenario.traffic.map((spec) => ({ ...spec, fidelity: 'wire' as const }));
  const logs = new Map(
    input.scenario.traffic.flatMap((spec, at) => {
      const [handle, played] = [spec.kind === 'log' ? input.logs.get(spec) : undefined, traffic[at]!];
      return handle === undefined || played.kind !== 'log' ? [] : [[played, handle] as const];
    }),
  );
  return replay({ ...asked, logs, scenario: { ...input.scenario, fidelity: 'wire', traffic } });
}

export async function drill(options: DrillOptions, ports: DrillPorts): Promise<DrillOutcome> {
  const { input, pace, plan } = options;
  const notes = [...options.notes, ...plan.notes];
  const foresee = (known: ReplayInput): Promise<RunReport> => predict(known, ports.signal);
  const outcome = await runDrill({ input, prediction: options.prediction, foresee, pace, notes }, ports);
  if (outcome.kind !== 'ran') return outcome;
  const report = { ...outcome.report, checks: judged(outcome.report, options) };
  if (!options.compare || outcome.ended !== 'finished') return { ...outcome, report };
  const fidelity = compare(outcome.prediction, outcome.report, {
    allowed: input.scenario.fidelityAllowed,
    intervalUs: longestIntervalUs(input.model),
    pace,
    unknown: unknownHere(input, plan),
  });
  const checks = [...report.checks, fidelityCheck(fidelity), ...recovery(outcome)];
  return { ...outcome, report: { ...report, fidelity, checks } };
}

function judged(report: RunReport, { checks, input, pace }: DrillOptions): CheckResult[] {
  return checks.map(({ check, line }) => judge(pressCheck(check, input.start, pace), report, line));
}

/** Steady again after everything was healed: asked of every drill, told as a check. */
function recovery({ report, notRecovered }: Extract<DrillOutcome, { kind: 'ran' }>): CheckResult[] {
  const us = report.drill?.steadyAfterUs ?? null;
  return [
    {
      check: 'steady state after the run',
      pass: notRecovered === '',
      value: us === null ? null : us / 1e6,
      limit: null,
      unit: 's',
      text:
        notRecovered === ''
          ? 'It was steady again after everything was healed.'
          : `It was not steady again: ${notRecovered}.`,
      line: 0,
    },
  ];
}

/** Faults that close a port. */
const REFUSING: ReadonlySet<string> = new Set(['refuse', 'flap']);

/** What the model does not know of this drill, beside what it never knows. */
function unknownHere({ model, scenario }: ReplayInput, plan: LabPlan): string[] {
  const sentences = [...UNKNOWN_TO_MODEL];
  const strangers = plan.origins.filter(({ external }) => external !== undefined);
  if (strangers.length > 0) {
    const names = strangers.map(({ pool, origin }) => `${pool}/${origin}`).join(', ');
    sentences.push(
      `${names} ${strangers.length === 1 ? 'is a server' : 'are servers'} of your own, with a time and pages of their own: the replay has what the scenario says of them.`,
    );
  }
  if (scenario.timeline.some((event) => event.kind === 'fault' && REFUSING.has(event.fault.name)))
    sentences.push(
      'A kernel on loopback refuses at once, where a machine that is far away takes a round trip: an edge notices, and tries again, by so much sooner.',
    );
  if (model.loadBalancers.some(({ proxied, affinity }) => !proxied && affinity.kind !== 'none'))
    sentences.push(
      'All resolvers ask from one address here, so affinity by address of a DNS-only name sees one client.',
    );
  if (model.pools.some(({ checkRegions }) => checkRegions === null || checkRegions.length > 1) && plan.edges.length > 1)
    sentences.push(
      'Every edge probes by itself, with one probe for all data centers; the replay has one view of the world’s health.',
    );
  if (model.loadBalancers.some(({ railgun }) => railgun !== undefined))
    sentences.push(
      'Bytes of bodies over the link are taken from Cf-Railgun, which has two decimals of a percent of the body; all bytes of the lanes are counted by the relay, TLS handshakes included, which the replay leaves out.',
    );
  return sentences;
}
