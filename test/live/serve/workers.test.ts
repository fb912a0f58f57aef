import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { ask, configOf, NamedOrigin, run, Serve, tempFolder, until } from './support.ts';

const running: (Serve | NamedOrigin)[] = [];

afterEach(async () => {
  for (const each of running.splice(0)) await (each instanceof Serve ? each.end() : each.kill());
});

async function fleet(
  config: (...origins: NamedOrigin[]) => object,
  flags: readonly string[] = [],
): Promise<{ serve: Serve; at: string; admin: string; origins: NamedOrigin[] }> {
  const origins = [
    await NamedOrigin.start('a-1'),
    await NamedOrigin.start('a-2', '127.0.0.2'),
    await NamedOrigin.start('f-1'),
  ];
  const serve = new Serve(config(...origins), ['--workers', '2', ...flags], tempFolder());
  running.push(serve, ...origins);
  const { listen, admin } = await serve.ready();
  return { serve, at: listen!, admin: admin!, origins };
}

async function workers(serve: Serve): Promise<number[]> {
  const { out } = await run('pgrep', ['-P', String(serve.process.pid)]);
  return out.trim().split('\n').map(Number);
}

async function metric(admin: string, sample: string): Promise<number> {
  const { body } = await ask(admin, { path: '/metrics' });
  const line = body.split('\n').find((each) => each.startsWith(`${sample} `));
  return Number(line?.slice(sample.length + 1) ?? Number.NaN);
}

const host = { host: 'www.example.com' };
const REQUESTS = 'switchyard_requests_total{balancer="www.example.com",status="2xx"}';

describe('two workers on one port', () => {
  test('counts are one truth, and a killed worker is replaced without losing them', async () => {
    const { serve, at, admin } = await fleet((a, b, f) => configOf({ a: [a!, b!], f: [f!] }));
    for (let i = 0; i < 40; i += 1) expect((await ask(at, { headers: host })).status).toBe(200);
    // A worker that has no time to answer is counted with what it last said: the sum gets there, and never beyond.
    const counted = async (sample: string, count: number): Promise<void> => {
      await until(
        () => metric(admin, sample),
        (found) => found >= count,
      );
      expect(await metric(admin, sample)).toBe(count);
    };
    await counted(REQUESTS, 40);
    const [victim] = await workers(serve);
    // What a worker has counted since its last word is lost with it; it speaks once a second, and on every scrape.
    process.kill(victim!, 'SIGKILL');
    await serve.says(`worker ${victim} died (SIGKILL) and is replaced`);
    await until(
      () => metric(admin, 'switchyard_workers'),
      (count) => count === 2,
    );
    await counted(REQUESTS, 40);
    await counted('switchyard_worker_restarts_total', 1);
    expect(await workers(serve)).not.toContain(victim);
  });

  test('a worker killed under load costs its own connections, and nothing else', async () => {
    const { serve, at, admin } = await fleet((a, b, f) => configOf({ a: [a!, b!], f: [f!] }));
    const connections = 8;
    let going = true;
    let broken = 0;
    let served = 0;
    const wrong: number[] = [];
    const agents = Array.from({ length: connections }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
    const loops = agents.map(async (agent) => {
      while (going) {
        try {
          const { status } = await ask(at, { agent, headers: host });
          if (status === 200) served += 1;
          else wrong.push(status);
        } catch {
          broken += 1;
        }
      }
    });
    await until(
      () => Promise.resolve(served),
      (count) => count > 100,
    );
    process.kill((await workers(serve))[0]!, 'SIGKILL');
    await serve.says('is replaced');
    await until(
      () => metric(admin, 'switchyard_workers'),
      (count) => count === 2,
    );
    const before = served;
    await until(
      () => Promise.resolve(served),
      (count) => count > before + 100,
    );
    going = false;
    // A connection that was being given to the dead worker is closed by nobody (node:cluster keeps its end): it is given up.
    const patience = new AbortController();
    await Promise.race([Promise.all(loops), pause(20_000, undefined, { signal: patience.signal })]);
    patience.abort();
    for (const agent of agents) agent.destroy();
    await Promise.all(loops);
    expect(wrong).toEqual([]);
    // Each connection of the dead worker breaks at most twice: the request under way, and one that raced the reset.
    expect(broken).toBeLessThanOrEqual(connections * 2);
  });

  test('a new verdict and a new configuration reach every worker', async () => {
    const { serve, at, origins } = await fleet((a, b, f) =>
      configOf({ a: [a!], f: [f!] }, {}, { zones: [{ name: 'example.com' }] }),
    );
    const [a, , f] = origins;
    // Once all workers follow, no connection sees the old world any more.
    const everywhere = (name: string): Promise<string[]> =>
      until(
        () => Promise.all(Array.from({ length: 12 }, async () => (await ask(at, { headers: host })).body)),
        (bodies) => bodies.every((body) => body === name),
      );
    await everywhere('a-1');
    a!.kill();
    await everywhere('f-1');
    await a!.start();
    await everywhere('a-1');
    serve.write(configOf({ f: [f!] }));
    await everywhere('f-1');
  });

  test('a session cookie is honoured by every worker', async () => {
    const { at } = await fleet((a, b, f) => configOf({ a: [a!, b!], f: [f!] }, { session_affinity: 'cookie' }));
    const first = await ask(at, { headers: host });
    const cookie = String(first.headers['set-cookie']).split(';')[0]!;
    for (let i = 0; i < 12; i += 1) expect((await ask(at, { headers: { ...host, cookie } })).body).toBe(first.body);
  });

  test('LB-180 a header session is one session, whichever worker is asked', async () => {
    const header = { session_affinity: 'header', session_affinity_attributes: { headers: ['x-user'] } };
    const { at } = await fleet((a, b, f) => configOf({ a: [a!, b!], f: [f!] }, header));
    for (const user of ['ann', 'ben', 'cleo', 'dan']) {
      const headers = { ...host, 'x-user': user };
      const first = await ask(at, { headers });
      // The word must reach the other worker: one message each way.
      await until(
        () => ask(at, { headers }),
        (got) => got.body === first.body,
      );
      await until(
        () => ask(at, { headers }),
        (got) => got.body === first.body,
      );
    }
  });

  test('every worker writes whole lines into one access log', async () => {
    const folder = tempFolder();
    const log = join(folder, 'access.log');
    const { serve, at } = await fleet((a, b, f) => configOf({ a: [a!, b!], f: [f!] }), ['--access-log', log]);
    await Promise.all(Array.from({ length: 60 }, (_, i) => ask(at, { headers: host, path: `/${i}` })));
    serve.process.kill('SIGTERM');
    expect(await serve.ended()).toBe(0);
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    const uris = lines.map((line) => (JSON.parse(line) as { ClientRequestURI: string }).ClientRequestURI);
    expect(new Set(uris).size).toBe(60);
  });

  test('least_outstanding_requests counts the requests of all workers', async () => {
    const least = { steering_policy: 'off' };
    const { at, origins } = await fleet((a, b, f) => {
      const config = configOf({ a: [a!, b!], f: [f!] }, least) as { pools: object[] };
      return {
        ...config,
        pools: config.pools.map((pool) => ({ ...pool, origin_steering: { policy: 'least_outstanding_requests' } })),
      };
    });
    const [a, b] = origins as [NamedOrigin, NamedOrigin];
    const held: (() => void)[] = [];
    a.answer = (message, respond) => {
      message.resume();
      held.push(() => respond(200, 'a-1'));
      return true;
    };
    // One after the other: each is answered by a-2, or has come to lie at a-1, where it counts against all that follow.
    const all: Promise<unknown>[] = [];
    for (let i = 0; i < 60; i += 1) {
      const before = held.length;
      let over = false;
      all.push(
        ask(at, { headers: host })
          .catch(() => undefined)
          .finally(() => (over = true)),
      );
      await until(
        () => Promise.resolve(over),
        () => over || held.length > before,
      );
    }
    expect(held.length + b.requests.length).toBe(60);
    expect(held.length).toBeLessThan(b.requests.length / 3);
    for (const answer of held) answer();
    a.answer = undefined;
    await Promise.all(all);
  });
});
