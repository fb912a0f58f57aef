/** Requests over the link on real sockets: lanes, what the origin sees, what the visitor gets. */
import { createHash } from 'node:crypto';
import { createServer as createTlsServer } from 'node:https';
import { createServer, connect, type AddressInfo, type Server } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { makeCertificate } from '../../../src/live/railgun/identity.ts';
import { pageAt } from '../../../src/sim/pages.ts';
import {
  type Asked,
  clock,
  type EdgeLab,
  type EdgeLabOptions,
  get,
  type Handler,
  type ListenerLab,
  type ListenerLabOptions,
  memoryStore,
  Origin,
  railgunOf,
  startEdge,
  startListener,
  warm,
} from './lab.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0).toReversed()) each();
});

const html: Handler = (_request, response) => {
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(pageAt('news', 1, 0));
};

interface Stage {
  readonly origin: Origin;
  readonly listener: ListenerLab;
  readonly edge: EdgeLab;
  get(path: string, asked?: Asked): ReturnType<typeof get>;
}

async function stage(
  options: {
    readonly handler?: Handler;
    readonly listener?: ListenerLabOptions;
    readonly edge?: Partial<EdgeLabOptions>;
    readonly cold?: boolean;
  } = {},
): Promise<Stage> {
  const origin = await Origin.start(options.handler ?? html);
  cleanups.push(() => origin.stop());
  const listener = await startListener(options.listener);
  cleanups.push(() => listener.stop());
  const edge = await startEdge({ listenerPort: listener.port, originPort: origin.port, ...options.edge });
  cleanups.push(() => edge.stop());
  if (options.cold !== true) await warm(edge);
  return { origin, listener, edge, get: (path, asked) => get(edge.port, path, asked) };
}

function sha(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A byte pattern that no offset mistake survives. */
function pattern(length: number, seed = 1): Buffer {
  const out = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    out[i] = state >> 16;
  }
  return out;
}

describe('lanes', () => {
  it('RG-001 RG-002 RG-003 the first request goes direct and opens one lane, those meanwhile wait for nothing', async () => {
    const { edge, listener, get: ask } = await stage({ cold: true });
    const answers = await Promise.all([ask('/a'), ask('/b'), ask('/c')]);
    expect(answers.map(railgunOf).toSorted()).toEqual([
      'direct (starting new WAN connection)',
      'direct (waiting for pending WAN connection)',
      'direct (waiting for pending WAN connection)',
    ]);
    expect(answers.every((one) => one.body.equals(pageAt('news', 1, 0)))).toBe(true);
    await edge.when('lane_ready');
    expect(edge.news.filter((one) => one.kind === 'lane_opening')).toHaveLength(1);
    expect(listener.server.lanes).toBe(1);
  });

  it('RG-006 RG-071 requests share a lane without a new handshake, and each has an id of its own', async () => {
    const { listener, get: ask } = await stage();
    const ids = new Set<string>();
    for (let i = 0; i < 20; i += 1) ids.add(railgunOf(await ask(`/p${i}`)).split(' ')[0] ?? '');
    expect([...ids].every((id) => /^[0-9a-f]{10}$/.test(id))).toBe(true);
    expect(ids.size).toBe(20);
    expect(listener.server.lanes).toBe(1);
    expect(listener.stats.json(clock.now())).toMatchObject({ wan_starts: 1, wan_stops: 0, requests_completed: 20 });
  });

  it('RG-007 a quick answer overtakes a slow one on the same lane', async () => {
    let release = (): void => {};
    const { get: ask } = await stage({
      handler: (request, response) => {
        response.setHeader('Content-Type', 'text/html');
        if (request.url === '/slow') release = () => void response.end('slow');
        else response.end('quick');
      },
    });
    const order: string[] = [];
    const slow = ask('/slow').then((answer) => order.push(answer.body.toString()));
    const quick = await ask('/quick');
    order.push(quick.body.toString());
    release();
    await slow;
    expect(order).toEqual(['quick', 'slow']);
  });

  it('RG-004 classic: one request per lane, and when all lanes are busy the reason says so', async () => {
    const waiting: (() => void)[] = [];
    const { edge, get: ask } = await stage({
      handler: (request, response) => {
        if (request.url === '/hold') waiting.push(() => void response.end('held'));
        else response.end('ok');
      },
      edge: { classic: true, pool: { maxLanes: 1 } },
      listener: { limits: { maxStreams: 1 } },
    });
    const held = ask('/hold');
    while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(railgunOf(await ask('/now'))).toBe('direct (all WAN connections are busy)');
    for (const each of waiting) each();
    expect(railgunOf(await held)).toMatch(/^[0-9a-f]{10} stream /);
    expect(edge.transport.links().get('rg')?.lanes).toBe(1);
  });

  it('RG-008 RG-009 nobody listens: the same bytes as without the link, and no store is touched', async () => {
    const store = memoryStore();
    let touched = 0;
    const watched = new Proxy(store, {
      get(target, name) {
        if (name === 'get' || name === 'set' || name === 'lookup') touched += 1;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const origin = await Origin.start(html);
    const edge = await startEdge({ listenerPort: 1, originPort: origin.port, store: watched });
    cleanups.push(
      () => origin.stop(),
      () => edge.stop(),
    );
    const linked = await get(edge.port, '/x');
    await edge.when('lane_failed');
    const again = await get(edge.port, '/x');
    edge.brain.railgun = undefined;
    const plain = await get(edge.port, '/x');
    expect([sha(linked.body), sha(again.body)]).toEqual([sha(plain.body), sha(plain.body)]);
    expect(railgunOf(again)).toBe('direct (waiting for pending WAN connection)');
    expect(touched).toBe(0);
  });

  it('RG-015 a zone without a Railgun: no header', async () => {
    const { edge, get: ask } = await stage();
    edge.brain.railgun = undefined;
    expect(railgunOf(await ask('/x'))).toBe('');
  });

  it('RG-016 switched off: new requests go direct without the header, the running one finishes over the link', async () => {
    let release = (): void => {};
    const { edge, get: ask } = await stage({
      handler: (request, response) => {
        response.setHeader('Content-Type', 'text/html');
        if (request.url === '/slow') release = () => void response.end(pageAt('shop', 1, 0));
        else response.end('ok');
      },
    });
    const running = ask('/slow');
    while (edge.transport.links().get('rg')?.busy !== 1) await new Promise((resolve) => setImmediate(resolve));
    edge.transport.links().get('rg')?.setEnabled(false);
    expect(railgunOf(await ask('/quick'))).toBe('');
    release();
    const finished = await running;
    expect(railgunOf(finished)).toMatch(/^[0-9a-f]{10} /);
    expect(finished.body.equals(pageAt('shop', 1, 0))).toBe(true);
  });

  it('RG-018 RG-047 RG-048 two edge places: each its own lane and its own versions; the second visit is a delta', async () => {
    let version = 0;
    const {
      listener,
      edge,
      origin,
      get: ask,
    } = await stage({
      handler: (_request, response) => {
        response.setHeader('Content-Type', 'text/html');
        response.end(pageAt('news', 1, version));
      },
    });
    const other = await startEdge({ listenerPort: listener.port, originPort: origin.port, place: 'NRT' });
    cleanups.push(() => other.stop());
    await warm(other);
    expect(listener.server.lanes).toBe(2);
    expect(railgunOf(await ask('/p'))).toMatch(/ 0000 /);
    version = 1;
    const [second, first] = [await ask('/p'), await get(other.port, '/p')];
    expect(railgunOf(second)).toMatch(/^[0-9a-f]{10} 0\.\d\d \d+\.\d{6} 0030 [0-9a-f]{4}$/);
    expect(railgunOf(first)).toMatch(/ 0000 /);
    expect([sha(second.body), sha(first.body)]).toEqual([sha(pageAt('news', 1, 1)), sha(pageAt('news', 1, 1))]);
    expect(edge.transport.links().get('rg')?.counts.modes).toMatchObject({ delta: 1 });
  });
});

describe('what the origin is asked', () => {
  it('RG-020 RG-027 RG-028 its headers stay inside the link, an agent is named, and odd targets arrive unchanged', async () => {
    const { origin, get: ask } = await stage();
    origin.seen.length = 0;
    await ask('/a%zz%?q=%%', { headers: { 'CF-Origin-IP': '9.9.9.9', 'CF-WAN-ID': 'x' } });
    expect(origin.seen[0]?.url).toBe('/a%zz%?q=%%');
    expect(origin.seen[0]?.headers).not.toHaveProperty('cf-origin-ip');
    expect(origin.seen[0]?.headers).not.toHaveProperty('cf-wan-id');
    expect(origin.seen[0]?.headers['user-agent']).toMatch(/^Railgun\//);
    expect(origin.seen[0]?.headers['host']).toBe('www.example.com');
  });

  it('RG-031 RG-093 requests in a row use one connection to the origin, and keep-alive', async () => {
    const { origin, listener, get: ask } = await stage();
    await ask('/a');
    const before = origin.connections;
    for (let i = 0; i < 10; i += 1) await ask(`/${i}`);
    expect(origin.connections).toBe(before);
    expect(listener.lan.idle).toBe(1);
  });

  it('RG-032 origin.cf-railgun: the origin sees the header with the word origin', async () => {
    const { origin, get: ask } = await stage({ listener: { rules: { originCfRailgun: true } } });
    await ask('/x');
    expect(origin.seen.at(-1)?.headers['cf-railgun']).toMatch(
      /^[0-9a-f]{10} origin 0\.000000 [0-9a-f]{4} [0-9a-f]{4}$/,
    );
  });

  it('RG-019 RG-081 RG-082 the map outranks the address of the request', async () => {
    const elsewhere = await Origin.start((_request, response) => response.end('elsewhere'));
    cleanups.push(() => elsewhere.stop());
    const nat = {
      entries: new Map([['mapped.example.com', { address: '127.0.0.1', port: elsewhere.port }]]),
      fallback: undefined,
    };
    const { get: ask } = await stage({ listener: { rules: { nat } }, handler: (_q, r) => r.end('asked') });
    expect((await ask('/x')).body.toString()).toBe('asked');
    const mapped = await ask('/x', { headers: { Host: 'mapped.example.com' } });
    expect(mapped.body.toString()).toBe('elsewhere');
    expect(railgunOf(mapped)).toMatch(/ 0001 /);
  });

  it('RG-026 a POST without any length is refused with 411, and nothing reaches the origin', async () => {
    const { origin, edge } = await stage();
    origin.seen.length = 0;
    const socket = connect(edge.port, '127.0.0.1');
    socket.write('POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 411 /);
    expect(origin.seen).toEqual([]);
  });

  it('RG-030 the origin drops a GET without a byte of answer: asked once more, and only once', async () => {
    let drops = 1;
    const {
      origin,
      listener,
      get: ask,
    } = await stage({
      handler: (request, response) => {
        if (request.url === '/flaky' && drops-- > 0) request.socket.resetAndDestroy();
        else response.end('there');
      },
    });
    expect((await ask('/flaky')).body.toString()).toBe('there');
    drops = 2;
    origin.seen.length = 0;
    const failed = await ask('/flaky');
    expect(failed.status).toBe(520);
    expect(origin.seen).toHaveLength(2);
    expect(listener.stats.json(clock.now())).toMatchObject({ origin_retries: 2 });
    drops = 1;
    origin.seen.length = 0;
    expect((await ask('/flaky', { method: 'POST', body: Buffer.from('x') })).status).toBe(520);
    expect(origin.seen).toHaveLength(1);
  });
});

describe('an origin that fails', () => {
  it('RG-035 RG-095 refuses: told at once, with the line of the original, and the lane goes on', async () => {
    const { listener, edge, get: ask } = await stage({ edge: { linkOrigin: { address: '127.0.0.1', port: 1 } } });
    const answer = await ask('/x');
    expect(answer.status).toBe(521);
    expect(listener.log).toContain('Error getting page: dial tcp 127.0.0.1:1:connection refused');
    expect(edge.transport.links().get('rg')?.lanes).toBe(1);
  });

  it('RG-033 never finishes accepting within lan.timeout: 522, and the line of the original', async () => {
    // TCP stands, TLS never does: to whoever waits for a connection it is the same.
    const hole = createServer(() => {});
    await new Promise<void>((resolve) => hole.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => void hole.close());
    const { port } = hole.address() as AddressInfo;
    const { listener, get: ask } = await stage({
      edge: { linkOrigin: { address: '127.0.0.1', port, tls: {} } },
      listener: { rules: { lanTimeoutUs: 200_000 } },
    });
    expect((await ask('/x')).status).toBe(522);
    expect(listener.log).toContain(
      `connection failed 127.0.0.1:${port}/www.example.com: dial tcp 127.0.0.1:${port}: i/o timeout`,
    );
  });

  it('RG-034 takes the request and says nothing for lan.timeout: 524, and the line', async () => {
    const { listener, get: ask } = await stage({
      handler: (request, response) => {
        if (request.url !== '/silent') response.end('ok');
      },
      // Room for the connection before it, and for the request after it.
      listener: { rules: { lanTimeoutUs: 2_000_000 } },
    });
    expect((await ask('/silent')).status).toBe(524);
    expect(
      listener.log.some((line) =>
        /^no response from origin \(timeout\) 127\.0\.0\.1:\d+\/www\.example\.com$/.test(line),
      ),
    ).toBe(true);
    expect((await ask('/fine')).body.toString()).toBe('ok');
  });

  it('breaks off in the middle: a body of known length is cut for the visitor too, never completed', async () => {
    const { get: ask } = await stage({
      handler: (request, response) => {
        if (request.url !== '/cut') return void response.end('ok');
        response.writeHead(200, { 'Content-Type': 'image/png', 'Content-Length': 500_000 });
        response.write(pattern(100_000), () => request.socket.destroy());
      },
    });
    expect((await ask('/cut')).cut).toBe(true);
    expect((await ask('/next')).body.toString()).toBe('ok');
  });

  it('RG-023 RG-024 RG-025 its certificate: 520 and the x509 line, unless it is not checked or its root is known', async () => {
    const { key, cert } = await makeCertificate('www.example.com', Date.now());
    const secure = createTlsServer({ key, cert }, (_request, response) => response.end('secret'));
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => void secure.close());
    const linkOrigin = { address: '127.0.0.1', port: (secure.address() as AddressInfo).port, tls: {} };
    const strict = await stage({ edge: { linkOrigin } });
    expect((await strict.get('/x')).status).toBe(520);
    expect(strict.listener.log.some((line) => line.endsWith('x509: certificate signed by unknown authority'))).toBe(
      true,
    );
    const lax = await stage({ edge: { linkOrigin }, listener: { rules: { validateCert: false } } });
    expect((await lax.get('/x')).body.toString()).toBe('secret');
    const trusting = await stage({ edge: { linkOrigin }, listener: { ca: cert } });
    expect((await trusting.get('/x')).body.toString()).toBe('secret');
    const wrongName = await trusting.get('/x', { headers: { Host: 'other.example.com' } });
    expect(wrongName.status).toBe(520);
    expect(
      trusting.listener.log.some((line) =>
        line.endsWith('x509: certificate is valid for www.example.com, not other.example.com'),
      ),
    ).toBe(true);
  });

  it('RG-022 insecure.origin: plain HTTP although the visitor asked for HTTPS', async () => {
    const origin = await Origin.start((_request, response) => response.end('plain'));
    cleanups.push(() => origin.stop());
    const { get: ask } = await stage({
      edge: { linkOrigin: { address: '127.0.0.1', port: origin.port, tls: {} } },
      listener: { rules: { insecureOrigin: true } },
    });
    expect((await ask('/x')).body.toString()).toBe('plain');
  });
});

describe('bodies', () => {
  it.each([
    { what: 'an image', type: 'image/png', bytes: 300_000, shown: / stream / },
    { what: 'RG-039 text of an unlisted type', type: 'application/octet-stream', bytes: 50_000, shown: / stream / },
    { what: 'RG-042 a small page', type: 'text/html', bytes: 900, shown: / stream / },
    { what: 'RG-036 a page of stream.size', type: 'text/html', bytes: 250_000, shown: / \d+\.\d\d / },
    { what: 'RG-036 a page of one byte more', type: 'text/html', bytes: 250_001, shown: / stream / },
    { what: 'RG-037 RG-038 a page of many megabytes', type: 'text/html', bytes: 9_000_000, shown: / stream / },
    { what: 'RG-041 nothing', type: 'text/html', bytes: 0, shown: / stream / },
  ])('$what arrives byte for byte, with and without a declared length', async ({ type, bytes, shown }) => {
    const body = pattern(bytes);
    const { get: ask } = await stage({
      handler: (request, response) => {
        response.setHeader('Content-Type', type);
        if (request.url === '/declared') response.setHeader('Content-Length', body.length);
        for (let at = 0; at < body.length; at += 40_000) response.write(body.subarray(at, at + 40_000));
        response.end();
      },
      listener: { rules: { streamSize: 250_000 } },
    });
    for (const path of ['/declared', '/chunked']) {
      const answer = await ask(path);
      expect([sha(answer.body), answer.cut]).toEqual([sha(body), false]);
      expect(railgunOf(answer)).toMatch(shown);
    }
  });

  it('RG-043 a page that the origin gzips is opened, and its next version is a delta', async () => {
    let version = 0;
    const { get: ask } = await stage({
      handler: (_request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Encoding': 'gzip' });
        response.end(gzipSync(pageAt('shop', 2, version)));
      },
    });
    await ask('/p');
    version = 1;
    const answer = await ask('/p', { headers: { 'Accept-Encoding': 'gzip' } });
    expect(answer.headers['content-encoding']).toBeUndefined();
    expect(answer.body.equals(pageAt('shop', 2, 1))).toBe(true);
    expect(railgunOf(answer)).toMatch(/ [0-3]\.\d\d .* 0030 /);
  });

  it('RG-046 HEAD, 304, 206, 204 and POST pass through, with nothing stored', async () => {
    const { listener, get: ask } = await stage({
      handler: (request, response) => {
        response.setHeader('Content-Type', 'text/html');
        if (request.url === '/304') return void response.writeHead(304, { ETag: '"x"' }).end();
        if (request.url === '/204') return void response.writeHead(204).end();
        if (request.url === '/206')
          return void response.writeHead(206, { 'Content-Range': 'bytes 0-4/9' }).end('01234');
        if (request.method === 'HEAD') response.setHeader('Content-Length', 4_321);
        response.end(request.method === 'HEAD' ? '' : pageAt('news', 1, 1));
      },
    });
    listener.stats.json(clock.now());
    const head = await ask('/x', { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, '4321', 0]);
    expect((await ask('/304')).status).toBe(304);
    expect((await ask('/204')).status).toBe(204);
    const part = await ask('/206');
    expect([part.status, part.body.toString(), part.headers['content-range']]).toEqual([206, '01234', 'bytes 0-4/9']);
    const post = await ask('/x', { method: 'POST', body: Buffer.from('hello') });
    expect(post.body.equals(pageAt('news', 1, 1))).toBe(true);
    for (const answer of [head, part, post]) expect(railgunOf(answer)).toMatch(/^[0-9a-f]{10} stream /);
  });

  it.each([
    { how: 'with a length', chunked: false, bytes: 3_000_000 },
    { how: 'in chunks', chunked: true, bytes: 3_000_000 },
    { how: 'in one packet', chunked: false, bytes: 40 },
  ])('an upload $how reaches the origin whole', async ({ chunked, bytes }) => {
    const { get: ask } = await stage({
      handler: (request, response) => {
        const digest = createHash('sha256');
        request.on('data', (chunk: Buffer) => digest.update(chunk));
        request.on('end', () =>
          response.end(`${digest.digest('hex')} ${request.headers['content-length'] ?? 'chunked'}`),
        );
      },
    });
    const body = pattern(bytes, 7);
    const answer = await ask('/up', { method: 'PUT', body, chunked });
    expect(answer.body.toString()).toBe(`${sha(body)} ${chunked ? 'chunked' : bytes}`);
    expect(railgunOf(answer)).toMatch(/^[0-9a-f]{10} /);
  });

  it('Expect: 100-continue is answered, since the origin’s own 100 has no way through the link', async () => {
    const { edge } = await stage({
      handler: (request, response) => {
        request.resume();
        request.on('end', () => response.end('done'));
      },
    });
    const socket = connect(edge.port, '127.0.0.1');
    socket.write(
      'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n',
    );
    let text = '';
    for await (const chunk of socket) {
      text += String(chunk);
      if (text === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write('hello');
    }
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  });

  it('a visitor who reads nothing holds the origin back: at most a window and what the sockets hold is taken', async () => {
    let written = 0;
    let blocked = (): void => {};
    const stuck = new Promise<void>((resolve) => {
      blocked = resolve;
    });
    const total = 64_000_000;
    const piece = pattern(64_000);
    const { edge } = await stage({
      handler: (request, response) => {
        if (request.url !== '/big') return void response.end('ok');
        response.writeHead(200, { 'Content-Type': 'video/mp4', 'Content-Length': total });
        let quiet: NodeJS.Timeout | undefined;
        const more = (): void => {
          clearTimeout(quiet);
          while (written < total) {
            written += piece.length;
            if (!response.write(piece)) break;
          }
          if (written >= total) response.end();
          else {
            response.once('drain', more);
            quiet = setTimeout(blocked, 300);
          }
        };
        more();
      },
    });
    const socket = connect(edge.port, '127.0.0.1');
    socket.pause();
    socket.write('GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await stuck;
    expect(written).toBeLessThan(40_000_000);
    const digest = createHash('sha256');
    let head = Buffer.alloc(0);
    let seen = 0;
    for await (const chunk of socket) {
      if (seen === 0 && head.indexOf('\r\n\r\n') < 0) {
        head = Buffer.concat([head, chunk as Buffer]);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) continue;
        seen += head.length - end - 4;
        digest.update(head.subarray(end + 4));
      } else {
        seen += (chunk as Buffer).length;
        digest.update(chunk as Buffer);
      }
    }
    const expected = createHash('sha256');
    for (let at = 0; at < total; at += piece.length)
      expected.update(piece.subarray(0, Math.min(piece.length, total - at)));
    expect([seen, digest.digest('hex')]).toEqual([total, expected.digest('hex')]);
  });

  it('a visitor who leaves: the origin is let go, and the lane goes on', async () => {
    let gone = (): void => {};
    const left = new Promise<void>((resolve) => {
      gone = resolve;
    });
    let asked = (): void => {};
    const reached = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const { edge, get: ask } = await stage({
      handler: (request, response) => {
        if (request.url !== '/slow') return void response.end('ok');
        request.socket.once('close', gone);
        asked();
      },
    });
    const socket = connect(edge.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    await reached;
    socket.resetAndDestroy();
    await left;
    expect(railgunOf(await ask('/next'))).toMatch(/^[0-9a-f]{10} /);
  });
});

describe('the wire', () => {
  it('RG-129 a small delta leaves the listener as one write, one TLS record, within one segment of 1,460 bytes', async () => {
    let version = 0;
    const {
      listener,
      edge: _edge,
      origin,
    } = await stage({
      handler: (_request, response) => {
        response.setHeader('Content-Type', 'text/html');
        response.end(pageAt('news', 1, version));
      },
    });
    // Between edge and listener: a relay that counts what each read brings.
    const reads: Buffer[] = [];
    const relay: Server = createServer({ noDelay: true }, (near) => {
      const far = connect({ port: listener.port, host: '127.0.0.1', noDelay: true });
      near.on('data', (chunk: Buffer) => far.write(chunk));
      far.on('data', (chunk: Buffer) => {
        reads.push(chunk);
        near.write(chunk);
      });
      for (const socket of [near, far]) socket.on('error', () => {}).on('close', () => (near.destroy(), far.destroy()));
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => void relay.close());
    const edge = await startEdge({ listenerPort: (relay.address() as AddressInfo).port, originPort: origin.port });
    cleanups.push(() => edge.stop());
    await warm(edge);
    await get(edge.port, '/p');
    for (version = 1; version < 4; version += 1) {
      reads.length = 0;
      const answer = await get(edge.port, '/p');
      expect(railgunOf(answer)).toMatch(/ 0030 /);
      const bytes = Buffer.concat(reads);
      expect(records(bytes)).toEqual([23]);
      expect(bytes.length).toBeLessThanOrEqual(1_460);
    }
  });

  it('RG-103 whoever looks at the lane sees TLS and nothing else', async () => {
    const seen: Buffer[] = [];
    const { listener, origin } = await stage();
    const relay: Server = createServer((near) => {
      const far = connect(listener.port, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('data', (chunk: Buffer) => {
          seen.push(chunk);
          to.write(chunk);
        });
        from.on('error', () => {}).on('close', () => to.destroy());
      }
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => void relay.close());
    const edge = await startEdge({ listenerPort: (relay.address() as AddressInfo).port, originPort: origin.port });
    cleanups.push(() => edge.stop());
    await warm(edge);
    await get(edge.port, '/very-secret-path');
    const all = Buffer.concat(seen);
    expect(all.includes('very-secret-path')).toBe(false);
    expect(all.includes('Daily Junction')).toBe(false);
    expect(all.includes('0123456789abcdef')).toBe(false);
  });
});

/** Content types of the TLS records in a stream that begins at a record. */
function records(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) types.push(bytes[at] ?? 0);
  return types;
}
