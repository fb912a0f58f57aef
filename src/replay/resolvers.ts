/**
 * How clients of a DNS-only balancer find an origin: by the answer that their resolver holds. Each PoP has a few resolvers per traffic
 * source; each keeps an answer for its TTL (as given, clamped, or for ever), so that failover is as slow as it really would be. A resolver
 * asks only when it must, and steering is asked only then.
 */
import type { Decision, Rung } from '../core/decision.ts';
import type { Location } from '../core/location.ts';
import type { Model, Pool } from '../core/model.ts';
import type { Random } from '../core/random.ts';
import type { DnsSummary } from '../core/report.ts';
import { US_PER_SECOND } from '../core/time.ts';
import { hashAddress } from '../steering/hash.ts';
import type { Arrival } from './arrivals.ts';
import { type Flights, candidatesText } from './flights.ts';
import type { ResolverPolicy } from './scenario.ts';
import type { SimWorld } from './sim-world.ts';

export interface ResolvedRequest {
  /** -1 = no address: see `served`. */
  pool: number;
  origin: number;
  decision: Decision;
  /** The zone's own record answers, which is none of our origins. */
  served: boolean;
  /** The answer is older than a change of health: steering would say something else by now. */
  stale: boolean;
  candidates: string;
}

interface CachedAnswer {
  expiresAt: number;
  healthVersion: number;
  decision: Decision;
  pool: number;
  origins: readonly number[];
  next: number;
  candidates: string;
}

interface Source {
  readonly first: number;
  readonly policy: ResolverPolicy;
  readonly perPop: number;
  readonly cache: Map<number, CachedAnswer>;
}

export class ResolverFleet {
  #model: Model;
  readonly #world: SimWorld;
  readonly #random: Random;
  readonly #sources: Source[] = [];
  readonly #result: ResolvedRequest;
  #queries = 0;
  #hits = 0;
  #stale = 0;
  #soa = 0;

  constructor(world: SimWorld, model: Model, random: Random) {
    this.#world = world;
    this.#model = model;
    this.#random = random;
    this.#result = {
      pool: -1,
      origin: -1,
      decision: { kind: 'none', because: 'nothing_may_serve' },
      served: false,
      stale: false,
      candidates: '',
    };
  }

  /** Sources come in the order of their first clients; logs, whose clients appear later, come last of all. */
  addSource(_index: number, first: number, policy: ResolverPolicy, perPop: number): void {
    this.#sources.push({ first, policy, perPop, cache: new Map() });
  }

  adopt(model: Model): void {
    this.#model = model;
  }

  summary(): DnsSummary {
    return { queries: this.#queries, cacheHits: this.#hits, staleRequests: this.#stale, soaAnswers: this.#soa };
  }

  lookup(arrival: Arrival, location: Location, flights: Flights, healthVersion: number): ResolvedRequest {
    const source = this.#sourceOf(arrival.client);
    const resolver = source.perPop > 1 ? arrival.client % source.perPop : 0;
    const key = (arrival.balancer * source.perPop + resolver) * 512 + location.popIndex;
    let cached = source.cache.get(key);
    if (cached === undefined || (arrival.at >= cached.expiresAt && !this.#world.ignoreTtl)) {
      cached = this.#ask(arrival, location, flights, source, resolver, healthVersion);
      source.cache.set(key, cached);
    } else {
      this.#hits += 1;
    }
    const result = this.#result;
    result.decision = cached.decision;
    result.candidates = cached.candidates;
    result.pool = cached.pool;
    result.served = cached.decision.kind === 'records';
    result.stale = cached.healthVersion !== healthVersion;
    if (cached.origins.length === 0) {
      result.origin = -1;
      return result;
    }
    // Several addresses: clients start at a random one and do not go on to the next.
    const at = cached.origins.length > 1 ? this.#random.below(cached.origins.length) : 0;
    result.origin = cached.origins[at]!;
    if (result.stale) this.#stale += 1;
    return result;
  }

  #ask(
    arrival: Arrival,
    location: Location,
    flights: Flights,
    source: Source,
    resolver: number,
    healthVersion: number,
  ): CachedAnswer {
    this.#queries += 1;
    const balancer = this.#model.loadBalancers[arrival.balancer]!;
    const address = `192.0.2.${(resolver % 254) + 1}`;
    const rungs: Rung[] = [];
    const decision = flights.steerQuery(arrival.balancer, location, address, hashAddress(address), arrival.at, rungs);
    const toOrigin = decision.kind === 'origin' || decision.kind === 'fallback';
    const pool = toOrigin ? this.#model.pools[decision.pool]! : undefined;
    const origins =
      decision.kind === 'origin' || decision.kind === 'fallback'
        ? answerSet(pool!, decision.pool, decision.origin, decision.kind === 'fallback', location, flights)
        : [];
    if (!toOrigin) this.#soa += 1;
    const ttlUs = (toOrigin ? balancer.ttlSeconds : this.#negativeSeconds(balancer.name)) * US_PER_SECOND;
    const { kind, minUs, maxUs } = source.policy;
    const keepUs = kind === 'ignore' ? Number.MAX_SAFE_INTEGER : Math.min(Math.max(ttlUs, minUs), maxUs);
    return {
      expiresAt: arrival.at + keepUs,
      healthVersion,
      decision,
      pool: toOrigin ? decision.pool : -1,
      origins,
      next: 0,
      candidates: candidatesText(rungs),
    };
  }

  #negativeSeconds(name: string): number {
    const zone = this.#model.zones.find((one) => name === one.name || name.endsWith(`.${one.name}`));
    return zone?.soa.minimum ?? 60;
  }

  #sourceOf(client: number): Source {
    let found = this.#sources[0]!;
    for (const source of this.#sources) {
      if (source.first <= client && (source.first > found.first || found.first > client)) found = source;
    }
    if (found.first > client) {
      const log = this.#sources.find((source) => source.first === Number.MAX_SAFE_INTEGER);
      if (log !== undefined) return log;
    }
    return found;
  }
}

/** Spec 4.4: every usable address where weights are equal, exactly one where they differ (LB-058, LB-059, LB-060). */
function answerSet(
  pool: Pool,
  poolIndex: number,
  chosen: number,
  fallback: boolean,
  location: Location,
  flights: Flights,
): readonly number[] {
  const usable: number[] = [];
  pool.origins.forEach((origin, index) => {
    if (!origin.enabled || origin.weight <= 0) return;
    const health = fallback ? 'healthy' : flights.originHealth(poolIndex, index, location);
    if (health === 'healthy' || health === 'unmonitored') usable.push(index);
  });
  const equal = usable.every((index) => pool.origins[index]!.weight === pool.origins[usable[0]!]!.weight);
  return equal && usable.length > 0 ? usable : [chosen];
}
