/**
 * Caching resolvers of a drill: those of the replay (`replay/resolver-sources.ts`), each asking the real DNS server of its edge. Questions
 * that several clients have at one moment are asked once.
 */
import { Draws, PART } from '../core/draws.ts';
import type { Model } from '../core/model.ts';
import type { Random } from '../core/random.ts';
import type { DnsSummary } from '../core/report.ts';
import type { Micros } from '../core/time.ts';
import { ResolverSources } from '../replay/resolver-sources.ts';
import type { ResolverPolicy } from '../replay/scenario.ts';
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

/** Who asks what: a resolver of a source, and a load balancer's name. */
interface Query {
  readonly source: number;
  readonly resolver: number;
  readonly balancer: number;
}

export interface ResolverWorld {
  now(): Micros;
  /** Grows whenever health or configuration of this PoP's edge changes. */
  version(popIndex: number): number;
  readonly ask: Ask;
}

export class DrillResolvers {
  readonly #model: Model;
  /** Which address of an answer a client takes: as in the replay. */
  readonly #draws: Draws;
  readonly #world: ResolverWorld;
  readonly #sources: ResolverSources<Held>;
  readonly #asking = new Map<string, Promise<Held | undefined>>();
  #ignoring = 0;

  constructor(model: Model, random: Random, world: ResolverWorld) {
    this.#model = model;
    this.#draws = new Draws(random);
    this.#world = world;
    this.#sources = new ResolverSources(model.loadBalancers.length);
  }

  addSource(policy: ResolverPolicy, perPop: number): number {
    return this.#sources.add(policy, perPop);
  }

  /** The fault `ignore_ttl`; several may overlap. */
  ignoreTtl(on: boolean): void {
    this.#ignoring += on ? 1 : -1;
    this.#sources.setIgnoreTtl(this.#ignoring > 0);
  }

  summary(): DnsSummary {
    return this.#sources.summary();
  }

  async lookup(
    at: { readonly source: number; readonly client: number; readonly balancer: number; readonly key: number },
    popIndex: number,
    server: Endpoint | undefined,
  ): Promise<Resolved> {
    const { source, client, balancer } = at;
    const resolver = this.#sources.resolverOf(source, popIndex, client);
    let held = this.#sources.cachesOf(source).get(resolver, balancer, this.#world.now());
    if (held === undefined) {
      const slot = `${source} ${resolver} ${balancer}`;
      let asking = this.#asking.get(slot);
      if (asking === undefined) {
        asking = this.#ask({ source, resolver, balancer }, popIndex, server).finally(() => this.#asking.delete(slot));
        this.#asking.set(slot, asking);
      }
      held = await asking;
    }
    if (held === undefined) return { address: undefined, stale: false };
    const stale = held.version !== this.#world.version(popIndex);
    if (stale) this.#sources.staleRequests += 1;
    const { addresses } = held;
    const taken = addresses.length > 1 ? this.#draws.about(at.key, PART.dns).below(addresses.length) : 0;
    const address = addresses[taken];
    return { address, stale };
  }

  async #ask(query: Query, popIndex: number, server: Endpoint | undefined): Promise<Held | undefined> {
    if (server === undefined) return undefined;
    const { source, resolver, balancer } = query;
    const version = this.#world.version(popIndex);
    const question = this.#sources.questionOf(source, resolver, balancer);
    const reply = await this.#world.ask(server, this.#model.loadBalancers[balancer]!.name, question);
    // Silence is not kept: the next client asks again.
    if (reply === undefined) return undefined;
    const negative = reply.addresses.length === 0;
    if (negative) this.#sources.soaAnswers += 1;
    const held = { addresses: reply.addresses, version };
    this.#sources.cachesOf(source).put(resolver, balancer, held, reply.ttlSeconds, negative, this.#world.now());
    return held;
  }
}
