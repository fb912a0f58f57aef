/**
 * A log, opened for a run: its span first, when the scenario does not say how long it is, then its entries in batches. The first pass
 * looks at times only; state `start` and `duration` in the scenario to be spared it.
 */
import type { LogEntry, LogStats } from './access-log.ts';
import { MAX_HOPELESS_BYTES, MAX_LINE_BYTES, readAccessLog } from './access-log.ts';
import type { LogTraffic } from './scenario.ts';

export interface LogHandle {
  /** Earliest and latest entry; `undefined` when nobody asked. */
  readonly firstUs: number | undefined;
  readonly lastUs: number | undefined;
  /** Of the latest reading; grows while the batches are read. */
  readonly stats: LogStats;
  /** From the beginning, each time it is called. */
  batches(): AsyncIterator<readonly LogEntry[]>;
}

export type OpenedLog =
  | { readonly ok: true; readonly handle: LogHandle }
  | { readonly ok: false; readonly message: string; readonly hint: string };

/** The bytes of a file from its beginning, unpacked; or why they cannot be had. */
export type ReadBytes = (path: string) => AsyncIterable<Uint8Array> | { readonly reason: string };

export async function openLog(
  spec: LogTraffic,
  read: ReadBytes,
  options: { readonly needsSpan: boolean },
): Promise<OpenedLog> {
  const bytes = read(spec.path);
  if ('reason' in bytes) {
    return {
      ok: false,
      message: `the log "${spec.path}" ${bytes.reason}`,
      hint: 'the path is looked up beside the scenario',
    };
  }
  // Where the span is known one batch is enough: a log without any request is found now, and not after the run.
  const whole = options.needsSpan || spec.failOnBroken;
  const look = readAccessLog(bytes, { timesOnly: whole });
  for await (const batch of look.batches()) if (!whole && batch.length > 0) break;
  const complaint = judge(spec, look.stats);
  if (complaint !== undefined) return complaint;
  const first: LogStats | undefined = whole ? look.stats : undefined;
  const again = read(spec.path);
  if ('reason' in again) return { ok: false, message: `the log "${spec.path}" ${again.reason}`, hint: '' };
  let log = readAccessLog(again);
  let begun = false;
  return {
    ok: true,
    handle: {
      firstUs: first?.firstUs,
      lastUs: first?.lastUs,
      get stats() {
        return log.stats;
      },
      batches() {
        // A prediction reads it, then the drill: each from the beginning, with counts of its own.
        if (begun) {
          const more = read(spec.path);
          log = readAccessLog('reason' in more ? broken(more.reason) : more);
        }
        begun = true;
        return log.batches();
      },
    },
  };
}

// oxlint-disable-next-line require-yield -- a log that is gone by now has nothing to give
async function* broken(reason: string): AsyncIterable<Uint8Array> {
  throw new Error(reason);
}

const FORMATS = `formats: Common Log Format, combined, Logpush NDJSON; lines of at most ${MAX_LINE_BYTES} bytes`;

/** What is wrong with a log as a whole, in words; `undefined` when it can be played. */
export function judge(spec: LogTraffic, stats: LogStats): Extract<OpenedLog, { ok: false }> | undefined {
  const name = `the log "${spec.path}"`;
  const refuse = (message: string, hint: string): Extract<OpenedLog, { ok: false }> => ({ ok: false, message, hint });
  const { stopped } = stats;
  if (stopped?.kind === 'read_failed')
    return refuse(`${name} cannot be read to its end: ${stopped.message}`, 'is it complete?');
  if (stopped?.kind === 'packed') return refuse(`${name} is packed`, 'unpack it first');
  if (stopped?.kind === 'not_a_log' && stats.lines === 0) {
    const megabytes = MAX_HOPELESS_BYTES / 1_048_576;
    return refuse(`${name} is no access log: there is no request in its first ${megabytes} MiB`, FORMATS);
  }
  if (stats.lines === 0) return refuse(`${name} is empty`, 'name a log with at least one request');
  if (stats.entries === 0) {
    const where = stats.brokenNamed.slice(0, 3).map(({ line, reason }) => `line ${line}: ${reason}`);
    const what = where.length === 0 ? '' : ` (${where.join('; ')})`;
    return refuse(`${name} has no request that can be read${what}`, FORMATS);
  }
  if (spec.failOnBroken && stats.brokenLines > 0) {
    const lines = stats.brokenNamed.map(({ line }) => line).join(', ');
    return refuse(`${name} has ${stats.brokenLines} broken lines (${lines})`, 'mend them, or remove "on_broken: fail"');
  }
  return undefined;
}
