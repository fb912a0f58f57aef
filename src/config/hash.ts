/**
 * A short name for a configuration: equal for equal meaning, whatever the order of keys. Printed on the first line of every run.
 */
import { createHash } from 'node:crypto';

/** 48 bits: enough to tell one team's configurations apart, short enough to read aloud. */
const HEX_DIGITS = 12;

/** 12 hex digits of the SHA-256 over canonical JSON. Takes a `Model` or a plain value; maps and absent fields are taken care of. */
export function configHash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, HEX_DIGITS);
}

/** JSON with the keys of objects and maps in code point order, and `undefined` fields left out. */
export function canonicalJson(value: unknown): string {
  if (value instanceof Map) return canonicalJson(Object.fromEntries(value));
  if (value instanceof Set) return canonicalJson([...value]);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
  return `{${fields.join(',')}}`;
}
