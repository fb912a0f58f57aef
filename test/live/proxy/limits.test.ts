/** Time-outs, bounds, back-pressure, draining. The clock is moved by hand; data is awaited, never slept for. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ProxyEngineOptions } from '../../../src/live/proxy/engine.ts';
import { dial, type Edge, fieldValues, RawOrigin, startEdge, toOrigin, type Wire } from './harness.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0)) each();
});

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const GET = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n';

async function bench(
  options: Partial<ProxyEngineOptions> = {},
  onWire?: (wire: Wire) => void,
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

/** Let what is on its way arrive: a round over another connection of the same engine. */
async function settle(edge: Edge): Promise<void> {
  const probe = await dial(edge.port);
  probe.send('BAD\r\n\r\n');
  await probe.end();
  probe.socket.destroy();
}

/** Nothing has moved for a tenth of a second of this process's own time: client, edge and origin are all in it. */
async function stands(moved: () => number): Promise<void> {
  let before = -1;
  for (let still = 0; still < 50; still = moved() === before ? still + 1 : 0) {
    before = moved();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('slow clients', () => {
  it('a head that drips in is cut after the head limit, whatever comes', async () => {
    const { edge, client } = await bench();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n');
    await settle(edge);
    for (let i = 0; i < 9; i++) {
      edge.clock.advance(1_000);
      client.send(`X-${i}: 1\r\n`);
      await settle(edge);
    }
    expect(client.ended).toBe(false);
    edge.clock.advance(2_000);
    expect(await client.end()).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('a connection that says nothing is closed without a word', async () => {
    const { edge, client } = await bench();
    await settle(edge);
    edge.clock.advance(10_500);
    expect(await client.end()).toBe('');
  });

  it('a connection between requests stays for 400 s', async () => {
    const { origin, edge, client } = await bench();
    client.send(GET);
    const wire = await origin.wire();
    await wire.until('/x');
    wire.send(OK);
    await client.until('ok');
    edge.clock.advance(399_000);
    await settle(edge);
    expect(client.ended).toBe(false);
    edge.clock.advance(1_500);
    await client.end();
  });

  it.each([
    ['Content-Length', 'Content-Length: 100000\r\n\r\n', (i: number) => `${i}`],
    ['chunked', 'Transfer-Encoding: chunked\r\n\r\n', () => '1\r\nx\r\n'],
  ])('a body with %s that drips in is cut: 408, and the origin sees the end', async (_name, framing, piece) => {
    const { origin, edge, client } = await bench();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}`);
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    for (let i = 0; i < 4; i++) {
      edge.clock.advance(1_000);
      client.send(piece(i));
      await settle(edge);
    }
    edge.clock.advance(2_000);
    expect(await client.end()).toMatch(/^HTTP\/1\.1 408 /);
    await wire.end();
  });

  it('a body that is slow but steady is left in peace', async () => {
    const { origin, edge, client } = await bench();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    for (let sent = 2_000; sent <= 20_000; sent += 2_000) {
      client.send('x'.repeat(2_000));
      await wire.when(() => wire.text.endsWith('x'.repeat(sent)));
      edge.clock.advance(4_900);
    }
    wire.send(OK);
    await client.until('ok');
  });

  it('a client that takes nothing of its answer is cut after 30 s, and the origin with it', async () => {
    const { origin, edge, client } = await bench();
    client.socket.pause();
    client.send(GET);
    const wire = await origin.wire();
    await wire.until('/x');
    wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * 1024 * 1024}\r\n\r\n`);
    const piece = Buffer.alloc(256 * 1024, 'x');
    for (let i = 0; i < 256; i++) wire.socket.write(piece);
    // Full to the brim: the engine has stopped reading when nothing moves for a while.
    await stands(() => wire.socket.bytesWritten - wire.socket.writableLength);
    expect(wire.socket.writableLength).toBeGreaterThan(0);
    edge.clock.advance(29_000);
    expect(wire.closed).toBe(false);
    edge.clock.advance(2_000);
    await wire.close();
    await edge.brain.whenDone(1);
    expect(edge.brain.told[0]?.outcome).toBe('client_gone');
  });

  it('a half-closed client is taken for gone when nothing can be written to find out', async () => {
    const { origin, edge, client } = await bench();
    client.send(GET);
    const wire = await origin.wire();
    await wire.until('/x');
    client.socket.end();
    await settle(edge);
    edge.clock.advance(1_000);
    await wire.end();
    await edge.brain.whenDone(1);
    expect(edge.brain.told[0]?.outcome).toBe('client_gone');
  });
});

describe('tunnels', () => {
  it('a silent tunnel outlives the read limit and ends at its own', async () => {
    const { origin, edge, client } = await bench();
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    wire.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n');
    await client.until('101');
    edge.clock.advance(600_000);
    client.send('still here');
    await wire.until('still here');
    edge.clock.advance(600_000);
    wire.send('me too');
    await client.until('me too');
    edge.clock.advance(901_000);
    await client.end();
    await wire.end();
    expect(edge.brain.told).toMatchObject([{ outcome: 'tunnel' }]);
  });
});

describe('who is gone', () => {
  it('the client resets while the origin thinks: the origin connection is destroyed', async () => {
    const { origin, edge, client } = await bench();
    client.send(GET);
    const wire = await origin.wire();
    await wire.until('/x');
    client.socket.resetAndDestroy();
    await wire.end();
    await edge.brain.whenDone(1);
    expect(edge.brain.told[0]?.outcome).toBe('client_gone');
    expect(edge.engine.counts()).toMatchObject({ connections: 0, inFlight: 0, originConnections: 0 });
  });

  it('the client leaves in the middle of its upload: the origin never sees a whole body', async () => {
    const { origin, client } = await bench();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n');
    const wire = await origin.wire();
    await wire.until('hello\r\n');
    client.socket.end();
    expect((await wire.end()).endsWith('5\r\nhello\r\n')).toBe(true);
  });

  it('the origin answers before the body was read: the answer arrives whole, then the connection ends', async () => {
    const { origin, client } = await bench();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('\r\n\r\n');
    client.send('x'.repeat(300_000));
    wire.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig');
    const got = await client.end();
    expect(got.endsWith('big')).toBe(true);
    expect(fieldValues(got, 'connection')).toEqual(['close']);
  });
});

describe('back-pressure', () => {
  it('a slow reader holds the origin back, and every byte arrives', async () => {
    const { origin, client } = await bench();
    const total = 32 * 1024 * 1024;
    let received = 0;
    client.socket.removeAllListeners('data');
    client.socket.pause();
    client.send(GET);
    const wire = await origin.wire();
    await wire.until('/x');
    wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\nDate: d\r\n\r\n`);
    const piece = Buffer.alloc(128 * 1024, 'x');
    for (let i = 0; i < total; i += piece.length) wire.socket.write(piece);
    for (let i = 0; i < 200; i++) await turn();
    // Kernel buffers on both sides hold some megabytes; the engine holds one read.
    expect(wire.socket.writableLength).toBeGreaterThan(total / 4);
    client.socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    client.socket.resume();
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\nDate: d\r\n\r\n'.length;
    while (received < total + head) await turn();
    expect(received).toBe(total + head);
  });

  it('a slow origin holds the client back, and every byte arrives', async () => {
    const { origin, client } = await bench({}, (wire) => wire.socket.pause());
    const total = 32 * 1024 * 1024;
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`);
    const wire = await origin.wire();
    const piece = Buffer.alloc(128 * 1024, 'y');
    for (let i = 0; i < total; i += piece.length) client.socket.write(piece);
    for (let i = 0; i < 200; i++) await turn();
    expect(client.socket.writableLength).toBeGreaterThan(total / 4);
    let received = 0;
    wire.socket.removeAllListeners('data');
    wire.socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    wire.socket.resume();
    while (received < total) await turn();
    wire.send(OK);
    await client.until('ok');
  });

  it('a half-closed client that reads slowly still gets all of its answer', async () => {
    const { origin, edge, client } = await bench();
    let answering = false;
    edge.brain.responseHead = () => {
      answering = true;
      return undefined;
    };
    client.socket.pause();
    client.send('GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const wire = await origin.wire();
    await wire.until('/x');
    client.socket.end();
    const total = 16 * 1024 * 1024;
    wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
    const piece = Buffer.alloc(128 * 1024, 'x');
    for (let i = 0; i < total; i += piece.length) wire.socket.write(piece);
    // From here on writing tells that it is still there.
    while (!answering) await turn();
    for (let i = 0; i < 100; i++) await turn();
    edge.clock.advance(10_000);
    client.socket.resume();
    const got = await client.end();
    expect(got.length - got.indexOf('\r\n\r\n') - 4).toBe(total);
  });

  it('pipelined requests do not pile up in memory', async () => {
    const { origin, edge, client } = await bench();
    for (let i = 0; i < 64; i++) client.send(GET.repeat(1_000));
    const wire = await origin.wire();
    await wire.until('/x');
    for (let i = 0; i < 100; i++) await turn();
    expect(wire.text.match(/GET \/x/g)).toHaveLength(1);
    expect(edge.engine.counts().inFlight).toBe(1);
  });
});

describe('bounds', () => {
  it('connections from one address', async () => {
    const { edge, client } = await bench({ limits: { connectionsPerClient: 2 } });
    const second = await dial(edge.port);
    const third = await dial(edge.port);
    await third.end();
    expect(edge.engine.counts()).toMatchObject({ connections: 2, turnedAway: 1 });
    client.socket.destroy();
    second.socket.destroy();
    while (edge.engine.counts().connections > 0) await turn();
    const fourth = await dial(edge.port);
    fourth.send('BAD\r\n\r\n');
    await fourth.until('400');
    fourth.socket.destroy();
  });

  it('requests in flight: 503', async () => {
    const { origin, edge, client } = await bench({ limits: { exchanges: 1 } });
    client.send(GET);
    await (await origin.wire()).until('/x');
    const second = await dial(edge.port);
    second.send(GET);
    await second.until('HTTP/1.1 503');
    expect(fieldValues(second.text, 'retry-after')).toEqual(['1']);
    second.socket.destroy();
  });

  it('after an answer is refused we read on for a while, so that the client gets to read it', async () => {
    const { edge, client } = await bench();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n${'y'.repeat(500_000)}`);
    expect(await client.end()).toMatch(/^HTTP\/1\.1 400 /);
    expect(client.error).toBeUndefined();
    edge.clock.advance(3_000);
    while (edge.engine.counts().connections > 0) await turn();
  });
});

describe('draining', () => {
  it('idle connections close, a running request finishes as the last of its connection, new ones are refused', async () => {
    const { origin, edge, client } = await bench();
    const idle = await dial(edge.port);
    client.send(GET);
    const wire = await origin.wire();
    await wire.until('/x');
    const drained = edge.engine.drain(30_000);
    await idle.end();
    await expect(dial(edge.port)).rejects.toThrow('ECONNREFUSED');
    wire.send(OK);
    const got = await client.end();
    expect(got.endsWith('ok')).toBe(true);
    expect(fieldValues(got, 'connection')).toEqual(['close']);
    idle.socket.end();
    client.socket.end();
    await drained;
    expect(edge.engine.counts()).toMatchObject({ connections: 0, inFlight: 0, originConnections: 0 });
  });

  it('what does not finish within the grace is cut', async () => {
    const { origin, edge, client } = await bench();
    client.send(GET);
    await (await origin.wire()).until('/x');
    const drained = edge.engine.drain(5_000);
    edge.clock.advance(6_000);
    await drained;
    await client.end();
    expect(edge.brain.told).toMatchObject([{ outcome: 'stopped' }]);
  });
});
