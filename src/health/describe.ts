/**
 * Health for people and for the API: each state with its reason, since when, and the streak behind it (DESIGN 7). Nothing here is
 * on the path of a request.
 */
import type { OriginHealth, PoolHealth } from '../core/health-view.ts';
import type { Location } from '../core/location.ts';
import type { ProbeReason } from '../core/probe.ts';
import { type Micros, micros } from '../core/time.ts';
import { NEVER } from './cells.ts';
import { WORLD } from './opinions.ts';
import { NO_RTT } from './rtt.ts';
import { REASONS, reasonText } from './reasons.ts';
import { HEALTHY, UNHEALTHY, UNPROBED } from './verdict.ts';
import { type HealthBoard, ORIGIN_HEALTH } from './view.ts';

export type StateReason = ProbeReason | 'no_result' | 'no_monitor' | 'not_probed' | 'set_by_operator';

const OWN_TEXTS = {
  no_result: 'No result yet',
  no_monitor: 'No monitor attached',
  not_probed: 'Not probed: disabled, or a fallback pool only',
  set_by_operator: 'Set by an operator',
} as const;

export interface OriginDetail {
  readonly state: OriginHealth;
  readonly reason: StateReason;
  readonly reasonText: string;
  /** When this state was reached; `undefined` before the first one. */
  readonly since: Micros | undefined;
  /** Shortest run of results, among the data centers that share the opinion: passes above zero, failures below. */
  readonly streak: number;
  /** Whose opinion it is: `global`, a region, a PoP, or `operator`. */
  readonly decidedBy: string;
  /** The votes behind it. */
  readonly votes: { readonly healthy: number; readonly unhealthy: number; readonly unprobed: number };
}

/** An origin as one place sees it, or the world (`undefined`). */
export function describeOrigin(
  board: HealthBoard,
  pool: number,
  origin: number,
  from: Location | undefined,
): OriginDetail {
  const layout = board.layout.pools[pool]!;
  const forced = board.verdictSet(pool, origin);
  const monitored = layout.members.length > 0;
  const none = { healthy: 0, unhealthy: 0, unprobed: 0 };
  if (forced !== undefined || !monitored) {
    const reason = forced === undefined ? 'no_monitor' : 'set_by_operator';
    const decidedBy = forced === undefined ? 'global' : 'operator';
    const state = forced ?? 'unmonitored';
    return { state, reason, reasonText: textOf(reason), since: undefined, streak: 0, decidedBy, votes: none };
  }
  const { opinions } = board;
  const base = opinions.at(pool, origin);
  const own = board.nodeOf(pool, from);
  const node = opinions.usable[base + own] === UNPROBED ? WORLD : own;
  const state = opinions.usable[base + node]!;
  const since = opinions.since[base + node]!;
  const healthy = opinions.healthyVotes[base + node]!;
  const unhealthy = opinions.unhealthyVotes[base + node]!;
  const { regions } = layout.electorate;
  const votes =
    node > regions.length
      ? {
          healthy: Number(state === HEALTHY),
          unhealthy: Number(state === UNHEALTHY),
          unprobed: Number(state === UNPROBED),
        }
      : { healthy, unhealthy, unprobed: opinions.voters(pool, node) - healthy - unhealthy };
  const run = behind(board, pool, origin, node, state);
  const probed = layout.probed && layout.pool.origins[origin]!.enabled;
  const reason =
    state === UNPROBED ? (probed ? 'no_result' : 'not_probed') : state === HEALTHY ? 'no_failures' : run.reason;
  return {
    state: ORIGIN_HEALTH[state]!,
    reason,
    reasonText: textOf(reason),
    since: since === NEVER ? undefined : micros(since),
    streak: run.streak,
    decidedBy: board.whereOf(pool, node),
    votes,
  };
}

export interface PoolDetail {
  readonly state: PoolHealth;
  readonly reason: StateReason;
  readonly reasonText: string;
  readonly since: Micros | undefined;
  readonly minimumOrigins: number;
  /** Enabled origins by state; all `unprobed` where no monitor is attached. */
  readonly origins: { readonly healthy: number; readonly unhealthy: number; readonly unprobed: number };
}

export function describePool(board: HealthBoard, pool: number, from: Location | undefined): PoolDetail {
  const layout = board.layout.pools[pool]!;
  const state = from === undefined ? board.worldPool(pool) : board.pool(pool, from);
  const details = layout.pool.origins.flatMap((origin, index) =>
    origin.enabled ? [describeOrigin(board, pool, index, from)] : [],
  );
  const count = (wanted: OriginHealth): number => details.filter((each) => each.state === wanted).length;
  const origins = { healthy: count('healthy'), unhealthy: count('unhealthy'), unprobed: 0 };
  let reason: StateReason;
  if (board.poolVerdictSet(pool) !== undefined) reason = 'set_by_operator';
  else if (state === 'unmonitored') reason = 'no_monitor';
  else if (state === 'unprobed') reason = layout.probed ? 'no_result' : 'not_probed';
  else reason = details.find((each) => each.state === 'unhealthy')?.reason ?? 'no_failures';
  return {
    state,
    reason,
    reasonText: textOf(reason),
    since: board.poolSince(pool, from),
    minimumOrigins: layout.pool.minimumOrigins,
    origins: { ...origins, unprobed: details.length - origins.healthy - origins.unhealthy },
  };
}

export interface DataCenterDetail {
  readonly dataCenter: string;
  readonly region: string;
  readonly monitor: string;
  readonly state: OriginHealth;
  readonly reason: StateReason;
  readonly reasonText: string;
  /** Also while the verdict is healthy: a failure that was not enough. `no_failures` = there was none. */
  readonly lastFailure: ProbeReason;
  readonly streak: number;
  readonly since: Micros | undefined;
  readonly lastAt: Micros | undefined;
  readonly rttUs: number | undefined;
}

/** Every data center's own view of one origin, by monitor. */
export function describeDataCenters(board: HealthBoard, pool: number, origin: number): readonly DataCenterDetail[] {
  const { cells, rtts, layout } = board;
  const { electorate, members } = layout.pools[pool]!;
  return electorate.slots.flatMap((pop, slot) =>
    members.map(({ monitor }, member): DataCenterDetail => {
      const cell = cells.at(pool, origin, slot) + member;
      const never = cells.lastAt[cell] === NEVER;
      const state = cells.state[cell]!;
      const lastFailure = REASONS[cells.reason[cell]!]!;
      const reason = state === UNHEALTHY ? lastFailure : state === HEALTHY ? 'no_failures' : 'no_result';
      const site = layout.sites.pops[pop]!;
      return {
        dataCenter: site.code,
        region: layout.sites.regions[site.regionIndex] ?? '',
        monitor: monitor.id,
        state: ORIGIN_HEALTH[state]!,
        reason,
        reasonText: textOf(reason),
        lastFailure,
        streak: cells.streak[cell]!,
        since: cells.since[cell] === NEVER ? undefined : micros(cells.since[cell]!),
        lastAt: never ? undefined : micros(cells.lastAt[cell]!),
        rttUs: rtts.us[cell] === NO_RTT ? undefined : rtts.us[cell]!,
      };
    }),
  );
}

/** The cells that share a node's opinion: their shortest run, and the commonest reason of the failing ones. */
function behind(
  board: HealthBoard,
  pool: number,
  origin: number,
  node: number,
  state: number,
): { streak: number; reason: ProbeReason } {
  const { cells, layout } = board;
  const { electorate, members } = layout.pools[pool]!;
  const tally = new Int32Array(REASONS.length);
  let shortest = 0;
  for (const slot of electorate.slots.keys()) {
    const here =
      node === WORLD || node === electorate.regionNode[slot] || node === 1 + electorate.regions.length + slot;
    if (!here) continue;
    const first = cells.at(pool, origin, slot);
    for (let cell = first; cell < first + members.length; cell += 1) {
      if (cells.state[cell] !== state) continue;
      const streak = cells.streak[cell]!;
      if (state === UNHEALTHY) tally[cells.reason[cell]!]! += 1;
      // A run against the verdict is not what holds it.
      if (streak > 0 !== (state === HEALTHY)) continue;
      if (shortest === 0 || Math.abs(streak) < Math.abs(shortest)) shortest = streak;
    }
  }
  let commonest = 0;
  for (const [reason, count] of tally.entries()) if (count > tally[commonest]!) commonest = reason;
  return { streak: shortest, reason: commonest === 0 ? 'other_failure' : REASONS[commonest]! };
}

function textOf(reason: StateReason): string {
  return reason in OWN_TEXTS ? OWN_TEXTS[reason as keyof typeof OWN_TEXTS] : reasonText(reason as ProbeReason);
}
