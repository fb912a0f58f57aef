/**
 * Moments in a configuration: RFC 3339 in UTC, with up to six digits of a second.
 */
import * as z from 'zod';
import type { Micros } from '../core/time.ts';
import { micros } from '../core/time.ts';
import { checked, maybe } from './shape.ts';

const RFC_3339 = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;

/** `undefined` when the text is no moment, or none was given. */
export function readMoment(text: string | undefined): Micros | undefined {
  const match = RFC_3339.exec(text ?? '');
  if (match === null) return undefined;
  const [, date, time, fraction = '', zone] = match;
  const ms = Date.parse(`${date}T${time}${zone}`);
  if (!Number.isFinite(ms)) return undefined;
  return micros(ms * 1_000 + Number(fraction.padEnd(6, '0').slice(0, 6)));
}

export const momentField = maybe(
  checked(z.string(), (text) =>
    readMoment(text) === undefined
      ? { kind: 'bad_format', message: 'disabled_at is not a moment', hint: 'write 2026-03-01T12:00:00Z' }
      : undefined,
  ),
  'Since when it is disabled: the start of a drain. Written by the service; kept from exports while disabled.',
  'RFC 3339',
);
