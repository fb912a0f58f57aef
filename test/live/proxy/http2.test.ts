/** HTTP/2 in front of the same core: what RFC 9113 asks of a server and of whoever translates to HTTP/1.1. */
import { randomBytes } from 'node:crypto';
import { constants, type ClientHttp2Session } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { fieldLine, FieldSet } from '../../../src/http1/field-set.ts';
import { bareAnswer } from '../../../src/live/proxy/local-answer.ts';
import { fieldValues, headLines, RawOrigin, toOrigin } from './harness.ts';
import {
  answerOf,
  askHttp2,
  dialHttp2,
  END_HEADERS,
  FRAME,
  frame,
  type Http2Edge,
  RawHttp2,
  startHttp2Edge,
} from './http2-support.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0).reverse()) each();
});

interface Bench {
  readonly edge: Http2Edge;
  readonly origin: RawOrigin;
  readonly session: ClientHttp2Session;
}

async function bench(options: Parameters<typeof startHttp2Edge>[1] = {}, limits = {}): Promise<Bench> {
  const origin = await RawOrigin.start();
  const edge = await startHttp2Edge([toOrigin(origin.port)], options, limits);
  const session = dialHttp2(edge);
  cleanups.push(
    () => origin.stop(),
    () => edge.engine.stop(),
    () => session.destroy(),
  );
  return { edge, origin, session };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: x\r\n\r\nok';

describe('RFC 9113 8.3 a request becomes one of HTTP/1.1', () => {
  it('RFC 9113 8.3.1 pseudo-fields, Host, cookie crumbs, fields in order, Via 2.0', async () => {
    const { origin, session } = await bench({ via: 'edge' });
    const answer = askHttp2(session, {
      ':path': '/a?b=c|d',
      cookie: ['a=1', 'b=2', 'c=3'],
      'x-one': '1',
      'x-two': ['2', '3'],
      te: 'trailers',
    });
    const wire = await origin.wire();
    const head = await wire.until('\r\n\r\n');
    wire.send(OK);
    expect(headLines(head)[0]).toBe('GET /a?b=c|d HTTP/1.1');
    expect(fieldValues(head, 'host')[0]).toMatch(/^one\.test:\d+$/);
    expect(fieldValues(head, 'host').length).toBe(1);
    expect(fieldValues(head, 'cookie')).toEqual(['a=1; b=2; c=3']);
    expect(fieldValues(head, 'x-two')).toEqual(['2', '3']);
    expect(fieldValues(head, 'te')).toEqual([]);
    expect(fieldValues(head, 'via')).toEqual(['2.0 edge']);
    expect(fieldValues(head, 'content-length')).toEqual([]);
    expect(await answer).toMatchObject({ status: 200, body: 'ok', rst: undefined, headers: { date: 'x' } });
  });

  it('bytes above 127 in a value arrive as they were, both ways', async () => {
    const { origin, session } = await bench();
    const answer = askHttp2(session, { 'x-name': 'caf\xe9' });
    const wire = await origin.wire();
    expect(fieldValues(await wire.until('\r\n\r\n'), 'x-name')).toEqual(['caf\xe9']);
    wire.send(OK.replace('Date: x', 'X-Back: na\xefve'));
    expect((await answer).headers['x-back']).toBe('na\xefve');
  });

  it('the brain and the log see scheme, name and that it was HTTP/2', async () => {
    const { edge, session } = await bench();
    edge.brain.route = (head, client) =>
      bareAnswer(200, fieldLine('X-Saw', `${client.scheme} ${client.servername} ${client.http2} ${head.target}`));
    expect((await askHttp2(session, { ':path': '/p' })).headers['x-saw']).toBe('https one.test true /p');
  });

  it.each([
    {
      name: 'a POST with a length',
      fields: { 'content-length': '5' },
      body: 'hello',
      want: /\r\nContent-Length: 5\r\n/i,
      sent: 'hello',
    },
    {
      name: 'a POST without',
      fields: {},
      body: 'hello',
      want: /\r\nTransfer-Encoding: chunked\r\n/,
      sent: '5\r\nhello\r\n0\r\n\r\n',
    },
    { name: 'a POST of nothing', fields: {}, body: undefined, want: /\r\nContent-Length: 0\r\n/, sent: '' },
  ])('$name', async ({ fields, body, want, sent }) => {
    const { origin, session, edge } = await bench();
    const answer = askHttp2(session, { ':method': 'POST', ...fields }, body);
    const wire = await origin.wire();
    const text = await wire.until(`\r\n\r\n${sent}`);
    expect(text).toMatch(want);
    expect(text.endsWith(`\r\n\r\n${sent}`)).toBe(true);
    wire.send(OK);
    expect(await answer).toMatchObject({ status: 200, body: 'ok' });
    expect(edge.brain.told.at(-1)).toMatchObject({ outcome: 'completed', requestBytes: body?.length ?? 0 });
  });
});

describe('bodies, trailers, interim answers', () => {
  it('RFC 9113 8.1 trailers go both ways', async () => {
    const { origin, session } = await bench();
    const stream = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false, waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
    stream.end('hello');
    const wire = await origin.wire();
    await wire.until('0\r\nx-sum: 42\r\n\r\n');
    wire.send(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n2\r\nok\r\n0\r\nX-End: yes\r\n\r\n',
    );
    expect(await answerOf(stream)).toMatchObject({
      status: 200,
      body: 'ok',
      trailers: { 'x-end': 'yes' },
      rst: undefined,
    });
  });

  it('a chunked answer without trailers ends cleanly; its framing stays behind', async () => {
    const { origin, session } = await bench();
    const answer = askHttp2(session, {});
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\r\n3\r\nabc\r\n',
    );
    wire.send('4;x=y\r\ndefg\r\n0\r\n\r\n');
    const { headers, body, rst } = await answer;
    expect({ body, rst }).toEqual({ body: 'abcdefg', rst: undefined });
    for (const name of ['connection', 'transfer-encoding', 'x-hop']) expect(headers[name]).toBeUndefined();
  });

  it('an answer without any framing, which ends with its connection, ends cleanly', async () => {
    const { origin, session } = await bench();
    const answer = askHttp2(session, {});
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send('HTTP/1.0 200 OK\r\n\r\nold ');
    wire.send('times');
    wire.socket.end();
    expect(await answer).toMatchObject({ status: 200, body: 'old times', rst: undefined });
  });

  it('RFC 9110 15.2 103 reaches the client before the answer, and 100 where it was asked for', async () => {
    const { origin, session } = await bench();
    const stream = session.request({ ':path': '/', ':method': 'POST', expect: '100-continue' }, { endStream: false });
    stream.on('continue', () => stream.end('body'));
    const answer = answerOf(stream);
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n');
    await wire.until('4\r\nbody\r\n0\r\n\r\n');
    wire.send(OK);
    expect(await answer).toMatchObject({ status: 200, body: 'ok', interims: [100, 103] });
  });

  it.each([
    {
      name: 'HEAD',
      method: 'HEAD',
      answer: 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n',
      status: 200,
      length: '10',
    },
    { name: '204', method: 'GET', answer: 'HTTP/1.1 204 No Content\r\n\r\n', status: 204, length: undefined },
    {
      name: '304',
      method: 'GET',
      answer: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n',
      status: 304,
      length: '10',
    },
    {
      name: 'an empty 200',
      method: 'GET',
      answer: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
      status: 200,
      length: '0',
    },
  ])('RFC 9110 6.4.1 $name has no body, and the stream ends', async ({ method, answer, status, length }) => {
    const { origin, session } = await bench();
    const asked = askHttp2(session, { ':method': method });
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send(answer);
    const got = await asked;
    expect(got).toMatchObject({ status, body: '', rst: undefined });
    expect(got.headers['content-length']).toBe(length);
  });

  it('two fields of one name stay two, whatever they are', async () => {
    const { origin, session } = await bench();
    const asked = askHttp2(session, {});
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send(
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nETag: "1"\r\nETag: "2"\r\nconstructor: x\r\n\r\n',
    );
    const { headers, status } = await asked;
    expect(status).toBe(200);
    expect(headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(headers['constructor']).toBe('x');
  });

  it('megabytes go both ways and arrive as they were', async () => {
    const bytes = randomBytes(3_000_000);
    const { origin, session } = await bench();
    const stream = session.request(
      { ':path': '/', ':method': 'PUT', 'content-length': bytes.length },
      { endStream: false },
    );
    stream.end(bytes);
    const wire = await origin.wire();
    await wire.when(
      () =>
        wire.text.length >= bytes.length && wire.text.slice(wire.text.indexOf('\r\n\r\n') + 4).length === bytes.length,
    );
    expect(wire.text.slice(wire.text.indexOf('\r\n\r\n') + 4)).toBe(bytes.toString('latin1'));
    wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`);
    wire.send(bytes);
    const { body, rst } = await answerOf(stream);
    expect(rst).toBeUndefined();
    expect(body === bytes.toString('latin1')).toBe(true);
  });

  it('many streams at once, each with its own answer, over few origin connections afterwards', async () => {
    const origin = await RawOrigin.start((wire) => {
      let seen = 0;
      wire.socket.on('data', () => {
        for (let at = wire.text.indexOf('\r\n\r\n', seen); at !== -1; at = wire.text.indexOf('\r\n\r\n', seen)) {
          const path = /GET (\S+)/.exec(wire.text.slice(seen))?.[1] ?? '';
          seen = at + 4;
          wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
        }
      });
    });
    const edge = await startHttp2Edge([toOrigin(origin.port)]);
    const session = dialHttp2(edge);
    cleanups.push(
      () => origin.stop(),
      () => edge.engine.stop(),
      () => session.destroy(),
    );
    for (let round = 0; round < 5; round += 1) {
      const paths = Array.from({ length: 100 }, (_, i) => `/${round}/${i}`);
      const got = await Promise.all(paths.map((path) => askHttp2(session, { ':path': path })));
      expect(got.map(({ body }) => body)).toEqual(paths);
    }
    expect(edge.engine.counts()).toMatchObject({ connections: 1, inFlight: 0 });
    expect(edge.brain.told.every(({ outcome }) => outcome === 'completed')).toBe(true);
    expect(edge.brain.told.length).toBe(500);
  });
});

describe('who is gone', () => {
  it('the client resets while the origin thinks: the origin connection is destroyed', async () => {
    const { edge, origin, session } = await bench();
    const stream = session.request({ ':path': '/' });
    const answer = answerOf(stream);
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    stream.close(constants.NGHTTP2_CANCEL);
    await wire.end();
    await edge.brain.whenDone(1);
    expect(edge.brain.told[0]).toMatchObject({ outcome: 'client_gone' });
    await answer;
    // The connection lives on.
    const again = askHttp2(session, {});
    const next = await origin.wire();
    await next.until('\r\n\r\n');
    next.send(OK);
    expect((await again).status).toBe(200);
  });

  it.each([
    {
      name: 'resets its stream',
      leave: (raw: RawHttp2) => raw.send(frame(FRAME.reset, 0, 1, Buffer.from([0, 0, 0, 8]))),
    },
    { name: 'ends its connection', leave: (raw: RawHttp2) => void raw.socket.end() },
    { name: 'cuts its connection', leave: (raw: RawHttp2) => void raw.socket.destroy() },
  ])('the client $name in the middle of its upload: the origin never sees a whole body', async ({ leave }) => {
    const { edge, origin } = await bench();
    const raw = await RawHttp2.dial(edge);
    raw.request(
      1,
      [
        [':method', 'POST'],
        [':scheme', 'https'],
        [':authority', 'one.test'],
        [':path', '/'],
      ],
      END_HEADERS,
    );
    raw.send(frame(FRAME.data, 0, 1, 'half'));
    const wire = await origin.wire();
    await wire.until('4\r\nhalf\r\n');
    leave(raw);
    await wire.end();
    expect(wire.text).not.toContain('\r\n0\r\n');
    await edge.brain.whenDone(1);
    expect(edge.brain.told[0]).toMatchObject({ outcome: 'client_gone' });
    raw.socket.destroy();
  });

  it('the client resets a stream that is held back: its origin goes too', async () => {
    const { edge, origin, session } = await bench();
    const stream = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false });
    stream.on('error', () => {});
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.socket.pause();
    // More than the origin's socket, the edge and the window take together: nothing moves any more.
    const piece = Buffer.alloc(1_000_000);
    let taken = 0;
    const push = (): void => {
      while (!stream.destroyed && taken < 40 && stream.write(piece)) taken += 1;
    };
    stream.on('drain', push);
    push();
    await edge.brain.whenDone(0);
    stream.destroy(new Error('enough'));
    wire.socket.resume();
    await wire.end();
    await edge.brain.whenDone(1);
    expect(edge.brain.told[0]).toMatchObject({ outcome: 'client_gone' });
  });

  it.each([
    { name: 'with a length', head: 'Content-Length: 100', part: 'ab' },
    { name: 'in chunks', head: 'Transfer-Encoding: chunked', part: '2\r\nab\r\n' },
  ])(
    'RFC 9113 8.1 the origin is cut in the middle of its answer ($name): RST_STREAM, never a clean end',
    async ({ head, part }) => {
      const { edge, origin, session } = await bench();
      const answer = askHttp2(session, {});
      const wire = await origin.wire();
      await wire.until('\r\n\r\n');
      wire.send(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${part}`);
      await edge.brain.whenDone(0);
      wire.socket.destroySoon();
      expect(await answer).toMatchObject({ rst: constants.NGHTTP2_INTERNAL_ERROR });
      await edge.brain.whenDone(1);
      expect(edge.brain.told[0]).toMatchObject({ outcome: 'origin_cut' });
      const again = askHttp2(session, {});
      const next = await origin.wire();
      await next.until('\r\n\r\n');
      next.send(OK);
      expect((await again).body).toBe('ok');
    },
  );

  it('an answer that comes before the whole request: whole, and the rest of the request is not wanted', async () => {
    const { origin, session } = await bench();
    const stream = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false });
    stream.write('some');
    const answer = answerOf(stream);
    const wire = await origin.wire();
    await wire.until('some');
    wire.send('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!');
    expect(await answer).toMatchObject({ status: 413, body: 'no!', rst: undefined });
  });

  it('an origin that refuses is answered for, and the next attempt taken, as over HTTP/1.1', async () => {
    const { edge, origin, session } = await bench();
    edge.brain.attempts = [toOrigin(1), toOrigin(origin.port)];
    const answer = askHttp2(session, { ':method': 'POST' }, 'hello');
    const wire = await origin.wire();
    await wire.until('0\r\n\r\n');
    wire.send(OK);
    expect((await answer).status).toBe(200);
    edge.brain.attempts = [toOrigin(1)];
    expect(await askHttp2(session, {})).toMatchObject({
      status: 521,
      headers: { 'x-fault': 'refused' },
      rst: undefined,
    });
  });

  it('a status that HTTP/2 cannot say is not passed on as another', async () => {
    const { origin, session } = await bench();
    const answer = askHttp2(session, {});
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send('HTTP/1.1 999 Request denied\r\nContent-Length: 0\r\n\r\n');
    expect(await answer).toMatchObject({ status: 0, rst: constants.NGHTTP2_INTERNAL_ERROR });
  });
});

describe('back-pressure', () => {
  it('a client that does not read holds the origin back; when it reads, every byte arrives as it was', async () => {
    const { origin, session } = await bench();
    const stream = session.request({ ':path': '/' });
    const total = 20_000_000;
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
    // Every stretch of 997 bytes is another letter: a buffer that was written over too early shows.
    const letter = (at: number): number => 97 + (Math.floor(at / 997) % 26);
    const piece = Buffer.from(Array.from({ length: 997 * 26 * 39 }, (_, at) => letter(at)));
    let sent = 0;
    let stalled: () => void = () => {};
    const stall = new Promise<void>((resolve) => (stalled = resolve));
    const push = (): void => {
      while (sent < total) {
        sent += piece.length;
        const rest = Math.min(piece.length, total - sent + piece.length);
        if (!wire.socket.write(piece.subarray(0, rest))) return stalled();
      }
    };
    push();
    await stall;
    // Nobody has read: what is on the way is bounded by buffers, far below the whole.
    expect(sent).toBeLessThan(total);
    wire.socket.on('drain', push);
    let got = 0;
    let wrong = -1;
    stream.on('data', (chunk: Buffer) => {
      for (const [i, byte] of chunk.entries()) if (byte !== letter(got + i) && wrong === -1) wrong = got + i;
      got += chunk.length;
    });
    await new Promise((resolve) => stream.on('close', resolve));
    expect({ got, wrong }).toEqual({ got: total, wrong: -1 });
  });

  it('a client that takes nothing for 30 s is cut, its stream alone', async () => {
    const { edge, origin } = await bench();
    const session = dialHttp2(edge, { initialWindowSize: 0 });
    cleanups.push(() => session.destroy());
    const stuck = session.request({ ':path': '/stuck' });
    const over = answerOf(stuck);
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    // Small enough to be taken from the origin at once: nobody holds anything back any more, and still it may not stay for ever.
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n' + 'x'.repeat(1000));
    await edge.brain.whenDone(1);
    edge.clock.advance(31_000);
    expect(await over).toMatchObject({ rst: constants.NGHTTP2_INTERNAL_ERROR });
    expect(session.destroyed).toBe(false);
  });
});

describe('the end of a connection', () => {
  it('RFC 9113 6.8 a drain says GOAWAY, running streams end, then the connection closes', async () => {
    const { edge, origin, session } = await bench();
    const answer = askHttp2(session, {});
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    const goaway = new Promise<number>((resolve) => session.on('goaway', (code) => resolve(code)));
    const drained = edge.engine.drain(60_000);
    expect(await goaway).toBe(constants.NGHTTP2_NO_ERROR);
    wire.send(OK);
    expect(await answer).toMatchObject({ status: 200, body: 'ok', rst: undefined });
    edge.clock.advance(1_000);
    await drained;
    await new Promise<void>((resolve) => (session.destroyed ? resolve() : session.on('close', () => resolve())));
  });

  it('a drain with nothing under way is quick', async () => {
    const { edge, session } = await bench();
    edge.brain.route = () => bareAnswer(200);
    await askHttp2(session, {});
    const drained = edge.engine.drain(60_000);
    edge.clock.advance(1_000);
    await drained;
  });

  it('stop cuts what runs', async () => {
    const { edge, origin, session } = await bench();
    const answer = askHttp2(session, {});
    await (await origin.wire()).until('\r\n\r\n');
    edge.engine.stop();
    expect((await answer).status).toBe(0);
    expect(edge.brain.told[0]).toMatchObject({ outcome: 'stopped' });
    expect(edge.engine.counts()).toMatchObject({ connections: 0, inFlight: 0 });
  });

  it('a connection without streams ends after 400 s, one with a stream does not', async () => {
    const { edge, origin, session } = await bench();
    const answer = askHttp2(session, {});
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    edge.clock.advance(60_000);
    wire.send(OK);
    await answer;
    await edge.brain.whenDone(1);
    const goaway = new Promise<number>((resolve) => session.on('goaway', (code) => resolve(code)));
    edge.clock.advance(401_000);
    expect(await goaway).toBe(constants.NGHTTP2_NO_ERROR);
  });
});

describe('RFC 8441 WebSockets over HTTP/2', () => {
  const KEY = /sec-websocket-key: (.*)\r\n/i;
  const accept = async (key: string): Promise<string> => {
    const { createHash } = await import('node:crypto');
    return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  };
  const connect = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', 'sec-websocket-version': '13' };

  async function ready(session: ClientHttp2Session): Promise<void> {
    await new Promise<void>((resolve) => session.once('remoteSettings', () => resolve()));
  }

  it('RFC 8441 5 an extended CONNECT becomes an Upgrade, its 101 a 200, and bytes go both ways', async () => {
    const { edge, origin, session } = await bench();
    await ready(session);
    const stream = session.request(connect, { endStream: false });
    const wire = await origin.wire();
    const head = await wire.until('\r\n\r\n');
    expect(headLines(head)[0]).toBe('GET /chat HTTP/1.1');
    expect(fieldValues(head, 'upgrade')).toEqual(['websocket']);
    expect(fieldValues(head, 'connection')).toEqual(['Upgrade']);
    const key = KEY.exec(head)?.[1] ?? '';
    expect(Buffer.from(key, 'base64').length).toBe(16);
    const opened = new Promise<Record<string, unknown>>((resolve) =>
      stream.on('response', (fields) => resolve({ ...fields })),
    );
    wire.send(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${await accept(key)}\r\n\r\nhi`,
    );
    const fields = await opened;
    expect(fields[':status']).toBe(200);
    expect(fields['sec-websocket-accept']).toBeUndefined();
    expect(fields['upgrade']).toBeUndefined();
    let got = '';
    stream.setEncoding('latin1').on('data', (piece: string) => (got += piece));
    stream.write('client says');
    await wire.until('client says');
    wire.send(' there');
    stream.end();
    await wire.end();
    wire.socket.end();
    await new Promise((resolve) => stream.on('close', resolve));
    expect(got).toBe('hi there');
    expect(stream.rstCode).toBe(0);
    await edge.brain.whenDone(1);
    expect(edge.brain.told[0]).toMatchObject({ outcome: 'tunnel', status: 101 });
  });

  it('a refusal is passed on as it is', async () => {
    const { origin, session } = await bench();
    await ready(session);
    const stream = session.request(connect, { endStream: false });
    const answer = answerOf(stream);
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    expect(await answer).toMatchObject({ status: 403, body: 'no' });
  });

  it('a 101 that does not know the key opens nothing', async () => {
    const { origin, session } = await bench();
    await ready(session);
    const stream = session.request(connect, { endStream: false });
    const answer = answerOf(stream);
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
    );
    expect((await answer).status).toBe(0);
    await wire.end();
  });
});

describe('what the brain decides', () => {
  it('fields are dropped and added both ways', async () => {
    const { edge, origin, session } = await bench();
    edge.brain.plan = { requestDrop: new FieldSet(['x-out']), requestAdd: fieldLine('CF-Ray', 'abc') };
    edge.brain.edit = { drop: new FieldSet(['server']), add: fieldLine('Set-Cookie', '__cflb=x') };
    const answer = askHttp2(session, { 'x-out': '1' });
    const wire = await origin.wire();
    const head = await wire.until('\r\n\r\n');
    expect(fieldValues(head, 'x-out')).toEqual([]);
    expect(fieldValues(head, 'cf-ray')).toEqual(['abc']);
    wire.send('HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 0\r\n\r\n');
    const { headers } = await answer;
    expect(headers['server']).toBeUndefined();
    expect(headers['set-cookie']).toEqual(['__cflb=x']);
  });

  it('a brain that throws costs a 500', async () => {
    const { edge, session } = await bench({ onMistake: () => {} });
    edge.brain.route = () => {
      throw new Error('mine');
    };
    expect((await askHttp2(session, {})).status).toBe(500);
  });
});
