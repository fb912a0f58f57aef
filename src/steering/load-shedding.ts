/**
 * Load shedding (spec 2.4, LB-197..201): a share of requests walks past a pool. New clients by chance or by hash of their
 * address, sessions by hash only, each (address, pool) pair by itself. The fallback pool never sheds.
 */
import { mix, percentile } from './hash.ts';
import type { PoolPlan } from './pool-plan.ts';
import type { SteerRequest, SteerWorld } from './request.ts';

/** Is this request without a session turned away? Draws once when the pool sheds some by chance. */
export function shedsNewClient(pool: PoolPlan, request: SteerRequest, world: SteerWorld): boolean {
  if (pool.shedPercent <= 0) return false;
  if (pool.shedPercent >= 100) return true;
  if (pool.shedByHash) return percentile(mix(request.clientHash, pool.shedHash)) < pool.shedPercent;
  return world.random.next() * 100 < pool.shedPercent;
}

export function shedsSession(pool: PoolPlan, request: SteerRequest): boolean {
  return pool.shedSessionPercent > 0 && percentile(mix(request.clientHash, pool.shedHash)) < pool.shedSessionPercent;
}
