/**
 * How an attempt at an origin failed: the transports of a world tell it, the edge decides what follows (edge/retry.ts), counters and
 * metrics number it. One list, so that the three cannot drift apart.
 */

/** In the order of their numbers in counters: those of workers are added up by place. */
export const ATTEMPT_FAULTS = [
  // Before anything was sent.
  'refused',
  'connect_timeout',
  'unreachable',
  'dns',
  'tls_handshake',
  'tls_certificate',
  /** Too many connections to this origin already. */
  'overloaded',
  /** The plan names a transport that nobody has plugged in, or one that cannot serve now. */
  'unavailable',
  // After the request, or a part of it, was sent.
  'reset',
  'empty',
  'malformed',
  'read_timeout',
  'write_timeout',
  /** The connection to another end of ours, which had taken the request, broke: what came of it nobody knows. */
  'link_lost',
] as const;

export type AttemptFault = (typeof ATTEMPT_FAULTS)[number];

export interface AttemptFailure {
  readonly kind: AttemptFault;
  /** For people and logs: an errno, a TLS code, a message fault. */
  readonly detail: string;
  /** Whether the request could be sent again: nothing was sent, or it is idempotent and its body unread. */
  readonly mayRetry: boolean;
}
