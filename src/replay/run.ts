/**
 * Plays one scenario in virtual time and returns its report. The loop is small: take whatever comes next, the arrival of a request or an
 * event of the agenda, at the time it is due. Everything random comes from forks of one seed, everything timed from the agenda, so a
 * run is a function of its input (LB-254).
 *
 * Files are read by the caller and handed over as texts and streams; `load.ts` makes this file's input from a scenario.
 */
import { type Micros, micros } from '../core/time.ts';
import type { Random } from '../core/random.ts';
import type { AffinityClaim, Decision, Rung } from '../core/decision.ts';
import type { Location } from '../core/location.ts';
import type { Model } from '../core/model.ts';
import type { HealthEvent } from '../core/trace.ts';
import type { Phase, RunReport } from '../core/report.ts';
import { POPS, REGIONS } from '../geo/tables.ts';
import { EventQueue } from '../sim/event-queue.ts';
import { startUpOf } from '../sim/faults/fault.ts';
import { LateTimers } from '../sim/late-timers.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';
import { readsLoad } from '../steering/reads-load.ts';
import type { RequestFacts } from '../steering/request.ts';
import { emptyArrival } from './arrivals.ts';
import { ClientTable } from './clients.ts';
import { COMPLETE } from './flight-slots.ts';
import { Flights } from './flights.ts';
import { Ledger, bucketWidthUs } from './ledger.ts';
import type { ReplayInput } from './load.ts';
import { PLACES } from './places.ts';
import { PROBE_DUE, PROBE_RESULT, ProbeRunner } from './probe-runner.ts';
import { ResolverFleet } from './resolvers.ts';
import { makeReport, phasesOf } from './run-report.ts';
import { type Scenario, type TimelineEvent, momentOf } from './scenario.ts';
import { SimWorld } from './sim-world.ts';
import { planSteadyRounds, steadyFrom } from './steady-rounds.ts';
import { stopWarnings } from './stop-if.ts';
import { Story, type OutageHandle } from './story.ts';
import { struckBy } from './struck.ts';
import {
  LISTENER_KNOBS,
  faultBegins,
  faultEnds,
  fieldChanged,
  isMeant,
  laneIs,
  listenerReplaced,
  originIs,
  poolIs,
  spell,
} from './telling.ts';
import { TraceWriter } from './trace-writer.ts';
import { Traffic } from './traffic.ts';
import { Whereabouts } from './whereabouts.ts';

const TIMER = 0;
const WIRE_TIMER = 4;
/** Events between two looks at the outside: progress, Ctrl-C. */
const SLICE = 20_000;

interface ActiveFault {
  readonly event: Extract<TimelineEvent, { kind: 'fault' }>;
  readonly undo: () => void;
  readonly outage: OutageHandle | undefined;
}

export async function replay(input: ReplayInput): Promise<RunReport> {
  return new Run(input).play();
}

/** One request that is only asked about, at one moment of the scenario. */
export interface Question {
  readonly at: Micros;
  readonly balancer: number;
  readonly location: Location;
  readonly clientAddress: string;
  readonly facts: RequestFacts;
  readonly claim: AffinityClaim | undefined;
}

export interface Explanation {
  readonly decision: Decision;
  readonly rungs: readonly Rung[];
  /** The configuration in force at that moment. */
  readonly model: Model;
}

/** Plays the scenario up to the question's moment, what happens at that very moment included, and asks steering. */
export async function explainAt(input: ReplayInput, question: Question): Promise<Explanation> {
  return new Run({ ...input, end: micros(question.at + 1), traceSink: undefined }).explain(question);
}

class Run {
  readonly #input: ReplayInput;
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #queue = new EventQueue();
  readonly #clock: VirtualClock;
  readonly #whereabouts: Whereabouts;
  /** PoPs whose last lane was lost or could not be opened. */
  readonly #lanesLost = new Set<number>();
  readonly #world: SimWorld;
  readonly #clients: ClientTable;
  readonly #traffic: Traffic;
  readonly #ledger: Ledger;
  readonly #story = new Story();
  readonly #trace: TraceWriter;
  readonly #probes: ProbeRunner;
  readonly #flights: Flights;
  readonly #faults = new Set<ActiveFault>();
  readonly #phases: readonly Phase[];
  readonly #start: Micros;
  readonly #end: Micros;
  readonly #arrival = emptyArrival();
  readonly #wireTimers: LateTimers;

  constructor(input: ReplayInput) {
    this.#input = input;
    const { scenario, model, random, start, end } = input;
    this.#scenario = scenario;
    this.#random = random;
    this.#start = start;
    this.#end = end;
    // Probing begins before the run: the clock is set back to that moment below, before anything is timed.
    this.#clock = new VirtualClock(start, this.#queue, TIMER);
    this.#wireTimers = new LateTimers(this.#clock, this.#queue, WIRE_TIMER);
    this.#world = new SimWorld(model, scenario.world, PLACES, this.#clock, random, {
      wireTimers: this.#wireTimers,
      seed: input.seed,
      pages: input.pages,
      ownPages: scenario.pages.length > 0,
      edgeSeed: input.probeSeed,
    });
    const { withdrawn } = this.#world;
    this.#whereabouts = new Whereabouts(input.locator, scenario.world.pops, (pop) => withdrawn.has(pop));
    this.#world.onPlacesChanged = () => this.#placesChanged();
    this.#world.onIgnoreTtl = (ignore) => this.#resolvers.setIgnoreTtl(ignore);
    this.#traffic = new Traffic(input, (policy, perPop) => this.#resolvers.addSource(policy, perPop));
    this.#clients = new ClientTable(model, (client) => this.#traffic.addressOf(client));
    this.#phases = phasesOf(scenario, start, end);
    const regions = [...REGIONS.map((region) => region.code), 'none'];
    this.#ledger = new Ledger({
      startUs: start,
      endUs: end,
      bucketUs: scenario.bucketUs ?? bucketWidthUs(end - start),
      regions,
      pools: model.pools.map((pool) => pool.id),
      origins: this.#world.originCount,
      phaseEnds: this.#phases.map((phase) => phase.toUs),
    });
    this.#trace = new TraceWriter(scenario.trace, input.traceSink);
    const inUse = input.locator.popsInUse.map((code) => PLACES.indexOf(code)!);
    this.#probes = new ProbeRunner(
      model,
      this.#world,
      this.#queue,
      random,
      start,
      inUse,
      (event, origin) => this.#healthChanged(event, origin),
      input.probeSeed,
    );
    const { steady } = input;
    const { warmUpFrom } = this.#probes;
    this.#clock.advance(steady === undefined ? warmUpFrom : micros(Math.min(warmUpFrom, steadyFrom(start, steady))));
    if (steady !== undefined)
      planSteadyRounds(input, steady, this.#clock, (pop, request) =>
        this.#flights.steady(pop, request, this.#clock.now()),
      );
    this.#clock.at(start, () => {
      this.#world.wire?.countFromHere();
      this.#probes.openBeats();
      for (const origin of this.#world.origins) origin.countProbes();
    });
    const resolvers = new ResolverFleet(model, input.locator, random.fork('resolvers'));
    this.#flights = new Flights(model, {
      queue: this.#queue,
      world: this.#world,
      clients: this.#clients,
      ledger: this.#ledger,
      resolvers,
      story: this.#story,
      trace: this.#trace,
      health: this.#probes.board,
      random,
      whereabouts: this.#whereabouts,
      regionRow: Int32Array.from([regions.length - 1, ...REGIONS.map((region) => region.index)]),
      pops: POPS.length,
      onLane: (pop, listener, state, reason) => this.#laneChanged(pop, listener, state, reason),
      countsLoad: [model, ...input.changes.map((change) => change.model)].some(readsLoad),
    });
    this.#resolvers = resolvers;
    this.#world.estate.onReplaced = (listener, at) => this.#replaced(listener, at);
    this.#world.railgunModel.onLane = (pop, listener, state, reason) => this.#laneChanged(pop, listener, state, reason);
  }
  readonly #resolvers: ResolverFleet;

  async play(): Promise<RunReport> {
    await this.#begin();
    const stopped = await this.#run(true);
    const reached = stopped === undefined ? this.#end : this.#clock.now();
    await this.#traffic.close();
    this.#clients.endAllSessions();
    this.#trace.event(this.#mark(stopped === undefined ? 'end' : 'interrupted'));
    this.#trace.flush();
    const report = this.#report(stopped, reached);
    return { ...report, warnings: [...report.warnings, ...stopWarnings(this.#input.stops, report)] };
  }

  async explain(question: Question): Promise<Explanation> {
    await this.#begin();
    await this.#run(false);
    await this.#traffic.close();
    const location = this.#whereabouts.locate(question.location);
    return { ...this.#flights.ask({ ...question, location }), model: this.#flights.model };
  }

  async #begin(): Promise<void> {
    this.#trace.event(this.#mark('start'));
    this.#traffic.begin(this.#clients);
    for (const event of this.#scenario.timeline) this.#plan(event);
    await this.#traffic.fill();
  }

  /** Until the end of the run and of all that was under way then. Returns why it stopped early, or `undefined`. */
  async #run(drain: boolean): Promise<string | undefined> {
    const { signal, onProgress, turn } = this.#input;
    for (;;) {
      const state = this.#slice(drain);
      if (state === 'done') return undefined;
      if (state === 'starved') {
        await this.#traffic.fill();
        continue;
      }
      onProgress?.({ now: this.#clock.now(), start: this.#start, end: this.#end, requests: this.#flights.count });
      // A pressed Ctrl-C is only seen between two slices, when the outside world has its turn.
      await turn?.();
      if (signal?.aborted === true) return 'interrupted';
    }
  }

  #slice(drain: boolean): 'done' | 'more' | 'starved' {
    const queue = this.#queue;
    const flights = this.#flights;
    const clock = this.#clock;
    const end = this.#end;
    const arrival = this.#arrival;
    const traffic = this.#traffic;
    const { hasLogs } = traffic;
    if (traffic.starved()) return 'starved';
    let source = traffic.soonest();
    let arrivesAt = source === undefined ? Number.POSITIVE_INFINITY : source.nextAt;
    for (let step = 0; step < SLICE; step += 1) {
      const eventAt = queue.nextAt;
      if (arrivesAt < eventAt && arrivesAt < end) {
        clock.advance(arrivesAt as Micros);
        source!.take(arrival);
        flights.now = arrival.at;
        flights.arrive(arrival);
        if (hasLogs && traffic.starved()) return 'starved';
        source = traffic.soonest();
        arrivesAt = source === undefined ? Number.POSITIVE_INFINITY : source.nextAt;
        continue;
      }
      if (eventAt === Number.POSITIVE_INFINITY || (!drain && eventAt >= end)) return 'done';
      const { kind, operand } = queue;
      queue.drop();
      // After the end only requests under way are finished; nothing new begins.
      if (eventAt >= end && kind !== COMPLETE && !(kind === WIRE_TIMER && flights.inFlight > 0)) continue;
      clock.advance(eventAt as Micros);
      if (kind === COMPLETE) {
        flights.now = eventAt as Micros;
        flights.complete(operand);
      } else if (kind === PROBE_RESULT) this.#probes.result(operand, eventAt as Micros);
      else if (kind === PROBE_DUE) this.#probes.wake(eventAt as Micros);
      else if (kind === WIRE_TIMER) this.#wireTimers.fire(operand);
      else clock.fire(operand);
    }
    return 'more';
  }

  // Places

  #placesChanged(): void {
    this.#whereabouts.changed();
    const { withdrawn } = this.#world;
    for (const pop of this.#whereabouts.pops) this.#probes.setDataCenter(pop, !withdrawn.has(pop));
  }

  // Timeline

  #plan(event: TimelineEvent): void {
    const at = momentOf(event.moment, this.#start);
    switch (event.kind) {
      case 'fault':
        this.#clock.at(at, () => this.#startFault(event, at));
        return;
      case 'heal':
        this.#clock.at(at, () => this.#heal(event.what, at, event.line));
        return;
      case 'set': {
        const change = this.#input.changes.find((planned) => planned.event === event);
        if (change !== undefined) this.#clock.at(at, () => this.#change(change, at));
        return;
      }
      default:
        this.#clock.at(at, () =>
          this.#story.tell({ atUs: at, kind: 'note', tone: 'neutral', text: event.note, line: event.line }),
        );
    }
  }

  #startFault(event: Extract<TimelineEvent, { kind: 'fault' }>, at: Micros): void {
    const { fault, target, parameters, forUs, line } = event;
    const struck = struckBy(fault, target, this.#input.model, this.#scenario.world);
    const knobs = struck.listeners.size > 0 ? LISTENER_KNOBS : this.#probes.knobs([...struck.origins]);
    const outage = this.#story.open(spell(target), fault.name, struck, at, knobs);
    const undo = fault.start(this.#world, target, parameters);
    const active: ActiveFault = { event, undo, outage };
    this.#faults.add(active);
    this.#trace.event({ at, event: 'fault', fault: fault.name, target: spell(target), line });
    this.#story.tell(faultBegins(event, at));
    if (forUs > 0) this.#clock.at(micros(at + forUs), () => this.#endFault(active, micros(at + forUs), line));
  }

  #heal(what: string, at: Micros, line: number): void {
    for (const active of [...this.#faults]) {
      if (isMeant(what, active.event.fault.name, active.event.target)) this.#endFault(active, at, line);
    }
  }

  #endFault(active: ActiveFault, at: Micros, line: number): void {
    if (!this.#faults.delete(active)) return;
    const { fault, target } = active.event;
    const startUpUs = startUpOf(fault, target, this.#scenario.world.startUp);
    if (startUpUs === 0) active.undo();
    else this.#clock.at(micros(at + startUpUs), active.undo);
    active.outage?.heal(at);
    this.#trace.event({ at, event: 'heal', fault: fault.name, target: spell(target), line });
    this.#story.tell(faultEnds(active.event, at, line, startUpUs));
  }

  #change(change: ReplayInput['changes'][number], at: Micros): void {
    this.#probes.adopt(change.model, at);
    this.#flights.adopt(change.model, this.#probes.board);
    this.#resolvers.adopt(change.model);
    const { line, note } = change.event;
    for (const [target, fields] of change.event.changes) {
      for (const [field, value] of Object.entries(fields)) {
        const text = JSON.stringify(value) ?? 'null';
        this.#trace.event({ at, event: 'change', target, field, value: text, line });
        this.#story.tell(fieldChanged(target, field, text, note, at, line));
      }
    }
  }

  // What follows

  #healthChanged(event: HealthEvent, origin: number): void {
    this.#trace.event(event);
    const good = event.to === 'healthy';
    if (event.scope === 'origin') {
      if (event.where === 'global') this.#story.health(origin, good, event.at);
      if (event.where === 'global' && event.from !== 'unprobed') {
        const name = `${event.pool}/${event.origin}`;
        this.#story.tell(originIs(name, event.to, event.reason, event.at), name);
      }
    } else if (event.where === 'global' && event.from !== 'unprobed') {
      this.#story.tell(poolIs(event.pool, event.from, event.to, event.at), `pool/${event.pool}`);
    }
  }

  #laneChanged(pop: number, listener: number, state: string, reason: string): void {
    const at = this.#clock.now();
    if (at < this.#start) return;
    const name = PLACES.codeOf(pop);
    this.#trace.event({ at, event: 'link', pop: name, listener: String(listener + 1), state, reason });
    const open = state === 'open';
    this.#story.lane(listener, open, at);
    // That lanes open at first is no news.
    if (open && !this.#lanesLost.delete(pop)) return;
    if (!open) this.#lanesLost.add(pop);
    this.#story.tell(laneIs(name, `listener ${listener + 1}`, state, reason, at), `lane/${listener}/${state}`);
  }

  #replaced(listener: number, at: number): void {
    this.#story.tell(listenerReplaced(listener, at));
  }

  // The report

  #mark(event: 'start' | 'end' | 'interrupted') {
    return {
      at: event === 'start' ? this.#start : this.#clock.now(),
      event,
      scenario: this.#scenario.name,
      seed: this.#input.seed,
      config: this.#input.configHash,
      requests: this.#flights.count,
    } as const;
  }

  #report(stopped: string | undefined, reached: Micros): RunReport {
    return makeReport({
      kind: 'replay',
      input: this.#input,
      traffic: this.#traffic,
      ledger: this.#ledger,
      story: this.#story,
      clients: this.#clients,
      phases: this.#phases,
      partial: stopped === undefined ? null : { reason: stopped, atUs: reached },
      origins: this.#world.origins,
      beatsOf: (origin) => this.#probes.beats(origin),
      pops: this.#flights.popRows(),
      dns: () => this.#resolvers.summary(),
      lanes: this.#world.lanes(),
      assumptions: [
        'Latency is from the edge to the origin and back; the way between client and edge is not part of it.',
        ...linkAssumptions(this.#scenario, this.#world.wire !== undefined),
      ],
    });
  }
}

function linkAssumptions({ traffic }: Scenario, wire: boolean): readonly string[] {
  if (!wire) return [];
  const mixed = traffic.some(({ fidelity }) => fidelity === 'flow');
  return [
    mixed
      ? 'Requests at wire fidelity cross the link as real bytes through the real machines, on lanes of their own; the others as arithmetic.'
      : 'Requests cross the link as real bytes through the real machines; direct ones are arithmetic.',
  ];
}
