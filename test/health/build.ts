/** Small models and places for tests of health. Three regions: WEU with four PoPs, EEU with three, SEAS with two; one PoP has none. */
import type { LoadBalancerId, MonitorId, PoolId, PopCode, RegionCode } from '../../src/core/ids.ts';
import type { Location } from '../../src/core/location.ts';
import type { LoadBalancer, Model, Monitor, MonitorGroup, Origin, Pool } from '../../src/core/model.ts';
import type { ProbeOutcome, ProbeReason } from '../../src/core/probe.ts';
import { type Micros, fromSeconds } from '../../src/core/time.ts';
import type { HealthEvent } from '../../src/core/trace.ts';
import type { Sites } from '../../src/health/data-centers.ts';
import { type HealthLayout, layOut } from '../../src/health/layout.ts';
import { type BoardOptions, HealthBoard } from '../../src/health/view.ts';

export const REGIONS = ['WEU', 'EEU', 'SEAS'] as RegionCode[];
export const WEU = REGIONS[0]!;
export const EEU = REGIONS[1]!;
export const SEAS = REGIONS[2]!;

const TABLE: readonly (readonly [string, number])[] = [
  ['AMS', 0],
  ['BUD', 1],
  ['CDG', 0],
  ['FRA', 0],
  ['LHR', 0],
  ['OTP', 1],
  ['SIN', 2],
  ['THR', -1],
  ['VNO', 2],
  ['WAW', 1],
];

export const PLACES: Sites = {
  pops: TABLE.map(([code, regionIndex]) => ({ code, regionIndex })),
  regions: REGIONS,
  inUse: TABLE.map((_, index) => index),
};

export function popIndex(code: string): number {
  return TABLE.findIndex(([each]) => each === code);
}

export function at(code: string): Location {
  const index = popIndex(code);
  const regionIndex = TABLE[index]![1];
  return {
    pop: code as PopCode,
    popIndex: index,
    region: REGIONS[regionIndex],
    regionIndex,
    country: 'XX' as Location['country'],
    latitude: 0,
    longitude: 0,
    assumed: [],
  };
}

export function monitor(over: Partial<Omit<Monitor, 'id'>> & { id?: string } = {}): Monitor {
  return {
    type: 'http',
    description: '',
    method: 'GET',
    path: '/',
    headers: new Map(),
    port: 0,
    timeoutSeconds: 5,
    retries: 2,
    intervalSeconds: 60,
    expectedCodes: [[200, 200]],
    expectedBody: '',
    followRedirects: false,
    allowInsecure: false,
    probeZone: '',
    consecutiveUp: 0,
    consecutiveDown: 0,
    ...over,
    id: (over.id ?? 'm') as MonitorId,
  };
}

export function origin(name: string, over: Partial<Origin> = {}): Origin {
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
    ...over,
  };
}

export function pool(id: string, origins: readonly (string | Origin)[], over: Partial<Omit<Pool, 'id'>> = {}): Pool {
  return {
    id: id as PoolId,
    name: id,
    description: '',
    enabled: true,
    disabledAt: undefined,
    minimumOrigins: 1,
    monitor: 'm' as MonitorId,
    monitorGroup: undefined,
    checkRegions: [WEU],
    healthSources: null,
    origins: origins.map((each) => (typeof each === 'string' ? origin(each) : each)),
    originSteering: 'random',
    loadShedding: undefined,
    latitude: undefined,
    longitude: undefined,
    ...over,
  };
}

export function model(
  pools: readonly Pool[],
  monitors: readonly Monitor[] = [monitor()],
  rest: { groups?: readonly MonitorGroup[]; balancers?: readonly LoadBalancer[] } = {},
): Model {
  return {
    loadBalancers: rest.balancers ?? [],
    pools,
    monitors,
    monitorGroups: rest.groups ?? [],
    railguns: [],
    zones: [],
  };
}

export function balancer(name: string, pools: readonly string[], fallback: string): LoadBalancer {
  return {
    id: name as LoadBalancerId,
    name,
    description: '',
    enabled: true,
    proxied: true,
    rules: [],
    poolSets: [],
    alwaysUseHttps: false,
    railgun: undefined,
    defaultPools: pools as PoolId[],
    fallbackPool: fallback as PoolId,
    regionPools: new Map(),
    countryPools: new Map(),
    regionCountryPools: new Map(),
    popPools: new Map(),
    steeringPolicy: 'off',
    randomSteering: { defaultWeight: 1, poolWeights: new Map() },
    locationStrategy: { mode: 'pop', preferEcs: 'never' },
    failoverAcrossPools: false,
    affinity: {
      kind: 'none',
      ttlSeconds: 0,
      samesite: 'Auto',
      secure: 'Auto',
      drainSeconds: 0,
      zeroDowntime: 'none',
      headers: [],
      requireAllHeaders: false,
    },
    ttlSeconds: 30,
  };
}

export function second(n: number): Micros {
  return fromSeconds(n);
}

export const PASS: ProbeOutcome = { reason: 'no_failures', rttUs: 20_000 };
export function fail(reason: ProbeReason = 'tcp_connection_failed'): ProbeOutcome {
  return { reason, rttUs: undefined };
}

/** A board, the events it told, and a short way to feed it. */
export class Bench {
  readonly layout: HealthLayout;
  readonly board: HealthBoard;
  readonly events: HealthEvent[] = [];
  now = 1_000;

  constructor(source: Model, sites: Sites = PLACES, options: BoardOptions = {}) {
    this.layout = layOut(source, sites);
    this.board = new HealthBoard(this.layout, { onEvent: (event) => this.events.push(event), ...options });
  }

  /** One result a second: `.` passes, `x` fails. */
  feed(
    results: string,
    where: { pool?: number; origin?: number; from: string | readonly string[]; member?: number },
  ): void {
    const centers = typeof where.from === 'string' ? [where.from] : where.from;
    for (const result of results) {
      this.now += 1;
      for (const code of centers) {
        const outcome = result === '.' ? PASS : fail();
        this.board.record(
          where.pool ?? 0,
          where.origin ?? 0,
          popIndex(code),
          outcome,
          second(this.now),
          where.member ?? 0,
        );
      }
    }
  }

  /** The data centers that probe a pool. */
  centers(poolIndex = 0): string[] {
    return this.layout.pools[poolIndex]!.electorate.slots.map((pop) => this.layout.sites.pops[pop]!.code);
  }

  told(): string[] {
    return this.events.map(
      (e) => `${e.scope} ${e.pool}${e.origin === '' ? '' : `/${e.origin}`} ${e.where}: ${e.from} > ${e.to}`,
    );
  }
}
