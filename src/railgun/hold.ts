/**
 * Finished answers that a listener keeps until the sender says COMMIT, in case it asks for RESYNC (spec 12.8, D6). One budget for all
 * lanes of a process: a sender that never commits costs others their safety net, never memory.
 */
export class HoldBudget {
  readonly #limit: number;
  #used = 0;
  /** Oldest first. */
  readonly #held = new Set<Held>();

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /** Bytes held now. */
  get used(): number {
    return this.#used;
  }

  /** Keep `body`; the oldest bodies go until it fits. A body larger than everything is not kept. */
  keep(body: Uint8Array): Held {
    const held: Held = { body };
    if (body.length > this.#limit) return { body: undefined };
    for (const oldest of this.#held) {
      if (this.#used + body.length <= this.#limit) break;
      this.drop(oldest);
    }
    this.#held.add(held);
    this.#used += body.length;
    return held;
  }

  drop(held: Held): void {
    if (!this.#held.delete(held)) return;
    this.#used -= held.body?.length ?? 0;
    held.body = undefined;
  }
}

/** `body` is `undefined` once it was dropped. */
export interface Held {
  body: Uint8Array | undefined;
}
