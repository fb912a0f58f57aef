/**
 * `switchyard drill`: the same scenario on real sockets, prediction beside measurement. Everything that can be wrong with the input is said
 * before anything starts; after that every way out leads through the rollback.
 */
import { basename, join } from 'node:path';
import type { Problem } from '../core/problem.ts';
import { spanText } from '../core/figures.ts';
import type { RunReport } from '../core/report.ts';
import { RealClock } from '../live/clock.ts';
import { askDns } from '../drill/clients-dns.ts';
import { HttpClients } from '../drill/clients-http.ts';
import { drill, predict } from '../drill/drill.ts';
import { type Endpoint, LabError, type LabPlan } from '../drill/lab.ts';
import { makeFolder } from '../drill/lab/ledger.ts';
import { thisMachine } from '../drill/lab/machine.ts';
import { makePlan, planLab } from '../drill/lab/plan.ts';
import { startLab } from '../drill/lab/start.ts';
import { MAX_PACE, type Pressed, press } from '../drill/press.ts';
import type { DrillOutcome } from '../drill/run.ts';
import { type View, drawView, plainView } from '../drill/view.ts';
import { originsNamed } from '../replay/named-origins.ts';
import type { ReplayInput } from '../replay/load.ts';
import { spell } from '../replay/telling.ts';
import { momentOf } from '../replay/scenario.ts';
import { renderGithub } from '../report/github.ts';
import { renderJson } from '../report/json.ts';
import { renderAll } from '../report/render-all.ts';
import { renderTerminal, renderVerdict } from '../report/terminal.ts';
import { displayPath, fileProblem, packageFile, reasonOf, writeWhole } from './files.ts';
import { EXIT, type Io, paint, wantsColour } from './io.ts';
import { prepareRun } from './prepare.ts';
import { refuse } from './refuse.ts';
import { TraceFile, quote } from './replay.ts';
import { isLoopback, parseEndpoint } from './serve/options.ts';
import { VERSION } from './version.ts';

export interface DrillFlags {
  readonly pace?: string;
  readonly dryRun?: boolean;
  readonly origin: readonly string[];
  readonly yesThisIsNotProduction?: boolean;
  /** Commander: true, unless `--no-compare`. */
  readonly compare?: boolean;
  readonly seed?: string;
  readonly out?: string;
  readonly set: readonly string[];
  readonly check: readonly string[];
  readonly trace?: string;
  readonly geoDb?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** What is drilled when nothing is named, and how fast. */
const SHORT_DRILL = displayPath(packageFile('scenarios/drills/pool-killed.yaml'));
const SHORT_PACE = 10;
/** Plain lines of the live view: one at least this often, and one for everything that happens. */
const CALM_MS = 5_000;
/** In a terminal the view is drawn at most this often. */
const DRAW_MS = 200;

export async function runDrillVerb(named: string | undefined, flags: DrillFlags, io: Io): Promise<number> {
  const file = named ?? SHORT_DRILL;
  const complaints = readFlags(flags, named === undefined);
  if ('problems' in complaints) return refuse(complaints.problems, flags, io);
  const { pace } = complaints;

  const prepared = await prepareRun(file, flags, repeatCommand(file, flags, pace));
  if (!prepared.ok) return refuse(prepared.problems, flags, io);
  const pressed = press(prepared.input, pace);
  if (!pressed.ok) return refuse(pressed.problems, flags, io);
  const { input, notes } = pressed.value;
  const externals = readOrigins(flags.origin, input);
  if ('problems' in externals) return refuse(externals.problems, flags, io);
  const abroad = [...externals.origins.values()].filter(({ host }) => !isLoopback(host));
  const unasked = abroad.length > 0 && flags.yesThisIsNotProduction !== true;
  let plan: LabPlan;
  try {
    // Who only asks what would happen, or has not said yes yet, knocks at nobody's door.
    const quiet = flags.dryRun === true || unasked;
    plan = quiet ? makePlan(input, externals.origins, thisMachine()) : await planLab(input, externals.origins);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    return refuse([labProblem(file, error)], flags, io);
  }

  const plain = flags.json !== true;
  const colour = wantsColour(io);
  if (plain) {
    io.out(
      `${paint(colour, 'bold', `switchyard ${VERSION}`)}  drill  ${input.scenario.name}  seed ${input.seed}  config ${input.configHash}  pace ${pace}\n`,
    );
    for (const warning of flags.quiet === true ? [] : input.warnings)
      io.err(`${paint(wantsColour(io, 'err'), 'yellow', 'warning:')} ${warning}\n`);
  }
  if (flags.dryRun === true || unasked) {
    const prediction = await predict(input, io.interrupted);
    if (flags.json === true)
      io.out(`${JSON.stringify({ plan, timeline: timelineLines(input), notes, prediction: prediction.totals })}\n`);
    else io.out(whatItWillDo(plan, pressed.value, prediction));
    if (flags.dryRun === true) return EXIT.ok;
    const message = `this drill breaks the way to ${abroad.map(({ host, port }) => `${host}:${port}`).join(', ')}, which is not this machine`;
    const hint = 'when that may be broken, say --yes-this-is-not-production';
    return refuse([{ ...fileProblem('--origin', ''), message, hint }], flags, io);
  }
  return perform({ file, input, pace, notes, plan, checks: prepared.checks }, flags, io);
}

interface Planned {
  readonly file: string;
  readonly input: ReplayInput;
  readonly pace: number;
  readonly notes: readonly string[];
  readonly plan: LabPlan;
  readonly checks: Parameters<typeof drill>[0]['checks'];
}

async function perform(
  { file, input, pace, notes, plan, checks }: Planned,
  flags: DrillFlags,
  io: Io,
): Promise<number> {
  const name = basename(file).replace(/\.(?:ya?ml|json)$/, '');
  const out = flags.out ?? join('out', `drill-${name}`);
  let trace: TraceFile;
  try {
    trace = new TraceFile(out);
  } catch (error) {
    return refuse([fileProblem(out, reasonOf(error), 'choose another folder with --out')], flags, io);
  }
  const live = new LiveView(io, flags.quiet === true || flags.json === true);
  const clock = new RealClock();
  const clients = new HttpClients(clock);
  let outcome: DrillOutcome;
  try {
    live.say('prediction: the replay of the same input');
    const prediction = await predict(input, io.interrupted);
    outcome = await drill(
      {
        input: { ...input, traceSink: (block) => trace.write(block) },
        pace,
        notes,
        plan,
        prediction,
        checks,
        compare: flags.compare !== false,
      },
      {
        scheduler: clock,
        send: clients.send,
        ask: askDns,
        signal: io.interrupted,
        onView: (view) => live.show(view),
        startLab: () =>
          startLab({
            input,
            raw: input.raw,
            plan,
            self: [process.execPath, packageFile('bin/switchyard.js')],
            folder: makeFolder(),
            onProgress: (text) => live.say(`lab: ${text}`),
            signal: io.interrupted,
          }),
      },
    );
  } catch (error) {
    trace.discard();
    live.clear();
    io.err(`switchyard: the drill broke; to repeat it: ${input.repeat}\n`);
    throw error;
  } finally {
    clients.close();
  }
  live.clear();
  if (outcome.kind !== 'ran') {
    trace.discard();
    return tellNothingInjected(outcome, input, flags, io);
  }
  const { report, prediction } = outcome;
  for (const [fileName, text] of await renderAll(report)) writeWhole(join(out, fileName), text);
  writeWhole(join(out, 'prediction.json'), renderJson(prediction));
  trace.commit();
  print(report, outcome, out, flags, io);
  return exitCode(outcome);
}

/** In the order of what matters most to whoever has to clean up. */
export function exitCode(outcome: DrillOutcome): number {
  if (outcome.leftovers.length > 0) return EXIT.rollback;
  switch (outcome.kind) {
    case 'interrupted':
      return EXIT.interrupted;
    case 'not_steady':
      return EXIT.notSteady;
    case 'lab_failed':
      return EXIT.internal;
    case 'ran':
      if (outcome.ended === 'interrupted') return EXIT.interrupted;
      if (outcome.ended === 'stopped') return EXIT.stopped;
      if (outcome.ended === 'broken') return EXIT.internal;
      return outcome.report.checks.every((check) => check.pass) ? EXIT.ok : EXIT.checkFailed;
    default:
      return outcome satisfies never;
  }
}

function tellNothingInjected(
  outcome: Exclude<DrillOutcome, { kind: 'ran' }>,
  input: ReplayInput,
  flags: DrillFlags,
  io: Io,
): number {
  const code = exitCode(outcome);
  const why =
    outcome.kind === 'not_steady'
      ? `steady state not met, nothing was injected: ${outcome.why}`
      : outcome.kind === 'lab_failed'
        ? `the lab could not be built: ${outcome.message}${outcome.hint === '' ? '' : `, ${outcome.hint}`}`
        : 'interrupted before anything was injected';
  if (flags.json === true) io.out(`${JSON.stringify({ ok: false, exit: code, why, leftovers: outcome.leftovers })}\n`);
  else {
    io.err(`switchyard: ${why}\n`);
    tellLeftovers(outcome.leftovers, io);
    io.out(`Repeat  ${input.repeat}\n`);
  }
  return code;
}

function tellLeftovers(leftovers: readonly string[], io: Io): void {
  if (leftovers.length === 0) return;
  io.err(`switchyard: the rollback is not complete:\n${leftovers.map((left) => `  ${left}\n`).join('')}`);
}

function print(
  report: RunReport,
  outcome: Extract<DrillOutcome, { kind: 'ran' }>,
  out: string,
  flags: DrillFlags,
  io: Io,
): void {
  if (flags.json === true) {
    io.out(renderJson(report));
    tellLeftovers(outcome.leftovers, io);
    return;
  }
  const colour = wantsColour(io);
  const paper = { colour, width: io.columns, plain: !io.outIsTerminal && !colour };
  io.out(flags.quiet === true ? renderVerdict(report, paper) : renderTerminal(report, paper));
  if (io.env.GITHUB_ACTIONS === 'true') io.out(renderGithub(report));
  if (outcome.why !== '' && outcome.ended !== 'interrupted') io.err(`switchyard: ${outcome.ended}: ${outcome.why}\n`);
  tellLeftovers(outcome.leftovers, io);
  io.out(
    `\nReport  ${join(out, 'report.html')}   (report.json, prediction.json, events.ndjson, junit.xml, summary.md beside it)\n`,
  );
  io.out(`Repeat  ${report.repeat}\n`);
}

// What is asked for

function readFlags(
  flags: DrillFlags,
  shortDrill: boolean,
): { readonly pace: number } | { readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const complain = (flag: string, message: string, hint: string): void => {
    problems.push({ ...fileProblem(flag, ''), message, hint });
  };
  const pace = flags.pace === undefined ? (shortDrill ? SHORT_PACE : 1) : Number(flags.pace);
  if (!(pace >= 1 && pace <= MAX_PACE) || (flags.pace ?? '1').trim() === '')
    complain('--pace', `"${flags.pace}" is not a number from 1 to ${MAX_PACE}`, '10 plays ten minutes in one');
  if (flags.trace !== undefined && !['all', 'notable', 'none'].includes(flags.trace))
    complain('--trace', `"${flags.trace}" is not one of all, notable, none`, '');
  return problems.length > 0 ? { problems } : { pace };
}

interface NamedServer {
  readonly text: string;
  readonly origin: string;
  readonly endpoint: string;
  readonly at: Pick<Problem, 'file' | 'line' | 'column'>;
}

/** The scenario's address book and `--origin POOL/ORIGIN=HOST:PORT`, by global origin number; what the command line names holds. */
function readOrigins(
  texts: readonly string[],
  input: ReplayInput,
): { readonly origins: ReadonlyMap<number, Endpoint> } | { readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const origins = new Map<number, Endpoint>();
  const known = input.model.pools.flatMap((pool) => pool.origins.map((origin) => `${pool.name}/${origin.name}`));
  const { addressBook, file } = input.scenario;
  const servers: readonly NamedServer[] = [
    ...addressBook.map(({ origin, endpoint, line, column }) => {
      return { text: `${origin}: ${endpoint}`, origin, endpoint, at: { file, line, column } };
    }),
    ...texts.map((text) => {
      const equals = Math.max(0, text.indexOf('='));
      const at = { file: '--origin', line: 0, column: 0 };
      return { text, origin: text.slice(0, equals), endpoint: equals === 0 ? '' : text.slice(equals + 1), at };
    }),
  ];
  for (const { text, origin, endpoint, at } of servers) {
    const read = parseEndpoint(endpoint);
    if (read === undefined || !origin.includes('/')) {
      const [one = 'POOL/ORIGIN'] = known;
      const hint = at.line > 0 ? `write ${one}: 10.0.0.7:80` : `write --origin ${one}=10.0.0.7:80`;
      problems.push({ ...fileProblem('', ''), ...at, message: `"${text}" cannot be read`, hint });
      continue;
    }
    const [number] = originsNamed(input.model, { kind: 'origin', name: origin });
    if (number === undefined) {
      const hint = `known: ${known.slice(0, 12).join(', ')}`;
      problems.push({ ...fileProblem('', ''), ...at, message: `there is no origin "${origin}"`, hint });
    } else origins.set(number, read);
  }
  return problems.length > 0 ? { problems } : { origins };
}

function labProblem(file: string, error: LabError): Problem {
  return { ...fileProblem(file, ''), message: error.message, hint: error.hint };
}

function repeatCommand(file: string, flags: DrillFlags, pace: number): string {
  const words = ['npx switchyard drill', quote(file)];
  if (pace !== 1) words.push('--pace', String(pace));
  if (flags.seed !== undefined) words.push('--seed', quote(flags.seed));
  for (const set of flags.set) words.push('--set', quote(set));
  for (const check of flags.check) words.push('--check', quote(check));
  for (const origin of flags.origin) words.push('--origin', quote(origin));
  if (flags.yesThisIsNotProduction === true) words.push('--yes-this-is-not-production');
  if (flags.compare === false) words.push('--no-compare');
  if (flags.trace !== undefined) words.push('--trace', flags.trace);
  return words.join(' ');
}

// What it will do

function timelineLines(input: ReplayInput): string[] {
  return input.scenario.timeline.map((event) => {
    const at = `+${spanText(momentOf(event.moment, input.start) - input.start)}`;
    switch (event.kind) {
      case 'fault': {
        const until = event.forUs > 0 ? ` for ${spanText(event.forUs)}` : '';
        return `${at}  ${event.fault.name} on ${spell(event.target)}${until}: ${event.fault.summary}`;
      }
      case 'heal':
        return `${at}  heal ${event.what}`;
      case 'set':
        return `${at}  change ${[...event.changes.keys()].join(', ')}`;
      default:
        return `${at}  note: ${event.note}`;
    }
  });
}

function whatItWillDo(plan: LabPlan, { input, notes }: Pressed, prediction: RunReport): string {
  const origins = plan.origins.map(({ pool, origin, external }) => {
    const where =
      external === undefined
        ? 'started here'
        : `${external.host}:${external.port}, not ours: faults act in the relay in front of it`;
    return `  origin ${pool}/${origin}: ${where}`;
  });
  const stores = plan.stores.map(({ kind, why }) => `  store: ${kind}${why === '' ? '' : ` (${why})`}`);
  const { requests, failed } = prediction.totals;
  const lines = [
    `Would start ${plan.processes} processes with up to ${plan.openFiles} open files:`,
    `  edges: ${plan.edges.map(({ pop }) => pop).join(', ')}`,
    ...origins,
    ...(plan.listeners > 0 ? [`  listeners: ${plan.listeners}${plan.l4 ? ' behind an L4 balancer' : ''}`] : []),
    ...stores,
    ...plan.notes.map((note) => `  ${note}`),
    '',
    `Would then play ${spanText(input.end - input.start)}:`,
    ...timelineLines(input).map((line) => `  ${line}`),
    ...notes.map((note) => `  ${note}`),
    '',
    `The replay predicts ${requests} requests, ${failed} of them failed. Nothing was started.`,
  ];
  return `${lines.join('\n')}\n`;
}

// The live view

/** Draws in place in a terminal; elsewhere one plain line every few seconds and for each new line of the story. */
class LiveView {
  readonly #io: Io;
  readonly #silent: boolean;
  #drawn = 0;
  #drawnAt = 0;
  #saidAt = 0;
  #saidPhase = '';
  #told = 0;

  constructor(io: Io, silent: boolean) {
    this.#io = io;
    this.#silent = silent;
  }

  say(text: string): void {
    if (this.#silent) return;
    if (this.#io.errIsTerminal) this.#draw([text]);
    else this.#io.err(`${text}\n`);
  }

  show(view: View): void {
    if (this.#silent) return;
    const now = Date.now();
    if (this.#io.errIsTerminal) {
      if (now - this.#drawnAt < DRAW_MS && view.phase === this.#saidPhase) return;
      this.#drawnAt = now;
      this.#saidPhase = view.phase;
      this.#draw(drawView(view, this.#io.columns));
      return;
    }
    const fresh = view.story.filter(({ goneUs }) => goneUs > this.#told);
    for (const { goneUs, text } of fresh) {
      this.#told = Math.max(this.#told, goneUs);
      this.#io.err(`  ${text}\n`);
    }
    if (view.phase === this.#saidPhase && now - this.#saidAt < CALM_MS) return;
    this.#saidAt = now;
    this.#saidPhase = view.phase;
    this.#io.err(`${plainView(view)}\n`);
  }

  clear(): void {
    if (this.#drawn > 0) this.#io.err(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }

  #draw(lines: readonly string[]): void {
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A\u001b[J` : '';
    this.#io.err(`${up}${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }
}
