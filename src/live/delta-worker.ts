/**
 * Encodes deltas off the event loop: a few threads that do what `answer.ts` calls an encode job, for the listener's
 * `encode` events. A page of 200 kB takes 1 to 4 ms there with the thorough hybrid, one of 750 kB up to 12 ms.
 *
 * Nothing is lost when threads fail or are all busy: the answer is then `undefined`, and the caller encodes by itself
 * with the smaller budget of the event loop, or sends the body whole.
 */
import { Worker } from 'node:worker_threads';
import type { EncodeJob, EncodeResult } from '../railgun/answer.ts';
import type { DeltaOrder, DeltaReply } from './delta-thread.ts';

export interface DeltaPoolOptions {
  /** Threads, started when first needed. One keeps up with about 80 MB of changing pages a second. */
  readonly threads: number;
  /** Jobs that may wait beyond those being done; more would only make answers late. */
  readonly maxQueued: number;
}

export const DELTA_POOL: DeltaPoolOptions = { threads: 1, maxQueued: 32 };

type Answer = (result: EncodeResult | undefined) => void;

interface Thread {
  readonly worker: Worker;
  /** The job being done, if any. */
  busy: { readonly number: number; readonly answer: Answer } | undefined;
}

export class DeltaPool {
  readonly #options: DeltaPoolOptions;
  readonly #threads = new Set<Thread>();
  #queue: { readonly job: EncodeJob; readonly answer: Answer }[] = [];
  #nextNumber = 1;
  #closed = false;

  constructor(options: DeltaPoolOptions = DELTA_POOL) {
    this.#options = options;
  }

  /** The result of `encodeJob(job)`, or undefined: too much to do, a thread that died, or the pool is closed. */
  encode(job: EncodeJob): Promise<EncodeResult | undefined> {
    return new Promise((answer) => {
      if (this.#closed || this.#queue.length >= this.#options.maxQueued) answer(undefined);
      else {
        this.#queue.push({ job, answer });
        this.#handOut();
      }
    });
  }

  /** Stop all threads; what is not done yet is answered with undefined. */
  async close(): Promise<void> {
    this.#closed = true;
    const threads = [...this.#threads];
    for (const { answer } of this.#queue.splice(0)) answer(undefined);
    for (const thread of threads) this.#lose(thread);
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  }

  #handOut(): void {
    while (this.#queue.length > 0) {
      const thread = this.#idleThread();
      if (thread === undefined) return;
      const { job, answer } = this.#queue.shift()!;
      const order: DeltaOrder = { number: this.#nextNumber++, job };
      thread.busy = { number: order.number, answer };
      thread.worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      thread.worker.postMessage(order);
    }
  }

  #idleThread(): Thread | undefined {
    for (const thread of this.#threads) if (thread.busy === undefined) return thread;
    return this.#threads.size < this.#options.threads ? this.#start() : undefined;
  }

  #start(): Thread {
    const worker = new Worker(new URL('./delta-thread.ts', import.meta.url));
    const thread: Thread = { worker, busy: undefined };
    this.#threads.add(thread);
    worker.on('message', (reply: DeltaReply) => {
      if (thread.busy?.number !== reply.number) return;
      const { answer } = thread.busy;
      thread.busy = undefined;
      worker.unref();
      answer(reply.result);
      this.#handOut();
    });
    worker.on('error', () => this.#lose(thread));
    worker.on('exit', () => this.#lose(thread));
    return thread;
  }

  /** The thread is gone: its job is answered, another thread is started when there is more to do. */
  #lose(thread: Thread): void {
    if (!this.#threads.delete(thread)) return;
    thread.busy?.answer(undefined);
    thread.busy = undefined;
    if (!this.#closed) this.#handOut();
  }
}
