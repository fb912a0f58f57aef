/**
 * `serve` without a configuration: four small origins in this process, two pools, and a page that says who served it. `/break` takes
 * the origin that answers away for a while, so that failover can be watched.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Demo {
  readonly file: string;
  readonly text: string;
  stop(): void;
}

const POOLS = [
  { name: 'europe', city: 'Frankfurt', latitude: 50.1, longitude: 8.7 },
  { name: 'america', city: 'Ashburn', latitude: 39, longitude: -77.5 },
];
const ORIGINS_PER_POOL = 2;
const BROKEN_MS = 15_000;

export async function startDemo(): Promise<Demo> {
  const origins: DemoOrigin[] = [];
  for (const pool of POOLS) {
    for (let i = 1; i <= ORIGINS_PER_POOL; i += 1) {
      // An address may stand once in a pool (C17). A machine that has 127.0.0.1 alone gets one origin per pool.
      const origin = new DemoOrigin(pool.name, `${pool.name}-${i}`, `127.0.0.${i}`);
      if (
        await origin.start().then(
          () => true,
          () => false,
        )
      )
        origins.push(origin);
    }
  }
  return {
    file: '(demo)',
    text: configuration(origins),
    stop: () => {
      for (const origin of origins) origin.stop();
    },
  };
}

function configuration(origins: readonly DemoOrigin[]): string {
  const pools = POOLS.map(({ name, latitude, longitude }) => ({
    name,
    latitude,
    longitude,
    monitor: 'page',
    origins: origins
      .filter((origin) => origin.pool === name)
      .map((origin) => ({ name: origin.name, address: origin.address, port: origin.port })),
  }));
  return JSON.stringify({
    version: 1,
    zones: [{ name: 'switchyard.test' }],
    monitors: [
      { id: 'page', type: 'http', path: '/health', interval: 10, timeout: 2, retries: 0, expected_codes: '200' },
    ],
    pools,
    load_balancers: [
      {
        name: 'demo.switchyard.test',
        proxied: true,
        default_pools: POOLS.map((pool) => pool.name),
        fallback_pool: 'europe',
        region_pools: { ENAM: ['america', 'europe'], WNAM: ['america', 'europe'] },
        session_affinity: 'cookie',
        session_affinity_ttl: 1800,
        // Not `Auto`, which is `SameSite=None` here (LB-178): no browser keeps that without `Secure`.
        session_affinity_attributes: { zero_downtime_failover: 'sticky', samesite: 'Lax', secure: 'Never' },
        adaptive_routing: { failover_across_pools: true },
      },
    ],
  });
}

class DemoOrigin {
  readonly pool: string;
  readonly name: string;
  readonly address: string;
  port = 0;
  #server: Server | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(pool: string, name: string, address: string) {
    this.pool = pool;
    this.name = name;
    this.address = address;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, this.address, () => resolve());
    });
    this.port = (server.address() as AddressInfo).port;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#server?.close();
    this.#server?.closeAllConnections();
    this.#server = undefined;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    if (request.url === '/health') {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
      return;
    }
    if (request.url === '/break') {
      response.writeHead(200, { 'content-type': 'text/plain', connection: 'close' });
      response.end(`${this.name} is away for ${BROKEN_MS / 1000} seconds\n`, () => this.#breakDown());
      return;
    }
    const { headers } = request;
    const facts = {
      origin: this.name,
      pool: this.pool,
      pop: String(headers['cf-ray'] ?? '').slice(17),
      client: String(headers['cf-connecting-ip'] ?? ''),
      country: String(headers['cf-ipcountry'] ?? ''),
      ray: String(headers['cf-ray'] ?? ''),
      path: request.url ?? '/',
    };
    if ((headers.accept ?? '').includes('text/html')) {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page(facts));
    } else {
      response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(facts)}\n`);
    }
  }

  #breakDown(): void {
    this.stop();
    this.#timer = setTimeout(() => {
      // Somebody else may have taken the port meanwhile; then this origin stays away.
      this.start().catch(() => {});
    }, BROKEN_MS);
    this.#timer.unref();
  }
}

function page(facts: Readonly<Record<string, string>>): string {
  const rows = Object.entries(facts)
    .map(([key, value]) => `<dt>${key}</dt><dd>${value.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)}</dd>`)
    .join('');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Switchyard demo: ${facts['origin']}</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:38rem;margin:10vh auto;padding:0 1.5rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}dt{opacity:.65}dd{margin:0;font-family:ui-monospace,monospace}</style>
</head><body><h1>Served by ${facts['origin']}</h1><dl>${rows}</dl>
<p>Reload: the session cookie <code>__cflb</code> keeps you here. <a href="/break">Take this origin away</a> for ${BROKEN_MS / 1000} seconds, and reload again.</p>
</body></html>
`;
}
