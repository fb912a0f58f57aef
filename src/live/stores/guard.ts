/**
 * Makes a `Store` of a backend that may be slow, full, lying or dead. Every operation settles within the budget, whatever the
 * backend does; how many are under way and how many wait is bounded; failures put the backend to rest (`railgun/store-breaker.ts`).
 *
 *     asked ── rests? too many waiting? ──► down at once
 *       │
 *     waiting ──► under way ──► answered: hit, miss, stored, refused
 *       │             │ budget over: the asker is told `down`; the place stays taken until the
 *       └─────────────┘ backend answers or is reset, so a stalled backend never holds more than MAX_UNDER_WAY
 *
 * All budgets are equal, so operations reach their end in the order they came, and one timer serves them all.
 */
import { Breaker } from '../../railgun/store-breaker.ts';
import {
  BUDGET_MS,
  type Counters,
  EXPIRATION_SECONDS,
  LIMIT_BYTES,
  type Lookup,
  type NodeReport,
  type Store,
  type StoreBackend,
  type StoreOptions,
} from './store.ts';
import { storeKey } from './store-key.ts';

/** Answers of `limitBytes` each may be in memory at once: 64 MiB with the default. More in parallel does not make a store faster. */
const MAX_UNDER_WAY = 64;
/** Askers in a queue; at 100 ms and more than ten thousand answers a second, those further behind would wait in vain. */
const MAX_WAITING = 1_024;
/** Values in the queue, and on the way to the backend. */
const MAX_VALUE_BYTES = 33_554_432;
const PROBE_KEY = 'switchyard:probe';

type Answer = Lookup | { readonly kind: 'stored' } | { readonly kind: 'refused' } | { readonly kind: 'deleted' };

interface Operation {
  readonly run: () => Promise<Answer>;
  /** Of the value that it carries; 0 for the others. */
  readonly bytes: number;
  readonly deadline: number;
  readonly settle: (answer: Answer) => void;
  settled: boolean;
}

const DOWN: Lookup = { kind: 'down' };
const MISS: Lookup = { kind: 'miss' };

export interface GuardOptions extends StoreOptions {
  /** False: the store is taken for down until the first probe is answered, so that nobody waits for a connection. */
  readonly thereAtOnce: boolean;
}

export class GuardedStore implements Store {
  readonly name: string;
  readonly #backend: StoreBackend;
  readonly #options: GuardOptions;
  readonly #budgetMs: number;
  readonly #breaker: Breaker;
  readonly #counters = freshCounters();
  /** Both oldest first. */
  readonly #waiting = new Set<Operation>();
  readonly #unsettled = new Set<Operation>();
  #underWay = 0;
  #valueBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #probeTimer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;
  #onReady: (() => void)[] = [];

  constructor(name: string, backend: StoreBackend, options: GuardOptions) {
    this.name = name;
    this.#backend = backend;
    this.#options = options;
    this.#budgetMs = options.budgetMs ?? BUDGET_MS;
    this.#breaker = new Breaker(!options.thereAtOnce);
    if (!options.thereAtOnce) void this.#probe();
  }

  get available(): boolean {
    return this.#closed === undefined && !this.#breaker.resting;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const found = await this.lookup(key);
    return found.kind === 'hit' ? found.value : undefined;
  }

  async lookup(key: string): Promise<Lookup> {
    const safe = storeKey(key);
    const answer = await this.#ask(0, async () => {
      const value = await this.#backend.get(safe);
      return value === undefined ? MISS : { kind: 'hit', value };
    });
    switch (answer.kind) {
      case 'hit':
        if (answer.value.length > this.#limitBytes) {
          this.#counters.tooLarge += 1;
          this.#counters.misses += 1;
          return MISS;
        }
        this.#counters.hits += 1;
        this.#counters.bytesRead += answer.value.length;
        return answer;
      case 'miss':
        this.#counters.misses += 1;
        return answer;
      default:
        return DOWN;
    }
  }

  async set(key: string, value: Uint8Array, expirationSeconds?: number): Promise<boolean> {
    if (value.length > this.#limitBytes) {
      this.#counters.tooLarge += 1;
      return false;
    }
    const safe = storeKey(key);
    const seconds = Math.ceil(Math.max(0, expirationSeconds ?? this.#options.expirationSeconds ?? EXPIRATION_SECONDS));
    const answer = await this.#ask(value.length, async () => {
      return (await this.#backend.set(safe, value, seconds)) ? { kind: 'stored' } : { kind: 'refused' };
    });
    if (answer.kind === 'refused') this.#counters.refused += 1;
    if (answer.kind !== 'stored') return false;
    this.#counters.stored += 1;
    this.#counters.bytesStored += value.length;
    return true;
  }

  async delete(key: string): Promise<void> {
    const safe = storeKey(key);
    const answer = await this.#ask(0, async () => {
      await this.#backend.delete(safe);
      return { kind: 'deleted' };
    });
    if (answer.kind === 'deleted') this.#counters.deletes += 1;
  }

  ready(timeoutMs: number): Promise<boolean> {
    if (this.available) return Promise.resolve(true);
    return new Promise((settle) => {
      const timer = setTimeout(() => settle(this.available), timeoutMs);
      this.#onReady.push(() => {
        clearTimeout(timer);
        settle(this.available);
      });
    });
  }

  report(): readonly NodeReport[] {
    const { name: node, available } = this;
    return [{ node, available, underWay: this.#underWay, waiting: this.#waiting.size, ...this.#counters }];
  }

  close(): Promise<void> {
    this.#closed ??= this.#shut();
    return this.#closed;
  }

  async #shut(): Promise<void> {
    clearTimeout(this.#timer);
    clearTimeout(this.#probeTimer);
    this.#dismiss();
    for (const tell of this.#onReady.splice(0)) tell();
    try {
      await this.#backend.close();
    } catch {
      // It is gone either way.
    }
  }

  get #limitBytes(): number {
    return this.#options.limitBytes ?? LIMIT_BYTES;
  }

  get #mustWait(): boolean {
    return this.#underWay >= MAX_UNDER_WAY;
  }

  #ask(bytes: number, run: () => Promise<Answer>): Promise<Answer> {
    if (!this.available) return this.#skip();
    if (this.#mustWait && this.#waiting.size >= MAX_WAITING) return this.#skip();
    if (this.#valueBytes + bytes > MAX_VALUE_BYTES) return this.#skip();
    return new Promise((settle) => {
      const deadline = performance.now() + this.#budgetMs;
      const operation: Operation = { run, bytes, deadline, settle, settled: false };
      this.#valueBytes += bytes;
      this.#unsettled.add(operation);
      if (this.#timer === undefined) this.#arm(this.#budgetMs);
      if (this.#mustWait) this.#waiting.add(operation);
      else void this.#start(operation);
    });
  }

  #skip(): Promise<Answer> {
    this.#counters.skipped += 1;
    return Promise.resolve(DOWN);
  }

  async #start(operation: Operation): Promise<void> {
    this.#underWay += 1;
    try {
      const answer = await operation.run();
      if (!operation.settled) this.#breaker.answered();
      this.#settle(operation, answer);
    } catch (error) {
      if (!operation.settled) {
        this.#counters.errors += 1;
        this.#settle(operation, DOWN);
        this.#failed(error instanceof Error ? error.message : String(error));
      }
    }
    this.#underWay -= 1;
    this.#valueBytes -= operation.bytes;
    for (const next of this.#waiting) {
      if (this.#mustWait) break;
      this.#waiting.delete(next);
      void this.#start(next);
    }
  }

  #settle(operation: Operation, answer: Answer): void {
    if (operation.settled) return;
    operation.settled = true;
    this.#unsettled.delete(operation);
    operation.settle(answer);
  }

  #arm(ms: number): void {
    // When this process was busy for longer than the budget, the answer may lie in the socket already: it is read first.
    this.#timer = setTimeout(() => setImmediate(() => this.#expire()), Math.max(1, ms));
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    let late = 0;
    for (const operation of this.#unsettled) {
      if (operation.deadline > now) {
        this.#arm(operation.deadline - now);
        break;
      }
      this.#counters.timeouts += 1;
      if (this.#waiting.delete(operation)) this.#valueBytes -= operation.bytes;
      else late += 1;
      this.#settle(operation, DOWN);
    }
    for (let i = 0; i < late; i++) this.#failed(`no answer within ${this.#budgetMs} ms`);
  }

  #failed(why: string): void {
    if (this.#closed !== undefined || !this.#breaker.failed()) return;
    this.#counters.rests += 1;
    this.#dismiss();
    this.#reset();
    this.#options.onEvent?.({ kind: 'store_down', node: this.name, why });
    this.#probeLater();
  }

  /** Nobody waits for a store that rests. */
  #dismiss(): void {
    for (const operation of this.#waiting) this.#valueBytes -= operation.bytes;
    this.#waiting.clear();
    for (const operation of this.#unsettled) {
      this.#counters.skipped += 1;
      this.#settle(operation, DOWN);
    }
  }

  #probeLater(): void {
    this.#probeTimer = setTimeout(() => void this.#probe(), this.#breaker.restMs());
    this.#probeTimer.unref();
  }

  /** Ask the resting store something nobody waits for. */
  async #probe(): Promise<void> {
    const outcome = await this.#probeOnce();
    if (this.#closed !== undefined) return;
    if (outcome === 'answered') {
      this.#breaker.returned();
      this.#options.onEvent?.({ kind: 'store_up', node: this.name });
      for (const tell of this.#onReady.splice(0)) tell();
      return;
    }
    if (outcome === 'silent') this.#reset();
    this.#probeLater();
  }

  #probeOnce(): Promise<'answered' | 'failed' | 'silent'> {
    return new Promise((settle) => {
      const timer = setTimeout(() => setImmediate(() => settle('silent')), this.#budgetMs);
      const end = (outcome: 'answered' | 'failed') => (): void => {
        clearTimeout(timer);
        settle(outcome);
      };
      // Asynchronous, so that a backend that throws is a failure like any other.
      const asked = (async () => this.#backend.get(PROBE_KEY))();
      asked.then(end('answered'), end('failed'));
    });
  }

  #reset(): void {
    try {
      this.#backend.reset();
    } catch {
      // A client that cannot even be reset: the next probe says so.
    }
  }
}

function freshCounters(): Counters {
  return {
    ...{ hits: 0, misses: 0, stored: 0, refused: 0, tooLarge: 0, deletes: 0 },
    ...{ timeouts: 0, errors: 0, skipped: 0, rests: 0, bytesRead: 0, bytesStored: 0 },
  };
}
