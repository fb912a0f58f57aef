/**
 * The books of a drill: every fate, health change and lane becomes what the same thing becomes in a replay (ledger, sessions, story,
 * trace), in the scenario's time, so that one report speaks for both. Knows no socket and no clock.
 *
 * Health: every edge judges by itself. What most edges say is "the world's" opinion, which the story and the beats tell; each edge's own
 * opinion is a line of the trace.
 */
import { LOSES_STATE } from '../core/decision.ts';
import type { Location } from '../core/location.ts';
import type { Beat, BudgetPart, FailedRequest, RunReport } from '../core/report.ts';
import type { Micros } from '../core/time.ts';
import { POPS, REGIONS } from '../geo/tables.ts';
import { parseCfRailgun } from '../railgun/cf-railgun.ts';
import { Ledger, bucketWidthUs } from '../replay/ledger.ts';
import type { ReplayInput } from '../replay/load.ts';
import { traitsOfOrigin } from '../replay/named-origins.ts';
import { PLACES } from '../replay/places.ts';
import { makeReport, phasesOf } from '../replay/run-report.ts';
import type { TimelineEvent } from '../replay/scenario.ts';
import { type OutageHandle, Story } from '../replay/story.ts';
import { struckBy } from '../replay/struck.ts';
import {
  LISTENER_KNOBS,
  faultBegins,
  faultEnds,
  fieldChanged,
  laneIs,
  listenerReplaced,
  originIs,
  poolIs,
  spell,
} from '../replay/telling.ts';
import { TraceWriter } from '../replay/trace-writer.ts';
import type { Traffic } from '../replay/traffic.ts';
import { startUpOf } from '../sim/faults/fault.ts';
import { SERVED } from '../sim/outcome.ts';
import type { Fate } from './fates.ts';
import { DrillClients } from './jars.ts';
import { monitorsOf } from './monitors.ts';
import type { EdgeRecord, LabEvent } from './lab.ts';
import type { WireAnswer } from './wire.ts';

/** Whole stories kept for the report; events.ndjson has all of them. */
export const MAX_FAILED_STORIES = 200;

/** A request from its planned moment to its fate. Moments in the scenario's time. */
export interface Flight {
  readonly n: number;
  readonly at: Micros;
  readonly sentAt: number;
  readonly client: number;
  readonly balancer: number;
  readonly location: Location;
  readonly host: string;
  readonly target: string;
  /** Without an edge: the origin (global number) that DNS led to, -1 = nowhere. `undefined` = through an edge. */
  readonly direct: { readonly origin: number; readonly stale: boolean } | undefined;
}

export interface Ended {
  readonly flight: Flight;
  readonly fate: Fate;
  /** Moments in the scenario's time. `undefined` = was never sent. */
  readonly answer: WireAnswer | undefined;
  /** Moments in the scenario's time. */
  readonly record: EdgeRecord | undefined;
}

interface OriginName {
  readonly pool: number;
  readonly poolId: string;
  readonly name: string;
  readonly enabled: boolean;
}

export class Book {
  readonly story = new Story();
  readonly ledger: Ledger;
  readonly clients: DrillClients;
  readonly failures: FailedRequest[] = [];
  readonly #input: ReplayInput;
  readonly #traffic: Traffic;
  readonly #trace: TraceWriter;
  readonly #regionRow: Int32Array;
  readonly #origins: readonly OriginName[];
  readonly #numbers = new Map<string, number>();
  readonly #poolNumbers = new Map<string, number>();
  readonly #popRequests = new Float64Array(POPS.length);
  readonly #popFailed = new Float64Array(POPS.length);
  readonly #beats: Beat[][];
  /** What each edge says of each origin, and what most say. */
  readonly #said: Map<string, string>[];
  readonly #opinion: string[];
  readonly #poolSaid = new Map<string, Map<string, string>>();
  readonly #poolOpinion = new Map<string, string>();
  readonly #lanesLost = new Set<string>();
  readonly #edges: number;
  #lanesOpened = 0;
  #lanesLostCount = 0;
  #count = 0;

  constructor(input: ReplayInput, edges: number, makeTraffic: (book: Book) => Traffic) {
    this.#input = input;
    this.#edges = edges;
    const { scenario, model, start, end } = input;
    const regions = [...REGIONS.map((region) => region.code), 'none'];
    this.#regionRow = Int32Array.from([regions.length - 1, ...REGIONS.map((region) => region.index)]);
    const origins: OriginName[] = [];
    model.pools.forEach((pool, at) => {
      this.#poolNumbers.set(pool.name, at);
      this.#poolNumbers.set(pool.id, at);
      for (const { name, enabled } of pool.origins) {
        this.#numbers.set(`${pool.name}/${name}`, origins.length);
        this.#numbers.set(`${pool.id}/${name}`, origins.length);
        origins.push({ pool: at, poolId: pool.id, name, enabled: enabled && pool.enabled });
      }
    });
    this.#origins = origins;
    this.#said = origins.map(() => new Map());
    this.#opinion = origins.map(() => 'unprobed');
    this.#beats = origins.map(() => []);
    this.ledger = new Ledger({
      startUs: start,
      endUs: end,
      bucketUs: scenario.bucketUs ?? bucketWidthUs(end - start),
      regions,
      pools: model.pools.map((pool) => pool.id),
      origins: origins.length,
      phaseEnds: phasesOf(scenario, start, end).map((phase) => phase.toUs),
    });
    this.#trace = new TraceWriter(scenario.trace, input.traceSink);
    this.#traffic = makeTraffic(this);
    this.clients = new DrillClients(model, (client) => this.#traffic.addressOf(client));
  }

  get traffic(): Traffic {
    return this.#traffic;
  }

  /** The number of the next request. */
  next(): number {
    return this.#count++;
  }

  get requests(): number {
    return this.#count;
  }

  originNumber(pool: string, origin: string): number {
    return this.#numbers.get(`${pool}/${origin}`) ?? -1;
  }

  mark(event: 'start' | 'end' | 'interrupted', at: number): void {
    const { scenario, seed, configHash } = this.#input;
    this.#trace.event({ at, event, scenario: scenario.name, seed, config: configHash, requests: this.#count });
    if (event === 'start') this.#openBeats(at);
    else this.#trace.flush();
  }

  // Requests

  ended({ flight, fate, answer, record }: Ended): void {
    const { ledger, story, clients } = this;
    const { at, client, location, direct } = flight;
    const origin = this.#originOf(flight, record);
    const pool = this.poolOf(flight, record);
    const attempts = record?.attempts ?? (origin >= 0 ? 1 : 0);
    const fallback = record?.fallback ?? false;
    const failed = fate.ending !== SERVED;
    const bucket = ledger.bucketOf(at);
    const endAt = answer?.endAt ?? flight.sentAt;
    if (origin >= 0) {
      ledger.attempted(bucket, origin);
      if (failed) ledger.attemptFailed(bucket, origin);
    }
    for (const one of record?.tried ?? []) {
      const before = this.#numbers.get(one.slice(0, one.lastIndexOf(' '))) ?? -1;
      if (before < 0) continue;
      ledger.attempted(bucket, before);
      ledger.attemptFailed(bucket, before);
    }
    if (attempts > 1) {
      ledger.retried += 1;
      ledger.count('retried', bucket);
    }
    const path = this.#overLink(flight, answer, bucket);
    let broken = false;
    if (failed) {
      ledger.cause(fate.cause, fate.status);
      story.failed(origin, fate.ending, at, endAt, direct?.stale ?? false, fallback);
    } else {
      // The model's latency is the edge's: without the client's way to it, and without our own lateness.
      const latency = record === undefined ? endAt - flight.sentAt : record.endUs - record.startUs;
      ledger.served(endAt, Math.max(0, Math.round(latency)));
      if (origin >= 0) {
        const affinity = record?.affinity || 'off';
        if (clients.served(client, origin, affinity)) {
          broken = affinity !== 'off';
          ledger.count('sessionsMoved', bucket);
          if (LOSES_STATE.has(affinity)) ledger.count('sessionsLost', bucket);
        }
      }
    }
    const region = this.#regionRow[location.regionIndex + 1]!;
    ledger.finished(at, bucket, region, pool, failed, fallback);
    this.#popRequests[location.popIndex]! += 1;
    if (failed) this.#popFailed[location.popIndex]! += 1;
    const told = this.#trace.everything || failed || broken || fallback || attempts > 1;
    if (failed || (this.#trace.active && told)) this.#write({ flight, fate, answer, record }, origin, attempts, path);
  }

  #originOf({ direct }: Flight, record: EdgeRecord | undefined): number {
    return direct?.origin ?? (record === undefined ? -1 : this.originNumber(record.pool, record.origin));
  }

  /** Index of the pool that it ended at; -1 = none, or nobody knows. */
  poolOf(flight: Flight, record: EdgeRecord | undefined): number {
    const origin = this.#originOf(flight, record);
    return origin >= 0 ? this.#origins[origin]!.pool : (this.#poolNumbers.get(record?.pool ?? '') ?? -1);
  }

  /** Which way it went, and what that cost the link. */
  #overLink({ balancer, direct }: Flight, answer: WireAnswer | undefined, bucket: number): string {
    if (direct !== undefined) return 'dns';
    const { railgun } = this.#input.model.loadBalancers[balancer]!;
    if (railgun === undefined || answer === undefined || answer.railgun === '') return 'http1';
    const told = parseCfRailgun(answer.railgun);
    if (told === undefined) return 'http1';
    if (told.kind === 'direct') {
      this.ledger.direct(bucket, told.reason);
      return `http1 (${told.reason})`;
    }
    const ratio = typeof told.ratio === 'number' ? told.ratio / 100 : 1;
    this.ledger.handedOver(bucket);
    this.ledger.carried(bucket, answer.bytes, Math.round(answer.bytes * ratio));
    return 'railgun';
  }

  #write({ flight, fate, answer, record }: Ended, origin: number, attempts: number, path: string): void {
    const { model } = this.#input;
    const { n, at, client, location, sentAt } = flight;
    const balancer = model.loadBalancers[flight.balancer]!;
    const named = origin >= 0 ? this.#origins[origin]! : undefined;
    const endAt = answer?.endAt ?? sentAt;
    const edgeUs = record === undefined ? 0 : Math.round(record.endUs - record.startUs);
    const story: FailedRequest = {
      n,
      atUs: at,
      client: this.clients.address(client),
      pop: location.pop,
      host: flight.host,
      target: flight.target,
      cause: fate.cause,
      status: fate.status,
      pool: named?.poolId ?? record?.pool ?? '',
      origin: named?.name ?? record?.origin ?? '',
      because: record?.because ?? '',
      affinity: record?.affinity ?? 'off',
      fallback: record?.fallback ?? false,
      attempts,
      candidates: record?.candidates ?? '',
      tried: record?.tried ?? [],
      path,
      sentUs: Math.round(sentAt),
      headUs: Math.round(answer?.headAt ?? 0),
      endUs: Math.round(endAt),
      edgeFromUs: Math.round(record?.startUs ?? 0),
      edgeToUs: Math.round(record?.endUs ?? 0),
      bytes: answer?.bytes ?? 0,
      ray: answer?.ray ?? '',
      railgun: answer?.railgun ?? '',
      error: answer?.error ?? '',
    };
    if (fate.ending !== SERVED && this.failures.length < MAX_FAILED_STORIES) this.failures.push(story);
    if (!this.#trace.active) return;
    this.#trace.request({
      at,
      event: 'request',
      n,
      lb: balancer.name,
      pop: location.pop,
      region: location.region ?? '',
      country: location.country,
      client: story.client,
      policy: balancer.steeringPolicy,
      candidates: record?.candidates ?? '',
      pool: story.pool,
      origin: story.origin,
      because: story.because,
      affinity: story.affinity,
      fallback: story.fallback,
      attempts,
      path,
      status: fate.status,
      cause: fate.cause,
      latency_us: Math.max(0, Math.round(endAt - at)),
      wire: {
        sent_us: story.sentUs,
        head_us: story.headUs,
        end_us: story.endUs,
        edge_us: edgeUs,
        bytes: story.bytes,
        ...(record === undefined || record.tried.length === 0 ? {} : { tried: record.tried }),
        ray: story.ray,
        railgun: story.railgun,
        error: story.error,
      },
    });
  }

  // The timeline

  faultBegins(event: Extract<TimelineEvent, { kind: 'fault' }>, at: number): OutageHandle {
    const { target, fault, line } = event;
    const { model, scenario } = this.#input;
    const struck = struckBy(fault, target, model, scenario.world);
    const knobs = struck.listeners.size > 0 ? LISTENER_KNOBS : this.#knobs([...struck.origins]);
    const outage = this.story.open(spell(target), fault.name, struck, at, knobs);
    this.#trace.event({ at, event: 'fault', fault: fault.name, target: spell(target), line });
    this.story.tell(faultBegins(event, at));
    return outage;
  }

  faultEnds(event: Extract<TimelineEvent, { kind: 'fault' }>, outage: OutageHandle, at: number, line: number): void {
    const { target, fault } = event;
    outage.heal(at);
    this.#trace.event({ at, event: 'heal', fault: fault.name, target: spell(target), line });
    this.story.tell(faultEnds(event, at, line, startUpOf(fault, target, this.#input.scenario.world.startUp)));
  }

  changed({ changes, note, line }: Extract<TimelineEvent, { kind: 'set' }>, at: number): void {
    for (const [target, fields] of changes) {
      for (const [field, value] of Object.entries(fields)) {
        const text = JSON.stringify(value) ?? 'null';
        this.#trace.event({ at, event: 'change', target, field, value: text, line });
        this.story.tell(fieldChanged(target, field, text, note, at, line));
      }
    }
  }

  note(text: string, line: number, at: number): void {
    this.story.tell({ atUs: at, kind: 'note', tone: 'neutral', text, line });
  }

  #knobs(origins: readonly number[]): ReadonlyMap<BudgetPart, string> {
    const { model } = this.#input;
    const texts = new Set<string>();
    for (const number of origins) {
      const pool = model.pools[this.#origins[number]!.pool]!;
      const monitors = monitorsOf(model, pool);
      if (monitors.length === 0) texts.add(`pool ${pool.id} has no monitor: attach one`);
      for (const { id, intervalSeconds, timeoutSeconds, retries, consecutiveDown } of monitors) {
        texts.add(
          `monitor ${id}: interval ${intervalSeconds} s × consecutive_down ${Math.max(1, consecutiveDown)} + timeout ${timeoutSeconds} s × ${retries + 1} tries`,
        );
      }
    }
    return texts.size === 0 ? new Map() : new Map([['before_detection', [...texts].join('; ')]]);
  }

  /** What comes from now on, while all is healed and taken down, is no part of the story: only opinions are kept. */
  close(): void {
    this.#closed = true;
  }
  #closed = false;

  #isTold(at: number): boolean {
    return at >= this.#input.start && !this.#closed;
  }

  // What the lab tells. Moments in the scenario's time; before the start they only set the scene.

  heard(event: LabEvent, at: number): void {
    switch (event.kind) {
      case 'health':
        this.#health(event, at);
        return;
      case 'lane':
        this.#lane(event, at);
        return;
      case 'replaced':
        if (this.#isTold(at)) this.story.tell(listenerReplaced(event.listener, at));
        return;
      default:
        return;
    }
  }

  #health(event: Extract<LabEvent, { kind: 'health' }>, at: number): void {
    const begun = this.#isTold(at);
    const { scope, pop, from, to, reason } = event;
    const why = reason === 'no_failures' ? '' : reason;
    const pool = this.#input.model.pools[this.#poolNumbers.get(event.pool) ?? -1];
    if (pool === undefined) return;
    if (begun) {
      const { origin } = event;
      this.#trace.event({ at, event: 'health', scope, pool: pool.id, origin, where: pop, from, to, reason });
    }
    if (scope === 'pool') {
      const said = this.#poolSaid.get(pool.id) ?? new Map<string, string>();
      this.#poolSaid.set(pool.id, said.set(pop, to));
      const before = this.#poolOpinion.get(pool.id) ?? 'unprobed';
      const now = this.#mostSay(said) ?? before;
      this.#poolOpinion.set(pool.id, now);
      if (begun && now !== before && before !== 'unprobed')
        this.story.tell(poolIs(pool.id, before, now, at), `pool/${pool.id}`);
      return;
    }
    const number = this.originNumber(event.pool, event.origin);
    if (number < 0) return;
    const said = this.#said[number]!.set(pop, to);
    const before = this.#opinion[number]!;
    const now = this.#mostSay(said) ?? before;
    if (now === before) return;
    this.#opinion[number] = now;
    if (!begun) return;
    this.#beats[number]!.push({ fromUs: at, state: now, reason: why });
    this.story.health(number, now === 'healthy', at);
    const name = `${pool.id}/${event.origin}`;
    if (before !== 'unprobed') this.story.tell(originIs(name, now, why, at), name);
  }

  /** The state that more than half of the edges tell; `undefined` while there is none. */
  #mostSay(said: ReadonlyMap<string, string>): string | undefined {
    const counts = new Map<string, number>();
    for (const state of said.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
    for (const [state, count] of counts) if (count * 2 > this.#edges) return state;
    return undefined;
  }

  #lane({ pop, listener, state, reason }: Extract<LabEvent, { kind: 'lane' }>, at: number): void {
    const open = state === 'open';
    const begun = this.#isTold(at);
    // Those that opened before the start count, as the replay counts those that its first requests open.
    if (begun || (open && !this.#closed)) {
      if (open) this.#lanesOpened += 1;
      else if (state === 'lost') this.#lanesLostCount += 1;
    }
    if (!begun) return;
    const named = listener < 0 ? 'the balancer' : `listener ${listener + 1}`;
    this.#trace.event({ at, event: 'link', pop, listener: listener < 0 ? '' : String(listener + 1), state, reason });
    const { listeners } = this.#input.scenario.world.railgun;
    if (listener >= 0) this.story.lane(listener, open, at);
    else for (let each = 0; each < listeners; each += 1) this.story.lane(each, open, at);
    const key = `${pop}/${listener}`;
    // That lanes open at first is no news.
    if (open && !this.#lanesLost.delete(key)) return;
    if (!open) this.#lanesLost.add(key);
    this.story.tell(laneIs(pop, named, state, reason, at), `lane/${listener}/${state}`);
  }

  #openBeats(at: number): void {
    this.#origins.forEach(({ enabled }, number) => {
      this.#beats[number]!.unshift({ fromUs: at, state: enabled ? this.#opinion[number]! : 'disabled', reason: '' });
    });
  }

  /** What most edges say of an origin now. */
  opinion(origin: number): string {
    return this.#opinion[origin]!;
  }

  // The report

  /**
   * @param rejected By origin number.
   * @param reached Where the run was when it was asked, `undefined` = it is over as planned.
   */
  report(
    rejected: readonly number[],
    partial: RunReport['partial'],
    dns: () => NonNullable<RunReport['dns']>,
    assumptions: readonly string[],
  ): RunReport {
    const { scenario, start, end } = this.#input;
    const traits = this.#input.model.pools.flatMap((pool) =>
      pool.origins.map((origin) => traitsOfOrigin(scenario.world, pool, origin)),
    );
    return makeReport({
      kind: 'drill',
      input: this.#input,
      traffic: this.#traffic,
      ledger: this.ledger,
      story: this.story,
      clients: this.clients,
      phases: phasesOf(scenario, start, end),
      partial,
      origins: this.#origins.map((_, number) => ({ traits: traits[number]!, rejected: rejected[number] ?? 0 })),
      beatsOf: (origin) => this.#beats[origin]!,
      pops: [...this.#popRequests.keys()]
        .filter((pop) => this.#popRequests[pop]! > 0)
        .map((pop) => ({ pop, requests: this.#popRequests[pop]!, failed: this.#popFailed[pop]! })),
      dns,
      lanes: { lanesOpened: this.#lanesOpened, lanesLost: this.#lanesLostCount },
      assumptions,
    });
  }
}

/** Codes of PoPs of a region, or the one that is named: whom `withdraw` means. */
export function popsOf(target: { readonly kind: string; readonly name: string }): readonly number[] {
  if (target.kind === 'region') return PLACES.popsOfRegion(target.name);
  const one = PLACES.indexOf(target.name);
  return one === undefined ? [] : [one];
}
