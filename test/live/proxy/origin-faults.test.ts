/** What an origin can do wrong, what the brain is told about it, and when a request is sent again. */
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ProxyEngineOptions } from '../../../src/live/proxy/engine.ts';
import type { Http1Attempt } from '../../../src/live/proxy/brain.ts';
import { ownPort } from '../../contract/own-port.ts';
import { makeCertificate } from './certificate.ts';
import { dial, type Edge, RawOrigin, startEdge, toOrigin, type Wire } from './harness.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0)) each();
});

const GET = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

async function edgeTo(
  attempts: Http1Attempt[],
  options: Partial<ProxyEngineOptions> = {},
): Promise<{ edge: Edge; client: Wire }> {
  const edge = await startEdge(attempts, options);
  const client = await dial(edge.port);
  cleanups.push(() => {
    client.socket.destroy();
    edge.engine.stop();
  });
  return { edge, client };
}

async function origin(onWire?: (wire: Wire) => void): Promise<RawOrigin> {
  const started = await RawOrigin.start(onWire);
  cleanups.push(() => started.stop());
  return started;
}

describe('before anything is sent', () => {
  it('LB-216 connection refused: the brain answers 521', async () => {
    const { edge, client } = await edgeTo([toOrigin(await ownPort())]);
    client.send(GET);
    await client.until('HTTP/1.1 521');
    expect(edge.brain.failures).toEqual([{ kind: 'refused', detail: 'ECONNREFUSED', mayRetry: true }]);
  });

  it('LB-216 a refused POST goes to the next origin with its whole body', async () => {
    const good = await origin();
    const { edge, client } = await edgeTo([toOrigin(await ownPort()), toOrigin(good.port)]);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf');
    await edge.brain.whenDone(0);
    const wire = await good.wire();
    await wire.until('half');
    client.send('body');
    await wire.until('halfbody');
    wire.send(OK);
    await client.until('ok');
    expect(edge.brain.told).toEqual([{ outcome: 'completed', status: 200, attempts: 2, requestBytes: 8 }]);
  });

  it('LB-217 a connect that stalls for 19 s: 522', async () => {
    // 192.0.2.0/24 is never routed (RFC 5737); some machines answer for it at once, so the dial is held in the resolver.
    const { edge, client } = await edgeTo([{ ...toOrigin(80), address: 'stalled.test', key: 's' }], {
      lookup: () => {},
    });
    client.send(GET);
    await edge.brain.whenDone(0);
    while (edge.engine.counts().inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
    edge.clock.advance(18_900);
    expect(edge.brain.failures).toEqual([]);
    edge.clock.advance(600);
    await client.until('HTTP/1.1 522');
    expect(edge.brain.failures[0]?.kind).toBe('connect_timeout');
  });

  it('LB-218 no route to the origin: 523', async () => {
    // 255.255.255.255 cannot be connected to over TCP on any Linux.
    const { edge, client } = await edgeTo([{ ...toOrigin(80), address: '255.255.255.255', key: 'none' }]);
    client.send(GET);
    await client.until('HTTP/1.1 523');
    expect(edge.brain.failures[0]?.kind).toBe('unreachable');
  });

  it('a name that does not resolve: 530', async () => {
    const { edge, client } = await edgeTo([{ ...toOrigin(80), address: 'nowhere.test', key: 'n' }], {
      lookup: (_name, done) => done({ kind: 'fault', detail: 'ENOTFOUND' }),
    });
    client.send(GET);
    await client.until('HTTP/1.1 530');
    expect(edge.brain.failures[0]).toMatchObject({ kind: 'dns', detail: 'ENOTFOUND' });
  });

  it('a name with several addresses: the next one is tried when the first refuses', async () => {
    const good = await RawOrigin.answering(OK);
    cleanups.push(() => good.stop());
    const { edge, client } = await edgeTo([{ ...toOrigin(good.port), address: 'two.test', key: 't' }], {
      lookup: (_name, done) => done({ kind: 'addresses', addresses: ['127.0.0.2', '127.0.0.1'] }),
    });
    client.send(GET);
    await client.until('ok');
    expect(edge.brain.failures).toEqual([]);
  });

  it('a resolved name is kept for five seconds', async () => {
    const good = await origin((wire) =>
      wire.socket.on('data', () =>
        wire.socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'),
      ),
    );
    let asked = 0;
    const { edge, client } = await edgeTo([{ ...toOrigin(good.port), address: 'one.test', key: 'o' }], {
      lookup: (_name, done) => {
        asked += 1;
        done({ kind: 'addresses', addresses: ['127.0.0.1'] });
      },
    });
    const ask = async (count: number): Promise<void> => {
      client.send(GET);
      await edge.brain.whenDone(count);
    };
    await ask(1);
    edge.clock.advance(4_900);
    await ask(2);
    expect(asked).toBe(1);
    edge.clock.advance(200);
    await ask(3);
    expect(asked).toBe(2);
  });

  it('too many connections to one origin: overloaded, at once', async () => {
    const slow = await origin();
    const { edge, client } = await edgeTo([toOrigin(slow.port)], { limits: { originConnections: 1 } });
    client.send(GET);
    await (await slow.wire()).until('/x');
    const second = await dial(edge.port);
    cleanups.push(() => second.socket.destroy());
    second.send(GET);
    await second.until('HTTP/1.1 520');
    expect(edge.brain.failures[0]?.kind).toBe('overloaded');
  });

  it('a transport that nobody plugged in: unavailable', async () => {
    const { edge, client } = await edgeTo([]);
    edge.brain.attempts = [{ kind: 'carrier-pigeon', host: undefined }];
    client.send(GET);
    await client.until('HTTP/1.1 520');
    expect(edge.brain.failures[0]).toMatchObject({ kind: 'unavailable', detail: 'carrier-pigeon' });
  });
});

describe('after something was sent', () => {
  it.each([
    { name: 'LB-221 an empty answer', answer: '', kind: 'empty' },
    { name: 'LB-221 half a head', answer: 'HTTP/1.1 200 OK\r\nContent-', kind: 'reset' },
    { name: 'LB-221 something that is not HTTP', answer: 'SSH-2.0-OpenSSH_9.2\r\n', kind: 'malformed' },
    {
      name: 'LB-221 a head over 128 KiB',
      answer: `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(140_000)}\r\n\r\n`,
      kind: 'malformed',
    },
    {
      name: 'an interim answer in HTTP/1.0',
      answer: 'HTTP/1.0 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
      kind: 'malformed',
    },
    {
      name: 'more interim answers than anyone needs',
      answer: 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(33),
      kind: 'malformed',
    },
    {
      name: 'Content-Length and chunked',
      answer: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      kind: 'malformed',
    },
    {
      name: 'two lengths',
      answer: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
      kind: 'malformed',
    },
    { name: 'a folded field', answer: 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n', kind: 'malformed' },
    { name: 'bare line feeds', answer: 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', kind: 'malformed' },
    {
      name: 'chunked in HTTP/1.0',
      answer: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      kind: 'malformed',
    },
    {
      name: 'a coding that is not chunked',
      answer: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
      kind: 'malformed',
    },
  ])('$name: 520, nothing of it reaches the client, no retry', async ({ answer, kind }) => {
    const bad = await origin((wire) => wire.socket.once('data', () => wire.socket.end(Buffer.from(answer, 'latin1'))));
    const { edge, client } = await edgeTo([toOrigin(bad.port)]);
    client.send('POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi');
    await client.until('HTTP/1.1 520');
    expect(client.text).not.toContain('HTTP/1.1 200');
    expect(edge.brain.failures).toMatchObject([{ kind, mayRetry: false }]);
    expect(bad.wires).toHaveLength(1);
  });

  it('LB-219 no answer within the read limit: 524', async () => {
    const slow = await origin();
    const { edge, client } = await edgeTo([toOrigin(slow.port)]);
    client.send(GET);
    const wire = await slow.wire();
    await wire.until('/x');
    edge.clock.advance(99_000);
    expect(edge.brain.failures).toEqual([]);
    edge.clock.advance(1_500);
    await client.until('HTTP/1.1 524');
    await wire.end();
  });

  it('LB-219 the read limit starts again with every piece, and a silence in the middle cuts the answer', async () => {
    const slow = await origin();
    const { edge, client } = await edgeTo([toOrigin(slow.port)]);
    client.send(GET);
    const wire = await slow.wire();
    await wire.until('/x');
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc');
    await client.until('abc');
    edge.clock.advance(90_000);
    wire.send('def');
    await client.until('def');
    edge.clock.advance(90_000);
    expect(client.ended).toBe(false);
    edge.clock.advance(11_000);
    await client.end();
    expect(edge.brain.told).toMatchObject([{ outcome: 'origin_cut', status: 200 }]);
  });
});

describe('LB-214 idle connections and the one retry', () => {
  it.each([
    { idleMs: 899_000, connections: 1 },
    { idleMs: 901_000, connections: 2 },
  ])('LB-214, RG-126 after $idleMs ms there are $connections connections in all', async ({ idleMs, connections }) => {
    const good = await RawOrigin.answering(OK);
    cleanups.push(() => good.stop());
    const { edge, client } = await edgeTo([toOrigin(good.port)]);
    client.send(GET);
    await client.until('ok');
    edge.clock.advance(idleMs);
    const later = await dial(edge.port);
    cleanups.push(() => later.socket.destroy());
    later.send(GET);
    await later.until('ok');
    expect(good.wires).toHaveLength(connections);
  });

  it('LB-215 the idle limit is a setting: 90 s in front of a listener', async () => {
    const good = await RawOrigin.answering(OK);
    cleanups.push(() => good.stop());
    const { edge, client } = await edgeTo([toOrigin(good.port)], { limits: { originIdleMs: 90_000 } });
    client.send(GET);
    await client.until('ok');
    edge.clock.advance(89_000);
    expect(edge.engine.counts().originIdle).toBe(1);
    edge.clock.advance(2_000);
    expect(edge.engine.counts().originIdle).toBe(0);
  });

  it('the connection used last is used first', async () => {
    const hold = await origin();
    const { edge, client } = await edgeTo([toOrigin(hold.port)]);
    const second = await dial(edge.port);
    cleanups.push(() => second.socket.destroy());
    client.send(GET);
    const older = await hold.wire();
    await older.until('/x');
    second.send(GET);
    const newer = await hold.wire();
    await newer.until('/x');
    older.send(OK);
    await client.until('ok');
    newer.send(OK);
    await second.until('ok');
    client.send('GET /third HTTP/1.1\r\nHost: a\r\n\r\n');
    await newer.until('/third');
  });

  /** An origin that answers the first request of its first connection and breaks that connection at the second. */
  async function staleOrigin(breakOff: (wire: Wire) => void): Promise<RawOrigin> {
    let first = true;
    return origin((wire) => {
      const stale = first;
      first = false;
      let requests = 0;
      wire.socket.on('data', () => {
        requests += 1;
        if (stale && requests === 2) breakOff(wire);
        else wire.send(OK);
      });
    });
  }

  it.each([
    { method: 'GET', body: '', retried: true },
    { method: 'DELETE', body: '', retried: true },
    { method: 'POST', body: '', retried: false },
    { method: 'PUT', body: 'data', retried: false },
  ])('a $method with body "$body" on a stale connection: retried once, $retried', async ({ method, body, retried }) => {
    const stale = await staleOrigin((wire) => wire.socket.resetAndDestroy());
    const { edge, client } = await edgeTo([toOrigin(stale.port)]);
    client.send(GET);
    await client.until('ok');
    client.send(`${method} /again HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await edge.brain.whenDone(2);
    expect(edge.brain.told[1]).toMatchObject(
      retried ? { outcome: 'completed', status: 200, attempts: 2 } : { outcome: 'local', status: 520, attempts: 1 },
    );
    expect(edge.brain.failures).toHaveLength(retried ? 0 : 1);
    expect(stale.wires).toHaveLength(retried ? 2 : 1);
  });

  it('no retry once a byte of the answer was seen', async () => {
    const stale = await staleOrigin((wire) => wire.socket.end('HTTP/1.1 2'));
    const { edge, client } = await edgeTo([toOrigin(stale.port)]);
    client.send(GET);
    await client.until('ok');
    client.send(GET);
    await client.until('HTTP/1.1 520');
    expect(edge.brain.failures).toMatchObject([{ kind: 'reset', mayRetry: true }]);
    expect(stale.wires).toHaveLength(1);
  });

  it('no silent retry on a fresh connection: the brain decides', async () => {
    const bad = await origin((wire) => wire.socket.once('data', () => wire.socket.destroy()));
    const good = await RawOrigin.answering(OK);
    cleanups.push(() => good.stop());
    const { edge, client } = await edgeTo([toOrigin(bad.port), toOrigin(good.port)]);
    client.send(GET);
    await client.until('ok');
    expect(edge.brain.failures).toMatchObject([{ mayRetry: true }]);
    expect(edge.brain.told).toMatchObject([{ attempts: 2, status: 200 }]);
  });

  it('a circle of origins that all fail ends', async () => {
    const port = await ownPort();
    const { edge, client } = await edgeTo(Array.from({ length: 100 }, () => toOrigin(port)));
    client.send(GET);
    await edge.brain.whenDone(1);
    expect(edge.brain.told[0]?.attempts).toBe(16);
    await client.until('HTTP/1.1 521');
  });
});

describe('LB-220 TLS to the origin', () => {
  let key: string;
  let cert: string;
  beforeAll(async () => {
    ({ key, cert } = await makeCertificate('origin.test'));
  });

  async function tlsOrigin(): Promise<number> {
    const server = createTlsServer({ key, cert }, (socket) => {
      socket.on('error', () => {});
      socket.on('data', () => socket.write(OK));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    const address = server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  it('LB-220 a certificate that is trusted and names the origin: the answer, over one connection', async () => {
    const port = await tlsOrigin();
    const { edge, client } = await edgeTo([toOrigin(port, { tls: { ca: cert, servername: 'origin.test' } })]);
    for (let i = 1; i <= 3; i++) {
      client.send(GET);
      await edge.brain.whenDone(i);
    }
    expect(edge.brain.told.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(edge.engine.counts()).toMatchObject({ originConnections: 1, originIdle: 1 });
  });

  it.each([
    { name: 'not trusted', tls: { servername: 'origin.test' } },
    { name: 'for another name', tls: { servername: 'other.test', trusted: true } },
  ])('LB-220 a certificate that is $name: 526', async ({ tls }) => {
    const port = await tlsOrigin();
    const { servername } = tls;
    const options = 'trusted' in tls ? { servername, ca: cert } : { servername };
    const { edge, client } = await edgeTo([toOrigin(port, { tls: options })]);
    client.send(GET);
    await client.until('HTTP/1.1 526');
    expect(edge.brain.failures).toMatchObject([{ kind: 'tls_certificate', mayRetry: true }]);
  });

  it('LB-220 an origin that does not speak TLS: 525', async () => {
    const plain = await origin((wire) => wire.socket.on('data', () => wire.send('HTTP/1.1 400 Bad Request\r\n\r\n')));
    const { client } = await edgeTo([toOrigin(plain.port, { tls: { servername: 'origin.test' } })]);
    client.send(GET);
    await client.until('HTTP/1.1 525');
  });

  it('LB-220 a handshake that stalls: 525', async () => {
    const silent = await origin();
    const { edge, client } = await edgeTo([toOrigin(silent.port, { tls: { servername: 'origin.test' } })]);
    client.send(GET);
    const wire = await silent.wire();
    await wire.when(() => wire.text !== '');
    edge.clock.advance(20_000);
    await client.until('HTTP/1.1 525');
  });
});
