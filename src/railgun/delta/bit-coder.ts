/**
 * Binary arithmetic coding with adaptive probabilities: the lowest layer of the hybrid codec.
 *
 * Encoder and decoder share one method, `bit(slots, at, bit)`: the encoder writes the bit it is given, the decoder
 * ignores that argument and returns the bit it reads. So a model is written once and cannot differ between the ends.
 * Integers only (31-bit range, 32-bit low): the same bytes on every machine. Knows nothing of pages or tokens;
 * the contexts are in `model.ts`.
 *
 *   slot (31 bits):  pppppppp pppppppp pppppp nnnnnnnnn     22 bits: chance that the next bit is 1; 9 bits: times seen
 */

/** A slot that has seen nothing: chance one half. */
export const FRESH = 1 << 30;

/** After this many sightings a slot stops settling and keeps following: measured flat between 20 and 120. */
const MEMORY = 60;

/** Step of the update after n sightings, as 2^15 / (n + 1.6): the first bit moves a fresh slot most of the way. */
const STEP = new Int32Array(MEMORY + 1);
for (let n = 0; n <= MEMORY; n++) STEP[n] = Math.floor(32768 / (n + 1.6));

const ONE = (1 << 22) - 1;

/** The slot after it has seen `bit`. */
export function learned(slot: number, bit: number): number {
  const n = slot & 511;
  const p = slot >>> 9;
  const step = STEP[n]!;
  const next = bit === 0 ? p - (((p >> 7) * step) >> 8) : p + ((((ONE - p) >> 7) * step) >> 8);
  return (next << 9) | (n < MEMORY ? n + 1 : n);
}

export interface BitCoder {
  /** Code `bit` (0 or 1) with the chance in `slots[at]`, teach the slot, return the bit. */
  bit(slots: Int32Array, at: number, bit: number): number;
  /** Code `bit` with the given chance of a 1, in 1/4096, from 1 to 4095. */
  chance(p12: number, bit: number): number;
  /** Code `count` bits (0 to 24) of `value` that follow no pattern, highest first. */
  plain(count: number, value: number): number;
}

/** Below this the range is scaled up by one byte. */
const BOTTOM = 1 << 23;
const WHOLE = 0x7fffffff;
/** Plain bits coded in one step, so that the range stays wide enough. */
const PLAIN_AT_ONCE = 8;

/** Bytes that the decoder holds before the first decision: as many may be missing at the end. */
export const READ_AHEAD = 4;

export class BitEncoder implements BitCoder {
  #out = new Uint8Array(4096);
  #at = 0;
  #low = 0;
  #range = WHOLE;

  start(): void {
    this.#at = 0;
    this.#low = 0;
    this.#range = WHOLE;
  }

  bit(slots: Int32Array, at: number, bit: number): number {
    const slot = slots[at]!;
    slots[at] = learned(slot, bit);
    return this.chance((slot >>> 19) | 1, bit);
  }

  chance(p12: number, bit: number): number {
    const bound = Math.imul(this.#range >>> 12, p12);
    if (bit === 0) {
      this.#low += bound;
      this.#range -= bound;
    } else this.#range = bound;
    while (this.#range < BOTTOM) this.#shift();
    return bit;
  }

  plain(count: number, value: number): number {
    for (let left = count; left > 0; ) {
      const part = left < PLAIN_AT_ONCE ? left : PLAIN_AT_ONCE;
      left -= part;
      this.#range >>>= part;
      this.#low += this.#range * ((value >> left) & ((1 << part) - 1));
      while (this.#range < BOTTOM) this.#shift();
    }
    return value;
  }

  /** Bytes written so far, good enough to give up early. */
  get size(): number {
    return this.#at;
  }

  /** The shortest bytes that decode to what was coded; the reader takes zeros after the end. */
  finish(): Uint8Array {
    const top = this.#low + this.#range - 1;
    for (let keep = 1; keep <= 4; keep++) {
      const unit = 2 ** (32 - 8 * keep);
      const value = Math.ceil(this.#low / unit) * unit;
      if (value <= top) {
        this.#low = value;
        break;
      }
    }
    for (let n = 0; n < 4; n++) this.#shift();
    // Zeros at the end need not be sent: the decoder takes as many as it reads ahead for granted, and no more.
    let end = this.#at;
    const least = Math.max(0, end - READ_AHEAD);
    while (end > least && this.#out[end - 1] === 0) end--;
    return this.#out.slice(0, end);
  }

  #shift(): void {
    if (this.#low >= 2 ** 32) {
      this.#low -= 2 ** 32;
      let back = this.#at - 1;
      while (this.#out[back] === 255) this.#out[back--] = 0;
      this.#out[back]!++;
    }
    if (this.#at === this.#out.length) {
      const wider = new Uint8Array(this.#out.length * 2);
      wider.set(this.#out);
      this.#out = wider;
    }
    const byte = Math.floor(this.#low / 2 ** 24);
    this.#out[this.#at++] = byte;
    this.#low = (this.#low - byte * 2 ** 24) * 256;
    this.#range = (this.#range << 8) & WHOLE;
  }
}

export class BitDecoder implements BitCoder {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #code = 0;
  #range = WHOLE;

  /** A set top bit cannot come from our encoder: `false`. */
  start(bytes: Uint8Array): boolean {
    this.#bytes = bytes;
    this.#at = 0;
    this.#range = WHOLE;
    this.#code = 0;
    for (let n = 0; n < 4; n++) this.#code = (this.#code << 8) | this.#next();
    return this.#code >= 0 && this.#code < WHOLE;
  }

  bit(slots: Int32Array, at: number): number {
    const slot = slots[at]!;
    const bit = this.chance((slot >>> 19) | 1);
    slots[at] = learned(slot, bit);
    return bit;
  }

  chance(p12: number): number {
    const bound = Math.imul(this.#range >>> 12, p12);
    let bit = 1;
    if (this.#code < bound) this.#range = bound;
    else {
      this.#code -= bound;
      this.#range -= bound;
      bit = 0;
    }
    while (this.#range < BOTTOM) {
      this.#range <<= 8;
      this.#code = (this.#code << 8) | this.#next();
    }
    return bit;
  }

  plain(count: number): number {
    let value = 0;
    for (let left = count; left > 0; ) {
      const part = left < PLAIN_AT_ONCE ? left : PLAIN_AT_ONCE;
      left -= part;
      const unit = this.#range >>> part;
      // The rounding of `unit` leaves a sliver above the last value that our encoder never uses.
      if (this.#code >>> part >= unit) this.#code = (unit << part) - 1;
      const bits = Math.floor(this.#code / unit);
      this.#code -= bits * unit;
      this.#range = unit;
      while (this.#range < BOTTOM) {
        this.#range <<= 8;
        this.#code = (this.#code << 8) | this.#next();
      }
      value = (value << part) | bits;
    }
    return value;
  }

  /** How many bytes past the end were taken as zeros; more than four means that the input was cut. */
  get missing(): number {
    return Math.max(0, this.#at - this.#bytes.length);
  }

  /** Bytes that were never read: not ours. */
  get unread(): number {
    return Math.max(0, this.#bytes.length - this.#at);
  }

  #next(): number {
    const at = this.#at++;
    return at < this.#bytes.length ? this.#bytes[at]! : 0;
  }
}
