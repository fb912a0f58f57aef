/**
 * Common draws of both worlds: an edge that a drill starts draws for each request what the replay drew for it, in whatever order they come;
 * any other edge takes no orders from a header.
 */
import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { micros } from '../../../src/core/time.ts';
import { askDns } from '../../../src/drill/clients-dns.ts';
import { KEY_FIELD } from '../../../src/drill/lab.ts';
import { DrillResolvers } from '../../../src/drill/resolvers.ts';
import { type Arrival, emptyArrival } from '../../../src/replay/arrivals.ts';
import { ClientTable } from '../../../src/replay/clients.ts';
import { prepareReplay, type ReplayInput } from '../../../src/replay/load.ts';
import { Traffic } from '../../../src/replay/traffic.ts';
import { play } from '../../replay/play.ts';
import { ask, NamedOrigin, Serve } from './support.ts';

const REQUESTS = 1_000;
const SEED = '41';
/** Never answers: whoever is led there is led on. */
const DEAD = '127.0.0.9:1';

const origins: NamedOrigin[] = [];
const serves: Serve[] = [];
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
let config: object;
let input: ReplayInput;
let arrivals: readonly Arrival[];

const scenarioOf = (): string => `
version: 1
name: draws
config: ${JSON.stringify(config)}
seed: ${SEED}
start: 2026-03-01T12:00:00Z
duration: 1h
trace: all
world: { pops: [LHR] }
traffic:
  - { clients: { count: 200, rate: 0.3/s, host: web.example.com } }
  - { clients: { count: 200, rate: 0.15/s, host: name.example.com, resolvers: 3 } }
timeline:
  - { at: +0s, fault: refuse, target: origin/one/dead }
`;

beforeAll(async () => {
  for (const name of ['a', 'b', 'c', 'd', 'e'])
    origins.push(await NamedOrigin.start(name, `127.0.0.${origins.length + 1}`));
  const [a, b, c, d, e] = origins.map((origin) => origin.config());
  const [host, port] = DEAD.split(':');
  const random = { steering_policy: 'random', random_steering: { pool_weights: { one: 0.6, two: 0.3 } } };
  const pools = { default_pools: ['one', 'two', 'three'], fallback_pool: 'three', ...random };
  config = {
    version: 1,
    pools: [
      {
        name: 'one',
        origins: [a, { ...b, weight: 0.5 }, { name: 'dead', address: host, port: Number(port), weight: 0.4 }],
      },
      { name: 'two', origins: [c, d], load_shedding: { default_percent: 25, default_policy: 'random' } },
      { name: 'three', origins: [e] },
    ],
    load_balancers: [
      {
        name: 'web.example.com',
        proxied: true,
        ...pools,
        session_affinity_attributes: { zero_downtime_failover: 'temporary' },
      },
      { name: 'name.example.com', proxied: false, ttl: 30, ...pools },
    ],
  };
  const files = { readText: () => ({ reason: 'none' }), readBytes: () => ({ reason: 'none' }), geoDatabase: undefined };
  const prepared = await prepareReplay(scenarioOf(), 'draws.yaml', files, { version: 'test', repeat: '' });
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.problems));
  input = prepared.value;
  const traffic = new Traffic(input, () => added++);
  let added = 0;
  traffic.begin(new ClientTable(input.model, () => ''));
  const all: Arrival[] = [];
  for (let source = traffic.soonest(); source!.nextAt < input.end; source = traffic.soonest()) {
    const arrival = emptyArrival();
    source!.take(arrival);
    all.push(arrival);
  }
  arrivals = all;
});

afterAll(async () => {
  agent.destroy();
  for (const serve of serves) await serve.end();
  for (const origin of origins) origin.kill();
});

async function started(flags: readonly string[]): Promise<{ listen: string; dns: string }> {
  const serve = new Serve(config, ['--dns', '127.0.0.1:0', ...flags]);
  serves.push(serve);
  const { listen, dns } = await serve.ready();
  return { listen: listen!, dns: dns! };
}

const get = async (listen: string, headers: Readonly<Record<string, string>>): Promise<string> =>
  (await ask(listen, { agent, headers: { Host: 'web.example.com', ...headers } })).body;

/** Where the replay led the requests of this name, in their order. */
async function predicted(name: string): Promise<readonly string[]> {
  const { requests } = await play(scenarioOf());
  return [...requests]
    .sort((one, other) => one.n - other.n)
    .filter(({ lb }) => lb === name)
    .map(({ origin, attempts }) => `${origin} ${attempts}`);
}

describe('an edge of a drill', () => {
  test('leads a thousand requests where the replay leads them, the second attempt too, though they come backwards', async () => {
    const { listen } = await started(['--drill-seed', SEED]);
    const web = arrivals.filter(({ balancer }) => balancer === 0);
    const wanted = await predicted('web.example.com');
    expect(web.length).toBe(wanted.length);
    expect(web.length).toBeGreaterThanOrEqual(REQUESTS);
    expect(new Set(wanted)).toEqual(new Set(['a 1', 'b 1', 'c 1', 'd 1', 'e 1', 'a 2', 'b 2']));
    const got: string[] = Array.from({ length: web.length }, () => '');
    let left = web.length;
    const visitor = async (): Promise<void> => {
      for (;;) {
        left -= 1;
        const at = left;
        if (at < 0) return;
        got[at] = await get(listen, { [KEY_FIELD]: String(web[at]!.key >>> 0) });
      }
    };
    await Promise.all(Array.from({ length: 8 }, visitor));
    expect(got).toEqual(wanted.map((one) => one.slice(0, 1)));
  });

  test('answers resolvers as the replay does, and their clients take the same address', async () => {
    const { dns } = await started(['--drill-seed', SEED]);
    const [host, port] = dns.split(':');
    let now = 0;
    const resolvers = new DrillResolvers(input.model, input.random.fork('resolvers'), {
      now: () => micros(now),
      version: () => 0,
      ask: askDns,
    });
    for (const spec of input.scenario.traffic)
      if (spec.kind === 'clients') resolvers.addSource(spec.resolver, spec.resolversPerPop);
    const wanted = await predicted('name.example.com');
    const pop = input.locator.find({ address: '127.0.0.1' }).popIndex;
    const byAddress = new Map([
      ...origins.map(({ host: at, name }) => [at, name] as const),
      [DEAD.split(':')[0]!, 'dead'],
    ]);
    const got: string[] = [];
    for (const arrival of arrivals.filter(({ balancer }) => balancer === 1)) {
      now = arrival.at;
      const { address } = await resolvers.lookup(arrival, pop, { host: host!, port: Number(port) });
      got.push(byAddress.get(address ?? '') ?? 'none');
    }
    expect(got.length).toBeGreaterThan(400);
    expect(new Set(got).size).toBeGreaterThan(3);
    expect(got).toEqual(wanted.map((one) => one.split(' ')[0]));
  });

  test('counts for itself where a request brings no key, or nonsense', async () => {
    const { listen } = await started(['--drill-seed', SEED]);
    for (const headers of [{}, { [KEY_FIELD]: '-1' }, { [KEY_FIELD]: '1e3' }, { [KEY_FIELD]: '12345678901' }]) {
      const seen = new Set<string>();
      for (let n = 0; n < 40; n += 1) seen.add(await get(listen, headers as Record<string, string>));
      expect(seen.size).toBeGreaterThan(1);
    }
  });
});

describe('an edge that no drill started', () => {
  test('does not let a request choose its draws: the field is like any other that it does not know, and goes on to the origin', async () => {
    const { listen } = await started(['--seed', SEED]);
    for (const origin of origins) origin.requests.length = 0;
    const seen = new Set<string>();
    for (let n = 0; n < 60; n += 1) seen.add(await get(listen, { [KEY_FIELD]: '7' }));
    expect(seen.size).toBeGreaterThan(2);
    const told = origins.flatMap(({ requests }) => requests.map(({ headers }) => headers[KEY_FIELD.toLowerCase()]));
    expect(told.length).toBe(60);
    expect(new Set(told)).toEqual(new Set(['7']));
  });

  test('a drill edge, for comparison, draws alike for one key', async () => {
    const { listen } = await started(['--drill-seed', SEED]);
    const seen = new Set<string>();
    for (let n = 0; n < 60; n += 1) seen.add(await get(listen, { [KEY_FIELD]: '7' }));
    expect(seen.size).toBe(1);
  });
});
