/**
 * What an edge keeps between runs: the key of its session cookies, and the certificate authority of its HTTPS (`live/local-ca.ts`).
 * `--state DIR`, else the user's data folder. Several edges that share it share sessions. When it cannot be used, the edge runs
 * without: sessions then end with the process.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import envPaths from 'env-paths';

export function stateFolder(given: string | undefined): string {
  return given ?? envPaths('switchyard', { suffix: '' }).data;
}

export interface CookieSecret {
  readonly secret: string;
  /** Why it is not kept; empty when it is. */
  readonly warning: string;
}

/** 64 hex digits from `cookie.key`, made on first use. */
export function cookieSecret(folder: string): CookieSecret {
  const path = join(folder, 'cookie.key');
  const fresh = randomBytes(32).toString('hex');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(path, `${fresh}\n`, { flag: 'wx', mode: 0o600 });
    return { secret: fresh, warning: '' };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST')
      return {
        secret: fresh,
        warning: `${path} cannot be written (${code ?? message}): sessions end with this process`,
      };
  }
  try {
    const known = readFileSync(path, 'utf8').trim();
    if (/^[0-9a-f]{64}$/.test(known)) return { secret: known, warning: '' };
    return {
      secret: fresh,
      warning: `${path} holds no key (64 hex digits): sessions end with this process; remove it to have a new one`,
    };
  } catch (error) {
    const { message } = error as Error;
    return { secret: fresh, warning: `${path} cannot be read (${message}): sessions end with this process` };
  }
}
