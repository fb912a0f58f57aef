/**
 * `dynamic_latency`: lowest smoothed probe round-trip time at this place first. Pools without a figure here follow in list
 * order; with no figure at all this is failover order (LB-100..105). Smoothing is the health room's business.
 */
import type { OrderedPolicy } from './policy.ts';

export const dynamicLatency: OrderedPolicy = {
  kind: 'ordered',
  name: 'dynamic_latency',
  because: 'policy_dynamic_latency',
  byPlace: false,
  readsRtt: true,
  order: (list, from, health) =>
    list
      .map((pool, place) => ({ pool, place, rtt: health.rttUs(pool.index, from) ?? Infinity }))
      .sort((a, b) => (a.rtt === b.rtt ? a.place - b.place : a.rtt < b.rtt ? -1 : 1))
      .map((entry) => entry.pool),
  detail: (pool, from, health) => {
    const rtt = health.rttUs(pool.index, from);
    return rtt === undefined ? { rtt: 'unknown' } : { rtt_us: rtt };
  },
};
