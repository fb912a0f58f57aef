/** The store of page versions as the drivers use it: a `ByteStore`, and more where it knows more (`live/stores/store.ts`). */
import type { ByteStore } from '../../core/ports.ts';
import type { StoreAnswer } from '../../railgun/store-dialogue.ts';

export interface PageStore extends ByteStore {
  /** Tells a miss from a store that is not there. */
  lookup?(key: string): Promise<StoreAnswer>;
  readonly available?: boolean;
}

export async function lookUp(store: PageStore, key: string): Promise<StoreAnswer> {
  if (store.lookup !== undefined) return store.lookup(key);
  const value = await store.get(key);
  return value === undefined ? { kind: 'miss' } : { kind: 'hit', value };
}

export function isThere(store: PageStore): boolean {
  return store.available ?? true;
}
