/**
 * One drill, from a lab that stands to one that is gone. READ THIS FIRST to learn what happens when.
 *
 *   lab up ─► steady state ─► calendar ─► timeline, load, stop conditions ─► drain ─► heal ─► steady again ─► rollback, always
 *                │ no                          │ stop_if, Ctrl-C, a death
 *                └─► rollback                  └─► heal ─► rollback
 *
 * Load is open loop: arrivals come when the scenario says, whatever became of those before. The lab and the wall's clock live in wall time,
 * everything that is written down in the scenario's: `scenario = wall - wallStart + start`.
 *
 * Sockets, processes and the clock are handed in (`DrillPorts`), so that tests play a drill in virtual time.
 */
import { parseConfig } from '../config/config-file.ts';
import { applyChange } from '../config/change.ts';
import { LAB_LIMITS } from '../config/context.ts';
import { judge } from '../checks/judge.ts';
import type { Scheduler } from '../core/ports.ts';
import type { DrillFacts, RunReport } from '../core/report.ts';
import { type Micros, US_PER_SECOND, after, micros } from '../core/time.ts';
import { type Arrival, emptyArrival } from '../replay/arrivals.ts';
import { Histogram } from '../replay/histogram.ts';
import { CODES, type ReplayInput } from '../replay/load.ts';
import { pageTarget } from '../replay/page-target.ts';
import { type TimelineEvent, momentOf } from '../replay/scenario.ts';
import type { OutageHandle } from '../replay/story.ts';
import { isMeant, spell } from '../replay/telling.ts';
import { Traffic } from '../replay/traffic.ts';
import { Whereabouts } from '../replay/whereabouts.ts';
import { Book, type Flight, popsOf } from './book.ts';
import { fateAtEdge, fateAtOrigin, noEdge, notResolved, turnedAway } from './fates.ts';
import { RayJoin } from './join.ts';
import { BYTES_FIELD, type EdgeRecord, type Lab, type LabEdge, LabError, type LabEvent, TEXT_FIELD } from './lab.ts';
import { calendarSeconds, longestIntervalUs } from './monitors.ts';
import { DrillResolvers } from './resolvers.ts';
import { restartedKinds, startUpNotes, withStartUp } from './start-up.ts';
import { LEAD_US, STEADY_PAGE, pause, type Steadiness, waitForSteady } from './steady.ts';
import { type DrillPhase, SPARK_SECONDS, type View } from './view.ts';
import { fieldsOf, sessionItems, targetOf } from './visitors.ts';
import { ANSWER_LIMIT_MS, type Ask, MAX_IN_FLIGHT, type Send, type WireAnswer } from './wire.ts';

export interface DrillPorts {
  readonly scheduler: Scheduler;
  readonly send: Send;
  readonly ask: Ask;
  /** Brings the lab up; rejects with a LabError. */
  readonly startLab: () => Promise<Lab>;
  readonly signal: AbortSignal;
  readonly onView?: ((view: View) => void) | undefined;
}

export type DrillOutcome =
  /** Nothing was begun, or nothing was injected. */
  | {
      readonly kind: 'lab_failed';
      readonly message: string;
      readonly hint: string;
      readonly leftovers: readonly string[];
    }
  | { readonly kind: 'not_steady'; readonly why: string; readonly leftovers: readonly string[] }
  | { readonly kind: 'interrupted'; readonly leftovers: readonly string[] }
  | {
      readonly kind: 'ran';
      readonly ended: DrillFacts['ended'];
      /** Empty when it ended as planned. */
      readonly why: string;
      readonly report: RunReport;
      /** What it is to be compared with. */
      readonly prediction: RunReport;
      /** Why it was not steady again after the heal; empty when it was, or was not waited for. */
      readonly notRecovered: string;
      readonly leftovers: readonly string[];
    };

export interface DrillPlan {
  readonly input: ReplayInput;
  readonly prediction: RunReport;
  /** The prediction anew, of an input that knows more of this machine. */
  readonly foresee: (input: ReplayInput) => Promise<RunReport>;
  readonly pace: number;
  readonly notes: readonly string[];
}

/** An edge writes its log in pieces: a line that has not come after this long will not come. */
const LINE_GRACE_US = 5 * US_PER_SECOND;
/** Requests that one turn of the loop may send: the rest is sent after timers and sockets had theirs. */
const BURST = 256;
/** After the end requests under way are finished; a little longer than the longest of them may take. */
const DRAIN_LIMIT_US = (ANSWER_LIMIT_MS + 5_000) * 1_000;
/** After a stop, in which nobody waits for the slow ones. */
const STOPPED_DRAIN_US = 2 * US_PER_SECOND;
/** Time for a steady state to come about, beside two of the longest probe intervals. */
const STEADY_LIMIT_US = 30 * US_PER_SECOND;
/** Lines of the story in the live view. */
const VIEW_LINES = 8;

type FaultEvent = Extract<TimelineEvent, { kind: 'fault' }>;

interface ActiveFault {
  readonly event: FaultEvent;
  readonly outage: OutageHandle;
  /** What undoes it, once it is done. */
  readonly started: Promise<() => Promise<void>>;
}

export function runDrill(plan: DrillPlan, ports: DrillPorts): Promise<DrillOutcome> {
  return new Drill(plan, ports).run();
}

class Drill {
  readonly #plan: DrillPlan;
  #input: ReplayInput;
  #prediction: RunReport;
  #notes: readonly string[];
  readonly #ports: DrillPorts;
  readonly #scheduler: Scheduler;
  readonly #arrival: Arrival = emptyArrival();
  readonly #lateness = new Histogram();
  readonly #active = new Set<ActiveFault>();
  readonly #operations = new Set<Promise<void>>();
  readonly #whereabouts: Whereabouts;
  /** How many faults hold each PoP out. */
  readonly #withdrawn = new Map<number, number>();
  readonly #items: readonly string[];
  readonly #healthVersion = new Map<string, number>();
  readonly #edges = new Map<string, LabEdge>();
  readonly #lanes = new Map<string, boolean>();
  readonly #leftovers: string[] = [];
  #lab: Lab | undefined;
  #book!: Book;
  #resolvers!: DrillResolvers;
  #join!: RayJoin<{ readonly flight: Flight; readonly answer: WireAnswer }>;
  /** wall - scenario; NaN until the run begins. */
  #offset = Number.NaN;
  #phase: DrillPhase = 'lab';
  #note = '';
  #inFlight = 0;
  #peak = 0;
  #turnedAway = 0;
  #faultLateness = 0;
  #epoch = 0;
  #lanesLost = 0;
  #lastChange: { at: Micros; what: string };
  #raw: unknown;
  #changed = false;
  #over: { readonly ended: DrillFacts['ended']; readonly why: string } | undefined;
  #onOver: () => void = () => {};
  #onDrained: () => void = () => {};
  #rejected: readonly number[] = [];
  #second = { requests: 0, failed: 0, ended: 0, perSecond: 0, failedPerSecond: 0 };
  readonly #shares: { readonly name: string; readonly shares: number[] }[];
  readonly #poolCounts: number[];

  constructor(plan: DrillPlan, ports: DrillPorts) {
    this.#plan = plan;
    this.#input = plan.input;
    this.#prediction = plan.prediction;
    this.#notes = plan.notes;
    this.#ports = ports;
    this.#scheduler = ports.scheduler;
    const { locator, scenario } = plan.input;
    this.#whereabouts = new Whereabouts(locator, scenario.world.pops, (pop) => (this.#withdrawn.get(pop) ?? 0) > 0);
    this.#lastChange = { at: ports.scheduler.now(), what: 'the lab has just come up' };
    this.#items = sessionItems(plan.input.model);
    this.#raw = plan.input.raw;
    this.#shares = plan.input.model.pools.map((pool) => ({ name: pool.name, shares: [] }));
    this.#poolCounts = plan.input.model.pools.map(() => 0);
  }

  async run(): Promise<DrillOutcome> {
    const { signal } = this.#ports;
    this.#enter('lab', 'starting processes');
    let lab: Lab;
    try {
      lab = await this.#ports.startLab();
    } catch (error) {
      if (signal.aborted) return { kind: 'interrupted', leftovers: [] };
      if (error instanceof LabError)
        return { kind: 'lab_failed', message: error.message, hint: error.hint, leftovers: [] };
      throw error;
    }
    this.#lab = lab;
    try {
      return await this.#withLab(lab);
    } catch (error) {
      // Our own mistake: the lab still has to go.
      await this.#rollback(lab);
      throw error;
    }
  }

  async #withLab(lab: Lab): Promise<DrillOutcome> {
    const { signal } = this.#ports;
    await this.#learn(lab);
    for (const edge of lab.edges) this.#edges.set(edge.pop, edge);
    this.#book = new Book(this.#input, lab.edges.length, () => this.#makeTraffic());
    this.#join = new RayJoin(({ flight, answer }, record) => {
      const fate = fateAtEdge(answer, record);
      this.#ended(flight, fate, answer, record);
    });
    lab.onRecord = (record) => this.#join.record(this.#shifted(record));
    lab.onEvent = (event) => this.#heard(event);

    this.#enter('steady state', 'waiting until every edge serves and health is settled');
    const before = await this.#steady(signal);
    if (!before.ok) {
      const leftovers = await this.#rollback(lab);
      if (signal.aborted) return { kind: 'interrupted', leftovers };
      if (this.#over !== undefined) return { kind: 'lab_failed', message: this.#over.why, hint: '', leftovers };
      return { kind: 'not_steady', why: before.why, leftovers };
    }
    const wallStart = await this.#begin(lab);
    const bytesBefore = sumOf(lab.wanBytes());
    await this.#play();
    const { ended: first, why } = this.#over!;
    const reached = this.#now();
    this.#enter('draining', 'requests under way are finished');
    await this.#drain(first === 'finished' ? DRAIN_LIMIT_US : STOPPED_DRAIN_US);
    // Who does not want to wait for the last answers gets a report all the same.
    let ended = first === 'finished' && signal.aborted ? 'interrupted' : first;
    const laneBytes = sumOf(lab.wanBytes()) - bytesBefore;
    await Promise.allSettled(this.#operations);
    await lab.settle().catch(() => {});
    this.#join.giveUp(Number.POSITIVE_INFINITY);
    this.#rejected = await lab.rejected().catch(() => this.#rejected);
    await this.#book.traffic.close();
    this.#book.clients.endAllSessions();
    this.#book.mark(ended === 'finished' ? 'end' : 'interrupted', ended === 'finished' ? this.#input.end : reached);
    const partial = ended === 'finished' ? null : { reason: why || 'interrupted', atUs: reached };
    const report = this.#report(partial);

    let steadyAfter: Steadiness | undefined;
    if (ended === 'finished') {
      this.#enter('recovery', 'everything is healed; waiting until it is steady again');
      await this.#healAll();
      steadyAfter = await this.#steady(signal);
      // All was measured by then; what is missing is whether it recovers.
      if (!steadyAfter.ok && signal.aborted) ended = 'interrupted';
    }
    const leftovers = await this.#rollback(lab);
    const drill: DrillFacts = {
      pace: this.#plan.pace,
      wallStartUs: wallStart,
      ended,
      notes: this.#notes,
      lateness: {
        p50Us: this.#lateness.quantile(0.5),
        p99Us: this.#lateness.quantile(0.99),
        maxUs: this.#lateness.max,
      },
      inFlight: { peak: this.#peak, limit: MAX_IN_FLIGHT, turnedAway: this.#turnedAway },
      unjoined: this.#join.unjoined,
      laneBytes: usesLink(this.#input) ? laneBytes : null,
      steadyBeforeUs: before.tookUs,
      steadyAfterUs: steadyAfter?.ok === true ? steadyAfter.tookUs : null,
      faultLatenessUs: this.#faultLateness,
      leftovers,
    };
    this.#enter('done', '');
    return {
      kind: 'ran',
      ended,
      why,
      prediction: this.#prediction,
      report: {
        ...report,
        warnings: [...report.warnings, ...this.#warnings()],
        drill,
        failures: this.#book.failures,
      },
      notRecovered: steadyAfter === undefined || steadyAfter.ok ? '' : steadyAfter.why,
      leftovers,
    };
  }

  // Before and after

  /** How long processes take to start here belongs into the prediction, and into the story. */
  async #learn({ startUp }: Lab): Promise<void> {
    const kinds = restartedKinds(this.#input.scenario);
    if (kinds.size === 0) return;
    this.#input = withStartUp(this.#input, startUp);
    this.#notes = [...this.#notes, ...startUpNotes(this.#input.scenario, kinds)];
    this.#enter('lab', 'the prediction once more, with the time that processes take to start here');
    this.#prediction = await this.#plan.foresee(this.#input);
  }

  async #steady(signal: AbortSignal): Promise<Steadiness> {
    const { model } = this.#input;
    const forgiving = this.#failsFromTheStart();
    return waitForSteady({
      scheduler: this.#scheduler,
      signal,
      limitUs: STEADY_LIMIT_US + 2 * longestIntervalUs(model),
      round: async () => {
        const wrong = await this.#askEverything();
        // Where the prediction itself fails requests from the start, failures are no news.
        return forgiving ? undefined : wrong;
      },
      lost: () => (this.#over?.ended === 'broken' ? this.#over.why : undefined),
      lastChange: () => this.#lastChange,
      wrong: () => this.#wrongHealth(),
    });
  }

  /** The prediction itself fails requests before the first fault; more than those that were under way when it came. */
  #failsFromTheStart(): boolean {
    const { counts, failed } = this.#prediction.placement;
    const sum = (table: readonly (readonly number[])[] | undefined): number =>
      table?.flat().reduce((total, count) => total + count, 0) ?? 0;
    return sum(failed[0]) > 0.01 * sum(counts[0]);
  }

  /** Every name at every edge, once. */
  async #askEverything(): Promise<string | undefined> {
    const { scenario, model, balancerOf } = this.#input;
    const asked = new Map<number, { host: string; path: string }>();
    for (const spec of scenario.traffic) {
      const balancer = balancerOf(spec.host);
      const name = model.loadBalancers[balancer]?.name;
      if (name === undefined || asked.has(balancer)) continue;
      asked.set(balancer, { host: spec.host ?? name, path: spec.kind === 'clients' ? spec.path : '/' });
    }
    const questions = [...this.#edges.values()].flatMap((edge) =>
      [...asked].map(([balancer, { host, path }]) => this.#askOne(edge, balancer, host, path)),
    );
    return (await Promise.all(questions)).find((wrong) => wrong !== undefined);
  }

  async #askOne(edge: LabEdge, balancer: number, host: string, path: string): Promise<string | undefined> {
    const { send, ask } = this.#ports;
    const { name, proxied } = this.#input.model.loadBalancers[balancer]!;
    const fields = { [BYTES_FIELD]: String(STEADY_PAGE.bodyBytes), [TEXT_FIELD]: '1' };
    const target = pageTarget(path, STEADY_PAGE.page);
    const where = `${edge.pop}, ${name}`;
    if (proxied) {
      const answer = await send({ endpoint: edge.listen, host, method: 'GET', target, fields });
      const fate = fateAtEdge(answer, undefined);
      return fate.cause === '' ? undefined : `${where}: ${fate.cause}${fate.status === 0 ? '' : ` (${fate.status})`}`;
    }
    const reply = edge.dns === undefined ? undefined : await ask(edge.dns, name, 0);
    const address = reply?.addresses[0];
    if (address === undefined) return `${where}: the name does not resolve`;
    const known = this.#lab!.endpointOf(edge.pop, address);
    if (known === undefined) return undefined;
    const fate = fateAtOrigin(await send({ endpoint: known.endpoint, host, method: 'GET', target, fields }));
    return fate.cause === '' ? undefined : `${where}: ${fate.cause} at ${address}`;
  }

  /** An origin that most edges say is down although the prediction begins with it up. */
  #wrongHealth(): string | undefined {
    let number = 0;
    for (const pool of this.#prediction.pools) {
      for (const origin of pool.origins) {
        const predicted = origin.beats[0]?.state ?? '';
        const found = this.#book.opinion(number);
        number += 1;
        if (predicted === 'healthy' && found !== 'healthy' && found !== 'unprobed')
          return `${pool.id}/${origin.name} is ${found}, and should be healthy`;
      }
    }
    return undefined;
  }

  /** Waits for a moment at which the probes' calendar stands where it stands at the scenario's start, and opens the books there. */
  async #begin(lab: Lab): Promise<Micros> {
    const { start, model } = this.#input;
    const period = calendarSeconds(model) * US_PER_SECOND;
    const soonest = after(this.#scheduler.now(), LEAD_US);
    const ahead = (((start - soonest) % period) + period) % period;
    const wallStart = micros(soonest + ahead);
    this.#enter('calendar', `probes are where the scenario begins in ${(ahead / 1e6).toFixed(1)} s`);
    await lab.begin?.(wallStart);
    await pause(this.#scheduler, Math.max(0, wallStart - this.#scheduler.now()));
    this.#offset = wallStart - start;
    return wallStart;
  }

  #makeTraffic(): Traffic {
    const resolvers = new DrillResolvers(this.#input.model, this.#input.random.fork('resolvers'), {
      now: () => this.#now(),
      version: (pop) => (this.#healthVersion.get(popCode(this.#input, pop)) ?? 0) + this.#epoch,
      ask: this.#ports.ask,
    });
    this.#resolvers = resolvers;
    return new Traffic(this.#input, (policy, perPop) => resolvers.addSource(policy, perPop));
  }

  // The run

  async #play(): Promise<void> {
    const { signal } = this.#ports;
    const { scenario, start, end } = this.#input;
    const { traffic, clients } = this.#book;
    this.#enter('running', '');
    this.#book.mark('start', start);
    traffic.begin(clients);
    await traffic.fill();
    const over = new Promise<void>((resolve) => {
      this.#onOver = resolve;
      if (this.#over !== undefined) resolve();
    });
    const abort = (): void => this.#stop('interrupted', 'interrupted');
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    for (const event of scenario.timeline) this.#plannedEvent(event);
    this.#at(end, () => this.#stop('finished', ''));
    this.#tick();
    this.#pump();
    await over;
    signal.removeEventListener('abort', abort);
  }

  #stop(ended: DrillFacts['ended'], why: string): void {
    if (this.#over !== undefined) return;
    this.#over = { ended, why };
    this.#book.close();
    this.#onOver();
  }

  /** Sends what is due and comes back when the next is. */
  readonly #pump = (): void => {
    const { traffic } = this.#book;
    for (let burst = 0; burst < BURST; burst += 1) {
      if (this.#over !== undefined) return;
      if (traffic.starved()) {
        void traffic.fill().then(this.#pump);
        return;
      }
      const source = traffic.soonest();
      const at = source?.nextAt ?? Number.POSITIVE_INFINITY;
      if (source === undefined || at >= this.#input.end) {
        return;
      }
      if (at > this.#now()) {
        this.#at(micros(at), this.#pump);
        return;
      }
      source.take(this.#arrival);
      this.#send(this.#arrival);
    }
    this.#at(this.#now(), this.#pump);
  };

  #send(arrival: Arrival): void {
    const { clients } = this.#book;
    const { scenario, model } = this.#input;
    const sentAt = this.#now();
    const location = this.#whereabouts.locate(clients.location(arrival.client));
    const balancer = model.loadBalancers[arrival.balancer]!;
    const flight: Flight = {
      n: this.#book.next(),
      at: arrival.at,
      sentAt,
      client: arrival.client,
      balancer: arrival.balancer,
      location,
      host: arrival.host === '' ? balancer.name : arrival.host,
      target: targetOf(scenario.traffic[arrival.source]!, arrival),
      direct: undefined,
    };
    this.#second.requests += 1;
    if (this.#inFlight >= MAX_IN_FLIGHT) {
      this.#turnedAway += 1;
      this.#ended(flight, turnedAway(), undefined, undefined);
      return;
    }
    this.#lateness.add(Math.max(0, sentAt - arrival.at));
    this.#inFlight += 1;
    this.#peak = Math.max(this.#peak, this.#inFlight);
    const address = clients.address(arrival.client);
    const fields = fieldsOf(arrival, address, location, clients.cookie(arrival.client), this.#items);
    const way = balancer.proxied
      ? this.#throughEdge(flight, arrival.method, fields)
      : this.#byName(flight, arrival.source, arrival.key, arrival.method, fields);
    void way.finally(() => {
      this.#inFlight -= 1;
      this.#onDrained();
    });
  }

  async #throughEdge(flight: Flight, method: string, fields: Readonly<Record<string, string>>): Promise<void> {
    const edge = this.#edges.get(flight.location.pop);
    if (edge === undefined) {
      this.#ended(flight, noEdge(), undefined, undefined);
      return;
    }
    const { host, target, client } = flight;
    const answer = this.#inScenario(await this.#ports.send({ endpoint: edge.listen, host, method, target, fields }));
    this.#book.clients.keep(client, answer.setCookie);
    this.#join.view(edge.pop, answer.ray, { flight, answer }, this.#scheduler.now());
  }

  /** DNS-only: the client asks its resolver, and goes to the origin by itself. No edge, no second try. */
  async #byName(
    flight: Flight,
    source: number,
    key: number,
    method: string,
    fields: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { location, client, balancer, host, target } = flight;
    const edge = this.#edges.get(location.pop);
    const found = await this.#resolvers.lookup({ source, client, balancer, key }, location.popIndex, edge?.dns);
    const { address, stale } = found;
    if (address === undefined) {
      this.#ended({ ...flight, direct: { origin: -1, stale } }, notResolved(), undefined, undefined);
      return;
    }
    const known = this.#lab!.endpointOf(location.pop, address);
    const direct = { origin: known?.origin ?? -1, stale };
    if (known === undefined) {
      // The zone's own record: none of our origins, and nobody to ask.
      this.#ended({ ...flight, direct }, { ending: 0, cause: '', status: 200 }, undefined, undefined);
      return;
    }
    const sent = await this.#ports.send({ endpoint: known.endpoint, host, method, target, fields });
    // The kernel refuses on loopback at once; from an origin that is far away the refusal takes a round trip.
    const lateUs = sent.error === 'ECONNREFUSED' ? known.roundTripUs : 0;
    if (lateUs > 0) await pause(this.#scheduler, lateUs);
    const answer = this.#inScenario({ ...sent, endAt: sent.endAt + lateUs });
    this.#ended({ ...flight, direct }, fateAtOrigin(answer), answer, undefined);
  }

  #ended(
    flight: Flight,
    fate: ReturnType<typeof fateAtEdge>,
    answer: WireAnswer | undefined,
    record: EdgeRecord | undefined,
  ): void {
    this.#book.ended({ flight, fate, answer, record });
    if (fate.cause !== '') this.#second.failed += 1;
    const at = this.#book.poolOf(flight, record);
    if (at >= 0) this.#poolCounts[at]! += 1;
    this.#second.ended += 1;
  }

  /** Once a second: lines that will not come any more, stop conditions, the live view. */
  readonly #tick = (): void => {
    if (this.#over !== undefined) return;
    this.#join.giveUp(this.#scheduler.now() - LINE_GRACE_US);
    this.#countSecond();
    const { stops } = this.#input;
    if (stops.length > 0) {
      const now = this.#now();
      const report = this.#report({ reason: 'the drill goes on', atUs: now });
      for (const { check, line } of stops) {
        const { pass, text } = judge(check, report, line);
        if (pass) {
          this.#stop('stopped', `stop_if "${check.text}": ${text}`);
          return;
        }
      }
    }
    this.#show();
    this.#scheduler.at(after(this.#scheduler.now(), US_PER_SECOND), this.#tick);
  };

  // The timeline

  #plannedEvent(event: TimelineEvent): void {
    const at = momentOf(event.moment, this.#input.start);
    const due = (run: () => void): void => {
      this.#at(at, () => {
        if (this.#over === undefined) run();
      });
    };
    switch (event.kind) {
      case 'fault':
        due(() => this.#startFault(event, at));
        return;
      case 'heal':
        due(() => this.#heal(event.what, at, event.line));
        return;
      case 'set':
        due(() => this.#change(event, at));
        return;
      default:
        due(() => this.#book.note(event.note, event.line, at));
    }
  }

  #startFault(event: FaultEvent, at: Micros): void {
    const { fault, target, forUs, line } = event;
    const outage = this.#book.faultBegins(event, at);
    const started = this.#injure(event).then((undo) => {
      this.#faultLateness = Math.max(this.#faultLateness, Math.round(this.#now() - at));
      return undo;
    });
    const active: ActiveFault = { event, outage, started };
    this.#active.add(active);
    this.#watch(
      started.then(
        () => {},
        (error: unknown) => {
          this.#active.delete(active);
          this.#stop('broken', `${spell(target)}: ${fault.name} could not be done: ${messageOf(error)}`);
        },
      ),
    );
    if (forUs > 0) this.#at(micros(at + forUs), () => this.#endFault(active, micros(at + forUs), line));
    this.#show();
  }

  /** Two faults act on clients and resolvers, which are ours; the rest is the lab's. */
  async #injure({ fault, target, parameters }: FaultEvent): Promise<() => Promise<void>> {
    if (fault.name === 'withdraw') {
      const pops = popsOf(target);
      this.#withdraw(pops, true);
      return async () => this.#withdraw(pops, false);
    }
    if (fault.name === 'ignore_ttl') {
      this.#resolvers.ignoreTtl(true);
      return async () => this.#resolvers.ignoreTtl(false);
    }
    return this.#lab!.startFault(fault, target, parameters);
  }

  #withdraw(pops: readonly number[], on: boolean): void {
    for (const pop of pops) this.#withdrawn.set(pop, (this.#withdrawn.get(pop) ?? 0) + (on ? 1 : -1));
    this.#whereabouts.changed();
  }

  #heal(what: string, at: Micros, line: number): void {
    for (const active of [...this.#active]) {
      if (isMeant(what, active.event.fault.name, active.event.target)) this.#endFault(active, at, line);
    }
  }

  #endFault(active: ActiveFault, at: Micros, line: number): void {
    // After the end nothing heals by its own hand: what is left is undone by the rollback, as the replay's faults stay.
    if (this.#over !== undefined || !this.#active.delete(active)) return;
    this.#book.faultEnds(active.event, active.outage, at, line);
    this.#watch(this.#undo(active));
    this.#show();
  }

  async #undo({ event, started }: ActiveFault): Promise<void> {
    const undo = await started.catch(() => undefined);
    if (undo === undefined) return;
    try {
      await undo();
    } catch (error) {
      this.#leftovers.push(`${spell(event.target)}: ${event.fault.name} was not undone: ${messageOf(error)}`);
    }
  }

  #change(event: Extract<TimelineEvent, { kind: 'set' }>, at: Micros): void {
    let raw = this.#raw;
    // Worked out when the scenario was read, and again here with the wall's time: a drain counts from it.
    for (const [target, fields] of event.changes) {
      const changed = applyChange(raw, target, fields, this.#scheduler.now());
      if (changed.ok) raw = changed.value;
    }
    const { model } = parseConfig(raw, { ...CODES, limits: LAB_LIMITS });
    if (model === undefined) {
      this.#stop('broken', 'a change of the timeline could not be read again');
      return;
    }
    this.#raw = raw;
    this.#changed = true;
    this.#epoch += 1;
    this.#book.changed(event, at);
    this.#watch(
      this.#lab!.adopt(model, raw).then(
        () => {
          this.#faultLateness = Math.max(this.#faultLateness, Math.round(this.#now() - at));
        },
        (error: unknown) => this.#stop('broken', `a change could not be made: ${messageOf(error)}`),
      ),
    );
    this.#show();
  }

  #watch(operation: Promise<void>): void {
    this.#operations.add(operation);
    void operation.finally(() => this.#operations.delete(operation));
  }

  // What the lab tells

  #heard(event: LabEvent): void {
    const scenario = this.#scenarioTime(event.at);
    if (event.kind === 'died') {
      const tail = event.tail.length === 0 ? '' : `; it said last: ${event.tail.slice(-2).join(' / ')}`;
      this.#stop('broken', `${event.what} ended although nobody asked it to (${event.code})${tail}`);
      return;
    }
    if (event.kind === 'health') {
      this.#healthVersion.set(event.pop, (this.#healthVersion.get(event.pop) ?? 0) + 1);
      const name = event.scope === 'origin' ? `${event.pool}/${event.origin}` : `pool ${event.pool}`;
      this.#lastChange = { at: event.at, what: `${event.pop}: ${name} is ${event.to} (before: ${event.from})` };
    }
    if (event.kind === 'lane') {
      this.#lanes.set(`${event.pop}/${event.listener}`, event.state === 'open');
      if (event.state === 'lost') this.#lanesLost += 1;
    }
    this.#book.heard(event, scenario);
    this.#show();
  }

  // Ending

  async #drain(limitUs: number): Promise<void> {
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#scheduler.at(after(this.#scheduler.now(), limitUs), resolve);
      this.#ports.signal.addEventListener('abort', () => resolve(), { once: true });
      this.#onDrained = () => {
        if (this.#inFlight > 0) return;
        this.#scheduler.cancel(timer);
        resolve();
      };
    });
    this.#onDrained = () => {};
  }

  /** Faults undone, youngest first, and the configuration as it was. */
  async #healAll(): Promise<void> {
    await Promise.allSettled(this.#operations);
    for (const active of [...this.#active].reverse()) {
      this.#active.delete(active);
      await this.#undo(active);
    }
    if (!this.#changed) return;
    this.#changed = false;
    this.#epoch += 1;
    try {
      await this.#lab!.adopt(this.#input.model, this.#input.raw);
    } catch (error) {
      this.#leftovers.push(`the configuration as it was before: ${messageOf(error)}`);
    }
  }

  async #rollback(lab: Lab): Promise<readonly string[]> {
    this.#enter('rollback', 'undoing faults, ending processes');
    await this.#healAll();
    lab.onEvent = () => {};
    lab.onRecord = () => {};
    try {
      return [...this.#leftovers, ...(await lab.stop())];
    } catch (error) {
      return [...this.#leftovers, `the lab: ${messageOf(error)}`];
    }
  }

  #report(partial: RunReport['partial']): RunReport {
    return this.#book.report(this.#rejected, partial, () => this.#resolvers.summary(), [
      'Latency is the edge’s own, from the request’s head to the end of the answer; of DNS-only names it is the client’s.',
      ...this.#notes,
    ]);
  }

  #warnings(): string[] {
    const warnings: string[] = [];
    if (this.#turnedAway > 0) {
      warnings.push(
        `${this.#turnedAway} requests were not sent: ${MAX_IN_FLIGHT} were under way, which is the most this drill allows itself. Its figures say more about this machine than about the system.`,
      );
    }
    const late = this.#lateness.quantile(0.99);
    if (late > LATE_US) {
      warnings.push(
        `1 % of the requests were sent more than ${Math.round(late / 1000)} ms late: this machine is busy, and times are that much less exact.`,
      );
    }
    if (this.#join.unjoined > 0) {
      warnings.push(
        `${this.#join.unjoined} requests have no line in an edge’s log: their pool and origin are unknown.`,
      );
    }
    return warnings;
  }

  // Time, and the view

  #now(): Micros {
    return this.#scenarioTime(this.#scheduler.now());
  }

  /** Before the run begins, all moments are just before its start. */
  #scenarioTime(wall: number): Micros {
    return Number.isNaN(this.#offset) ? micros(this.#input.start - 1) : micros(wall - this.#offset);
  }

  #at(scenario: Micros, run: () => void): void {
    this.#scheduler.at(micros(scenario + this.#offset), run);
  }

  #inScenario(answer: WireAnswer): WireAnswer {
    const headAt = answer.headAt === 0 ? 0 : answer.headAt - this.#offset;
    return { ...answer, headAt, endAt: answer.endAt - this.#offset };
  }

  #shifted(record: EdgeRecord): EdgeRecord {
    if (Number.isNaN(this.#offset)) return record;
    return { ...record, startUs: record.startUs - this.#offset, endUs: record.endUs - this.#offset };
  }

  #enter(phase: DrillPhase, note: string): void {
    this.#phase = phase;
    this.#note = note;
    this.#show();
  }

  #countSecond(): void {
    // Of all that ended in this second: what reached no pool is in nobody's share.
    const total = this.#second.ended;
    this.#shares.forEach(({ shares }, pool) => {
      shares.push(total === 0 ? (shares.at(-1) ?? 0) : this.#poolCounts[pool]! / total);
      if (shares.length > SPARK_SECONDS) shares.shift();
    });
    this.#poolCounts.fill(0);
    this.#second = {
      requests: 0,
      failed: 0,
      ended: 0,
      perSecond: this.#second.requests,
      failedPerSecond: this.#second.failed,
    };
  }

  #show(): void {
    const { onView } = this.#ports;
    if (onView === undefined) return;
    const running = !Number.isNaN(this.#offset) && (this.#phase === 'running' || this.#phase === 'draining');
    const { start, end } = this.#input;
    onView({
      phase: this.#phase,
      goneUs: running ? this.#now() - start : 0,
      lengthUs: running ? end - start : 0,
      requests: running ? this.#book.requests : 0,
      failed: running ? this.#book.ledger.failed : 0,
      perSecond: this.#second.perSecond,
      failedPerSecond: this.#second.failedPerSecond,
      inFlight: this.#inFlight,
      pools: this.#shares,
      lanes: usesLink(this.#input)
        ? { open: [...this.#lanes.values()].filter(Boolean).length, lost: this.#lanesLost }
        : null,
      link:
        usesLink(this.#input) && running
          ? { wanBytes: this.#book.ledger.railgunWanBytes, pageBytes: this.#book.ledger.railgunPageBytes }
          : null,
      story: running
        ? this.#book.story.timeline.slice(-VIEW_LINES).map(({ atUs, text }) => ({ goneUs: atUs - start, text }))
        : [],
      note: this.#note,
    });
  }
}

/** Above this, lateness is worth a warning: a bucket of the report is half a second at least. */
const LATE_US = 50_000;

/** A name of this scenario goes over a Railgun link. */
export function usesLink({ model }: ReplayInput): boolean {
  return model.loadBalancers.some(({ railgun, proxied }) => railgun !== undefined && proxied);
}

function sumOf({ toListener, toEdge }: ReturnType<Lab['wanBytes']>): number {
  return toListener + toEdge;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function popCode(input: ReplayInput, pop: number): string {
  return input.locator.popsInUse.find((code) => popsOf({ kind: 'pop', name: code })[0] === pop) ?? '';
}
