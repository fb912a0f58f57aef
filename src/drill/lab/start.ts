/**
 * Builds the lab that a plan describes, and is the lab then. Started in the order that lets each find what it needs, each with a
 * readiness check; whatever fails, everything that stood is taken down again.
 *
 *     network ─► origins, stores ─► doors ─► listeners ─► balancer ─► edges
 */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configHash } from '../../config/hash.ts';
import type { Model } from '../../core/model.ts';
import { type Micros, micros, US_PER_MS, US_PER_SECOND } from '../../core/time.ts';
import { L4_CHECK_MINIMA, type L4CheckSettings } from '../../railgun/l4-checks.ts';
import { PLACES } from '../../replay/places.ts';
import type { Fault, Target } from '../../sim/faults/fault.ts';
import { LinkState } from '../../sim/link.ts';
import {
  type EdgeRecord,
  type Endpoint,
  type Lab,
  LabError,
  type LabEvent,
  type LabOptions,
  PROBE_SEED,
} from '../lab.ts';
import { Child, type ChildOrder, ownProgram } from './child.ts';
import { configOf, Edge, FLUSHED_MS, logOf } from './edge.ts';
import { edgeConfig, hostOf } from './edge-config.ts';
import { type FaultGround, type LabOrigin, startFault, type Undo } from './faults.ts';
import { lives, readLedger, record, sweepLeftovers } from './ledger.ts';
import { Listener, StoreNode } from './listeners.ts';
import { thisMachine } from './machine.ts';
import type { BalancerNews } from './network-process.ts';
import type { DoorCounts, DoorEffect, DoorOrder } from './network.ts';
import { OwnOrigin } from './own-origin.ts';
import { namesRedis, traitsOf, usesLink, usesTls } from './plan.ts';
import { commonPort, freeEndpoint, wayAddress } from './ports.ts';
import { type LabCertificates, makeCertificates } from './certificates.ts';

/** The discard port: a map that leads to no origin of the scenario leads nowhere. */
const NOBODY: Endpoint = { host: '127.0.0.1', port: 9 };
const LOOPBACK: Endpoint = { host: '127.0.0.1', port: 0 };
/** Processes that come up at once: each takes a core for half a second. */
const AT_ONCE = 3;
/** How old the count of bytes over the WAN may be. */
const COUNT_MS = 200;
/** Two passes at the interval of the checks, and some more. */
const IN_SERVICE_MS = 30_000;
const LOOK_MS = 100;
/** MiB for young objects; V8's own choice would be twice as much for each of a dozen processes. */
const SMALL = ['--max-semi-space-size=8'];
/** A balancer without checks: nobody is ever taken out of service. */
const NO_CHECKS: L4CheckSettings = { intervalUs: 100_000, timeoutUs: 50_000, unhealthy: 1_000_000_000, healthy: 1 };
/** Faults that make a port take no SYN. */
const HOLES: ReadonlySet<string> = new Set(['blackhole', 'power_loss', 'cut']);

/** Rejects with a LabError; nothing is left then. */
export async function startLab(options: LabOptions): Promise<Lab> {
  const lab = new Building(options);
  try {
    await lab.build();
    return lab;
  } catch (error) {
    const left = await lab.stop();
    const hint = left.length === 0 ? '' : `not all could be taken down again: ${left.join('; ')}`;
    if (options.signal.aborted) throw new LabError('interrupted while the lab was being built', hint);
    if (error instanceof LabError) throw new LabError(error.message, [error.hint, hint].filter(Boolean).join('; '));
    throw error;
  }
}

interface Far {
  readonly pop: string;
  /** -1 = the link. */
  readonly origin: number;
  readonly id: string;
  readonly at: Endpoint;
}

class Building implements Lab {
  #onEvent: ((event: LabEvent) => void) | undefined;
  onRecord: (record: EdgeRecord) => void = () => {};
  readonly #options: LabOptions;
  /** Events before anybody listens. */
  readonly #early: LabEvent[] = [];
  readonly #children = new Set<Child>();
  #network: Child | undefined;
  #edges: Edge[] = [];
  #origins: (OwnOrigin | undefined)[] = [];
  #listeners: Listener[] = [];
  #stores: { readonly node: StoreNode; readonly door: string | undefined }[] = [];
  #far: Far[] = [];
  #near = new Map<number, string>();
  #certificates: LabCertificates | undefined;
  #port = 0;
  #linkKey = '';
  #linkTarget: Endpoint | undefined;
  #wan = { toListener: 0, toEdge: 0 };
  #counting: NodeJS.Timeout | undefined;
  #inService = new Set<string>();
  #stopped: Promise<readonly string[]> | undefined;

  constructor(options: LabOptions) {
    this.#options = options;
  }

  get onEvent(): (event: LabEvent) => void {
    return this.#onEvent ?? ((event) => void this.#early.push(event));
  }

  /** Whoever begins to listen is told what there was before. */
  set onEvent(listener: (event: LabEvent) => void) {
    this.#onEvent = listener;
    for (const event of this.#early.splice(0)) listener(event);
  }

  // Building

  async build(): Promise<void> {
    const { plan, folder, input, onProgress } = this.#options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const found of sweepLeftovers()) onProgress(found);
    if (readLedger(folder).length === 0) record(folder, process.pid, 'the drill');
    if (usesTls(input.scenario)) this.#certificates = await makeCertificates(folder, this.#names);
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
    this.#counting = setInterval(() => void this.#count().catch(() => {}), COUNT_MS);
    this.#counting.unref();
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
    this.#network = await this.#start({ what: 'the network', ...program, ready: 'news' });
    this.#network.calls.onNews = (news) => this.#heardBalancer(news as BalancerNews);
    const { timeline } = input.scenario;
    if (timeline.some((event) => event.kind === 'fault' && HOLES.has(event.fault.name)))
      await this.#ask('prepareHoles');
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
    this.#origins = await inBatches(flat, async (one) => {
      if (plan.origins[one.number]?.external !== undefined) return undefined;
      const name = `${one.pool.id}/${one.origin.name}`;
      const own = new OwnOrigin({
        order: {
          name,
          seed: input.seed,
          listen: await freeEndpoint(),
          traits: traitsOf(world, one.pool, one.origin),
          pages,
          expected,
          ...(this.#certificates === undefined ? {} : { tls: this.#certificates.good }),
        },
        expired: this.#certificates?.expired,
        start: () => {
          const program = ownProgram(self, ['lab-origin'], { watches: 'itself', nodeFlags: SMALL });
          return this.#start({ what: `the origin ${name}`, ...program, ready: 'news' });
        },
      });
      await own.up();
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
    this.#port = await commonPort(pops.flatMap((_, p) => plan.origins.map((__, o) => wayAddress(p, o))));
    for (const [p, pop] of pops.entries()) {
      for (const { number, pool } of plan.origins) {
        const listen = { host: wayAddress(p, number), port: this.#port };
        const way = this.#way(pop, poolIndex(input.model, pool));
        const id = `${pop}>${number}`;
        const at = await this.#door({ id, listen, target: this.#originAt(number), ...way });
        this.#far.push({ pop, origin: number, id, at });
      }
    }
    if (plan.listeners === 0) return;
    for (const { number } of plan.origins) {
      const id = `near>${number}`;
      const at = await this.#door({ id, listen: LOOPBACK, target: this.#originAt(number), rttMs: 0, rate: 0 });
      this.#near.set(number, id);
      this.#nearAt.set(number, at);
    }
  }
  readonly #nearAt = new Map<number, Endpoint>();

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
        start: (name, command, args) => this.#start({ what: name, command, args, ready: 'none' }),
      });
      await node.up();
      const door = slow ? `store ${index + 1}` : undefined;
      if (door !== undefined) {
        const at = await this.#door({ id: door, listen: LOOPBACK, target: node.at, rttMs: 0, rate: 0 });
        this.#storeAt.set(node, at);
      }
      this.#stores.push({ node, door });
    }
  }
  readonly #storeAt = new Map<StoreNode, Endpoint>();

  async #startListeners(): Promise<void> {
    const { plan, input, self, folder } = this.#options;
    const { railgun } = input.scenario.world;
    const key = input.model.railguns.find((one) => one.enabled && one.activationKey !== '')?.activationKey;
    this.#linkKey = key ?? createHash('sha256').update(input.seed).digest('hex').slice(0, 32);
    const indices = Array.from({ length: plan.listeners }, (_, index) => index);
    this.#listeners = indices.map((index) => {
      const doors = (): readonly string[] => (plan.l4 ? [`listener ${index + 1}`] : this.#linkDoors());
      return new Listener({
        ...{ index, folder, token: this.#linkKey },
        conf: [
          'activation.railgun_host = 127.0.0.1',
          'validate.cert = 0',
          `memcached.expiration = ${Math.max(railgun.expirationUs === 0 ? 0 : 1, Math.round(railgun.expirationUs / US_PER_SECOND))}`,
          `stream.size = ${Math.min(railgun.streamSize, 1_048_576)}`,
        ],
        nat: this.#natMap(index),
        store: this.#storeUrl(index),
        replaceAfterUs: railgun.replaceAfterUs,
        start: (what, args) =>
          this.#start({ what, ...ownProgram(self, args, { watches: 'import', nodeFlags: SMALL }), ready: 'line' }),
        lay: (effect) => this.#lay(doors(), effect),
        leave: () => this.#ask('removeTarget', `listener ${index + 1}`).then(() => {}),
        join: () => this.#joinBalancer(index),
        onEvent: (event) => this.#tell(event),
        onTrouble: (what, error) => this.#trouble(what, error),
      });
    });
    await inBatches(this.#listeners, (listener) => listener.up());
    if (plan.l4) await this.#openBalancer();
    else this.#linkTarget = { host: '127.0.0.1', port: this.#listeners[0]?.port ?? 0 };
    const target = this.#linkTarget ?? LOOPBACK;
    for (const { pop } of plan.edges) {
      const id = `${pop}>link`;
      const at = await this.#door({ id, listen: LOOPBACK, target, ...this.#way(pop, linkedPool(input.model)) });
      this.#far.push({ pop, origin: -1, id, at });
    }
  }

  async #openBalancer(): Promise<void> {
    const { input } = this.#options;
    const targets: { id: string; at: Endpoint }[] = [];
    for (const [index, listener] of this.#listeners.entries()) {
      const id = `listener ${index + 1}`;
      const target = { host: '127.0.0.1', port: listener.port };
      const at = await this.#door({ id, listen: LOOPBACK, target, rttMs: 0, rate: 0 });
      this.#listenerAt.set(id, at);
      targets.push({ id, at });
    }
    const checks = input.scenario.world.railgun.topology === 'behind-l4' ? L4_CHECK_MINIMA : NO_CHECKS;
    this.#linkTarget = (await this.#ask('balancer', { listen: LOOPBACK, checks, targets })) as Endpoint;
  }
  readonly #listenerAt = new Map<string, Endpoint>();

  async #joinBalancer(index: number): Promise<void> {
    const id = `listener ${index + 1}`;
    const at = this.#listenerAt.get(id);
    if (at !== undefined) await this.#ask('addTarget', { id, at });
  }

  async #startEdges(): Promise<void> {
    const { plan, input, self, folder, raw } = this.#options;
    const state = join(folder, 'state');
    mkdirSync(state, { recursive: true, mode: 0o700 });
    // Edges that start together must not race for the key that their sessions share.
    const cookieKey = createHash('sha256').update(`cookies ${input.seed}`).digest('hex');
    writeFileSync(join(state, 'cookie.key'), `${cookieKey}\n`, { mode: 0o600 });
    const dns = input.model.loadBalancers.some((balancer) => !balancer.proxied);
    this.#edges = plan.edges.map(({ pop }) => {
      return new Edge({
        pop,
        folder,
        start: (at) => {
          const flags = [
            ...['--config', configOf(folder, pop), '--pop', pop, '--seed', PROBE_SEED, '--state', state],
            ...['--listen', `127.0.0.1:${at.listen}`, '--admin', `127.0.0.1:${at.admin}`],
            ...(dns ? ['--dns', `127.0.0.1:${at.dns}`] : []),
            ...['--access-log', logOf(folder, pop), '--min-interval', '1', '--drain', '1', '--store', 'memory'],
            ...(this.#certificates === undefined
              ? ['--origin-tls', 'off']
              : ['--origin-tls', 'on', '--origin-ca', this.#certificates.caFile]),
          ];
          const program = ownProgram(self, ['serve', ...flags], { watches: 'import', nodeFlags: SMALL });
          return this.#start({ what: `the edge ${pop}`, ...program, ready: 'line' });
        },
        onEvent: (event) => this.#tell(event.kind === 'lane' && !plan.l4 ? { ...event, listener: 0 } : event),
        onRecord: (each) => this.onRecord(each),
      });
    });
    for (const edge of this.#edges) edge.write(this.#configFor(edge.pop, input.model, raw).text);
    await inBatches(this.#edges, (edge) => edge.up());
  }

  async #untilInService(): Promise<void> {
    for (let waited = 0; waited < IN_SERVICE_MS; waited += LOOK_MS) {
      if (this.#inService.size === this.#listeners.length) return;
      if (this.#options.signal.aborted) throw new LabError('interrupted');
      await pause(LOOK_MS);
    }
    throw new LabError('the balancer finds no listener in service', 'its checks connect to each of them');
  }

  // The lab

  get edges(): readonly Edge[] {
    return this.#edges;
  }

  endpointOf(pop: string, address: string): { readonly origin: number; readonly endpoint: Endpoint } | undefined {
    const far = this.#far.find((one) => one.pop === pop && one.at.host === address && one.origin >= 0);
    return far === undefined ? undefined : { origin: far.origin, endpoint: far.at };
  }

  async begin(wallStart: Micros): Promise<void> {
    await Promise.all(this.#origins.map((origin) => origin?.startAt(wallStart)));
  }

  async settle(): Promise<void> {
    await pause(FLUSHED_MS);
    await this.#count();
  }

  async startFault(fault: Fault, target: Target, parameters: Readonly<Record<string, number>>): Promise<Undo> {
    const undo = await startFault(this.#ground, fault, target, parameters);
    let undone: Promise<void> | undefined;
    return () => (undone ??= undo());
  }

  async adopt(model: Model, raw: unknown): Promise<void> {
    await Promise.all(
      this.#edges.map((edge) => {
        const { text, hash } = this.#configFor(edge.pop, model, raw);
        return edge.adopt(text, hash);
      }),
    );
  }

  wanBytes(): { readonly toListener: number; readonly toEdge: number } {
    return this.#wan;
  }

  rejected(): Promise<readonly number[]> {
    return Promise.all(this.#origins.map(async (origin) => (origin === undefined ? 0 : origin.rejected())));
  }

  stop(): Promise<readonly string[]> {
    this.#stopped ??= this.#takeDown();
    return this.#stopped;
  }

  async #takeDown(): Promise<readonly string[]> {
    clearInterval(this.#counting);
    for (const listener of this.#listeners) listener.close();
    const left: string[] = [];
    const end = async (children: readonly (Child | undefined)[]): Promise<void> => {
      const told = await Promise.all(children.map((child) => child?.end()));
      left.push(...told.flatMap((sentence) => sentence ?? []));
    };
    // Whoever asks goes before whoever answers.
    await end(this.#edges.map((edge) => edge.child));
    for (const edge of this.#edges) edge.close();
    await end(this.#listeners.flatMap((listener) => listener.children()));
    const network = this.#network;
    if (network?.alive === true) await network.calls.call('leave').catch(() => {});
    // The network keeps the others: it goes last.
    await end([...this.#children].filter((child) => child !== network));
    await end([network]);
    const { folder } = this.#options;
    const living = readLedger(folder).slice(1).filter(lives);
    left.push(...living.filter(({ pid }) => !left.some((one) => one.includes(`process ${pid}`))).map(spelled));
    // What is left is found by the next start, by this very ledger.
    if (left.length === 0) rmSync(folder, { recursive: true, force: true });
    return left;
  }

  // Inside

  async #start(order: Omit<ChildOrder, 'folder' | 'onDied' | 'signal'>): Promise<Child> {
    const { folder, signal } = this.#options;
    const child = await Child.start({
      ...order,
      folder,
      signal: this.#stopped === undefined ? signal : AbortSignal.abort(),
      onDied: (dead, code) => {
        const at = micros(Date.now() * US_PER_MS);
        this.#tell({ kind: 'died', at, what: dead.what, code, tail: dead.tail });
      },
    });
    this.#children.add(child);
    return child;
  }

  #ask(name: string, data: unknown = null): Promise<unknown> {
    const network = this.#network;
    if (network === undefined) throw new LabError('the network has not been started');
    return network.calls.call(name, data).catch((error: Error) => {
      throw new LabError(`the network cannot "${name}": ${error.message}`);
    });
  }

  async #door(order: DoorOrder): Promise<Endpoint> {
    return (await this.#ask('door', order)) as Endpoint;
  }

  async #lay(doors: readonly string[], effect: DoorEffect): Promise<Undo> {
    const number = await this.#ask('lay', { doors, effect });
    return async () => {
      await this.#ask('lift', number);
    };
  }

  get #ground(): FaultGround {
    const { plan, input } = this.#options;
    const nodes = Math.max(1, plan.stores.length / (input.scenario.world.railgun.sharedStore ? 1 : plan.listeners));
    return {
      originsOf: (target) => this.#numbersOf(target).map((number) => this.#struck(number)),
      wideAreaDoors: this.#far.map((far) => far.id),
      listeners: this.#listeners,
      stores: Array.from({ length: nodes }, (_, n) => this.#stores.filter((__, index) => index % nodes === n)),
      edges: this.#edges,
      lay: (doors, effect) => this.#lay(doors, effect),
      onTrouble: (what, error) => this.#trouble(what, error),
    };
  }

  #struck(number: number): LabOrigin {
    const own = this.#origins[number];
    const near = this.#near.get(number);
    const far = this.#far.filter((one) => one.origin === number).map((one) => one.id);
    const stranger = (): never => {
      throw new LabError('that needs an origin of the lab’s own');
    };
    return {
      number,
      doors: near === undefined ? far : [...far, near],
      own: own !== undefined,
      kill: async () => own?.kill(),
      restart: async () => own?.up(),
      apply: async (effect) => (own === undefined ? stranger() : own.apply(effect)),
      expireCertificate: async () => (own === undefined ? stranger() : own.expireCertificate()),
    };
  }

  /** As `SimWorld.originsOf`. */
  #numbersOf(target: Target): readonly number[] {
    const [first = '', second] = target.name.split('/');
    let number = 0;
    return this.#options.input.model.pools.flatMap((pool) =>
      pool.origins.flatMap((origin) => {
        const own = number++;
        const poolNamed = pool.id === first || pool.name === first;
        const named = (name: string): boolean => origin.name === name || origin.address === name;
        const meant =
          target.kind === 'pool'
            ? target.name === 'all' || poolNamed
            : second === undefined
              ? named(first)
              : poolNamed && named(second);
        return meant ? [own] : [];
      }),
    );
  }

  #linkDoors(): readonly string[] {
    return this.#far.filter((one) => one.origin === -1).map((one) => one.id);
  }

  #originAt(number: number): Endpoint {
    return this.#options.plan.origins[number]?.external ?? this.#origins[number]?.at ?? LOOPBACK;
  }

  /** There and back between a PoP and a pool, as the replay has it. */
  #way(pop: string, pool: number): { readonly rttMs: number; readonly rate: number } {
    const { model, scenario } = this.#options.input;
    const link = scenario.world.links.get('edge-origin');
    const { latitude, longitude } = model.pools[pool] ?? {};
    const index = PLACES.indexOf(pop);
    const far = index === undefined || latitude === undefined || longitude === undefined;
    const distance = far ? undefined : PLACES.distanceKm(index, latitude, longitude);
    const state = new LinkState(link?.delayUs, link?.rate ?? 0);
    return { rttMs: state.roundTripUs(distance) / US_PER_MS, rate: state.rate };
  }

  #configFor(pop: string, model: Model, raw: unknown): { readonly text: string; readonly hash: string } {
    const link = this.#far.find((one) => one.pop === pop && one.origin === -1);
    const value = edgeConfig(raw, model, {
      origins: this.#far.filter((one) => one.pop === pop && one.origin >= 0).map((one) => one.at),
      link: link === undefined ? undefined : { ...link.at, key: this.#linkKey },
      ownHosts: this.#hasOwnHosts,
      tls: this.#certificates !== undefined,
      port: this.#port,
    });
    const text = JSON.stringify(value, null, 1);
    return { text, hash: configHash(JSON.parse(text)) };
  }

  get #hasOwnHosts(): boolean {
    const { plan, input } = this.#options;
    return usesLink(input.model) && plan.origins.length > 1;
  }

  /**
   * Leads a listener to the origins beside it. Where the scenario gives it a map of its own, that map decides by the balancer's name and
   * the address as written, and what it leads to is put in here.
   */
  #natMap(listener: number): string {
    const { model, scenario } = this.#options.input;
    const own = scenario.world.railgun.nat?.[listener];
    const host = model.loadBalancers.find((one) => one.proxied && one.railgun !== undefined)?.name ?? '';
    const target = own?.entries.get(`${host}:443`) ?? own?.entries.get(host) ?? own?.fallback;
    const there = target === undefined ? undefined : this.#numbersAt(target.address);
    const lines = [...this.#nearAt.keys()].map((number) => {
      const chosen = there === undefined || there.includes(number) ? number : there[0];
      const at = chosen === undefined ? undefined : this.#nearAt.get(chosen);
      const { host: address, port } = at ?? NOBODY;
      return `${this.#hasOwnHosts ? hostOf(number) : 'default'} = ${address}:${port}`;
    });
    return `${lines.join('\n')}\n`;
  }

  #numbersAt(address: string): readonly number[] {
    const origins = this.#options.input.model.pools.flatMap((pool) => pool.origins);
    return origins.flatMap((origin, number) => (origin.address === address ? [number] : []));
  }

  #storeUrl(listener: number): string {
    if (this.#stores.length === 0) return 'memory';
    const { plan, input } = this.#options;
    const { sharedStore } = input.scenario.world.railgun;
    const size = sharedStore ? this.#stores.length : this.#stores.length / plan.listeners;
    const own = sharedStore ? this.#stores : this.#stores.slice(listener * size, (listener + 1) * size);
    const places = own.map(({ node }) => this.#storeAt.get(node) ?? node.at).map(({ host, port }) => `${host}:${port}`);
    return namesRedis(input.scenario) ? `redis://${places[0] ?? ''}` : `memcached://${places.join(',')}`;
  }

  async #count(): Promise<void> {
    if (this.#network?.alive !== true) return;
    const counts = (await this.#ask('counts')) as readonly DoorCounts[];
    const links = new Set(this.#linkDoors());
    let [toListener, toEdge] = [0, 0];
    for (const { id, toTarget, toClient } of counts) {
      if (!links.has(id)) continue;
      toListener += toTarget;
      toEdge += toClient;
    }
    this.#wan = { toListener, toEdge };
  }

  #heardBalancer({ kind, target }: BalancerNews): void {
    if (kind === 'in_service') this.#inService.add(target);
    else this.#inService.delete(target);
  }

  #tell(event: LabEvent): void {
    // What ends now ends because it is told to.
    if (this.#stopped !== undefined) return;
    this.onEvent(event);
  }

  #trouble(what: string, error: Error): void {
    if (this.#stopped !== undefined) return;
    this.#tell({ kind: 'died', at: micros(Date.now() * US_PER_MS), what, code: error.message, tail: [] });
  }
}

function spelled({ what, pid }: { readonly what: string; readonly pid: number }): string {
  return `${what} (process ${pid}) is still there`;
}

function poolIndex(model: Model, id: string): number {
  return model.pools.findIndex((pool) => pool.id === id);
}

/** The pool beside which the listeners stand: the first that a balancer with a link sends its traffic to. */
function linkedPool(model: Model): number {
  const balancer = model.loadBalancers.find((one) => one.proxied && one.railgun !== undefined);
  return Math.max(0, poolIndex(model, balancer?.defaultPools[0] ?? balancer?.fallbackPool ?? ''));
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

async function inBatches<T, R>(list: readonly T[], work: (each: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let from = 0; from < list.length; from += AT_ONCE) {
    done.push(...(await Promise.all(list.slice(from, from + AT_ONCE).map(work))));
  }
  return done;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
