/**
 * One line of a Common Log Format file, as bytes: where its fields are, and when it was. Combined lines are the same with
 * more behind; what follows the size is not looked at.
 *
 *     93.184.216.34 - ann [17/May/2015:10:05:03 +0000] "GET /index.html HTTP/1.1" 200 2326 "referer" "user agent"
 *     shop.example.com:443 93.184.216.34 - - [17/May/2015:10:05:03.123 +0200] "GET / HTTP/2.0" 304 -
 *
 * The second form (Apache's `vhost_combined`) is told from the first by its host:port and the extra field. Positions go into
 * a `LineFields` that is used again for every line, so a line costs no garbage here.
 */
import { type Micros, US_PER_SECOND } from '../core/time.ts';

/** Why a line cannot be used. */
export type BrokenReason =
  | 'too_long'
  | 'no_client' //     no first field, or one that is longer than any address or name
  | 'no_time' //       no [time], or a key is missing
  | 'bad_time'
  | 'no_request' //    no quoted request where one should be
  | 'bad_status'
  | 'bad_size'
  | 'not_json';

/** Positions in the bytes that were handed in; end is exclusive, and start = end means "not given". */
export interface LineFields {
  atUs: Micros;
  clientStart: number;
  clientEnd: number;
  hostStart: number;
  hostEnd: number;
  methodStart: number;
  methodEnd: number;
  targetStart: number;
  targetEnd: number;
  popStart: number;
  popEnd: number;
  countryStart: number;
  countryEnd: number;
  /** 0 = not given. */
  status: number;
  size: number;
}

/** An address is at most 45 characters, a host name 253. */
export const MAX_CLIENT_BYTES = 255;

const SPACE = 0x20;
const QUOTE = 0x22;
const DASH = 0x2d;
const DOT = 0x2e;
const COLON = 0x3a;
const OPEN = 0x5b;
const BACKSLASH = 0x5c;

/** Fills `fields`; a reason when the line is broken, `nothing_asked` when it is whole but holds no request (`"-"`, a TLS hello). */
export function readClfLine(
  bytes: Uint8Array,
  start: number,
  end: number,
  fields: LineFields,
): BrokenReason | 'nothing_asked' | undefined {
  // Fields up to the time: three, or four with a virtual host in front. A user name may hold spaces.
  let first = start;
  while (first < end && bytes[first] !== SPACE) first++;
  if (first === start || first === end || first - start > MAX_CLIENT_BYTES) return 'no_client';
  let second = -1;
  let third = -1;
  let spaces = 1;
  let open = first + 1;
  for (; open < end; open++) {
    const byte = bytes[open]!;
    if (byte === OPEN && bytes[open - 1] === SPACE && spaces >= 3) break;
    if (byte !== SPACE) continue;
    spaces++;
    if (spaces === 2) second = open;
    else if (spaces === 3) third = open;
  }
  if (open >= end) return 'no_time';
  fields.clientStart = start;
  fields.clientEnd = first;
  fields.hostStart = fields.hostEnd = start;
  if (spaces === 4 && second > first + 1 && !(second === first + 2 && bytes[first + 1] === DASH) && third > second) {
    const colon = portColon(bytes, start, first);
    if (colon !== -1) {
      fields.hostEnd = colon;
      fields.clientStart = first + 1;
      fields.clientEnd = second;
      if (second - first - 1 > MAX_CLIENT_BYTES) return 'no_client';
    }
  }

  const close = readClfTime(bytes, open + 1, end, fields);
  if (close === -1) return 'bad_time';

  if (bytes[close + 1] !== SPACE || bytes[close + 2] !== QUOTE) return 'no_request';
  const request = close + 3;
  let quote = request;
  while (quote < end && bytes[quote] !== QUOTE) quote += bytes[quote] === BACKSLASH ? 2 : 1;
  if (quote >= end) return 'no_request';

  let at = quote + 1;
  if (bytes[at] !== SPACE) return 'bad_status';
  at++;
  if (bytes[at] === DASH) {
    fields.status = 0;
    at++;
  } else {
    const status = digits(bytes, at, 3, end);
    if (status < 100) return 'bad_status';
    fields.status = status;
    at += 3;
  }
  if (at >= end || bytes[at] !== SPACE) return 'bad_status';
  at++;
  fields.size = 0;
  if (bytes[at] === DASH && at < end) {
    at++;
  } else {
    const from = at;
    let size = 0;
    for (; at < end; at++) {
      const digit = bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) break;
      size = size * 10 + digit;
    }
    if (at === from || size > Number.MAX_SAFE_INTEGER) return 'bad_size';
    fields.size = size;
  }
  if (at < end && bytes[at] !== SPACE) return 'bad_size';
  return readRequestLine(bytes, request, quote, fields) ? undefined : 'nothing_asked';
}

/** `GET /path HTTP/1.1`; also without the version, and with a whole URL for a target. */
function readRequestLine(bytes: Uint8Array, start: number, end: number, fields: LineFields): boolean {
  let at = start;
  while (at < end && isMethodByte(bytes[at]!)) at++;
  if (at === start || at - start > 32 || at + 1 >= end || bytes[at] !== SPACE) return false;
  fields.methodStart = start;
  fields.methodEnd = at;
  let targetStart = at + 1;
  let targetEnd = end;
  // The version is what follows the last space, when it is one.
  if (end - targetStart > 9 && bytes[end - 9] === SPACE && isVersion(bytes, end - 8)) targetEnd = end - 9;
  while (targetEnd > targetStart && bytes[targetEnd - 1] === SPACE) targetEnd--;
  while (targetStart < targetEnd && bytes[targetStart] === SPACE) targetStart++;
  if (targetStart === targetEnd) return false;
  fields.targetStart = targetStart;
  fields.targetEnd = targetEnd;
  splitUrl(bytes, fields);
  return true;
}

/** `http://host/path` as a target: the host is known, and the path is the target. */
export function splitUrl(bytes: Uint8Array, fields: LineFields): void {
  const { targetStart, targetEnd } = fields;
  if (bytes[targetStart] !== 0x68 || targetEnd - targetStart < 9) return; // h
  const scheme = startsWith(bytes, targetStart, 'http://') ? 7 : startsWith(bytes, targetStart, 'https://') ? 8 : 0;
  if (scheme === 0) return;
  let slash = targetStart + scheme;
  while (slash < targetEnd && bytes[slash] !== 0x2f) slash++;
  if (slash === targetEnd || slash === targetStart + scheme) return;
  fields.hostStart = targetStart + scheme;
  fields.hostEnd = slash;
  fields.targetStart = slash;
}

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

function isVersion(bytes: Uint8Array, at: number): boolean {
  return startsWith(bytes, at, 'HTTP/') && digit(bytes[at + 5]!) && bytes[at + 6] === DOT && digit(bytes[at + 7]!);
}

function digit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Letters, `-` and `_`: every registered method, and none of the garbage that scanners send. */
function isMethodByte(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || byte === DASH || byte === 0x5f || (byte >= 0x61 && byte <= 0x7a);
}

/** The colon of `name:port`; -1 when it is not that (an IPv6 address has more colons, unless in brackets). */
function portColon(bytes: Uint8Array, start: number, end: number): number {
  let colon = end - 1;
  while (colon > start && digit(bytes[colon]!)) colon--;
  if (bytes[colon] !== COLON || colon === start || colon === end - 1) return -1;
  if (bytes[start] === OPEN) return bytes[colon - 1] === 0x5d ? colon : -1;
  for (let i = start; i < colon; i++) if (bytes[i] === COLON) return -1;
  return colon;
}

/** By the three letters as one number. */
const MONTHS = new Map(
  ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'].map((name, index) => [
    name.charCodeAt(0) * 65_536 + name.charCodeAt(1) * 256 + name.charCodeAt(2),
    index + 1,
  ]),
);

let lastDay = -1;
let lastDayStart = 0;
let lastMonthKey = -1;
let lastMonth = 0;

/**
 * `17/May/2015:10:05:03 +0000]`, seconds perhaps with decimals. Sets `atUs`; returns the place of the bracket, or -1.
 */
function readClfTime(bytes: Uint8Array, start: number, end: number, fields: LineFields): number {
  if (start + 27 > end) return -1;
  const day = digits(bytes, start, 2, end);
  const monthKey = bytes[start + 3]! * 65_536 + bytes[start + 4]! * 256 + bytes[start + 5]!;
  if (monthKey !== lastMonthKey) {
    lastMonth = MONTHS.get(monthKey) ?? 0;
    lastMonthKey = monthKey;
  }
  const year = digits(bytes, start + 7, 4, end);
  const hour = digits(bytes, start + 12, 2, end);
  const minute = digits(bytes, start + 15, 2, end);
  const second = digits(bytes, start + 18, 2, end);
  if (bytes[start + 2] !== 0x2f || bytes[start + 6] !== 0x2f) return -1;
  if (bytes[start + 11] !== COLON || bytes[start + 14] !== COLON || bytes[start + 17] !== COLON) return -1;
  const dayStart = startOfDay(year, lastMonth, day);
  if (dayStart === undefined || !validClock(hour, minute, second)) return -1;
  let at = start + 20;
  const fraction = readFraction(bytes, at, end);
  if (fraction === undefined) return -1;
  at += fraction.length;
  const sign = bytes[at + 1];
  const zoneHours = digits(bytes, at + 2, 2, end);
  const zoneMinutes = digits(bytes, at + 4, 2, end);
  if (bytes[at] !== SPACE || (sign !== 0x2b && sign !== DASH) || bytes[at + 6] !== 0x5d || at + 6 >= end) return -1;
  if (zoneHours < 0 || zoneHours > 23 || zoneMinutes < 0 || zoneMinutes > 59) return -1;
  const offset = (sign === DASH ? -1 : 1) * (zoneHours * 60 + zoneMinutes) * 60;
  const seconds = dayStart + (hour * 60 + minute) * 60 + second - offset;
  fields.atUs = (seconds * US_PER_SECOND + fraction.us) as Micros;
  return at + 6;
}

const NO_FRACTION = { us: 0, length: 0 };

/** `.123` in µs, further digits cut off; nothing at all is 0 µs. `undefined` = a dot without digits. */
export function readFraction(
  bytes: Uint8Array,
  at: number,
  end: number,
): { readonly us: number; readonly length: number } | undefined {
  if (bytes[at] !== DOT || at >= end) return NO_FRACTION;
  let us = 0;
  let i = at + 1;
  for (let unit = 100_000; i < end && digit(bytes[i]!); i++) {
    us += (bytes[i]! - 0x30) * unit;
    unit = Math.floor(unit / 10);
  }
  return i === at + 1 ? undefined : { us, length: i - at };
}

/** A second of 60 is a leap second, and counts as the first of the next minute. */
export function validClock(hour: number, minute: number, second: number): boolean {
  return hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 && second <= 60;
}

const DAYS = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Seconds since the epoch at midnight UTC; `undefined` when there is no such day. Remembers the last one: logs go by days. */
export function startOfDay(year: number, month: number, day: number): number | undefined {
  const key = (year * 16 + month) * 32 + day;
  if (key === lastDay) return lastDayStart;
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > DAYS[month]!) return undefined;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (month === 2 && day === 29 && !leap) return undefined;
  // Years that begin in March put the leap day last.
  const marchYear = month <= 2 ? year - 1 : year;
  const marchMonth = month <= 2 ? month + 9 : month - 3;
  const dayOfYear = Math.floor((153 * marchMonth + 2) / 5) + day - 1;
  const leaps = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  lastDay = key;
  lastDayStart = (marchYear * 365 + leaps + dayOfYear - 719_468) * 86_400;
  return lastDayStart;
}

/** So many decimal digits as a number; -1 when one of them is none. */
export function digits(bytes: Uint8Array, at: number, count: number, end: number): number {
  if (at + count > end) return -1;
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const byte = bytes[i]! - 0x30;
    if (byte < 0 || byte > 9) return -1;
    value = value * 10 + byte;
  }
  return value;
}
