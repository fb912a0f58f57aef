/**
 * A folder and those above it, made one by one. Not `mkdir` with `recursive`: where a file system says "no such entry" to a new one in a
 * folder that is there (/proc does), Node goes round for ever.
 */
import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Rights of folders that are made: the owner's alone. */
const MODE = 0o700;

/** Throws Node's error when it cannot be had: ENOTDIR for a file in its place or above it. */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  let at = resolve(path);
  while (!isFolder(at)) {
    missing.push(at);
    at = dirname(at);
  }
  for (const each of missing.reverse()) {
    try {
      mkdirSync(each, { mode: MODE });
    } catch (error) {
      // Another process was quicker.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isFolder(each)) throw error;
    }
  }
}

function isFolder(path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there === undefined || there.isDirectory()) return there !== undefined;
  throw Object.assign(new Error(`ENOTDIR: not a directory, mkdir '${path}'`), { code: 'ENOTDIR' });
}
