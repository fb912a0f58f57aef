/**
 * Who asks, and from where. The peer's address is the client's, unless the peer may speak for others:
 *
 *     anybody          its own address; a CF-Connecting-IP is a forgery or a loop: error 1000 (LB-227)
 *     loopback         may say CF-Connecting-IP and CF-IPCountry, to try things out (DESIGN 9)
 *     trusted proxy    CF-Connecting-IP, else the last address in X-Forwarded-For that is not a trusted proxy itself; CF-IPCountry
 *
 * A country that is told moves a client to a point of it, and so perhaps to another PoP: one edge at home plays the whole world. An edge
 * that was given its PoP is that PoP for everybody (spec 2.3: a proxied request is located at the PoP that serves it), and there the
 * country is only the client's.
 *
 * Nobody may come with the mark of an edge in CDN-Loop (RFC 8586): the request has been here before.
 */
import type { Location } from '../core/location.ts';
import { inNetwork, parseAddress, parseNetwork } from '../geo/addresses.ts';
import type { Locator } from '../geo/locate.ts';
import { findCountry, UNKNOWN_COUNTRY } from '../geo/tables.ts';
import { hashAddress } from '../steering/hash.ts';
import type { FieldScan } from './field-scan.ts';

/** Our name in CDN-Loop. */
export const LOOP_TOKEN = 'cloudflare';
/** Spec 6.2, error 1000. */
const FORWARDED_FOR_MAX = 100;
/** Clients that proxies or tests speak for, remembered with their place. */
const PLACES_MAX = 65_536;

export type Trust = 'nobody' | 'override' | 'proxy';

export interface ClientPlace {
  /** Canonical text. */
  readonly address: string;
  readonly hash: number;
  readonly location: Location;
  /** `CF-IPCountry`: the client's own, `XX` when unknown. */
  readonly country: string;
}

export interface Prohibited {
  readonly kind: 'prohibited';
  readonly why: string;
}

export class ClientDirectory {
  readonly #locator: Locator;
  readonly #proxies: readonly NonNullable<ReturnType<typeof parseNetwork>>[];
  readonly #places = new Map<string, ClientPlace>();
  readonly #onePop: boolean;

  /** `trusted`: networks that `parseNetwork` takes. `onePop`: no country that is told moves a client away from the locator's default PoP. */
  constructor(locator: Locator, trusted: readonly string[] = [], onePop = false) {
    this.#locator = locator;
    this.#onePop = onePop;
    this.#proxies = trusted.map((text) => parseNetwork(text)).filter((network) => network !== undefined);
  }

  /** How far the peer of a connection is believed. Ask once per connection. */
  trust(peer: string): Trust {
    const known = parseAddress(peer);
    if (known === undefined) return 'nobody';
    if (this.#isProxy(known.parsed)) return 'proxy';
    return known.range === 'loopback' ? 'override' : 'nobody';
  }

  /** A client of whom no more is known than its address. */
  place(address: string, country?: string): ClientPlace {
    const key = country === undefined ? address : `${address} ${country}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const text = parseAddress(address)?.text ?? address;
    const told = country === undefined ? undefined : findCountry(country)?.code;
    const location =
      told === undefined || this.#onePop
        ? this.#locator.address(text)
        : this.#locator.find({ address: text, country: told });
    const own = told ?? this.#locator.place(text).country ?? UNKNOWN_COUNTRY;
    const place = { address: text, hash: hashAddress(text), location, country: own };
    if (this.#places.size >= PLACES_MAX) this.#places.clear();
    this.#places.set(key, place);
    return place;
  }

  /** A client that reaches this PoP, whatever else is known of it. */
  at(pop: string, address: string, country?: string): Location {
    return this.#locator.find({ address, pop, ...(country === undefined ? {} : { country }) });
  }

  /** `own`: the place of the peer itself, which nearly every request stands for. */
  identify(own: ClientPlace, trust: Trust, fields: FieldScan): ClientPlace | Prohibited {
    const loop = fields.cdnLoop;
    if (loop !== '' && hasToken(loop)) return prohibited('CDN-Loop says that this request has passed an edge already');
    const told = fields.connectingIp;
    if (trust === 'nobody') {
      if (told !== undefined) return prohibited('the request carries CF-Connecting-IP');
      return checkForwarded(fields) ?? own;
    }
    let address = own.address;
    if (told !== undefined) {
      const parsed = parseAddress(told);
      if (parsed === undefined) return prohibited('CF-Connecting-IP is no address');
      address = parsed.text;
    } else if (trust === 'proxy') address = this.#behindProxies(own.address, fields);
    if (trust === 'override') {
      const problem = checkForwarded(fields);
      if (problem !== undefined) return problem;
    }
    const { country } = fields;
    return address === own.address && country === undefined ? own : this.place(address, country);
  }

  /** From the right, each proxy vouches for what stands left of it. */
  #behindProxies(peer: string, fields: FieldScan): string {
    let client = peer;
    const chain = fields.forwardedForAll.join(',').split(',');
    for (let i = chain.length - 1; i >= 0; i -= 1) {
      const hop = parseAddress(chain[i]!.trim());
      if (hop === undefined) break;
      client = hop.text;
      if (!this.#isProxy(hop.parsed)) break;
    }
    return client;
  }

  #isProxy(address: NonNullable<ReturnType<typeof parseAddress>>['parsed']): boolean {
    return this.#proxies.some((network) => inNetwork(address, network));
  }
}

function checkForwarded(fields: FieldScan): Prohibited | undefined {
  if (fields.forwardedForCount > 1) return prohibited('two X-Forwarded-For fields');
  if (fields.forwardedForCount === 1 && fields.forwardedFor.length > FORWARDED_FOR_MAX) {
    return prohibited(`X-Forwarded-For is longer than ${FORWARDED_FOR_MAX} characters`);
  }
  return undefined;
}

function hasToken(list: string): boolean {
  return list.split(',').some((each) => each.split(';')[0]!.trim().toLowerCase() === LOOP_TOKEN);
}

function prohibited(why: string): Prohibited {
  return { kind: 'prohibited', why };
}
