/**
 * What a GeoIP file says of an address: a country, and perhaps coordinates. Both schemas that are about: MaxMind's nested
 * one (`country.iso_code`, `location.latitude`) and the flat one of ip-location-db (`country_code`, `latitude`).
 *
 * Bytes come in, answers go out: reading the file is the business of `cli` and `live`. Which PoP an answer leads to is
 * `locate.ts`, which also remembers addresses; here only the file's records are remembered, already narrowed.
 */
import { LRUCache } from 'lru-cache';
import { Reader, type Response } from 'maxmind';
import type { CountryCode } from '../core/ids.ts';
import { findCountry } from './tables.ts';
import { validPoint } from './nearest.ts';

/** What is known of an address. An answer without country and without coordinates is never given. */
export interface GeoHit {
  readonly country: CountryCode | undefined;
  /** Decimal degrees; both or neither. */
  readonly latitude: number | undefined;
  readonly longitude: number | undefined;
}

export interface GeoDatabase {
  /** What the file is, for people: `GeoIP2-City, IPv6, built 2024-10-01`. */
  readonly description: string;
  readonly hasCoordinates: boolean;
  /** `address`: IPv4 or IPv6 text that has been checked. `undefined` = the file does not know it. */
  find(address: string): GeoHit | undefined;
  /** Lookups that failed because the file is damaged; they count as not found. */
  readonly damaged: number;
}

export type OpenedDatabase =
  | { readonly kind: 'opened'; readonly database: GeoDatabase }
  | { readonly kind: 'not_mmdb'; readonly reason: string };

/** Distinct records kept decoded. A city file has about 200,000; those that a day of traffic meets are far fewer. */
const MAX_RECORDS = 16_384;

/** @param bytes A whole `.mmdb` file. */
export function openMmdb(bytes: Uint8Array): OpenedDatabase {
  const records = new LRUCache<string | number, object>({ max: MAX_RECORDS });
  try {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const reader = new Reader<Response>(buffer, {
      cache: { get: (key) => records.get(key), set: (key, value) => void records.set(key, value as object) },
    });
    const { databaseType, ipVersion, buildEpoch, nodeCount, searchTreeSize } = reader.metadata;
    if (!(nodeCount > 0) || searchTreeSize > bytes.byteLength) {
      return { kind: 'not_mmdb', reason: 'its search tree is longer than the file' };
    }
    return {
      kind: 'opened',
      database: new MmdbDatabase(reader, `${databaseType}, IPv${ipVersion}, built ${day(buildEpoch)}`),
    };
  } catch (error) {
    return { kind: 'not_mmdb', reason: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Several files as one, for sets that come as one file for IPv4 and one for IPv6: the first that knows the address answers.
 */
export function combineDatabases(databases: readonly GeoDatabase[]): GeoDatabase {
  return {
    description: databases.map((database) => database.description).join(' + '),
    hasCoordinates: databases.some((database) => database.hasCoordinates),
    find(address) {
      for (const database of databases) {
        const hit = database.find(address);
        if (hit !== undefined) return hit;
      }
      return undefined;
    },
    get damaged() {
      return databases.reduce((sum, database) => sum + database.damaged, 0);
    },
  };
}

class MmdbDatabase implements GeoDatabase {
  readonly description: string;
  readonly hasCoordinates: boolean;
  readonly #reader: Reader<Response>;
  readonly #ipv6: boolean;
  /** By decoded record, which the reader's cache hands out again and again. */
  readonly #hits = new WeakMap<object, GeoHit | 'nothing'>();
  #damaged = 0;

  constructor(reader: Reader<Response>, description: string) {
    this.#reader = reader;
    this.description = description;
    this.#ipv6 = reader.metadata.ipVersion === 6;
    this.hasCoordinates = /city|enterprise/i.test(reader.metadata.databaseType);
  }

  get damaged(): number {
    return this.#damaged;
  }

  find(address: string): GeoHit | undefined {
    // The reader would walk the first 32 bits of an IPv6 address through a tree of IPv4 networks, and find something.
    if (!this.#ipv6 && address.includes(':')) return undefined;
    let record: unknown;
    try {
      record = this.#reader.get(address);
    } catch {
      this.#damaged++;
      return undefined;
    }
    if (record === null || typeof record !== 'object') return undefined;
    let hit = this.#hits.get(record);
    if (hit === undefined) {
      hit = narrow(record) ?? 'nothing';
      this.#hits.set(record, hit);
    }
    return hit === 'nothing' ? undefined : hit;
  }
}

/** Either schema to a hit. The country of the address, else of its registration; a represented country is ignored. */
function narrow(record: object): GeoHit | undefined {
  const country = findCountry(
    text(child(record, 'country', 'iso_code')) ||
      text(child(record, 'registered_country', 'iso_code')) ||
      text(child(record, 'country_code')),
  )?.code;
  const latitude = child(record, 'location', 'latitude') ?? child(record, 'latitude');
  const longitude = child(record, 'location', 'longitude') ?? child(record, 'longitude');
  const [north, east] = [degrees(latitude), degrees(longitude)];
  if (validPoint(north, east)) return { country, latitude: north, longitude: east };
  return country === undefined ? undefined : { country, latitude: undefined, longitude: undefined };
}

function child(record: unknown, ...path: readonly string[]): unknown {
  let value: unknown = record;
  for (const key of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A number, or a number written as text as some flat files do; NaN when it is neither. */
function degrees(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value !== '' ? Number(value) : Number.NaN;
}

function day(buildEpoch: Date): string {
  return Number.isNaN(buildEpoch.getTime()) ? 'at an unknown time' : buildEpoch.toISOString().slice(0, 10);
}
