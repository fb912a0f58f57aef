/**
 * `switchyard replay`: plays scenarios, prints the story, writes the reports. Ctrl-C stops at the next slice of the run; what is
 * written then is a valid report that says it is partial.
 */
import { mkdirSync, renameSync, rmSync, writeSync, openSync, closeSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { RunReport } from '../core/report.ts';
import { judge } from '../checks/judge.ts';
import { renderGithub } from '../report/github.ts';
import { renderJson } from '../report/json.ts';
import { renderAll } from '../report/render-all.ts';
import { renderTerminal, renderVerdict } from '../report/terminal.ts';
import type { Progress } from '../replay/load.ts';
import { replay } from '../replay/run.ts';
import { FLAGSHIP, fileProblem, reasonOf, writeWhole } from './files.ts';
import { EXIT, type Io, paint, wantsColour } from './io.ts';
import { prepareRun } from './prepare.ts';
import { refuse } from './refuse.ts';
import { VERSION } from './version.ts';

export interface ReplayFlags {
  readonly seed?: string;
  readonly out?: string;
  readonly set: readonly string[];
  readonly check: readonly string[];
  readonly trace?: string;
  readonly geoDb?: string;
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Progress is drawn at most this often, and never before this much time has passed. */
const PROGRESS_MS = 200;

export async function runReplay(files: readonly string[], flags: ReplayFlags, io: Io): Promise<number> {
  const list = files.length > 0 ? files : [FLAGSHIP];
  if (flags.trace !== undefined && !['all', 'notable', 'none'].includes(flags.trace)) {
    io.err(`switchyard: --trace "${flags.trace}" is not one of all, notable, none\n`);
    return EXIT.usage;
  }
  if (flags.watch === true) return watch(list, flags, io);
  let worst: number = EXIT.ok;
  for (const file of list) {
    const code = await playOne(file, flags, io, list.length > 1);
    if (code === EXIT.interrupted) return code;
    if (code === EXIT.usage || (code !== EXIT.ok && worst === EXIT.ok)) worst = code;
  }
  return worst;
}

async function playOne(file: string, flags: ReplayFlags, io: Io, several: boolean): Promise<number> {
  const colour = wantsColour(io);
  const prepared = await prepareRun(file, flags, repeatCommand(file, flags));
  if (!prepared.ok) return refuse(prepared.problems, flags, io);
  const { input, checks } = prepared;
  const name = basename(file).replace(/\.(?:ya?ml|json)$/, '');
  const out = flags.out === undefined ? join('out', name) : several ? join(flags.out, name) : flags.out;
  if (!(flags.json === true)) {
    io.out(
      `${paint(colour, 'bold', `switchyard ${VERSION}`)}  ${input.scenario.name}  seed ${input.seed}  config ${input.configHash}\n`,
    );
    if (flags.quiet !== true)
      for (const warning of input.warnings)
        io.err(`${paint(wantsColour(io, 'err'), 'yellow', 'warning:')} ${warning}\n`);
  }
  let trace: TraceFile;
  try {
    trace = new TraceFile(out);
  } catch (error) {
    return refuse([fileProblem(out, reasonOf(error), 'choose another folder with --out')], flags, io);
  }
  const progress = new ProgressLine(io, flags.quiet === true || flags.json === true);
  try {
    const run = await replay({
      ...input,
      traceSink: (block) => trace.write(block),
      onProgress: (state) => progress.show(state),
      signal: io.interrupted,
      turn: () => new Promise((resolve) => setImmediate(resolve)),
    });
    progress.clear();
    const results = checks.map(({ check, line }) => judge(check, run, line));
    const report: RunReport = { ...run, checks: results };
    const renderedFiles = await renderAll(report);
    for (const [fileName, text] of renderedFiles) writeWhole(join(out, fileName), text);
    trace.commit();
    print(report, out, flags, io, colour);
    if (report.partial !== null) return EXIT.interrupted;
    return results.every((result) => result.pass) ? EXIT.ok : EXIT.checkFailed;
  } catch (error) {
    trace.discard();
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      return refuse([fileProblem(out, reasonOf(error))], flags, io);
    io.err(`switchyard: the run broke; to repeat it: ${input.repeat}\n`);
    throw error;
  }
}

function print(report: RunReport, out: string, flags: ReplayFlags, io: Io, colour: boolean): void {
  if (flags.json === true) {
    io.out(renderJson(report));
    return;
  }
  const paper = { colour, width: io.columns, plain: !io.outIsTerminal && !colour };
  io.out(flags.quiet === true ? renderVerdict(report, paper) : renderTerminal(report, paper));
  if (io.env.GITHUB_ACTIONS === 'true') io.out(renderGithub(report));
  io.out(`\nReport  ${join(out, 'report.html')}   (report.json, events.ndjson, junit.xml, summary.md beside it)\n`);
  if (flags.quiet !== true) io.out(`Next    ${nextCommands(report, out).join('\n        ')}\n`);
  io.out(`Repeat  ${report.repeat}\n`);
}

/** Three commands that follow naturally from a run. */
function nextCommands(report: RunReport, out: string): string[] {
  const file = report.scenario.file;
  const { outages } = report.budget;
  const at =
    outages[0] === undefined ? '' : ` --at ${new Date(outages[0].fromUs / 1000 + 1000).toISOString().slice(11, 19)}`;
  const busiest = [...report.pops].sort((a, b) => b.requests - a.requests)[0]?.code ?? 'LHR';
  return [
    `npx switchyard explain ${file} --from ${busiest}${at}`,
    `npx switchyard replay ${file} --seed 7 --check "failed_requests < 0.1%"`,
    `npx switchyard init sticky-shop --dir ${join(out, '..', 'my-scenario')}`,
  ];
}

/** A word as a shell takes it. */
export function quote(text: string): string {
  return /^[\w./:=@,+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function repeatCommand(file: string, flags: ReplayFlags): string {
  const words = ['npx switchyard replay', quote(file)];
  if (flags.seed !== undefined) words.push('--seed', quote(flags.seed));
  for (const set of flags.set) words.push('--set', quote(set));
  for (const check of flags.check) words.push('--check', quote(check));
  if (flags.trace !== undefined) words.push('--trace', flags.trace);
  return words.join(' ');
}

/** events.ndjson while it grows: beside its place until the run is over. */
export class TraceFile {
  readonly #path: string;
  readonly #draft: string;
  readonly #fd: number;

  constructor(out: string) {
    mkdirSync(out, { recursive: true });
    this.#path = join(out, 'events.ndjson');
    this.#draft = `${this.#path}.${process.pid}.part`;
    this.#fd = openSync(this.#draft, 'w');
  }

  write(block: string): void {
    writeSync(this.#fd, block);
  }

  commit(): void {
    closeSync(this.#fd);
    renameSync(this.#draft, this.#path);
  }

  discard(): void {
    closeSync(this.#fd);
    rmSync(this.#draft, { force: true });
  }
}

/** One line on stderr that moves; nothing where nobody looks. */
class ProgressLine {
  readonly #io: Io;
  readonly #silent: boolean;
  #shownAt = Date.now();
  #drawn = false;

  constructor(io: Io, silent: boolean) {
    this.#io = io;
    this.#silent = silent || !io.errIsTerminal;
  }

  show(state: Progress): void {
    if (this.#silent || Date.now() - this.#shownAt < PROGRESS_MS) return;
    this.#shownAt = Date.now();
    this.#drawn = true;
    const share = Math.min(1, (state.now - state.start) / Math.max(1, state.end - state.start));
    const width = 30;
    const done = Math.round(share * width);
    const clock = new Date(state.now / 1000).toISOString().slice(11, 19);
    const bar = '█'.repeat(done) + '░'.repeat(width - done);
    this.#io.err(
      `\r${bar} ${String(Math.round(share * 100)).padStart(3)} %  ${clock}  ${state.requests.toLocaleString('en-US')} requests\u001b[K`,
    );
  }

  clear(): void {
    if (this.#drawn) this.#io.err('\r\u001b[K');
  }
}

/** Plays again whenever one of the files, or a file beside them, changes. Ends with Ctrl-C. */
async function watch(files: readonly string[], flags: ReplayFlags, io: Io): Promise<number> {
  const { watch: watchFiles } = await import('chokidar');
  const { dirname } = await import('node:path');
  const play = async (): Promise<void> => {
    for (const file of files) await playOne(file, flags, io, files.length > 1);
    io.err('watching for changes; Ctrl-C ends\n');
  };
  await play();
  return new Promise((resolve) => {
    let busy = Promise.resolve();
    const watcher = watchFiles([...new Set(files.map((file) => dirname(file)))], {
      ignoreInitial: true,
      depth: 1,
      ignored: (path, stats) => stats?.isFile() === true && !/\.(?:ya?ml|json)$/.test(path),
      awaitWriteFinish: { stabilityThreshold: 100, pollInterval: 20 },
    });
    watcher.on('all', () => {
      busy = busy.then(play);
    });
    io.interrupted.addEventListener('abort', () => {
      void watcher.close().then(() => resolve(EXIT.ok));
    });
  });
}
