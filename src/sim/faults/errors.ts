/** The application answers 500 for a share of requests. The edge passes those on: no failover on an origin's own answer (LB-194). */
import { type Fault, onOrigins } from './fault.ts';

export const errors: Fault = {
  name: 'errors',
  summary: "a share of requests gets the origin's own 500",
  targets: ['pool', 'origin'],
  parameters: { share: { kind: 'share', default: 1, summary: 'of the requests' } },
  live: true,
  start: (world, target, parameters) => onOrigins(world, target, { errorShare: parameters.share ?? 1 }),
};
