/** HTTP/2 as visitors have it from `switchyard serve`: curl, Node's client, workers, the access log, the pages of errors, a Railgun link. */
import { readFileSync } from 'node:fs';
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { serveSite } from '../railgun/served.ts';
import { ask, configOf, NamedOrigin, type Ready, run, Serve, tempFolder, until } from './support.ts';

const folder = tempFolder();
const log = join(folder, 'access.log');
const origins: NamedOrigin[] = [];
const sessions: ClientHttp2Session[] = [];
let serve: Serve;
let ready: Ready;

beforeAll(async () => {
  origins.push(
    await NamedOrigin.start('a-1'),
    await NamedOrigin.start('a-2', '127.0.0.2'),
    await NamedOrigin.start('f-1'),
  );
  const [a, b, f] = origins as [NamedOrigin, NamedOrigin, NamedOrigin];
  const base = configOf({ a: [a, b], f: [f] }, { session_affinity: 'cookie' }) as {
    pools: object[];
    load_balancers: object[];
  };
  const config = {
    ...base,
    pools: [...base.pools, { name: 'dead', origins: [{ name: 'x', address: '127.0.0.1', port: 1 }] }],
    load_balancers: [
      ...base.load_balancers,
      { name: 'dead.example.com', proxied: true, default_pools: ['dead'], fallback_pool: 'dead' },
    ],
  };
  serve = new Serve(config, ['--listen-tls', '127.0.0.1:0', '--access-log', log], folder);
  ready = await serve.ready();
});

afterEach(() => {
  for (const each of sessions.splice(0)) each.destroy();
});

afterAll(async () => {
  await serve.end();
  for (const origin of origins) origin.kill();
});

interface Got {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function dial(at: string, name: string, ca: string): ClientHttp2Session {
  const session = connect(`https://${name}`, {
    host: '127.0.0.1',
    port: Number(at.split(':')[1]),
    servername: name,
    ca: readFileSync(ca),
  });
  sessions.push(session);
  session.on('error', () => {});
  return session;
}

function get(session: ClientHttp2Session, headers: Record<string, string> = {}): Promise<Got> {
  const stream = session.request({ ':path': '/', ...headers });
  return new Promise((resolve, reject) => {
    let head: IncomingHttpHeaders = {};
    let body = '';
    stream.on('response', (fields) => (head = fields));
    stream.setEncoding('utf8').on('data', (piece: string) => (body += piece));
    stream.on('end', () => resolve({ headers: head, body }));
    stream.on('error', reject);
  });
}

function lines(): Record<string, unknown>[] {
  return readFileSync(log, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const logged = (holds: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown> | undefined> =>
  until(
    () => Promise.resolve(lines().find(holds)),
    (found) => found !== undefined,
  );

describe('HTTP/2', () => {
  test('curl chooses it, and --http1.1 still works at the same port', async () => {
    const port = ready.listen_tls!.split(':')[1]!;
    const url = `https://www.example.com:${port}/curl`;
    const flags = [
      '-s',
      '--cacert',
      ready.ca!,
      '--resolve',
      `www.example.com:${port}:127.0.0.1`,
      '-w',
      ' %{http_version}',
    ];
    expect((await run('curl', ['--http2', ...flags, url])).out).toMatch(/^a-\d 2$/);
    expect((await run('curl', ['--http1.1', ...flags, url])).out).toMatch(/^a-\d 1\.1$/);
    expect((await run('curl', ['--http2', '-d', 'x'.repeat(100_000), ...flags, url])).out).toMatch(/^a-\d 2$/);
    expect(
      await logged((line) => line['ClientRequestURI'] === '/curl' && line['ClientRequestProtocol'] === 'HTTP/2'),
    ).toMatchObject({
      ClientRequestScheme: 'https',
      ClientRequestHost: `www.example.com:${port}`,
      EdgeResponseStatus: 200,
      balancer: 'www.example.com',
      outcome: 'completed',
    });
    await logged((line) => line['ClientRequestProtocol'] === 'HTTP/1.1');
  });

  test('many requests of one connection are steered each by its own cookie', async () => {
    const session = dial(ready.listen_tls!, 'www.example.com', ready.ca!);
    const cookies = new Map<string, string>();
    while (cookies.size < 2) {
      const { headers, body } = await get(session);
      cookies.set(body, String(headers['set-cookie']).split(';')[0]!);
    }
    const wanted = Array.from({ length: 40 }, (_, i) => `a-${(i % 2) + 1}`);
    const got = await Promise.all(wanted.map((name) => get(session, { cookie: cookies.get(name)! })));
    expect(got.map(({ body }) => body)).toEqual(wanted);
    expect(new Set(got.map(({ headers }) => headers['cf-ray'])).size).toBe(40);
    expect(got.every(({ headers }) => headers['cf-cache-status'] === 'DYNAMIC')).toBe(true);
  });

  test('errors of the edge are the same pages', async () => {
    const { headers, body } = await get(dial(ready.listen_tls!, 'dead.example.com', ready.ca!), {
      accept: 'application/json',
    });
    expect(headers).toMatchObject({
      ':status': 521,
      'cf-error-type': '521',
      'content-type': 'application/problem+json',
    });
    expect(JSON.parse(body)).toMatchObject({ error_code: 521 });
    expect(await logged((line) => line['EdgeResponseStatus'] === 521)).toMatchObject({
      error: 521,
      outcome: 'local',
    });
  });

  test('a name for which this connection was not opened: 421, and it is in the log', async () => {
    const misdirected = async (): Promise<number> => {
      const { body } = await ask(ready.admin!, { path: '/metrics' });
      return Number(/^switchyard_refused_requests_total\{fault="misdirected"\} (\d+)$/m.exec(body)?.[1] ?? 0);
    };
    const before = await misdirected();
    const session = dial(ready.listen_tls!, 'www.example.com', ready.ca!);
    const { headers, body } = await get(session, { ':authority': 'dead.example.com', ':path': '/coalesced' });
    expect(headers[':status']).toBe(421);
    expect(body).toContain('misdirected');
    expect((await get(session)).headers[':status']).toBe(200);
    expect(await logged((line) => line['ClientRequestURI'] === '/coalesced')).toMatchObject({
      EdgeResponseStatus: 421,
      ClientRequestProtocol: 'HTTP/2',
      ClientRequestHost: 'dead.example.com',
      because: 'misdirected',
      outcome: 'refused',
    });
    expect(await misdirected()).toBe(before + 1);
  });

  test('several workers: SIGTERM lets a running stream end, says GOAWAY, exit code 0', async () => {
    const [a] = origins as [NamedOrigin];
    let finish: (() => void) | undefined;
    a.answer = (message, respond) => {
      if (message.url !== '/late') return false;
      finish = () => respond(200, 'late');
      return true;
    };
    const other = new Serve(configOf({ a: [a] }), ['--listen-tls', '127.0.0.1:0', '--workers', '2']);
    try {
      const { listen_tls: at, ca } = await other.ready();
      const session = dial(at!, 'www.example.com', ca!);
      const goaway = new Promise<number>((resolve) => session.on('goaway', (code) => resolve(code)));
      const late = get(session, { ':path': '/late' });
      await until(
        () => Promise.resolve(finish),
        (there) => there !== undefined,
      );
      other.process.kill('SIGTERM');
      expect(await goaway).toBe(0);
      finish!();
      expect(await late).toMatchObject({ body: 'late' });
      expect(await other.ended()).toBe(0);
    } finally {
      a.answer = undefined;
      await other.end();
    }
  });
});

test('RG-001 over a Railgun link: the same page, and the header that tells of it', async () => {
  const served = await serveSite({ flags: { listenTls: '127.0.0.1:0' } });
  try {
    await served.linked();
    const { port } = served.service.addresses.listenTls!;
    const session = dial(`127.0.0.1:${port}`, 'link.example.com', served.service.ready.ca!);
    const [direct, linked] = [await served.ask('link.example.com', '/a'), await get(session, { ':path': '/a' })];
    expect(linked.headers['cf-railgun']).toMatch(/^[0-9a-f]{10} \d+\.\d\d \d+\.\d{6} 0000 [0-9a-f]{4}$/);
    expect(linked.body).toBe(direct.body.toString('utf8'));
  } finally {
    await served.end();
  }
});
