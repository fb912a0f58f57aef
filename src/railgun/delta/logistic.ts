/**
 * The logistic curve and its inverse in whole numbers, for mixing predictions: chances in 1/4096, their logarithmic
 * odds in 1/256. Interpolated from 33 points (the classic table of Matt Mahoney's public-domain paq coders) because
 * `Math.exp` may differ between engines and both ends of the link must agree to the last bit.
 */

const POINTS = [
  1, 2, 3, 6, 10, 16, 27, 45, 73, 120, 194, 310, 488, 747, 1101, 1546, 2047, 2549, 2994, 3348, 3607, 3785, 3901, 3975,
  4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094,
];

function squash(odds: number): number {
  if (odds > 2047) return 4095;
  if (odds < -2047) return 1;
  const at = (odds >> 7) + 16;
  const rest = odds & 127;
  return (POINTS[at]! * (128 - rest) + POINTS[at + 1]! * rest + 64) >> 7;
}

/** `SQUASH[odds + 2048]`: the chance, 1 to 4095. */
export const SQUASH = new Int16Array(4096);
/** `STRETCH[chance]`: the odds, -2047 to 2047. */
export const STRETCH = new Int16Array(4096);

let reached = 0;
for (let odds = -2048; odds < 2048; odds++) {
  const chance = squash(odds);
  SQUASH[odds + 2048] = chance;
  for (; reached <= chance; reached++) STRETCH[reached] = Math.max(odds, -2047);
}
for (; reached < 4096; reached++) STRETCH[reached] = 2047;
