/**
 * Everything that can go wrong on the link, as values. A fault answers three questions before it says what happened: where it
 * arose, what the origin may have seen, and so whether another attempt is safe (STYLE 8). Wire codes are spec 12.13.
 */
import { unreachable } from '../core/assert.ts';

export const ErrorCode = {
  noError: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  refused: 4,
  cancel: 5,
  limit: 6,
  version: 7,
  auth: 8,
  integrity: 9,
  gone: 10,
  originConnectTimeout: 16,
  originRefused: 17,
  originTls: 18,
  originReadTimeout: 19,
  originReset: 20,
  badRequestBody: 21,
  draining: 22,
} as const;

/** Why a lane ended. `side`: who is to blame; `local` = we closed it by choice or by our own mistake. */
export interface LaneFault {
  readonly code: number;
  readonly side: 'local' | 'remote' | 'network';
  readonly why: string;
}

/** Why one stream failed, as the sender tells the edge. */
export type Fault =
  /** The lane broke. `sent`: the request may have left this machine; `answered`: a response head had arrived. */
  | { readonly kind: 'link_lost'; readonly sent: boolean; readonly answered: boolean; readonly why: string }
  /** The listener says that it did not act on the request: REFUSED, DRAINING, or above GOAWAY's last stream. */
  | { readonly kind: 'listener_refused'; readonly code: number }
  /** One end broke the protocol while this stream was open. */
  | {
      readonly kind: 'link_protocol';
      readonly code: number;
      readonly side: 'local' | 'remote' | 'network';
      readonly why: string;
    }
  /** Head, target or streams beyond a limit. */
  | { readonly kind: 'limit'; readonly acted: boolean }
  /** The rebuilt body was wrong, and so was the full one. */
  | { readonly kind: 'integrity' }
  /** The listener no longer holds the body that we could not rebuild (12.9). */
  | { readonly kind: 'gone' }
  | { readonly kind: 'origin_connect_timeout' }
  | { readonly kind: 'origin_refused' }
  | { readonly kind: 'origin_tls' }
  | { readonly kind: 'origin_read_timeout' }
  /** The origin broke off or answered nonsense. */
  | { readonly kind: 'origin_reset' }
  /** No usable length on a request with a body. */
  | { readonly kind: 'bad_request_body' }
  | { readonly kind: 'listener_internal' }
  /** No complete answer within the request's own deadline. */
  | { readonly kind: 'deadline' };

/** Stable codes for events, metrics and docs/errors.md. */
export function faultCode(fault: Fault): string {
  return `RG_${fault.kind.toUpperCase()}`;
}

export type Place = 'link' | 'listener' | 'origin' | 'request';

export function placeOf(fault: Fault): Place {
  switch (fault.kind) {
    case 'link_lost':
    case 'link_protocol':
    case 'deadline':
      return 'link';
    case 'listener_refused':
    case 'listener_internal':
    case 'limit':
    case 'integrity':
    case 'gone':
      return 'listener';
    case 'origin_connect_timeout':
    case 'origin_refused':
    case 'origin_tls':
    case 'origin_read_timeout':
    case 'origin_reset':
      return 'origin';
    case 'bad_request_body':
      return 'request';
    default:
      return unreachable(fault);
  }
}

/** What the origin may have seen of the request, at worst. */
export function originMayHaveSeen(fault: Fault): 'nothing' | 'request' | 'answered' {
  switch (fault.kind) {
    case 'link_lost':
      return fault.answered ? 'answered' : fault.sent ? 'request' : 'nothing';
    case 'listener_refused':
    case 'origin_connect_timeout':
    case 'origin_refused':
    case 'origin_tls':
    case 'bad_request_body':
      return 'nothing';
    case 'limit':
      return fault.acted ? 'request' : 'nothing';
    case 'integrity':
    case 'gone':
      return 'answered';
    case 'link_protocol':
    case 'origin_read_timeout':
    case 'origin_reset':
    case 'listener_internal':
    case 'deadline':
      return 'request';
    default:
      return unreachable(fault);
  }
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** RFC 9110 section 9.2.2. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/**
 * Is it safe to try the same request again, on another lane, another origin or direct? Always where the origin saw nothing. After
 * hand-over the answer is no (RG-012), unless the operator switched `retryIdempotentDirect` on (RG-013), and then for idempotent
 * methods only, as long as nothing of an answer has been seen. GONE is the exception of spec 12.9: the listener itself says that
 * the answer is lost, and an idempotent request is repeated once.
 */
export function mayRetry(fault: Fault, method: string, options: { readonly retryIdempotentDirect: boolean }): boolean {
  if (fault.kind === 'bad_request_body') return false;
  if (fault.kind === 'gone') return isIdempotent(method);
  const seen = originMayHaveSeen(fault);
  if (seen === 'nothing') return true;
  return seen === 'request' && placeOf(fault) === 'link' && options.retryIdempotentDirect && isIdempotent(method);
}

/**
 * The sources disagree on origin failures (section 5), so there are three tables: `classic` as the listener's log had it (502),
 * `standard` with the 52x family, `strict` which tells TLS failures apart as 525.
 */
export type StatusProfile = 'classic' | 'standard' | 'strict';

/** Status for the visitor when nothing of an answer has been sent yet (12.13). */
export function statusOf(fault: Fault, profile: StatusProfile): number {
  switch (fault.kind) {
    case 'link_lost':
    case 'link_protocol':
    case 'listener_refused':
    case 'listener_internal':
      return 527;
    case 'limit':
    case 'integrity':
    case 'gone':
      return 502;
    case 'origin_connect_timeout':
      return profile === 'classic' ? 502 : 522;
    case 'origin_refused':
      return profile === 'classic' ? 502 : 521;
    case 'origin_tls':
      return profile === 'strict' ? 525 : 520;
    case 'origin_read_timeout':
    case 'deadline':
      return 524;
    case 'origin_reset':
      return 520;
    case 'bad_request_body':
      return 411;
    default:
      return unreachable(fault);
  }
}

/** What a RESET from the listener means. `acted`: a RESPONSE had been seen, so the request was worked on. */
export function faultOfReset(code: number, acted: boolean): Fault {
  switch (code) {
    case ErrorCode.refused:
    case ErrorCode.draining:
      return acted
        ? { kind: 'link_lost', sent: true, answered: true, why: 'drain deadline' }
        : { kind: 'listener_refused', code };
    case ErrorCode.limit:
      return { kind: 'limit', acted };
    case ErrorCode.integrity:
      return { kind: 'integrity' };
    case ErrorCode.gone:
      return { kind: 'gone' };
    case ErrorCode.originConnectTimeout:
      return { kind: 'origin_connect_timeout' };
    case ErrorCode.originRefused:
      return { kind: 'origin_refused' };
    case ErrorCode.originTls:
      return { kind: 'origin_tls' };
    case ErrorCode.originReadTimeout:
      return { kind: 'origin_read_timeout' };
    case ErrorCode.originReset:
      return { kind: 'origin_reset' };
    case ErrorCode.badRequestBody:
      return { kind: 'bad_request_body' };
    default:
      return { kind: 'listener_internal' };
  }
}
