/**
 * Work under way, per origin and pool: what the least_* policies weigh by (spec 2.4). One edge process is one PoP here, so the PoP of
 * the question plays no part.
 *
 * Requests are counted in typed arrays. Places are given out by name and kept across configurations, so that a request that began
 * before a reload is taken off where it was put.
 *
 * Connections are the real ones, idle ones included (LB-115), as the pool towards the origins counts them. The replay, which has no
 * sockets, reckons them: the highest load of the last 900 s, since LIFO keeps that many open. An origin that holds its connections
 * as long as we do gets the same number in both worlds. One that closes them earlier, or that has just died and come back, has fewer
 * here, and should: a peak it no longer carries would keep requests from it for a quarter of an hour. Nothing that is compared
 * request by request hangs on it, since the policy draws by chance. A request over a link has no connection of ours to its origin;
 * the listener holds one for it, so an origin has at least as many connections as requests.
 *
 * With several workers each adds what the others last told of themselves (`others`): see `cli/serve/fleet.ts`.
 */
import type { LoadView } from '../core/health-view.ts';
import type { Model } from '../core/model.ts';
import type { OpenConnections, OpenCount } from './proxy/open-connections.ts';

/** Requests under way and open connections at each place that has any. */
export type LoadCounts = readonly (readonly [place: string, requests: number, connections: number])[];

const FIRST_SLOTS = 64;
const NONE: readonly OpenCount[] = [];

export class LoadTable {
  readonly #slots = new Map<string, number>();
  readonly #open: OpenConnections;
  #outstanding = new Int32Array(FIRST_SLOTS);
  #othersOutstanding = new Int32Array(FIRST_SLOTS);
  #othersConnections = new Int32Array(FIRST_SLOTS);
  #poolOf = new Int32Array(FIRST_SLOTS);
  /** By slot of an origin: where its connections are counted, in the newest configuration. */
  #connectionsTo: (readonly OpenCount[] | undefined)[] = [];

  constructor(open: OpenConnections) {
    this.#open = open;
  }

  /** The place of an origin; its pool gets one of its own. */
  slotOf = (pool: string, origin: string): number => {
    const poolSlot = this.#place(pool, -1);
    return this.#place(`${pool}\n${origin}`, poolSlot);
  };

  begin(target: { readonly slot: number }): void {
    this.#outstanding[target.slot]! += 1;
    this.#outstanding[this.#poolOf[target.slot]!]! += 1;
  }

  end(target: { readonly slot: number }): void {
    this.#outstanding[target.slot]! -= 1;
    this.#outstanding[this.#poolOf[target.slot]!]! -= 1;
  }

  /** Requests of this process alone. */
  own(slot: number): number {
    return this.#outstanding[slot]!;
  }

  outstanding(slot: number): number {
    return this.#outstanding[slot]! + this.#othersOutstanding[slot]!;
  }

  /** Of an origin; a pool has the sum of its origins. */
  connections(slot: number): number {
    return this.#ownConnections(slot) + this.#othersConnections[slot]!;
  }

  /** Own counts that are not zero, for the other workers. */
  counts(): LoadCounts {
    const counts: [string, number, number][] = [];
    for (const [place, slot] of this.#slots) {
      const requests = this.#outstanding[slot]!;
      const connections = this.#poolOf[slot] === -1 ? 0 : this.#ownConnections(slot);
      if (requests !== 0 || connections !== 0) counts.push([place, requests, connections]);
    }
    return counts;
  }

  /** What all other workers have under way, as last told. */
  setOthers(counts: LoadCounts): void {
    this.#othersOutstanding.fill(0);
    this.#othersConnections.fill(0);
    for (const [place, requests, connections] of counts) {
      const slot = this.#slots.get(place);
      if (slot === undefined) continue;
      this.#othersOutstanding[slot] = requests;
      this.#othersConnections[slot] = connections;
    }
  }

  /** The counts as steering asks for them, for one configuration. */
  view(model: Model): LoadView {
    const pools = Int32Array.from(model.pools, (pool) => this.#place(pool.id, -1));
    const origins = model.pools.map((pool) =>
      Int32Array.from(pool.origins, ({ name, address, port }) => {
        const slot = this.slotOf(pool.id, name);
        // Port 0 is 80 or 443, as the client's own connection is.
        this.#connectionsTo[slot] = (port === 0 ? [80, 443] : [port]).map((each) => this.#open.to(address, each));
        return slot;
      }),
    );
    return {
      poolOutstanding: (pool) => this.outstanding(pools[pool]!),
      poolConnections: (pool) => {
        let sum = 0;
        for (const slot of origins[pool]!) sum += this.connections(slot);
        return sum;
      },
      originOutstanding: (pool, origin) => this.outstanding(origins[pool]![origin]!),
      originConnections: (pool, origin) => this.connections(origins[pool]![origin]!),
    };
  }

  #ownConnections(slot: number): number {
    let open = 0;
    for (const count of this.#connectionsTo[slot] ?? NONE) open += count.open;
    return Math.max(open, this.#outstanding[slot]!);
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
    this.#othersOutstanding = ints(this.#othersOutstanding);
    this.#othersConnections = ints(this.#othersConnections);
    this.#poolOf = ints(this.#poolOf);
  }
}

/** What several workers have together. */
export function sumOfCounts(all: readonly LoadCounts[]): LoadCounts {
  const sums = new Map<string, [string, number, number]>();
  for (const counts of all) {
    for (const [place, requests, connections] of counts) {
      const sum = sums.get(place);
      if (sum === undefined) sums.set(place, [place, requests, connections]);
      else {
        sum[1] += requests;
        sum[2] += connections;
      }
    }
  }
  return [...sums.values()];
}
