/** Lane pool, sender machines and several listeners together: spec 10.1 without sockets. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { after, type Micros } from '../../src/core/time.ts';
import { formatCfRailgun } from '../../src/railgun/cf-railgun.ts';
import type { DeltaCodec } from '../../src/railgun/codec-port.ts';
import { Dictionary } from '../../src/railgun/dictionary.ts';
import { HoldBudget } from '../../src/railgun/hold.ts';
import { DEFAULT_LANE_POOL, type LanePoolOptions } from '../../src/railgun/lanes.ts';
import { CLASSIC_LIMITS, type LaneLimits, RGX_LIMITS } from '../../src/railgun/limits.ts';
import { Listener } from '../../src/railgun/listener.ts';
import type { ListenerEvent } from '../../src/railgun/listener-events.ts';
import { type LinkPlacement, SenderLink, type SenderLinkEvent } from '../../src/railgun/sender-link.ts';
import {
  EXPORTER,
  GET,
  PretendStore,
  RULES,
  START,
  STORE_OPTIONS,
  TOKEN,
  page,
  same,
  trimCodec,
} from './pretend-link.ts';

/** One edge place, and a host where listeners answer, refuse, or swallow everything. */
class World {
  now: Micros = START;
  host: 'up' | 'refuses' | 'drops' = 'up';
  readonly link: SenderLink;
  readonly events: SenderLinkEvent[] = [];
  readonly listeners = new Map<number, Listener>();
  readonly originAsked: { readonly lane: number; readonly stream: number }[] = [];
  /** µs; `undefined` = the origin stays silent. */
  originUs: number | undefined = 0;
  body: Uint8Array = page('home');
  connects = 0;
  readonly #limits: LaneLimits;
  readonly #hold: HoldBudget;
  readonly #store = new PretendStore();
  readonly #listenerStore = new PretendStore();
  readonly #listenerDictionary = new Dictionary({ ...STORE_OPTIONS, side: 'listener' });
  #timers: { at: Micros; id: number; run: () => void }[] = [];
  #id = 0;

  constructor(
    options: { limits?: LaneLimits; pool?: Partial<LanePoolOptions>; codec?: DeltaCodec; holdBytes?: number } = {},
  ) {
    this.#hold = new HoldBudget(options.holdBytes ?? 1_000_000);
    this.#limits = options.limits ?? RGX_LIMITS;
    this.link = new SenderLink({
      pool: { ...DEFAULT_LANE_POOL, ...options.pool },
      limits: this.#limits,
      random: seededRandom(7),
      token: TOKEN,
      railgunId: '1',
      agent: '5360',
      place: 'LHR',
      codec: options.codec ?? trimCodec,
      dictionary: new Dictionary({ ...STORE_OPTIONS, side: 'sender' }),
    });
  }

  request(over: Partial<typeof GET> = {}): LinkPlacement {
    const placement = this.link.request({ ...GET, ...over }, this.now);
    this.pump();
    return placement;
  }

  reason(): string {
    const placement = this.request();
    return placement.kind === 'direct' ? (placement.reason ?? 'off') : 'lane';
  }

  of(request: number): readonly SenderLinkEvent[] {
    return this.events.filter((event) => 'request' in event && event.request === request);
  }

  at(us: number, run: () => void): void {
    this.#id += 1;
    this.#timers.push({ at: after(this.now, us), id: this.#id, run });
  }

  pump(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (const event of this.link.takeEvents()) {
        busy = true;
        this.events.push(event);
        this.#onLink(event);
      }
      for (const [lane, listener] of this.listeners) {
        this.#onListener(lane, listener, listener.takeEvents());
        const up = this.link.transmit(lane);
        if (up !== undefined) {
          busy = true;
          this.#onListener(lane, listener, listener.receive(up, this.now));
        }
        const down = listener.transmit();
        if (down !== undefined) {
          busy = true;
          this.link.laneReceive(lane, down, this.now);
        }
      }
    }
  }

  run(forUs: number): void {
    const limit = after(this.now, forUs);
    for (;;) {
      this.pump();
      const times = [
        ...this.#timers.map((timer) => timer.at),
        this.link.wakeAt(),
        ...[...this.listeners.values()].map((one) => one.wakeAt()),
      ];
      const next = Math.min(...times.filter((time) => time !== undefined)) as Micros;
      if (next > limit || times.every((time) => time === undefined)) break;
      this.now = next > this.now ? next : this.now;
      this.#timers.sort((a, b) => a.at - b.at || a.id - b.id);
      while (this.#timers[0] !== undefined && this.#timers[0].at <= this.now) this.#timers.shift()?.run();
      this.link.wake(this.now);
      for (const [lane, listener] of this.listeners) this.#onListener(lane, listener, listener.wake(this.now));
    }
    this.now = limit;
  }

  /** A lane, ready to serve. */
  open(): this {
    this.request();
    this.run(1_000);
    return this;
  }

  /** The listener's process dies: all its connections break. */
  kill(): void {
    for (const lane of [...this.listeners.keys()]) {
      this.listeners.delete(lane);
      this.link.laneLost(lane, 'connection reset', this.now);
    }
    this.pump();
  }

  #onLink(event: SenderLinkEvent): void {
    if (event.kind === 'open_lane') {
      this.connects += 1;
      const { lane } = event;
      if (this.host === 'refuses') this.at(0, () => this.link.laneFailed(lane, this.now));
      if (this.host === 'up') this.at(100, () => this.#connect(lane));
    } else if (event.kind === 'close_lane') {
      this.listeners.delete(event.lane);
    } else if (event.kind === 'store_get') {
      this.link.dictResult(event.lane, event.stream, this.#store.get(event.key) ?? { kind: 'miss' }, this.now);
    } else if (event.kind === 'store_set') {
      this.link.dictStored(this.#store.set(event.key, event.value), this.now);
    } else if (event.kind === 'body') {
      this.link.consumed(event.lane, event.stream, event.bytes.length);
    }
  }

  #connect(lane: number): void {
    if (this.host !== 'up') return this.link.laneFailed(lane, this.now);
    const options = {
      limits: this.#limits,
      random: seededRandom(lane),
      token: TOKEN,
      exporter: EXPORTER,
      railgunId: '1',
      agent: '5360',
      listenerId: `listener-${lane}`,
      codec: trimCodec,
      dictionary: this.#listenerDictionary,
      hold: this.#hold,
      rules: RULES,
    };
    this.listeners.set(lane, new Listener(options, this.now));
    this.link.laneConnected(lane, EXPORTER, this.now);
  }

  #onListener(lane: number, listener: Listener, events: readonly ListenerEvent[]): void {
    for (const event of events) {
      if (event.kind === 'origin_request') {
        this.originAsked.push({ lane, stream: event.stream });
        const { stream } = event;
        const { body } = this;
        listener.originConnected(stream, this.now);
        if (this.originUs === undefined) continue;
        this.at(this.originUs, () => {
          listener.originHead(
            stream,
            { status: 200, lines: [['Content-Type', 'text/html']], bodyLength: body.length },
            this.now,
          );
          listener.originBody(stream, body, this.now);
          listener.originEnd(stream, this.now);
        });
      } else if (event.kind === 'store_get') {
        listener.dictResult(event.stream, this.#listenerStore.get(event.key) ?? { kind: 'miss' }, this.now);
      } else if (event.kind === 'store_set') {
        listener.dictStored(this.#listenerStore.set(event.key, event.value), this.now);
      }
    }
  }
}

describe('from a cold start', () => {
  it('RG-001 RG-002 RG-003 RG-006 direct (starting …), direct (waiting …), then the lane, with one connection', () => {
    const world = new World();
    const first = world.request();
    expect(first).toEqual({ kind: 'direct', reason: 'starting new WAN connection' });
    expect(first.kind === 'direct' && formatCfRailgun({ kind: 'direct', reason: first.reason ?? '' })).toBe(
      'direct (starting new WAN connection)',
    );
    expect(world.reason()).toBe('waiting for pending WAN connection');
    world.run(1_000);
    for (let turn = 0; turn < 20; turn += 1) {
      expect(world.reason()).toBe('lane');
      world.run(1_000);
    }
    expect(world.connects).toBe(1);
    expect(world.originAsked).toHaveLength(20);
  });

  it('RG-002 the published warm-up: the following answers are compressed with flags 0030', () => {
    const world = new World().open();
    world.request();
    world.run(1_000);
    const placed = world.request();
    world.run(1_000);
    const response =
      placed.kind === 'placed' ? world.of(placed.request).find((event) => event.kind === 'response') : undefined;
    expect(response?.kind === 'response' && formatCfRailgun(response.cfRailgun)).toMatch(
      /^[0-9a-f]{10} 0\.00 \d\.\d{6} 0030 5360$/,
    );
  });

  it('a probe says what a request would meet, and opens a lane just as one would', () => {
    const world = new World();
    expect(world.link.probe(world.now)).toEqual({ kind: 'direct', reason: 'starting new WAN connection' });
    world.run(1_000);
    expect(world.connects).toBe(1);
    expect(world.link.probe(world.now)).toEqual({ kind: 'ready' });
    expect(world.link.busy).toBe(0);
    world.link.setEnabled(false);
    expect(world.link.probe(world.now)).toEqual({ kind: 'direct', reason: undefined });
  });

  it('RG-009 a direct request touches no dictionary and no machine', () => {
    const world = new World();
    world.request();
    expect(world.events.map((event) => event.kind)).toEqual(['open_lane']);
  });

  it('RG-004 the classic profile: one stream a lane; wan.lanes busy lanes, then the reason', () => {
    const world = new World({ limits: CLASSIC_LIMITS, pool: { maxLanes: 3 } });
    world.originUs = undefined;
    const reasons: string[] = [];
    for (let turn = 0; turn < 8; turn += 1) {
      reasons.push(world.reason());
      world.run(1_000);
    }
    expect(reasons).toEqual([
      'starting new WAN connection',
      'lane',
      'starting new WAN connection',
      'lane',
      'starting new WAN connection',
      'lane',
      'all WAN connections are busy',
      'all WAN connections are busy',
    ]);
  });

  it('the rgx profile carries a hundred at once on one lane', () => {
    const world = new World().open();
    world.originUs = undefined;
    for (let turn = 0; turn < 100; turn += 1) expect(world.reason()).toBe('lane');
    expect(world.reason()).toBe('starting new WAN connection');
  });

  it('RG-005 a request that the machine cannot carry goes direct with the internal reason, and the lane goes on', () => {
    const world = new World().open();
    expect(world.request({ path: '/a b' })).toEqual({ kind: 'direct', reason: 'internal error' });
    expect(world.reason()).toBe('lane');
  });

  it('RG-015 RG-016 switched off: new requests go direct without a header, running ones finish', () => {
    const world = new World().open();
    world.originUs = 500_000;
    const running = world.request();
    world.link.setEnabled(false);
    expect(world.request()).toEqual({ kind: 'direct', reason: undefined });
    world.run(1_000_000);
    expect(running.kind === 'placed' && world.of(running.request).some((event) => event.kind === 'end')).toBe(true);
    world.link.setEnabled(true);
    expect(world.reason()).toBe('lane');
  });
});

describe('when the listener is lost', () => {
  it('RG-008 RG-010 RG-011 all requests go direct, opens are few, and compression comes back by itself', () => {
    const world = new World().open();
    world.request();
    world.run(10_000);
    world.kill();
    world.host = 'refuses';
    const connectsBefore = world.connects;
    for (let second = 0; second < 600; second += 1) {
      expect(world.reason()).not.toBe('lane');
      world.run(1_000_000);
    }
    expect(world.connects - connectsBefore).toBeLessThanOrEqual(40);
    world.host = 'up';
    let waited = 0;
    while (world.reason() !== 'lane') {
      world.run(1_000_000);
      waited += 1;
      expect(waited).toBeLessThanOrEqual(31);
    }
  });

  it('RG-017 port 2408 filtered: every answer is immediate, the attempt is given up after 5 s', () => {
    const world = new World();
    world.host = 'drops';
    for (let turn = 0; turn < 100; turn += 1) {
      const before = world.now;
      expect(world.reason()).not.toBe('lane');
      expect(world.now).toBe(before);
      world.run(100_000);
    }
    expect(world.connects).toBe(2);
  });

  it('RG-012 RG-013 a lane that breaks after hand-over: each stream fails once, none is placed again', () => {
    const world = new World().open();
    world.originUs = undefined;
    const placed = [world.request(), world.request()];
    world.kill();
    for (const one of placed) {
      const events = one.kind === 'placed' ? world.of(one.request) : [];
      expect(events).toMatchObject([{ kind: 'failed', fault: { kind: 'link_lost', sent: true }, headSent: false }]);
    }
    expect(world.originAsked).toHaveLength(2);
    expect(world.link.busy).toBe(0);
  });

  it('a request that had not left is placed again on another lane, once, and its answer comes', () => {
    const world = new World({ limits: CLASSIC_LIMITS }).open();
    world.originUs = 10_000;
    world.request();
    world.request();
    world.run(100_000);
    expect(world.listeners.size).toBe(2);
    const placement = world.link.request(GET, world.now);
    expect(placement).toMatchObject({ kind: 'placed', lane: 1 });
    world.listeners.delete(1);
    world.link.laneLost(1, 'reset', world.now);
    world.run(100_000);
    const request = placement.kind === 'placed' ? placement.request : 0;
    expect(world.of(request).map((event) => event.kind)).toEqual(['replaced', 'response', 'body', 'end']);
  });

  it('a request is placed again once, not for ever', () => {
    const world = new World({ limits: CLASSIC_LIMITS }).open();
    world.originUs = 10_000;
    world.request();
    world.request();
    world.run(1_000);
    world.request();
    world.request();
    world.run(100_000);
    expect(world.listeners.size).toBe(3);
    const placement = world.link.request(GET, world.now);
    for (const lane of [1, 2]) {
      world.listeners.delete(lane);
      world.link.laneLost(lane, 'reset', world.now);
    }
    world.run(100_000);
    const request = placement.kind === 'placed' ? placement.request : 0;
    expect(world.of(request).map((event) => event.kind)).toEqual(['replaced', 'failed']);
  });

  it('a request whose body was handed over is not placed again: the bytes are not here any more', () => {
    const world = new World({ limits: CLASSIC_LIMITS }).open();
    world.originUs = 10_000;
    world.request();
    world.request();
    world.run(100_000);
    const placement = world.link.request({ ...GET, method: 'POST', hasBody: true }, world.now);
    const request = placement.kind === 'placed' ? placement.request : 0;
    world.link.body(request, new Uint8Array(10), true, world.now);
    world.listeners.delete(1);
    world.link.laneLost(1, 'reset', world.now);
    world.run(100_000);
    expect(world.of(request)).toMatchObject([{ kind: 'failed', fault: { kind: 'link_lost', sent: false } }]);
  });

  it('RG-052 an answer that was wrong and is gone at the listener: a GET is repeated once, by itself', () => {
    let lies = 1;
    const codec = {
      ...trimCodec,
      decode: (...given: Parameters<typeof trimCodec.decode>) =>
        lies-- > 0 ? ({ kind: 'refused', why: 'no' } as const) : trimCodec.decode(...given),
    };
    const world = new World({ codec, holdBytes: 0 }).open();
    world.request();
    world.run(1_000);
    world.body = page('two');
    const placed = world.request();
    world.run(100_000);
    const kinds = placed.kind === 'placed' ? world.of(placed.request).map((event) => event.kind) : [];
    expect(kinds).toEqual(['resync', 'replaced', 'response', 'body', 'end']);
  });

  it('when there is no other lane it fails with a fault that says: the origin saw nothing', () => {
    const world = new World().open();
    const placement = world.link.request(GET, world.now);
    world.kill();
    const request = placement.kind === 'placed' ? placement.request : 0;
    expect(world.of(request)).toMatchObject([{ kind: 'failed', fault: { kind: 'link_lost', sent: false } }]);
    expect(world.originAsked).toHaveLength(0);
  });

  it('RG-080 a drain: the new lane first, requests refused in between are placed again, none fails', () => {
    const world = new World().open();
    world.originUs = 20_000;
    const placed: LinkPlacement[] = [];
    let direct = 0;
    for (let turn = 0; turn < 40; turn += 1) {
      if (turn === 10) for (const listener of world.listeners.values()) listener.drain(30_000_000, world.now);
      const one = world.request();
      if (one.kind === 'placed') placed.push(one);
      else direct += 1;
      world.run(5_000);
    }
    world.run(5_000_000);
    for (const one of placed) {
      const ends =
        one.kind === 'placed'
          ? world.of(one.request).filter((event) => event.kind === 'end' || event.kind === 'failed')
          : [];
      expect(ends.map((event) => event.kind)).toEqual(['end']);
    }
    expect(direct).toBeLessThanOrEqual(1);
    expect(world.listeners.size).toBe(1);
  });

  it('RG-105 with a lane age limit lanes are renewed without a failed or direct request', () => {
    const world = new World({ pool: { maxAgeUs: 60_000_000 } }).open();
    world.originUs = 100_000;
    const before = world.connects;
    for (let turn = 0; turn < 600; turn += 1) {
      expect(world.reason()).toBe('lane');
      world.run(1_000_000);
    }
    expect(world.connects - before).toBeGreaterThanOrEqual(8);
    expect(world.events.some((event) => event.kind === 'failed')).toBe(false);
    expect(world.listeners.size).toBe(1);
  });

  it('RG-100 with several lanes, those that survive carry on', () => {
    const world = new World({ limits: CLASSIC_LIMITS, pool: { maxLanes: 3 } });
    world.originUs = undefined;
    for (let turn = 0; turn < 6; turn += 1) {
      world.request();
      world.run(1_000);
    }
    expect(world.listeners.size).toBe(3);
    world.originUs = 0;
    world.listeners.delete(2);
    world.link.laneLost(2, 'reset', world.now);
    world.pump();
    expect(world.reason()).toBe('starting new WAN connection');
    world.run(1_000);
    expect(world.reason()).toBe('lane');
  });
});

describe('one page over the whole link', () => {
  it('comes back byte for byte, cold and warm', () => {
    const world = new World().open();
    for (const text of ['one', 'one', 'two', 'three']) {
      world.body = page(text, 60_000);
      const placed = world.request();
      world.run(1_000);
      const events = placed.kind === 'placed' ? world.of(placed.request) : [];
      const body = Buffer.concat(events.flatMap((event) => (event.kind === 'body' ? [event.bytes] : [])));
      expect(same(body, page(text, 60_000))).toBe(true);
    }
  });
});
