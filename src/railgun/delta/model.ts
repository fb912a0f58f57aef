/**
 * What the hybrid codec believes about the next literal or copy. One method per symbol serves both ends (see
 * `bit-coder.ts`), so what the encoder assumes and what the decoder assumes cannot drift apart.
 *
 * A page is a list of tokens: literal bytes, copies out of the old page, copies out of `history` (what was literal or
 * short in this page: new text repeats itself, the long copies between would only make distances longer).
 *
 * Where does a copy start in the old page? Nearly always where the last one broke off, so places are named by habit:
 *
 *   old:  …"price": 129.90, "seller"…          main = end of the last copy that counts (|)
 *                     |    ^
 *   new:  …"price": 131.5, "seller"…
 *
 *   straight   as far after `main` as we are in the page: text was replaced by text of the same length
 *   token end  where the word or number under `main` ends: it was replaced by another one, longer or shorter
 *   history    a distance back in `history`
 *   stray      straight on from the last copy that did not count as main
 *   near       a signed distance from `main` or from the stray place
 *
 * Lengths below LONG are not numbers but a yes or no after each byte, judged by the two characters it would part.
 * Knows nothing of how the encoder finds its copies (`parse.ts`), nor of the frame around the bits (`hybrid.ts`).
 */
import type { BitCoder } from './bit-coder.ts';
import { FRESH, learned } from './bit-coder.ts';
import { SQUASH, STRETCH } from './logistic.ts';
import { CLASS, tokenEnd } from './text-class.ts';

/** Copies of at least this many bytes have their length written as a number. */
export const LONG = 32;
/** A copy of at least this many bytes moves `main`; a shorter one is borrowed text. */
export const MAIN = 16;
/** A copy up to this length enters `history` whole, a longer one with half of it at each end. */
export const REMEMBERED = 64;
/** Bytes of history kept: addresses stay short and a hostile delta cannot make the table grow. */
export const HISTORY = 1 << 18;

/** Slots of one number: 32 for its magnitude, 8 for the top bits of each magnitude. */
const NUMBER = 32 + 32 * 8;
/** Numbers of 2^24 and more cannot be places or lengths: bodies are limited to far less. */
const MAX_MAGNITUDE = 24;

const FIELD_BITS = 16;
const FIELD_MASK = (1 << FIELD_BITS) - 1;
/** Literals whose rows are remembered and cleared one by one; with more, clearing everything is as fast. */
const FEW = 1_024;
/** How far back from a byte the word is sought that names its field. */
const FIELD_REACH = 24;

/** Where a copy comes from, for its length's contexts. */
const AS_MAIN = 0;
const AS_NEAR = 1;
const AS_STRAY = 2;
const AS_HISTORY = 3;

const NOTHING = new Uint8Array(0);

export class Model {
  readonly #flag = new Int32Array(512);
  readonly #kind = new Int32Array(32 * 8);
  readonly #long = new Int32Array(64);
  readonly #stop = new Int32Array(1024);
  readonly #length = new Int32Array(4 * NUMBER);
  readonly #place = new Int32Array(9 * NUMBER);
  readonly #order0 = new Int32Array(256);
  readonly #order1 = new Int32Array(1 << 16);
  readonly #field = new Int32Array(1 << FIELD_BITS);
  readonly #weights = new Int32Array(3);
  /** Of the first literals: the row of `#order1` and the two of `#field` that they moved. All, before the first page. */
  readonly #touched = new Int32Array(3 * FEW);
  #literals = FEW + 1;

  readonly history = new Uint8Array(HISTORY);
  historyLength = 0;

  #old: Uint8Array = NOTHING;
  #page: Uint8Array = NOTHING;
  #main = 0;
  #mainAt = 0;
  #mainTokenEnd = 0;
  #stray = 0;
  #strayAt = 0;
  #run = 0;
  #state = 0;
  #relation = 0;

  /** The copy that `copy` has just coded. */
  from = 0;
  length = 0;
  fromHistory = false;

  /** Forget everything and begin a page; `page` is complete (encoder) or being filled (decoder), its length is final. */
  start(old: Uint8Array, page: Uint8Array): void {
    this.#old = old;
    this.#page = page;
    for (const slots of [this.#flag, this.#kind, this.#long, this.#stop, this.#length, this.#place]) slots.fill(FRESH);
    this.#forgetLiterals();
    this.#weights.fill(26_214);
    this.historyLength = 0;
    this.#main = this.#mainAt = this.#stray = this.#strayAt = this.#run = this.#state = 0;
    this.#mainTokenEnd = tokenEnd(old, 0);
  }

  /** The page is done: keep no hold on it. */
  end(): void {
    this.#old = this.#page = NOTHING;
  }

  /** Half a megabyte of slots, of which a small delta has touched a few rows: only these, where they are known. */
  #forgetLiterals(): void {
    const order1 = this.#order1;
    const field = this.#field;
    const touched = this.#touched;
    this.#order0.fill(FRESH);
    if (this.#literals > FEW) {
      order1.fill(FRESH);
      field.fill(FRESH);
    } else {
      for (let n = 0; n < 3 * this.#literals; n += 3) {
        const row = touched[n]!;
        const high = touched[n + 1]!;
        const low = touched[n + 2]!;
        // The first bit of a byte always moves slot 1 of its row: a row where that is fresh has been cleared already.
        if (order1[row + 1] !== FRESH) order1.fill(FRESH, row, row + 256);
        for (let slot = 0; slot < 16; slot++) {
          field[high + slot] = FRESH;
          field[low + slot] = FRESH;
        }
      }
    }
    this.#literals = 0;
  }

  /** Is the token at `at` a copy (1) or a literal (0)? */
  isCopy(coder: BitCoder, at: number, copy: number): number {
    const token = this.#mainTokenEnd - this.#main;
    const since = at - this.#mainAt;
    if (token === 0) this.#relation = this.#run === 0 ? 0 : 1;
    else this.#relation = since < token - 1 ? 0 : since === token - 1 ? 1 : since === token ? 2 : 3;
    const before = at > 0 ? CLASS[this.#page[at - 1]!]! : 0;
    const run = this.#run < 3 ? this.#run : 3;
    return coder.bit(this.#flag, ((this.#state * 8 + before) * 4 + this.#relation) * 4 + run, copy);
  }

  /** One byte, judged by all bytes so far, by the byte before it, and by the word before it (its JSON key, its tag). */
  literal(coder: BitCoder, at: number, byte: number): number {
    const page = this.#page;
    const order0 = this.#order0;
    const order1 = this.#order1;
    const field = this.#field;
    const weights = this.#weights;
    const base1 = at > 0 ? page[at - 1]! << 8 : 0;
    let baseField = fieldHash(page, at) & ~15;
    const nth = this.#literals++;
    if (nth < FEW) {
      this.#touched[3 * nth] = base1;
      this.#touched[3 * nth + 1] = baseField;
    }
    let w0 = weights[0]!;
    let w1 = weights[1]!;
    let w2 = weights[2]!;
    let node = 1;
    for (let k = 7; k >= 0; k--) {
      const at1 = base1 | node;
      if (k === 3) {
        baseField = (baseField ^ Math.imul(node, 0x9e350)) & FIELD_MASK;
        if (nth < FEW) this.#touched[3 * nth + 2] = baseField;
      }
      const atField = baseField + (k > 3 ? node : (node & ((1 << (3 - k)) - 1)) | (1 << (3 - k)));
      const slot0 = order0[node]!;
      const slot1 = order1[at1]!;
      const slotField = field[atField]!;
      const x0 = STRETCH[slot0 >>> 19]!;
      const x1 = STRETCH[slot1 >>> 19]!;
      const x2 = STRETCH[slotField >>> 19]!;
      let dot = (Math.imul(w0, x0) + Math.imul(w1, x1) + Math.imul(w2, x2)) >> 16;
      if (dot > 2047) dot = 2047;
      else if (dot < -2047) dot = -2047;
      const p = SQUASH[dot + 2048]!;
      const bit = coder.chance(p, (byte >> k) & 1);
      const miss = ((bit << 12) - p) * 4;
      w0 += Math.imul(x0, miss) >> 12;
      w1 += Math.imul(x1, miss) >> 12;
      w2 += Math.imul(x2, miss) >> 12;
      order0[node] = learned(slot0, bit);
      order1[at1] = learned(slot1, bit);
      field[atField] = learned(slotField, bit);
      node = (node << 1) | bit;
    }
    weights[0] = w0;
    weights[1] = w1;
    weights[2] = w2;
    this.#run++;
    const result = node & 255;
    if (this.historyLength < HISTORY) this.history[this.historyLength++] = result;
    return result;
  }

  /**
   * One copy to `at`. The encoder says where from and how long; afterwards `from`, `length` and `fromHistory` hold what
   * was coded. False: no such place or length (only a foreign or damaged delta can say so). Always follows `isCopy`,
   * and is followed by `copied`.
   */
  copy(coder: BitCoder, at: number, from: number, length: number, fromHistory: boolean): boolean {
    const old = this.#old;
    const straight = this.#main + at - this.#mainAt;
    const context =
      ((this.#run < 3 ? this.#run : 3) * 4 + this.#relation + (this.#mainTokenEnd === this.#main ? 16 : 0)) * 8;
    const kind = this.#kind;
    let as: number;
    this.fromHistory = false;
    if (coder.bit(kind, context, !fromHistory && from === straight ? 1 : 0) === 1) {
      this.from = straight;
      as = AS_MAIN;
    } else if (
      this.#mainTokenEnd !== straight &&
      coder.bit(kind, context + 1, !fromHistory && from === this.#mainTokenEnd ? 1 : 0) === 1
    ) {
      this.from = this.#mainTokenEnd;
      as = AS_MAIN;
    } else if (coder.bit(kind, context + 2, fromHistory ? 1 : 0) === 1) {
      const back = this.#number(coder, this.#place, 0, this.historyLength - from - 1);
      if (back < 0 || back >= this.historyLength) return false;
      this.from = this.historyLength - 1 - back;
      this.fromHistory = true;
      as = AS_HISTORY;
    } else as = this.#awayFromMain(coder, at, from, context);
    const source = this.fromHistory ? this.history : old;
    const sourceLength = this.fromHistory ? this.historyLength : old.length;
    if (as < 0 || this.from < 0 || this.from >= sourceLength) return false;
    return this.#codeLength(coder, at, source, sourceLength, as, length);
  }

  /** The page now holds the copy: move the places, remember the text. */
  copied(at: number): void {
    const { length, from } = this;
    const end = at + length;
    if (this.fromHistory) this.#state = 2;
    else {
      const counts = length >= MAIN || this.#countsAsMain;
      this.#stray = from + length;
      this.#strayAt = end;
      if (counts) {
        this.#main = this.#stray;
        this.#mainAt = end;
        this.#mainTokenEnd = tokenEnd(this.#old, this.#main);
      }
      this.#state = length > LONG ? 3 : 1;
    }
    this.#run = 0;
    if (length <= REMEMBERED) this.#remember(at, end);
    else {
      this.#remember(at, at + REMEMBERED / 2);
      this.#remember(end - REMEMBERED / 2, end);
    }
  }

  #countsAsMain = false;

  #awayFromMain(coder: BitCoder, at: number, from: number, context: number): number {
    const kind = this.#kind;
    let base = this.#main;
    let stray = 0;
    if (this.#stray !== this.#main) {
      const straight = this.#stray + at - this.#strayAt;
      if (coder.bit(kind, context + 3, from === straight ? 1 : 0) === 1) {
        this.from = straight;
        return AS_STRAY;
      }
      const closer = Math.abs(from - this.#stray) * 4 < Math.abs(from - this.#main);
      stray = coder.bit(kind, context + 4, closer ? 1 : 0);
      if (stray === 1) base = this.#stray;
    }
    const away = from - base;
    if (coder.bit(kind, context + 5, away === 0 ? 1 : 0) === 1) this.from = base;
    else {
      const back = coder.bit(kind, context + 6, away < 0 ? 1 : 0);
      const set = 1 + stray * 4 + (this.#run > 0 ? 2 : 0) + back;
      const far = this.#number(coder, this.#place, set * NUMBER, Math.abs(away) - 1);
      if (far < 0) return -1;
      this.from = back === 1 ? base - far - 1 : base + far + 1;
    }
    return AS_NEAR;
  }

  #codeLength(
    coder: BitCoder,
    at: number,
    source: Uint8Array,
    sourceLength: number,
    as: number,
    length: number,
  ): boolean {
    this.#countsAsMain = as === AS_MAIN;
    const from = this.from;
    const room = this.#page.length - at;
    const most = Math.min(room, sourceLength - from);
    const least = as === AS_MAIN ? 1 : 2;
    if (most < least) return false;
    if (most >= LONG && coder.bit(this.#long, as * 8 + this.#state, length >= LONG ? 1 : 0) === 1) {
      if (sourceLength - from === room && coder.bit(this.#long, 32 + as, length === room ? 1 : 0) === 1) {
        this.length = room;
        return true;
      }
      const more = this.#number(coder, this.#length, as * NUMBER, length - LONG);
      this.length = more + LONG;
      return more >= 0 && this.length <= most;
    }
    const stop = this.#stop;
    const bank = as === AS_MAIN ? 512 : 0;
    const end = Math.min(most, LONG - 1);
    let n = least;
    while (n < end && coder.bit(stop, bank + stopContext(source, from, n), n === length ? 1 : 0) === 0) n++;
    this.length = n;
    return true;
  }

  /** A whole number from 0: its magnitude, the three bits below the leading one, the rest plain. -1: too large. */
  #number(coder: BitCoder, slots: Int32Array, base: number, value: number): number {
    const v = value + 1;
    const size = 31 - Math.clz32(v);
    let magnitude = 0;
    for (let k = 4, node = 1; k >= 0; k--) {
      const bit = coder.bit(slots, base + node, (size >> k) & 1);
      node = (node << 1) | bit;
      magnitude = (magnitude << 1) | bit;
    }
    if (magnitude > MAX_MAGNITUDE) return -1;
    let result = 1;
    let left = magnitude;
    for (let node = 1; left > 0 && node < 8; ) {
      left--;
      const bit = coder.bit(slots, base + 32 + magnitude * 8 + node, (v >> left) & 1);
      node = (node << 1) | bit;
      result = (result << 1) | bit;
    }
    if (left > 0) result = result * 2 ** left + coder.plain(left, v & ((1 << left) - 1));
    return result - 1;
  }

  #remember(from: number, to: number): void {
    const page = this.#page;
    const history = this.history;
    let length = this.historyLength;
    const end = Math.min(to, from + HISTORY - length);
    for (let at = from; at < end; at++) history[length++] = page[at]!;
    this.historyLength = length;
  }
}

/** The two characters that would be parted if a copy ended after `n` bytes, and roughly how long it is by then. */
export function stopContext(source: Uint8Array, from: number, n: number): number {
  const place = n >> 1;
  return (CLASS[source[from + n]!]! * 8 + CLASS[source[from + n - 1]!]!) * 8 + (place < 7 ? place : 7);
}

/** Names the field that the byte at `at` belongs to: the last letters before it, and how far back they are. */
function fieldHash(page: Uint8Array, at: number): number {
  let p = at - 1;
  const reach = at - FIELD_REACH;
  while (p > 0 && p >= reach && !isLetter(page[p]!)) p--;
  const distance = at - 1 - p;
  let hash = distance < 15 ? distance : 15;
  for (let n = 0; n < 4 && p >= 0; n++, p--) hash = Math.imul(hash, 0x01000193) ^ page[p]!;
  return Math.imul(hash, 0x27d4eb2f) >>> (32 - FIELD_BITS);
}

function isLetter(byte: number): boolean {
  const lower = byte | 32;
  return lower >= 97 && lower <= 122;
}
