/**
 * A link on real sockets: an origin, a listener, an edge (the proxy engine with the `railgun` transport and a small brain) and a
 * visitor. Everything listens on 127.0.0.1, port 0. Nothing waits on a clock: tests wait for news.
 */
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { EMPTY_NAT_MAP } from '../../../src/core/nat-map.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { fieldLine } from '../../../src/http1/field-set.ts';
import { RealClock } from '../../../src/live/clock.ts';
import { DeltaPool } from '../../../src/live/delta-worker.ts';
import type { AttemptFailure } from '../../../src/core/attempt-fault.ts';
import type { Attempt, Http1Attempt, LocalAnswer, Plan, ProxyBrain } from '../../../src/live/proxy/brain.ts';
import { ProxyEngine } from '../../../src/live/proxy/engine.ts';
import { bareAnswer } from '../../../src/live/proxy/local-answer.ts';
import { Resolver, systemLookup } from '../../../src/live/proxy/resolver.ts';
import { buildOf, makeCertificate, railgunIdOf } from '../../../src/live/railgun/identity.ts';
import { LanPool } from '../../../src/live/railgun/lan-pool.ts';
import {
  type LinkAddress,
  type RailgunAttempt,
  type RailgunTransport,
  type RailgunTransportOptions,
  type TransportNews,
  createRailgunTransport,
} from '../../../src/live/railgun/link-transport.ts';
import { ListenerServer } from '../../../src/live/railgun/listener-server.ts';
import type { PageStore } from '../../../src/live/railgun/page-store.ts';
import { openStore } from '../../../src/live/stores/open-store.ts';
import { LOOP_BUDGET_US, deltaCodec } from '../../../src/railgun/delta/choose.ts';
import { Dictionary } from '../../../src/railgun/dictionary.ts';
import { DEFAULT_THRESHOLDS } from '../../../src/railgun/eligible.ts';
import { HoldBudget } from '../../../src/railgun/hold.ts';
import { HOLD_BUDGET_BYTES, LOOKUP_BUDGET_US, type LaneLimits, RGX_LIMITS } from '../../../src/railgun/limits.ts';
import type { ListenerRules } from '../../../src/railgun/listener-events.ts';
import { Stats } from '../../../src/railgun/stats.ts';

export const TOKEN = '0123456789abcdef0123456789abcdef';
const BUILD = buildOf('test');
const certificate = await makeCertificate('railgun.test', Date.now());
export const clock = new RealClock();

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export class Origin {
  handler: Handler;
  readonly server: Server;
  readonly seen: { readonly method: string; readonly url: string; readonly headers: IncomingMessage['headers'] }[] = [];
  connections = 0;

  private constructor(handler: Handler) {
    this.handler = handler;
    this.server = createServer((request, response) => {
      this.seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
      this.handler(request, response);
    });
    this.server.keepAliveTimeout = 300_000;
    this.server.on('connection', () => {
      this.connections += 1;
    });
  }

  static async start(handler: Handler, host = '127.0.0.1'): Promise<Origin> {
    const origin = new Origin(handler);
    await new Promise<void>((resolve) => origin.server.listen(0, host, resolve));
    return origin;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

export interface ListenerLab {
  readonly server: ListenerServer;
  readonly port: number;
  readonly stats: Stats;
  readonly lan: LanPool;
  readonly store: PageStore;
  readonly log: string[];
  readonly refusals: string[];
  readonly deltas: DeltaPool;
  stop(): void;
}

export interface ListenerLabOptions {
  readonly port?: number;
  readonly token?: string;
  readonly store?: PageStore;
  readonly rules?: Partial<ListenerRules>;
  readonly limits?: Partial<LaneLimits>;
  readonly idlePerOrigin?: number;
  readonly ca?: string;
  readonly lookupBudgetUs?: number;
}

export function memoryStore(): PageStore {
  const opened = openStore('memory');
  if (!opened.ok) throw new Error(opened.message);
  return opened.store;
}

export const RULES: ListenerRules = {
  ...DEFAULT_THRESHOLDS,
  nat: EMPTY_NAT_MAP,
  insecureOrigin: false,
  validateCert: true,
  originCfRailgun: false,
  userAgent: `Railgun/${BUILD}`,
  streamSize: 1_048_576,
  lanTimeoutUs: 30_000_000,
  compressFull: true,
  logLevel: 5,
  encodeInlineBytes: 200_000,
};

export async function startListener(options: ListenerLabOptions = {}): Promise<ListenerLab> {
  const token = options.token ?? TOKEN;
  const store = options.store ?? memoryStore();
  const log: string[] = [];
  const refusals: string[] = [];
  const stats = new Stats();
  const deltas = new DeltaPool();
  const lan = new LanPool({ idlePerOrigin: options.idlePerOrigin ?? 1, ca: options.ca });
  const dictionary = new Dictionary({
    side: 'listener',
    expirationSeconds: 600,
    limitBytes: 1_000_000,
    lookupBudgetUs: options.lookupBudgetUs ?? LOOKUP_BUDGET_US,
  });
  const server = new ListenerServer({
    tls: true,
    certificate,
    lane: {
      limits: { ...RGX_LIMITS, ...options.limits },
      random: seededRandom(`listener ${Math.floor(performance.now() * 1_000)}`),
      token,
      railgunId: railgunIdOf(token),
      agent: BUILD,
      listenerId: 'one',
      codec: deltaCodec(LOOP_BUDGET_US),
      dictionary,
      hold: new HoldBudget(HOLD_BUDGET_BYTES),
      rules: { ...RULES, ...options.rules },
    },
    host: { clock, lan, stats, deltas, store: () => store, log: (_level, _peer, line) => void log.push(line) },
    onRefused: (_peer, why) => void refusals.push(why),
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: options.port ?? 0 });
  const stop = (): void => {
    server.stop();
    lan.close();
    void deltas.close();
  };
  return { server, port, stats, lan, store, log, refusals, deltas, stop };
}

interface LabPlan extends Plan {
  attempt: Attempt;
  readonly direct: Http1Attempt;
  reason: string | undefined;
}

/** Railgun first, then the same origin over HTTP/1.1, as `edge/` does it. */
export class LabBrain implements ProxyBrain<LabPlan> {
  readonly failures: AttemptFailure[] = [];
  railgun: RailgunAttempt | undefined;
  direct: Http1Attempt;

  constructor(direct: Http1Attempt) {
    this.direct = direct;
  }
  route(): LabPlan {
    const { railgun, direct } = this;
    return {
      kind: 'forward',
      attempt: railgun ?? direct,
      direct,
      requestDrop: undefined,
      requestAdd: '',
      reason: undefined,
    };
  }
  attemptFailed(plan: LabPlan, failure: AttemptFailure): Attempt | LocalAnswer {
    this.failures.push({ ...failure });
    if (failure.kind === 'unavailable' && failure.mayRetry && plan.attempt.kind === 'railgun') {
      plan.reason = failure.detail;
      plan.attempt = plan.direct;
      return plan.direct;
    }
    return bareAnswer(STATUS[failure.kind] ?? 520, fieldLine('X-Fault', `${failure.kind} ${failure.detail}`));
  }
  responseHead(plan: LabPlan): { readonly drop: undefined; readonly add: string } {
    const { reason } = plan;
    return { drop: undefined, add: reason === undefined || reason === '' ? '' : `Cf-Railgun: direct (${reason})\r\n` };
  }
  done(): void {}
}

const STATUS: Readonly<Record<string, number>> = {
  refused: 521,
  connect_timeout: 522,
  read_timeout: 524,
  reset: 520,
  link_lost: 527,
  unavailable: 527,
};

export interface EdgeLab {
  readonly engine: ProxyEngine;
  readonly brain: LabBrain;
  readonly transport: RailgunTransport;
  readonly port: number;
  readonly news: TransportNews[];
  /** Resolves with the first news of this kind after `from` of them. */
  when(kind: TransportNews['kind'], from?: number): Promise<TransportNews>;
  stop(): void;
}

export interface EdgeLabOptions extends Partial<RailgunTransportOptions> {
  readonly listenerPort: number;
  readonly originPort: number;
  /** What `CF-ORIGIN-IP` says, where it is not the direct address. */
  readonly linkOrigin?: { readonly address: string; readonly port: number; readonly tls?: unknown };
  readonly token?: string;
}

export async function startEdge(options: EdgeLabOptions): Promise<EdgeLab> {
  const news: TransportNews[] = [];
  const waiting: (() => void)[] = [];
  const transport = createRailgunTransport({
    place: 'LHR',
    store: memoryStore(),
    clock,
    random: seededRandom('edge'),
    agent: BUILD,
    resolver: new Resolver(systemLookup, () => performance.now()),
    ...options,
    onEvent: (_railgun, event) => {
      news.push(event);
      for (const each of waiting.splice(0)) each();
    },
  });
  const direct: Http1Attempt = {
    kind: 'http1',
    host: undefined,
    address: '127.0.0.1',
    port: options.originPort,
    key: `127.0.0.1:${options.originPort}`,
    tls: undefined,
  };
  const link: LinkAddress = {
    id: 'rg',
    host: '127.0.0.1',
    port: options.listenerPort,
    activationKey: options.token ?? TOKEN,
  };
  const brain = new LabBrain(direct);
  const linkOrigin = { tls: undefined, ...(options.linkOrigin ?? direct) };
  brain.railgun = { kind: 'railgun', host: undefined, link, direct: linkOrigin };
  const engine = new ProxyEngine({
    brain,
    via: '',
    transports: new Map([['railgun', transport]]),
    onMistake: (error) => {
      throw error;
    },
  });
  const { port } = await engine.listen({ host: '127.0.0.1', port: 0 });
  const when = async (kind: TransportNews['kind'], from = 0): Promise<TransportNews> => {
    for (;;) {
      const found = news.filter((one) => one.kind === kind)[from];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  return { engine, brain, transport, port, news, when, stop: () => engine.stop() };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** The connection broke before the body was whole. */
  readonly cut: boolean;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
  readonly chunked?: boolean;
}

/** One request on a connection of its own. */
export function get(port: number, path: string, asked: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string | number> = { Host: 'www.example.com', ...asked.headers };
    if (asked.body !== undefined && asked.chunked !== true) headers['Content-Length'] = asked.body.length;
    const request = httpRequest(
      { host: '127.0.0.1', port, path, method: asked.method ?? 'GET', headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        const done = (cut: boolean) => (): void =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks), cut });
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', done(false));
        response.on('error', done(true));
        response.on('close', done(!response.complete));
      },
    );
    request.on('error', reject);
    // Written before the end, so that Node does not add a length by itself.
    if (asked.chunked === true && asked.body !== undefined) request.write(asked.body);
    request.end(asked.chunked === true ? undefined : asked.body);
  });
}

export function railgunOf(answer: Answer): string {
  const value = answer.headers['cf-railgun'];
  return typeof value === 'string' ? value : '';
}

/** Until there is a lane: the first request opens one. Where that took longer than a lane may, more requests try again. */
export async function warm(edge: EdgeLab, path = '/warm'): Promise<void> {
  await get(edge.port, path);
  const ready = edge.when('lane_ready');
  const first = await Promise.race([ready, edge.when('lane_failed')]);
  if (first.kind === 'lane_ready') return;
  while (!edge.news.some(({ kind }) => kind === 'lane_ready')) {
    await get(edge.port, path);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
