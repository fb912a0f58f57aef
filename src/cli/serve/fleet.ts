/**
 * Several processes behind the same ports (`--workers N`). The primary accepts connections and deals them out in turn (node:cluster),
 * so a connection that waits survives the death of a worker; it owns configuration, probes and counts:
 *
 *   primary ── begin, adopt, probes, load of the others, header sessions ──►  worker   (messages.ts)
 *           ◄── up, samples, load, failovers, header sessions, logs ────────
 *
 * A worker that dies is replaced; the counts it last told stay in the sums. Requests under way at it are cut, and nothing else.
 *
 * least_* policies: each worker knows its own counts exactly and those of the others as they were at most 100 ms ago.
 */
import cluster, { type Worker } from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { type Server, createServer } from 'node:net';
import type { Logger } from 'pino';
import type { Problem } from '../../core/problem.ts';
import { snapshotOf } from '../../health/snapshot.ts';
import type { HealthBoard } from '../../health/view.ts';
import type { Samples } from '../../live/counter-table.ts';
import { type LoadCounts, sumOfCounts } from '../../live/load.ts';
import type { Configuration } from './configuration.ts';
import { FAMILIES, HISTOGRAMS } from './counters.ts';
import type { EventHub } from './events.ts';
import type { Groundwork } from './ground.ts';
import { tellLink } from './link-news.ts';
import type { RecordedProbe } from './health.ts';
import type { FromWorker, SharedSession, ToWorker } from './messages.ts';
import type { EdgeNode } from './node.ts';
import type { Endpoint, ServeOptions } from './options.ts';
import { type Addresses, type DataPlane, listenProblem } from './plane.ts';
import { takeSession } from './sessions.ts';

export interface FleetOptions {
  readonly options: ServeOptions;
  readonly log: Logger;
  readonly events: EventHub;
  readonly ground: Groundwork;
  readonly node: EdgeNode;
  readonly configuration: Configuration;
  readonly board: () => HealthBoard;
}

/** How long a worker may take to answer a scrape; then its last counts are taken. */
const SAMPLES_MS = 500;
/** A worker that lived shorter than this died of something that its successor will die of too: wait a little. */
const YOUNG_MS = 1_000;
const AGAIN_MS = 500;
/** After the grace of a drain, before a worker is killed. */
const LAST_MS = 1_000;
const SESSIONS_KEPT = 100_000;
/** The same words of several workers are told once within this time. */
const SAME_TEXT_MS = 10_000;
/** TLS: name, HMAC and AES keys of session tickets. */
const TICKET_KEY_BYTES = 48;

interface Member {
  readonly worker: Worker;
  readonly startedAt: number;
  up: boolean;
  samples: Samples;
  counts: LoadCounts;
}

export class Fleet implements DataPlane {
  readonly #given: FleetOptions;
  readonly #members = new Map<number, Member>();
  readonly #ticketKeys = randomBytes(TICKET_KEY_BYTES);
  readonly #sessions = new Map<string, SharedSession>();
  readonly #asked = new Map<number, { left: number; done: () => void }>();
  readonly #toldAt = new Map<string, number>();
  #options: ServeOptions;
  #configuration: Configuration;
  #probes: RecordedProbe[] = [];
  /** Counts of workers that are gone. */
  #retired = new Map<string, number>();
  #asks = 0;
  #ending = false;
  #addresses: Addresses = { listen: undefined, listenTls: undefined };
  #starting: ((problems: readonly Problem[]) => void) | undefined;

  constructor(given: FleetOptions) {
    this.#given = given;
    this.#options = given.options;
    this.#configuration = given.configuration;
  }

  get workers(): number {
    return [...this.#members.values()].filter((member) => member.up).length;
  }

  async start(): ReturnType<DataPlane['start']> {
    const { options } = this.#given;
    const problems: Problem[] = [];
    // Every worker must listen at the same port, also one that comes later: the free one is chosen here, and mistakes are found here.
    const settle = async (flag: string, at: Endpoint | undefined): Promise<Server | undefined> => {
      if (at === undefined) return undefined;
      try {
        return await hold(at);
      } catch (error) {
        problems.push(listenProblem(flag, at, error));
        return undefined;
      }
    };
    // Both are held before either is let go, or the system may choose one port twice.
    const [clear, secure] = [await settle('--listen', options.listen), await settle('--listen-tls', options.listenTls)];
    const [listen, listenTls] = [await letGo(options.listen, clear), await letGo(options.listenTls, secure)];
    if (problems.length > 0) return { problems };
    this.#options = { ...options, listen, listenTls };
    cluster.setupPrimary({ serialization: 'advanced' });
    const failed = await new Promise<readonly Problem[]>((resolve) => {
      this.#starting = resolve;
      for (let i = 0; i < options.workers; i += 1) this.#fork();
    });
    this.#starting = undefined;
    return failed.length > 0 ? { problems: failed } : { addresses: this.#addresses };
  }

  adopt(configuration: Configuration, board: HealthBoard): void {
    this.#configuration = configuration;
    this.#flushProbes();
    const message: ToWorker = { kind: 'adopt', model: configuration.model, health: snapshotOf(board) };
    for (const member of this.#members.values()) send(member.worker, message);
  }

  recorded(probe: RecordedProbe): void {
    if (this.#probes.length === 0) setImmediate(() => this.#flushProbes());
    this.#probes.push(probe);
  }

  async samples(): Promise<readonly Samples[]> {
    this.#asks += 1;
    const id = this.#asks;
    const members = [...this.#members.values()].filter((member) => member.up);
    if (members.length > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, SAMPLES_MS);
        const done = (): void => {
          clearTimeout(timer);
          resolve();
        };
        this.#asked.set(id, { left: members.length, done });
        for (const { worker } of members) send(worker, { kind: 'samples', id });
      });
      this.#asked.delete(id);
    }
    return [[...this.#retired], ...[...this.#members.values()].map((member) => member.samples)];
  }

  reopenFiles(): void {
    for (const { worker } of this.#members.values()) send(worker, { kind: 'reopen' });
  }

  async drain(graceMs: number): Promise<void> {
    this.#ending = true;
    const gone = [...this.#members.values()].map(
      ({ worker }) => new Promise<void>((resolve) => void worker.once('exit', () => resolve())),
    );
    for (const { worker } of this.#members.values()) send(worker, { kind: 'drain', graceMs });
    const timer = setTimeout(() => this.stop(), graceMs + LAST_MS);
    await Promise.all(gone);
    clearTimeout(timer);
  }

  stop(): void {
    this.#ending = true;
    for (const { worker } of this.#members.values()) worker.process.kill('SIGKILL');
  }

  #fork(): void {
    const worker = cluster.fork();
    const member: Member = { worker, startedAt: performance.now(), up: false, samples: [], counts: [] };
    this.#members.set(worker.id, member);
    worker.on('message', (message: FromWorker) => this.#hear(member, message));
    worker.on('error', (error) => this.#given.log.error({ err: error }, 'a worker cannot be reached'));
    worker.on('exit', (code, signal) => this.#gone(member, signal ?? `exit code ${code}`));
    const { ground, board } = this.#given;
    send(worker, {
      kind: 'begin',
      options: this.#options,
      seed: ground.seed,
      cookieSecret: ground.cookieSecret,
      ticketKeys: this.#ticketKeys,
      model: this.#configuration.model,
      health: snapshotOf(board()),
      sessions: [...this.#sessions.values()],
    });
  }

  #hear(member: Member, message: FromWorker): void {
    const { events, node } = this.#given;
    switch (message.kind) {
      case 'up':
        member.up = true;
        // What was probed or reloaded while it started.
        send(member.worker, {
          kind: 'adopt',
          model: this.#configuration.model,
          health: snapshotOf(this.#given.board()),
        });
        this.#addresses = message.addresses;
        for (const at of [message.addresses.listen, message.addresses.listenTls]) {
          if (at !== undefined) node.ownAddress(at.host, at.port);
        }
        if (this.workers === this.#options.workers) this.#starting?.([]);
        return;
      case 'failed':
        this.#starting?.(message.problems);
        return;
      case 'samples': {
        member.samples = message.samples;
        const asked = this.#asked.get(message.id);
        if (asked === undefined) return;
        asked.left -= 1;
        if (asked.left === 0) asked.done();
        return;
      }
      case 'load':
        member.counts = message.counts;
        this.#shareLoad();
        return;
      case 'session':
        this.#keep(message.session);
        for (const other of this.#members.values()) if (other !== member) send(other.worker, message);
        return;
      case 'failover':
        events.failover(message.facts);
        return;
      case 'railgun':
        tellLink(events, message.facts);
        return;
      case 'told':
        this.#tell(message.level, message.text);
    }
  }

  #gone(member: Member, why: string): void {
    const { log, events, node } = this.#given;
    this.#members.delete(member.worker.id);
    for (const [identity, value] of member.samples) {
      if (isCount(identity)) this.#retired.set(identity, (this.#retired.get(identity) ?? 0) + value);
    }
    this.#shareLoad();
    if (this.#ending) return;
    if (this.#starting !== undefined) {
      const problem = {
        file: '--workers',
        message: `a worker died while it started (${why})`,
        hint: 'see the lines above',
      };
      this.#starting([{ severity: 'error', line: 0, column: 0, path: '', ...problem }]);
      return;
    }
    const text = `worker ${member.worker.process.pid} died (${why}) and is replaced`;
    log.error(text);
    events.tell('worker', { text, pid: member.worker.process.pid });
    node.counters.add('switchyard_worker_restarts_total');
    const young = performance.now() - member.startedAt < YOUNG_MS;
    setTimeout(
      () => {
        if (!this.#ending) this.#fork();
      },
      young ? AGAIN_MS : 0,
    );
  }

  #flushProbes(): void {
    const probes = this.#probes;
    if (probes.length === 0) return;
    this.#probes = [];
    for (const member of this.#members.values()) if (member.up) send(member.worker, { kind: 'probes', probes });
  }

  #shareLoad(): void {
    const members = [...this.#members.values()];
    this.#given.node.load.setOthers(sumOfCounts(members.map(({ counts }) => counts)));
    for (const member of members) {
      const others = sumOfCounts(members.filter((each) => each !== member).map(({ counts }) => counts));
      send(member.worker, { kind: 'load', others });
    }
  }

  #keep(session: SharedSession): void {
    takeSession(this.#given.node.edge, session);
    this.#sessions.delete(session[0]);
    this.#sessions.set(session[0], session);
    if (this.#sessions.size <= SESSIONS_KEPT) return;
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest);
      break;
    }
  }

  #tell(level: 'info' | 'warn' | 'error', text: string): void {
    const now = performance.now();
    if (now - (this.#toldAt.get(text) ?? Number.NEGATIVE_INFINITY) < SAME_TEXT_MS) return;
    if (this.#toldAt.size > 1_000) this.#toldAt.clear();
    this.#toldAt.set(text, now);
    this.#given.log[level](text);
    this.#given.events.tell('log', { text });
  }
}

const COUNTS: ReadonlySet<string> = new Set([
  ...FAMILIES.filter((family) => family.kind === 'counter').map((family) => family.name),
  ...HISTOGRAMS.flatMap(({ name }) => [`${name}_bucket`, `${name}_sum`, `${name}_count`]),
]);

function isCount(identity: string): boolean {
  const end = identity.indexOf('\n');
  return COUNTS.has(end === -1 ? identity : identity.slice(0, end));
}

function send(worker: Worker, message: ToWorker): void {
  // A worker that is just dying takes no message, and says so by an event; its exit is what counts.
  if (worker.isConnected()) worker.send(message, () => {});
}

async function hold(at: Endpoint): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, () => resolve());
  });
  return server;
}

/** The address that was held, with its port. */
async function letGo(at: Endpoint | undefined, held: Server | undefined): Promise<Endpoint | undefined> {
  if (at === undefined || held === undefined) return undefined;
  const address = held.address();
  const port = address !== null && typeof address === 'object' ? address.port : at.port;
  await new Promise<void>((resolve) => void held.close(() => resolve()));
  return { host: at.host, port };
}
