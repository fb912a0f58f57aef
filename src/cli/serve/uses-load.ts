/** Does anything in a configuration weigh by requests or connections under way? Only then are counts told between workers. */
import type { Model, SteeringPolicy } from '../../core/model.ts';

export function usesLoad(model: Model): boolean {
  const least = (policy: string | undefined): boolean => policy?.startsWith('least_') === true;
  return (
    model.pools.some((pool) => least(pool.originSteering)) ||
    model.loadBalancers.some(
      (balancer) =>
        least(balancer.steeringPolicy) ||
        balancer.poolSets.some((set) => least(set.steeringPolicy)) ||
        balancer.rules.some((rule) => least(rule.overrides.steeringPolicy satisfies SteeringPolicy | undefined)),
    )
  );
}
