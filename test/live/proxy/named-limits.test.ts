/**
 * Every limit by its name: one proof each, that it is this number that bites and not another. The tables are typed by the limits'
 * interfaces, so a limit that somebody adds without a proof does not compile. Situations in which limits meet are in `limits.test.ts`;
 * HTTP/2 has its own.
 */
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type MessageLimits, REQUEST_LIMITS, RESPONSE_LIMITS } from '../../../src/http1/limits.ts';
import type { Http1Attempt } from '../../../src/live/proxy/brain.ts';
import type { ProxyEngineOptions } from '../../../src/live/proxy/engine.ts';
import type { ProxyLimits } from '../../../src/live/proxy/limits.ts';
import { dial, type Edge, RawOrigin, startEdge, toOrigin, type Wire } from './harness.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0)) each();
});

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const GET = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST /x HTTP/1.1\r\nHost: a\r\n';
const UPGRADE = 'GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n';

interface Bench {
  readonly origin: RawOrigin;
  readonly edge: Edge;
  readonly client: Wire;
}

async function bench(
  limits: Partial<ProxyLimits>,
  more: Partial<ProxyEngineOptions> = {},
  attempt: Partial<Http1Attempt> = {},
): Promise<Bench> {
  const origin = await RawOrigin.start();
  const edge = await startEdge([toOrigin(origin.port, attempt)], { limits, ...more });
  const client = await dialIn(edge);
  cleanups.push(
    () => edge.engine.stop(),
    () => origin.stop(),
  );
  return { origin, edge, client };
}

async function dialIn(edge: Edge): Promise<Wire> {
  const client = await dial(edge.port);
  cleanups.push(() => client.socket.destroy());
  return client;
}

/** The origin's end of a request that has arrived there. */
async function arrived({ origin, client }: Bench, request = GET): Promise<Wire> {
  client.send(request);
  const wire = await origin.wire();
  await wire.until('\r\n\r\n');
  return wire;
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turns(1);
}

/** A round over another connection: what was on its way has come. */
async function settle(edge: Edge): Promise<void> {
  const probe = await dial(edge.port);
  probe.send('BAD\r\n\r\n');
  await probe.end();
  probe.socket.destroy();
}

/** Writes until nothing has moved for a tenth of a second of this process's own time: both ends and the edge are in it. */
async function fill(wire: Wire): Promise<void> {
  const piece = Buffer.alloc(256 * 1024, 'x');
  for (let i = 0; i < 256; i++) wire.socket.write(piece);
  let left = -1;
  for (let still = 0; still < 50; still = wire.socket.writableLength === left ? still + 1 : 0) {
    left = wire.socket.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect(wire.socket.writableLength).toBeGreaterThan(0);
}

const PROOFS: Readonly<Record<keyof ProxyLimits, () => Promise<void>>> = {
  async headMs() {
    const { edge, client } = await bench({ headMs: 3_000 });
    client.send('GET / HT');
    await settle(edge);
    edge.clock.advance(2_900);
    client.send('TP/1.1\r\n');
    await settle(edge);
    expect(client.text).toBe('');
    edge.clock.advance(500);
    expect(await client.end()).toMatch(/^HTTP\/1\.1 408 /);
  },
  async clientIdleMs() {
    const on = await bench({ clientIdleMs: 7_000 });
    (await arrived(on)).send(OK);
    await on.client.until('ok');
    on.edge.clock.advance(6_900);
    await settle(on.edge);
    expect(on.client.ended).toBe(false);
    on.edge.clock.advance(500);
    await on.client.end();
  },
  async clientWriteMs() {
    const on = await bench({ clientWriteMs: 2_000 });
    on.client.socket.removeAllListeners('data');
    on.client.socket.pause();
    const wire = await arrived(on);
    wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${1 << 30}\r\n\r\n`);
    await fill(wire);
    on.edge.clock.advance(1_500);
    expect(wire.closed).toBe(false);
    on.edge.clock.advance(1_000);
    await wire.close();
  },
  async dripMs() {
    const on = await bench({ dripMs: 2_000 });
    await arrived(on, `${POST}Content-Length: 9000\r\n\r\n`);
    on.edge.clock.advance(1_900);
    await settle(on.edge);
    expect(on.client.text).toBe('');
    on.edge.clock.advance(500);
    expect(await on.client.end()).toMatch(/^HTTP\/1\.1 408 /);
  },
  async dripBytes() {
    const on = await bench({ dripBytes: 10 });
    const wire = await arrived(on, `${POST}Content-Length: 9000\r\n\r\n`);
    const drip = async (piece: string): Promise<void> => {
      on.client.send(piece);
      await wire.when(() => wire.text.endsWith(piece));
      on.edge.clock.advance(5_500);
      await settle(on.edge);
    };
    for (const piece of ['twelve bytes', 'the thirteen.', 'ten bytes.']) await drip(piece);
    expect(on.client.text).toBe('');
    await drip('only nine');
    expect(await on.client.end()).toMatch(/^HTTP\/1\.1 408 /);
  },
  async halfCloseMs() {
    const on = await bench({ halfCloseMs: 2_000 });
    const wire = await arrived(on);
    on.client.socket.end();
    await settle(on.edge);
    on.edge.clock.advance(1_900);
    await settle(on.edge);
    expect(wire.ended || wire.closed).toBe(false);
    on.edge.clock.advance(500);
    await wire.end();
  },
  async lingerMs() {
    const { edge, client } = await bench({ lingerMs: 1_000 });
    client.send('BAD\r\n\r\n');
    await client.end();
    edge.clock.advance(900);
    expect(edge.engine.counts().connections).toBe(1);
    edge.clock.advance(500);
    expect(edge.engine.counts().connections).toBe(0);
  },
  async lingerBytes() {
    const { edge, client } = await bench({ lingerBytes: 10_000 });
    client.send('BAD\r\n\r\n');
    await client.end();
    client.send('x'.repeat(9_000));
    await settle(edge);
    // The probe goes, this one stays.
    await until(() => edge.engine.counts().connections === 1);
    await turns(20);
    expect(edge.engine.counts().connections).toBe(1);
    client.send('x'.repeat(1_001));
    await until(() => edge.engine.counts().connections === 0);
  },
  async tunnelIdleMs() {
    const on = await bench({ tunnelIdleMs: 3_000 });
    const wire = await arrived(on, UPGRADE);
    wire.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n');
    await on.client.until('101');
    on.edge.clock.advance(2_900);
    on.client.send('alive');
    await wire.until('alive');
    on.edge.clock.advance(2_900);
    expect(on.client.ended || on.client.closed).toBe(false);
    on.edge.clock.advance(500);
    await on.client.end();
    await wire.end();
  },
  async backlogBytes() {
    // Sixteen requests fit, and are all answered; of sixteen megabytes most stays with the client.
    const on = await bench({ backlogBytes: 16 * GET.length });
    const wire = await arrived(on, GET.repeat(16));
    for (let i = 1; i <= 16; i++) {
      await wire.when(() => wire.text.split('GET /x').length === i + 1);
      wire.send(OK);
    }
    await on.client.when(() => on.client.text.split('ok').length === 17);
    on.client.send(Buffer.from(GET.repeat(Math.ceil((16 << 20) / GET.length))));
    await wire.when(() => wire.text.split('GET /x').length === 18);
    await turns(300);
    expect(on.client.socket.writableLength).toBeGreaterThan(1 << 20);
    expect(wire.text.split('GET /x')).toHaveLength(18);
  },
  async connectMs() {
    const on = await bench({ connectMs: 2_000 }, { lookup: () => {} }, { address: 'stalled.test' });
    on.client.send(GET);
    await until(() => on.edge.engine.inFlight === 1);
    on.edge.clock.advance(1_900);
    expect(on.edge.brain.failures).toEqual([]);
    on.edge.clock.advance(500);
    expect(on.edge.brain.failures).toMatchObject([{ kind: 'connect_timeout' }]);
  },
  async handshakeMs() {
    const on = await bench({ handshakeMs: 2_000 }, {}, { tls: { servername: 'a.test' } });
    on.client.send(GET);
    const wire = await on.origin.wire();
    await wire.when(() => wire.text !== '');
    on.edge.clock.advance(1_900);
    expect(on.edge.brain.failures).toEqual([]);
    on.edge.clock.advance(500);
    expect(on.edge.brain.failures).toMatchObject([{ kind: 'tls_handshake', detail: 'timeout' }]);
  },
  async readMs() {
    const on = await bench({ readMs: 2_000 });
    await arrived(on);
    on.edge.clock.advance(1_900);
    expect(on.edge.brain.failures).toEqual([]);
    on.edge.clock.advance(500);
    expect(on.edge.brain.failures).toMatchObject([{ kind: 'read_timeout' }]);
  },
  async writeMs() {
    const on = await bench({ writeMs: 2_000 });
    on.client.send(`${POST}Content-Length: ${1 << 30}\r\n\r\n`);
    const wire = await on.origin.wire();
    wire.socket.removeAllListeners('data');
    wire.socket.pause();
    await fill(on.client);
    on.edge.clock.advance(1_500);
    expect(on.edge.brain.failures).toEqual([]);
    on.edge.clock.advance(1_000);
    expect(on.edge.brain.failures).toMatchObject([{ kind: 'write_timeout', mayRetry: false }]);
    await on.client.until('HTTP/1.1 524');
  },
  async originIdleMs() {
    const on = await bench({ originIdleMs: 2_000 });
    const wire = await arrived(on);
    wire.send(OK);
    await on.client.until('ok');
    on.edge.clock.advance(1_900);
    expect(on.edge.engine.counts().originIdle).toBe(1);
    on.edge.clock.advance(500);
    expect(on.edge.engine.counts().originIdle).toBe(0);
    await wire.end();
  },
  async originIdleMax() {
    const on = await bench({ originIdleMax: 2 });
    const clients = [on.client, await dialIn(on.edge), await dialIn(on.edge)];
    for (const client of clients) client.send(GET);
    for (let i = 0; i < 3; i++) await (await on.origin.wire()).until('/x');
    for (const wire of on.origin.wires) wire.send(OK);
    for (const client of clients) await client.until('ok');
    expect(on.edge.engine.counts()).toMatchObject({ originConnections: 2, originIdle: 2 });
  },
  async originConnections() {
    const on = await bench({ originConnections: 1 });
    await arrived(on);
    const second = await dialIn(on.edge);
    second.send(GET);
    await second.until('HTTP/1.1 520');
    expect(on.edge.brain.failures).toMatchObject([{ kind: 'overloaded', mayRetry: true }]);
  },
  async connections() {
    const { edge, client } = await bench({ connections: 2 });
    await dialIn(edge);
    const third = await dialIn(edge);
    await third.end();
    expect(third.text).toBe('');
    expect(edge.engine.counts()).toMatchObject({ connections: 2, turnedAway: 1 });
    client.socket.destroy();
    await until(() => edge.engine.counts().connections === 1);
    const fourth = await dialIn(edge);
    fourth.send('BAD\r\n\r\n');
    await fourth.until('400');
  },
  async connectionsPerClient() {
    const { edge } = await bench({ connectionsPerClient: 1 });
    await (await dialIn(edge)).end();
    expect(edge.engine.counts()).toMatchObject({ connections: 1, turnedAway: 1 });
    // Somebody else is not to suffer for it.
    const socket = connect({ port: edge.port, host: '127.0.0.1', localAddress: '127.0.0.21' });
    cleanups.push(() => socket.destroy());
    await until(() => edge.engine.counts().connections === 2);
  },
  async exchanges() {
    const on = await bench({ exchanges: 1 });
    const wire = await arrived(on);
    const second = await dialIn(on.edge);
    second.send(GET);
    await second.until('HTTP/1.1 503');
    wire.send(OK);
    await on.client.until('ok');
    second.send(GET);
    await wire.when(() => wire.text.split('GET /x').length === 3);
  },
};

describe('limits of the data path', () => {
  it.each(Object.entries(PROOFS))('%s', (_name, proof) => proof());
});

/** A head of exactly so many bytes, start line and the empty line included. */
function sized(start: string, bytes: number): string {
  return `${start}X: ${'x'.repeat(bytes - start.length - 7)}\r\n\r\n`;
}

const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n';
/** One-byte chunks with extensions. 16 bytes and twice the payload are free of each: 987 bytes of framing count. */
function overhead(bytes: number): string {
  return `1;${'e'.repeat(999)}\r\nx\r\n`.repeat(Math.ceil(bytes / 987));
}

/** What just passes, what just does not, and the answer to that. */
type Edges = readonly [passes: string, refused: string, status: number];

const R = REQUEST_LIMITS;
const REQUESTS: Readonly<Record<keyof MessageLimits, Edges>> = {
  headBytes: [
    sized('GET /x HTTP/1.1\r\nHost: a\r\n', R.headBytes),
    sized('GET /x HTTP/1.1\r\nHost: a\r\n', R.headBytes + 1),
    431,
  ],
  targetBytes: [
    `GET /${'t'.repeat(R.targetBytes - 1)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET /${'t'.repeat(R.targetBytes)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    414,
  ],
  fields: [
    `GET / HTTP/1.1\r\nHost: a\r\n${'X: 1\r\n'.repeat(R.fields - 1)}\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\n${'X: 1\r\n'.repeat(R.fields)}\r\n`,
    431,
  ],
  trailerBytes: [
    `${POST}${CHUNKED}0\r\nX: ${'x'.repeat(R.trailerBytes - 100)}\r\n\r\n`,
    `${POST}${CHUNKED}0\r\nX: ${'x'.repeat(R.trailerBytes)}\r\n\r\n`,
    431,
  ],
  chunkOverheadBytes: [
    `${POST}${CHUNKED}${overhead(R.chunkOverheadBytes - 2_000)}0\r\n\r\n`,
    `${POST}${CHUNKED}${overhead(R.chunkOverheadBytes + 2_000)}0\r\n\r\n`,
    400,
  ],
};

const A = RESPONSE_LIMITS;
const ANSWER = 'HTTP/1.1 200 OK\r\n';
const RESPONSES: Readonly<Record<Exclude<keyof MessageLimits, 'targetBytes'>, Edges>> = {
  headBytes: [
    `${sized(`${ANSWER}Content-Length: 0\r\n`, A.headBytes)}`,
    `${sized(`${ANSWER}Content-Length: 0\r\n`, A.headBytes + 1)}`,
    520,
  ],
  fields: [
    `${ANSWER}Content-Length: 0\r\n${'X: 1\r\n'.repeat(A.fields - 1)}\r\n`,
    `${ANSWER}Content-Length: 0\r\n${'X: 1\r\n'.repeat(A.fields)}\r\n`,
    520,
  ],
  // The head is out by then: what is refused is cut, and has no last chunk.
  trailerBytes: [
    `${ANSWER}${CHUNKED}0\r\nX: ${'x'.repeat(A.trailerBytes - 100)}\r\n\r\n`,
    `${ANSWER}${CHUNKED}0\r\nX: ${'x'.repeat(A.trailerBytes)}\r\n\r\n`,
    0,
  ],
  chunkOverheadBytes: [
    `${ANSWER}${CHUNKED}${overhead(A.chunkOverheadBytes - 2_000)}0\r\n\r\n`,
    `${ANSWER}${CHUNKED}${overhead(A.chunkOverheadBytes + 2_000)}0\r\n\r\n`,
    0,
  ],
};

describe('limits of a request', () => {
  it.each(Object.entries(REQUESTS))('%s', async (_name, [passes, refused, status]) => {
    const good = await bench({});
    good.client.send(passes);
    const wire = await good.origin.wire();
    await wire.until(passes.includes('chunked') ? /\r\n0\r\n(X: x+\r\n)?\r\n$/ : '\r\n\r\n');
    wire.send(OK);
    await good.client.until('ok');

    const bad = await bench({});
    bad.client.send(refused);
    expect(await bad.client.end()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    for (const each of bad.origin.wires) expect(each.text).not.toMatch(/\r\n0\r\n/);
  });
});

describe('limits of an answer', () => {
  it.each(Object.entries(RESPONSES))('%s', async (_name, [passes, refused, status]) => {
    const good = await bench({});
    (await arrived(good)).send(passes);
    await good.client.until(passes.includes('chunked') ? /\r\n0\r\n(X: x+\r\n)?\r\n$/ : '\r\n\r\n');
    expect(good.client.text).toMatch(/^HTTP\/1\.1 200 /);

    const bad = await bench({});
    (await arrived(bad)).send(refused);
    if (status !== 0) await bad.client.until(`HTTP/1.1 ${status}`);
    else expect(await bad.client.end()).not.toMatch(/\r\n0\r\n/);
  });
});
