/**
 * How a machine speaks with a store that is elsewhere: questions are events, answers come back by `dictResult` and `dictStored`. A
 * machine never waits longer than `memcached.timeout`, an ordinary deadline; what comes later is ignored.
 */
import type { HeadLine } from './head.ts';

export type StoreAnswer =
  | { readonly kind: 'hit'; readonly value: Uint8Array }
  | { readonly kind: 'miss' }
  /** The store failed or was too slow. */
  | { readonly kind: 'down' };

export type StoreEvent =
  /** Answer with `dictResult(stream, …)`. */
  | { readonly kind: 'store_get'; readonly stream: number; readonly key: string }
  /** Best effort; report with `dictStored(ok)`. */
  | { readonly kind: 'store_set'; readonly key: string; readonly value: Uint8Array; readonly expirationSeconds: number }
  | { readonly kind: 'store_delete'; readonly key: string };

/** With these a plain 200 is not the rule, so the store is asked only when a delta has come (RG-046). */
const CONDITIONAL: ReadonlySet<string> = new Set([
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
]);

export function isConditional(lines: readonly HeadLine[]): boolean {
  return lines.some(([name]) => CONDITIONAL.has(name.toLowerCase()));
}
