/** Load by wrk, CPU and memory from /proc: what the kernel counted for a process and all its children. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Ticks per second of /proc/<pid>/stat: 100 on every Linux that Node runs on. */
const TICKS = 100;

export interface Load {
  readonly url: string;
  readonly script: string | undefined;
  readonly connections: number;
  readonly seconds: number;
  /** Core to pin wrk to, if any. */
  readonly core: number | undefined;
}

export interface LoadResult {
  readonly requests: number;
  readonly errors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export async function wrk(load: Load): Promise<LoadResult> {
  const args = ['-t1', `-c${load.connections}`, `-d${load.seconds}s`, '--latency'];
  if (load.script !== undefined) args.push('-s', load.script);
  args.push(load.url);
  const [file, all] = load.core === undefined ? ['wrk', args] : ['taskset', ['-c', String(load.core), 'wrk', ...args]];
  const { stdout } = await run(file, all, { maxBuffer: 1 << 20 });
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? 0);
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout);
  return {
    requests: number(/(\d+) requests in/),
    errors:
      number(/Non-2xx or 3xx responses: (\d+)/) +
      (socketErrors === null ? 0 : socketErrors.slice(1).reduce((sum, each) => sum + Number(each), 0)),
    p50Ms: milliseconds(/50%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
    p99Ms: milliseconds(/99%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
  };
}

function milliseconds(match: RegExpExecArray | null): number {
  if (match === null) return 0;
  const value = Number(match[1]);
  return match[2] === 'us' ? value / 1000 : match[2] === 's' ? value * 1000 : value;
}

/** CPU seconds, user and kernel together, of a process and its living descendants. */
export function cpuSeconds(pid: number): number {
  let ticks = 0;
  for (const each of family(pid)) {
    const fields = statFields(each);
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks / TICKS;
}

/** Peak resident memory, MiB, summed over the family. */
export function peakRssMib(pid: number): number {
  let kib = 0;
  for (const each of family(pid)) {
    try {
      kib += Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1] ?? 0);
    } catch {
      // It has ended meanwhile.
    }
  }
  return kib / 1024;
}

function family(root: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    if (/^\d+$/.test(entry)) parents.set(Number(entry), Number(statFields(Number(entry))[1] ?? 0));
  }
  const found = [root];
  for (let i = 0; i < found.length; i++) {
    for (const [pid, parent] of parents) if (parent === found[i]) found.push(pid);
  }
  return found;
}

/** Fields behind the command's name, which may hold blanks and brackets itself: state, ppid, … */
function statFields(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
