/**
 * Pages through a whole link under random loss: one edge place, a balancer that deals lanes out to three listeners, lanes that are cut
 * or go silent, listeners that die and come back, stores that flush, evict, lie, stall or are down, and URLs whose versions change with every look.
 * All of it comes from one seed.
 *
 * The only judge is SHA-256: of what the origin sent for this very request, against what the visitor was given. Nothing here knows
 * how the link works.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { after, type Micros } from '../../src/core/time.ts';
import type { DeltaCodec } from '../../src/railgun/codec-port.ts';
import { Dictionary } from '../../src/railgun/dictionary.ts';
import { HoldBudget } from '../../src/railgun/hold.ts';
import { DEFAULT_LANE_POOL } from '../../src/railgun/lanes.ts';
import { type LaneLimits, RGX_LIMITS } from '../../src/railgun/limits.ts';
import { Listener } from '../../src/railgun/listener.ts';
import type { ListenerEvent } from '../../src/railgun/listener-events.ts';
import type { OriginRequest } from '../../src/railgun/origin-request.ts';
import { SenderLink, type SenderLinkEvent } from '../../src/railgun/sender-link.ts';
import type { StoreAnswer } from '../../src/railgun/store-dialogue.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { EXPORTER, GET, RULES, START, STORE_OPTIONS, TOKEN, trimCodec } from './pretend-link.ts';

export interface PagesOptions {
  readonly seed: number;
  readonly pages: number;
  readonly codec?: DeltaCodec;
}

export interface PagesResult {
  /** Requests that were answered over the link, by how; all of them right. */
  readonly modes: Readonly<Record<'same' | 'delta' | 'full' | 'raw', number>>;
  /** Went direct, because there was no lane at that moment. */
  readonly direct: number;
  /** Broke after hand-over (527 at the edge). */
  readonly failed: number;
  readonly resyncs: number;
  readonly lanes: number;
  readonly deaths: number;
  /** Bytes of the bodies that were delivered, and what of them crossed. */
  readonly bodyBytes: number;
  readonly wanBytes: number;
  /** Every wrong page, in words: must be empty. */
  readonly wrong: readonly string[];
}

interface Asked {
  readonly digest: ReturnType<typeof createHash>;
  bytes: number;
  ends: number;
}

/** What the origin answered, by the number of the request. */
interface Truth {
  readonly plain: string;
  readonly coded: string;
}

interface Machine {
  alive: boolean;
  dictionary: Dictionary;
  hold: HoldBudget;
  readonly store: FickleStore;
}

interface Wire {
  readonly machine: Machine;
  readonly listener: Listener;
  /** Nothing arrives any more, and nobody is told. */
  silent: boolean;
  up: boolean;
}

/** Values by key, and ways to lose them. */
class FickleStore {
  readonly values = new Map<string, Uint8Array>();
  mood: 'well' | 'down' | 'silent' = 'well';
  delayUs = 0;

  get(key: string): StoreAnswer | undefined {
    if (this.mood !== 'well') return this.mood === 'down' ? { kind: 'down' } : undefined;
    const value = this.values.get(key);
    return value === undefined ? { kind: 'miss' } : { kind: 'hit', value };
  }

  set(key: string, value: Uint8Array): boolean {
    if (this.mood !== 'well') return false;
    this.values.set(key, value);
    return true;
  }
}

const URLS = 12;
/** One way: lanes of one world share it. */
const DELAYS_US = [0, 5_000, 40_000] as const;
const SIZES = [1_300, 2_200, 3_000, 5_000, 8_000, 20_000] as const;
const WORDS = 'price stock news late city river train storm vote match label paper field night hotel score'.split(' ');

export function sendPages(options: PagesOptions): PagesResult {
  const world = new World(options);
  world.play();
  return world.result();
}

class World {
  readonly #options: PagesOptions;
  readonly #random: Random;
  readonly #clock = new VirtualClock(START);
  readonly #limits: LaneLimits;
  readonly #delayUs: number;
  readonly #link: SenderLink;
  readonly #edgeStore = new FickleStore();
  readonly #machines: Machine[];
  readonly #wires = new Map<number, Wire>();
  readonly #versions = new Map<string, number>();
  readonly #truth = new Map<string, Truth>();
  readonly #asked = new Map<number, Asked & { readonly tag: string; coded: boolean }>();
  readonly #modes = { same: 0, delta: 0, full: 0, raw: 0 };
  readonly #wrong: string[] = [];
  #direct = 0;
  #failed = 0;
  #resyncs = 0;
  #lanes = 0;
  #deaths = 0;
  #bodyBytes = 0;
  #wanBytes = 0;
  #pumping = false;

  constructor(options: PagesOptions) {
    this.#options = options;
    this.#random = seededRandom(`pages/${options.seed}`);
    const random = this.#random.fork('world');
    this.#delayUs = DELAYS_US[random.below(DELAYS_US.length)] ?? 0;
    this.#limits = { ...RGX_LIMITS, maxStreams: [1, 3, 20, 100][random.below(4)] ?? 1 };
    const shared = random.next() < 0.5 ? new FickleStore() : undefined;
    this.#machines = [0, 1, 2].map(() => booted(shared ?? new FickleStore()));
    this.#link = new SenderLink({
      pool: { ...DEFAULT_LANE_POOL, maxLanes: 4, maxAgeUs: random.next() < 0.3 ? 20_000_000 : 0 },
      limits: this.#limits,
      random: this.#random.fork('sender'),
      token: TOKEN,
      railgunId: '1',
      agent: '5360',
      place: 'LHR',
      codec: options.codec ?? trimCodec,
      dictionary: new Dictionary({ ...STORE_OPTIONS, limitBytes: 15_000, side: 'sender' }),
    });
  }

  play(): void {
    const random = this.#random.fork('visitors');
    for (let number = 1; number <= this.#options.pages; number += 1) {
      this.#ask(number, random);
      this.#trouble(random);
      // Several at a time, and now and then a pause in which everything comes to rest.
      if (random.next() < 0.6) this.#pass(random.below(30) * 1_000);
      if (random.next() < 0.01) this.#pass(40_000_000);
    }
    for (const store of this.#stores()) store.mood = 'well';
    this.#pass(120_000_000);
    for (const [request, { tag }] of this.#asked) this.#say(`request ${request} (${tag}) never ended`);
  }

  result(): PagesResult {
    return {
      modes: this.#modes,
      direct: this.#direct,
      failed: this.#failed,
      resyncs: this.#resyncs,
      lanes: this.#lanes,
      deaths: this.#deaths,
      bodyBytes: this.#bodyBytes,
      wanBytes: this.#wanBytes,
      wrong: this.#wrong,
    };
  }

  #say(text: string): void {
    if (this.#wrong.length < 10) this.#wrong.push(`seed ${this.#options.seed}: ${text}`);
  }

  // Visitors

  #ask(number: number, random: Random): void {
    const tag = String(number);
    const method = random.next() < 0.03 ? 'POST' : 'GET';
    const placed = this.#link.request(
      {
        ...GET,
        method,
        path: `/${random.below(URLS)}`,
        hasBody: method === 'POST',
        head: [...GET.head, ['X-Tag', tag], ['Cookie', `user=${random.below(3)}`]],
        wantsDelta: random.next() < 0.97,
        timeoutUs: random.next() < 0.02 ? 60_000 : 0,
      },
      this.#clock.now(),
    );
    if (placed.kind === 'direct') {
      this.#direct += 1;
    } else {
      this.#asked.set(placed.request, { tag, digest: createHash('sha256'), bytes: 0, ends: 0, coded: false });
      if (method === 'POST')
        this.#link.body(placed.request, new Uint8Array(random.below(2_000)).fill(7), true, this.#clock.now());
    }
    this.#pump();
  }

  #onRequest(event: Extract<SenderLinkEvent, { request: number }>): void {
    const asked = this.#asked.get(event.request);
    if (event.kind === 'resync') this.#resyncs += 1;
    if (event.kind === 'body') this.#link.consumed(event.lane, event.stream, event.bytes.length);
    if (asked === undefined) {
      if (event.kind === 'end' || event.kind === 'failed') this.#say(`request ${event.request} ended twice`);
      return;
    }
    if (event.kind === 'response') {
      asked.coded = event.head.some(([name]) => name.toLowerCase() === 'content-encoding');
      const echo = event.head.find(([name]) => name === 'X-Tag')?.[1];
      if (echo !== asked.tag) this.#say(`request ${asked.tag} got the head of ${echo ?? 'nobody'}`);
    } else if (event.kind === 'body') {
      asked.digest.update(event.bytes);
      asked.bytes += event.bytes.length;
    } else if (event.kind === 'failed') {
      this.#failed += 1;
      this.#asked.delete(event.request);
      this.#truth.delete(asked.tag);
    } else if (event.kind === 'end') {
      const truth = this.#truth.get(asked.tag);
      const expected = asked.coded ? truth?.coded : truth?.plain;
      if (asked.digest.digest('hex') !== expected) this.#say(`request ${asked.tag}: wrong bytes (${event.mode})`);
      this.#modes[event.mode] += 1;
      this.#bodyBytes += asked.bytes;
      this.#wanBytes += event.wanBytes;
      this.#asked.delete(event.request);
      this.#truth.delete(asked.tag);
    }
  }

  // What breaks

  #trouble(random: Random): void {
    const dice = random.next();
    if (dice < 0.006) this.#cut(random);
    else if (dice < 0.008) this.#kill(random);
    else if (dice < 0.009) this.#fallSilent(random);
    for (const store of this.#stores()) {
      const what = random.next();
      if (what < 0.001) store.values.clear();
      else if (what < 0.002) store.mood = 'down';
      else if (what < 0.0025) store.mood = 'silent';
      else if (what < 0.1) store.mood = 'well';
      else if (what < 0.115) spoil(store, random);
      store.delayUs = random.next() < 0.02 ? random.below(150_000) : 0;
    }
  }

  #stores(): ReadonlySet<FickleStore> {
    return new Set([this.#edgeStore, ...this.#machines.map((one) => one.store)]);
  }

  #someLane(random: Random): number | undefined {
    return [...this.#wires.keys()][random.below(Math.max(1, this.#wires.size))];
  }

  /** Both ends notice. What was under way in either direction is lost. */
  #cut(random: Random): void {
    const lane = this.#someLane(random);
    if (lane !== undefined) this.#drop(lane, 'connection reset');
  }

  #drop(lane: number, why: string): void {
    const wire = this.#wires.get(lane);
    if (wire === undefined) return;
    wire.up = false;
    this.#wires.delete(lane);
    wire.listener.lost(why, this.#clock.now());
    this.#link.laneLost(lane, why, this.#clock.now());
    this.#pump();
  }

  /** Packets vanish; only the machines' own clocks find out. */
  #fallSilent(random: Random): void {
    const wire = this.#wires.get(this.#someLane(random) ?? -1);
    if (wire !== undefined) wire.silent = true;
  }

  /** The process dies with all its lanes, what it held and what it remembered; its successor has the store alone. */
  #kill(random: Random): void {
    const index = random.below(this.#machines.length);
    const machine = this.#machines[index];
    if (machine === undefined || !machine.alive) return;
    machine.alive = false;
    this.#deaths += 1;
    for (const [lane, wire] of [...this.#wires]) if (wire.machine === machine) this.#drop(lane, 'connection reset');
    this.#machines[index] = { ...booted(machine.store), alive: false };
    const successor = this.#machines[index];
    this.#at(random.below(3_000) * 1_000, () => {
      if (successor !== undefined) successor.alive = true;
    });
  }

  // Time

  #at(us: number, run: () => void): void {
    this.#clock.at(after(this.#clock.now(), us), () => {
      run();
      this.#pump();
    });
  }

  #pass(us: number): void {
    const until = after(this.#clock.now(), us);
    for (;;) {
      this.#pump();
      const due = this.#dueAt();
      if (due === undefined || due > until) return this.#clock.runUntil(until);
      // A machine may be late by what happened at this very moment.
      const at = due > this.#clock.now() ? due : this.#clock.now();
      this.#clock.runUntil(at);
      this.#wake();
    }
  }

  #dueAt(): Micros | undefined {
    let due = this.#link.wakeAt();
    for (const { listener } of this.#wires.values()) {
      const at = listener.wakeAt();
      if (at !== undefined && (due === undefined || at < due)) due = at;
    }
    return due;
  }

  #wake(): void {
    const now = this.#clock.now();
    this.#link.wake(now);
    for (const wire of this.#wires.values()) this.#onListener(wire, wire.listener.wake(now));
    this.#pump();
  }

  /** Until nobody has anything to say at this moment. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    for (let busy = true; busy; ) {
      busy = false;
      for (const event of this.#link.takeEvents()) {
        busy = true;
        this.#onLink(event);
      }
      for (const [lane, wire] of this.#wires) {
        this.#onListener(wire, wire.listener.takeEvents());
        const up = this.#link.transmit(lane);
        if (up !== undefined) {
          busy = true;
          this.#carry(wire, () => this.#onListener(wire, wire.listener.receive(up, this.#clock.now())));
        }
        const down = wire.listener.transmit();
        if (down !== undefined) {
          busy = true;
          this.#carry(wire, () => this.#link.laneReceive(lane, down, this.#clock.now()));
        }
      }
    }
    this.#pumping = false;
  }

  #carry(wire: Wire, arrive: () => void): void {
    if (wire.silent) return;
    const deliver = (): void => {
      if (wire.up && !wire.silent) arrive();
    };
    if (this.#delayUs === 0) deliver();
    else this.#at(this.#delayUs, deliver);
  }

  // The ends

  #onLink(event: SenderLinkEvent): void {
    switch (event.kind) {
      case 'open_lane':
        return this.#at(2 * this.#delayUs + 100, () => this.#connect(event.lane));
      case 'close_lane': {
        const wire = this.#wires.get(event.lane);
        this.#wires.delete(event.lane);
        if (wire === undefined) return;
        // What was written before the close still arrives; then the other end sees that it is over.
        this.#carry(wire, () => wire.listener.lost('closed by the peer', this.#clock.now()));
        return;
      }
      case 'store_get':
        return this.#lookUp(this.#edgeStore, event.key, (answer) =>
          this.#link.dictResult(event.lane, event.stream, answer, this.#clock.now()),
        );
      case 'store_set':
        return this.#link.dictStored(this.#edgeStore.set(event.key, event.value), this.#clock.now());
      case 'store_delete':
        this.#edgeStore.values.delete(event.key);
        return;
      default:
        if ('request' in event) this.#onRequest(event);
    }
  }

  /** The balancer: any listener that lives. */
  #connect(lane: number): void {
    const random = this.#random.fork(`lane ${lane}`);
    const alive = this.#machines.filter((one) => one.alive);
    const machine = alive[random.below(Math.max(1, alive.length))];
    if (machine === undefined || random.next() < 0.1) return this.#link.laneFailed(lane, this.#clock.now());
    this.#lanes += 1;
    const now = this.#clock.now();
    const listener = new Listener(
      {
        limits: this.#limits,
        random,
        token: TOKEN,
        exporter: EXPORTER,
        railgunId: '1',
        agent: '5360',
        listenerId: `listener-${lane}`,
        codec: this.#options.codec ?? trimCodec,
        dictionary: machine.dictionary,
        hold: machine.hold,
        rules: { ...RULES, streamSize: 15_000, lanTimeoutUs: 3_000_000, compressFull: random.next() < 0.5 },
      },
      now,
    );
    this.#wires.set(lane, { machine, listener, silent: false, up: true });
    this.#link.laneConnected(lane, EXPORTER, now);
  }

  #onListener(wire: Wire, events: readonly ListenerEvent[]): void {
    const { listener, machine } = wire;
    for (const event of events) {
      switch (event.kind) {
        case 'store_get':
          this.#lookUp(machine.store, event.key, (answer) =>
            listener.dictResult(event.stream, answer, this.#clock.now()),
          );
          break;
        case 'store_set':
          listener.dictStored(machine.store.set(event.key, event.value), this.#clock.now());
          break;
        case 'store_delete':
          machine.store.values.delete(event.key);
          break;
        case 'origin_request':
          this.#origin(wire, event.stream, event.request);
          break;
        case 'origin_body':
          listener.originConsumed(event.stream, event.bytes.length);
          break;
        default:
      }
    }
  }

  #lookUp(store: FickleStore, key: string, tell: (answer: StoreAnswer) => void): void {
    const answer = store.get(key);
    if (answer === undefined) return;
    if (store.delayUs === 0) tell(answer);
    else this.#at(store.delayUs, () => tell(answer));
  }

  // The origin

  #origin(wire: Wire, stream: number, request: OriginRequest): void {
    const { listener } = wire;
    const tag = request.head.find(([name]) => name === 'X-Tag')?.[1] ?? '';
    const random = this.#random.fork(`origin ${tag}`);
    const version = (this.#versions.get(request.path) ?? 0) + (random.next() < 0.4 ? 1 : 0);
    this.#versions.set(request.path, version);
    const user = request.head.find(([name]) => name === 'Cookie')?.[1] ?? '';
    const plain = pageOf(request.path, version, random.next() < 0.3 ? user : '');
    const gzipped = random.next() < 0.08;
    const coded = gzipped ? gzipSync(plain, { level: 1 }) : plain;
    this.#truth.set(tag, { plain: sha256(plain), coded: sha256(coded) });
    listener.originConnected(stream, this.#clock.now());
    if (random.next() < 0.01) {
      this.#at(1_000, () => listener.originError(stream, 'reset', '', this.#clock.now()));
      return;
    }
    const declared = random.next() < 0.7;
    const type = random.next() < 0.05 ? 'image/png' : 'text/html; charset=utf-8';
    this.#at(random.below(20_000), () => {
      const lines = [
        ['Content-Type', type],
        ['X-Tag', tag],
        ['Date', `moment ${this.#clock.now()}`],
        ...(gzipped ? ([['Content-Encoding', 'gzip']] as const) : []),
        ...(declared ? ([['Content-Length', String(coded.length)]] as const) : []),
      ] as const;
      const now = this.#clock.now();
      listener.originHead(stream, { status: 200, lines, bodyLength: declared ? coded.length : undefined }, now);
      const middle = random.below(coded.length);
      // As a socket reads: into a Buffer that is used again at once.
      for (const piece of [coded.subarray(0, middle), coded.subarray(middle)]) {
        const read = Buffer.from(piece);
        listener.originBody(stream, read, now);
        read.fill(0x5a);
      }
      listener.originEnd(stream, now);
    });
  }
}

function booted(store: FickleStore): Machine {
  const dictionary = new Dictionary({ ...STORE_OPTIONS, limitBytes: 15_000, side: 'listener' });
  return { alive: true, dictionary, hold: new HoldBudget(200_000), store };
}

/** A bit flipped, an end cut off, a version gone, or two keys that changed places. */
function spoil(store: FickleStore, random: Random): void {
  const keys = [...store.values.keys()];
  const key = keys[random.below(Math.max(1, keys.length))];
  const value = key === undefined ? undefined : store.values.get(key);
  if (key === undefined || value === undefined) return;
  const how = random.below(4);
  if (how === 0) {
    store.values.delete(key);
  } else if (how === 1) {
    store.values.set(key, value.slice(0, random.below(value.length)));
  } else if (how === 2) {
    const broken = value.slice();
    const at = random.below(broken.length);
    broken[at] = (broken[at] ?? 0) ^ (1 << random.below(8));
    store.values.set(key, broken);
  } else {
    const other = keys[random.below(keys.length)] ?? key;
    store.values.set(key, store.values.get(other) ?? value);
    store.values.set(other, value);
  }
}

/** The text around stays; a handful of places change with version and visitor. */
function pageOf(path: string, version: number, user: string): Uint8Array {
  const size = SIZES[Number(path.slice(1)) % SIZES.length] ?? 2_200;
  const still = seededRandom(path);
  const moving = seededRandom(`${path} ${version} ${user}`);
  const word = (random: Random): string => WORDS[random.below(WORDS.length)] ?? '';
  let html = `<html><body data-user="${user}">`;
  for (let row = 0; html.length < size; row += 1) {
    const text = Array.from({ length: 8 }, () => word(still)).join(' ');
    const fresh = (row + version) % 9 === 0 ? `${word(moving)} ${moving.below(1_000_000)}` : 'as before';
    html += `<p id="r${row}">${text} <b>${fresh}</b></p>\n`;
  }
  return Buffer.from(`${html}</body></html>`, 'latin1');
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
