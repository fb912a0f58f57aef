/**
 * Where synthetic clients live: spread over PoPs by the parts that a scenario gives to regions, countries or PoPs. Client k is always in
 * the same place and has the same address, whatever else happens, so a session can be followed by name.
 */
import type { Location } from '../core/location.ts';
import type { Random } from '../core/random.ts';
import type { Locator } from '../geo/locate.ts';
import { POPS, findCountry, findPop, findRegion } from '../geo/tables.ts';
import { hashAddress } from '../steering/hash.ts';
import type { ClientTraffic } from './scenario.ts';

export class Population {
  readonly count: number;
  readonly index: number;
  /** Number of the first client in the table of all clients. */
  first = 0;
  readonly #places: readonly Location[];
  readonly #placeOf: Uint16Array;

  constructor(spec: ClientTraffic, index: number, locator: Locator, random: Random) {
    this.count = spec.count;
    this.index = index;
    const places: Location[] = [];
    const shares: number[] = [];
    for (const { codes, part } of groupsOf(spec, locator)) {
      for (const code of codes) {
        places.push(locator.pop(code));
        shares.push(part / codes.length);
      }
    }
    this.#places = places;
    this.#placeOf = new Uint16Array(spec.count);
    let total = 0;
    const cumulative = shares.map((share) => (total += share));
    // The largest-remainder way would be exact; drawing keeps client k in its place when `count` grows.
    for (let client = 0; client < spec.count; client += 1) {
      this.#placeOf[client] = find(cumulative, random.next() * total);
    }
  }

  locationOf(client: number): Location {
    return this.#places[this.#placeOf[client]!]!;
  }

  /** Documentation range, so that nobody is mistaken for a real visitor: `2001:db8:SOURCE::CLIENT`. */
  addressOf(client: number): string {
    const high = Math.floor(client / 65_536);
    const low = (client % 65_536).toString(16);
    const source = (this.index + 1).toString(16);
    return high === 0 ? `2001:db8:${source}::${low}` : `2001:db8:${source}::${high.toString(16)}:${low}`;
  }

  hashOf(client: number): number {
    return hashAddress(this.addressOf(client));
  }
}

/** PoPs behind each key of `from`. Keys were checked when the scenario was loaded. */
export function popsBehind(key: string, inUse: ReadonlySet<string>): readonly string[] {
  const used = POPS.filter((pop) => inUse.has(pop.code));
  const region = findRegion(key);
  if (region !== undefined) return used.filter((pop) => pop.region === region.code).map((pop) => pop.code);
  const pop = findPop(key);
  if (pop !== undefined) return [pop.code];
  const country = findCountry(key);
  if (country === undefined) return [];
  return used.filter((one) => one.country === country.code).map((one) => one.code);
}

function groupsOf(spec: ClientTraffic, locator: Locator): { codes: readonly string[]; part: number }[] {
  const inUse = new Set<string>(locator.popsInUse);
  if (spec.from.size === 0) return [{ codes: [...inUse], part: 1 }];
  return [...spec.from].map(([key, part]) => {
    const codes = popsBehind(key, inUse);
    // A region without a PoP in use is served by the nearest one: its clients are asked for all the same.
    const outside = popsBehind(key, new Set(POPS.map((pop) => pop.code)));
    return { codes: codes.length > 0 ? codes : outside, part };
  });
}

/** First index whose running sum is above `value`. */
function find(cumulative: readonly number[], value: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
