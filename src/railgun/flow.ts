/**
 * Two-level credit (spec 12.10): a sender of bytes may have so many on the way per stream and per lane. Counted are body bytes: the
 * payload of DATA and the inline rest of REQUEST and RESPONSE. Heads are free, because limits on heads and streams bound them.
 */
import { assert } from '../core/assert.ts';
import { MAX_CREDIT } from './limits.ts';

/** What the peer lets us send. Never negative. */
export class SendCredit {
  #available: number;

  constructor(initial: number) {
    this.#available = initial;
  }

  get available(): number {
    return this.#available;
  }

  take(bytes: number): void {
    assert(bytes >= 0 && bytes <= this.#available, `${bytes} B of ${this.#available} B credit`);
    this.#available -= bytes;
  }

  /** False when the peer has added up more than any credit may be: FLOW_CONTROL. */
  add(increment: number): boolean {
    if (this.#available + increment > MAX_CREDIT) return false;
    this.#available += increment;
    return true;
  }
}

/** What we let the peer send, and what we owe it back. */
export class ReceiveCredit {
  readonly #window: number;
  #open: number;
  #owed = 0;

  constructor(window: number) {
    this.#window = window;
    this.#open = window;
  }

  /** Bytes that the peer may still send. Never negative. */
  get open(): number {
    return this.#open;
  }

  /** False: the peer sent more than it had credit for. */
  receive(bytes: number): boolean {
    if (bytes > this.#open) return false;
    this.#open -= bytes;
    return true;
  }

  /** The bytes left our buffer. Returns the increment to announce now: nothing until half a window is owed, then all of it. */
  release(bytes: number): number {
    this.#owed += bytes;
    assert(this.#open + this.#owed <= this.#window, 'more credit returned than was used');
    if (this.#owed * 2 < this.#window) return 0;
    const increment = this.#owed;
    this.#owed = 0;
    this.#open += increment;
    return increment;
  }
}
