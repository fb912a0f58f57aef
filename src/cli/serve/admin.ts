/**
 * The admin port: metrics, liveness, explanations, events, and the control API (`src/api`). Loopback by default; anywhere else it wants a token. Another origin's page
 * in a browser may not use it either: requests with a foreign Host or Origin are refused.
 */
import { timingSafeEqual } from 'node:crypto';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { listenerApi, operatorApi } from '../../api/app.ts';
import { internalError, unauthenticated } from '../../api/envelope.ts';
import type { Problem } from '../../core/problem.ts';
import { explainRequest } from '../../edge/explain-request.ts';
import { describeOrigin, describePool } from '../../health/describe.ts';
import { controlPorts } from './control.ts';
import { FAMILIES, HISTOGRAMS } from './counters.ts';
import type { EdgeEvent } from './events.ts';
import { type Endpoint, isLoopback } from './options.ts';
import { listenProblem } from './plane.ts';
import type { EdgeService } from './service.ts';

export interface AdminPort {
  readonly address: Endpoint;
  close(): Promise<void>;
}

const HEARTBEAT_MS = 15_000;
const BODY_MS = 10_000;

export async function openAdmin(
  service: EdgeService,
  at: Endpoint,
): Promise<{ readonly port: AdminPort } | { readonly problem: Problem }> {
  const app = adminApp(service);
  const server: Server = createServer({ requestTimeout: BODY_MS }, getRequestListener(app.fetch));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: at.host, port: at.port }, () => resolve());
    });
  } catch (error) {
    return { problem: listenProblem('--admin', at, error) };
  }
  const { address, port } = server.address() as AddressInfo;
  return {
    port: {
      address: { host: address, port },
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    },
  };
}

/** The routes, for the port above and for whoever mounts them elsewhere. */
export function adminApp(service: EdgeService): Hono {
  const app = new Hono();
  const { adminToken, admin } = service.options;
  const local = admin === undefined || isLoopback(admin.host);
  const alive = (c: Context): Response => c.json({ status: 'alive' });
  const ready = (c: Context): Response =>
    service.draining
      ? c.json({ status: 'draining' }, 503)
      : c.json({ status: 'ready', config: service.configuration.hash });
  // For whoever watches the process, without a token: they say nothing of the configuration's contents.
  for (const prefix of ['', '/_switchyard']) {
    app.get(`${prefix}/livez`, alive);
    app.get(`${prefix}/readyz`, ready);
  }
  const control = controlPorts(service);
  app.use('*', async (c, next) => {
    // Attack: a page on another site lets the browser ask 127.0.0.1, by a name that it has pointed here (DNS rebinding).
    if (local && !isOwnName(c.req.header('host') ?? '')) return c.json({ error: 'unknown host' }, 403);
    const origin = c.req.header('origin');
    if (origin !== undefined && origin !== `http://${c.req.header('host')}`)
      return c.json({ error: 'foreign origin' }, 403);
    return next();
  });
  // Listeners have no token of ours, and their own is their authority.
  app.route('/', listenerApi(control));
  app.use('*', async (c, next) => {
    if (adminToken !== '' && !bears(credentialOf(c), adminToken)) {
      if (c.req.path.startsWith('/client/v4/')) return unauthenticated(c);
      return c.json({ error: 'a token is needed' }, 401, { 'WWW-Authenticate': 'Bearer' });
    }
    return next();
  });
  const metrics = async (c: Context): Promise<Response> => {
    const { scrape } = await import('../../live/metrics.ts');
    const { type, text } = await scrape(await service.samples(), { families: FAMILIES, histograms: HISTOGRAMS });
    return c.body(text, 200, { 'Content-Type': type });
  };
  app.get('/metrics', metrics);
  app.get('/_switchyard/metrics', metrics);
  app.get('/_switchyard/health', (c) => c.json(healthOf(service)));
  app.get('/_switchyard/explain', (c) => {
    const { node } = service;
    const explained = explainRequest(node.edge, c.req.query(), node.clock.now());
    return 'problem' in explained ? c.json({ error: explained.problem }, 400) : c.json(explained);
  });
  app.get('/_switchyard/events', (c) => eventStream(c, service));
  app.route('/', operatorApi(control));
  app.notFound((c) => c.json({ error: 'there is nothing here', try: ROUTES }, 404));
  app.onError((error, c) => {
    service.log.error({ err: error }, 'our own mistake: an admin request was answered with 500');
    return c.req.path.startsWith('/client/v4/') ? internalError(c) : c.json({ error: 'internal error' }, 500);
  });
  return app;
}

const ROUTES = [
  '/client/v4/railguns',
  '/metrics',
  '/_switchyard/health',
  '/_switchyard/explain',
  '/_switchyard/events',
  '/livez',
  '/readyz',
];

function healthOf(service: EdgeService): object {
  const { board } = service.health;
  const pools = board.layout.pools.map(({ pool, members }, p) => ({
    id: pool.id,
    name: pool.name,
    enabled: pool.enabled,
    monitors: members.map((member) => member.monitor.id),
    ...describePool(board, p, undefined),
    origins: pool.origins.map((origin, o) => ({
      name: origin.name,
      address: origin.address,
      enabled: origin.enabled,
      weight: origin.weight / 100,
      ...describeOrigin(board, p, o, undefined),
    })),
  }));
  return { config: service.configuration.hash, pop: service.options.pop, version: board.version, pools };
}

function eventStream(c: Context, service: EdgeService): Response {
  const { events } = service;
  const asked = c.req.header('last-event-id') ?? c.req.query('since') ?? '';
  const from = /^\d{1,15}$/.test(asked) ? Number(asked) : events.last;
  return streamSSE(c, async (stream) => {
    const waiting: EdgeEvent[] = [...events.since(from)];
    let wake: () => void = () => {};
    const stop = events.listen((event) => {
      waiting.push(event);
      wake();
    });
    const ended = (): void => {
      stop?.();
      wake();
    };
    stream.onAbort(ended);
    c.req.raw.signal.addEventListener('abort', ended);
    if (stop === undefined) {
      await stream.writeSSE({ event: 'error', data: 'too many listen already' });
      return;
    }
    await stream.write(': events of this edge\n\n');
    while (!stream.aborted && !stream.closed && !c.req.raw.signal.aborted) {
      const event = waiting.shift();
      if (event !== undefined) {
        await stream.writeSSE({ id: String(event.id), event: event.kind, data: JSON.stringify(event) });
        continue;
      }
      const beat = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(true), HEARTBEAT_MS);
        wake = () => {
          clearTimeout(timer);
          resolve(false);
        };
      });
      if (beat) await stream.write(': still here\n\n');
    }
    ended();
  });
}

function isOwnName(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || name === '127.0.0.1' || name === '[::1]' || name.startsWith('127.');
}

/** As clients of the public API send it: a bearer token, or a key beside an address. */
function credentialOf(c: Context): string {
  const bearer = (c.req.header('authorization') ?? '').replace(/^Bearer /i, '');
  return bearer || (c.req.header('x-auth-key') ?? c.req.header('x-auth-user-service-key') ?? '');
}

function bears(credential: string, token: string): boolean {
  const given = Buffer.from(credential);
  const wanted = Buffer.from(token);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
