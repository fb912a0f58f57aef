/**
 * Counters that cost an addition. The hot path knows only `values[slot] += 1`; names and labels are settled when a slot is made,
 * which happens once per configuration and place. Scraping is `metrics.ts`.
 *
 * Labels are names from the configuration and words from fixed lists, never a client's text, so their number is bounded.
 */

export type Labels = Readonly<Record<string, string>>;

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly labels: readonly string[];
}

export interface HistogramFamily {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, seconds, ascending; +Inf is added. */
  readonly buckets: readonly number[];
}

/** A sample by its identity: `family\nlabel=value\n…`. */
export type Samples = readonly (readonly [identity: string, value: number])[];

const FIRST_SLOTS = 256;

export class CounterTable {
  values = new Float64Array(FIRST_SLOTS);
  readonly #slots = new Map<string, number>();

  /** The place of a sample; made when it is new. */
  slot(family: string, labels: Labels = {}): number {
    const identity = identityOf(family, labels);
    const known = this.#slots.get(identity);
    if (known !== undefined) return known;
    const slot = this.#slots.size;
    this.#slots.set(identity, slot);
    if (slot >= this.values.length) {
      const grown = new Float64Array(slot * 2);
      grown.set(this.values);
      this.values = grown;
    }
    return slot;
  }

  /** First of `buckets.length + 3` places in a row: one per bucket, +Inf, sum, count. */
  histogram(family: HistogramFamily, labels: Labels): number {
    const bounds = [...family.buckets.map(String), '+Inf'];
    const first = this.slot(`${family.name}_bucket`, { ...labels, le: bounds[0]! });
    for (const le of bounds.slice(1)) this.slot(`${family.name}_bucket`, { ...labels, le });
    this.slot(`${family.name}_sum`, labels);
    this.slot(`${family.name}_count`, labels);
    return first;
  }

  observe(first: number, buckets: readonly number[], seconds: number): void {
    const { values } = this;
    let at = 0;
    while (at < buckets.length && seconds > buckets[at]!) at += 1;
    values[first + at]! += 1;
    values[first + buckets.length + 1]! += seconds;
    values[first + buckets.length + 2]! += 1;
  }

  samples(): Samples {
    return [...this.#slots].map(([identity, slot]) => [identity, this.values[slot]!] as const);
  }
}

function identityOf(family: string, labels: Labels): string {
  return [family, ...Object.entries(labels).map(([key, value]) => `${key}=${value.replaceAll('\n', ' ')}`)].join('\n');
}
