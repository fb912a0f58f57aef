/**
 * One endpoint of the chosen pool (spec 2.5, LB-116..125): by weight, by hash of the client, or by weight over work under way.
 * Every endpoint in the set can serve and has a positive weight.
 */
import type { LoadView } from '../core/health-view.ts';
import type { Random } from '../core/random.ts';
import { drawWeighted } from './draw.ts';
import { rendezvousPrice } from './hash.ts';
import type { EndpointSet, OriginPlan } from './pool-plan.ts';
import type { SteerRequest, SteerWorld } from './request.ts';
import type { Variant } from './variant.ts';

export function chooseOrigin(variant: Variant, set: EndpointSet, request: SteerRequest, world: SteerWorld): OriginPlan {
  if (set.origins.length === 1) return set.origins[0]!;
  if (variant.byAddress) return byHash(set, request.clientHash);
  // A DNS-only answer is by weight whatever the endpoint policy says (LB-059).
  const steering = variant.plan.balancer.proxied ? set.pool.pool.originSteering : 'random';
  switch (steering) {
    case 'random':
      return byWeight(set, world.random);
    case 'hash':
      return byHash(set, request.clientHash);
    case 'least_outstanding_requests':
      return byLoad(set, world, request.location.popIndex, outstanding);
    case 'least_connections':
      return byLoad(set, world, request.location.popIndex, connections);
  }
}

function byWeight(set: EndpointSet, random: Random): OriginPlan {
  const at = random.below(set.total);
  const { cumulative } = set;
  let i = 0;
  while (cumulative[i]! <= at) i += 1;
  return set.origins[i]!;
}

function byHash(set: EndpointSet, clientHash: number): OriginPlan {
  let best = set.origins[0]!;
  let bestPrice = Infinity;
  for (const origin of set.origins) {
    const price = rendezvousPrice(clientHash, origin.hash, origin.weight);
    if (price < bestPrice) {
      best = origin;
      bestPrice = price;
    }
  }
  return best;
}

type Count = (load: LoadView, poolIndex: number, originIndex: number, popIndex: number) => number;

const outstanding: Count = (load, pool, origin, pop) => load.originOutstanding(pool, origin, pop);
const connections: Count = (load, pool, origin, pop) => load.originConnections(pool, origin, pop);

let weights = new Float64Array(64);
let nobodyOut = new Uint8Array(64);

function byLoad(set: EndpointSet, world: SteerWorld, popIndex: number, count: Count): OriginPlan {
  const { origins } = set;
  if (origins.length > weights.length) {
    weights = new Float64Array(origins.length * 2);
    nobodyOut = new Uint8Array(origins.length * 2);
  }
  for (let i = 0; i < origins.length; i += 1) {
    const origin = origins[i]!;
    weights[i] = origin.weight / (count(world.load, set.pool.index, origin.index, popIndex) + 1);
  }
  return origins[drawWeighted(weights, nobodyOut, origins.length, world.random)]!;
}
