/**
 * Synthetic clients: an open-loop stream of requests at a rate that may ramp, from a population that is spread over regions. Either
 * each arrival picks any client of the population (a steady crowd), or, with a think time, whole sessions arrive at random and
 * each makes its requests with exponential pauses until it ends.
 */
import type { Random } from '../core/random.ts';
import { EventQueue } from '../sim/event-queue.ts';
import { exponential } from '../sim/chance.ts';
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
}

export class ClientSource implements TrafficSource {
  nextAt: number;
  requests = 0;
  readonly #plan: ClientPlan;
  readonly #table: ClientTable;
  readonly #random: Random;
  /** Ends of running sessions by client, 0 = none. */
  readonly #sessionEnds: Float64Array;
  /** With a think time: the next request of each running session. */
  readonly #queue = new EventQueue();
  readonly #free: Int32Array;
  #freeCount: number;
  #nextSession: number;
  #segment = 0;
  readonly #perSession: number;

  constructor(plan: ClientPlan, table: ClientTable, random: Random) {
    this.#plan = plan;
    this.#table = table;
    this.#random = random;
    this.#sessionEnds = new Float64Array(plan.count);
    this.#free = plan.thinkUs > 0 ? Int32Array.from({ length: plan.count }, (_, at) => plan.count - 1 - at) : new Int32Array(0);
    this.#freeCount = this.#free.length;
    // A session of length L with pauses of mean T makes 1 + L/T requests on average.
    this.#perSession = plan.thinkUs > 0 ? 1 + plan.sessionUs / plan.thinkUs : 1;
    this.#nextSession = this.#gapAfter(plan.ramp[0]?.at ?? plan.endAt);
    this.nextAt = this.#nextSession;
  }

  take(arrival: Arrival): void {
    const plan = this.#plan;
    const at = this.nextAt;
    this.requests += 1;
    const client = plan.thinkUs > 0 ? this.#takeFromSession(at) : this.#takeFromCrowd(at);
    arrival.at = at;
    arrival.client = plan.first + client;
    arrival.source = plan.source;
    arrival.balancer = plan.balancer;
    arrival.page = plan.pages > 1 ? this.#random.below(plan.pages) + 1 : 1;
    arrival.bodyBytes = plan.pageBytes;
    arrival.text = true;
    arrival.method = plan.method;
    arrival.path = plan.path;
    arrival.host = plan.host;
  }

  #takeFromCrowd(at: number): number {
    const plan = this.#plan;
    const client = this.#random.below(plan.count);
    const end = this.#sessionEnds[client]!;
    if (at >= end) {
      if (end > 0) this.#table.endSession(plan.first + client);
      this.#sessionEnds[client] = at + plan.sessionUs;
    }
    this.nextAt = this.#gapAfter(at);
    return client;
  }

  #takeFromSession(at: number): number {
    const plan = this.#plan;
    let client: number;
    if (this.#queue.nextAt <= at) {
      client = this.#queue.operand;
      this.#queue.drop();
    } else {
      this.#nextSession = this.#gapAfter(at);
      if (this.#freeCount === 0) {
        // Everyone of the population is in a session already: one of them makes a request more.
        this.nextAt = Math.min(this.#nextSession, this.#queue.nextAt);
        return this.#random.below(plan.count);
      }
      client = this.#free[--this.#freeCount]!;
      this.#table.endSession(plan.first + client);
      this.#sessionEnds[client] = at + Math.ceil(exponential(this.#random) * plan.sessionUs);
    }
    const next = at + Math.max(1, Math.round(exponential(this.#random) * plan.thinkUs));
    if (next < this.#sessionEnds[client]! && next < plan.endAt) this.#queue.push(next, 0, client);
    else this.#free[this.#freeCount++] = client;
    this.nextAt = Math.min(this.#nextSession, this.#queue.nextAt);
    return client;
  }

  /** Time of the next arrival (or session) after `from`: a Poisson process whose rate follows the ramp. */
  #gapAfter(from: number): number {
    const { ramp, endAt } = this.#plan;
    let at = from;
    let owed = exponential(this.#random);
    for (;;) {
      while (this.#segment + 1 < ramp.length && ramp[this.#segment + 1]!.at <= at) this.#segment += 1;
      const point = ramp[this.#segment];
      if (point === undefined) return Number.POSITIVE_INFINITY;
      const next = ramp[this.#segment + 1];
      if (next === undefined) {
        const rate = point.rate / this.#perSession;
        const time = rate > 0 ? Math.ceil(at + (owed / rate) * 1e6) : Number.POSITIVE_INFINITY;
        return time < endAt ? time : Number.POSITIVE_INFINITY;
      }
      // On a ramp: go on in steps of at most a second, each at its own mean rate.
      const step = Math.min(next.at - at, 1_000_000);
      const middle = at + step / 2 - point.at;
      const rate = (point.rate + ((next.rate - point.rate) * middle) / (next.at - point.at)) / this.#perSession;
      const expected = (rate * step) / 1e6;
      if (expected >= owed && rate > 0) {
        const time = Math.ceil(at + (owed / rate) * 1e6);
        return time < endAt ? time : Number.POSITIVE_INFINITY;
      }
      owed -= expected;
      at += step;
      if (at >= endAt) return Number.POSITIVE_INFINITY;
    }
  }
}
