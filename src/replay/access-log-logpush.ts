/**
 * One line of a Logpush NDJSON file (HTTP requests dataset): walks the top-level keys and notes where the wanted values are.
 * `JSON.parse` would build an object of some seventy fields per line to read nine of them.
 *
 * What is skipped is skipped by its brackets and quotes alone, so a line with a mistake inside an unwanted value still counts;
 * a line that is JSON reads as `JSON.parse` would read it
 * (keys with escapes and numbers with exponents excepted, which the service does not write).
 */
import { type Micros, US_PER_SECOND } from '../core/time.ts';
import {
  type BrokenReason,
  digits,
  type LineFields,
  MAX_CLIENT_BYTES,
  readFraction,
  splitUrl,
  startOfDay,
  validClock,
} from './access-log-clf.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

const CLIENT = 1;
const TIME = 2;
const POP = 3;
const COUNTRY = 4;
const METHOD = 5;
const HOST = 6;
const TARGET = 7;
const STATUS = 8;
const SIZE = 9;
const OUTCOME = 10;

const WANTED: readonly (readonly [string, number])[] = [
  ['ClientIP', CLIENT],
  ['EdgeStartTimestamp', TIME],
  ['EdgeColoCode', POP],
  ['ClientCountry', COUNTRY],
  ['ClientRequestMethod', METHOD],
  ['ClientRequestHost', HOST],
  ['ClientRequestURI', TARGET],
  ['EdgeResponseStatus', STATUS],
  ['EdgeResponseBytes', SIZE],
  ['outcome', OUTCOME],
];

const LONGEST = 19;
const NAMES: readonly Uint8Array[] = WANTED.map(([name]) => new TextEncoder().encode(name));
/** Length and last letter tell the wanted keys apart; nearly every other key fails already here. 0 = not wanted. */
const BY_ENDING = new Uint8Array((LONGEST + 1) * 256);
for (const [name, key] of WANTED) BY_ENDING[name.length * 256 + name.charCodeAt(name.length - 1)] = key;

/** What `serve` logs of what came to it and was no request: another edge would refuse it as well. */
const REFUSED = new TextEncoder().encode('"refused"');

/**
 * Fills `fields`; a reason when the line is broken, `nothing_asked` when it is whole but holds no request. Values that are absent or null
 * keep start = end.
 */
export function readLogpushLine(
  bytes: Uint8Array,
  start: number,
  end: number,
  fields: LineFields,
): BrokenReason | 'nothing_asked' | undefined {
  fields.clientStart = fields.clientEnd = start;
  fields.hostStart = fields.hostEnd = start;
  fields.methodStart = fields.methodEnd = start;
  fields.targetStart = fields.targetEnd = start;
  fields.popStart = fields.popEnd = start;
  fields.countryStart = fields.countryEnd = start;
  fields.status = 0;
  fields.size = 0;
  let time: BrokenReason | undefined = 'no_time';
  let refused = false;
  let at = blank(bytes, start + 1, end);
  if (bytes[at] === 0x7d) return at + 1 === end ? 'no_client' : 'not_json';
  for (;;) {
    if (at >= end || bytes[at] !== QUOTE) return 'not_json';
    const nameStart = at + 1;
    const nameEnd = closingQuote(bytes, nameStart, end);
    if (nameEnd === -1) return 'not_json';
    at = blank(bytes, nameEnd + 1, end);
    if (at >= end || bytes[at] !== COLON) return 'not_json';
    at = blank(bytes, at + 1, end);
    const valueStart = at;
    at = skipValue(bytes, at, end);
    if (at === -1) return 'not_json';
    const key = keyOf(bytes, nameStart, nameEnd);
    if (key === TIME) time = readTime(bytes, valueStart, at, fields);
    else if (key === OUTCOME) refused = isText(REFUSED, bytes, valueStart, at);
    else if (key !== 0) note(key, bytes, valueStart, at, fields);
    at = blank(bytes, at, end);
    if (bytes[at] === COMMA && at < end) {
      at = blank(bytes, at + 1, end);
      continue;
    }
    if (at >= end || bytes[at] !== 0x7d || blank(bytes, at + 1, end) !== end) return 'not_json';
    break;
  }
  const client = fields.clientEnd - fields.clientStart;
  if (client === 0 || client > MAX_CLIENT_BYTES) return 'no_client';
  if (time !== undefined) return time;
  if (refused) return 'nothing_asked';
  splitUrl(bytes, fields);
  return undefined;
}

/** A wanted value: its place for texts (without the quotes), itself for numbers. Values of another kind count as absent. */
function note(key: number, bytes: Uint8Array, start: number, end: number, fields: LineFields): void {
  const quoted = bytes[start] === QUOTE;
  if (key === STATUS || key === SIZE) {
    const value = quoted ? wholeNumber(bytes, start + 1, end - 1) : wholeNumber(bytes, start, end);
    if (key === STATUS) fields.status = value <= 999 ? value : 0;
    else fields.size = value;
    return;
  }
  const from = quoted ? start + 1 : start;
  const to = quoted ? end - 1 : start;
  switch (key) {
    case CLIENT:
      fields.clientStart = from;
      fields.clientEnd = to;
      break;
    case POP:
      fields.popStart = from;
      fields.popEnd = to;
      break;
    case COUNTRY:
      fields.countryStart = from;
      fields.countryEnd = to;
      break;
    case METHOD:
      fields.methodStart = from;
      fields.methodEnd = to;
      break;
    case HOST:
      fields.hostStart = from;
      fields.hostEnd = to;
      break;
    default:
      fields.targetStart = from;
      fields.targetEnd = to;
  }
}

/**
 * `EdgeStartTimestamp` in any of its forms: RFC 3339 text, or a number that says by its size whether it counts ns (19 digits),
 * µs, ms or s. Digit by digit, since 19 digits do not fit a double.
 */
function readTime(bytes: Uint8Array, start: number, end: number, fields: LineFields): BrokenReason | undefined {
  const quoted = bytes[start] === QUOTE;
  const from = quoted ? start + 1 : start;
  const to = quoted ? end - 1 : end;
  let at = from;
  while (at < to && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++;
  if (quoted && at - from === 4 && bytes[at] === 0x2d) return readRfc3339(bytes, from, to, fields);
  const count = at - from;
  if (count === 0 || count > 19) return 'bad_time';
  // Whole µs: cut off what is finer, add what is coarser.
  const fineDigits = count > 17 ? 3 : 0;
  const unit = count > 17 || count > 14 ? 1 : count > 11 ? 1_000 : US_PER_SECOND;
  let value = digits(bytes, from, count - fineDigits, to) * unit;
  if (at < to) {
    const fraction = readFraction(bytes, at, to);
    if (fraction === undefined || fraction.length === 0 || at + fraction.length !== to) return 'bad_time';
    if (unit > 1) value += Math.floor(fraction.us / (US_PER_SECOND / unit));
  }
  if (value > Number.MAX_SAFE_INTEGER) return 'bad_time';
  fields.atUs = value as Micros;
  return undefined;
}

/** `2019-04-10T08:12:55Z`, with decimals or an offset. */
function readRfc3339(bytes: Uint8Array, start: number, end: number, fields: LineFields): BrokenReason | undefined {
  const dayStart = startOfDay(
    digits(bytes, start, 4, end),
    digits(bytes, start + 5, 2, end),
    digits(bytes, start + 8, 2, end),
  );
  const hour = digits(bytes, start + 11, 2, end);
  const minute = digits(bytes, start + 14, 2, end);
  const second = digits(bytes, start + 17, 2, end);
  const separators =
    bytes[start + 7] === 0x2d &&
    (bytes[start + 10]! | 0x20) === 0x74 &&
    bytes[start + 13] === COLON &&
    bytes[start + 16] === COLON;
  if (dayStart === undefined || !separators || !validClock(hour, minute, second)) return 'bad_time';
  const fraction = readFraction(bytes, start + 19, end);
  if (fraction === undefined) return 'bad_time';
  const at = start + 19 + fraction.length;
  let offset = 0;
  if ((bytes[at]! | 0x20) === 0x7a) {
    if (at + 1 !== end) return 'bad_time';
  } else {
    const zoneHours = digits(bytes, at + 1, 2, end);
    const zoneMinutes = digits(bytes, at + 4, 2, end);
    const sign = bytes[at] === 0x2d ? -1 : bytes[at] === 0x2b ? 1 : 0;
    if (sign === 0 || bytes[at + 3] !== COLON || at + 6 !== end) return 'bad_time';
    if (zoneHours < 0 || zoneHours > 23 || zoneMinutes < 0 || zoneMinutes > 59) return 'bad_time';
    offset = sign * (zoneHours * 60 + zoneMinutes) * 60;
  }
  fields.atUs = ((dayStart + (hour * 60 + minute) * 60 + second - offset) * US_PER_SECOND + fraction.us) as Micros;
  return undefined;
}

/** Digits alone, up to 15 of them; 0 for anything else. */
function wholeNumber(bytes: Uint8Array, start: number, end: number): number {
  if (end <= start || end - start > 15) return 0;
  return Math.max(0, digits(bytes, start, end - start, end));
}

function keyOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > LONGEST || length === 0) return 0;
  const key = BY_ENDING[length * 256 + bytes[end - 1]!]!;
  if (key === 0) return 0;
  return isText(NAMES[key - 1]!, bytes, start, end) ? key : 0;
}

function isText(text: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (text[i] !== bytes[start + i]) return false;
  return true;
}

function blank(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0d)) at++;
  return at;
}

/** Place of the quote that ends a string; -1 when it does not end. */
function closingQuote(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at++;
  }
  return -1;
}

/** Just behind the value that starts here; -1 when it does not end, or nothing is here. */
function skipValue(bytes: Uint8Array, start: number, end: number): number {
  const byte = start < end ? bytes[start]! : 0;
  if (byte === QUOTE) {
    const quote = closingQuote(bytes, start + 1, end);
    return quote === -1 ? -1 : quote + 1;
  }
  let at = start;
  if (byte === 0x7b || byte === 0x5b) {
    let depth = 0;
    for (; at < end; at++) {
      const inner = bytes[at]!;
      if (inner === QUOTE) {
        at = closingQuote(bytes, at + 1, end);
        if (at === -1) return -1;
      } else if (inner === 0x7b || inner === 0x5b) {
        depth++;
      } else if (inner === 0x7d || inner === 0x5d) {
        depth--;
        if (depth === 0) return at + 1;
      }
    }
    return -1;
  }
  while (at < end && bytes[at] !== COMMA && bytes[at] !== 0x7d && bytes[at]! > 0x20) at++;
  return at === start ? -1 : at;
}
