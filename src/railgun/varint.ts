/**
 * QUIC's variable-length integers (RFC 9000 section 16), in their shortest form only: a value has one encoding, so a fuzzer
 * finds one meaning. Eight-byte forms above 2^53 - 1 are refused, as a JavaScript number cannot hold them.
 *
 *   00vvvvvv                      6 bits
 *   01vvvvvv vvvvvvvv            14 bits
 *   10vvvvvv … (4 bytes)         30 bits
 *   11vvvvvv … (8 bytes)         62 bits
 */
import { assert } from '../core/assert.ts';

/** `readVarint` found fewer bytes than the first one promises. */
export const INCOMPLETE = -1;
/** Longer than needed, or larger than a number can hold. */
export const MALFORMED = -2;

/** Bytes that `value` takes: 1, 2, 4 or 8. */
export function varintLength(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x4000_0000) return 4;
  return 8;
}

/** Bytes of the varint that starts with `first`. */
export function varintLengthFrom(first: number): number {
  return 1 << (first >> 6);
}

/** Writes `value` at `offset` and returns the offset behind it. The room must be there. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, `a varint is a whole number from 0, not ${value}`);
  const length = varintLength(value);
  let rest = value;
  for (let at = offset + length - 1; at >= offset; at -= 1) {
    target[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  const prefix = length === 1 ? 0 : length === 2 ? 0x40 : length === 4 ? 0x80 : 0xc0;
  target[offset] = (target[offset] ?? 0) | prefix;
  return offset + length;
}

/** The value at `offset`, or INCOMPLETE, or MALFORMED. Its length is `varintLengthFrom(source[offset])`. */
export function readVarint(source: Uint8Array, offset: number, end: number): number {
  if (offset >= end) return INCOMPLETE;
  const first = source[offset] ?? 0;
  const length = 1 << (first >> 6);
  if (length === 1) return first;
  if (offset + length > end) return INCOMPLETE;
  let value = first & 0x3f;
  for (let at = offset + 1; at < offset + length; at += 1) value = value * 256 + (source[at] ?? 0);
  return value > Number.MAX_SAFE_INTEGER || varintLength(value) !== length ? MALFORMED : value;
}
