/**
 * What an edge keeps between runs: the key of its session cookies, and the certificate authority of its HTTPS (`live/local-ca.ts`).
 * `--state DIR`, else the user's data folder. Several edges that share it share sessions. A folder that was named and cannot be used is
 * a mistake of the command line; without the user's own, the edge runs all the same, and sessions end with the process.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import envPaths from 'env-paths';
import { makeFolder } from '../../live/make-folder.ts';

export function stateFolder(given: string | undefined): string {
  return given ?? envPaths('switchyard', { suffix: '' }).data;
}

export interface CookieSecret {
  readonly secret: string;
  /** Why it is not kept; empty when it is. */
  readonly warning: string;
  /** Why nothing can be kept in the folder at all; empty when it can. */
  readonly unusable: string;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOTDIR: 'there is a file in its place, or above it',
  ENOENT: 'nothing can be made there',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
};

/** 64 hex digits from `cookie.key`, made on first use. */
export function cookieSecret(folder: string): CookieSecret {
  const path = join(folder, 'cookie.key');
  const fresh = randomBytes(32).toString('hex');
  try {
    makeFolder(folder);
    writeFileSync(path, `${fresh}\n`, { flag: 'wx', mode: 0o600 });
    return { secret: fresh, warning: '', unusable: '' };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST')
      return {
        secret: fresh,
        warning: `${path} cannot be written (${code ?? message}): sessions end with this process`,
        unusable: `${folder} cannot be written: ${REASONS[code ?? ''] ?? message}`,
      };
  }
  try {
    const known = readFileSync(path, 'utf8').trim();
    if (/^[0-9a-f]{64}$/.test(known)) return { secret: known, warning: '', unusable: '' };
    return {
      secret: fresh,
      warning: `${path} holds no key (64 hex digits): sessions end with this process; remove it to have a new one`,
      unusable: '',
    };
  } catch (error) {
    const { message } = error as Error;
    return {
      secret: fresh,
      warning: `${path} cannot be read (${message}): sessions end with this process`,
      unusable: '',
    };
  }
}
