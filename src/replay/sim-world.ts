/**
 * The simulated world of one run: origins with their faults, the ways between PoPs and pools, the Railgun link, PoPs that were
 * withdrawn. Origins are also known by one number across all pools (`originBase[pool] + origin`), so that the run can count in
 * typed arrays. Faults reach the world through `FaultWorld`.
 */
import type { Model } from '../core/model.ts';
import type { WireSummary } from '../core/report.ts';
import { type Random, seededRandom } from '../core/random.ts';
import type { Scheduler } from '../core/ports.ts';
import type { FaultWorld, Target } from '../sim/faults/fault.ts';
import { LinkState } from '../sim/link.ts';
import { SimOrigin } from '../sim/origin.ts';
import { Bodies, type PageSource } from '../sim/bodies.ts';
import { RailgunEstate } from '../sim/railgun-estate.ts';
import type { PageShare } from '../sim/page-shares.ts';
import { RailgunModel } from '../sim/railgun-model.ts';
import { type WireEvents, WireLink } from '../sim/wire/wire-link.ts';
import { originsNamed, traitsOfOrigin } from './named-origins.ts';
import type { World } from './scenario.ts';

export interface PlaceTable {
  readonly count: number;
  codeOf(popIndex: number): string;
  /** Great-circle distance from a PoP to a point, km. */
  distanceKm(popIndex: number, latitude: number, longitude: number): number;
  /** PoPs of a region code, by index. */
  popsOfRegion(region: string): readonly number[];
  indexOf(code: string): number | undefined;
}

/** The pages of a run, and who plays the link with them. */
export interface LinkPlan {
  /** Timers that the wire's machines may set. */
  readonly wireTimers: Scheduler;
  readonly seed: string;
  readonly pages: readonly (PageSource & { readonly share: PageShare })[];
  /** The scenario says what its pages are: their own sizes count where a request states none. */
  readonly ownPages: boolean;
  /** Lanes draw their back-off as those of a live edge with this seed (`serve --seed`) do; when left out, from the run's own. */
  readonly edgeSeed?: string | undefined;
}

export class SimWorld implements FaultWorld {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly origins: readonly SimOrigin[];
  readonly originCount: number;
  /** Global number of the first origin of each pool. */
  readonly originBase: Int32Array;
  readonly link: LinkState;
  readonly estate: RailgunEstate;
  readonly railgunModel: RailgunModel;
  /** Opened with the first request that is to be played at wire fidelity. */
  wire: WireLink | undefined;
  readonly bodies: Bodies;
  readonly #plan: LinkPlan;
  readonly #addresses = new Map<string, number[]>();
  readonly withdrawn = new Set<number>();
  /** Edges that are down, with the moment they went; and the moment at which an edge that had been down came back. */
  readonly crashed = new Map<number, number>();
  readonly crashes = new Map<number, number>();
  /** Some edge has been down at some time: without it nobody need look into the two. */
  edgesFell = false;
  /** How many faults hold each PoP out, and how many make resolvers ignore the TTL: the last one to end gives back. */
  readonly #withdrawals = new Map<number, number>();
  readonly #crashes = new Map<number, number>();
  #ignoringTtl = 0;
  /** Called after a PoP was withdrawn or came back. */
  onPlacesChanged: () => void = () => {};
  onIgnoreTtl: (ignore: boolean) => void = () => {};
  readonly #model: Model;
  readonly #railgunRandom: Random;
  readonly #places: PlaceTable;
  readonly #roundTrips: Float64Array;
  #roundTripsOf: LinkFingerprint = { add: -1, loss: -1 };

  constructor(model: Model, world: World, places: PlaceTable, scheduler: Scheduler, random: Random, plan: LinkPlan) {
    this.#plan = plan;
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
        const traits = traitsOfOrigin(world, pool, origin);
        this.#addresses.set(origin.address, [...(this.#addresses.get(origin.address) ?? []), origins.length]);
        origins.push(new SimOrigin(traits, chance.fork(`${pool.id}/${origin.name}`)));
      }
    });
    this.originBase[model.pools.length] = origins.length;
    this.origins = origins;
    this.originCount = origins.length;
    const way = world.links.get('edge-origin');
    this.link = new LinkState(way?.delayUs, way?.rate ?? 0);
    const serving = model.loadBalancers.some((balancer) => balancer.railgun !== undefined && balancer.proxied);
    this.estate = new RailgunEstate(world.railgun, scheduler, serving, world.startUp.listener);
    const startUs = scheduler.now();
    const { pages } = plan;
    this.railgunModel = new RailgunModel({
      ...{ link: this.link, estate: this.estate, scheduler, startUs },
      placeRandom: (pop) => this.#placeRandom(pop),
      pages: {
        shareOf: (page) => pages[(page >>> 0) % pages.length]!.share,
        everyUs: (page) => pages[(page >>> 0) % pages.length]!.everyUs,
      },
    });
    this.bodies = new Bodies(pages, plan.seed, startUs, random.fork('bodies'));
    this.#railgunRandom = random.fork('railgun');
    this.#roundTrips = new Float64Array(places.count * Math.max(1, model.pools.length));
  }

  /** The names on the way are those of `serve` (cli/serve/links.ts, live/railgun/link-transport.ts). */
  #placeRandom(pop: number): Random {
    const { edgeSeed } = this.#plan;
    const id = this.#model.loadBalancers.find(
      (balancer) => balancer.proxied && balancer.railgun !== undefined,
    )?.railgun;
    if (edgeSeed === undefined || id === undefined) return this.#railgunRandom.fork(this.#places.codeOf(pop));
    return seededRandom(edgeSeed).fork('railguns').fork(`railgun ${id}`);
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
    return originsNamed(this.#model, target);
  }

  originsAt(target: Target): readonly SimOrigin[] {
    return this.originsOf(target).map((number) => this.origins[number]!);
  }

  railgun(): RailgunEstate {
    return this.estate;
  }

  /** The real machines; lanes of theirs are others than those of requests at flow fidelity. */
  openWire(events: WireEvents, onLane: WireLink['onLane']): WireLink {
    const { estate, link, bodies, origins } = this;
    this.wire ??= new WireLink(
      {
        ...{ estate, link, bodies, origins },
        scheduler: this.#plan.wireTimers,
        random: this.#railgunRandom,
        originsAtAddress: (address) => this.#addresses.get(address) ?? [],
        placeName: (pop) => this.#places.codeOf(pop),
        placeRandom: (pop) => this.#placeRandom(pop),
      },
      events,
    );
    this.wire.onLane = onLane;
    return this.wire;
  }

  /** Of both fidelities together; `wire` only when anything crossed as real bytes. */
  lanes(): { readonly lanesOpened: number; readonly lanesLost: number; readonly wire?: WireSummary } {
    const { railgunModel: flow, wire } = this;
    if (wire === undefined) return { lanesOpened: flow.lanesOpened, lanesLost: flow.lanesLost };
    return {
      lanesOpened: flow.lanesOpened + wire.lanesOpened,
      lanesLost: flow.lanesLost + wire.lanesLost,
      wire: { ...wire.modes, laneBytes: wire.laneBytes },
    };
  }

  /** Body bytes of a page whose request states none. */
  pageBytes(page: number, now: number): number {
    return this.#plan.ownPages ? this.bodies.body(page, now, 0).length : 0;
  }

  /** The origin that a listener with a map file calls instead; -1 = nobody has the address in its map (spec 2.5). */
  mapped(listener: number, host: string, number: number): number {
    const nat = this.estate.natOf(listener);
    if (nat === undefined) return number;
    const target = nat.entries.get(`${host}:443`) ?? nat.entries.get(host) ?? nat.fallback;
    const there = target === undefined ? undefined : this.#addresses.get(target.address);
    if (target === undefined) return number;
    return there === undefined ? -1 : there.includes(number) ? number : there[0]!;
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

  setCrashed(target: Target, crashed: boolean): void {
    this.edgesFell = true;
    for (const pop of this.popsOf(target)) {
      const held = (this.#crashes.get(pop) ?? 0) + (crashed ? 1 : -1);
      this.#crashes.set(pop, held);
      if (held > 0 && !this.crashed.has(pop)) this.crashed.set(pop, this.scheduler.now());
      else if (held === 0) {
        this.crashed.delete(pop);
        this.crashes.set(pop, this.scheduler.now());
      }
    }
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
