/** Answers take longer: a factor on the origin's own latency, a fixed addition, or both. Stores may be slow too. */
import { US_PER_SECOND } from '../../core/time.ts';
import { type Fault, onOrigins } from './fault.ts';

export const slow: Fault = {
  name: 'slow',
  summary: 'answers take longer',
  targets: ['pool', 'origin', 'store'],
  parameters: {
    factor: { kind: 'number', default: 1, summary: 'multiplies the latency' },
    add: { kind: 'duration', default: US_PER_SECOND, summary: 'is added to the latency' },
  },
  live: true,
  start(world, target, parameters) {
    if (target.kind === 'store') return world.railgun().setStore(target.name, 'silent');
    return onOrigins(world, target, { latencyFactor: parameters.factor ?? 1, latencyAddUs: parameters.add ?? 0 });
  },
};
