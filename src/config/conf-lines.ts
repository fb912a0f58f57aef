/**
 * Lines of `key = value` files with their places: comments from `#` at the start of a line or behind a space, blank lines and any
 * space around `=` do not matter (RG-084). It knows no keys.
 */

/** Ten thousand entries of 100 bytes: a larger file is not one of these. */
export const MAX_CONF_BYTES = 1_048_576;

export type ConfEntry =
  | {
      readonly kind: 'entry';
      readonly line: number;
      /** From 1. */
      readonly column: number;
      readonly key: string;
      readonly value: string;
      readonly valueColumn: number;
    }
  | {
      readonly kind: 'broken';
      readonly line: number;
      readonly column: number;
      readonly key: '';
      readonly text: string;
    };

export function confEntries(text: string): readonly ConfEntry[] {
  const entries: ConfEntry[] = [];
  // A byte order mark is what some editors leave; it is no part of the first key.
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n/);
  for (const [index, whole] of lines.entries()) {
    const line = index + 1;
    const content = whole.replace(/(?:^|\s)#.*$/, '').trimEnd();
    const start = content.search(/\S/);
    if (start < 0) continue;
    const equals = content.indexOf('=');
    const key = equals < 0 ? '' : content.slice(0, equals).trim();
    if (key === '') {
      entries.push({ kind: 'broken', line, column: start + 1, key: '', text: content.trim() });
      continue;
    }
    const rest = content.slice(equals + 1);
    const value = rest.trim();
    const valueColumn = equals + 2 + Math.max(0, rest.search(/\S/));
    entries.push({ kind: 'entry', line, column: start + 1, key, value, valueColumn });
  }
  return entries;
}
