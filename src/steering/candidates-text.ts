/**
 * The `candidates` of a trace line: `eu:pool_critical,us`, the pools looked at in order, each with why it was passed over (LB-255).
 *
 * The steering ladder tells all of this and more, at several times the price of the decision. But where no rule, pool set or load
 * shedding is at work, what was looked at follows from the place, its health and the pool that was chosen, so it is worked out
 * once for each of these and remembered.
 */
import type { Decision, Rung } from '../core/decision.ts';
import type { HealthView } from '../core/health-view.ts';
import type { Location } from '../core/location.ts';
import { type Place, placeOf } from './place.ts';
import type { BalancerPlan } from './plan.ts';
import type { Variant } from './variant.ts';

/** From the rungs of a ladder. */
export function candidatesText(rungs: readonly Rung[]): string {
  let text = '';
  for (const rung of rungs) {
    if (rung.step !== 'pool' && rung.step !== 'fallback') continue;
    if (text !== '') text += ',';
    text += rung.outcome === 'chosen' ? rung.subject : `${rung.subject}:${rung.reason}`;
  }
  return text;
}

interface Remembered {
  readonly place: Place;
  readonly health: HealthView;
  readonly version: number;
  readonly rttVersion: number;
  /** By pool index, shifted by one: -1 = nothing may serve. Answers of the fallback pool apart. */
  readonly chosen: (string | undefined)[];
  readonly fallback: (string | undefined)[];
}

/** Plans by whether they need the ladder; a new configuration has new plans. */
const simple = new WeakMap<BalancerPlan, boolean>();

export class CandidateTexts {
  /** By PoP, as in `placeOf`: mostly there is one place at each. */
  readonly #remembered: (Remembered | undefined)[] = [];

  static suffice(plan: BalancerPlan): boolean {
    let known = simple.get(plan);
    if (known === undefined) {
      known =
        plan.rules.length === 0 && plan.poolSets.length === 0 && plan.pools.every((pool) => pool.shedPercent <= 0);
      simple.set(plan, known);
    }
    return known;
  }

  /** Empty when no pool was looked at: a session was kept, or the balancer is disabled. */
  of(plan: BalancerPlan, location: Location, health: HealthView, decision: Decision): string {
    if (decision.kind === 'origin' ? decision.affinity === 'kept' : decision.kind === 'records') return '';
    const variant = plan.base;
    const place = placeOf(variant, location, health);
    let known = this.#remembered[location.popIndex];
    if (
      known === undefined ||
      known.place !== place ||
      known.health !== health ||
      known.version !== health.version ||
      (variant.policy.readsRtt && known.rttVersion !== (health.rttVersion ?? 0))
    ) {
      known = { place, health, version: health.version, rttVersion: health.rttVersion ?? 0, chosen: [], fallback: [] };
      this.#remembered[location.popIndex] = known;
    }
    const pool = decision.kind === 'origin' || decision.kind === 'fallback' ? decision.pool : -1;
    const texts = decision.kind === 'origin' ? known.chosen : known.fallback;
    return (texts[pool + 1] ??= spell(variant, place, decision.kind === 'origin' ? pool : -1, pool));
  }
}

/** As `choosePool` and `explainFallback` would tell it. `chosen`: index of the pool, -1 = none on the list. */
function spell(variant: Variant, place: Place, chosen: number, answers: number): string {
  const words: string[] = [];
  const skipped = (at: number): string => `${place.order[at]!.name}:${place.skips[at]!}`;
  const of = (at: number): string =>
    place.order[at]!.index === chosen ? place.order[at]!.name : `${place.order[at]!.name}:pool_not_drawn`;
  const all = [...place.order.keys()];
  if (variant.policy.kind === 'ordered') {
    for (const at of all) words.push(place.skips[at] === undefined ? of(at) : skipped(at));
  } else {
    // A drawn policy looks at those that are out, then draws, then names the rest.
    const ready = all.filter((at) => place.skips[at] === undefined);
    words.push(...all.filter((at) => place.skips[at] !== undefined).map(skipped));
    words.push(...ready.filter((at) => place.order[at]!.index === chosen).map(of));
    words.push(...ready.filter((at) => place.order[at]!.index !== chosen).map(of));
  }
  if (chosen < 0) {
    const { fallback } = variant;
    words.push(
      answers >= 0 ? fallback.name : `${fallback.name}:${fallback.enabled ? 'pool_no_usable_origin' : 'pool_disabled'}`,
    );
  }
  return words.join(',');
}
