/**
 * The simulated world of one run: origins with their faults, the ways between PoPs and pools, the Railgun link, PoPs that were
 * withdrawn. Origins are also known by one number across all pools (`originBase[pool] + origin`), so that the run can count in
 * typed arrays. Faults reach the world through `FaultWorld`.
 */
import type { Model } from '../core/model.ts';
import type { Random } from '../core/random.ts';
import type { Scheduler } from '../core/ports.ts';
import type { FaultWorld, Target } from '../sim/faults/fault.ts';
import { LinkState } from '../sim/link.ts';
import { SimOrigin } from '../sim/origin.ts';
import { RailgunModel } from '../sim/railgun-model.ts';
import { DEFAULT_ORIGIN, type World } from './scenario.ts';

export interface PlaceTable {
  readonly count: number;
  codeOf(popIndex: number): string;
  /** Great-circle distance from a PoP to a point, km. */
  distanceKm(popIndex: number, latitude: number, longitude: number): number;
  /** PoPs of a region code, by index. */
  popsOfRegion(region: string): readonly number[];
  indexOf(code: string): number | undefined;
}

export class SimWorld implements FaultWorld {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly origins: readonly SimOrigin[];
  readonly originCount: number;
  /** Global number of the first origin of each pool. */
  readonly originBase: Int32Array;
  readonly link: LinkState;
  readonly railgunModel: RailgunModel;
  readonly withdrawn = new Set<number>();
  /** How many faults hold each PoP out, and how many make resolvers ignore the TTL: the last one to end gives back. */
  readonly #withdrawals = new Map<number, number>();
  #ignoringTtl = 0;
  /** Called after a PoP was withdrawn or came back. */
  onPlacesChanged: () => void = () => {};
  onIgnoreTtl: (ignore: boolean) => void = () => {};
  readonly #model: Model;
  readonly #places: PlaceTable;
  readonly #roundTrips: Float64Array;
  #roundTripsOf: LinkFingerprint = { add: -1, loss: -1 };

  constructor(model: Model, world: World, places: PlaceTable, scheduler: Scheduler, random: Random) {
    this.#model = model;
    this.#places = places;
    this.scheduler = scheduler;
    this.random = random.fork('faults');
    this.originBase = new Int32Array(model.pools.length + 1);
    const origins: SimOrigin[] = [];
    const chance = random.fork('origins');
    model.pools.forEach((pool, index) => {
      this.originBase[index] = origins.length;
      for (const origin of pool.origins) {
        const traits =
          world.origins.get(`${pool.name}/${origin.name}`) ??
          world.origins.get(`${pool.id}/${origin.name}`) ??
          world.origins.get(origin.name) ??
          world.origins.get('*') ??
          DEFAULT_ORIGIN;
        origins.push(new SimOrigin(traits, chance.fork(`${pool.id}/${origin.name}`)));
      }
    });
    this.originBase[model.pools.length] = origins.length;
    this.origins = origins;
    this.originCount = origins.length;
    const way = world.links.get('edge-origin');
    this.link = new LinkState(way?.delayUs, way?.rate ?? 0);
    this.railgunModel = new RailgunModel(world.railgun, places.count, () => scheduler.now(), random.fork('railgun'));
    this.#roundTrips = new Float64Array(places.count * Math.max(1, model.pools.length));
  }

  /** There and back between a PoP and a pool, µs. */
  roundTripUs(popIndex: number, poolIndex: number): number {
    const { addDelayUs, loss } = this.link;
    if (this.#roundTripsOf.add !== addDelayUs || this.#roundTripsOf.loss !== loss) {
      this.#roundTrips.fill(0);
      this.#roundTripsOf = { add: addDelayUs, loss };
    }
    const at = popIndex * this.#model.pools.length + poolIndex;
    const known = this.#roundTrips[at]!;
    if (known > 0) return known;
    const pool = this.#model.pools[poolIndex]!;
    const distance =
      pool.latitude === undefined || pool.longitude === undefined
        ? undefined
        : this.#places.distanceKm(popIndex, pool.latitude, pool.longitude);
    const roundTrip = Math.max(1, this.link.roundTripUs(distance));
    this.#roundTrips[at] = roundTrip;
    return roundTrip;
  }

  // FaultWorld

  originsOf(target: Target): readonly number[] {
    const [first = '', second] = target.name.split('/');
    const found: number[] = [];
    this.#model.pools.forEach((pool, poolIndex) => {
      const poolNamed = pool.id === first || pool.name === first;
      pool.origins.forEach((origin, index) => {
        const named =
          target.kind === 'pool'
            ? target.name === 'all' || poolNamed
            : second === undefined
              ? origin.name === first || origin.address === first
              : poolNamed && (origin.name === second || origin.address === second);
        if (named) found.push(this.originBase[poolIndex]! + index);
      });
    });
    return found;
  }

  originsAt(target: Target): readonly SimOrigin[] {
    return this.originsOf(target).map((number) => this.origins[number]!);
  }

  railgun(): RailgunModel {
    return this.railgunModel;
  }

  setWithdrawn(target: Target, withdrawn: boolean): void {
    for (const pop of this.popsOf(target)) {
      const held = (this.#withdrawals.get(pop) ?? 0) + (withdrawn ? 1 : -1);
      this.#withdrawals.set(pop, held);
      if (held > 0) this.withdrawn.add(pop);
      else this.withdrawn.delete(pop);
    }
    this.onPlacesChanged();
  }

  popsOf(target: Target): readonly number[] {
    if (target.kind === 'region') return this.#places.popsOfRegion(target.name);
    const one = this.#places.indexOf(target.name);
    return one === undefined ? [] : [one];
  }

  setIgnoreTtl(ignore: boolean): void {
    this.#ignoringTtl += ignore ? 1 : -1;
    this.onIgnoreTtl(this.#ignoringTtl > 0);
  }
}

interface LinkFingerprint {
  readonly add: number;
  readonly loss: number;
}
