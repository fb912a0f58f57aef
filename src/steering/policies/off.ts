/** `off`: `default_pools` in failover order. Back to the first as soon as health says so (LB-066..073). */
import type { OrderedPolicy } from './policy.ts';

export const off: OrderedPolicy = {
  kind: 'ordered',
  name: 'off',
  because: 'policy_off',
  byPlace: false,
  readsRtt: false,
  order: (list) => list,
  detail: () => ({}),
};
