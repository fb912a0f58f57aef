/**
 * From candidates to one pool (spec 2.1 step 7): walk the order, or draw, and pass over what cannot take this request. Health
 * was settled by place.ts; what is asked here changes per request: host names, shedding, chance.
 *
 *   ordered   p1 critical, p2 ready (sheds), p3 ready            -> p3
 *   drawn     {p1, p2, p3} draw p2 (sheds), {p1, p3} draw p1     -> p1
 */
import type { Ladder, PoolSkip } from '../core/decision.ts';
import type { Random } from '../core/random.ts';
import { resolvable } from './available.ts';
import { drawWeighted } from './draw.ts';
import { explainPool } from './explain.ts';
import { rendezvousPrice } from './hash.ts';
import { shedsNewClient } from './load-shedding.ts';
import type { Place } from './place.ts';
import type { EndpointSet, PoolPlan } from './pool-plan.ts';
import type { DrawnPolicy } from './policies/policy.ts';
import type { SteerRequest, SteerWorld } from './request.ts';
import type { Variant } from './variant.ts';

/** The endpoints to choose from, in the first available pool; `undefined` when no pool is. `except`: already tried. */
export function choosePool(
  variant: Variant,
  place: Place,
  request: SteerRequest,
  world: SteerWorld,
  except: PoolPlan | undefined,
  ladder: Ladder | undefined,
): EndpointSet | undefined {
  return variant.policy.kind === 'ordered'
    ? walk(variant, place, request, world, except, ladder)
    : drawPool(variant, variant.policy, place, request, world, except, ladder);
}

function walk(
  variant: Variant,
  place: Place,
  request: SteerRequest,
  world: SteerWorld,
  except: PoolPlan | undefined,
  ladder: Ladder | undefined,
): EndpointSet | undefined {
  if (ladder !== undefined) return walkExplained(variant, place, request, world, except, ladder);
  for (const set of place.ready) {
    if (set.pool === except) continue;
    const usable = set.pool.plain ? set : admit(set, request, world);
    if (typeof usable === 'object') return usable;
  }
  return undefined;
}

/** As `walk`, telling of every candidate: the skipped, the chosen, and those behind it. */
function walkExplained(
  variant: Variant,
  place: Place,
  request: SteerRequest,
  world: SteerWorld,
  except: PoolPlan | undefined,
  ladder: Ladder,
): EndpointSet | undefined {
  let chosen: EndpointSet | undefined;
  for (let i = 0; i < place.order.length; i += 1) {
    const pool = place.order[i]!;
    const out = place.skips[i];
    if (pool === except) {
      explainPool(ladder, variant, place, pool, world, 'passed_over', 'pool_no_usable_origin');
    } else if (out !== undefined) {
      explainPool(ladder, variant, place, pool, world, 'passed_over', out);
    } else if (chosen !== undefined) {
      explainPool(ladder, variant, place, pool, world, 'passed_over', 'pool_not_drawn');
    } else {
      const usable = admit(place.ready[place.readyAt.indexOf(i)]!, request, world);
      if (typeof usable === 'object') {
        chosen = usable;
        explainPool(ladder, variant, place, pool, world, 'chosen', variant.policy.because);
      } else {
        explainPool(ladder, variant, place, pool, world, 'passed_over', usable);
      }
    }
  }
  return chosen;
}

let weights = new Float64Array(64);
let out = new Uint8Array(64);

function drawPool(
  variant: Variant,
  policy: DrawnPolicy,
  place: Place,
  request: SteerRequest,
  world: SteerWorld,
  except: PoolPlan | undefined,
  ladder: Ladder | undefined,
): EndpointSet | undefined {
  const { ready } = place;
  const count = ready.length;
  // DNS-only balancers see no requests, so no work under way: weights alone (LB-113). By address: stable, so likewise.
  const counts = variant.plan.balancer.proxied && !variant.byAddress ? policy.count : undefined;
  let first = -1;
  if (counts === undefined && !variant.byAddress && except === undefined && ladder === undefined) {
    first = drawKnown(place, world.random);
    if (first >= 0 && ready[first]!.pool.plain) return ready[first];
  }
  if (count > weights.length) {
    weights = new Float64Array(count * 2);
    out = new Uint8Array(count * 2);
  }
  for (let i = 0; i < count; i += 1) {
    const pool = ready[i]!.pool;
    const weight = place.weights[i]!;
    weights[i] =
      counts === undefined ? weight : weight / (counts(world.load, pool.index, request.location.popIndex) + 1);
    out[i] = pool === except ? 1 : 0;
  }
  if (ladder !== undefined) {
    place.order.forEach((pool, i) => {
      const skip = pool === except ? 'pool_no_usable_origin' : place.skips[i];
      if (skip !== undefined) explainPool(ladder, variant, place, pool, world, 'passed_over', skip);
    });
  }
  let chosen: EndpointSet | undefined;
  while (chosen === undefined) {
    const drawn =
      first >= 0
        ? first
        : variant.byAddress
          ? drawByAddress(ready, request.clientHash)
          : drawWeighted(weights, out, count, world.random);
    first = -1;
    if (drawn < 0) break;
    out[drawn] = 1;
    const set = ready[drawn]!;
    const usable = set.pool.plain ? set : admit(set, request, world);
    if (typeof usable === 'object') chosen = usable;
    if (ladder !== undefined) {
      const [outcome, reason] =
        typeof usable === 'object' ? (['chosen', policy.because] as const) : (['passed_over', usable] as const);
      explainPool(ladder, variant, place, set.pool, world, outcome, reason);
    }
  }
  if (ladder !== undefined) {
    for (let i = 0; i < count; i += 1) {
      if (out[i] === 0) explainPool(ladder, variant, place, ready[i]!.pool, world, 'passed_over', 'pool_not_drawn');
    }
  }
  return chosen;
}

/** The first draw where nothing is out and weights stand: what `drawWeighted` would say, sums known. -1 = ask it. */
function drawKnown(place: Place, random: Random): number {
  const { weights: known, totalWeight } = place;
  if (known.length <= 1 || totalWeight <= 0) return -1;
  let at = random.next() * totalWeight;
  let chosen = -1;
  for (let i = 0; i < known.length; i += 1) {
    if (known[i]! <= 0) continue;
    chosen = i;
    at -= known[i]!;
    if (at < 0) break;
  }
  return chosen;
}

/** `ip_cookie`: the same address takes the same pool while the available ones are the same (LB-173). */
function drawByAddress(ready: readonly EndpointSet[], clientHash: number): number {
  let best = -1;
  let bestPrice = Infinity;
  let bestWeighted = false;
  for (let i = 0; i < ready.length; i += 1) {
    if (out[i] === 1) continue;
    const weighted = weights[i]! > 0;
    if (bestWeighted && !weighted) continue;
    const price = rendezvousPrice(clientHash, ready[i]!.pool.hash, weighted ? weights[i]! : 1);
    if (price < bestPrice || (weighted && !bestWeighted)) {
      best = i;
      bestPrice = price;
      bestWeighted = weighted;
    }
  }
  return best;
}

/** Can this pool take this very request? The endpoints that resolve, or why not. */
function admit(set: EndpointSet, request: SteerRequest, world: SteerWorld): EndpointSet | PoolSkip {
  const usable = resolvable(set, request.location, world.names);
  if (usable === undefined) return 'pool_no_usable_origin';
  return shedsNewClient(set.pool, request, world) ? 'pool_shed' : usable;
}
