/**
 * RFC 9112 11.2 (request smuggling): hundreds of ambiguous and malformed requests through the engine, whole and byte
 * by byte, with an origin behind that writes down all it is sent. Nothing ambiguous arrives there, and for what does
 * arrive the origin's own reading, by node:http's strict parser, is the one that the proxy had.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AMBIGUOUS, type AmbiguousRequest } from './ambiguous-requests.ts';
import { dial, type Edge, startEdge, toOrigin } from './harness.ts';

interface Seen {
  readonly target: string;
  complete: boolean;
}

let server: Server;
let edge: Edge;
let seen: Seen[] = [];
let malformed: string[] = [];
const sockets = new Set<Socket>();

beforeAll(async () => {
  server = createServer({ insecureHTTPParser: false, requireHostHeader: true }, (request, response) => {
    const entry: Seen = { target: `${request.method} ${request.url}`, complete: false };
    seen.push(entry);
    request.resume();
    request.on('error', () => {});
    request.on('end', () => {
      entry.complete = request.complete;
      response.end('ok');
    });
  });
  server.on('clientError', (error: Error & { code?: string }, socket) => {
    // A connection that we cut in the middle of a body is the proof that nothing whole was forwarded.
    if (error.code !== 'HPE_INVALID_EOF_STATE' && error.code !== 'ECONNRESET') malformed.push(error.message);
    socket.destroy();
  });
  // An idle connection that Node ends may be taken for the next request at the same moment.
  server.keepAliveTimeout = 0;
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  edge = await startEdge([toOrigin((server.address() as AddressInfo).port, { host: undefined })]);
});

afterAll(() => {
  edge.engine.stop();
  for (const socket of sockets) socket.destroy();
  server.close();
});

const EVERYTHING = AMBIGUOUS.flatMap((request) => {
  // Byte by byte is what takes time; what is long is long in one place only.
  const ways: ('whole' | 'byte by byte')[] = request.bytes.length > 3_000 ? ['whole'] : ['whole', 'byte by byte'];
  return ways.map((way) => ({ ...request, way }));
});

async function play({ bytes, way }: AmbiguousRequest & { way: string }): Promise<string> {
  const client = await dial(edge.port);
  const buffer = Buffer.from(bytes, 'latin1');
  if (way === 'whole') client.send(buffer);
  else {
    for (let i = 0; i < buffer.length && !client.ended && !client.closed; i++) {
      client.socket.write(buffer.subarray(i, i + 1));
      // One turn of the loop, so that each byte is a read of its own.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  client.socket.end();
  const got = await client.end();
  client.socket.destroy();
  return got;
}

describe('RFC 9112 11.2 nothing ambiguous is forwarded', () => {
  it('has hundreds of cases', () => expect(EVERYTHING.length).toBeGreaterThan(600));

  it.each(EVERYTHING)('$fate, $way: $name', async (request) => {
    seen = [];
    malformed = [];
    const got = await play(request);
    expect(malformed).toEqual([]);
    expect(seen.map(({ target }) => target).join()).not.toContain('SMUGGLED');
    if (request.fate === 'refused') {
      expect(seen).toEqual([]);
      expect(got).toMatch(/^HTTP\/1\.1 [45]\d\d /);
      // One answer, and then the end: whatever stood behind was not read as a request.
      expect(got.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
      expect(got).toMatch(/\r\nConnection: close\r\n/);
    } else if (request.fate === 'body') {
      expect(seen.filter(({ complete }) => complete)).toEqual([]);
      expect(got).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
    } else {
      expect(seen).toMatchObject([{ complete: true }]);
      expect(got).toMatch(/^HTTP\/1\.1 200 /);
    }
  });
});
