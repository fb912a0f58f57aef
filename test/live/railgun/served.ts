/** `switchyard serve` in this process, with a link in its configuration, an origin and a listener. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { readOptions, type ServeFlags } from '../../../src/cli/serve/options.ts';
import { EdgeService } from '../../../src/cli/serve/service.ts';
import { pageAt } from '../../../src/sim/pages.ts';
import { type Answer, get, type ListenerLab, Origin, railgunOf, startListener, TOKEN } from './lab.ts';

export interface Served {
  readonly service: EdgeService;
  readonly origin: Origin;
  readonly listener: ListenerLab;
  /** Of the admin port: `http://127.0.0.1:…`. */
  readonly admin: string;
  readonly folder: string;
  ask(host: string, path: string, method?: string): Promise<Answer>;
  /** Until the lane of `link.example.com` is open. */
  linked(): Promise<void>;
  call(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: Called }>;
  end(): Promise<void>;
}

export interface Called {
  readonly success: boolean;
  readonly result: Readonly<Record<string, unknown>>;
  readonly errors: readonly { readonly code: number }[];
}

export const OTHER_TOKEN = 'fedcba9876543210fedcba9876543210';

export interface ServedOptions {
  readonly flags?: ServeFlags;
  readonly handler?: (request: IncomingMessage, response: ServerResponse) => void;
  readonly railguns?: readonly object[];
}

export async function serveSite(options: ServedOptions = {}): Promise<Served> {
  const origin = await Origin.start(
    options.handler ??
      ((request, response) => {
        response.setHeader('Content-Type', 'text/html');
        response.setHeader('Cf-Railgun', '0000000000 0.00 0.000000 ffff fake');
        if (request.url === '/hold') return;
        response.end(pageAt('shop', 5, 0));
      }),
  );
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
    railguns: [
      { id: 'rg', name: 'rg', railgun_host: '127.0.0.1', port: listener.port, activation_key: TOKEN },
      ...(options.railguns ?? []),
    ],
    load_balancers: [
      { ...balancer, name: 'link.example.com', railgun: 'rg' },
      { ...balancer, name: 'plain.example.com' },
      { ...balancer, name: 'broken.example.com', railgun: 'rg', default_pools: ['nobody'], fallback_pool: 'nobody' },
    ],
  };
  writeFileSync(join(folder, 'edge.json'), JSON.stringify(config));
  const flags = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', store: 'memory', state: folder };
  const read = readOptions({ config: join(folder, 'edge.json'), ...flags, ...options.flags });
  if (!read.ok) throw new Error(read.problems.map((one) => one.message).join());
  const started = await EdgeService.start(read.options, pino({ enabled: false }));
  if (started.kind === 'refused') throw new Error(started.problems.map((one) => one.message).join());
  const { service } = started;
  const port = service.addresses.listen?.port ?? 0;
  const admin = `http://127.0.0.1:${service.admin?.address.port ?? 0}`;
  const ask = (host: string, path: string, method = 'GET'): Promise<Answer> =>
    get(port, path, { method, headers: { Host: host } });
  return {
    ...{ service, origin, listener, admin, folder, ask },
    linked: async () => {
      while (railgunOf(await ask('link.example.com', '/warm')).startsWith('direct'))
        await new Promise((resolve) => setTimeout(resolve, 10));
    },
    call: async (method, path, body) => {
      const response = await fetch(`${admin}${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as Called };
    },
    end: async () => {
      await service.stop();
      listener.stop();
      origin.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
