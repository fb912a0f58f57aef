/**
 * Exponential waiting times for open-loop arrivals, with nothing but + - * / (STYLE 4: `Math.log` may differ by engine, and a
 * trace must not). The inverse of the distribution is tabulated once; between two points it is drawn as a line, so the mean is
 * kept to within a thousandth and a draw costs one random number.
 */
import type { Random } from '../core/random.ts';

const STEPS = 1_024;

/** Natural logarithm for 0 < x <= 1: halve until near 1, then the series of 2·artanh((x-1)/(x+1)). */
export function naturalLog(x: number): number {
  const { LN2 } = Math;
  let rest = x;
  let halvings = 0;
  while (rest < 0.75) {
    rest *= 2;
    halvings += 1;
  }
  const z = (rest - 1) / (rest + 1);
  const square = z * z;
  let term = z;
  let sum = 0;
  for (let odd = 1; odd < 40; odd += 2) {
    sum += term / odd;
    term *= square;
  }
  return 2 * sum - halvings * LN2;
}

const TABLE = new Float64Array(STEPS + 1);
for (let step = 0; step < STEPS; step += 1) TABLE[step] = -naturalLog(1 - step / STEPS);
// The last step would be infinite. Its mean is ln(STEPS) + 1, so the line from its start to this value keeps the whole mean.
TABLE[STEPS] = TABLE[STEPS - 1]! + 2;

/** One draw with mean 1. */
export function exponential(random: Random): number {
  const at = random.next() * STEPS;
  const step = Math.floor(at);
  const low = TABLE[step]!;
  return low + (TABLE[step + 1]! - low) * (at - step);
}
