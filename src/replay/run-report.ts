/**
 * The report of a run, put together from what was counted while it ran. `replay` fills it from virtual flights, `drill` from real ones;
 * nothing here knows which.
 */
import {
  type Beat,
  type DnsSummary,
  type Phase,
  type PopSummary,
  REPORT_SCHEMA,
  type RailgunSummary,
  type RunReport,
} from '../core/report.ts';
import type { Micros } from '../core/time.ts';
import { popAt } from '../geo/tables.ts';
import { type CapacityOrigin, capacityAlarms, capacityRows, steeringShifts } from './after-run.ts';
import type { ClientTable } from './clients.ts';
import type { Ledger } from './ledger.ts';
import type { ReplayInput } from './load.ts';
import { type Scenario, momentOf } from './scenario.ts';
import type { Story } from './story.ts';
import type { Traffic } from './traffic.ts';

export interface RunFacts {
  readonly kind: RunReport['kind'];
  readonly input: ReplayInput;
  readonly traffic: Traffic;
  readonly ledger: Ledger;
  readonly story: Story;
  /** Sessions are closed. */
  readonly clients: ClientTable;
  readonly phases: readonly Phase[];
  readonly partial: RunReport['partial'];
  /** By global origin number. */
  readonly origins: readonly CapacityOrigin[];
  readonly beatsOf: (origin: number) => readonly Beat[];
  readonly pops: readonly { readonly pop: number; readonly requests: number; readonly failed: number }[];
  /** Asked only when a balancer answers by name. */
  readonly dns: () => DnsSummary;
  readonly lanes: Pick<RailgunSummary, 'lanesOpened' | 'lanesLost' | 'wire'>;
  /** Sentences beside those about places and origins. */
  readonly assumptions: readonly string[];
}

export function makeReport(facts: RunFacts): RunReport {
  const { input, ledger, story, clients } = facts;
  const { scenario, model } = input;
  const series = ledger.series();
  const placement = ledger.placement();
  const capacity = capacityRows(model, facts.origins, series);
  const timeline = [...story.timeline, ...steeringShifts(series, placement), ...capacityAlarms(capacity)]
    .map((entry, index) => ({ entry, index }))
    .sort((a, b) => a.entry.atUs - b.entry.atUs || a.index - b.index)
    .map(({ entry }) => entry);
  const usesRailgun = model.loadBalancers.some((balancer) => balancer.railgun !== undefined && balancer.proxied);
  const byName = model.loadBalancers.some((balancer) => !balancer.proxied);
  let origins = 0;
  return {
    schema: REPORT_SCHEMA,
    kind: facts.kind,
    tool: { name: 'switchyard', version: input.version },
    scenario: { name: scenario.name, file: scenario.file, description: scenario.description },
    seed: input.seed,
    configHash: input.configHash,
    scenarioHash: input.scenarioHash,
    repeat: input.repeat,
    startUs: input.start,
    endUs: input.end,
    partial: facts.partial,
    assumptions: [...commonAssumptions(facts), ...facts.assumptions],
    warnings: [...input.warnings, ...facts.traffic.warnings()],
    traffic: facts.traffic.rows(),
    totals: {
      requests: ledger.requests,
      served: ledger.requests - ledger.failed,
      failed: ledger.failed,
      fallback: ledger.fallback,
      retried: ledger.retried,
      causes: [...ledger.causes.values()].sort((a, b) => b.count - a.count || (a.cause < b.cause ? -1 : 1)),
    },
    phases: facts.phases,
    placement,
    budget: story.budget(),
    sessions: {
      ...clients.totals,
      byReason: [...clients.moves]
        .map(([reason, count]) => ({ reason, count }))
        .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1)),
    },
    capacity,
    latency: ledger.latencySummary(),
    dns: byName ? facts.dns() : null,
    railgun: usesRailgun ? railgunSummary(ledger, facts.lanes) : null,
    pools: model.pools.map((pool, poolIndex) => ({
      id: pool.id,
      name: pool.name,
      enabled: pool.enabled,
      requests: sum(series.poolRequests[poolIndex]!),
      failed: sum(series.poolFailed[poolIndex]!),
      latitude: pool.latitude ?? null,
      longitude: pool.longitude ?? null,
      origins: pool.origins.map((origin) => {
        const number = origins;
        origins += 1;
        return {
          name: origin.name,
          address: origin.address,
          requests: sum(series.originRequests[number]!),
          failed: sum(series.originFailed[number]!),
          beats: facts.beatsOf(number),
        };
      }),
    })),
    pops: facts.pops.map(({ pop, requests, failed }): PopSummary => {
      const { code, city, region, latitude, longitude } = popAt(pop);
      return { code, city, region: region ?? '', latitude, longitude, requests, failed };
    }),
    timeline,
    series,
    checks: [],
  };
}

/** Before the first event of the timeline, while faults last, after the last of them. */
export function phasesOf(scenario: Scenario, start: Micros, end: Micros): Phase[] {
  const events = scenario.timeline.flatMap((event) =>
    event.kind === 'note' ? [] : [{ event, at: momentOf(event.moment, start) }],
  );
  if (events.length === 0) return [{ name: 'before', fromUs: start, toUs: end }];
  const first = Math.max(start, Math.min(...events.map(({ at }) => at)));
  let last = 0;
  for (const { event, at } of events) {
    const healedAt = events.find((other) => other.event.kind === 'heal' && other.at >= at)?.at;
    const over = event.kind !== 'fault' ? at : event.forUs > 0 ? at + event.forUs : (healedAt ?? end);
    last = Math.max(last, over);
  }
  const phases: Phase[] = [
    { name: 'before', fromUs: start, toUs: first },
    { name: 'during', fromUs: first, toUs: Math.min(last, end) },
  ];
  // A single change has no "during": what follows it is after.
  if (last === first) return [phases[0]!, { name: 'after', fromUs: first, toUs: end }];
  return last < end ? [...phases, { name: 'after', fromUs: last, toUs: end }] : phases;
}

function railgunSummary(ledger: Ledger, lanes: RunFacts['lanes']): RailgunSummary {
  return {
    viaLane: ledger.viaLane,
    direct: [...ledger.directReasons].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count),
    pageBytes: ledger.railgunPageBytes,
    wanBytes: ledger.railgunWanBytes,
    ratio: ledger.railgunPageBytes === 0 ? 0 : ledger.railgunWanBytes / ledger.railgunPageBytes,
    lanesOpened: lanes.lanesOpened,
    lanesLost: lanes.lanesLost,
    ...(lanes.wire === undefined ? {} : { wire: lanes.wire }),
  };
}

function commonAssumptions({ input, traffic }: RunFacts): string[] {
  const { world } = input.scenario;
  const sentences = traffic.assumed().map(([code, count]) => `${count} clients: ${ASSUMED_WORDS.get(code) ?? code}.`);
  if (traffic.hasLogs) {
    sentences.push(
      'Each client address of the log is one client with one cookie jar; answers recorded in the log are not used.',
    );
  }
  if (world.links.get('edge-origin')?.delayUs === undefined) {
    sentences.push(
      'Delay between a PoP and a pool follows from their distance (10 ms each way for a pool without coordinates).',
    );
  }
  if (world.origins.size === 0) sentences.push('Every origin answers after 20 ms and has no limit.');
  return sentences;
}

const ASSUMED_WORDS: ReadonlyMap<string, string> = new Map([
  ['country_centroid', 'only the country is known; they stand at a point of it'],
  ['country_override', 'only the country is known; they stand where the scenario puts it'],
  ['default_pop', 'nothing says where they are; they are at the default PoP'],
  ['private_address', 'a private address, which no file can place'],
  ['loopback_address', 'a loopback address'],
  ['documentation_address', 'an address from a documentation range'],
  ['reserved_address', 'an address that is reserved'],
  ['host_name', 'the log gives a host name instead of an address'],
  ['no_geo_database', 'no GeoIP file is at hand'],
  ['not_in_geo_database', 'the GeoIP file does not know the address'],
  ['unknown_country', 'a country code that is not in the table'],
  ['unknown_pop', 'a PoP code that is not in the table'],
  ['pop_not_in_use', 'their PoP is not in use; the nearest one stands in'],
]);

function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
