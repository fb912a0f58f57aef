/** `always_use_https`: clear text is sent to HTTPS where there is HTTPS, and nobody is sent in a circle. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ask, configOf, NamedOrigin, run, Serve, tempFolder, until } from './support.ts';

const running: (Serve | NamedOrigin)[] = [];

afterEach(async () => {
  for (const each of running.splice(0)) await (each instanceof Serve ? each.end() : each.kill());
});

const zone = (always: boolean): object => ({ zones: [{ name: 'example.com', always_use_https: always }] });

async function start(always: boolean, flags: readonly string[], folder?: string): Promise<Serve> {
  const origin = await NamedOrigin.start('a-1');
  const serve = new Serve(configOf({ a: [origin] }, {}, zone(always)), flags, folder);
  running.push(serve, origin);
  return serve;
}

const TLS = ['--listen-tls', '127.0.0.1:0'];
const www = { host: 'www.example.com' };

describe('always_use_https', () => {
  test.each([
    { method: 'GET', status: 301 },
    { method: 'HEAD', status: 301 },
    { method: 'POST', status: 308 },
    { method: 'PUT', status: 308 },
  ])('$method in clear text: $status to the port of HTTPS, path and query kept', async ({ method, status }) => {
    const serve = await start(true, TLS);
    const { listen, listen_tls: secure } = await serve.ready();
    const port = secure!.split(':')[1]!;
    const headers = { host: `www.example.com:${listen!.split(':')[1]}` };
    const got = await ask(listen!, { method, path: '/a?b=c%20d', headers });
    expect(got.status).toBe(status);
    expect(got.headers.location).toBe(`https://www.example.com:${port}/a?b=c%20d`);
    expect(got.headers['cf-ray']).toMatch(/-LHR$/);
    expect(got.headers['set-cookie']).toBeUndefined();
  });

  test('curl -L ends up at the origin, over HTTP/2', async () => {
    const serve = await start(true, TLS);
    const { listen, listen_tls: secure, ca } = await serve.ready();
    const at = [listen!, secure!].flatMap((each) => ['--resolve', `www.example.com:${each.split(':')[1]}:127.0.0.1`]);
    const url = `http://www.example.com:${listen!.split(':')[1]}/x`;
    const { out } = await run('curl', ['-sL', '--cacert', ca!, ...at, '-w', ' %{http_version} %{url_effective}', url]);
    expect(out).toBe(`a-1 2 https://www.example.com:${secure!.split(':')[1]}/x`);
  });

  test.each([
    { name: 'the zone does not ask for it', always: false, flags: TLS },
    { name: 'this edge has no HTTPS', always: true, flags: [] },
  ])('$name: clear text is served', async ({ always, flags }) => {
    const serve = await start(always, flags);
    const { listen } = await serve.ready();
    expect(await ask(listen!, { headers: www })).toMatchObject({ status: 200, body: 'a-1' });
  });

  test('a visitor who came over HTTPS to a trusted proxy is not sent in a circle; one who says so himself is', async () => {
    const trusting = await start(true, [...TLS, '--trust-proxy', '127.0.0.0/8']);
    const headers = { ...www, 'x-forwarded-proto': 'https' };
    expect((await ask((await trusting.ready()).listen!, { headers })).status).toBe(200);
    const wary = await start(true, TLS);
    expect((await ask((await wary.ready()).listen!, { headers })).status).toBe(301);
  });

  test('names of others get their error, not a redirect; it comes and goes with the file; the log has it', async () => {
    const folder = tempFolder();
    const log = join(folder, 'access.log');
    const serve = await start(true, [...TLS, '--access-log', log], folder);
    const { listen } = await serve.ready();
    expect((await ask(listen!, { headers: { host: 'who.example.org' } })).headers['cf-error-type']).toBe('1001');
    const sent = await ask(listen!, { path: '/sent', headers: www });
    const line = await until(
      () =>
        Promise.resolve(
          readFileSync(log, 'utf8')
            .split('\n')
            .find((each) => each.includes('"/sent"')),
        ),
      (found) => found !== undefined,
    );
    expect(JSON.parse(line!)).toMatchObject({
      EdgeResponseStatus: 301,
      outcome: 'local',
      balancer: 'www.example.com',
      pool: '',
    });
    expect(`${(JSON.parse(line!) as Record<string, string>)['RayID']}-LHR`).toBe(sent.headers['cf-ray']);
    const config = JSON.parse(readFileSync(serve.config, 'utf8')) as object;
    serve.write({ ...config, ...zone(false) });
    await serve.says('configuration adopted');
    expect((await ask(listen!, { headers: www })).status).toBe(200);
  });

  test('workers do the same', async () => {
    const serve = await start(true, [...TLS, '--workers', '2']);
    const { listen, listen_tls: secure } = await serve.ready();
    for (let i = 0; i < 4; i += 1) {
      expect((await ask(listen!, { headers: www })).headers.location).toBe(
        `https://www.example.com:${secure!.split(':')[1]}/`,
      );
    }
  });
});
