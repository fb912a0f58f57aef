/**
 * What every traffic source gives the run: the time of its next request, and the request itself in one reused record. Sources never
 * wait for answers (open loop), so a stall hides no request.
 */

import type { Micros } from '../core/time.ts';

/** Written by `take`. */
export interface Arrival {
  at: Micros;
  /**
   * Whom its draws are about (`core/draws.ts`): a function of the request and its source, so it is the same in every run that has this
   * request, whichever others came before it. int32; two requests of a log may have the same, by a chance of one in 2^32.
   */
  key: number;
  client: number;
  /** Number of the traffic source among the resolvers' users. */
  source: number;
  /** Index in `Model.loadBalancers`. */
  balancer: number;
  /** Hash of the page asked for. */
  page: number;
  bodyBytes: number;
  /** The body's type may be delta-coded. */
  text: boolean;
  /** Played by the real machines of the link. */
  wire: boolean;
  method: string;
  path: string;
  host: string;
}

export interface TrafficSource {
  /** Time of the next request, Infinity when there will be none. */
  readonly nextAt: number;
  /** Fills `arrival` with the next request and moves on. */
  take(arrival: Arrival): void;
}

export function emptyArrival(): Arrival {
  return {
    at: 0 as Micros,
    key: 0,
    client: 0,
    source: 0,
    balancer: 0,
    page: 0,
    bodyBytes: 0,
    text: true,
    wire: false,
    method: 'GET',
    path: '/',
    host: '',
  };
}
