/**
 * Where a request is, as steering sees it: the PoP that serves it, that PoP's region, and a country. Made by `geo`,
 * interned there (one object per distinct place), so that rooms may memoise by identity.
 */
import type { CountryCode, PopCode, RegionCode } from './ids.ts';

export interface Location {
  readonly pop: PopCode;
  /** Index in the PoP table, sorted by code: for typed arrays. */
  readonly popIndex: number;
  /** Region of the PoP; `undefined` for the few places without one (LB-256). */
  readonly region: RegionCode | undefined;
  /** Index in the table of 13 regions; -1 without one. */
  readonly regionIndex: number;
  /** Country for `country_pools`: the PoP's by default, the client's when so switched (spec 2.3). `XX` = unknown. */
  readonly country: CountryCode;
  /** Decimal degrees: the client's when known, else the PoP's. */
  readonly latitude: number;
  readonly longitude: number;
  /** What was assumed on the way, as stable codes (`country_centroid`, `default_pop`); empty when all was known. */
  readonly assumed: readonly string[];
}
