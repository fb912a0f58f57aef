/**
 * The seam between an exchange and whatever carries its attempt to an origin. HTTP/1.1 (`origin-connection.ts`) is
 * one transport; the Railgun sender can be another without a change in the engine.
 *
 *     exchange ── begin, send…, sendEnd, flush ──►  leg  ──► origin
 *     exchange ◄── legInterim, legHead, bodySpan…, legEnd │ legFault ── leg
 *
 * Back-pressure, both ways: `leg.blocked` after a flush, then `legDrained`; `leg.pause` and `leg.resume`.
 */
import type { RequestHead, ResponseHead } from '../../http1/head.ts';
import type { RequestEdit } from '../../http1/write-head.ts';
import type { AttemptFault } from '../../core/attempt-fault.ts';
import type { Attempt } from './brain.ts';

/** How the body of an answer is delimited as the leg hands it over. */
export type LegBody =
  | 'none'
  /** The head's Content-Length says how much. */
  | 'length'
  /** Spans hold chunk framing, ready to be passed on. */
  | 'chunked'
  /** Spans hold payload, and `legEnd` says when it is over. */
  | 'payload';

/** What a leg tells its exchange. Spans are good during the call only. */
export interface LegSink {
  /** The leg can take the request now (only for legs that were not ready at once). */
  legReady(): void;
  legInterim(head: ResponseHead): void;
  /**
   * The final head. The body's spans follow; a 101 makes the rest raw bytes. Returns the form in which the exchange wants a chunked body: as framed, or
   * payload alone.
   */
  legHead(head: ResponseHead, body: LegBody): 'wire' | 'payload';
  /** `buf[start, end)`; `buf[0, start)` is free for the exchange to write a head into. */
  bodySpan(buf: Buffer, start: number, end: number): void;
  bodyText(text: string): void;
  /** All that came with one read has been handed over. */
  legFlush(): void;
  /** `trailers` as in `BodyReader.trailers`. The leg is already free of this exchange. */
  legEnd(trailers: string | undefined): void;
  /** The leg is dead. `sawAnswer`: some byte of an answer had come. */
  legFault(kind: AttemptFault, detail: string, sawAnswer: boolean): void;
  legDrained(): void;
  /** In a tunnel: the origin has ended its side. */
  legTunnelEnd(): void;
  /** Bytes of the leg's own read buffer may still be on their way to the client. */
  readonly clientBlocked: boolean;
}

export interface OriginLeg {
  /** `wire`: body spans as the client framed them. `payload`: without chunk framing. */
  readonly form: 'wire' | 'payload';
  readonly ready: boolean;
  /** The leg came from a pool, so a fault before the answer may only mean that it was stale. */
  readonly reused: boolean;
  readonly blocked: boolean;
  begin(head: RequestHead, edit: RequestEdit): void;
  /** A span of the request's body, good during the call only. */
  send(buf: Buffer, start: number, end: number): void;
  sendText(text: string): void;
  /** The request is whole; in a tunnel, the client has ended its side. */
  sendEnd(): void;
  /** What was handed over so far may go out; until then a leg may hold a head back to join it with a body. */
  flush(): void;
  pause(): void;
  resume(): void;
  /** Give up at once; nothing more is told. */
  abort(): void;
}

export type LegResult = OriginLeg | { readonly kind: 'fault'; readonly fault: AttemptFault; readonly detail: string };

export interface OriginTransport {
  /** `fresh`: not one from a pool. */
  open(attempt: Attempt, sink: LegSink, fresh: boolean): LegResult;
  /** Close what is idle; `hard` closes all. */
  close(hard: boolean): void;
}
