/**
 * Sets of field names, made once and asked for every field of every message: the head scanner hashes each name as it
 * walks over it, so a lookup is one array load for names that are not in the set. Collisions are settled by comparing.
 */
import { assert } from '../core/assert.ts';
import { FIELD_TEXT, TOKEN } from './chars.ts';

/** A field name, lower-case, with the hash that the head scanner computes. */
export interface FieldName {
  readonly name: string;
  readonly hash: number;
}

/** The hash of a lower-case name; `head.ts` computes the same while it scans. */
export function hashName(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) | 0;
  return hash;
}

export function fieldName(name: string): FieldName {
  const lower = name.toLowerCase();
  assert(isToken(lower), `a field name: ${JSON.stringify(name)}`);
  return { name: lower, hash: hashName(lower) };
}

export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (TOKEN[text.charCodeAt(i)] === 0 || text.charCodeAt(i) > 255) return false;
  return text.length > 0;
}

/** `Name: value` and its line end, checked: a line break in a value would be a second field. */
export function fieldLine(name: string, value: string): string {
  assert(isToken(name), `a field name: ${JSON.stringify(name)}`);
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    assert(c < 256 && FIELD_TEXT[c] === 1, `a field value: ${JSON.stringify(value)}`);
  }
  return `${name}: ${value}\r\n`;
}

const BUCKETS = 64;

export class FieldSet {
  readonly #buckets: (readonly FieldName[] | undefined)[] = Array.from({ length: BUCKETS });
  readonly size: number;

  constructor(names: Iterable<string>) {
    let size = 0;
    for (const name of names) {
      const field = fieldName(name);
      if (this.hasName(field.name)) continue;
      const at = field.hash & (BUCKETS - 1);
      this.#buckets[at] = [...(this.#buckets[at] ?? []), field];
      size += 1;
    }
    this.size = size;
  }

  /** Is the name at `text[start, end)`, in any case and with this hash, in the set? */
  has(hash: number, text: string, start: number, end: number): boolean {
    const bucket = this.#buckets[hash & (BUCKETS - 1)];
    if (bucket === undefined) return false;
    for (const field of bucket) if (field.hash === hash && sameName(field.name, text, start, end)) return true;
    return false;
  }

  hasName(lower: string): boolean {
    return this.has(hashName(lower), lower, 0, lower.length);
  }
}

/** Is `text[start, end)` this lower-case name in any case? */
export function sameName(lower: string, text: string, start: number, end: number): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) if (TOKEN[text.charCodeAt(start + i)] !== lower.charCodeAt(i)) return false;
  return true;
}
