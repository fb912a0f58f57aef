/** Every policy by its name in the public API. */
import { dynamicLatency } from './dynamic-latency.ts';
import { geo } from './geo.ts';
import { leastConnections } from './least-connections.ts';
import { leastOutstandingRequests } from './least-outstanding-requests.ts';
import { off } from './off.ts';
import { proximity } from './proximity.ts';
import { random } from './random.ts';
import type { Policy, PolicyName } from './policy.ts';

export const POLICIES: Readonly<Record<PolicyName, Policy>> = {
  off,
  geo,
  random,
  dynamic_latency: dynamicLatency,
  proximity,
  least_outstanding_requests: leastOutstandingRequests,
  least_connections: leastConnections,
};
