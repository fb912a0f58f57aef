/**
 * Several monitors, one opinion (spec 3.2, LB-151, LB-152): any failing `must_be_healthy` member makes the origin unhealthy;
 * otherwise it is unhealthy only when more than half of the voting members say so. A slower member's last result stands until its
 * next one. A single monitor is a group of one.
 *
 * Assumptions: members are combined in each data center, before the vote of data centers; `must_be_healthy` counts also on a
 * member that is `monitoring_only`; a group without voters never finds anything unhealthy.
 */
import type { Monitor } from '../core/model.ts';
import { HEALTHY, type State, UNHEALTHY, UNPROBED } from './verdict.ts';

/** An enabled member of a group, or the one monitor of a pool. */
export interface Member {
  readonly monitor: Monitor;
  readonly votes: boolean;
  readonly mustBeHealthy: boolean;
}

/** `states` holds the members' states in order, beginning at `from`. */
export function combine(members: readonly Member[], states: Uint8Array, from: number): State {
  if (members.length === 1 && members[0]!.votes) return states[from] as State;
  let voters = 0;
  let unhealthy = 0;
  let unprobed = 0;
  let silentMust = false;
  for (let i = 0; i < members.length; i += 1) {
    const member = members[i]!;
    const state = states[from + i];
    if (member.mustBeHealthy) {
      if (state === UNHEALTHY) return UNHEALTHY;
      if (state === UNPROBED) silentMust = true;
    }
    if (!member.votes) continue;
    voters += 1;
    if (state === UNHEALTHY) unhealthy += 1;
    else if (state === UNPROBED) unprobed += 1;
  }
  if (unhealthy * 2 > voters) return UNHEALTHY;
  // What is still silent could turn the vote.
  if (silentMust || (unhealthy + unprobed) * 2 > voters) return UNPROBED;
  return HEALTHY;
}
