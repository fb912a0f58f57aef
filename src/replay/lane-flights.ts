/**
 * Requests handed to the link, at both fidelities: a lane's place, the listener's origin, what crosses, and what becomes of it when the lane
 * breaks. At flow fidelity that is arithmetic (sim/railgun-model.ts), at wire fidelity the real machines (sim/wire).
 *
 *     flights ── place ──► flow: an event later on the agenda ── complete ──► how it ended
 *        ▲                 wire: the machines ── ended, unavailable ──┐
 *        └── settled, overHttp ───────────────────────────────────────┘
 *
 * Which origin, which pool, and what follows a failure is decided in `flights.ts`.
 */
import type { Model } from '../core/model.ts';
import type { Micros } from '../core/time.ts';
import type { EventQueue } from '../sim/event-queue.ts';
import {
  CONNECT_TIMEOUT,
  LANE_LOST,
  READ_TIMEOUT,
  REFUSED,
  RESET,
  SERVED,
  TLS_INVALID,
  UNREACHABLE,
} from '../sim/outcome.ts';
import type { SimOrigin } from '../sim/origin.ts';
import { LOST, PASSES } from '../sim/railgun-model.ts';
import { LAN_TIMEOUT_US } from '../sim/wire/listener-host.ts';
import type { WireOutcome } from '../sim/wire/sender-place.ts';
import type { WireEvents, WireLink } from '../sim/wire/wire-link.ts';
import { COMPLETE, type FlightSlots, SLOT, poolOf, withEnding } from './flight-slots.ts';
import type { Ledger } from './ledger.ts';
import { pageTarget } from './page-target.ts';
import type { SimWorld } from './sim-world.ts';
import type { SteadyRequest } from './steady-rounds.ts';
import type { TraceWriter } from './trace-writer.ts';

const {
  ASKED_AGAIN,
  BALANCER,
  BUCKET,
  BYTES,
  DIRECT,
  DOUBLES,
  GENERATION,
  INTS,
  KEY,
  LANE,
  LISTENER,
  NOT_TEXT,
  ORIGIN,
  PAGE,
  PLACE,
  POP_MASK,
  STATE,
  VIA_LANE,
  WIRE,
} = SLOT;

/** In place of a slot: of nobody's request. */
const STEADY = -1;
/** In place of an ending: the attempt is not over. */
export const NOT_OVER = -1;

export interface LaneDeps {
  readonly queue: EventQueue;
  readonly world: SimWorld;
  readonly ledger: Ledger;
  readonly trace: TraceWriter;
  readonly onLane: WireLink['onLane'];
}

/** Whose requests they are (`flights.ts`). */
export interface LaneOwner {
  now: Micros;
  readonly model: Model;
  readonly slots: FlightSlots;
  settled(slot: number, ending: number): void;
  overHttp(slot: number, state: number, pool: number, bytes: number): void;
}

export class LaneFlights implements WireEvents {
  readonly #owner: LaneOwner;
  readonly #slots: FlightSlots;
  readonly #deps: LaneDeps;
  /** How the origin that was asked last will end (`#askedByListener`). */
  #ending = SERVED;

  constructor(owner: LaneOwner, deps: LaneDeps) {
    this.#owner = owner;
    this.#slots = owner.slots;
    this.#deps = deps;
  }

  /** Hands an attempt to the link: `undefined`, or why it goes direct. */
  place(slot: number, state: number, pool: number, origin: number, bytes: number): string | undefined {
    const { world } = this.#deps;
    const { ints } = this.#slots;
    const row = slot * INTS;
    const pop = ints[row + PLACE]! & POP_MASK;
    if ((state & WIRE) !== 0) {
      ints[row + STATE] = state | VIA_LANE;
      return this.#overWire(slot, pop, pool, origin);
    }
    const roundTrip = world.roundTripUs(pop, pool);
    if (!world.railgunModel.place(pop, this.#owner.now, roundTrip)) return world.railgunModel.reason;
    this.#overLane(slot, state | VIA_LANE, pop, bytes, roundTrip);
    return undefined;
  }

  /** A request before the run, by way of the first origin of the balancer's first pool: over the link, or not at all. */
  steady(pop: number, { balancer, host, path, page, bodyBytes, wire }: SteadyRequest): void {
    const { world, onLane } = this.#deps;
    const { model, now } = this.#owner;
    const { defaultPools, fallbackPool } = model.loadBalancers[balancer]!;
    const pool = model.pools.findIndex(({ id }) => id === (defaultPools[0] ?? fallbackPool));
    const origin = model.pools[pool]?.origins[0];
    if (origin === undefined) return;
    if (!wire) {
      if (world.railgunModel.place(pop, now, world.roundTripUs(pop, pool)))
        world.railgunModel.left(pop, world.railgunModel.lane, now);
      return;
    }
    const number = world.originBase[pool]!;
    (world.wire ?? world.openWire(this, onLane)).request(
      pop,
      {
        ...{ slot: STEADY, key: STEADY, method: 'GET', page, host, origin: number, bodyBytes, text: true },
        path: pageTarget(path, page),
        originAddress: literal(origin.address, origin.port, number),
      },
      () => world.roundTripUs(pop, pool),
    );
  }

  goesDirect(slot: number, reason: string): void {
    const { ledger, trace } = this.#deps;
    ledger.direct(this.#slots.ints[slot * INTS + BUCKET]!, reason);
    if (trace.wantsCandidates) this.#slots.directReasons[slot] = reason;
  }

  /** At flow fidelity, what becomes of the lane meanwhile is asked when the answer is due. Returns how the attempt ended, or `NOT_OVER`. */
  complete(slot: number, ending: number): number {
    const { railgunModel } = this.#deps.world;
    const { ints } = this.#slots;
    const { now } = this.#owner;
    const row = slot * INTS;
    const pop = ints[row + PLACE]! & POP_MASK;
    const lane = ints[row + LANE]!;
    const fate = railgunModel.fateOf(pop, lane, now);
    if (fate > PASSES) {
      this.#deps.queue.push(fate, COMPLETE, slot);
      return NOT_OVER;
    }
    const brokenOff = fate !== LOST && ending === SERVED && this.#brokenOff(row);
    if (brokenOff && this.#askAgain(slot)) return NOT_OVER;
    railgunModel.left(pop, lane, now);
    return fate === LOST ? LANE_LOST : brokenOff ? RESET : ending;
  }

  // Flow

  #overLane(slot: number, state: number, pop: number, bytes: number, roundTrip: number): void {
    const { now } = this.#owner;
    const { world, ledger, queue } = this.#deps;
    const railgun = world.railgunModel;
    const { ints } = this.#slots;
    const row = slot * INTS;
    const bucket = ints[row + BUCKET]!;
    ints[row + LANE] = railgun.lane;
    ints[row + LISTENER] = railgun.listener;
    ledger.handedOver(bucket);
    if (railgun.hangsUntil > 0) {
      ints[row + STATE] = withEnding(state, SERVED);
      queue.push(railgun.hangsUntil, COMPLETE, slot);
      return;
    }
    const served = this.#mapped(row);
    if (served < 0) {
      ints[row + STATE] = withEnding(state, REFUSED);
      queue.push(now + roundTrip, COMPLETE, slot);
      return;
    }
    const sim = world.origins[served]!;
    ints[row + GENERATION] = sim.generation;
    const afterUs = this.#askedByListener(sim, row, roundTrip);
    ints[row + STATE] = withEnding(state, this.#ending);
    let lineUs = 0;
    if (this.#ending === SERVED) {
      railgun.transfer(pop, ints[row + PAGE]!, bytes, (state & NOT_TEXT) === 0, now, now + afterUs);
      ledger.carried(bucket, bytes, railgun.wanBytes);
      lineUs = world.link.transferUs(railgun.lineBytes) + railgun.moreRoundTrips * roundTrip;
    }
    queue.push(now + afterUs + lineUs, COMPLETE, slot);
  }

  /** Global number of the origin that the listener calls, which may have a map of its own; -1 = nobody. */
  #mapped(row: number): number {
    const { ints } = this.#slots;
    const { name } = this.#owner.model.loadBalancers[ints[row + BALANCER]!]!;
    return this.#deps.world.mapped(ints[row + LISTENER]!, name, ints[row + ORIGIN]!);
  }

  /**
   * How an origin answers a listener, which has its own patience and its own names for failures (live/railgun/link-leg.ts). Returns when;
   * how is in `#ending`.
   */
  #askedByListener(sim: SimOrigin, row: number, roundTrip: number): number {
    sim.admit(this.#owner.now, roundTrip, this.#slots.ints[row + KEY]!);
    let { ending, afterUs } = sim;
    if (ending === SERVED || ending === READ_TIMEOUT) {
      if (afterUs - roundTrip > LAN_TIMEOUT_US) [ending, afterUs] = [READ_TIMEOUT, roundTrip + LAN_TIMEOUT_US];
    } else if (ending === CONNECT_TIMEOUT) afterUs = roundTrip + LAN_TIMEOUT_US;
    else if (ending === UNREACHABLE) ending = REFUSED;
    else if (ending === TLS_INVALID) [ending, afterUs] = [RESET, roundTrip];
    this.#ending = ending;
    return afterUs;
  }

  /** The origin was cut off while it worked on this request. */
  #brokenOff(row: number): boolean {
    const number = this.#mapped(row);
    return number >= 0 && this.#deps.world.origins[number]!.generation !== this.#slots.ints[row + GENERATION];
  }

  /** One retry of a transient origin error, by the listener (RG-030). */
  #askAgain(slot: number): boolean {
    const { world, queue } = this.#deps;
    const { ints } = this.#slots;
    const row = slot * INTS;
    const state = ints[row + STATE]!;
    if ((state & ASKED_AGAIN) !== 0) return false;
    const sim = world.origins[this.#mapped(row)]!;
    ints[row + GENERATION] = sim.generation;
    const afterUs = this.#askedByListener(sim, row, 0);
    ints[row + STATE] = withEnding(state | ASKED_AGAIN, this.#ending);
    queue.push(this.#owner.now + afterUs, COMPLETE, slot);
    return true;
  }

  // Wire

  #overWire(slot: number, pop: number, pool: number, origin: number): string | undefined {
    const { world, ledger, onLane } = this.#deps;
    const { model } = this.#owner;
    const { ints, doubles } = this.#slots;
    const wire = world.wire ?? world.openWire(this, onLane);
    const row = slot * INTS;
    const { method, path, host: asked } = this.#slots.asked[slot]!;
    // A log need not name the host.
    const host = asked === '' ? model.loadBalancers[ints[row + BALANCER]!]!.name : asked;
    const number = ints[row + ORIGIN]!;
    const { address, port } = model.pools[pool]!.origins[origin]!;
    const page = ints[row + PAGE]!;
    const reason = wire.request(
      pop,
      {
        ...{ slot, method, page, host, origin: number, key: ints[row + KEY]! },
        path: pageTarget(path, page),
        originAddress: literal(address, port, number),
        bodyBytes: doubles[slot * DOUBLES + BYTES]!,
        text: (ints[row + STATE]! & NOT_TEXT) === 0,
      },
      () => world.roundTripUs(pop, pool),
    );
    if (reason === undefined) ledger.handedOver(ints[row + BUCKET]!);
    return reason;
  }

  // WireEvents

  ended(slot: number, ending: number, outcome: WireOutcome | undefined): void {
    if (slot === STEADY) return;
    const { world, ledger } = this.#deps;
    const { ints, outcomes } = this.#slots;
    this.#owner.now = world.scheduler.now();
    const row = slot * INTS;
    outcomes[slot] = outcome;
    if (outcome !== undefined && ending === SERVED)
      ledger.carried(ints[row + BUCKET]!, outcome.bodyBytes, outcome.wanBytes);
    ints[row + STATE] = withEnding(ints[row + STATE]!, ending);
    this.#owner.settled(slot, ending);
  }

  unavailable(slot: number, reason: string): void {
    if (slot === STEADY) return;
    const { world } = this.#deps;
    const { ints, doubles, decisions } = this.#slots;
    const now = world.scheduler.now();
    this.#owner.now = now;
    const row = slot * INTS;
    this.goesDirect(slot, reason);
    const bytes = doubles[slot * DOUBLES + BYTES]! || world.pageBytes(ints[row + PAGE]!, now);
    this.#owner.overHttp(slot, (ints[row + STATE]! & ~VIA_LANE) | DIRECT, poolOf(decisions[slot]!), bytes);
  }
}

/** `CF-ORIGIN-IP`: a literal, with its port. An origin named by host has one of its own here, since nothing is looked up in a replay. */
function literal(address: string, port: number, number: number): string {
  const known = /^[0-9.]+$/.test(address) || address.includes(':') ? address : `198.18.${number >> 8}.${number & 255}`;
  if (port === 0) return known;
  return known.includes(':') ? `[${known}]:${port}` : `${known}:${port}`;
}
