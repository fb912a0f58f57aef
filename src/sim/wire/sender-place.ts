/**
 * One PoP's end of the link in virtual time: the real `SenderLink`, its connections, its own page store. What `live/railgun/link-driver.ts`
 * does on sockets. Every body that it lets through is compared with what the origin sent; a byte that differs ends the run.
 */
import { assert } from '../../core/assert.ts';
import type { Scheduler } from '../../core/ports.ts';
import type { Random } from '../../core/random.ts';
import { US_PER_SECOND } from '../../core/time.ts';
import { DirectReason, formatCfRailgun } from '../../railgun/cf-railgun.ts';
import { LOOP_BUDGET_US, deltaCodec } from '../../railgun/delta/choose.ts';
import { Dictionary } from '../../railgun/dictionary.ts';
import type { Fault } from '../../railgun/faults.ts';
import type { HeadLine } from '../../railgun/head.ts';
import { DEFAULT_LANE_POOL } from '../../railgun/lanes.ts';
import { LOOKUP_BUDGET_US, RGX_LIMITS } from '../../railgun/limits.ts';
import type { Mode } from '../../railgun/messages.ts';
import { SenderLink, type SenderLinkEvent } from '../../railgun/sender-link.ts';
import { type SimBody, bodyHas } from '../bodies.ts';
import type { Connection } from './connection.ts';
import type { PageAsked } from './origin-answers.ts';
import type { StoreClient } from './page-store.ts';
import { Waker } from '../../core/waker.ts';

export interface PlaceOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly token: string;
  readonly railgunId: string;
  readonly agent: string;
  /** The PoP's code. */
  readonly place: string;
  readonly expirationUs: number;
  readonly store: StoreClient;
  /** Begin a connection; answer with `connected` or `failed`. Returns how to give it up. */
  readonly dial: (lane: number) => () => void;
  readonly onLane: (lane: number, state: 'open' | 'unreachable' | 'lost', why: string) => void;
}

export interface WireRequest extends PageAsked {
  /** What the caller knows it by. */
  readonly slot: number;
  /** Names the request in its `CF-Ray` field, so that the origin finds it. */
  readonly ray: string;
  readonly host: string;
  readonly path: string;
  /** Literal address of the chosen origin with its port. */
  readonly originAddress: string;
  /** Global number of the chosen origin. */
  readonly origin: number;
  /** Of the answer that was sent last; set by the origin. */
  body: SimBody | undefined;
}

export interface WireOutcome {
  readonly mode: Mode;
  readonly status: number;
  readonly bodyBytes: number;
  readonly wanBytes: number;
  /** As the visitor sees it. */
  readonly cfRailgun: string;
}

export interface PlaceEvents {
  ended(request: WireRequest, outcome: WireOutcome): void;
  failed(request: WireRequest, fault: Fault, headSent: boolean): void;
}

interface Under {
  readonly request: WireRequest;
  status: number;
  cfRailgun: string;
  /** Body bytes let through so far. */
  at: number;
}

export class SenderPlace {
  readonly #options: PlaceOptions;
  readonly #events: PlaceEvents;
  readonly #link: SenderLink;
  readonly #waker: Waker;
  readonly #connections = new Map<number, Connection>();
  readonly #dialling = new Map<number, () => void>();
  readonly #under = new Map<number, Under>();
  readonly #dirty = new Set<number>();
  /** Lanes that serve or have served. */
  readonly #ready = new Set<number>();
  #running = false;

  constructor(options: PlaceOptions, events: PlaceEvents) {
    this.#options = options;
    this.#events = events;
    const { token, railgunId, agent, place, random, expirationUs } = options;
    this.#link = new SenderLink({
      pool: DEFAULT_LANE_POOL,
      limits: RGX_LIMITS,
      codec: deltaCodec(LOOP_BUDGET_US),
      dictionary: new Dictionary({
        side: 'sender',
        expirationSeconds: expirationUs / US_PER_SECOND,
        limitBytes: 1_000_000,
        lookupBudgetUs: LOOKUP_BUDGET_US,
      }),
      ...{ random, token, railgunId, agent, place },
    });
    this.#waker = new Waker(options.scheduler, () => {
      this.#link.wake(this.#now);
      for (const lane of this.#connections.keys()) this.#dirty.add(lane);
      this.#run();
    });
  }

  /** `undefined` = placed on a lane; else why it goes direct. */
  request(request: WireRequest, roundTripUs: number): DirectReason | undefined {
    this.roundTripUs = roundTripUs;
    const placement = this.#link.request(
      {
        zone: request.host,
        https: true,
        method: request.method,
        authority: request.host,
        path: request.path,
        originAddress: request.originAddress,
        head: headOf(request),
        hasBody: false,
        wantsDelta: true,
        timeoutUs: 0,
      },
      this.#now,
    );
    if (placement.kind === 'placed') {
      this.#under.set(placement.request, { request, status: 0, cfRailgun: '', at: 0 });
      this.#dirty.add(placement.lane);
    }
    this.#run();
    return placement.kind === 'direct' ? placement.reason : undefined;
  }
  /** Of the way that a lane opened now would take: that of the request which asks for it. */
  roundTripUs = 0;

  /** Why a request made now would go direct. */
  probe(): string {
    const answer = this.#link.probe(this.#now);
    this.#run();
    return answer.kind === 'ready' ? DirectReason.internal : (answer.reason ?? '');
  }

  connected(lane: number, connection: Connection, exporter: Uint8Array): void {
    this.#dialling.delete(lane);
    connection.sender.attach(
      { transmit: () => this.#link.transmit(lane) },
      {
        received: (bytes) => {
          this.#link.laneReceive(lane, bytes, this.#now);
          this.#dirty.add(lane);
          this.#run();
        },
        drained: () => {
          this.#dirty.add(lane);
          this.#run();
        },
        lost: (why) => {
          this.#connections.delete(lane);
          this.#link.laneLost(lane, why, this.#now);
          this.#run();
        },
      },
    );
    this.#connections.set(lane, connection);
    this.#link.laneConnected(lane, exporter, this.#now);
    this.#dirty.add(lane);
    this.#run();
  }

  dialFailed(lane: number, why: string): void {
    this.#dialling.delete(lane);
    this.#link.laneFailed(lane, this.#now);
    this.#unreachable(lane, why);
    this.#run();
  }

  get #now(): ReturnType<Scheduler['now']> {
    return this.#options.scheduler.now();
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    for (;;) {
      const events = this.#link.takeEvents();
      for (const event of events) this.#on(event);
      if (events.length > 0) continue;
      if (this.#dirty.size === 0) break;
      for (const lane of this.#dirty) this.#connections.get(lane)?.sender.flush();
      this.#dirty.clear();
    }
    this.#running = false;
    this.#waker.arm(this.#link.wakeAt());
  }

  #on(event: SenderLinkEvent): void {
    const { store } = this.#options;
    switch (event.kind) {
      case 'open_lane':
        this.#dialling.set(event.lane, this.#options.dial(event.lane));
        return undefined;
      case 'close_lane':
        return this.#closeLane(event.lane);
      case 'lane_ready':
        this.#ready.add(event.lane);
        return this.#options.onLane(event.lane, 'open', '');
      case 'lane_closed':
        if (this.#ready.delete(event.lane)) this.#options.onLane(event.lane, 'lost', event.fault.why);
        else this.#unreachable(event.lane, event.fault.why);
        return undefined;
      case 'store_get': {
        const { lane, stream, key } = event;
        return store.get(key, (answer) => {
          this.#link.dictResult(lane, stream, answer, this.#now);
          this.#dirty.add(lane);
          this.#run();
        });
      }
      case 'store_set':
        return store.set(event.key, event.value, event.expirationSeconds, (ok) => this.#link.dictStored(ok, this.#now));
      case 'store_delete':
        return store.delete(event.key);
      case 'replaced':
        this.#dirty.add(event.lane);
        return undefined;
      default:
        return this.#onRequest(event);
    }
  }

  #closeLane(lane: number): void {
    const giveUp = this.#dialling.get(lane);
    this.#dialling.delete(lane);
    giveUp?.();
    const connection = this.#connections.get(lane);
    this.#connections.delete(lane);
    connection?.sender.close();
    // The pool has lost its patience with a connection that never came about.
    if (giveUp !== undefined) this.#unreachable(lane, 'took too long');
  }

  /** Told once for a row of failures. */
  #unreachable(lane: number, why: string): void {
    if (this.#link.lanes.failures === 1) this.#options.onLane(lane, 'unreachable', why);
  }

  #onRequest(event: Exclude<Extract<SenderLinkEvent, { request: number }>, { kind: 'replaced' }>): void {
    const under = this.#under.get(event.request);
    if (under === undefined) return undefined;
    switch (event.kind) {
      case 'response':
        under.status = event.status;
        under.cfRailgun = formatCfRailgun(event.cfRailgun);
        return undefined;
      case 'body': {
        const { body } = under.request;
        assert(body !== undefined && bodyHas(body, under.at, event.bytes), `wrong bytes for ${under.request.path}`);
        under.at += event.bytes.length;
        this.#link.consumed(event.lane, event.stream, event.bytes.length);
        this.#dirty.add(event.lane);
        return undefined;
      }
      case 'end': {
        this.#under.delete(event.request);
        const { request, status, cfRailgun, at } = under;
        assert(at === request.body?.length, `a body of ${at} bytes for ${request.path}`);
        const { mode, bodyBytes, wanBytes } = event;
        return this.#events.ended(request, { mode, status, bodyBytes, wanBytes, cfRailgun });
      }
      case 'failed':
        this.#under.delete(event.request);
        return this.#events.failed(under.request, event.fault, event.headSent);
      default:
        return undefined;
    }
  }
}

/** A browser's request as the edge passes it on: about 400 bytes. */
function headOf({ host, ray, method }: WireRequest): readonly HeadLine[] {
  return [
    ['Host', host],
    ['CF-Ray', ray],
    ['CF-Visitor', '{"scheme":"https"}'],
    ['X-Forwarded-Proto', 'https'],
    ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:148.0) Gecko/20100101 Firefox/148.0'],
    ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
    ['Accept-Language', 'en-GB,en;q=0.7'],
    ...(method === 'GET' || method === 'HEAD' ? [] : ([['Content-Length', '0']] as const)),
  ];
}
