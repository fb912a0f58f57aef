/** Port 2408 on the open Internet: scanners, strangers, health checks and people who open doors and stand in them. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/core/random.ts';
import { encodeFrame, FrameType } from '../../../src/railgun/frame.ts';
import { get, type ListenerLab, Origin, railgunOf, startEdge, startListener, warm } from './lab.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0).toReversed()) each();
});

async function door(): Promise<ListenerLab> {
  const listener = await startListener();
  cleanups.push(() => listener.stop());
  return listener;
}

/** What comes back until the other side is gone. */
function whole(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => resolve(Buffer.concat(chunks)));
  });
}

/** The protocol that was negotiated, or the error. */
function handshake(port: number, options: ConnectionOptions): Promise<{ socket: TLSSocket; outcome: string }> {
  return new Promise((resolve) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    socket.once('secureConnect', () =>
      resolve({ socket, outcome: `${socket.getProtocol() ?? ''} ${String(socket.alpnProtocol)}` }),
    );
    socket.once('error', (error: NodeJS.ErrnoException) => resolve({ socket, outcome: error.code ?? error.message }));
    socket.once('close', () => resolve({ socket, outcome: 'closed' }));
  });
}

/** It still works for those who belong there. */
async function expectUnharmed(listener: ListenerLab): Promise<void> {
  const origin = await Origin.start((_request, response) => response.end('well'));
  const edge = await startEdge({ listenerPort: listener.port, originPort: origin.port });
  cleanups.push(
    () => origin.stop(),
    () => edge.stop(),
  );
  await warm(edge);
  expect(railgunOf(await get(edge.port, '/x'))).toMatch(/^[0-9a-f]{10} /);
}

async function gone(listener: ListenerLab): Promise<void> {
  while (listener.server.unproven > 0) await new Promise((resolve) => setImmediate(resolve));
}

describe('strangers', () => {
  it.each([
    ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['SSH', Buffer.from('SSH-2.0-OpenSSH_9.6\r\n')],
    ['nothing but zeroes', Buffer.alloc(100_000)],
    ['a TLS record that claims more than there can be', Buffer.from('1603010fff', 'hex')],
  ])('%s is refused without harm', async (_name, bytes) => {
    const listener = await door();
    const socket = connect(listener.port, '127.0.0.1');
    const answer = whole(socket);
    socket.end(bytes);
    // At most a TLS alert: not a byte that tells what this is.
    expect((await answer).length).toBeLessThanOrEqual(7);
    await gone(listener);
    expect(listener.server.lanes).toBe(0);
    await expectUnharmed(listener);
  });

  it('random bytes, two hundred times over', async () => {
    const listener = await door();
    const random = seededRandom('door');
    for (let i = 0; i < 200; i += 1) {
      const socket = connect(listener.port, '127.0.0.1');
      const closed = whole(socket);
      socket.end(Buffer.from(Array.from({ length: 1 + random.below(400) }, () => random.below(256))));
      await closed;
    }
    await gone(listener);
    await expectUnharmed(listener);
  });

  it.each([
    ['TLS 1.3 with rgx/1', { ALPNProtocols: ['rgx/1'], minVersion: 'TLSv1.3' }, /^TLSv1\.3 rgx\/1$/],
    ['TLS 1.2 with rgx/1', { ALPNProtocols: ['rgx/1'], maxVersion: 'TLSv1.2' }, /^TLSv1\.2 rgx\/1$/],
    [
      'TLS 1.1',
      { ALPNProtocols: ['rgx/1'], minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
      /PROTOCOL_VERSION|HANDSHAKE|UNSUPPORTED/,
    ],
    ['another protocol', { ALPNProtocols: ['h2', 'http/1.1'] }, /NO_APPLICATION_PROTOCOL/],
  ] as const)('%s', async (_name, options, expected) => {
    const listener = await door();
    const { socket, outcome } = await handshake(listener.port, {
      ...options,
      ALPNProtocols: [...options.ALPNProtocols],
    });
    expect(outcome).toMatch(expected);
    socket.destroy();
    await gone(listener);
  });

  it('TLS without a word of protocol is closed, and learns nothing', async () => {
    const listener = await door();
    const { socket } = await handshake(listener.port, {});
    expect((await whole(socket)).length).toBe(0);
    await gone(listener);
    expect(listener.refusals).toEqual(['the peer does not speak rgx/1']);
  });

  it.each([
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a PING before SETTINGS', Buffer.from(encodeFrame(FrameType.ping, 0, 0, new Uint8Array(8)))],
    ['a REQUEST before SETTINGS', Buffer.from(encodeFrame(FrameType.request, 0, 1, new Uint8Array(60)))],
  ])('rgx/1 and then %s: one GOAWAY, the end, and no lane', async (_name, bytes) => {
    const listener = await door();
    const { socket } = await handshake(listener.port, { ALPNProtocols: ['rgx/1'] });
    const answer = whole(socket);
    socket.write(bytes);
    const told = await answer;
    expect((told[0] ?? 0) >> 4).toBe(FrameType.goaway);
    expect(told.length).toBeLessThan(80);
    await gone(listener);
    expect(listener.stats.json(0 as never)).toMatchObject({ wan_starts: 0 });
    await expectUnharmed(listener);
  });

  it('RG-086 the wrong token: no lane, and the sentence of the original', async () => {
    const listener = await door();
    const origin = await Origin.start((_request, response) => response.end('direct'));
    const edge = await startEdge({ listenerPort: listener.port, originPort: origin.port, token: 'e'.repeat(32) });
    cleanups.push(
      () => origin.stop(),
      () => edge.stop(),
    );
    await get(edge.port, '/x');
    expect(await edge.when('lane_closed')).toMatchObject({ why: 'Invalid or missing railgun token or tag' });
    await gone(listener);
    expect(listener.refusals).toEqual(['Invalid or missing railgun token or tag']);
    await expectUnharmed(listener);
  });
});

describe('crowds', () => {
  it('RG-122 a thousand health checks that connect and leave: no lane, no error line, nothing kept', async () => {
    const listener = await door();
    for (let i = 0; i < 1_000; i += 1) {
      const socket = connect(listener.port, '127.0.0.1');
      const closed = whole(socket);
      socket.once('connect', () => (i % 2 === 0 ? socket.end() : socket.resetAndDestroy()));
      await closed;
    }
    await gone(listener);
    expect([listener.server.lanes, listener.log]).toEqual([0, []]);
    await expectUnharmed(listener);
  });

  it('half-open handshakes are bounded: the oldest goes, and a sender gets in all the same', async () => {
    const listener = await door();
    const sockets: Socket[] = [];
    const ended: Promise<Buffer>[] = [];
    for (let i = 0; i < 200; i += 1) {
      const socket = connect(listener.port, '127.0.0.1');
      sockets.push(socket);
      ended.push(whole(socket));
      await new Promise<void>((resolve) => socket.once('connect', resolve));
      // The beginning of a ClientHello, and no more.
      socket.write(Buffer.from('16030102000100', 'hex'));
    }
    while (listener.refusals.length < 136) await new Promise((resolve) => setImmediate(resolve));
    expect(listener.server.unproven).toBeLessThanOrEqual(64);
    await ended[0];
    expect(sockets[199]?.destroyed).toBe(false);
    await expectUnharmed(listener);
    for (const socket of sockets) socket.destroy();
    await gone(listener);
  });
});
