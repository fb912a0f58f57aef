/**
 * Thousands of requests through one engine, by node:http at both ends, with aborts, resets and cuts at random points
 * on both sides. Bodies are cut out of one block of noise by the request's number, so that a byte that is lost,
 * doubled or mixed up with another request's shows. Afterwards nothing may be left open, and nothing be held: what JavaScript has
 * after a collection is compared with what it had after the first quarter, when every cache was warm.
 *
 * `PROXY_CHAOS=10000 PROXY_CHAOS_SEED=5 vitest run test/live/proxy/chaos.test.ts` runs more, and others, and prints the figures.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import seedrandom from 'seedrandom';
import { describe, expect, it } from 'vitest';
import type { Http1Attempt, ProxyBrain } from '../../../src/live/proxy/brain.ts';
import { ProxyEngine } from '../../../src/live/proxy/engine.ts';
import { bareAnswer } from '../../../src/live/proxy/local-answer.ts';
import { makeCertificate } from './certificate.ts';
import { ManualClock, toOrigin } from './harness.ts';

const COUNT = Number(process.env['PROXY_CHAOS'] ?? 2_000);
const SEED = process.env['PROXY_CHAOS_SEED'] ?? '1';
const AT_ONCE = 24;
/**
 * What may be held in the end beyond the first quarter: of this test itself, a verdict and a number per request; and read buffers that
 * the pool keeps for the next burst.
 */
const OWN_BYTES_PER_REQUEST = 256;
const NOISE_BYTES = 4 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const { key, cert } = await makeCertificate('chaos.test');

const NOISE = Buffer.allocUnsafe(1 << 20);
{
  const random = seedrandom.alea('noise');
  for (let i = 0; i < NOISE.length; i += 4) NOISE.writeUInt32LE(Math.floor(random() * 2 ** 32), i);
}

/** The bytes that belong to a request; up and down differ. */
function bytesOf(id: number, size: number, up: boolean): Buffer {
  const start = (id * 7_919 + (up ? 0 : 500_009)) % (NOISE.length - 600_000);
  return NOISE.subarray(start, start + size);
}

type Fate =
  | 'none'
  | 'client_reset_early'
  | 'client_gone_in_upload'
  | 'client_gone_in_download'
  | 'origin_reset_at_once'
  | 'origin_reset_in_upload'
  | 'origin_cut_in_download'
  | 'origin_ends_in_download'
  | 'origin_answers_early'
  | 'origin_closes_after'
  | 'origin_slow';

const FATES: readonly Fate[] = [
  'client_reset_early',
  'client_gone_in_upload',
  'client_gone_in_download',
  'origin_reset_at_once',
  'origin_reset_in_upload',
  'origin_cut_in_download',
  'origin_ends_in_download',
  'origin_answers_early',
  'origin_closes_after',
  'origin_slow',
];

interface Order {
  readonly id: number;
  readonly fate: Fate;
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly up: number;
  readonly down: number;
  readonly chunkedUp: boolean;
  readonly chunkedDown: boolean;
  /** Where in a body the fate strikes, 0 to 1. */
  readonly where: number;
}

function makeOrders(count: number, seed: string): Order[] {
  const random = seedrandom.alea(seed);
  const size = (): number => {
    const kind = random();
    if (kind < 0.2) return 0;
    if (kind < 0.7) return Math.floor(random() * 4_000);
    if (kind < 0.95) return Math.floor(random() * 80_000);
    return Math.floor(random() * 500_000);
  };
  return Array.from({ length: count }, (_, id) => {
    const method = (['GET', 'GET', 'POST', 'PUT'] as const)[Math.floor(random() * 4)] as Order['method'];
    const fate = random() < 0.6 ? 'none' : (FATES[Math.floor(random() * FATES.length)] as Fate);
    return {
      id,
      fate,
      method,
      up: method === 'GET' ? 0 : size(),
      down: size(),
      chunkedUp: random() < 0.4,
      chunkedDown: random() < 0.5,
      where: random(),
    };
  });
}

interface Verdict {
  readonly status: number;
  /** The client's parser found the answer whole. */
  readonly whole: boolean;
  readonly right: boolean;
  readonly fault: string;
}

class Trial {
  readonly wrong: string[] = [];
  /** How often the origin has read a whole request, by number. */
  readonly served = new Map<number, number>();
  readonly originSockets = new Set<Socket>();
  readonly #orders: readonly Order[];
  #server: http.Server | undefined;

  constructor(orders: readonly Order[]) {
    this.#orders = orders;
  }

  async startOrigin(tls: boolean): Promise<number> {
    const handle: http.RequestListener = (request, response) => this.#serve(request, response);
    const server = tls ? https.createServer({ key, cert }, handle) : http.createServer(handle);
    server.keepAliveTimeout = 0;
    server.on('clientError', (error: Error & { code?: string }, socket) => {
      if (error.code?.startsWith('HPE_') === true && !['HPE_INVALID_EOF_STATE', 'HPE_USER'].includes(error.code))
        this.wrong.push(`the origin was sent garbage: ${error.message}`);
      socket.destroy();
    });
    server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.originSockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.originSockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#server = server;
    return (server.address() as AddressInfo).port;
  }

  stopOrigin(): void {
    this.#server?.close();
  }

  #serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    const order = this.#orders[Number(request.url?.slice(1))];
    if (order === undefined || request.method !== order.method) {
      this.wrong.push(`the origin was asked for ${request.method} ${request.url}`);
      response.end();
      return;
    }
    request.on('error', () => {});
    response.on('error', () => {});
    if (order.fate === 'origin_reset_at_once') return void breakOff(request.socket);
    if (order.fate === 'origin_answers_early') {
      this.#answer(order, response);
      request.resume();
      return;
    }
    const expected = bytesOf(order.id, order.up, true);
    let at = 0;
    request.on('data', (chunk: Buffer) => {
      if (!expected.subarray(at, at + chunk.length).equals(chunk))
        this.wrong.push(`request ${order.id}: wrong bytes at ${at}`);
      at += chunk.length;
      if (order.fate === 'origin_reset_in_upload' && at >= order.up * order.where) breakOff(request.socket);
    });
    request.on('end', () => {
      if (!request.complete || order.fate === 'origin_reset_in_upload') {
        breakOff(request.socket);
        return;
      }
      if (at !== order.up) this.wrong.push(`request ${order.id}: ${at} bytes of ${order.up} taken for whole`);
      this.served.set(order.id, (this.served.get(order.id) ?? 0) + 1);
      this.#answer(order, response);
    });
  }

  #answer(order: Order, response: http.ServerResponse): void {
    const body = bytesOf(order.id, order.down, false);
    const headers: http.OutgoingHttpHeaders = { 'X-Id': order.id };
    if (!order.chunkedDown) headers['Content-Length'] = order.down;
    response.writeHead(200, headers);
    const stop = Math.floor(order.down * order.where);
    switch (order.fate) {
      case 'origin_cut_in_download':
        writeSome(response, body.subarray(0, stop), () => breakOff(response.socket));
        return;
      case 'origin_ends_in_download':
        writeSome(response, body.subarray(0, stop), () => response.socket?.destroy());
        return;
      case 'origin_slow': {
        let at = 0;
        const step = (): void => {
          const next = Math.min(body.length, at + Math.ceil(body.length / 5));
          if (next >= body.length) return void response.end(body.subarray(at));
          response.write(body.subarray(at, next));
          at = next;
          setImmediate(step);
        };
        return step();
      }
      case 'origin_closes_after':
        response.end(body, () => response.socket?.end());
        return;
      default:
        response.end(body);
    }
  }
}

/** One request by node:http; resolves however it ends. */
function play(order: Order, port: number, agent: http.Agent, tls: boolean): Promise<Verdict> {
  return new Promise((resolve) => {
    const body = bytesOf(order.id, order.up, true);
    const headers: http.OutgoingHttpHeaders = { Host: 'chaos.test' };
    if (order.method !== 'GET')
      headers[order.chunkedUp ? 'Transfer-Encoding' : 'Content-Length'] = order.chunkedUp ? 'chunked' : order.up;
    const options = { port, host: '127.0.0.1', path: `/${order.id}`, method: order.method, headers, agent };
    const request = tls ? https.request({ ...options, ca: cert, servername: 'chaos.test' }) : http.request(options);
    let status = 0;
    const end = (whole: boolean, right: boolean, fault: string): void => resolve({ status, whole, right, fault });
    request.on('error', (error: NodeJS.ErrnoException) => end(false, false, error.code ?? error.message));
    request.on('response', (response) => {
      status = response.statusCode ?? 0;
      const expected = bytesOf(order.id, order.down, false);
      let at = 0;
      let right = status !== 200 || response.headers['x-id'] === String(order.id);
      response.on('data', (chunk: Buffer) => {
        if (status === 200 && !expected.subarray(at, at + chunk.length).equals(chunk)) right = false;
        at += chunk.length;
        if (order.fate === 'client_gone_in_download' && at >= order.down * order.where) request.destroy();
      });
      response.on('error', (error: NodeJS.ErrnoException) => end(false, right, error.code ?? error.message));
      response.on('end', () => end(response.complete, right && (status !== 200 || at === order.down), ''));
      response.on('close', () => end(false, right, 'closed'));
    });
    if (order.fate === 'client_reset_early') {
      request.on('socket', (socket) =>
        socket.connecting ? socket.once('connect', () => breakOff(socket)) : setImmediate(() => breakOff(socket)),
      );
    }
    if (order.fate === 'client_gone_in_upload') {
      writeSome(request, body.subarray(0, Math.floor(order.up * order.where)), () => request.destroy());
      return;
    }
    request.end(body);
  });
}

async function run(orders: readonly Order[], tls: boolean, originTls: boolean): Promise<void> {
  const trial = new Trial(orders);
  const origin = await trial.startOrigin(originTls);
  const attempt: Http1Attempt = toOrigin(origin, originTls ? { tls: { ca: cert, servername: 'chaos.test' } } : {});
  let done = 0;
  const mistakes: unknown[] = [];
  const brain: ProxyBrain = {
    route: () => ({ kind: 'forward', attempt, requestDrop: undefined, requestAdd: '' }),
    attemptFailed: () => bareAnswer(520),
    responseHead: () => undefined,
    done: () => {
      done += 1;
    },
  };
  // Time stands still: a machine that is busy for seconds runs into no limit of ours.
  const engine = new ProxyEngine({ brain, clock: new ManualClock(), onMistake: (error) => mistakes.push(error) });
  const { port } = await engine.listen({ host: '127.0.0.1', port: 0, ...(tls ? { tls: { key, cert } } : {}) });
  const agentOptions = { keepAlive: true, maxSockets: AT_ONCE, scheduling: 'lifo' as const };
  const agent = tls ? new https.Agent(agentOptions) : new http.Agent(agentOptions);
  const verdicts = new Map<number, Verdict>();
  let next = 0;
  const playUntil = (end: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        while (next < end) {
          const order = orders[next++] as Order;
          verdicts.set(order.id, await play(order, port, agent, tls));
        }
      }),
    );
  const quarter = Math.ceil(orders.length / 4);
  await playUntil(quarter);
  const warmBytes = await heldBytes();
  await playUntil(orders.length);
  await until(() => engine.counts().inFlight === 0);
  const grownBytes = (await heldBytes()) - warmBytes;

  expect(trial.wrong).toEqual([]);
  expect(mistakes).toEqual([]);
  const complaints: string[] = [];
  for (const order of orders) {
    const { status, whole, right, fault } = verdicts.get(order.id) as Verdict;
    const say = (what: string): void =>
      void complaints.push(`${what}: ${JSON.stringify({ ...order, status, whole, fault })}`);
    // Never a wrong byte, and never a whole answer that is not.
    if (whole && !right) say('wrong bytes in a whole answer');
    if (!whole && status === 200 && !right) say('wrong bytes in a part of an answer');
    // Idempotent methods may be sent again after a stale connection (RFC 9110 9.2.2), the others never.
    if ((trial.served.get(order.id) ?? 0) > 1 && order.method === 'POST') say('served twice');
    const own = order.fate === 'none' || order.fate === 'origin_slow' || order.fate === 'origin_closes_after';
    // A POST on a connection that the origin had just closed may not be sent again; it must be told, not lost.
    const mayBeTold = order.method !== 'GET' && status === 520 && whole;
    if (own && !(whole && status === 200) && !mayBeTold) say('lost');
    if (order.fate.startsWith('origin_reset') && whole && status !== 520) say('a reset origin is 520');
    if (/^origin_(cut|ends)/.test(order.fate) && whole && status === 200 && order.down > 0 && order.where < 1)
      say('a cut answer was taken for whole');
  }
  expect(complaints.slice(0, 5)).toEqual([]);
  expect(grownBytes).toBeLessThan(NOISE_BYTES + OWN_BYTES_PER_REQUEST * (orders.length - quarter));
  // All that were served are those that nobody disturbed, or more.
  expect(done).toBeGreaterThanOrEqual(orders.filter(({ fate }) => fate === 'none').length);

  agent.destroy();
  await until(() => engine.counts().connections === 0);
  expect(engine.counts()).toMatchObject({ connections: 0, inFlight: 0 });
  await until(() => engine.counts().originConnections === engine.counts().originIdle);
  engine.stop();
  await until(() => trial.originSockets.size === 0);
  trial.stopOrigin();
  expect(engine.counts()).toMatchObject({ originConnections: 0, originIdle: 0 });
  expect(engine.wheel.size).toBe(0);
  if (process.env['PROXY_CHAOS'] !== undefined) {
    const whole = [...verdicts.values()].filter((verdict) => verdict.whole && verdict.status === 200).length;
    const { accepted } = engine.counts();
    console.log(JSON.stringify({ requests: orders.length, whole, accepted, grownKiB: Math.round(grownBytes / 1024) }));
  }
}

/** What JavaScript holds, buffers included, when what is on its way has gone. */
async function heldBytes(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** A reset where there can be one: a TLS socket only knows the abrupt end. */
function breakOff(socket: Socket | null): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket?.resetAndDestroy();
}

/** node:http does not call back for a write of nothing. */
function writeSome(to: http.OutgoingMessage, bytes: Buffer, then: () => void): void {
  if (bytes.length > 0) return void to.write(bytes, then);
  to.flushHeaders();
  setImmediate(then);
}

/** Turns of the loop until it holds; the test's own time-out is the limit. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe('chaos at both ends: nothing lost, doubled, mixed or left open', () => {
  const few = Math.ceil(COUNT / 4);
  it.each([
    { count: COUNT, client: 'clear', origin: 'clear' },
    { count: few, client: 'TLS', origin: 'TLS' },
    { count: few, client: 'TLS', origin: 'clear' },
    { count: few, client: 'clear', origin: 'TLS' },
  ])(
    `$count requests, client in $client, origin in $origin, seed ${SEED}`,
    ({ count, client, origin }) => {
      return run(makeOrders(count, `${SEED} ${client} ${origin}`), client === 'TLS', origin === 'TLS');
    },
    600_000,
  );
});
