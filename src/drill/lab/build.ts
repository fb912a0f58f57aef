/**
 * Builds the lab that a plan describes, in the order that lets each part find what it needs, each with a readiness check.
 *
 *     network ─► origins, stores ─► doors ─► listeners ─► balancer ─► edges
 *
 * What stands then is `running.ts`; whoever calls takes it down when something fails half-way (`start.ts`).
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Model } from '../../core/model.ts';
import { US_PER_MS, US_PER_SECOND } from '../../core/time.ts';
import { L4_CHECK_MINIMA, type L4CheckSettings } from '../../railgun/l4-checks.ts';
import { traitsOfOrigin } from '../../replay/named-origins.ts';
import type { ProcessKind } from '../../sim/faults/fault.ts';
import { type Endpoint, LabError, type LabOptions, PROBE_SEED } from '../lab.ts';
import { restartedKinds } from '../start-up.ts';
import { makeCertificates } from './certificates.ts';
import { ownProgram } from './child.ts';
import { configOf, Edge, logOf } from './edge.ts';
import { readLedger, record, sweepLeftovers } from './ledger.ts';
import { picked } from './faults.ts';
import { Listener, StoreNode } from './listeners.ts';
import { thisMachine } from './machine.ts';
import type { BalancerNews } from './network-process.ts';
import { OwnOrigin } from './own-origin.ts';
import { namesRedis, usesTls } from './plan.ts';
import { commonPort, freeEndpoint, wayAddress } from './ports.ts';
import type { Processes } from './processes.ts';
import type { RunningLab } from './running.ts';
import { linkedPool, natMap, poolIndex, wayBetween } from './ways.ts';

const LOOPBACK: Endpoint = { host: '127.0.0.1', port: 0 };
/** Processes that come up at once: each takes a core for half a second. */
const AT_ONCE = 3;
/** Two passes at the interval of the checks, and some more. */
const IN_SERVICE_MS = 30_000;
const LOOK_MS = 100;
/** MiB for young objects; V8's own choice would be twice as much for each of a dozen processes. */
const SMALL = ['--max-semi-space-size=8'];
/** A balancer without checks: nobody is ever taken out of service. */
const NO_CHECKS: L4CheckSettings = { intervalUs: 100_000, timeoutUs: 50_000, unhealthy: 1_000_000_000, healthy: 1 };
/** Faults that make a port take no SYN. */
const HOLES: ReadonlySet<string> = new Set(['blackhole', 'power_loss', 'cut']);

/** Rejects with a LabError; what stands by then is in `lab`. */
export function buildLab(lab: RunningLab): Promise<void> {
  return new Building(lab).build();
}

class Building {
  readonly #lab: RunningLab;
  readonly #options: LabOptions;
  readonly #processes: Processes;
  /** Where edges find the link: a listener, or the balancer before them. */
  #linkTarget = LOOPBACK;
  readonly #inService = new Set<string>();
  readonly #listenerAt = new Map<string, Endpoint>();
  readonly #storeAt = new Map<StoreNode, Endpoint>();

  constructor(lab: RunningLab) {
    this.#lab = lab;
    this.#options = lab.options;
    this.#processes = lab.processes;
  }

  async build(): Promise<void> {
    const { plan, folder, input, onProgress } = this.#options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const found of sweepLeftovers()) onProgress(found);
    if (readLedger(folder).length === 0) record(folder, process.pid, 'the drill');
    if (usesTls(input.scenario)) this.#lab.certificates = await makeCertificates(folder, this.#names);
    onProgress('network');
    await this.#startNetwork();
    onProgress(`${plan.origins.length} origins`);
    await this.#startOrigins();
    await this.#openOriginDoors();
    if (plan.listeners > 0) {
      onProgress(`${plan.listeners} ${plan.listeners === 1 ? 'listener' : 'listeners'}`);
      await this.#startStores();
      await this.#startListeners();
    }
    onProgress(`${plan.edges.length} ${plan.edges.length === 1 ? 'edge' : 'edges'}`);
    await this.#startEdges();
    if (plan.l4) await this.#untilInService();
    this.#lab.opened();
  }

  /** By which an origin may be asked: names of balancers, overrides, addresses of the lab. */
  get #names(): { readonly hosts: readonly string[]; readonly addresses: readonly string[] } {
    const { input, plan } = this.#options;
    const overrides = input.model.pools.flatMap((pool) => pool.origins.flatMap((origin) => origin.hostHeader ?? []));
    const hosts = [...input.model.loadBalancers.map((balancer) => balancer.name as string), ...overrides];
    const ways = plan.edges.flatMap((_, p) => plan.origins.map((__, o) => wayAddress(p, o)));
    return { hosts: [...new Set(hosts)], addresses: ['127.0.0.1', ...ways] };
  }

  async #startNetwork(): Promise<void> {
    const { self, folder, input } = this.#options;
    const verb = ['lab-network', '--seed', input.seed, '--folder', folder];
    const program = ownProgram(self, verb, { watches: 'itself', nodeFlags: SMALL });
    const network = await this.#processes.start({ what: 'the network', ...program, ready: 'news' });
    this.#processes.network = network;
    network.calls.onNews = (news) => this.#heardBalancer(news as BalancerNews);
    const { timeline } = input.scenario;
    if (timeline.some((event) => event.kind === 'fault' && HOLES.has(event.fault.name)))
      await this.#processes.ask('prepareHoles');
  }

  async #startOrigins(): Promise<void> {
    const { plan, input, self } = this.#options;
    const { world } = input.scenario;
    const expected = expectedOf(input.model);
    const pages = input.pages.map(({ from, everyUs, contentType }, index) => ({
      ...{ everyUs, contentType },
      from: typeof from === 'string' ? from : this.#pageFiles(from, index),
    }));
    let number = 0;
    const flat = input.model.pools.flatMap((pool) =>
      pool.origins.map((origin) => ({ pool, origin, number: number++ })),
    );
    this.#lab.origins = await this.#inBatches('origin', flat, async (one) => {
      if (plan.origins[one.number]?.external !== undefined) return undefined;
      const name = `${one.pool.id}/${one.origin.name}`;
      const own = new OwnOrigin({
        order: {
          name,
          seed: input.seed,
          listen: await freeEndpoint(),
          traits: traitsOfOrigin(world, one.pool, one.origin),
          pages,
          expected,
          ...(this.#lab.certificates === undefined ? {} : { tls: this.#lab.certificates.good }),
        },
        expired: this.#lab.certificates?.expired,
        start: () => {
          const program = ownProgram(self, ['lab-origin'], { watches: 'itself', nodeFlags: SMALL });
          return this.#processes.start({ what: `the origin ${name}`, ...program, ready: 'news' });
        },
      });
      await this.#timed('origin', () => own.up());
      return own;
    });
  }

  /** Versions of pages, where every origin can read them. */
  #pageFiles(versions: readonly Uint8Array[], source: number): readonly string[] {
    return versions.map((bytes, version) => {
      const file = join(this.#options.folder, `page-${source}-${version}`);
      writeFileSync(file, bytes);
      return file;
    });
  }

  async #openOriginDoors(): Promise<void> {
    const { plan, input } = this.#options;
    const pops = plan.edges.map((edge) => edge.pop);
    this.#lab.port = await commonPort(pops.flatMap((_, p) => plan.origins.map((__, o) => wayAddress(p, o))));
    for (const [p, pop] of pops.entries()) {
      for (const { number, pool } of plan.origins) {
        const listen = { host: wayAddress(p, number), port: this.#lab.port };
        const way = wayBetween(input, pop, poolIndex(input.model, pool));
        const id = `${pop}>${number}`;
        const at = await this.#processes.door({ id, listen, target: this.#originAt(number), ...way });
        this.#lab.far.push({ pop, origin: number, id, at, rttMs: way.rttMs });
      }
    }
    if (plan.listeners === 0) return;
    for (const { number } of plan.origins) {
      const id = `near>${number}`;
      const at = await this.#processes.door({
        id,
        listen: LOOPBACK,
        target: this.#originAt(number),
        rttMs: 0,
        rate: 0,
      });
      this.#lab.near.set(number, { id, at });
    }
  }

  async #startStores(): Promise<void> {
    const { plan, input } = this.#options;
    const machine = thisMachine();
    const slow = input.scenario.timeline.some(
      (event) => event.kind === 'fault' && event.fault.name === 'slow' && event.target.kind === 'store',
    );
    for (const [index, { kind }] of plan.stores.entries()) {
      const binary = kind === 'redis' ? machine.redis : machine.memcached;
      if (kind === 'embedded' || binary === undefined) return;
      const what = `${kind} ${index + 1}`;
      const { port } = await freeEndpoint();
      const node = new StoreNode({
        ...{ kind, what, port, binary },
        start: (name, command, args) => this.#processes.start({ what: name, command, args, ready: 'none' }),
      });
      await this.#timed('store', () => node.up());
      const door = slow ? `store ${index + 1}` : undefined;
      if (door !== undefined) {
        const at = await this.#processes.door({ id: door, listen: LOOPBACK, target: node.at, rttMs: 0, rate: 0 });
        this.#storeAt.set(node, at);
      }
      this.#lab.stores.push({ node, door });
    }
  }

  async #startListeners(): Promise<void> {
    const { plan, input, self, folder } = this.#options;
    const { railgun } = input.scenario.world;
    const key = input.model.railguns.find((one) => one.enabled && one.activationKey !== '')?.activationKey;
    this.#lab.linkKey = key ?? createHash('sha256').update(input.seed).digest('hex').slice(0, 32);
    const near = new Map([...this.#lab.near].map(([number, { at }]) => [number, at]));
    const indices = Array.from({ length: plan.listeners }, (_, index) => index);
    this.#lab.listeners = indices.map((index) => {
      const doors = (): readonly string[] => (plan.l4 ? [`listener ${index + 1}`] : this.#lab.linkDoors());
      return new Listener({
        ...{ index, folder, token: this.#lab.linkKey },
        conf: [
          'activation.railgun_host = 127.0.0.1',
          'validate.cert = 0',
          `memcached.expiration = ${Math.max(railgun.expirationUs === 0 ? 0 : 1, Math.round(railgun.expirationUs / US_PER_SECOND))}`,
          `stream.size = ${Math.min(railgun.streamSize, 1_048_576)}`,
        ],
        nat: natMap(input, index, near, this.#lab.hasOwnHosts),
        store: this.#storeUrl(index),
        replaceAfterUs: railgun.replaceAfterUs,
        start: (what, args) =>
          this.#processes.start({
            what,
            ...ownProgram(self, args, { watches: 'import', nodeFlags: SMALL }),
            ready: 'line',
          }),
        lay: (effect) => this.#processes.lay(doors(), effect),
        leave: () => this.#processes.ask('removeTarget', `listener ${index + 1}`).then(() => {}),
        join: () => this.#joinBalancer(index),
        onEvent: (event) => this.#processes.tell(event),
        onTrouble: (what, error) => this.#processes.trouble(what, error),
      });
    });
    await this.#inBatches('listener', this.#lab.listeners, (listener) => this.#timed('listener', () => listener.up()));
    for (const event of input.scenario.timeline) {
      if (event.kind !== 'fault' || event.fault.name !== 'wrong_token') continue;
      for (const listener of picked(this.#lab.listeners, event.target.name)) await listener.prepareWrongToken();
    }
    if (plan.l4) await this.#openBalancer();
    else this.#linkTarget = { host: '127.0.0.1', port: this.#lab.listeners[0]?.port ?? 0 };
    const target = this.#linkTarget;
    for (const { pop } of plan.edges) {
      const id = `${pop}>link`;
      const way = wayBetween(input, pop, linkedPool(input.model));
      const at = await this.#processes.door({ id, listen: LOOPBACK, target, ...way, slowStart: true });
      this.#lab.far.push({ pop, origin: -1, id, at, rttMs: way.rttMs });
    }
  }

  async #openBalancer(): Promise<void> {
    const { input } = this.#options;
    const targets: { id: string; at: Endpoint }[] = [];
    for (const [index, listener] of this.#lab.listeners.entries()) {
      const id = `listener ${index + 1}`;
      const target = { host: '127.0.0.1', port: listener.port };
      const at = await this.#processes.door({ id, listen: LOOPBACK, target, rttMs: 0, rate: 0 });
      this.#listenerAt.set(id, at);
      targets.push({ id, at });
    }
    const checks = input.scenario.world.railgun.topology === 'behind-l4' ? L4_CHECK_MINIMA : NO_CHECKS;
    this.#linkTarget = (await this.#processes.ask('balancer', { listen: LOOPBACK, checks, targets })) as Endpoint;
  }

  async #joinBalancer(index: number): Promise<void> {
    const id = `listener ${index + 1}`;
    const at = this.#listenerAt.get(id);
    if (at !== undefined) await this.#processes.ask('addTarget', { id, at });
  }

  async #startEdges(): Promise<void> {
    const { plan, input, self, folder, raw } = this.#options;
    const state = join(folder, 'state');
    mkdirSync(state, { recursive: true, mode: 0o700 });
    // Edges that start together must not race for the key that their sessions share.
    const cookieKey = createHash('sha256').update(`cookies ${input.seed}`).digest('hex');
    writeFileSync(join(state, 'cookie.key'), `${cookieKey}\n`, { mode: 0o600 });
    const dns = input.model.loadBalancers.some((balancer) => !balancer.proxied);
    this.#lab.edges = plan.edges.map(({ pop }) => {
      return new Edge({
        pop,
        folder,
        start: (at) => {
          const flags = [
            ...['--config', configOf(folder, pop), '--pop', pop, '--state', state],
            ...['--seed', PROBE_SEED, '--drill-seed', input.seed],
            ...['--listen', `127.0.0.1:${at.listen}`, '--admin', `127.0.0.1:${at.admin}`],
            ...(dns ? ['--dns', `127.0.0.1:${at.dns}`] : []),
            ...['--access-log', logOf(folder, pop), '--min-interval', '1', '--drain', '1', '--store', 'memory'],
            ...(this.#lab.certificates === undefined
              ? ['--origin-tls', 'off']
              : ['--origin-tls', 'on', '--origin-ca', this.#lab.certificates.caFile]),
          ];
          const program = ownProgram(self, ['serve', ...flags], { watches: 'import', nodeFlags: SMALL });
          return this.#processes.start({ what: `the edge ${pop}`, ...program, ready: 'line' });
        },
        onEvent: (event) => this.#processes.tell(event.kind === 'lane' && !plan.l4 ? { ...event, listener: 0 } : event),
        onRecord: (each) => this.#lab.onRecord(each),
      });
    });
    for (const edge of this.#lab.edges) edge.write(this.#lab.configFor(edge.pop, input.model, raw).text);
    await this.#inBatches('edge', this.#lab.edges, (edge) => this.#timed('edge', () => edge.up()));
  }

  /** Where faults start such a process again, the first comes up alone, as that will, and is timed undisturbed. */
  async #inBatches<T, R>(kind: ProcessKind, list: readonly T[], work: (each: T) => Promise<R>): Promise<R[]> {
    const done: R[] = [];
    while (done.length < list.length) {
      const alone = done.length === 0 && restartedKinds(this.#options.input.scenario).has(kind);
      const batch = list.slice(done.length, done.length + (alone ? 1 : AT_ONCE));
      done.push(...(await Promise.all(batch.map(work))));
    }
    return done;
  }

  async #timed(kind: ProcessKind, up: () => Promise<void>): Promise<void> {
    const begun = performance.now();
    await up();
    const tookUs = Math.round((performance.now() - begun) * US_PER_MS);
    this.#lab.startUp.set(kind, Math.min(tookUs, this.#lab.startUp.get(kind) ?? tookUs));
  }

  async #untilInService(): Promise<void> {
    for (let waited = 0; waited < IN_SERVICE_MS; waited += LOOK_MS) {
      if (this.#inService.size === this.#lab.listeners.length) return;
      if (this.#options.signal.aborted) throw new LabError('interrupted');
      await pause(LOOK_MS);
    }
    throw new LabError('the balancer finds no listener in service', 'its checks connect to each of them');
  }

  #heardBalancer({ kind, target }: BalancerNews): void {
    if (kind === 'in_service') this.#inService.add(target);
    else this.#inService.delete(target);
  }

  #originAt(number: number): Endpoint {
    return this.#options.plan.origins[number]?.external ?? this.#lab.origins[number]?.at ?? LOOPBACK;
  }

  #storeUrl(listener: number): string {
    if (this.#lab.stores.length === 0) return 'memory';
    const { plan, input } = this.#options;
    const { sharedStore } = input.scenario.world.railgun;
    const size = sharedStore ? this.#lab.stores.length : this.#lab.stores.length / plan.listeners;
    const own = sharedStore ? this.#lab.stores : this.#lab.stores.slice(listener * size, (listener + 1) * size);
    const places = own.map(({ node }) => this.#storeAt.get(node) ?? node.at).map(({ host, port }) => `${host}:${port}`);
    return namesRedis(input.scenario) ? `redis://${places[0] ?? ''}` : `memcached://${places.join(',')}`;
  }
}

/** What monitors want to see, by path. */
function expectedOf(model: Model): Readonly<Record<string, { readonly status: number; readonly body: string }>> {
  const expected: Record<string, { status: number; body: string }> = {};
  for (const { path, expectedCodes, expectedBody } of model.monitors) {
    const wanted = expectedCodes.some(([from, to]) => from <= 200 && 200 <= to) ? 200 : (expectedCodes[0]?.[0] ?? 200);
    const before = expected[path]?.body ?? '';
    expected[path] = { status: wanted, body: `${before}${expectedBody === '' ? 'healthy' : expectedBody}\n` };
  }
  return expected;
}
