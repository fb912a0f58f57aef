/**
 * RFC 9112 9.3.2, as a property: requests of every shape, one behind the other on one connection and cut into reads anywhere, are each
 * answered once, in order, with what the origin made of their own body. The origin is node:http and says what it read; the client's
 * side is read by node:http's parser, so neither end shares a line with the engine.
 */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Edge, startEdge, toOrigin } from './harness.ts';

const SEED = Number(process.env['PROXY_PIPELINES_SEED'] ?? 1);
const RUNS = Number(process.env['PROXY_PIPELINES'] ?? 40);

type Shape = 'GET' | 'HEAD' | 'length' | 'chunked' | 'trailers' | 'expect';
const SHAPES: readonly Shape[] = ['GET', 'HEAD', 'length', 'chunked', 'trailers', 'expect'];
/** How the origin frames its answer. */
const ANSWERS = ['length', 'chunked', 'trailers', 'empty', 'hints'] as const;

interface Asked {
  readonly shape: Shape;
  readonly answer: (typeof ANSWERS)[number];
  readonly body: Uint8Array;
}

const asked = fc.record({
  shape: fc.constantFrom(...SHAPES),
  answer: fc.constantFrom(...ANSWERS),
  // Bytes that look like HTTP are the ones that would be misread.
  body: fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.constant(Buffer.from('0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n')),
    fc.constant(Buffer.alloc(90_000, 'long ')),
  ),
});

let server: Server;
let edge: Edge;
const sockets = new Set<Socket>();
const origin: string[] = [];

function sum(body: Uint8Array): string {
  return createHash('sha1').update(body).digest('hex');
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('error', () => {});
    request.on('end', () => {
      const [, number, wanted] = request.url!.split('/');
      // node:http does not announce trailers of a body that is not sent.
      const answer = request.method === 'HEAD' && wanted === 'trailers' ? 'chunked' : wanted;
      origin.push(number!);
      const said = `${number} ${sum(Buffer.concat(pieces))} ${request.trailers['x-sum'] ?? '-'};`;
      if (answer === 'hints') response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      if (answer === 'empty') response.writeHead(204, { 'X-Said': said }).end();
      else if (answer === 'length' || answer === 'hints')
        response.writeHead(200, { 'Content-Length': said.length }).end(said);
      else {
        response.writeHead(200, answer === 'trailers' ? { Trailer: 'X-End' } : {});
        response.write(said.slice(0, 5));
        if (answer === 'trailers') response.addTrailers({ 'X-End': 'yes' });
        response.end(said.slice(5));
      }
    });
  });
  // An idle connection that Node ends may be taken for the next request at the same moment.
  server.keepAliveTimeout = 0;
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  edge = await startEdge([toOrigin((server.address() as AddressInfo).port)]);
});

afterAll(() => {
  edge.engine.stop();
  for (const socket of sockets) socket.destroy();
  server.close();
});

function wireOf({ shape, answer, body }: Asked, number: number, last: boolean): Buffer {
  const method = shape === 'GET' || shape === 'HEAD' ? shape : 'POST';
  const head = `${method} /${number}/${answer} HTTP/1.1\r\nHost: a\r\n${last ? 'Connection: close\r\n' : ''}`;
  if (method !== 'POST') return Buffer.from(`${head}\r\n`);
  if (shape === 'length' || shape === 'expect') {
    const expecting = shape === 'expect' ? 'Expect: 100-continue\r\n' : '';
    return Buffer.concat([Buffer.from(`${head}${expecting}Content-Length: ${body.length}\r\n\r\n`), body]);
  }
  const pieces = [Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`)];
  for (let at = 0; at < body.length; at += 40_000) {
    const piece = body.subarray(at, at + 40_000);
    pieces.push(Buffer.from(`${piece.length.toString(16)};a="b"\r\n`), Buffer.from(piece), Buffer.from('\r\n'));
  }
  pieces.push(Buffer.from(shape === 'trailers' ? `0\r\nX-Sum: ${number}\r\n\r\n` : '0\r\n\r\n'));
  return Buffer.concat(pieces);
}

/** What the origin says about a request, as it must arrive. */
function expectedOf({ shape, answer, body }: Asked, number: number): string {
  const sent = shape === 'GET' || shape === 'HEAD' ? new Uint8Array() : body;
  const said = `${number} ${sum(sent)} ${shape === 'trailers' ? number : '-'};`;
  return shape === 'HEAD' && answer !== 'empty' ? '' : said;
}

/** All answers on a connection, each by its own framing; interim ones are passed over. */
function read(text: string, list: readonly Asked[]): string[] {
  const found: string[] = [];
  let at = 0;
  while (at < text.length && found.length <= list.length) {
    const end = text.indexOf('\r\n\r\n', at) + 4;
    if (end < at + 4) return [...found, `cut: ${text.slice(at)}`];
    const head = text.slice(at, end);
    at = end;
    if (/^HTTP\/1\.1 1\d\d /.test(head)) continue;
    if (head.startsWith('HTTP/1.1 204 ')) {
      found.push(/X-Said: (.*)\r\n/.exec(head)?.[1] ?? head);
      continue;
    }
    if (!head.startsWith('HTTP/1.1 200 ')) return [...found, head];
    if (list[found.length]?.shape === 'HEAD') {
      found.push('');
      continue;
    }
    const length = /content-length: (\d+)/i.exec(head)?.[1];
    if (length !== undefined) {
      found.push(text.slice(at, at + Number(length)));
      at += Number(length);
      continue;
    }
    let body = '';
    for (;;) {
      const line = text.indexOf('\r\n', at);
      const size = Number.parseInt(text.slice(at, line), 16);
      if (line === -1 || Number.isNaN(size)) return [...found, `no chunk: ${text.slice(at, at + 100)}`];
      body += text.slice(line + 2, line + 2 + size);
      at = line + 2 + size + 2;
      if (size > 0) continue;
      at = text.startsWith('\r\n', line + 2) ? line + 4 : text.indexOf('\r\n\r\n', line) + 4;
      break;
    }
    found.push(body);
  }
  return found;
}

function play(bytes: Buffer, sizes: readonly number[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port: edge.port, host: '127.0.0.1', noDelay: true });
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
    let at = 0;
    const next = (turn: number): void => {
      if (at >= bytes.length || socket.destroyed) return;
      const size = sizes[turn % sizes.length]!;
      const piece = bytes.subarray(at, at + size);
      at += size;
      socket.write(piece);
      setImmediate(next, turn + 1);
    };
    socket.on('connect', () => next(0));
  });
}

describe('RFC 9112 9.3.2 pipelined requests', () => {
  it(`RFC 9112 9.3.2 of every shape are answered in order, each for its own body: ${RUNS} runs, seed ${SEED}`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(asked, { minLength: 1, maxLength: 24 }),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        async (list, sizes, small) => {
          origin.length = 0;
          const bytes = Buffer.concat(list.map((each, i) => wireOf(each, i, i === list.length - 1)));
          const cuts =
            small && bytes.length < 20_000 ? sizes.map((size) => 1 + (size % 30)) : sizes.map((size) => 500 + size);
          const text = await play(bytes, cuts);
          expect(read(text, list)).toEqual(list.map(expectedOf));
          expect(origin).toEqual(list.map((_, i) => String(i)));
        },
      ),
      { seed: SEED, numRuns: RUNS },
    );
  });
});
