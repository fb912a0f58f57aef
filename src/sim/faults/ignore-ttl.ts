/** Resolvers keep the answers they have, whatever the TTL said. */
import { type Fault, once } from './fault.ts';

export const ignoreTtl: Fault = {
  name: 'ignore_ttl',
  summary: 'resolvers keep old answers past their TTL',
  targets: ['resolver'],
  parameters: {},
  live: true,
  start(world) {
    world.setIgnoreTtl(true);
    return once(() => world.setIgnoreTtl(false));
  },
};
