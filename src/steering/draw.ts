/**
 * Drawing by weight, from `random` alone. A draw is made only where there is something to draw: one item costs none. All
 * weights zero: uniform. Items marked in `out` do not take part.
 */
import type { Random } from '../core/random.ts';

/** Index of the item drawn; -1 when every item is out. p = weight / sum of the weights taking part. */
export function drawWeighted(weights: Float64Array, out: Uint8Array, count: number, random: Random): number {
  let total = 0;
  let left = 0;
  let last = -1;
  for (let i = 0; i < count; i += 1) {
    if (out[i] === 1) continue;
    left += 1;
    last = i;
    total += weights[i]!;
  }
  if (left <= 1) return last;
  if (total <= 0) {
    let skip = random.below(left);
    for (let i = 0; i < count; i += 1) {
      if (out[i] === 1) continue;
      if (skip === 0) return i;
      skip -= 1;
    }
  }
  let at = random.next() * total;
  let chosen = -1;
  for (let i = 0; i < count; i += 1) {
    if (out[i] === 1 || weights[i]! <= 0) continue;
    chosen = i;
    at -= weights[i]!;
    if (at < 0) return i;
  }
  return chosen;
}
