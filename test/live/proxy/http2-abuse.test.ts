/** What HTTP/2 lets a client do to a server, done: nothing malformed reaches the origin, and no flood costs more than its connection. */
import { afterEach, describe, expect, it } from 'vitest';
import { bareAnswer } from '../../../src/live/proxy/local-answer.ts';
import type { Http2Limits } from '../../../src/live/proxy/http2-limits.ts';
import { RawOrigin, toOrigin } from './harness.ts';
import {
  askHttp2,
  code,
  dialHttp2,
  END_HEADERS,
  END_STREAM,
  FRAME,
  fieldBlock,
  frame,
  type Http2Edge,
  RawHttp2,
  request,
  startHttp2Edge,
} from './http2-support.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0).reverse()) each();
});

const PROTOCOL_ERROR = 1;
const CANCEL = 8;
const WHOLE = END_STREAM | END_HEADERS;

interface Bench {
  readonly edge: Http2Edge;
  readonly origin: RawOrigin;
  readonly raw: RawHttp2;
}

async function bench(limits: Partial<Http2Limits> = {}): Promise<Bench> {
  const origin = await RawOrigin.start();
  const edge = await startHttp2Edge([toOrigin(origin.port)], {}, limits);
  const raw = await RawHttp2.dial(edge);
  cleanups.push(
    () => origin.stop(),
    () => edge.engine.stop(),
    () => raw.socket.destroy(),
  );
  return { edge, origin, raw };
}

/** The same edge still serves somebody else, and has nothing left over. */
async function stillServes({ edge }: Bench): Promise<void> {
  edge.brain.route = () => bareAnswer(200);
  const session = dialHttp2(edge);
  cleanups.push(() => session.destroy());
  expect((await askHttp2(session, {})).status).toBe(200);
  expect(edge.engine.counts().inFlight).toBe(0);
}

type Fields = readonly (readonly [string, string])[];
const without = (name: string): Fields => request().filter(([each]) => each !== name);
const POST: Fields = request().map(([name, value]) => [name, name === ':method' ? 'POST' : value] as const);

/** Refused by the framing layer: RST_STREAM with PROTOCOL_ERROR (RFC 9113 8.1.1). */
const MALFORMED: readonly { name: string; fields: Fields }[] = [
  { name: 'RFC 9113 8.3.1 no :path', fields: without(':path') },
  { name: 'RFC 9113 8.3.1 no :method', fields: without(':method') },
  { name: 'RFC 9113 8.3.1 no :scheme', fields: without(':scheme') },
  { name: 'RFC 9113 8.3.1 neither :authority nor Host', fields: without(':authority') },
  { name: 'RFC 9113 8.3 :path twice', fields: request('/', [':path', '/b']) },
  {
    name: 'RFC 9113 8.3 :authority twice',
    fields: [...request().slice(0, 3), [':authority', 'two.test'], [':path', '/']],
  },
  { name: 'RFC 9113 8.3 a pseudo-field that is none', fields: [[':other', 'x'], ...request()] },
  { name: 'RFC 9113 8.3 a pseudo-field of responses', fields: [[':status', '200'], ...request()] },
  {
    name: 'RFC 9113 8.3 a pseudo-field behind another field',
    fields: [...without(':path'), ['x-a', '1'], [':path', '/']],
  },
  { name: 'RFC 9113 8.3.1 an empty :path', fields: request('') },
  { name: 'RFC 9113 8.3.1 a relative :path', fields: request('a') },
  { name: 'RFC 9113 8.2.1 an upper-case name', fields: request('/', ['X-Upper', '1']) },
  { name: 'RFC 9113 8.2.2 connection', fields: request('/', ['connection', 'close']) },
  { name: 'RFC 9113 8.2.2 keep-alive', fields: request('/', ['keep-alive', 'timeout=5']) },
  { name: 'RFC 9113 8.2.2 proxy-connection', fields: request('/', ['proxy-connection', 'close']) },
  { name: 'RFC 9113 8.2.2 transfer-encoding', fields: request('/', ['transfer-encoding', 'chunked']) },
  { name: 'RFC 9113 8.2.2 upgrade', fields: request('/', ['upgrade', 'websocket']) },
  { name: 'RFC 9113 8.2.2 te other than trailers', fields: request('/', ['te', 'gzip']) },
  { name: 'RFC 9113 8.1.1 two lengths', fields: request('/', ['content-length', '0'], ['content-length', '0']) },
  { name: 'RFC 9113 8.1.1 a length that is no number', fields: request('/', ['content-length', '-1']) },
  { name: 'RFC 9113 8.1.1 a length, and no body', fields: request('/', ['content-length', '5']) },
  { name: 'RFC 9113 8.1.1 a line break in :path', fields: request('/ HTTP/1.1\r\nX: 1') },
  { name: 'RFC 9113 8.1.1 a line break in :method', fields: [[':method', 'GET\r\n'], ...without(':method')] },
  {
    name: 'RFC 9113 8.1.1 a line break in :authority',
    fields: [[':authority', 'a\r\nX: 1'], ...without(':authority')],
  },
];

describe('RFC 9113 8.1.1 malformed requests are stream errors, and no origin sees them', () => {
  it.each(MALFORMED)('$name', async ({ fields }) => {
    const made = await bench();
    const { raw, origin, edge } = made;
    raw.request(1, fields);
    expect(code(await raw.first(FRAME.reset, 1))).toBe(PROTOCOL_ERROR);
    // The connection is not lost for it.
    edge.brain.route = () => bareAnswer(200);
    raw.request(3, request('/next'));
    expect((await raw.first(FRAME.headers, 3))?.stream).toBe(3);
    expect(edge.brain.targets).toEqual([]);
    expect(origin.wires).toEqual([]);
  });

  it.each([
    { name: 'a blank in :path', fields: request('/a b') },
    { name: 'a fragment in :path', fields: request('/a#b') },
    { name: 'bytes above 126 in :path', fields: request('/\xe9') },
    { name: 'an absolute :path', fields: request('http://two.test/') },
    {
      name: ':scheme http',
      fields: request().map(([name, value]) => [name, name === ':scheme' ? 'http' : value] as const),
    },
    {
      name: 'user information in :authority',
      fields: request().map(([name, value]) => [name, name === ':authority' ? 'me@one.test' : value] as const),
    },
    { name: 'RFC 9113 8.3.1 Host that names someone else', fields: request('/', ['host', 'two.test']) },
    {
      name: 'CONNECT',
      fields: [
        [':method', 'CONNECT'],
        [':authority', 'one.test:443'],
      ] as Fields,
    },
    {
      name: 'extended CONNECT to something else',
      fields: [[':method', 'CONNECT'], [':protocol', 'connect-udp'], ...without(':method')] as Fields,
    },
  ])('$name never reaches an origin', async ({ fields }) => {
    const { raw, origin, edge } = await bench();
    const refused: number[] = [];
    edge.brain.unrouted = ({ status }) => refused.push(status);
    raw.request(1, fields);
    const answer = await Promise.race([raw.first(FRAME.reset, 1), raw.first(FRAME.headers, 1)]);
    expect(answer?.stream).toBe(1);
    // Either the framing layer reset it, or we have answered.
    if (answer?.type === FRAME.headers) expect([400, 501]).toContain(refused[0]);
    else expect(code(answer)).toBe(PROTOCOL_ERROR);
    expect(edge.brain.targets).toEqual([]);
    expect(origin.wires).toEqual([]);
  });

  it.each([
    { name: 'a NUL', value: 'a\0b' },
    { name: 'a line break', value: 'a\r\nX-Smuggled: 1' },
    { name: 'a bare LF', value: 'a\nX-Smuggled: 1' },
  ])('RFC 9113 8.2.1 a value with $name is not passed on', async ({ value }) => {
    const { raw, origin, edge } = await bench();
    raw.request(1, request('/', ['x-odd', value]));
    const gone = raw.first(FRAME.reset, 1).then(() => 'refused');
    const asked = origin.wire().then((wire) => wire.until('\r\n\r\n'));
    const end = await Promise.race([gone, asked]);
    expect(end).not.toMatch(/smuggled|x-odd/i);
    expect(edge.brain.targets.length).toBeLessThanOrEqual(1);
  });

  it('Host that names the same is passed on once', async () => {
    const { raw, origin } = await bench();
    raw.request(1, request('/', ['host', 'ONE.test:443']));
    const head = await (await origin.wire()).until('\r\n\r\n');
    expect(head.match(/host:/gi)).toEqual(['Host:']);
  });

  it.each([
    { name: 'more than content-length', data: 'hello!', flags: 0 },
    { name: 'less than content-length', data: 'hell', flags: END_STREAM },
  ])('RFC 9113 8.1.1 a body of $name: the origin never sees a whole request', async ({ data, flags }) => {
    const { raw, origin, edge } = await bench();
    raw.request(1, [...POST, ['content-length', '5']], END_HEADERS);
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    raw.send(frame(FRAME.data, flags, 1, data));
    const end = await Promise.race([raw.first(FRAME.reset, 1), raw.first(FRAME.goaway)]);
    // nghttp2 gives up the whole connection for the first of them.
    expect(end?.type === FRAME.goaway ? code(end, 4) : code(end)).toBeGreaterThan(0);
    await wire.end();
    expect(wire.text.slice(wire.text.indexOf('\r\n\r\n') + 4).length).toBeLessThan(5);
    await edge.brain.whenDone(1);
    expect(edge.brain.told[0]).toMatchObject({ outcome: 'client_gone' });
  });

  it.each([
    { name: 'a pseudo-field', trailer: [':path', '/x'] as const },
    { name: 'a field that would change the framing', trailer: ['content-length', '5'] as const },
    { name: 'a field of connections', trailer: ['transfer-encoding', 'chunked'] as const },
  ])('RFC 9113 8.1 trailers with $name do not reach the origin', async ({ trailer }) => {
    const { raw, origin, edge } = await bench();
    raw.request(1, POST, END_HEADERS);
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    raw.send(frame(FRAME.data, 0, 1, 'hello'), frame(FRAME.headers, WHOLE, 1, fieldBlock([trailer])));
    await wire.end();
    expect(wire.text).not.toContain('\r\n0\r\n');
    await edge.brain.whenDone(1);
    expect(edge.brain.told[0]?.outcome).toMatch(/client_(gone|broken)/);
  });
});

describe('limits with names', () => {
  it('streams at once: one too many ends the connection (RFC 9113 5.1.2)', async () => {
    const { raw, edge } = await bench({ streams: 3 });
    await raw.first(FRAME.settings, 0);
    for (const id of [1, 3, 5, 7]) raw.request(id, request(`/${id}`));
    expect(code(await raw.first(FRAME.goaway), 4)).toBe(PROTOCOL_ERROR);
    expect(edge.brain.targets).toEqual(['/1', '/3', '/5']);
  });

  it('a header list above 32 KiB is answered with 431, one above 64 KiB resets its stream', async () => {
    const { raw, edge } = await bench();
    const refused: number[] = [];
    edge.brain.unrouted = ({ status }) => refused.push(status);
    const long = fieldBlock(
      request('/', ...Array.from({ length: 40 }, (_, i) => [`x-${i}`, 'v'.repeat(1_000)] as const)),
    );
    const pieces = split(long, 16_000);
    raw.send(
      frame(FRAME.headers, END_STREAM, 3, pieces[0]!),
      ...pieces
        .slice(1)
        .map((piece, i) => frame(FRAME.continuation, i === pieces.length - 2 ? END_HEADERS : 0, 3, piece)),
    );
    await raw.first(FRAME.headers, 3);
    expect(refused).toContain(431);
    const longer = split(
      fieldBlock(request('/', ...Array.from({ length: 70 }, (_, i) => [`x-${i}`, 'v'.repeat(1_000)] as const))),
      16_000,
    );
    raw.send(
      frame(FRAME.headers, END_STREAM, 5, longer[0]!),
      ...longer
        .slice(1)
        .map((piece, i) => frame(FRAME.continuation, i === longer.length - 2 ? END_HEADERS : 0, 5, piece)),
    );
    const end = await Promise.race([raw.first(FRAME.reset, 5), raw.first(FRAME.goaway)]);
    expect(end).toBeDefined();
    expect(edge.brain.targets).toEqual([]);
  });

  it('more than 128 fields are answered with 431, crumbs of one cookie count as one', async () => {
    const { raw, edge, origin } = await bench();
    const refused: number[] = [];
    edge.brain.unrouted = ({ status }) => refused.push(status);
    raw.request(1, request('/', ...Array.from({ length: 130 }, (_, i) => [`x-${i}`, 'v'] as const)));
    await raw.first(FRAME.headers, 1);
    expect(refused).toEqual([431]);
    raw.request(3, request('/', ...Array.from({ length: 130 }, (_, i) => ['cookie', `c${i}=1`] as const)));
    expect(await (await origin.wire()).until('\r\n\r\n')).toContain('c128=1; c129=1\r\n');
  });

  it('CVE-2023-44487 requests that are reset at once: the connection ends, and few reach the origin', async () => {
    const made = await bench({ cutStreamsBurst: 20, cutStreamsPerSecond: 5 });
    const { raw, edge } = made;
    for (let id = 1; id < 4_001; id += 2) {
      raw.send(
        frame(FRAME.headers, WHOLE, id, fieldBlock(request(`/${id}`))),
        frame(FRAME.reset, 0, id, Buffer.from([0, 0, 0, CANCEL])),
      );
    }
    // What was still unread resets the connection, and the GOAWAY with it.
    await raw.close();
    expect(edge.brain.targets.length).toBeLessThan(200);
    await stillServes(made);
  });

  it('resets spread over time are none of our business: a browser leaves pages', async () => {
    const { raw, edge, origin } = await bench({ cutStreamsBurst: 2, cutStreamsPerSecond: 2 });
    for (let id = 1; id < 21; id += 2) {
      raw.request(id, request(`/${id}`));
      const wire = await origin.wire();
      await wire.until('\r\n\r\n');
      raw.send(frame(FRAME.reset, 0, id, Buffer.from([0, 0, 0, CANCEL])));
      await wire.end();
      edge.clock.advance(1_000);
    }
    expect(raw.closed).toBe(false);
    expect(edge.brain.targets.length).toBe(10);
  });

  it('CVE-2025-8671 frames that make us reset count as well', async () => {
    const made = await bench({ cutStreamsBurst: 20, cutStreamsPerSecond: 5 });
    const { raw, edge } = made;
    const nothing = Buffer.alloc(4);
    for (let id = 1; id < 2_001; id += 2) {
      raw.send(frame(FRAME.headers, WHOLE, id, fieldBlock(request(`/${id}`))), frame(FRAME.window, 0, id, nothing));
    }
    await raw.close();
    expect(edge.brain.targets.length).toBeLessThan(200);
    await stillServes(made);
  });

  it('CVE-2024-27983 a flood of CONTINUATION ends the connection', async () => {
    const made = await bench();
    const { raw, edge } = made;
    raw.send(frame(FRAME.headers, END_STREAM, 1, fieldBlock(request())));
    for (let i = 0; i < 500 && !raw.closed; i += 1)
      raw.send(frame(FRAME.continuation, 0, 1, fieldBlock([[`x-${i}`, 'v'.repeat(2_000)]])));
    await raw.close();
    expect(edge.brain.targets).toEqual([]);
    await stillServes(made);
  });

  it.each([
    { name: 'CVE-2019-9515 SETTINGS', flood: frame(FRAME.settings, 0, 0, Buffer.from([0, 4, 0, 1, 0, 0])) },
    { name: 'CVE-2019-9512 PING', flood: frame(FRAME.ping, 0, 0, Buffer.alloc(8)) },
  ])('$name without ever reading the answers: the connection ends', async ({ flood }) => {
    const made = await bench();
    const { raw, edge } = made;
    raw.socket.pause();
    const block = Buffer.concat(Array.from({ length: 2_000 }, () => flood));
    const closed = new Promise<void>((resolve) => raw.socket.on('close', () => resolve()));
    let going = true;
    void closed.then(() => (going = false));
    // What fills the sockets first differs from machine to machine: it is sent until the edge has had enough.
    while (going && edge.engine.counts().connections > 0) {
      await new Promise<void>((resolve) => raw.socket.write(block, () => setImmediate(resolve)));
    }
    raw.socket.destroy();
    await closed;
    await stillServes(made);
  });

  it('CVE-2019-9518 a flood of empty DATA ends the connection', async () => {
    const made = await bench();
    const { raw } = made;
    raw.request(1, POST, END_HEADERS);
    const empty = Buffer.concat(Array.from({ length: 1_000 }, () => frame(FRAME.data, 0, 1)));
    raw.send(empty);
    await raw.close();
    await stillServes(made);
  });

  it('a client that never says hello is cut after 10 s', async () => {
    const { edge } = await bench();
    const { connect } = await import('node:tls');
    const socket = connect({
      port: edge.securePort,
      host: '127.0.0.1',
      servername: 'one.test',
      ca: edge.certificate.cert,
      ALPNProtocols: ['h2'],
    });
    socket.on('error', () => {});
    await new Promise<void>((resolve) => socket.once('secureConnect', () => resolve()));
    socket.resume();
    while (edge.engine.counts().connections < 2) await new Promise((resolve) => setImmediate(resolve));
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    for (let i = 0; i < 3; i += 1) edge.clock.advance(10_500);
    await closed;
  });

  it('a body that drips is cut, its stream alone', async () => {
    const { raw, origin, edge } = await bench();
    raw.request(1, POST, END_HEADERS);
    raw.send(frame(FRAME.data, 0, 1, 'slow'));
    const wire = await origin.wire();
    await wire.until('4\r\nslow\r\n');
    edge.clock.advance(6_000);
    await edge.brain.whenDone(1);
    expect(edge.brain.told[0]).toMatchObject({ status: 408, outcome: 'client_broken' });
    expect(await raw.first(FRAME.headers, 1)).toBeDefined();
    await wire.end();
    expect(raw.closed).toBe(false);
  });

  it('connections from one address count as over HTTP/1.1', async () => {
    const origin = await RawOrigin.start();
    const edge = await startHttp2Edge([toOrigin(origin.port)], { limits: { connectionsPerClient: 1 } });
    cleanups.push(
      () => origin.stop(),
      () => edge.engine.stop(),
    );
    const first = await RawHttp2.dial(edge);
    cleanups.push(() => first.socket.destroy());
    first.request(1, request());
    await (await origin.wire()).until('\r\n\r\n');
    const second = await RawHttp2.dial(edge);
    await second.close();
    expect(edge.engine.counts()).toMatchObject({ connections: 1, turnedAway: 1 });
  });

  it('requests in flight count as over HTTP/1.1: 503', async () => {
    const origin = await RawOrigin.start();
    const edge = await startHttp2Edge([toOrigin(origin.port)], { limits: { exchanges: 1 } });
    const session = dialHttp2(edge);
    cleanups.push(
      () => origin.stop(),
      () => edge.engine.stop(),
      () => session.destroy(),
    );
    void askHttp2(session, {});
    await (await origin.wire()).until('\r\n\r\n');
    expect((await askHttp2(session, {})).status).toBe(503);
  });
});

describe('RFC 9110 15.5.20 misdirected requests', () => {
  it('another name over a connection whose certificate does not cover it: 421; the same name goes on', async () => {
    const { edge } = await bench();
    edge.brain.route = () => bareAnswer(200);
    const refused: unknown[] = [];
    edge.brain.unrouted = ({ seen, status, fault }) => refused.push({ ...seen, status, fault });
    const session = dialHttp2(edge);
    cleanups.push(() => session.destroy());
    expect((await askHttp2(session, { ':authority': 'two.test', ':path': '/x' })).status).toBe(421);
    expect(refused).toEqual([
      { method: 'GET', target: '/x', host: 'two.test', protocol: 'HTTP/2', status: 421, fault: 'misdirected' },
    ]);
    for (const authority of ['one.test', 'ONE.test:8443', 'one.test:443']) {
      expect((await askHttp2(session, { ':authority': authority })).status).toBe(200);
    }
  });
});

function split(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}
