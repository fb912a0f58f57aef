/**
 * Health as steering sees it: questions about pools and origins by index, from one place. Implemented by
 * `health/view.ts` (live and simulated alike) and by small tables in tests. Steering never sees a monitor.
 */
import type { Location } from './location.ts';

/** `unmonitored`: no monitor attached, health is not considered (LB-127). `unprobed`: monitor attached, no result yet: down (LB-126). */
export type PoolHealth = 'healthy' | 'degraded' | 'critical' | 'unprobed' | 'unmonitored';
export type OriginHealth = 'healthy' | 'unhealthy' | 'unprobed' | 'unmonitored';

export interface HealthView {
  /** Grows whenever any answer below may have changed: memos made at one version hold until the next. */
  readonly version: number;
  /**
   * Grows when `rttUs` alone may have changed. Round-trip times move with every probe, verdicts seldom: a view that counts
   * them apart spares every policy but dynamic_latency from reckoning anew. Without it, `version` covers both.
   */
  readonly rttVersion?: number;
  pool(poolIndex: number, from: Location): PoolHealth;
  origin(poolIndex: number, originIndex: number, from: Location): OriginHealth;
  /** EWMA of probe round-trip times towards the pool in this place, µs; `undefined` = none known here (LB-101). */
  rttUs(poolIndex: number, from: Location): number | undefined;
}

/** Requests and connections under way, for least_* policies. Scope: one PoP (spec 2.4, inferred). */
export interface LoadView {
  poolOutstanding(poolIndex: number, popIndex: number): number;
  poolConnections(poolIndex: number, popIndex: number): number;
  originOutstanding(poolIndex: number, originIndex: number, popIndex: number): number;
  originConnections(poolIndex: number, originIndex: number, popIndex: number): number;
}

/** Which host-name origins resolve right now from this place (LB-124); addresses always do. */
export interface NameView {
  resolves(hostname: string, from: Location): boolean;
}
