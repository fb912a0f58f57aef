/**
 * A first look at any value from outside, before schemas and walkers see it: is it a plain tree of JSON values, not too deep
 * and not too large? Needs no recursion itself, so it may be shown anything.
 *
 * Attacks met here: a value that holds itself (YAML anchors can), nesting that would overflow the stack of every walker
 * after this one, `__proto__` keys (`JSON.parse` makes them), and trees that aliases have blown up.
 */
import type { Path } from './document.ts';
import type { Finding } from './finding.ts';

/** The deepest thing we know, a rule's override map, is nine levels down. */
export const MAX_DEPTH = 64;
/** A configuration of 1,000 pools with 20 origins each has about 200,000 values. */
const MAX_VALUES = 2_000_000;

/** What makes the value unsafe to walk, or `undefined`. */
export function findUnsafe(root: unknown): Finding | undefined {
  const unsafe = (path: Path, message: string, hint: string, at: Finding['at'] = 'value'): Finding => ({
    severity: 'error',
    kind: 'unsafe',
    path,
    at,
    message,
    hint,
  });
  const open: { value: object; path: Path; parents: readonly object[] }[] = [];
  let seen = 0;
  const look = (value: unknown, path: Path, parents: readonly object[]): Finding | undefined => {
    seen += 1;
    if (seen > MAX_VALUES) return unsafe([], `more than ${MAX_VALUES} values`, 'write less, or use fewer aliases');
    if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') {
      return unsafe(path, `a ${typeof value} is not a value that a file can hold`, '');
    }
    if (typeof value !== 'object' || value === null) return undefined;
    if (parents.includes(value))
      return unsafe(path, 'this value contains itself', 'an alias may not name its own parent');
    if (path.length > MAX_DEPTH)
      return unsafe(path.slice(0, MAX_DEPTH), `nested more than ${MAX_DEPTH} levels deep`, '');
    open.push({ value, path, parents });
    return undefined;
  };
  let found = look(root, [], []);
  for (let next = open.pop(); next !== undefined && found === undefined; next = open.pop()) {
    const { value, path } = next;
    const parents = [...next.parents, value];
    const children: [string | number, unknown][] = Array.isArray(value)
      ? value.map((child, index) => [index, child])
      : Object.entries(value);
    for (const [key, child] of children) {
      if (key === '__proto__') found = unsafe([...path, key], 'the key "__proto__" is not allowed', 'remove it', 'key');
      found ??= look(child, [...path, key], parents);
      if (found !== undefined) break;
    }
  }
  return found;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
