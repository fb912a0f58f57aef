/**
 * Sends the probes of a plan through a transport and feeds the board: the loop that both worlds run with timers of their own
 * (`Scheduler`) and probes of their own (`ProbeTransport`). Knows no socket.
 *
 *   plan ── due ──> [ waiting ] ──> transport ──> judge ──> retry at once, or board.record
 *
 * At most `maxUnderWay` probes are on the wire; what is due beyond that waits its turn. `stop` calls everything off: after it no
 * timer is set and no answer is taken.
 */
import type { Monitor } from '../core/model.ts';
import type { Scheduler } from '../core/ports.ts';
import type { ProbeAnswer, ProbeRequest, ProbeTransport } from '../core/probe.ts';
import { micros } from '../core/time.ts';
import { judge } from './judge.ts';
import { type Probe, ProbePlan, type PlanOptions, settle } from './probe-plan.ts';
import { probeRequest } from './probe-request.ts';
import type { HealthBoard } from './view.ts';

/** Sockets that probing may hold at once: enough for 39 data centers, far below a process's limit of open files. */
const MAX_UNDER_WAY = 64;

export interface DriverOptions extends PlanOptions {
  readonly maxUnderWay?: number;
  /**
   * One real probe stands for all data centers that are due within so many µs of its end. One machine sends from one place anyway,
   * so 39 probes would only be load; the price is that data centers never disagree. 0 = each sends its own.
   */
  readonly shareUs?: number;
}

interface Shared {
  readonly waiting: Probe[];
  answer: ProbeAnswer | undefined;
  endedAt: number;
  cancel: () => void;
}

export class ProbeDriver {
  readonly #scheduler: Scheduler;
  readonly #transport: ProbeTransport;
  readonly #options: DriverOptions;
  #board: HealthBoard;
  #plan: ProbePlan;
  #timer: number | undefined;
  #stopped = false;
  #underWay = 0;
  readonly #waiting: Probe[] = [];
  /** By (pool, origin, member, attempt): a real probe on the wire or just ended. Kept for one per target. */
  readonly #shared = new Map<string, Shared>();

  constructor(board: HealthBoard, scheduler: Scheduler, transport: ProbeTransport, options: DriverOptions) {
    this.#board = board;
    this.#scheduler = scheduler;
    this.#transport = transport;
    this.#options = options;
    this.#plan = new ProbePlan(board.layout, scheduler.now(), options);
    this.#arm();
  }

  get plan(): ProbePlan {
    return this.#plan;
  }

  /** Probes on the wire now. */
  get underWay(): number {
    return this.#underWay;
  }

  /** A new configuration: its board takes the results from here on. Probes on the wire are called off; known targets keep their rhythm. */
  reload(board: HealthBoard): void {
    this.#cancelAll();
    this.#board = board;
    this.#plan = new ProbePlan(board.layout, this.#scheduler.now(), { ...this.#options, previous: this.#plan });
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelAll();
    if (this.#timer !== undefined) this.#scheduler.cancel(this.#timer);
    this.#timer = undefined;
  }

  #cancelAll(): void {
    for (const shared of this.#shared.values()) if (shared.answer === undefined) shared.cancel();
    this.#shared.clear();
    this.#waiting.length = 0;
    this.#underWay = 0;
  }

  #arm(): void {
    if (this.#stopped) return;
    if (this.#timer !== undefined) this.#scheduler.cancel(this.#timer);
    const at = Math.min(this.#plan.nextAt, this.#board.wakeAt() ?? Number.POSITIVE_INFINITY);
    this.#timer = at === Number.POSITIVE_INFINITY ? undefined : this.#scheduler.at(micros(at), () => this.#tick());
  }

  #tick(): void {
    this.#timer = undefined;
    if (this.#stopped) return;
    const now = this.#scheduler.now();
    this.#board.wake(now);
    while (this.#plan.nextAt <= now) {
      const probe = this.#plan.next(now);
      if (probe !== undefined) this.#waiting.push(probe);
    }
    this.#sendWaiting();
    this.#arm();
  }

  #sendWaiting(): void {
    const limit = this.#options.maxUnderWay ?? MAX_UNDER_WAY;
    while (this.#underWay < limit && this.#waiting.length > 0) this.#send(this.#waiting.shift()!);
  }

  #send(probe: Probe): void {
    const shareUs = this.#options.shareUs ?? 0;
    const key = `${probe.pool} ${probe.origin} ${probe.member} ${shareUs > 0 ? probe.attempt : `0 ${probe.dataCenter}`}`;
    const known = this.#shared.get(key);
    if (known !== undefined && shareUs > 0) {
      if (known.answer === undefined) {
        known.waiting.push(probe);
        return;
      }
      if (this.#scheduler.now() - known.endedAt <= shareUs) {
        this.#take(probe, known.answer);
        return;
      }
    }
    const shared: Shared = { waiting: [probe], answer: undefined, endedAt: 0, cancel: () => {} };
    this.#shared.set(key, shared);
    this.#underWay += 1;
    shared.cancel = this.#transport.send(this.#requestOf(probe), (answer) => {
      if (this.#shared.get(key) !== shared || shared.answer !== undefined) return;
      this.#underWay -= 1;
      shared.answer = answer;
      shared.endedAt = this.#scheduler.now();
      if (shareUs === 0) this.#shared.delete(key);
      for (const each of shared.waiting) this.#take(each, answer);
      // Whoever is told of a change may have stopped or reloaded us meanwhile.
      if (this.#stopped) return;
      this.#sendWaiting();
      this.#arm();
    });
  }

  #requestOf(probe: Probe): ProbeRequest {
    const { pool } = this.#board.layout.pools[probe.pool]!;
    const monitor: Monitor = probe.monitor;
    return probeRequest(pool, pool.origins[probe.origin]!, monitor);
  }

  #take(probe: Probe, answer: ProbeAnswer): void {
    if (this.#stopped || this.#plan.probes[probe.index] !== probe) return;
    const step = settle(this.#plan, this.#board, probe, judge(probe.monitor, answer), this.#scheduler.now());
    // Retries go before what waits: "at once".
    if (step === 'retry' && !this.#stopped) this.#waiting.unshift(probe);
  }
}
