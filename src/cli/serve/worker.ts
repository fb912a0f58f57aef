/**
 * One of several processes that carry traffic. It has the ports (shared by node:cluster: the primary accepts and deals connections
 * out), an engine and an edge; its configuration, its verdicts and the load of the others come from the primary (`fleet.ts`).
 * It lets go of as much as it can: no files but the access log, no probes, no admin port.
 */
import type { Model } from '../../core/model.ts';
import { seededRandom } from '../../core/random.ts';
import type { HealthBoard } from '../../health/view.ts';
import { RealClock } from '../../live/clock.ts';
import type { LineFile } from '../../live/line-file.ts';
import { readsLoad } from '../../steering/reads-load.ts';
import { openAccessLog } from './access-log-file.ts';
import { failoverFacts } from './failover-facts.ts';
import { layGround } from './ground.ts';
import { followingBoard } from './health.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { linkFacts } from './link-news.ts';
import { linkOptions } from './links.ts';
import { EdgeNode } from './node.ts';
import { listenAll } from './plane.ts';
import { sessionOf, takeSession } from './sessions.ts';
import type { TlsSettings } from './tls.ts';

/** How often counts of requests and connections are told to the others, where a policy weighs by them. */
const LOAD_MS = 100;
/** How often opinions that are out of date are put aside; the primary's board does the same by its own timer. */
const WAKE_MS = 1_000;
const SAMPLES_MS = 1_000;

type Begin = Extract<ToWorker, { kind: 'begin' }>;

/** Serves until the primary says drain, or is gone. */
export function runWorker(): Promise<number> {
  return new Promise((resolve) => {
    let worker: Worker | undefined;
    const leave = (): void => {
      worker?.stop();
      resolve(0);
      // Whatever still holds the event loop must not outlive the primary's patience.
      setTimeout(() => process.exit(0), 100);
    };
    process.on('disconnect', leave);
    // Ctrl-C reaches the whole group; the primary decides.
    process.on('SIGINT', () => {});
    process.on('SIGHUP', () => {});
    process.on('SIGTERM', () => {
      if (worker === undefined) leave();
      else void worker.drain(worker.graceMs).then(leave);
    });
    process.on('message', (message: ToWorker) => {
      if (message.kind === 'begin') {
        Worker.begin(message).then(
          (begun) => {
            worker = begun;
            if (begun === undefined) leave();
          },
          (error: Error) => {
            tell({ kind: 'told', level: 'error', text: `a worker cannot begin: ${error.stack ?? error.message}` });
            leave();
          },
        );
      } else if (message.kind === 'drain') {
        if (worker === undefined) leave();
        else void worker.drain(message.graceMs).then(leave);
      } else worker?.hear(message);
    });
  });
}

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

class Worker {
  readonly graceMs: number;
  readonly #begin: Begin;
  readonly #node: EdgeNode;
  readonly #tls: TlsSettings | undefined;
  readonly #log: LineFile | undefined;
  readonly #timers: readonly NodeJS.Timeout[];
  #board: HealthBoard;
  #sharesLoad: boolean;
  #toldLoad = '[]';

  private constructor(
    begin: Begin,
    node: EdgeNode,
    board: HealthBoard,
    tls: TlsSettings | undefined,
    log: LineFile | undefined,
  ) {
    this.#begin = begin;
    this.graceMs = begin.options.drainMs;
    this.#node = node;
    this.#board = board;
    this.#tls = tls;
    this.#log = log;
    this.#sharesLoad = readsLoad(begin.model);
    this.#timers = [
      setInterval(() => this.#board.wake(node.clock.now()), WAKE_MS),
      setInterval(() => this.#shareLoad(), LOAD_MS),
      setInterval(() => tell({ kind: 'samples', id: 0, samples: node.samples() }), SAMPLES_MS),
    ];
  }

  static async begin(begin: Begin): Promise<Worker | undefined> {
    const { options, model } = begin;
    const laid = await layGround(options, begin, () => {});
    if ('problems' in laid) {
      tell({ kind: 'failed', problems: laid.problems });
      return undefined;
    }
    const { ground } = laid;
    const clock = new RealClock();
    const log = openAccessLog(options.accessLog, (level, text) => tell({ kind: 'told', level, text }));
    const board = followingBoard(model, options.pop, begin.health, clock.now());
    const node: EdgeNode = new EdgeNode({
      clock,
      model,
      health: board,
      random: seededRandom(`${ground.seed}/${process.pid}`),
      drillSeed: options.drillSeed,
      locator: ground.locator,
      onePop: ground.onePop,
      trustProxies: options.trustProxies,
      cookieSecret: ground.cookieSecret,
      attempts: { originTls: options.originTls, originCa: ground.originCa },
      links: linkOptions(options, (railgun, news) => {
        const facts = linkFacts(railgun, news);
        if (facts !== undefined) tell({ kind: 'railgun', facts });
      }),
      log,
      onFailover: (flight, from, error) => tell({ kind: 'failover', facts: failoverFacts(flight, from, error) }),
      onMistake: (error) =>
        tell({
          kind: 'told',
          level: 'error',
          text: `our own mistake: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
        }),
      onSession: (decision, now) => {
        const session = sessionOf(decision, now);
        if (session !== undefined) tell({ kind: 'session', session });
      },
    });
    for (const session of begin.sessions) takeSession(node.edge, session);
    let tls: TlsSettings | undefined;
    if (options.listenTls !== undefined) {
      const { openTls } = await import('./tls.ts');
      const opened = await openTls(options, ground.folder, model, {
        ticketKeys: Buffer.from(begin.ticketKeys),
        tell: (level, text) => tell({ kind: 'told', level, text }),
      });
      if ('problem' in opened) {
        tell({ kind: 'failed', problems: [opened.problem] });
        return undefined;
      }
      tls = opened.tls;
    }
    await node.warm(model);
    const up = await listenAll(node, options, tls);
    if ('problems' in up) {
      tell({ kind: 'failed', problems: up.problems });
      return undefined;
    }
    tell({ kind: 'up', addresses: up.addresses });
    return new Worker(begin, node, board, tls, log);
  }

  hear(message: Exclude<ToWorker, { kind: 'begin' | 'drain' }>): void {
    const node = this.#node;
    switch (message.kind) {
      case 'adopt':
        return this.#adopt(message.model, message.health);
      case 'probes':
        for (const probe of message.probes) this.#board.record(...probe);
        return;
      case 'load':
        return node.load.setOthers(message.others);
      case 'session':
        return takeSession(node.edge, message.session);
      case 'samples':
        return tell({ kind: 'samples', id: message.id, samples: node.samples() });
      case 'reopen':
        this.#log?.reopen();
        this.#tls?.renew();
        return;
    }
  }

  async drain(graceMs: number): Promise<void> {
    await this.#node.engine.drain(graceMs);
    tell({ kind: 'samples', id: 0, samples: this.#node.samples() });
    await this.#log?.close();
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#node.engine.stop();
  }

  #adopt(model: Model, health: Begin['health']): void {
    this.#board = followingBoard(model, this.#begin.options.pop, health, this.#node.clock.now());
    this.#node.adopt(model, this.#board);
    this.#tls?.adopt(model);
    this.#sharesLoad = readsLoad(model);
  }

  #shareLoad(): void {
    if (!this.#sharesLoad) return;
    const counts = this.#node.load.counts();
    const text = JSON.stringify(counts);
    if (text === this.#toldLoad) return;
    this.#toldLoad = text;
    tell({ kind: 'load', counts });
  }
}
