/** Open connections per origin, counted by the pool on real sockets and read by the least_* policies through the load table. */
import { afterEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/config-file.ts';
import type { Model } from '../../../src/core/model.ts';
import { LoadTable, sumOfCounts } from '../../../src/live/load.ts';
import { OpenConnections } from '../../../src/live/proxy/open-connections.ts';
import { dial, type Edge, RawOrigin, startEdge, toOrigin, type Wire } from './harness.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0)) each();
});

const GET = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const PLACE = { popIndex: 0 };

async function bench(): Promise<{
  origin: RawOrigin;
  edge: Edge;
  open: OpenConnections;
  load: LoadTable;
  model: Model;
}> {
  const open = new OpenConnections();
  const origin = await RawOrigin.start();
  const edge = await startEdge([toOrigin(origin.port)], { openConnections: open });
  cleanups.push(
    () => edge.engine.stop(),
    () => origin.stop(),
  );
  return { origin, edge, open, load: new LoadTable(open), model: modelOf([origin.port, 1]) };
}

/** Pool `one` with an origin at each port, pool `two` with the first of them. */
function modelOf(ports: readonly number[]): Model {
  const origins = ports.map((port, i) => ({ name: `o${i}`, address: `127.0.0.${i + 1}`, port }));
  const { model } = parseConfig({
    version: 1,
    pools: [
      { name: 'one', origins },
      { name: 'two', origins: origins.slice(0, 1) },
    ],
    load_balancers: [{ name: 'a.example.com', proxied: true, default_pools: ['one', 'two'], fallback_pool: 'two' }],
  });
  if (model === undefined) throw new Error('the configuration of this test');
  return model;
}

async function ask(edge: Edge): Promise<Wire> {
  const client = await dial(edge.port);
  cleanups.push(() => client.socket.destroy());
  client.send(GET);
  return client;
}

async function turns(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe('open connections per origin', () => {
  it('LB-115 those under way and those idle count, in every pool that has the origin, and for nobody else', async () => {
    const { origin, edge, load, model } = await bench();
    const view = load.view(model);
    const clients = [await ask(edge), await ask(edge), await ask(edge)];
    for (const wire of [await origin.wire(), await origin.wire(), await origin.wire()]) await wire.until('/x');
    expect(view.originConnections(0, 0, PLACE.popIndex)).toBe(3);
    for (const wire of origin.wires) wire.send(OK);
    for (const client of clients) await client.until('ok');
    expect(edge.engine.counts()).toMatchObject({ originConnections: 3, originIdle: 3 });
    expect(view.originConnections(0, 0, PLACE.popIndex)).toBe(3);
    expect(view.originConnections(1, 0, PLACE.popIndex)).toBe(3);
    expect(view.originConnections(0, 1, PLACE.popIndex)).toBe(0);
    expect(view.poolConnections(0, PLACE.popIndex)).toBe(3);
  });

  it('an origin that closes has fewer at once; the peak of a while ago is nobody’s', async () => {
    const { origin, edge, load, model } = await bench();
    const view = load.view(model);
    const clients = [await ask(edge), await ask(edge)];
    const wires = [await origin.wire(), await origin.wire()];
    for (const wire of wires) await wire.until('/x');
    for (const wire of wires) wire.send(OK);
    for (const client of clients) await client.until('ok');
    wires[0]?.socket.end();
    await turns(() => edge.engine.counts().originConnections === 1);
    expect(view.originConnections(0, 0, 0)).toBe(1);
    wires[1]?.socket.resetAndDestroy();
    await turns(() => edge.engine.counts().originConnections === 0);
    expect(view.originConnections(0, 0, 0)).toBe(0);
  });

  it('idle connections leave the count with the idle limit', async () => {
    const { origin, edge, load, model } = await bench();
    const view = load.view(model);
    const client = await ask(edge);
    const wire = await origin.wire();
    await wire.until('/x');
    wire.send(OK);
    await client.until('ok');
    edge.clock.advance(899_000);
    expect(view.originConnections(0, 0, 0)).toBe(1);
    edge.clock.advance(2_000);
    expect(view.originConnections(0, 0, 0)).toBe(0);
  });

  it('a refused connection leaves nothing behind', async () => {
    const { origin, edge, load } = await bench();
    const { port } = origin;
    origin.stop();
    const view = load.view(modelOf([port]));
    const client = await ask(edge);
    await client.until('HTTP/1.1 521');
    expect(view.originConnections(0, 0, 0)).toBe(0);
  });
});

describe('the load table', () => {
  const slots = (load: LoadTable): number => load.slotOf('p', 'o');

  it('a request over a link counts as a connection, which the listener holds for it', () => {
    const load = new LoadTable(new OpenConnections());
    const slot = slots(load);
    load.begin({ slot });
    load.begin({ slot });
    expect(load.connections(slot)).toBe(2);
    load.end({ slot });
    expect(load.connections(slot)).toBe(1);
  });

  it('a port that the client decides on is both of them', () => {
    const open = new OpenConnections();
    const load = new LoadTable(open);
    const view = load.view(modelOf([0]));
    open.to('127.0.0.1', 80).open = 2;
    open.to('127.0.0.1', 443).open = 3;
    expect(view.originConnections(0, 0, 0)).toBe(5);
  });

  it('what other workers tell is added to requests and to connections, each to its own', () => {
    const mine = new LoadTable(new OpenConnections());
    const model = modelOf([8080]);
    const view = mine.view(model);
    const told = [1, 2].map((n) => {
      const open = new OpenConnections();
      const load = new LoadTable(open);
      load.view(model);
      load.begin({ slot: load.slotOf(model.pools[0]!.id, 'o0') });
      open.to('127.0.0.1', 8080).open = 10 * n;
      return load.counts();
    });
    mine.setOthers(sumOfCounts(told));
    expect(view.originOutstanding(0, 0, 0)).toBe(2);
    expect(view.poolOutstanding(0, 0)).toBe(2);
    expect(view.originConnections(0, 0, 0)).toBe(30);
    expect(view.poolConnections(0, 0)).toBe(30);
    mine.setOthers([]);
    expect(view.originConnections(0, 0, 0)).toBe(0);
    expect(view.poolOutstanding(0, 0)).toBe(0);
  });

  it('counts outlive a new configuration, and tables that grow', () => {
    const open = new OpenConnections();
    const load = new LoadTable(open);
    load.view(modelOf([8080]));
    const target = { slot: slots(load) };
    load.begin(target);
    for (let i = 0; i < 500; i++) load.slotOf(`pool ${i}`, 'o');
    load.view(modelOf([8080, 8081]));
    expect(load.own(target.slot)).toBe(1);
    load.end(target);
    expect(load.counts()).toEqual([]);
  });
});
