/**
 * What each data center knows about each origin by each monitor, in typed arrays: one *cell* per (pool, origin, slot, member).
 * Folds probe results in; votes are `opinions.ts`, round-trip times `latencies.ts`.
 */
import type { ProbeReason } from '../core/probe.ts';
import type { Micros } from '../core/time.ts';
import type { HealthLayout } from './layout.ts';
import { reasonNumber } from './reasons.ts';
import { type Need, type State, nextState, nextStreak } from './verdict.ts';

/** Before any result. */
export const NEVER = -1;

export class CellTable {
  readonly state: Uint8Array;
  readonly streak: Int32Array;
  /** Place in REASONS of the last failure; 0 = there was none. */
  readonly reason: Uint8Array;
  /** When `state` was reached, µs. */
  readonly since: Float64Array;
  /** When the last result came, µs. */
  readonly lastAt: Float64Array;
  readonly size: number;
  readonly #base: Int32Array;
  /** Cells from one origin to the next, from one slot to the next. */
  readonly #perOrigin: Int32Array;
  readonly #perSlot: Int32Array;
  readonly #needs: readonly (readonly Need[])[];

  constructor(layout: HealthLayout) {
    const pools = layout.pools;
    this.#base = new Int32Array(pools.length + 1);
    this.#perOrigin = Int32Array.from(pools, (each) => each.electorate.slots.length * each.members.length);
    this.#perSlot = Int32Array.from(pools, (each) => each.members.length);
    for (const [index, each] of pools.entries()) {
      this.#base[index + 1] = this.#base[index]! + each.pool.origins.length * this.#perOrigin[index]!;
    }
    this.size = this.#base[pools.length]!;
    this.state = new Uint8Array(this.size);
    this.streak = new Int32Array(this.size);
    this.reason = new Uint8Array(this.size);
    this.since = new Float64Array(this.size).fill(NEVER);
    this.lastAt = new Float64Array(this.size).fill(NEVER);
    this.#needs = pools.map((each) =>
      each.members.map(({ monitor }) => ({ up: monitor.consecutiveUp, down: monitor.consecutiveDown })),
    );
  }

  /** First cell of a slot; its members follow. */
  at(pool: number, origin: number, slot: number): number {
    return this.#base[pool]! + origin * this.#perOrigin[pool]! + slot * this.#perSlot[pool]!;
  }

  /** Fold a result in; true when the cell's state changed. */
  fold(cell: number, pool: number, member: number, reason: ProbeReason, now: Micros): boolean {
    const passed = reason === 'no_failures';
    const streak = nextStreak(this.streak[cell]!, passed);
    const before = this.state[cell] as State;
    const after = nextState(before, streak, this.#needs[pool]![member]!);
    this.streak[cell] = streak;
    if (!passed) this.reason[cell] = reasonNumber(reason);
    this.lastAt[cell] = now;
    if (after === before) return false;
    this.state[cell] = after;
    this.since[cell] = now;
    return true;
  }
}
