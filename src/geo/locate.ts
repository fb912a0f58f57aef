/**
 * From what is known of a client to the place that steering sees (`core/location.ts`): the PoP that serves it, that PoP's
 * region, a country.
 *
 *     a PoP is named ──────────────────────────────────────────────► that PoP (or the nearest in use to it)
 *     coordinates ─────────────────────────────────────────────────► nearest PoP in use
 *     address ─► named network ─► GeoIP file ─► coordinates ───────► nearest PoP in use
 *                                         └───► country only ──────► the country's point ─► nearest PoP in use
 *     nothing ─────────────────────────────────────────────────────► the default PoP
 *
 * Every step that was a guess leaves a code in `assumed`, and reports show them. The region is always that of the PoP
 * (spec 2.3), never the client's. Locations are interned: one object per distinct place, however often it is asked for.
 */
import { LRUCache } from 'lru-cache';
import { assert } from '../core/assert.ts';
import type { CountryCode, PopCode } from '../core/ids.ts';
import type { Location } from '../core/location.ts';
import { inNetwork, parseAddress, parseNetwork } from './addresses.ts';
import { CENTROIDS } from './centroids.ts';
import type { GeoDatabase } from './mmdb.ts';
import { NearestPop, roundDegrees, validPoint } from './nearest.ts';
import { findCountry, findPop, type Pop, POPS, popAt } from './tables.ts';

/** What was assumed on the way to a Location; listed in docs/location.md. */
export type Assumed =
  | 'country_centroid' //      only the country is known: it stands at its point of `centroids.ts`
  | 'country_override' //      only the country is known, and the scenario says where it stands
  | 'default_pop' //           nothing is known
  | 'private_address' //       private, link-local or shared: no file can place it, unless it lists it
  | 'loopback_address'
  | 'documentation_address'
  | 'reserved_address' //      multicast, benchmarking, unassigned by standard
  | 'host_name' //             a log line names the client instead of giving its address
  | 'no_geo_database'
  | 'not_in_geo_database'
  | 'unknown_country' //       a country code that the table does not have (`T1`, `EU`)
  | 'unknown_pop' //           a PoP code that the table does not have
  | 'pop_not_in_use' //        the nearest PoP in use stands in for the one that was named
  | 'place_table_full'; //     the client's own coordinates were given up: it stands at its PoP

/** What is known of where somebody is, before any PoP. */
export interface Place {
  readonly country: CountryCode | undefined;
  /** Decimal degrees; both or neither. */
  readonly latitude: number | undefined;
  readonly longitude: number | undefined;
  readonly assumed: readonly Assumed[];
}

/** Where a network or a country stands, as a scenario or a command line may say. The first that is given counts. */
export interface Standing {
  readonly pop?: string;
  readonly latitude?: number;
  readonly longitude?: number;
  readonly country?: string;
}

/** What a log line or an option tells of one client; all of it may be missing. */
export interface Hint extends Standing {
  readonly address?: string;
}

export interface LocatorOptions {
  /** PoPs in use; every PoP of the table when left out. Codes that the table does not have are our own mistake: check with `findPop`. */
  readonly pops?: readonly string[];
  /** Serves whom nothing places. When left out: the first of `pops`, or LHR when every PoP is in use. */
  readonly defaultPop?: string;
  /** Whose country `country_pools` sees: the PoP's (default, spec 2.3) or the client's where known. */
  readonly country?: 'pop' | 'client';
  /**
   * Whose coordinates a Location carries: the client's where known (default), or always the PoP's. The service locates a proxied
   * request at its PoP (spec 2.3), so `pop` is exact for proxied balancers, and makes a few hundred distinct Locations where a
   * city file makes many thousands. Which PoP serves whom is the same either way.
   */
  readonly coordinates?: 'client' | 'pop';
  readonly database?: GeoDatabase;
  /** Where the clients of a country stand, instead of at its point. */
  readonly countries?: ReadonlyMap<string, Standing>;
  /** Networks (`203.0.113.0/24`) whose place is told; the longest prefix wins. Asked before the GeoIP file. */
  readonly networks?: ReadonlyMap<string, Standing>;
}

/** Addresses remembered per locator, least recently used out: about 20 MB when full. */
export const MAX_ADDRESSES = 65_536;
/** Distinct client coordinates that become Locations of their own; beyond it clients stand at their PoP. Keeps memory flat on endless IPv6 traffic. */
const MAX_PLACES = 262_144;

const DEFAULT_POP = 'LHR';
const NOTHING_ASSUMED: readonly Assumed[] = [];

export class Locator {
  readonly #options: LocatorOptions;
  readonly #nearest: NearestPop;
  readonly #inUse: Uint8Array;
  readonly #defaultPop: Pop;
  readonly #networks: readonly { network: NonNullable<ReturnType<typeof parseNetwork>>; standing: Standing }[];
  readonly #places: Map<string, Location>;
  readonly #addresses = new LRUCache<string, Location>({ max: MAX_ADDRESSES });
  readonly #atPop: (Location | undefined)[] = [];

  constructor(options: LocatorOptions = {}, shared?: Locator) {
    this.#options = options;
    const inUse = options.pops === undefined ? POPS : [...new Set(options.pops.map(mustFindPop))];
    const first = options.pops?.[0] ?? DEFAULT_POP;
    this.#nearest = new NearestPop(inUse);
    this.#inUse = new Uint8Array(POPS.length);
    for (const pop of inUse) this.#inUse[pop.index] = 1;
    const named = mustFindPop(options.defaultPop ?? first);
    // A default PoP that was withdrawn hands over to its neighbour like any other.
    this.#defaultPop = this.#inUse[named.index] === 1 ? named : this.#nearest.to(named.latitude, named.longitude);
    this.#networks = [...(options.networks ?? [])]
      .map(([text, standing]) => {
        const network = parseNetwork(text);
        assert(network !== undefined, `not a network: ${text}`);
        return { network, standing };
      })
      .sort((a, b) => b.network[1] - a.network[1]);
    this.#places = shared === undefined ? new Map() : shared.#places;
  }

  /** The same locator with other PoPs in use, as after a withdrawal. Locations stay the same objects where they are equal. */
  using(pops: readonly string[]): Locator {
    return new Locator({ ...this.#options, pops }, this);
  }

  /** Codes of the PoPs in use, in the order of the alphabet. */
  get popsInUse(): readonly PopCode[] {
    return POPS.filter((pop) => this.#inUse[pop.index] === 1).map((pop) => pop.code);
  }

  get defaultPop(): PopCode {
    return this.#defaultPop.code;
  }

  /** Somebody who is served at this PoP and stands there. An unknown code is the default PoP, one not in use the nearest in use. */
  pop(code: string): Location {
    const named = findPop(code);
    if (named === undefined) return this.#unplaced(['unknown_pop']);
    if (this.#inUse[named.index] !== 1) {
      const stand = this.#nearest.to(named.latitude, named.longitude);
      return this.#intern(stand, stand.country, named.latitude, named.longitude, ['pop_not_in_use']);
    }
    return (this.#atPop[named.index] ??= this.#intern(named, named.country, undefined, undefined, NOTHING_ASSUMED));
  }

  /** Somebody at these coordinates. Impossible ones (or NaN) leave the default PoP. */
  coordinates(latitude: number, longitude: number, country?: string): Location {
    return this.#locate(this.#standing({ latitude, longitude, ...(country === undefined ? {} : { country }) }));
  }

  /** Somebody in this country, of whom no more is known. */
  country(code: string): Location {
    return this.#locate(this.#standing({ country: code }));
  }

  /** Somebody at this address; remembered. */
  address(text: string): Location {
    const known = this.#addresses.get(text);
    if (known !== undefined) return known;
    const location = this.find({ address: text });
    this.#addresses.set(text, location);
    return location;
  }

  /**
   * All that is known of one client, put together: a named PoP decides the PoP; coordinates, then the address, then the country
   * say where the client is; a named country beats the GeoIP file's.
   */
  find(hint: Hint): Location {
    const place = this.#placeOf(hint);
    if (hint.pop === undefined) return this.#locate(place);
    const { country, coordinates } = this.#options;
    return this.at(hint.pop, {
      country: country === 'client' ? place.country : undefined,
      latitude: coordinates === 'pop' ? undefined : place.latitude,
      longitude: coordinates === 'pop' ? undefined : place.longitude,
      assumed: place.assumed,
    });
  }

  /**
   * Where an address is, without a PoP: for DNS, where the PoP answers a resolver and the place is somebody else's
   * (spec 2.3). A place without country and coordinates says in `assumed` why nothing is known.
   */
  place(address: string): Place {
    const parsed = parseAddress(address);
    if (parsed === undefined) return nothing('host_name');
    for (const { network, standing } of this.#networks) {
      if (inNetwork(parsed.parsed, network)) return this.#standing(standing);
    }
    const { range, text } = parsed;
    // A house's own file may list its private networks; but the free files list example networks under random countries.
    if (range === 'public' || range === 'private') {
      const hit = this.#options.database?.find(text);
      if (hit !== undefined) return this.#standing(hit);
    }
    if (range !== 'public') return nothing(`${range}_address`);
    return nothing(this.#options.database === undefined ? 'no_geo_database' : 'not_in_geo_database');
  }

  /**
   * Somebody of a known place who is served at this PoP all the same: for DNS, the PoP that the resolver asked. The country
   * is the place's where it has one, whatever `LocatorOptions.country` says: a place is only handed in where it is to count.
   */
  at(code: string, place: Place | undefined): Location {
    const own = this.pop(code);
    if (place === undefined || (place.country === undefined && place.latitude === undefined)) return own;
    const assumed = [...own.assumed, ...place.assumed];
    const { country, latitude, longitude } = place;
    return this.#intern(popAt(own.popIndex), country ?? own.country, latitude, longitude, assumed);
  }

  /** The same client after the PoPs in use changed: stays where it is while its PoP is in use, else goes to the nearest that is. */
  moved(location: Location): Location {
    if (this.#inUse[location.popIndex] === 1) return location;
    const pop = this.#nearest.to(location.latitude, location.longitude);
    const country = this.#options.country === 'client' ? location.country : pop.country;
    const { latitude, longitude, assumed } = location;
    const codes = assumed.includes('pop_not_in_use') ? assumed : [...assumed, 'pop_not_in_use'];
    return this.#internExact(pop, country, latitude, longitude, codes);
  }

  #placeOf(hint: Hint): Place {
    const fromAddress = hint.address === undefined ? undefined : this.place(hint.address);
    const { latitude, longitude, country } = hint;
    const told = country === undefined ? undefined : findCountry(country)?.code;
    if (latitude !== undefined && longitude !== undefined && validPoint(latitude, longitude)) {
      return { country: told ?? fromAddress?.country, latitude, longitude, assumed: NOTHING_ASSUMED };
    }
    // The file's coordinates only serve while it agrees about the country.
    if (fromAddress?.latitude !== undefined && (told === undefined || told === fromAddress.country)) return fromAddress;
    if (country !== undefined) return this.#standing({ country });
    return fromAddress ?? nothing();
  }

  #standing(
    standing:
      | Standing
      | { country: CountryCode | undefined; latitude: number | undefined; longitude: number | undefined },
  ): Place {
    const { latitude, longitude } = standing;
    const country = standing.country === undefined ? undefined : findCountry(standing.country)?.code;
    if ('pop' in standing && standing.pop !== undefined) {
      const pop = findPop(standing.pop);
      if (pop === undefined) return nothing('unknown_pop');
      return {
        country: country ?? pop.country,
        latitude: pop.latitude,
        longitude: pop.longitude,
        assumed: NOTHING_ASSUMED,
      };
    }
    if (latitude !== undefined && longitude !== undefined && validPoint(latitude, longitude)) {
      return { country, latitude, longitude, assumed: NOTHING_ASSUMED };
    }
    if (country === undefined) return standing.country === undefined ? nothing() : nothing('unknown_country');
    const override = this.#options.countries?.get(country);
    if (override !== undefined) {
      const { pop, latitude: north, longitude: east } = override;
      const point = pop === undefined ? { latitude: north, longitude: east } : mustFindPop(pop);
      return { country, latitude: point.latitude, longitude: point.longitude, assumed: ['country_override'] };
    }
    const point = CENTROIDS.get(country);
    assert(point !== undefined, `no point for ${country}`);
    return { country, latitude: point.latitude, longitude: point.longitude, assumed: ['country_centroid'] };
  }

  #locate(place: Place): Location {
    const { latitude, longitude, assumed } = place;
    if (latitude === undefined || longitude === undefined) return this.#unplaced(assumed);
    const pop = this.#nearest.to(latitude, longitude);
    const country = this.#options.country === 'client' ? (place.country ?? pop.country) : pop.country;
    if (this.#options.coordinates === 'pop') return this.#intern(pop, country, undefined, undefined, assumed);
    return this.#intern(pop, country, latitude, longitude, assumed);
  }

  #unplaced(why: readonly Assumed[]): Location {
    return this.#intern(this.#defaultPop, this.#defaultPop.country, undefined, undefined, [...why, 'default_pop']);
  }

  #intern(
    pop: Pop,
    country: CountryCode,
    latitude: number | undefined,
    longitude: number | undefined,
    assumed: readonly string[],
  ): Location {
    const known = latitude !== undefined && longitude !== undefined;
    return this.#internExact(pop, country, known ? latitude : pop.latitude, known ? longitude : pop.longitude, assumed);
  }

  #internExact(pop: Pop, country: CountryCode, north: number, east: number, assumed: readonly string[]): Location {
    const latitude = roundDegrees(north);
    const longitude = roundDegrees(east);
    const key = `${pop.index} ${country} ${latitude} ${longitude} ${assumed.join(' ')}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    if (this.#places.size >= MAX_PLACES && !assumed.includes('place_table_full')) {
      return this.#internExact(pop, country, pop.latitude, pop.longitude, [...assumed, 'place_table_full']);
    }
    const { code, index, region, regionIndex } = pop;
    const location: Location = {
      pop: code,
      popIndex: index,
      region,
      regionIndex,
      country,
      latitude,
      longitude,
      assumed,
    };
    this.#places.set(key, location);
    return location;
  }
}

function nothing(...assumed: readonly Assumed[]): Place {
  return { country: undefined, latitude: undefined, longitude: undefined, assumed };
}

function mustFindPop(code: string): Pop {
  const pop = findPop(code);
  assert(pop !== undefined, `no PoP ${code}`);
  return pop;
}
