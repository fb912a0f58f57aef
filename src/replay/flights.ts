/**
 * Requests under way: the hot core of a replay. READ THIS FIRST to learn what happens to one simulated request.
 *
 *   arrive ──steer──> attempt ──(virtual time passes)──> complete ──edge-made fault──> steerAgain ──> attempt
 *                                                            └──────> finish: ledger, session, trace
 *
 * A request under way is a slot in typed arrays; nothing is allocated per request but what steering hands back. The decisions are
 * the real ones: this file knows no policy, only what they cost in time.
 */
import type { Decision, Ladder, Rung } from '../core/decision.ts';
import type { HealthView, LoadView, NameView } from '../core/health-view.ts';
import type { Location } from '../core/location.ts';
import type { Model } from '../core/model.ts';
import type { Random } from '../core/random.ts';
import { type Micros, US_PER_SECOND } from '../core/time.ts';
import type { EventQueue } from '../sim/event-queue.ts';
import {
  CONNECT_TIMEOUT,
  ENDINGS,
  LANE_LOST,
  NOTHING_MAY_SERVE,
  NOT_RESOLVED,
  ORIGIN_ERROR,
  OVERLOADED,
  RESET,
  SERVED,
} from '../sim/outcome.ts';
import { CONNECT_TIMEOUT_US } from '../sim/origin.ts';
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
import type { SimWorld } from './sim-world.ts';
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
}

export class Flights implements LoadView, NameView {
  count = 0;
  model: Model;
  plans: readonly BalancerPlan[];
  readonly #deps: FlightDeps;
  readonly #request: SteerRequest;
  readonly #steerWorld: SteerWorld;
  readonly #facts = new ArrivalFacts();
  readonly #rungs: Rung[] = [];
  readonly #ladder: Ladder = { add: (rung) => this.#rungs.push(rung) };
  // Slots.
  #free: Int32Array;
  #freeCount: number;
  #client: Int32Array;
  #balancer: Int32Array;
  #arrivedAt: Float64Array;
  #attemptBucket: Int32Array;
  #origin: Int32Array;
  #generation: Int32Array;
  #laneGeneration: Int32Array;
  #listener: Int16Array;
  #pop: Int16Array;
  #region: Int8Array;
  #ending: Uint8Array;
  #attempts: Uint8Array;
  #flags: Uint8Array;
  #page: Int32Array;
  #bytes: Float64Array;
  #number: Float64Array;
  readonly #decisions: (Decision | undefined)[];
  readonly #locations: (Location | undefined)[];
  readonly #candidates: string[] = [];
  readonly #directReason: string[] = [];
  // Load, by PoP and global origin number.
  readonly #outstanding: Int32Array;
  readonly #poolOutstanding: Int32Array;
  readonly #peak: Int32Array;
  readonly #peakAt: Float64Array;
  readonly #popRequests: Float64Array;
  readonly #popFailed: Float64Array;
  readonly #origins: number;
  readonly #pools: number;
  #now = 0;
  readonly #sessions = new HeaderSessions();
  #health: HealthView;

  constructor(model: Model, deps: FlightDeps) {
    this.model = model;
    this.plans = model.loadBalancers.map((_, index) => compileBalancer(model, index));
    this.#deps = deps;
    this.#health = deps.health;
    const slots = 1024;
    this.#free = Int32Array.from({ length: slots }, (_, at) => slots - 1 - at);
    this.#freeCount = slots;
    this.#client = new Int32Array(slots);
    this.#balancer = new Int32Array(slots);
    this.#arrivedAt = new Float64Array(slots);
    this.#attemptBucket = new Int32Array(slots);
    this.#origin = new Int32Array(slots);
    this.#generation = new Int32Array(slots);
    this.#laneGeneration = new Int32Array(slots);
    this.#listener = new Int16Array(slots);
    this.#pop = new Int16Array(slots);
    this.#region = new Int8Array(slots);
    this.#ending = new Uint8Array(slots);
    this.#attempts = new Uint8Array(slots);
    this.#flags = new Uint8Array(slots);
    this.#page = new Int32Array(slots);
    this.#bytes = new Float64Array(slots);
    this.#number = new Float64Array(slots);
    this.#decisions = Array.from({ length: slots }, () => undefined);
    this.#locations = Array.from({ length: slots }, () => undefined);
    this.#origins = deps.world.originCount;
    this.#pools = model.pools.length;
    this.#popRequests = new Float64Array(deps.pops);
    this.#popFailed = new Float64Array(deps.pops);
    this.#outstanding = new Int32Array(deps.pops * this.#origins);
    this.#poolOutstanding = new Int32Array(deps.pops * this.#pools);
    this.#peak = new Int32Array(deps.pops * this.#origins);
    this.#peakAt = new Float64Array(deps.pops * this.#origins);
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
    return this.#client.length - this.#freeCount;
  }

  arrive(arrival: Arrival): void {
    const { clients, ledger, trace } = this.#deps;
    const now = arrival.at;
    this.#now = now;
    const plan = this.plans[arrival.balancer]!;
    const location = this.#deps.locate(clients.locations[arrival.client]!);
    const slot = this.#take();
    this.#client[slot] = arrival.client;
    this.#balancer[slot] = arrival.balancer;
    this.#arrivedAt[slot] = now;
    this.#pop[slot] = location.popIndex;
    this.#region[slot] = this.#deps.regionRow[location.regionIndex + 1]!;
    this.#attempts[slot] = 0;
    this.#flags[slot] = 0;
    this.#page[slot] = arrival.page;
    this.#bytes[slot] = arrival.bodyBytes;
    this.#number[slot] = this.count++;
    this.#locations[slot] = location;
    this.#origin[slot] = -1;
    this.#text = arrival.text;

    if (!plan.balancer.proxied) {
      this.#arriveByName(slot, arrival, location);
      return;
    }
    const request = this.#request;
    request.location = location;
    request.clientHash = clients.hashes[arrival.client]!;
    request.claim = clients.claims[arrival.client];
    this.#current.client = arrival.client;
    this.#facts.arrival = arrival;
    this.#facts.client = arrival.client;
    this.#steerWorld.now = now as Micros;
    let decision: Decision;
    if (trace.wantsCandidates) {
      this.#rungs.length = 0;
      decision = steer(plan, request, this.#steerWorld, this.#ladder);
      this.#candidates[slot] = candidatesText(this.#rungs);
    } else {
      decision = steer(plan, request, this.#steerWorld);
    }
    this.#decisions[slot] = decision;
    switch (decision.kind) {
      case 'origin':
        this.#attempt(slot, decision.pool, decision.origin, plan, now);
        return;
      case 'fallback':
        this.#flags[slot] = FALLBACK;
        this.#attempt(slot, decision.pool, decision.origin, plan, now);
        return;
      case 'fixed_response':
        this.#finish(slot, SERVED, now);
        return;
      case 'records':
        this.#finish(slot, this.#zoneAnswers(plan) ? SERVED : NOT_RESOLVED, now);
        return;
      default:
        this.#finish(slot, NOTHING_MAY_SERVE, now);
    }
  }
  #text = true;

  /** DNS-only: the client asks its resolver, which may hold an old answer, and goes there by itself. No edge, no second try. */
  #arriveByName(slot: number, arrival: Arrival, location: Location): void {
    const { pool, origin, answer, stale } = this.#deps.resolvers.lookup(arrival, location, this, this.#health.version);
    const decision = answer.dns.decision ?? { kind: 'records', because: 'balancer_disabled' };
    this.#flags[slot] = DNS_ONLY | (stale ? STALE : 0) | (decision.kind === 'fallback' ? FALLBACK : 0);
    this.#decisions[slot] = decision;
    if (this.#deps.trace.wantsCandidates) this.#candidates[slot] = answer.candidates;
    if (origin < 0) {
      this.#finish(slot, answer.served ? SERVED : NOT_RESOLVED, arrival.at);
      return;
    }
    this.#attempt(slot, pool, origin, this.plans[arrival.balancer]!, arrival.at);
  }

  /** For `ResolverFleet`: one query of a resolver, steered like a request without a session. */
  steerQuery(balancer: number, location: Location, address: string, hash: number, now: number, ladder: Rung[] | undefined): Decision {
    const request: SteerRequest = {
      location,
      clientHash: hash,
      clientAddress: address,
      claim: undefined,
      facts: { kind: 'dns', name: this.model.loadBalancers[balancer]!.name, type: 'A' },
    };
    this.#steerWorld.now = now as Micros;
    return steer(this.plans[balancer]!, request, this.#steerWorld, ladder === undefined ? undefined : { add: (rung) => ladder.push(rung) });
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

  #attempt(slot: number, pool: number, origin: number, plan: BalancerPlan, now: number): void {
    const { world, ledger, queue } = this.#deps;
    const number = world.originBase[pool]! + origin;
    const pop = this.#pop[slot]!;
    const bucket = ledger.bucketOf(now);
    const sim = world.origins[number]!;
    this.#origin[slot] = number;
    this.#generation[slot] = sim.generation;
    this.#attempts[slot]! += 1;
    this.#attemptBucket[slot] = bucket;
    ledger.attempted(bucket, number);
    this.#open(pop, pool, number, now);
    const roundTrip = world.roundTripUs(pop, pool);
    let bytes = this.#bytes[slot]!;
    if (plan.balancer.railgun !== undefined && plan.balancer.proxied) {
      const railgun = world.railgunModel;
      if (railgun.place(pop, now, roundTrip)) {
        this.#flags[slot]! |= VIA_LANE;
        const listener = railgun.laneListener(pop);
        this.#listener[slot] = listener;
        this.#laneGeneration[slot] = railgun.listeners[listener]!.generation;
        if (railgun.hangsUntil > 0) {
          this.#ending[slot] = LANE_LOST;
          queue.push(railgun.hangsUntil, COMPLETE, slot);
          return;
        }
        railgun.transfer(pop, this.#page[slot]!, bytes, this.#text, now);
        ledger.overLane(bucket, bytes, railgun.wanBytes);
        bytes = railgun.wanBytes;
      } else {
        this.#flags[slot] = (this.#flags[slot]! | DIRECT) & ~VIA_LANE;
        ledger.direct(bucket, railgun.reason);
        if (this.#deps.trace.wantsCandidates) this.#directReason[slot] = railgun.reason;
      }
    }
    if (world.link.cut) {
      this.#ending[slot] = CONNECT_TIMEOUT;
      queue.push(now + CONNECT_TIMEOUT_US, COMPLETE, slot);
      return;
    }
    sim.admit(now, roundTrip);
    this.#ending[slot] = sim.ending;
    const end = now + sim.afterUs + (world.link.rate > 0 ? world.link.transferUs(bytes) : 0);
    queue.push(Math.round(end), COMPLETE, slot);
  }

  complete(slot: number, now: number): void {
    this.#now = now;
    const { world, ledger } = this.#deps;
    const number = this.#origin[slot]!;
    const decision = this.#decisions[slot]!;
    const pool = decision.kind === 'origin' || decision.kind === 'fallback' ? decision.pool : 0;
    this.#close(this.#pop[slot]!, pool, number);
    let ending = this.#ending[slot]!;
    if (ending === SERVED) {
      if (world.origins[number]!.generation !== this.#generation[slot]) ending = RESET;
      else if ((this.#flags[slot]! & VIA_LANE) !== 0) {
        const listener = world.railgunModel.listeners[this.#listener[slot]!]!;
        if (listener.generation !== this.#laneGeneration[slot]) ending = LANE_LOST;
      }
    }
    if (ending === SERVED) {
      this.#finish(slot, SERVED, now);
      return;
    }
    ledger.attemptFailed(this.#attemptBucket[slot]!, number);
    if (ENDINGS[ending]!.zeroDowntime && this.#attempts[slot] === 1 && (this.#flags[slot]! & DNS_ONLY) === 0) {
      const next = this.#again(slot, ending, now);
      if (next !== undefined && (next.kind === 'origin' || next.kind === 'fallback')) {
        ledger.retried += 1;
        ledger.count('retried', ledger.bucketOf(this.#arrivedAt[slot]!));
        this.#decisions[slot] = next;
        this.#attempt(slot, next.pool, next.origin, this.plans[this.#balancer[slot]!]!, now);
        return;
      }
    }
    this.#finish(slot, ending, now);
  }

  /** Zero-downtime failover: one more attempt elsewhere, when the fault and the session allow it (spec 5.5). */
  #again(slot: number, ending: number, now: number): Decision | undefined {
    const previous = this.#decisions[slot]!;
    if (previous.kind !== 'origin' && previous.kind !== 'fallback') return undefined;
    const client = this.#client[slot]!;
    const request = this.#request;
    request.location = this.#locations[slot]!;
    request.clientHash = this.#deps.clients.hashes[client]!;
    request.claim = this.#deps.clients.claims[client];
    this.#current.client = client;
    this.#facts.client = client;
    this.#steerWorld.now = now as Micros;
    const failure = { status: ENDINGS[ending]!.status, attempts: this.#attempts[slot]!, replayable: true };
    return steerAgain(this.plans[this.#balancer[slot]!]!, request, this.#steerWorld, previous, failure);
  }

  #finish(slot: number, ending: number, now: number): void {
    const { clients, ledger, story, trace } = this.#deps;
    const client = this.#client[slot]!;
    const arrivedAt = this.#arrivedAt[slot]!;
    const bucket = ledger.bucketOf(arrivedAt);
    const decision = this.#decisions[slot]!;
    const toOrigin = decision.kind === 'origin' || decision.kind === 'fallback';
    const flags = this.#flags[slot]!;
    const failed = ending !== SERVED;
    let moved = false;
    if (failed) {
      const { cause } = ENDINGS[ending]!;
      ledger.cause(cause, statusSeen(ending, flags));
      story.failed(this.#origin[slot]!, ending, arrivedAt, now, (flags & STALE) !== 0, (flags & FALLBACK) !== 0);
    } else {
      ledger.served(now, now - arrivedAt);
      if (toOrigin) {
        if (decision.sessionKey !== undefined) this.#sessions.record(decision, now as Micros);
        else if (decision.newClaim !== undefined && clients.keepsCookies[client] === 1) clients.claims[client] = decision.newClaim;
        moved = clients.served(client, this.#origin[slot]!, decision.affinity);
        if (moved) {
          ledger.count('sessionsMoved', bucket);
          if (LOSES_STATE.has(decision.affinity)) ledger.count('sessionsLost', bucket);
        }
      }
    }
    ledger.finished(arrivedAt, bucket, this.#region[slot]!, toOrigin ? decision.pool : -1, failed, (flags & FALLBACK) !== 0);
    if (trace.active && (trace.everything || failed || moved || (flags & FALLBACK) !== 0 || this.#attempts[slot]! > 1)) {
      this.#trace(slot, ending, now, decision);
    }
    const pop = this.#pop[slot]!;
    this.#popRequests[pop]! += 1;
    if (failed) this.#popFailed[pop]! += 1;
    this.#decisions[slot] = undefined;
    this.#locations[slot] = undefined;
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
    const flags = this.#flags[slot]!;
    const balancer = model.loadBalancers[this.#balancer[slot]!]!;
    const { cause } = ENDINGS[ending]!;
    trace.request({
      at: this.#arrivedAt[slot]!,
      event: 'request',
      n: this.#number[slot]!,
      lb: balancer.name,
      pop: location.pop,
      region: location.region ?? '',
      country: location.country,
      client: clients.address(this.#client[slot]!),
      policy: toOrigin && decision.settings !== undefined ? decision.settings.steeringPolicy : balancer.steeringPolicy,
      candidates: this.#candidates[slot] ?? '',
      pool: pool?.id ?? '',
      origin: origin?.name ?? '',
      because: decision.because,
      affinity: toOrigin ? decision.affinity : 'off',
      fallback: (flags & FALLBACK) !== 0,
      attempts: this.#attempts[slot]!,
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
      latency_us: now - this.#arrivedAt[slot]!,
    });
  }

  #zoneAnswers(plan: BalancerPlan): boolean {
    const name = plan.balancer.name;
    return this.model.zones.some((zone) =>
      zone.records.some((record) => record.name === name && (record.type === 'A' || record.type === 'AAAA' || record.type === 'CNAME')),
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
    return this.#now - this.#peakAt[at]! > KEEP_ALIVE_US ? this.#outstanding[at]! : this.#peak[at]!;
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

  #take(): number {
    if (this.#freeCount === 0) this.#grow();
    return this.#free[--this.#freeCount]!;
  }

  #grow(): void {
    const before = this.#client.length;
    const length = before * 2;
    const wider = <T extends Int32Array | Float64Array | Int16Array | Int8Array | Uint8Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.#client = wider(this.#client, new Int32Array(length));
    this.#balancer = wider(this.#balancer, new Int32Array(length));
    this.#arrivedAt = wider(this.#arrivedAt, new Float64Array(length));
    this.#attemptBucket = wider(this.#attemptBucket, new Int32Array(length));
    this.#origin = wider(this.#origin, new Int32Array(length));
    this.#generation = wider(this.#generation, new Int32Array(length));
    this.#laneGeneration = wider(this.#laneGeneration, new Int32Array(length));
    this.#listener = wider(this.#listener, new Int16Array(length));
    this.#pop = wider(this.#pop, new Int16Array(length));
    this.#region = wider(this.#region, new Int8Array(length));
    this.#ending = wider(this.#ending, new Uint8Array(length));
    this.#attempts = wider(this.#attempts, new Uint8Array(length));
    this.#flags = wider(this.#flags, new Uint8Array(length));
    this.#page = wider(this.#page, new Int32Array(length));
    this.#bytes = wider(this.#bytes, new Float64Array(length));
    this.#number = wider(this.#number, new Float64Array(length));
    this.#free = new Int32Array(length);
    for (let slot = length - 1; slot >= before; slot -= 1) {
      this.#free[this.#freeCount++] = slot;
      this.#decisions[slot] = undefined;
      this.#locations[slot] = undefined;
    }
  }
}

/** Without an edge between them, a client sees a broken connection (0) where the edge would have answered 52x. */
function statusSeen(ending: number, flags: number): number {
  const edgeMade = ending !== SERVED && ending !== OVERLOADED && ending !== ORIGIN_ERROR;
  return (flags & DNS_ONLY) !== 0 && edgeMade ? 0 : ENDINGS[ending]!.status;
}

/** `eu:pool_critical,us`: the pools looked at, in order, each with why it was passed over. */
export function candidatesText(rungs: readonly Rung[]): string {
  let text = '';
  for (const rung of rungs) {
    if (rung.step !== 'pool' && rung.step !== 'fallback') continue;
    if (text !== '') text += ',';
    text += rung.outcome === 'chosen' ? rung.subject : `${rung.subject}:${rung.reason}`;
  }
  return text;
}
