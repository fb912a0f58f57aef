/**
 * The simulator's agenda: a 4-ary heap over typed arrays, ordered by (time, sequence), so that ties run in the order they were
 * set and a run allocates nothing per event. An event is a small number (`kind`) and one operand; who runs it is the caller's
 * business. Closures for rare events are kept by `VirtualClock`, which stores only their number here.
 *
 * Why not a package: flatqueue leaves ties unordered, and comparators cost half of the throughput (docs/decisions/0004-event-queue.md).
 */

/** More events than this under way means a run that will never end: 16 million requests in flight. */
const MAX_EVENTS = 1 << 24;

export class EventQueue {
  #times = new Float64Array(1024);
  #sequences = new Float64Array(1024);
  #kinds = new Int32Array(1024);
  #operands = new Int32Array(1024);
  #size = 0;
  #nextSequence = 0;

  get size(): number {
    return this.#size;
  }

  /** Time of the next event; Infinity when there is none. */
  get nextAt(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!;
  }

  get kind(): number {
    return this.#kinds[0]!;
  }

  get operand(): number {
    return this.#operands[0]!;
  }

  push(time: number, kind: number, operand: number): void {
    if (this.#size === this.#times.length) this.#grow();
    const times = this.#times;
    const sequences = this.#sequences;
    const sequence = this.#nextSequence++;
    let at = this.#size++;
    // Sift up. A new event has the highest sequence, so only a strictly later time is moved down.
    while (at > 0) {
      const parent = (at - 1) >> 2;
      if (times[parent]! <= time) break;
      times[at] = times[parent]!;
      sequences[at] = sequences[parent]!;
      this.#kinds[at] = this.#kinds[parent]!;
      this.#operands[at] = this.#operands[parent]!;
      at = parent;
    }
    times[at] = time;
    sequences[at] = sequence;
    this.#kinds[at] = kind;
    this.#operands[at] = operand;
  }

  /** Removes the next event; read `nextAt`, `kind` and `operand` first. */
  drop(): void {
    const times = this.#times;
    const sequences = this.#sequences;
    const kinds = this.#kinds;
    const operands = this.#operands;
    const size = --this.#size;
    const time = times[size]!;
    const sequence = sequences[size]!;
    let at = 0;
    for (;;) {
      const first = (at << 2) + 1;
      if (first >= size) break;
      let least = first;
      let leastTime = times[first]!;
      const last = first + 4 < size ? first + 4 : size;
      for (let child = first + 1; child < last; child += 1) {
        const childTime = times[child]!;
        if (childTime < leastTime || (childTime === leastTime && sequences[child]! < sequences[least]!)) {
          least = child;
          leastTime = childTime;
        }
      }
      if (leastTime > time || (leastTime === time && sequences[least]! > sequence)) break;
      times[at] = leastTime;
      sequences[at] = sequences[least]!;
      kinds[at] = kinds[least]!;
      operands[at] = operands[least]!;
      at = least;
    }
    times[at] = time;
    sequences[at] = sequence;
    kinds[at] = kinds[size]!;
    operands[at] = operands[size]!;
  }

  #grow(): void {
    if (this.#times.length >= MAX_EVENTS) throw new RangeError(`more than ${MAX_EVENTS} events under way at one moment`);
    const length = this.#times.length * 2;
    const times = new Float64Array(length);
    times.set(this.#times);
    this.#times = times;
    const sequences = new Float64Array(length);
    sequences.set(this.#sequences);
    this.#sequences = sequences;
    const kinds = new Int32Array(length);
    kinds.set(this.#kinds);
    this.#kinds = kinds;
    const operands = new Int32Array(length);
    operands.set(this.#operands);
    this.#operands = operands;
  }
}
