/**
 * Coarse classes of bytes, and where a word or number ends: all that the hybrid codec knows about text. Works on raw
 * bytes (UTF-8, Latin-1 or none of both): a wrong guess costs bits, never correctness.
 */

export const OTHER = 0;
export const DIGIT = 1;
export const LOWER = 2;
export const UPPER = 3;
export const SPACE = 4;
export const QUOTE = 5;
export const HIGH = 6;
export const MARKUP = 7;

export const CLASS = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) CLASS[byte] = classOf(byte);

function classOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return DIGIT;
  if (byte >= 0x61 && byte <= 0x7a) return LOWER;
  if (byte >= 0x41 && byte <= 0x5a) return UPPER;
  if (byte === 0x20 || byte === 0x0a) return SPACE;
  if (byte === 0x22 || byte === 0x27) return QUOTE;
  if (byte === 0x3c || byte === 0x3e || byte === 0x2f) return MARKUP;
  return byte >= 0x80 ? HIGH : OTHER;
}

/** Bytes of a token: letters, digits, everything above ASCII, and `-` `.` `_` (dates, decimals, uuids, slugs). */
const IN_TOKEN = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const kind = CLASS[byte]!;
  const inside =
    kind === DIGIT || kind === LOWER || kind === UPPER || kind === HIGH || '-._'.includes(String.fromCharCode(byte));
  IN_TOKEN[byte] = inside ? 1 : 0;
}

/** Longest token that is followed to its end: a uuid has 36 bytes, a SHA-256 in hex 64 (then the guess is lost). */
const TOKEN_REACH = 48;

/** The first byte at or after `at` that is no part of a token. */
export function tokenEnd(bytes: Uint8Array, at: number): number {
  const reach = Math.min(bytes.length, at + TOKEN_REACH);
  let end = at;
  while (end < reach && IN_TOKEN[bytes[end]!] === 1) end++;
  return end;
}
