/**
 * One listener process in virtual time: the real machines, one per lane, with simulated origins behind them and simulated stores beside.
 * What `live/railgun/listener-server.ts` and `listener-lane.ts` do on sockets. Frozen, it does nothing and misses nothing: what happens
 * meanwhile waits until it is woken. Killed, everything that it knew is gone.
 */
import { EMPTY_NAT_MAP, type NatMap } from '../../core/nat-map.ts';
import type { Scheduler } from '../../core/ports.ts';
import type { Random } from '../../core/random.ts';
import { type Micros, US_PER_SECOND, after } from '../../core/time.ts';
import { Dictionary } from '../../railgun/dictionary.ts';
import type { EncodeJob, EncodeResult } from '../../railgun/answer.ts';
import { deltaCodec, estimateEncodeUs, LOOP_BUDGET_US } from '../../railgun/delta/choose.ts';
import { CODEC, type CodecId } from '../../railgun/delta/codec.ts';
import { DEFAULT_THRESHOLDS } from '../../railgun/eligible.ts';
import { HoldBudget } from '../../railgun/hold.ts';
import { HOLD_BUDGET_BYTES, LOOKUP_BUDGET_US, RGX_LIMITS } from '../../railgun/limits.ts';
import type { ListenerEvent, ListenerOptions, ListenerRules } from '../../railgun/listener-events.ts';
import { Listener } from '../../railgun/listener.ts';
import type { OriginRequest } from '../../railgun/origin-request.ts';
import type { CodecMemo } from './codec-memo.ts';
import type { Connection } from './connection.ts';
import type { OriginAnswerTo } from './origin-answers.ts';
import type { StoreClient } from './page-store.ts';
import { Waker } from '../../core/waker.ts';

/** `lan.timeout` of the manual. */
export const LAN_TIMEOUT_US = 30 * US_PER_SECOND;
/** SIGQUIT: how long running streams may take (live/railgun/listener-service.ts). */
const DRAIN_US = 30 * US_PER_SECOND;
/** `memcached.limit` */
const STORE_LIMIT_BYTES = 1_000_000;

export interface HostOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly token: string;
  readonly railgunId: string;
  readonly agent: string;
  readonly listenerId: string;
  readonly expirationUs: number;
  readonly streamSize: number;
  readonly nat: NatMap | undefined;
  readonly store: StoreClient;
  readonly memo: CodecMemo;
  /** Asks the simulated origin of a request. */
  readonly ask: (request: OriginRequest, attempt: 1 | 2, answer: OriginAnswerTo) => () => void;
}

export class ListenerHost {
  readonly #options: HostOptions;
  readonly #machineOptions: Omit<ListenerOptions, 'random' | 'exporter'>;
  readonly #lanes = new Set<Lane>();
  /** What happened to a frozen process, in order. */
  #backlog: (() => void)[] | undefined;
  #made = 0;
  /** When the codec has done what it was given: one page after the other. */
  #encodedAt = 0 as Micros;

  constructor(options: HostOptions) {
    this.#options = options;
    const { token, railgunId, agent, listenerId, expirationUs } = options;
    this.#machineOptions = {
      limits: RGX_LIMITS,
      codec: deltaCodec(LOOP_BUDGET_US),
      hold: new HoldBudget(HOLD_BUDGET_BYTES),
      dictionary: new Dictionary({
        side: 'listener',
        expirationSeconds: expirationUs / US_PER_SECOND,
        limitBytes: STORE_LIMIT_BYTES,
        lookupBudgetUs: LOOKUP_BUDGET_US,
      }),
      rules: this.#rules(),
      ...{ token, railgunId, agent, listenerId },
    };
  }

  /** `token` of another: a listener with the wrong one. */
  accept(connection: Connection, exporter: Uint8Array, token: string): void {
    this.#made += 1;
    const random = this.#options.random.fork(`lane ${this.#made}`);
    const options = { ...this.#machineOptions, token, random, exporter };
    const lane = new Lane(connection, new Listener(options, this.#options.scheduler.now()), this.#options, this);
    this.#lanes.add(lane);
  }

  /** Now, or when the process runs again. */
  run(what: () => void): void {
    if (this.#backlog === undefined) what();
    else this.#backlog.push(what);
  }

  /** The moment at which a page that is given to the codec now is encoded. */
  encodes(job: EncodeJob, result: EncodeResult): Micros {
    const now = this.#options.scheduler.now();
    const begins = this.#encodedAt > now ? this.#encodedAt : now;
    this.#encodedAt = after(begins, encodeUs(job, result));
    return this.#encodedAt;
  }

  freeze(): void {
    this.#backlog ??= [];
    for (const lane of this.#lanes) lane.connection.freeze(true);
  }

  thaw(): void {
    const waiting = this.#backlog ?? [];
    this.#backlog = undefined;
    for (const lane of this.#lanes) lane.connection.freeze(false);
    for (const what of waiting) what();
  }

  drain(): void {
    for (const lane of this.#lanes) lane.drain();
  }

  kill(): void {
    for (const lane of this.#lanes) {
      lane.stop();
      lane.connection.reset();
    }
    this.#lanes.clear();
    this.#backlog = undefined;
  }

  closed(lane: Lane): void {
    this.#lanes.delete(lane);
  }

  get lanes(): number {
    return this.#lanes.size;
  }

  #rules(): ListenerRules {
    return {
      ...DEFAULT_THRESHOLDS,
      nat: this.#options.nat ?? EMPTY_NAT_MAP,
      insecureOrigin: false,
      validateCert: true,
      originCfRailgun: false,
      userAgent: `Railgun/${this.#options.agent}`,
      streamSize: this.#options.streamSize,
      lanTimeoutUs: LAN_TIMEOUT_US,
      compressFull: true,
      logLevel: 0,
      // All of it is asked for by event, so that the memo answers.
      encodeInlineBytes: 0,
    };
  }
}

/** One accepted lane: the machine between its connection, the origins and the stores. */
class Lane {
  readonly connection: Connection;
  readonly #machine: Listener;
  readonly #options: HostOptions;
  readonly #host: ListenerHost;
  readonly #waker: Waker;
  /** How to stop each request at its origin. */
  readonly #fetches = new Map<number, () => void>();
  #pumping = false;
  #over = false;

  constructor(connection: Connection, machine: Listener, options: HostOptions, host: ListenerHost) {
    this.connection = connection;
    this.#machine = machine;
    this.#options = options;
    this.#host = host;
    this.#waker = new Waker(options.scheduler, () => this.#later((now) => this.#handle(machine.wake(now))));
    connection.listener.attach(machine, {
      received: (bytes) => this.#later((now) => this.#handle(machine.receive(bytes, now))),
      drained: () => this.#later(() => undefined),
      lost: (why) => this.#later((now) => this.#handle(machine.lost(why, now))),
    });
    this.#pump();
  }

  drain(): void {
    this.#later((now) => this.#machine.drain(DRAIN_US, now));
  }

  stop(): void {
    this.#over = true;
    this.#waker.stop();
    for (const cancel of this.#fetches.values()) cancel();
    this.#fetches.clear();
  }

  #later(what: (now: ReturnType<Scheduler['now']>) => void): void {
    this.#host.run(() => {
      if (this.#over) return;
      what(this.#options.scheduler.now());
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    for (;;) {
      const events = this.#machine.takeEvents();
      this.#handle(events);
      if (events.length === 0 && !this.connection.listener.flush()) break;
    }
    this.#pumping = false;
    if (!this.#over) this.#waker.arm(this.#machine.wakeAt());
  }

  #handle(events: readonly ListenerEvent[]): void {
    for (const event of events) this.#on(event);
  }

  #on(event: ListenerEvent): void {
    const machine = this.#machine;
    switch (event.kind) {
      case 'origin_request':
        return this.#ask(event);
      case 'origin_cancel':
        this.#fetches.get(event.stream)?.();
        this.#fetches.delete(event.stream);
        return undefined;
      case 'origin_body':
        // Uploads end here: a simulated origin takes all at once and looks at none of it.
        return machine.originConsumed(event.stream, event.bytes.length);
      case 'store_get': {
        const { stream, key } = event;
        return this.#options.store.get(key, (answer) => this.#later((now) => machine.dictResult(stream, answer, now)));
      }
      case 'store_set': {
        const { key, value, expirationSeconds } = event;
        const stored = (ok: boolean): void => this.#later((now) => machine.dictStored(ok, now));
        return this.#options.store.set(key, value, expirationSeconds, stored);
      }
      case 'store_delete':
        return this.#options.store.delete(event.key);
      case 'encode':
        return this.#encode(event);
      case 'closed':
        this.stop();
        this.connection.listener.close();
        return this.#host.closed(this);
      default:
        return undefined;
    }
  }

  #encode({ stream, job }: Extract<ListenerEvent, { kind: 'encode' }>): void {
    const result = this.#options.memo.encode(job);
    const told = (): void => this.#later((now) => this.#machine.encoded(stream, result, now));
    this.#options.scheduler.at(this.#host.encodes(job, result), told);
  }

  #ask({ stream, request, attempt }: Extract<ListenerEvent, { kind: 'origin_request' }>): void {
    const machine = this.#machine;
    // A second attempt takes the place of the first, of which nothing more is heard.
    this.#fetches.get(stream)?.();
    const cancel = this.#options.ask(request, attempt, {
      connected: () => this.#later((now) => machine.originConnected(stream, now)),
      answered: (answer, pieces) =>
        this.#later((now) => {
          machine.originHead(stream, answer, now);
          // Bounded by the page: what the lane cannot take yet, the machine keeps.
          for (const piece of pieces) machine.originBody(stream, piece, now);
          machine.originEnd(stream, now);
        }),
      failed: (failure, detail) => this.#later((now) => machine.originError(stream, failure, detail, now)),
    });
    this.#fetches.set(stream, cancel);
  }
}

/** By the codec's own estimate, which the live choice of a codec goes by; what packs a whole page is reckoned as brotli. */
function encodeUs({ previous, current }: EncodeJob, { delta, full }: EncodeResult): number {
  const sizes = { previous: previous?.length ?? 0, current: current.length, expectedDelta: delta?.bytes.length };
  const compared = delta === undefined ? 0 : estimateEncodeUs(sizes, delta.codec as CodecId);
  const packed = full === undefined ? 0 : estimateEncodeUs({ ...sizes, previous: 0 }, CODEC.brotli);
  return Math.round(compared + packed);
}
