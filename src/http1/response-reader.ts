/**
 * The client's half of a connection as a machine without a socket: an origin's bytes in, the answer to one request
 * out. `begin` names the request's method, because the answer to HEAD has no body whatever it says.
 *
 *     head ──(1xx: interim, again)──► body ──► done            101: switched, the bytes behind it are not HTTP
 */
import { BodyReader, type BodySink } from './body.ts';
import type { MessageFault } from './faults.ts';
import { INCOMPLETE, REFUSED, ResponseHead } from './head.ts';
import type { MessageLimits } from './limits.ts';
import { PartialHead } from './partial-head.ts';

export interface ResponseSink extends BodySink {
  /** 100 to 199 except 101; may come several times. */
  responseInterim(head: ResponseHead): void;
  /** The final head, or a 101. The sink may call `body.begin` again to choose the form of the body. */
  responseHead(head: ResponseHead): void;
  responseEnd(trailers: string | undefined): void;
  responseRefused(fault: MessageFault): void;
}

export type ResponsePhase = 'head' | 'body' | 'done' | 'switched' | 'refused';

/** An origin that sends more interim answers than this to one request is not making progress. */
const INTERIMS_MAX = 32;

export class ResponseReader {
  readonly head: ResponseHead;
  readonly body: BodyReader;
  phase: ResponsePhase = 'done';
  /** How the body of the answer is delimited, once the head is there. */
  bodyKind: 'none' | 'length' | 'chunked' | 'close' = 'none';
  readonly #sink: ResponseSink;
  readonly #partial = new PartialHead();
  #toHead = false;
  #interims = 0;

  constructor(sink: ResponseSink, limits: MessageLimits) {
    this.#sink = sink;
    this.head = new ResponseHead(limits);
    this.body = new BodyReader(limits);
  }

  /** Has any byte of the answer come? */
  get begun(): boolean {
    return this.phase !== 'head' || this.#partial.length > 0 || this.#interims > 0;
  }

  begin(method: string): void {
    this.phase = 'head';
    this.#toHead = method === 'HEAD';
    this.#interims = 0;
    this.head.clear();
  }

  /** Returns how far it read: `end`, or less behind the end of the answer, behind a 101, or at a fault. */
  receive(buf: Buffer, from: number, end: number): number {
    let pos = from;
    while (this.phase === 'head') {
      if (pos >= end) return pos;
      pos = this.#readHead(buf, pos, end);
    }
    if (this.phase !== 'body') return pos;
    pos = this.body.read(buf, pos, end, this.#sink);
    // The sink may have given up on this answer while it was handed a span.
    if ((this.phase as ResponsePhase) !== 'body') return pos;
    if (this.body.fault !== undefined) this.#refuse(this.body.fault);
    else if (this.body.done) this.#finish();
    return pos;
  }

  /** The origin has closed its side. True when that ends the answer as it should. */
  end(): boolean {
    if (this.phase !== 'body' || !this.body.end()) return this.phase === 'done';
    this.#finish();
    return true;
  }

  stop(): void {
    this.phase = 'refused';
    this.#partial.clear();
  }

  #finish(): void {
    this.phase = 'done';
    this.#sink.responseEnd(this.body.trailers);
  }

  #readHead(buf: Buffer, from: number, end: number): number {
    const before = this.#partial.length;
    let length: number;
    if (before === 0) length = this.head.parse(buf, from, end);
    else length = this.head.parse(this.#partial.add(buf, from, end), 0, this.#partial.length);
    if (length === REFUSED) {
      this.#refuse(this.head.fault ?? 'bad_start_line');
      return from;
    }
    if (length === INCOMPLETE) {
      if (before === 0) this.#partial.add(buf, from, end);
      return end;
    }
    if (before > 0) this.#partial.clear();
    const pos = from + length - before;
    const head = this.head;
    // HTTP/1.0 has no 1xx; whoever reads it as a final answer would take the next one for its body.
    if (head.status < 200 && head.minor === 0) {
      this.#refuse('bad_status');
      return pos;
    }
    if (head.status < 200 && head.status !== 101) {
      this.#interims += 1;
      if (this.#interims > INTERIMS_MAX) this.#refuse('bad_status');
      else {
        this.#sink.responseInterim(head);
        head.clear();
      }
      return pos;
    }
    if (head.status === 101) {
      this.phase = 'switched';
      this.#sink.responseHead(head);
      return pos;
    }
    this.phase = 'body';
    if (this.#toHead || head.bodiless) this.bodyKind = 'none';
    else if (head.chunked) this.bodyKind = 'chunked';
    else this.bodyKind = head.contentLength >= 0 ? 'length' : 'close';
    this.body.begin(this.bodyKind, head.contentLength, true);
    this.#sink.responseHead(head);
    return pos;
  }

  #refuse(fault: MessageFault): void {
    this.stop();
    this.#sink.responseRefused(fault);
  }
}
