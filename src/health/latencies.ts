/**
 * Round-trip times by cell, and the mean a pool has in a place (`rtt.ts` has the arithmetic). Means are made when asked for and
 * kept until a sample moves them, so a run without dynamic_latency pays one multiplication a probe.
 *
 * The mean of a pool: over its enabled origins, of each origin's mean over the place's data centers, of each one's mean over voting
 * monitors; whatever has no figure is left out (spec 2.4). A PoP that probes is its own place; otherwise its region is.
 */
import type { Location } from '../core/location.ts';
import type { Micros } from '../core/time.ts';
import type { CellTable } from './cells.ts';
import type { HealthLayout, PoolLayout } from './layout.ts';
import { NO_RTT, RTT_STALE_US, smooth } from './rtt.ts';

/** In a cache: to be reckoned anew. */
const DIRTY = -2;

export class RttTable {
  /** Grows when any mean may have changed. */
  version = 0;
  readonly us: Float64Array;
  readonly sampledAt: Float64Array;
  readonly #layout: HealthLayout;
  readonly #cells: CellTable;
  /** By pool: a mean per probing region, then one per slot where every data center probes. */
  readonly #means: readonly Float64Array[];
  readonly #horizons: Float64Array;

  constructor(layout: HealthLayout, cells: CellTable, staleUs: Float64Array) {
    this.#layout = layout;
    this.#cells = cells;
    this.us = new Float64Array(cells.size).fill(NO_RTT);
    this.sampledAt = new Float64Array(cells.size);
    this.#means = layout.pools.map(({ electorate: { regions, slots } }) =>
      new Float64Array(regions.length + slots.length).fill(NO_RTT),
    );
    this.#horizons = staleUs.map((us) => Math.max(us, RTT_STALE_US));
  }

  /** When a sample taken now is forgotten. */
  horizonUs(pool: number): number {
    return this.#horizons[pool]!;
  }

  sample(cell: number, pool: number, slot: number, us: number, now: Micros): void {
    this.sampledAt[cell] = now;
    const before = this.us[cell]!;
    const after = smooth(before, us);
    if (after !== before) this.#set(cell, pool, slot, after);
  }

  /** Forget what is too old; the earliest moment at which something else will be. */
  expire(now: Micros): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [pool, each] of this.#layout.pools.entries()) {
      const { slots } = each.electorate;
      for (let origin = 0; origin < each.pool.origins.length; origin += 1) {
        for (let slot = 0; slot < slots.length; slot += 1) {
          const first = this.#cells.at(pool, origin, slot);
          for (let cell = first; cell < first + each.members.length; cell += 1) {
            if (this.us[cell] === NO_RTT) continue;
            const end = this.sampledAt[cell]! + this.#horizons[pool]!;
            if (end > now) next = Math.min(next, end);
            else this.#set(cell, pool, slot, NO_RTT);
          }
        }
      }
    }
    return next;
  }

  /** µs, or `undefined` when nothing is known here (LB-101, LB-103). */
  of(pool: number, from: Location): number | undefined {
    const { electorate } = this.#layout.pools[pool]!;
    const slot = electorate.slotOf[from.popIndex] ?? -1;
    if (electorate.worldVoters === 'data_centers' && slot >= 0) {
      const here = this.#mean(pool, electorate.regions.length + slot);
      if (here !== NO_RTT) return here;
    }
    const region = electorate.regions.indexOf(from.regionIndex);
    const near = region < 0 ? NO_RTT : this.#mean(pool, region);
    return near === NO_RTT ? undefined : near;
  }

  /** Everything is reckoned anew: cells were written from outside. */
  restored(): void {
    for (const means of this.#means) means.fill(DIRTY);
    this.version += 1;
  }

  #set(cell: number, pool: number, slot: number, us: number): void {
    const { regions, regionNode } = this.#layout.pools[pool]!.electorate;
    const means = this.#means[pool]!;
    this.us[cell] = us;
    this.version += 1;
    means[regions.length + slot] = DIRTY;
    const region = regionNode[slot]! - 1;
    if (region >= 0) means[region] = DIRTY;
  }

  #mean(pool: number, place: number): number {
    const means = this.#means[pool]!;
    const known = means[place]!;
    if (known !== DIRTY) return known;
    const each = this.#layout.pools[pool]!;
    const { regions, slots, regionNode } = each.electorate;
    const places = slots.flatMap((_, slot) =>
      (place < regions.length ? regionNode[slot] === place + 1 : slot === place - regions.length) ? [slot] : [],
    );
    const origins = each.pool.origins.flatMap((origin, index) =>
      origin.enabled ? [meanOf(places.map((slot) => this.#ofSlot(each, this.#cells.at(pool, index, slot))))] : [],
    );
    return (means[place] = Math.round(meanOf(origins)));
  }

  #ofSlot(each: PoolLayout, first: number): number {
    return meanOf(each.members.map((member, index) => (member.votes ? this.us[first + index]! : NO_RTT)));
  }
}

/** Mean of what is known; `NO_RTT` of nothing. */
function meanOf(values: readonly number[]): number {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (value === NO_RTT) continue;
    sum += value;
    count += 1;
  }
  return count === 0 ? NO_RTT : sum / count;
}
