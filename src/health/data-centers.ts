/**
 * Which data centers probe. A data center is a PoP, named by its place in the PoP table (`Location.popIndex`). A checked region is
 * probed from three of its PoPs (LB-137), `check_regions` null from every one in use (C20).
 *
 * Assumption: which three is not public. Ours are spread evenly over the region's PoPs in the order of their codes, those in use
 * first; the choice depends on the table alone, so it is the same in every run and for every pool.
 */
import type { RegionCode } from '../core/ids.ts';
import { DATA_CENTERS_PER_REGION } from './quorum.ts';

/** A PoP, as far as health cares; `geo`'s table fits. */
export interface Site {
  readonly code: string;
  /** -1 without a region: takes part only where every data center probes. */
  readonly regionIndex: number;
}

export interface Sites {
  /** By `Location.popIndex`. */
  readonly pops: readonly Site[];
  /** By `Location.regionIndex`. */
  readonly regions: readonly RegionCode[];
  /** Indices of the PoPs in use, ascending. These probe when every data center does, and are preferred in a checked region. */
  readonly inUse: readonly number[];
  /** Probe from PoPs in use only, also in checked regions: one machine that cannot pretend to be elsewhere. Default false. */
  readonly onlyInUse?: boolean;
}

/** At most three PoPs of the region, ascending; empty when the table has none there. */
export function dataCentersOf(sites: Sites, regionIndex: number): readonly number[] {
  const used = sites.inUse.filter((pop) => sites.pops[pop]?.regionIndex === regionIndex);
  const chosen = spread(used, DATA_CENTERS_PER_REGION);
  if (chosen.length < DATA_CENTERS_PER_REGION && sites.onlyInUse !== true) {
    const others = sites.pops.flatMap((site, pop) =>
      site.regionIndex === regionIndex && !chosen.includes(pop) ? [pop] : [],
    );
    chosen.push(...spread(others, DATA_CENTERS_PER_REGION - chosen.length));
  }
  return chosen.sort((a, b) => a - b);
}

/** `count` of the list, from the middles of as many equal stretches. */
function spread(list: readonly number[], count: number): number[] {
  if (list.length <= count) return [...list];
  return Array.from({ length: count }, (_, i) => list[Math.floor(((2 * i + 1) * list.length) / (2 * count))]!);
}
