/**
 * The opinion of one data center about one origin by one monitor: a state and a run of like results.
 *
 * A run of passes is counted upwards, a run of failures downwards; a result of the other kind starts at one again. So a verdict
 * flips on exactly the needed number of results in a row, and never on fewer. A cell that never had a result is `unprobed`, which
 * is down but not the same as unhealthy (LB-126): leaving it takes the same runs.
 *
 * Assumption: the run is counted per data center, before any vote (spec 11 lists this as unknown).
 */

export const UNPROBED = 0;
export const HEALTHY = 1;
export const UNHEALTHY = 2;
export type State = typeof UNPROBED | typeof HEALTHY | typeof UNHEALTHY;

export interface Verdict {
  readonly state: State;
  /** Results of one kind in a row: passes above zero, failures below. */
  readonly streak: number;
}

/** Results in a row that flip a verdict. 0 and 1 behave alike: the first one does (C18). */
export interface Need {
  readonly up: number;
  readonly down: number;
}

/** Runs are not counted beyond this; nothing needs more, and the number stays a small integer. */
const STREAK_LIMIT = 1_000_000_000;

export const NO_RESULT: Verdict = { state: UNPROBED, streak: 0 };

/** Fold one probe result into a verdict (LB-135, LB-136). */
export function observe(verdict: Verdict, passed: boolean, need: Need): Verdict {
  const streak = nextStreak(verdict.streak, passed);
  return { state: nextState(verdict.state, streak, need), streak };
}

export function nextStreak(streak: number, passed: boolean): number {
  if (passed) return streak > 0 ? Math.min(streak + 1, STREAK_LIMIT) : 1;
  return streak < 0 ? Math.max(streak - 1, -STREAK_LIMIT) : -1;
}

export function nextState(state: State, streak: number, need: Need): State {
  if (streak > 0) return streak >= need.up ? HEALTHY : state;
  return -streak >= need.down ? UNHEALTHY : state;
}
