/** Plays a drill against the fake lab in virtual time: the clock moves whenever nothing else can. */
import { setImmediate } from 'node:timers/promises';
import { readRunChecks } from '../../src/cli/read-checks.ts';
import { type Micros, micros } from '../../src/core/time.ts';
import { drill, predict } from '../../src/drill/drill.ts';
import type { LabPlan } from '../../src/drill/lab.ts';
import { type Pressed, press } from '../../src/drill/press.ts';
import type { DrillOutcome } from '../../src/drill/run.ts';
import type { View } from '../../src/drill/view.ts';
import { type Files, type ReplayInput, prepareReplay } from '../../src/replay/load.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { FakeLab, type FakeOptions } from './fake-lab.ts';

/** 2026-11-21T10:00:00.123Z, on purpose no whole second. */
export const WALL = micros(1_795_255_200_123_000);

export async function prepared(text: string, set: readonly string[] = []): Promise<ReplayInput> {
  const files: Files = {
    geoDatabase: undefined,
    readText: () => ({ reason: 'is not there' }),
    readBytes: () => LOG(),
  };
  const read = await prepareReplay(text, 'drill.yaml', files, {
    set,
    version: '0.0.0',
    repeat: 'again',
  });
  if (!read.ok) throw new Error(read.problems.map(({ message, hint }) => `${message}; ${hint}`).join('\n'));
  return read.value;
}

export async function pressed(text: string, pace: number, set: readonly string[] = []): Promise<Pressed> {
  const result = press(await prepared(text, set), pace);
  if (!result.ok) throw new Error(result.problems.map(({ message, hint }) => `${message}; ${hint}`).join('\n'));
  return result.value;
}

/** Two requests a second for thirty seconds from 2026-03-01 12:00:00 on, and one broken line. */
async function* LOG(): AsyncIterable<Uint8Array> {
  const lines = Array.from({ length: 60 }, (_, at) => {
    const second = String(Math.floor(at / 2)).padStart(2, '0');
    return `192.0.2.${at % 9} - - [01/Mar/2026:12:00:${second} +0000] "GET /page/${at % 10} HTTP/1.1" 200 1000\n`;
  });
  yield Buffer.from(`${lines.slice(0, 30).join('')}no line of a log\n${lines.slice(30).join('')}`);
}

export interface Staged {
  readonly outcome: DrillOutcome;
  readonly lab: FakeLab;
  readonly trace: string;
  readonly views: readonly View[];
}

export interface StageOptions extends Partial<FakeOptions> {
  readonly pace?: number;
  readonly set?: readonly string[];
  readonly checks?: readonly string[];
  readonly compare?: boolean;
  /** Something to happen this long after the run began on the wall. */
  readonly meanwhile?: { readonly afterUs: number; readonly run: (lab: FakeLab, abort: () => void) => void };
  readonly startLab?: () => Promise<never>;
}

export async function stage(text: string, options: StageOptions = {}): Promise<Staged> {
  const pace = options.pace ?? 1;
  const plain = await prepared(text, options.set);
  const result = press(plain, pace);
  if (!result.ok) throw new Error('it cannot be pressed');
  const { input, notes } = result.value;
  const checks = readRunChecks(plain, options.checks ?? []);
  if (!checks.ok) throw new Error('a check cannot be read');
  const clock = new VirtualClock(WALL);
  const pops = input.scenario.world.pops;
  const lab = new FakeLab(input.model, clock, pops, { noticeUs: 1_500_000, ...options });
  const abort = new AbortController();
  let trace = '';
  const views: View[] = [];
  const begin = lab.begin.bind(lab);
  lab.begin = (wallStart: Micros) => {
    begin(wallStart);
    const { meanwhile } = options;
    if (meanwhile !== undefined)
      clock.at(micros(wallStart + meanwhile.afterUs), () => meanwhile.run(lab, () => abort.abort()));
  };
  const playing = drill(
    {
      input: { ...input, traceSink: (block) => (trace += block) },
      pace,
      notes,
      plan: PLAN,
      prediction: await predict(input),
      checks: checks.list,
      compare: options.compare !== false,
    },
    {
      scheduler: clock,
      send: lab.send,
      ask: lab.ask,
      signal: abort.signal,
      onView: (view) => void views.push(view),
      startLab: options.startLab ?? (() => Promise.resolve(lab)),
    },
  );
  let done = false;
  void playing.finally(() => (done = true)).catch(() => {});
  while (!done) {
    // Whatever is ready first; only then does time pass.
    await setImmediate();
    if (!done) clock.step();
  }
  return { outcome: await playing, lab, trace, views };
}

const PLAN: LabPlan = {
  edges: [{ pop: 'LHR' }, { pop: 'IAD' }],
  origins: [],
  listeners: 0,
  l4: false,
  stores: [],
  processes: 0,
  openFiles: 0,
  notes: ['a pretend lab'],
};
