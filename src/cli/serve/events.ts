/**
 * What happened at this edge, for people who watch: changes of health, failovers, reloads, workers. The last thousand are kept with
 * ids that grow, so that a page which lost its connection asks for what it missed (SSE, `Last-Event-ID`).
 */

export interface EdgeEvent {
  readonly id: number;
  /** RFC 3339. */
  readonly at: string;
  readonly kind: 'health' | 'failover' | 'reload' | 'worker' | 'log' | 'state';
  readonly [key: string]: unknown;
}

const KEPT = 1_000;
/** Listeners at once: each is a browser tab or a curl. */
const LISTENERS_MAX = 256;
/** One event a second for each pair of origins that requests move between. */
const FAILOVER_EVERY_MS = 1_000;
/** Pairs counted at once; more are told as they come, without counting. */
const PAIRS_MAX = 1_024;

export class EventHub {
  readonly #kept: EdgeEvent[] = [];
  readonly #listeners = new Set<(event: EdgeEvent) => void>();
  readonly #failovers = new Map<string, { facts: Readonly<Record<string, unknown>>; count: number }>();
  #timer: NodeJS.Timeout | undefined;
  #last = 0;

  tell(kind: EdgeEvent['kind'], facts: Readonly<Record<string, unknown>>): void {
    this.#last += 1;
    const event: EdgeEvent = { id: this.#last, at: new Date().toISOString(), kind, ...facts };
    this.#kept.push(event);
    if (this.#kept.length > KEPT) this.#kept.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** Many requests may fail over in one moment: told once, with their number. */
  failover(facts: Readonly<Record<string, unknown>>): void {
    const key = JSON.stringify(facts);
    const known = this.#failovers.get(key);
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    if (this.#failovers.size >= PAIRS_MAX) return;
    // The first is told at once; what follows within the second is told at its end.
    this.#failovers.set(key, { facts, count: 0 });
    this.tell('failover', { ...facts, requests: 1 });
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#endSecond(), FAILOVER_EVERY_MS);
    this.#timer.unref();
  }

  /** Events after `id`, oldest first. */
  since(id: number): readonly EdgeEvent[] {
    return this.#kept.filter((event) => event.id > id);
  }

  get last(): number {
    return this.#last;
  }

  /** Undefined: too many listen already. */
  listen(listener: (event: EdgeEvent) => void): (() => void) | undefined {
    if (this.#listeners.size >= LISTENERS_MAX) return undefined;
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  #endSecond(): void {
    this.#timer = undefined;
    const counted = [...this.#failovers.values()];
    this.#failovers.clear();
    for (const { facts, count } of counted) if (count > 0) this.tell('failover', { ...facts, requests: count });
  }
}
