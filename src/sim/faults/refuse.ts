/** The server process is gone but its machine is up: connections are refused (521). */
import { type Fault, onOrigins } from './fault.ts';

export const refuse: Fault = {
  name: 'refuse',
  summary: 'connections are refused, as when the server process was killed',
  targets: ['pool', 'origin'],
  parameters: {},
  live: true,
  start: (world, target) => onOrigins(world, target, { mode: 'refuse' }, true),
};
