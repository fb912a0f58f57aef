/**
 * Amounts as people read them, the same on every machine: no locale, no time zone. The other direction, text to numbers, is
 * in `quantities.ts`. Checks and reports both speak through these, so a figure reads alike everywhere.
 */
import { type Micros, US_PER_MINUTE, US_PER_MS, US_PER_SECOND, micros, toClock, toRfc3339 } from './time.ts';

const DAY_US = 86_400 * US_PER_SECOND;

/** `12,400`; fractions keep at most one digit: `0.5`, `12,400.5`. */
export function countText(value: number): string {
  const rounded = Math.round(value * 10) / 10;
  const [whole, fraction] = Math.abs(rounded).toFixed(1).split('.') as [string, string];
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return `${rounded < 0 ? '-' : ''}${grouped}${fraction === '0' ? '' : `.${fraction}`}`;
}

/** `1 request`, `12,400 requests`. */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${countText(count)} ${count === 1 ? noun : nouns}`;
}

/**
 * A percentage: `0 %`, `0.31 %`, `12.5 %`, `100 %`. Never says 0 or 100 of something that is neither: `< 0.01 %`, `> 99.9 %`.
 */
export function percentText(percent: number): string {
  if (percent > 0 && percent < 0.005) return '< 0.01 %';
  if (percent >= 99.95 && percent < 100) return '> 99.9 %';
  return `${trimmed(percent, percent < 10 ? 2 : 1)} %`;
}

/** A span: `0 s`, `80 µs`, `12.5 ms`, `38 s`, `1 min 30 s`, `2 h 5 min`, `3 d 4 h`. */
export function spanText(us: number): string {
  if (us === 0) return '0 s';
  if (us < 0) return `-${spanText(-us)}`;
  if (us < US_PER_MS) return `${trimmed(us, 0)} µs`;
  if (us < US_PER_SECOND) return `${trimmed(us / US_PER_MS, us < 100 * US_PER_MS ? 1 : 0)} ms`;
  if (us < US_PER_MINUTE) return `${trimmed(us / US_PER_SECOND, us < 10 * US_PER_SECOND ? 2 : 1)} s`;
  const seconds = Math.round(us / US_PER_SECOND);
  if (seconds < 3_600) return two(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return two(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

/** Decimal bytes: `512 B`, `1.25 kB`, `92.5 MB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${trimmed(value, unit === 0 ? 0 : value < 10 ? 2 : 1)} ${units[unit]}`;
}

/** A multiple: `1.4×`, `0.96×`. */
export function timesText(ratio: number): string {
  return `${trimmed(ratio, ratio < 10 ? 2 : 1)}×`;
}

/** A moment of a run: time of day (UTC), with the date when the run does not fit in one day. */
export function momentText(atUs: number, run: { readonly startUs: number; readonly endUs: number }): string {
  const at = micros(atUs);
  return oneDay(run) ? toClock(at) : toRfc3339(at).slice(0, 19).replace('T', ' ');
}

/** `2026-03-01 12:00:00 UTC`. */
export function dateText(at: Micros): string {
  return `${toRfc3339(at).slice(0, 19).replace('T', ' ')} UTC`;
}

function oneDay(run: { readonly startUs: number; readonly endUs: number }): boolean {
  return Math.floor(run.startUs / DAY_US) === Math.floor(Math.max(run.startUs, run.endUs - 1) / DAY_US);
}

function two(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** At most so many decimals, no zeros at the end. */
function trimmed(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
