/**
 * The listener's door (port 2408): accepts connections, ends their TLS, and makes a lane of those that speak `rgx/1`. It lives on the
 * open Internet, so what has not yet proved that it knows the token is bounded in number and time, and costs nobody anything.
 *
 *     accept ─► TLS (ALPN rgx/1) ─► SETTINGS with a proof ─► lane
 *     └────────── unproven: at most MAX_UNPROVEN, the oldest goes first, each for 5 s ──────────┘
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { type SecureContext, TLSSocket, createSecureContext } from 'node:tls';
import { US_PER_SECOND } from '../../core/time.ts';
import type { LaneFault } from '../../railgun/faults.ts';
import type { ListenerOptions, ListenerRules } from '../../railgun/listener-events.ts';
import { ALPN } from '../../railgun/settings.ts';
import type { Certificate } from './identity.ts';
import { type LaneHost, ListenerLane } from './listener-lane.ts';
import { exporterOf } from './lane-socket.ts';

/** Connections in TLS or before a valid proof. Attack: thousands of half-open handshakes. Real senders need one each, for a moment. */
const MAX_UNPROVEN = 512;
/** Of one address, so that one scanner cannot push the others out. A busy edge opens one lane at a time. */
const MAX_UNPROVEN_PER_ADDRESS = 64;
/** As long as SETTINGS may take after it (limits.ts). */
const HANDSHAKE_MS = 5_000;
/** Lanes of all senders: one thousand for each of a dozen edge places. */
const MAX_LANES = 12_000;
/** How long a drain waits for streams by default. */
export const DRAIN_US = 30 * US_PER_SECOND;

export interface ListenerServerOptions {
  readonly tls: boolean;
  readonly certificate: Certificate;
  /** All but what belongs to one lane. */
  readonly lane: Omit<ListenerOptions, 'exporter' | 'random'> & { readonly random: ListenerOptions['random'] };
  readonly host: Omit<LaneHost, 'onReady' | 'onClosed'>;
  /** A connection that never became a lane, for counters and log.level 5. */
  readonly onRefused?: (peer: string, why: string) => void;
}

interface Unproven {
  readonly address: string;
  readonly drop: (why: string) => void;
}

export class ListenerServer {
  readonly #options: ListenerServerOptions;
  readonly #server: Server;
  readonly #context: SecureContext;
  readonly #lanes = new Set<ListenerLane>();
  readonly #host: LaneHost;
  /** Oldest first. */
  readonly #unproven = new Map<number, Unproven>();
  readonly #perAddress = new Map<string, number>();
  #rules: ListenerRules;
  #number = 0;
  #draining = false;
  #whenEmpty: (() => void)[] = [];
  refused = 0;

  constructor(options: ListenerServerOptions) {
    this.#options = options;
    this.#rules = options.lane.rules;
    const { key, cert } = options.certificate;
    this.#context = createSecureContext({ key, cert, minVersion: 'TLSv1.2' });
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#accept(socket));
    this.#host = {
      ...options.host,
      onReady: (lane) => this.#proved(lane.number),
      onClosed: (lane, fault) => this.#gone(lane, fault),
    };
  }

  /** Rejects with Node's error (EADDRINUSE, EACCES). `handle`: a server socket that another process hands over. */
  listen(where: { readonly host: string; readonly port: number } | { readonly handle: Server }): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const done = (): void => {
        this.#server.removeListener('error', reject);
        this.#server.on('error', (error) => this.#options.onRefused?.('', error.message));
        resolve(this.#server.address() as AddressInfo);
      };
      if ('handle' in where) this.#server.listen(where.handle, done);
      else this.#server.listen(where.host === '' ? { port: where.port } : where, done);
    });
  }

  /** The server socket, for a successor. */
  get server(): Server {
    return this.#server;
  }

  get lanes(): number {
    return this.#lanes.size;
  }

  /** Requests under way. */
  get busy(): number {
    let busy = 0;
    for (const lane of this.#lanes) busy += lane.busy;
    return busy;
  }

  get unproven(): number {
    return this.#unproven.size;
  }

  configure(rules: ListenerRules): void {
    this.#rules = rules;
    for (const lane of this.#lanes) lane.configure(rules);
  }

  /** SIGQUIT: no new lanes, no new streams; resolves when the last lane has closed (RG-080). */
  async drain(drainUs: number): Promise<void> {
    this.#draining = true;
    this.#server.close();
    for (const { drop } of [...this.#unproven.values()]) drop('draining');
    for (const lane of [...this.#lanes]) lane.drain(drainUs);
    if (this.#lanes.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Cut everything now. */
  stop(): void {
    this.#draining = true;
    this.#server.close();
    for (const { drop } of [...this.#unproven.values()]) drop('stopped');
    for (const lane of [...this.#lanes]) lane.destroy();
  }

  #accept(socket: Socket): void {
    const address = socket.remoteAddress;
    this.#number += 1;
    const number = this.#number;
    // A TCP check of a balancer may be gone already (RG-122).
    if (address === undefined || this.#draining) return void socket.destroy();
    socket.on('error', () => {});
    const drop = (why: string): void => {
      if (!this.#unproven.has(number)) return;
      this.#forget(number);
      this.refused += 1;
      this.#options.onRefused?.(`${address}:${socket.remotePort ?? 0}`, why);
      socket.destroy();
    };
    this.#unproven.set(number, { address, drop });
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    if (this.#unproven.size > MAX_UNPROVEN || (this.#perAddress.get(address) ?? 0) > MAX_UNPROVEN_PER_ADDRESS)
      this.#evict(this.#unproven.size > MAX_UNPROVEN ? undefined : address);
    const timer = setTimeout(() => drop('no handshake in time'), HANDSHAKE_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      drop('closed before the handshake was done');
    });
    if (!this.#options.tls) return this.#makeLane(number, socket, timer);
    // Nobody chooses a protocol for us: rgx/1 was offered, or there is no connection.
    const ALPNCallback = ({ protocols }: { protocols: string[] }): string | undefined =>
      protocols.includes(ALPN) ? ALPN : undefined;
    const secure = new TLSSocket(socket, { isServer: true, secureContext: this.#context, ALPNCallback });
    secure.on('error', (error: NodeJS.ErrnoException) => drop(error.code ?? error.message));
    secure.once('secure', () => this.#makeLane(number, secure, timer));
  }

  #makeLane(number: number, socket: Socket, timer: NodeJS.Timeout): void {
    const unproven = this.#unproven.get(number);
    if (unproven === undefined) return void socket.destroy();
    const exporter = exporterOf(socket);
    if (typeof exporter === 'string') return unproven.drop(exporter);
    if (this.#lanes.size >= MAX_LANES) return unproven.drop('too many lanes');
    clearTimeout(timer);
    const { lane } = this.#options;
    const options = { ...lane, rules: this.#rules, exporter, random: lane.random.fork(`lane ${number}`) };
    const made = new ListenerLane(number, socket, options, this.#host);
    this.#lanes.add(made);
  }

  #proved(number: number): void {
    this.#forget(number);
  }

  #gone(lane: ListenerLane, fault: LaneFault): void {
    this.#lanes.delete(lane);
    if (!lane.ready) {
      this.refused += 1;
      this.#options.onRefused?.(lane.peer, fault.why);
    }
    this.#forget(lane.number);
    if (this.#lanes.size === 0) for (const tell of this.#whenEmpty.splice(0)) tell();
  }

  #forget(number: number): void {
    const unproven = this.#unproven.get(number);
    if (unproven === undefined) return;
    this.#unproven.delete(number);
    const left = (this.#perAddress.get(unproven.address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(unproven.address);
    else this.#perAddress.set(unproven.address, left);
  }

  /** The oldest of all, or of one address. */
  #evict(address: string | undefined): void {
    for (const one of this.#unproven.values()) {
      if (address === undefined || one.address === address) return one.drop('too many handshakes at once');
    }
  }
}
