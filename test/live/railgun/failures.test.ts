/** Losing the listener in every way there is: what is in flight, what comes next, and how it comes back. */
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/core/random.ts';
import { openWanRelay, symmetric, type WanRelay } from '../../../src/live/wan-relay.ts';
import { pageAt } from '../../../src/sim/pages.ts';
import { type EdgeLab, get, memoryStore, Origin, railgunOf, startEdge, startListener, warm } from './lab.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0).toReversed()) each();
});

const PAGE = pageAt('news', 1, 0);

async function site(): Promise<Origin & { release: () => void; asked: () => Promise<void> }> {
  const waiting: (() => void)[] = [];
  const reached: (() => void)[] = [];
  let holding = 0;
  const origin = await Origin.start((request, response) => {
    response.setHeader('Content-Type', 'text/html');
    if (request.url !== '/hold') return void response.end(PAGE);
    holding += 1;
    waiting.push(() => void response.end(PAGE));
    for (const each of reached.splice(0)) each();
  });
  cleanups.push(() => origin.stop());
  return Object.assign(origin, {
    release: () => {
      for (const each of waiting.splice(0)) each();
    },
    asked: async () => {
      if (holding === 0) await new Promise<void>((resolve) => reached.push(resolve));
    },
  });
}

/** A path without delay whose cable can be pulled. */
async function cable(port: number): Promise<WanRelay> {
  const relay = await openWanRelay({
    target: { host: '127.0.0.1', port },
    shape: { ...symmetric(0), handshake: false },
    random: seededRandom(1),
  });
  cleanups.push(() => void relay.close());
  return relay;
}

/** Requests until one of them goes over the link. */
async function home(edge: EdgeLab): Promise<void> {
  for (;;) {
    const answer = await get(edge.port, '/x');
    expect([answer.status, answer.body.equals(PAGE)]).toEqual([200, true]);
    if (!railgunOf(answer).startsWith('direct')) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function expectDirect(edge: EdgeLab): Promise<void> {
  const answer = await get(edge.port, '/x');
  expect([answer.status, answer.body.equals(PAGE)]).toEqual([200, true]);
  expect(railgunOf(answer)).toMatch(/^direct \((starting new|waiting for pending) WAN connection\)$/);
}

describe('the listener', () => {
  it('RG-012 RG-010 RG-091 is killed: 527 for what it had, the next request is direct, and it comes back by itself', async () => {
    const origin = await site();
    const listener = await startListener();
    const edge = await startEdge({ listenerPort: listener.port, originPort: origin.port });
    cleanups.push(() => edge.stop());
    await warm(edge);
    const held = get(edge.port, '/hold');
    await origin.asked();
    listener.stop();
    expect((await held).status).toBe(527);
    expect(origin.seen.filter((one) => one.url === '/hold')).toHaveLength(1);
    await expectDirect(edge);
    const again = await startListener({ port: listener.port });
    cleanups.push(() => again.stop());
    await home(edge);
  });

  it('RG-013 is killed, and direct retry is on: a GET is answered all the same, a POST is not sent twice', async () => {
    const origin = await site();
    const listener = await startListener();
    const edge = await startEdge({ listenerPort: listener.port, originPort: origin.port, retryIdempotentDirect: true });
    cleanups.push(() => edge.stop());
    await warm(edge);
    const read = get(edge.port, '/hold');
    const write = get(edge.port, '/hold', { method: 'POST', body: Buffer.from('once') });
    while (origin.seen.filter((one) => one.url === '/hold').length < 2)
      await new Promise((resolve) => setImmediate(resolve));
    listener.stop();
    while (origin.seen.filter((one) => one.url === '/hold').length < 3)
      await new Promise((resolve) => setImmediate(resolve));
    origin.release();
    expect((await write).status).toBe(527);
    expect([(await read).status, railgunOf(await read)]).toEqual([200, 'direct (starting new WAN connection)']);
    expect(origin.seen.filter((one) => one.url === '/hold' && one.method === 'POST')).toHaveLength(1);
  });

  it('RG-014 is killed in the middle of a streamed body: the visitor’s connection is cut', async () => {
    const origin = await Origin.start((request, response) => {
      if (request.url !== '/big') return void response.end(PAGE);
      response.writeHead(200, { 'Content-Type': 'video/mp4' });
      response.write(Buffer.alloc(50_000));
    });
    cleanups.push(() => origin.stop());
    const listener = await startListener();
    const edge = await startEdge({ listenerPort: listener.port, originPort: origin.port });
    cleanups.push(() => edge.stop());
    await warm(edge);
    const answer = get(edge.port, '/big');
    while ((edge.transport.links().get('rg')?.counts.bytesReceived ?? 0) < 50_000)
      await new Promise((resolve) => setImmediate(resolve));
    listener.stop();
    expect(await answer).toMatchObject({ status: 200, cut: true });
  });

  it('RG-017 packets to 2408 are dropped: no request waits for the lane', async () => {
    const origin = await site();
    // Accepts and says nothing, as a filtered port that lets the handshake pass; the TLS handshake never ends.
    const hole = createServer(() => {});
    await new Promise<void>((resolve) => hole.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => void hole.close());
    const port = (hole.address() as AddressInfo).port;
    const edge = await startEdge({ listenerPort: port, originPort: origin.port, pool: { openTimeoutUs: 200_000 } });
    cleanups.push(() => edge.stop());
    await expectDirect(edge);
    await expectDirect(edge);
    expect(await edge.when('lane_failed')).toMatchObject({ why: 'took too long' });
    await expectDirect(edge);
  });

  it('goes silent (SIGSTOP, a black hole): soon nothing more is entrusted to it, and it is back at its first byte', async () => {
    const origin = await site();
    const listener = await startListener();
    cleanups.push(() => listener.stop());
    const relay = await cable(listener.port);
    const edge = await startEdge({ listenerPort: relay.port, originPort: origin.port });
    cleanups.push(() => edge.stop());
    await warm(edge);
    relay.blackhole(true);
    // This one is in flight: it was handed over before anybody could know.
    const held = get(edge.port, '/x');
    const probe = (): string => {
      const answer = edge.transport.links().get('rg')?.probe() ?? 'ready';
      return answer === 'ready' ? 'ready' : (answer.reason ?? '');
    };
    while (probe() === 'ready') await new Promise((resolve) => setTimeout(resolve, 10));
    for (let i = 0; i < 5; i += 1) await expectDirect(edge);
    relay.blackhole(false);
    expect((await held).status).toBe(200);
    await home(edge);
  });

  it('goes silent for good: what was in flight gets 527, and nobody else ever waits', async () => {
    const origin = await site();
    const listener = await startListener();
    cleanups.push(() => listener.stop());
    const relay = await cable(listener.port);
    const edge = await startEdge({ listenerPort: relay.port, originPort: origin.port });
    cleanups.push(() => edge.stop());
    await warm(edge);
    relay.blackhole(true);
    expect((await get(edge.port, '/x')).status).toBe(527);
    await expectDirect(edge);
    relay.blackhole(false);
    await home(edge);
  });

  it('RG-080 RG-010 drains: running requests finish, new ones go direct or to its successor, then the lane closes', async () => {
    const origin = await site();
    const listener = await startListener();
    const edge = await startEdge({ listenerPort: listener.port, originPort: origin.port });
    cleanups.push(() => edge.stop());
    await warm(edge);
    const held = get(edge.port, '/hold');
    await origin.asked();
    const drained = listener.server.drain(30_000_000);
    const successor = await startListener({ port: listener.port });
    cleanups.push(() => successor.stop());
    await home(edge);
    origin.release();
    const answer = await held;
    expect([answer.status, answer.body.equals(PAGE), /^[0-9a-f]{10} /.test(railgunOf(answer))]).toEqual([
      200,
      true,
      true,
    ]);
    await drained;
    expect([listener.server.lanes, successor.server.lanes]).toEqual([0, 1]);
    listener.stop();
  });

  it('RG-086 comes back with another token: refused with the sentence of the original, and everything goes direct', async () => {
    const origin = await site();
    const listener = await startListener();
    const edge = await startEdge({ listenerPort: listener.port, originPort: origin.port });
    cleanups.push(() => edge.stop());
    await warm(edge);
    listener.stop();
    await edge.when('lane_closed');
    const stranger = await startListener({ port: listener.port, token: 'f'.repeat(32) });
    cleanups.push(() => stranger.stop());
    await expectDirect(edge);
    const closed = await edge.when('lane_closed', 1);
    expect(closed).toMatchObject({ why: 'Invalid or missing railgun token or tag' });
    expect(stranger.server.lanes).toBe(0);
    await expectDirect(edge);
  });

  it('RG-100 RG-096 dies behind a balancer: the next lane reaches another one, and compression goes on', async () => {
    const origin = await site();
    const store = memoryStore();
    const [one, two] = [await startListener({ store }), await startListener({ store })];
    cleanups.push(() => two.stop());
    const relay = await cable(one.port);
    const edge = await startEdge({ listenerPort: relay.port, originPort: origin.port });
    cleanups.push(() => edge.stop());
    await warm(edge);
    await get(edge.port, '/p');
    one.stop();
    await edge.when('lane_closed');
    await relay.close();
    const other = await openWanRelay({
      listen: { port: relay.port },
      target: { host: '127.0.0.1', port: two.port },
      shape: { ...symmetric(0), handshake: false },
      random: seededRandom(2),
    });
    cleanups.push(() => void other.close());
    await home(edge);
    // RG-101: what was learnt through the first is known to the second, by the store that they share.
    const answer = await get(edge.port, '/p');
    expect(railgunOf(answer)).toMatch(/ 0\.00 .* 0030 /);
  });

  it('RG-105 an age limit on lanes: new ones are made before old ones are broken, and no request fails', async () => {
    const origin = await site();
    const listener = await startListener();
    cleanups.push(() => listener.stop());
    const edge = await startEdge({ listenerPort: listener.port, originPort: origin.port, pool: { maxAgeUs: 100_000 } });
    cleanups.push(() => edge.stop());
    await warm(edge);
    while (edge.news.filter((one) => one.kind === 'lane_ready').length < 3) {
      const answer = await get(edge.port, '/x');
      expect([answer.status, answer.body.equals(PAGE)]).toEqual([200, true]);
    }
    await edge.when('lane_closed');
    expect(edge.transport.links().get('rg')?.counts.failures.size).toBe(0);
  });
});
