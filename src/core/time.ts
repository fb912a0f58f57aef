/**
 * Time in the core: whole microseconds since the Unix epoch, always handed in as `now`.
 *
 * An absolute count needs no "start of the run" beside it, and stays a safe integer until the year 2255
 * (docs/decisions/0002-micros-since-the-epoch.md). Nothing here reads a clock: the live clock is in
 * `live/clock.ts`, the virtual one in `sim/virtual-clock.ts`.
 */
import type { Brand } from './ids.ts';

/** Whole microseconds since 1970-01-01T00:00:00Z. */
export type Micros = Brand<number, 'Micros'>;

export const US_PER_MS = 1_000;
export const US_PER_SECOND = 1_000_000;
export const US_PER_MINUTE = 60_000_000;

/** Mint a moment from any number of microseconds; fractions are cut off. */
export function micros(value: number): Micros {
  return Math.trunc(value) as Micros;
}

/** `now` plus a span in microseconds. */
export function after(now: Micros, spanUs: number): Micros {
  return (now + Math.trunc(spanUs)) as Micros;
}

export function fromSeconds(seconds: number): Micros {
  return micros(seconds * US_PER_SECOND);
}

/** RFC 3339 in UTC with microseconds, without reading the machine's time zone: `2026-03-01T12:00:00.000000Z`. */
export function toRfc3339(at: Micros): string {
  const ms = Math.floor(at / US_PER_MS);
  const rest = at - ms * US_PER_MS;
  return `${new Date(ms).toISOString().slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
}

/** Time of day in UTC to the second, for people: `12:03:00`. */
export function toClock(at: Micros): string {
  return new Date(Math.floor(at / US_PER_MS)).toISOString().slice(11, 19);
}
