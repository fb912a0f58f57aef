/**
 * Latencies counted in buckets of about 3 %: each power of two is cut into 32 parts. Fixed size, one increment per value, so it can
 * stand in the hot path (`perf_hooks` histograms cost twenty times as much; docs/decisions/0005-latency-histogram.md).
 */

const PARTS = 32;
/** 2^31 µs is 35 minutes, far above every time-out. */
const POWERS = 32;

export class Histogram {
  readonly #counts = new Float64Array(PARTS * POWERS);
  #total = 0;
  max = 0;

  get total(): number {
    return this.#total;
  }

  add(valueUs: number): void {
    const value = valueUs > 0x7fffffff ? 0x7fffffff : valueUs | 0;
    if (value > this.max) this.max = value;
    this.#total += 1;
    this.#counts[bucketOf(value)]! += 1;
  }

  /** Counts all that another one has counted. */
  addAll(other: Histogram): void {
    if (other.#total === 0) return;
    for (let bucket = 0; bucket < this.#counts.length; bucket += 1) this.#counts[bucket]! += other.#counts[bucket]!;
    this.#total += other.#total;
    if (other.max > this.max) this.max = other.max;
  }

  /** The value below which `share` of all lie, as the upper edge of its bucket; 0 when empty. */
  quantile(share: number): number {
    if (this.#total === 0) return 0;
    const wanted = share * this.#total;
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket += 1) {
      seen += this.#counts[bucket]!;
      if (seen >= wanted && seen > 0) return Math.min(upperEdge(bucket), this.max);
    }
    return this.max;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.max = 0;
  }
}

function bucketOf(value: number): number {
  if (value < PARTS) return value;
  const power = 31 - Math.clz32(value);
  // The five bits below the leading one choose the part.
  return (power - 4) * PARTS + ((value >>> (power - 5)) & (PARTS - 1));
}

function upperEdge(bucket: number): number {
  if (bucket < PARTS) return bucket;
  const power = Math.floor(bucket / PARTS) + 4;
  const part = bucket % PARTS;
  return (PARTS + part + 1) * 2 ** (power - 5) - 1;
}
