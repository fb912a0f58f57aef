/**
 * Round-trip times for `dynamic_latency` (LB-100..105): an exponentially weighted mean of what probes measured, per origin,
 * monitor and data center, in whole µs. A pool's figure in a place is the mean over its origins there.
 *
 * Assumptions, since no public source says: the smoothing factor, how long a figure stays good, and that only probes that passed
 * count (a refusal comes back fast and says nothing about serving).
 */
import { US_PER_MINUTE } from '../core/time.ts';

/** Weight of the newest sample [inferred, spec 2.4]. */
export const EWMA_FACTOR = 0.3;

/** A figure without a new sample for this long is forgotten: the time the docs give for building a profile. */
export const RTT_STALE_US = 10 * US_PER_MINUTE;

/** No figure. */
export const NO_RTT = -1;

/** Fold a sample in; both in whole µs, `NO_RTT` for a first one (LB-104). */
export function smooth(ewmaUs: number, sampleUs: number): number {
  if (ewmaUs === NO_RTT) return Math.round(sampleUs);
  return Math.round(ewmaUs + (sampleUs - ewmaUs) * EWMA_FACTOR);
}
