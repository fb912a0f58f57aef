/**
 * Byte classes of RFC 9110 and 9112 as lookup tables. One load per byte is the whole cost of strictness, so the
 * parsers can afford to look at every byte they let through.
 */

export const TAB = 9;
export const LF = 10;
export const CR = 13;
export const SP = 32;
export const COLON = 58;
export const SEMICOLON = 59;

/** For a `tchar` (RFC 9110 5.6.2) its lower-case code, else 0. */
export const TOKEN = new Uint8Array(256);
/** 1 for what a field value may hold: HTAB, SP, VCHAR, obs-text (RFC 9110 5.5). */
export const FIELD_TEXT = new Uint8Array(256);
/**
 * 1 for what a request target may hold. Wider than RFC 3986 by the marks that browsers send unescaped in a query
 * (`| ^ { }` and their like); no space, no `#`, no control, nothing above 0x7e.
 */
export const TARGET_TEXT = new Uint8Array(256);
/** Value of a hexadecimal digit plus one, else 0. */
export const HEX = new Uint8Array(256);

for (let c = 0; c < 256; c++) {
  const ch = String.fromCharCode(c);
  if (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(ch)) TOKEN[c] = ch.toLowerCase().charCodeAt(0);
  FIELD_TEXT[c] = c === TAB || (c >= SP && c !== 0x7f) ? 1 : 0;
  TARGET_TEXT[c] = c > SP && c < 0x7f && ch !== '#' ? 1 : 0;
  if (/[0-9a-fA-F]/.test(ch)) HEX[c] = Number.parseInt(ch, 16) + 1;
}
