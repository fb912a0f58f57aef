/** Plays a scenario in a test: text or file in; report, trace and rendered bytes out. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { judge } from '../../src/checks/judge.ts';
import { parseCheck } from '../../src/checks/parse-check.ts';
import { filesBeside, findGeoDatabase } from '../../src/cli/files.ts';
import type { Problem } from '../../src/core/problem.ts';
import type { RunReport } from '../../src/core/report.ts';
import type { RequestEvent, TraceEvent } from '../../src/core/trace.ts';
import { prepareReplay } from '../../src/replay/load.ts';
import { replay } from '../../src/replay/run.ts';
import type { SteadyRounds } from '../../src/replay/steady-rounds.ts';
import { renderJson } from '../../src/report/json.ts';

export interface Played {
  readonly report: RunReport;
  readonly trace: string;
  readonly events: readonly TraceEvent[];
  readonly requests: readonly RequestEvent[];
  readonly json: string;
  readonly digest: string;
}

export interface PlayOptions {
  readonly seed?: string;
  readonly set?: readonly string[];
  readonly file?: string;
  readonly signal?: { readonly aborted: boolean };
  readonly steady?: SteadyRounds;
}

export async function play(text: string, options: PlayOptions = {}): Promise<Played> {
  const file = options.file ?? 'scenarios/test.yaml';
  const geo = findGeoDatabase(undefined);
  const prepared = await prepareReplay(text, file, filesBeside(file, 'database' in geo ? geo.database : undefined), {
    seed: options.seed,
    set: options.set ?? [],
    version: '0.0.0',
    repeat: '',
  });
  if (!prepared.ok) throw new Refused(prepared.problems);
  let trace = '';
  const { signal, steady } = options;
  const run = await replay({ ...prepared.value, traceSink: (block) => (trace += block), signal, steady });
  const checks = prepared.value.scenario.checks.map(({ text: check, line }) => {
    const parsed = parseCheck(check);
    if (!parsed.ok) throw new Error(`${check}: ${parsed.problem.message}`);
    return judge(parsed.check, run, line);
  });
  const report = { ...run, checks };
  const events = trace
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TraceEvent);
  const json = renderJson(report);
  return {
    report,
    trace,
    events,
    requests: events.filter((event) => event.event === 'request'),
    json,
    digest: createHash('sha256').update(trace).digest('hex'),
  };
}

export function playFile(file: string, options: PlayOptions = {}): Promise<Played> {
  return play(readFileSync(file, 'utf8'), { ...options, file });
}

export class Refused extends Error {
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(problems.map(({ line, column, message, hint }) => `${line}:${column}: ${message}; ${hint}`).join('\n'));
    this.problems = problems;
  }
}
