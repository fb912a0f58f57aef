/**
 * From origins to pools to balancers: how many healthy ones are enough (spec 3.2, LB-139, LB-140).
 *
 *   healthy      all enabled origins are healthy
 *   degraded     some are not, but at least `minimum_origins` are: serves
 *   critical     fewer than that: skipped
 *   unprobed     results are missing that could still reach the threshold: skipped (LB-126)
 *   unmonitored  no monitor: health is not considered (LB-127)
 */
import type { PoolHealth } from '../core/health-view.ts';

/** Of a monitored pool. A threshold above the number of enabled origins can never be met: always critical [inferred]. */
export function poolHealth(healthy: number, unhealthy: number, unprobed: number, minimumOrigins: number): PoolHealth {
  const enabled = healthy + unhealthy + unprobed;
  if (enabled === 0 || minimumOrigins > enabled) return 'critical';
  // Before the first result nothing is known, even where the threshold is 0.
  if (unprobed === enabled) return 'unprobed';
  if (healthy >= minimumOrigins) return healthy === enabled ? 'healthy' : 'degraded';
  return unprobed > 0 && healthy + unprobed >= minimumOrigins ? 'unprobed' : 'critical';
}

/** May a pool in this state serve? */
export function serves(state: PoolHealth): boolean {
  return state === 'healthy' || state === 'degraded' || state === 'unmonitored';
}

/** A balancer: healthy = all pools serve; degraded = some do; critical = none does and the fallback pool is in use (spec 3.2). */
export function balancerHealth(pools: readonly PoolHealth[]): 'healthy' | 'degraded' | 'critical' {
  const serving = pools.filter((pool) => serves(pool));
  if (serving.length === 0) return 'critical';
  return serving.length === pools.length ? 'healthy' : 'degraded';
}
