/**
 * A TCP balancer in front of listeners, after AWS's classic one: checks by connecting, states, zones, idle time-out, targets that come and
 * go. Bytes pass as they are; a connection keeps its target for life (RG-096). What is in service and who is next is decided in
 * `railgun/l4-checks.ts`.
 *
 * Assumptions, where the documentation is silent: a connection whose target refuses is reset and not tried elsewhere; connections to a
 * target that falls out of service stay; with none in service a connection is reset.
 */
import { type AddressInfo, BlockList, connect, createServer, isIP, type Server, type Socket } from 'node:net';
import { unreachable } from '../core/assert.ts';
import { micros, US_PER_MS } from '../core/time.ts';
import {
  L4_CHECK_DEFAULTS,
  type L4CheckSettings,
  type L4Event,
  L4Targets,
  type L4TargetView,
} from '../railgun/l4-checks.ts';

export interface L4Target {
  readonly id: string;
  readonly zone: string;
  readonly host: string;
  readonly port: number;
}

export interface L4BalancerOptions {
  /** Default 127.0.0.1, port 0. */
  readonly listen?: { readonly host?: string; readonly port?: number };
  readonly targets: readonly L4Target[];
  readonly checks?: L4CheckSettings;
  /** `http`: a check that a TLS port must fail (RG-106). */
  readonly checkBy?: 'tcp' | 'http';
  readonly crossZone?: boolean;
  readonly policy?: 'round_robin' | 'least_connections';
  /** Payload in either direction sets it back, TCP keep-alive does not (RG-121). */
  readonly idleTimeoutMs?: number;
  /** Networks that may connect, as the security group in front of it says (RG-119, RG-120); others get no byte. Default: anybody. */
  readonly allowFrom?: readonly string[];
  readonly onEvent?: (event: L4BalancerEvent) => void;
}

export type L4BalancerEvent =
  | { readonly kind: 'in_service'; readonly target: L4Target }
  /** For an autoscaling group: take it away and add another (RG-112). */
  | { readonly kind: 'out_of_service'; readonly target: L4Target }
  | { readonly kind: 'idle'; readonly target: L4Target }
  /** The target took no connection. */
  | { readonly kind: 'refused'; readonly target: L4Target; readonly why: string }
  | { readonly kind: 'no_target' };

/** The service's default. */
const IDLE_TIMEOUT_MS = 60_000;
/** Two sockets each; the limit of open files comes sooner on most machines. */
const MAX_CONNECTIONS = 16_384;
/** A target that takes longer to take a connection is not there; the service says nothing about it. */
const CONNECT_TIMEOUT_MS = 10_000;

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly target: string;
}

/** Rejects when it cannot listen, with the system's error. */
export async function openL4Balancer(options: L4BalancerOptions): Promise<L4Balancer> {
  const balancer = new L4Balancer(options);
  await balancer.listen();
  return balancer;
}

export class L4Balancer {
  readonly #options: L4BalancerOptions;
  readonly #idleTimeoutMs: number;
  readonly #allowed: BlockList | undefined;
  readonly #state: L4Targets;
  readonly #addresses = new Map<string, L4Target>();
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #probes = new Set<Socket>();
  #timer: NodeJS.Timeout | undefined;
  #accepted = 0;
  #closed = false;

  constructor(options: L4BalancerOptions) {
    const { checks = L4_CHECK_DEFAULTS, crossZone = true, policy = 'round_robin' } = options;
    this.#options = options;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
    this.#allowed = options.allowFrom === undefined ? undefined : networks(options.allowFrom);
    this.#state = new L4Targets({ checks, crossZone, policy });
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  async listen(): Promise<void> {
    const { host = '127.0.0.1', port = 0 } = this.#options.listen ?? {};
    await new Promise<void>((ready, failed) => {
      this.#server.once('error', failed);
      this.#server.listen(port, host, () => {
        this.#server.removeListener('error', failed);
        ready();
      });
    });
    for (const target of this.#options.targets) this.add(target);
  }

  get port(): number {
    const address = this.#server.address();
    return address === null ? 0 : (address as AddressInfo).port;
  }

  /** A target comes out of service and is checked at once. */
  add(target: L4Target): void {
    this.#addresses.set(target.id, target);
    this.#state.add(target.id, target.zone, now());
    this.#work(this.#state.wake(now()));
  }

  /** No new connections. `cut`: open ones are reset, as when the instance is terminated; else they stay to their end. */
  remove(id: string, cut = false): void {
    this.#state.remove(id);
    this.#addresses.delete(id);
    if (!cut) return;
    for (const connection of [...this.#connections]) {
      if (connection.target === id) end(connection);
    }
  }

  targets(): readonly L4TargetView[] {
    return this.#state.targets();
  }

  stats(): { readonly open: number; readonly accepted: number } {
    return { open: this.#connections.size, accepted: this.#accepted };
  }

  /** Resets what is open. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const probe of this.#probes) probe.destroy();
    const closed = new Promise((done) => this.#server.close(done));
    for (const connection of this.#connections) end(connection);
    await closed;
  }

  #accept(client: Socket): void {
    client.on('error', () => {});
    // A real group drops the packets; a process can only hang up at once.
    if (this.#allowed?.check(client.remoteAddress ?? '', client.remoteFamily === 'IPv6' ? 'ipv6' : 'ipv4') === false)
      return void client.destroy();
    this.#accepted += 1;
    const id = this.#connections.size < MAX_CONNECTIONS ? this.#state.choose() : undefined;
    const target = id === undefined ? undefined : this.#addresses.get(id);
    if (target === undefined) {
      this.#tell({ kind: 'no_target' });
      client.resetAndDestroy();
      return;
    }
    const server = connect({ host: target.host, port: target.port, allowHalfOpen: true, noDelay: true });
    const connection: Connection = { client, server, target: target.id };
    this.#connections.add(connection);
    const slow = setTimeout(() => server.destroy(new Error('no connection in time')), CONNECT_TIMEOUT_MS);
    let connected = false;
    server.on('connect', () => {
      connected = true;
      clearTimeout(slow);
    });
    server.on('error', (error) => {
      if (!connected) this.#tell({ kind: 'refused', target, why: error.message });
    });
    // Every byte of payload passes the client's socket, read or written, and sets this back.
    client.setTimeout(this.#idleTimeoutMs, () => {
      this.#tell({ kind: 'idle', target });
      client.destroy();
      server.destroy();
    });
    client.pipe(server);
    server.pipe(client);
    let open = 2;
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('close', () => {
        const quiet = socket.errored === null && socket.readableEnded && socket.writableFinished;
        if (!quiet && !other.destroyed) other.resetAndDestroy();
        open -= 1;
        if (open > 0) return;
        clearTimeout(slow);
        this.#connections.delete(connection);
        this.#state.closed(target.id);
      });
    }
  }

  #work(events: readonly L4Event[]): void {
    if (this.#closed) return;
    for (const event of events) {
      const target = this.#addresses.get(event.target);
      if (target === undefined) continue;
      switch (event.kind) {
        case 'probe':
          this.#probe(target, event.probe);
          break;
        case 'in_service':
        case 'out_of_service':
          this.#tell({ kind: event.kind, target });
          break;
        default:
          unreachable(event);
      }
    }
    clearTimeout(this.#timer);
    const at = this.#state.wakeAt();
    if (at === undefined || this.#closed) return;
    this.#timer = setTimeout(
      () => this.#work(this.#state.wake(now())),
      Math.max(0, Math.ceil((at - now()) / US_PER_MS)),
    );
  }

  #probe(target: L4Target, probe: number): void {
    const socket = connect({ host: target.host, port: target.port });
    this.#probes.add(socket);
    let told = false;
    const tell = (passed: boolean): void => {
      if (told) return;
      told = true;
      socket.destroy();
      this.#work(this.#state.result(target.id, probe, passed));
    };
    socket.setTimeout(this.#timeoutMs, () => tell(false));
    socket.on('error', () => tell(false));
    socket.on('close', () => {
      this.#probes.delete(socket);
      tell(false);
    });
    socket.on('connect', () => {
      if (this.#options.checkBy !== 'http') return tell(true);
      socket.write(`GET / HTTP/1.1\r\nHost: ${target.host}\r\nConnection: close\r\n\r\n`);
      // The first bytes are the status line, or they are not HTTP.
      socket.once('data', (data: Buffer) => tell(/^HTTP\/1\.[01] 200[ \r]/.test(data.toString('latin1', 0, 16))));
      return undefined;
    });
  }

  get #timeoutMs(): number {
    return (this.#options.checks ?? L4_CHECK_DEFAULTS).timeoutUs / US_PER_MS;
  }

  #tell(event: L4BalancerEvent): void {
    this.#options.onEvent?.(event);
  }
}

function end({ client, server }: Connection): void {
  for (const socket of [client, server]) {
    if (!socket.destroyed) socket.resetAndDestroy();
  }
}

/** Monotonic: a clock that is set does not make checks late. */
function now(): ReturnType<typeof micros> {
  return micros(performance.now() * US_PER_MS);
}

/** `10.0.0.0/8`, `2001:db8::/32`, or an address alone. */
function networks(texts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of texts) {
    const [address = '', prefix] = text.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    list.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return list;
}
