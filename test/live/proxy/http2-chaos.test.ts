/**
 * Chaos over HTTP/2: many streams of a few connections, aborted by the client, cut by the origin, or let through, at points that a seed
 * chooses. What arrives whole arrived unmixed, nothing cut looks whole, and nothing is left open.
 */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { seededRandom } from '../../../src/core/random.ts';
import { toOrigin } from './harness.ts';
import { dialHttp2, startHttp2Edge } from './http2-support.ts';

const REQUESTS = 2_000;
const AT_ONCE = 60;
const CONNECTIONS = 4;
const SEED = 'http2-chaos-1';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0).toReversed()) each();
});

type Fate = 'whole' | 'reset_early' | 'reset_late' | 'reset_upload' | 'origin_cut';
const FATES: readonly Fate[] = ['whole', 'whole', 'whole', 'reset_early', 'reset_late', 'reset_upload', 'origin_cut'];

/** Answers with what it was sent, twice; cuts the answers of those who ask for it. */
async function echo(): Promise<Server> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('error', () => {});
    request.on('end', () => {
      const body = Buffer.concat(parts);
      const cut = request.headers['x-cut'] !== undefined;
      const chunked = request.headers['x-chunked'] !== undefined;
      response.writeHead(200, {
        'x-id': String(request.headers['x-id']),
        ...(chunked ? {} : { 'content-length': body.length * 2 }),
      });
      response.write(body);
      if (cut) return void setImmediate(() => response.socket?.destroy());
      response.end(body);
    });
  });
  // The edge is the one that ends connections: an idle one that Node ends may be taken for a request at the same moment.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return server;
}

it(`${REQUESTS} requests: nothing lost, doubled or mixed, nothing left open`, async () => {
  const random = seededRandom(SEED);
  const origin = await echo();
  const edge = await startHttp2Edge(
    [toOrigin((origin.address() as AddressInfo).port)],
    {},
    { cutStreamsBurst: 10_000, resetFramesBurst: 10_000 },
  );
  const sessions: ClientHttp2Session[] = Array.from({ length: CONNECTIONS }, () => dialHttp2(edge));
  cleanups.push(
    () => origin.close(),
    () => origin.closeAllConnections(),
    () => edge.engine.stop(),
    () => sessions.forEach((each) => each.destroy()),
  );
  const wrong: string[] = [];
  const ends = new Map<string, number>();
  let next = 0;

  async function one(id: number): Promise<void> {
    const fate = FATES[random.below(FATES.length)]!;
    const size = random.below(3) === 0 ? 40_000 + random.below(120_000) : 1 + random.below(2_000);
    const body = createHash('shake256', { outputLength: size }).update(String(id)).digest();
    const stream = sessions[id % CONNECTIONS]!.request(
      {
        ':path': `/${id}`,
        ':method': 'POST',
        'x-id': String(id),
        ...(random.below(2) === 0 ? { 'content-length': size } : {}),
        ...(random.below(2) === 0 ? { 'x-chunked': '1' } : {}),
        ...(fate === 'origin_cut' ? { 'x-cut': '1' } : {}),
      },
      { endStream: false },
    );
    const parts: Buffer[] = [];
    let ended = false;
    let seen = '';
    stream.on('error', () => {});
    stream.on('response', (fields) => {
      seen = String(fields['x-id']);
      if (fate === 'reset_late') stream.destroy(new Error('enough'));
    });
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => (ended = true));
    if (fate === 'reset_upload') {
      stream.write(body.subarray(0, Math.floor(size / 2)));
      setImmediate(() => stream.destroy(new Error('enough')));
    } else {
      stream.end(body);
      if (fate === 'reset_early') setImmediate(() => stream.destroy(new Error('enough')));
    }
    await new Promise<void>((resolve) => stream.on('close', () => resolve()));
    const whole = ended && stream.rstCode === 0;
    const got = Buffer.concat(parts);
    const right = got.length === size * 2 && got.subarray(0, size).equals(body) && got.subarray(size).equals(body);
    if (seen !== '' && seen !== String(id)) wrong.push(`${id} got the answer to ${seen}`);
    if (fate === 'whole' && !(whole && right))
      wrong.push(`${id} is not whole: ${got.length} of ${size * 2}, code ${stream.rstCode}`);
    if (fate === 'origin_cut' && whole) wrong.push(`${id} was cut and looks whole with ${got.length} of ${size * 2}`);
    ends.set(fate, (ends.get(fate) ?? 0) + 1);
  }

  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < REQUESTS) {
        next += 1;
        await one(next);
      }
    }),
  );
  expect(wrong, `seed ${SEED}`).toEqual([]);
  expect([...ends.values()].reduce((sum, count) => sum + count, 0)).toBe(REQUESTS);
  // What a client reset before the edge saw it was never begun; whatever was begun has ended.
  while (edge.engine.counts().inFlight > 0) await new Promise((resolve) => setImmediate(resolve));
  expect(edge.engine.counts()).toMatchObject({ connections: CONNECTIONS, inFlight: 0 });
  const { originConnections, originIdle } = edge.engine.counts();
  expect(originConnections).toBe(originIdle);
  expect(edge.brain.told.filter(({ outcome }) => outcome === 'completed').length).toBeGreaterThanOrEqual(
    ends.get('whole') ?? 0,
  );
  for (const session of sessions) session.destroy();
  while (edge.engine.counts().connections > 0) await new Promise((resolve) => setImmediate(resolve));
});
