/**
 * The Railgun link at flow fidelity: lane states, back-off, dictionaries and ratios as arithmetic, no bytes. One lane group per
 * PoP, as each edge location has its own lanes and its own dictionaries (RG-018).
 *
 *   none ──first request──> opening ──handshake done──> open ──listener gone──> none
 *                              └──refused, timed out──> backoff ──over──> none
 *
 * Requests never wait for a lane: without an open one they go direct over HTTP/1.1 without compression, with the published
 * reason (RG-001 to RG-004, RG-008). A lane that breaks after a request was handed over costs that request (527, RG-012).
 * The page model replaces bodies: a page asked for again within the store's expiry costs a delta that grows with its age, from
 * the published figures (0.29 % after five minutes, 3 % after an hour, seed 003); a page not held costs a full compressed body.
 */
import type { Random } from '../core/random.ts';
import { US_PER_MINUTE, US_PER_SECOND } from '../core/time.ts';

/** From harmless to worst: where several faults meet at one listener or store, the later one in the list holds. */
const LISTENER_STATES = ['up', 'draining', 'refusing', 'silent', 'gone'] as const;
const STORE_STATES = ['up', 'silent', 'gone'] as const;
export type ListenerState = (typeof LISTENER_STATES)[number];
export type StoreState = (typeof STORE_STATES)[number];
export type Topology = 'in-front' | 'behind' | 'behind-l4';

export interface RailgunTraits {
  readonly topology: Topology;
  readonly listeners: number;
  readonly storeNodes: number;
  /** Listeners share their stores, or each has its own (RG-101, RG-102). */
  readonly sharedStore: boolean;
  /** `memcached.expiration`; 0 = never. */
  readonly expirationUs: number;
  /** Larger bodies stream untouched. */
  readonly streamSize: number;
  /** Replacement of a dead listener by its autoscaling group; 0 = none. */
  readonly replaceAfterUs: number;
}

/** Spec 12.14 and 12.12. */
const LANE_OPEN_LIMIT_US = 5 * US_PER_SECOND;
const PING_IDLE_US = 15 * US_PER_SECOND;
const PING_ANSWER_US = 10 * US_PER_SECOND;
const BACKOFF_FIRST_US = US_PER_SECOND;
const BACKOFF_MOST_US = 60 * US_PER_SECOND;
/** The L4 balancer's check at its minimum: two failures at 5 s plus a 2 s time-out (RG-110). */
const L4_DETECTION_US = 12 * US_PER_SECOND;
/** Small bodies are not delta-coded (spec 3). */
const SMALL_BODY = 1_024;
/** Share of the body that a full compressed transfer costs, and bytes of head and framing of any answer. */
const FULL_SHARE = 0.25;
const FRAME_BYTES = 60;
/** delta share = AGE_BASE + AGE_SLOPE × minutes, from 0.2875 % at 5 and 3.08 % at 60 minutes. */
const AGE_BASE = 0.00034;
const AGE_SLOPE = 0.000508;
/** Page versions remembered, by hash: a table of fixed size, so memory is flat; a collision costs one full transfer. */
const PAGES = 1 << 17;

const NONE = 0;
const OPENING = 1;
const OPEN = 2;
const BACKOFF = 3;

interface Listener {
  state: ListenerState;
  since: number;
  /** Grows when its lanes are lost with it. */
  generation: number;
  /** Of the faults that act on it now. */
  effects: { readonly state: ListenerState }[];
}

interface Store {
  state: StoreState;
  /** Grows when it forgets. */
  generation: number;
  effects: { readonly state: StoreState }[];
}

export class RailgunModel {
  readonly traits: RailgunTraits;
  readonly listeners: readonly Listener[];
  readonly stores: readonly Store[];
  lanesOpened = 0;
  lanesLost = 0;
  /** Written by `place`: why the request goes direct; empty = over the lane. */
  reason = '';
  /** Written by `place` when over a silent lane: the request fails at this time; 0 = it does not. */
  hangsUntil = 0;
  /** Written by `transfer`. */
  wanBytes = 0;
  onReplaced: ((listener: number, at: number) => void) | undefined;
  onLane: ((pop: number, listener: number, state: string, reason: string) => void) | undefined;
  readonly #now: () => number;
  readonly #random: Random;
  readonly #state: Uint8Array;
  readonly #listener: Int16Array;
  readonly #generation: Int32Array;
  readonly #until: Float64Array;
  readonly #failures: Uint8Array;
  readonly #lastHeard: Float64Array;
  readonly #pages = new Float64Array(PAGES);
  #roundRobin = 0;

  constructor(traits: RailgunTraits, pops: number, now: () => number, random: Random) {
    this.traits = traits;
    this.#now = now;
    this.#random = random;
    this.listeners = Array.from({ length: traits.listeners }, () => ({
      state: 'up',
      since: 0,
      generation: 0,
      effects: [],
    }));
    this.stores = Array.from({ length: traits.storeNodes }, () => ({ state: 'up', generation: 0, effects: [] }));
    this.#state = new Uint8Array(pops);
    this.#listener = new Int16Array(pops);
    this.#generation = new Int32Array(pops);
    this.#until = new Float64Array(pops);
    this.#failures = new Uint8Array(pops);
    this.#lastHeard = new Float64Array(pops);
  }

  /** Which listener a lane of this PoP leads to; -1 while none stands. A lane that breaks makes this listener's generation grow. */
  laneListener(pop: number): number {
    return this.#state[pop] === OPEN ? this.#listener[pop]! : -1;
  }

  /**
   * Decides the path of one request at `pop`. True = handed to the lane; see `reason` and `hangsUntil`. `cutSince`: since when nothing
   * passes between edge and listener, which looks like a frozen listener from here.
   */
  place(pop: number, now: number, roundTripUs: number, cutSince = Number.POSITIVE_INFINITY): boolean {
    this.hangsUntil = 0;
    if (this.#state[pop] === OPENING && now >= this.#until[pop]!) this.#opened(pop, now, cutSince);
    if (this.#state[pop] === BACKOFF && now >= this.#until[pop]!) this.#state[pop] = NONE;
    if (this.#state[pop] === OPEN) {
      const listener = this.#at(this.#listener[pop]!, now);
      if (listener.generation !== this.#generation[pop] || listener.state === 'draining') {
        this.#lose(pop, listener.state === 'draining' ? 'drained' : 'lane lost');
      } else if (listener.state === 'silent' || now >= cutSince) {
        const silentSince = listener.state === 'silent' ? Math.min(listener.since, cutSince) : cutSince;
        const deadAt = Math.max(this.#lastHeard[pop]!, silentSince) + PING_IDLE_US + PING_ANSWER_US;
        if (now < deadAt) {
          this.reason = '';
          this.hangsUntil = deadAt;
          return true;
        }
        this.#lose(pop, 'no answer to PING');
      } else {
        this.#lastHeard[pop] = now;
        this.reason = '';
        return true;
      }
    }
    if (this.#state[pop] === NONE) {
      this.#open(pop, now, roundTripUs, now >= cutSince);
      this.reason = 'starting new WAN connection';
      return false;
    }
    this.reason = 'waiting for pending WAN connection';
    return false;
  }

  /** Bytes that one answer costs on the lane. `page` is a hash of zone and URL; `text` whether its type may be delta-coded. */
  transfer(pop: number, page: number, bodyBytes: number, text: boolean, now: number): void {
    if (!text || bodyBytes < SMALL_BODY || bodyBytes > this.traits.streamSize) {
      this.wanBytes = bodyBytes + FRAME_BYTES;
      return;
    }
    const mixed = Math.imul(page ^ Math.imul(this.#storeOf(pop) + 1, 0x9e3779b1), 0x85ebca6b) >>> 0;
    const node = mixed % this.stores.length;
    const store = this.stores[node]!;
    const slot = mixed % PAGES;
    const stored = this.#pages[slot]!;
    // A flushed or restarted store forgets: its generation is part of what is remembered.
    const storedAt = Math.floor(stored / 64) * 64;
    const held =
      store.state === 'up' &&
      stored !== 0 &&
      stored - storedAt === store.generation % 64 &&
      (this.traits.expirationUs === 0 || now - storedAt <= this.traits.expirationUs);
    if (held) {
      const share = AGE_BASE + (AGE_SLOPE * (now - storedAt)) / US_PER_MINUTE;
      this.wanBytes = Math.ceil(bodyBytes * Math.min(share, FULL_SHARE)) + FRAME_BYTES;
    } else {
      this.wanBytes = Math.ceil(bodyBytes * FULL_SHARE) + FRAME_BYTES;
    }
    if (store.state === 'up') this.#pages[slot] = Math.floor(now / 64) * 64 + (store.generation % 64);
  }

  /** Whose memory counts: the dictionary of this PoP, and the listener's own when listeners do not share their stores. */
  #storeOf(pop: number): number {
    if (this.traits.sharedStore) return pop;
    const listener = this.#listener[pop]!;
    return (pop * 31 + listener + 1) * 31 + this.listeners[listener]!.generation;
  }

  setListener(name: string, state: ListenerState): () => void {
    const effect = { state };
    const chosen = pick(this.listeners, name);
    for (const listener of chosen) {
      listener.effects.push(effect);
      // A frozen process that is woken keeps its lanes only if nobody gave them up meanwhile; a killed one has lost them.
      if (state === 'gone') listener.generation += 1;
      this.#settle(listener);
    }
    return () => {
      for (const listener of chosen) {
        // The autoscaling group may have put another machine in its place, on which the fault does not act.
        if (remove(listener.effects, effect)) this.#settle(listener);
      }
    };
  }

  setStore(name: string, state: StoreState): () => void {
    const effect = { state };
    const chosen = pick(this.stores, name);
    for (const store of chosen) {
      store.effects.push(effect);
      if (state === 'gone') store.generation += 1;
      store.state = worst(STORE_STATES, store.effects);
    }
    return () => {
      for (const store of chosen) {
        if (remove(store.effects, effect)) store.state = worst(STORE_STATES, store.effects);
      }
    };
  }

  flush(name: string): void {
    for (const store of pick(this.stores, name)) store.generation += 1;
  }

  #settle(listener: Listener): void {
    const state = worst(LISTENER_STATES, listener.effects);
    if (state === listener.state) return;
    listener.state = state;
    listener.since = this.#now();
  }

  /** The listener as it is now: a dead one has been replaced by its group when that takes no longer than it is dead. */
  #at(index: number, now: number): Listener {
    const listener = this.listeners[index]!;
    const { replaceAfterUs } = this.traits;
    const dead = listener.state === 'gone' || listener.state === 'silent';
    if (dead && replaceAfterUs > 0 && now >= listener.since + replaceAfterUs) {
      listener.since += replaceAfterUs;
      listener.state = 'up';
      listener.effects = [];
      listener.generation += 1;
      this.onReplaced?.(index, listener.since);
    }
    return listener;
  }

  #open(pop: number, now: number, roundTripUs: number, cut: boolean): void {
    const listener = this.#choose(now);
    this.#listener[pop] = listener;
    this.#state[pop] = OPENING;
    const state = cut ? 'silent' : this.#at(listener, now).state;
    // TCP, then TLS 1.3 with SETTINGS in its last flight: two round trips; a refusal takes one.
    this.#until[pop] =
      now + (state === 'silent' ? LANE_OPEN_LIMIT_US : state === 'gone' ? roundTripUs : 2 * roundTripUs);
  }

  #opened(pop: number, now: number, cutSince: number): void {
    const listener = this.#at(this.#listener[pop]!, now);
    const cut = now >= cutSince;
    if (listener.state === 'up' && !cut) {
      this.#state[pop] = OPEN;
      this.#failures[pop] = 0;
      this.#generation[pop] = listener.generation;
      this.#lastHeard[pop] = now;
      this.lanesOpened += 1;
      this.onLane?.(pop, this.#listener[pop]!, 'open', '');
      return;
    }
    const failures = Math.min(this.#failures[pop]! + 1, 10);
    this.#failures[pop] = failures;
    this.#state[pop] = BACKOFF;
    const span = Math.min(BACKOFF_FIRST_US * (1 << (failures - 1)), BACKOFF_MOST_US);
    // Full jitter over the upper half (RG-011).
    this.#until[pop] = now + span * (0.5 + this.#random.next() / 2);
    if (failures === 1) this.onLane?.(pop, this.#listener[pop]!, 'unreachable', cut ? 'silent' : listener.state);
  }

  #lose(pop: number, reason: string): void {
    this.#state[pop] = NONE;
    this.lanesLost += 1;
    this.onLane?.(pop, this.#listener[pop]!, 'lost', reason);
  }

  /** Round robin over listeners; an L4 balancer leaves out those whose checks have failed for long enough. */
  #choose(now: number): number {
    const count = this.listeners.length;
    for (let tried = 0; tried < count; tried += 1) {
      const at = this.#roundRobin++ % count;
      const listener = this.#at(at, now);
      const known = this.traits.topology !== 'behind-l4' || now - listener.since < L4_DETECTION_US;
      if (listener.state === 'up' || known) return at;
    }
    return this.#roundRobin++ % count;
  }
}

/** `1` is the first; `all` or an empty name is every one. */
function pick<T>(list: readonly T[], name: string): readonly T[] {
  if (name === '' || name === 'all') return list;
  const one = list[Number(name) - 1];
  return one === undefined ? [] : [one];
}

function worst<State extends string>(order: readonly State[], effects: readonly { readonly state: State }[]): State {
  let at = 0;
  for (const { state } of effects) at = Math.max(at, order.indexOf(state));
  return order[at]!;
}

/** True when it was there. */
function remove<T>(list: T[], item: T): boolean {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}
