import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { Locator } from '../../src/geo/locate.ts';
import { type Arrival, emptyArrival } from '../../src/replay/arrivals.ts';
import { type ClientPlan, ClientSource } from '../../src/replay/client-source.ts';
import { ClientTable } from '../../src/replay/clients.ts';
import { modelOf } from './model.ts';

const S = 1_000_000;
const T0 = 1_772_366_400 * S;
const model = modelOf(`
load_balancers: [{ name: www.example.com, proxied: true, default_pools: [one], fallback_pool: one }]
pools: [{ name: one, origins: [{ name: a, address: 192.0.2.1 }] }]`);
const place = new Locator().pop('LHR');

function source(more: Partial<ClientPlan>, seed = 1): { source: ClientSource; clients: ClientTable } {
  const plan: ClientPlan = {
    source: 0,
    first: 0,
    count: 1_000,
    ramp: [{ at: T0, rate: 100 }],
    endAt: T0 + 600 * S,
    sessionUs: 60 * S,
    thinkUs: 0,
    pages: 50,
    pageBytes: 1_000,
    balancer: 0,
    host: 'www.example.com',
    path: '/',
    wire: false,
    method: 'GET',
    ...more,
  };
  const clients = new ClientTable(model, () => '');
  for (let client = 0; client < plan.count; client += 1) clients.add(place, client, true);
  return { source: new ClientSource(plan, clients, seededRandom(seed)), clients };
}

/** All arrivals, with what `each` wants of them. */
function drain<T>(from: ClientSource, each: (arrival: Arrival) => T): T[] {
  const seen: T[] = [];
  const arrival = emptyArrival();
  while (from.nextAt < Number.POSITIVE_INFINITY) {
    from.take(arrival);
    seen.push(each(arrival));
  }
  return seen;
}

const times = (from: ClientSource): number[] => drain(from, ({ at }) => at);
/** A Poisson count is within five standard deviations of its mean in all but one of two million draws. */
const near = (count: number, mean: number): void => expect(Math.abs(count - mean)).toBeLessThan(5 * Math.sqrt(mean));

describe('a crowd', () => {
  it('arrives at the stated rate, in order, at whole microseconds, within the run', () => {
    const at = times(source({}).source);
    near(at.length, 60_000);
    for (let i = 1; i < at.length; i += 1) expect(at[i]! >= at[i - 1]! && Number.isSafeInteger(at[i])).toBe(true);
    expect(at[0]).toBeGreaterThanOrEqual(T0);
    expect(at.at(-1)).toBeLessThan(T0 + 600 * S);
  });

  it('a fast stream is as fast as stated: microseconds are not rounded away', () => {
    near(times(source({ ramp: [{ at: T0, rate: 200_000 }], endAt: T0 + 2 * S }).source).length, 400_000);
  });

  it('comes as a Poisson process: counts per second vary as much as their mean', () => {
    const counts = new Array<number>(600).fill(0);
    for (const at of times(source({}).source)) counts[Math.floor((at - T0) / S)]! += 1;
    const mean = counts.reduce((a, b) => a + b, 0) / 600;
    const variance = counts.reduce((a, b) => a + (b - mean) ** 2, 0) / 599;
    // The variance of 600 Poisson counts of mean 100 is itself within some 6 %.
    expect(variance / mean).toBeGreaterThan(0.75);
    expect(variance / mean).toBeLessThan(1.25);
  });

  it('picks everybody equally often, and every page', () => {
    const { source: from } = source({ count: 50, pages: 20 });
    const clients = new Array<number>(50).fill(0);
    const pages = new Map<number, number>();
    drain(from, ({ client, page }) => {
      clients[client]! += 1;
      pages.set(page, (pages.get(page) ?? 0) + 1);
    });
    for (const count of clients) near(count, 1_200);
    expect(pages.size).toBe(20);
    for (const count of pages.values()) near(count, 3_000);
  });

  it('follows a ramp: up in a straight line, flat, down to nothing', () => {
    const ramp = [
      { at: T0, rate: 0 },
      { at: T0 + 100 * S, rate: 200 },
      { at: T0 + 200 * S, rate: 200 },
      { at: T0 + 300 * S, rate: 0 },
    ];
    const at = times(source({ ramp }).source).map((time) => (time - T0) / S);
    const between = (from: number, to: number): number => at.filter((time) => time >= from && time < to).length;
    near(between(0, 50), 2_500);
    near(between(50, 100), 7_500);
    near(between(100, 200), 20_000);
    near(between(250, 300), 2_500);
    expect(between(300, 600)).toBe(0);
  });

  it('a ramp that begins later begins later, and a step is two points at one time', () => {
    const ramp = [
      { at: T0 + 60 * S, rate: 10 },
      { at: T0 + 120 * S, rate: 10 },
      { at: T0 + 120 * S, rate: 300 },
    ];
    const at = times(source({ ramp }).source).map((time) => (time - T0) / S);
    expect(at[0]).toBeGreaterThanOrEqual(60);
    near(at.filter((time) => time < 120).length, 600);
    near(at.filter((time) => time >= 120).length, 144_000);
  });

  it('a rate of nothing brings nobody', () => {
    expect(times(source({ ramp: [{ at: T0, rate: 0 }] }).source)).toEqual([]);
  });

  it('a visitor whose session is over is a new one, with an empty cookie jar', () => {
    const { source: from, clients } = source({ count: 1, sessionUs: 30 * S });
    const arrival = emptyArrival();
    let issued = 0;
    while (from.nextAt < Number.POSITIVE_INFINITY) {
      from.take(arrival);
      if (clients.claim(0) === undefined) {
        issued += 1;
        clients.giveClaim(0, 0, 0, arrival.at / S);
        clients.served(0, 0, 'no_claim');
      }
    }
    // Ten minutes are some twenty half minutes, each begun by the first request after the one before.
    expect(issued).toBe(20);
  });
});

describe('visitors who think', () => {
  it('arrive as sessions, make requests with pauses, and the rate of requests is as stated', () => {
    const { source: from } = source({
      count: 5_000,
      thinkUs: 5 * S,
      sessionUs: 30 * S,
      ramp: [{ at: T0, rate: 50 }],
      endAt: T0 + 3_600 * S,
    });
    const visits = new Map<number, number>();
    const at = drain(from, ({ client, at: time }) => {
      visits.set(client, (visits.get(client) ?? 0) + 1);
      return time;
    });
    for (let i = 1; i < at.length; i += 1) expect(at[i]).toBeGreaterThanOrEqual(at[i - 1]!);
    // In steady state; sessions come in bursts, so the count spreads more than a Poisson one would.
    const steady = at.filter((time) => time > T0 + 600 * S).length;
    expect(steady / 3_000).toBeGreaterThan(50 * 0.93);
    expect(steady / 3_000).toBeLessThan(50 * 1.07);
    expect(visits.size).toBeGreaterThan(3_500);
  });

  it('when everybody is in a session already the rate still holds: open loop', () => {
    const { source: from } = source({ count: 3, thinkUs: S, sessionUs: 600 * S, ramp: [{ at: T0, rate: 50 }] });
    expect(times(from).length).toBeGreaterThan(1_000);
  });
});

it('LB-254 one seed gives one stream, another seed another', () => {
  const stream = (seed: number): number[] =>
    drain(source({}, seed).source, ({ at, client }) => at * 1_000 + client).slice(0, 500);
  expect(stream(3)).toEqual(stream(3));
  expect(stream(3)).not.toEqual(stream(4));
});
