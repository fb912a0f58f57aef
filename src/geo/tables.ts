/**
 * The map: 357 PoPs, the 13 load balancing regions (core/regions.ts), and 250 countries, from `data/` (spec 8, LB-256). Order is part of
 * the contract: `Location.popIndex` and `regionIndex` are places in `POPS` and `REGIONS`.
 *
 * This file only reads the tables and mints their ids; which PoP a client reaches is `nearest.ts` and `locate.ts`.
 */
import { assert } from '../core/assert.ts';
import type { CountryCode, PopCode, RegionCode } from '../core/ids.ts';
import { REGION_NAMES } from '../core/regions.ts';
import popData from './data/pops.json' with { type: 'json' };
import regionData from './data/regions.json' with { type: 'json' };

export interface Region {
  readonly index: number;
  readonly code: RegionCode;
  readonly name: string;
}

export interface Country {
  readonly code: CountryCode;
  readonly name: string;
  /** Of the country as a whole: ENAM for the United States and Canada, which are split by state; `undefined` for AQ, BV, TF. */
  readonly region: RegionCode | undefined;
}

export interface Pop {
  readonly index: number;
  readonly code: PopCode;
  readonly city: string;
  readonly country: CountryCode;
  /** State or province, for the United States and Canada; else empty. */
  readonly subdivision: string;
  /** Of the airport that the code names, decimal degrees. */
  readonly latitude: number;
  readonly longitude: number;
  readonly region: RegionCode | undefined;
  /** -1 without a region. */
  readonly regionIndex: number;
  /** Whether a public source states the region, or this project worked it out from geography. */
  readonly regionBasis: 'documented' | 'inferred';
}

/** The country of a client of whom nothing is known. */
export const UNKNOWN_COUNTRY: CountryCode = 'XX' as CountryCode;

/** In the order of the public Regions page. */
export const REGIONS: readonly Region[] = [...REGION_NAMES].map(([code, name], index) => ({ index, code, name }));

const REGION_BY_CODE: ReadonlyMap<string, Region> = new Map(REGIONS.map((region) => [region.code, region]));

/** By code, in alphabetical order. */
export const COUNTRIES: ReadonlyMap<CountryCode, Country> = new Map(
  Object.entries(regionData.countries as Record<string, string[]>).map(([code, [name, region]]) => [
    code as CountryCode,
    { code: code as CountryCode, name: name ?? code, region: region === '' ? undefined : (region as RegionCode) },
  ]),
);

const SUBDIVISIONS: ReadonlyMap<string, RegionCode> = new Map(
  Object.entries(regionData.subdivisions as Record<string, string[]>).map(([code, [, region]]) => [
    code,
    region as RegionCode,
  ]),
);

/** Sorted by code. */
export const POPS: readonly Pop[] = (
  popData.pops as [string, string, string, string, number, number, string, string][]
).map(([code, city, country, subdivision, latitude, longitude, region, basis], index) => ({
  index,
  code: code as PopCode,
  city,
  country: country as CountryCode,
  subdivision,
  latitude,
  longitude,
  region: region === '' ? undefined : (region as RegionCode),
  regionIndex: REGION_BY_CODE.get(region)?.index ?? -1,
  regionBasis: basis === 'd' ? 'documented' : 'inferred',
}));

const POP_BY_CODE: ReadonlyMap<string, Pop> = new Map(POPS.map((pop) => [pop.code, pop]));

/** `lhr` or `LHR`; `undefined` when the table has no such PoP. */
export function findPop(code: string): Pop | undefined {
  return POP_BY_CODE.get(code) ?? POP_BY_CODE.get(code.toUpperCase());
}

/** `gb` or `GB`; `undefined` when the table has no such country (`XX`, `T1`, `EU`, `UK` are none). */
export function findCountry(code: string): Country | undefined {
  return COUNTRIES.get(code as CountryCode) ?? COUNTRIES.get(code.toUpperCase() as CountryCode);
}

/** `weu` or `WEU`; `undefined` when it is none of the 13. */
export function findRegion(code: string): Region | undefined {
  return REGION_BY_CODE.get(code) ?? REGION_BY_CODE.get(code.toUpperCase());
}

/** The PoP at a `Location.popIndex`. */
export function popAt(index: number): Pop {
  const pop = POPS[index];
  assert(pop !== undefined, `no PoP at index ${index}`);
  return pop;
}

/** The region of a country, or of a state or province of the United States and Canada (`regionOf('US', 'CA')` is WNAM). */
export function regionOf(country: string, subdivision = ''): RegionCode | undefined {
  return SUBDIVISIONS.get(`${country}-${subdivision}`) ?? findCountry(country)?.region;
}
