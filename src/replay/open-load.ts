/**
 * Requests and connections under way, by PoP: what the `least_` policies look at. Kept only where a configuration of the run has such a
 * policy, since it is a table of PoPs times origins.
 */
import type { LoadView } from '../core/health-view.ts';
import type { Model } from '../core/model.ts';
import { type Micros, US_PER_SECOND } from '../core/time.ts';

/** Idle connections to origins are kept this long (spec 6.1): least_connections counts them. */
const KEEP_ALIVE_US = 900 * US_PER_SECOND;

export class OpenLoad implements LoadView {
  readonly #model: Model;
  readonly #originBase: Int32Array;
  readonly #origins: number;
  readonly #pools: number;
  readonly #clock: { readonly now: Micros };
  readonly #outstanding: Int32Array;
  readonly #poolOutstanding: Int32Array;
  readonly #peak: Int32Array;
  readonly #peakAt: Float64Array;

  /** @param originBase Global number of the first origin of each pool. */
  constructor(model: Model, originBase: Int32Array, origins: number, pops: number, clock: { readonly now: Micros }) {
    this.#model = model;
    this.#originBase = originBase;
    this.#origins = origins;
    this.#pools = model.pools.length;
    this.#clock = clock;
    this.#outstanding = new Int32Array(pops * origins);
    this.#poolOutstanding = new Int32Array(pops * this.#pools);
    this.#peak = new Int32Array(pops * origins);
    this.#peakAt = new Float64Array(pops * origins);
  }

  /** @param number Global number of the origin. */
  open(pop: number, pool: number, number: number): void {
    const { now } = this.#clock;
    const at = pop * this.#origins + number;
    const load = this.#outstanding[at]! + 1;
    this.#outstanding[at] = load;
    this.#poolOutstanding[pop * this.#pools + pool]! += 1;
    if (load >= this.#peak[at]! || now - this.#peakAt[at]! > KEEP_ALIVE_US) {
      this.#peak[at] = load;
      this.#peakAt[at] = now;
    }
  }

  close(pop: number, pool: number, number: number): void {
    this.#outstanding[pop * this.#origins + number]! -= 1;
    this.#poolOutstanding[pop * this.#pools + pool]! -= 1;
  }

  poolOutstanding(pool: number, pop: number): number {
    return this.#poolOutstanding[pop * this.#pools + pool]!;
  }

  originOutstanding(pool: number, origin: number, pop: number): number {
    return this.#outstanding[pop * this.#origins + this.#originBase[pool]! + origin]!;
  }

  poolConnections(pool: number, pop: number): number {
    let sum = 0;
    // A change of configuration keeps pools and origins as they are.
    const count = this.#model.pools[pool]!.origins.length;
    for (let origin = 0; origin < count; origin += 1) sum += this.originConnections(pool, origin, pop);
    return sum;
  }

  /** Open connections: as many as were ever needed at once in the last 15 minutes, since idle ones are kept that long. */
  originConnections(pool: number, origin: number, pop: number): number {
    const at = pop * this.#origins + this.#originBase[pool]! + origin;
    return this.#clock.now - this.#peakAt[at]! > KEEP_ALIVE_US ? this.#outstanding[at]! : this.#peak[at]!;
  }
}
