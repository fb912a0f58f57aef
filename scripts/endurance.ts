/**
 * `node scripts/endurance.ts`: the whole edge, as a process with its real clock and its usual limits, under slow clients that come back
 * as soon as they are cut: heads that never end, bodies that drip, answers that nobody reads. Beside them visitors in a hurry, whose
 * every answer is checked. Prints what the visitors felt with and without the slow ones, and the memory of the edge at each stage.
 *
 *   --slow N       slow clients at a time, a third of each kind (1400)
 *   --seconds N    how long they keep it up (60)
 *   --visitors N   connections of visitors, one request after the other on each (8)
 *
 * Exit code 1 when a visitor got a wrong answer or none, or when connections are left after the end. Times are for people: nothing is
 * asserted of them. With a clock that stands still, the same is a test: test/live/proxy/slow-clients.test.ts.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    slow: { type: 'string', default: '1400' },
    seconds: { type: 'string', default: '60' },
    visitors: { type: 'string', default: '8' },
  },
});
const SLOW = Number(values.slow);
const SECONDS = Number(values.seconds);
const VISITORS = Number(values.visitors);

const HOST = 'www.example.com';
const PAGE = Buffer.alloc(1024, 'p');
/** More than kernels keep of one answer while nobody reads it. */
const BIG = Buffer.alloc(12 * 1024 * 1024, 'b');

const origin = createServer((request, response) => {
  request.on('error', () => {});
  request.resume();
  if (request.url === '/big') response.end(BIG);
  else request.on('end', () => response.end(PAGE));
});
origin.requestTimeout = 0;
await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', 4096, resolve));

const folder = mkdtempSync(join(tmpdir(), 'switchyard-endurance-'));
const config = join(folder, 'edge.json');
writeFileSync(
  config,
  JSON.stringify({
    version: 1,
    pools: [
      { name: 'a', origins: [{ name: 'one', address: '127.0.0.1', port: (origin.address() as AddressInfo).port }] },
    ],
    load_balancers: [
      { name: HOST, proxied: true, session_affinity: 'cookie', default_pools: ['a'], fallback_pool: 'a' },
    ],
  }),
);
const edge = spawn(
  process.execPath,
  [
    join(import.meta.dirname, '../bin/switchyard.js'),
    ...['serve', '--config', config, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
    ...['--state', join(folder, 'state'), '--access-log', join(folder, 'access.log')],
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const ready = await new Promise<{ listen: string; admin: string }>((resolve, reject) => {
  edge.once('exit', (code) => reject(new Error(`serve ended with ${code}`)));
  edge.stdout.once('data', (line: Buffer) => resolve(JSON.parse(line.toString())));
});
const PORT = Number(ready.listen.split(':')[1]);

// ---- visitors --------------------------------------------------------------------------------------------------------

const agent = new Agent({ keepAlive: true });
const wrong: string[] = [];

function visit(): Promise<number> {
  return new Promise((resolve) => {
    const began = performance.now();
    const end = (fault?: string): void => {
      if (fault !== undefined) wrong.push(fault);
      resolve(performance.now() - began);
    };
    const request = get(
      { port: PORT, host: '127.0.0.1', path: '/page', headers: { host: HOST }, agent },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () => {
          const good = response.statusCode === 200 && Buffer.concat(pieces).equals(PAGE);
          end(good ? undefined : `answered ${response.statusCode}`);
        });
      },
    );
    request.on('error', (error) => end(error.message));
  });
}

async function visitFor(seconds: number): Promise<object> {
  const times: number[] = [];
  const until = performance.now() + seconds * 1_000;
  const visitor = async (): Promise<void> => {
    while (performance.now() < until) {
      times.push(await visit());
      await sleep(5);
    }
  };
  await Promise.all(Array.from({ length: VISITORS }, visitor));
  times.sort((a, b) => a - b);
  const at = (share: number): number => Math.round((times[Math.floor(times.length * share)] ?? 0) * 100) / 100;
  return { requests: times.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(0.9999) };
}

// ---- slow clients ----------------------------------------------------------------------------------------------------

const KINDS = [
  { opening: `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX-Slow: `, reads: true },
  { opening: `POST /page HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 100000\r\n\r\n`, reads: true },
  { opening: `GET /big HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`, reads: false },
];
const slow = new Set<Socket>();
const cut = [0, 0, 0];
let attacking = true;

function slowClient(kind: number): void {
  const { opening, reads } = KINDS[kind]!;
  const socket = connect({ port: PORT, host: '127.0.0.1' });
  slow.add(socket);
  if (reads) socket.resume();
  socket.on('error', () => {});
  socket.on('connect', () => socket.write(opening));
  const drip = setInterval(() => {
    if (reads) socket.write('x'.repeat(10));
    else socket.read(1);
  }, 1_000);
  socket.on('close', () => {
    clearInterval(drip);
    slow.delete(socket);
    if (!attacking) return;
    cut[kind]! += 1;
    setTimeout(slowClient, 100, kind);
  });
  // Who reads nothing does not see a reset either: it goes away by itself after a while, and comes back.
  if (!reads) setTimeout(() => socket.destroy(), 45_000).unref();
}

// ---- the edge's own view ---------------------------------------------------------------------------------------------

async function gauge(name: string): Promise<number> {
  const text = await (await fetch(`http://${ready.admin}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1],
  );
}

async function stage(): Promise<object> {
  const rss = await gauge('process_resident_memory_bytes');
  return {
    rssMiB: Math.round(rss / 1_048_576),
    connections: await gauge('switchyard_connections'),
    inFlight: await gauge('switchyard_requests_in_flight'),
  };
}

await visitFor(3);
const calm = await visitFor(10);
const before = await stage();
for (let i = 0; i < SLOW; i += 1) {
  slowClient(i % 3);
  if (i % 50 === 49) await sleep(20);
}
let peak = before as { rssMiB: number };
const watch = setInterval(async () => {
  const now = (await stage()) as { rssMiB: number };
  if (now.rssMiB > peak.rssMiB) peak = now;
}, 1_000);
const attacked = await visitFor(SECONDS);
const during = await stage();
clearInterval(watch);
attacking = false;
for (const socket of slow) socket.destroy();
await sleep(3_000);
const recovered = await visitFor(10);
agent.destroy();
await sleep(1_000);
const after = await stage();

edge.removeAllListeners('exit');
edge.kill('SIGKILL');
origin.close();
origin.closeAllConnections();
rmSync(folder, { recursive: true, force: true });

const figures = { slow: SLOW, seconds: SECONDS, cut, before, peak, during, after, calm, attacked, recovered };
console.log(JSON.stringify({ ...figures, wrong: wrong.length }, null, 2));
const left = (after as { connections: number }).connections;
if (wrong.length > 0 || left > 0) {
  console.error(`wrong answers: ${[...new Set(wrong)].join(', ') || 'none'}; connections left: ${left}`);
  process.exit(1);
}
process.exit(0);
