/** A PoP (or every PoP of a region) stops announcing its addresses: its clients reach the nearest one left. */
import { type Fault, once } from './fault.ts';

export const withdraw: Fault = {
  name: 'withdraw',
  summary: 'a PoP leaves the network; its clients go to the nearest one left',
  targets: ['pop', 'region'],
  parameters: {},
  live: true,
  start(world, target) {
    world.setWithdrawn(target, true);
    return once(() => world.setWithdrawn(target, false));
  },
};
