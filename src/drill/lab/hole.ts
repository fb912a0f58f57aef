/**
 * Ports at which SYNs find no answer: what a machine without power looks like. A user process cannot drop packets, but a kernel does
 * when nobody accepts and the queue of a listening socket is full. So a thread listens with the shortest queue there is and goes to
 * sleep, its event loop with it; connections of our own fill the queue; every later SYN is dropped, and whoever sent it times out.
 *
 *     client ── SYN ──► [ queue: full ]   thread: asleep in Atomics.wait
 *
 * Tried on Linux, where a queue of n takes n + 1. Woken, the thread closes its sockets at once and waits for the next doors.
 */
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { Endpoint } from '../lab.ts';

/** The shortest that Node lets through to the kernel. */
const BACKLOG = 1;
/** One more connects when a queue is not as short as asked for; more than this and the kernel counts in another way. */
const MOST_FILLERS = 16;
/** A connection on loopback stands in well under a millisecond; one that does not stand by now found no room. */
const FULL_AFTER_MS = 40;

/** CommonJS, run in a thread: it has to be a text, since a thread's file would have to be found in a bundle too. */
const SLEEPER = `
const { parentPort, workerData } = require('node:worker_threads');
const { createServer } = require('node:net');
const flag = new Int32Array(workerData.flag);
parentPort.on('message', (doors) => {
  const servers = doors.map(() => createServer());
  let left = doors.length;
  let failed = '';
  const listening = () => {
    left -= 1;
    if (left > 0) return;
    parentPort.postMessage(failed);
    if (failed === '') Atomics.wait(flag, 0, 0);
    let open = servers.length;
    for (const server of servers) server.close(() => { open -= 1; if (open === 0) parentPort.postMessage('closed'); });
  };
  servers.forEach((server, i) => {
    server.once('error', (error) => { failed = error.message; listening(); });
    server.listen({ ...doors[i], backlog: ${BACKLOG} }, listening);
  });
});
`;

export class Hole {
  readonly #flag = new Int32Array(new SharedArrayBuffer(4));
  readonly #thread: Worker;
  #fillers: Socket[] = [];

  /** Started ahead: a thread takes some 50 ms to be there, a port then changes hands in one or two. */
  constructor() {
    this.#thread = new Worker(SLEEPER, { eval: true, workerData: { flag: this.#flag.buffer } });
    this.#thread.unref();
  }

  /** The ports must be free. Rejects when one is not. */
  async open(doors: readonly Endpoint[]): Promise<void> {
    Atomics.store(this.#flag, 0, 0);
    const told = this.#told();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#thread.postMessage(doors);
    const failed = await told;
    if (failed !== '') {
      await this.#told();
      throw new Error(failed);
    }
    await Promise.all(doors.map((door) => this.#fill(door)));
  }

  /** The ports are free again when it resolves. */
  async close(): Promise<void> {
    for (const filler of this.#fillers) filler.destroy();
    this.#fillers = [];
    const told = this.#told();
    Atomics.store(this.#flag, 0, 1);
    Atomics.notify(this.#flag, 0);
    await told;
  }

  #told(): Promise<string> {
    return new Promise((resolve) => {
      this.#thread.ref();
      this.#thread.once('message', (message: string) => {
        this.#thread.unref();
        resolve(message);
      });
    });
  }

  async #fill(door: Endpoint): Promise<void> {
    for (let tried = 0; tried < MOST_FILLERS; tried += 1) {
      const filler = connect({ host: door.host, port: door.port });
      filler.on('error', () => {});
      this.#fillers.push(filler);
      const stood = await new Promise<boolean>((resolve) => {
        // After a stall of this process the timer is due before the socket was looked at: look first.
        const timer = setTimeout(() => setImmediate(() => resolve(false)), FULL_AFTER_MS);
        filler.once('connect', () => {
          clearTimeout(timer);
          resolve(true);
        });
      });
      // It would stand as soon as the kernel sends its SYN again and there is room; there is none.
      if (!stood) return;
    }
  }
}
