/**
 * The simulator's agenda, ordered by (time, sequence), so that ties run in the order they were set. An event is a small number (`kind`)
 * and one operand; who runs it is the caller's business. Closures for rare events are kept by `VirtualClock`, which stores only
 * their number here. Everything lies in typed arrays: a run allocates nothing per event.
 *
 *     later than the ring ──► far: a heap
 *     in the next 4 s ──────► ring: 4,096 slices of 1,024 µs, each an unsorted list ──slice begins──► near: a heap ──► next event
 *
 * Only the events of the present slice are kept sorted. They are a handful where all events would be thousands, so a step costs the
 * same however much is under way.
 *
 * Why not a package: flatqueue leaves ties unordered, and comparators cost half of the throughput (docs/decisions/0004-event-queue.md).
 */

/** More events than this under way means a run that will never end: 16 million requests in flight. */
const MAX_EVENTS = 1 << 24;
const KIND_BITS = 4;
/** Kinds are 0 to 15, operands 0 to 2^27 - 1. */
const KINDS = 1 << KIND_BITS;

const SLICE_US = 1_024;
/** A power of two, so that a slice's place in the ring is its lowest bits. */
const SLICES = 4_096;

export class EventQueue {
  readonly #near = new Heap();
  readonly #far = new Heap();
  /** First entry of each slice's list, by slice number modulo SLICES; -1 = empty. */
  readonly #heads = new Int32Array(SLICES).fill(-1);
  /** One bit per slice that is not empty. */
  readonly #filled = new Int32Array(SLICES / 32);
  // The ring's entries, and the list of those that are free.
  #times = new Float64Array(1024);
  #sequences = new Float64Array(1024);
  #payloads = new Int32Array(1024);
  #nexts = new Int32Array(1024);
  #free = -1;
  #used = 0;
  #inRing = 0;
  /** Number of the slice whose events are in `near`; earlier ones are there too. */
  #slice = Number.NEGATIVE_INFINITY;
  #nextSequence = 0;

  get size(): number {
    return this.#near.size + this.#inRing + this.#far.size;
  }

  /** Time of the next event; Infinity when there is none. */
  get nextAt(): number {
    const near = this.#near;
    return near.size === 0 ? Number.POSITIVE_INFINITY : near.times[0]!;
  }

  get kind(): number {
    return this.#near.payloads[0]! & (KINDS - 1);
  }

  get operand(): number {
    return this.#near.payloads[0]! >> KIND_BITS;
  }

  push(time: number, kind: number, operand: number): void {
    const sequence = this.#nextSequence++;
    const payload = (operand << KIND_BITS) | kind;
    const slice = Math.floor(time / SLICE_US);
    if (slice <= this.#slice) this.#near.push(time, sequence, payload);
    else if (slice < this.#slice + SLICES) this.#pushRing(slice, time, sequence, payload);
    else this.#far.push(time, sequence, payload);
    if (this.#near.size === 0) this.#advance();
  }

  /** Removes the next event; read `nextAt`, `kind` and `operand` first. */
  drop(): void {
    this.#near.drop();
    if (this.#near.size === 0) this.#advance();
  }

  #pushRing(slice: number, time: number, sequence: number, payload: number): void {
    let entry = this.#free;
    if (entry >= 0) this.#free = this.#nexts[entry]!;
    else {
      entry = this.#used++;
      if (entry === this.#times.length) this.#grow();
    }
    const at = slice & (SLICES - 1);
    this.#times[entry] = time;
    this.#sequences[entry] = sequence;
    this.#payloads[entry] = payload;
    this.#nexts[entry] = this.#heads[at]!;
    this.#heads[at] = entry;
    this.#filled[at >> 5]! |= 1 << (at & 31);
    this.#inRing += 1;
  }

  /** `near` is used up: moves on to the next slice that holds anything. */
  #advance(): void {
    const far = this.#far;
    if (this.#inRing === 0) {
      if (far.size === 0) return;
      this.#slice = Math.floor(far.times[0]! / SLICE_US);
    } else this.#slice += this.#distance();
    // What the ring now reaches comes in from afar.
    const horizon = (this.#slice + SLICES) * SLICE_US;
    while (far.size > 0 && far.times[0]! < horizon) {
      const time = far.times[0]!;
      const slice = Math.floor(time / SLICE_US);
      if (slice <= this.#slice) this.#near.push(time, far.sequences[0]!, far.payloads[0]!);
      else this.#pushRing(slice, time, far.sequences[0]!, far.payloads[0]!);
      far.drop();
    }
    const at = this.#slice & (SLICES - 1);
    let entry = this.#heads[at]!;
    while (entry >= 0) {
      const next = this.#nexts[entry]!;
      this.#near.push(this.#times[entry]!, this.#sequences[entry]!, this.#payloads[entry]!);
      this.#nexts[entry] = this.#free;
      this.#free = entry;
      this.#inRing -= 1;
      entry = next;
    }
    this.#heads[at] = -1;
    this.#filled[at >> 5]! &= ~(1 << (at & 31));
  }

  /** Slices from the present one to the next that is filled; the ring is not empty. */
  #distance(): number {
    const filled = this.#filled;
    const from = (this.#slice + 1) & (SLICES - 1);
    let word = from >> 5;
    let bits = filled[word]! & (-1 << (from & 31));
    while (bits === 0) {
      word = (word + 1) & (SLICES / 32 - 1);
      bits = filled[word]!;
    }
    const at = (word << 5) + 31 - Math.clz32(bits & -bits);
    return ((at - from) & (SLICES - 1)) + 1;
  }

  #grow(): void {
    if (this.#times.length >= MAX_EVENTS) throw tooMany();
    const length = this.#times.length * 2;
    this.#times = widen(this.#times, new Float64Array(length));
    this.#sequences = widen(this.#sequences, new Float64Array(length));
    this.#payloads = widen(this.#payloads, new Int32Array(length));
    this.#nexts = widen(this.#nexts, new Int32Array(length));
  }
}

/** A 4-ary heap over typed arrays; the root is at 0. */
class Heap {
  size = 0;
  times = new Float64Array(256);
  sequences = new Float64Array(256);
  /** operand × 16 + kind: two that always travel together. */
  payloads = new Int32Array(256);

  push(time: number, sequence: number, payload: number): void {
    if (this.size === this.times.length) this.#grow();
    const { times, sequences, payloads } = this;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      const parentTime = times[parent]!;
      if (parentTime < time || (parentTime === time && sequences[parent]! < sequence)) break;
      times[at] = parentTime;
      sequences[at] = sequences[parent]!;
      payloads[at] = payloads[parent]!;
      at = parent;
    }
    times[at] = time;
    sequences[at] = sequence;
    payloads[at] = payload;
  }

  drop(): void {
    const { times, sequences, payloads } = this;
    const size = --this.size;
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
      payloads[at] = payloads[least]!;
      at = least;
    }
    times[at] = time;
    sequences[at] = sequence;
    payloads[at] = payloads[size]!;
  }

  #grow(): void {
    if (this.times.length >= MAX_EVENTS) throw tooMany();
    const length = this.times.length * 2;
    this.times = widen(this.times, new Float64Array(length));
    this.sequences = widen(this.sequences, new Float64Array(length));
    this.payloads = widen(this.payloads, new Int32Array(length));
  }
}

function widen<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

function tooMany(): RangeError {
  return new RangeError(`more than ${MAX_EVENTS} events under way at one moment`);
}
