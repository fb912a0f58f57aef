/**
 * How clients of a DNS-only balancer find an origin: by the answer that their resolver holds. Each PoP has a few resolvers per traffic
 * source, each with a cache that honours, clamps or ignores the TTL, so that failover is as slow as it really would be. The answers
 * are the real ones (`edge/dns-answer.ts`), asked for only when a resolver holds none.
 */
import type { Rung } from '../core/decision.ts';
import type { Location } from '../core/location.ts';
import type { Model } from '../core/model.ts';
import type { Random } from '../core/random.ts';
import type { DnsSummary } from '../core/report.ts';
import { US_PER_SECOND } from '../core/time.ts';
import { type DnsAnswer, type DnsWorld, answerQuestion } from '../edge/dns-answer.ts';
import { type NameIndex, indexNames } from '../edge/records.ts';
import type { Locator } from '../geo/locate.ts';
import { ResolverCaches, type TtlPolicy } from '../sim/resolver.ts';
import { hashAddress } from '../steering/hash.ts';
import { POPS } from '../geo/tables.ts';
import type { Arrival } from './arrivals.ts';
import { candidatesText } from './candidates-text.ts';
import type { Flights } from './flights.ts';
import type { ResolverPolicy } from './scenario.ts';

/** Answers of the edge towards resolvers; nobody connects to them here. */
const EDGE = { v4: ['192.0.2.1'], v6: ['2001:db8::1'] };
/** Where a host-name origin is said to be: the model knows origins by number, not by address. */
const ANY_ADDRESS = ['192.0.2.2'];

export interface ResolvedRequest {
  /** -1 = no address of ours: see `served`. */
  readonly pool: number;
  readonly origin: number;
  readonly answer: HeldAnswer;
  /** Steering would answer otherwise by now: health or configuration has changed since. */
  readonly stale: boolean;
}

export interface HeldAnswer {
  readonly dns: DnsAnswer;
  readonly pool: number;
  /** Origins whose addresses are in the answer. */
  readonly origins: readonly number[];
  /** The zone's own record answers, which is none of our origins. */
  readonly served: boolean;
  readonly candidates: string;
  readonly healthVersion: number;
  readonly epoch: number;
}

interface Source {
  readonly perPop: number;
  readonly caches: ResolverCaches<HeldAnswer>;
}

export class ResolverFleet {
  #model: Model;
  #names: NameIndex;
  /** Grows with each change of the configuration. */
  #epoch = 0;
  readonly #locator: Locator;
  readonly #random: Random;
  readonly #sources: Source[] = [];
  #stale = 0;
  #negative = 0;

  constructor(model: Model, locator: Locator, random: Random) {
    this.#model = model;
    this.#names = indexNames(model);
    this.#locator = locator;
    this.#random = random;
  }

  /** In the order of the traffic sources; the number returned goes into `Arrival.source`. */
  addSource(policy: ResolverPolicy, perPop: number): number {
    const policies = Array.from({ length: POPS.length * perPop }, () => ttlPolicy(policy));
    this.#sources.push({ perPop, caches: new ResolverCaches(policies, Math.max(1, this.#model.loadBalancers.length)) });
    return this.#sources.length - 1;
  }

  adopt(model: Model): void {
    this.#model = model;
    this.#names = indexNames(model);
    this.#epoch += 1;
  }

  setIgnoreTtl(ignore: boolean): void {
    for (const { caches } of this.#sources) caches.setIgnoreTtl(ignore);
  }

  summary(): DnsSummary {
    let queries = 0;
    let cacheHits = 0;
    for (const { caches } of this.#sources) {
      queries += caches.counts.misses;
      cacheHits += caches.counts.hits;
    }
    return { queries, cacheHits, staleRequests: this.#stale, soaAnswers: this.#negative };
  }

  lookup(arrival: Arrival, location: Location, flights: Flights, healthVersion: number): ResolvedRequest {
    const source = this.#sources[arrival.source]!;
    const resolver = location.popIndex * source.perPop + (arrival.client % source.perPop);
    const now = arrival.at;
    let held = source.caches.get(resolver, arrival.balancer, now);
    if (held === undefined) {
      held = this.#ask(arrival, location, flights, resolver, healthVersion);
      const { ttlSeconds } = held.dns;
      source.caches.put(resolver, arrival.balancer, held, ttlSeconds, held.origins.length === 0, now);
    }
    const stale = held.healthVersion !== healthVersion || held.epoch !== this.#epoch;
    if (stale) this.#stale += 1;
    const { origins, pool } = held;
    // Of several addresses a client takes a random one, and does not go on to the next when it fails.
    const origin = origins.length === 0 ? -1 : origins[origins.length > 1 ? this.#random.below(origins.length) : 0]!;
    return { pool, origin, answer: held, stale };
  }

  #ask(arrival: Arrival, location: Location, flights: Flights, resolver: number, healthVersion: number): HeldAnswer {
    const rungs: Rung[] = [];
    const world: DnsWorld = {
      locator: this.#locator,
      health: flights.health,
      names: { resolves: () => true, addresses: () => ANY_ADDRESS },
      random: this.#random,
      edge: EDGE,
      steer: (balancer, query) => {
        rungs.length = 0;
        return flights.steerQuery(
          balancer,
          query.location,
          query.resolver,
          hashAddress(query.resolver),
          arrival.at,
          rungs,
        );
      },
    };
    const { latitude, longitude, country } = location;
    const dns = answerQuestion(
      this.#names,
      {
        name: this.#model.loadBalancers[arrival.balancer]!.name,
        type: 'A',
        resolver: `2001:db8:53::${resolver.toString(16)}`,
        resolverPlace: { country, latitude, longitude, assumed: [] },
        pop: location.pop,
      },
      world,
    );
    const origins = dns.answers.flatMap((record) => ('origin' in record && record.origin >= 0 ? [record.origin] : []));
    const { decision } = dns;
    const reached = decision?.kind === 'origin' || decision?.kind === 'fallback';
    if (dns.answers.length === 0) this.#negative += 1;
    return {
      dns,
      pool: reached ? decision.pool : -1,
      origins: reached ? origins : [],
      served: dns.answers.length > 0,
      candidates: candidatesText(rungs),
      healthVersion,
      epoch: this.#epoch,
    };
  }
}

function ttlPolicy({ kind, minUs, maxUs }: ResolverPolicy): TtlPolicy {
  switch (kind) {
    case 'honour':
      return { kind };
    case 'clamp':
      return { kind, minimumSeconds: minUs / US_PER_SECOND, maximumSeconds: maxUs / US_PER_SECOND };
    case 'ignore':
      return { kind: 'stick', seconds: Number.MAX_SAFE_INTEGER / (4 * US_PER_SECOND) };
  }
}
