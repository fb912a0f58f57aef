/**
 * The candidate list of a place (spec 2.3): PoP, then country, then a country written into `region_pools` (C2), then region,
 * then `default_pools`. The list found stands alone. An empty list counts as not defined.
 */
import type { Location } from '../core/location.ts';
import type { PoolId } from '../core/ids.ts';
import type { SteeringSettings } from '../core/model.ts';
import type { PoolPlan } from './pool-plan.ts';

export interface CandidateList {
  /** `pop_pools[LAX]`, `default_pools`: for the ladder. */
  readonly source: string;
  readonly pools: readonly PoolPlan[];
}

export interface CandidateLists {
  readonly byPop: ReadonlyMap<string, CandidateList>;
  readonly byCountry: ReadonlyMap<string, CandidateList>;
  readonly byRegionCountry: ReadonlyMap<string, CandidateList>;
  readonly byRegion: ReadonlyMap<string, CandidateList>;
  readonly byDefault: CandidateList;
}

export function compileCandidates(
  settings: SteeringSettings,
  resolve: (ids: readonly PoolId[]) => readonly PoolPlan[],
): CandidateLists {
  const table = (key: string, lists: ReadonlyMap<string, readonly PoolId[]>): ReadonlyMap<string, CandidateList> => {
    const made = new Map<string, CandidateList>();
    for (const [place, ids] of lists) {
      if (ids.length > 0) made.set(place, { source: `${key}[${place}]`, pools: resolve(ids) });
    }
    return made;
  };
  return {
    byPop: table('pop_pools', settings.popPools),
    byCountry: table('country_pools', settings.countryPools),
    byRegionCountry: table('region_pools', settings.regionCountryPools),
    byRegion: table('region_pools', settings.regionPools),
    byDefault: { source: 'default_pools', pools: resolve(settings.defaultPools) },
  };
}

/** Is any place given a list of its own? Then `""` means `geo`, otherwise `off` (LB-074..077). */
export function hasPlaces(lists: CandidateLists): boolean {
  return lists.byPop.size + lists.byCountry.size + lists.byRegionCountry.size + lists.byRegion.size > 0;
}

export function candidatesAt(lists: CandidateLists, from: Location): CandidateList {
  return (
    lists.byPop.get(from.pop) ??
    lists.byCountry.get(from.country) ??
    lists.byRegionCountry.get(from.country) ??
    (from.region === undefined ? undefined : lists.byRegion.get(from.region)) ??
    lists.byDefault
  );
}

export function everyList(lists: CandidateLists): readonly CandidateList[] {
  return [
    ...lists.byPop.values(),
    ...lists.byCountry.values(),
    ...lists.byRegionCountry.values(),
    ...lists.byRegion.values(),
    lists.byDefault,
  ];
}
