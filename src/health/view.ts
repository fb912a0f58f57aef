/**
 * The health that everyone sees. Probe results go in by `record`; steering asks `pool`, `origin` and `rttUs`, each a few array
 * reads; whatever changes comes out as events, once (LB-148).
 *
 *   record ─> CellTable (streaks) ─> OpinionTable (votes) ─> answers here ─> HealthView, events
 *                     └─> RttTable
 *
 * What a PoP goes by (spec 3.2): its own data center where every one probes, its region where `health_sources` says so, else the
 * world; and the world too while its own place has no fresh opinion. An operator's hand beats all of them (`setVerdict`).
 *
 * Knows nothing of probes and calendars: `probe-plan.ts`. Details for people: `describe.ts`. Reloads: `snapshot.ts`.
 */
import { assert } from '../core/assert.ts';
import type { HealthView, OriginHealth, PoolHealth } from '../core/health-view.ts';
import type { Location } from '../core/location.ts';
import type { ProbeOutcome } from '../core/probe.ts';
import { type Micros, US_PER_SECOND, micros } from '../core/time.ts';
import type { HealthEvent } from '../core/trace.ts';
import { CellTable, NEVER } from './cells.ts';
import type { HealthLayout } from './layout.ts';
import { RttTable } from './latencies.ts';
import { type OpinionListener, OpinionTable, WORLD } from './opinions.ts';
import { poolHealth } from './pool-health.ts';
import { HEALTHY, UNHEALTHY, UNPROBED } from './verdict.ts';

/** A place's own opinion is out of date when no result came for so many intervals of its slowest monitor [inferred]. */
export const STALE_AFTER_INTERVALS = 3;

/** By state number of `verdict.ts`. */
export const ORIGIN_HEALTH: readonly OriginHealth[] = ['unprobed', 'healthy', 'unhealthy'];
const POOL_HEALTH: readonly PoolHealth[] = ['unmonitored', 'unprobed', 'healthy', 'degraded', 'critical'];

export interface BoardOptions {
  /** Told of every change of state, after the answers have changed. */
  readonly onEvent?: (event: HealthEvent) => void;
  /** Also of changes that only some places see. Default true. */
  readonly placeEvents?: boolean;
}

export class HealthBoard implements HealthView {
  readonly layout: HealthLayout;
  readonly cells: CellTable;
  readonly opinions: OpinionTable;
  readonly rtts: RttTable;
  /** By pool: after how long without a result a place's opinion is out of date, µs. */
  readonly staleUs: Float64Array;
  #version = 0;
  #wakeAt = Number.POSITIVE_INFINITY;
  readonly #options: BoardOptions;
  readonly #originBase: Int32Array;
  readonly #monitored: Uint8Array;
  /** By flat origin and by pool: an operator's verdict, 0 = none. */
  readonly #forcedOrigin: Uint8Array;
  readonly #forcedPool: Uint8Array;
  /** By pool: node by region (shifted by one) or by PoP; `undefined` = always the world's. */
  readonly #byRegion: readonly (Int32Array | undefined)[];
  readonly #byPop: readonly (Int32Array | undefined)[];
  /** By pool: the nodes that some place goes by, beside the world's: [from, to). */
  readonly #deciding: readonly (readonly [from: number, to: number])[];
  /** Pool answers by pool and node: place in POOL_HEALTH, and since when. */
  readonly #poolBase: Int32Array;
  readonly #poolAnswer: Uint8Array;
  readonly #poolSince: Float64Array;
  readonly #listener: OpinionListener;
  readonly #pending: HealthEvent[] = [];
  /** While a change runs: its moment, its reason, and the state before it. */
  #now: Micros = micros(0);
  #reason = '';
  #before = UNPROBED as number;

  constructor(layout: HealthLayout, options: BoardOptions = {}) {
    const pools = layout.pools;
    this.layout = layout;
    this.#options = options;
    this.#originBase = layout.originBase;
    this.staleUs = Float64Array.from(pools, (each) => {
      const slowest = Math.max(0, ...each.members.map((member) => member.monitor.intervalSeconds));
      return slowest * US_PER_SECOND * STALE_AFTER_INTERVALS;
    });
    this.cells = new CellTable(layout);
    this.opinions = new OpinionTable(layout, this.cells);
    this.rtts = new RttTable(layout, this.cells, this.staleUs);
    this.#monitored = Uint8Array.from(pools, (each) => (each.members.length > 0 ? 1 : 0));
    this.#forcedOrigin = new Uint8Array(layout.originBase[pools.length]!);
    this.#forcedPool = new Uint8Array(pools.length);
    this.#byRegion = pools.map(({ source, members, electorate }) => {
      if (source !== 'regional' || members.length === 0) return undefined;
      const nodes = new Int32Array(layout.sites.regions.length + 1);
      for (const [index, region] of electorate.regions.entries()) nodes[region + 1] = index + 1;
      return nodes;
    });
    this.#byPop = pools.map(({ source, members, electorate }) => {
      if (source !== 'local' || members.length === 0) return undefined;
      return electorate.slotOf.map((slot) => (slot < 0 ? WORLD : 1 + electorate.regions.length + slot));
    });
    this.#deciding = pools.map(({ source, members, electorate: { regions, nodes } }): readonly [number, number] => {
      if (members.length === 0 || source === 'global') return [1, 1];
      return source === 'regional' ? [1, 1 + regions.length] : [1 + regions.length, nodes];
    });
    this.#poolBase = new Int32Array(pools.length + 1);
    for (const [pool, each] of pools.entries()) {
      this.#poolBase[pool + 1] = this.#poolBase[pool]! + (each.members.length === 0 ? 1 : each.electorate.nodes);
    }
    this.#poolAnswer = new Uint8Array(this.#poolBase[pools.length]!);
    this.#poolSince = new Float64Array(this.#poolAnswer.length);
    this.#listener = {
      changing: (pool, origin, node) => {
        this.#before = this.#effective(pool, origin, node);
      },
      changed: (pool, origin, node) => this.#changed(pool, origin, node, this.#before),
    };
    for (const pool of pools.keys()) this.#answerAll(pool);
    this.#poolSince.fill(NEVER);
    this.#pending.length = 0;
    this.#version = 1;
  }

  get version(): number {
    return this.#version;
  }

  get rttVersion(): number {
    return this.rtts.version;
  }

  pool(pool: number, from: Location): PoolHealth {
    return POOL_HEALTH[this.#poolAnswer[this.#poolBase[pool]! + this.nodeOf(pool, from)]!]!;
  }

  origin(pool: number, origin: number, from: Location): OriginHealth {
    if (this.#monitored[pool] === 0) {
      const forced = this.#forcedOrigin[this.#originBase[pool]! + origin]!;
      return forced === UNPROBED ? 'unmonitored' : ORIGIN_HEALTH[forced]!;
    }
    return ORIGIN_HEALTH[this.#effective(pool, origin, this.nodeOf(pool, from))]!;
  }

  rttUs(pool: number, from: Location): number | undefined {
    return this.rtts.of(pool, from);
  }

  /** The node that a place goes by; the world's for `undefined`. */
  nodeOf(pool: number, from: Location | undefined): number {
    if (from === undefined) return WORLD;
    const byPop = this.#byPop[pool];
    if (byPop !== undefined) return byPop[from.popIndex] ?? WORLD;
    const byRegion = this.#byRegion[pool];
    return byRegion === undefined ? WORLD : (byRegion[from.regionIndex + 1] ?? WORLD);
  }

  /**
   * One probe cycle ended, retries included. `dataCenter` is a PoP index that probes this pool; `member` the place of the monitor
   * in the pool's layout, 0 unless it has a group. Only requests after this see a difference (LB-257).
   */
  record(pool: number, origin: number, dataCenter: number, outcome: ProbeOutcome, now: Micros, member = 0): void {
    const { electorate } = this.layout.pools[pool]!;
    const slot = electorate.slotOf[dataCenter]!;
    assert(slot >= 0, 'a result comes from a data center that probes the pool');
    const cell = this.cells.at(pool, origin, slot) + member;
    this.#now = now;
    this.#reason = outcome.reason;
    this.opinions.freshen(pool, origin, slot, now, this.#listener);
    if (outcome.reason === 'no_failures' && outcome.rttUs !== undefined) {
      this.rtts.sample(cell, pool, slot, outcome.rttUs, now);
    }
    if (this.cells.fold(cell, pool, member, outcome.reason, now)) {
      this.opinions.recount(pool, origin, slot, now, this.#listener);
    }
    const wakeAt = now + Math.min(this.staleUs[pool]!, this.rtts.horizonUs(pool));
    if (wakeAt < this.#wakeAt) this.#wakeAt = wakeAt;
    if (this.#pending.length > 0) this.#flush();
  }

  /** An operator's verdict for one origin, everywhere, until released with `undefined`. Also where no monitor is attached. */
  setVerdict(pool: number, origin: number, verdict: 'healthy' | 'unhealthy' | undefined, now: Micros): void {
    this.#now = now;
    this.#reason = verdict === undefined ? 'verdict_released' : 'set_by_operator';
    const before = this.#effective(pool, origin, WORLD);
    const flat = this.#originBase[pool]! + origin;
    const forced = verdict === undefined ? UNPROBED : verdict === 'healthy' ? HEALTHY : UNHEALTHY;
    if (this.#forcedOrigin[flat] === forced) return;
    this.#forcedOrigin[flat] = forced;
    const after = this.#effective(pool, origin, WORLD);
    this.#version += 1;
    if (before !== after) {
      this.#announce(pool, origin, WORLD, this.#originName(pool, before), this.#originName(pool, after));
    }
    this.#answerAll(pool);
    this.#flush();
  }

  /** The same for a whole pool. */
  setPoolVerdict(pool: number, verdict: 'healthy' | 'critical' | undefined, now: Micros): void {
    this.#now = now;
    this.#reason = verdict === undefined ? 'verdict_released' : 'set_by_operator';
    this.#forcedPool[pool] = verdict === undefined ? 0 : POOL_HEALTH.indexOf(verdict);
    this.#answerAll(pool);
    this.#flush();
  }

  verdictSet(pool: number, origin: number): 'healthy' | 'unhealthy' | undefined {
    const forced = this.#forcedOrigin[this.#originBase[pool]! + origin]!;
    return forced === UNPROBED ? undefined : forced === HEALTHY ? 'healthy' : 'unhealthy';
  }

  poolVerdictSet(pool: number): PoolHealth | undefined {
    return this.#forcedPool[pool] === 0 ? undefined : POOL_HEALTH[this.#forcedPool[pool]!];
  }

  poolSince(pool: number, from: Location | undefined): Micros | undefined {
    const since = this.#poolSince[this.#poolBase[pool]! + this.nodeOf(pool, from)]!;
    return since === NEVER ? undefined : micros(since);
  }

  /** An origin seen from everywhere at once, and a pool. */
  worldOrigin(pool: number, origin: number): OriginHealth {
    return this.#originName(pool, this.#effective(pool, origin, WORLD));
  }

  worldPool(pool: number): PoolHealth {
    return POOL_HEALTH[this.#poolAnswer[this.#poolBase[pool]!]!]!;
  }

  /** When `wake` should be called next, so that what is out of date is no longer used; `undefined` = nothing pending. */
  wakeAt(): Micros | undefined {
    return this.#wakeAt === Number.POSITIVE_INFINITY ? undefined : micros(this.#wakeAt);
  }

  /** Put aside opinions and round-trip times that are out of date. */
  wake(now: Micros): void {
    if (now < this.#wakeAt) return;
    this.#now = now;
    this.#reason = 'out_of_date';
    let next = this.rtts.expire(now);
    for (const [pool, each] of this.layout.pools.entries()) {
      const [from, to] = this.#deciding[pool]!;
      for (let origin = 0; origin < each.pool.origins.length; origin += 1) {
        const base = this.opinions.at(pool, origin);
        for (let node = from; node < to; node += 1) {
          if (this.opinions.usable[base + node] === UNPROBED) continue;
          const end = this.opinions.lastAt[base + node]! + this.staleUs[pool]!;
          if (end > now) next = Math.min(next, end);
          else this.opinions.outdate(pool, origin, node, this.#listener);
        }
      }
    }
    this.#wakeAt = next;
    this.#flush();
  }

  /** Work out every answer anew after tables were written from outside (`snapshot.ts`), and tell what differs from `past`. */
  restored(past: PastAnswers, reason: string, now: Micros): void {
    this.#now = now;
    this.#reason = reason;
    this.#version = Math.max(this.#version, past.version) + 1;
    this.#forcedOrigin.set(past.forcedOrigins);
    this.#forcedPool.set(past.forcedPools.map((state) => (state === undefined ? 0 : POOL_HEALTH.indexOf(state))));
    this.rtts.restored();
    for (const pool of this.layout.pools.keys()) this.#answerAll(pool);
    // What a new board works out is no news by itself: only what differs from before is told.
    this.#pending.length = 0;
    for (const [pool, { pool: own }] of this.layout.pools.entries()) {
      for (const origin of own.origins.keys()) {
        const before = past.origins[this.#originBase[pool]! + origin];
        const after = this.#originName(pool, this.#effective(pool, origin, WORLD));
        if (before !== undefined && before !== after) this.#announce(pool, origin, WORLD, before, after);
      }
      const before = past.pools[pool];
      if (before === undefined) continue;
      const world = this.#poolBase[pool]!;
      const after = POOL_HEALTH[this.#poolAnswer[world]!]!;
      if (before.state === after) this.#poolSince[world] = before.since ?? NEVER;
      else this.#announce(pool, -1, WORLD, before.state, after);
    }
    this.#wakeAt = now;
    this.#flush();
  }

  /** What an origin is at a node: the operator's word, the node's own fresh opinion, or the world's. */
  #effective(pool: number, origin: number, node: number): number {
    const forced = this.#forcedOrigin[this.#originBase[pool]! + origin]!;
    if (forced !== UNPROBED || this.#monitored[pool] === 0) return forced;
    const world = this.opinions.at(pool, origin);
    const own = this.opinions.usable[world + node]!;
    return own === UNPROBED ? this.opinions.usable[world]! : own;
  }

  #changed(pool: number, origin: number, node: number, before: number): void {
    const [from, to] = this.#deciding[pool]!;
    if (node !== WORLD && (node < from || node >= to)) return;
    const after = this.#effective(pool, origin, node);
    if (before === after) return;
    this.#version += 1;
    this.#announce(pool, origin, node, this.#originName(pool, before), this.#originName(pool, after));
    this.#answer(pool, node, true);
    // Places without a fresh opinion of their own follow the world; that is no news of theirs.
    if (node === WORLD) for (let place = from; place < to; place += 1) this.#answer(pool, place, false);
  }

  #answerAll(pool: number): void {
    const [from, to] = this.#deciding[pool]!;
    this.#answer(pool, WORLD, true);
    for (let node = from; node < to; node += 1) this.#answer(pool, node, false);
  }

  #answer(pool: number, node: number, announce: boolean): void {
    const index = this.#poolBase[pool]! + node;
    const before = this.#poolAnswer[index]!;
    const after = this.#forcedPool[pool]! || this.#judge(pool, node);
    if (before === after) return;
    this.#poolAnswer[index] = after;
    this.#poolSince[index] = this.#now;
    this.#version += 1;
    if (announce) this.#announce(pool, -1, node, POOL_HEALTH[before]!, POOL_HEALTH[after]!);
  }

  #judge(pool: number, node: number): number {
    const { origins, minimumOrigins } = this.layout.pools[pool]!.pool;
    const monitored = this.#monitored[pool] === 1;
    const counts = [0, 0, 0];
    let forced = false;
    for (let origin = 0; origin < origins.length; origin += 1) {
      if (!origins[origin]!.enabled) continue;
      const state = this.#effective(pool, origin, node);
      if (!monitored && state !== UNPROBED) forced = true;
      // Without a monitor, what no operator spoke about is taken as good.
      counts[!monitored && state === UNPROBED ? HEALTHY : state]! += 1;
    }
    if (!monitored && !forced) return 0;
    return POOL_HEALTH.indexOf(poolHealth(counts[HEALTHY]!, counts[UNHEALTHY]!, counts[UNPROBED]!, minimumOrigins));
  }

  #originName(pool: number, state: number): OriginHealth {
    return this.#monitored[pool] === 0 && state === UNPROBED ? 'unmonitored' : ORIGIN_HEALTH[state]!;
  }

  /** `origin` -1: the pool itself. */
  #announce(pool: number, origin: number, node: number, from: string, to: string): void {
    if (node !== WORLD && this.#options.placeEvents === false) return;
    const own = this.layout.pools[pool]!.pool;
    this.#pending.push({
      at: this.#now,
      event: 'health',
      scope: origin < 0 ? 'pool' : 'origin',
      pool: own.id,
      origin: own.origins[origin]?.name ?? '',
      where: this.whereOf(pool, node),
      from,
      to,
      reason: this.#reason,
    });
  }

  /** `global`, or the code of a region or PoP. */
  whereOf(pool: number, node: number): string {
    const { regions, slots } = this.layout.pools[pool]!.electorate;
    if (node === WORLD) return 'global';
    if (node <= regions.length) return this.layout.sites.regions[regions[node - 1]!]!;
    return this.layout.sites.pops[slots[node - 1 - regions.length]!]!.code;
  }

  #flush(): void {
    const events = this.#pending.splice(0);
    const tell = this.#options.onEvent;
    if (tell !== undefined) for (const event of events) tell(event);
  }
}

/** What was so before a reload, in the order of the new layout; `undefined` = new here. */
export interface PastAnswers {
  readonly version: number;
  /** By flat origin: an operator's verdict as a state of `verdict.ts`. */
  readonly forcedOrigins: Uint8Array;
  readonly forcedPools: readonly (PoolHealth | undefined)[];
  readonly origins: readonly (OriginHealth | undefined)[];
  readonly pools: readonly ({ readonly state: PoolHealth; readonly since: number | null } | undefined)[];
}
