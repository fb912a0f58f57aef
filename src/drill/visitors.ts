/**
 * Where clients of a drill are, and what they ask for: the PoP that serves a client while some are withdrawn, and the request as it goes on
 * the wire. The same rules as in the replay (`replay/run.ts`), so that both send the same client to the same edge.
 */
import type { Location } from '../core/location.ts';
import { POPS } from '../geo/tables.ts';
import type { Locator } from '../geo/locate.ts';
import type { Arrival } from '../replay/arrivals.ts';
import { PLACES } from '../replay/places.ts';
import type { TrafficSpec } from '../replay/scenario.ts';
import { BYTES_FIELD, TEXT_FIELD } from './lab.ts';

export class Whereabouts {
  readonly #home: Locator;
  readonly #inUse: readonly string[];
  #present: Locator;
  readonly #moved = new Map<Location, Location>();
  /** How many faults hold each PoP out. */
  readonly #withdrawn = new Map<number, number>();

  constructor(locator: Locator, pops: readonly string[]) {
    this.#home = locator;
    this.#present = locator;
    this.#inUse = pops.length > 0 ? pops : POPS.map((pop) => pop.code);
  }

  locate(home: Location): Location {
    if (this.#present === this.#home) return home;
    const known = this.#moved.get(home);
    if (known !== undefined) return known;
    const now = this.#present.moved(home);
    this.#moved.set(home, now);
    return now;
  }

  withdraw(pops: readonly number[], on: boolean): void {
    for (const pop of pops) this.#withdrawn.set(pop, (this.#withdrawn.get(pop) ?? 0) + (on ? 1 : -1));
    this.#moved.clear();
    const out = (code: string): boolean => (this.#withdrawn.get(PLACES.indexOf(code) ?? -1) ?? 0) > 0;
    const left = this.#inUse.filter((code) => !out(code));
    if (left.length === this.#inUse.length) this.#present = this.#home;
    // With nobody left the clients stay where they are, as in the replay.
    else if (left.length > 0) this.#present = this.#home.using(left);
  }
}

/** Path and query: one URL for each page of a population, so that each is a page of its own to the link. */
export function targetOf(spec: TrafficSpec, arrival: Arrival): string {
  if (spec.kind === 'log') return arrival.path === '' ? '/' : arrival.path;
  return pageTarget(arrival.path, arrival.page);
}

export function pageTarget(path: string, page: number): string {
  return `${path === '' ? '/' : path}${path.includes('?') ? '&' : '?'}page=${page}`;
}

/**
 * The fields that say who asks and for what. Edges of a lab are given their PoP, so the country moves nobody.
 */
export function fieldsOf(
  arrival: Arrival,
  address: string,
  location: Location,
  cookie: string,
): Readonly<Record<string, string>> {
  return {
    'CF-Connecting-IP': address,
    'CF-IPCountry': location.country,
    [BYTES_FIELD]: String(arrival.bodyBytes),
    [TEXT_FIELD]: arrival.text ? '1' : '0',
    ...(cookie === '' ? {} : { Cookie: cookie }),
  };
}
