/**
 * `npm run bench:proxy`: CPU per proxied request, ours beside nginx, HAProxy and the Node proxies, interleaved.
 *
 * Every round visits every contender with every workload; the figure is the median of the rounds. Proxies run on core
 * 0, origin and wrk on core 1 (two-worker rows: nothing is pinned). Compare CPU per request, not requests per second:
 * neighbours on the machine disturb the one and hardly the other.
 *
 *     node bench/proxy/bench.ts [--quick] [--rounds N] [--seconds N] [--only get1k,hdr20] [--contenders switchyard,nginx]
 *                               [--command 'switchyard serve … {listen} {origin} {workers}'] [--tls-command '… {key} {cert}']
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Contender, originConf, OTHERS, ourselves } from './contenders.ts';
import { makeCertificate } from '../../test/live/proxy/certificate.ts';
import { cpuSeconds, peakRssMib, wrk } from './measure.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string' },
    contenders: { type: 'string' },
    command: { type: 'string' },
    'tls-command': { type: 'string' },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
const seconds = Number(values.seconds ?? (values.quick ? 1 : 2));
const CONNECTIONS = 64;
const ORIGIN_PORT = 19_000;

interface Workload {
  readonly name: string;
  readonly path: string;
  readonly script: string | undefined;
  readonly tls: boolean;
  readonly workers: number;
}

const POST = `wrk.method = "POST"\nwrk.body = string.rep("p", 16384)\nwrk.headers["Content-Type"] = "application/octet-stream"\n`;
const HEADERS = [
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Language: en-GB,en;q=0.7,de;q=0.3',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Referer: https://shop.example.com/catalogue/shoes?page=2&sort=price',
  'Cookie: sid=6c1f0e4b2d7a49c8; lang=en; theme=dark; consent=eyJhIjp0cnVlLCJiIjpmYWxzZX0; cart=3f9a77d1',
  'Cache-Control: max-age=0',
  'DNT: 1',
  'Sec-Fetch-Dest: document',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Site: same-origin',
  'Sec-Fetch-User: ?1',
  'Sec-CH-UA: "Chromium";v="140", "Not(A:Brand";v="24"',
  'Sec-CH-UA-Mobile: ?0',
  'Sec-CH-UA-Platform: "Linux"',
  'Upgrade-Insecure-Requests: 1',
  'If-None-Match: "5f2b-61a9c0d3e8f40"',
  'X-Requested-With: XMLHttpRequest',
  'Priority: u=0, i',
  'X-Request-Id: 9b2e4c1d-77aa-4c52-9d0e-3f6f2a5b8c11',
].map((line) => line.split(/: (.*)/s) as [string, string]);

const WORKLOADS: readonly Workload[] = [
  { name: 'get1k', path: '/get1k', script: undefined, tls: false, workers: 1 },
  { name: 'hdr20', path: '/get1k', script: 'hdr20.lua', tls: false, workers: 1 },
  { name: 'get100k', path: '/get100k', script: undefined, tls: false, workers: 1 },
  { name: 'post16k', path: '/post', script: 'post16k.lua', tls: false, workers: 1 },
  { name: 'get1k_2workers', path: '/get1k', script: undefined, tls: false, workers: 2 },
  { name: 'get1k_tls', path: '/get1k', script: undefined, tls: true, workers: 1 },
];

const folder = mkdtempSync(join(tmpdir(), 'switchyard-bench-'));
const children: ChildProcess[] = [];
process.on('exit', cleanUp);
process.on('SIGINT', () => process.exit(130));

installPeers();
writeFileSync(join(folder, 'post16k.lua'), POST);
writeFileSync(
  join(folder, 'hdr20.lua'),
  HEADERS.map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}\n`).join(''),
);
const tls = await certificateFiles();
const origin = `127.0.0.1:${ORIGIN_PORT}`;
start(['taskset', '-c', '1', 'nginx', '-p', folder, '-c', originConf(folder, ORIGIN_PORT)]);
await listening(ORIGIN_PORT);

const wanted = values.contenders?.split(',');
const contenders = [ourselves(values.command, values['tls-command']), ...OTHERS].filter(
  ({ name }) => wanted === undefined || wanted.includes(name),
);
const workloads = WORKLOADS.filter(({ name }) => values.only === undefined || values.only.split(',').includes(name));

interface Running {
  readonly contender: Contender;
  readonly pid: number;
  readonly port: number;
}
interface Sample {
  readonly us: number;
  readonly rps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

let nextPort = ORIGIN_PORT + 1;
const fleets = new Map<string, Running[]>();
for (const { workers, tls: secure } of workloads) {
  const key = fleetKey(workers, secure);
  if (fleets.has(key)) continue;
  const running: Running[] = [];
  for (const contender of contenders) {
    if (!contender.full && (workers > 1 || secure)) continue;
    const port = nextPort++;
    const words = contender.command({
      folder,
      origin,
      listen: `127.0.0.1:${port}`,
      workers,
      tls: secure ? tls : undefined,
    });
    const pid = start(workers > 1 ? words : ['taskset', '-c', '0', ...words]);
    await listening(port);
    running.push({ contender, pid, port });
  }
  fleets.set(key, running);
}

const samples = new Map<string, Sample[]>();
const rss = new Map<string, number>();
for (let round = 0; round < rounds + 1; round++) {
  for (const workload of workloads) {
    for (const { contender, pid, port } of fleets.get(fleetKey(workload.workers, workload.tls)) ?? []) {
      const before = cpuSeconds(pid);
      const result = await wrk({
        url: `${workload.tls ? 'https' : 'http'}://127.0.0.1:${port}${workload.path}`,
        script: workload.script === undefined ? undefined : join(folder, workload.script),
        connections: CONNECTIONS,
        seconds: round === 0 ? 1 : seconds,
        core: workload.workers > 1 ? undefined : 1,
      });
      const spent = cpuSeconds(pid) - before;
      const key = `${workload.name} ${contender.name}`;
      rss.set(key, peakRssMib(pid));
      // The first round only warms up.
      if (round === 0 || result.requests === 0) continue;
      const list = samples.get(key) ?? [];
      samples.set(key, list);
      list.push({
        us: (spent / result.requests) * 1e6,
        rps: result.requests / seconds,
        p50Ms: result.p50Ms,
        p99Ms: result.p99Ms,
        errors: result.errors,
      });
    }
  }
  console.error(`round ${round} of ${rounds} done`);
}

const report: Record<
  string,
  { us_per_request: Record<string, number>; p99_ms: Record<string, number>; rss_mib: Record<string, number> }
> = {};
console.log(
  `CPU microseconds of the proxy per request, median of ${rounds} rounds of ${seconds} s; ${CONNECTIONS} connections`,
);
for (const { name } of workloads) {
  const row = { us_per_request: {}, p99_ms: {}, rss_mib: {} } as (typeof report)[string];
  console.log(
    `\n${name}\n  ${'contender'.padEnd(22)}${'us/req'.padStart(8)}${'x nginx'.padStart(9)}${'req/s'.padStart(9)}${'p50 ms'.padStart(9)}${'p99 ms'.padStart(9)}${'MiB'.padStart(7)}  errors`,
  );
  const nginx = median((samples.get(`${name} nginx`) ?? []).map(({ us }) => us));
  for (const contender of contenders) {
    const list = samples.get(`${name} ${contender.name}`);
    if (list === undefined) continue;
    const us = median(list.map((each) => each.us));
    const p50 = median(list.map((each) => each.p50Ms));
    const p99 = median(list.map((each) => each.p99Ms));
    const mib = rss.get(`${name} ${contender.name}`) ?? 0;
    row.us_per_request[contender.name] = round1(us);
    row.p99_ms[contender.name] = round1(p99);
    row.rss_mib[contender.name] = Math.round(mib);
    const errors = list.reduce((sum, each) => sum + each.errors, 0);
    console.log(
      `  ${contender.name.padEnd(22)}${us.toFixed(1).padStart(8)}${(us / nginx).toFixed(2).padStart(9)}${median(
        list.map((each) => each.rps),
      )
        .toFixed(0)
        .padStart(
          9,
        )}${p50.toFixed(2).padStart(9)}${p99.toFixed(2).padStart(9)}${mib.toFixed(0).padStart(7)}  ${errors}`,
    );
  }
  report[name] = row;
}
cleanUp();
console.log(JSON.stringify({ workloads: report }));
process.exit(0);

function fleetKey(workers: number, secure: boolean): string {
  return `${workers} ${secure}`;
}

function start(words: string[]): number {
  const child = spawn(words[0] as string, words.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] });
  children.push(child);
  return child.pid as number;
}

async function listening(port: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
    if (up) return;
    await sleep(50);
  }
  throw new Error(`nothing listens on port ${port}`);
}

function installPeers(): void {
  if (existsSync(join(import.meta.dirname, 'node_modules'))) return;
  console.error('installing the peers into bench/proxy/node_modules');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 2, 2],
  });
}

async function certificateFiles(): Promise<{ key: string; cert: string; both: string }> {
  const { key, cert } = await makeCertificate('localhost');
  const files = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem'), both: join(folder, 'both.pem') };
  writeFileSync(files.key, key);
  writeFileSync(files.cert, cert);
  writeFileSync(files.both, cert + key);
  return files;
}

function median(list: readonly number[]): number {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}

function cleanUp(): void {
  for (const child of children) child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
