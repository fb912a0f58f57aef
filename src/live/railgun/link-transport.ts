/**
 * The `railgun` transport of the proxy engine: requests through the links of one edge place. Whether a lane is there is known before
 * anything is sent, so a request that cannot travel fails at once as `unavailable`, with the reason that its answer will show, and the
 * edge goes on over HTTP/1.1. No request waits for a lane.
 *
 *     createRailgunTransport(options) ─► transports: new Map([['railgun', transport]])
 */
import { isIP } from 'node:net';
import { assert } from '../../core/assert.ts';
import type { Scheduler } from '../../core/ports.ts';
import type { Random } from '../../core/random.ts';
import type { LanePoolOptions } from '../../railgun/lanes.ts';
import { CLASSIC_LIMITS, RGX_LIMITS } from '../../railgun/limits.ts';
import type { Attempt } from '../proxy/brain.ts';
import type { Resolver } from '../proxy/resolver.ts';
import type { LegResult, LegSink, OriginTransport } from '../proxy/transport.ts';
import { LinkCounts } from './link-counts.ts';
import { LinkDriver, type LinkNews } from './link-driver.ts';
import { LinkLeg, type LinkTarget } from './link-leg.ts';
import type { PageStore } from './page-store.ts';

/** A Railgun as the configuration names it (`core/model.ts`). */
export interface LinkAddress {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly activationKey: string;
}

/** Railguns that are counted; an API can make and delete any number of them. */
const COUNTED_MAX = 10_000;

/** What the edge's attempts of kind `railgun` carry (`edge/attempts.ts`). */
export interface RailgunAttempt extends Attempt {
  readonly kind: 'railgun';
  readonly link: LinkAddress;
  /** The same origin without the link. */
  readonly direct: { readonly address: string; readonly port: number; readonly tls: unknown };
}

export interface RailgunTransportOptions {
  /** The edge place: `LHR`. Each place has its own lanes and its own versions (RG-018). */
  readonly place: string;
  readonly store: PageStore;
  readonly clock: Scheduler;
  readonly random: Random;
  /** Four hex digits of this build (`buildOf`). */
  readonly agent: string;
  /** For origins that are host names: the listener asks no DNS. */
  readonly resolver: Resolver;
  /** One request per lane at a time and bodies up to 250,000 B, as the original did. */
  readonly classic?: boolean;
  /** RG-013; off: a lane that breaks after hand-over gives 527. */
  readonly retryIdempotentDirect?: boolean;
  readonly pool?: Partial<LanePoolOptions>;
  readonly requestTimeoutMs?: number;
  readonly tls?: boolean;
  readonly onEvent?: (railgun: string, event: TransportNews) => void;
}

/** A fall-back begins with the first request that found no lane at all, and ends with the next lane. */
export type TransportNews =
  | LinkNews
  | { readonly kind: 'fallback_started'; readonly reason: string }
  | { readonly kind: 'fallback_ended'; readonly requests: number };

export class RailgunTransport implements OriginTransport {
  readonly #options: RailgunTransportOptions;
  readonly #links = new Map<string, { readonly address: LinkAddress; readonly driver: LinkDriver }>();
  /** By railgun, for as long as this process lives: links come and go. */
  readonly #counts = new Map<string, LinkCounts>();
  /** Requests that went direct since the last lane was lost, by railgun. */
  readonly #fallbacks = new Map<string, number>();
  #closed = false;

  constructor(options: RailgunTransportOptions) {
    this.#options = options;
  }

  open(attempt: Attempt, sink: LegSink): LegResult {
    assert(isRailgun(attempt), 'a railgun attempt');
    const { link, direct } = attempt;
    const driver = this.linkTo(link);
    const probe = driver.probe();
    if (probe !== 'ready') {
      const reason = probe.reason ?? '';
      driver.counts.wentDirect(reason);
      if (driver.lanes === 0 && reason !== '') this.#fellBack(link.id, reason);
      return { kind: 'fault', fault: 'unavailable', detail: reason };
    }
    const https = direct.tls !== undefined;
    const { retryIdempotentDirect = false, requestTimeoutMs = 0 } = this.#options;
    const options = { retryIdempotentDirect, timeoutUs: requestTimeoutMs * 1_000 };
    if (isIP(direct.address) !== 0) {
      return new LinkLeg(driver, sink, targetOf(direct.address, direct.port, https), options);
    }
    const leg = new LinkLeg(driver, sink, undefined, options);
    let known: LinkTarget | undefined;
    let there = false;
    this.#options.resolver.resolve(direct.address, (result) => {
      const [first] = result.kind === 'addresses' ? result.addresses : [];
      const target = first === undefined ? undefined : targetOf(first, direct.port, https);
      if (!there) known = target;
      else if (target === undefined) leg.unresolved('internal error');
      else leg.resolved(target);
    });
    there = true;
    return known === undefined ? leg : new LinkLeg(driver, sink, known, options);
  }

  /** The link, made when first needed. A Railgun whose address or key changed gets a new one; running requests end on the old. */
  linkTo(address: LinkAddress): LinkDriver {
    const found = this.#links.get(address.id);
    if (found !== undefined && same(found.address, address)) return found.driver;
    found?.driver.retire();
    const { place, store, clock, random, agent, classic = false, pool, tls, onEvent } = this.#options;
    const driver = new LinkDriver({
      host: address.host,
      port: address.port,
      token: address.activationKey,
      random: random.fork(`railgun ${address.id}`),
      limits: classic ? CLASSIC_LIMITS : RGX_LIMITS,
      ...{ place, store, clock, agent },
      ...(pool === undefined ? {} : { pool }),
      ...(tls === undefined ? {} : { tls }),
      counts: this.countsOf(address.id),
      onEvent: (event: LinkNews) => {
        onEvent?.(address.id, event);
        if (event.kind === 'lane_ready') this.#returned(address.id);
      },
    });
    if (this.#closed) driver.close();
    this.#links.set(address.id, { address, driver });
    return driver;
  }

  /** Railguns that a new configuration does not have, or has switched off: their running requests finish, lanes close. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const [id, { driver }] of this.#links) {
      if (ids.has(id)) continue;
      this.#links.delete(id);
      this.#fallbacks.delete(id);
      driver.retire();
    }
  }

  /** For metrics, events and `diagnose`. */
  links(): ReadonlyMap<string, LinkDriver> {
    return new Map([...this.#links].map(([id, { driver }]) => [id, driver]));
  }

  /** What happened on the link of this id so far, whatever became of it. */
  countsOf(id: string): LinkCounts {
    const found = this.#counts.get(id) ?? new LinkCounts();
    if (this.#counts.size < COUNTED_MAX) this.#counts.set(id, found);
    return found;
  }

  counts(): ReadonlyMap<string, LinkCounts> {
    return this.#counts;
  }

  #fellBack(id: string, reason: string): void {
    const requests = this.#fallbacks.get(id);
    this.#fallbacks.set(id, (requests ?? 0) + 1);
    if (requests === undefined) this.#options.onEvent?.(id, { kind: 'fallback_started', reason });
  }

  #returned(id: string): void {
    const requests = this.#fallbacks.get(id);
    this.#fallbacks.delete(id);
    if (requests !== undefined) this.#options.onEvent?.(id, { kind: 'fallback_ended', requests });
  }

  close(hard: boolean): void {
    this.#closed = true;
    for (const { driver } of this.#links.values()) {
      if (hard) driver.close();
      else driver.retire();
    }
  }
}

export function createRailgunTransport(options: RailgunTransportOptions): RailgunTransport {
  return new RailgunTransport(options);
}

function isRailgun(attempt: Attempt): attempt is RailgunAttempt {
  return attempt.kind === 'railgun' && 'link' in attempt && 'direct' in attempt;
}

function same(a: LinkAddress, b: LinkAddress): boolean {
  return a.host === b.host && a.port === b.port && a.activationKey === b.activationKey;
}

function targetOf(address: string, port: number, https: boolean): LinkTarget {
  return { https, originAddress: isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}` };
}
