/**
 * The data path: listeners, their connections, and what they share (one wheel, one pool, one read buffer). START HERE:
 *
 *     listener ─► ClientConnection ─► Exchange ─► OriginConnection ─► origin
 *                    (client side)      │  ▲          (origin side, or another transport)
 *                                       ▼  │
 *                                    ProxyBrain
 *
 * The engine knows HTTP and sockets and nothing of balancers. It can be drained (no new connections, each running
 * request is the last on its connection) and stopped (everything is cut).
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { TimerWheel } from '../timer-wheel.ts';
import { adoptSocket } from './adopt-socket.ts';
import type { ClientInfo, LocalAnswer, ProxyBrain, RefusalFault, RefusedRequest } from './brain.ts';
import { ClientConnection } from './client-connection.ts';
import { type ProxyClock, realClock } from './clock.ts';
import { PROXY_LIMITS, type ProxyLimits, READ_BYTES, TICK_MS } from './limits.ts';
import { OpenConnections } from './open-connections.ts';
import { OriginPool } from './origin-pool.ts';
import { type Lookup, Resolver, systemLookup } from './resolver.ts';
import type { OriginTransport } from './transport.ts';

export interface ProxyEngineOptions {
  readonly brain: ProxyBrain;
  readonly limits?: Partial<ProxyLimits>;
  readonly clock?: ProxyClock;
  readonly lookup?: Lookup;
  /** Where open connections to origins are counted, for whoever wants to know. */
  readonly openConnections?: OpenConnections;
  /** Transports besides `http1`, by the `kind` of their attempts. */
  readonly transports?: ReadonlyMap<string, OriginTransport>;
  /** Pseudonym in `Via`; empty sends none. */
  readonly via?: string;
  /** Our own mistakes: what the brain threw. The request is answered with 500. */
  readonly onMistake?: (error: unknown) => void;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Several processes may listen on this port (Linux). */
  readonly reusePort?: boolean;
  readonly backlog?: number;
  /** HTTPS: certificate, `SNICallback` and so on. `ALPNProtocols` is set here. */
  readonly tls?: TlsOptions;
  /** With TLS: the server itself, for whoever has a new certificate for it one day. */
  readonly onTlsServer?: (server: TlsServer) => void;
  /** With TLS: whoever speaks HTTP/2 takes over the connections that chose `h2`. */
  readonly onHttp2?: (socket: TLSSocket) => void;
}

export interface ListeningAddress {
  readonly host: string;
  readonly port: number;
}

/** A connection of any protocol, as the engine counts, drains and stops it. */
export interface HeldConnection {
  readonly info: ClientInfo;
  drain(): void;
  stop(): void;
}

export interface EngineCounts {
  readonly connections: number;
  readonly inFlight: number;
  readonly originConnections: number;
  readonly originIdle: number;
  readonly accepted: number;
  /** Connections closed at once because of a limit. */
  readonly turnedAway: number;
}

export class ProxyEngine {
  readonly brain: ProxyBrain;
  readonly limits: ProxyLimits;
  readonly clock: ProxyClock;
  readonly wheel: TimerWheel;
  readonly via: string;
  draining = false;
  inFlight = 0;

  readonly #pool: OriginPool;
  readonly #transports: Map<string, OriginTransport>;
  readonly #onMistake: (error: unknown) => void;
  readonly #servers = new Set<Server>();
  readonly #connections = new Set<HeldConnection>();
  readonly #perClient = new Map<string, number>();
  readonly #stopTicks: () => void;
  /** All clear-text clients read into this, one after the other. */
  readonly #shared = Buffer.allocUnsafeSlow(READ_BYTES);
  #accepted = 0;
  #turnedAway = 0;
  #date = '';
  #dateUntil = 0;
  #whenEmpty: (() => void)[] = [];

  constructor(options: ProxyEngineOptions) {
    this.brain = options.brain;
    this.limits = { ...PROXY_LIMITS, ...options.limits };
    this.clock = options.clock ?? realClock;
    this.via = options.via ?? 'switchyard';
    this.wheel = new TimerWheel(this.clock.nowMs(), { tickMs: TICK_MS });
    const resolver = new Resolver(options.lookup ?? systemLookup, () => this.clock.nowMs());
    this.#pool = new OriginPool(this.limits, this.wheel, resolver, options.openConnections ?? new OpenConnections());
    this.#transports = new Map(options.transports);
    this.#transports.set('http1', this.#pool);
    this.#onMistake = options.onMistake ?? (() => {});
    this.#stopTicks = this.clock.every(TICK_MS, () => this.tick());
  }

  /** Rejects with Node's error when the address cannot be had (EADDRINUSE, EACCES). */
  listen(options: ListenOptions): Promise<ListeningAddress> {
    const server = options.tls === undefined ? this.#plainServer() : this.#tlsServer(options.tls, options);
    // Also those still in their TLS handshake, which are no connections of ours yet.
    server.maxConnections = this.limits.connections;
    server.on('drop', () => {
      this.#turnedAway += 1;
    });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      const where = {
        host: options.host,
        port: options.port,
        backlog: options.backlog ?? 4096,
        reusePort: options.reusePort ?? false,
      };
      server.listen(where, () => {
        server.removeListener('error', reject);
        server.on('error', (error) => this.#onMistake(error));
        this.#servers.add(server);
        const address = server.address();
        resolve(
          address !== null && typeof address === 'object'
            ? { host: address.address, port: address.port }
            : { host: options.host, port: options.port },
        );
      });
    });
  }

  /** Serve a connection that someone else accepted. The socket must be `allowHalfOpen`. */
  serve(socket: Socket, client: ClientInfo): void {
    if (!this.#admit(client)) {
      socket.destroy();
      return;
    }
    const connection = new ClientConnection(this, socket, client);
    this.#connections.add(connection);
    socket.on('data', (chunk: Buffer) => connection.receive(chunk.length, chunk));
  }

  /**
   * Count a connection that speaks something else in front of connections of ours, within the same limits. False: it is too many,
   * and must go. Afterwards `closed` once.
   */
  hold(connection: HeldConnection): boolean {
    if (!this.#admit(connection.info)) return false;
    this.#connections.add(connection);
    return true;
  }

  /** Stop accepting, let running requests finish, close. After `graceMs` what is left is cut. */
  async drain(graceMs: number): Promise<void> {
    this.draining = true;
    this.#closeServers();
    for (const connection of [...this.#connections]) connection.drain();
    this.#pool.close(false);
    for (const transport of this.#transports.values()) if (transport !== this.#pool) transport.close(false);
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        this.#whenEmpty.push(resolve);
        const end = this.clock.nowMs() + graceMs;
        const stopWatch = this.clock.every(TICK_MS, () => {
          if (this.#connections.size > 0 && this.clock.nowMs() < end) return;
          stopWatch();
          resolve();
        });
        this.#whenEmpty.push(stopWatch);
      });
    }
    this.stop();
  }

  /** Cut everything now. */
  stop(): void {
    this.draining = true;
    this.#closeServers();
    for (const connection of [...this.#connections]) connection.stop();
    for (const transport of this.#transports.values()) transport.close(true);
    this.#stopTicks();
  }

  counts(): EngineCounts {
    const { open, idle } = this.#pool.counts();
    return {
      connections: this.#connections.size,
      inFlight: this.inFlight,
      originConnections: open,
      originIdle: idle,
      accepted: this.#accepted,
      turnedAway: this.#turnedAway,
    };
  }

  /** Let time-outs fire; the clock calls this by itself. */
  tick(): void {
    this.wheel.advance(this.clock.nowMs());
  }

  // ---- for connections and exchanges -------------------------------------------------------------------------------

  transport(kind: string): OriginTransport | undefined {
    return kind === 'http1' ? this.#pool : this.#transports.get(kind);
  }

  /** A `Date` line, made once a second. */
  dateLine(): string {
    if (this.wheel.nowMs >= this.#dateUntil) {
      this.#date = `Date: ${new Date().toUTCString()}\r\n`;
      this.#dateUntil = this.wheel.nowMs + 1_000;
    }
    return this.#date;
  }

  unrouted(request: RefusedRequest): void {
    try {
      this.brain.unrouted?.(request);
    } catch (error) {
      this.mistake(error);
    }
  }

  refusal(status: number, fault: RefusalFault, client: ClientInfo): LocalAnswer | undefined {
    try {
      return this.brain.refused?.(status, fault, client);
    } catch (error) {
      this.mistake(error);
      return undefined;
    }
  }

  mistake(error: unknown): void {
    this.#onMistake(error);
  }

  closed(connection: HeldConnection): void {
    if (!this.#connections.delete(connection)) return;
    const address = connection.info.address;
    const count = (this.#perClient.get(address) ?? 1) - 1;
    if (count === 0) this.#perClient.delete(address);
    else this.#perClient.set(address, count);
    if (this.#connections.size === 0) for (const each of this.#whenEmpty.splice(0)) each();
  }

  // ---- inside ------------------------------------------------------------------------------------------------------

  #plainServer(): Server {
    return createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (accepted) => {
      const client = clientInfo(accepted, 'http', undefined);
      if (!this.#admit(client)) {
        accepted.destroy();
        return;
      }
      const reads: { to?: ClientConnection } = {};
      const socket = adoptSocket(accepted, this.#shared, (count, buf) => reads.to?.receive(count, buf));
      reads.to = new ClientConnection(this, socket, client);
      this.#connections.add(reads.to);
    });
  }

  #tlsServer(tls: TlsOptions, { onHttp2, onTlsServer }: ListenOptions): Server {
    const ALPNProtocols = onHttp2 === undefined ? ['http/1.1'] : ['h2', 'http/1.1'];
    const server = createTlsServer({
      handshakeTimeout: this.limits.headMs,
      ...tls,
      ALPNProtocols,
      allowHalfOpen: true,
      noDelay: true,
    });
    server.on('secureConnection', (socket) => {
      if (socket.alpnProtocol === 'h2' && onHttp2 !== undefined) onHttp2(socket);
      else this.serve(socket, clientInfo(socket, 'https', socket.servername || undefined));
    });
    // A handshake that fails is the client's affair; its socket must not bring us down.
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    onTlsServer?.(server);
    return server;
  }

  #admit(client: ClientInfo): boolean {
    const count = this.#perClient.get(client.address) ?? 0;
    const full = this.#connections.size >= this.limits.connections || count >= this.limits.connectionsPerClient;
    if (full || client.address === '') {
      this.#turnedAway += 1;
      return false;
    }
    this.#perClient.set(client.address, count + 1);
    this.#accepted += 1;
    return true;
  }

  #closeServers(): void {
    for (const server of this.#servers) server.close();
    this.#servers.clear();
  }
}

/** The address is empty when the client has gone before we looked. */
function clientInfo(socket: Socket, scheme: 'http' | 'https', servername: string | undefined): ClientInfo {
  return { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0, scheme, servername, memo: undefined };
}
