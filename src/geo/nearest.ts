/**
 * Which PoP among those in use is nearest to a point. Real anycast follows the network and not the map; without the
 * network's tables the great circle is the honest guess, and the same one every time.
 *
 * Coordinates are rounded to 1/10,000 of a degree (11 m) before anything else: then the memo is keyed by whole numbers and
 * can never change an answer, whatever was asked before. Equal distances go to the first code in the alphabet.
 */
import { assert } from '../core/assert.ts';
import { unitVector } from '../core/sphere.ts';
import { type Pop, POPS } from './tables.ts';

/** Steps per degree of a rounded coordinate. */
const STEPS = 10_000;
/** Points remembered: a megabyte or so. A city database has more distinct points than this, a day of traffic has not. */
const MAX_REMEMBERED = 32_768;

/** Unit vectors of `POPS`, three numbers each. */
const VECTORS: Float64Array = (() => {
  const vectors = new Float64Array(POPS.length * 3);
  for (const pop of POPS) vectors.set(unitVector(pop.latitude, pop.longitude), pop.index * 3);
  return vectors;
})();

/** A coordinate as it is used everywhere in this room. */
export function roundDegrees(degrees: number): number {
  return Math.round(degrees * STEPS) / STEPS;
}

/** Whether these are coordinates at all: finite, -90..90 and -180..180. */
export function validPoint(latitude: number, longitude: number): boolean {
  return latitude >= -90 && latitude <= 90 && longitude >= -180 && longitude <= 180;
}

export class NearestPop {
  /** Indices into `POPS`, ascending, so that the first of equals is the first by code. */
  readonly #inUse: Uint16Array;
  readonly #remembered = new Map<number, Pop>();

  /** @param pops At least one, in any order. */
  constructor(pops: readonly Pop[]) {
    assert(pops.length > 0, 'no PoP in use');
    this.#inUse = Uint16Array.from(new Set(pops.map((pop) => pop.index))).sort();
  }

  /** @param latitude Decimal degrees, -90..90. @param longitude -180..180. */
  to(latitude: number, longitude: number): Pop {
    assert(validPoint(latitude, longitude), `no point: ${latitude}, ${longitude}`);
    const northSteps = Math.round(latitude * STEPS);
    const eastSteps = Math.round(longitude * STEPS);
    const key = (northSteps + 90 * STEPS) * (360 * STEPS + 1) + eastSteps + 180 * STEPS;
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const found = this.#search(northSteps / STEPS, eastSteps / STEPS);
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(key, found);
    return found;
  }

  #search(latitude: number, longitude: number): Pop {
    const [x, y, z] = unitVector(latitude, longitude);
    let best = -2;
    let bestIndex = -1;
    for (const index of this.#inUse) {
      const at = index * 3;
      const dot = VECTORS[at]! * x + VECTORS[at + 1]! * y + VECTORS[at + 2]! * z;
      if (dot > best) {
        best = dot;
        bestIndex = index;
      }
    }
    return POPS[bestIndex]!;
  }
}
