/** The certificate ran out: the edge refuses it with 526; a monitor with `allow_insecure` does not notice. */
import { type Fault, onOrigins } from './fault.ts';

export const tlsExpired: Fault = {
  name: 'tls_expired',
  summary: "the origin's certificate is no longer valid",
  targets: ['pool', 'origin'],
  parameters: {},
  live: true,
  start: (world, target) => onOrigins(world, target, { mode: 'tls_invalid' }),
};
