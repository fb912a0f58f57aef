/**
 * `npm run bench:link`: how soon the last byte of a page is there, over a wide area of 80 ms and 20 Mbit/s with TCP's slow start:
 * straight from the origin without and with gzip, and over the link. Interleaved runs, medians. `--quick` does less of everything.
 *
 *   first  the edge has never seen the page; direct: a new HTTPS connection
 *   cold   both ends hold the version before; direct: a new HTTPS connection
 *   warm   the same; direct: a kept-alive connection that was idle
 *
 * The lane is open in all three: that is what a lane is for. Direct requests are made right at the wide area; those over the link go
 * through an edge in a process of its own, which costs them a hop.
 *
 * Then CPU: what sender and listener spend on a request, beside the edge's own work for one that goes direct.
 */
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { performance } from 'node:perf_hooks';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { seededRandom } from '../../src/core/random.ts';
import { openWanRelay, symmetric, type WanRelay } from '../../src/live/wan-relay.ts';
import { cpuSeconds } from '../proxy/measure.ts';
import { Lab } from './lab.ts';
import { benchPage } from './pages.ts';

const RTT_MS = 80;
const BYTES_PER_SECOND = 20_000_000 / 8;
/** Longer than the relay's windows stay open. */
const IDLE_MS = 260;

const quick = process.argv.includes('--quick');
const SIZES = quick ? [92_516] : [16_000, 92_516, 250_000, 700_000];
const ORIGIN_MS = quick ? [0] : [0, 50];
const ROUNDS = quick ? 5 : 7;
/** Requests before anything is measured: what runs once for a request is compiled well after a thousand of them, and not before. */
const WARM_UP_ROUNDS = 40;
const WARM_UP_AT_ONCE = 24;
const CPU_REQUESTS = quick ? 200 : 800;

type State = 'first' | 'cold' | 'warm';

interface Row {
  readonly page: number;
  readonly origin_ms: number;
  readonly state: State;
  readonly link_ms: number;
  readonly gzip_ms: number;
  readonly identity_ms: number;
  readonly wan_bytes: number;
}

interface Fetched {
  readonly ms: number;
  readonly body: Buffer;
  readonly railgun: string;
}

const lab = new Lab();
const relays: WanRelay[] = [];
try {
  await run();
} finally {
  for (const relay of relays) await relay.close();
  await lab.close();
}

async function run(): Promise<void> {
  const site = await lab.site();
  const sitePort = Number(site.ready['port']);
  const nginx = await lab.nginx(sitePort);
  if (nginx === undefined)
    throw new Error('bench:link needs nginx (apt-get install nginx-light): it is the peer to compare with');
  const listener = await lab.listener(sitePort);
  const random = seededRandom('bench');
  const wan = async (port: number): Promise<WanRelay> => {
    const shape = symmetric(RTT_MS, BYTES_PER_SECOND, {});
    const relay = await openWanRelay({ target: { host: '127.0.0.1', port }, shape, random });
    relays.push(relay);
    return relay;
  };
  const toListener = await wan(Number(String(listener.ready['wan']).split(':')[1]));
  const [toPlain, toTls] = [await wan(nginx.plain), await wan(nginx.tls)];
  const edge = await lab.edge(toPlain.port, toListener.port);
  const edgePort = Number(String(edge.ready['listen']).split(':')[1]);
  const next = async (): Promise<number> => Number(await (await fetch(`http://127.0.0.1:${sitePort}/next`)).text());

  const prepare = async (page: number): Promise<void> => {
    await (await fetch(`http://127.0.0.1:${sitePort}/${page}/0/prepare`)).arrayBuffer();
  };
  const visitor = new HttpAgent({ keepAlive: true, maxSockets: 64 });
  const overLink = (path: string): Promise<Fetched> =>
    fetchPage({ port: edgePort, path, host: 'link.bench.test', agent: visitor });
  const kept = {
    gzip: new HttpsAgent({ keepAlive: true, maxSockets: 1 }),
    identity: new HttpsAgent({ keepAlive: true, maxSockets: 1 }),
  };
  const direct = (path: string, coding: 'gzip' | 'identity', state: State): Promise<Fetched> =>
    fetchPage({
      port: toTls.port,
      path,
      host: 'bench.test',
      coding,
      agent: state === 'warm' ? kept[coding] : undefined,
      tls: true,
    });

  await linked(overLink);
  await warmUp(overLink, next);
  const rows: Row[] = [];
  process.stdout.write(
    'page bytes  origin ms  state   link ms  gzip ms  identity ms  bytes over the link  sooner than gzip\n',
  );
  for (const page of SIZES) {
    for (const originMs of ORIGIN_MS) {
      for (const state of ['first', 'cold', 'warm'] as const) {
        const row = await measure(page, originMs, state, { overLink, direct, next, prepare, relay: toListener });
        rows.push(row);
        const { link_ms, gzip_ms, identity_ms, wan_bytes } = row;
        const cells = [
          page,
          originMs,
          state,
          link_ms,
          gzip_ms,
          identity_ms,
          wan_bytes,
          `${(gzip_ms / link_ms).toFixed(2)} x`,
        ];
        const widths = [10, 10, 7, 9, 9, 12, 20, 16];
        process.stdout.write(`${cells.map((cell, i) => String(cell).padStart(widths[i] ?? 0)).join(' ')}\n`);
      }
    }
  }
  const cpu = await cpuPerRequest({ edge: edge.process.pid ?? 0, listener: listener.process.pid ?? 0, edgePort, next });
  process.stdout.write(
    `\nCPU per request of a changed page of 92,516 B, in µs: edge ${cpu.edge_us} and listener ${cpu.listener_us} over the link; edge ${cpu.edge_direct_us} for the same gzipped by nginx and passed on\n`,
  );
  process.stdout.write(`${JSON.stringify({ rows, cpu })}\n`);
}

interface Paths {
  readonly overLink: (path: string) => Promise<Fetched>;
  readonly direct: (path: string, coding: 'gzip' | 'identity', state: State) => Promise<Fetched>;
  readonly next: () => Promise<number>;
  readonly prepare: (page: number) => Promise<void>;
  readonly relay: WanRelay;
}

async function measure(page: number, originMs: number, state: State, paths: Paths): Promise<Row> {
  const times = { link: [] as number[], gzip: [] as number[], identity: [] as number[] };
  const wan: number[] = [];
  let version = await paths.next();
  const name = (round: number): string => (state === 'first' ? `first-${version}-${round}` : state);
  if (state !== 'first') {
    // Both ends learn a version, and the kept connections are opened.
    await paths.overLink(`/${page}/${originMs}/${name(0)}`);
    for (const coding of ['gzip', 'identity'] as const) await paths.direct(`/${page}/0/x`, coding, state);
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    version = await paths.next();
    const expected = benchPage(page, version);
    const path = `/${page}/${originMs}/${name(round)}`;
    // The origin makes the page before any clock starts.
    await paths.prepare(page);
    for (const kind of ['gzip', 'link', 'identity'] as const) {
      await idle();
      const before = paths.relay.stats().toClient.deliveredBytes;
      const fetched = kind === 'link' ? await paths.overLink(path) : await paths.direct(path, kind, state);
      if (!fetched.body.equals(expected)) throw new Error(`wrong bytes: ${kind} ${path}`);
      times[kind].push(fetched.ms);
      if (kind !== 'link') continue;
      if (!/^[0-9a-f]{10} /.test(fetched.railgun)) throw new Error(`not over the link: ${fetched.railgun}`);
      wan.push(paths.relay.stats().toClient.deliveredBytes - before);
    }
  }
  return {
    page,
    origin_ms: originMs,
    state,
    link_ms: median(times.link),
    gzip_ms: median(times.gzip),
    identity_ms: median(times.identity),
    wan_bytes: median(wan),
  };
}

async function cpuPerRequest(at: {
  readonly edge: number;
  readonly listener: number;
  readonly edgePort: number;
  readonly next: () => Promise<number>;
}): Promise<{ readonly edge_us: number; readonly listener_us: number; readonly edge_direct_us: number }> {
  const agent = new HttpAgent({ keepAlive: true, maxSockets: 16 });
  const load = async (host: string, count: number): Promise<void> => {
    let left = count;
    const visitor = async (lane: number): Promise<void> => {
      while (left > 0) {
        left -= 1;
        if (left % 20 === 0) await at.next();
        await fetchPage({ port: at.edgePort, path: `/92516/0/cpu-${lane}`, host, agent, coding: 'gzip' });
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, lane) => visitor(lane)));
  };
  const spent = async (host: string): Promise<readonly [number, number]> => {
    await load(host, CPU_REQUESTS / 4);
    const before = [cpuSeconds(at.edge), cpuSeconds(at.listener)] as const;
    await load(host, CPU_REQUESTS);
    const us = (pid: number, from: number): number => Math.round(((cpuSeconds(pid) - from) * 1e6) / CPU_REQUESTS);
    return [us(at.edge, before[0]), us(at.listener, before[1])];
  };
  const [edge_us, listener_us] = await spent('link.bench.test');
  const [edge_direct_us] = await spent('direct.bench.test');
  return { edge_us, listener_us, edge_direct_us };
}

interface Asked {
  readonly port: number;
  readonly path: string;
  readonly host: string;
  readonly coding?: 'gzip' | 'identity';
  readonly agent: HttpAgent | HttpsAgent | undefined;
  readonly tls?: boolean;
}

function fetchPage({ port, path, host, coding = 'gzip', agent, tls = false }: Asked): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    const headers = { Host: host, 'Accept-Encoding': coding };
    const options = {
      host: '127.0.0.1',
      port,
      path,
      headers,
      agent: agent ?? false,
      rejectUnauthorized: false,
    } as const;
    const start = performance.now();
    const request = (tls ? httpsRequest : httpRequest)(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const ms = performance.now() - start;
        const raw = Buffer.concat(chunks);
        const how = response.headers['content-encoding'];
        const body = how === 'gzip' ? gunzipSync(raw) : how === 'br' ? brotliDecompressSync(raw) : raw;
        if (response.statusCode !== 200) return reject(new Error(`${response.statusCode ?? 0} for ${path}`));
        const { 'cf-railgun': railgun } = response.headers;
        resolve({ ms, body, railgun: typeof railgun === 'string' ? railgun : '' });
      });
    });
    request.on('error', reject);
    request.end();
  });
}

async function linked(overLink: (path: string) => Promise<Fetched>): Promise<void> {
  for (;;) {
    const { railgun } = await overLink('/2000/0/hello');
    if (!railgun.startsWith('direct')) return;
    await idle();
  }
}

/** Programs that have been running for a while: compiled, not started a moment ago. */
async function warmUp(overLink: (path: string) => Promise<Fetched>, next: () => Promise<number>): Promise<void> {
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
    await next();
    await Promise.all(Array.from({ length: WARM_UP_AT_ONCE }, (_, lane) => overLink(`/92516/0/warm-up-${lane}`)));
  }
}

function idle(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, IDLE_MS);
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.floor(sorted.length / 2)] ?? 0) * 10) / 10;
}
