/**
 * Distances on a sphere of 6371 km (spec 2.4), the same to the last bit on every machine.
 *
 * `Math.sin` and `Math.cos` may differ in their last digit from one engine to the next, and one digit can turn a tie
 * between two PoPs. So sine and cosine are worked out here with `+ - * /` alone, which IEEE 754 fixes exactly (STYLE 4).
 * A place becomes a unit vector once; nearer then simply means a larger dot product.
 */
import { assert } from './assert.ts';

export const EARTH_RADIUS_KM = 6371;

const RADIANS_PER_DEGREE = Math.PI / 180;

/** Sine by its Taylor series, for -45..45 degrees: the terms up to x^17 leave less than 1e-16. */
function sineOfSmall(degrees: number): number {
  const x = degrees * RADIANS_PER_DEGREE;
  const square = x * x;
  let term = x;
  let sum = x;
  for (let n = 2; n <= 16; n += 2) {
    term = (-term * square) / (n * (n + 1));
    sum += term;
  }
  return sum;
}

function cosineOfSmall(degrees: number): number {
  const x = degrees * RADIANS_PER_DEGREE;
  const square = x * x;
  let term = 1;
  let sum = 1;
  for (let n = 1; n <= 17; n += 2) {
    term = (-term * square) / (n * (n + 1));
    sum += term;
  }
  return sum;
}

/** Sine of an angle in degrees, any size. Exact at multiples of 90. */
export function sine(degrees: number): number {
  const turns = degrees - Math.floor(degrees / 360) * 360;
  if (turns > 180) return -sine(turns - 180);
  const half = turns > 90 ? 180 - turns : turns;
  return half <= 45 ? sineOfSmall(half) : cosineOfSmall(90 - half);
}

export function cosine(degrees: number): number {
  return sine(degrees + 90);
}

/** A point as a unit vector: x towards 0° E on the equator, y towards 90° E, z towards the north pole. */
export type UnitVector = readonly [x: number, y: number, z: number];

export function unitVector(latitude: number, longitude: number): UnitVector {
  assert(latitude >= -90 && latitude <= 90, `latitude ${latitude}`);
  const ring = cosine(latitude);
  return [ring * cosine(longitude), ring * sine(longitude), sine(latitude)];
}

/** Arc tangent for 0..1, by halving the angle three times and then Taylor's series. */
function arcTangent(value: number): number {
  let x = value;
  for (let i = 0; i < 3; i++) x /= 1 + Math.sqrt(1 + x * x);
  const square = x * x;
  let power = x;
  let sum = x;
  for (let n = 3; n <= 17; n += 2) {
    power = -power * square;
    sum += power / n;
  }
  return sum * 8;
}

/** 1 at the same place, -1 at the far side of the globe: larger is nearer, so ordering needs no angle. */
export function nearness(a: UnitVector, b: UnitVector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/**
 * Great-circle distance in kilometres. Square roots are exact in IEEE 754, so this too is the same everywhere. From the
 * chord rather than the dot product: the arc cosine of nearly 1 has lost half its digits.
 */
export function distanceKm(
  from: { readonly latitude: number; readonly longitude: number },
  to: { readonly latitude: number; readonly longitude: number },
): number {
  return distanceBetween(unitVector(from.latitude, from.longitude), unitVector(to.latitude, to.longitude));
}

/** The same for places that are vectors already. */
export function distanceBetween([ax, ay, az]: UnitVector, [bx, by, bz]: UnitVector): number {
  // Half the chord is the sine of half the angle; half the length of the sum is its cosine.
  const chord = Math.sqrt((ax - bx) * (ax - bx) + (ay - by) * (ay - by) + (az - bz) * (az - bz));
  const sum = Math.sqrt((ax + bx) * (ax + bx) + (ay + by) * (ay + by) + (az + bz) * (az + bz));
  const halfAngle = chord <= sum ? arcTangent(chord / sum) : Math.PI / 2 - arcTangent(sum / chord);
  return 2 * halfAngle * EARTH_RADIUS_KM;
}
