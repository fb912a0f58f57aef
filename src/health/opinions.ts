/**
 * Who thinks what of each origin: data centers, their regions, the world (`layout.ts` draws the tree). A data center that changes
 * its mind moves a count in its region, a region that changes moves one in the world; nothing is counted again.
 *
 * An opinion can be out of date (spec 3.2): then it is not used, though it still counts in the vote above it, as a slow monitor's
 * last result does. Which opinion a PoP goes by is `view.ts`.
 */
import type { Micros } from '../core/time.ts';
import { NEVER, type CellTable } from './cells.ts';
import type { HealthLayout } from './layout.ts';
import { combine } from './monitor-group.ts';
import { majority } from './quorum.ts';
import { HEALTHY, type State, UNHEALTHY, UNPROBED } from './verdict.ts';

export const WORLD = 0;

/** Told of every opinion that is about to change and has changed, from the data center upwards. */
export interface OpinionListener {
  changing(pool: number, origin: number, node: number): void;
  changed(pool: number, origin: number, node: number): void;
}

export class OpinionTable {
  /** By node: the opinion as it counts in the vote above. */
  readonly vote: Uint8Array;
  /** By node: the opinion as it may be used; UNPROBED while out of date. */
  readonly usable: Uint8Array;
  readonly since: Float64Array;
  /** When the last result that bears on this node came. */
  readonly lastAt: Float64Array;
  /** Voters of a node that say so. */
  readonly healthyVotes: Int32Array;
  readonly unhealthyVotes: Int32Array;
  readonly #layout: HealthLayout;
  readonly #cells: CellTable;
  readonly #base: Int32Array;
  /** Nodes from one origin to the next. */
  readonly #perOrigin: Int32Array;

  constructor(layout: HealthLayout, cells: CellTable) {
    this.#layout = layout;
    this.#cells = cells;
    this.#base = new Int32Array(layout.pools.length + 1);
    this.#perOrigin = Int32Array.from(layout.pools, (each) => (each.members.length === 0 ? 0 : each.electorate.nodes));
    for (const [index, each] of layout.pools.entries()) {
      this.#base[index + 1] = this.#base[index]! + each.pool.origins.length * this.#perOrigin[index]!;
    }
    const size = this.#base[layout.pools.length]!;
    this.vote = new Uint8Array(size);
    this.usable = new Uint8Array(size);
    this.since = new Float64Array(size).fill(NEVER);
    this.lastAt = new Float64Array(size).fill(NEVER);
    this.healthyVotes = new Int32Array(size);
    this.unhealthyVotes = new Int32Array(size);
  }

  /** The world's node of an origin; regions and slots follow. */
  at(pool: number, origin: number): number {
    return this.#base[pool]! + origin * this.#perOrigin[pool]!;
  }

  /** How many voters a node has. */
  voters(pool: number, node: number): number {
    const { regions, slots, slotsIn, worldVoters } = this.#layout.pools[pool]!.electorate;
    if (node === WORLD) return worldVoters === 'regions' ? regions.length : slots.length;
    return node <= regions.length ? slotsIn[node]! : 1;
  }

  /** A result came from this slot: what it knows is fresh again. */
  freshen(pool: number, origin: number, slot: number, now: Micros, listener: OpinionListener): void {
    const { regions, regionNode } = this.#layout.pools[pool]!.electorate;
    this.#touch(pool, origin, 1 + regions.length + slot, now, listener);
    const region = regionNode[slot]!;
    if (region > 0) this.#touch(pool, origin, region, now, listener);
    this.lastAt[this.at(pool, origin)] = now;
  }

  /** The slot's cells changed: ask its monitors again, and let the answer rise. */
  recount(pool: number, origin: number, slot: number, now: Micros, listener: OpinionListener): void {
    const { electorate, members } = this.#layout.pools[pool]!;
    const own = 1 + electorate.regions.length + slot;
    const state = combine(members, this.#cells.state, this.#cells.at(pool, origin, slot));
    const before = this.#put(pool, origin, own, state, now, listener);
    if (before === state) return;
    if (electorate.worldVoters === 'data_centers') this.#count(pool, origin, WORLD, before, state, now, listener);
    const region = electorate.regionNode[slot]!;
    if (region === 0) return;
    const regionBefore = this.vote[this.at(pool, origin) + region] as State;
    const regionAfter = this.#count(pool, origin, region, before, state, now, listener);
    if (electorate.worldVoters === 'regions' && regionAfter !== regionBefore) {
      this.#count(pool, origin, WORLD, regionBefore, regionAfter, now, listener);
    }
  }

  /** Not to be used any more until the next result. */
  outdate(pool: number, origin: number, node: number, listener: OpinionListener): void {
    listener.changing(pool, origin, node);
    this.usable[this.at(pool, origin) + node] = UNPROBED;
    listener.changed(pool, origin, node);
  }

  #touch(pool: number, origin: number, node: number, now: Micros, listener: OpinionListener): void {
    const index = this.at(pool, origin) + node;
    this.lastAt[index] = now;
    if (this.usable[index] === this.vote[index]) return;
    listener.changing(pool, origin, node);
    this.usable[index] = this.vote[index]!;
    listener.changed(pool, origin, node);
  }

  /** One voter of `node` changed its mind; the node's opinion after that. */
  #count(
    pool: number,
    origin: number,
    node: number,
    before: State,
    after: State,
    now: Micros,
    listener: OpinionListener,
  ): State {
    const index = this.at(pool, origin) + node;
    if (before === HEALTHY) this.healthyVotes[index]! -= 1;
    else if (before === UNHEALTHY) this.unhealthyVotes[index]! -= 1;
    if (after === HEALTHY) this.healthyVotes[index]! += 1;
    else if (after === UNHEALTHY) this.unhealthyVotes[index]! += 1;
    const state = majority(this.healthyVotes[index]!, this.unhealthyVotes[index]!, this.voters(pool, node));
    this.#put(pool, origin, node, state, now, listener);
    return state;
  }

  /** The opinion before. */
  #put(pool: number, origin: number, node: number, state: State, now: Micros, listener: OpinionListener): State {
    const index = this.at(pool, origin) + node;
    const before = this.vote[index] as State;
    if (before === state) return before;
    listener.changing(pool, origin, node);
    this.vote[index] = state;
    this.usable[index] = state;
    this.since[index] = now;
    listener.changed(pool, origin, node);
    return before;
  }
}
