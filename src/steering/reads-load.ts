/**
 * Does steering look at requests or connections under way anywhere in a configuration? Only then does a replay keep count of them, and do
 * the workers of an edge tell each other theirs.
 */
import type { Model, Pool, SteeringPolicy } from '../core/model.ts';

export function readsLoad(model: Model): boolean {
  return (
    model.pools.some((pool) => counts(pool.originSteering)) ||
    model.loadBalancers.some(
      (balancer) =>
        counts(balancer.steeringPolicy) ||
        balancer.rules.some((rule) => counts(rule.overrides.steeringPolicy)) ||
        balancer.poolSets.some((set) => counts(set.steeringPolicy)),
    )
  );
}

/** The same two names between pools and inside one. */
function counts(policy: SteeringPolicy | Pool['originSteering'] | undefined): boolean {
  return policy === 'least_outstanding_requests' || policy === 'least_connections';
}
