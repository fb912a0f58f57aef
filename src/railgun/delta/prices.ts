/**
 * What the hybrid's symbols cost on average, in 1/256 bit: averages over many pages of what `model.ts` charged. They
 * steer the choice between ways to write the same bytes (`parse.ts`); any values give a correct delta, good ones a
 * small one.
 */

/** A literal by the class of its byte (`text-class.ts`). */
export const LITERAL_PRICE = Int32Array.of(1190, 930, 1380, 1540, 1560, 1560, 2330, 1760);

export const PRICE = {
  /** Saying that a literal, or a copy, comes next. */
  literal: 97,
  copy: 360,
  /** Naming the place: straight on, end of the token, straight on from the stray place; near and own: plus a number. */
  straight: 320,
  token: 560,
  stray: 1020,
  near: 400,
  own: 560,
  /** Saying that the length is a number. */
  long: 100,
};

/** Price of a number with an adaptive magnitude. */
export function numberPrice(value: number): number {
  const size = 31 - Math.clz32(value + 1);
  return (size + (size > 3 ? 3 : 2)) << 8;
}

/** Ending a short copy, by the classes of the next and the last byte (`text-class.ts`; row: next, column: last). */
export const STOP_PRICE = Int32Array.from([
  1524, 1205, 757, 638, 962, 1684, 473, 894, 486, 703, 1294, 601, 769, 1209, 946, 368, 598, 666, 1407, 1157, 526, 1599,
  806, 539, 347, 1015, 1199, 760, 320, 322, 523, 422, 1663, 1439, 650, 797, 1768, 1406, 369, 729, 1816, 1612, 1162, 817,
  1626, 1345, 894, 946, 559, 946, 1116, 1253, 397, 946, 1803, 946, 503, 670, 575, 621, 622, 1171, 422, 1366,
]);
/** Going on with it, likewise. */
export const GO_PRICE = Int32Array.from([
  9, 19, 63, 89, 36, 7, 148, 43, 142, 73, 15, 99, 60, 19, 37, 213, 100, 82, 12, 21, 125, 8, 55, 120, 229, 31, 19, 62,
  254, 252, 126, 176, 7, 11, 86, 56, 6, 12, 212, 68, 5, 8, 21, 53, 7, 14, 43, 37, 113, 37, 24, 17, 192, 37, 5, 37, 134,
  81, 107, 93, 93, 21, 176, 13,
]);
