/**
 * A sender and a listener with a pretend link between them, a pretend origin behind, and a store at each end that can fail. Time is a
 * number that jumps to the next thing that is due. Nothing here knows what the right answer is; tests say that.
 */
import { EMPTY_NAT_MAP } from '../../src/core/nat-map.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { after, micros, type Micros } from '../../src/core/time.ts';
import type { DeltaCodec } from '../../src/railgun/codec-port.ts';
import { Dictionary, type DictionaryOptions } from '../../src/railgun/dictionary.ts';
import { DEFAULT_THRESHOLDS } from '../../src/railgun/eligible.ts';
import type { HeadLine } from '../../src/railgun/head.ts';
import { HoldBudget } from '../../src/railgun/hold.ts';
import { type LaneLimits, RGX_LIMITS } from '../../src/railgun/limits.ts';
import { Listener } from '../../src/railgun/listener.ts';
import type { ListenerEvent, ListenerRules, OriginFailure } from '../../src/railgun/listener-events.ts';
import type { OriginRequest } from '../../src/railgun/origin-request.ts';
import { Sender } from '../../src/railgun/sender.ts';
import type { LinkRequest, Placement, SenderEvent } from '../../src/railgun/sender-events.ts';
import type { StoreAnswer } from '../../src/railgun/store-dialogue.ts';

export const TOKEN = '0123456789abcdef0123456789abcdef';
export const EXPORTER = Uint8Array.from({ length: 32 }, (_, index) => index * 7);
export const START = micros(1_780_000_000_000_000);

export function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** A copy/add codec in ten lines: shared start and end are copied. Number 1, as spec 12.4 calls the simplest. */
export const trimCodec: DeltaCodec = {
  mask: 0b10,
  encode(previous, current, allowed) {
    if ((allowed & 0b10) === 0) return undefined;
    const limit = Math.min(previous.length, current.length);
    let start = 0;
    while (start < limit && previous[start] === current[start]) start += 1;
    let end = 0;
    while (end < limit - start && previous[previous.length - 1 - end] === current[current.length - 1 - end]) end += 1;
    const out = Buffer.alloc(8 + current.length - start - end);
    out.writeUInt32BE(start, 0);
    out.writeUInt32BE(end, 4);
    out.set(current.subarray(start, current.length - end), 8);
    return { codec: 1, bytes: out };
  },
  decode(codec, previous, delta, length) {
    if (codec !== 1 || delta.length < 8) return { kind: 'refused', why: 'no delta' };
    const view = Buffer.from(delta.buffer, delta.byteOffset, delta.length);
    const [start, end] = [view.readUInt32BE(0), view.readUInt32BE(4)];
    if (start + end > previous.length || start + end + delta.length - 8 !== length)
      return { kind: 'refused', why: 'bad copy' };
    const page = Buffer.concat([
      previous.subarray(0, start),
      delta.subarray(8),
      previous.subarray(previous.length - end),
    ]);
    return { kind: 'page', bytes: page };
  },
};

export const RULES: ListenerRules = {
  ...DEFAULT_THRESHOLDS,
  nat: EMPTY_NAT_MAP,
  insecureOrigin: false,
  validateCert: true,
  originCfRailgun: false,
  userAgent: 'Railgun/rgx',
  streamSize: 1_048_576,
  lanTimeoutUs: 30_000_000,
  compressFull: true,
  logLevel: 0,
  encodeInlineBytes: 10_000_000,
};

export const STORE_OPTIONS = { expirationSeconds: 600, limitBytes: 1_000_000, lookupBudgetUs: 100_000 };

/** A store in memory. `mood`: how it answers; `spoil`: what it does to values it gives back. */
export class PretendStore {
  readonly values = new Map<string, Uint8Array>();
  mood: 'well' | 'down' | 'silent' = 'well';
  spoil: (value: Uint8Array) => Uint8Array = (value) => value;
  gets = 0;
  sets = 0;
  /** µs until it answers. */
  delayUs = 0;

  get(key: string): StoreAnswer | undefined {
    this.gets += 1;
    if (this.mood === 'silent') return undefined;
    if (this.mood === 'down') return { kind: 'down' };
    const value = this.values.get(key);
    return value === undefined ? { kind: 'miss' } : { kind: 'hit', value: this.spoil(value) };
  }

  set(key: string, value: Uint8Array): boolean {
    this.sets += 1;
    if (this.mood !== 'well') return false;
    this.values.set(key, value);
    return true;
  }
}

export interface OriginReply {
  readonly status?: number;
  readonly head?: readonly HeadLine[];
  readonly body?: Uint8Array;
  /** Pieces the body comes in; default: one. */
  readonly pieces?: readonly Uint8Array[];
  /** Content-Length is known; default yes. */
  readonly declared?: boolean | number;
  /** µs from request to head. */
  readonly afterUs?: number;
  /** Fails instead of answering, or (`midway`) after the body. */
  readonly failure?: OriginFailure;
  readonly midway?: boolean;
  /** Accepts and stays silent, or does not even accept. */
  readonly silent?: 'after_connect' | 'before_connect';
}

export type OriginScript = (request: OriginRequest, attempt: number, body: Uint8Array) => OriginReply;

export interface Outcome {
  status?: number;
  head?: readonly HeadLine[];
  header?: Extract<SenderEvent, { kind: 'response' }>['cfRailgun'];
  body: Uint8Array;
  ended?: Extract<SenderEvent, { kind: 'end' }>;
  failed?: Extract<SenderEvent, { kind: 'failed' }>;
  resyncs: number;
  /** Terminal events: must be 1. */
  ends: number;
}

export interface PairOptions {
  readonly limits?: Partial<LaneLimits>;
  readonly listenerLimits?: Partial<LaneLimits>;
  readonly rules?: Partial<ListenerRules>;
  readonly codec?: DeltaCodec;
  readonly senderCodec?: DeltaCodec;
  readonly store?: Partial<DictionaryOptions>;
  readonly token?: string;
  readonly listenerToken?: string;
  readonly origin?: OriginScript;
  /** One-way delay. */
  readonly delayUs?: number;
  /** How one write arrives: pieces in order. */
  readonly cut?: (written: Uint8Array) => readonly Uint8Array[];
  readonly seed?: number;
  readonly place?: string;
  /** The visitor takes RAW bytes at once; default yes. */
  readonly thirsty?: boolean;
  readonly dictionaries?: {
    sender?: Dictionary;
    listener?: Dictionary;
    senderStore?: PretendStore;
    listenerStore?: PretendStore;
  };
  readonly hold?: HoldBudget;
  readonly now?: Micros;
}

export const GET: LinkRequest = {
  zone: 'example.com',
  https: false,
  method: 'GET',
  authority: 'www.example.com',
  path: '/',
  originAddress: '203.0.113.10',
  head: [
    ['Host', 'www.example.com'],
    ['User-Agent', 'test'],
  ],
  hasBody: false,
  wantsDelta: true,
  timeoutUs: 0,
};

export class Pair {
  now: Micros;
  readonly sender: Sender;
  readonly listener: Listener;
  readonly senderStore: PretendStore;
  readonly listenerStore: PretendStore;
  readonly senderDictionary: Dictionary;
  readonly listenerDictionary: Dictionary;
  readonly senderEvents: SenderEvent[] = [];
  readonly listenerEvents: ListenerEvent[] = [];
  /** Every write, in order. */
  readonly toListener: Uint8Array[] = [];
  readonly toSender: Uint8Array[] = [];
  readonly outcomes = new Map<number, Outcome>();
  readonly asked: { readonly request: OriginRequest; readonly attempt: number; readonly id: string }[] = [];
  origin: OriginScript;
  /** Where written bytes go; `cut` = the wire is dead. */
  wire: 'up' | 'cut' = 'up';
  readonly #options: PairOptions;
  #timers: { readonly at: Micros; readonly id: number; readonly run: () => void }[] = [];
  #timerId = 0;
  readonly #uploads = new Map<number, { pieces: Uint8Array[]; attempt: number; request: OriginRequest }>();

  constructor(options: PairOptions = {}) {
    this.#options = options;
    this.now = options.now ?? START;
    this.origin = options.origin ?? (() => ({ body: page('home') }));
    const random: Random = seededRandom(options.seed ?? 1);
    const limits = { ...RGX_LIMITS, ...options.limits };
    const kept = options.dictionaries ?? {};
    this.senderStore = kept.senderStore ?? new PretendStore();
    this.listenerStore = kept.listenerStore ?? new PretendStore();
    this.senderDictionary = kept.sender ?? new Dictionary({ ...STORE_OPTIONS, ...options.store, side: 'sender' });
    this.listenerDictionary = kept.listener ?? new Dictionary({ ...STORE_OPTIONS, ...options.store, side: 'listener' });
    const common = { exporter: EXPORTER, railgunId: '1', agent: '5360' };
    this.sender = new Sender(
      {
        ...common,
        limits,
        random: random.fork('sender'),
        place: options.place ?? 'LHR',
        token: options.token ?? TOKEN,
        codec: options.senderCodec ?? options.codec ?? trimCodec,
        dictionary: this.senderDictionary,
      },
      this.now,
    );
    this.listener = new Listener(
      {
        ...common,
        limits: { ...limits, ...options.listenerLimits },
        random: random.fork('listener'),
        token: options.listenerToken ?? options.token ?? TOKEN,
        listenerId: 'listener-1',
        codec: options.codec ?? trimCodec,
        dictionary: this.listenerDictionary,
        hold: options.hold ?? new HoldBudget(64 * 1024 * 1024),
        rules: { ...RULES, ...options.rules },
      },
      this.now,
    );
  }

  at(time: Micros, run: () => void): void {
    this.#timerId += 1;
    this.#timers.push({ at: time, id: this.#timerId, run });
  }

  request(request: Partial<LinkRequest> = {}): number {
    const placed = this.place(request);
    if (placed.kind !== 'placed') throw new Error(`not placed: ${placed.why}`);
    return placed.stream;
  }

  place(request: Partial<LinkRequest> = {}): Placement {
    const placed = this.sender.request({ ...GET, ...request }, this.now);
    if (placed.kind === 'placed') this.outcomes.set(placed.stream, { body: new Uint8Array(0), resyncs: 0, ends: 0 });
    return placed;
  }

  /** Open the lane: SETTINGS both ways. */
  ready(): this {
    this.run(1_000_000, () => this.sender.state === 'open' && this.listener.state === 'open');
    return this;
  }

  /** One request from start to end. */
  get(request: Partial<LinkRequest> = {}): Outcome {
    if (this.sender.state === 'handshake') this.ready();
    const stream = this.request(request);
    return this.finish(stream);
  }

  finish(stream: number, withinUs = 120_000_000): Outcome {
    const outcome = this.outcomes.get(stream);
    if (outcome === undefined) throw new Error(`stream ${stream} was never opened`);
    this.run(withinUs, () => outcome.ends > 0);
    this.pump();
    return outcome;
  }

  /** Until nothing is left to say at this moment. */
  pump(): void {
    for (let rounds = 0; rounds < 100_000; rounds += 1) {
      this.#onSender(this.sender.takeEvents());
      this.#onListener(this.listener.takeEvents());
      const up = this.sender.transmit();
      if (up !== undefined)
        this.#carry(up, this.toListener, (piece) => this.#onListener(this.listener.receive(piece, this.now)));
      const down = this.listener.transmit();
      if (down !== undefined)
        this.#carry(down, this.toSender, (piece) => this.#onSender(this.sender.receive(piece, this.now)));
      const late = [this.sender.takeEvents(), this.listener.takeEvents()] as const;
      this.#onSender(late[0]);
      this.#onListener(late[1]);
      if (up === undefined && down === undefined && late[0].length === 0 && late[1].length === 0) return;
    }
    throw new Error('the pair never comes to rest');
  }

  /** Jump from due time to due time until `done`, or for `forUs`. */
  run(forUs: number, done: () => boolean = () => false): void {
    const limit = after(this.now, forUs);
    this.pump();
    while (!done()) {
      let next: Micros | undefined;
      for (const time of [...this.#timers.map((timer) => timer.at), this.sender.wakeAt(), this.listener.wakeAt()]) {
        if (time !== undefined && (next === undefined || time < next)) next = time;
      }
      if (next === undefined || next > limit) {
        this.now = limit;
        return;
      }
      this.now = next > this.now ? next : this.now;
      this.#timers.sort((a, b) => a.at - b.at || a.id - b.id);
      while (this.#timers[0] !== undefined && this.#timers[0].at <= this.now) this.#timers.shift()?.run();
      this.#onSender(this.sender.wake(this.now));
      this.#onListener(this.listener.wake(this.now));
      this.pump();
    }
  }

  /** The connection breaks: both ends notice. */
  break(why = 'connection reset'): void {
    this.wire = 'cut';
    this.#onSender(this.sender.lost(why, this.now));
    this.#onListener(this.listener.lost(why, this.now));
  }

  logs(): readonly string[] {
    return this.listenerEvents.flatMap((event) => (event.kind === 'log' ? [event.line] : []));
  }

  #carry(written: Uint8Array, log: Uint8Array[], deliver: (piece: Uint8Array) => void): void {
    log.push(written);
    const pieces = this.#options.cut?.(written) ?? [written];
    const delayUs = this.#options.delayUs ?? 0;
    const arrive = (): void => {
      if (this.wire === 'cut') return;
      for (const piece of pieces) deliver(piece);
    };
    if (delayUs === 0) arrive();
    else this.at(after(this.now, delayUs), arrive);
  }

  #onSender(events: readonly SenderEvent[]): void {
    for (const event of events) {
      // Bodies are views of received bytes: keep a copy, as a driver would.
      this.senderEvents.push(event.kind === 'body' ? { ...event, bytes: event.bytes.slice() } : event);
      switch (event.kind) {
        case 'store_get':
          this.#lookUp(this.senderStore, event.key, (answer) => this.sender.dictResult(event.stream, answer, this.now));
          break;
        case 'store_set':
          this.sender.dictStored(this.senderStore.set(event.key, event.value), this.now);
          break;
        case 'store_delete':
          this.senderStore.values.delete(event.key);
          break;
        default:
          this.#onOutcome(event);
      }
    }
  }

  #onOutcome(event: SenderEvent): void {
    if (!('stream' in event)) return;
    const outcome = this.outcomes.get(event.stream);
    if (outcome === undefined) return;
    if (event.kind === 'response') {
      outcome.status = event.status;
      outcome.head = event.head;
      outcome.header = event.cfRailgun;
    } else if (event.kind === 'body') {
      outcome.body = Buffer.concat([outcome.body, event.bytes]);
      if (this.#options.thirsty !== false) this.sender.consumed(event.stream, event.bytes.length);
    } else if (event.kind === 'end') {
      outcome.ended = event;
      outcome.ends += 1;
    } else if (event.kind === 'failed') {
      outcome.failed = event;
      outcome.ends += 1;
    } else if (event.kind === 'resync') {
      outcome.resyncs += 1;
    }
  }

  #lookUp(store: PretendStore, key: string, tell: (answer: StoreAnswer) => void): void {
    const answer = store.get(key);
    if (answer === undefined) return;
    if (store.delayUs === 0) tell(answer);
    else this.at(after(this.now, store.delayUs), () => tell(answer));
  }

  #onListener(events: readonly ListenerEvent[]): void {
    for (const event of events) {
      this.listenerEvents.push(event);
      switch (event.kind) {
        case 'store_get':
          this.#lookUp(this.listenerStore, event.key, (answer) =>
            this.listener.dictResult(event.stream, answer, this.now),
          );
          break;
        case 'store_set':
          this.listener.dictStored(this.listenerStore.set(event.key, event.value), this.now);
          break;
        case 'store_delete':
          this.listenerStore.values.delete(event.key);
          break;
        case 'origin_request':
          this.#askOrigin(event.stream, event.request, event.attempt, event.id);
          break;
        case 'origin_body': {
          const upload = this.#uploads.get(event.stream);
          upload?.pieces.push(event.bytes.slice());
          this.listener.originConsumed(event.stream, event.bytes.length);
          if (event.end && upload !== undefined)
            this.#reply(event.stream, upload.request, upload.attempt, Buffer.concat(upload.pieces));
          break;
        }
        case 'origin_cancel':
          this.#uploads.delete(event.stream);
          break;
        case 'origin_resume':
          this.#paused.get(event.stream)?.();
          break;
        default:
      }
    }
  }

  readonly #paused = new Map<number, () => void>();

  #askOrigin(stream: number, request: OriginRequest, attempt: number, id: string): void {
    this.asked.push({ request, attempt, id });
    if (request.body === 'none') this.#reply(stream, request, attempt, new Uint8Array(0));
    else this.#uploads.set(stream, { pieces: [], attempt, request });
  }

  #reply(stream: number, request: OriginRequest, attempt: number, body: Uint8Array): void {
    const reply = this.origin(request, attempt, body);
    if (reply.silent === 'before_connect') return;
    if (reply.failure !== undefined && reply.midway !== true) {
      const failure = reply.failure;
      if (failure === 'reset' || failure === 'read_timeout') this.listener.originConnected(stream, this.now);
      this.at(after(this.now, reply.afterUs ?? 0), () => this.listener.originError(stream, failure, '', this.now));
      return;
    }
    this.listener.originConnected(stream, this.now);
    if (reply.silent === 'after_connect') return;
    const answer = (): void => this.#answer(stream, request, reply);
    this.at(after(this.now, reply.afterUs ?? 0), answer);
  }

  #answer(stream: number, request: OriginRequest, reply: OriginReply): void {
    const body = reply.body ?? new Uint8Array(0);
    const pieces = reply.pieces ?? (body.length === 0 ? [] : [body]);
    const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const declared = reply.declared === false ? undefined : typeof reply.declared === 'number' ? reply.declared : total;
    const lines = reply.head ?? [['Content-Type', 'text/html; charset=utf-8'], ...lengthLine(declared)];
    const bodyLength = request.method === 'HEAD' ? 0 : declared;
    this.listener.originHead(stream, { status: reply.status ?? 200, lines, bodyLength }, this.now);
    const feed = (from: number): void => {
      for (let at = from; at < pieces.length; at += 1) {
        // As a socket reads: into a Buffer that is used again at once.
        const read = Buffer.from(pieces[at] as Uint8Array);
        const more = this.listener.originBody(stream, read, this.now);
        read.fill(0x5a);
        if (more || at + 1 === pieces.length) continue;
        this.#paused.set(stream, () => feed(at + 1));
        return;
      }
      this.#paused.delete(stream);
      const { failure } = reply;
      if (failure !== undefined)
        this.at(after(this.now, 1_000), () => this.listener.originError(stream, failure, '', this.now));
      else this.listener.originEnd(stream, this.now);
    };
    feed(0);
  }
}

function lengthLine(length: number | undefined): readonly HeadLine[] {
  return length === undefined ? [] : [['Content-Length', String(length)]];
}

/** A page of about `size` bytes whose middle says `text`. */
export function page(text: string, size = 4_000): Uint8Array {
  const half = 'lorem ipsum dolor sit amet, consectetur adipisici elit. '
    .repeat(Math.ceil(size / 112))
    .slice(0, Math.floor(size / 2));
  return bytes(`<html>${half}<p>${text}</p>${half}</html>`);
}

/** One byte at a time. */
export function byteByByte(written: Uint8Array): readonly Uint8Array[] {
  return Array.from(written, (_, index) => written.slice(index, index + 1));
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
