/**
 * Everyone who sends requests: where they are, what cookie they hold, and where their session has been. One table for all traffic
 * sources, kept in arrays by client number, so that memory grows with the number of clients and never with requests.
 */
import type { AffinityClaim } from '../core/decision.ts';
import type { Location } from '../core/location.ts';

/** Log clients are counted as they appear; more different addresses than this are refused rather than swapped. */
export const MAX_CLIENTS = 20_000_000;

const MOVED = 1;
const MOVED_BACK = 2;
const LOST = 4;
const DRAINED = 8;
const EXPIRED = 16;
/** At another origin for now, by `temporary` failover. */
const VISITING = 32;

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

export class ClientTable {
  count = 0;
  readonly locations: Location[] = [];
  /** Cookie jars of one cookie: the claim as the edge issued it. */
  readonly claims: (AffinityClaim | undefined)[] = [];
  hashes = new Uint32Array(1024);
  keepsCookies = new Uint8Array(1024);
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
  /** Global origin number of the last and of the first request of the session, -1 = none yet. */
  #last = new Int32Array(1024).fill(-1);
  #home = new Int32Array(1024).fill(-1);
  #requests = new Uint8Array(1024);
  #flags = new Uint8Array(1024);
  readonly #address: (client: number) => string;

  constructor(address: (client: number) => string) {
    this.#address = address;
  }

  /** For traces; synthetic addresses are only spelled out when asked for. */
  address(client: number): string {
    return this.#address(client);
  }

  add(location: Location, hash: number, keepsCookies: boolean): number {
    const client = this.count;
    if (client >= MAX_CLIENTS) throw new RangeError(`more than ${MAX_CLIENTS} different clients`);
    if (client === this.hashes.length) this.#grow();
    this.count += 1;
    this.locations.push(location);
    this.claims.push(undefined);
    this.hashes[client] = hash;
    this.keepsCookies[client] = keepsCookies ? 1 : 0;
    return client;
  }

  /** True when the client's session has been at an origin before. */
  hasSession(client: number): boolean {
    return this.#last[client]! >= 0;
  }

  /** Origin of the session's last request, -1 = none. */
  lastOrigin(client: number): number {
    return this.#last[client]!;
  }

  /**
   * The session was served by `origin`. Returns true when it moved there from another one. `why` is the affinity outcome: only a request
   * that brought a session can move it (a browser's first requests go out at once, before the first answer brought the cookie). A drain
   * that ended and a cookie that expired move a session by agreement, and where affinity is off nobody promised anything; everything
   * else loses its state.
   */
  served(client: number, origin: number, why: string): boolean {
    const last = this.#last[client]!;
    if (last === origin) {
      this.#requests[client] = 2;
      return false;
    }
    this.#last[client] = origin;
    if (last < 0) {
      this.#home[client] = origin;
      this.#requests[client] = 1;
      return false;
    }
    this.#requests[client] = 2;
    let flags = this.#flags[client]!;
    if (why === 'no_claim' || (why === 'kept' && (flags & VISITING) === 0)) {
      this.#home[client] = origin;
      return false;
    }
    flags = (flags | MOVED) & ~VISITING;
    if (why === 'visiting') flags |= VISITING;
    else if (origin === this.#home[client]) flags |= MOVED_BACK;
    else if (why === 'drained') flags |= DRAINED;
    else if (why === 'expired') flags |= EXPIRED;
    else if (why !== 'off') flags |= LOST;
    this.#flags[client] = flags;
    return true;
  }

  /** Closes the session: its ending is added up, the cookie jar emptied; the next request is a new visitor's. */
  endSession(client: number): void {
    if (this.#last[client]! < 0) return;
    const flags = this.#flags[client]!;
    const totals = this.totals;
    totals.sessions += 1;
    if (this.#requests[client]! > 1) {
      totals.returning += 1;
      if ((flags & MOVED) === 0) totals.kept += 1;
    }
    if ((flags & MOVED) !== 0) totals.moved += 1;
    if ((flags & MOVED_BACK) !== 0) totals.movedBack += 1;
    if ((flags & LOST) !== 0) totals.lost += 1;
    if ((flags & DRAINED) !== 0) totals.drained += 1;
    if ((flags & EXPIRED) !== 0) totals.expired += 1;
    this.#last[client] = -1;
    this.#home[client] = -1;
    this.#requests[client] = 0;
    this.#flags[client] = 0;
    this.claims[client] = undefined;
  }

  endAllSessions(): void {
    for (let client = 0; client < this.count; client += 1) this.endSession(client);
  }

  #grow(): void {
    const length = this.hashes.length * 2;
    this.hashes = widen(this.hashes, new Uint32Array(length));
    this.keepsCookies = widen(this.keepsCookies, new Uint8Array(length));
    this.#last = widen(this.#last, new Int32Array(length).fill(-1));
    this.#home = widen(this.#home, new Int32Array(length).fill(-1));
    this.#requests = widen(this.#requests, new Uint8Array(length));
    this.#flags = widen(this.#flags, new Uint8Array(length));
  }
}

function widen<T extends Uint8Array | Uint32Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
