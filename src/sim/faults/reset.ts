/** The server accepts, then resets before it answers (520). */
import { type Fault, onOrigins } from './fault.ts';

export const reset: Fault = {
  name: 'reset',
  summary: 'connections are accepted and reset before any answer',
  targets: ['pool', 'origin'],
  parameters: {},
  live: true,
  start: (world, target) => onOrigins(world, target, { mode: 'reset' }, true),
};
