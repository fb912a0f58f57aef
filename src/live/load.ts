/**
 * Requests under way, counted per origin and pool in typed arrays: what the least_* policies weigh by (spec 2.4). One edge process is
 * one PoP here, so the PoP of the question plays no part.
 *
 * Places in the arrays are given out by name and kept across configurations, so that a request that began before a reload is taken
 * off where it was put. Open connections are reckoned as the replay does: a connection that was needed at the highest load stays
 * open for the keep-alive time (LIFO), so the highest load of the last 900 s is the number of connections.
 *
 * With several workers each adds what the others last told of themselves (`others`): see `cli/serve/fleet.ts`.
 */
import type { LoadView } from '../core/health-view.ts';
import type { Model } from '../core/model.ts';

/** Spec 6.1. */
const KEEP_ALIVE_MS = 900_000;
const FIRST_SLOTS = 64;

export class LoadTable {
  readonly #slots = new Map<string, number>();
  readonly #nowMs: () => number;
  #outstanding = new Int32Array(FIRST_SLOTS);
  #peak = new Int32Array(FIRST_SLOTS);
  #peakAt = new Float64Array(FIRST_SLOTS);
  #others = new Int32Array(FIRST_SLOTS);
  #poolOf = new Int32Array(FIRST_SLOTS);

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The place of an origin; its pool gets one of its own. */
  slotOf = (pool: string, origin: string): number => {
    const poolSlot = this.#place(pool, -1);
    return this.#place(`${pool}\n${origin}`, poolSlot);
  };

  begin(target: { readonly slot: number }): void {
    this.#add(target.slot);
    this.#add(this.#poolOf[target.slot]!);
  }

  end(target: { readonly slot: number }): void {
    const pool = this.#poolOf[target.slot]!;
    this.#outstanding[target.slot]! -= 1;
    this.#outstanding[pool]! -= 1;
  }

  /** Of this process alone. */
  own(slot: number): number {
    return this.#outstanding[slot]!;
  }

  outstanding(slot: number): number {
    return this.#outstanding[slot]! + this.#others[slot]!;
  }

  connections(slot: number): number {
    const fresh = this.#nowMs() - this.#peakAt[slot]! <= KEEP_ALIVE_MS;
    return (fresh ? this.#peak[slot]! : this.#outstanding[slot]!) + this.#others[slot]!;
  }

  /** Own counts that are not zero, for the other workers. */
  counts(): readonly (readonly [place: string, count: number])[] {
    const counts: [string, number][] = [];
    for (const [place, slot] of this.#slots) {
      if (this.#outstanding[slot] !== 0) counts.push([place, this.#outstanding[slot]!]);
    }
    return counts;
  }

  /** What all other workers have under way, as last told. */
  setOthers(counts: readonly (readonly [place: string, count: number])[]): void {
    this.#others.fill(0);
    for (const [place, count] of counts) {
      const slot = this.#slots.get(place);
      if (slot !== undefined) this.#others[slot] = count;
    }
  }

  /** The counts as steering asks for them, for one configuration. */
  view(model: Model): LoadView {
    const pools = Int32Array.from(model.pools, (pool) => this.#place(pool.id, -1));
    const origins = model.pools.map((pool) => Int32Array.from(pool.origins, ({ name }) => this.slotOf(pool.id, name)));
    return {
      poolOutstanding: (pool) => this.outstanding(pools[pool]!),
      poolConnections: (pool) => this.connections(pools[pool]!),
      originOutstanding: (pool, origin) => this.outstanding(origins[pool]![origin]!),
      originConnections: (pool, origin) => this.connections(origins[pool]![origin]!),
    };
  }

  #add(slot: number): void {
    const load = (this.#outstanding[slot]! += 1);
    if (load < this.#peak[slot]!) return;
    this.#peak[slot] = load;
    this.#peakAt[slot] = this.#nowMs();
  }

  #place(name: string, pool: number): number {
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    const slot = this.#slots.size;
    this.#slots.set(name, slot);
    if (slot >= this.#outstanding.length) this.#grow(slot * 2);
    this.#poolOf[slot] = pool;
    return slot;
  }

  #grow(size: number): void {
    const ints = (from: Int32Array): Int32Array<ArrayBuffer> => {
      const to = new Int32Array(size);
      to.set(from);
      return to;
    };
    this.#outstanding = ints(this.#outstanding);
    this.#peak = ints(this.#peak);
    this.#others = ints(this.#others);
    this.#poolOf = ints(this.#poolOf);
    const at = new Float64Array(size);
    at.set(this.#peakAt);
    this.#peakAt = at;
  }
}
