/** A link behind several workers: each has lanes of its own, counts are one sum, and the control API speaks for all of them. */
import { afterEach, expect, it } from 'vitest';
import { ask, NamedOrigin, Serve, until } from '../serve/support.ts';
import { startListener, TOKEN } from './lab.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const each of cleanups.splice(0).toReversed()) await each();
});

const HOST = { host: 'www.example.com' };

async function samples(admin: string, family: string): Promise<ReadonlyMap<string, number>> {
  const { body } = await ask(admin, { path: '/metrics' });
  const lines = body.split('\n').filter((line) => line.startsWith(`${family}{`));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

const total = (of: ReadonlyMap<string, number>): number => [...of.values()].reduce((sum, each) => sum + each, 0);

it('RG-016 lanes and requests of two workers are one sum; switched off over the API, none of them uses the link', async () => {
  const site = await NamedOrigin.start('web');
  const gun = await startListener();
  const balancer = { name: 'www.example.com', proxied: true, default_pools: ['site'], fallback_pool: 'site' };
  const serve = new Serve(
    {
      zones: [{ name: 'example.com' }],
      pools: [{ id: 'site', name: 'site', origins: [{ name: 'web', address: '127.0.0.1', port: site.port }] }],
      railguns: [{ id: 'rg', name: 'rg', railgun_host: '127.0.0.1', port: gun.port, activation_key: TOKEN }],
      load_balancers: [{ ...balancer, railgun: 'rg' }],
    },
    ['--workers', '2', '--store', 'memory'],
  );
  cleanups.push(
    () => site.kill(),
    () => gun.stop(),
    () => serve.end(),
  );
  const { listen = '', admin = '' } = await serve.ready();
  const header = async (): Promise<string> =>
    String((await ask(listen, { headers: { ...HOST, connection: 'close' } })).headers['cf-railgun'] ?? '');

  const asked = (family: string): Promise<number> => samples(admin, `switchyard_railgun_${family}_total`).then(total);
  const listened = (): number => Number(gun.stats.json(0 as never)['requests_completed']);

  // Connections are dealt out in turn: both workers open a lane of their own, and know of it a moment after the listener does.
  await until(
    () => Promise.all(Array.from({ length: 4 }, header)),
    (headers) => gun.server.lanes === 2 && headers.every((each) => /^[0-9a-f]{10} /.test(each)),
  );
  // A worker that has no time to answer is counted with what it last said: the sums get there, and never beyond.
  const before = await until(
    () => asked('requests'),
    (count) => count === listened(),
  );
  const direct = await asked('direct');
  for (let i = 0; i < 10; i += 1) expect(await header()).toMatch(/^[0-9a-f]{10} /);
  await until(
    () => asked('requests'),
    (count) => count >= before + 10,
  );
  expect(await asked('requests')).toBe(before + 10);
  expect(await asked('direct')).toBe(direct);
  const lanes = await samples(admin, 'switchyard_railgun_lanes');
  expect(lanes.get('switchyard_railgun_lanes{railgun="rg",state="open"}')).toBe(2);
  expect(listened()).toBe(before + 10);

  // The primary carries no visitors, and asks all the same.
  const looked = await fetch(`http://${admin}/client/v4/zones/example.com/railguns/rg/diagnose`);
  expect(await looked.json()).toMatchObject({ success: true, result: { railgun: 'on', http_status: 200 } });

  const off = await fetch(`http://${admin}/client/v4/railguns/rg`, { method: 'PATCH', body: '{"enabled":false}' });
  expect(off.status).toBe(200);
  await until(
    async () => (await Promise.all(Array.from({ length: 6 }, header))).join(''),
    (text) => text === '',
  );
});
