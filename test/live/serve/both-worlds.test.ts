/**
 * One core, two worlds: real requests go through `serve`, which writes its access log; the replay plays that log with the same
 * configuration; and each request must have gone where the replay sends it, for the same reason.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { play } from '../../replay/play.ts';
import { ask, NamedOrigin, Serve, tempFolder, until } from './support.ts';

const COUNTRIES = ['GB', 'DE', 'US', 'JP', 'BR', 'ZA', 'AU', 'IN'];
const CLIENTS = 40;
const REQUESTS = 320;

const origins: NamedOrigin[] = [];
let serve: Serve | undefined;

afterAll(async () => {
  await serve?.end();
  for (const origin of origins) origin.kill();
});

interface Line {
  readonly ClientIP: string;
  readonly EdgeColoCode: string;
  readonly ClientRequestURI: string;
  readonly EdgeStartTimestamp: number;
  readonly balancer: string;
  readonly pool: string;
  readonly origin: string;
  readonly because: string;
  readonly affinity: string;
  readonly fallback: boolean;
}

test('the edge and the replay of its own access log decide alike, request by request', async () => {
  for (const [index, name] of ['eu-1', 'eu-2', 'us-1', 'us-2', 'ap-1', 'last-1'].entries()) {
    origins.push(await NamedOrigin.start(name, `127.0.0.${1 + (index % 2)}`));
  }
  const pool = (name: string, more: object = {}): object => ({
    name,
    monitor: 'm',
    origin_steering: { policy: 'hash' },
    origins: origins.filter((origin) => origin.name.startsWith(name)).map((origin) => origin.config()),
    ...more,
  });
  const config = {
    version: 1,
    // The replay wants the interval that the service asks for.
    monitors: [
      { id: 'm', type: 'http', path: '/health', interval: 10, timeout: 10, retries: 2, expected_codes: '200' },
    ],
    pools: [
      pool('eu'),
      pool('us', { load_shedding: { default_percent: 30, default_policy: 'hash' } }),
      pool('ap', { enabled: false }),
      pool('last'),
    ],
    load_balancers: [
      {
        name: 'geo.example.com',
        proxied: true,
        steering_policy: 'geo',
        session_affinity: 'ip_cookie',
        default_pools: ['eu', 'us'],
        fallback_pool: 'last',
        region_pools: { WEU: ['eu', 'us'], ENAM: ['us', 'eu'], WNAM: ['us'], OC: ['ap'] },
        country_pools: { DE: ['us', 'eu'] },
        rules: [
          {
            name: 'static',
            condition: 'http.request.uri.path contains "/static/"',
            overrides: { default_pools: ['us'], steering_policy: 'off', session_affinity: 'none' },
          },
        ],
      },
      {
        name: 'off.example.com',
        proxied: true,
        steering_policy: 'off',
        default_pools: ['ap', 'us', 'eu'],
        fallback_pool: 'last',
      },
      {
        name: 'plain.example.com',
        proxied: true,
        steering_policy: 'geo',
        default_pools: ['eu'],
        fallback_pool: 'last',
        pop_pools: { FRA: ['us'] },
      },
    ],
  };
  const folder = tempFolder();
  const log = join(folder, 'access.log');
  serve = new Serve(config, ['--access-log', log, '--min-interval', '10'], folder);
  const { listen } = await serve.ready();

  const hosts = config.load_balancers.map((balancer) => balancer.name);
  const jars = new Map<string, string>();
  for (let i = 0; i < REQUESTS; i += 1) {
    const client = i % CLIENTS;
    const address = `198.51.100.${client + 1}`;
    const host = hosts[i % 7 === 0 ? 2 : i % 5 === 0 ? 1 : 0]!;
    const path = i % 11 === 0 ? `/static/${i}.css` : `/page?n=${i}`;
    const cookie = jars.get(`${address} ${host}`);
    const headers = {
      host,
      'CF-Connecting-IP': address,
      'CF-IPCountry': COUNTRIES[client % COUNTRIES.length]!,
      ...(cookie === undefined ? {} : { cookie }),
    };
    const got = await ask(listen!, { path, headers });
    expect(got.status).toBe(200);
    const set = got.headers['set-cookie']?.[0]?.split(';')[0];
    if (set !== undefined) jars.set(`${address} ${host}`, set);
  }
  const lines = await until(
    () => Promise.resolve(readFileSync(log, 'utf8').trimEnd().split('\n')),
    (found) => found.length === REQUESTS,
  );
  const served = lines
    .map((line) => JSON.parse(line) as Line)
    .sort((a, b) => a.EdgeStartTimestamp - b.EdgeStartTimestamp);

  const scenario = join(folder, 'scenario.yaml');
  copyFileSync(serve.config, join(folder, 'shop.json'));
  writeFileSync(scenario, '');
  const { requests } = await play(
    // Loopback answers in a millisecond, simulated distances in a tenth of a second: slowed down, so that a client has its cookie
    // before its next request there, as it had here.
    'version: 1\nname: what the edge served\nconfig: ./shop.json\ntrace: all\ntraffic:\n  - { log: ./access.log, speed: 0.01 }\n',
    { file: scenario },
  );
  const played = [...requests].sort((a, b) => a.n - b.n);
  expect(played.length).toBe(REQUESTS);
  const facts = ({
    client,
    pop,
    lb,
    pool: to,
    origin,
    because,
    affinity,
    fallback,
  }: (typeof played)[number]): object => ({ client, pop, lb, pool: to, origin, because, affinity, fallback });
  expect(
    served.map((line) => facts({ ...line, client: line.ClientIP, pop: line.EdgeColoCode, lb: line.balancer } as never)),
  ).toEqual(played.map(facts));
  // The log is worth comparing: every pool but the disabled one, sessions kept, the fallback in use.
  expect(new Set(served.map((line) => line.pool))).toEqual(new Set(['eu', 'us', 'last']));
  expect(new Set(served.map((line) => line.because)).size).toBeGreaterThanOrEqual(4);
});
