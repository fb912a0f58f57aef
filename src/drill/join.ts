/**
 * Puts the client's view of a request and the edge's line about it together, by PoP and ray (edges that share a seed may number alike).
 * Either may come first: the line when the edge has
 * written it, the view when the client has read the last byte. Whoever comes first waits, for so long; what waits is bounded.
 */
import type { EdgeRecord } from './lab.ts';

/** Lines of requests that are not ours (the steady state's, a stranger's) are forgotten oldest first. */
const MAX_LINES = 10_000;

export class RayJoin<View> {
  readonly #onPair: (view: View, record: EdgeRecord | undefined) => void;
  readonly #views = new Map<string, { readonly view: View; readonly since: number }>();
  readonly #records = new Map<string, EdgeRecord>();
  unjoined = 0;

  constructor(onPair: (view: View, record: EdgeRecord | undefined) => void) {
    this.#onPair = onPair;
  }

  /** Views that wait for their line. */
  get waiting(): number {
    return this.#views.size;
  }

  /** @param ray Empty = no line will come. */
  view(pop: string, ray: string, view: View, now: number): void {
    if (ray === '') {
      this.#onPair(view, undefined);
      return;
    }
    const key = `${pop}/${ray}`;
    const record = this.#records.get(key);
    if (record === undefined) {
      this.#views.set(key, { view, since: now });
      return;
    }
    this.#records.delete(key);
    this.#onPair(view, record);
  }

  record(record: EdgeRecord): void {
    const dash = record.ray.indexOf('-');
    const ray = dash < 0 ? record.ray : record.ray.slice(0, dash);
    if (ray === '') return;
    const key = `${record.pop}/${ray}`;
    const waiting = this.#views.get(key);
    if (waiting !== undefined) {
      this.#views.delete(key);
      this.#onPair(waiting.view, record);
      return;
    }
    this.#records.set(key, record);
    if (this.#records.size > MAX_LINES) this.#records.delete(this.#records.keys().next().value!);
  }

  /** Views that have waited since before `before` go on without a line. */
  giveUp(before: number): void {
    for (const [key, { view, since }] of this.#views) {
      // In the order in which they began to wait.
      if (since >= before) return;
      this.#views.delete(key);
      this.unjoined += 1;
      this.#onPair(view, undefined);
    }
  }
}
