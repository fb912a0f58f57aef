/**
 * One edge place's link to one Railgun on real sockets: `SenderLink` with connections, a clock and a store. Opens lanes off the request
 * path, carries bytes, and hands every event to the request that it belongs to. What is said to a visitor is `link-leg.ts`'s.
 *
 *     leg ─ request, body, consumed, cancel ─► SenderLink ─ transmit ─► LaneSocket ═ TLS ═► listener
 *     leg ◄─ response, body, end, failed ──── SenderLink ◄─ receive ── LaneSocket
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Scheduler } from '../../core/ports.ts';
import type { Random } from '../../core/random.ts';
import { US_PER_MS } from '../../core/time.ts';
import type { DirectReason } from '../../railgun/cf-railgun.ts';
import { LOOP_BUDGET_US, deltaCodec } from '../../railgun/delta/choose.ts';
import { Dictionary } from '../../railgun/dictionary.ts';
import { DEFAULT_LANE_POOL, type LanePoolOptions } from '../../railgun/lanes.ts';
import { LOOKUP_BUDGET_US, type LaneLimits, RGX_LIMITS } from '../../railgun/limits.ts';
import type { LinkRequest } from '../../railgun/sender-events.ts';
import { type LinkPlacement, SenderLink, type SenderLinkEvent } from '../../railgun/sender-link.ts';
import { ALPN } from '../../railgun/settings.ts';
import { railgunIdOf } from './identity.ts';
import { LaneSocket, exporterOf } from './lane-socket.ts';
import { LinkCounts } from './link-counts.ts';
import { timedCodec } from './timed-codec.ts';
import { type PageStore, isThere, lookUp } from './page-store.ts';
import { Waker } from '../../core/waker.ts';

export interface LinkOptions {
  /** Where lanes are opened: listener, or the balancer in front of it. A name is resolved anew for each lane. */
  readonly host: string;
  readonly port: number;
  readonly token: string;
  /** The edge place: `LHR`. */
  readonly place: string;
  readonly store: PageStore;
  readonly clock: Scheduler;
  readonly random: Random;
  /** Four hex digits (`buildOf`). */
  readonly agent: string;
  readonly limits?: LaneLimits;
  readonly pool?: Partial<LanePoolOptions>;
  readonly expirationSeconds?: number;
  readonly limitBytes?: number;
  readonly lookupBudgetMs?: number;
  /** False: no TLS, for tests (`wan.tls = 0`). */
  readonly tls?: boolean;
  readonly onEvent?: (event: LinkNews) => void;
  /** Where to count on; default: from zero. */
  readonly counts?: LinkCounts;
}

export type LinkNews =
  | { readonly kind: 'lane_opening' | 'lane_ready'; readonly lane: number }
  | { readonly kind: 'lane_failed' | 'lane_closed'; readonly lane: number; readonly why: string };

/** Who asked. Called synchronously while bytes are handled; every request ends with `end` or `failed`, or by `cancel`. */
export interface LinkSink {
  linkResponse(event: EventOf<'response'>): void;
  /** Bytes of a RAW answer must be reported by `consumed`. */
  linkBody(event: EventOf<'body'>): void;
  linkEnd(event: EventOf<'end'>): void;
  linkFailed(event: EventOf<'failed'>): void;
  /** More of the request's body may come. */
  linkDrained(): void;
}

export type EventOf<K extends SenderLinkEvent['kind']> = Extract<SenderLinkEvent, { kind: K }>;

export class LinkDriver {
  readonly counts: LinkCounts;
  readonly #options: LinkOptions;
  readonly #link: SenderLink;
  readonly #waker: Waker;
  readonly #sockets = new Map<number, LaneSocket>();
  readonly #opening = new Map<number, Socket>();
  readonly #under = new Map<number, { readonly sink: LinkSink; lane: number }>();
  /** Lanes that may have something to write. */
  readonly #dirty = new Set<number>();
  #running = false;
  #flushing = false;
  #closed = false;
  #retired = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.counts = options.counts ?? new LinkCounts();
    const { token, agent, place, random } = options;
    const dictionary = new Dictionary({
      side: 'sender',
      expirationSeconds: options.expirationSeconds ?? 600,
      limitBytes: options.limitBytes ?? 1_000_000,
      lookupBudgetUs: options.lookupBudgetMs === undefined ? LOOKUP_BUDGET_US : options.lookupBudgetMs * US_PER_MS,
    });
    this.#link = new SenderLink({
      pool: { ...DEFAULT_LANE_POOL, ...options.pool },
      limits: options.limits ?? RGX_LIMITS,
      codec: timedCodec(deltaCodec(LOOP_BUDGET_US), (ms) => {
        this.counts.codecMs += ms;
      }),
      railgunId: railgunIdOf(token),
      ...{ random, token, agent, place, dictionary },
    });
    this.#waker = new Waker(options.clock, () => this.#wake());
  }

  /** Lanes that serve, and requests on them. */
  get lanes(): number {
    return this.#link.lanes.size;
  }
  get busy(): number {
    return this.#link.busy;
  }
  /** Lanes by what they are at. */
  get laneStates(): { readonly open: number; readonly opening: number; readonly draining: number } {
    const { size, retiring, opening } = this.#link.lanes;
    return { open: size - retiring, opening: opening === undefined ? 0 : 1, draining: retiring };
  }

  setEnabled(enabled: boolean): void {
    this.#link.setEnabled(enabled);
  }

  /** Why a request made now would go direct; `'ready'` when it would not. Opens a lane in the background where one is wanted. */
  probe(): 'ready' | { readonly reason: DirectReason | undefined } {
    if (this.#closed) return { reason: undefined };
    const answer = this.#link.probe(this.#now);
    this.#run();
    return answer.kind === 'ready' ? 'ready' : { reason: answer.reason };
  }

  request(request: LinkRequest, sink: LinkSink): LinkPlacement {
    if (this.#closed) return { kind: 'direct', reason: undefined };
    const placement = this.#link.request(request, this.#now);
    if (placement.kind === 'placed') {
      this.#under.set(placement.request, { sink, lane: placement.lane });
      this.#dirty.add(placement.lane);
      // What is whole leaves before the store is asked; a head waits for the first bytes of its body.
      if (!request.hasBody) this.#sockets.get(placement.lane)?.flush();
    }
    this.#run();
    return placement;
  }

  /** Keeps `bytes`. False: wait for `linkDrained`. */
  body(request: number, bytes: Uint8Array, end: boolean): boolean {
    this.#touch(request);
    const more = this.#link.body(request, bytes, end, this.#now);
    this.flushSoon();
    return more;
  }

  consumed(lane: number, stream: number, bytes: number): void {
    this.#link.consumed(lane, stream, bytes);
    this.#dirty.add(lane);
    this.flushSoon();
  }

  cancel(request: number): void {
    this.#touch(request);
    this.#under.delete(request);
    this.#link.cancel(request, this.#now);
    this.#run();
  }

  /** At the end of this turn, so that all that one read brought leaves together. */
  flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#run();
    });
  }

  flush(): void {
    this.#run();
  }

  /** No new requests; lanes close when those under way have ended. */
  retire(): void {
    this.#retired = true;
    this.#link.setEnabled(false);
    this.#closeIfDone();
  }

  /** Everything under way fails; nothing is opened any more. */
  close(): void {
    this.#closed = true;
    this.#link.setEnabled(false);
    this.#waker.stop();
    for (const [lane, socket] of this.#sockets) {
      socket.destroy();
      this.#link.laneLost(lane, 'the edge stops', this.#now);
    }
    for (const socket of this.#opening.values()) socket.destroy();
    this.#sockets.clear();
    this.#opening.clear();
    this.#run();
    this.#waker.stop();
  }

  #closeIfDone(): void {
    if (this.#retired && !this.#closed && this.#link.busy === 0) this.close();
  }

  get #now(): ReturnType<Scheduler['now']> {
    return this.#options.clock.now();
  }

  #wake(): void {
    this.#link.wake(this.#now);
    for (const lane of this.#sockets.keys()) this.#dirty.add(lane);
    this.#run();
  }

  /** Until nothing is left to tell or write. Sinks call back into here; the outer run goes on with what they left. */
  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      for (;;) {
        const events = this.#link.takeEvents();
        for (const event of events) this.#on(event);
        if (events.length > 0) continue;
        if (this.#dirty.size === 0) break;
        for (const lane of this.#dirty) this.#sockets.get(lane)?.flush();
        this.#dirty.clear();
      }
    } finally {
      this.#running = false;
    }
    if (this.#closed) return;
    this.#waker.arm(this.#link.wakeAt());
    this.#closeIfDone();
  }

  #on(event: SenderLinkEvent): void {
    switch (event.kind) {
      case 'open_lane':
        return this.#open(event.lane);
      case 'close_lane':
        return this.#close(event.lane);
      case 'lane_ready':
        this.counts.lanesOpened += 1;
        return this.#options.onEvent?.(event);
      case 'lane_closed':
        this.counts.lanesClosed += 1;
        return this.#options.onEvent?.({ kind: 'lane_closed', lane: event.lane, why: event.fault.why });
      case 'store_get':
        return this.#get(event);
      case 'store_set':
        return this.#set(event);
      case 'store_delete':
        void this.#options.store.delete(event.key);
        return undefined;
      case 'replaced':
        return this.#onReplaced(event);
      default:
        return this.#onRequest(event);
    }
  }

  #onReplaced({ request, lane }: EventOf<'replaced'>): void {
    this.counts.replaced += 1;
    const under = this.#under.get(request);
    if (under !== undefined) under.lane = lane;
    this.#dirty.add(lane);
  }

  #touch(request: number): void {
    const under = this.#under.get(request);
    if (under !== undefined) this.#dirty.add(under.lane);
  }

  #onRequest(event: Exclude<Extract<SenderLinkEvent, { request: number }>, { kind: 'replaced' }>): void {
    const sink = this.#under.get(event.request)?.sink;
    switch (event.kind) {
      case 'response':
        return sink?.linkResponse(event);
      case 'body':
        return sink?.linkBody(event);
      case 'end':
        this.#under.delete(event.request);
        this.counts.ended(event);
        return sink?.linkEnd(event);
      case 'failed':
        this.#under.delete(event.request);
        this.counts.failed(event.fault);
        return sink?.linkFailed(event);
      case 'request_drain':
        return sink?.linkDrained();
      case 'resync':
        this.counts.resyncs += 1;
        return undefined;
      default:
        return undefined;
    }
  }

  // Lanes

  #open(lane: number): void {
    const { host, port, tls = true } = this.#options;
    this.#options.onEvent?.({ kind: 'lane_opening', lane });
    this.counts.lanesTried += 1;
    // The certificate is not what the listener is trusted by (identity.ts).
    const common = { host, port, noDelay: true, keepAlive: true } as const;
    const secure = { minVersion: 'TLSv1.2', ALPNProtocols: [ALPN], rejectUnauthorized: false } as const;
    const socket = tls
      ? connectTls({ ...common, ...secure, ...(isIP(host) === 0 ? { servername: host } : {}) })
      : connectTcp(common);
    this.#opening.set(lane, socket);
    const failed = (why: string): void => {
      if (this.#opening.get(lane) !== socket) return;
      this.#opening.delete(lane);
      socket.destroy();
      this.#link.laneFailed(lane, this.#now);
      this.counts.lanesFailed += 1;
      this.#options.onEvent?.({ kind: 'lane_failed', lane, why });
      this.#run();
    };
    socket.on('error', (error: NodeJS.ErrnoException) => failed(error.code ?? error.message));
    socket.on('close', () => failed('closed'));
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      if (this.#opening.get(lane) !== socket) return;
      const exporter = exporterOf(socket);
      if (typeof exporter === 'string') return failed(exporter);
      this.#opening.delete(lane);
      this.#connected(lane, socket, exporter);
    });
  }

  #connected(lane: number, socket: Socket, exporter: Uint8Array): void {
    const wire = new LaneSocket(socket, {
      take: () => this.#link.transmit(lane),
      received: (bytes) => {
        this.counts.bytesReceived += bytes.length;
        this.#link.laneReceive(lane, bytes, this.#now);
        this.#dirty.add(lane);
        this.#run();
      },
      drained: () => {
        this.#dirty.add(lane);
        this.#run();
      },
      lost: (why) => {
        this.counts.bytesSent += wire.sent;
        this.#sockets.delete(lane);
        this.#link.laneLost(lane, why, this.#now);
        this.#run();
      },
    });
    this.#sockets.set(lane, wire);
    this.#link.laneConnected(lane, exporter, this.#now);
    this.#dirty.add(lane);
    this.#run();
  }

  #close(lane: number): void {
    const socket = this.#sockets.get(lane);
    this.#sockets.delete(lane);
    if (socket !== undefined) {
      socket.close();
      this.counts.bytesSent += socket.sent;
    }
    const opening = this.#opening.get(lane);
    this.#opening.delete(lane);
    if (opening === undefined) return;
    opening.destroy();
    this.counts.lanesFailed += 1;
    this.#options.onEvent?.({ kind: 'lane_failed', lane, why: 'took too long' });
  }

  // Store

  #get({ lane, stream, key }: EventOf<'store_get'>): void {
    void lookUp(this.#options.store, key).then((answer) => {
      this.counts.store[answer.kind] += 1;
      this.#link.dictResult(lane, stream, answer, this.#now);
      this.#dirty.add(lane);
      this.#run();
    });
  }

  #set({ key, value, expirationSeconds }: EventOf<'store_set'>): void {
    const { store } = this.#options;
    void store.set(key, value, expirationSeconds).then((ok) => {
      this.counts.store[ok ? 'stored' : 'refused'] += 1;
      // A value that is not taken by a store that is there (too large for it) is no failure of the store.
      this.#link.dictStored(ok || isThere(store), this.#now);
    });
  }
}
