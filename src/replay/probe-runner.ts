/**
 * The monitors of a replay: the real calendar and the real votes of `health`, with origins that are models. A probe travels, waits in
 * the origin's queue and times out like any request, so an overloaded survivor may be found unhealthy too. A fault that strikes while one
 * is under way fails it: what only connects, on its arrival; what is served, until its answer is here.
 *
 * Probing begins before the run does (`ProbePlan.warmUpUs`), so that the first request meets a world whose health is known.
 */
import type { Model, Monitor } from '../core/model.ts';
import type { ProbeReason } from '../core/probe.ts';
import type { Random } from '../core/random.ts';
import type { BudgetPart, OriginSummary } from '../core/report.ts';
import { type Micros, micros } from '../core/time.ts';
import type { HealthEvent } from '../core/trace.ts';
import { POPS, REGIONS } from '../geo/tables.ts';
import type { Sites } from '../health/data-centers.ts';
import { codeExpected } from '../health/judge.ts';
import { layOut } from '../health/layout.ts';
import { type PlanOptions, type Probe, ProbePlan, settle } from '../health/probe-plan.ts';
import { adopt } from '../health/snapshot.ts';
import { HealthBoard } from '../health/view.ts';
import type { EventQueue } from '../sim/event-queue.ts';
import { ORIGIN_ERROR, OVERLOADED, REFUSED, RESET, SERVED, UNREACHABLE } from '../sim/outcome.ts';
import type { SimOrigin } from '../sim/origin.ts';
import type { SimWorld } from './sim-world.ts';

/** Event kinds: the calendar has something due; a probe's result is in (operand: its place in the table of those under way). */
export const PROBE_DUE = 2;
export const PROBE_RESULT = 3;

interface Pending {
  readonly probe: Probe;
  readonly plan: ProbePlan;
  readonly board: HealthBoard;
  readonly reason: ProbeReason;
  readonly rttUs: number | undefined;
  readonly sentAt: number;
  /** What a fault may still strike: a SYN on its way, or an origin at work. */
  readonly underWay: 'no' | 'arriving' | 'served';
  /** Of the origin, when the probe was sent. */
  readonly generation: number;
}

export class ProbeRunner {
  board: HealthBoard;
  #plan: ProbePlan;
  #model: Model;
  readonly #world: SimWorld;
  readonly #queue: EventQueue;
  readonly #options: PlanOptions;
  readonly #sites: Sites;
  readonly #start: Micros;
  readonly #onEvent: (event: HealthEvent, origin: number) => void;
  readonly #pending: (Pending | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #beats: { fromUs: number; state: string; reason: string }[][];
  readonly #numbers = new Map<string, number>();

  /**
   * @param onEvent Told of every change from the start on; `origin` is the global number, -1 for a pool's.
   * @param togetherBySeed The moments of live edges with this seed, whose data centers all probe at once.
   */
  constructor(
    model: Model,
    world: SimWorld,
    queue: EventQueue,
    random: Random,
    start: Micros,
    popsInUse: readonly number[],
    onEvent: (event: HealthEvent, origin: number) => void,
    togetherBySeed?: string,
  ) {
    this.#model = model;
    this.#world = world;
    this.#queue = queue;
    this.#start = start;
    this.#onEvent = onEvent;
    const seed = togetherBySeed ?? String(Math.floor(random.fork('probes').next() * 0xffffffff));
    this.#options = togetherBySeed === undefined ? { seed } : { seed, dataCenters: 'together' };
    this.#sites = { pops: POPS, regions: REGIONS.map((region) => region.code), inUse: popsInUse };
    model.pools.forEach((pool, poolIndex) => {
      pool.origins.forEach((origin, index) => {
        this.#numbers.set(`${pool.id}/${origin.name}`, world.originBase[poolIndex]! + index);
      });
    });
    this.#beats = Array.from({ length: world.originCount }, () => []);
    const layout = layOut(model, this.#sites);
    this.board = new HealthBoard(layout, { onEvent: (event) => this.#heard(event) });
    const { warmUpUs } = new ProbePlan(layout, start, this.#options);
    this.warmUpFrom = micros(start - warmUpUs);
    this.#plan = new ProbePlan(layout, this.warmUpFrom, this.#options);
    this.#schedule();
  }
  /** When probing begins; the run's clock must not be later. */
  readonly warmUpFrom: Micros;

  due(now: Micros): void {
    const wakeAt = this.board.wakeAt();
    if (wakeAt !== undefined && now >= wakeAt) this.board.wake(now);
    while (this.#plan.nextAt <= now) {
      const probe = this.#plan.next(now);
      if (probe !== undefined) this.#send(probe, now);
    }
    this.#schedule();
  }

  result(place: number, now: Micros): void {
    let pending = this.#pending[place]!;
    if (pending.underWay === 'arriving') {
      this.#arrives(pending, place, now);
      return;
    }
    if (pending.underWay === 'served') {
      const { mode, generation } = this.#originOf(pending.probe);
      const { probe, sentAt } = pending;
      if (this.#world.link.cut || mode === 'blackhole' || mode === 'unreachable') {
        const endAt = sentAt + probe.timeoutUs;
        if (now < endAt) {
          this.#queue.push(endAt, PROBE_RESULT, place);
          return;
        }
        pending = { ...pending, reason: timeoutReason(probe.monitor, true), rttUs: undefined };
      } else if (generation !== pending.generation) {
        pending = { ...pending, reason: 'connection_reset', rttUs: undefined };
      }
    }
    this.#pending[place] = undefined;
    this.#free.push(place);
    // A result for a configuration that is no longer in force is nobody's.
    if (pending.board !== this.board) return;
    const step = settle(pending.plan, this.board, pending.probe, pending, now);
    if (step === 'retry') this.#send(pending.probe, now);
  }

  adopt(model: Model, now: Micros): void {
    this.#model = model;
    const layout = layOut(model, this.#sites);
    const board = new HealthBoard(layout, { onEvent: (event) => this.#heard(event) });
    const previous = this.board;
    this.board = board;
    adopt(board, previous, now);
    const before = this.#plan;
    this.#plan = new ProbePlan(layout, now, { ...this.#options, previous: before });
    this.#schedule();
  }

  /** A withdrawn PoP sends no probes. */
  setDataCenter(pop: number, working: boolean): void {
    this.#plan.setDataCenter(pop, working);
  }

  /** What would have shortened an outage of these origins, in the words of their own settings. */
  knobs(origins: readonly number[]): ReadonlyMap<BudgetPart, string> {
    const knobs = new Map<BudgetPart, string>();
    const settings = new Set<string>();
    this.#model.pools.forEach((pool, poolIndex) => {
      const first = this.#world.originBase[poolIndex]!;
      if (!origins.some((number) => number >= first && number < first + pool.origins.length)) return;
      const members = this.board.layout.pools[poolIndex]!.members;
      if (members.length === 0) settings.add(`pool ${pool.id} has no monitor: attach one`);
      for (const { monitor } of members) {
        const { intervalSeconds, timeoutSeconds, retries, consecutiveDown } = monitor;
        const failures = Math.max(1, consecutiveDown);
        settings.add(
          `monitor ${monitor.id}: interval ${intervalSeconds} s × consecutive_down ${failures} + timeout ${timeoutSeconds} s × ${retries + 1} tries`,
        );
      }
    });
    if (settings.size > 0) knobs.set('before_detection', [...settings].join('; '));
    return knobs;
  }

  beats(origin: number): OriginSummary['beats'] {
    return this.#beats[origin]!;
  }

  /** State of every origin when the run begins: the first beat. */
  openBeats(): void {
    this.#model.pools.forEach((pool, poolIndex) => {
      pool.origins.forEach((origin, index) => {
        const number = this.#world.originBase[poolIndex]! + index;
        const state = origin.enabled && pool.enabled ? this.board.worldOrigin(poolIndex, index) : 'disabled';
        this.#beats[number]!.unshift({ fromUs: this.#start, state, reason: '' });
      });
    });
  }

  #schedule(): void {
    const { nextAt } = this.#plan;
    const wakeAt = this.board.wakeAt() ?? Number.POSITIVE_INFINITY;
    const at = Math.min(nextAt, Math.max(wakeAt, this.#lastDue + 1));
    if (at === Number.POSITIVE_INFINITY || at >= this.#scheduled) return;
    this.#scheduled = at;
    this.#queue.push(at, PROBE_DUE, 0);
  }
  #scheduled = Number.POSITIVE_INFINITY;
  #lastDue = 0;

  /** To be called when a PROBE_DUE event is taken. */
  wake(now: Micros): void {
    if (now < this.#scheduled) return;
    this.#scheduled = Number.POSITIVE_INFINITY;
    this.#lastDue = now;
    this.due(now);
  }

  #send(probe: Probe, now: Micros): void {
    const { generation, mode } = this.#originOf(probe);
    const place = this.#free.pop() ?? this.#pending.length;
    const sent = { probe, plan: this.#plan, board: this.board, sentAt: now, generation };
    const roundTrip = this.#world.roundTripUs(probe.dataCenter, probe.pool);
    if (onlyConnects(probe.monitor)) {
      this.#pending[place] = { ...sent, reason: 'no_failures', rttUs: roundTrip, underWay: 'arriving' };
      this.#queue.push(now + Math.floor(roundTrip / 2), PROBE_RESULT, place);
      return;
    }
    const { cut } = this.#world.link;
    const served = !cut && (mode === 'up' || mode === 'tls_invalid');
    this.#await(sent, place, outcomeOf(this.#originOf(probe), cut, probe, roundTrip, now), served ? 'served' : 'no');
  }

  /** A SYN or a ping is where it was sent: what it meets there is its outcome. */
  #arrives(pending: Pending, place: number, now: Micros): void {
    const { probe, rttUs = 0 } = pending;
    this.#await(pending, place, outcomeOf(this.#originOf(probe), this.#world.link.cut, probe, rttUs, now), 'no');
  }

  #await(
    sent: Omit<Pending, 'reason' | 'rttUs' | 'underWay'>,
    place: number,
    { reason, afterUs }: { readonly reason: ProbeReason; readonly afterUs: number },
    underWay: Pending['underWay'],
  ): void {
    this.#pending[place] = { ...sent, reason, rttUs: reason === 'no_failures' ? afterUs : undefined, underWay };
    this.#queue.push(sent.sentAt + afterUs, PROBE_RESULT, place);
  }

  #originOf({ pool, origin }: Probe): SimOrigin {
    return this.#world.origins[this.#world.originBase[pool]! + origin]!;
  }

  #heard(event: HealthEvent): void {
    if (event.at < this.#start) return;
    const number = event.scope === 'origin' ? (this.#numbers.get(`${event.pool}/${event.origin}`) ?? -1) : -1;
    if (number >= 0 && event.where === 'global') {
      this.#beats[number]!.push({
        fromUs: event.at,
        state: event.to,
        reason: event.reason === 'no_failures' ? '' : event.reason,
      });
    }
    this.#onEvent(event, number);
  }
}

/** How a probe of this monitor ends at that origin, and after how long. */
function outcomeOf(
  origin: SimOrigin,
  cut: boolean,
  probe: Probe,
  roundTripUs: number,
  now: number,
): { reason: ProbeReason; afterUs: number } {
  const { monitor, timeoutUs } = probe;
  const { type } = monitor;
  if (cut || origin.mode === 'blackhole') return { reason: timeoutReason(monitor, false), afterUs: timeoutUs };
  if (onlyConnects(monitor)) {
    if (origin.mode === 'unreachable') return { reason: 'no_route_to_host', afterUs: roundTripUs };
    if (origin.mode === 'refuse' && type === 'tcp') return { reason: 'tcp_connection_failed', afterUs: roundTripUs };
    return { reason: 'no_failures', afterUs: roundTripUs };
  }
  const checksCertificate = type === 'https' && !monitor.allowInsecure;
  if (origin.mode === 'tls_invalid' && checksCertificate)
    return { reason: 'tls_untrusted_certificate', afterUs: 2 * roundTripUs };
  origin.probe(now, roundTripUs, origin.mode === 'tls_invalid');
  const { ending, afterUs } = origin;
  if (afterUs >= timeoutUs) return { reason: timeoutReason(monitor, true), afterUs: timeoutUs };
  switch (ending) {
    case SERVED:
      return { reason: judgeCode(monitor, 200), afterUs };
    case REFUSED:
      return { reason: 'tcp_connection_failed', afterUs };
    case UNREACHABLE:
      return { reason: 'no_route_to_host', afterUs };
    case RESET:
      return { reason: 'connection_reset', afterUs };
    case OVERLOADED:
      return { reason: judgeCode(monitor, 503), afterUs };
    case ORIGIN_ERROR:
      return { reason: judgeCode(monitor, 500), afterUs };
    default:
      return { reason: 'other_failure', afterUs };
  }
}

/** No server has to do anything for it. */
function onlyConnects({ type }: Monitor): boolean {
  return type === 'tcp' || type === 'icmp_ping' || type === 'udp_icmp';
}

/** In the words of the live prober (`live/prober/attempt.ts`): where no connection came about, TCP timed out, whatever was to follow. */
function timeoutReason({ type }: Monitor, connected: boolean): ProbeReason {
  if (type === 'icmp_ping' || type === 'udp_icmp') return 'icmp_timeout';
  return connected && (type === 'http' || type === 'https') ? 'http_timeout' : 'tcp_timeout';
}

/** A greeting is all that an SMTP probe waits for; the others judge the status code. */
function judgeCode(monitor: Monitor, code: number): ProbeReason {
  return monitor.type === 'smtp' || codeExpected(monitor, code) ? 'no_failures' : 'response_code_mismatch';
}
