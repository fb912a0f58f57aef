/** The PoP table as the simulated world asks for it: by index, with distances. */
import { distanceKm } from '../core/sphere.ts';
import { POPS, findPop, popAt } from '../geo/tables.ts';
import type { PlaceTable } from './sim-world.ts';

export const PLACES: PlaceTable = {
  count: POPS.length,
  codeOf: (popIndex) => popAt(popIndex).code,
  distanceKm(popIndex, latitude, longitude) {
    const pop = popAt(popIndex);
    return distanceKm(pop, { latitude, longitude });
  },
  popsOfRegion: (region) => POPS.flatMap((pop) => (pop.region === region ? [pop.index] : [])),
  indexOf: (code) => findPop(code)?.index,
};
