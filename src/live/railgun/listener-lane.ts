/**
 * One accepted lane: the listener's machine on a socket, with origins behind it and a store beside it. Everything the machine asks
 * for is done here and answered by a command; after each turn what it has to say goes out in one write.
 */
import type { Socket } from 'node:net';
import type { Scheduler } from '../../core/ports.ts';
import type { OriginRequest } from '../../railgun/origin-request.ts';
import { encodeJob } from '../../railgun/answer.ts';
import { ErrorCode, type LaneFault } from '../../railgun/faults.ts';
import { HOP_BY_HOP_FIELDS } from '../../railgun/head.ts';
import { Listener } from '../../railgun/listener.ts';
import type { ListenerEvent, ListenerOptions, ListenerRules } from '../../railgun/listener-events.ts';
import type { LogLevel } from '../../railgun/log-lines.ts';
import type { OriginFailure } from '../../railgun/listener-events.ts';
import type { Stats } from '../../railgun/stats.ts';
import type { ResponseHead } from '../../http1/head.ts';
import type { DeltaPool } from '../delta-worker.ts';
import type { LanConnection, LanSink } from './lan-connection.ts';
import type { LanPool } from './lan-pool.ts';
import { LaneSocket } from './lane-socket.ts';
import { type PageStore, isThere, lookUp } from './page-store.ts';
import { Waker } from '../../core/waker.ts';

/** What all lanes of a listener share. */
export interface LaneHost {
  readonly clock: Scheduler;
  readonly lan: LanPool;
  readonly stats: Stats;
  readonly deltas: DeltaPool;
  /** May change with SIGHUP. */
  readonly store: () => PageStore;
  readonly log: (level: LogLevel, peer: string, line: string) => void;
  /** A request goes to this origin now. */
  readonly onOrigin?: (request: OriginRequest) => void;
  /** The sender has proved itself. */
  readonly onReady: (lane: ListenerLane) => void;
  readonly onClosed: (lane: ListenerLane, fault: LaneFault) => void;
}

export class ListenerLane {
  readonly peer: string;
  /** Connections are numbered as they come, for logs and tests. */
  readonly number: number;
  ready = false;
  readonly #host: LaneHost;
  readonly #machine: Listener;
  readonly #codec: ListenerOptions['codec'];
  readonly #wire: LaneSocket;
  readonly #waker: Waker;
  readonly #fetches = new Map<number, Fetch>();
  #pumping = false;
  #over = false;

  constructor(number: number, socket: Socket, options: ListenerOptions, host: LaneHost) {
    this.number = number;
    this.#host = host;
    this.#codec = options.codec;
    this.#machine = new Listener(options, host.clock.now());
    this.#waker = new Waker(host.clock, () => {
      this.#handle(this.#machine.wake(this.#now));
      this.pump();
    });
    this.#wire = new LaneSocket(socket, {
      take: () => {
        const bytes = this.#machine.transmit();
        if (bytes !== undefined) host.stats.sent(bytes.length);
        return bytes;
      },
      received: (bytes) => {
        this.#handle(this.#machine.receive(bytes, this.#now));
        this.pump();
      },
      drained: () => this.pump(),
      lost: (why) => {
        this.#handle(this.#machine.lost(why, this.#now));
        this.pump();
      },
    });
    this.peer = this.#wire.peer;
    this.pump();
  }

  get busy(): number {
    return this.#machine.busy;
  }

  configure(rules: ListenerRules): void {
    this.#machine.configure(rules);
  }

  drain(drainUs: number): void {
    this.#machine.drain(drainUs, this.#now);
    this.pump();
  }

  /** Cut, without a word. */
  destroy(): void {
    this.#wire.destroy();
    this.#handle(this.#machine.lost('the listener stops', this.#now));
    this.pump();
  }

  /** Until the machine has nothing to ask and nothing to write. Commands call back into here; the outer run goes on. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (;;) {
        // Bytes first: an answer is not to wait until it has been stored and counted.
        const before = this.#wire.sent;
        if (!this.#over) this.#wire.flush();
        const events = this.#machine.takeEvents();
        this.#handle(events);
        if (events.length === 0 && this.#wire.sent === before) break;
      }
    } finally {
      this.#pumping = false;
    }
    if (this.#over) this.#waker.stop();
    else this.#waker.arm(this.#machine.wakeAt());
  }

  get #now(): ReturnType<Scheduler['now']> {
    return this.#host.clock.now();
  }

  #handle(events: readonly ListenerEvent[]): void {
    for (const event of events) this.#on(event);
  }

  #on(event: ListenerEvent): void {
    const { stats, log } = this.#host;
    switch (event.kind) {
      case 'ready':
        this.ready = true;
        stats.laneStarted();
        return this.#host.onReady(this);
      case 'origin_request':
        return this.#ask(event);
      case 'origin_body':
        return this.#fetches.get(event.stream)?.body(event.bytes, event.end);
      case 'origin_cancel':
        this.#fetches.get(event.stream)?.cancel();
        this.#fetches.delete(event.stream);
        return undefined;
      case 'origin_resume':
        return this.#fetches.get(event.stream)?.resume();
      case 'store_get':
        return this.#get(event.stream, event.key);
      case 'store_set':
        return this.#set(event);
      case 'store_delete':
        void this.#host.store().delete(event.key);
        return undefined;
      case 'encode':
        return this.#encode(event);
      case 'log':
        return log(event.level, this.peer, event.line);
      case 'retried':
        return stats.retried();
      case 'completed':
        return stats.completed(event.mode, event.bodyBytes, event.wanBytes);
      case 'stream_failed':
        if (event.code === ErrorCode.originConnectTimeout || event.code === ErrorCode.originReadTimeout)
          stats.noOriginResponse();
        return undefined;
      default:
        return this.#closed(event.fault);
    }
  }

  #ask(event: Extract<ListenerEvent, { kind: 'origin_request' }>): void {
    if (event.attempt === 1) this.#host.stats.started();
    this.#host.onOrigin?.(event.request);
    const fetch = new Fetch(event.stream, this.#machine, this.#host.clock, () => this.pump());
    this.#fetches.set(event.stream, fetch);
    fetch.start(this.#host.lan, event.request, event.attempt === 2);
  }

  #get(stream: number, key: string): void {
    void lookUp(this.#host.store(), key).then((answer) => {
      this.#machine.dictResult(stream, answer, this.#now);
      this.pump();
    });
  }

  #set(event: Extract<ListenerEvent, { kind: 'store_set' }>): void {
    const store = this.#host.store();
    void store.set(event.key, event.value, event.expirationSeconds).then((ok) => {
      // A value that a working store will not take (too large for it) is no failure of the store.
      this.#machine.dictStored(ok || isThere(store), this.#now);
      this.pump();
    });
  }

  #encode(event: Extract<ListenerEvent, { kind: 'encode' }>): void {
    void this.#host.deltas.encode(event.job).then((result) => {
      // No thread to be had: a little of this thread's time is better than a whole page on the wire.
      this.#machine.encoded(event.stream, result ?? encodeJob(this.#codec, event.job), this.#now);
      this.pump();
    });
  }

  #closed(fault: LaneFault): void {
    if (this.#over) return;
    this.#over = true;
    this.#wire.close();
    for (const fetch of this.#fetches.values()) fetch.cancel();
    this.#fetches.clear();
    if (this.ready) this.#host.stats.laneStopped();
    this.#host.onClosed(this, fault);
  }
}

/** One request at its origin, told to the machine. A second attempt is another object; what the first still says is nobody's. */
class Fetch implements LanSink {
  readonly #stream: number;
  readonly #machine: Listener;
  readonly #clock: Scheduler;
  readonly #pump: () => void;
  #connection: LanConnection | undefined;
  #over = false;

  constructor(stream: number, machine: Listener, clock: Scheduler, pump: () => void) {
    this.#stream = stream;
    this.#machine = machine;
    this.#clock = clock;
    this.#pump = pump;
  }

  start(lan: LanPool, request: Parameters<LanPool['ask']>[0], fresh: boolean): void {
    this.#connection = lan.ask(request, fresh, this);
  }

  body(bytes: Uint8Array, end: boolean): void {
    this.#connection?.body(bytes, end);
  }

  resume(): void {
    this.#connection?.resume();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#connection?.cancel();
  }

  lanConnected(): void {
    this.#machine.originConnected(this.#stream, this.#clock.now());
  }

  lanHead(head: ResponseHead, bodyLength: number | undefined): void {
    const lines: (readonly [string, string])[] = [];
    for (const line of head.fields()) if (!isHop(line[0], head)) lines.push(line);
    this.#machine.originHead(this.#stream, { status: head.status, lines, bodyLength }, this.#clock.now());
  }

  lanBody(bytes: Uint8Array): boolean {
    return this.#machine.originBody(this.#stream, bytes, this.#clock.now());
  }

  lanEnd(): void {
    this.#over = true;
    this.#machine.originEnd(this.#stream, this.#clock.now());
  }

  lanFailed(failure: OriginFailure, detail: string): void {
    this.#over = true;
    this.#machine.originError(this.#stream, failure, detail, this.#clock.now());
  }

  lanFlush(): void {
    this.#pump();
  }

  lanConsumed(bytes: number): void {
    this.#machine.originConsumed(this.#stream, bytes);
  }
}

/** What is said about the connection to the origin stays here. */
function isHop(name: string, head: ResponseHead): boolean {
  const lower = name.toLowerCase();
  return HOP_BY_HOP_FIELDS.has(lower) || head.connectionNames.includes(lower);
}
