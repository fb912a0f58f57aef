/**
 * What happened, line by line: the union of all events in `events.ndjson`. One JSON object a line, keys always in the order
 * written here, numbers always whole, so that two runs of one seed are equal byte for byte (LB-254).
 */

/** One request's fate (LB-255). */
export interface RequestEvent {
  readonly at: number;
  readonly event: 'request';
  readonly n: number;
  readonly lb: string;
  readonly pop: string;
  readonly region: string;
  readonly country: string;
  readonly client: string;
  readonly policy: string;
  /** Candidates in the order tried, each with why it was passed over; the last one is chosen. `eu:pool_critical,us`. */
  readonly candidates: string;
  readonly pool: string;
  readonly origin: string;
  readonly because: string;
  readonly affinity: string;
  readonly fallback: boolean;
  readonly attempts: number;
  /** `railgun`, `http1`, or `http1 (reason)`. */
  readonly path: string;
  readonly status: number;
  /** Empty when served. */
  readonly cause: string;
  readonly latency_us: number;
  /** Only of requests that crossed the link at wire fidelity: how their answer was told, and the header that the visitor got. */
  readonly link?: {
    readonly mode: string;
    readonly wan_bytes: number;
    readonly body_bytes: number;
    readonly cf_railgun: string;
  };
  /** Drills only: what the client and the edge's log know beyond the model. */
  readonly wire?: {
    readonly sent_us: number;
    readonly head_us: number;
    readonly end_us: number;
    readonly edge_us: number;
    /** Where it was tried before `origin`: `POOL/ORIGIN 521`. */
    readonly tried?: readonly string[];
    readonly bytes: number;
    readonly ray: string;
    readonly railgun: string;
    readonly error: string;
  };
}

export interface HealthEvent {
  readonly at: number;
  readonly event: 'health';
  /** `origin`: one origin's global verdict; `pool`: the pool's. */
  readonly scope: 'origin' | 'pool';
  readonly pool: string;
  readonly origin: string;
  /** Where the change is seen: `global`, or a region or PoP code. */
  readonly where: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

export interface FaultEvent {
  readonly at: number;
  readonly event: 'fault' | 'heal';
  readonly fault: string;
  readonly target: string;
  readonly line: number;
}

export interface ChangeEvent {
  readonly at: number;
  readonly event: 'change';
  readonly target: string;
  readonly field: string;
  readonly value: string;
  readonly line: number;
}

export interface LinkEvent {
  readonly at: number;
  readonly event: 'link';
  readonly pop: string;
  readonly listener: string;
  readonly state: string;
  readonly reason: string;
}

export interface MarkEvent {
  readonly at: number;
  readonly event: 'start' | 'end' | 'interrupted';
  readonly scenario: string;
  readonly seed: string;
  readonly config: string;
  readonly requests: number;
}

export type TraceEvent = RequestEvent | HealthEvent | FaultEvent | ChangeEvent | LinkEvent | MarkEvent;
