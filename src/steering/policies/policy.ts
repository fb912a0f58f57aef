/**
 * What a steering policy is. Two kinds: *ordered* policies put the candidate list in an order that holds until health or the
 * place changes, so place.ts keeps it; *drawn* policies draw from the available pools anew for each request, by weight.
 * choose-pool.ts walks both. To add one, see README.md here.
 */
import type { Reason } from '../../core/decision.ts';
import type { HealthView, LoadView } from '../../core/health-view.ts';
import type { Location } from '../../core/location.ts';
import type { SteeringPolicy } from '../../core/model.ts';
import type { PoolPlan } from '../pool-plan.ts';

export type PolicyName = Exclude<SteeringPolicy, ''>;

export interface OrderedPolicy {
  readonly kind: 'ordered';
  readonly name: PolicyName;
  readonly because: Reason;
  /** Candidates come from the lists of places (candidates.ts) instead of `default_pools`. */
  readonly byPlace: boolean;
  /** The order depends on round-trip times, and must be made anew when they change. */
  readonly readsRtt: boolean;
  /** The list in the order to try. Must be a permutation; ties keep list order. */
  order(list: readonly PoolPlan[], from: Location, health: HealthView): readonly PoolPlan[];
  /** What put this pool where it is, for the ladder. */
  detail(pool: PoolPlan, from: Location, health: HealthView): Readonly<Record<string, number | string | boolean>>;
}

export interface DrawnPolicy {
  readonly kind: 'drawn';
  readonly name: PolicyName;
  readonly because: Reason;
  readonly byPlace: false;
  readonly readsRtt: false;
  /** Work under way at a pool, which divides its weight: weight / (count + 1). `undefined` = weights alone. */
  readonly count: ((load: LoadView, poolIndex: number, popIndex: number) => number) | undefined;
}

export type Policy = OrderedPolicy | DrawnPolicy;
