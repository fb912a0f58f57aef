/**
 * Calls between the drill and a child process of its own, over Node's IPC channel: a name and plain data there, plain data or a sentence
 * about what went wrong back. The child may also tell something unasked.
 */
import type { ChildProcess } from 'node:child_process';

/** A child that does not answer by then is stuck. The slowest call closes a few sockets. */
const ANSWER_MS = 10_000;

interface Call {
  readonly call: number;
  readonly name: string;
  readonly data: unknown;
}

interface Answer {
  readonly answer: number;
  readonly value?: unknown;
  readonly failed?: string;
}

interface News {
  readonly news: unknown;
}

/** The drill's end. */
export class Caller {
  onNews: (news: unknown) => void = () => {};
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { done: (value: unknown) => void; failed: (error: Error) => void }>();
  #last = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message: Answer | News) => {
      if ('news' in message) this.onNews(message.news);
      else this.#answered(message);
    });
    child.on('exit', () => this.#giveUp('it has ended'));
  }

  /** Rejects when the child refuses, ends, or does not answer. */
  async call(name: string, data: unknown = null): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#last += 1;
    const call = this.#last;
    const timer = setTimeout(() => this.#answered({ answer: call, failed: 'no answer' }), ANSWER_MS);
    this.#waiting.set(call, {
      done: (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      failed: (error) => {
        clearTimeout(timer);
        reject(error);
      },
    });
    const message: Call = { call, name, data };
    if (!this.#child.connected) this.#answered({ answer: call, failed: 'it has ended' });
    else
      this.#child.send(message, (error) => error !== null && this.#answered({ answer: call, failed: error.message }));
    return promise;
  }

  #answered({ answer, value, failed }: Answer): void {
    const waiting = this.#waiting.get(answer);
    this.#waiting.delete(answer);
    if (failed === undefined) waiting?.done(value);
    else waiting?.failed(new Error(failed));
  }

  #giveUp(why: string): void {
    for (const call of [...this.#waiting.keys()]) this.#answered({ answer: call, failed: why });
  }
}

/** The child's end. `orphaned`: the drill is gone. Returns how to tell something unasked. */
export function answerCalls(
  handlers: Readonly<Record<string, (data: never) => unknown>>,
  orphaned: () => void,
): (news: unknown) => void {
  const send = (message: Answer | News): void => {
    if (process.connected) process.send?.(message);
  };
  process.on('message', ({ call, name, data }: Call) => {
    const handler = handlers[name];
    const answer = async (): Promise<unknown> => {
      if (handler === undefined) throw new Error(`there is no call "${name}"`);
      return handler(data as never);
    };
    answer().then(
      (value) => send({ answer: call, value }),
      (error: Error) => send({ answer: call, failed: error.message }),
    );
  });
  process.on('disconnect', orphaned);
  return (news) => send({ news });
}
