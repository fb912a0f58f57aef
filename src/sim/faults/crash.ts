/** The edge process of a PoP is gone while its address stays announced: nobody leads its clients elsewhere, they are refused. */
import { type Fault, once } from './fault.ts';

export const crash: Fault = {
  name: 'crash',
  summary: 'the edge of a PoP is killed: its clients are refused, requests under way fail, until it is back',
  targets: ['pop'],
  parameters: {},
  live: true,
  restarts: { pop: 'edge' },
  start(world, target) {
    world.setCrashed(target, true);
    return once(() => world.setCrashed(target, false));
  },
};
