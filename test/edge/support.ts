/** An edge without sockets: a configuration in, raw request heads in, attempts and answers out. Health and load are set by the test. */
import { parseConfig } from '../../src/config/config-file.ts';
import type { OriginHealth, PoolHealth } from '../../src/core/health-view.ts';
import { seededRandom } from '../../src/core/random.ts';
import { fromSeconds, type Micros } from '../../src/core/time.ts';
import type { Http1Attempt } from '../../src/edge/attempts.ts';
import { composeResponse } from '../../src/edge/compose-response.ts';
import { Edge, type EdgeClient } from '../../src/edge/edge.ts';
import { EdgeConfig } from '../../src/edge/edge-config.ts';
import type { EdgeAnswer, Flight } from '../../src/edge/flight.ts';
import { attemptFailed, handleRequest, settle } from '../../src/edge/handle-request.ts';
import { ClientDirectory } from '../../src/edge/identify-client.ts';
import type { AttemptFault } from '../../src/core/attempt-fault.ts';
import { Locator } from '../../src/geo/locate.ts';
import { RequestHead } from '../../src/http1/head.ts';
import { REQUEST_LIMITS } from '../../src/http1/limits.ts';

export const CLIENT = '198.51.100.7';

export interface Answered {
  readonly flight: Flight;
  /** Undefined: forwarded. */
  readonly answer: EdgeAnswer | undefined;
}

export class PureEdge {
  now: Micros = fromSeconds(1_772_366_400);
  readonly edge: Edge;
  /** `pool` or `pool/origin` to its state; what is not named is unmonitored. */
  readonly health = new Map<string, PoolHealth | OriginHealth>();
  /** Host names that do not resolve. */
  readonly lost = new Set<string>();
  readonly outstanding = new Map<string, number>();
  #version = 1;
  #clients = 0;

  constructor(
    config: object,
    options: {
      readonly own?: readonly string[];
      readonly trust?: readonly string[];
      readonly pop?: string;
      readonly onePop?: boolean;
      /** As a drill starts it. */
      readonly inLab?: boolean;
    } = {},
  ) {
    const { model, findings } = parseConfig({ version: 1, ...config });
    if (model === undefined) throw new Error(findings.map((each) => each.message).join('; '));
    const slots = new Map<string, number>();
    const slotOf = (pool: string, origin: string): number => {
      const key = `${pool}/${origin}`;
      if (!slots.has(key)) slots.set(key, slots.size);
      return slots.get(key)!;
    };
    const edgeConfig = new EdgeConfig(model, {
      originTls: 'auto',
      originCa: [],
      ownAddresses: new Set(options.own),
      railguns: new Map(),
      cookieKey: new Uint8Array(32).fill(7),
      slotOf,
      version: 1,
    });
    const state = <T>(key: string): T => (this.health.get(key) ?? 'unmonitored') as T;
    const name = (pool: number): string => model.pools[pool]!.name;
    const version = (): number => this.#version;
    const view = {
      get version() {
        return version();
      },
      pool: (pool: number): PoolHealth => state(name(pool)),
      origin: (pool: number, origin: number): OriginHealth =>
        state(`${name(pool)}/${model.pools[pool]!.origins[origin]!.name}`),
      rttUs: () => undefined,
    };
    const add = (label: string, by: number): void => {
      this.outstanding.set(label, (this.outstanding.get(label) ?? 0) + by);
    };
    const zero = (): number => 0;
    this.edge = new Edge(
      {
        clients: new ClientDirectory(new Locator({ defaultPop: options.pop ?? 'LHR' }), options.trust, options.onePop),
        load: { begin: ({ label }) => add(label, 1), end: ({ label }) => add(label, -1) },
        names: { resolves: (host) => !this.lost.has(host), failed: (host) => this.lost.add(host) },
        random: seededRandom(1),
        drill: options.inLab === true ? { random: seededRandom(1), field: 'Drill-Key' } : undefined,
      },
      edgeConfig,
      view,
      { poolOutstanding: zero, poolConnections: zero, originOutstanding: zero, originConnections: zero },
    );
  }

  set(key: string, health: PoolHealth | OriginHealth): void {
    this.health.set(key, health);
    this.#version += 1;
  }

  client(address = CLIENT, scheme: 'http' | 'https' = 'http'): EdgeClient {
    this.#clients += 1;
    return { address, scheme, memo: undefined };
  }

  /** `lines`: header lines besides Host. */
  ask(
    lines: readonly string[] = [],
    how: {
      readonly client?: EdgeClient;
      readonly host?: string;
      readonly target?: string;
      readonly method?: string;
    } = {},
  ): Answered {
    const head = headOf(lines, how);
    const client = how.client ?? this.client();
    const made = handleRequest(this.edge, head, client, this.now);
    const { flight } = client.memo as { flight: Flight };
    return { flight, answer: made.kind === 'answer' ? made : undefined };
  }

  /** The attempt ends in this fault; what follows. */
  fail(flight: Flight, kind: AttemptFault, mayRetry = true): { kind: string; answer: EdgeAnswer | undefined } {
    const next = attemptFailed(this.edge, flight, { kind, detail: 'E_TEST', mayRetry }, this.now);
    return { kind: next.kind, answer: next.kind === 'answer' ? next : undefined };
  }

  /** The origin answers: lines that the edge adds. */
  respond(flight: Flight, status = 200): string {
    const { add } = composeResponse(this.edge, flight, status, this.now);
    settle(this.edge, flight);
    return add;
  }
}

export function headOf(
  lines: readonly string[],
  how: { readonly host?: string; readonly target?: string; readonly method?: string } = {},
): RequestHead {
  const head = new RequestHead(REQUEST_LIMITS);
  head.clear();
  const text = [
    `${how.method ?? 'GET'} ${how.target ?? '/'} HTTP/1.1`,
    `Host: ${how.host ?? 'www.example.com'}`,
    ...lines,
  ];
  const bytes = Buffer.from(`${text.join('\r\n')}\r\n\r\n`, 'latin1');
  if (head.parse(bytes, 0, bytes.length) !== bytes.length) throw new Error(`not a head: ${head.fault}`);
  return head;
}

export function cookieIn(added: string): string | undefined {
  return /Set-Cookie: __cflb=([^;]*)/.exec(added)?.[1];
}

/** `pool/origin` that a flight goes to. */
export function where(flight: Flight): string {
  return flight.target?.label ?? '';
}

export function address(flight: Flight): string {
  const attempt = flight.attempt as Http1Attempt;
  return `${attempt.address}:${attempt.port}`;
}

/** Pools `a` (a-1, a-2) and `b` (b-1), fallback `f` (f-1), one proxied balancer www.example.com. */
export function shop(balancer: object = {}, more: object = {}): object {
  return {
    pools: [
      { name: 'a', origins: [origin('a-1', 1), origin('a-2', 2)] },
      { name: 'b', origins: [origin('b-1', 3)] },
      { name: 'f', origins: [origin('f-1', 4)] },
    ],
    load_balancers: [
      { name: 'www.example.com', proxied: true, default_pools: ['a', 'b'], fallback_pool: 'f', ...balancer },
    ],
    ...more,
  };
}

export function origin(name: string, last: number, fields: object = {}): object {
  return { name, address: `192.0.2.${last}`, ...fields };
}
