/** What an event of a failover says, in this process or told by a worker. */
import type { Flight } from '../../edge/flight.ts';

export function failoverFacts(
  flight: Flight,
  from: string,
  error: number | undefined,
): Readonly<Record<string, unknown>> {
  const balancer = flight.plan?.balancer.name ?? '';
  const to = flight.target?.label ?? '';
  const because = flight.decision?.because ?? '';
  return {
    balancer,
    from,
    to,
    error: error ?? 0,
    because,
    text: `${error ?? 0} from ${from}: ${balancer} goes on at ${to}`,
  };
}
