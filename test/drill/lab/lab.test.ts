/**
 * A lab of one edge and two pools, real processes: what each fault looks like to a client and to the edge's own probes, and that it is
 * undone. Then what becomes of the lab when it ends, is told to end in the middle of faults, or is killed.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { lives, readLedger, record, sweepLeftovers } from '../../../src/drill/lab/ledger.ts';
import { applyChange } from '../../../src/config/change.ts';
import { parseConfig } from '../../../src/config/config-file.ts';
import { micros } from '../../../src/core/time.ts';
import type { EdgeRecord, LabEdge } from '../../../src/drill/lab.ts';
import { PAGE_SHARES } from '../../../src/sim/page-shares.ts';
import { ask, knock, type Running, runningLab, type Seen } from './support.ts';

const S = 1_000_000;
/** Monitors ask once a minute: one of them, or one and the next, falls into a round of forty requests. */
const MONITORS_MEANWHILE = 2;

const WEB = `
version: 1
name: web
config:
  version: 1
  load_balancers: [{ name: www.example.com, proxied: true, default_pools: [one, two], fallback_pool: two }]
  pools:
    - { name: one, origins: [{ name: a, address: 192.0.2.1 }] }
    - { name: two, monitor: web, origins: [{ name: b, address: 192.0.2.2 }] }
  monitors: [{ id: web, type: http, path: /health, interval: 60, timeout: 2, retries: 0, expected_codes: '204', expected_body: '' }]
duration: 10m
world: { pops: [LHR], links: { edge-origin: { delay: 5ms } }, origins: { '*': { latency: 5ms, capacity: 50/s, queue: 2 } } }
traffic: [{ clients: { count: 10, rate: 1/s } }]
timeline:
  - { at: +1m, fault: blackhole, target: pool/one }
  - { at: +2m, fault: crash, target: pop/LHR }
`;

const servedBy = ({ headers }: Seen): unknown => headers['x-lab-origin'];
const alive = (folder: string): readonly string[] =>
  readLedger(folder)
    .slice(1)
    .filter(lives)
    .map(({ what }) => what);

describe('a lab of one edge and two pools', () => {
  let running: Running;
  let edge: LabEdge;
  const records: EdgeRecord[] = [];
  const get = (patienceMs?: number): Promise<Seen> =>
    ask(edge.listen, running.host, patienceMs === undefined ? {} : { patienceMs });

  beforeAll(async () => {
    running = await runningLab(WEB);
    running.lab.onRecord = (one) => records.push(one);
    [edge] = running.lab.edges as [LabEdge];
  });
  afterEach(() => running.heal());
  afterAll(() => running.lab.stop());

  it('serves pages of the asked length through the edge, and its probes pass', async () => {
    const seen = await get();
    expect([seen.status, seen.body.length, servedBy(seen)]).toEqual([200, 20_000, 'one/a']);
    expect((await get()).body.equals(seen.body)).toBe(true);
    await running.when((event) => event.kind === 'health' && event.origin === 'b' && event.to === 'healthy');
  });

  it.each<{ name: string; values?: Record<string, number>; status: number; error?: string; patienceMs?: number }>([
    { name: 'refuse', status: 521 },
    { name: 'reset', status: 520 },
    { name: 'errors', status: 500 },
    { name: 'blackhole', status: 0, error: 'silent', patienceMs: 700 },
    { name: 'power_loss', status: 0, error: 'silent', patienceMs: 700 },
    { name: 'slow', values: { add: 5 * S }, status: 0, error: 'silent', patienceMs: 700 },
    { name: 'brownout', values: { share: 1, over: 0, capacity: 1 }, status: 500 },
    { name: 'flap', values: { down: 600 * S, up: 600 * S }, status: 521 },
  ])('$name, and all is as before when it is undone', async ({ name, values, status, error = '', patienceMs }) => {
    const undo = await running.fault(name, 'pool/one', values);
    // A brown-out is at its worst after ten steps, which take no time here.
    if (name === 'brownout') while ((await get()).status !== status);
    const seen = await get(patienceMs);
    expect([seen.status, seen.error]).toEqual([status, error]);
    await undo();
    await undo();
    const after = await get();
    expect([after.status, servedBy(after)]).toEqual([200, 'one/a']);
  });

  it.each([
    { name: 'cut', values: {}, silent: true },
    { name: 'delay', values: { add: 2 * S }, silent: true },
    { name: 'rate', values: { limit: 2_000 }, silent: true },
    { name: 'loss', values: { share: 0 }, silent: false },
  ])('link: $name', async ({ name, values, silent }) => {
    const undo = await running.fault(name, 'link/edge-origin', values);
    expect((await get(700)).error).toBe(silent ? 'silent' : '');
    await undo();
    expect((await get()).status).toBe(200);
  });

  it('two faults on one origin: the second keeps it down when the first is over', async () => {
    const refuse = await running.fault('refuse', 'pool/one');
    const dark = await running.fault('power_loss', 'origin/one/a');
    await refuse();
    expect((await get(700)).error).toBe('silent');
    await dark();
    expect((await get()).status).toBe(200);
  });

  it('a queue that is full turns requests away, and they are counted', async () => {
    const [before = 0] = await running.lab.rejected();
    // On a busy machine forty at once may come one after the other, and find room.
    for (let refused = 0; refused === 0; ) {
      const seen = await Promise.all(Array.from({ length: 40 }, () => get()));
      refused = seen.filter(({ status }) => status === 503).length;
      expect(seen.filter(({ status }) => status === 200)).toHaveLength(40 - refused);
      // A monitor's request may find the queue full as well.
      const counted = ((await running.lab.rejected())[0] ?? 0) - before;
      expect(counted).toBeGreaterThanOrEqual(refused);
      expect(counted).toBeLessThanOrEqual(refused + MONITORS_MEANWHILE);
    }
  });

  it('a crashed edge refuses, and comes back on its port with what it had', async () => {
    const undo = await running.fault('crash', 'pop/LHR');
    expect((await get()).error).toBe('ECONNREFUSED');
    await undo();
    const after = await get();
    expect([after.status, servedBy(after)]).toEqual([200, 'one/a']);
    expect(running.events.filter((event) => event.kind === 'died')).toEqual([]);
  });

  it('a change of the configuration is in force when it is adopted', async () => {
    const changed = applyChange(running.input.raw, 'pool/one', { enabled: false }, running.input.start);
    if (!changed.ok) throw new Error(changed.message);
    const { model } = parseConfig(changed.value);
    if (model === undefined) throw new Error('no model');
    await running.lab.adopt(model, changed.value);
    expect(servedBy(await get())).toBe('two/b');
    await running.lab.adopt(running.input.model, running.input.raw);
    expect(servedBy(await get())).toBe('one/a');
  });

  it('the access log tells every request, and why it failed', async () => {
    await running.lab.settle();
    records.length = 0;
    await get();
    const undo = await running.fault('refuse', 'pool/one');
    await get();
    await undo();
    await running.lab.settle();
    expect(records.map(({ pop, status, pool, origin, error }) => [pop, status, pool, origin, error])).toEqual([
      ['LHR', 200, 'one', 'a', 0],
      ['LHR', 521, 'one', 'a', 521],
    ]);
  });

  it('a fault that the lab cannot do is refused, and nothing has changed', async () => {
    await expect(running.fault('withdraw', 'pop/LHR')).rejects.toThrow('"withdraw" is not for the lab to do');
    await expect(running.fault('crash', 'pop/NRT')).rejects.toThrow('there is no edge at NRT');
    expect((await get()).status).toBe(200);
  });

  it('a process that ends by itself is told, with its last words', async () => {
    const entry = readLedger(running.folder).findLast(
      ({ what, ...rest }) => what === 'the origin two/b' && lives({ what, ...rest }),
    );
    // Played again it is dead already; and 0 would be the process group of this test.
    if (entry !== undefined) process.kill(entry.pid, 'SIGKILL');
    const event = await running.when(({ kind }) => kind === 'died');
    expect(event).toMatchObject({ what: 'the origin two/b', code: 'SIGKILL' });
  });

  it('ends in the middle of faults, with nothing left', async () => {
    const own = await runningLab(WEB);
    await own.fault('power_loss', 'pool/one');
    await own.fault('crash', 'pop/LHR');
    expect(await own.lab.stop()).toEqual([]);
    expect(existsSync(own.folder)).toBe(false);
    expect(await knock(own.lab.edges[0]!.listen)).toBe('ECONNREFUSED');
  });
});

describe('names that are resolved to origins', () => {
  it('lead to the relay of the place that was asked', async () => {
    const running = await runningLab(WEB.replace('proxied: true', 'proxied: false').replace('[LHR]', '[LHR, FRA]'));
    try {
      const found = running.lab.edges.map(({ pop, dns }, index) => {
        expect(dns?.port).toBeGreaterThan(0);
        return running.lab.endpointOf(pop, `127.77.${index + 1}.1`);
      });
      expect(found.map((one) => one?.origin)).toEqual([0, 0]);
      expect(running.lab.endpointOf('LHR', '192.0.2.1')).toBeUndefined();
      for (const one of found) {
        if (one === undefined) throw new Error('no endpoint');
        expect(servedBy(await ask(one.endpoint, 'www.example.com'))).toBe('one/a');
      }
    } finally {
      await running.lab.stop();
    }
  });
});

describe('pages that the scenario brings along', () => {
  it('are served version by version, from the moment that the run begins', async () => {
    const versions = ['first', 'second', 'third'].map((word) => Buffer.from(`<p>${word}</p>`));
    const source = { from: versions, everyUs: 600 * S, contentType: 'text/html', share: PAGE_SHARES.news };
    const running = await runningLab(WEB, new Map(), [source]);
    try {
      const [edge] = running.lab.edges as [LabEdge];
      const page = async (): Promise<string> =>
        String((await ask(edge.listen, running.host, { page: 0, bytes: 0 })).body);
      const before = await page();
      await running.lab.begin(micros((Date.now() - 600_000) * 1_000));
      const after = await page();
      // Ten minutes later by the clock of the pages: the next one of the three.
      const words = versions.map(String);
      expect(words.indexOf(after)).toBe((words.indexOf(before) + 1) % 3);
    } finally {
      await running.lab.stop();
    }
  });
});

describe('an origin that stands somewhere already', () => {
  it('is served through the lab’s relay, refused there, and left alone', async () => {
    const stranger = createServer((_request, response) => void response.setHeader('X-Lab-Origin', 'stranger').end('x'));
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    const address = stranger.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const running = await runningLab(WEB, new Map([[0, { host: '127.0.0.1', port }]]));
    try {
      const [edge] = running.lab.edges as [LabEdge];
      expect(servedBy(await ask(edge.listen, running.host))).toBe('stranger');
      const undo = await running.fault('power_loss', 'pool/one');
      expect((await ask(edge.listen, running.host, { patienceMs: 700 })).error).toBe('silent');
      expect((await ask({ host: '127.0.0.1', port }, running.host)).status).toBe(200);
      await undo();
      expect(servedBy(await ask(edge.listen, running.host))).toBe('stranger');
      await expect(running.fault('errors', 'pool/one')).rejects.toThrow('an origin of the lab');
    } finally {
      await running.lab.stop();
      stranger.closeAllConnections();
      stranger.close();
    }
  });
});

describe('the end of a lab', () => {
  it('when the drill is killed, nothing is left: not the frozen ones, not the folder', async () => {
    const holder = spawn(process.execPath, [fileURLToPath(new URL('./holder.ts', import.meta.url))], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const folder = await new Promise<string>((resolve, reject) => {
      holder.once('exit', (code) => reject(new Error(`the holder ended with ${code}`)));
      holder.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
    });
    const entries = readLedger(folder).filter(lives);
    expect(entries.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['the network', 'the edge LHR', 'listener 1']),
    );
    holder.removeAllListeners('exit');
    holder.kill('SIGKILL');
    while (existsSync(folder) || entries.some(lives)) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(entries.filter(lives)).toEqual([]);
  });

  it('what could not be ended is named, and found by the next start', async () => {
    const running = await runningLab(WEB);
    // As if a process of the lab did not die: it is in the ledger, and nothing that the lab does ends it.
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
    const ended = new Promise((resolve) => other.once('exit', (_code, signal) => resolve(signal)));
    record(running.folder, other.pid ?? 0, 'the edge NRT');
    expect(await running.lab.stop()).toEqual([`the edge NRT (process ${other.pid}) is still there`]);
    expect(alive(running.folder)).toEqual(['the edge NRT']);
    // Its drill still runs, so nobody else touches it.
    sweepLeftovers(dirname(running.folder));
    expect(alive(running.folder)).toEqual(['the edge NRT']);
    other.kill('SIGKILL');
    expect(await ended).toBe('SIGKILL');
  });
});
