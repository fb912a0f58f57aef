/** `least_outstanding_requests`: as `random`, each weight divided by requests under way here + 1 (LB-111..114). */
import type { DrawnPolicy } from './policy.ts';

export const leastOutstandingRequests: DrawnPolicy = {
  kind: 'drawn',
  name: 'least_outstanding_requests',
  because: 'policy_least_outstanding_requests',
  byPlace: false,
  readsRtt: false,
  count: (load, poolIndex, popIndex) => load.poolOutstanding(poolIndex, popIndex),
};
