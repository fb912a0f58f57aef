/**
 * Great-circle distance on a sphere of 6371 km (metric unknown, spec 2.4: our choice), for `proximity`. Places become unit
 * vectors once; nearer means a larger dot product, so ordering needs no inverse function. Sine and cosine are our own series,
 * with + - * / alone: the order of two pools must not hang on an engine's last bit.
 */

export interface UnitVector {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

const EARTH_RADIUS_KM = 6371;
const { PI } = Math;

export function unitVector(latitude: number, longitude: number): UnitVector {
  const lat = (latitude * PI) / 180;
  const lon = (longitude * PI) / 180;
  const cosLat = cosine(lat);
  return { x: cosLat * cosine(lon), y: cosLat * sine(lon), z: sine(lat) };
}

/** 1 at the same place, -1 at the far side of the globe: larger is nearer. */
export function nearness(a: UnitVector, b: UnitVector): number {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}

/** Whole kilometres, for people. */
export function kilometres(a: UnitVector, b: UnitVector): number {
  const dx = a.x - b.x;
  const dy = a.y - b.y;
  const dz = a.z - b.z;
  const halfChord = Math.min(1, Math.sqrt(dx * dx + dy * dy + dz * dz) / 2);
  return Math.round(2 * EARTH_RADIUS_KM * arcsine(halfChord));
}

/** Radians within about two turns. */
function sine(angle: number): number {
  let x = angle;
  while (x > PI) x -= 2 * PI;
  while (x < -PI) x += 2 * PI;
  if (x > PI / 2) x = PI - x;
  if (x < -PI / 2) x = -PI - x;
  // Taylor, by Horner: |x| <= pi/2, so the term of x^23 is below 2e-18.
  const q = x * x;
  let sum = 1;
  for (let k = 21; k >= 3; k -= 2) sum = 1 - (q / (k * (k - 1))) * sum;
  return x * sum;
}

function cosine(angle: number): number {
  return sine(angle + PI / 2);
}

/** For 0..1, by bisection: 50 halvings of a quarter turn. */
function arcsine(value: number): number {
  let low = 0;
  let high = PI / 2;
  for (let i = 0; i < 50; i += 1) {
    const middle = (low + high) / 2;
    if (sine(middle) < value) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
