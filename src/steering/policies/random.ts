/**
 * `random`: every selection is a weighted draw without replacement among the available pools; failing over draws again from
 * what is left (C3, LB-093..099). A zero weight beside positive ones is never first; all zero is uniform. See draw.ts.
 */
import type { DrawnPolicy } from './policy.ts';

export const random: DrawnPolicy = {
  kind: 'drawn',
  name: 'random',
  because: 'policy_random',
  byPlace: false,
  readsRtt: false,
  count: undefined,
};
