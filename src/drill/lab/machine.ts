/** What this machine allows a lab to be, read once: limits of processes and files, memory, servers that are installed. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { delimiter, join } from 'node:path';

export interface Machine {
  readonly platform: NodeJS.Platform;
  /** Soft limits; Infinity where there is none. */
  readonly openFiles: number;
  readonly processes: number;
  /** Bytes that can be had without swapping. */
  readonly freeBytes: number;
  /** Paths of servers; undefined = not installed. */
  readonly memcached: string | undefined;
  readonly redis: string | undefined;
}

export function thisMachine(env: Readonly<Record<string, string | undefined>> = process.env): Machine {
  const limits = limitsOf(process.report.getReport());
  return {
    platform: process.platform,
    openFiles: limits['open_files'] ?? Infinity,
    processes: limits['max_user_processes'] ?? Infinity,
    freeBytes: Math.min(freemem(), groupLimit()),
    memcached: found('memcached', env),
    redis: found('redis-server', env),
  };
}

/** `ulimit`, as Node's report has it: no call of Node tells it otherwise. */
function limitsOf(report: object): Readonly<Record<string, number>> {
  if (!('userLimits' in report) || typeof report.userLimits !== 'object' || report.userLimits === null) return {};
  const limits: Record<string, number> = {};
  for (const [name, limit] of Object.entries(report.userLimits)) {
    const soft: unknown = typeof limit === 'object' && limit !== null && 'soft' in limit ? limit.soft : undefined;
    if (typeof soft === 'number') limits[name] = soft;
  }
  return limits;
}

/** What a container may still take, where there is one. */
function groupLimit(): number {
  try {
    const most = Number(readFileSync('/sys/fs/cgroup/memory.max', 'utf8'));
    return most > 0 ? most - Number(readFileSync('/sys/fs/cgroup/memory.current', 'utf8')) : Infinity;
  } catch {
    return Infinity;
  }
}

function found(name: string, env: Readonly<Record<string, string | undefined>>): string | undefined {
  // Servers often lie where only root's PATH leads.
  const folders = [
    ...(env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    '/usr/bin',
    '/usr/local/bin',
  ];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
