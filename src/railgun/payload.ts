/**
 * Reading and writing the insides of a frame: bytes, numbers, texts with a length before them. The reader never throws: after the
 * first thing that does not fit, `ok` is false and everything reads as empty, so a parser asks once, at its end.
 *
 * Texts are latin1: one character per byte, so that whatever bytes a visitor sent arrive unchanged (RG-028).
 */
import { readVarint, varintLength, varintLengthFrom, writeVarint } from './varint.ts';

const EMPTY = new Uint8Array(0);

export class PayloadReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #ok = true;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get ok(): boolean {
    return this.#ok;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    return this.take(1)[0] ?? 0;
  }

  uint16(): number {
    const two = this.take(2);
    return ((two[0] ?? 0) << 8) | (two[1] ?? 0);
  }

  varint(): number {
    const value = this.#ok ? readVarint(this.#bytes, this.#at, this.#bytes.length) : -1;
    if (value < 0) {
      this.#ok = false;
      return 0;
    }
    this.#at += varintLengthFrom(this.#bytes[this.#at] ?? 0);
    return value;
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    if (!this.#ok || length > this.left) {
      this.#ok = false;
      return EMPTY;
    }
    const view = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return view;
  }

  /** A varint length, at most `limit`, then that many bytes. */
  block(limit: number): Uint8Array {
    const length = this.varint();
    if (length > limit) this.#ok = false;
    return this.take(length);
  }

  text(limit: number): string {
    return latin1(this.block(limit));
  }

  rest(): Uint8Array {
    return this.take(this.left);
  }
}

export class PayloadWriter {
  #bytes = new Uint8Array(512);
  #at = 0;

  byte(value: number): this {
    this.#room(1);
    this.#bytes[this.#at] = value;
    this.#at += 1;
    return this;
  }

  uint16(value: number): this {
    return this.byte(value >> 8).byte(value & 0xff);
  }

  varint(value: number): this {
    this.#room(varintLength(value));
    this.#at = writeVarint(this.#bytes, this.#at, value);
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  block(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  text(value: string): this {
    return this.block(fromLatin1(value));
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  #room(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + length));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** Bytes of a text that has no character above 0xFF. */
export function fromLatin1(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** Memory of its own. (`slice` of a Buffer is no copy.) */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** The pieces as one array; a single piece comes back as it is. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
}
