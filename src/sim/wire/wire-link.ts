/**
 * The link at wire fidelity: the real machines of every PoP and every listener, over simulated connections, with simulated origins and
 * stores. READ THIS FIRST of the folder.
 *
 *     flights.ts ─ request ─► SenderPlace (a PoP) ═ Connection: Pipe, Pipe ═ ListenerHost (a process) ─► SimOrigin, Bodies
 *         ▲                    SenderLink, store      delay, rate, window      Listener machines, store      real page bytes
 *         └── ended, failed ───┘
 *
 * Faults reach it through the same estate, link state and origins as at flow fidelity (`railgun-model.ts`); time is the run's own queue.
 * What is counted: `wanBytes` of an answer are its body bytes on the lane (DATA and what comes with RESPONSE), as in `Cf-Railgun` and in
 * the live edge's metrics; `laneBytes` are all bytes of rgx/1 in both directions in their TLS records, handshakes and TCP not counted.
 */
import { unreachable } from '../../core/assert.ts';
import { hash } from 'node:crypto';
import type { Scheduler } from '../../core/ports.ts';
import type { Random } from '../../core/random.ts';
import { type Fault, mayRetry } from '../../railgun/faults.ts';
import { EXPORTER_LENGTH } from '../../railgun/settings.ts';
import type { OriginRequest } from '../../railgun/origin-request.ts';
import type { BodySource } from '../bodies.ts';
import { dial } from '../lane-dial.ts';
import type { LinkState } from '../link.ts';
import type { SimOrigin } from '../origin.ts';
import {
  CONNECT_TIMEOUT,
  LANE_LOST,
  ORIGIN_ERROR,
  OVERLOADED,
  READ_TIMEOUT,
  REFUSED,
  RESET,
  SERVED,
} from '../outcome.ts';
import type { EstateWatcher, ListenerState, RailgunEstate } from '../railgun-estate.ts';
import { CodecMemo } from './codec-memo.ts';
import { Connection } from './connection.ts';
import { ListenerHost } from './listener-host.ts';
import { type OriginAnswerTo, askOrigin } from './origin-answers.ts';
import { ALWAYS_UP, StoreClient, StoreNode } from './page-store.ts';
import { Line, type PipeWay } from './pipe.ts';
import { SenderPlace, type WireOutcome, type WireRequest } from './sender-place.ts';

export interface WireWorld {
  readonly estate: RailgunEstate;
  readonly link: LinkState;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly bodies: BodySource;
  readonly origins: readonly SimOrigin[];
  /** Global numbers of the origins that have this address. */
  readonly originsAtAddress: (address: string) => readonly number[];
  readonly placeName: (pop: number) => string;
  /** What the lanes of a place draw from. */
  readonly placeRandom: (pop: number) => Random;
}

/** What comes of one request over the link; called once for each that was placed. */
export interface WireEvents {
  /** `ending` is one of sim/outcome.ts. */
  ended(slot: number, ending: number, outcome: WireOutcome | undefined): void;
  /** Nobody acted on it: it goes direct now. */
  unavailable(slot: number, reason: string): void;
}

/** The token that both ends hold; 32 characters, as activation gives them. */
const TOKEN = 'simulated0simulated0simulated0si';
const WRONG_TOKEN = 'another00another00another00anoth';
const RAILGUN_ID = '1';
const AGENT = '5157';

export class WireLink implements EstateWatcher {
  lanesOpened = 0;
  lanesLost = 0;
  /** Requests by how their answer was told. */
  readonly modes = { same: 0, delta: 0, full: 0, raw: 0 };
  onLane: ((pop: number, listener: number, state: string, reason: string) => void) | undefined;
  readonly memo = new CodecMemo();
  readonly #world: WireWorld;
  readonly #events: WireEvents;
  readonly #places = new Map<number, SenderPlace>();
  readonly #hosts: (ListenerHost | undefined)[];
  readonly #nodes: StoreNode[];
  readonly #lines = new Map<number, { readonly there: Line; readonly back: Line }>();
  readonly #connections = new Set<Connection>();
  /** Requests under way by their ray. */
  readonly #asked = new Map<string, WireRequest>();
  readonly #waysUs = new Map<number, () => number>();
  #rays = 0;
  #dialled = 0;

  constructor(world: WireWorld, events: WireEvents) {
    this.#world = world;
    this.#events = events;
    this.#hosts = world.estate.listeners.map(() => undefined);
    this.#nodes = world.estate.stores.map(() => new StoreNode());
    world.estate.watch(this);
    world.link.onPass = () => {
      for (const connection of this.#connections) connection.resume();
    };
    world.link.onForget = () => {
      for (const connection of this.#connections) connection.vanish();
    };
  }

  /** Bytes of rgx/1 written by both ends so far. */
  get laneBytes(): number {
    let bytes = this.#laneBytes;
    for (const { sender, listener } of this.#connections) bytes += sender.sent + listener.sent;
    return bytes;
  }
  #laneBytes = 0;

  /** The run begins: what crossed before is no part of it. */
  countFromHere(): void {
    this.#laneBytes -= this.laneBytes;
    for (const mode of ['same', 'delta', 'full', 'raw'] as const) this.modes[mode] = 0;
  }

  /**
   * @param roundTripUs There and back between the PoP and the origin's pool, asked for again whenever bytes are sent.
   * @returns `undefined` when it is on a lane, else why it goes direct.
   */
  request(pop: number, asked: Omit<WireRequest, 'ray' | 'body'>, roundTripUs: () => number): string | undefined {
    this.#rays += 1;
    const ray = `${this.#rays.toString(16).padStart(16, '0')}-${this.#world.placeName(pop)}`;
    const request: WireRequest = { ...asked, ray, body: undefined };
    this.#waysUs.set(pop, roundTripUs);
    this.#asked.set(ray, request);
    const reason = this.#place(pop).request(request, roundTripUs());
    if (reason !== undefined) this.#asked.delete(ray);
    return reason;
  }

  // EstateWatcher

  listenerLost(listener: number): void {
    this.#hosts[listener]?.kill();
    this.#hosts[listener] = undefined;
  }

  listenerChanged(index: number, before: ListenerState): void {
    const host = this.#hosts[index];
    const { state } = this.#world.estate.listeners[index]!;
    if (state === 'silent') host?.freeze();
    else if (before === 'silent') host?.thaw();
    if (state === 'draining') host?.drain();
  }

  #place(pop: number): SenderPlace {
    const known = this.#places.get(pop);
    if (known !== undefined) return known;
    const { scheduler, estate, placeName, placeRandom } = this.#world;
    const listenerOf = new Map<number, number>();
    const place: SenderPlace = new SenderPlace(
      {
        scheduler,
        random: placeRandom(pop),
        place: placeName(pop),
        expirationUs: estate.traits.expirationUs,
        store: new StoreClient(scheduler, [new StoreNode()], [ALWAYS_UP]),
        dial: (lane) => this.#dial(pop, lane, place, listenerOf),
        onLane: (lane, state, why) => {
          const listener = listenerOf.get(lane) ?? 0;
          if (state === 'open') this.lanesOpened += 1;
          else if (state === 'lost') this.lanesLost += 1;
          this.onLane?.(pop, listener, state, why);
        },
        ...{ token: TOKEN, railgunId: RAILGUN_ID, agent: AGENT },
      },
      {
        ended: (request, outcome) => this.#ended(request, outcome),
        failed: (request, fault, headSent) => this.#failed(place, request, fault, headSent),
      },
    );
    this.#places.set(pop, place);
    return place;
  }

  #dial(pop: number, lane: number, place: SenderPlace, listenerOf: Map<number, number>): () => void {
    const { estate, link, scheduler } = this.#world;
    const roundTripUs = this.#waysUs.get(pop) ?? (() => place.roundTripUs);
    const forwardUs = (): number => Math.floor(roundTripUs() / 2);
    const backUs = (): number => roundTripUs() - forwardUs();
    return dial(
      { estate, link, scheduler, forwardUs, backUs },
      {
        connected: (listener) => {
          listenerOf.set(lane, listener);
          this.#connect(pop, lane, place, listener, { forwardUs, backUs });
        },
        failed: (listener, why) => {
          listenerOf.set(lane, Math.max(0, listener));
          place.dialFailed(lane, why);
        },
      },
    );
  }

  #connect(
    pop: number,
    lane: number,
    place: SenderPlace,
    listener: number,
    ways: { readonly forwardUs: () => number; readonly backUs: () => number },
  ): void {
    const { scheduler, link, random, estate } = this.#world;
    const lines = this.#lines.get(pop) ?? { there: new Line(), back: new Line() };
    this.#lines.set(pop, lines);
    this.#dialled += 1;
    const chance = random.fork(`connection ${this.#dialled}`);
    const way = (line: Line, name: string, delayUs: () => number, backUs: () => number): PipeWay => {
      return { scheduler, link, line, random: chance.fork(name), delayUs, backUs };
    };
    const connection = new Connection(
      way(lines.there, 'there', ways.forwardUs, ways.backUs),
      way(lines.back, 'back', ways.backUs, ways.forwardUs),
    );
    this.#connections.add(connection);
    connection.onOver = () => {
      if (!this.#connections.delete(connection)) return;
      this.#laneBytes += connection.sender.sent + connection.listener.sent;
    };
    // Both ends of one TLS session export the same value.
    const exporter = hash('sha256', `session ${this.#dialled}`, 'buffer').subarray(0, EXPORTER_LENGTH);
    const token = estate.listeners[listener]?.state === 'wrong_token' ? WRONG_TOKEN : TOKEN;
    this.#host(listener).accept(connection, exporter, token);
    place.connected(lane, connection, exporter);
  }

  #host(index: number): ListenerHost {
    const known = this.#hosts[index];
    if (known !== undefined) return known;
    const { scheduler, random, estate } = this.#world;
    const { generation } = estate.listeners[index]!;
    const { expirationUs, streamSize, sharedStore } = estate.traits;
    // Its own store lives and dies with the machine; a shared one outlives it.
    const nodes = sharedStore ? this.#nodes : estate.stores.map(() => new StoreNode());
    const host = new ListenerHost({
      scheduler,
      random: random.fork(`listener ${index}/${generation}`),
      listenerId: `${index + 1}.${generation}`,
      nat: estate.natOf(index),
      store: new StoreClient(scheduler, nodes, estate.stores),
      memo: this.memo,
      ask: (request, attempt, answer) => this.#ask(request, attempt, answer),
      ...{ expirationUs, streamSize, token: TOKEN, railgunId: RAILGUN_ID, agent: AGENT },
    });
    this.#hosts[index] = host;
    return host;
  }

  #ask(request: OriginRequest, _attempt: 1 | 2, answer: OriginAnswerTo): () => void {
    const ray = request.head.find(([name]) => name === 'CF-Ray')?.[1] ?? '';
    const asked = this.#asked.get(ray);
    const { scheduler, bodies, origins, originsAtAddress } = this.#world;
    // Two origins may share an address: then it is the one that was chosen.
    const there = originsAtAddress(request.address);
    const number = asked !== undefined && there.includes(asked.origin) ? asked.origin : there[0];
    const origin = number === undefined ? undefined : origins[number];
    if (asked === undefined || origin === undefined) {
      answer.failed('refused', 'nobody has this address');
      return () => {};
    }
    return askOrigin({ scheduler, bodies }, origin, asked, answer, (body) => {
      asked.body = body;
    });
  }

  #ended(request: WireRequest, outcome: WireOutcome): void {
    this.#asked.delete(request.ray);
    this.modes[outcome.mode] += 1;
    const { status } = outcome;
    const ending = status === 503 ? OVERLOADED : status >= 500 ? ORIGIN_ERROR : SERVED;
    this.#events.ended(request.slot, ending, outcome);
  }

  #failed(place: SenderPlace, request: WireRequest, fault: Fault, headSent: boolean): void {
    this.#asked.delete(request.ray);
    // The visitor has the head: the connection to him is cut (RG-014).
    const ending = headSent ? LANE_LOST : endingOf(fault, request.method);
    if (ending === undefined) this.#events.unavailable(request.slot, place.probe());
    else this.#events.ended(request.slot, ending, undefined);
  }
}

/** What a fault of the link is to the edge, as in live/railgun/link-leg.ts; `undefined` = nobody acted on it, so it goes direct. */
function endingOf(fault: Fault, method: string): number | undefined {
  switch (fault.kind) {
    case 'origin_connect_timeout':
      return CONNECT_TIMEOUT;
    case 'origin_refused':
      return REFUSED;
    case 'origin_read_timeout':
    case 'deadline':
      return READ_TIMEOUT;
    // The listener's documentation has 520 for both.
    case 'origin_tls':
    case 'origin_reset':
      return RESET;
    case 'link_lost':
    case 'listener_refused':
    case 'link_protocol':
    case 'limit':
    case 'integrity':
    case 'gone':
    case 'bad_request_body':
    case 'listener_internal':
      return mayRetry(fault, method, { retryIdempotentDirect: false }) ? undefined : LANE_LOST;
    default:
      return unreachable(fault);
  }
}
