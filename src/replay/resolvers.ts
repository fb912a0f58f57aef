/**
 * How clients of a DNS-only balancer find an origin: by the answer that their resolver holds. Each PoP has a few resolvers per traffic
 * source, each with a cache that honours, clamps or ignores the TTL, so that failover is as slow as it really would be. The answers
 * are the real ones (`edge/dns-answer.ts`), asked for only when a resolver holds none.
 */
import type { Rung } from '../core/decision.ts';
import { Draws, PART } from '../core/draws.ts';
import type { Location } from '../core/location.ts';
import type { Model } from '../core/model.ts';
import type { Random } from '../core/random.ts';
import type { DnsSummary } from '../core/report.ts';
import { type DnsAnswer, type DnsWorld, answerQuestion } from '../edge/dns-answer.ts';
import { type NameIndex, indexNames } from '../edge/records.ts';
import type { Locator } from '../geo/locate.ts';
import { hashAddress } from '../steering/hash.ts';
import type { Arrival } from './arrivals.ts';
import { candidatesText } from '../steering/candidates-text.ts';
import type { Flights } from './flights.ts';
import { ResolverSources } from './resolver-sources.ts';
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

export class ResolverFleet {
  #model: Model;
  #names: NameIndex;
  /** Grows with each change of the configuration. */
  #epoch = 0;
  readonly #locator: Locator;
  /** Which address of an answer a client takes. */
  readonly #draws: Draws;
  readonly #sources: ResolverSources<HeldAnswer>;

  constructor(model: Model, locator: Locator, random: Random) {
    this.#model = model;
    this.#names = indexNames(model);
    this.#locator = locator;
    this.#draws = new Draws(random);
    this.#sources = new ResolverSources(model.loadBalancers.length);
  }

  addSource(policy: ResolverPolicy, perPop: number): number {
    return this.#sources.add(policy, perPop);
  }

  adopt(model: Model): void {
    this.#model = model;
    this.#names = indexNames(model);
    this.#epoch += 1;
  }

  setIgnoreTtl(ignore: boolean): void {
    this.#sources.setIgnoreTtl(ignore);
  }

  summary(): DnsSummary {
    return this.#sources.summary();
  }

  lookup(arrival: Arrival, location: Location, flights: Flights, healthVersion: number): ResolvedRequest {
    const caches = this.#sources.cachesOf(arrival.source);
    const resolver = this.#sources.resolverOf(arrival.source, location.popIndex, arrival.client);
    const now = arrival.at;
    let held = caches.get(resolver, arrival.balancer, now);
    if (held === undefined) {
      held = this.#ask(arrival, location, flights, resolver, healthVersion);
      const { ttlSeconds } = held.dns;
      caches.put(resolver, arrival.balancer, held, ttlSeconds, held.origins.length === 0, now);
    }
    const stale = held.healthVersion !== healthVersion || held.epoch !== this.#epoch;
    if (stale) this.#sources.staleRequests += 1;
    const { origins, pool } = held;
    // Of several addresses a client takes a random one, and does not go on to the next when it fails.
    const taken = origins.length > 1 ? this.#draws.about(arrival.key, PART.dns).below(origins.length) : 0;
    const origin = origins[taken] ?? -1;
    return { pool, origin, answer: held, stale };
  }

  #ask(arrival: Arrival, location: Location, flights: Flights, resolver: number, healthVersion: number): HeldAnswer {
    const rungs: Rung[] = [];
    const question = this.#sources.questionOf(arrival.source, resolver, arrival.balancer);
    const world: DnsWorld = {
      locator: this.#locator,
      health: flights.health,
      names: { resolves: () => true, addresses: () => ANY_ADDRESS },
      random: flights.draws.about(question, PART.dns),
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
    if (dns.answers.length === 0) this.#sources.soaAnswers += 1;
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
