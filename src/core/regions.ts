/** The 13 load balancing regions, in the order of the public Regions page (spec 8): configurations name them, the map places countries in them. */
import type { RegionCode } from './ids.ts';

const NAMES = {
  WNAM: 'Western North America',
  ENAM: 'Eastern North America',
  WEU: 'Western Europe',
  EEU: 'Eastern Europe',
  NSAM: 'Northern South America',
  SSAM: 'Southern South America',
  OC: 'Oceania',
  ME: 'Middle East',
  NAF: 'Northern Africa',
  SAF: 'Southern Africa',
  SAS: 'Southern Asia',
  SEAS: 'Southeast Asia',
  NEAS: 'Northeast Asia',
};

export const REGION_NAMES: ReadonlyMap<RegionCode, string> = new Map(
  Object.entries(NAMES).map(([code, name]) => [code as RegionCode, name]),
);

export const REGION_CODES: readonly RegionCode[] = [...REGION_NAMES.keys()];
