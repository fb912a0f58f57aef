/** `least_connections`: as `random`, each weight divided by open connections here, idle ones too, + 1 (LB-115). */
import type { DrawnPolicy } from './policy.ts';

export const leastConnections: DrawnPolicy = {
  kind: 'drawn',
  name: 'least_connections',
  because: 'policy_least_connections',
  byPlace: false,
  readsRtt: false,
  count: (load, poolIndex, popIndex) => load.poolConnections(poolIndex, popIndex),
};
