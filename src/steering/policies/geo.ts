/**
 * `geo`: the list of the place (PoP, country, region, then default: candidates.ts) in failover order, and that list alone:
 * when all its pools are out, the fallback pool serves, not `default_pools` (LB-086).
 */
import type { OrderedPolicy } from './policy.ts';

export const geo: OrderedPolicy = {
  kind: 'ordered',
  name: 'geo',
  because: 'policy_geo',
  byPlace: true,
  readsRtt: false,
  order: (list) => list,
  detail: () => ({}),
};
