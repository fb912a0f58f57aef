/**
 * What happened at this edge, for people who watch: changes of health, failovers, reloads, workers. The last thousand are kept with
 * ids that grow, so that a page which lost its connection asks for what it missed (SSE, `Last-Event-ID`).
 */

export interface EdgeEvent {
  readonly id: number;
  /** RFC 3339. */
  readonly at: string;
  readonly kind: 'health' | 'failover' | 'lane' | 'reload' | 'worker' | 'log' | 'state' | 'railgun';
  readonly [key: string]: unknown;
}

const KEPT = 1_000;
/** Listeners at once: each is a browser tab or a curl. */
const LISTENERS_MAX = 256;
/** One event a second for each pair of origins that requests move between, and for each thing that lanes do. */
const FAILOVER_EVERY_MS = 1_000;
/** Pairs counted at once; more are told as they come, without counting. */
const PAIRS_MAX = 1_024;

interface Counted {
  readonly kind: EdgeEvent['kind'];
  readonly facts: Readonly<Record<string, unknown>>;
  readonly unit: string;
  count: number;
}

export class EventHub {
  readonly #kept: EdgeEvent[] = [];
  readonly #listeners = new Set<(event: EdgeEvent) => void>();
  readonly #counted = new Map<string, Counted>();
  #timer: NodeJS.Timeout | undefined;
  #last = 0;

  tell(kind: EdgeEvent['kind'], facts: Readonly<Record<string, unknown>>): void {
    this.#last += 1;
    const event: EdgeEvent = { id: this.#last, at: new Date().toISOString(), kind, ...facts };
    this.#kept.push(event);
    if (this.#kept.length > KEPT) this.#kept.shift();
    for (const listener of this.#listeners) listener(event);
  }

  failover(facts: Readonly<Record<string, unknown>>): void {
    this.counted('failover', facts, 'requests');
  }

  /** What may happen many times in one moment: told once, then at the end of the second with its number, under the name `unit`. */
  counted(kind: EdgeEvent['kind'], facts: Readonly<Record<string, unknown>>, unit: string): void {
    const key = JSON.stringify([kind, facts]);
    const known = this.#counted.get(key);
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    if (this.#counted.size >= PAIRS_MAX) return;
    // The first is told at once; what follows within the second is told at its end.
    this.#counted.set(key, { kind, facts, unit, count: 0 });
    this.tell(kind, { ...facts, [unit]: 1 });
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
    const counted = [...this.#counted.values()];
    this.#counted.clear();
    for (const { kind, facts, unit, count } of counted) if (count > 0) this.tell(kind, { ...facts, [unit]: count });
  }
}
