/**
 * Stores of page versions in virtual time: memcached nodes with the estate's faults, and the client that a process has of them. A key
 * lives on one node by rendezvous hashing; while a node rests its keys live on the next (live/stores/spread.ts does the same), so a lost
 * node costs its share one full transfer each (RG-116, RG-117). A frozen node costs its askers the whole budget, a dead one nothing.
 */
import { assert } from '../../core/assert.ts';
import { finalise, hashText } from '../../core/hash.ts';
import type { Scheduler } from '../../core/ports.ts';
import { type Micros, US_PER_MS, US_PER_SECOND } from '../../core/time.ts';
import { LOOKUP_BUDGET_US } from '../../railgun/limits.ts';
import type { StoreAnswer } from '../../railgun/store-dialogue.ts';
import type { SimStoreNode } from '../railgun-estate.ts';

/** A question and its answer in one rack. */
const ANSWER_US = 200;
/** Memcached's own default (-m 64): the least that a site would give it. */
const NODE_BYTES = 64 * 1024 * 1024;
/**
 * As live/stores/breaker.ts: failures more than answers before a node rests; the first rest, doubled each time it is over in vain, and the
 * longest; answers in a row after which the first rest is the first again.
 */
const FAILURES = 3;
const FIRST_REST_US = 25 * US_PER_MS;
const MAX_REST_US = 2 * US_PER_SECOND;
const RECOVERED = 50;
/** Of a key and its item, beside the value. */
const ITEM_BYTES = 150;

interface Item {
  readonly value: Uint8Array;
  readonly until: number;
}

/** One memcached: what it holds, least recently used first. */
export class StoreNode {
  readonly #items = new Map<string, Item>();
  #bytes = 0;
  #generation = 0;

  /** @param generation Another one than before: it has forgotten everything. */
  get(key: string, now: Micros, generation: number): Uint8Array | undefined {
    this.#live(generation);
    const item = this.#items.get(key);
    if (item === undefined) return undefined;
    this.#drop(key);
    if (now >= item.until) return undefined;
    this.#put(key, item);
    return item.value;
  }

  set(key: string, value: Uint8Array, until: number, generation: number): void {
    this.#live(generation);
    this.#drop(key);
    this.#put(key, { value, until });
    for (const oldest of this.#items.keys()) {
      if (this.#bytes <= NODE_BYTES) return;
      this.#drop(oldest);
    }
  }

  delete(key: string): void {
    this.#drop(key);
  }

  get items(): number {
    return this.#items.size;
  }

  #live(generation: number): void {
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.#items.clear();
    this.#bytes = 0;
  }

  #put(key: string, item: Item): void {
    this.#items.set(key, item);
    this.#bytes += key.length + item.value.length + ITEM_BYTES;
  }

  #drop(key: string): void {
    const item = this.#items.get(key);
    if (item === undefined) return;
    this.#items.delete(key);
    this.#bytes -= key.length + item.value.length + ITEM_BYTES;
  }
}

/** A process's own page store at the edge: always there, answers at once. */
export const ALWAYS_UP: SimStoreNode = { state: 'up', generation: 0, effects: [] };

/** The node of `count` that a key lives on; -1 = none is usable. */
export function homeOf(key: number, count: number, usable: (node: number) => boolean): number {
  let best = -1;
  let bestScore = -1;
  for (let node = 0; node < count; node += 1) {
    if (!usable(node)) continue;
    const score = finalise(key ^ Math.imul(node + 1, 0x9e3779b1));
    if (score > bestScore) [best, bestScore] = [node, score];
  }
  return best;
}

/** What one process knows of its nodes. Every answer comes later, in virtual time; a node that does not answer is told as `down`. */
export class StoreClient {
  readonly #scheduler: Scheduler;
  readonly #nodes: readonly StoreNode[];
  readonly #states: readonly SimStoreNode[];
  readonly #scores: number[];
  readonly #resting: boolean[];
  /** How long the next rest of each node is, and how often it answered in a row. */
  readonly #restUs: number[];
  readonly #answers: number[];

  constructor(scheduler: Scheduler, nodes: readonly StoreNode[], states: readonly SimStoreNode[]) {
    assert(nodes.length === states.length && nodes.length > 0, 'each node has a state');
    this.#scheduler = scheduler;
    this.#nodes = nodes;
    this.#states = states;
    this.#scores = nodes.map(() => 0);
    this.#resting = nodes.map(() => false);
    this.#restUs = nodes.map(() => FIRST_REST_US);
    this.#answers = nodes.map(() => 0);
  }

  get(key: string, answer: (answer: StoreAnswer) => void): void {
    const at = this.#home(key);
    const state = this.#states[at]!;
    if (this.#rests(at)) return this.#later(0, () => answer({ kind: 'down' }));
    this.#later(answerUs(state), () => {
      if (!this.#answered(at, state)) return answer({ kind: this.#othersServe(at) ? 'miss' : 'down' });
      const value = this.#nodes[at]!.get(key, this.#scheduler.now(), state.generation);
      return answer(value === undefined ? { kind: 'miss' } : { kind: 'hit', value });
    });
  }

  /** `stored(false)`: no node is there; one that does not take a value is no failure of the store. */
  set(key: string, value: Uint8Array, expirationSeconds: number, stored: (ok: boolean) => void): void {
    const at = this.#home(key);
    const state = this.#states[at]!;
    if (this.#rests(at)) return this.#later(0, () => stored(false));
    this.#later(answerUs(state), () => {
      if (!this.#answered(at, state)) return stored(this.#othersServe(at));
      const now = this.#scheduler.now();
      const until = expirationSeconds > 0 ? now + expirationSeconds * US_PER_SECOND : Number.POSITIVE_INFINITY;
      this.#nodes[at]!.set(key, value, until, state.generation);
      return stored(true);
    });
  }

  delete(key: string): void {
    for (const node of this.#nodes) node.delete(key);
  }

  #home(key: string): number {
    const hash = hashText(key);
    const home = homeOf(hash, this.#nodes.length, (node) => !this.#rests(node));
    return home >= 0 ? home : homeOf(hash, this.#nodes.length, () => true);
  }

  #rests(node: number): boolean {
    return this.#resting[node]!;
  }

  /** A node that is back is found by the probe that ends its rest; no request is spent on finding out. */
  #rest(node: number): void {
    this.#resting[node] = true;
    const restUs = this.#restUs[node]!;
    this.#restUs[node] = Math.min(MAX_REST_US, restUs * 2);
    this.#later(restUs, () => {
      if (this.#states[node]!.state !== 'up') return this.#rest(node);
      this.#resting[node] = false;
      this.#scores[node] = 0;
      this.#answers[node] = 0;
      return undefined;
    });
  }

  #othersServe(node: number): boolean {
    return this.#nodes.some((_, other) => other !== node && !this.#rests(other));
  }

  #answered(node: number, state: SimStoreNode): boolean {
    if (state.state === 'up') {
      this.#scores[node] = Math.max(0, this.#scores[node]! - 1);
      this.#answers[node]! += 1;
      if (this.#answers[node] === RECOVERED) this.#restUs[node] = FIRST_REST_US;
      return true;
    }
    this.#answers[node] = 0;
    this.#scores[node]! += 1;
    if (this.#scores[node]! >= FAILURES && !this.#resting[node]!) this.#rest(node);
    return false;
  }

  #later(spanUs: number, run: () => void): void {
    this.#scheduler.at((this.#scheduler.now() + spanUs) as Micros, run);
  }
}

function answerUs({ state }: SimStoreNode): number {
  return state === 'silent' ? LOOKUP_BUDGET_US : state === 'gone' ? 0 : ANSWER_US;
}
