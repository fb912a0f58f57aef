/**
 * How people write amounts in files and on the command line: `90s`, `PT5M`, `400/s`, `250KB`, `50Mbit`, `12:03`, `+3m`.
 * Text in, whole numbers out (µs, bytes, per second), or `undefined` when it is not such a text; the caller says what is wrong and where.
 */
import { type Micros, US_PER_MINUTE, US_PER_MS, US_PER_SECOND, micros } from './time.ts';

const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ['us', 1],
  ['µs', 1],
  ['ms', US_PER_MS],
  ['s', US_PER_SECOND],
  ['m', US_PER_MINUTE],
  ['min', US_PER_MINUTE],
  ['h', 60 * US_PER_MINUTE],
  ['d', 24 * 60 * US_PER_MINUTE],
]);

/** `90s`, `1h30m`, `12ms`, `PT5M`, `PT1H30M`; in whole µs. A bare number is not a duration: the unit is part of it. */
export function parseDuration(text: string): number | undefined {
  const iso = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(text);
  if (iso !== null) {
    if (iso.slice(1).every((part) => part === undefined)) return undefined;
    const [days, hours, minutes, seconds] = iso.slice(1).map((part) => Number(part ?? 0));
    return Math.round(((days! * 24 + hours!) * 60 + minutes!) * US_PER_MINUTE + seconds! * US_PER_SECOND);
  }
  const part = /(\d+(?:\.\d+)?)(us|µs|ms|min|s|m|h|d)/y;
  let total = 0;
  let end = 0;
  while (end < text.length) {
    part.lastIndex = end;
    const match = part.exec(text);
    if (match === null) return undefined;
    total += Number(match[1]) * DURATION_UNITS.get(match[2]!)!;
    end = part.lastIndex;
  }
  return text === '' ? undefined : Math.round(total);
}

/** `400/s`, `30/m`, `5000/h`: per second, as a number. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\/(s|m|min|h)$/.exec(text);
  if (match === null) return undefined;
  return (Number(match[1]) * US_PER_SECOND) / DURATION_UNITS.get(match[2]!)!;
}

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['b', 1],
  ['kb', 1_000],
  ['mb', 1_000_000],
  ['gb', 1_000_000_000],
  ['kib', 1_024],
  ['mib', 1_048_576],
  ['gib', 1_073_741_824],
]);

/** `250KB`, `1 MiB`, `92516B` or a bare number of bytes. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?i?b)?$/i.exec(text);
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * (SIZE_UNITS.get((match[2] ?? 'b').toLowerCase()) ?? 1));
}

/** `50Mbit`, `1Gbit`, `512kbit`: bytes per second. */
export function parseBitRate(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kMG])bit(?:\/s)?$/.exec(text);
  if (match === null) return undefined;
  const scale = match[2] === 'k' ? 1e3 : match[2] === 'M' ? 1e6 : 1e9;
  return Math.round((Number(match[1]) * scale) / 8);
}

/** `40%` or a bare 0.4: a share 0..1. */
export function parseShare(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  if (match === null) return undefined;
  const share = match[2] === '%' ? Number(match[1]) / 100 : Number(match[1]);
  return share <= 1 ? share : undefined;
}

/**
 * A moment: `+3m` from the start, `12:03` or `12:03:30` UTC on the start's day (the next day when that is before the start), or RFC 3339.
 */
export function parseMoment(text: string, start: Micros): Micros | undefined {
  if (text.startsWith('+')) {
    const span = parseDuration(text.slice(1));
    return span === undefined ? undefined : micros(start + span);
  }
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?$/.exec(text);
  if (clock !== null) {
    const [hours, minutes, seconds] = [Number(clock[1]), Number(clock[2]), Number(clock[3] ?? 0)];
    if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
    const day = 86_400 * US_PER_SECOND;
    const midnight = Math.floor(start / day) * day;
    const at =
      midnight +
      ((hours * 60 + minutes) * 60 + seconds) * US_PER_SECOND +
      Math.round(Number(clock[4] ?? 0) * US_PER_SECOND);
    return micros(at < start ? at + day : at);
  }
  return parseInstant(text);
}

/** RFC 3339 with a zone: `2026-03-01T12:00:00Z`, `…+01:00`, with up to nine decimals (cut to µs). */
export function parseInstant(text: string): Micros | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|z|[+-]\d{2}:?\d{2})$/.exec(
    text,
  );
  if (match === null) return undefined;
  const [year, month, day, hour, minute] = match.slice(1, 6).map(Number) as [number, number, number, number, number];
  const second = Number(match[6] ?? 0);
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return undefined;
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  if (new Date(ms).getUTCDate() !== day && second < 60) return undefined;
  const zone = match[8]!;
  const offsetMinutes =
    zone.length === 1 ? 0 : (zone[0] === '-' ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2)));
  const fraction = Number((match[7] ?? '').padEnd(6, '0').slice(0, 6));
  return micros((ms - offsetMinutes * 60_000) * US_PER_MS + fraction);
}
