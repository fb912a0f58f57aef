/** Packets vanish: to an origin, or to a Railgun listener. Nothing is refused, everything times out. */
import { type Fault, onOrigins } from './fault.ts';

export const blackhole: Fault = {
  name: 'blackhole',
  summary: 'packets to it vanish: connections time out',
  targets: ['pool', 'origin', 'listener'],
  parameters: {},
  live: true,
  start(world, target) {
    return target.kind === 'listener'
      ? world.railgun().setListener(target.name, 'silent')
      : onOrigins(world, target, { mode: 'blackhole' });
  },
};
