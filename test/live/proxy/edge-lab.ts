/**
 * The real decisions (edge, steering, load table, counters) on a real engine in this process, with a clock that a test moves and a
 * resolver that it answers: what `serve` is made of, without the process around it.
 */
import { EdgeBrain } from '../../../src/cli/serve/brain.ts';
import { EdgeCounters } from '../../../src/cli/serve/counters.ts';
import { parseConfig } from '../../../src/config/config-file.ts';
import type { HealthView } from '../../../src/core/health-view.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { fromSeconds, type Micros } from '../../../src/core/time.ts';
import { Edge } from '../../../src/edge/edge.ts';
import { EdgeConfig } from '../../../src/edge/edge-config.ts';
import { ClientDirectory } from '../../../src/edge/identify-client.ts';
import { Locator } from '../../../src/geo/locate.ts';
import { LoadTable } from '../../../src/live/load.ts';
import type { ExchangeReport, Outcome } from '../../../src/live/proxy/brain.ts';
import { ProxyEngine, type ProxyEngineOptions } from '../../../src/live/proxy/engine.ts';
import { OpenConnections } from '../../../src/live/proxy/open-connections.ts';
import type { Flight } from '../../../src/edge/flight.ts';
import { ManualClock } from './harness.ts';

export interface EdgeLab {
  readonly engine: ProxyEngine;
  readonly clock: ManualClock;
  readonly load: LoadTable;
  readonly open: OpenConnections;
  readonly mistakes: unknown[];
  readonly told: Told;
  readonly port: number;
}

/** What the engine told the brain. */
export interface Told {
  /** Forwarded, and not come to an end yet. */
  readonly open: Set<Flight>;
  /** Forwarded in all, and how often an end was told that belonged to none that was open. */
  forwarded: number;
  endedTwice: number;
  readonly outcomes: Map<Outcome, number>;
}

class WatchedBrain extends EdgeBrain {
  readonly told: Told = { open: new Set(), forwarded: 0, endedTwice: 0, outcomes: new Map() };

  override route(...given: Parameters<EdgeBrain['route']>): ReturnType<EdgeBrain['route']> {
    const made = super.route(...given);
    if (made.kind === 'forward') {
      this.told.forwarded += 1;
      this.told.open.add(made);
    }
    return made;
  }

  override done(plan: Flight | undefined, report: ExchangeReport): void {
    if (plan !== undefined && !this.told.open.delete(plan)) this.told.endedTwice += 1;
    this.told.outcomes.set(report.outcome, (this.told.outcomes.get(report.outcome) ?? 0) + 1);
    super.done(plan, report);
  }
}

export async function startEdgeLab(
  config: object,
  options: Partial<ProxyEngineOptions> & { readonly originCa?: readonly string[] } = {},
): Promise<EdgeLab> {
  const { model, findings } = parseConfig({ version: 1, ...config });
  if (model === undefined) throw new Error(findings.map((each) => each.message).join('; '));
  const clock = new ManualClock();
  const openConnections = new OpenConnections();
  const load = new LoadTable(openConnections);
  const edgeConfig = new EdgeConfig(model, {
    originTls: options.originCa === undefined ? 'off' : 'on',
    originCa: [...(options.originCa ?? [])],
    ownAddresses: new Set(),
    railguns: new Map(),
    cookieKey: new Uint8Array(32).fill(7),
    slotOf: load.slotOf,
    version: 1,
  });
  const ports = {
    clients: new ClientDirectory(new Locator({ defaultPop: 'LHR' })),
    load,
    names: { resolves: () => true, failed: () => {} },
    random: seededRandom(1),
  };
  const unmonitored: HealthView = {
    version: 1,
    pool: () => 'unmonitored',
    origin: () => 'unmonitored',
    rttUs: () => undefined,
  };
  const edge = new Edge(ports, edgeConfig, unmonitored, load.view(model));
  const counters = new EdgeCounters();
  counters.adopt(model);
  const now = (): Micros => (fromSeconds(1_772_366_400) + Math.round(clock.nowMs() * 1_000)) as Micros;
  const brain = new WatchedBrain({ edge, counters, now, log: undefined, httpsPort: () => 0, onFailover: () => {} });
  const mistakes: unknown[] = [];
  const engine = new ProxyEngine({
    brain,
    clock,
    via: '',
    openConnections,
    onMistake: (error) => mistakes.push(error),
    ...options,
  });
  const { port } = await engine.listen({ host: '127.0.0.1', port: 0 });
  return { engine, clock, load, open: openConnections, mistakes, told: brain.told, port };
}

/** Requests under way, as steering would see them, at places that have any. */
export function outstanding(load: LoadTable): readonly (readonly [string, number])[] {
  return load.counts().flatMap(([place, requests]) => (requests === 0 ? [] : [[place, requests] as const]));
}

/** Turns of the loop until it holds; the test's own time-out is the limit. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
