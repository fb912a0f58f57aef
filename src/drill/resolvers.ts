/**
 * Caching resolvers of a drill: as many per PoP as the scenario says, each asking the real DNS server of its edge and keeping what it hears
 * for the TTL, or for what the scenario makes of it (`sim/resolver.ts`, the same caches as in the replay). Questions that several clients
 * have at one moment are asked once.
 */
import type { Model } from '../core/model.ts';
import type { Random } from '../core/random.ts';
import type { DnsSummary } from '../core/report.ts';
import { type Micros, US_PER_SECOND } from '../core/time.ts';
import { POPS } from '../geo/tables.ts';
import type { ResolverPolicy } from '../replay/scenario.ts';
import { ResolverCaches, type TtlPolicy } from '../sim/resolver.ts';
import type { Endpoint } from './lab.ts';
import type { Ask } from './wire.ts';

interface Held {
  readonly addresses: readonly string[];
  /** Counts health changes and configurations; another number now means that steering may say otherwise by now. */
  readonly version: number;
}

export interface Resolved {
  /** `undefined` = no such name, nothing may serve, or nobody answered. */
  readonly address: string | undefined;
  readonly stale: boolean;
}

interface Source {
  readonly perPop: number;
  readonly caches: ResolverCaches<Held>;
  readonly asking: Map<number, Promise<Held | undefined>>;
}

export interface ResolverWorld {
  now(): Micros;
  /** Grows whenever health or configuration of this PoP's edge changes. */
  version(popIndex: number): number;
  readonly ask: Ask;
}

export class DrillResolvers {
  readonly #model: Model;
  readonly #random: Random;
  readonly #world: ResolverWorld;
  readonly #sources: Source[] = [];
  #ignoring = 0;
  #stale = 0;
  #negative = 0;

  constructor(model: Model, random: Random, world: ResolverWorld) {
    this.#model = model;
    this.#random = random;
    this.#world = world;
  }

  addSource(policy: ResolverPolicy, perPop: number): number {
    const policies = Array.from({ length: POPS.length * perPop }, () => ttlPolicy(policy));
    const names = Math.max(1, this.#model.loadBalancers.length);
    this.#sources.push({ perPop, caches: new ResolverCaches(policies, names), asking: new Map() });
    return this.#sources.length - 1;
  }

  /** The fault `ignore_ttl`; several may overlap. */
  ignoreTtl(on: boolean): void {
    this.#ignoring += on ? 1 : -1;
    for (const { caches } of this.#sources) caches.setIgnoreTtl(this.#ignoring > 0);
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

  async lookup(
    at: { readonly source: number; readonly client: number; readonly balancer: number },
    popIndex: number,
    server: Endpoint | undefined,
  ): Promise<Resolved> {
    const source = this.#sources[at.source]!;
    const resolver = popIndex * source.perPop + (at.client % source.perPop);
    let held = source.caches.get(resolver, at.balancer, this.#world.now());
    if (held === undefined) {
      const slot = resolver * this.#model.loadBalancers.length + at.balancer;
      let asking = source.asking.get(slot);
      if (asking === undefined) {
        asking = this.#ask(source, resolver, at.balancer, popIndex, server).finally(() => source.asking.delete(slot));
        source.asking.set(slot, asking);
      }
      held = await asking;
    }
    if (held === undefined) return { address: undefined, stale: false };
    const stale = held.version !== this.#world.version(popIndex);
    if (stale) this.#stale += 1;
    const { addresses } = held;
    const address = addresses.length === 0 ? undefined : addresses[this.#random.below(addresses.length)];
    return { address, stale };
  }

  async #ask(
    source: Source,
    resolver: number,
    balancer: number,
    popIndex: number,
    server: Endpoint | undefined,
  ): Promise<Held | undefined> {
    if (server === undefined) return undefined;
    const version = this.#world.version(popIndex);
    const reply = await this.#world.ask(server, this.#model.loadBalancers[balancer]!.name);
    // Silence is not kept: the next client asks again.
    if (reply === undefined) return undefined;
    const negative = reply.addresses.length === 0;
    if (negative) this.#negative += 1;
    const held = { addresses: reply.addresses, version };
    source.caches.put(resolver, balancer, held, reply.ttlSeconds, negative, this.#world.now());
    return held;
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
