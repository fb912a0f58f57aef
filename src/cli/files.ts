/**
 * Files for the verbs: texts with a limit and a plain reason when they cannot be had, logs as streams (gunzipped when they are gzip),
 * reports written whole or not at all.
 */
import { createReadStream, globSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createRequire, findPackageJSON } from 'node:module';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { createGunzip } from 'node:zlib';
import { MAX_FILE_BYTES } from '../config/document.ts';
import type { Problem } from '../core/problem.ts';
import { type GeoDatabase, openMmdb } from '../geo/mmdb.ts';
import type { Files } from '../replay/load.ts';

/** A file of this package, wherever this module stands: `src/cli` in a checkout, `dist` when published. */
export function packageFile(path: string): string {
  return join(dirname(findPackageJSON(import.meta.url)!), path);
}

/** What is played when nothing is named. */
export const FLAGSHIP = displayPath(packageFile('scenarios/flagship.yaml'));

export type ReadText = { readonly text: string } | { readonly reason: string };

export function readTextFile(path: string): ReadText {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return { reason: 'is a directory, not a file' };
    if (stats.size > MAX_FILE_BYTES) return { reason: `is larger than ${MAX_FILE_BYTES / 1_048_576} MiB` };
    const bytes = readFileSync(path);
    if (bytes.includes(0)) return { reason: 'is not a text file' };
    return { text: new TextDecoder('utf-8').decode(bytes) };
  } catch (error) {
    return { reason: reasonOf(error) };
  }
}

/** A file that could not be read, as a problem. */
export function fileProblem(file: string, reason: string, hint = ''): Problem {
  return { severity: 'error', file, line: 0, column: 0, path: '', message: `the file ${reason}`, hint };
}

export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read (permission denied)';
  if (code === 'EISDIR') return 'is a directory, not a file';
  if (code === 'EEXIST' || code === 'ENOTDIR') return 'is in the way: it is not a folder';
  if (code === 'EROFS') return 'cannot be written: the disk is read-only';
  if (code === 'ENOSPC') return 'cannot be written: the disk is full';
  return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}

/** Files beside a scenario. `logs` counts bytes read for progress. */
export function filesBeside(scenario: string, geoDatabase: GeoDatabase | undefined): Files {
  const folder = dirname(resolve(scenario));
  const pathOf = (path: string): string => (isAbsolute(path) ? path : join(folder, path));
  return {
    geoDatabase,
    readText(path) {
      const full = pathOf(path);
      const read = readTextFile(full);
      return 'text' in read ? { text: read.text, file: displayPath(full) } : read;
    },
    readBytes(path) {
      const full = pathOf(path);
      try {
        if (statSync(full).isDirectory()) return { reason: 'is a directory, not a file' };
      } catch (error) {
        return { reason: reasonOf(error) };
      }
      return bytesOf(full);
    },
    readPages(pattern) {
      try {
        const found = globSync(pattern, { cwd: folder }).sort();
        return found.map((file) => ({ file, bytes: readFileSync(pathOf(file)) }));
      } catch (error) {
        return { reason: reasonOf(error) };
      }
    },
  };
}

/** The bytes of a file, unpacked when it begins like gzip. */
async function* bytesOf(path: string): AsyncIterable<Uint8Array> {
  const head = createReadStream(path, { start: 0, end: 1 });
  let first = Buffer.alloc(0);
  for await (const chunk of head) first = Buffer.concat([first, chunk as Buffer]);
  const raw = createReadStream(path, { highWaterMark: 1 << 18 });
  const stream = first[0] === 0x1f && first[1] === 0x8b ? raw.pipe(createGunzip()) : raw;
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } finally {
    raw.destroy();
  }
}

/** As short as it can be said from here. */
export function displayPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near === '' || near.startsWith('..') ? path : near;
}

/** Writes a file whole: first beside it, then into place. */
export function writeWhole(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.part`;
  writeFileSync(draft, text);
  renameSync(draft, path);
}

/** Free country data as an optional package, so that real addresses locate out of the box. */
const COUNTRY_PACKAGE = '@ip-location-db/geo-whois-asn-country-mmdb';
const COUNTRY_FILE = 'geo-whois-asn-country.mmdb';

export type FoundDatabase = { readonly database: GeoDatabase | undefined } | { readonly reason: string };

/** The GeoIP file that was asked for, else the optional country package, else none. */
export function findGeoDatabase(path: string | undefined): FoundDatabase {
  if (path !== undefined) {
    try {
      const opened = openMmdb(readFileSync(path));
      return opened.kind === 'opened'
        ? { database: opened.database }
        : { reason: `is no GeoIP file: ${opened.reason}` };
    } catch (error) {
      return { reason: reasonOf(error) };
    }
  }
  try {
    const opened = openMmdb(readFileSync(createRequire(import.meta.url).resolve(`${COUNTRY_PACKAGE}/${COUNTRY_FILE}`)));
    return { database: opened.kind === 'opened' ? opened.database : undefined };
  } catch {
    // An optional package: not installed is no fault.
    return { database: undefined };
  }
}
