/**
 * What a drill has started, written down before anything can go wrong: one line per process in its folder. A later drill reads what an
 * earlier one left behind when it was killed, and ends exactly those processes: a number alone proves nothing, so each is written with
 * the boot and the moment of its start, and one that does not match is somebody else's.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

const LEDGER = 'processes.ndjson';

export interface LedgerEntry {
  readonly pid: number;
  /** Boot and start of the process, as the system tells it. */
  readonly identity: string;
  readonly what: string;
}

/** All drills of this user keep their folders here. */
function root(): string {
  return join(tmpdir(), `switchyard-drill-${userInfo().username}`);
}

/** A folder for one drill, with this process as its owner: the first line of the ledger. */
export function makeFolder(): string {
  mkdirSync(root(), { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(root(), 'run-'));
  record(folder, process.pid, 'the drill');
  return folder;
}

export function record(folder: string, pid: number, what: string): void {
  const entry: LedgerEntry = { pid, identity: identityOf(pid) ?? '', what };
  appendFileSync(join(folder, LEDGER), `${JSON.stringify(entry)}\n`, { mode: 0o600 });
}

export function readLedger(folder: string): readonly LedgerEntry[] {
  let text: string;
  try {
    text = readFileSync(join(folder, LEDGER), 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    // The last line may have been cut off by whatever ended the drill.
    try {
      const entry: unknown = JSON.parse(line);
      return isEntry(entry) ? [entry] : [];
    } catch {
      return [];
    }
  });
}

/** Is this entry's process there, and still the one that was written down? */
export function lives({ pid, identity }: LedgerEntry): boolean {
  return identity !== '' && identityOf(pid) === identity;
}

/** SIGKILL for all but the first, which is the drill itself. Returns those that were there. */
export function endAll(entries: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const found = entries.slice(1).filter((entry) => entry.pid !== process.pid && lives(entry));
  for (const { pid } of found) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended in this very moment.
    }
  }
  return found;
}

/** What drills that are no more have left: ended and removed. Returns sentences about what was found. */
export function sweepLeftovers(below: string = root()): readonly string[] {
  let folders: string[];
  try {
    folders = readdirSync(below).filter((name) => name.startsWith('run-'));
  } catch {
    return [];
  }
  return folders.flatMap((name) => {
    const folder = join(below, name);
    const entries = readLedger(folder);
    const [owner] = entries;
    // A folder without a ledger was made a moment ago by a drill that is about to write it, or is not ours to judge.
    if (owner === undefined || lives(owner)) return [];
    const ended = endAll(entries);
    rmSync(folder, { recursive: true, force: true });
    return ended.length === 0 ? [] : [`an earlier drill had left ${ended.map((one) => one.what).join(', ')}: ended`];
  });
}

/** `undefined`: there is no such process. */
function identityOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      // The name in parentheses may hold anything; state is the first field behind it, the start the twentieth.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (fields[0] === 'Z') return undefined;
      return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${fields[19] ?? ''}`;
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): value is LedgerEntry {
  return (
    typeof value === 'object' &&
    value !== null &&
    'pid' in value &&
    'identity' in value &&
    'what' in value &&
    typeof value.pid === 'number' &&
    value.pid > 1 &&
    typeof value.identity === 'string' &&
    typeof value.what === 'string'
  );
}
