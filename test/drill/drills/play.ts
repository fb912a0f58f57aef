/**
 * A shipped drill, played for real and pressed, as `switchyard drill` plays it: the same doors, the same exit code, without a terminal. At most
 * two at once: they measure, and share the machine.
 */
import { filesBeside, packageFile, readTextFile } from '../../../src/cli/files.ts';
import { exitCode } from '../../../src/cli/drill.ts';
import { readRunChecks } from '../../../src/cli/read-checks.ts';
import type { RunReport } from '../../../src/core/report.ts';
import { after } from '../../../src/core/time.ts';
import { askDns } from '../../../src/drill/clients-dns.ts';
import { HttpClients } from '../../../src/drill/clients-http.ts';
import { drill, predict } from '../../../src/drill/drill.ts';
import type { Lab } from '../../../src/drill/lab.ts';
import { makeFolder } from '../../../src/drill/lab/ledger.ts';
import { planLab } from '../../../src/drill/lab/plan.ts';
import { startLab } from '../../../src/drill/lab/start.ts';
import { press } from '../../../src/drill/press.ts';
import { RealClock } from '../../../src/live/clock.ts';
import { prepareReplay } from '../../../src/replay/load.ts';
import { pacesOf } from '../../../scripts/paces.ts';

export interface Drilled {
  /** As the verb would exit. */
  readonly code: number;
  /** What went wrong, in words; empty when nothing did. */
  readonly why: string;
  readonly report: RunReport;
  readonly prediction: RunReport;
}

export interface Meanwhile {
  /** Seconds of the pressed run after which it happens. */
  readonly atSeconds: number;
  run(lab: Lab): Promise<void>;
}

const SELF = [process.execPath, packageFile('bin/switchyard.js')];
const AT_ONCE = 2;
let playing = 0;
const waiting: (() => void)[] = [];

/** The name of a file of scenarios/drills; what is to happen while it runs. Rejects when nothing could be measured. */
export async function playDrill(name: string, meanwhile: readonly Meanwhile[] = []): Promise<Drilled> {
  if (playing < AT_ONCE) playing += 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    const first = await playOnce(name, meanwhile);
    // A machine that stood still has measured itself: once more, and that counts.
    return first.code === 0 || !stoodStill(first.report) ? first : await playOnce(name, meanwhile);
  } finally {
    const next = waiting.shift();
    if (next === undefined) playing -= 1;
    else next();
  }
}

/** Requests or faults were so late that no figure in fractions of a second means anything. */
function stoodStill({ drill: facts }: RunReport): boolean {
  return facts !== undefined && (facts.lateness.p99Us > 100_000 || facts.faultLatenessUs > 200_000);
}

async function playOnce(name: string, meanwhile: readonly Meanwhile[]): Promise<Drilled> {
  const file = packageFile(`scenarios/drills/${name}.yaml`);
  const read = readTextFile(file);
  if ('reason' in read) throw new Error(`${file} ${read.reason}`);
  const pace = pacesOf(read.text).quick;
  const prepared = await prepareReplay(read.text, file, filesBeside(file, undefined), { version: 'test', repeat: '' });
  if (!prepared.ok) throw new Error(prepared.problems.map(({ message }) => message).join('; '));
  const checks = readRunChecks(prepared.value, []);
  const pressed = press(prepared.value, pace);
  if (!checks.ok || !pressed.ok) throw new Error(`${name} cannot be pressed`);
  const { input, notes } = pressed.value;
  const plan = await planLab(input, new Map());
  const prediction = await predict(input);
  const scheduler = new RealClock();
  const clients = new HttpClients(scheduler);
  const happened: Promise<void>[] = [];
  try {
    const outcome = await drill(
      { input, pace, notes, plan, prediction, checks: checks.list, compare: true },
      {
        scheduler,
        send: clients.send,
        ask: askDns,
        signal: new AbortController().signal,
        startLab: async () => {
          const folder = makeFolder();
          const { signal } = new AbortController();
          const lab = await startLab({ input, raw: input.raw, plan, self: SELF, folder, onProgress: () => {}, signal });
          const begin = lab.begin.bind(lab);
          lab.begin = async (wallStart) => {
            await begin(wallStart);
            for (const { atSeconds, run } of meanwhile) {
              const due = new Promise<void>((resolve) => void scheduler.at(after(wallStart, atSeconds * 1e6), resolve));
              happened.push(due.then(() => run(lab)));
            }
          };
          return lab;
        },
      },
    );
    if (outcome.kind !== 'ran') throw new Error(`${name}: ${JSON.stringify(outcome)}`);
    await Promise.all(happened);
    const failed = outcome.report.checks.filter((check) => !check.pass).map(({ check, text }) => `${check}: ${text}`);
    const why = [outcome.why, ...failed, ...outcome.leftovers].filter(Boolean).join('\n');
    return { code: exitCode(outcome), why, report: outcome.report, prediction };
  } finally {
    clients.close();
  }
}
