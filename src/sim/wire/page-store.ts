/**
 * Stores of page versions in virtual time: memcached nodes with the estate's faults, and the client that a process has of them. A key
 * lives on one node by rendezvous hashing; while a node rests its keys live on the next (live/stores/spread.ts does the same), so a lost
 * node costs its share one full transfer each (RG-116, RG-117). A frozen node costs its askers the whole budget, a dead one nothing. When a
 * node is left alone and found again is for the very breaker of the live stores to say.
 */
import { assert } from '../../core/assert.ts';
import { finalise, hashText } from '../../core/hash.ts';
import type { Scheduler } from '../../core/ports.ts';
import { type Micros, US_PER_MS, US_PER_SECOND } from '../../core/time.ts';
import { LOOKUP_BUDGET_US } from '../../railgun/limits.ts';
import { Breaker } from '../../railgun/store-breaker.ts';
import type { StoreAnswer } from '../../railgun/store-dialogue.ts';
import type { SimStoreNode } from '../railgun-estate.ts';

/** A question and its answer in one rack. */
const ANSWER_US = 200;
/** Memcached's own default (-m 64): the least that a site would give it. */
const NODE_BYTES = 64 * 1024 * 1024;
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
  readonly #guards: readonly NodeGuard[];

  constructor(scheduler: Scheduler, nodes: readonly StoreNode[], states: readonly SimStoreNode[]) {
    assert(nodes.length === states.length && nodes.length > 0, 'each node has a state');
    this.#scheduler = scheduler;
    this.#nodes = nodes;
    this.#states = states;
    this.#guards = states.map((state) => new NodeGuard(scheduler, state));
  }

  /** False while this node rests: nobody asks it. */
  available(node: number): boolean {
    return this.#guards[node]?.available === true;
  }

  get(key: string, answer: (answer: StoreAnswer) => void): void {
    const at = this.#home(key);
    this.#guards[at]!.ask(
      () => {
        const value = this.#nodes[at]!.get(key, this.#scheduler.now(), this.#states[at]!.generation);
        answer(value === undefined ? { kind: 'miss' } : { kind: 'hit', value });
      },
      () => answer({ kind: this.#othersServe(at) ? 'miss' : 'down' }),
    );
  }

  /** `stored(false)`: every node rests, this one too by now; one that has only failed is still taken for there (live/railgun/page-store.ts). */
  set(key: string, value: Uint8Array, expirationSeconds: number, stored: (ok: boolean) => void): void {
    const at = this.#home(key);
    this.#guards[at]!.ask(
      () => {
        const now = this.#scheduler.now();
        const until = expirationSeconds > 0 ? now + expirationSeconds * US_PER_SECOND : Number.POSITIVE_INFINITY;
        this.#nodes[at]!.set(key, value, until, this.#states[at]!.generation);
        stored(true);
      },
      () => stored(this.#guards.some(({ available }) => available)),
    );
  }

  /** On every node: while its own was away, the key may have lived on any. */
  delete(key: string): void {
    for (const [at, guard] of this.#guards.entries()) {
      guard.ask(
        () => this.#nodes[at]!.delete(key),
        () => {},
      );
    }
  }

  #home(key: string): number {
    const hash = hashText(key);
    const home = homeOf(hash, this.#nodes.length, (node) => this.available(node));
    return home >= 0 ? home : homeOf(hash, this.#nodes.length, () => true);
  }

  #othersServe(node: number): boolean {
    return this.#guards.some(({ available }, other) => other !== node && available);
  }
}

interface Question {
  readonly down: () => void;
  settled: boolean;
}

/**
 * What one process knows of one node: `live/stores/guard.ts` in virtual time, with the same breaker. A node that is gone refuses at once, one
 * that is silent costs the budget; when it goes to rest nobody waits for it any more; probes that end in vain are asked again later.
 */
class NodeGuard {
  readonly #scheduler: Scheduler;
  readonly #state: SimStoreNode;
  readonly #breaker = new Breaker(false);
  readonly #unsettled = new Set<Question>();

  constructor(scheduler: Scheduler, state: SimStoreNode) {
    this.#scheduler = scheduler;
    this.#state = state;
  }

  get available(): boolean {
    return !this.#breaker.resting;
  }

  ask(answered: () => void, down: () => void): void {
    if (this.#breaker.resting) return this.#later(0, down);
    const question: Question = { down, settled: false };
    this.#unsettled.add(question);
    return this.#later(this.#answerUs, () => {
      if (question.settled) return;
      this.#unsettled.delete(question);
      if (this.#state.state === 'up') {
        this.#breaker.answered();
        answered();
        return;
      }
      // Whoever hears of it asks at once whether others serve, and this node rests by then.
      const rests = this.#breaker.failed();
      down();
      if (rests) this.#rest();
    });
  }

  #rest(): void {
    for (const question of this.#unsettled) {
      question.settled = true;
      question.down();
    }
    this.#unsettled.clear();
    this.#probeLater();
  }

  #probeLater(): void {
    this.#later(this.#breaker.restMs() * US_PER_MS, () => this.#probe());
  }

  /** No request is spent on finding out. */
  #probe(): void {
    this.#later(this.#answerUs, () => {
      if (this.#state.state === 'up') this.#breaker.returned();
      else this.#probeLater();
    });
  }

  get #answerUs(): number {
    const { state } = this.#state;
    return state === 'silent' ? LOOKUP_BUDGET_US : state === 'gone' ? 0 : ANSWER_US;
  }

  #later(spanUs: number, run: () => void): void {
    this.#scheduler.at((this.#scheduler.now() + spanUs) as Micros, run);
  }
}
