/** The real edge (`switchyard serve`, in this process) with a link in its configuration. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { readOptions } from '../../../src/cli/serve/options.ts';
import { EdgeService } from '../../../src/cli/serve/service.ts';
import { pageAt } from '../../../src/sim/pages.ts';
import { type Answer, get, type ListenerLab, Origin, railgunOf, startListener, TOKEN } from './lab.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const each of cleanups.splice(0).toReversed()) await each();
});

interface Served {
  readonly origin: Origin;
  readonly listener: ListenerLab;
  ask(host: string, path: string, method?: string): Promise<Answer>;
  linked(): Promise<void>;
}

async function serve(): Promise<Served> {
  const origin = await Origin.start((request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.setHeader('Cf-Railgun', '0000000000 0.00 0.000000 ffff fake');
    if (request.url === '/hold') return;
    response.end(pageAt('shop', 5, 0));
  });
  const listener = await startListener();
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-test-'));
  const balancer = { proxied: true, fallback_pool: 'site', default_pools: ['site'], session_affinity: 'cookie' };
  const pool = (id: string, port: number): unknown => ({
    id,
    name: id,
    origins: [{ name: id, address: '127.0.0.1', port, enabled: true }],
  });
  const config = {
    version: 1,
    zones: [{ name: 'example.com' }],
    pools: [pool('site', origin.port), pool('nobody', 1)],
    railguns: [{ id: 'rg', name: 'rg', railgun_host: '127.0.0.1', port: listener.port, activation_key: TOKEN }],
    load_balancers: [
      { ...balancer, name: 'link.example.com', railgun: 'rg' },
      { ...balancer, name: 'plain.example.com' },
      { ...balancer, name: 'broken.example.com', railgun: 'rg', default_pools: ['nobody'], fallback_pool: 'nobody' },
    ],
  };
  writeFileSync(join(folder, 'edge.json'), JSON.stringify(config));
  const flags = { listen: '127.0.0.1:0', admin: 'off', store: 'memory', state: folder };
  const read = readOptions({ config: join(folder, 'edge.json'), ...flags });
  if (!read.ok) throw new Error(read.problems.map((one) => one.message).join());
  const started = await EdgeService.start(read.options, pino({ enabled: false }));
  if (started.kind === 'refused') throw new Error(started.problems.map((one) => one.message).join());
  const { service } = started;
  cleanups.push(
    () => rmSync(folder, { recursive: true, force: true }),
    () => origin.stop(),
    () => listener.stop(),
    () => service.stop(),
  );
  const port = service.addresses.listen?.port ?? 0;
  const ask = (host: string, path: string, method = 'GET'): Promise<Answer> =>
    get(port, path, { method, headers: { Host: host } });
  const linked = async (): Promise<void> => {
    while (railgunOf(await ask('link.example.com', '/warm')).startsWith('direct'))
      await new Promise((resolve) => setTimeout(resolve, 10));
  };
  return { origin, listener, ask, linked };
}

it('RG-001 RG-015 RG-123 the header tells the truth: direct first, then the link, and nothing for a name without one', async () => {
  const { ask, linked } = await serve();
  expect(railgunOf(await ask('link.example.com', '/a'))).toBe('direct (starting new WAN connection)');
  await linked();
  const over = await ask('link.example.com', '/a');
  expect(railgunOf(over)).toMatch(/^[0-9a-f]{10} \d+\.\d\d \d+\.\d{6} 0000 [0-9a-f]{4}$/);
  expect(over.body.equals(pageAt('shop', 5, 0))).toBe(true);
  expect(over.headers['cf-ray']).toMatch(/-LHR$/);
  expect(railgunOf(await ask('plain.example.com', '/a'))).toBe('');
});

it('RG-124 session affinity is decided per request, also over a shared lane', async () => {
  const { ask, linked } = await serve();
  await linked();
  const [one, two] = await Promise.all([ask('link.example.com', '/a'), ask('link.example.com', '/b')]);
  expect([one, two].map((answer) => answer.headers['set-cookie']?.[0]?.split('=')[0])).toEqual(['__cflb', '__cflb']);
});

it('RG-012 a listener that dies with the request: the 527 page; the next request goes direct at once', async () => {
  const { origin, listener, ask, linked } = await serve();
  await linked();
  const held = ask('link.example.com', '/hold');
  while (origin.seen.every((one) => one.url !== '/hold')) await new Promise((resolve) => setImmediate(resolve));
  listener.stop();
  expect((await held).status).toBe(527);
  const next = await ask('link.example.com', '/a');
  expect([next.status, railgunOf(next)]).toEqual([200, 'direct (starting new WAN connection)']);
  expect(origin.seen.filter((one) => one.url === '/hold')).toHaveLength(1);
});

it('an origin that refuses is the origin’s fault, whoever saw it: 521 over the link as without', async () => {
  const { ask, linked } = await serve();
  await linked();
  expect((await ask('broken.example.com', '/a')).status).toBe(521);
});
