/**
 * Codec 1, the bare copy/add list of spec/railgun.md 12.7: the simplest delta, needing nothing but varints. The last
 * resort when two ends share no other codec, and the yardstick for the better ones.
 *
 *   repeat   varint literal count | literal bytes | varint copy length, 0 ends | zigzag varint of (address - expected)
 *   expected = where the previous copy ended in the old page, 0 at first
 *
 * The matcher is linear: every fourth 8-byte window of the old page in one table, no chains, the expected address
 * first, matches widened both ways.
 */
import type { Decoded } from '../codec-port.ts';
import { readVarint, varintLength, varintLengthFrom, writeVarint } from '../varint.ts';

const MIN_COPY = 12;
const STEP = 4;
const TABLE_BITS = 15;
const table = new Int32Array(1 << TABLE_BITS);

/** Operations allowed per byte of output, so that a list of tiny operations cannot make the decoder crawl. */
const OUTPUT_PER_OPERATION = 4;
const FREE_OPERATIONS = 64;

export function encodeCopyAdd(old: Uint8Array, page: Uint8Array): Uint8Array {
  const oldView = new DataView(old.buffer, old.byteOffset, old.length);
  const pageView = new DataView(page.buffer, page.byteOffset, page.length);
  table.fill(-1);
  for (let p = (old.length - 8) & -STEP; p >= 0; p -= STEP) table[windowHash(oldView, p)] = p;
  const list = new List(page);
  let literals = 0;
  let expected = 0;
  let at = 0;
  while (at + MIN_COPY <= page.length) {
    let from = expected + at - literals;
    let length = common(oldView, from, pageView, at);
    if (length < MIN_COPY && at !== literals) {
      from = expected;
      length = common(oldView, from, pageView, at);
    }
    if (length < MIN_COPY) {
      from = table[windowHash(pageView, at)]!;
      length = from < 0 ? 0 : common(oldView, from, pageView, at);
    }
    let back = 0;
    while (at - back > literals && from - back > 0 && old[from - back - 1] === page[at - back - 1]) back++;
    if (length + back < MIN_COPY || length === 0) {
      at++;
      continue;
    }
    list.add(literals, at - back, length + back, from - back - expected);
    expected = from + length;
    at += length;
    literals = at;
  }
  list.end(literals);
  return list.bytes();
}

/** The page of `size` bytes that the list makes of `old`. */
export function decodeCopyAdd(old: Uint8Array, list: Uint8Array, size: number): Decoded {
  const page = new Uint8Array(size);
  const reader = new Reader(list);
  let out = 0;
  let expected = 0;
  for (let operations = 0; ; operations++) {
    if (operations > FREE_OPERATIONS + out / OUTPUT_PER_OPERATION) return refused('too many operations');
    const literals = reader.bytes(reader.varint());
    if (literals === undefined) return refused('list ends early');
    if (out + literals.length > size) return refused('page too long');
    page.set(literals, out);
    out += literals.length;
    const length = reader.varint();
    if (length < 0) return refused('list ends early');
    if (length === 0) break;
    const away = reader.varint();
    if (away < 0) return refused('list ends early');
    const from = expected + unzigzag(away);
    if (from < 0 || from + length > old.length) return refused('copy from nowhere');
    if (out + length > size) return refused('page too long');
    page.set(old.subarray(from, from + length), out);
    out += length;
    expected = from + length;
  }
  if (reader.left > 0) return refused('bytes after the end');
  return out === size ? { kind: 'page', bytes: page } : refused('page too short');
}

function refused(why: string): Decoded {
  return { kind: 'refused', why };
}

class Reader {
  readonly #list: Uint8Array;
  #at = 0;

  constructor(list: Uint8Array) {
    this.#list = list;
  }

  get left(): number {
    return this.#list.length - this.#at;
  }

  /** Negative: none there, or malformed. */
  varint(): number {
    const value = readVarint(this.#list, this.#at, this.#list.length);
    if (value >= 0) this.#at += varintLengthFrom(this.#list[this.#at]!);
    return value;
  }

  bytes(count: number): Uint8Array | undefined {
    if (count < 0 || count > this.left) return undefined;
    this.#at += count;
    return this.#list.subarray(this.#at - count, this.#at);
  }
}

class List {
  readonly #page: Uint8Array;
  #out: Uint8Array;
  #at = 0;

  constructor(page: Uint8Array) {
    this.#page = page;
    this.#out = new Uint8Array(256);
  }

  add(from: number, to: number, length: number, away: number): void {
    this.#literals(from, to);
    const address = zigzag(away);
    this.#reserve(varintLength(length) + varintLength(address));
    this.#at = writeVarint(this.#out, writeVarint(this.#out, this.#at, length), address);
  }

  end(from: number): void {
    this.#literals(from, this.#page.length);
    this.#reserve(1);
    this.#at = writeVarint(this.#out, this.#at, 0);
  }

  bytes(): Uint8Array {
    return this.#out.slice(0, this.#at);
  }

  #literals(from: number, to: number): void {
    this.#reserve(4 + to - from);
    this.#at = writeVarint(this.#out, this.#at, to - from);
    this.#out.set(this.#page.subarray(from, to), this.#at);
    this.#at += to - from;
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#out.length) return;
    const wider = new Uint8Array(Math.max(this.#out.length * 2, this.#at + more));
    wider.set(this.#out);
    this.#out = wider;
  }
}

/** Small for small differences of either sign: 0, -1, 1, -2 … become 0, 1, 2, 3 … */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

function windowHash(view: DataView, at: number): number {
  const mixed = Math.imul(view.getInt32(at, true), 0x9e3779b1) ^ Math.imul(view.getInt32(at + 4, true), 0x85ebca6b);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2545f491) >>> (32 - TABLE_BITS);
}

/** How many bytes agree from `a` and from `b` on; 0 when `a` is outside. */
function common(aView: DataView, a: number, bView: DataView, b: number): number {
  if (a < 0 || a >= aView.byteLength) return 0;
  const most = Math.min(aView.byteLength - a, bView.byteLength - b);
  let n = 0;
  while (n + 4 <= most && aView.getInt32(a + n, true) === bView.getInt32(b + n, true)) n += 4;
  while (n < most && aView.getUint8(a + n) === bView.getUint8(b + n)) n++;
  return n;
}
