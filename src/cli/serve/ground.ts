/** What every process of an edge needs before anything runs: seed, secrets, trusted authorities, places. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { rootCertificates } from 'node:tls';
import type { Problem } from '../../core/problem.ts';
import { Locator } from '../../geo/locate.ts';
import { type GeoDatabase, openMmdb } from '../../geo/mmdb.ts';
import type { ServeOptions } from './options.ts';
import { cookieSecret, stateFolder } from './state-dir.ts';

/** What every process of an edge needs, besides what changes. */
export interface Groundwork {
  readonly seed: string;
  readonly cookieSecret: string;
  readonly folder: string;
  readonly originCa: readonly string[];
  readonly locator: Locator;
  /** Every client is at the locator's default PoP: it was named, and no file places anybody elsewhere. */
  readonly onePop: boolean;
}

/** Reads what must be read before anything runs; every problem at once. */
export async function layGround(
  options: ServeOptions,
  given: { readonly seed?: string; readonly cookieSecret?: string },
  warn: (text: string) => void,
): Promise<{ readonly ground: Groundwork } | { readonly problems: readonly Problem[] }> {
  const problems: Problem[] = [];
  let database: GeoDatabase | undefined;
  if (options.geoDb !== undefined) {
    const { findGeoDatabase } = await import('../files.ts');
    const found = findGeoDatabase(options.geoDb);
    if ('reason' in found) problems.push(trouble(options.geoDb, `the file ${found.reason}`));
    else database = found.database;
  } else if (!options.popGiven) {
    // A PoP that was named stands for everybody whom nothing else places; a country file would place real clients elsewhere.
    database = countriesWhenNeeded();
  }
  let originCa: readonly string[] = [];
  if (options.originCa !== undefined) {
    try {
      originCa = [...rootCertificates, readFileSync(options.originCa, 'utf8')];
    } catch (error) {
      problems.push(trouble(options.originCa, `the file cannot be read: ${(error as Error).message}`));
    }
  }
  const folder = stateFolder(options.state);
  let secret = given.cookieSecret;
  if (secret === undefined) {
    const kept = cookieSecret(folder);
    secret = kept.secret;
    if (kept.unusable !== '' && options.state !== undefined) {
      problems.push({ ...trouble('--state', kept.unusable), hint: 'name a folder that can be written' });
    } else if (kept.warning !== '') warn(kept.warning);
  }
  if (problems.length > 0) return { problems };
  return {
    ground: {
      seed: given.seed ?? options.seed ?? randomBytes(8).toString('hex'),
      cookieSecret: secret,
      folder,
      originCa,
      onePop: options.popGiven && database === undefined,
      locator: new Locator({ defaultPop: options.pop, ...(database === undefined ? {} : { database }) }),
    },
  };
}

/** The optional country package, as in `cli/files.ts`, which would bring the readers of every file format with it. */
const COUNTRY_FILE = '@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb';

/** Countries of addresses, from a file that is read when the first public address asks: most edges at home never see one. */
function countriesWhenNeeded(): GeoDatabase {
  let opened: GeoDatabase | 'none' | undefined;
  const open = (): GeoDatabase | undefined => {
    if (opened === undefined) {
      opened = 'none';
      try {
        const found = openMmdb(readFileSync(createRequire(import.meta.url).resolve(COUNTRY_FILE)));
        if (found.kind === 'opened') opened = found.database;
      } catch {
        // Not installed is no fault: clients are at `--pop` then.
      }
    }
    return opened === 'none' ? undefined : opened;
  };
  return {
    get description() {
      return open()?.description ?? 'none';
    },
    get hasCoordinates() {
      return open()?.hasCoordinates ?? false;
    },
    get damaged() {
      return opened === undefined || opened === 'none' ? 0 : opened.damaged;
    },
    find: (address) => open()?.find(address),
  };
}

function trouble(file: string, message: string): Problem {
  return { severity: 'error', file, line: 0, column: 0, path: '', message, hint: '' };
}
