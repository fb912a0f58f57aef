import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ask, configOf, NamedOrigin, type Ready, run, Serve, tempFolder, until } from './support.ts';

let serve: Serve;
let ready: Ready;
let at = '';
let admin = '';
const origins: NamedOrigin[] = [];
const folder = tempFolder();
const log = join(folder, 'access.log');

async function start(name: string, host?: string): Promise<NamedOrigin> {
  const origin = await NamedOrigin.start(name, host);
  origins.push(origin);
  return origin;
}

let one: NamedOrigin;
let two: NamedOrigin;
let last: NamedOrigin;

beforeAll(async () => {
  one = await start('a-1');
  two = await start('a-2', '127.0.0.2');
  last = await start('f-1');
  const sticky = {
    session_affinity: 'cookie',
    session_affinity_attributes: { zero_downtime_failover: 'sticky' },
  };
  const base = configOf({ a: [one, two], f: [last] }, sticky) as { load_balancers: object[]; pools: object[] };
  const config = {
    ...base,
    pools: [
      ...base.pools,
      { name: 'nowhere', origins: [{ name: 'x', address: 'no-such-name.invalid' }] },
      { name: 'dead', origins: [{ name: 'x', address: '127.0.0.1', port: 1 }] },
      { name: 'off', enabled: false, origins: [{ name: 'x', address: '127.0.0.3', port: 1 }] },
    ],
    load_balancers: [
      ...base.load_balancers,
      { name: 'nowhere.example.com', proxied: true, default_pools: ['nowhere'], fallback_pool: 'nowhere' },
      { name: 'dead.example.com', proxied: true, default_pools: ['off'], fallback_pool: 'dead' },
      { name: 'off.example.com', proxied: true, default_pools: ['off'], fallback_pool: 'off' },
    ],
  };
  serve = new Serve(config, ['--listen-tls', '127.0.0.1:0', '--access-log', log, '--pop', 'FRA'], folder);
  ready = await serve.ready();
  at = ready.listen!;
  admin = ready.admin!;
});

afterAll(async () => {
  await serve.end();
  for (const origin of origins) origin.kill();
});

const www = { host: 'www.example.com' };

describe('requests through the edge', () => {
  test('LB-168 curl with a cookie jar stays where it was sent first', async () => {
    const jar = join(folder, 'jar');
    const url = `http://${at}/`;
    const seen = new Set<string>();
    for (let i = 0; i < 6; i += 1) seen.add((await run('curl', ['-s', '-b', jar, '-c', jar, url])).out);
    expect(seen.size).toBe(1);
    expect(readFileSync(jar, 'utf8')).toContain('__cflb');
    expect(['a-1', 'a-2']).toContain([...seen][0]);
  });

  test('LB-224 LB-229 the origin is told who asks; the client sees the same ray', async () => {
    const path = `/told/${one.requests.length + two.requests.length}`;
    const got = await ask(at, { path, headers: { ...www, 'X-Forwarded-Proto': 'ftp' } });
    const told = [...one.requests, ...two.requests].find((each) => each.url === path)!.headers;
    expect(told).toMatchObject({
      host: 'www.example.com',
      'cf-connecting-ip': '127.0.0.1',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'cf-visitor': '{"scheme":"http"}',
      'cdn-loop': 'cloudflare',
    });
    expect(told['cf-ray']).toMatch(/^[0-9a-f]{16}-FRA$/);
    expect(got.headers['cf-ray']).toBe(told['cf-ray']);
    expect(got.headers['cf-cache-status']).toBe('DYNAMIC');
  });

  test('a body goes through, and so does its answer', async () => {
    const body = 'x'.repeat(200_000);
    const echo: NamedOrigin['answer'] = (message, respond) => {
      if (message.url !== '/echo') return false;
      const hash = createHash('sha256');
      message.on('data', (piece: Buffer) => hash.update(piece));
      message.on('end', () => respond(201, hash.digest('hex')));
      return true;
    };
    one.answer = two.answer = echo;
    const got = await ask(at, { path: '/echo', method: 'POST', headers: www, body });
    expect(got).toMatchObject({ status: 201, body: createHash('sha256').update(body).digest('hex') });
  });

  test('a WebSocket goes through, both ways', async () => {
    const { port, close } = await webSocketEcho();
    const config = {
      pools: [{ name: 'w', origins: [{ name: 'w', address: '127.0.0.1', port }] }],
      load_balancers: [{ name: 'ws.example.com', proxied: true, default_pools: ['w'], fallback_pool: 'w' }],
    };
    const other = new Serve(config);
    try {
      const socket = new WebSocket(`ws://${(await other.ready()).listen}/chat`);
      const answer = await new Promise<string>((resolve, reject) => {
        socket.onopen = () => socket.send('hello');
        socket.onmessage = ({ data }) => resolve(String(data));
        socket.onerror = () => reject(new Error('the WebSocket failed'));
      });
      expect(answer).toBe('hello');
      socket.close();
    } finally {
      await other.end();
      close();
    }
  });

  test('LB-157 all pools and the fallback disabled: 530 with 1016', async () => {
    const got = await ask(at, { headers: { host: 'off.example.com', accept: 'application/json' } });
    expect(got.status).toBe(530);
    expect(JSON.parse(got.body)).toMatchObject({ error_code: 1016, cloudflare_error: true });
  });

  test('LB-165 origin and fallback with a name that does not resolve: 530 with 1016', async () => {
    const got = await ask(at, { headers: { host: 'nowhere.example.com' } });
    expect(got.status).toBe(530);
    expect(got.headers['cf-error-type']).toBe('1016');
  });

  test('LB-161 the fallback’s server refuses: 521', async () => {
    const got = await ask(at, { headers: { host: 'dead.example.com' } });
    expect(got.status).toBe(521);
    expect(got.headers['cf-error-type']).toBe('521');
  });

  test('a name that nobody has: 530 with 1001', async () => {
    expect((await ask(at, { headers: { host: 'who.example.org' } })).headers['cf-error-type']).toBe('1001');
  });

  test('an HTTP/1.0 client without Host reaches the first balancer', async () => {
    const { out } = await run('curl', ['-s', '-0', '-H', 'Host:', `http://${at}/`]);
    expect(['a-1', 'a-2']).toContain(out);
  });
});

describe('HTTPS with the local authority', () => {
  test('curl trusts it by its file, for the name and for the address', async () => {
    const port = ready.listen_tls!.split(':')[1]!;
    const named = [
      '-s',
      '--cacert',
      ready.ca!,
      '--resolve',
      `www.example.com:${port}:127.0.0.1`,
      `https://www.example.com:${port}/`,
    ];
    expect((await run('curl', ['--http1.1', ...named])).out).toMatch(/^a-/);
    expect((await run('curl', ['--http1.1', '-s', '--cacert', ready.ca!, `https://${ready.listen_tls}/`])).out).toMatch(
      /^a-/,
    );
    expect((await run('curl', ['-s', `https://${ready.listen_tls}/`])).code).toBe(60);
  });

  test('openssl sees one certificate per name', async () => {
    for (const name of ['www.example.com', 'other.example.com']) {
      const shown = await run('openssl', [
        's_client',
        '-connect',
        ready.listen_tls!,
        '-servername',
        name,
        '-CAfile',
        ready.ca!,
        '-verify_hostname',
        name,
      ]);
      expect(shown.out).toContain('Verify return code: 0 (ok)');
    }
  });

  test('the origin is told that the client spoke TLS', async () => {
    await run('curl', ['--http1.1', '-s', '--cacert', ready.ca!, `https://${ready.listen_tls}/secure`]);
    const told = [...one.requests, ...two.requests].find((each) => each.url === '/secure')!;
    expect(told.headers['cf-visitor']).toBe('{"scheme":"https"}');
  });
});

describe('what the admin port says', () => {
  test('explain tells what then happens', async () => {
    const asked = await ask(admin, { path: '/_switchyard/explain?host=dead.example.com' });
    const explained = JSON.parse(asked.body) as { decision: Record<string, unknown>; rungs: unknown[] };
    expect(explained.decision).toMatchObject({ kind: 'fallback', pool: 'dead', origin: 'x', because: 'fallback_pool' });
    expect(explained.rungs.length).toBeGreaterThan(3);
    await ask(at, { path: '/explained', headers: { host: 'dead.example.com' } });
    const line = await until(
      () => Promise.resolve(lines().find((each) => each['ClientRequestURI'] === '/explained')),
      (found) => found !== undefined,
    );
    expect(line).toMatchObject({ pool: 'dead', origin: 'x', because: 'fallback_pool' });
  });

  test('LB-162 the access log says fallback, and what the client got', async () => {
    const line = await until(
      () => Promise.resolve(lines().find((each) => each['ClientRequestHost'] === 'dead.example.com')),
      (found) => found !== undefined,
    );
    expect(line).toMatchObject({
      fallback: true,
      EdgeResponseStatus: 521,
      error: 521,
      ClientIP: '127.0.0.1',
      EdgeColoCode: 'FRA',
      OriginIP: '127.0.0.1',
      OriginResponseStatus: 0,
    });
  });

  test('explain with a session, and with a mistake', async () => {
    const kept = await ask(admin, { path: '/_switchyard/explain?cookie=a/a-2&pop=LHR&ip=203.0.113.7&country=GB' });
    expect(JSON.parse(kept.body)).toMatchObject({
      client: { address: '203.0.113.7', pop: 'LHR' },
      decision: { pool: 'a', origin: 'a-2', because: 'affinity_cookie', affinity: 'kept' },
    });
    const wrong = await ask(admin, { path: '/_switchyard/explain?pop=XXX' });
    expect(wrong.status).toBe(400);
    expect(wrong.body).toContain('unknown PoP');
  });

  test('metrics count what was asked', async () => {
    const before = await metric('switchyard_requests_total{balancer="www.example.com",status="2xx"}');
    for (let i = 0; i < 5; i += 1) await ask(at, { headers: www });
    expect(await metric('switchyard_requests_total{balancer="www.example.com",status="2xx"}')).toBe(before + 5);
    expect(await metric('switchyard_origin_healthy{pool="a",origin="a-1"}')).toBe(1);
    expect(await metric('switchyard_request_duration_seconds_count{balancer="www.example.com"}')).toBe(before + 5);
  });

  test.each(['/livez', '/readyz', '/_switchyard/livez', '/_switchyard/readyz', '/_switchyard/health'])(
    '%s is 200',
    async (path) => {
      expect((await ask(admin, { path })).status).toBe(200);
    },
  );

  test('a page of another site may not look', async () => {
    expect((await ask(admin, { path: '/metrics', headers: { host: 'evil.example:8787' } })).status).toBe(403);
    expect((await ask(admin, { path: '/metrics', headers: { origin: 'https://evil.example' } })).status).toBe(403);
  });
});

describe('a killed origin', () => {
  // However the test ended: both are back, so that it can be played again.
  afterEach(async () => {
    for (const origin of [one, two]) await origin.start();
    await until(
      () => Promise.all(['a-1', 'a-2'].map((name) => metric(`switchyard_origin_healthy{pool="a",origin="${name}"}`))),
      (healthy) => healthy.every((each) => each === 1),
    );
  });

  test('LB-191 its sessions move within the request that finds out; the event says so; later probes agree', async () => {
    const rayOf = (got: { headers: Record<string, unknown> }): string | undefined =>
      String(got.headers['cf-ray']).split('-')[0];
    const first = await ask(at, { headers: www });
    const cookie = String(first.headers['set-cookie']).split(';')[0]!;
    const pinned = first.body === 'a-1' ? one : two;
    const other = pinned === one ? two : one;
    const stream = new AbortController();
    const events = fetch(`http://${admin}/_switchyard/events?since=0`, { signal: stream.signal });
    pinned.kill();
    const moved = await ask(at, { headers: { ...www, cookie } });
    expect(moved).toMatchObject({ status: 200, body: other.name });
    expect(String(moved.headers['set-cookie'])).toContain('__cflb=');
    const line = await until(
      () => Promise.resolve(lines().find((each) => each['RayID'] === rayOf(moved))),
      (found) => found !== undefined,
    );
    expect(line).toMatchObject({ pool: 'a', origin: other.name, attempts: 2, tried: [`a/${pinned.name} 521`] });
    // Nothing is written where nothing was tried before.
    expect(lines().find((each) => each['RayID'] === rayOf(first))).not.toHaveProperty('tried');
    const story = `event: failover[^]*"from":"a/${pinned.name}"[^]*event: health[^]*"to":"unhealthy"`;
    await readUntil(await events, new RegExp(story));
    stream.abort();
    // Every later request goes to the one that is left, and none fails.
    for (let i = 0; i < 20; i += 1)
      expect(await ask(at, { headers: www })).toMatchObject({ status: 200, body: other.name });
    await pinned.start();
    await until(
      () => ask(at, { headers: www }),
      (got) => got.body === pinned.name,
    );
  });

  test('Last-Event-ID brings what was missed, and nothing twice', async () => {
    const stream = new AbortController();
    const all = await readUntil(
      await fetch(`http://${admin}/_switchyard/events?since=0`, { signal: stream.signal }),
      /id: 3\n/,
    );
    expect([...all.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1])).slice(0, 3)).toEqual([1, 2, 3]);
    const rest = await readUntil(
      await fetch(`http://${admin}/_switchyard/events`, { headers: { 'last-event-id': '2' }, signal: stream.signal }),
      /id: 3\n/,
    );
    expect(rest).not.toContain('id: 2\n');
    stream.abort();
  });
});

function lines(): Record<string, unknown>[] {
  // What stands behind the last line end is still being written.
  return readFileSync(log, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function metric(sample: string): Promise<number> {
  const { body } = await ask(admin, { path: '/metrics' });
  const line = body.split('\n').find((each) => each.startsWith(`${sample} `));
  return Number(line?.slice(sample.length + 1) ?? Number.NaN);
}

async function readUntil(response: Response, pattern: RegExp): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  const reader = response.body!.getReader();
  while (!pattern.test(text)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`ended without ${pattern}: ${text}`);
    text += decoder.decode(value, { stream: true });
  }
  return text;
}

/** RFC 6455 by hand, as little as an echo needs. */
async function webSocketEcho(): Promise<{ port: number; close: () => void }> {
  const server = createServer((socket) => {
    let open = false;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      if (!open) {
        open = true;
        const key = /sec-websocket-key: (.*)\r\n/i.exec(data.toString())![1]!;
        const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
        return;
      }
      const frame = data as Buffer;
      if ((frame[0]! & 15) !== 1) return void socket.end();
      const length = frame[1]! & 127;
      const mask = frame.subarray(2, 6);
      const text = frame.subarray(6, 6 + length).map((byte, i) => byte ^ mask[i % 4]!);
      socket.write(Buffer.concat([Buffer.from([0x81, length]), text]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return { port, close: () => server.close() };
}
