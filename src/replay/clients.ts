/**
 * Everyone who sends requests: where they are, what cookie they hold, and where their session has been. One table for all traffic
 * sources, kept by client number, so that memory grows with the number of clients and never with requests.
 *
 * A run looks clients up at random, and each look is a wait for memory. So all of one client lies in one row of 32 bytes:
 *
 *   Int32    0 place   1 hash   2 last origin | home origin (16 bits each)   3 bits   4 claim   5 claim issued at, s
 *   Float64  3 (bytes 24 to 31)  end of the session
 *
 * A cookie is kept as the two numbers that tell it apart, and spelled out as an `AffinityClaim` when steering asks for it.
 */
import { assert } from '../core/assert.ts';
import type { AffinityClaim } from '../core/decision.ts';
import type { Location } from '../core/location.ts';
import type { Model } from '../core/model.ts';

/** Log clients are counted as they appear; more different addresses than this are refused rather than swapped. */
export const MAX_CLIENTS = 20_000_000;
/** Origins are remembered in 16 bits, of which one value means "none". The public API's own limits are far below. */
const MAX_ORIGINS = 65_535;

const INTS = 8;
const DOUBLES = 4;
const HALVES = 16;
const PLACE = 0;
const HASH = 1;
/** In halves of an int: the origin of the session's last request, and of its first; 0 = none, else number + 1. */
const LAST = 4;
const HOME = 5;
const BITS = 3;
/** 0 = no cookie, else 1 + balancer × origins + origin. */
const CLAIM = 4;
const ISSUED_AT = 5;
const SESSION_END = 3;

const MOVED = 1;
const MOVED_BACK = 2;
const LOST = 4;
const DRAINED = 8;
const EXPIRED = 16;
/** At another origin for now, by `temporary` failover. */
const VISITING = 32;
/** More than one request so far. */
const RETURNED = 64;
const KEEPS_COOKIES = 128;

/** What ended sessions add up to. */
export interface SessionTotals {
  sessions: number;
  returning: number;
  kept: number;
  moved: number;
  movedBack: number;
  lost: number;
  drained: number;
  expired: number;
}

/** Filled in for each request: steering keeps no claim past its call. */
interface WritableClaim extends AffinityClaim {
  issuedAt: number;
}

export class ClientTable {
  count = 0;
  readonly totals: SessionTotals = {
    sessions: 0,
    returning: 0,
    kept: 0,
    moved: 0,
    movedBack: 0,
    lost: 0,
    drained: 0,
    expired: 0,
  };
  /** Moves by the affinity outcome that explains them. */
  readonly moves = new Map<string, number>();
  readonly #address: (client: number) => string;
  readonly #places: Location[] = [];
  readonly #placeNumbers = new Map<Location, number>();
  readonly #origins: number;
  readonly #claims: readonly WritableClaim[];
  #ints: Int32Array;
  #doubles: Float64Array;
  #halves: Uint16Array;

  constructor(model: Model, address: (client: number) => string) {
    this.#address = address;
    const origins = model.pools.flatMap((pool) =>
      pool.origins.map((origin) => ({ pool: pool.id, origin: origin.name })),
    );
    assert(origins.length < MAX_ORIGINS, `more than ${MAX_ORIGINS} origins`);
    this.#origins = origins.length;
    this.#claims = model.loadBalancers.flatMap((balancer) =>
      origins.map(({ pool, origin }) => ({ loadBalancer: balancer.id, pool, origin, issuedAt: 0 })),
    );
    const rows = new ArrayBuffer(1024 * INTS * 4);
    this.#ints = new Int32Array(rows);
    this.#doubles = new Float64Array(rows);
    this.#halves = new Uint16Array(rows);
  }

  /** For traces; synthetic addresses are only spelled out when asked for. */
  address(client: number): string {
    return this.#address(client);
  }

  add(location: Location, hash: number, keepsCookies: boolean): number {
    const client = this.count;
    if (client >= MAX_CLIENTS) throw new RangeError(`more than ${MAX_CLIENTS} different clients`);
    const row = client * INTS;
    if (row === this.#ints.length) this.#grow();
    this.count += 1;
    let place = this.#placeNumbers.get(location);
    if (place === undefined) {
      place = this.#places.push(location) - 1;
      this.#placeNumbers.set(location, place);
    }
    this.#ints[row + PLACE] = place;
    this.#ints[row + HASH] = hash;
    this.#ints[row + BITS] = keepsCookies ? KEEPS_COOKIES : 0;
    return client;
  }

  /** Reads the client's row and nothing more: it is wanted soon, and memory is slow. */
  touch(client: number): number {
    return this.#ints[client * INTS]!;
  }

  location(client: number): Location {
    return this.#places[this.#ints[client * INTS + PLACE]!]!;
  }

  hash(client: number): number {
    return this.#ints[client * INTS + HASH]! >>> 0;
  }

  /** The cookie that the client sends; good until the next call. */
  claim(client: number): AffinityClaim | undefined {
    const row = client * INTS;
    const number = this.#ints[row + CLAIM]!;
    if (number === 0) return undefined;
    const claim = this.#claims[number - 1]!;
    claim.issuedAt = this.#ints[row + ISSUED_AT]! >>> 0;
    return claim;
  }

  /** An answer brought a cookie that names `origin` (global number). Clients without a cookie jar drop it. */
  giveClaim(client: number, balancer: number, origin: number, issuedAt: number): void {
    const row = client * INTS;
    if ((this.#ints[row + BITS]! & KEEPS_COOKIES) === 0) return;
    this.#ints[row + CLAIM] = 1 + balancer * this.#origins + origin;
    this.#ints[row + ISSUED_AT] = issuedAt;
  }

  /** When the visitor behind this client leaves, for the traffic sources to keep; 0 = not said yet. */
  sessionEnd(client: number): number {
    return this.#doubles[client * DOUBLES + SESSION_END]!;
  }

  setSessionEnd(client: number, at: number): void {
    this.#doubles[client * DOUBLES + SESSION_END] = at;
  }

  /**
   * The session was served by `origin`. Returns true when it moved there from another one. `why` is the affinity outcome: only a request
   * that brought a session can move it (a browser's first requests go out at once, before the first answer brought the cookie). A drain
   * that ended and a cookie that expired move a session by agreement, and where affinity is off nobody promised anything; everything
   * else loses its state.
   */
  served(client: number, origin: number, why: string): boolean {
    const row = client * INTS;
    const last = client * HALVES + LAST;
    const halves = this.#halves;
    const before = halves[last]!;
    if (before === origin + 1) {
      this.#ints[row + BITS]! |= RETURNED;
      return false;
    }
    const home = client * HALVES + HOME;
    halves[last] = origin + 1;
    if (before === 0) {
      halves[home] = origin + 1;
      return false;
    }
    let bits = this.#ints[row + BITS]! | RETURNED;
    if (why === 'no_claim' || (why === 'kept' && (bits & VISITING) === 0)) {
      halves[home] = origin + 1;
      this.#ints[row + BITS] = bits;
      return false;
    }
    bits = (bits | MOVED) & ~VISITING;
    if (why === 'visiting') bits |= VISITING;
    else if (origin + 1 === halves[home]) bits |= MOVED_BACK;
    else if (why === 'drained') bits |= DRAINED;
    else if (why === 'expired') bits |= EXPIRED;
    else if (why !== 'off') bits |= LOST;
    this.#ints[row + BITS] = bits;
    this.moves.set(why, (this.moves.get(why) ?? 0) + 1);
    return true;
  }

  /** Closes the session: its ending is added up, the cookie jar emptied; the next request is a new visitor's. */
  endSession(client: number): void {
    const row = client * INTS;
    const last = client * HALVES + LAST;
    this.#ints[row + CLAIM] = 0;
    if (this.#halves[last] === 0) return;
    const bits = this.#ints[row + BITS]!;
    const totals = this.totals;
    totals.sessions += 1;
    if ((bits & RETURNED) !== 0) {
      totals.returning += 1;
      if ((bits & MOVED) === 0) totals.kept += 1;
    }
    if ((bits & MOVED) !== 0) totals.moved += 1;
    if ((bits & MOVED_BACK) !== 0) totals.movedBack += 1;
    if ((bits & LOST) !== 0) totals.lost += 1;
    if ((bits & DRAINED) !== 0) totals.drained += 1;
    if ((bits & EXPIRED) !== 0) totals.expired += 1;
    this.#halves[last] = 0;
    this.#halves[client * HALVES + HOME] = 0;
    this.#ints[row + BITS] = bits & KEEPS_COOKIES;
  }

  endAllSessions(): void {
    for (let client = 0; client < this.count; client += 1) this.endSession(client);
  }

  #grow(): void {
    const rows = new ArrayBuffer(this.#ints.byteLength * 2);
    const ints = new Int32Array(rows);
    ints.set(this.#ints);
    this.#ints = ints;
    this.#doubles = new Float64Array(rows);
    this.#halves = new Uint16Array(rows);
  }
}
