/** A store that a test can make forget, lie, refuse or fall silent while it is in use. */
import type { Random } from '../../../src/core/random.ts';
import type { PageStore } from '../../../src/live/railgun/page-store.ts';

export type Mood = 'well' | 'down' | 'silent' | 'lying' | 'forgetful' | 'full';

export class ChaosStore implements PageStore {
  mood: Mood = 'well';
  readonly values = new Map<string, Uint8Array>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  get available(): boolean {
    return this.mood !== 'down';
  }

  async lookup(
    key: string,
  ): Promise<{ readonly kind: 'hit'; readonly value: Uint8Array } | { readonly kind: 'miss' | 'down' }> {
    const value = await this.get(key);
    if (this.mood === 'down') return { kind: 'down' };
    return value === undefined ? { kind: 'miss' } : { kind: 'hit', value };
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    switch (this.mood) {
      case 'well':
      case 'full':
        return this.values.get(key);
      case 'silent':
        return new Promise(() => {});
      case 'lying':
        return this.#lie(key);
      default:
        return undefined;
    }
  }

  async set(key: string, value: Uint8Array): Promise<boolean> {
    if (this.mood === 'down' || this.mood === 'full') return false;
    if (this.mood === 'silent') return new Promise(() => {});
    if (this.mood !== 'forgetful') this.values.set(key, Uint8Array.from(value));
    return true;
  }

  async delete(key: string): Promise<void> {
    this.values.delete(key);
  }

  async close(): Promise<void> {}

  /** Another value, a piece, or one with a bit turned. */
  #lie(key: string): Uint8Array | undefined {
    const honest = this.values.get(key);
    if (honest === undefined) return undefined;
    switch (this.#random.below(4)) {
      case 0:
        return [...this.values.values()][this.#random.below(this.values.size)];
      case 1:
        return honest.subarray(0, this.#random.below(honest.length));
      case 2: {
        const turned = Uint8Array.from(honest);
        const at = this.#random.below(turned.length);
        turned[at] = (turned[at] ?? 0) ^ (1 << this.#random.below(8));
        return turned;
      }
      default:
        return honest;
    }
  }
}
