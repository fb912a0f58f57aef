/**
 * The duties of a proxy, one test per duty, numbered by RFC section, on real sockets: a raw client, the engine, a raw
 * origin. What is refused is in `ambiguous.test.ts`.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { FieldSet, fieldLine } from '../../../src/http1/field-set.ts';
import { bareAnswer } from '../../../src/live/proxy/local-answer.ts';
import { dial, type Edge, fieldValues, headLines, RawOrigin, startEdge, toOrigin, type Wire } from './harness.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0)) each();
});

async function bench(
  onWire?: (wire: Wire) => void,
  options = {},
): Promise<{ origin: RawOrigin; edge: Edge; client: Wire }> {
  const origin = await RawOrigin.start(onWire);
  const edge = await startEdge([toOrigin(origin.port)], options);
  const client = await dial(edge.port);
  cleanups.push(() => {
    client.socket.destroy();
    edge.engine.stop();
    origin.stop();
  });
  return { origin, edge, client };
}

/** Send a request, answer it, return both as the other side saw them. */
async function roundTrip(
  request: string,
  answer: string,
  until: string | RegExp = /\r\n\r\n/,
): Promise<{ seen: string; got: string }> {
  const { origin, client } = await bench();
  client.send(request);
  const wire = await origin.wire();
  await wire.until('\r\n\r\n');
  wire.send(answer);
  await client.until(until);
  return { seen: wire.text, got: client.text };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('RFC 9110 7.6.1 connection fields', () => {
  it('RFC 9110 7.6.1 fields named by Connection and the hop-by-hop ones do not reach the origin', async () => {
    const { seen } = await roundTrip(
      'GET / HTTP/1.1\r\nHost: a\r\nX-Keep: 1\r\nConnection: keep-alive, X-Drop ,x-drop-two\r\nX-Drop: 1\r\nX-DROP-Two: 2\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nUpgrade: websocket\r\nProxy-Authorization: Basic eA==\r\nX-Keep-Too: 2\r\n\r\n',
      OK,
      'ok',
    );
    expect(headLines(seen)).toEqual([
      'GET / HTTP/1.1',
      'Host: a',
      'X-Keep: 1',
      'X-Keep-Too: 2',
      'Connection: Keep-Alive',
    ]);
  });

  it('RFC 9110 7.6.1 fields named by Connection and the hop-by-hop ones do not reach the client', async () => {
    const { got } = await roundTrip(
      'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
      'HTTP/1.1 200 OK\r\nConnection: X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nProxy-Authenticate: Basic\r\nX-Stay: 1\r\nDate: now\r\nContent-Length: 2\r\n\r\nok',
      'ok',
    );
    expect(headLines(got)).toEqual(['HTTP/1.1 200 OK', 'X-Stay: 1', 'Date: now', 'Content-Length: 2']);
  });

  it('RFC 9110 7.6.1 a Connection field over several lines names all of them', async () => {
    const { seen } = await roundTrip(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: x-a\r\nX-A: 1\r\nConnection: close, x-b\r\nX-B: 1\r\n\r\n',
      OK,
      'ok',
    );
    expect(headLines(seen)).toEqual(['GET / HTTP/1.1', 'Host: a', 'Connection: Keep-Alive']);
  });
});

describe('RFC 9110 7.6.2 and 7.6.3', () => {
  it('RFC 9110 7.6.2 Max-Forwards 0 ends here, anything above is counted down', async () => {
    const { origin, client } = await bench();
    client.send('OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n');
    await client.until('HTTP/1.1 200');
    client.send('OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 7\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    expect(fieldValues(wire.text, 'max-forwards')).toEqual(['6']);
    expect(origin.wires).toHaveLength(1);
  });

  it('RFC 9110 7.6.3 a request gets a Via with the version it was received in', async () => {
    const { origin, client } = await bench(undefined, { via: 'edge-1' });
    client.send('GET / HTTP/1.0\r\nHost: a\r\nVia: 1.1 before\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    expect(fieldValues(wire.text, 'via')).toEqual(['1.1 before', '1.0 edge-1']);
    expect(headLines(wire.text)[0]).toBe('GET / HTTP/1.1');
  });

  it('RFC 9110 9.3.8 TRACE is not passed on', async () => {
    const { client } = await bench();
    client.send('TRACE / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until('HTTP/1.1 405');
    expect(fieldValues(client.text, 'allow')).toHaveLength(1);
  });
});

describe('RFC 9112 3 targets and Host', () => {
  it.each([
    ['/a/../b?x=%2f&y=|{}^', '/a/../b?x=%2f&y=|{}^'],
    ['//double//slash', '//double//slash'],
    ['/%ZZ', '/%ZZ'],
    ['http://other.example/abs?q', '/abs?q'],
    ['HTTP://other.example', '/'],
    ['http://other.example?q=1', '/?q=1'],
  ])('RFC 9112 3.2 the target %s reaches the origin as %s', async (target, expected) => {
    const { seen } = await roundTrip(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`, OK, 'ok');
    expect(headLines(seen)[0]).toBe(`GET ${expected} HTTP/1.1`);
  });

  it('RFC 9112 3.2.2 the authority of an absolute target replaces Host', async () => {
    const { seen } = await roundTrip(
      'GET http://right.example:81/ HTTP/1.1\r\nX-A: 1\r\nHost: wrong.example\r\n\r\n',
      OK,
      'ok',
    );
    expect(fieldValues(seen, 'host')).toEqual(['right.example:81']);
  });

  it('RFC 9112 3.2.4 OPTIONS * goes on as it is, also out of an absolute target without a path', async () => {
    const one = await roundTrip('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', OK, 'ok');
    expect(headLines(one.seen)[0]).toBe('OPTIONS * HTTP/1.1');
    const two = await roundTrip('OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n', OK, 'ok');
    expect(headLines(two.seen)[0]).toBe('OPTIONS * HTTP/1.1');
  });

  it.each(['BREW', "!#$%&'*+-.^_`|~09azAZ", 'get'])(
    'RFC 9110 9.1 the method %s is none of our business',
    async (method) => {
      const { seen } = await roundTrip(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`, OK, 'ok');
      expect(headLines(seen)[0]).toBe(`${method} / HTTP/1.1`);
    },
  );

  it('RFC 9112 2.2 empty lines before a request line are ignored', async () => {
    const { seen } = await roundTrip('\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n', OK, 'ok');
    expect(headLines(seen)[0]).toBe('GET /x HTTP/1.1');
  });

  it('RFC 9110 5.3 fields of one name keep their order, case and number', async () => {
    const { seen, got } = await roundTrip(
      'GET / HTTP/1.1\r\nHost: a\r\nx-a: 1\r\nX-B: \xe4\xf6\r\nX-A: 2\r\nX-Empty:\r\n\r\n',
      'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nDate: d\r\nset-cookie: b=2\r\nContent-Length: 2\r\n\r\nok',
      'ok',
    );
    expect(headLines(seen).slice(2, -1)).toEqual(['x-a: 1', 'X-B: \xe4\xf6', 'X-A: 2', 'X-Empty:']);
    expect(headLines(got).slice(1)).toEqual(['Set-Cookie: a=1', 'Date: d', 'set-cookie: b=2', 'Content-Length: 2']);
  });
});

describe('RFC 9110 6 and 15 responses', () => {
  it('RFC 9110 6.6.1 a response without Date gets one', async () => {
    const { got } = await roundTrip('GET / HTTP/1.1\r\nHost: a\r\n\r\n', OK, 'ok');
    expect(fieldValues(got, 'date')).toEqual([expect.stringMatching(/GMT$/)]);
  });

  it('RFC 9110 15.2 interim responses reach an HTTP/1.1 client, in order, and not one of 1.0', async () => {
    const answer = `HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${OK}`;
    const modern = await roundTrip('GET / HTTP/1.1\r\nHost: a\r\n\r\n', answer, 'ok');
    expect(
      modern.got.startsWith(
        'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n',
      ),
    ).toBe(true);
    const old = await roundTrip('GET / HTTP/1.0\r\nHost: a\r\n\r\n', answer, 'ok');
    expect(old.got.startsWith('HTTP/1.1 200 OK\r\n')).toBe(true);
  });

  it('RFC 9110 9.3.2 the answer to HEAD keeps its Content-Length and has no body', async () => {
    const { origin, client } = await bench();
    client.send('HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('HEAD /a');
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n');
    await client.until('\r\n\r\n');
    expect(fieldValues(client.text, 'content-length')).toEqual(['1234']);
    // The connection goes on with the next request on both sides.
    client.send('GET /b HTTP/1.1\r\nHost: a\r\n\r\n');
    await wire.until('GET /b');
    wire.send(OK);
    await client.until('ok');
    expect(origin.wires).toHaveLength(1);
  });

  it.each([
    ['204', 'HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n', undefined],
    ['304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: "x"\r\n\r\n', '77'],
  ])('RFC 9112 6.3 %s has no body, and the connection goes on', async (_status, answer, length) => {
    const { origin, client } = await bench();
    client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('GET /a');
    wire.send(answer);
    await client.until('\r\n\r\n');
    expect(fieldValues(client.text, 'content-length')).toEqual(length === undefined ? [] : [length]);
    client.send('GET /b HTTP/1.1\r\nHost: a\r\n\r\n');
    await wire.until('GET /b');
    wire.send(OK);
    await client.until('ok');
  });

  it('RFC 9110 8.6 a 204 never carries Content-Length on, and its connection is not used again', async () => {
    const { origin, client } = await bench();
    client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('GET /a');
    wire.send('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n');
    await client.until('\r\n\r\n');
    expect(fieldValues(client.text, 'content-length')).toEqual([]);
    await wire.end();
  });

  it('RFC 9112 4 an origin of HTTP/1.0 without a reason phrase is passed on as HTTP/1.1', async () => {
    const { origin, client } = await bench();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send('HTTP/1.0 404\r\nX: 1\r\n\r\ngone');
    wire.socket.end();
    await client.until('0\r\n\r\n');
    expect(client.text).toMatch(/^HTTP\/1\.1 404\r\nX: 1\r\nTransfer-Encoding: chunked\r\n/);
    expect(client.text.endsWith('\r\n\r\n4\r\ngone\r\n0\r\n\r\n')).toBe(true);
  });
});

describe('RFC 9112 7 chunked bodies', () => {
  it('RFC 9112 7.1 framing is passed through as it came, both ways', async () => {
    const { origin, client } = await bench();
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n05\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n',
    );
    const wire = await origin.wire();
    await wire.until('0\r\n\r\n');
    expect(wire.text).toContain('Transfer-Encoding: Chunked\r\n');
    expect(wire.text.endsWith('\r\n\r\n05\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n')).toBe(true);
    wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n');
    await client.until('0\r\n\r\n');
    expect(client.text.endsWith('\r\n\r\n3\r\nabc\r\n0\r\n\r\n')).toBe(true);
  });

  it('RFC 9112 7.1.1 chunk extensions stay behind', async () => {
    const { origin, client } = await bench();
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b;c="d e"\r\nhello\r\n0;last\r\n\r\n',
    );
    const wire = await origin.wire();
    await wire.until('0\r\n\r\n');
    expect(wire.text.endsWith('\r\n\r\n5\r\nhello\r\n0\r\n\r\n')).toBe(true);
  });

  it('RFC 9112 7.1.2 trailers go both ways, without those that Connection names', async () => {
    const { origin, client } = await bench();
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\nX-Hop: 2\r\n\r\n',
    );
    const wire = await origin.wire();
    await wire.until('X-Sum: 1\r\n\r\n');
    expect(wire.text.endsWith('2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n')).toBe(true);
    expect(fieldValues(wire.text, 'trailer')).toEqual(['X-Sum']);
    wire.send(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n1\r\nz\r\n0\r\nX-End: yes\r\n\r\n',
    );
    await client.until('X-End: yes\r\n\r\n');
    expect(client.text.endsWith('1\r\nz\r\n0\r\nX-End: yes\r\n\r\n')).toBe(true);
  });

  it('RFC 9112 7.1 a client of HTTP/1.0 gets the payload, and the end of the connection', async () => {
    const { got, seen } = await (async () => {
      const { origin, client } = await bench();
      client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
      const wire = await origin.wire();
      await wire.until('\r\n\r\n');
      wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nX-T: 1\r\n\r\n');
      return { got: await client.end(), seen: wire.text };
    })();
    expect(headLines(seen)[0]).toBe('GET / HTTP/1.1');
    expect(fieldValues(got, 'transfer-encoding')).toEqual([]);
    expect(fieldValues(got, 'connection')).toEqual(['close']);
    expect(got.endsWith('\r\n\r\nabcde')).toBe(true);
  });

  it('RFC 9112 8 a chunked answer that is cut never ends in a last chunk', async () => {
    const { origin, client } = await bench();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n');
    await client.until('abc\r\n');
    wire.socket.end();
    expect((await client.end()).endsWith('3\r\nabc\r\n')).toBe(true);
  });

  it('RFC 9112 8 an answer with Content-Length that is cut ends the connection short', async () => {
    const { origin, edge, client } = await bench();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
    await client.until('abc');
    wire.socket.resetAndDestroy();
    expect((await client.end()).endsWith('\r\n\r\nabc')).toBe(true);
    expect(edge.brain.told.map(({ outcome }) => outcome)).toEqual(['origin_cut']);
  });

  it('RFC 9112 8 a cut answer without any framing resets a client of HTTP/1.0, which could not tell otherwise', async () => {
    const { origin, client } = await bench();
    client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send('HTTP/1.1 200 OK\r\n\r\nabc');
    await client.until('abc');
    wire.socket.resetAndDestroy();
    await client.close();
    expect(client.error?.code).toBe('ECONNRESET');
  });
});

describe('RFC 9112 9 connections', () => {
  it('RFC 9112 9.3 both sides are kept alive, and the origin connection is used again', async () => {
    const { origin, client } = await bench();
    for (let i = 0; i < 3; i++) {
      client.send(`GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`);
      const wire = origin.wires[0] ?? (await origin.wire());
      await wire.until(`GET /${i} `);
      wire.send(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${i}!`);
      await client.until(`${i}!`);
    }
    expect(origin.wires).toHaveLength(1);
  });

  it('RFC 9112 9.3.2 pipelined requests are answered in order', async () => {
    const origin = await RawOrigin.start((wire) => {
      let seen = 0;
      wire.socket.on('data', () => {
        for (let at = wire.text.indexOf('\r\n\r\n', seen); at !== -1; at = wire.text.indexOf('\r\n\r\n', seen)) {
          const path = wire.text.slice(wire.text.indexOf('/', seen), wire.text.indexOf(' HTTP', seen));
          seen = at + 4;
          wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
        }
      });
    });
    const edge = await startEdge([toOrigin(origin.port)]);
    const client = await dial(edge.port);
    cleanups.push(
      () => edge.engine.stop(),
      () => origin.stop(),
    );
    const paths = Array.from({ length: 100 }, (_, i) => `/item-${i};`);
    client.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
    await client.until('/item-99;');
    expect([...client.text.matchAll(/\/item-\d+;/g)].map(([path]) => path)).toEqual(paths);
  });

  it('RFC 9112 9.6 Connection: close from the client is honoured, and is not passed on', async () => {
    const { origin, client } = await bench();
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send(OK);
    const got = await client.end();
    expect(fieldValues(got, 'connection')).toEqual(['close']);
    expect(fieldValues(wire.text, 'connection')).toEqual(['Keep-Alive']);
  });

  it('RFC 9112 9.6 Connection: close from the origin ends that connection and not the client’s', async () => {
    const { origin, client } = await bench();
    client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
    const first = await origin.wire();
    await first.until('/1');
    first.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
    await client.until('ok');
    expect(fieldValues(client.text, 'connection')).toEqual([]);
    await first.end();
    client.send('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
    const second = await origin.wire();
    await second.until('/2');
  });

  it('RFC 9112 9.6 a client that closes its side after the request still gets its answer', async () => {
    const { origin, client } = await bench();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    client.socket.end();
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send(OK);
    expect((await client.end()).endsWith('ok')).toBe(true);
  });

  it('RFC 9112 6.3 bytes behind an answer are not taken for the next one', async () => {
    const { origin, client } = await bench();
    client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
    const first = await origin.wire();
    await first.until('/1');
    first.send(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`);
    await client.until('ok');
    await first.end();
    client.send('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
    const second = await origin.wire();
    await second.until('/2');
    second.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood');
    await client.until('good');
    expect(client.text).not.toContain('evil');
  });

  it('RFC 9112 6.3 bytes on an idle origin connection end it', async () => {
    const { origin, client } = await bench();
    client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
    const first = await origin.wire();
    await first.until('/1');
    first.send(OK);
    await client.until('ok');
    first.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
    await first.end();
    client.send('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
    const second = await origin.wire();
    await second.until('/2');
    second.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood');
    await client.until('good');
    expect(client.text).not.toContain('evil');
  });
});

describe('RFC 9110 10.1.1 expectations', () => {
  it('RFC 9110 10.1.1 100-continue goes to the origin, its 100 to the client, then the body', async () => {
    const { origin, client } = await bench();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    expect(fieldValues(wire.text, 'expect')).toEqual(['100-continue']);
    wire.send('HTTP/1.1 100 Continue\r\n\r\n');
    await client.until('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('body');
    await wire.until('\r\n\r\nbody');
    wire.send(OK);
    await client.until('ok');
    expect(fieldValues(client.text.slice(25), 'connection')).toEqual([]);
  });

  it('RFC 9110 10.1.1 a final answer instead of 100 is passed on and the connection ends', async () => {
    const { origin, client } = await bench();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n');
    expect(fieldValues(await client.end(), 'connection')).toEqual(['close']);
    await wire.end();
  });

  it('RFC 9110 15.2 a 100 that nobody asked for is dropped', async () => {
    const { got } = await roundTrip('GET / HTTP/1.1\r\nHost: a\r\n\r\n', `HTTP/1.1 100 Continue\r\n\r\n${OK}`, 'ok');
    expect(got.startsWith('HTTP/1.1 200')).toBe(true);
  });
});

describe('RFC 9110 7.8 upgrades', () => {
  const ask =
    'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n';

  it('RFC 9110 7.8 a tunnel opens with the 101 and carries bytes both ways, early ones too', async () => {
    const { origin, edge, client } = await bench();
    client.send(`${ask}early`);
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    expect(fieldValues(wire.text, 'connection')).toEqual(['Upgrade']);
    expect(fieldValues(wire.text, 'upgrade')).toEqual(['websocket']);
    expect(wire.text).not.toContain('early');
    wire.send(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\nhello',
    );
    await client.until('hello');
    expect(headLines(client.text)).toEqual([
      'HTTP/1.1 101 Switching Protocols',
      'Sec-WebSocket-Accept: y',
      'Connection: Upgrade',
      'Upgrade: websocket',
    ]);
    await wire.until('early');
    client.send('\0\xff raw');
    await wire.until('\0\xff raw');
    wire.socket.end('bye');
    expect((await client.end()).endsWith('bye')).toBe(true);
    client.socket.end();
    await edge.brain.whenDone(1);
    expect(edge.brain.told[0]).toMatchObject({ outcome: 'tunnel', status: 101 });
  });

  it('RFC 9110 7.8 without a 101 the connection stays HTTP, and what looked like tunnel data is a request', async () => {
    const { origin, client } = await bench();
    client.send(`${ask}GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    expect(wire.text).not.toContain('smuggled');
    wire.send(OK);
    await wire.until('GET /smuggled');
    wire.send(OK);
    await client.end();
    expect(client.text.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });

  it.each([
    ['nobody asked', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'websocket'],
    ['another protocol was asked for', ask, 'irc/6.9'],
    [
      'h2c is never offered',
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n',
      'h2c',
    ],
  ])('RFC 9110 7.8 a 101 is a fault when %s', async (_name, request, protocol) => {
    const { origin, edge, client } = await bench();
    client.send(request);
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
    await client.until('HTTP/1.1 520');
    expect(edge.brain.failures.map(({ kind }) => kind)).toEqual(['malformed']);
  });
});

describe('what the brain decides', () => {
  it('fields are dropped and added both ways, and Host is replaced', async () => {
    const { origin, edge, client } = await bench();
    edge.brain.plan = {
      requestDrop: new FieldSet(['X-Forwarded-Proto', 'cookie']),
      requestAdd: fieldLine('X-Forwarded-Proto', 'https'),
    };
    edge.brain.attempts = [toOrigin(origin.port, { host: 'inside.example' })];
    edge.brain.edit = { drop: new FieldSet(['x-accel-redirect']), add: fieldLine('CF-Ray', '1-LHR') };
    client.send('GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-PROTO: ftp\r\nCookie: a=1\r\nX-A: 1\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    expect(headLines(wire.text)).toEqual([
      'GET / HTTP/1.1',
      'Host: inside.example',
      'X-A: 1',
      'Connection: Keep-Alive',
      'X-Forwarded-Proto: https',
    ]);
    wire.send('HTTP/1.1 200 OK\r\nX-Accel-Redirect: /secret\r\nDate: d\r\nContent-Length: 2\r\n\r\nok');
    await client.until('ok');
    expect(headLines(client.text)).toEqual(['HTTP/1.1 200 OK', 'Date: d', 'Content-Length: 2', 'CF-Ray: 1-LHR']);
  });

  it('a local answer keeps the connection, also after a body that was read', async () => {
    const { origin, edge, client } = await bench();
    edge.brain.answer = () => bareAnswer(404);
    client.send(
      'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyHEAD /b HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    const got = await client.end();
    expect(edge.brain.targets).toEqual(['/a', '/b', '/c']);
    expect(got.match(/404 Not Found\n/g)).toHaveLength(2);
    expect(got.match(/HTTP\/1\.1 404 Not Found\r\n/g)).toHaveLength(3);
    expect(origin.wires).toHaveLength(0);
  });

  it('a brain that throws costs a 500, not the process', async () => {
    const mistakes: unknown[] = [];
    const { edge, client } = await bench(undefined, { onMistake: (error: unknown) => mistakes.push(error) });
    edge.brain.route = () => {
      throw new Error('our mistake');
    };
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until('HTTP/1.1 500');
    expect(mistakes).toEqual([new Error('our mistake')]);
  });
});

describe('our own mistakes', () => {
  it('a brain that throws over an answer lets none of it out', async () => {
    const mistakes: unknown[] = [];
    const { origin, edge, client } = await bench(undefined, { onMistake: (error: unknown) => mistakes.push(error) });
    edge.brain.responseHead = () => {
      throw new Error('our mistake');
    };
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send('HTTP/1.1 200 OK\r\nX-Secret: 1\r\nContent-Length: 2\r\n\r\nok');
    await client.until('HTTP/1.1 500');
    await wire.end();
    expect(client.text).not.toContain('X-Secret');
    expect(mistakes).toHaveLength(1);
  });
});
