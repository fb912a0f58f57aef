import type { Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ProbeRequest } from '../../../src/core/probe.ts';
import { judge } from '../../../src/health/judge.ts';
import { probeRequest } from '../../../src/health/probe-request.ts';
import { LiveProbes } from '../../../src/live/prober/prober.ts';
import { monitor, origin, pool } from '../../health/build.ts';
import { ask, closeAll, closedPort, httpOrigin, httpsOrigin, outcome, selfSigned, tcpOrigin } from './lab.ts';

const probes = new LiveProbes({
  lookup: (name, done) => {
    if (name === 'origin.test') done(null, '127.0.0.1', 4);
    else done(Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }), '', 0);
  },
});

afterEach(async () => {
  vi.useRealTimers();
  await closeAll();
  expect(probes.underWay).toBe(0);
});

/** Probe as the monitor says, and judge. */
async function probe(
  port: number,
  over: Parameters<typeof monitor>[0] = {},
  own: Parameters<typeof origin>[1] = {},
): Promise<string> {
  const expects = monitor({ port, ...over });
  const sent: ProbeRequest = probeRequest(
    pool('0123456789abcdef0123', []),
    origin('a', { address: '127.0.0.1', ...own }),
    expects,
  );
  return judge(expects, await ask(probes, sent)).reason;
}

describe('the code', () => {
  it.each([
    { name: 'LB-130 2xx expected and 204 answered', codes: [[200, 299]], status: 204, reason: 'no_failures' },
    {
      name: 'LB-130 2xx expected and 301 answered',
      codes: [[200, 299]],
      status: 301,
      reason: 'response_code_mismatch',
    },
    {
      name: 'LB-129 200 expected and 503 answered',
      codes: [[200, 200]],
      status: 503,
      reason: 'response_code_mismatch',
    },
  ] as const)('$name', async ({ codes, status, reason }) => {
    const port = await httpOrigin((_, response) => response.writeHead(status, { location: '/there' }).end());
    expect(await probe(port, { expectedCodes: codes })).toBe(reason);
  });

  it('LB-129 a wrong code is asked for once', async () => {
    let asked = 0;
    const port = await httpOrigin((_, response) => {
      asked += 1;
      response.writeHead(500).end();
    });
    expect(await probe(port, { retries: 2 })).toBe('response_code_mismatch');
    expect(asked).toBe(1);
  });
});

describe('redirects', () => {
  const site = (): Promise<number> =>
    httpOrigin((request, response) => {
      if (request.url === '/up') response.writeHead(200).end(`ALIVE ${request.headers.host}`);
      else if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end();
      else if (request.url === '/away') response.writeHead(302, { location: 'ftp://elsewhere.test/' }).end();
      else response.writeHead(301, { location: '/up' }).end();
    });

  it('LB-131 a 301 to a 200 is healthy where redirects are followed', async () => {
    expect(await probe(await site(), { followRedirects: true, expectedBody: 'alive' })).toBe('no_failures');
  });

  it('LB-131 and not where they are not', async () => {
    expect(await probe(await site())).toBe('response_code_mismatch');
  });

  it.each(['/loop', '/away'])('end at %s with the redirect as the answer', async (path) => {
    expect(await probe(await site(), { followRedirects: true, path })).toBe('response_code_mismatch');
  });

  it('keep the address and the Host while the server stays the same by name', async () => {
    const port = await site();
    const own = { hostHeader: `shop.example:${port}` };
    expect(await probe(port, { followRedirects: true, expectedBody: `alive shop.example:${port}` }, own)).toBe(
      'no_failures',
    );
  });

  it('to another server carry its Host and none of the headers meant for the first', async () => {
    const seen: (string | undefined)[] = [];
    const second = await httpOrigin((request, response) => {
      seen.push(request.headers.host, request.headers.authorization);
      response.writeHead(200).end();
    });
    const first = await httpOrigin((_, response) =>
      response.writeHead(302, { location: `http://origin.test:${second}/` }).end(),
    );
    const headers = new Map([['Authorization', ['secret']]]);
    expect(await probe(first, { followRedirects: true, headers })).toBe('no_failures');
    expect(seen).toEqual([`origin.test:${second}`, undefined]);
  });
});

describe('the body', () => {
  it.each([
    { name: 'LB-132 ALIVE expected, alive sent', body: 'i am alive', reason: 'no_failures' },
    {
      name: 'LB-133 the text begins at byte 10241',
      body: `${'x'.repeat(10_240)}ALIVE`,
      reason: 'response_body_mismatch',
    },
    { name: 'LB-133 the text ends with byte 10240', body: `${'x'.repeat(10_235)}ALIVE`, reason: 'no_failures' },
    { name: 'without the text', body: 'maintenance', reason: 'response_body_mismatch' },
  ])('$name', async ({ body, reason }) => {
    const port = await httpOrigin((_, response) => response.writeHead(200).end(body));
    expect(await probe(port, { expectedBody: 'alive' })).toBe(reason);
  });

  it('that never ends is read as far as it counts', async () => {
    const port = await httpOrigin((_, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (response.write('x'.repeat(1024)));
        response.once('drain', more);
      };
      more();
    });
    expect(await probe(port, { expectedBody: 'alive' })).toBe('response_body_mismatch');
  });

  it('that comes in pieces is put together', async () => {
    const port = await httpOrigin((_, response) => {
      response.writeHead(200);
      response.write('ALI');
      response.end('VE');
    });
    expect(await probe(port, { expectedBody: 'alive' })).toBe('no_failures');
  });

  it('that is cut off is no body', async () => {
    const port = await tcpOrigin((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nALIVE'));
    });
    expect(await probe(port, { expectedBody: 'alive' })).toBe('connection_reset');
  });
});

describe('what is sent', () => {
  it.each([
    {
      name: "LB-145 the origin's Host before the monitor's",
      own: 'own.example',
      theirs: 'mon.example',
      host: 'own.example',
    },
    { name: 'LB-146 the address where neither is set', own: undefined, theirs: undefined, host: '127.0.0.1' },
  ])('$name', async ({ own, theirs, host }) => {
    let seen: string[] = [];
    const port = await httpOrigin((request, response) => {
      seen = request.rawHeaders;
      response.end();
    });
    const headers = new Map(theirs === undefined ? [] : [['Host', [theirs]]]);
    expect(await probe(port, { headers }, { hostHeader: own })).toBe('no_failures');
    expect(seen.slice(0, 2)).toEqual(['Host', host]);
    expect(seen.filter((each) => each.toLowerCase() === 'host')).toHaveLength(1);
  });

  it('LB-147 the User-Agent names the pool; method, path and headers are those of the monitor', async () => {
    let seen: unknown;
    const port = await httpOrigin((request, response) => {
      seen = [
        request.method,
        request.url,
        request.headers['user-agent'],
        request.headers['x-token'],
        request.headers.connection,
      ];
      response.end();
    });
    const headers = new Map([['X-Token', ['t']]]);
    expect(await probe(port, { method: 'HEAD', path: '/health?deep=1', headers })).toBe('no_failures');
    expect(seen).toEqual([
      'HEAD',
      '/health?deep=1',
      'Mozilla/5.0 (compatible; Cloudflare-Traffic-Manager/1.0; +https://www.cloudflare.com/traffic-manager/; pool-id: 0123456789abcdef)',
      't',
      'close',
    ]);
  });
});

describe('certificates', () => {
  it('LB-134 a self-signed one is refused, and taken where allow_insecure is set', async () => {
    const port = await httpsOrigin(await selfSigned(['127.0.0.1']), (_, response) => response.end());
    expect(await probe(port, { type: 'https' })).toBe('tls_untrusted_certificate');
    expect(await probe(port, { type: 'https', allowInsecure: true })).toBe('no_failures');
  });

  it('one that is trusted must name the Host, or the address where none is set', async () => {
    const identity = await selfSigned(['shop.example']);
    const trusting = new LiveProbes({ ca: identity.cert });
    const names: (string | false | undefined)[] = [];
    const port = await httpsOrigin(identity, (request, response) => {
      names.push((request.socket as unknown as { servername?: string | false }).servername);
      response.end();
    });
    const https = { type: 'https', port } as const;
    expect(outcome(await ask(trusting, { ...https, serverName: 'shop.example' }))).toBe(200);
    expect(outcome(await ask(trusting, { ...https, serverName: 'other.example' }))).toBe('tls_name_mismatch');
    expect(outcome(await ask(trusting, https))).toBe('tls_name_mismatch');
    expect(outcome(await ask(trusting, { ...https, verifyCertificate: false }))).toBe(200);
    expect(names).toEqual(['shop.example', false]);
  });

  it('one for the address is right where no Host is set', async () => {
    const identity = await selfSigned(['127.0.0.1']);
    const port = await httpsOrigin(identity, (_, response) => response.end());
    expect(outcome(await ask(new LiveProbes({ ca: identity.cert }), { type: 'https', port }))).toBe(200);
  });

  it('one that has run out is not trusted', async () => {
    const identity = await selfSigned(['127.0.0.1'], -1);
    const port = await httpsOrigin(identity, (_, response) => response.end());
    expect(outcome(await ask(new LiveProbes({ ca: identity.cert }), { type: 'https', port }))).toBe(
      'tls_untrusted_certificate',
    );
  });

  it.each([
    {
      name: 'an origin that speaks plain HTTP',
      talk: 'HTTP/1.1 400 Bad Request\r\n\r\n',
      reason: 'tls_protocol_error',
    },
    { name: 'an origin that hangs up in the handshake', talk: '', reason: 'tls_handshake_failure' },
  ])('$name fails as $reason', async ({ talk, reason }) => {
    const port = await tcpOrigin((socket) => {
      socket.once('data', () => socket.end(talk));
    });
    expect(await probe(port, { type: 'https' })).toBe(reason);
  });
});

describe('origins in trouble', () => {
  it('nothing listens', async () => {
    expect(await probe(await closedPort())).toBe('tcp_connection_failed');
  });

  it('the name does not resolve', async () => {
    expect(await probe(80, {}, { address: 'nowhere.test' })).toBe('dns_unknown_host');
  });

  it('a reset instead of an answer', async () => {
    const port = await tcpOrigin((socket) => {
      socket.once('data', () => socket.resetAndDestroy());
    });
    expect(await probe(port)).toBe('connection_reset');
  });

  it('an orderly close instead of an answer', async () => {
    const port = await tcpOrigin((socket) => {
      socket.once('data', () => socket.end());
    });
    expect(await probe(port)).toBe('http_invalid_response');
  });

  it('an answer that is no HTTP', async () => {
    const port = await tcpOrigin((socket) => {
      socket.once('data', () => socket.end('220 mail.example ESMTP\r\n'));
    });
    expect(await probe(port)).toBe('http_invalid_response');
  });

  it('LB-128 silence is a time-out of this one try', async () => {
    const [plainAsked, secureAsked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const plain = await tcpOrigin((socket) => void socket.on('data', () => plainAsked.resolve()));
    const secure = await tcpOrigin((socket) => void socket.on('data', () => secureAsked.resolve()));
    // Only the probe's own clock: sockets go on by themselves.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const silent = [probe(plain, { timeoutSeconds: 5 }), probe(secure, { type: 'https', timeoutSeconds: 5 })];
    await Promise.all([plainAsked.promise, secureAsked.promise]);
    vi.advanceTimersByTime(4_999);
    expect(probes.underWay).toBe(2);
    vi.advanceTimersByTime(1);
    expect(await Promise.all(silent)).toEqual(['http_timeout', 'http_timeout']);
  });

  it('a head that drips is a time-out too', async () => {
    const asked = Promise.withResolvers<Socket>();
    const port = await tcpOrigin((socket) => void socket.on('data', () => asked.resolve(socket)));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const reason = probe(port, { timeoutSeconds: 5 });
    const socket = await asked.promise;
    for (const piece of ['HTTP/1.1 200 OK\r\n', 'X-A: 1\r\n', 'X-B: 2\r\n', 'X-C: 3\r\n', 'X-D: 4\r\n']) {
      await new Promise<void>((done) => socket.write(piece, () => done()));
      vi.advanceTimersByTime(1_000);
    }
    expect(await reason).toBe('http_timeout');
  });

  it('a path that cannot be sent is the monitor’s fault', async () => {
    const port = await httpOrigin((_, response) => response.end());
    expect(await probe(port, { path: '/a b' })).toBe('monitor_config_error');
  });

  it('a switch of protocols is judged by its code', async () => {
    const port = await tcpOrigin((socket) => {
      socket.once('data', () =>
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
      );
    });
    expect(await probe(port)).toBe('response_code_mismatch');
  });
});

describe('round-trip time', () => {
  it('is measured from the probe to the head of the answer, whole µs', async () => {
    const port = await httpOrigin((_, response) => response.end());
    const answer = await ask(probes, { port });
    expect(answer.kind).toBe('http');
    expect(Number.isInteger(answer.kind === 'http' && answer.rttUs)).toBe(true);
    expect(answer.kind === 'http' && answer.rttUs > 0).toBe(true);
  });

  it('is unknown where nothing answered', async () => {
    expect(await ask(probes, { port: await closedPort() })).toMatchObject({ kind: 'failed', rttUs: undefined });
  });
});

it('a probe that is called off answers no more and leaves no socket behind', async () => {
  let gone: () => void = () => {};
  const closed = new Promise<void>((done) => {
    gone = done;
  });
  let came: () => void = () => {};
  const arrived = new Promise<void>((done) => {
    came = done;
  });
  const port = await tcpOrigin((socket) => {
    socket.on('close', () => gone());
    socket.once('data', () => came());
  });
  let answers = 0;
  const cancel = probes.send(
    probeRequest(pool('p', []), origin('a', { address: '127.0.0.1' }), monitor({ port })),
    () => (answers += 1),
  );
  await arrived;
  cancel();
  await closed;
  expect([answers, probes.underWay]).toEqual([0, 0]);
});
