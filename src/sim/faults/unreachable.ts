/** No route: the edge learns at once that the host cannot be reached (523). */
import { type Fault, onOrigins } from './fault.ts';

export const unreachable: Fault = {
  name: 'unreachable',
  summary: 'no route to the origin',
  targets: ['pool', 'origin'],
  parameters: {},
  live: false,
  start: (world, target) => onOrigins(world, target, { mode: 'unreachable' }, true),
};
