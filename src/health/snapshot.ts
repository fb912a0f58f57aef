/**
 * Health as plain JSON, by ids instead of indices: what a reload carries over, what a worker that joins late is given, what a
 * restart may find on disk. A verdict belongs to (pool, origin, monitor, data center); whatever of these is new starts unprobed.
 *
 * Not carried over, because it is another thing to probe: an origin whose address, port or Host changed, and one that was
 * switched on again (its last verdict is from before it was switched off). A disabled origin keeps its verdict: sessions that
 * drain still ask for it.
 */
import type { OriginHealth, PoolHealth } from '../core/health-view.ts';
import type { Origin } from '../core/model.ts';
import type { ProbeReason } from '../core/probe.ts';
import type { Micros } from '../core/time.ts';
import { NEVER } from './cells.ts';
import { NO_RTT } from './rtt.ts';
import { REASONS, reasonNumber } from './reasons.ts';
import { HEALTHY, UNHEALTHY, UNPROBED } from './verdict.ts';
import { type HealthBoard, ORIGIN_HEALTH } from './view.ts';

export const SNAPSHOT_SCHEMA = 'switchyard.health/1';

export interface HealthSnapshot {
  readonly schema: typeof SNAPSHOT_SCHEMA;
  readonly version: number;
  readonly pools: readonly PoolSnapshot[];
}

export interface PoolSnapshot {
  readonly id: string;
  readonly enabled: boolean;
  readonly state: PoolHealth;
  readonly since: number | null;
  readonly forced: PoolHealth | null;
  readonly origins: readonly OriginSnapshot[];
}

export interface OriginSnapshot {
  readonly name: string;
  /** What was probed: address, port and Host in one text. */
  readonly target: string;
  readonly enabled: boolean;
  readonly state: OriginHealth;
  readonly forced: 'healthy' | 'unhealthy' | null;
  readonly cells: readonly CellSnapshot[];
  /** Since when the world, regions (`region/WEU`) and data centers (`pop/LHR`) hold their opinion. */
  readonly since: Readonly<Record<string, number>>;
}

export interface CellSnapshot {
  readonly monitor: string;
  readonly dataCenter: string;
  readonly state: OriginHealth;
  readonly streak: number;
  /** Of the last failure; `no_failures` = there was none. */
  readonly lastFailure: ProbeReason;
  readonly since: number | null;
  readonly lastAt: number;
  readonly rttUs: number | null;
  readonly rttAt: number;
}

/** Cells without any result are left out. */
export function snapshotOf(board: HealthBoard): HealthSnapshot {
  const { layout, cells, rtts } = board;
  const pools = layout.pools.map(({ pool, members, electorate }, p): PoolSnapshot => {
    const origins = pool.origins.map((origin, o): OriginSnapshot => {
      const known: CellSnapshot[] = [];
      for (const [slot, pop] of electorate.slots.entries()) {
        for (const [m, member] of members.entries()) {
          const cell = cells.at(p, o, slot) + m;
          if (cells.lastAt[cell] === NEVER) continue;
          known.push({
            monitor: member.monitor.id,
            dataCenter: layout.sites.pops[pop]!.code,
            state: ORIGIN_HEALTH[cells.state[cell]!]!,
            streak: cells.streak[cell]!,
            lastFailure: REASONS[cells.reason[cell]!]!,
            since: cells.since[cell] === NEVER ? null : cells.since[cell]!,
            lastAt: cells.lastAt[cell]!,
            rttUs: rtts.us[cell] === NO_RTT ? null : rtts.us[cell]!,
            rttAt: rtts.sampledAt[cell]!,
          });
        }
      }
      const since: Record<string, number> = {};
      if (members.length > 0) {
        for (const [node, key] of nodeKeys(board, p).entries()) {
          const at = board.opinions.since[board.opinions.at(p, o) + node]!;
          if (at !== NEVER) since[key] = at;
        }
      }
      return {
        name: origin.name,
        target: targetOf(origin),
        enabled: origin.enabled,
        state: board.worldOrigin(p, o),
        forced: board.verdictSet(p, o) ?? null,
        cells: known,
        since,
      };
    });
    return {
      id: pool.id,
      enabled: pool.enabled,
      state: board.worldPool(p),
      since: board.poolSince(p, undefined) ?? null,
      forced: board.poolVerdictSet(p) ?? null,
      origins,
    };
  });
  return { schema: SNAPSHOT_SCHEMA, version: board.version, pools };
}

/** A reload: the new configuration's board takes over from the old one's. */
export function adopt(board: HealthBoard, previous: HealthBoard, now: Micros): void {
  restore(board, snapshotOf(previous), now);
}

/** Put what still fits into a new board; changes that the new configuration makes come out as events. */
export function restore(board: HealthBoard, snapshot: HealthSnapshot, now: Micros): void {
  const { layout } = board;
  const flat = layout.originBase[layout.pools.length]!;
  const forcedOrigins = new Uint8Array(flat);
  const origins: (OriginHealth | undefined)[] = Array.from({ length: flat }, () => undefined);
  const byId = new Map(snapshot.pools.map((pool) => [pool.id, pool]));
  const past = layout.pools.map(({ pool }) => byId.get(pool.id));
  for (const [p, { pool }] of layout.pools.entries()) {
    const known = new Map(past[p]?.origins.map((origin) => [origin.name, origin]));
    const poolCameBack = pool.enabled && past[p]?.enabled === false;
    for (const [o, origin] of pool.origins.entries()) {
      const before = known.get(origin.name);
      if (before === undefined) continue;
      const index = layout.originBase[p]! + o;
      origins[index] = before.state;
      if (before.forced !== null) forcedOrigins[index] = before.forced === 'healthy' ? HEALTHY : UNHEALTHY;
      if (before.target !== targetOf(origin) || (origin.enabled && (!before.enabled || poolCameBack))) continue;
      restoreOrigin(board, p, o, before, now);
    }
  }
  board.restored(
    {
      version: snapshot.version,
      forcedOrigins,
      forcedPools: past.map((pool) => pool?.forced ?? undefined),
      origins,
      pools: past.map((pool) => pool && { state: pool.state, since: pool.since }),
    },
    'configuration_changed',
    now,
  );
}

function restoreOrigin(board: HealthBoard, p: number, o: number, before: OriginSnapshot, now: Micros): void {
  const { layout, cells, opinions, rtts } = board;
  const { electorate, members } = layout.pools[p]!;
  if (members.length === 0) return;
  const memberOf = new Map<string, number>(members.map((member, index) => [member.monitor.id, index]));
  const slotOf = new Map(electorate.slots.map((pop, slot) => [layout.sites.pops[pop]!.code, slot]));
  for (const each of before.cells) {
    const member = memberOf.get(each.monitor);
    const slot = slotOf.get(each.dataCenter);
    if (member === undefined || slot === undefined) continue;
    const cell = cells.at(p, o, slot) + member;
    cells.state[cell] = Math.max(UNPROBED, ORIGIN_HEALTH.indexOf(each.state));
    cells.streak[cell] = each.streak;
    cells.reason[cell] = reasonNumber(each.lastFailure);
    cells.since[cell] = each.since ?? NEVER;
    cells.lastAt[cell] = each.lastAt;
    rtts.us[cell] = each.rttUs ?? NO_RTT;
    rtts.sampledAt[cell] = each.rttAt;
    const base = opinions.at(p, o);
    for (const node of [0, electorate.regionNode[slot]!, 1 + electorate.regions.length + slot]) {
      opinions.lastAt[base + node] = Math.max(opinions.lastAt[base + node]!, each.lastAt);
    }
  }
  for (const slot of electorate.slots.keys()) opinions.recount(p, o, slot, now, SILENT);
  for (const [node, key] of nodeKeys(board, p).entries()) {
    const index = opinions.at(p, o) + node;
    const since = before.since[key];
    if (since !== undefined && opinions.vote[index] !== UNPROBED) opinions.since[index] = since;
  }
}

const SILENT = { changing: () => {}, changed: () => {} };

function targetOf(origin: Origin): string {
  return `${origin.address} ${origin.port} ${origin.hostHeader ?? ''}`;
}

function nodeKeys(board: HealthBoard, pool: number): readonly string[] {
  const { nodes, regions } = board.layout.pools[pool]!.electorate;
  return Array.from({ length: nodes }, (_, node) => {
    const where = board.whereOf(pool, node);
    return node === 0 ? where : node <= regions.length ? `region/${where}` : `pop/${where}`;
  });
}
