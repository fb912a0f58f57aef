/**
 * One request at the edge, from its head to its end: what was decided, what was tried, what the log will say. It is also the plan
 * that the proxy engine is given: `attempt`, `requestDrop` and `requestAdd` are its words (`live/proxy/brain.ts`).
 */
import { assert } from '../core/assert.ts';
import type { Decision } from '../core/decision.ts';
import type { Micros } from '../core/time.ts';
import type { FieldSet } from '../http1/field-set.ts';
import type { RequestHead } from '../http1/head.ts';
import type { BalancerPlan } from '../steering/plan.ts';
import type { EdgeAttempt, OriginTarget } from './attempts.ts';
import type { EdgeState } from './edge.ts';
import type { EdgeErrorCode } from './error-page.ts';
import type { ClientPlace } from './identify-client.ts';
import { REQUEST_DROP } from './request-fields.ts';

/** An answer made here: the engine adds length, date and framing. */
export interface EdgeAnswer {
  readonly kind: 'answer';
  readonly status: number;
  /** Lines, each with its line end. */
  readonly fields: string;
  readonly body: string;
}

export class Flight {
  readonly kind = 'forward';
  readonly requestDrop: FieldSet = REQUEST_DROP;
  requestAdd = '';
  /** Good until the exchange is done: the engine reads the next head into the same object. */
  readonly head: RequestHead;
  readonly state: EdgeState;
  readonly startedAt: Micros;
  readonly place: ClientPlace;
  readonly secure: boolean;
  /** 16 hex digits. */
  readonly ray: string;
  /** Whom its draws are about (`request-keys.ts`). */
  key = 0;
  host = '';
  /** Index in `Model.loadBalancers`; -1 = a record of the zone, or nobody. */
  balancer = -1;
  plan: BalancerPlan | undefined;
  decision: Decision | undefined;
  /** Which pools were looked at, as a replay's trace tells it; undefined: nobody writes it down. */
  candidates: string | undefined;
  target: OriginTarget | undefined;
  /** Origins tried; a fall-back from the link to the same origin is no other one. */
  attempts = 0;
  failedOver = false;
  /** Where it was tried before `target`, and why it went on: `POOL/ORIGIN 521`. Undefined as long as nothing failed. */
  tried: string[] | undefined;
  restored = false;
  /** The last error page, or the fault that a failover healed. */
  error: EdgeErrorCode | undefined;
  originStatus = 0;
  /** Why the link could not take the request, for `Cf-Railgun: direct (…)`; empty = say nothing. */
  directReason = '';
  /** An attempt counts as outstanding at `target`. */
  open = false;
  /** Counted and logged. */
  finished = false;
  #attempt: EdgeAttempt | undefined;

  constructor(head: RequestHead, state: EdgeState, place: ClientPlace, secure: boolean, ray: string, now: Micros) {
    this.head = head;
    this.state = state;
    this.place = place;
    this.secure = secure;
    this.ray = ray;
    this.startedAt = now;
  }

  /** Only asked for once an attempt was set. */
  get attempt(): EdgeAttempt {
    assert(this.#attempt !== undefined, 'a request that goes somewhere');
    return this.#attempt;
  }
  set attempt(attempt: EdgeAttempt) {
    this.#attempt = attempt;
  }

  /** `16 digits-PoP`. */
  get rayId(): string {
    return `${this.ray}-${this.place.location.pop}`;
  }
}
