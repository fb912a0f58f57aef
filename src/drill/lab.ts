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
import type { Fault, Target } from '../sim/faults/fault.ts';
import type { ReplayInput } from '../replay/load.ts';

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
  /** As told by one edge: `where` is its PoP. */
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
      readonly state: 'open' | 'lost';
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
  readonly pool: string;
  readonly origin: string;
  readonly because: string;
  readonly affinity: string;
  readonly fallback: boolean;
  readonly attempts: number;
  readonly outcome: string;
  /** An edge error code; 0 = none. */
  readonly error: number;
}

export interface Lab {
  readonly edges: readonly LabEdge[];
  /** For DNS-only balancers: an answered address leads to this origin (number) at this endpoint. */
  endpointOf(pop: string, address: string): { readonly origin: number; readonly endpoint: Endpoint } | undefined;
  /** Everything from the start of the lab on, in order. */
  onEvent: (event: LabEvent) => void;
  /** Lines as the edges write them; all that were written before `settle` resolves have been told. */
  onRecord: (record: EdgeRecord) => void;
  settle(): Promise<void>;
  /** Does the harm and returns what undoes it. Rejects with a LabError when it cannot be done. */
  startFault(
    fault: Fault,
    target: Target,
    parameters: Readonly<Record<string, number>>,
  ): Promise<() => Promise<void>>;
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
