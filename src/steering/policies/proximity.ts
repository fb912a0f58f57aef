/**
 * `proximity`: nearest pool first, by great circle from the location that `geo` made. Pools without coordinates come last,
 * in list order; so do ties (LB-106..110).
 */
import { distanceBetween, nearness, unitVector } from '../../core/sphere.ts';
import type { OrderedPolicy } from './policy.ts';

export const proximity: OrderedPolicy = {
  kind: 'ordered',
  name: 'proximity',
  because: 'policy_proximity',
  byPlace: false,
  readsRtt: false,
  order: (list, from) => {
    const here = unitVector(from.latitude, from.longitude);
    return list
      .map((pool, place) => ({ pool, place, near: pool.where === undefined ? -2 : nearness(here, pool.where) }))
      .sort((a, b) => (a.near === b.near ? a.place - b.place : b.near - a.near))
      .map((entry) => entry.pool);
  },
  detail: (pool, from) =>
    pool.where === undefined
      ? { distance: 'unknown' }
      : { distance_km: Math.round(distanceBetween(unitVector(from.latitude, from.longitude), pool.where)) },
};
