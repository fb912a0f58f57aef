/**
 * A shipped drill, played by the verb itself in a process of its own: a wire prediction is seconds of work at a stretch, and would stand in the way of
 * a drill that is measuring in the same process. What came of it is read from the folder that it wrote. At most two at once.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile, readTextFile } from '../../../src/cli/files.ts';
import type { RunReport } from '../../../src/core/report.ts';
import type { RequestEvent } from '../../../src/core/trace.ts';
import { pacesOf } from '../../../scripts/paces.ts';

export interface Played {
  readonly code: number | null;
  /** What went wrong, in words; empty when nothing did. */
  readonly why: string;
  readonly report: RunReport;
  readonly requests: readonly RequestEvent[];
  /** Processes waited for the processor: figures in milliseconds say nothing about the drill, and `fidelity` is not to be judged by them. */
  readonly starved: boolean;
}

const AT_ONCE = 2;
/** Half of that is usual on a quiet machine, of sending late and of the median's distance to the prediction alike. */
const STARVED_US = 25_000;
let playing = 0;
const waiting: (() => void)[] = [];

/** The name of a file of scenarios/drills. Rejects when nothing could be measured. */
export async function playByVerb(name: string): Promise<Played> {
  if (playing >= AT_ONCE) await new Promise<void>((resolve) => void waiting.push(resolve));
  else playing += 1;
  try {
    const first = await playOnce(name);
    // A machine that stood still has measured itself: once more, and that counts.
    return first.code === 0 || !first.starved ? first : await playOnce(name);
  } finally {
    const next = waiting.shift();
    if (next === undefined) playing -= 1;
    else next();
  }
}

async function playOnce(name: string): Promise<Played> {
  const file = packageFile(`scenarios/drills/${name}.yaml`);
  const read = readTextFile(file);
  if ('reason' in read) throw new Error(`${file} ${read.reason}`);
  const out = mkdtempSync(join(tmpdir(), 'drill-'));
  try {
    const flags = ['--pace', String(pacesOf(read.text).quick), '--trace', 'all', '--out', out];
    const child = spawn(process.execPath, [packageFile('bin/switchyard.js'), 'drill', file, ...flags], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => void (said += text));
    const code = await new Promise<number | null>((resolve) => void child.once('close', resolve));
    if (code !== 0 && code !== 3) throw new Error(`${name}: exit code ${code}\n${said}`);
    const [report, prediction] = ['report.json', 'prediction.json'].map(
      (one) => JSON.parse(readFileSync(join(out, one), 'utf8')) as RunReport,
    ) as [RunReport, RunReport];
    const slower = report.latency.p50Us - prediction.latency.p50Us;
    const starved = Math.max(report.drill?.lateness.p99Us ?? 0, slower) > STARVED_US;
    const requests = readFileSync(join(out, 'events.ndjson'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"event":"request"'))
      .map((line) => JSON.parse(line) as RequestEvent);
    const failed = report.checks.filter(({ pass }) => !pass).map(({ check, text }) => `${check}: ${text}`);
    const figures = (report.fidelity?.rows ?? [])
      .filter(({ pass }) => pass === false)
      .map((row) => `${row.figure} ${row.subject}: ${row.predicted} predicted, ${row.measured} measured`);
    return { code, why: [...failed, ...figures].join('\n'), report, requests, starved };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
