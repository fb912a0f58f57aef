/**
 * Several nodes as one store. Each key lives on one of them (`rendezvous.ts`). While a node rests its keys live on the next in their
 * order, so what was lost with it costs one full transfer and is compressed again (RG-116, RG-117); when it returns they go home. What a
 * node held all the while may be old by then: a caller asks for a version by name and is safe.
 */
import { assert } from '../../core/assert.ts';
import type { GuardedStore } from './guard.ts';
import { chooseNode, type WeightedNode } from './rendezvous.ts';
import type { Lookup, NodeReport, Store } from './store.ts';

export interface StoreNode extends WeightedNode {
  readonly store: GuardedStore;
}

export class SpreadStore implements Store {
  readonly #nodes: readonly StoreNode[];

  constructor(nodes: readonly StoreNode[]) {
    this.#nodes = nodes;
  }

  get available(): boolean {
    return this.#nodes.some((node) => node.store.available);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const found = await this.lookup(key);
    return found.kind === 'hit' ? found.value : undefined;
  }

  /** `down` only when no other node is left: one that fails has lost its share, and the others serve theirs. */
  async lookup(key: string): Promise<Lookup> {
    const home = this.#home(key);
    const found = await home.store.lookup(key);
    if (found.kind !== 'down') return found;
    return { kind: this.#nodes.some((node) => node !== home && node.store.available) ? 'miss' : 'down' };
  }

  async set(key: string, value: Uint8Array, expirationSeconds?: number): Promise<boolean> {
    return this.#home(key).store.set(key, value, expirationSeconds);
  }

  /** On every node: while its own was away, the key may have lived on any. */
  async delete(key: string): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.store.delete(key)));
  }

  /** True when every node answers. */
  async ready(timeoutMs: number): Promise<boolean> {
    const all = await Promise.all(this.#nodes.map((node) => node.store.ready(timeoutMs)));
    return all.every(Boolean);
  }

  report(): readonly NodeReport[] {
    return this.#nodes.flatMap((node) => node.store.report());
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.store.close()));
  }

  /** When all rest, the one that would be asked: it says no at once, and counts it. */
  #home(key: string): StoreNode {
    const home =
      chooseNode(this.#nodes, key, (node) => node.store.available) ?? chooseNode(this.#nodes, key, () => true);
    assert(home !== undefined, 'a store of several has nodes');
    return home;
  }
}
