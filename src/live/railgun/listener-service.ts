/**
 * A listener as `railgun.conf` describes it: door, origins, store, dictionary, statistics, log. The settings are those of the file
 * (`config/railgun-conf.ts` has the reader); `reload` takes what SIGHUP may change (RG-079), `drain` is SIGQUIT (RG-080). Files and
 * signals themselves are `cli/listener.ts`'s.
 */
import type { AddressInfo, Server } from 'node:net';
import type { NatMap } from '../../core/nat-map.ts';
import type { Scheduler } from '../../core/ports.ts';
import type { Random } from '../../core/random.ts';
import { US_PER_MS, US_PER_SECOND } from '../../core/time.ts';
import { LOOP_BUDGET_US, deltaCodec } from '../../railgun/delta/choose.ts';
import { Dictionary, type DictionaryOptions } from '../../railgun/dictionary.ts';
import { DEFAULT_THRESHOLDS } from '../../railgun/eligible.ts';
import { HoldBudget } from '../../railgun/hold.ts';
import { CLASSIC_LIMITS, HOLD_BUDGET_BYTES, type LaneLimits, RGX_LIMITS } from '../../railgun/limits.ts';
import type { ListenerRules } from '../../railgun/listener-events.ts';
import { Line, type LogLevel, tagged } from '../../railgun/log-lines.ts';
import { Stats, type StatsJson } from '../../railgun/stats.ts';
import { DeltaPool } from '../delta-worker.ts';
import { openStore } from '../stores/open-store.ts';
import type { Store, StoreEvent } from '../stores/store.ts';
import { type Certificate, makeCertificate, railgunIdOf } from './identity.ts';
import { LanPool } from './lan-pool.ts';
import { DRAIN_US, ListenerServer } from './listener-server.ts';
import { LoopHops } from './loop-hops.ts';
import { StatsReporter } from './stats-reporter.ts';
import { timedCodec } from './timed-codec.ts';
import { Syslog, syslogTarget } from './syslog.ts';

/** The keys of `railgun.conf` that a running listener uses. */
export interface ListenerSettings {
  readonly wanIp: string;
  readonly wanPort: number;
  readonly wanTls: boolean;
  readonly lanTimeoutSeconds: number;
  readonly memcachedServers: readonly string[];
  readonly memcachedTimeoutMs: number;
  readonly memcachedExpirationSeconds: number;
  readonly memcachedLimitBytes: number;
  readonly streamSizeBytes: number;
  readonly compressData: boolean;
  readonly validateCert: boolean;
  readonly insecureOrigin: boolean;
  readonly originIdleConns: number;
  readonly originCfRailgun: boolean;
  readonly logLevel: LogLevel;
  readonly syslogAddr: string;
  readonly statsEnabled: boolean;
  readonly statsLog: boolean;
  readonly statsUrl: string;
  readonly statsIntervalMinutes: number;
  readonly statsListen: string;
  readonly activationToken: string;
  readonly activationRailgunHost: string;
}

export interface ListenerServiceOptions {
  readonly settings: ListenerSettings;
  /** Targets are addresses already (`resolveNat`). */
  readonly nat: NatMap;
  /** PEM of `ca.bundle`; `undefined` = the system's. */
  readonly ca: string | undefined;
  /** `cert.file` and `key.file`; `undefined` = one is made. */
  readonly certificate: Certificate | undefined;
  readonly clock: Scheduler;
  readonly random: Random;
  /** Four hex digits (`buildOf`). */
  readonly build: string;
  readonly classic: boolean;
  /** Instead of `memcached.servers`: `memory`, `mock`, `redis://…`. */
  readonly store: string | undefined;
  /** The control plane has said the id already (activation.ts). */
  readonly activated?: boolean;
  /** Where lines go besides syslog. */
  readonly write: (line: string) => void;
}

/** Larger pages are encoded on another thread: about 5 ms on this kind of machine (DESIGN 6, delta/choose.ts). */
const ENCODE_INLINE_BYTES = 200_000;
/** Room for a stored head beside `memcached.limit` bytes of body. */
const HEAD_ROOM_BYTES = 40_000;
/** A line at most once in this time for one kind of trouble: a store that is down fails on every request. */
const REPEAT_MS = 1_000;
/** Lines remembered for that; each names an address of ours. */
const SAID_MAX = 64;

export class ListenerService {
  readonly stats = new Stats();
  readonly lan: LanPool;
  readonly server: ListenerServer;
  readonly #options: ListenerServiceOptions;
  readonly #dictionary: Dictionary;
  readonly #deltas = new DeltaPool();
  readonly #reporter: StatsReporter | undefined;
  readonly #lastSaid = new Map<string, number>();
  readonly #loops = new LoopHops();
  /** On this thread; larger pages are another's work. */
  #codecMs = 0;
  #settings: ListenerSettings;
  #nat: NatMap;
  #store: Store;
  #syslog: Syslog | undefined;

  private constructor(options: ListenerServiceOptions, store: Store, certificate: Certificate) {
    const { settings, clock, random, build } = options;
    this.#options = options;
    this.#settings = settings;
    this.#nat = options.nat;
    this.#store = store;
    this.#syslog = openSyslog(settings.syslogAddr);
    this.#dictionary = new Dictionary(dictionaryOptions(settings));
    this.lan = new LanPool({ idlePerOrigin: settings.originIdleConns, ca: options.ca });
    const token = settings.activationToken;
    this.server = new ListenerServer({
      tls: settings.wanTls,
      certificate,
      lane: {
        limits: this.#limits(),
        random: random.fork('lanes'),
        token,
        railgunId: railgunIdOf(token),
        agent: build,
        listenerId: settings.activationRailgunHost.slice(0, 255),
        codec: timedCodec(deltaCodec(LOOP_BUDGET_US), (ms) => {
          this.#codecMs += ms;
        }),
        dictionary: this.#dictionary,
        hold: new HoldBudget(HOLD_BUDGET_BYTES),
        rules: this.#rules(),
      },
      host: {
        clock,
        lan: this.lan,
        stats: this.stats,
        deltas: this.#deltas,
        store: () => this.#store,
        log: (level, peer, line) => this.#laneLine(level, peer, line),
        onOrigin: ({ address, port }) => {
          if (this.#loops.saw(address)) this.#seldom(1, `railgun: ${Line.loopHop(address, port)}`);
        },
      },
      // RG-122: a TCP check of a balancer is not worth a line of its own below debug.
      onRefused: (peer, why) => this.log(5, tagged(peer, `no WAN connection: ${why}`)),
    });
    if (settings.statsEnabled) {
      this.#reporter = new StatsReporter(
        {
          listen: settings.statsListen,
          url: () => this.#settings.statsUrl,
          intervalMs: settings.statsIntervalMinutes * 60_000,
          log: settings.statsLog,
        },
        {
          json: () => this.json(),
          line: (text) => this.#write(1, `railgun: stats ${text}`),
          problem: (text) => this.log(1, `railgun: ${text}`),
        },
      );
    }
  }

  /** Everything but the door: `listen` opens that. A store that is not there is no reason to fail; one that is none is. */
  static async make(options: ListenerServiceOptions): Promise<ListenerService | { readonly problem: string }> {
    const { settings, certificate, clock } = options;
    const made: { service?: ListenerService } = {};
    const opened = openStore(options.store ?? settings.memcachedServers, {
      budgetMs: settings.memcachedTimeoutMs,
      limitBytes: settings.memcachedLimitBytes + HEAD_ROOM_BYTES,
      onEvent: (event) => made.service?.storeChanged(event),
    });
    if (!opened.ok) return { problem: opened.message };
    const name = settings.activationRailgunHost === '' ? 'railgun.local' : settings.activationRailgunHost;
    const own = certificate ?? (await makeCertificate(name, clock.now() / US_PER_MS));
    made.service = new ListenerService(options, opened.store, own);
    return made.service;
  }

  /** Rejects with Node's error (EADDRINUSE). */
  async listen(handle?: Server): Promise<{ readonly wan: AddressInfo; readonly stats: AddressInfo | undefined }> {
    const { wanIp, wanPort, activationToken, activationRailgunHost } = this.#settings;
    await this.#loops.learn(activationRailgunHost);
    const wan = await this.server.listen(handle === undefined ? { host: wanIp, port: wanPort } : { handle });
    const stats = await this.#reporter?.start();
    // The thread takes longer to start than a page to encode: it is there before the first large page.
    void this.#deltas.encode({ previous: undefined, current: new Uint8Array(1), allowed: 0, blockMask: 0 });
    if (this.#options.activated !== true)
      this.log(1, `railgun: ${Line.activation.assigned(Number(railgunIdOf(activationToken)))}`);
    return { wan, stats };
  }

  /** SIGHUP, with live keys only changed (`planReload` sees to that) and the map file read again. */
  async reload(settings: ListenerSettings, nat: NatMap): Promise<void> {
    const before = this.#settings;
    this.#settings = settings;
    this.#nat = nat;
    if (settings.syslogAddr !== before.syslogAddr) {
      this.#syslog?.close();
      this.#syslog = openSyslog(settings.syslogAddr);
    }
    this.#dictionary.configure(dictionaryOptions(settings));
    this.server.configure(this.#rules());
    const keys = ['memcachedServers', 'memcachedTimeoutMs', 'memcachedLimitBytes'] as const;
    if (this.#options.store !== undefined || keys.every((key) => String(settings[key]) === String(before[key]))) return;
    const opened = openStore(settings.memcachedServers, {
      budgetMs: settings.memcachedTimeoutMs,
      limitBytes: settings.memcachedLimitBytes + HEAD_ROOM_BYTES,
      onEvent: (event) => this.storeChanged(event),
    });
    if (!opened.ok) return this.log(0, `railgun: memcached.servers: ${opened.message}`);
    const old = this.#store;
    this.#store = opened.store;
    await old.close();
  }

  /** SIGQUIT: running streams end, then all is closed. */
  async drain(drainUs = DRAIN_US): Promise<void> {
    this.log(1, 'railgun: draining');
    await this.server.drain(drainUs);
    this.log(1, 'railgun: [Activation] inactive until restart');
    await this.#close();
  }

  async stop(): Promise<void> {
    this.server.stop();
    await this.#close();
  }

  json(): StatsJson {
    const { server, stats, lan } = this;
    const own = {
      wan_lanes: server.lanes,
      wan_unproven: server.unproven,
      streams: server.busy,
      origin_connections: lan.open,
      loop_hops: this.#loops.count,
      codec_us: Math.round(this.#codecMs * 1_000),
    };
    return { ...stats.json(this.#options.clock.now()), ...own, ...memory() };
  }

  log(level: LogLevel, line: string): void {
    if (level <= this.#settings.logLevel) this.#write(level, line);
  }

  storeChanged(event: StoreEvent): void {
    if (event.kind === 'store_down') this.log(0, `railgun: memcached: ${event.node}: ${event.why}`);
    else this.log(1, `railgun: memcached: ${event.node} is back`);
  }

  async #close(): Promise<void> {
    this.lan.close();
    this.#reporter?.close();
    await this.#deltas.close();
    await this.#store.close();
    this.#syslog?.close();
    this.#syslog = undefined;
  }

  /** The machine has looked at the level already. */
  #laneLine(level: LogLevel, peer: string, line: string): void {
    if (line !== Line.storeDown || this.#isNews(line)) this.#write(level, tagged(peer, line));
  }

  #seldom(level: LogLevel, line: string): void {
    if (level <= this.#settings.logLevel && this.#isNews(line)) this.#write(level, line);
  }

  /** Of lines that come with every request while something is wrong. */
  #isNews(line: string): boolean {
    const now = this.#options.clock.now() / US_PER_MS;
    if (now - (this.#lastSaid.get(line) ?? 0) < REPEAT_MS) return false;
    if (this.#lastSaid.size >= SAID_MAX) this.#lastSaid.clear();
    this.#lastSaid.set(line, now);
    return true;
  }

  #write(level: LogLevel, line: string): void {
    this.#options.write(line);
    this.#syslog?.send(level, line, new Date(this.#options.clock.now() / US_PER_MS));
  }

  #limits(): LaneLimits {
    return this.#options.classic ? CLASSIC_LIMITS : RGX_LIMITS;
  }

  #rules(): ListenerRules {
    const {
      lanTimeoutSeconds,
      compressData,
      logLevel,
      validateCert,
      insecureOrigin,
      originCfRailgun,
      streamSizeBytes,
    } = this.#settings;
    return {
      ...DEFAULT_THRESHOLDS,
      ...{ logLevel, validateCert, insecureOrigin, originCfRailgun },
      nat: this.#nat,
      userAgent: `Railgun/${this.#options.build}`,
      streamSize: streamSizeBytes,
      lanTimeoutUs: lanTimeoutSeconds * US_PER_SECOND,
      compressFull: compressData,
      encodeInlineBytes: ENCODE_INLINE_BYTES,
    };
  }
}

function dictionaryOptions(settings: ListenerSettings): DictionaryOptions {
  return {
    side: 'listener',
    expirationSeconds: settings.memcachedExpirationSeconds,
    limitBytes: settings.memcachedLimitBytes,
    lookupBudgetUs: settings.memcachedTimeoutMs * US_PER_MS,
  };
}

function openSyslog(address: string): Syslog | undefined {
  const target = syslogTarget(address);
  return target === undefined ? undefined : new Syslog(target);
}

/** In the place of the Go allocator's figures of the original. */
function memory(): StatsJson {
  const { rss, heapUsed, external } = process.memoryUsage();
  return { 'memstats.sys': rss, 'memstats.heap_alloc': heapUsed, 'memstats.external': external };
}
