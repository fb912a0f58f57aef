/**
 * One process's share of the edge: the engine that moves bytes, the edge that decides, and what they count. The only process there
 * is, or one of several workers; a primary with workers has one too, without listeners, to explain and to answer DNS.
 */
import { createHash } from 'node:crypto';
import type { Decision } from '../../core/decision.ts';
import type { HealthView } from '../../core/health-view.ts';
import type { Model, Railgun } from '../../core/model.ts';
import { type Random, seededRandom } from '../../core/random.ts';
import type { Micros } from '../../core/time.ts';
import type { AttemptOptions } from '../../edge/attempts.ts';
import { Edge } from '../../edge/edge.ts';
import { KEY_FIELD } from '../../drill/lab.ts';
import { EdgeConfig } from '../../edge/edge-config.ts';
import type { EdgeErrorCode } from '../../edge/error-page.ts';
import type { Flight } from '../../edge/flight.ts';
import { ClientDirectory } from '../../edge/identify-client.ts';
import type { Locator } from '../../geo/locate.ts';
import type { RealClock } from '../../live/clock.ts';
import type { LineFile } from '../../live/line-file.ts';
import { LoadTable } from '../../live/load.ts';
import type { Samples } from '../../live/counter-table.ts';
import { LiveNameTable, lookupBySystem } from '../../live/names.ts';
import { ProxyEngine } from '../../live/proxy/engine.ts';
import { OpenConnections } from '../../live/proxy/open-connections.ts';
import type { ProxyLimits } from '../../live/proxy/limits.ts';
import { VERSION } from '../version.ts';
import { EdgeBrain } from './brain.ts';
import { EdgeCounters } from './counters.ts';
import { asksForHttps } from './https-redirect.ts';
import { sampleLinks } from './link-metrics.ts';
import { type LinkOptions, Links } from './links.ts';

export interface NodeOptions {
  readonly clock: RealClock;
  readonly model: Model;
  readonly health: HealthView;
  readonly random: Random;
  /** `--drill-seed`: started by a drill. */
  readonly drillSeed: string | undefined;
  readonly locator: Locator;
  /** As `Groundwork.onePop`. */
  readonly onePop: boolean;
  readonly trustProxies: readonly string[];
  readonly cookieSecret: string;
  readonly attempts: Omit<AttemptOptions, 'ownAddresses' | 'railguns'>;
  /** For links: which edge place this is, and where its page versions are kept. */
  readonly links: LinkOptions;
  readonly log: LineFile | undefined;
  readonly limits?: Partial<ProxyLimits>;
  readonly onFailover: (flight: Flight, from: string, error: EdgeErrorCode | undefined) => void;
  readonly onMistake: (error: unknown) => void;
  /** A header session was made or used: others may want to know. */
  readonly onSession: ((decision: Decision, now: Micros) => void) | undefined;
}

export class EdgeNode {
  readonly clock: RealClock;
  readonly counters = new EdgeCounters();
  readonly #openConnections = new OpenConnections();
  readonly load = new LoadTable(this.#openConnections);
  readonly names = new LiveNameTable(lookupBySystem, () => performance.now());
  readonly edge: Edge;
  readonly engine: ProxyEngine;
  readonly railguns: Links;
  readonly #options: NodeOptions;
  /** Filled while the listeners come up, before anybody can ask. */
  readonly #own = new Set<string>();
  readonly #key: Uint8Array;
  #version = 1;
  #httpsPort = 0;
  #redirectTo = 0;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.#key = createHash('sha256').update(options.cookieSecret).digest();
    const { drillSeed } = options;
    const ports = {
      clients: new ClientDirectory(options.locator, options.trustProxies, options.onePop),
      load: this.load,
      names: this.names,
      random: options.random,
      drill: drillSeed === undefined ? undefined : { random: seededRandom(drillSeed), field: KEY_FIELD },
    };
    this.counters.adopt(options.model);
    this.edge = new Edge(ports, this.#config(options.model), options.health, this.load.view(options.model));
    this.edge.onSession = options.onSession;
    const brain = new EdgeBrain({
      edge: this.edge,
      counters: this.counters,
      now: () => this.clock.now(),
      log: options.log,
      httpsPort: () => this.#redirectTo,
      onFailover: options.onFailover,
    });
    const { clock, random } = options;
    this.railguns = new Links(options.links, { clock, random, version: VERSION });
    this.engine = new ProxyEngine({
      brain,
      transports: new Map([['railgun', this.railguns]]),
      openConnections: this.#openConnections,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      onMistake: (error) => {
        this.counters.add('switchyard_mistakes_total');
        options.onMistake(error);
      },
    });
  }

  /** A new configuration for requests from here on; those under way keep theirs. */
  adopt(model: Model, health: HealthView): void {
    this.#version += 1;
    this.counters.adopt(model);
    this.edge.adopt(this.#config(model), health, this.load.view(model));
    this.httpsAt(this.#httpsPort);
    void this.railguns.adopt(new Set(usableLinks(model).keys()));
  }

  /** HTTPS is at this port: zones with `always_use_https` send their visitors there. */
  httpsAt(port: number): void {
    this.#httpsPort = port;
    this.#redirectTo = asksForHttps(this.edge.state.config.model) ? port : 0;
  }

  /** An address at which this edge is reached: an origin there is a loop. */
  ownAddress(host: string, port: number): void {
    this.#own.add(`${host}:${port}`);
  }

  /** What the first request should find ready: addresses of origins that are host names, links. */
  async warm(model: Model): Promise<void> {
    await Promise.all([this.#warmNames(model), this.railguns.adopt(new Set(usableLinks(model).keys()))]);
  }

  #warmNames(model: Model): Promise<void> {
    const literal = /^(?:\d+\.\d+\.\d+\.\d+|.*:.*)$/;
    const named = model.pools
      .flatMap((pool) => pool.origins.map((each) => each.address))
      .filter((one) => !literal.test(one));
    return this.names.warm(named);
  }

  samples(): Samples {
    const { counters, engine } = this;
    const set = (name: string, value: number, labels: Readonly<Record<string, string>> = {}): void => {
      counters.table.values[counters.table.slot(name, labels)] = value;
    };
    const counts = engine.counts();
    set('switchyard_connections', counts.connections);
    set('switchyard_requests_in_flight', counts.inFlight);
    set('switchyard_origin_connections', counts.originConnections);
    set('switchyard_origin_connections_idle', counts.originIdle);
    set('switchyard_connections_accepted_total', counts.accepted);
    set('switchyard_connections_turned_away_total', counts.turnedAway);
    set('switchyard_access_log_dropped_total', this.#options.log?.dropped ?? 0);
    const { user, system } = process.cpuUsage();
    set('process_cpu_seconds_total', (user + system) / 1e6);
    set('process_resident_memory_bytes', process.memoryUsage.rss());
    for (const targets of this.edge.state.config.targets) {
      for (const { slot, poolName: pool, originName: origin } of targets) {
        set('switchyard_origin_outstanding', this.load.own(slot), { pool, origin });
      }
    }
    sampleLinks(counters.table, this.railguns.transport);
    return counters.table.samples();
  }

  #config(model: Model): EdgeConfig {
    return new EdgeConfig(model, {
      ...this.#options.attempts,
      railguns: usableLinks(model),
      ownAddresses: this.#own,
      cookieKey: this.#key,
      slotOf: this.load.slotOf,
      version: this.#version,
    });
  }
}

/** Links that are switched on and say where and with which key lanes are opened; the others are there to be simulated. */
function usableLinks(model: Model): ReadonlyMap<string, Railgun> {
  const usable = model.railguns.filter((each) => each.enabled && each.host !== '' && each.activationKey !== '');
  return new Map(usable.map((each) => [each.id, each]));
}
