/**
 * `npm run demo:railgun`: what the link is for, in a minute. A site whose pages change, an edge and a listener, and between them a wide
 * area of 80 ms and 20 Mbit/s; everything in this process, on loopback. Each page is fetched twice: straight from the origin with gzip
 * over a kept-alive connection, and over the link. Then the listener dies, and comes back.
 *
 *   visitor ─► edge ═ WAN 80 ms ═ listener ─► site          through the link
 *   visitor ─► edge ─ WAN 80 ms ────────────► site (gzip)   direct
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { defaultRailgunConf } from '../config/railgun-conf.ts';
import { EMPTY_NAT_MAP } from '../core/nat-map.ts';
import { seededRandom } from '../core/random.ts';
import { RealClock } from '../live/clock.ts';
import { buildOf } from '../live/railgun/identity.ts';
import { ListenerService } from '../live/railgun/listener-service.ts';
import { openWanRelay, symmetric, type WanRelay } from '../live/wan-relay.ts';
import { pageAt, pageType, PAGE_KINDS, type PageKind } from '../sim/pages.ts';
import { EXIT, type Io } from './io.ts';
import { readOptions } from './serve/options.ts';
import { EdgeService } from './serve/service.ts';
import { VERSION } from './version.ts';

const RTT_MS = 80;
const BYTES_PER_SECOND = 20_000_000 / 8;
const TOKEN = 'demo0000demo0000demo0000demo0000';
const SEED = 1;
/** Versions are five minutes apart; 12 is an hour later. */
/** `portal`: all of them on one page, too long for the first window of a connection even when gzipped. */
type DemoPage = PageKind | 'portal';
const VISITS: readonly { readonly kind: DemoPage; readonly versions: readonly number[] }[] = [
  { kind: 'news', versions: [0, 0, 1, 2, 14] },
  { kind: 'shop', versions: [0, 1, 12] },
  { kind: 'account', versions: [0, 1] },
  { kind: 'incidents', versions: [0, 1] },
  { kind: 'portal', versions: [0, 1, 2] },
];
/** Between two pages: long enough for an idle connection's window to close, as it does between real visits. */
const PAUSE_MS = 300;

export async function runRailgunDemo(io: Io): Promise<number> {
  const stage = await Stage.set();
  try {
    io.out(`switchyard ${VERSION}: a link of ${RTT_MS} ms and 20 Mbit/s between edge and origin\n\n`);
    await stage.play(io);
  } finally {
    await stage.clear();
  }
  return EXIT.ok;
}

interface Seen {
  readonly status: number;
  readonly ms: number;
  readonly wanBytes: number;
  readonly bodyBytes: number;
  readonly header: string;
  readonly right: boolean;
}

class Stage {
  readonly #folder: string;
  readonly #site: Server;
  readonly #direct: WanRelay;
  readonly #link: WanRelay;
  readonly #edge: EdgeService;
  #listener: ListenerService | undefined;
  readonly #listenerPort: number;
  readonly #versions: Map<DemoPage, number>;

  private constructor(parts: {
    readonly folder: string;
    readonly site: Server;
    readonly direct: WanRelay;
    readonly link: WanRelay;
    readonly edge: EdgeService;
    readonly listener: ListenerService;
    readonly listenerPort: number;
    readonly versions: Map<DemoPage, number>;
  }) {
    this.#folder = parts.folder;
    this.#site = parts.site;
    this.#direct = parts.direct;
    this.#link = parts.link;
    this.#edge = parts.edge;
    this.#listener = parts.listener;
    this.#listenerPort = parts.listenerPort;
    this.#versions = parts.versions;
  }

  static async set(): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'switchyard-demo-'));
    const versions = new Map<DemoPage, number>();
    const site = await openSite(versions);
    const sitePort = (site.address() as AddressInfo).port;
    const { listener, port: listenerPort } = await openListener(sitePort, 0);
    const random = seededRandom(SEED);
    const shape = symmetric(RTT_MS, BYTES_PER_SECOND, {});
    const direct = await openWanRelay({ target: { host: '127.0.0.1', port: sitePort }, shape, random });
    const link = await openWanRelay({ target: { host: '127.0.0.1', port: listenerPort }, shape, random });
    const config = join(folder, 'demo.json');
    writeFileSync(config, JSON.stringify(configuration(direct.port, link.port)));
    const read = readOptions({ config, listen: '127.0.0.1:0', admin: 'off', store: 'memory', state: folder });
    if (!read.ok) throw new Error(read.problems.map((one) => one.message).join('; '));
    const started = await EdgeService.start(read.options, pino({ enabled: false }));
    if (started.kind === 'refused') throw new Error(started.problems.map((one) => one.message).join('; '));
    const { service: edge } = started;
    return new Stage({ folder, site, direct, link, edge, listener, listenerPort, versions });
  }

  async play(io: Io): Promise<void> {
    const first = await this.#visit('news', 0, 'link');
    io.out(`The first visit of all: Cf-Railgun: ${first.header}\n`);
    io.out('It went straight to the origin, and a lane was opened meanwhile. From now on:\n\n');
    await this.#untilLinked();
    io.out(`${row('page', 'bytes', 'gzip', 'ms', 'link', 'ms', 'times')}  Cf-Railgun\n`);
    for (const { kind, versions } of VISITS) {
      for (const version of versions) {
        const direct = await this.#visit(kind, version, 'direct');
        await pause(PAUSE_MS);
        const link = await this.#visit(kind, version, 'link');
        await pause(PAUSE_MS);
        if (!direct.right || !link.right) throw new Error(`the bytes of ${kind} ${version} are wrong`);
        const times = `${(direct.wanBytes / link.wanBytes).toFixed(0)} x`;
        const label = `${kind} +${version * 5} min`;
        io.out(
          `${row(label, link.bodyBytes, direct.wanBytes, direct.ms, link.wanBytes, link.ms, times)}  ${link.header}\n`,
        );
      }
    }
    io.out(
      '\nWhere gzip fits the first window of TCP, 14,600 bytes, only the bytes differ; where it does not, round trips do.\n',
    );
    await this.#lose(io);
  }

  async #lose(io: Io): Promise<void> {
    io.out('\nThe listener is killed. Nobody waits for it:\n\n');
    await this.#listener?.stop();
    this.#listener = undefined;
    // The news of its death needs half a round trip; a page asked for before that gets a 527.
    await pause(PAUSE_MS);
    for (let visit = 0; visit < 2; visit += 1) {
      const seen = await this.#visit('news', 15, 'link');
      io.out(`${row('news +75 min', seen.bodyBytes, '', '', seen.wanBytes, seen.ms, '')}  ${seen.header}\n`);
      await pause(PAUSE_MS);
    }
    io.out('\nIt is back, and so is the link, by itself:\n\n');
    const { listener } = await openListener((this.#site.address() as AddressInfo).port, this.#listenerPort);
    this.#listener = listener;
    await this.#untilLinked();
    for (let visit = 0; visit < 2; visit += 1) {
      const seen = await this.#visit('news', 16 + visit, 'link');
      io.out(
        `${row(`news +${(16 + visit) * 5} min`, seen.bodyBytes, '', '', seen.wanBytes, seen.ms, '')}  ${seen.header}\n`,
      );
      await pause(PAUSE_MS);
    }
    io.out('\n(The new listener had nothing to compare with: its store is its own, and was empty.)\n');
  }

  async clear(): Promise<void> {
    await this.#edge.stop();
    await this.#listener?.stop();
    await this.#direct.close();
    await this.#link.close();
    this.#site.closeAllConnections();
    this.#site.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #visit(kind: DemoPage, version: number, name: 'link' | 'direct'): Promise<Seen> {
    this.#versions.set(kind, version);
    const before = this.#fromOrigin();
    const start = performance.now();
    const { response, body } = await fetchPage(
      this.#edge.addresses.listen?.port ?? 0,
      `${name}.switchyard.test`,
      `/${kind}`,
    );
    const ms = performance.now() - start;
    const plain = response.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    const { 'cf-railgun': header } = response.headers;
    return {
      status: response.statusCode ?? 0,
      ms,
      wanBytes: this.#fromOrigin() - before,
      bodyBytes: plain.length,
      header: typeof header === 'string' ? header : '',
      right: plain.equals(contentOf(kind, version)),
    };
  }

  #fromOrigin(): number {
    return this.#direct.stats().toClient.deliveredBytes + this.#link.stats().toClient.deliveredBytes;
  }

  async #untilLinked(): Promise<void> {
    for (;;) {
      const [driver] = this.#edge.node.railguns.transport?.links().values() ?? [];
      if (driver !== undefined && driver.lanes > 0) return;
      // Only a request makes the edge look for the listener.
      driver?.probe();
      await pause(20);
    }
  }
}

function contentOf(kind: DemoPage, version: number): Uint8Array {
  if (kind !== 'portal') return pageAt(kind, SEED, version);
  return Buffer.concat(PAGE_KINDS.map((one) => pageAt(one, SEED, version)));
}

async function openSite(versions: ReadonlyMap<DemoPage, number>): Promise<Server> {
  const site = createServer((request, response) => {
    const kind = VISITS.find((visit) => request.url === `/${visit.kind}`)?.kind;
    if (kind === undefined) return void response.writeHead(404).end();
    const page = contentOf(kind, versions.get(kind) ?? 0);
    const gzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
    const body = gzip ? gzipSync(page, { level: 6 }) : page;
    response.writeHead(200, {
      'Content-Type': kind === 'portal' ? 'text/html' : pageType(kind),
      'Content-Length': body.length,
      ...(gzip ? { 'Content-Encoding': 'gzip' } : {}),
    });
    response.end(body);
  });
  site.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  return site;
}

async function openListener(sitePort: number, port: number): Promise<{ listener: ListenerService; port: number }> {
  const conf = defaultRailgunConf('rgx');
  const listener = await ListenerService.make({
    settings: { ...conf, wanIp: '127.0.0.1', wanPort: port, activationToken: TOKEN },
    // As beside a real origin: the site is next door, whatever address the edge knows it by.
    nat: { ...EMPTY_NAT_MAP, fallback: { address: '127.0.0.1', port: sitePort } },
    ca: undefined,
    certificate: undefined,
    clock: new RealClock(),
    random: seededRandom(`${SEED} listener`),
    build: buildOf(VERSION),
    classic: false,
    store: 'memory',
    write: () => {},
  });
  if ('problem' in listener) throw new Error(listener.problem);
  const { wan } = await listener.listen();
  return { listener, port: wan.port };
}

function configuration(originPort: number, linkPort: number): unknown {
  const balancer = { proxied: true, default_pools: ['site'], fallback_pool: 'site' };
  return {
    version: 1,
    zones: [{ name: 'switchyard.test' }],
    pools: [
      { id: 'site', name: 'site', origins: [{ name: 'site', address: '127.0.0.1', port: originPort, enabled: true }] },
    ],
    railguns: [{ id: 'rg', name: 'demo', railgun_host: '127.0.0.1', port: linkPort, activation_key: TOKEN }],
    load_balancers: [
      { ...balancer, name: 'link.switchyard.test', railgun: 'rg' },
      { ...balancer, name: 'direct.switchyard.test' },
    ],
  };
}

function fetchPage(port: number, host: string, path: string): Promise<{ response: IncomingMessage; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const headers = { Host: host, 'Accept-Encoding': 'gzip' };
    const request = httpRequest({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ response, body: Buffer.concat(chunks) }));
    });
    request.on('error', reject);
    request.end();
  });
}

type Cell = string | number;

function row(page: Cell, bytes: Cell, gzip: Cell, gzipMs: Cell, link: Cell, linkMs: Cell, times: Cell): string {
  const cells: readonly (readonly [Cell, number])[] = [
    [bytes, 9],
    [gzip, 9],
    [gzipMs, 6],
    [link, 9],
    [linkMs, 6],
    [times, 7],
  ];
  return String(page).padEnd(18) + cells.map(([cell, width]) => shown(cell).padStart(width)).join('');
}

function shown(cell: Cell): string {
  return typeof cell === 'string' ? cell : Math.round(cell).toLocaleString('en-US');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

if (import.meta.main) {
  const { processIo } = await import('./io.ts');
  process.exitCode = await runRailgunDemo(processIo());
}
