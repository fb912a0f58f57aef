/** Doors of the lab's network on loopback: what each effect looks like to whoever connects, and that it is gone when it is lifted. */
import { createServer, type Server, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/core/random.ts';
import type { Endpoint } from '../../../src/drill/lab.ts';
import { type DoorEffect, LabNetwork } from '../../../src/drill/lab/network.ts';
import { ANSWERED_MS, knock, SILENT_MS } from './support.ts';

const LISTEN = { host: '127.0.0.1', port: 0 };
let network: LabNetwork;
let server: Server;
let target: Endpoint;
let doors: Endpoint[];
const sockets = new Set<Socket>();

/** Answers every chunk with the same chunk. */
beforeEach(async () => {
  network = new LabNetwork(seededRandom('network test'), () => {});
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  target = await listening(server);
  doors = [];
  for (const id of ['a', 'b']) doors.push(await network.openDoor({ id, listen: LISTEN, target, rttMs: 0, rate: 0 }));
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await network.close();
  server.close();
});

function listening(one: Server): Promise<Endpoint> {
  return new Promise((resolve) => {
    one.listen(0, '127.0.0.1', () => {
      const address = one.address();
      resolve({ host: '127.0.0.1', port: address !== null && typeof address === 'object' ? address.port : 0 });
    });
  });
}

function open(door: Endpoint): Promise<Socket> {
  const socket = new Socket();
  sockets.add(socket);
  socket.on('error', () => {});
  return new Promise((resolve) => socket.connect(door.port, door.host, () => resolve(socket)));
}

/** The echo, or how the connection ended, or `silent`. */
function echo(socket: Socket, patienceMs = ANSWERED_MS): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('silent'), patienceMs);
    const tell = (what: string): void => {
      clearTimeout(timer);
      resolve(what);
    };
    socket.once('data', (data) => tell(String(data)));
    socket.once('error', (error: NodeJS.ErrnoException) => tell(error.code ?? error.message));
    socket.once('close', () => tell('closed'));
    socket.write('hello');
  });
}

/** As patient as what is awaited deserves. */
const patience = (awaited: string): number =>
  awaited === 'silent' || awaited === 'unanswered' ? SILENT_MS : ANSWERED_MS;

const at = (index: number): Endpoint => doors[index] ?? LISTEN;

describe('a door', () => {
  it.each<{ effect: DoorEffect; fresh: string; standing: string }>([
    { effect: { mode: 'refuse', cut: true }, fresh: 'ECONNREFUSED', standing: 'ECONNRESET' },
    { effect: { mode: 'refuse' }, fresh: 'ECONNREFUSED', standing: 'hello' },
    { effect: { mode: 'hole' }, fresh: 'unanswered', standing: 'silent' },
    { effect: { forget: true }, fresh: 'connected', standing: 'silent' },
    { effect: { mode: 'reset' }, fresh: 'connected', standing: 'ECONNRESET' },
  ])('$effect: a new connection is $fresh, one that stands gets "$standing"', async ({ effect, fresh, standing }) => {
    const before = await open(at(0));
    expect(await echo(before)).toBe('hello');
    const laid = await network.lay(['a'], effect);
    expect(await echo(before, patience(standing))).toBe(standing);
    expect(await knock(at(0), patience(fresh))).toBe(fresh);
    // Its neighbour notices nothing.
    expect(await echo(await open(at(1)))).toBe('hello');
    await network.lift(laid);
    expect(await echo(await open(at(0)))).toBe('hello');
  });

  it('a reset comes after the request and before any byte of the answer', async () => {
    const laid = await network.lay(['a'], { mode: 'reset' });
    expect(await echo(await open(at(0)))).toBe('ECONNRESET');
    await network.lift(laid);
  });

  it('two effects at once: the worst holds, and lifting it leaves the other', async () => {
    const refused = await network.lay(['a'], { mode: 'refuse' });
    const hole = await network.lay(['a', 'b'], { mode: 'hole' });
    expect([await knock(at(0), SILENT_MS), await knock(at(1), SILENT_MS)]).toEqual(['unanswered', 'unanswered']);
    await network.lift(hole);
    expect([await knock(at(0)), await knock(at(1))]).toEqual(['ECONNREFUSED', 'connected']);
    await network.lift(refused);
    await network.lift(refused);
    expect(await knock(at(0))).toBe('connected');
  });

  it('a hole over two doors, of which one comes out and one stays in', async () => {
    const both = await network.lay(['a', 'b'], { mode: 'hole' });
    const one = await network.lay(['b'], { mode: 'hole' });
    await network.lift(both);
    expect([await knock(at(0)), await knock(at(1), SILENT_MS)]).toEqual(['connected', 'unanswered']);
    await network.lift(one);
    expect(await knock(at(1))).toBe('connected');
  });

  it('a hole again and again, at the same port', async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      const hole = await network.lay(['a'], { mode: 'hole', cut: true });
      expect(await knock(at(0), SILENT_MS)).toBe('unanswered');
      await network.lift(hole);
      expect(await echo(await open(at(0)))).toBe('hello');
    }
  });

  it('what waited in a hole arrives when it is over; after a loss of power it is reset', async () => {
    const standing = await open(at(0));
    expect(await echo(standing)).toBe('hello');
    const hole = await network.lay(['a'], { mode: 'hole' });
    const answered = echo(standing);
    await network.lift(hole);
    expect(await answered).toBe('hello');
    const dark = await network.lay(['a'], { mode: 'hole', cut: true });
    const rebooted = echo(standing);
    await network.lift(dark);
    expect(await rebooted).toBe('ECONNRESET');
  });

  it('diverted: new connections lead elsewhere, those that stand go on', async () => {
    const other = createServer((socket) => void socket.end('elsewhere'));
    const there = await listening(other);
    const standing = await open(at(0));
    expect(await echo(standing)).toBe('hello');
    const laid = await network.lay(['a'], { divert: there });
    expect([await echo(standing), await echo(await open(at(0)))]).toEqual(['hello', 'elsewhere']);
    await network.lift(laid);
    expect(await echo(await open(at(0)))).toBe('hello');
    const alert = await network.lay(['a'], { divert: 'tls_alert' });
    expect(Buffer.from(await echo(await open(at(0))), 'latin1')).toEqual(Buffer.from([21, 3, 3, 0, 2, 2, 42]));
    await network.lift(alert);
    other.close();
  });
});
