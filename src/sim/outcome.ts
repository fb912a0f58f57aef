/**
 * How one attempt towards an origin can end in the model: the same endings, codes and statuses as on real sockets (spec 6.2), as
 * small numbers for the hot path. `zeroDowntime` marks the statuses that the edge itself made and that allow one more attempt
 * elsewhere (C14, LB-193, LB-194).
 */

export interface Ending {
  /** Stable code, the `cause` of a failed request; empty when served. */
  readonly cause: string;
  readonly status: number;
  readonly zeroDowntime: boolean;
}

export const SERVED = 0;
export const REFUSED = 1;
export const CONNECT_TIMEOUT = 2;
export const UNREACHABLE = 3;
export const READ_TIMEOUT = 4;
export const TLS_INVALID = 5;
export const RESET = 6;
export const OVERLOADED = 7;
export const ORIGIN_ERROR = 8;
export const LANE_LOST = 9;
export const NOTHING_MAY_SERVE = 10;
export const NOT_RESOLVED = 11;
/** The edge itself is gone: a connection to it is refused, or was open when it died. */
export const EDGE_REFUSED = 12;
export const EDGE_LOST = 13;

export const ENDINGS: readonly Ending[] = [
  { cause: '', status: 200, zeroDowntime: false },
  { cause: 'origin_refused', status: 521, zeroDowntime: true },
  { cause: 'origin_connect_timeout', status: 522, zeroDowntime: true },
  { cause: 'origin_unreachable', status: 523, zeroDowntime: true },
  { cause: 'origin_read_timeout', status: 524, zeroDowntime: false },
  { cause: 'origin_certificate_invalid', status: 526, zeroDowntime: true },
  { cause: 'origin_reset', status: 520, zeroDowntime: false },
  { cause: 'origin_overloaded', status: 503, zeroDowntime: false },
  { cause: 'origin_error', status: 500, zeroDowntime: false },
  { cause: 'lane_lost', status: 527, zeroDowntime: false },
  { cause: 'nothing_may_serve', status: 530, zeroDowntime: false },
  { cause: 'name_not_resolved', status: 0, zeroDowntime: false },
  { cause: 'edge_refused', status: 0, zeroDowntime: false },
  { cause: 'edge_reset', status: 0, zeroDowntime: false },
];
