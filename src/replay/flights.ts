/**
 * Requests under way: the hot core of a replay. READ THIS FIRST to learn what happens to one simulated request.
 *
 *   arrive ──steer──> attempt ──(virtual time passes)──> complete ──edge-made fault──> steerAgain ──> attempt
 *                                                            └──────> finish: ledger, session, trace
 *
 * A request under way is a slot of 64 bytes, one cache line; nothing is allocated per request but what steering hands back. The
 * decisions are the real ones: this file knows no policy, only what they cost in time.
 */
import type { Decision, Ladder, Rung } from '../core/decision.ts';
import type { HealthView, LoadView, NameView } from '../core/health-view.ts';
import type { Location } from '../core/location.ts';
import type { Model } from '../core/model.ts';
import type { Random } from '../core/random.ts';
import { type Micros, US_PER_SECOND } from '../core/time.ts';
import type { RequestEvent } from '../core/trace.ts';
import type { EventQueue } from '../sim/event-queue.ts';
import {
  CONNECT_TIMEOUT,
  EDGE_LOST,
  EDGE_REFUSED,
  ENDINGS,
  LANE_LOST,
  NOTHING_MAY_SERVE,
  NOT_RESOLVED,
  ORIGIN_ERROR,
  OVERLOADED,
  READ_TIMEOUT,
  REFUSED,
  RESET,
  SERVED,
  TLS_INVALID,
  UNREACHABLE,
} from '../sim/outcome.ts';
import { SYN_PAUSES_US, type SimOrigin } from '../sim/origin.ts';
import { LAN_TIMEOUT_US } from '../sim/wire/listener-host.ts';
import { type BalancerPlan, compileBalancer } from '../steering/plan.ts';
import type { SteerRequest, SteerWorld } from '../steering/request.ts';
import { steerAgain } from '../steering/failover.ts';
import { steer } from '../steering/steer.ts';
import { hashAddress } from '../steering/hash.ts';
import { HeaderSessions } from '../steering/header-sessions.ts';
import type { Arrival } from './arrivals.ts';
import type { ClientTable } from './clients.ts';
import type { Ledger } from './ledger.ts';
import type { Question } from './run.ts';
import type { ResolverFleet } from './resolvers.ts';
import { ArrivalFacts } from './arrival-facts.ts';
import { CandidateTexts, candidatesText } from './candidates-text.ts';
import type { SimWorld } from './sim-world.ts';
import { LOST, PASSES } from '../sim/railgun-model.ts';
import type { WireOutcome } from '../sim/wire/sender-place.ts';
import type { WireEvents, WireLink } from '../sim/wire/wire-link.ts';
import type { Story } from './story.ts';
import type { TraceWriter } from './trace-writer.ts';

/** Event kind of a completion; its operand is the slot. */
export const COMPLETE = 1;
/** Idle connections to origins are kept this long (spec 6.1): least_connections counts them. */
const KEEP_ALIVE_US = 900 * US_PER_SECOND;

/** Outcomes of affinity after which the session's state at its old origin is of no use any more. */
const LOSES_STATE: ReadonlySet<string> = new Set([
  'foreign',
  'origin_gone',
  'origin_unhealthy',
  'pool_unavailable',
  'shed',
  'moved',
]);

const VIA_LANE = 1;
const FALLBACK = 2;
const DIRECT = 4;
const DNS_ONLY = 8;
const STALE = 16;
/** The listener has asked the origin once more, as it does once when an answer breaks off before it began. */
const ASKED_AGAIN = 32;
/** Played by the real machines of the link. */
const WIRE = 64;
/** The body's type may not be delta-coded. */
const NOT_TEXT = 128;

/** A request that no edge was there to decide on. */
const UNDECIDED: Decision = { kind: 'none', because: 'nothing_may_serve' };

export interface FlightDeps {
  readonly queue: EventQueue;
  readonly world: SimWorld;
  readonly clients: ClientTable;
  readonly ledger: Ledger;
  readonly resolvers: ResolverFleet;
  readonly story: Story;
  readonly trace: TraceWriter;
  readonly health: HealthView;
  readonly random: Random;
  /** Where a client is now: its own place, or the nearest PoP left when that one was withdrawn. */
  readonly locate: (home: Location) => Location;
  /** Ledger row of a region index (-1 = none). */
  readonly regionRow: Int32Array;
  readonly pops: number;
  /** Some policy of some configuration of this run reads requests or connections under way. */
  readonly countsLoad: boolean;
  readonly onLane: WireLink['onLane'];
}

/** What the wire must know of a request beside its slot. */
interface WireAsked {
  readonly method: string;
  readonly host: string;
  readonly path: string;
}

export class Flights implements LoadView, NameView, WireEvents {
  count = 0;
  model: Model;
  plans: readonly BalancerPlan[];
  readonly #deps: FlightDeps;
  readonly #request: SteerRequest;
  readonly #steerWorld: SteerWorld;
  readonly #facts = new ArrivalFacts();
  readonly #rungs: Rung[] = [];
  readonly #ladder: Ladder = { add: (rung) => this.#rungs.push(rung) };
  // Slots: the columns of a row are named below the class.
  #ints = new Int32Array(0);
  #doubles = new Float64Array(0);
  #free = new Int32Array(0);
  #freeCount = 0;
  readonly #decisions: Decision[] = [];
  readonly #locations: Location[] = [];
  readonly #candidates: string[] = [];
  readonly #directReason: string[] = [];
  readonly #asked: WireAsked[] = [];
  readonly #outcomes: (WireOutcome | undefined)[] = [];
  readonly #texts = new CandidateTexts();
  // Load, by PoP and global origin number: kept only where a policy reads it.
  readonly #countsLoad: boolean;
  readonly #outstanding: Int32Array;
  readonly #poolOutstanding: Int32Array;
  readonly #peak: Int32Array;
  readonly #peakAt: Float64Array;
  readonly #popRequests: Float64Array;
  readonly #popFailed: Float64Array;
  readonly #origins: number;
  readonly #pools: number;
  /** Time of the event that is being played. A field, since a number of this size would be boxed on its way through every call. */
  now = 0 as Micros;
  readonly #sessions = new HeaderSessions();
  #health: HealthView;

  constructor(model: Model, deps: FlightDeps) {
    this.model = model;
    this.plans = model.loadBalancers.map((_, index) => compileBalancer(model, index));
    this.#deps = deps;
    this.#health = deps.health;
    this.#grow(FIRST_SLOTS);
    this.#origins = deps.world.originCount;
    this.#pools = model.pools.length;
    this.#popRequests = new Float64Array(deps.pops);
    this.#popFailed = new Float64Array(deps.pops);
    this.#countsLoad = deps.countsLoad;
    const pops = this.#countsLoad ? deps.pops : 0;
    this.#outstanding = new Int32Array(pops * this.#origins);
    this.#poolOutstanding = new Int32Array(pops * this.#pools);
    this.#peak = new Int32Array(pops * this.#origins);
    this.#peakAt = new Float64Array(pops * this.#origins);
    const clients = deps.clients;
    const current = { client: 0 };
    this.#request = {
      location: undefined as unknown as Location,
      clientHash: 0,
      get clientAddress(): string {
        return clients.address(current.client);
      },
      claim: undefined,
      facts: this.#facts,
    };
    this.#current = current;
    this.#steerWorld = {
      health: deps.health,
      load: this,
      names: this,
      random: deps.random.fork('steering'),
      now: 0 as Micros,
      sessions: this.#sessions,
    };
  }
  readonly #current: { client: number };

  /** The configuration changed: same pools and origins, other settings. */
  adopt(model: Model, health: HealthView): void {
    this.model = model;
    this.#health = health;
    this.#steerWorld.health = health;
    this.plans = model.loadBalancers.map((_, index) => compileBalancer(model, index));
  }

  get inFlight(): number {
    return this.#free.length - this.#freeCount;
  }

  arrive(arrival: Arrival): void {
    const { clients, trace } = this.#deps;
    const plan = this.plans[arrival.balancer]!;
    const { client } = arrival;
    const location = this.#deps.locate(clients.location(client));
    if (this.#freeCount === 0) this.#grow(this.#free.length * 2);
    const slot = this.#free[--this.#freeCount]!;
    const row = slot * INTS;
    const ints = this.#ints;
    ints[row + CLIENT] = client;
    ints[row + BALANCER] = arrival.balancer;
    ints[row + PLACE] = location.popIndex | (this.#deps.regionRow[location.regionIndex + 1]! << REGION_SHIFT);
    ints[row + STATE] = (arrival.text ? 0 : NOT_TEXT) | (arrival.wire ? WIRE : 0);
    ints[row + ORIGIN] = -1;
    ints[row + PAGE] = arrival.page;
    const doubles = this.#doubles;
    doubles[slot * DOUBLES + ARRIVED_AT] = this.now;
    doubles[slot * DOUBLES + NUMBER] = this.count++;
    doubles[slot * DOUBLES + BYTES] = arrival.bodyBytes;
    this.#locations[slot] = location;
    if (arrival.wire) {
      this.#asked[slot] = { method: arrival.method, host: arrival.host, path: arrival.path };
      this.#outcomes[slot] = undefined;
    }

    if (!plan.balancer.proxied) {
      this.#arriveByName(slot, arrival, location);
      return;
    }
    if (this.#deps.world.crashed.size > 0 && this.#deps.world.crashed.has(location.popIndex)) {
      this.#decisions[slot] = UNDECIDED;
      this.#finish(slot, EDGE_REFUSED);
      return;
    }
    const request = this.#request;
    request.location = location;
    request.clientHash = clients.hash(client);
    request.claim = clients.claim(client);
    this.#current.client = client;
    this.#facts.arrival = arrival;
    this.#facts.client = client;
    this.#steerWorld.now = this.now;
    const decision = trace.wantsCandidates ? this.#steerAndTell(slot, plan) : steer(plan, request, this.#steerWorld);
    this.#decisions[slot] = decision;
    switch (decision.kind) {
      case 'origin':
        this.#attempt(slot, decision.pool, decision.origin, plan);
        return;
      case 'fallback':
        ints[row + STATE]! |= FALLBACK;
        this.#attempt(slot, decision.pool, decision.origin, plan);
        return;
      case 'fixed_response':
        this.#finish(slot, SERVED);
        return;
      case 'records':
        this.#finish(slot, this.#zoneAnswers(plan) ? SERVED : NOT_RESOLVED);
        return;
      default:
        this.#finish(slot, NOTHING_MAY_SERVE);
    }
  }

  /** With a trace: also which candidates there were. The full ladder only where the answer cannot be known without it. */
  #steerAndTell(slot: number, plan: BalancerPlan): Decision {
    if (!CandidateTexts.suffice(plan)) {
      this.#rungs.length = 0;
      const decision = steer(plan, this.#request, this.#steerWorld, this.#ladder);
      this.#candidates[slot] = candidatesText(this.#rungs);
      return decision;
    }
    const decision = steer(plan, this.#request, this.#steerWorld);
    this.#candidates[slot] = this.#texts.of(plan, this.#request.location, this.#health, decision);
    return decision;
  }

  /** DNS-only: the client asks its resolver, which may hold an old answer, and goes there by itself. No edge, no second try. */
  #arriveByName(slot: number, arrival: Arrival, location: Location): void {
    const { pool, origin, answer, stale } = this.#deps.resolvers.lookup(arrival, location, this, this.#health.version);
    const decision = answer.dns.decision ?? { kind: 'records', because: 'balancer_disabled' };
    this.#ints[slot * INTS + STATE]! |= DNS_ONLY | (stale ? STALE : 0) | (decision.kind === 'fallback' ? FALLBACK : 0);
    this.#decisions[slot] = decision;
    if (this.#deps.trace.wantsCandidates) this.#candidates[slot] = answer.candidates;
    if (origin < 0) {
      this.#finish(slot, answer.served ? SERVED : NOT_RESOLVED);
      return;
    }
    this.#attempt(slot, pool, origin, this.plans[arrival.balancer]!);
  }

  /** For `ResolverFleet`: one query of a resolver, steered like a request without a session. */
  steerQuery(
    balancer: number,
    location: Location,
    address: string,
    hash: number,
    now: Micros,
    ladder: Rung[] | undefined,
  ): Decision {
    const request: SteerRequest = {
      location,
      clientHash: hash,
      clientAddress: address,
      claim: undefined,
      facts: { kind: 'dns', name: this.model.loadBalancers[balancer]!.name, type: 'A' },
    };
    this.#steerWorld.now = now;
    return steer(
      this.plans[balancer]!,
      request,
      this.#steerWorld,
      ladder === undefined ? undefined : { add: (rung) => ladder.push(rung) },
    );
  }

  /** A request that is only asked about: steered with all its rungs, and nothing else comes of it. */
  ask(question: Question): { readonly decision: Decision; readonly rungs: readonly Rung[] } {
    const { balancer, location, clientAddress, claim, facts, at } = question;
    const request: SteerRequest = { location, clientHash: hashAddress(clientAddress), clientAddress, claim, facts };
    const rungs: Rung[] = [];
    this.#steerWorld.now = at;
    const ladder = { add: (rung: Rung) => void rungs.push(rung) };
    return { decision: steer(this.plans[balancer]!, request, this.#steerWorld, ladder), rungs };
  }

  get health(): HealthView {
    return this.#health;
  }

  #attempt(slot: number, pool: number, origin: number, plan: BalancerPlan): void {
    const { now } = this;
    const { world, ledger } = this.#deps;
    const number = world.originBase[pool]! + origin;
    const row = slot * INTS;
    const ints = this.#ints;
    const pop = ints[row + PLACE]! & POP_MASK;
    const bucket = ledger.bucketOf(now);
    const sim = world.origins[number]!;
    let state = (ints[row + STATE]! & ~(VIA_LANE | ASKED_AGAIN)) + ATTEMPT;
    ints[row + ORIGIN] = number;
    ints[row + GENERATION] = sim.generation;
    ints[row + BUCKET] = bucket;
    ledger.attempted(bucket, number);
    if (this.#countsLoad) this.#open(pop, pool, number, now);
    const roundTrip = world.roundTripUs(pop, pool);
    const { link } = world;
    let bytes = 0;
    if (plan.balancer.railgun !== undefined && plan.balancer.proxied) {
      bytes = this.#doubles[slot * DOUBLES + BYTES]! || world.pageBytes(ints[row + PAGE]!, now);
      const { railgunModel } = world;
      let reason: string;
      if ((state & WIRE) !== 0) {
        ints[row + STATE] = state | VIA_LANE;
        const placed = this.#overWire(slot, pop, pool, origin, number);
        if (placed === undefined) return;
        reason = placed;
      } else if (railgunModel.place(pop, now, roundTrip)) {
        this.#overLane(slot, state | VIA_LANE, pop, number, bytes, roundTrip);
        return;
      } else reason = railgunModel.reason;
      state |= DIRECT;
      ledger.direct(bucket, reason);
      if (this.#deps.trace.wantsCandidates) this.#directReason[slot] = reason;
    } else if (link.rate > 0) bytes = this.#doubles[slot * DOUBLES + BYTES]! || world.pageBytes(ints[row + PAGE]!, now);
    this.#overHttp(slot, state, sim, roundTrip, bytes);
  }

  /** Plain HTTP/1.1 to the origin: a round trip, the origin's own time, and bytes over the rate. */
  #overHttp(slot: number, state: number, sim: SimOrigin, roundTrip: number, bytes: number): void {
    const { now } = this;
    const { world, queue } = this.#deps;
    const { link } = world;
    const row = slot * INTS;
    if (link.cut) {
      this.#unanswered(slot, state, 0);
      return;
    }
    sim.admit(now, roundTrip);
    if (sim.ending === CONNECT_TIMEOUT) {
      this.#unanswered(slot, state, 0);
      return;
    }
    this.#ints[row + STATE] = withEnding(state, sim.ending);
    queue.push(now + sim.afterUs + link.transferUs(bytes), COMPLETE, slot);
  }

  /** Nobody hears the SYN; `sent` times it was sent again so far. */
  #unanswered(slot: number, state: number, sent: number): void {
    this.#ints[slot * INTS + STATE] = withEnding(state, CONNECT_TIMEOUT) | (sent << SYNS_SHIFT);
    this.#deps.queue.push(this.now + SYN_PAUSES_US[sent]!, COMPLETE, slot);
  }

  /** A SYN is sent again. False: that was the last pause, and the connect time-out is over. */
  #knocksAgain(slot: number): boolean {
    const { world } = this.#deps;
    const row = slot * INTS;
    const state = this.#ints[row + STATE]!;
    const sent = (state >> SYNS_SHIFT) + 1;
    if (sent >= SYN_PAUSES_US.length) return false;
    const sim = world.origins[this.#ints[row + ORIGIN]!]!;
    if (world.link.cut || sim.mode === 'blackhole') {
      this.#unanswered(slot, state, sent);
      return true;
    }
    // What was cut off meanwhile is of no concern to a connection that begins only now.
    this.#ints[row + GENERATION] = sim.generation;
    const decision = this.#decisions[slot]!;
    const pool = decision.kind === 'origin' || decision.kind === 'fallback' ? decision.pool : 0;
    const page = this.#ints[row + PAGE]!;
    const bytes = world.link.rate > 0 ? this.#doubles[slot * DOUBLES + BYTES]! || world.pageBytes(page, this.now) : 0;
    this.#overHttp(slot, state, sim, world.roundTripUs(this.#ints[row + PLACE]! & POP_MASK, pool), bytes);
    return true;
  }

  /** Handed to a lane, at flow fidelity. What becomes of the lane meanwhile is asked at the end (`complete`). */
  #overLane(slot: number, state: number, pop: number, number: number, bytes: number, roundTrip: number): void {
    const { now } = this;
    const { world, ledger, queue } = this.#deps;
    const railgun = world.railgunModel;
    const row = slot * INTS;
    const ints = this.#ints;
    const bucket = ints[row + BUCKET]!;
    ints[row + LANE] = railgun.lane;
    ints[row + LISTENER] = railgun.listener;
    ledger.handedOver(bucket);
    if (railgun.hangsUntil > 0) {
      ints[row + STATE] = withEnding(state, SERVED);
      queue.push(railgun.hangsUntil, COMPLETE, slot);
      return;
    }
    const served = world.mapped(railgun.listener, this.model.loadBalancers[ints[row + BALANCER]!]!.name, number);
    if (served < 0) {
      ints[row + STATE] = withEnding(state, REFUSED);
      queue.push(now + roundTrip, COMPLETE, slot);
      return;
    }
    const sim = world.origins[served]!;
    ints[row + GENERATION] = sim.generation;
    const afterUs = this.#askedByListener(sim, roundTrip);
    ints[row + STATE] = withEnding(state, this.#ending);
    let lineUs = 0;
    if (this.#ending === SERVED) {
      railgun.transfer(pop, ints[row + PAGE]!, bytes, (state & NOT_TEXT) === 0, now, now + afterUs);
      ledger.carried(bucket, bytes, railgun.wanBytes);
      lineUs = world.link.transferUs(railgun.lineBytes) + railgun.moreRoundTrips * roundTrip;
    }
    queue.push(now + afterUs + lineUs, COMPLETE, slot);
  }

  /**
   * How an origin answers a listener, which has its own patience and its own names for failures (live/railgun/link-leg.ts). Returns when;
   * how is in `#ending`.
   */
  #askedByListener(sim: SimOrigin, roundTrip: number): number {
    sim.admit(this.now, roundTrip);
    let { ending, afterUs } = sim;
    if (ending === SERVED || ending === READ_TIMEOUT) {
      if (afterUs - roundTrip > LAN_TIMEOUT_US) [ending, afterUs] = [READ_TIMEOUT, roundTrip + LAN_TIMEOUT_US];
    } else if (ending === CONNECT_TIMEOUT) afterUs = roundTrip + LAN_TIMEOUT_US;
    else if (ending === UNREACHABLE) ending = REFUSED;
    else if (ending === TLS_INVALID) [ending, afterUs] = [RESET, roundTrip];
    this.#ending = ending;
    return afterUs;
  }
  #ending = SERVED;

  /** Handed to the real machines: `undefined`, or why it goes direct. */
  #overWire(slot: number, pop: number, pool: number, origin: number, number: number): string | undefined {
    const { world, ledger, onLane } = this.#deps;
    const wire = world.wire ?? world.openWire(this, onLane);
    const row = slot * INTS;
    const { method, path, host: asked } = this.#asked[slot]!;
    // A log need not name the host.
    const host = asked === '' ? this.model.loadBalancers[this.#ints[row + BALANCER]!]!.name : asked;
    const { address, port } = this.model.pools[pool]!.origins[origin]!;
    const page = this.#ints[row + PAGE]!;
    const reason = wire.request(
      pop,
      {
        ...{ slot, method, page, host, origin: number },
        path: `${path}${path.includes('?') ? '&' : '?'}page=${page >>> 0}`,
        originAddress: literal(address, port, number),
        bodyBytes: this.#doubles[slot * DOUBLES + BYTES]!,
        text: (this.#ints[row + STATE]! & NOT_TEXT) === 0,
      },
      () => world.roundTripUs(pop, pool),
    );
    if (reason === undefined) ledger.handedOver(this.#ints[row + BUCKET]!);
    return reason;
  }

  // WireEvents

  ended(slot: number, ending: number, outcome: WireOutcome | undefined): void {
    const { world, ledger } = this.#deps;
    this.now = world.scheduler.now();
    const row = slot * INTS;
    this.#outcomes[slot] = outcome;
    if (outcome !== undefined && ending === SERVED)
      ledger.carried(this.#ints[row + BUCKET]!, outcome.bodyBytes, outcome.wanBytes);
    this.#ints[row + STATE] = withEnding(this.#ints[row + STATE]!, ending);
    this.#settled(slot, ending);
  }

  unavailable(slot: number, reason: string): void {
    const { world, ledger, trace } = this.#deps;
    this.now = world.scheduler.now();
    const row = slot * INTS;
    const ints = this.#ints;
    const number = ints[row + ORIGIN]!;
    const decision = this.#decisions[slot]!;
    const pool = decision.kind === 'origin' || decision.kind === 'fallback' ? decision.pool : 0;
    ledger.direct(ints[row + BUCKET]!, reason);
    if (trace.wantsCandidates) this.#directReason[slot] = reason;
    const roundTrip = world.roundTripUs(ints[row + PLACE]! & POP_MASK, pool);
    const bytes = this.#doubles[slot * DOUBLES + BYTES]! || world.pageBytes(ints[row + PAGE]!, this.now);
    const state = (ints[row + STATE]! & ~VIA_LANE) | DIRECT;
    this.#overHttp(slot, state, world.origins[number]!, roundTrip, bytes);
  }

  complete(slot: number): void {
    const row = slot * INTS;
    const state = this.#ints[row + STATE]!;
    let ending = (state >> ENDING_SHIFT) & ENDING_MASK;
    if ((state & VIA_LANE) !== 0) {
      const { railgunModel } = this.#deps.world;
      const pop = this.#ints[row + PLACE]! & POP_MASK;
      const lane = this.#ints[row + LANE]!;
      const fate = railgunModel.fateOf(pop, lane, this.now);
      if (fate > PASSES) {
        this.#deps.queue.push(fate, COMPLETE, slot);
        return;
      }
      if (fate === LOST) ending = LANE_LOST;
      else if (ending === SERVED && this.#brokenOff(row)) {
        if (this.#askAgain(slot)) return;
        ending = RESET;
      }
      railgunModel.left(pop, lane, this.now);
    } else if (ending === SERVED && this.#brokenOff(row)) ending = RESET;
    else if (ending === CONNECT_TIMEOUT && this.#knocksAgain(slot)) return;
    this.#settled(slot, ending);
  }

  /** The origin was cut off while it worked on this request. */
  #brokenOff(row: number): boolean {
    const { world } = this.#deps;
    const ints = this.#ints;
    let number = ints[row + ORIGIN]!;
    if ((ints[row + STATE]! & VIA_LANE) !== 0)
      number = world.mapped(ints[row + LISTENER]!, this.model.loadBalancers[ints[row + BALANCER]!]!.name, number);
    return number >= 0 && world.origins[number]!.generation !== ints[row + GENERATION];
  }

  /** One retry of a transient origin error, by the listener (RG-030). */
  #askAgain(slot: number): boolean {
    const { world, queue } = this.#deps;
    const row = slot * INTS;
    const ints = this.#ints;
    const state = ints[row + STATE]!;
    if ((state & ASKED_AGAIN) !== 0) return false;
    const name = this.model.loadBalancers[ints[row + BALANCER]!]!.name;
    const sim = world.origins[world.mapped(ints[row + LISTENER]!, name, ints[row + ORIGIN]!)]!;
    ints[row + GENERATION] = sim.generation;
    const afterUs = this.#askedByListener(sim, 0);
    ints[row + STATE] = withEnding(state | ASKED_AGAIN, this.#ending);
    queue.push(this.now + afterUs, COMPLETE, slot);
    return true;
  }

  /** The edge was killed while it had this request. DNS-only clients have none between them and the origin. */
  #edgeDied(slot: number): boolean {
    const { crashed, crashes } = this.#deps.world;
    if (crashed.size + crashes.size === 0 || (this.#ints[slot * INTS + STATE]! & DNS_ONLY) !== 0) return false;
    const pop = this.#ints[slot * INTS + PLACE]! & POP_MASK;
    return Math.max(crashed.get(pop) ?? 0, crashes.get(pop) ?? 0) > this.#doubles[slot * DOUBLES + ARRIVED_AT]!;
  }

  /** The attempt is over: served, tried elsewhere, or failed. */
  #settled(slot: number, ending: number): void {
    const { ledger } = this.#deps;
    const row = slot * INTS;
    const ints = this.#ints;
    const number = ints[row + ORIGIN]!;
    const state = ints[row + STATE]!;
    if (this.#countsLoad) {
      const decision = this.#decisions[slot]!;
      const pool = decision.kind === 'origin' || decision.kind === 'fallback' ? decision.pool : 0;
      this.#close(ints[row + PLACE]! & POP_MASK, pool, number);
    }
    if (this.#edgeDied(slot)) {
      this.#finish(slot, EDGE_LOST);
      return;
    }
    if (ending === SERVED) {
      this.#finish(slot, SERVED);
      return;
    }
    ledger.attemptFailed(ints[row + BUCKET]!, number);
    if (ENDINGS[ending]!.zeroDowntime && attemptsOf(state) === 1 && (state & DNS_ONLY) === 0) {
      const next = this.#again(slot, ending);
      if (next !== undefined && (next.kind === 'origin' || next.kind === 'fallback')) {
        ledger.retried += 1;
        ledger.count('retried', ledger.bucketOf(this.#doubles[slot * DOUBLES + ARRIVED_AT]!));
        this.#decisions[slot] = next;
        this.#attempt(slot, next.pool, next.origin, this.plans[ints[row + BALANCER]!]!);
        return;
      }
    }
    this.#finish(slot, ending);
  }

  /** Zero-downtime failover: one more attempt elsewhere, when the fault and the session allow it (spec 5.5). */
  #again(slot: number, ending: number): Decision | undefined {
    const previous = this.#decisions[slot]!;
    if (previous.kind !== 'origin' && previous.kind !== 'fallback') return undefined;
    const row = slot * INTS;
    const client = this.#ints[row + CLIENT]!;
    const request = this.#request;
    request.location = this.#locations[slot]!;
    request.clientHash = this.#deps.clients.hash(client);
    request.claim = this.#deps.clients.claim(client);
    this.#current.client = client;
    this.#facts.client = client;
    this.#steerWorld.now = this.now;
    const failure = {
      status: ENDINGS[ending]!.status,
      attempts: attemptsOf(this.#ints[row + STATE]!),
      replayable: true,
    };
    return steerAgain(this.plans[this.#ints[row + BALANCER]!]!, request, this.#steerWorld, previous, failure);
  }

  #finish(slot: number, ending: number): void {
    const { now } = this;
    const { clients, ledger, story, trace } = this.#deps;
    const row = slot * INTS;
    const ints = this.#ints;
    const client = ints[row + CLIENT]!;
    const origin = ints[row + ORIGIN]!;
    const state = ints[row + STATE]!;
    const place = ints[row + PLACE]!;
    const arrivedAt = this.#doubles[slot * DOUBLES + ARRIVED_AT]!;
    const attempts = attemptsOf(state);
    const bucket = attempts === 1 ? ints[row + BUCKET]! : ledger.bucketOf(arrivedAt);
    const decision = this.#decisions[slot]!;
    const toOrigin = decision.kind === 'origin' || decision.kind === 'fallback';
    const failed = ending !== SERVED;
    // Without affinity nobody expects to stay: such a move is counted, but no news.
    let broken = false;
    if (failed) {
      const { cause } = ENDINGS[ending]!;
      ledger.cause(cause, statusSeen(ending, state));
      story.failed(origin, ending, arrivedAt, now, (state & STALE) !== 0, (state & FALLBACK) !== 0);
    } else {
      ledger.served(now, now - arrivedAt);
      if (toOrigin) {
        const { newClaim } = decision;
        if (decision.sessionKey !== undefined) this.#sessions.record(decision, now);
        else if (newClaim !== undefined) clients.giveClaim(client, ints[row + BALANCER]!, origin, newClaim.issuedAt);
        if (clients.served(client, origin, decision.affinity)) {
          broken = decision.affinity !== 'off';
          ledger.count('sessionsMoved', bucket);
          if (LOSES_STATE.has(decision.affinity)) ledger.count('sessionsLost', bucket);
        }
      }
    }
    const fallback = (state & FALLBACK) !== 0;
    ledger.finished(arrivedAt, bucket, place >> REGION_SHIFT, toOrigin ? decision.pool : -1, failed, fallback);
    if (trace.active && (trace.everything || failed || broken || fallback || attempts > 1)) {
      this.#trace(slot, ending, now, decision);
    }
    const pop = place & POP_MASK;
    this.#popRequests[pop]! += 1;
    if (failed) this.#popFailed[pop]! += 1;
    this.#free[this.#freeCount++] = slot;
  }

  /** PoPs that served somebody, in table order. */
  popRows(): { readonly pop: number; readonly requests: number; readonly failed: number }[] {
    return [...this.#popRequests.keys()]
      .filter((pop) => this.#popRequests[pop]! > 0)
      .map((pop) => ({ pop, requests: this.#popRequests[pop]!, failed: this.#popFailed[pop]! }));
  }

  #trace(slot: number, ending: number, now: number, decision: Decision): void {
    const { clients, trace } = this.#deps;
    const model = this.model;
    const location = this.#locations[slot]!;
    const toOrigin = decision.kind === 'origin' || decision.kind === 'fallback';
    const pool = toOrigin ? model.pools[decision.pool]! : undefined;
    const origin = toOrigin ? pool!.origins[decision.origin]! : undefined;
    const row = slot * INTS;
    const flags = this.#ints[row + STATE]!;
    const arrivedAt = this.#doubles[slot * DOUBLES + ARRIVED_AT]!;
    const balancer = model.loadBalancers[this.#ints[row + BALANCER]!]!;
    const { cause } = ENDINGS[ending]!;
    trace.request({
      at: arrivedAt,
      event: 'request',
      n: this.#doubles[slot * DOUBLES + NUMBER]!,
      lb: balancer.name,
      pop: location.pop,
      region: location.region ?? '',
      country: location.country,
      client: clients.address(this.#ints[row + CLIENT]!),
      policy: toOrigin && decision.settings !== undefined ? decision.settings.steeringPolicy : balancer.steeringPolicy,
      candidates: this.#candidates[slot] ?? '',
      pool: pool?.id ?? '',
      origin: origin?.name ?? '',
      because: decision.because,
      affinity: toOrigin ? decision.affinity : 'off',
      fallback: (flags & FALLBACK) !== 0,
      attempts: attemptsOf(flags),
      path:
        (flags & DNS_ONLY) !== 0
          ? 'dns'
          : (flags & VIA_LANE) !== 0
            ? 'railgun'
            : (flags & DIRECT) !== 0
              ? `http1 (${this.#directReason[slot] ?? ''})`
              : 'http1',
      status: decision.kind === 'fixed_response' ? decision.response.statusCode : statusSeen(ending, flags),
      cause,
      latency_us: now - arrivedAt,
      ...wireFields(this.#outcomes[slot], flags),
    });
  }

  #zoneAnswers(plan: BalancerPlan): boolean {
    const name = plan.balancer.name;
    return this.model.zones.some((zone) =>
      zone.records.some(
        (record) => record.name === name && (record.type === 'A' || record.type === 'AAAA' || record.type === 'CNAME'),
      ),
    );
  }

  // LoadView and NameView

  poolOutstanding(pool: number, pop: number): number {
    return this.#poolOutstanding[pop * this.#pools + pool]!;
  }

  originOutstanding(pool: number, origin: number, pop: number): number {
    return this.#outstanding[pop * this.#origins + this.#deps.world.originBase[pool]! + origin]!;
  }

  poolConnections(pool: number, pop: number): number {
    let sum = 0;
    const count = this.model.pools[pool]!.origins.length;
    for (let origin = 0; origin < count; origin += 1) sum += this.originConnections(pool, origin, pop);
    return sum;
  }

  /** Open connections: as many as were ever needed at once in the last 15 minutes, since idle ones are kept that long. */
  originConnections(pool: number, origin: number, pop: number): number {
    const at = pop * this.#origins + this.#deps.world.originBase[pool]! + origin;
    return this.now - this.#peakAt[at]! > KEEP_ALIVE_US ? this.#outstanding[at]! : this.#peak[at]!;
  }

  resolves(): boolean {
    return true;
  }

  #open(pop: number, pool: number, number: number, now: number): void {
    const at = pop * this.#origins + number;
    const load = this.#outstanding[at]! + 1;
    this.#outstanding[at] = load;
    this.#poolOutstanding[pop * this.#pools + pool]! += 1;
    if (load >= this.#peak[at]! || now - this.#peakAt[at]! > KEEP_ALIVE_US) {
      this.#peak[at] = load;
      this.#peakAt[at] = now;
    }
  }

  #close(pop: number, pool: number, number: number): void {
    this.#outstanding[pop * this.#origins + number]! -= 1;
    this.#poolOutstanding[pop * this.#pools + pool]! -= 1;
  }

  #grow(slots: number): void {
    const before = this.#free.length;
    const rows = new ArrayBuffer(slots * INTS * 4);
    const ints = new Int32Array(rows);
    ints.set(this.#ints);
    this.#ints = ints;
    this.#doubles = new Float64Array(rows);
    this.#free = new Int32Array(slots);
    for (let slot = slots - 1; slot >= before; slot -= 1) this.#free[this.#freeCount++] = slot;
  }
}

/** Requests under way for which there is room at first. */
const FIRST_SLOTS = 1024;

// A slot's row: 8 doubles or 16 ints over the same 64 bytes.
const DOUBLES = 8;
const ARRIVED_AT = 0;
const NUMBER = 1;
/** Of the body. */
const BYTES = 2;
const INTS = 16;
const CLIENT = 6;
const BALANCER = 7;
/** Global number of the origin of the last attempt, -1 = none. */
const ORIGIN = 8;
/** Of that origin when the attempt began: another one at its end means that it was cut off. */
const GENERATION = 9;
const LISTENER = 10;
/** Number of the lane at its PoP. */
const LANE = 11;
/** Hash of the page. */
const PAGE = 12;
/** Ledger bucket of the last attempt. */
const BUCKET = 13;
/** PoP index, and the ledger's row of its region above it. */
const PLACE = 14;
const POP_MASK = 0xffff;
const REGION_SHIFT = 16;
/** Flags, attempts, and how the last attempt will end. */
const STATE = 15;
const ATTEMPT = 1 << 8;
const ENDING_SHIFT = 16;
const ENDING_MASK = 0xff;
/** Above it, while nobody answers a SYN: how often it was sent again. */
const SYNS_SHIFT = 24;

function attemptsOf(state: number): number {
  return (state >> 8) & 0xff;
}

function withEnding(state: number, ending: number): number {
  return (state & 0xffff) | (ending << ENDING_SHIFT);
}

/** Without an edge between them, a client sees a broken connection (0) where the edge would have answered 52x. */
function statusSeen(ending: number, flags: number): number {
  const edgeMade = ending !== SERVED && ending !== OVERLOADED && ending !== ORIGIN_ERROR;
  return (flags & DNS_ONLY) !== 0 && edgeMade ? 0 : ENDINGS[ending]!.status;
}

/** `CF-ORIGIN-IP`: a literal, with its port. An origin named by host has one of its own here, since nothing is looked up in a replay. */
function literal(address: string, port: number, number: number): string {
  const known = /^[0-9.]+$/.test(address) || address.includes(':') ? address : `198.18.${number >> 8}.${number & 255}`;
  if (port === 0) return known;
  return known.includes(':') ? `[${known}]:${port}` : `${known}:${port}`;
}

function wireFields(outcome: WireOutcome | undefined, flags: number): Pick<RequestEvent, 'link'> {
  // The slot's last request may have left its own.
  if (outcome === undefined || (flags & WIRE) === 0 || (flags & VIA_LANE) === 0) return {};
  const { mode, wanBytes, bodyBytes, cfRailgun } = outcome;
  return { link: { mode, wan_bytes: wanBytes, body_bytes: bodyBytes, cf_railgun: cfRailgun } };
}
