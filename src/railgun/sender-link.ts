/**
 * One edge place's link to one Railgun: the lane pool, a sender machine per lane, and one dictionary (RG-018). The edge asks `request`
 * and is told at once: placed, or direct and why. A driver gives every lane a connection; everything else is events.
 *
 * A request that the listener did not act on is placed again by itself, once, on another lane. Anything else is the edge's decision
 * (faults.ts, `mayRetry`).
 */
import type { Random } from '../core/random.ts';
import type { Micros } from '../core/time.ts';
import { DirectReason } from './cf-railgun.ts';
import type { DeltaCodec } from './codec-port.ts';
import type { Dictionary } from './dictionary.ts';
import { ErrorCode, type Fault, type LaneFault, isIdempotent } from './faults.ts';
import { earliest } from './lane-end.ts';
import { LanePool, type LanePoolOptions } from './lanes.ts';
import type { LaneLimits } from './limits.ts';
import type { LinkRequest, SenderEvent } from './sender-events.ts';
import { Sender } from './sender.ts';
import type { StoreAnswer } from './store-dialogue.ts';

export interface SenderLinkOptions {
  readonly pool: LanePoolOptions;
  readonly limits: LaneLimits;
  readonly random: Random;
  readonly token: string;
  readonly railgunId: string;
  readonly agent: string;
  readonly place: string;
  readonly codec: DeltaCodec;
  readonly dictionary: Dictionary;
}

type OfStream = Extract<
  SenderEvent,
  { kind: 'response' | 'body' | 'end' | 'failed' | 'request_drain' | 'request_unwanted' | 'resync' }
>;
/** `lane` and `stream` name the place that `consumed` wants, also after the end. */
type ForRequest = OfStream & { readonly request: number; readonly lane: number };

export type SenderLinkEvent =
  /** Connect (TCP, TLS with ALPN), then `laneConnected`; or `laneFailed`. */
  | { readonly kind: 'open_lane'; readonly lane: number }
  /** Write what `transmit` still has, then close the connection. */
  | { readonly kind: 'close_lane'; readonly lane: number }
  | { readonly kind: 'lane_ready'; readonly lane: number }
  | { readonly kind: 'lane_closed'; readonly lane: number; readonly fault: LaneFault }
  /** Answer with `dictResult(lane, stream, …)`. */
  | { readonly kind: 'store_get'; readonly lane: number; readonly stream: number; readonly key: string }
  | { readonly kind: 'store_set'; readonly key: string; readonly value: Uint8Array; readonly expirationSeconds: number }
  | { readonly kind: 'store_delete'; readonly key: string }
  /** Not acted on by the listener, and under way again on another lane. */
  | { readonly kind: 'replaced'; readonly request: number; readonly lane: number; readonly fault: Fault }
  | ForRequest;

export type LinkPlacement =
  | { readonly kind: 'placed'; readonly request: number; readonly lane: number; readonly id: string }
  /** `reason` is empty when the link is switched off: then no `Cf-Railgun` is shown at all (RG-015, RG-016). */
  | { readonly kind: 'direct'; readonly reason: DirectReason | undefined };

interface Placed {
  readonly number: number;
  readonly request: LinkRequest;
  lane: number;
  stream: number;
  /** The visible one. */
  id: string;
  /** Body bytes have been handed over: it cannot be placed again from here. */
  bodyBegun: boolean;
  replaced: boolean;
}

export class SenderLink {
  readonly #options: SenderLinkOptions;
  readonly #pool: LanePool;
  readonly #senders = new Map<number, Sender>();
  readonly #requests = new Map<number, Placed>();
  /** `lane:stream` of every stream under way. */
  readonly #byStream = new Map<string, Placed>();
  #events: SenderLinkEvent[] = [];
  #lastRequest = 0;
  #enabled = true;

  constructor(options: SenderLinkOptions) {
    this.#options = options;
    this.#pool = new LanePool(options.pool, options.random.fork('lanes'));
  }

  get lanes(): LanePool {
    return this.#pool;
  }

  /** Requests under way on lanes. */
  get busy(): number {
    return this.#requests.size;
  }

  lane(lane: number): Sender | undefined {
    return this.#senders.get(lane);
  }

  /** The operator's switch (RG-016): off, new requests go direct without the header, running streams finish. */
  setEnabled(enabled: boolean): void {
    this.#enabled = enabled;
  }

  takeEvents(): readonly SenderLinkEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  request(request: LinkRequest, now: Micros): LinkPlacement {
    if (!this.#enabled) return { kind: 'direct', reason: undefined };
    const placed: Placed = {
      number: this.#lastRequest + 1,
      request,
      lane: 0,
      stream: 0,
      id: '',
      bodyBegun: false,
      replaced: false,
    };
    const reason = this.#place(placed, now);
    if (reason !== undefined) return { kind: 'direct', reason };
    this.#lastRequest = placed.number;
    this.#requests.set(placed.number, placed);
    return { kind: 'placed', request: placed.number, lane: placed.lane, id: placed.id };
  }

  /** Would a request be placed now? If not, why; a lane is then opened in the background just as for `request`. */
  probe(now: Micros): { readonly kind: 'ready' } | Extract<LinkPlacement, { kind: 'direct' }> {
    if (!this.#enabled) return { kind: 'direct', reason: undefined };
    const place = this.#pool.place(now);
    this.#takePool(now);
    return place.kind === 'lane' ? { kind: 'ready' } : { kind: 'direct', reason: place.reason };
  }

  /** Why not, or `undefined` when it is on a lane. */
  #place(placed: Placed, now: Micros): DirectReason | undefined {
    const place = this.#pool.place(now);
    this.#takePool(now);
    if (place.kind === 'direct') return place.reason;
    const sender = this.#senders.get(place.lane);
    const placement = sender?.request(placed.request, now);
    if (sender === undefined || placement?.kind !== 'placed') return DirectReason.internal;
    placed.lane = place.lane;
    placed.stream = placement.stream;
    placed.id = placement.id;
    this.#byStream.set(`${place.lane}:${placement.stream}`, placed);
    this.#settle(place.lane, sender, sender.takeEvents(), now);
    return undefined;
  }

  body(request: number, bytes: Uint8Array, end: boolean, now: Micros): boolean {
    const placed = this.#requests.get(request);
    const sender = placed === undefined ? undefined : this.#senders.get(placed.lane);
    if (placed === undefined || sender === undefined) return true;
    placed.bodyBegun = true;
    return sender.body(placed.stream, bytes, end, now);
  }

  /** The visitor took RAW bytes, perhaps after `end`: lane and stream are those of the `body` event. */
  consumed(lane: number, stream: number, bytes: number): void {
    this.#senders.get(lane)?.consumed(stream, bytes);
  }

  /** The visitor left; no event follows. */
  cancel(request: number, now: Micros): void {
    const placed = this.#requests.get(request);
    const sender = placed === undefined ? undefined : this.#senders.get(placed.lane);
    if (placed === undefined || sender === undefined) return;
    this.#forget(placed);
    sender.cancel(placed.stream, now);
    this.#settle(placed.lane, sender, sender.takeEvents(), now);
  }

  /** Where a request is now; it may change when it is placed again. `undefined` after its end. */
  streamOf(request: number): { readonly lane: number; readonly stream: number } | undefined {
    const placed = this.#requests.get(request);
    return placed === undefined ? undefined : { lane: placed.lane, stream: placed.stream };
  }

  /** TLS stands: `exporter` from `exportKeyingMaterial`. The lane serves when SETTINGS have been exchanged. */
  laneConnected(lane: number, exporter: Uint8Array, now: Micros): void {
    if (this.#pool.opening !== lane) {
      this.#events.push({ kind: 'close_lane', lane });
      return;
    }
    const { limits, token, railgunId, agent, place, codec, dictionary } = this.#options;
    const random = this.#options.random.fork(`lane ${lane}`);
    this.#senders.set(
      lane,
      new Sender({ limits, token, railgunId, agent, place, codec, dictionary, random, exporter }, now),
    );
  }

  /** The connection could not be made. */
  laneFailed(lane: number, now: Micros): void {
    this.#pool.openFailed(lane, ErrorCode.noError, now);
  }

  laneReceive(lane: number, bytes: Uint8Array, now: Micros): void {
    const sender = this.#senders.get(lane);
    if (sender !== undefined) this.#settle(lane, sender, sender.receive(bytes, now), now);
  }

  /** The connection broke or was closed by the peer. */
  laneLost(lane: number, why: string, now: Micros): void {
    const sender = this.#senders.get(lane);
    if (sender !== undefined) this.#settle(lane, sender, sender.lost(why, now), now);
    else this.#pool.openFailed(lane, ErrorCode.noError, now);
  }

  transmit(lane: number): Uint8Array | undefined {
    return this.#senders.get(lane)?.transmit();
  }

  dictResult(lane: number, stream: number, answer: StoreAnswer, now: Micros): void {
    const sender = this.#senders.get(lane);
    if (sender === undefined) return;
    sender.dictResult(stream, answer, now);
    this.#settle(lane, sender, sender.takeEvents(), now);
  }

  dictStored(ok: boolean, now: Micros): void {
    if (ok) this.#options.dictionary.storeWorks();
    else this.#options.dictionary.storeFailed(now);
  }

  wake(now: Micros): void {
    this.#pool.wake(now);
    this.#takePool(now);
    for (const [lane, sender] of this.#senders) this.#settle(lane, sender, sender.wake(now), now);
  }

  wakeAt(): Micros | undefined {
    let first = this.#pool.wakeAt();
    for (const sender of this.#senders.values()) first = earliest(first, sender.wakeAt());
    return first;
  }

  #takePool(now: Micros): void {
    for (const event of this.#pool.takeEvents()) {
      if (event.kind === 'open_lane') {
        this.#events.push(event);
      } else if (event.kind === 'abandon_lane') {
        this.#senders.delete(event.lane);
        this.#events.push({ kind: 'close_lane', lane: event.lane });
      } else {
        const sender = this.#senders.get(event.lane);
        sender?.drain(now);
        if (sender !== undefined) this.#settle(event.lane, sender, sender.takeEvents(), now);
      }
    }
  }

  /** What a sender said, for the right request; then what the pool must know of it. */
  #settle(lane: number, sender: Sender, events: readonly SenderEvent[], now: Micros): void {
    for (const event of events) this.#onEvent(lane, sender, event, now);
    this.#pool.update(lane, sender.free, sender.busy, now);
    this.#takePool(now);
  }

  #onEvent(lane: number, sender: Sender, event: SenderEvent, now: Micros): void {
    switch (event.kind) {
      case 'ready':
        this.#pool.opened(lane, sender.free, now);
        this.#events.push({ kind: 'lane_ready', lane });
        return;
      case 'draining':
        this.#pool.draining(lane, now);
        return;
      case 'closed':
        this.#senders.delete(lane);
        this.#pool.closed(lane, event.fault, now);
        this.#events.push({ kind: 'lane_closed', lane, fault: event.fault }, { kind: 'close_lane', lane });
        return;
      case 'store_get':
        this.#events.push({ kind: 'store_get', lane, stream: event.stream, key: event.key });
        return;
      case 'store_set':
      case 'store_delete':
        this.#events.push(event);
        return;
      default:
        this.#onStream(lane, event, now);
    }
  }

  #onStream(lane: number, event: OfStream, now: Micros): void {
    const placed = this.#byStream.get(`${lane}:${event.stream}`);
    if (placed === undefined) return;
    if (event.kind === 'failed') {
      this.#byStream.delete(`${lane}:${event.stream}`);
      if (this.#placeAgain(placed, event.fault, now)) return;
    }
    if (event.kind === 'failed' || event.kind === 'end') this.#forget(placed);
    this.#events.push({ ...event, request: placed.number, lane });
  }

  #placeAgain(placed: Placed, fault: Fault, now: Micros): boolean {
    const unseen = fault.kind === 'listener_refused' || (fault.kind === 'link_lost' && !fault.sent);
    // The listener has lost an answer of which nothing was released: an idempotent request is repeated (12.9).
    const lost = fault.kind === 'gone' && isIdempotent(placed.request.method);
    if (!(unseen || lost) || placed.replaced || placed.bodyBegun || !this.#enabled) return false;
    placed.replaced = true;
    if (this.#place(placed, now) !== undefined) return false;
    this.#events.push({ kind: 'replaced', request: placed.number, lane: placed.lane, fault });
    return true;
  }

  #forget(placed: Placed): void {
    this.#requests.delete(placed.number);
    this.#byStream.delete(`${placed.lane}:${placed.stream}`);
  }
}
