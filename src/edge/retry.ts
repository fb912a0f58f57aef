/**
 * What an attempt's end means: the status that the edge would answer with (spec 6.2), and whether another attempt may follow.
 * Zero-downtime failover itself is `steering/failover.ts`; here is only what a fault is called.
 */
import { unreachable } from '../core/assert.ts';
import type { AttemptFault } from '../core/attempt-fault.ts';
import type { EdgeErrorCode } from './error-page.ts';

/** The error of an attempt over HTTP/1.1. */
export function errorOf(fault: AttemptFault): EdgeErrorCode {
  switch (fault) {
    case 'refused':
      return 521;
    // Our own bound on connections to one origin: to the client, it does not accept in time.
    case 'connect_timeout':
    case 'overloaded':
      return 522;
    case 'unreachable':
      return 523;
    case 'read_timeout':
    case 'write_timeout':
      return 524;
    case 'tls_handshake':
      return 525;
    case 'tls_certificate':
      return 526;
    case 'dns':
      return 1016;
    case 'link_lost':
      return 527;
    case 'reset':
    case 'empty':
    case 'malformed':
    case 'unavailable':
      return 520;
    default:
      return unreachable(fault);
  }
}
