/**
 * Small models, places and views for tests, written by hand: no loader, no monitor, no geo data. Names say what they are:
 * pool `p1` has id `p1`, origin `a` of pool `p1` is `p1/a`.
 */
import type { Decision, Ladder, Rung } from '../../src/core/decision.ts';
import type { HealthView, LoadView, NameView, OriginHealth, PoolHealth } from '../../src/core/health-view.ts';
import type { CountryCode, LoadBalancerId, PoolId, PopCode, RegionCode } from '../../src/core/ids.ts';
import type { Location } from '../../src/core/location.ts';
import type { Affinity, LoadBalancer, Model, Origin, Pool, PoolSet, Rule } from '../../src/core/model.ts';
import { seededRandom } from '../../src/core/random.ts';
import { fromSeconds } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import { hashAddress } from '../../src/steering/hash.ts';
import { compileBalancer } from '../../src/steering/plan.ts';
import type { BalancerPlan } from '../../src/steering/plan.ts';
import { steer } from '../../src/steering/steer.ts';
import type { SteerRequest, SteerWorld } from '../../src/steering/request.ts';

export const START: Micros = fromSeconds(1_772_366_400); // 2026-03-01T12:00:00Z

export const poolId = (id: string): PoolId => id as PoolId;
export const ids = (...names: string[]): PoolId[] => names.map(poolId);

export function places(lists: Record<string, string[]>): Map<never, PoolId[]> {
  return new Map(Object.entries(lists).map(([key, names]) => [key as never, ids(...names)]));
}

export function origin(name: string, fields: Partial<Origin> = {}): Origin {
  return {
    name,
    address: '192.0.2.1',
    enabled: true,
    disabledAt: undefined,
    weight: 100,
    port: 0,
    hostHeader: undefined,
    virtualNetworkId: undefined,
    flattenCname: true,
    ...fields,
  };
}

/** `origins`: names, or whole origins. One origin `a` by default. */
export function pool(
  id: string,
  fields: Partial<Omit<Pool, 'id' | 'origins'>> & { origins?: (string | Origin)[] } = {},
): Pool {
  const { origins = ['a'], ...rest } = fields;
  return {
    id: poolId(id),
    name: id,
    description: '',
    enabled: true,
    disabledAt: undefined,
    minimumOrigins: 1,
    monitor: undefined,
    monitorGroup: undefined,
    checkRegions: null,
    healthSources: null,
    originSteering: 'random',
    loadShedding: undefined,
    latitude: undefined,
    longitude: undefined,
    ...rest,
    origins: origins.map((item) => (typeof item === 'string' ? origin(item) : item)),
  };
}

export function affinity(fields: Partial<Affinity> = {}): Affinity {
  return {
    kind: 'none',
    ttlSeconds: 82_800,
    samesite: 'Auto',
    secure: 'Auto',
    drainSeconds: 0,
    zeroDowntime: 'none',
    headers: [],
    requireAllHeaders: false,
    ...fields,
  };
}

export function rule(name: string, fields: Partial<Rule> = {}): Rule {
  return {
    name,
    condition: undefined,
    conditionText: '',
    disabled: false,
    priority: 0,
    terminates: false,
    fixedResponse: undefined,
    overrides: {},
    ...fields,
  };
}

export function poolSet(
  name: string,
  fields: Omit<Partial<PoolSet>, 'match'> & { match?: Record<string, string[]> },
): PoolSet {
  const { match = {}, ...rest } = fields;
  return {
    name,
    disabled: false,
    match: {
      pops: (match['pops'] ?? []) as PopCode[],
      countries: (match['countries'] ?? []) as CountryCode[],
      regions: (match['regions'] ?? []) as RegionCode[],
    },
    fixedResponse: undefined,
    pools: [],
    poolWeights: new Map(),
    poolDefaultWeight: 1,
    fallbackPool: undefined,
    steeringPolicy: 'off',
    ...rest,
  };
}

/** All pools but the last are `default_pools`, the last is the fallback, unless said otherwise. */
export function balancer(pools: readonly Pool[], fields: Partial<LoadBalancer> = {}): LoadBalancer {
  return {
    id: 'lb' as LoadBalancerId,
    name: 'www.example.com',
    description: '',
    enabled: true,
    proxied: true,
    defaultPools: pools.slice(0, -1).map((item) => item.id),
    fallbackPool: pools.at(-1)!.id,
    regionPools: new Map(),
    countryPools: new Map(),
    regionCountryPools: new Map(),
    popPools: new Map(),
    steeringPolicy: 'off',
    randomSteering: { defaultWeight: 1, poolWeights: new Map() },
    locationStrategy: { mode: 'pop', preferEcs: 'proximity' },
    failoverAcrossPools: false,
    affinity: affinity(),
    ttlSeconds: 30,
    rules: [],
    poolSets: [],
    alwaysUseHttps: false,
    railgun: undefined,
    ...fields,
  };
}

export function model(pools: readonly Pool[], fields: Partial<LoadBalancer> = {}): Model {
  return {
    pools,
    loadBalancers: [balancer(pools, fields)],
    monitors: [],
    monitorGroups: [],
    railguns: [],
    zones: [],
  };
}

/** pop, region, region index, country, latitude, longitude */
const POPS: readonly (readonly [string, string | undefined, number, string, number, number])[] = [
  ['CDG', 'WEU', 1, 'FR', 49.01, 2.55],
  ['FRA', 'WEU', 1, 'DE', 50.03, 8.54],
  ['IAD', 'ENAM', 2, 'US', 38.94, -77.46],
  ['LAX', 'WNAM', 0, 'US', 33.94, -118.41],
  ['LHR', 'WEU', 1, 'GB', 51.47, -0.46],
  ['NRT', 'NEAS', 4, 'JP', 35.76, 140.39],
  ['SIN', 'SEAS', 3, 'SG', 1.36, 103.99],
  ['SJC', 'WNAM', 0, 'US', 37.36, -121.93],
  ['XXX', undefined, -1, 'XX', 0, 0],
];

const interned = new Map<string, Location>();

/** The place of a PoP; `country`, `latitude` and `longitude` may be the client's own. One object per distinct place. */
export function at(
  pop: string,
  own: { readonly country?: string; readonly latitude?: number; readonly longitude?: number } = {},
): Location {
  const key = JSON.stringify([pop, own]);
  const known = interned.get(key);
  if (known !== undefined) return known;
  const popIndex = POPS.findIndex((row) => row[0] === pop);
  const [, region, regionIndex, country, latitude, longitude] = POPS[popIndex]!;
  const made: Location = {
    pop: pop as PopCode,
    popIndex,
    region: region as RegionCode | undefined,
    regionIndex,
    country: (own.country ?? country) as CountryCode,
    latitude: own.latitude ?? latitude,
    longitude: own.longitude ?? longitude,
    assumed: [],
  };
  interned.set(key, made);
  return made;
}

/**
 * Health by hand: `set('p1', 'critical')`, `set('p1/a', 'unhealthy')`, for one PoP or region with `@`: `set('p1@LHR', …)`.
 * What was never set is `unmonitored`, as without a monitor.
 */
export class HealthTable implements HealthView {
  version = 0;
  readonly #model: Model;
  readonly #said = new Map<string, PoolHealth | OriginHealth>();
  readonly #rtt = new Map<string, number>();

  constructor(of: Model) {
    this.#model = of;
  }

  set(what: string, health: PoolHealth | OriginHealth): this {
    this.#said.set(what, health);
    this.version += 1;
    return this;
  }

  setRttMs(pool: string, where: string, ms: number): this {
    this.#rtt.set(`${pool}@${where}`, ms * 1000);
    this.version += 1;
    return this;
  }

  pool(poolIndex: number, from: Location): PoolHealth {
    return (this.#ask(this.#model.pools[poolIndex]!.id, from) ?? 'unmonitored') as PoolHealth;
  }

  origin(poolIndex: number, originIndex: number, from: Location): OriginHealth {
    const of = this.#model.pools[poolIndex]!;
    return (this.#ask(`${of.id}/${of.origins[originIndex]!.name}`, from) ?? 'unmonitored') as OriginHealth;
  }

  rttUs(poolIndex: number, from: Location): number | undefined {
    const id = this.#model.pools[poolIndex]!.id;
    return this.#rtt.get(`${id}@${from.pop}`) ?? this.#rtt.get(`${id}@${from.region}`);
  }

  #ask(what: string, from: Location): PoolHealth | OriginHealth | undefined {
    return this.#said.get(`${what}@${from.pop}`) ?? this.#said.get(`${what}@${from.region}`) ?? this.#said.get(what);
  }
}

/** Work under way by name, `p1` or `p1/a`, at every PoP. */
export class LoadTable implements LoadView {
  readonly outstanding = new Map<string, number>();
  readonly connections = new Map<string, number>();
  readonly #model: Model;

  constructor(of: Model) {
    this.#model = of;
  }

  poolOutstanding(poolIndex: number): number {
    return this.outstanding.get(this.#model.pools[poolIndex]!.id) ?? 0;
  }
  poolConnections(poolIndex: number): number {
    return this.connections.get(this.#model.pools[poolIndex]!.id) ?? 0;
  }
  originOutstanding(poolIndex: number, originIndex: number): number {
    return this.outstanding.get(this.#name(poolIndex, originIndex)) ?? 0;
  }
  originConnections(poolIndex: number, originIndex: number): number {
    return this.connections.get(this.#name(poolIndex, originIndex)) ?? 0;
  }
  #name(poolIndex: number, originIndex: number): string {
    const of = this.#model.pools[poolIndex]!;
    return `${of.id}/${of.origins[originIndex]!.name}`;
  }
}

export class NameTable implements NameView {
  readonly broken = new Set<string>();
  resolves(hostname: string): boolean {
    return !this.broken.has(hostname);
  }
}

export interface Bench {
  readonly model: Model;
  readonly plan: BalancerPlan;
  readonly health: HealthTable;
  readonly load: LoadTable;
  readonly names: NameTable;
  readonly world: SteerWorld;
  /** Steer one request; the location is LHR, the client 198.51.100.1, unless said otherwise. */
  ask(fields?: Partial<SteerRequest>): Decision;
  /** `p1/a`, `fallback p2/a`, or the kind of a decision that reached no origin. */
  to(fields?: Partial<SteerRequest>): string;
  name(decision: Decision): string;
  /** The decision's rungs. */
  explain(fields?: Partial<SteerRequest>): Rung[];
}

/** A balancer set up for questions. */
export function bench(pools: readonly Pool[], fields: Partial<LoadBalancer> = {}, seed: number | string = 1): Bench {
  const made = model(pools, fields);
  const health = new HealthTable(made);
  const load = new LoadTable(made);
  const names = new NameTable();
  const plan = compileBalancer(made, 0);
  const world: SteerWorld = { health, load, names, random: seededRandom(seed), now: START };
  const ask = (request: Partial<SteerRequest> = {}, ladder?: Ladder): Decision =>
    steer(plan, requestOf(request), world, ladder);
  const name = (decision: Decision): string => nameOf(made, decision);
  return {
    model: made,
    plan,
    health,
    load,
    names,
    world,
    ask: (request) => ask(request),
    to: (request) => name(ask(request)),
    name,
    explain: (request) => {
      const rungs: Rung[] = [];
      ask(request, { add: (rung) => rungs.push(rung) });
      return rungs;
    },
  };
}

export function requestOf(fields: Partial<SteerRequest> = {}): SteerRequest {
  const clientAddress = fields.clientAddress ?? '198.51.100.1';
  return {
    location: at('LHR'),
    clientHash: hashAddress(clientAddress),
    clientAddress,
    claim: undefined,
    facts: undefined,
    ...fields,
  };
}

export function nameOf(of: Model, decision: Decision): string {
  if (decision.kind !== 'origin' && decision.kind !== 'fallback') return decision.kind;
  const chosen = of.pools[decision.pool]!;
  const text = `${chosen.id}/${chosen.origins[decision.origin]!.name}`;
  return decision.kind === 'fallback' ? `fallback ${text}` : text;
}

/** Where each of `count` requests goes, as shares of 1. `each` makes request number i. */
export function shares(
  of: Bench,
  count: number,
  each: (i: number) => Partial<SteerRequest> = () => ({}),
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < count; i += 1) {
    const to = of.to(each(i));
    counts[to] = (counts[to] ?? 0) + 1;
  }
  for (const key of Object.keys(counts)) counts[key] = counts[key]! / count;
  return counts;
}

/** Four standard deviations of a share `p` in `n` draws: a fair generator fails one such assertion in 16,000 seeds. */
export function tolerance(p: number, n: number): number {
  return 4 * Math.sqrt((p * (1 - p)) / n);
}
