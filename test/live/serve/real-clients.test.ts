/** Programs that people use, against the edge as it stands: a browser over HTTPS and HTTP/2, and a load generator. Each takes a few seconds. */
import { X509Certificate, createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ask, configOf, missing, NamedOrigin, run, Serve, until } from './support.ts';

const noChromium = await missing('chromium', '--version');
const noWrk = await missing('wrk', '--version');

/** What Chromium is told to accept: the key of this certificate, and no other (as its flag wants it). */
function pinOf(at: string, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port: Number(at.split(':')[1]), servername: name, rejectUnauthorized: false },
      () => {
        const { publicKey } = new X509Certificate(socket.getPeerCertificate().raw);
        socket.destroy();
        resolve(
          createHash('sha256')
            .update(publicKey.export({ type: 'spki', format: 'der' }))
            .digest('base64'),
        );
      },
    );
    socket.on('error', reject);
  });
}

describe.skipIf(noChromium)('a headless Chromium (package chromium)', () => {
  let profile: string;
  const port = { http: 0 };
  let serve: Serve;
  let at: string;
  let log: string;
  // A page that loads itself again in a frame, as a person would reload it, and says what each load was served by.
  const page = createServer((request, response) => {
    response.setHeader('Content-Type', request.url === '/a.js' ? 'text/javascript' : 'text/html');
    if (request.url === '/a.js') return void response.end('document.title = "script ran";');
    response.end(
      `<!doctype html><title>no script</title><h1>first</h1><p id="protocol"></p><p id="socket"></p><script src="/a.js"></script>
<script>document.getElementById('protocol').textContent = performance.getEntriesByType('navigation')[0].nextHopProtocol;
const socket = new WebSocket('wss://' + location.host + '/ws');
socket.onopen = () => socket.send('said and heard');
socket.onmessage = ({ data }) => { document.getElementById('socket').textContent = data; socket.close(); };
if (!location.search) { const f = document.createElement('iframe'); f.src = '/?again'; document.body.append(f); }</script>`,
    );
  });
  // RFC 6455 as far as one short text each way needs it.
  page.on('upgrade', (request, socket) => {
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on('error', () => {});
    socket.on('data', (frame: Buffer) => {
      if ((frame[0]! & 15) !== 1) return void socket.end();
      const mask = frame.subarray(2, 6);
      const text = frame.subarray(6, 6 + (frame[1]! & 127)).map((byte, i) => byte ^ mask[i % 4]!);
      socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text]));
    });
  });

  beforeEach(async () => {
    profile = mkdtempSync(join(tmpdir(), 'switchyard-chromium-'));
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', () => resolve()));
    port.http = (page.address() as AddressInfo).port;
    const config = {
      // Without it the cookie is `SameSite=None` and not `Secure` (LB-178), which no browser keeps.
      zones: [{ name: 'example.com', always_use_https: true }],
      pools: [
        {
          name: 'p',
          origins: [
            { name: 'one', address: '127.0.0.1', port: port.http },
            { name: 'two', address: 'localhost', port: port.http },
          ],
        },
      ],
      load_balancers: [
        {
          name: 'www.example.com',
          proxied: true,
          default_pools: ['p'],
          fallback_pool: 'p',
          session_affinity: 'cookie',
        },
      ],
    };
    log = join(profile, 'access.log');
    serve = new Serve(config, ['--listen-tls', '127.0.0.1:0', '--access-log', log]);
    at = (await serve.ready()).listen_tls!;
  });

  afterEach(async () => {
    await serve.end();
    page.close();
    page.closeAllConnections();
    rmSync(profile, { recursive: true, force: true });
  });

  test('loads a page over HTTP/2 with the certificate of the local authority, and keeps its session', async () => {
    const name = 'www.example.com';
    const browse = (): Promise<{ out: string; err: string }> =>
      browser([
        `--user-data-dir=${profile}/data`,
        `--host-resolver-rules=MAP ${name} 127.0.0.1`,
        `--ignore-certificate-errors-spki-list=${pin}`,
        `https://${name}:${at.split(':')[1]}/`,
      ]);
    const pin = await pinOf(at, name);
    // The browser's own clock does not wait for a WebSocket: where the machine has no time for us it may close before the answer.
    const { out, err } = await until(browse, (seen) => seen.out.includes('<p id="socket">said and heard</p>'));
    expect(out, err).toContain('<title>script ran</title>');
    expect(out).toContain('<p id="protocol">h2</p>');
    const served = await until(
      () =>
        Promise.resolve(
          lines(log).filter(
            (line) => String(line['ClientRequestURI']).startsWith('/') && line['ClientRequestURI'] !== '/favicon.ico',
          ),
        ),
      (found) => ['/?again', '/ws'].every((uri) => found.some((line) => line['ClientRequestURI'] === uri)),
    );
    // The WebSocket too, over the same connection (RFC 8441).
    expect(new Set(served.map((line) => line['ClientRequestProtocol']))).toEqual(new Set(['HTTP/2']));
    // One session: made by the first request, kept by every later one.
    expect(new Set(served.map((line) => line['origin'])).size).toBe(1);
    expect(served.filter((line) => line['because'] === 'affinity_cookie').length).toBeGreaterThanOrEqual(2);
  });

  test('without the pin it refuses the certificate: nobody has to trust us unasked', async () => {
    const { out } = await browser([
      `--user-data-dir=${profile}/other`,
      '--host-resolver-rules=MAP www.example.com 127.0.0.1',
      `https://www.example.com:${at.split(':')[1]}/`,
    ]);
    expect(out).not.toContain('script ran');
    // What the browser asked for would stand in the log before this.
    await ask((await serve.ready()).listen!, { path: '/last', headers: { host: 'www.example.com' } });
    const logged = await until(
      () => Promise.resolve(existsSync(log) ? lines(log) : []),
      (found) => found.some((line) => line['ClientRequestURI'] === '/last'),
    );
    expect(logged.map((line) => line['ClientRequestURI'])).toEqual(['/last']);
  });
});

describe.skipIf(noChromium)('the demo in a headless Chromium', () => {
  test.each(['http', 'https'])(
    '%s: the page says who served it, and the cookie keeps the visitor there from one start to the next',
    async (scheme) => {
      const profile = mkdtempSync(join(tmpdir(), 'switchyard-chromium-'));
      const log = join(profile, 'access.log');
      const serve = new Serve(undefined, ['--listen-tls', '127.0.0.1:0', '--access-log', log]);
      try {
        const { listen, listen_tls: secure } = await serve.ready();
        const port = (scheme === 'http' ? listen! : secure!).split(':')[1]!;
        const pin = await pinOf(secure!, 'localhost');
        const flags = [`--user-data-dir=${profile}/data`, `--ignore-certificate-errors-spki-list=${pin}`];
        const served: (string | undefined)[] = [];
        for (let i = 0; i < 2; i += 1) {
          const { out } = await browser([...flags, `${scheme}://localhost:${port}/`]);
          served.push(/<h1>Served by (europe-\d)<\/h1>/.exec(out)?.[1]);
        }
        expect(served[0]).toBeDefined();
        expect(served[1]).toBe(served[0]);
        const pages = await until(
          () => Promise.resolve(lines(log).filter((line) => line['ClientRequestURI'] === '/')),
          (found) => found.length === 2,
        );
        expect(pages.map((line) => line['because'])[1]).toBe('affinity_cookie');
        expect(pages[0]!['ClientRequestProtocol']).toBe(scheme === 'http' ? 'HTTP/1.1' : 'HTTP/2');
      } finally {
        await serve.end();
        rmSync(profile, { recursive: true, force: true });
      }
    },
  );
});

function browser(more: readonly string[]): Promise<{ out: string; err: string; code: number }> {
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-background-networking',
  ];
  return run('chromium', [...flags, '--virtual-time-budget=3000', '--dump-dom', ...more]);
}

function lines(log: string): Record<string, unknown>[] {
  return readFileSync(log, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe.skipIf(noWrk)('wrk (package wrk)', () => {
  test.each([
    { name: 'one process', flags: [] },
    { name: 'two workers', flags: ['--workers', '2'] },
  ])('a second of load: no socket errors, every answer 2xx, every request counted ($name)', async ({ flags }) => {
    const origins = [await NamedOrigin.start('a-1'), await NamedOrigin.start('a-2', '127.0.0.2')];
    const serve = new Serve(configOf({ a: origins }, { session_affinity: 'cookie' }), flags);
    try {
      const { listen, admin } = await serve.ready();
      const { out, code } = await run('wrk', [
        '-t1',
        '-c16',
        '-d1s',
        // An answer that is late is no error.
        '--timeout',
        '60s',
        '-H',
        'Host: www.example.com',
        `http://${listen}/`,
      ]);
      expect(code).toBe(0);
      expect(out).not.toMatch(/Socket errors|Non-2xx/);
      const requests = Number(/(\d+) requests in/.exec(out)?.[1] ?? 0);
      expect(requests).toBeGreaterThan(0);
      // What was under way when wrk stopped was served, too, or cut; no more than its connections.
      // A worker without time to answer is counted with what it last said.
      const counts = async (): Promise<RegExpExecArray[]> => {
        const { body } = await ask(admin!, { path: '/metrics' });
        return [
          ...body.matchAll(/^switchyard_requests_total\{balancer="www\.example\.com",status="([^"]+)"\} (\d+)/gm),
        ];
      };
      const servedOf = (counted: readonly RegExpExecArray[]): number =>
        Number(counted.find(([, status]) => status === '2xx')?.[2] ?? 0);
      const counted = await until(counts, (found) => servedOf(found) >= requests);
      const served = servedOf(counted);
      expect(served).toBeLessThanOrEqual(requests + 16);
      expect(counted.filter(([, status, count]) => (status === '4xx' || status === '5xx') && count !== '0')).toEqual(
        [],
      );
    } finally {
      await serve.end();
      for (const origin of origins) origin.kill();
    }
  });
});
