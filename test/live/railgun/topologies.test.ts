/** The three published topologies on real sockets: T1 in front of a balancer, T2 behind one, T3 with checks and an autoscaling group. */
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { parseRailgunConf } from '../../../src/config/railgun-conf.ts';
import { EMPTY_NAT_MAP, type NatMap } from '../../../src/core/nat-map.ts';
import {
  openL4Balancer,
  type L4Balancer,
  type L4BalancerEvent,
  type L4BalancerOptions,
} from '../../../src/live/l4-balancer.ts';
import { ListenerService } from '../../../src/live/railgun/listener-service.ts';
import type { PageStore } from '../../../src/live/railgun/page-store.ts';
import { chooseNode, type WeightedNode } from '../../../src/live/stores/rendezvous.ts';
import { pageAt } from '../../../src/sim/pages.ts';
import { ChaosStore } from './chaos-store.ts';
import { seededRandom } from '../../../src/core/random.ts';
import {
  clock,
  type EdgeLab,
  get,
  type ListenerLab,
  type ListenerLabOptions,
  Origin,
  railgunOf,
  startEdge,
  startListener,
  TOKEN,
} from './lab.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const each of cleanups.splice(0).toReversed()) await each();
});

const page = pageAt('shop', 6, 0);

async function site(name: string): Promise<Origin> {
  const origin = await Origin.start((_request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.setHeader('X-Served-By', name);
    response.end(page);
  });
  cleanups.push(() => origin.stop());
  return origin;
}

async function listener(options: ListenerLabOptions = {}): Promise<ListenerLab> {
  const made = await startListener(options);
  cleanups.push(() => made.stop());
  return made;
}

async function edgeTo(port: number, origin: Origin, place = 'LHR'): Promise<EdgeLab> {
  const edge = await startEdge({ listenerPort: port, originPort: origin.port, place });
  cleanups.push(() => edge.stop());
  return edge;
}

interface Balanced {
  readonly balancer: L4Balancer;
  readonly events: L4BalancerEvent[];
  when(holds: (events: readonly L4BalancerEvent[]) => boolean): Promise<void>;
}

async function balanced(options: L4BalancerOptions): Promise<Balanced> {
  const events: L4BalancerEvent[] = [];
  const waiting: (() => void)[] = [];
  // Four failures in a row: on a machine without time for us a check of a good listener may fail, too.
  const checks = { intervalUs: 250_000, timeoutUs: 240_000, unhealthy: 4, healthy: 1 };
  const onEvent = (event: L4BalancerEvent): void => {
    events.push(event);
    for (const each of waiting.splice(0)) each();
  };
  const balancer = await openL4Balancer({ checks, ...options, onEvent });
  cleanups.push(() => balancer.close());
  const when = async (holds: (all: readonly L4BalancerEvent[]) => boolean): Promise<void> => {
    while (!holds(events)) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return { balancer, events, when };
}

async function home(edge: EdgeLab, path = '/p'): Promise<string> {
  // The test's own time-out is the limit.
  for (;;) {
    const answer = await get(edge.port, path);
    expect([answer.status, answer.body.equals(Buffer.from(page))]).toEqual([200, true]);
    if (!railgunOf(answer).startsWith('direct')) return railgunOf(answer);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const target = (id: string, port: number, zone = 'a') => ({ id, zone, host: '127.0.0.1', port });
const inService =
  (id: string) =>
  (events: readonly L4BalancerEvent[]): boolean =>
    events.some((event) => event.kind === 'in_service' && event.target.id === id);

describe('T1: one listener in front of the balancer', () => {
  it('RG-090 RG-092 RG-094 the balancer spreads requests of the link like any others, as plain HTTP', async () => {
    const web = [await site('one'), await site('two'), await site('three')];
    // The balancer of the site, as an HTTP proxy would do it: each request to the next server.
    let turn = 0;
    const balancer = await Origin.start((request, response) => {
      const server = web[turn % 3];
      turn += 1;
      void fetch(`http://127.0.0.1:${server?.port ?? 0}${request.url ?? ''}`).then(async (answer) => {
        response.setHeader('Content-Type', 'text/html');
        response.setHeader('X-Served-By', answer.headers.get('x-served-by') ?? '');
        response.end(Buffer.from(await answer.arrayBuffer()));
      });
    });
    cleanups.push(() => balancer.stop());
    const gun = await listener();
    const edge = await edgeTo(gun.port, balancer);
    await home(edge);
    for (const one of web) one.seen.length = 0;
    for (let i = 0; i < 30; i += 1) expect(railgunOf(await get(edge.port, `/p${i % 5}`))).toMatch(/^[0-9a-f]{10} /);
    expect(web.map((one) => one.seen.length)).toEqual([10, 10, 10]);
    gun.stop();
    await edge.when('lane_closed');
    for (let i = 0; i < 9; i += 1) expect((await get(edge.port, '/p')).status).toBe(200);
    expect(web.map((one) => one.seen.length)).toEqual([13, 13, 13]);
  });
});

describe('T2: listeners behind a layer-4 balancer', () => {
  it('RG-096 RG-099 RG-101 each lane sticks to one listener, its map sends requests to the web server beside it', async () => {
    const web = [await site('one'), await site('two')];
    const store = new ChaosStore(seededRandom('shared'));
    const guns: ListenerLab[] = [];
    for (const server of web) {
      const nat = { entries: new Map(), fallback: { address: '127.0.0.1', port: server.port } };
      guns.push(await listener({ store, rules: { nat } }));
    }
    const { balancer, when } = await balanced({ targets: guns.map((gun, i) => target(`rg-${i + 1}`, gun.port)) });
    await when((events) => inService('rg-1')(events) && inService('rg-2')(events));
    const public_ = await site('public');
    const [london, tokyo] = [await edgeTo(balancer.port, public_), await edgeTo(balancer.port, public_, 'NRT')];
    await home(london);
    await home(tokyo);
    public_.seen.length = 0;
    const served = async (edge: EdgeLab): Promise<Set<unknown>> => {
      const names = new Set<unknown>();
      for (let i = 0; i < 8; i += 1) names.add((await get(edge.port, '/p')).headers['x-served-by']);
      return names;
    };
    const [here, there] = [await served(london), await served(tokyo)];
    expect([here.size, there.size]).toEqual([1, 1]);
    expect(new Set([...here, ...there])).toEqual(new Set(['one', 'two']));
    expect(public_.seen).toEqual([]);
  });

  it.each([
    { how: 'RG-101 a shared store: the other listener knows the page', shared: true, expected: / 0\.00 \S+ 0031 / },
    {
      how: 'RG-102 stores of their own: the other listener sends it whole',
      shared: false,
      expected: / [1-9]\d*\.\d\d \S+ 0011 /,
    },
  ])('$how', async ({ shared, expected }) => {
    const web = await site('web');
    const nat = { entries: new Map(), fallback: { address: '127.0.0.1', port: web.port } };
    const stores = [new ChaosStore(seededRandom('a')), new ChaosStore(seededRandom('b'))];
    const guns: ListenerLab[] = [];
    for (const store of stores)
      guns.push(await listener({ store: shared ? (stores[0] ?? store) : store, rules: { nat } }));
    const { balancer, when } = await balanced({ targets: guns.map((gun, i) => target(`rg-${i + 1}`, gun.port)) });
    await when((events) => inService('rg-1')(events) && inService('rg-2')(events));
    const edge = await edgeTo(balancer.port, web);
    await home(edge);
    const used = guns.findIndex((gun) => gun.server.lanes === 1);
    guns[used]?.stop();
    await edge.when('lane_closed');
    balancer.remove(`rg-${used + 1}`);
    expect(await home(edge)).toMatch(expected);
  });

  it('RG-097 one lane and many requests: all load is at one listener, and the statistics of each show it', async () => {
    const web = await site('web');
    const guns = [await listener(), await listener(), await listener()];
    const { balancer, when } = await balanced({ targets: guns.map((gun, i) => target(`rg-${i + 1}`, gun.port)) });
    await when((events) => [1, 2, 3].every((number) => inService(`rg-${number}`)(events)));
    const edge = await edgeTo(balancer.port, web);
    await home(edge);
    for (let i = 0; i < 30; i += 1) await get(edge.port, `/p${i % 5}`);
    const shares = guns.map((gun) => gun.stats.json(0 as never)['requests_started'] ?? 0).toSorted((a, b) => b - a);
    expect(shares).toEqual([expect.any(Number), 0, 0]);
    expect(shares[0]).toBeGreaterThanOrEqual(30);
  });

  it('RG-098 without a map a request leaves for the balancer and re-enters from outside: counted, and said', async () => {
    const lines: string[] = [];
    // The public address of the site: to the edge it is both, where lanes come in and where requests without the link go.
    const web = await Origin.start((_request, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.end(page);
    });
    cleanups.push(() => web.stop());
    const conf = parseRailgunConf(
      'railgun.conf',
      `activation.token = ${TOKEN}
activation.railgun_host = 127.0.0.1
memcached.servers = 127.0.0.1:1
log.level = 1
wan.ip = 127.0.0.1
`,
      'rgx',
    );
    if (!conf.ok) throw new Error('the file is right');
    const make = async (nat: NatMap): Promise<{ edge: EdgeLab; service: ListenerService }> => {
      const service = await ListenerService.make({
        settings: { ...conf.value, wanPort: 0 },
        ...{ nat, ca: undefined, certificate: undefined, clock, random: seededRandom('t2'), build: 'ab12' },
        ...{ classic: false, store: 'memory', write: (line: string) => void lines.push(line) },
      });
      if ('problem' in service) throw new Error(service.problem);
      cleanups.push(() => service.stop());
      const { wan } = await service.listen();
      return { edge: await edgeTo(wan.port, web), service };
    };
    const bare = await make(EMPTY_NAT_MAP);
    await home(bare.edge);
    expect(bare.service.json()['loop_hops']).toBe(1);
    expect(lines.filter((line) => line.includes('our own public address'))).toEqual([
      `railgun: the origin 127.0.0.1:${web.port} is our own public address: without a map.file requests re-enter from outside`,
    ]);
    // With a map the web server beside the listener answers, here under another address of this machine.
    const beside = await Origin.start((_request, response) => response.end(page), '127.0.0.2');
    cleanups.push(() => beside.stop());
    const mapped = await make({ entries: new Map(), fallback: { address: '127.0.0.2', port: beside.port } });
    await home(mapped.edge);
    expect([mapped.service.json()['loop_hops'], beside.seen.length > 0]).toEqual([0, true]);
  });

  it('RG-104 a balancer that does not pass 2408: all traffic is direct, and complete', async () => {
    const web = await site('web');
    const { balancer } = await balanced({ targets: [] });
    const edge = await edgeTo(balancer.port, web);
    for (let i = 0; i < 5; i += 1) {
      const answer = await get(edge.port, '/p');
      expect([answer.status, railgunOf(answer).startsWith('direct (')]).toEqual([200, true]);
    }
  });
});

describe('T3: checks on 2408 and a group that replaces the dead', () => {
  it('RG-106 an HTTP check of that port never passes, a TCP check does, and neither leaves a trace', async () => {
    const gun = await listener();
    const http = await balanced({ targets: [target('rg-1', gun.port)], checkBy: 'http' });
    const tcp = await balanced({ targets: [target('rg-1', gun.port)] });
    await tcp.when(inService('rg-1'));
    while (gun.refusals.length < 8) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(http.balancer.targets().map((one) => one.state)).toEqual(['OutOfService']);
    expect([gun.server.lanes, gun.log]).toEqual([0, []]);
  });

  it('RG-107 RG-108 RG-112 RG-113 RG-114 one dies and is replaced with the same token; with none left everything is direct', async () => {
    const web = await site('web');
    const store = new ChaosStore(seededRandom('elasticache'));
    const guns = new Map<string, ListenerLab>();
    guns.set('rg-1', await listener({ store }));
    guns.set('rg-2', await listener({ store }));
    const { balancer, events, when } = await balanced({
      targets: [...guns].map(([id, gun], i) => target(id, gun.port, i === 0 ? 'a' : 'b')),
    });
    await when((all) => inService('rg-1')(all) && inService('rg-2')(all));
    const edge = await edgeTo(balancer.port, web);
    await home(edge);

    const used = [...guns].find(([, gun]) => gun.server.lanes === 1)?.[0] ?? '';
    guns.get(used)?.stop();
    await when((all) => all.some((event) => event.kind === 'out_of_service' && event.target.id === used));
    expect(await home(edge)).toMatch(/ 0\.00 \S+ 0030 /);
    // The group: the dead one is terminated, another boots with what the first was given.
    balancer.remove(used, true);
    const fresh = await listener({ store });
    balancer.add(target('rg-3', fresh.port, 'a'));
    await when(inService('rg-3'));
    expect(balancer.targets().filter((one) => one.state === 'InService')).toHaveLength(2);

    for (const [id, gun] of guns) {
      if (id !== used) gun.stop();
    }
    await edge.when('lane_closed', 1);
    expect(await home(edge)).toMatch(/ 0\.00 \S+ 0030 /);
    expect(fresh.server.lanes).toBe(1);
    fresh.stop();
    await edge.when('lane_closed', 2);
    for (let i = 0; i < 5; i += 1) {
      const answer = await get(edge.port, '/p');
      expect([answer.status, railgunOf(answer).startsWith('direct (')]).toEqual([200, true]);
    }
    expect(events.filter((event) => event.kind === 'out_of_service').length).toBeGreaterThan(0);
  });

  it('RG-115 with 80 and 443 closed to the edge nothing is left when the listeners are gone', async () => {
    const web = await site('web');
    const gun = await listener();
    // Direct: a port where nobody listens. Over the link: the site.
    const edge = await startEdge({
      listenerPort: gun.port,
      originPort: 1,
      linkOrigin: { address: '127.0.0.1', port: web.port },
    });
    cleanups.push(() => edge.stop());
    await get(edge.port, '/p');
    await edge.when('lane_ready');
    expect((await get(edge.port, '/p')).status).toBe(200);
    gun.stop();
    await edge.when('lane_closed');
    for (let i = 0; i < 3; i += 1) expect((await get(edge.port, '/p')).status).toBe(521);
  });

  it('RG-118 one zone fails: a listener and a store node remain, every page is right, most of what was stored still helps', async () => {
    const web = await site('web');
    const nodes = ['a', 'b'].map((name) => ({ name, weight: 1, store: new ChaosStore(seededRandom(name)) }));
    const spread = new TwoNodes(nodes);
    const guns = new Map([
      ['a', await listener({ store: spread })],
      ['b', await listener({ store: spread })],
    ]);
    const { balancer, when } = await balanced({
      targets: [...guns].map(([zone, gun]) => target(`rg-${zone}`, gun.port, zone)),
    });
    await when((all) => inService('rg-a')(all) && inService('rg-b')(all));
    const edge = await edgeTo(balancer.port, web);
    await home(edge);
    const paths = Array.from({ length: 24 }, (_, index) => `/page-${index}`);
    for (const path of paths) await get(edge.port, path);
    const lost = [...guns].find(([, gun]) => gun.server.lanes === 1)?.[0] ?? '';
    const [dead] = nodes.filter((node) => node.name === lost);
    if (dead === undefined) throw new Error('no lane');
    guns.get(lost)?.stop();
    dead.store.mood = 'down';
    await edge.when('lane_closed');
    const fresh = await home(edge, '/again');
    expect(fresh).not.toBe('');
    const flags: string[] = [];
    for (const path of paths) {
      const answer = await get(edge.port, path);
      expect([answer.status, answer.body.equals(Buffer.from(page))]).toEqual([200, true]);
      flags.push(railgunOf(answer).split(' ')[3] ?? '');
    }
    const found = flags.filter((each) => each === '0030').length;
    // The keys of one node of two: some are lost, some are there.
    expect(found).toBeGreaterThan(0);
    expect(found).toBeLessThan(paths.length);
    expect(new Set(flags)).toEqual(new Set(['0030', '0010']));
    // What was lost cost one full transfer; then it is stored on the node that is left.
    for (const path of paths) expect(railgunOf(await get(edge.port, path)).split(' ')[3]).toBe('0030');
  });

  it('RG-119 memcached takes connections from the private network alone', async () => {
    // A memcached that says it stored, behind a group that allows one network.
    const memcached = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', () => socket.write('VERSION 1.6\r\n'));
    });
    await new Promise<void>((resolve) => memcached.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => void memcached.close());
    const to = target('node', (memcached.address() as AddressInfo).port);
    const guarded = await balanced({ targets: [to], allowFrom: ['127.0.1.0/24'] });
    await guarded.when(inService('node'));
    expect(await spoken(guarded.balancer.port, '127.0.1.7')).toBe('VERSION 1.6\r\n');
    expect(await spoken(guarded.balancer.port, '127.0.0.1')).toBe('');
  });

  it('RG-120 only the ranges of the edge reach 2408: another address gets no byte, and no lane', async () => {
    const web = await site('web');
    const gun = await listener();
    const { balancer, when } = await balanced({ targets: [target('rg-1', gun.port)], allowFrom: ['127.0.0.1'] });
    await when(inService('rg-1'));
    expect(await spoken(balancer.port, '127.0.0.9')).toBe('');
    expect(gun.server.lanes).toBe(0);
    const edge = await edgeTo(balancer.port, web);
    await home(edge);
    expect(gun.server.lanes).toBe(1);
  });
});

/** What somebody at `from` is told by whoever listens there. */
function spoken(port: number, from: string): Promise<string> {
  return new Promise((resolve) => {
    let got = '';
    const socket = connect({ host: '127.0.0.1', port, localAddress: from }, () => socket.write('version\r\n'));
    socket.on('data', (bytes) => {
      got += String(bytes);
      socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(got));
  });
}

/** Two nodes that hold their own keys each, as a store of several does. */
class TwoNodes implements PageStore {
  readonly #nodes: readonly (WeightedNode & { readonly store: ChaosStore })[];

  constructor(nodes: readonly (WeightedNode & { readonly store: ChaosStore })[]) {
    this.#nodes = nodes;
  }

  #home(key: string): ChaosStore {
    const home = chooseNode(this.#nodes, key, (node) => node.store.available);
    if (home === undefined) throw new Error('both are gone');
    return home.store;
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#home(key).get(key);
  }

  set(key: string, value: Uint8Array): Promise<boolean> {
    return this.#home(key).set(key, value);
  }

  async delete(key: string): Promise<void> {
    await this.#home(key).delete(key);
  }

  async close(): Promise<void> {}
}
