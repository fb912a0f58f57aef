/**
 * Many slow clients at once, of three kinds: heads that never end (slowloris), bodies that drip (R.U.D.Y.), answers that nobody reads.
 * What the edge holds for them is bounded by its limits, other visitors are served meanwhile, and when their time is over all of it
 * is given back. `PROXY_SLOW=1400 vitest run test/live/proxy/slow-clients.test.ts` plays the size that matters and prints the figures.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { REQUEST_LIMITS } from '../../../src/http1/limits.ts';
import { HEADROOM_BYTES, PROXY_LIMITS, READ_BYTES } from '../../../src/live/proxy/limits.ts';
import { dial, type Wire } from './harness.ts';
import type { SlowEdgeCounts, ToSlowEdge } from './slow-edge.ts';

const COUNT = Number(process.env['PROXY_SLOW'] ?? 150);
const EACH = Math.ceil(COUNT / 3);
const VISITS = 50;

/** More than any kernel keeps for a connection, so that an answer cannot be put away unread. */
const BIG = 64 * 1024 * 1024;
const PIECE = Buffer.alloc(64 * 1024, 'x');

/**
 * What one slow client may cost, in bytes that JavaScript holds: a head in the making; or an origin connection's read buffer, and a
 * second one where the first is still on its way out; and the objects of the two connections.
 */
const OBJECTS_BYTES = 24 * 1024;
const BOUND = {
  head: REQUEST_LIMITS.headBytes + OBJECTS_BYTES,
  body: READ_BYTES + HEADROOM_BYTES + OBJECTS_BYTES,
  reader: 2 * (READ_BYTES + HEADROOM_BYTES) + OBJECTS_BYTES,
};
/** Read buffers that the pool keeps for later (128 of them), and compiled code. */
const KEPT_BYTES = 128 * (READ_BYTES + HEADROOM_BYTES) + 4 * 1024 * 1024;

let origin: Server;
let edge: ChildProcess;
const originSockets = new Set<Socket>();
const clients: Wire[] = [];

beforeEach(async () => {
  origin = createServer((request, response) => {
    request.on('error', () => {});
    response.on('error', () => {});
    request.resume();
    if (request.url !== '/big') return void request.on('end', () => response.end('served'));
    response.writeHead(200, { 'Content-Length': BIG });
    let left = BIG / PIECE.length;
    new Readable({
      read() {
        left -= 1;
        this.push(left >= 0 ? PIECE : null);
      },
    }).pipe(response);
  });
  origin.on('connection', (socket) => {
    originSockets.add(socket);
    socket.on('close', () => originSockets.delete(socket));
  });
  // Its own time-outs must not be what ends the slow ones.
  origin.requestTimeout = 0;
  origin.headersTimeout = 0;
  origin.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', 4_096, resolve));
  const { port } = origin.address() as AddressInfo;
  edge = fork(join(import.meta.dirname, 'slow-edge.ts'), [String(port)], { execArgv: ['--expose-gc'] });
});

afterEach(() => {
  edge.kill();
  for (const client of clients.splice(0)) client.socket.destroy();
  for (const socket of originSockets) socket.destroy();
  origin.close();
});

function answerOf(): Promise<SlowEdgeCounts> {
  return new Promise((resolve) => edge.once('message', (counts) => resolve(counts as SlowEdgeCounts)));
}

async function tell(message: ToSlowEdge): Promise<SlowEdgeCounts> {
  const answer = answerOf();
  edge.send(message);
  return answer;
}

/** Asks until it holds; the test's own time-out is the limit. */
async function counts(holds: (counts: SlowEdgeCounts) => boolean): Promise<SlowEdgeCounts> {
  for (;;) {
    const found = await tell({ kind: 'counts' });
    if (holds(found)) return found;
  }
}

/** A visitor in a hurry: every answer whole and right, over one connection. */
async function visit(port: number): Promise<void> {
  const visitor = await dial(port);
  for (let i = 1; i <= VISITS; i++) {
    visitor.send('GET /page HTTP/1.1\r\nHost: a\r\n\r\n');
    await visitor.when(() => visitor.text.split('served').length > i || visitor.ended || visitor.closed);
  }
  expect(visitor.text.match(/HTTP\/1\.1 200 OK\r\n/g)).toHaveLength(VISITS);
  expect(visitor.text.match(/served/g)).toHaveLength(VISITS);
  visitor.socket.destroy();
}

async function many(port: number, request: string, paused: boolean): Promise<Wire[]> {
  const wires: Wire[] = [];
  for (let i = 0; i < EACH; i++) {
    const wire = await dial(port);
    // A reader that never reads: not even the listener of the harness may take bytes.
    if (paused) {
      wire.socket.removeAllListeners('data');
      wire.socket.pause();
    }
    wire.send(request);
    wires.push(wire);
  }
  clients.push(...wires);
  return wires;
}

it(`${3 * EACH} slow clients cost what the limits say, harm nobody, and leave nothing behind`, async () => {
  const { port } = await tell({ kind: 'counts' });
  await visit(port);
  const before = await counts(({ connections }) => connections === 0);

  const heads = await many(port, 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ', false);
  const bodies = await many(port, 'POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nb', false);
  const readers = await many(port, 'GET /big HTTP/1.1\r\nHost: a\r\n\r\n', true);
  await counts(({ connections, inFlight }) => connections === 3 * EACH && inFlight === 2 * EACH);

  // They go on as slow clients do: something now and then, for four seconds.
  let worst = before;
  for (let second = 0; second < 4; second++) {
    for (const wire of heads) wire.send('x'.repeat(20));
    for (const wire of bodies) wire.send('b'.repeat(20));
    for (const wire of readers) wire.socket.read(1);
    await visit(port);
    const now = await tell({ kind: 'advance', ms: 1_000 });
    if (now.heldBytes > worst.heldBytes) worst = now;
  }
  expect(worst).toMatchObject({ connections: 3 * EACH });

  // Bodies first (5 s), heads (10 s): told why. Readers (30 s) cannot be told anything.
  await tell({ kind: 'advance', ms: PROXY_LIMITS.dripMs });
  for (const wire of bodies) expect(await wire.end()).toMatch(/^HTTP\/1\.1 408 /);
  await tell({ kind: 'advance', ms: PROXY_LIMITS.headMs });
  for (const wire of heads) expect(await wire.end()).toMatch(/^HTTP\/1\.1 408 /);
  await visit(port);
  // Their time begins when the last kernel buffer on their way is full, which with many of them takes its while.
  let after = before;
  do {
    after = await tell({ kind: 'advance', ms: 500 });
    if (after.heldBytes > worst.heldBytes) worst = after;
  } while (after.connections > 0);
  after = await counts(({ originConnections, originIdle }) => originConnections === originIdle);
  expect(after.connections).toBe(0);
  expect(after.inFlight).toBe(0);
  const bound = EACH * (BOUND.head + BOUND.body + BOUND.reader) + KEPT_BYTES;
  expect(worst.heldBytes - before.heldBytes).toBeLessThan(bound);
  expect(after.heldBytes - before.heldBytes).toBeLessThan(KEPT_BYTES);
  await visit(port);

  if (process.env['PROXY_SLOW'] !== undefined) {
    const mib = (bytes: number): number => Math.round(bytes / 104857.6) / 10;
    const figures = Object.entries({ before, worst, after }).map(([name, { heldBytes, rssBytes }]) => [
      name,
      { heldMiB: mib(heldBytes), rssMiB: mib(rssBytes) },
    ]);
    console.log(JSON.stringify({ slow: 3 * EACH, boundMiB: mib(bound), ...Object.fromEntries(figures) }));
  }
}, 240_000);
