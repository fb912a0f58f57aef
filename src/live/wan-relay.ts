/**
 * A wide-area network between two sockets, in user space: no root, no kernel module. Delay, jitter, rate, queue, slow start, and the
 * faults of a path, changeable while it runs. Used by drills, `demo:railgun` and `bench:link`.
 *
 *     client ══ socket ══ Way(to_target): Flow ─► Line ─► Flow ══ socket ══ target
 *                         Way(to_client): Flow ◄─ Line ◄─ Flow
 *
 * A TCP relay cannot lose or reorder segments, so loss shows as nothing but rate; and a kernel accepts before we can delay a SYN, so the
 * handshake's round trip is charged to the first bytes. docs/wan-relay.md says what else differs from a real path.
 */
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import { assert } from '../core/assert.ts';
import type { Random } from '../core/random.ts';
import { type Memory, Way } from './wan-relay/connection.ts';
import type { FlowRoute } from './wan-relay/flow.ts';
import { Line } from './wan-relay/line.ts';
import { Pacer, type Precision } from './wan-relay/pacer.ts';
import type { Direction, LineShape, WanShape } from './wan-relay/shape.ts';

export type { Direction, LineShape, WanShape } from './wan-relay/shape.ts';
export { symmetric } from './wan-relay/shape.ts';

export interface WanRelayOptions {
  /** Default 127.0.0.1, port 0. */
  readonly listen?: { readonly host?: string; readonly port?: number };
  readonly target: { readonly host: string; readonly port: number };
  readonly shape: WanShape;
  /** Only jitter draws from it. */
  readonly random: Random;
  /** `coarse`: deliveries by timers alone, a millisecond more or less, and no processor burnt for the rest; for many relays at once. */
  readonly precision?: 'fine' | 'coarse';
}

export interface DirectionStats {
  readonly deliveredBytes: number;
  /** In memory now: waiting and on the line. */
  readonly heldBytes: number;
}

export interface WanRelayStats {
  readonly open: number;
  readonly accepted: number;
  /** Connections that the relay itself reset: cut, at byte N, or too many. */
  readonly resets: number;
  readonly toTarget: DirectionStats;
  readonly toClient: DirectionStats;
}

/** Two sockets and a few buffers each; more is not a link but a load test. */
const MAX_CONNECTIONS = 4_096;
/** Of all connections; then all senders are held back. A single one is bounded by its window and queue. */
const MOST_HELD_BYTES = 268_435_456;
const DIRECTIONS: readonly Direction[] = ['to_target', 'to_client'];
/** Deliveries may be early by this share of the delay, so that a busy relay need not wake for each piece; without a delay by the most. */
const EARLY_SHARE = 0.01;
const MOST_EARLY_MS = 0.5;
/** What comes after a pause is delivered to a tenth of a millisecond, a stream to a millisecond (pacer.ts). */
const PAUSE_SHARE = 0.8;
const PAUSE_MS = 4;

interface Connection {
  readonly client: Socket;
  readonly target: Socket;
  readonly ways: readonly Way[];
  /** While the way to the target is held, it is not even called. */
  call: (() => void) | undefined;
}

/** Rejects when it cannot listen, with the system's error. */
export async function openWanRelay(options: WanRelayOptions): Promise<WanRelay> {
  const relay = new WanRelay(options);
  await relay.accepting(true);
  return relay;
}

export class WanRelay {
  readonly #options: WanRelayOptions;
  #shape: WanShape;
  #target: WanRelayOptions['target'];
  #server: Server | undefined;
  #port: number;
  readonly #connections = new Set<Connection>();
  /** Open at both ends and dead between. */
  readonly #forgotten = new Set<Connection>();
  readonly #lines: Readonly<Record<Direction, Line>> = { to_target: new Line(), to_client: new Line() };
  readonly #stopped = new Set<Direction>();
  readonly #resetAt: Record<Direction, number> = { to_target: Infinity, to_client: Infinity };
  readonly #gone: Record<Direction, number> = { to_target: 0, to_client: 0 };
  readonly #memory: Memory = { heldBytes: 0, mostBytes: MOST_HELD_BYTES };
  readonly #pacer = new Pacer(() => this.#pump());
  #accepted = 0;
  #resets = 0;
  #closed = false;

  constructor(options: WanRelayOptions) {
    this.#options = options;
    this.#shape = checked(options.shape);
    this.#target = options.target;
    this.#port = options.listen?.port ?? 0;
  }

  get port(): number {
    return this.#port;
  }

  /** From now on. What is on the line already arrives as it would have. */
  set(shape: WanShape): void {
    this.#shape = checked(shape);
    this.#pump();
  }

  /** Connections from now on lead there; open ones stay. Undefined: where they led at first. */
  retarget(target: WanRelayOptions['target'] | undefined): void {
    this.#target = target ?? this.#options.target;
  }

  /** Reset every open connection at both ends. New ones are taken. */
  cut(): void {
    for (const connection of this.#connections) this.#reset(connection);
  }

  /**
   * As when a box on the way loses its table: connections that stand say nothing any more, in either direction and for good, and nobody is
   * told. What was on its way is lost. New ones work.
   */
  forget(): void {
    for (const connection of [...this.#connections]) {
      this.#drop(connection);
      this.#forgotten.add(connection);
      // Nothing is read any more: not what an end still sends, nor that it ends.
      connection.client.pause();
      connection.target.pause();
    }
    this.#pump();
  }

  /** Nothing arrives at either end, nobody is told. What was on its way is kept, as TCP would send it again, up to the limits. */
  blackhole(on: boolean): void {
    for (const direction of DIRECTIONS) this.halfOpen(direction, on);
  }

  /** As `blackhole`, in one direction only. */
  halfOpen(direction: Direction, on: boolean): void {
    if (on) this.#stopped.add(direction);
    else this.#stopped.delete(direction);
    for (const { ways, call } of this.#connections) {
      if (!this.#stopped.has('to_target')) call?.();
      for (const way of ways) if (way.direction === direction && !on) way.goOn();
    }
    this.#pump();
  }

  /** Each connection, open or new, is reset when it has delivered so many bytes in this direction; undefined: none is. */
  resetAt(direction: Direction, bytes: number | undefined): void {
    this.#resetAt[direction] = bytes ?? Infinity;
    for (const connection of [...this.#connections]) {
      const way = connection.ways.find((one) => one.direction === direction);
      if (way !== undefined && way.delivered >= this.#resetAt[direction]) this.#reset(connection);
    }
  }

  /** False: new connections are refused, open ones stay. True: again, on the same port. */
  async accepting(on: boolean): Promise<void> {
    const server = this.#server;
    if (!on) {
      this.#server = undefined;
      // Its callback waits for connections that are to stay; the port is given back at once.
      server?.close();
      return;
    }
    if (server !== undefined || this.#closed) return;
    const fresh = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
    this.#server = fresh;
    await new Promise<void>((ready, failed) => {
      fresh.once('error', failed);
      fresh.listen(this.#port, this.#options.listen?.host ?? '127.0.0.1', () => {
        fresh.removeListener('error', failed);
        ready();
      });
    });
    this.#port = (fresh.address() as AddressInfo).port;
  }

  stats(): WanRelayStats {
    const count = (direction: Direction): DirectionStats => {
      let deliveredBytes = this.#gone[direction];
      let heldBytes = 0;
      for (const { ways } of this.#connections) {
        for (const way of ways) {
          if (way.direction !== direction) continue;
          deliveredBytes += way.delivered;
          heldBytes += way.flow.heldBytes;
        }
      }
      return { deliveredBytes, heldBytes };
    };
    return {
      open: this.#connections.size,
      accepted: this.#accepted,
      resets: this.#resets,
      toTarget: count('to_target'),
      toClient: count('to_client'),
    };
  }

  /** Resets what is open; resolves when the port is free. */
  async close(): Promise<void> {
    this.#closed = true;
    const server = this.#server;
    this.#server = undefined;
    const closed = server === undefined ? undefined : new Promise((done) => server.close(done));
    this.cut();
    for (const { client, target } of this.#forgotten) {
      client.resetAndDestroy();
      target.resetAndDestroy();
    }
    this.#forgotten.clear();
    this.#pacer.stop();
    await closed;
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    client.on('error', () => {});
    if (this.#connections.size + this.#forgotten.size >= MAX_CONNECTIONS) {
      this.#resets += 1;
      client.resetAndDestroy();
      return;
    }
    const { host, port } = this.#target;
    const random = this.#options.random.fork(`connection-${this.#accepted}`);
    const handshakeMs = this.#shape.handshake === false ? 0 : this.#roundTripMs;
    const held = this.#stopped.has('to_target');
    // Called when the client's SYN would have got there: so a refusal is a round trip away, and who is nearer is there first.
    const travelMs = this.#shape.handshake === false ? 0 : this.#shape.toTarget.delayMs;
    const target = new Socket({ allowHalfOpen: true });
    target.setNoDelay(true);
    target.on('error', () => {});
    const call = (): void => {
      if (!this.#connections.has(connection)) return;
      connection.call = this.#stopped.has('to_target') ? call : undefined;
      if (connection.call === undefined) target.connect({ host, port });
    };
    const way = (direction: Direction): Way => {
      const [from, to] = direction === 'to_target' ? [client, target] : [target, client];
      return new Way({
        direction,
        from,
        to,
        slowStart: this.#shape.slowStart,
        random: random.fork(direction),
        notBefore: performance.now() + handshakeMs,
        shape: () => this.#lineShape(direction),
        route: () => this.#route(direction),
        wake: () => this.#pump(),
        resetAt: () => this.#resetAt[direction],
        reset: () => this.#reset(connection),
        passReset: () => this.#end(connection),
        memory: this.#memory,
      });
    };
    const ways = DIRECTIONS.map(way);
    const connection: Connection = { client, target, ways, call: held ? call : undefined };
    this.#connections.add(connection);
    for (const one of ways) this.#lines[one.direction].add(one.flow);
    client.on('close', () => this.#lost(connection, client, 'to_target'));
    target.on('close', () => this.#lost(connection, target, 'to_client'));
    if (held) return;
    if (travelMs < 1) call();
    else setTimeout(call, travelMs);
  }

  /** A socket is gone: quietly when both sides had ended, else the other end is to hear of it. */
  #lost(connection: Connection, socket: Socket, direction: Direction): void {
    if (!this.#connections.has(connection)) return;
    if (connection.client.destroyed && connection.target.destroyed) {
      this.#drop(connection);
      return;
    }
    const quiet = socket.errored === null && socket.readableEnded && socket.writableFinished;
    if (!quiet) connection.ways.find((way) => way.direction === direction)?.senderLost();
  }

  #reset(connection: Connection): void {
    if (!this.#connections.has(connection)) return;
    this.#resets += 1;
    this.#end(connection);
  }

  /** With a reset at both ends. */
  #end(connection: Connection): void {
    this.#drop(connection);
    for (const socket of [connection.client, connection.target]) {
      if (!socket.destroyed) socket.resetAndDestroy();
    }
  }

  #drop(connection: Connection): void {
    this.#connections.delete(connection);
    for (const way of connection.ways) {
      this.#gone[way.direction] += way.delivered;
      this.#lines[way.direction].remove(way.flow);
      way.forget();
    }
  }

  #lineShape(direction: Direction): LineShape {
    return direction === 'to_target' ? this.#shape.toTarget : this.#shape.toClient;
  }

  #route(direction: Direction): FlowRoute {
    const { toTarget, toClient, slowStart } = this.#shape;
    const [there, back] = direction === 'to_target' ? [toTarget, toClient] : [toClient, toTarget];
    return { delayMs: there.delayMs, reverseMs: back.delayMs, slowStart };
  }

  get #roundTripMs(): number {
    return this.#shape.toTarget.delayMs + this.#shape.toClient.delayMs;
  }

  /** Do all that is due, and be woken for what is next. */
  #pump(): void {
    if (this.#closed) return;
    const precision = this.#precision;
    const now = performance.now() + precision.earlyMs;
    let next = Infinity;
    for (const { ways } of this.#connections) {
      for (const { flow, direction } of ways) {
        // Acknowledgements travel the other way, and are lost when that is dead.
        if (!this.#stopped.has(direction === 'to_target' ? 'to_client' : 'to_target')) {
          flow.acknowledge(now, this.#route(direction));
        }
      }
    }
    for (const direction of DIRECTIONS) {
      next = Math.min(next, this.#lines[direction].advance(now, this.#lineShape(direction), this.#route(direction)));
    }
    for (const { ways } of [...this.#connections]) {
      for (const way of ways) {
        if (!this.#stopped.has(way.direction)) {
          way.deliver(now);
          next = Math.min(next, way.nextDue());
        }
        way.holdBack();
        next = Math.min(next, this.#nextAck(way));
      }
    }
    this.#pacer.wakeAt(next, precision);
  }

  #nextAck({ flow, direction }: Way): number {
    if (this.#stopped.has(direction === 'to_target' ? 'to_client' : 'to_target')) return Infinity;
    return flow.nextAck(this.#route(direction)) ?? Infinity;
  }

  get #precision(): Precision {
    const delays = [this.#shape.toTarget.delayMs, this.#shape.toClient.delayMs].filter((ms) => ms > 0);
    const least = Math.min(...delays);
    if (this.#options.precision === 'coarse') return { earlyMs: MOST_EARLY_MS, pauseMs: Infinity };
    return { earlyMs: Math.min(MOST_EARLY_MS, EARLY_SHARE * least), pauseMs: Math.min(PAUSE_MS, PAUSE_SHARE * least) };
  }
}

function checked(shape: WanShape): WanShape {
  for (const { delayMs, jitterMs = 0, bytesPerSecond = 1, queueBytes = 1 } of [shape.toTarget, shape.toClient]) {
    assert(delayMs >= 0 && jitterMs >= 0, 'a delay and a jitter of at least 0 ms');
    assert(bytesPerSecond > 0 && queueBytes > 0, 'a rate and a queue above 0');
  }
  return shape;
}
