/**
 * The decision as a port. The engine moves bytes and knows HTTP; where a request goes, what is added to it, and what
 * is said when it cannot be served, is asked here, always synchronously. The real brain is plugged in by `cli`
 * (it drives `edge`); tests and benches plug in small ones.
 *
 *     route ─► plan ─► attempt ──ok──► responseHead ─► done
 *                        └─fault─► attemptFailed ─► next attempt | local answer ─► done
 *
 * Heads are views that are only good during the call; take out what must live longer.
 */
import type { ConnectionOptions } from 'node:tls';
import type { AttemptFailure } from '../../core/attempt-fault.ts';
import type { MessageFault } from '../../http1/faults.ts';
import type { FieldSet } from '../../http1/field-set.ts';
import type { RequestHead, ResponseHead } from '../../http1/head.ts';
import type { ResponseEdit } from '../../http1/write-head.ts';

/** Who is asking. One object per connection; `memo` is the brain's own, for what it need not find out twice. */
export interface ClientInfo {
  readonly address: string;
  readonly port: number;
  readonly scheme: 'http' | 'https';
  /** Server name of TLS, when there is one. */
  readonly servername: string | undefined;
  /** The client speaks HTTP/2; the head that a brain sees is the same request in HTTP/1.1. */
  readonly http2?: true;
  memo: unknown;
}

/** One try at one origin. `kind` names the transport; `http1` is built in. */
export interface Attempt {
  readonly kind: string;
  /** `Host` for the origin; undefined keeps the client's. */
  readonly host: string | undefined;
}

export interface Http1Attempt extends Attempt {
  readonly kind: 'http1';
  /** IP address, or a host name that the engine resolves (and keeps for five seconds). */
  readonly address: string;
  readonly port: number;
  /** Connections are shared between attempts of one key; it must tell apart all that matters: address, port, TLS. */
  readonly key: string;
  /** Undefined: clear text. `servername`, `ca`, `rejectUnauthorized` and so on as Node takes them. */
  readonly tls: ConnectionOptions | undefined;
}

/** Forward the request. The brain may extend this with what it wants to find again in the later calls. */
export interface Plan {
  readonly kind: 'forward';
  readonly attempt: Attempt;
  /** Request fields to leave behind, besides the hop-by-hop ones. */
  readonly requestDrop: FieldSet | undefined;
  /** Lines to add to the request, made by `fieldLine`; may be a getter that depends on the attempt. */
  readonly requestAdd: string;
}

/** Answer here. The engine adds Content-Length, Date and Connection. */
export interface LocalAnswer {
  readonly kind: 'answer';
  readonly status: number;
  /** Lines made by `fieldLine`. */
  readonly fields: string;
  readonly body: string | Uint8Array;
}

export type Outcome =
  /** An origin's answer was passed on whole. */
  | 'completed'
  /** Answered by us. */
  | 'local'
  /** A tunnel was opened, and is closed now. */
  | 'tunnel'
  /** The client went away before the end. */
  | 'client_gone'
  /** The client broke HTTP in the middle of its body. */
  | 'client_broken'
  /** The origin broke off in the middle of its answer. */
  | 'origin_cut'
  /** The engine was stopped. */
  | 'stopped';

/** What happened, for logs and metrics. The engine uses one object again and again: do not keep it. */
export interface ExchangeReport {
  readonly head: RequestHead;
  readonly client: ClientInfo;
  readonly outcome: Outcome;
  /** Final status sent to the client; 0 when none was. */
  readonly status: number;
  /** Payload bytes of the request's body, and bytes written to the client. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly attempts: number;
  /** The engine's clock, in milliseconds: head read; origin's head seen (0: never); finished. */
  readonly startMs: number;
  readonly answerMs: number;
  readonly endMs: number;
}

/** Why a request is answered before anybody has thought about where it goes. */
export type RefusalFault =
  | MessageFault
  /** Too slow: 408. */
  | 'timeout'
  /** Too much at once: 503. */
  | 'overloaded'
  /** HTTP/2: the connection was opened for another name, and its certificate does not cover this one: 421. */
  | 'misdirected';

/** What could be read of a request that was refused; empty texts where nothing could. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  /** `HTTP/1.1`, `HTTP/2` … */
  readonly protocol: string;
}

export interface RefusedRequest {
  readonly client: ClientInfo;
  readonly status: number;
  readonly fault: RefusalFault;
  readonly seen: SeenRequest;
  readonly responseBytes: number;
}

export interface ProxyBrain<P extends Plan = Plan> {
  route(head: RequestHead, client: ClientInfo): P | LocalAnswer;
  /** An attempt failed before anything of its answer reached the client. An attempt is only taken if `mayRetry`. */
  attemptFailed(plan: P, failure: AttemptFailure): Attempt | LocalAnswer;
  /** The final head of an origin is about to be passed on. */
  responseHead(plan: P, head: ResponseHead): ResponseEdit | undefined;
  /** Every routed request ends here exactly once; `plan` is undefined when `route` answered by itself. */
  done(plan: P | undefined, report: ExchangeReport): void;
  /** A request that is not HTTP as we accept it, or too slow (408), or too much (503). Undefined: a bare answer. */
  refused?(status: number, fault: RefusalFault, client: ClientInfo): LocalAnswer | undefined;
  /** A request that never came to `route` was answered so: it ends here, as the others do in `done`. For logs. */
  unrouted?(request: RefusedRequest): void;
}
