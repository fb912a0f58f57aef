/**
 * Synthetic clients: an open-loop stream of requests at a rate that may ramp, from a population that is spread over regions. Either
 * each arrival picks any client of the population (a steady crowd), or, with a think time, whole sessions arrive at random and
 * each makes its requests with exponential pauses until it ends.
 */
import type { Random } from '../core/random.ts';
import type { Micros } from '../core/time.ts';
import { EventQueue } from '../sim/event-queue.ts';
import { exponential } from '../sim/chance.ts';
import { mix } from '../steering/hash.ts';
import type { Arrival, TrafficSource } from './arrivals.ts';
import type { ClientTable } from './clients.ts';

export interface ClientPlan {
  readonly source: number;
  /** Number of the first client in the table, and how many belong to this source. */
  readonly first: number;
  readonly count: number;
  /** Points of the ramp in time order: rate per second from `at` on, in a straight line to the next. */
  readonly ramp: readonly { readonly at: number; readonly rate: number }[];
  readonly endAt: number;
  readonly sessionUs: number;
  readonly thinkUs: number;
  readonly pages: number;
  readonly pageBytes: number;
  readonly balancer: number;
  readonly host: string;
  readonly path: string;
  readonly method: string;
  readonly wire: boolean;
}

/** Requests are numbered from here for each source: 2^32 over the golden ratio, so that no two sources come near each other. */
const KEYS_APART = 0x9e3779b1;

/** Clients of a crowd that are drawn at once, so that the waits for their rows overlap instead of coming one by one. */
const BLOCK = 64;

export class ClientSource implements TrafficSource {
  nextAt = Number.POSITIVE_INFINITY;
  requests = 0;
  readonly #plan: ClientPlan;
  readonly #table: ClientTable;
  readonly #random: Random;
  /** With a think time: the next request of each running session. */
  readonly #queue = new EventQueue();
  /** Clients without a session, as a ring: who has been away longest comes first, so that everybody gets a turn. */
  readonly #free: Int32Array;
  #freeAt = 0;
  #freeCount: number;
  #nextSession = 0;
  #segment = 0;
  readonly #begin: number;
  /** From `#begin` to the last arrival (or session), not rounded: rounding each gap would slow a fast stream down. */
  #elapsed = 0;
  readonly #block = new Int32Array(BLOCK);
  #blockAt = BLOCK;
  #touched = 0;
  readonly #perSession: number;
  readonly #firstKey: number;

  constructor(plan: ClientPlan, table: ClientTable, random: Random) {
    this.#plan = plan;
    this.#table = table;
    this.#random = random;
    this.#free = plan.thinkUs > 0 ? Int32Array.from({ length: plan.count }, (_, at) => at) : new Int32Array(0);
    this.#freeCount = this.#free.length;
    // A session of length L with pauses of mean T makes 1 + L/T requests on average.
    this.#perSession = plan.thinkUs > 0 ? 1 + plan.sessionUs / plan.thinkUs : 1;
    this.#firstKey = Math.imul(plan.source, KEYS_APART) - 1;
    this.#begin = plan.ramp[0]?.at ?? plan.endAt;
    this.#arriveNext();
    this.#nextSession = this.nextAt;
  }

  take(arrival: Arrival): void {
    const plan = this.#plan;
    const at = this.nextAt;
    this.requests += 1;
    const client = plan.thinkUs > 0 ? this.#takeFromSession(at) : this.#takeFromCrowd(at);
    arrival.at = at as Micros;
    arrival.key = (this.#firstKey + this.requests) | 0;
    arrival.client = plan.first + client;
    arrival.source = plan.source;
    arrival.balancer = plan.balancer;
    arrival.page = plan.pages > 1 ? ((mix(this.requests, plan.first) >>> 1) % plan.pages) + 1 : 1;
    arrival.bodyBytes = plan.pageBytes;
    arrival.text = true;
    arrival.wire = plan.wire;
    arrival.method = plan.method;
    arrival.path = plan.path;
    arrival.host = plan.host;
  }

  #takeFromCrowd(at: number): number {
    const plan = this.#plan;
    if (this.#blockAt === BLOCK) this.#drawBlock();
    const client = this.#block[this.#blockAt++]!;
    const number = plan.first + client;
    if (at >= this.#table.sessionEnd(number)) {
      this.#table.endSession(number);
      this.#table.setSessionEnd(number, at + plan.sessionUs);
    }
    this.#arriveNext();
    return client;
  }

  #drawBlock(): void {
    const { first, count } = this.#plan;
    const block = this.#block;
    for (let at = 0; at < BLOCK; at += 1) block[at] = this.#random.below(count);
    let touched = 0;
    for (let at = 0; at < BLOCK; at += 1) touched ^= this.#table.touch(first + block[at]!);
    this.#touched = touched;
    this.#blockAt = 0;
  }

  #takeFromSession(at: number): number {
    const plan = this.#plan;
    let client: number;
    if (this.#queue.nextAt <= at) {
      client = this.#queue.operand;
      this.#queue.drop();
    } else {
      this.#arriveNext();
      this.#nextSession = this.nextAt;
      if (this.#freeCount === 0) {
        // Everyone of the population is in a session already: one of them makes a request more.
        this.nextAt = Math.min(this.#nextSession, this.#queue.nextAt);
        return this.#random.below(plan.count);
      }
      client = this.#free[this.#freeAt]!;
      this.#freeAt = (this.#freeAt + 1) % plan.count;
      this.#freeCount -= 1;
      this.#table.endSession(plan.first + client);
      this.#table.setSessionEnd(plan.first + client, at + Math.ceil(exponential(this.#random) * plan.sessionUs));
    }
    const next = at + Math.max(1, Math.round(exponential(this.#random) * plan.thinkUs));
    if (next < this.#table.sessionEnd(plan.first + client) && next < plan.endAt) this.#queue.push(next, 0, client);
    else {
      this.#free[(this.#freeAt + this.#freeCount) % plan.count] = client;
      this.#freeCount += 1;
    }
    this.nextAt = Math.min(this.#nextSession, this.#queue.nextAt);
    return client;
  }

  /** Sets `nextAt` to the next arrival (or session): a Poisson process whose rate follows the ramp. */
  #arriveNext(): void {
    const { ramp, endAt } = this.#plan;
    const from = this.#begin + this.#elapsed;
    while (this.#segment + 1 < ramp.length && ramp[this.#segment + 1]!.at <= from) this.#segment += 1;
    this.#elapsed +=
      this.#segment + 1 < ramp.length ? this.#gapOnRamp() : exponential(this.#random) * this.#meanGapUs();
    const time = Math.ceil(this.#begin + this.#elapsed);
    this.nextAt = time < endAt ? time : Number.POSITIVE_INFINITY;
  }

  /** Behind the last point of the ramp; Infinity when nobody comes any more. */
  #meanGapUs(): number {
    const rate = this.#plan.ramp[this.#segment]?.rate ?? 0;
    return rate > 0 ? (this.#perSession / rate) * 1e6 : Number.POSITIVE_INFINITY;
  }

  /** In steps of at most a second, each at its own mean rate. */
  #gapOnRamp(): number {
    const { ramp, endAt } = this.#plan;
    const from = this.#begin + this.#elapsed;
    let at = from;
    let owed = exponential(this.#random);
    while (at < endAt) {
      while (this.#segment + 1 < ramp.length && ramp[this.#segment + 1]!.at <= at) this.#segment += 1;
      const point = ramp[this.#segment]!;
      const next = ramp[this.#segment + 1];
      if (next === undefined) return at - from + owed * this.#meanGapUs();
      const step = Math.min(next.at - at, 1_000_000);
      const middle = at + step / 2 - point.at;
      const rate = (point.rate + ((next.rate - point.rate) * middle) / (next.at - point.at)) / this.#perSession;
      const expected = (rate * step) / 1e6;
      if (expected >= owed && rate > 0) return at - from + (owed / rate) * 1e6;
      owed -= expected;
      at += step;
    }
    return Number.POSITIVE_INFINITY;
  }
}
