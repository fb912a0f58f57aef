/**
 * One coarse wheel for all time-outs of a process. A connection has one `WheelTimer` for life; moving its deadline is
 * a field write, because a timer stays in its slot until that slot comes round and only then looks at its deadline.
 * Precision is one tick, and never early.
 *
 * The wheel has no clock: whoever owns it calls `advance`.
 */
import { assert } from '../core/assert.ts';

export class WheelTimer {
  /** Milliseconds on the wheel's clock; Infinity when unset. */
  deadline = Infinity;
  readonly fire: () => void;
  /** The tick in whose slot this timer lies; -1 when it lies in none. */
  tick = -1;
  next: WheelTimer | undefined;
  previous: WheelTimer | undefined;

  constructor(fire: () => void) {
    this.fire = fire;
  }
}

export interface TimerWheelOptions {
  readonly tickMs: number;
  /** Slots; `tickMs * slots` is how far a timer is put ahead before it is looked at again. */
  readonly slots?: number;
}

export class TimerWheel {
  readonly tickMs: number;
  /** The moment of the last `advance`. */
  nowMs: number;
  readonly #heads: (WheelTimer | undefined)[];
  #tick: number;
  #size = 0;

  constructor(nowMs: number, { tickMs, slots = 64 }: TimerWheelOptions) {
    assert(tickMs > 0 && slots > 1, 'a wheel with ticks and slots');
    this.tickMs = tickMs;
    this.nowMs = nowMs;
    this.#heads = Array.from({ length: slots });
    this.#tick = Math.floor(nowMs / tickMs);
  }

  /** Timers that lie in some slot, unset ones that were not passed yet included. */
  get size(): number {
    return this.#size;
  }

  /** Fire no sooner than `ms` from now, and no later than two ticks after that. */
  in(timer: WheelTimer, ms: number): void {
    this.at(timer, this.nowMs + this.tickMs + ms);
  }

  at(timer: WheelTimer, deadline: number): void {
    timer.deadline = deadline;
    // Lies early enough already: it will be looked at in time.
    if (timer.tick !== -1 && timer.tick * this.tickMs <= deadline) return;
    if (timer.tick !== -1) this.#unlink(timer);
    if (deadline !== Infinity) this.#link(timer);
  }

  /** Unset; the timer may be set again. */
  clear(timer: WheelTimer): void {
    timer.deadline = Infinity;
  }

  /** Take the timer out for good. */
  remove(timer: WheelTimer): void {
    timer.deadline = Infinity;
    if (timer.tick !== -1) this.#unlink(timer);
  }

  /** Fire what is due by `nowMs`. A jump over many ticks looks at each slot once. */
  advance(nowMs: number): void {
    if (nowMs < this.nowMs) return;
    this.nowMs = nowMs;
    const target = Math.floor(nowMs / this.tickMs);
    const from = Math.max(this.#tick, target - this.#heads.length);
    this.#tick = target;
    for (let tick = from + 1; tick <= target; tick++) this.#pass(tick % this.#heads.length, nowMs);
  }

  #pass(slot: number, nowMs: number): void {
    // Empty the slot first: what fires may set and remove any timer, also into this slot.
    const taken: WheelTimer[] = [];
    for (let timer = this.#heads[slot]; timer !== undefined; ) {
      const next: WheelTimer | undefined = timer.next;
      timer.tick = -1;
      timer.next = undefined;
      timer.previous = undefined;
      taken.push(timer);
      timer = next;
    }
    this.#heads[slot] = undefined;
    this.#size -= taken.length;
    for (const timer of taken) {
      if (timer.tick !== -1) continue;
      if (timer.deadline <= nowMs) {
        timer.deadline = Infinity;
        timer.fire();
      } else if (timer.deadline !== Infinity) {
        this.#link(timer);
      }
    }
  }

  #link(timer: WheelTimer): void {
    const due = Math.ceil(timer.deadline / this.tickMs);
    const tick = Math.max(this.#tick + 1, Math.min(due, this.#tick + this.#heads.length - 1));
    const slot = tick % this.#heads.length;
    const head = this.#heads[slot];
    timer.tick = tick;
    timer.next = head;
    timer.previous = undefined;
    if (head !== undefined) head.previous = timer;
    this.#heads[slot] = timer;
    this.#size += 1;
  }

  #unlink(timer: WheelTimer): void {
    if (timer.previous !== undefined) timer.previous.next = timer.next;
    else this.#heads[timer.tick % this.#heads.length] = timer.next;
    if (timer.next !== undefined) timer.next.previous = timer.previous;
    timer.tick = -1;
    timer.next = undefined;
    timer.previous = undefined;
    this.#size -= 1;
  }
}
