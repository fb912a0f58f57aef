/**
 * The caching resolvers of a run: as many per PoP and traffic source as the scenario says, each keeping what it hears for the TTL, or for
 * what the scenario makes of it (`sim/resolver.ts`). What an answer is, and whom they ask for it, is up to replay and drill: `resolvers.ts`
 * in either room.
 */
import type { DnsSummary } from '../core/report.ts';
import { US_PER_SECOND } from '../core/time.ts';
import { POPS } from '../geo/tables.ts';
import { ResolverCaches, type TtlPolicy } from '../sim/resolver.ts';
import { mix } from '../steering/hash.ts';
import type { ResolverPolicy } from './scenario.ts';

interface Source<Answer> {
  readonly perPop: number;
  readonly caches: ResolverCaches<Answer>;
  /** Questions so far, by resolver and name. */
  readonly asked: Map<number, number>;
}

export class ResolverSources<Answer> {
  /** Requests that went by an answer which would be another by now. */
  staleRequests = 0;
  /** Questions that were answered with the zone's SOA. */
  soaAnswers = 0;
  readonly #names: number;
  readonly #sources: Source<Answer>[] = [];

  /** @param names How many names can be asked for: the load balancers. */
  constructor(names: number) {
    this.#names = Math.max(1, names);
  }

  /** In the order of the traffic sources; the number returned goes into `Arrival.source`. */
  add(policy: ResolverPolicy, perPop: number): number {
    const policies = Array.from({ length: POPS.length * perPop }, () => ttlPolicy(policy));
    this.#sources.push({ perPop, caches: new ResolverCaches(policies, this.#names), asked: new Map() });
    return this.#sources.length - 1;
  }

  /** The fault `ignore_ttl`. */
  setIgnoreTtl(ignore: boolean): void {
    for (const { caches } of this.#sources) caches.setIgnoreTtl(ignore);
  }

  cachesOf(source: number): ResolverCaches<Answer> {
    return this.#sources[source]!.caches;
  }

  /** Which resolver of a source a client asks at this PoP. */
  resolverOf(source: number, popIndex: number, client: number): number {
    const { perPop } = this.#sources[source]!;
    return popIndex * perPop + (client % perPop);
  }

  /**
   * Whom the draws of a resolver's next question are about: the how-manyth it asks for this name. 16 bits, so that a drill can tell the
   * edge in the message's id.
   */
  questionOf(source: number, resolver: number, balancer: number): number {
    const { asked } = this.#sources[source]!;
    const slot = resolver * this.#names + balancer;
    const before = asked.get(slot) ?? 0;
    asked.set(slot, before + 1);
    return mix(mix(source, slot), before) & 0xffff;
  }

  summary(): DnsSummary {
    let queries = 0;
    let cacheHits = 0;
    for (const { caches } of this.#sources) {
      queries += caches.counts.misses;
      cacheHits += caches.counts.hits;
    }
    return { queries, cacheHits, staleRequests: this.staleRequests, soaAnswers: this.soaAnswers };
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
