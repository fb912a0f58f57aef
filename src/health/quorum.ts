/**
 * Votes: data centers decide for their region, regions for the world (spec 3.2).
 *
 * A majority is more than half of all voters, silent ones included; an even split is none, so it is unhealthy [inferred]. While
 * silent voters could still turn the vote it is undecided, and that is `unprobed`: down, but not known to be bad (LB-126).
 */
import { HEALTHY, type State, UNHEALTHY, UNPROBED } from './verdict.ts';

/** Data centers that probe for each checked region (LB-137). */
export const DATA_CENTERS_PER_REGION = 3;

/** Of `voters`, so many say healthy and so many unhealthy; the rest has no opinion yet. */
export function majority(healthy: number, unhealthy: number, voters: number): State {
  if (healthy * 2 > voters) return HEALTHY;
  if (voters > 0 && (voters - unhealthy) * 2 <= voters) return UNHEALTHY;
  return UNPROBED;
}
