/**
 * What a drill needs of its laboratory: the contract between the run (`run.ts`: when what happens, who asks for what, what is written
 * down) and the lab (`lab/`: processes and sockets that a scenario names, and real faults on them). The run knows no process and no
 * port beyond what stands here.
 *
 *                        clients (run)                 resolvers (run)
 *                             │ HTTP, one edge per PoP      │ DNS
 *   lab/   edge LHR ── relay ─┬─► origin eu-1        edge LHR :dns
 *          edge IAD ── relay ─┘
 *          edge LHR ── relay ─► [L4 balancer] ─► listener ─► origin        listener ─► memcached, Redis
 */
import type { Model } from '../core/model.ts';
import type { Micros } from '../core/time.ts';
import type { Fault, ProcessKind, Target } from '../sim/faults/fault.ts';
import type { ReplayInput } from '../replay/load.ts';

/**
 * Added by the run (13:05), so that both sides agree:
 *
 * - **Doors.** The run imports two functions of the lab, statically from `cli/drill.ts`:
 *   `planLab(input: ReplayInput, externals: ReadonlyMap<number, Endpoint>): Promise<LabPlan>` in `lab/plan.ts` (rejects with LabError: too
 *   many PoPs, processes or files, a missing binary, a fault with `live: false`), and
 *   `startLab(options: LabOptions): Promise<Lab>` in `lab/start.ts` (resolves when everything is ready; after a rejection nothing is left).
 * - **Time.** `LabEvent.at` and `EdgeRecord` are wall time. The run keeps scenario time: `scenario = wall - wallStart + input.start`,
 *   and calls `begin` when it knows `wallStart`: page versions of the lab's origins count from there (`sim/page-clock.ts`).
 * - **Probe calendar.** Start every edge with `serve --seed PROBE_SEED`, so that its probes have the moments of the prediction
 *   (`health/schedule.ts` hashes seed and names; the run begins at a wall time that is congruent to `input.start`).
 * - **Configuration.** `LabOptions.raw` is pressed, so intervals, TTLs and session TTLs may be below the public minima: start the edges
 *   with `serve --min-interval 1`, which now allows short TTLs, too (`LAB_LIMITS`, config/context.ts).
 * - **Requests of clients.** Path and query as in the scenario, for synthetic clients with `page=NUMBER` added to the query (one URL a
 *   page, so one dictionary a page). Two fields tell the lab's origins what to answer: `Drill-Bytes: 92516` (body length) and
 *   `Drill-Text: 1|0` (may be delta-coded). Steady-state requests have page=0. Probes have none of this.
 * - **Places.** Clients send `CF-Connecting-IP` and `CF-IPCountry` to the edge of their PoP. The faults `withdraw` and `ignore_ttl` are done by
 *   the run (its clients and resolvers are what they act on): they never come to `startFault`.
 * - **Origins** answer 503 at once when their queue is full, 500 for the fault `errors`; everything else is 200.
 *
 * Added by the lab (13:25); it works, `startLab` can be tried:
 *
 * - `lab/ledger.ts` has `makeFolder()`: the folder to hand to `LabOptions.folder`, with the drill as first entry of its ledger, below one root
 *   that the next start sweeps (`startLab` does). `stop()` removes it.
 * - Edges start from one seed, so **ray ids repeat between edges**: join by `pop` and `ray`.
 * - `onEvent` is an accessor: events before the first assignment are told at the assignment.
 * - `wanBytes()` is at most 200 ms old; after `settle()` it is exact. Bytes are payload of the relays between edge and link, TLS included.
 * - Origins send `X-Lab-Origin: POOL_ID/NAME`. Through a DNS-only endpoint clients need no particular Host.
 * - `begin` may be called once everything is warm; page versions then start anew at 0.
 * - A listener of a group with `replaceAfterUs` comes back by itself after a kill, stop or blackhole; undoing afterwards does nothing.
 * - `startFault` takes `crash` at `pop/XXX`, too (catalogue: `src/sim/faults/crash.ts`, to come).
 */
export const PROBE_SEED = 'switchyard-drill';
/** Fields of a client's request that the lab's origins read. */
export const BYTES_FIELD = 'Drill-Bytes';
export const TEXT_FIELD = 'Drill-Text';
/** And whom the request's draws are about (`Arrival.key`, uint32): read by the lab's edges, which are started with `--drill-seed`, and by its origins. */
export const KEY_FIELD = 'Drill-Key';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What will be started. Plain data, made without starting anything: `--dry-run` prints it. */
export interface LabPlan {
  readonly edges: readonly { readonly pop: string }[];
  readonly origins: readonly PlannedOrigin[];
  readonly listeners: number;
  readonly l4: boolean;
  readonly stores: readonly { readonly kind: 'memcached' | 'redis' | 'embedded'; readonly why: string }[];
  /** Processes and open files that this will take, for the check against the machine's limits. */
  readonly processes: number;
  readonly openFiles: number;
  /** Plain sentences for people: what stands in for what. */
  readonly notes: readonly string[];
}

export interface PlannedOrigin {
  /** Global number, in the order of the model: pools, then origins. */
  readonly number: number;
  readonly pool: string;
  readonly origin: string;
  /** Set by `--origin POOL/ORIGIN=HOST:PORT`: not ours to start, stop or break; faults act in the relay in front of it. */
  readonly external: Endpoint | undefined;
}

export interface LabEdge {
  readonly pop: string;
  /** Where clients of this PoP connect, plain HTTP/1.1. */
  readonly listen: Endpoint;
  readonly dns: Endpoint | undefined;
  readonly admin: Endpoint;
}

/** Something that happened in the lab by itself; times are of the wall clock. */
export type LabEvent =
  /** As told by one edge: `where` is its PoP. The first verdict of each origin (from `unprobed`) is told, too. */
  | {
      readonly kind: 'health';
      readonly at: Micros;
      readonly pop: string;
      readonly scope: 'origin' | 'pool';
      readonly pool: string;
      readonly origin: string;
      readonly from: string;
      readonly to: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'lane';
      readonly at: Micros;
      readonly pop: string;
      /** From 0; -1 = behind a balancer, nobody knows which. */
      readonly listener: number;
      /** `unreachable`: an attempt to open one failed; told once for a row of failures, as in the replay. */
      readonly state: 'open' | 'lost' | 'unreachable';
      readonly reason: string;
    }
  | { readonly kind: 'replaced'; readonly at: Micros; readonly listener: number }
  /** A process of the lab ended although nobody asked it to: the drill cannot be trusted any more. */
  | {
      readonly kind: 'died';
      readonly at: Micros;
      readonly what: string;
      readonly code: string;
      readonly tail: readonly string[];
    };

/** One line of an edge's access log, as far as a drill reads it. Joined to the client's view by `ray`. */
export interface EdgeRecord {
  readonly pop: string;
  readonly ray: string;
  readonly startUs: number;
  readonly endUs: number;
  readonly status: number;
  /** Name or id. */
  readonly pool: string;
  readonly origin: string;
  readonly because: string;
  readonly affinity: string;
  readonly fallback: boolean;
  readonly attempts: number;
  /** Pools that were looked at, each with why it was passed over: as in the trace of a replay. */
  readonly candidates: string;
  /** Where it was tried before `origin`, and the edge's error there: `POOL/ORIGIN 521`. */
  readonly tried: readonly string[];
  readonly outcome: string;
  /** An edge error code; 0 = none. */
  readonly error: number;
}

export interface Lab {
  readonly edges: readonly LabEdge[];
  /** From the start of a process until it served, µs: of each kind that this lab has, the one that was disturbed least. */
  readonly startUp: ReadonlyMap<ProcessKind, number>;
  /** For DNS-only balancers: an answered address leads to this origin (number) at this endpoint, so far away from the PoP. */
  endpointOf(
    pop: string,
    address: string,
  ): { readonly origin: number; readonly endpoint: Endpoint; readonly roundTripUs: number } | undefined;
  /** Everything from the start of the lab on, in order. */
  onEvent: (event: LabEvent) => void;
  /** Lines as the edges write them; all that were written before `settle` resolves have been told. */
  onRecord: (record: EdgeRecord) => void;
  settle(): Promise<void>;
  /** (run) The run's first moment, wall time: page versions count from here. */
  begin(wallStart: Micros): void | Promise<void>;
  /** Does the harm and returns what undoes it. Rejects with a LabError when it cannot be done. */
  startFault(fault: Fault, target: Target, parameters: Readonly<Record<string, number>>): Promise<() => Promise<void>>;
  /** Writes the edges' configuration anew from this one; resolves when every edge has adopted it. */
  adopt(model: Model, raw: unknown): Promise<void>;
  /** Bytes that crossed between edges and listeners so far, both ways, as TCP payload. */
  wanBytes(): { readonly toListener: number; readonly toEdge: number };
  /** Requests that an origin's full queue turned away so far, by origin number. */
  rejected(): Promise<readonly number[]>;
  /** Ends everything, in the order that lets each end cleanly. What is left is named: rollback incomplete (exit 6). */
  stop(): Promise<readonly string[]>;
}

export interface LabOptions {
  /** As pressed: the same input that the prediction is made from. */
  readonly input: ReplayInput;
  /** The configuration as written (the public API's spelling), pressed; the lab puts its own addresses in. */
  readonly raw: unknown;
  readonly plan: LabPlan;
  /** The command that runs a verb of this tool: `[node, bin/switchyard.js]`. */
  readonly self: readonly string[];
  /** Temporary files go below this one folder of the drill's own. */
  readonly folder: string;
  readonly onProgress: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Why a lab could not be built, or a fault not be done: for people, with what would be right. */
export class LabError extends Error {
  readonly hint: string;

  constructor(message: string, hint = '') {
    super(message);
    this.hint = hint;
  }
}
