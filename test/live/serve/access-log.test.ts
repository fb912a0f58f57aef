/** The access log tells of every request, also of those that never got as far as a decision, and says who the client really was. */
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ask, configOf, NamedOrigin, Serve, tempFolder, until } from './support.ts';

const running: (Serve | NamedOrigin)[] = [];

afterEach(async () => {
  for (const each of running.splice(0)) await (each instanceof Serve ? each.end() : each.kill());
});

interface Site {
  readonly at: string;
  readonly admin: string;
  readonly origin: NamedOrigin;
  /** The lines so far, once there are as many. */
  lines(count: number): Promise<Record<string, unknown>[]>;
}

async function site(flags: readonly string[] = []): Promise<Site> {
  const origin = await NamedOrigin.start('a-1');
  const folder = tempFolder();
  const log = join(folder, 'access.log');
  const serve = new Serve(configOf({ a: [origin] }), ['--access-log', log, ...flags], folder);
  running.push(serve, origin);
  const { listen, admin } = await serve.ready();
  const read = (): string[] => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1) : []);
  const lines = async (count: number): Promise<Record<string, unknown>[]> => {
    const all = await until(
      () => Promise.resolve(read()),
      (found) => found.length >= count,
    );
    return all.map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  return { at: listen!, admin: admin!, origin, lines };
}

/** Says these bytes and reads until the edge ends the connection. */
function say(at: string, bytes: string): Promise<string> {
  const [host, port] = at.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host: host!, port: Number(port) });
    let text = '';
    socket.on('data', (piece: Buffer) => (text += piece.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
    socket.write(Buffer.from(bytes, 'latin1'));
  });
}

describe('requests refused before anything was decided', () => {
  test.each([
    {
      name: 'two Hosts',
      bytes: 'GET /two HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      status: 400,
      because: 'two_hosts',
      method: 'GET',
      target: '/two',
      host: 'a',
    },
    {
      name: 'CL and TE',
      bytes: 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      status: 400,
      because: 'length_and_chunked',
      method: 'POST',
      target: '/x',
      host: 'a',
    },
    {
      name: 'a blank before the colon',
      bytes: 'GET /s?a=" HTTP/1.1\r\nHost : a\r\n\r\n',
      status: 400,
      because: 'space_before_colon',
      method: 'GET',
      target: '/s?a="',
      host: '',
    },
    {
      name: 'a bare LF',
      bytes: 'GET /lf HTTP/1.1\nHost: a\n\n',
      status: 400,
      because: 'bad_line_end',
      method: 'GET',
      target: '/lf',
      host: 'a',
    },
    {
      name: 'no HTTP at all',
      bytes: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      status: 400,
      because: 'bad_method',
      method: '',
      target: '',
      host: '',
    },
    {
      name: 'a version that is not known',
      bytes: 'GET / HTTP/3.0\r\nHost: a\r\n\r\n',
      status: 505,
      because: 'version_not_supported',
      method: 'GET',
      target: '/',
      host: 'a',
    },
    {
      name: 'CONNECT',
      bytes: 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n',
      status: 501,
      because: 'method_not_supported',
      method: 'CONNECT',
      target: 'a:443',
      host: 'a:443',
    },
    {
      name: 'a target above 16 KiB',
      bytes: `GET /${'x'.repeat(17_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      status: 414,
      because: 'target_too_long',
      method: '',
      target: '',
      host: '',
    },
  ])('$name: $status, with what could be read of it', async ({ bytes, status, because, method, target, host }) => {
    const { at, lines, origin } = await site();
    const answer = await say(at, bytes);
    expect(answer).toContain(`HTTP/1.1 ${status} `);
    const [line] = await lines(1);
    expect(line).toMatchObject({
      ClientIP: '127.0.0.1',
      ClientRequestMethod: method,
      ClientRequestURI: target,
      ClientRequestHost: host,
      EdgeResponseStatus: status,
      EdgeResponseBytes: answer.length,
      OriginResponseStatus: 0,
      because,
      outcome: 'refused',
    });
    expect(origin.requests).toEqual([]);
  });

  test('the second of two pipelined requests is broken: one line each', async () => {
    const { at, lines } = await site();
    const answer = await say(
      at,
      'GET /one HTTP/1.1\r\nHost: www.example.com\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    );
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
    expect(
      (await lines(2)).map((line) => [line['ClientRequestURI'], line['EdgeResponseStatus'], line['outcome']]),
    ).toEqual([
      ['/one', 200, 'completed'],
      ['/two', 400, 'refused'],
    ]);
  });

  test('what the engine answers by itself, and a body that breaks off, are one line each as well', async () => {
    const { at, lines } = await site();
    await say(at, 'TRACE /t HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n');
    await say(at, 'POST /broken HTTP/1.1\r\nHost: www.example.com\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
    expect((await lines(2)).map((line) => [line['ClientRequestURI'], line['EdgeResponseStatus']])).toEqual([
      ['/t', 405],
      ['/broken', 400],
    ]);
  });
});

describe('--trust-proxy', () => {
  const forwarded = { host: 'www.example.com', 'x-forwarded-for': '203.0.113.9, 10.1.2.3' };

  test.each([
    { name: 'one process', flags: [] },
    { name: 'two workers', flags: ['--workers', '2'] },
  ])(
    'the client is the last address that no trusted proxy has, in the log and towards the origin ($name)',
    async ({ flags }) => {
      const { at, lines, origin } = await site([
        '--trust-proxy',
        '127.0.0.0/8',
        '--trust-proxy',
        '10.0.0.0/8',
        ...flags,
      ]);
      for (let i = 0; i < 6; i += 1) await ask(at, { path: `/${i}`, headers: forwarded });
      const seen = await lines(6);
      expect(new Set(seen.map((line) => line['ClientIP']))).toEqual(new Set(['203.0.113.9']));
      expect(seen.map((line) => line['ClientRequestURI']).sort()).toEqual(['/0', '/1', '/2', '/3', '/4', '/5']);
      expect(new Set(origin.requests.map(({ headers }) => headers['cf-connecting-ip']))).toEqual(
        new Set(['203.0.113.9']),
      );
    },
  );

  test('without it nobody believes X-Forwarded-For', async () => {
    const { at, lines, origin } = await site();
    await ask(at, { headers: forwarded });
    expect((await lines(1))[0]).toMatchObject({ ClientIP: '127.0.0.1' });
    expect(origin.requests[0]!.headers).toMatchObject({
      'cf-connecting-ip': '127.0.0.1',
      'x-forwarded-for': '203.0.113.9, 10.1.2.3,127.0.0.1',
    });
  });

  test('CF-Connecting-IP of a trusted proxy outranks the chain', async () => {
    const { at, lines } = await site(['--trust-proxy', '127.0.0.0/8']);
    await ask(at, { headers: { ...forwarded, 'cf-connecting-ip': '198.51.100.7' } });
    expect((await lines(1))[0]).toMatchObject({ ClientIP: '198.51.100.7' });
  });
});
