/**
 * Place codes as an operator writes them: the 13 regions (spec 8), countries, PoPs. Only the regions are a closed list (core/regions.ts); the
 * tables of countries and PoPs live in `geo`, and whoever knows them hands them over in the `ParseContext`.
 */
import type { CountryCode, PopCode, RegionCode } from '../core/ids.ts';
import { REGION_CODES } from '../core/regions.ts';

const regions: ReadonlySet<string> = new Set(REGION_CODES);

/** Codes are taken in any case and kept in capitals, for all three kinds alike (LB-023). */
export function readRegion(text: string): RegionCode | undefined {
  const code = text.toUpperCase();
  return regions.has(code) ? (code as RegionCode) : undefined;
}

/** Two letters. `ME` and `OC` are regions first; whoever asks for a country gets Montenegro (LB-021). */
export function readCountry(text: string): CountryCode | undefined {
  return /^[A-Za-z]{2}$/.test(text) ? (text.toUpperCase() as CountryCode) : undefined;
}

export function readPop(text: string): PopCode | undefined {
  return /^[A-Za-z]{3}$/.test(text) ? (text.toUpperCase() as PopCode) : undefined;
}
