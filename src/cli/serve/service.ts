/**
 * The edge as a whole, in its primary process: configuration, health, the plane that carries traffic, DNS, the admin port, events.
 * START HERE to learn what runs; the request path is `node.ts` and `edge/handle-request.ts`.
 *
 *   file ─► Configuration ─► HealthKeeper ─► board ─┬─► LocalPlane or Fleet ─► clients and origins
 *     └─ change, SIGHUP ──┘       └─ events ────────┴─► admin port, DNS
 */
import type { Logger } from 'pino';
import type { Problem } from '../../core/problem.ts';
import { seededRandom } from '../../core/random.ts';
import { micros, toRfc3339 } from '../../core/time.ts';
import type { HealthEvent } from '../../core/trace.ts';
import { serves } from '../../health/pool-health.ts';
import { RealClock } from '../../live/clock.ts';
import type { LineFile } from '../../live/line-file.ts';
import type { Samples } from '../../live/counter-table.ts';
import { openAccessLog, type TellLog } from './access-log-file.ts';
import type { AdminPort } from './admin.ts';
import { type Configuration, parseConfiguration, problemLine, readConfiguration } from './configuration.ts';
import type { Demo } from './demo.ts';
import type { DnsPort } from './dns.ts';
import { EventHub } from './events.ts';
import { failoverFacts } from './failover-facts.ts';
import { type Groundwork, layGround } from './ground.ts';
import { HealthKeeper } from './health.ts';
import { linkFacts, tellLink } from './link-news.ts';
import { ratioSamples } from './link-metrics.ts';
import { linkOptions } from './links.ts';
import { EdgeNode } from './node.ts';
import { type Endpoint, printEndpoint, type ServeOptions } from './options.ts';
import { type Addresses, type DataPlane, LocalPlane } from './plane.ts';
import type { TlsSettings } from './tls.ts';
import type { FileWatch } from './watch.ts';

/** How long the start waits for the first probes, so that the first request does not meet a world of unknowns. */
const FIRST_PROBES_MS = 3_000;
const LOOK_AGAIN_MS = 20;

export interface Ready {
  readonly ready: true;
  readonly listen?: string;
  readonly listen_tls?: string;
  readonly admin?: string;
  readonly dns?: string;
  readonly pop: string;
  readonly pid: number;
  readonly workers: number;
  readonly config: string;
  readonly ca?: string;
}

export type Started =
  | { readonly kind: 'started'; readonly service: EdgeService }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] };

interface Parts {
  readonly ground: Groundwork;
  readonly options: ServeOptions;
  readonly log: Logger;
  readonly configuration: Configuration;
  readonly events: EventHub;
  readonly health: HealthKeeper;
  readonly node: EdgeNode;
  readonly plane: DataPlane;
  readonly demo: Demo | undefined;
  readonly accessLog: LineFile | undefined;
  readonly tls: TlsSettings | undefined;
}

export class EdgeService {
  readonly options: ServeOptions;
  readonly log: Logger;
  readonly events: EventHub;
  readonly health: HealthKeeper;
  readonly node: EdgeNode;
  readonly plane: DataPlane;
  configuration: Configuration;
  draining = false;
  addresses: Addresses = { listen: undefined, listenTls: undefined };
  admin: AdminPort | undefined;
  dns: DnsPort | undefined;
  readonly #parts: Parts;
  readonly #watches: FileWatch[] = [];

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.options = parts.options;
    this.log = parts.log;
    this.events = parts.events;
    this.health = parts.health;
    this.node = parts.node;
    this.plane = parts.plane;
    this.configuration = parts.configuration;
  }

  static async start(options: ServeOptions, log: Logger): Promise<Started> {
    const problems: Problem[] = [];
    const laid = await layGround(options, {}, (text) => log.warn(text));
    if ('problems' in laid) problems.push(...laid.problems);
    const demo = options.config === undefined ? await (await import('./demo.ts')).startDemo() : undefined;
    const read =
      options.config === undefined
        ? parseConfiguration(demo!.text, demo!.file, options.minInterval)
        : readConfiguration(options.config, options.minInterval);
    if (!read.ok) problems.push(...read.problems);
    if (!read.ok || 'problems' in laid) {
      demo?.stop();
      return { kind: 'refused', problems };
    }
    for (const warning of read.warnings) log.warn(problemLine(warning));
    const { ground } = laid;
    const configuration = read.value;
    const tls =
      options.listenTls === undefined
        ? undefined
        : await (await import('./tls.ts')).openTls(options, ground.folder, configuration.model, {
            ticketKeys: undefined,
            tell: (level, text) => log[level](text),
          });
    if (tls !== undefined && 'problem' in tls) {
      demo?.stop();
      return { kind: 'refused', problems: [tls.problem] };
    }
    const service = await assemble({ options, log, ground, configuration, demo, tls: tls?.tls });
    const started = await service.#begin();
    if (started.length > 0) {
      await service.stop();
      return { kind: 'refused', problems: started };
    }
    return { kind: 'started', service };
  }

  /** For `assemble`, which wires the parts. */
  static of(parts: Parts): EdgeService {
    return new EdgeService(parts);
  }

  get ready(): Ready {
    const { addresses, configuration, options, plane } = this;
    const shown = (at: Endpoint | undefined): string | undefined => (at === undefined ? undefined : printEndpoint(at));
    const listen = shown(addresses.listen);
    const listenTls = shown(addresses.listenTls);
    const admin = shown(this.admin?.address);
    const dns = shown(this.dns?.address);
    const ca = this.#parts.tls?.caFile;
    return {
      ready: true,
      ...(listen === undefined ? {} : { listen }),
      ...(listenTls === undefined ? {} : { listen_tls: listenTls }),
      ...(admin === undefined ? {} : { admin }),
      ...(dns === undefined ? {} : { dns }),
      pop: options.pop,
      pid: process.pid,
      workers: plane.workers,
      config: configuration.hash,
      ...(listenTls === undefined || ca === undefined ? {} : { ca }),
    };
  }

  /** Read the file again (SIGHUP, a change on disk). A broken one changes nothing. */
  reload(why: string): boolean {
    const { config, minInterval } = this.options;
    this.#parts.accessLog?.reopen();
    this.plane.reopenFiles();
    if (config === undefined) return true;
    const read = readConfiguration(config, minInterval);
    if (!read.ok) {
      const errors = read.problems.filter((each) => each.severity === 'error');
      const text = `${config} is broken, the configuration before it stays in force: ${errors.map(problemLine).slice(0, 5).join('; ')}${errors.length > 5 ? `; and ${errors.length - 5} more` : ''}`;
      this.log.error({ problems: errors.length }, text);
      this.events.tell('reload', { ok: false, why, text, config: this.configuration.hash });
      this.node.counters.add('switchyard_reloads_total', { result: 'refused' });
      return false;
    }
    if (read.value.text === this.configuration.text) return true;
    for (const warning of read.warnings) this.log.warn(problemLine(warning));
    this.adopt(read.value, why);
    return true;
  }

  adopt(configuration: Configuration, why: string): void {
    const from = this.configuration.hash;
    this.configuration = configuration;
    this.health.reload(configuration.model);
    this.node.adopt(configuration.model, this.health.board);
    this.plane.adopt(configuration, this.health.board);
    this.node.counters.add('switchyard_reloads_total', { result: 'adopted' });
    this.log.info({ from, to: configuration.hash, why }, 'configuration adopted');
    this.events.tell('reload', { ok: true, why, from, config: configuration.hash });
  }

  /** Every process's counts. */
  async samples(): Promise<readonly Samples[]> {
    const { counters } = this.node;
    const set = (name: string, value: number, labels: Readonly<Record<string, string>> = {}): void => {
      counters.table.values[counters.table.slot(name, labels)] = value;
    };
    set('switchyard_workers', this.plane.workers);
    const { board } = this.health;
    for (const [p, { pool }] of board.layout.pools.entries()) {
      set('switchyard_pool_healthy', serves(board.worldPool(p)) ? 1 : 0, { pool: pool.name });
      for (const [o, origin] of pool.origins.entries()) {
        const state = board.worldOrigin(p, o);
        const healthy = state === 'healthy' || state === 'unmonitored';
        set('switchyard_origin_healthy', healthy ? 1 : 0, { pool: pool.name, origin: origin.name });
      }
    }
    const others = await this.plane.samples();
    const info = [[`switchyard_config_info\nhash=${this.configuration.hash}`, 1]] as const;
    const all = [this.node.samples(), ...others];
    return [...all, info, ratioSamples(all)];
  }

  /** SIGTERM: no new connections, running requests end, then all stops. */
  async drain(): Promise<void> {
    if (this.draining) return;
    this.draining = true;
    this.log.info({ graceMs: this.options.drainMs }, 'draining');
    this.events.tell('state', { state: 'draining' });
    await this.plane.drain(this.options.drainMs);
    await this.stop();
  }

  async stop(): Promise<void> {
    this.draining = true;
    this.plane.stop();
    this.node.engine.stop();
    this.health.stop();
    await Promise.all(this.#watches.map((each) => each.close()));
    this.dns?.close();
    this.events.close();
    await this.admin?.close();
    this.#parts.demo?.stop();
    await this.#parts.accessLog?.close();
  }

  async #begin(): Promise<readonly Problem[]> {
    const { options, node, configuration } = this;
    const up = await this.plane.start();
    if ('problems' in up) return up.problems;
    this.addresses = up.addresses;
    const problems: Problem[] = [];
    if (options.dns !== undefined) {
      const { openDns } = await import('./dns.ts');
      const dns = await openDns(this, options.dns, this.#parts.ground.locator);
      if ('problem' in dns) problems.push(dns.problem);
      else this.dns = dns.port;
    }
    if (options.admin !== undefined) {
      const { openAdmin } = await import('./admin.ts');
      const admin = await openAdmin(this, options.admin);
      if ('problem' in admin) problems.push(admin.problem);
      else this.admin = admin.port;
    }
    if (problems.length > 0) return problems;
    if (options.config !== undefined) {
      const { watchFiles } = await import('./watch.ts');
      this.#watches.push(watchFiles([options.config], () => this.reload('the file changed')));
    }
    if (options.tlsCert !== undefined && options.tlsKey !== undefined) {
      const { watchFiles } = await import('./watch.ts');
      this.#watches.push(watchFiles([options.tlsCert, options.tlsKey], () => this.plane.reopenFiles()));
    }
    const names = node.warm(configuration.model);
    for (let waited = 0; waited < FIRST_PROBES_MS && !this.health.known; waited += LOOK_AGAIN_MS)
      await pause(LOOK_AGAIN_MS);
    await Promise.race([names, pause(FIRST_PROBES_MS, false)]);
    return [];
  }
}

async function assemble(parts: {
  readonly options: ServeOptions;
  readonly log: Logger;
  readonly ground: Groundwork;
  readonly configuration: Configuration;
  readonly demo: Demo | undefined;
  readonly tls: TlsSettings | undefined;
}): Promise<EdgeService> {
  const { options, log, ground, configuration, demo, tls } = parts;
  const events = new EventHub();
  const clock = new RealClock();
  const tell: TellLog = (level, text) => {
    log[level](text);
    events.tell('log', { text });
  };
  const accessLog = openAccessLog(options.accessLog, tell);
  // Made below, and told of by health before and after.
  const late: { plane?: DataPlane; node?: EdgeNode } = {};
  const health = new HealthKeeper(configuration.model, {
    clock,
    pop: options.pop,
    seed: ground.seed,
    ca: ground.originCa,
    probe: options.probe,
    onEvent: (event) => {
      const { at, event: _kind, ...facts } = event;
      log.info({ ...facts, at: toRfc3339(micros(at)) }, healthText(event));
      events.tell('health', { ...facts, text: healthText(event) });
      late.node?.counters.add('switchyard_health_changes_total', { scope: event.scope });
    },
    onRecord: (probe) => {
      late.plane?.recorded(probe);
      const pool = health.board.layout.pools[probe[0]]?.pool;
      const origin = pool?.origins[probe[1]];
      if (pool === undefined || origin === undefined) return;
      late.node?.counters.add('switchyard_probes_total', {
        pool: pool.name,
        origin: origin.name,
        result: probe[3].reason,
      });
    },
  });
  const node = new EdgeNode({
    clock,
    model: configuration.model,
    health: health.board,
    random: seededRandom(ground.seed),
    drillSeed: options.drillSeed,
    locator: ground.locator,
    onePop: ground.onePop,
    trustProxies: options.trustProxies,
    cookieSecret: ground.cookieSecret,
    attempts: { originTls: options.originTls, originCa: ground.originCa },
    links: linkOptions(options, (railgun, news) => tellLink(events, linkFacts(railgun, news))),
    log: options.workers === 1 ? accessLog : undefined,
    onSession: undefined,
    onFailover: (flight, from, error) => events.failover(failoverFacts(flight, from, error)),
    onMistake: (error) => log.error({ err: error }, 'our own mistake: the request was answered with 500'),
  });
  late.node = node;
  const plane: DataPlane =
    options.workers === 1
      ? new LocalPlane(node, options, tls)
      : new (await import('./fleet.ts')).Fleet({
          options,
          log,
          events,
          ground,
          node,
          configuration,
          board: () => health.board,
        });
  late.plane = plane;
  return EdgeService.of({ ground, options, log, configuration, events, health, node, plane, demo, accessLog, tls });
}

function healthText(event: HealthEvent): string {
  const what = event.scope === 'pool' ? `pool ${event.pool}` : `origin ${event.pool}/${event.origin}`;
  return `${what} is ${event.to}, was ${event.from} (${event.reason})`;
}

/** `holds`: keeps the process alive meanwhile. */
function pause(ms: number, holds = true): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    if (!holds) timer.unref();
  });
}
