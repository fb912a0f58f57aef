/** Power is gone: every connection hangs, nothing answers, not even with a refusal. Requests under way are lost. */
import { type Fault, onOrigins } from './fault.ts';

export const powerLoss: Fault = {
  name: 'power_loss',
  summary: 'a pool or origin goes dark at once: connections time out, requests under way are lost',
  targets: ['pool', 'origin'],
  parameters: {},
  live: true,
  restarts: { pool: 'origin', origin: 'origin' },
  start: (world, target) => onOrigins(world, target, { mode: 'blackhole' }, true),
};
