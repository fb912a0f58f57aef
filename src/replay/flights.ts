/**
 * Requests under way: the hot core of a replay. READ THIS FIRST to learn what happens to one simulated request.
 *
 *   arrive ──steer──> attempt ──(virtual time passes)──> complete ──edge-made fault──> steerAgain ──> attempt
 *                                                            └──────> finish: ledger, session, trace
 *
 * A request under way is a slot of 64 bytes (`flight-slots.ts`); nothing is allocated per request but what steering hands back. The
 * decisions are the real ones: this file knows no policy, only what they cost in time. What goes over the link is `lane-flights.ts`.
 *
 * Whatever is drawn for a request is drawn about its key (`Arrival.key`): others cannot shift it, and a live edge told the key draws alike.
 */
import { type Decision, LOSES_STATE, type Ladder, type Rung } from '../core/decision.ts';
import { Draws, PART } from '../core/draws.ts';
import type { HealthView, NameView } from '../core/health-view.ts';
import type { Location } from '../core/location.ts';
import type { Model } from '../core/model.ts';
import type { Random } from '../core/random.ts';
import type { Micros } from '../core/time.ts';
import {
  CONNECT_TIMEOUT,
  EDGE_LOST,
  EDGE_REFUSED,
  ENDINGS,
  NOTHING_MAY_SERVE,
  NOT_RESOLVED,
  RESET,
  SERVED,
} from '../sim/outcome.ts';
import { SYN_PAUSES_US } from '../sim/origin.ts';
import { type BalancerPlan, compileBalancer } from '../steering/plan.ts';
import type { SteerRequest, SteerWorld } from '../steering/request.ts';
import { steerAgain } from '../steering/failover.ts';
import { steer } from '../steering/steer.ts';
import { hashAddress } from '../steering/hash.ts';
import { HeaderSessions } from '../steering/header-sessions.ts';
import type { Arrival } from './arrivals.ts';
import type { ClientTable } from './clients.ts';
import type { Question } from './run.ts';
import type { ResolverFleet } from './resolvers.ts';
import { ArrivalFacts } from './arrival-facts.ts';
import { CandidateTexts, candidatesText } from '../steering/candidates-text.ts';
import { COMPLETE, FlightSlots, SLOT, attemptsOf, endingOf, poolOf, withEnding } from './flight-slots.ts';
import { type LaneDeps, LaneFlights, type LaneOwner, NOT_OVER } from './lane-flights.ts';
import { OpenLoad } from './open-load.ts';
import { requestLine, statusSeen } from './request-line.ts';
import type { SteadyRequest } from './steady-rounds.ts';
import type { Story } from './story.ts';
import type { Whereabouts } from './whereabouts.ts';

const {
  ARRIVED_AT,
  ASKED_AGAIN,
  ATTEMPT,
  BALANCER,
  BUCKET,
  BYTES,
  CLIENT,
  DIRECT,
  DNS_ONLY,
  DOUBLES,
  FALLBACK,
  GENERATION,
  INTS,
  KEY,
  NOT_TEXT,
  NUMBER,
  ORIGIN,
  PAGE,
  PLACE,
  POP_MASK,
  REGION_SHIFT,
  STALE,
  STATE,
  SYNS_SHIFT,
  VIA_LANE,
  WIRE,
} = SLOT;

/** A request that no edge was there to decide on. */
const UNDECIDED: Decision = { kind: 'none', because: 'nothing_may_serve' };
/** Nothing is looked up in a replay: every name has an address. */
const EVERY_NAME: NameView = { resolves: () => true };

export interface FlightDeps extends LaneDeps {
  readonly clients: ClientTable;
  readonly resolvers: ResolverFleet;
  readonly story: Story;
  readonly health: HealthView;
  readonly random: Random;
  /** Where a client is now: its own place, or the nearest PoP left when that one was withdrawn. */
  readonly whereabouts: Whereabouts;
  /** Ledger row of a region index (-1 = none). */
  readonly regionRow: Int32Array;
  readonly pops: number;
  /** Some policy of some configuration of this run reads requests or connections under way. */
  readonly countsLoad: boolean;
}

export class Flights implements LaneOwner {
  count = 0;
  model: Model;
  plans: readonly BalancerPlan[];
  /** Time of the event that is being played. A field, since a number of this size would be boxed on its way through every call. */
  now = 0 as Micros;
  readonly slots = new FlightSlots();
  readonly #deps: FlightDeps;
  readonly #lanes: LaneFlights;
  readonly #load: OpenLoad;
  readonly #countsLoad: boolean;
  readonly #request: SteerRequest;
  readonly #current: { client: number };
  readonly #steerWorld: SteerWorld;
  /** Those of `#steerWorld`: to be told whom they are about before anybody draws. */
  readonly draws: Draws;
  readonly #facts = new ArrivalFacts();
  readonly #rungs: Rung[] = [];
  readonly #ladder: Ladder = { add: (rung) => this.#rungs.push(rung) };
  readonly #texts = new CandidateTexts();
  readonly #popRequests: Float64Array;
  readonly #popFailed: Float64Array;
  readonly #sessions = new HeaderSessions();
  #health: HealthView;

  constructor(model: Model, deps: FlightDeps) {
    this.model = model;
    this.plans = model.loadBalancers.map((_, index) => compileBalancer(model, index));
    this.#deps = deps;
    this.#lanes = new LaneFlights(this, deps);
    this.#health = deps.health;
    this.#popRequests = new Float64Array(deps.pops);
    this.#popFailed = new Float64Array(deps.pops);
    this.#countsLoad = deps.countsLoad;
    const { originBase, originCount } = deps.world;
    this.#load = new OpenLoad(model, originBase, originCount, deps.countsLoad ? deps.pops : 0, this);
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
    this.draws = new Draws(deps.random.fork('steering'));
    this.#steerWorld = {
      health: deps.health,
      load: this.#load,
      names: EVERY_NAME,
      random: this.draws,
      now: 0 as Micros,
      sessions: this.#sessions,
    };
  }

  /** The configuration changed: same pools and origins, other settings. */
  adopt(model: Model, health: HealthView): void {
    this.model = model;
    this.#health = health;
    this.#steerWorld.health = health;
    this.plans = model.loadBalancers.map((_, index) => compileBalancer(model, index));
  }

  get inFlight(): number {
    return this.slots.taken;
  }

  arrive(arrival: Arrival): void {
    const { clients, trace, world } = this.#deps;
    const { slots } = this;
    const plan = this.plans[arrival.balancer]!;
    const { client } = arrival;
    const location = this.#deps.whereabouts.locate(clients.location(client));
    const slot = slots.take();
    const row = slot * INTS;
    const { ints, doubles } = slots;
    ints[row + CLIENT] = client;
    ints[row + BALANCER] = arrival.balancer;
    ints[row + PLACE] = location.popIndex | (this.#deps.regionRow[location.regionIndex + 1]! << REGION_SHIFT);
    ints[row + STATE] = (arrival.text ? 0 : NOT_TEXT) | (arrival.wire ? WIRE : 0);
    ints[row + ORIGIN] = -1;
    ints[row + PAGE] = arrival.page;
    doubles[slot * DOUBLES + ARRIVED_AT] = this.now;
    ints[row + NUMBER] = this.count++;
    ints[row + KEY] = arrival.key;
    doubles[slot * DOUBLES + BYTES] = arrival.bodyBytes;
    slots.locations[slot] = location;
    if (arrival.wire) {
      slots.asked[slot] = { method: arrival.method, host: arrival.host, path: arrival.path };
      slots.outcomes[slot] = undefined;
    }

    if (!plan.balancer.proxied) {
      this.#arriveByName(slot, arrival, location);
      return;
    }
    if (world.edgesFell && world.crashed.has(location.popIndex)) {
      slots.decisions[slot] = UNDECIDED;
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
    this.draws.about(arrival.key, PART.first);
    const decision = trace.wantsCandidates ? this.#steerAndTell(slot, plan) : steer(plan, request, this.#steerWorld);
    slots.decisions[slot] = decision;
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

  /** Before the run: nobody's request, which only the link hears of. */
  steady(pop: number, request: SteadyRequest, now: Micros): void {
    this.now = now;
    this.#lanes.steady(pop, request);
  }

  /** With a trace: also which candidates there were. The full ladder only where the answer cannot be known without it. */
  #steerAndTell(slot: number, plan: BalancerPlan): Decision {
    if (!CandidateTexts.suffice(plan)) {
      this.#rungs.length = 0;
      const decision = steer(plan, this.#request, this.#steerWorld, this.#ladder);
      this.slots.candidates[slot] = candidatesText(this.#rungs);
      return decision;
    }
    const decision = steer(plan, this.#request, this.#steerWorld);
    this.slots.candidates[slot] = this.#texts.of(plan, this.#request.location, this.#health, decision);
    return decision;
  }

  /** DNS-only: the client asks its resolver, which may hold an old answer, and goes there by itself. No edge, no second try. */
  #arriveByName(slot: number, arrival: Arrival, location: Location): void {
    const { pool, origin, answer, stale } = this.#deps.resolvers.lookup(arrival, location, this, this.#health.version);
    const decision = answer.dns.decision ?? { kind: 'records', because: 'balancer_disabled' };
    this.slots.ints[slot * INTS + STATE]! |=
      DNS_ONLY | (stale ? STALE : 0) | (decision.kind === 'fallback' ? FALLBACK : 0);
    this.slots.decisions[slot] = decision;
    if (this.#deps.trace.wantsCandidates) this.slots.candidates[slot] = answer.candidates;
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
    this.draws.about(0, PART.explained);
    const ladder = { add: (rung: Rung) => void rungs.push(rung) };
    return { decision: steer(this.plans[balancer]!, request, this.#steerWorld, ladder), rungs };
  }

  get health(): HealthView {
    return this.#health;
  }

  #attempt(slot: number, pool: number, origin: number, plan: BalancerPlan): void {
    const { world, ledger } = this.#deps;
    const { ints } = this.slots;
    const row = slot * INTS;
    const number = world.originBase[pool]! + origin;
    const bucket = ledger.bucketOf(this.now);
    let state = (ints[row + STATE]! & ~(VIA_LANE | ASKED_AGAIN)) + ATTEMPT;
    ints[row + ORIGIN] = number;
    ints[row + GENERATION] = world.origins[number]!.generation;
    ints[row + BUCKET] = bucket;
    ledger.attempted(bucket, number);
    if (this.#countsLoad) this.#load.open(ints[row + PLACE]! & POP_MASK, pool, number);
    let bytes = 0;
    if (plan.balancer.railgun !== undefined && plan.balancer.proxied) {
      bytes = this.#bytesOf(slot);
      const reason = this.#lanes.place(slot, state, pool, origin, bytes);
      if (reason === undefined) return;
      state |= DIRECT;
      this.#lanes.goesDirect(slot, reason);
    } else if (world.link.rate > 0) bytes = this.#bytesOf(slot);
    this.overHttp(slot, state, pool, bytes);
  }

  /** Of the body, as the request states them, or as the page has them now. */
  #bytesOf(slot: number): number {
    const { ints, doubles } = this.slots;
    return doubles[slot * DOUBLES + BYTES]! || this.#deps.world.pageBytes(ints[slot * INTS + PAGE]!, this.now);
  }

  /** Plain HTTP/1.1 to the origin: a round trip, the origin's own time, and bytes over the rate. */
  overHttp(slot: number, state: number, pool: number, bytes: number): void {
    const { now } = this;
    const { world, queue } = this.#deps;
    const { link } = world;
    const { ints } = this.slots;
    const row = slot * INTS;
    if (link.cut) {
      this.#unanswered(slot, state, 0);
      return;
    }
    const sim = world.origins[ints[row + ORIGIN]!]!;
    sim.admit(now, world.roundTripUs(ints[row + PLACE]! & POP_MASK, pool), ints[row + KEY]!);
    if (sim.ending === CONNECT_TIMEOUT) {
      this.#unanswered(slot, state, 0);
      return;
    }
    ints[row + STATE] = withEnding(state, sim.ending);
    queue.push(now + sim.afterUs + link.transferUs(bytes), COMPLETE, slot);
  }

  /** Nobody hears the SYN; `sent` times it was sent again so far. */
  #unanswered(slot: number, state: number, sent: number): void {
    this.slots.ints[slot * INTS + STATE] = withEnding(state, CONNECT_TIMEOUT) | (sent << SYNS_SHIFT);
    this.#deps.queue.push(this.now + SYN_PAUSES_US[sent]!, COMPLETE, slot);
  }

  /** A SYN is sent again. False: that was the last pause, and the connect time-out is over. */
  #knocksAgain(slot: number): boolean {
    const { world } = this.#deps;
    const { ints, decisions } = this.slots;
    const row = slot * INTS;
    const state = ints[row + STATE]!;
    const sent = (state >> SYNS_SHIFT) + 1;
    if (sent >= SYN_PAUSES_US.length) return false;
    const sim = world.origins[ints[row + ORIGIN]!]!;
    if (world.link.cut || sim.mode === 'blackhole') {
      this.#unanswered(slot, state, sent);
      return true;
    }
    // What was cut off meanwhile is of no concern to a connection that begins only now.
    ints[row + GENERATION] = sim.generation;
    this.overHttp(slot, state, poolOf(decisions[slot]!), world.link.rate > 0 ? this.#bytesOf(slot) : 0);
    return true;
  }

  complete(slot: number): void {
    const row = slot * INTS;
    const { ints } = this.slots;
    const state = ints[row + STATE]!;
    let ending = endingOf(state);
    if ((state & VIA_LANE) !== 0) {
      ending = this.#lanes.complete(slot, ending);
      if (ending === NOT_OVER) return;
    } else if (ending === SERVED) {
      // The origin was cut off while it worked on this request.
      if (this.#deps.world.origins[ints[row + ORIGIN]!]!.generation !== ints[row + GENERATION]) ending = RESET;
    } else if (ending === CONNECT_TIMEOUT && this.#knocksAgain(slot)) return;
    this.settled(slot, ending);
  }

  /** The attempt is over: served, tried elsewhere, or failed. */
  settled(slot: number, ending: number): void {
    if (this.#countsLoad) this.#closed(slot);
    if (this.#deps.world.edgesFell && this.#edgeDied(slot)) this.#finish(slot, EDGE_LOST);
    else if (ending === SERVED || !this.#triedElsewhere(slot, ending)) this.#finish(slot, ending);
  }

  #closed(slot: number): void {
    const { ints, decisions } = this.slots;
    const row = slot * INTS;
    this.#load.close(ints[row + PLACE]! & POP_MASK, poolOf(decisions[slot]!), ints[row + ORIGIN]!);
  }

  /** The edge was killed while it had this request. DNS-only clients have none between them and the origin. */
  #edgeDied(slot: number): boolean {
    const { crashed, crashes } = this.#deps.world;
    const { ints, doubles } = this.slots;
    if ((ints[slot * INTS + STATE]! & DNS_ONLY) !== 0) return false;
    const pop = ints[slot * INTS + PLACE]! & POP_MASK;
    return Math.max(crashed.get(pop) ?? 0, crashes.get(pop) ?? 0) > doubles[slot * DOUBLES + ARRIVED_AT]!;
  }

  /** An attempt failed. False: the request failed with it. */
  #triedElsewhere(slot: number, ending: number): boolean {
    const { ledger } = this.#deps;
    const { ints, doubles, decisions } = this.slots;
    const row = slot * INTS;
    const state = ints[row + STATE]!;
    ledger.attemptFailed(ints[row + BUCKET]!, ints[row + ORIGIN]!);
    if (!ENDINGS[ending]!.zeroDowntime || attemptsOf(state) !== 1 || (state & DNS_ONLY) !== 0) return false;
    const next = this.#again(slot, ending);
    if (next === undefined || (next.kind !== 'origin' && next.kind !== 'fallback')) return false;
    ledger.retried += 1;
    ledger.count('retried', ledger.bucketOf(doubles[slot * DOUBLES + ARRIVED_AT]!));
    decisions[slot] = next;
    this.#attempt(slot, next.pool, next.origin, this.plans[ints[row + BALANCER]!]!);
    return true;
  }

  /** Zero-downtime failover: one more attempt elsewhere, when the fault and the session allow it (spec 5.5). */
  #again(slot: number, ending: number): Decision | undefined {
    const { ints, decisions, locations } = this.slots;
    const previous = decisions[slot]!;
    if (previous.kind !== 'origin' && previous.kind !== 'fallback') return undefined;
    const row = slot * INTS;
    const client = ints[row + CLIENT]!;
    const request = this.#request;
    request.location = locations[slot]!;
    request.clientHash = this.#deps.clients.hash(client);
    request.claim = this.#deps.clients.claim(client);
    this.#current.client = client;
    this.#facts.client = client;
    this.#steerWorld.now = this.now;
    this.draws.about(ints[row + KEY]!, PART.again);
    const failure = {
      status: ENDINGS[ending]!.status,
      attempts: attemptsOf(ints[row + STATE]!),
      replayable: true,
    };
    return steerAgain(this.plans[ints[row + BALANCER]!]!, request, this.#steerWorld, previous, failure);
  }

  #finish(slot: number, ending: number): void {
    const { now } = this;
    const { clients, ledger, story, trace } = this.#deps;
    const { slots } = this;
    const { ints } = slots;
    const row = slot * INTS;
    const client = ints[row + CLIENT]!;
    const origin = ints[row + ORIGIN]!;
    const state = ints[row + STATE]!;
    const place = ints[row + PLACE]!;
    const arrivedAt = slots.doubles[slot * DOUBLES + ARRIVED_AT]!;
    const attempts = attemptsOf(state);
    const bucket = attempts === 1 ? ints[row + BUCKET]! : ledger.bucketOf(arrivedAt);
    const decision = slots.decisions[slot]!;
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
      trace.request(requestLine(slots, slot, ending, now, this.model, clients));
    }
    const pop = place & POP_MASK;
    this.#popRequests[pop]! += 1;
    if (failed) this.#popFailed[pop]! += 1;
    slots.give(slot);
  }

  /** PoPs that served somebody, in table order. */
  popRows(): { readonly pop: number; readonly requests: number; readonly failed: number }[] {
    return [...this.#popRequests.keys()]
      .filter((pop) => this.#popRequests[pop]! > 0)
      .map((pop) => ({ pop, requests: this.#popRequests[pop]!, failed: this.#popFailed[pop]! }));
  }

  #zoneAnswers(plan: BalancerPlan): boolean {
    const name = plan.balancer.name;
    return this.model.zones.some((zone) =>
      zone.records.some(
        (record) => record.name === name && (record.type === 'A' || record.type === 'AAAA' || record.type === 'CNAME'),
      ),
    );
  }
}
