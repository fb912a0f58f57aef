/**
 * What became of one request, in the words of the replay: the client's view and the edge's line in its log, put together. Causes and
 * statuses are those of `sim/outcome.ts` wherever the model knows the ending; endings that only real sockets have carry names of their own.
 */
import { parseCfRailgun } from '../railgun/cf-railgun.ts';
import {
  CONNECT_TIMEOUT,
  EDGE_LOST,
  EDGE_REFUSED,
  ENDINGS,
  LANE_LOST,
  NOTHING_MAY_SERVE,
  NOT_RESOLVED,
  ORIGIN_ERROR,
  OVERLOADED,
  READ_TIMEOUT,
  REFUSED,
  RESET,
  SERVED,
  TLS_INVALID,
  UNREACHABLE,
} from '../sim/outcome.ts';
import type { EdgeRecord } from './lab.ts';
import type { WireAnswer } from './wire.ts';

export interface Fate {
  /** As in `sim/outcome.ts`; RESET for what the model has no word for. */
  readonly ending: number;
  /** Empty when served. */
  readonly cause: string;
  readonly status: number;
}

const SERVED_FATE = { ending: SERVED, cause: '' } as const;

/** By the error code of the edge's page (`edge/error-page.ts`). */
const BY_CODE: ReadonlyMap<number, number> = new Map([
  [520, RESET],
  [521, REFUSED],
  [522, CONNECT_TIMEOUT],
  [523, UNREACHABLE],
  [524, READ_TIMEOUT],
  [526, TLS_INVALID],
  [527, LANE_LOST],
  [530, NOTHING_MAY_SERVE],
  [1016, NOTHING_MAY_SERVE],
]);

/** @param record The edge's line; `undefined` when it has none or it was not found. */
export function fateAtEdge(answer: WireAnswer, record: EdgeRecord | undefined): Fate {
  const { status, error } = answer;
  if (status === 0) return atNoEdge(error);
  const code = record === undefined ? (status >= 520 ? status : 0) : record.error;
  if (code !== 0) {
    const ending = BY_CODE.get(code);
    if (ending !== undefined) return known(ending, status);
    return { ending: RESET, cause: code === 525 ? 'origin_tls_handshake_failed' : `edge_error_${code}`, status };
  }
  // The head went well, and then the lane, the origin or the edge broke off.
  if (error !== '') return known(overLane(answer) ? LANE_LOST : RESET, status);
  if (status < 500) return { ...SERVED_FATE, status };
  return known(status === 503 ? OVERLOADED : ORIGIN_ERROR, status);
}

/** What breaks off behind the head came over a lane, and that is what broke: an origin's reset reaches the edge as an error page. */
function overLane({ railgun }: WireAnswer): boolean {
  const kind = railgun === '' ? undefined : parseCfRailgun(railgun)?.kind;
  return kind !== undefined && kind !== 'direct';
}

/** DNS-only: the client went to the origin by itself. */
export function fateAtOrigin(answer: WireAnswer): Fate {
  const { status, error, connected } = answer;
  if (error === '') {
    if (status < 500) return { ...SERVED_FATE, status };
    return known(status === 503 ? OVERLOADED : ORIGIN_ERROR, status);
  }
  if (error === 'ECONNREFUSED') return known(REFUSED, 0);
  if (error === 'ETIMEDOUT' && !connected) return known(CONNECT_TIMEOUT, 0);
  if (error === 'timeout' || error === 'ETIMEDOUT') return known(READ_TIMEOUT, 0);
  if (error === 'EHOSTUNREACH' || error === 'ENETUNREACH') return known(UNREACHABLE, 0);
  return known(RESET, 0);
}

export function notResolved(): Fate {
  return known(NOT_RESOLVED, 0);
}

/** Not sent at all: more were under way than a drill allows itself. */
export function turnedAway(): Fate {
  return { ending: RESET, cause: 'drill_limit', status: 0 };
}

export function noEdge(): Fate {
  return { ending: RESET, cause: 'edge_none', status: 0 };
}

function known(ending: number, status: number): Fate {
  return { ending, cause: ENDINGS[ending]!.cause, status };
}

/** The client never got a head: the edge is gone, or was lost on the way. */
function atNoEdge(error: string): Fate {
  switch (error) {
    case 'ECONNREFUSED':
      return known(EDGE_REFUSED, 0);
    case 'ETIMEDOUT':
    case 'timeout':
      return { ending: EDGE_LOST, cause: 'edge_timeout', status: 0 };
    default:
      return known(EDGE_LOST, 0);
  }
}
