/**
 * The links of this process, brought up only when a configuration has one: sender, codecs and stores are a good part of the memory of
 * a process that may never need them. Until they are there an attempt over a link is `unavailable`, and goes straight to the origin.
 */
import type { Scheduler } from '../../core/ports.ts';
import type { Random } from '../../core/random.ts';
import type { Attempt } from '../../live/proxy/brain.ts';
import { Resolver, systemLookup } from '../../live/proxy/resolver.ts';
import type { LegResult, LegSink, OriginTransport } from '../../live/proxy/transport.ts';
import type { RailgunTransport, TransportNews } from '../../live/railgun/link-transport.ts';
import type { Store } from '../../live/stores/store.ts';
import type { ServeOptions } from './options.ts';

export interface LinkOptions {
  /** The edge place: `LHR`. */
  readonly place: string;
  /** Where page versions are kept: a URL that `parseStore` takes. */
  readonly store: string;
  readonly classic: boolean;
  /** RG-013: a request that may be repeated goes direct when its lane breaks before any answer; off, it is answered with 527. */
  readonly retryIdempotentDirect: boolean;
  readonly onNews?: (railgun: string, news: TransportNews) => void;
}

export function linkOptions(
  options: Pick<ServeOptions, 'pop' | 'store' | 'classic' | 'railgunRetryDirect'>,
  onNews: (railgun: string, news: TransportNews) => void,
): LinkOptions {
  const { pop: place, store, classic, railgunRetryDirect: retryIdempotentDirect } = options;
  return { place, store, classic, retryIdempotentDirect, onNews };
}

export interface LinkWorld {
  readonly clock: Scheduler;
  readonly random: Random;
  /** Four hex digits of this build. */
  readonly version: string;
}

export class Links implements OriginTransport {
  readonly #options: LinkOptions;
  readonly #world: LinkWorld;
  #transport: RailgunTransport | undefined;
  #store: Store | undefined;
  #loading: Promise<void> | undefined;
  #closed = false;

  constructor(options: LinkOptions, world: LinkWorld) {
    this.#options = options;
    this.#world = world;
  }

  /** Undefined while no configuration has asked for links. */
  get transport(): RailgunTransport | undefined {
    return this.#transport;
  }

  get store(): Store | undefined {
    return this.#store;
  }

  /** The links of a configuration, by id: these may stay, others are let go. */
  async adopt(ids: ReadonlySet<string>): Promise<void> {
    if (ids.size > 0) await this.use();
    this.#transport?.keepOnly(ids);
  }

  /** Brings links up also where no configuration has asked for any yet. */
  use(): Promise<void> {
    return (this.#loading ??= this.#load());
  }

  open(attempt: Attempt, sink: LegSink, fresh: boolean): LegResult {
    const transport: OriginTransport | undefined = this.#transport;
    return (
      transport?.open(attempt, sink, fresh) ?? {
        kind: 'fault',
        fault: 'unavailable',
        detail: 'starting new WAN connection',
      }
    );
  }

  close(hard: boolean): void {
    this.#closed = true;
    this.#transport?.close(hard);
    if (hard) void this.#store?.close();
  }

  async #load(): Promise<void> {
    const [{ createRailgunTransport }, { buildOf }, { openStore }] = await Promise.all([
      import('../../live/railgun/link-transport.ts'),
      import('../../live/railgun/identity.ts'),
      import('../../live/stores/open-store.ts'),
    ]);
    const { place, store, classic, retryIdempotentDirect, onNews } = this.#options;
    const opened = openStore(store);
    // `options.ts` has checked the URL.
    if (this.#closed || !opened.ok) return;
    this.#store = opened.store;
    const { clock, random, version } = this.#world;
    this.#transport = createRailgunTransport({
      place,
      store: opened.store,
      classic,
      clock,
      random: random.fork('railguns'),
      agent: buildOf(version),
      resolver: new Resolver(systemLookup, () => performance.now()),
      retryIdempotentDirect,
      ...(onNews === undefined ? {} : { onEvent: onNews }),
    });
  }
}
