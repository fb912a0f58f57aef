/**
 * The server's half of a connection as a machine without a socket: bytes in, requests out, one at a time.
 *
 *     head ──► body ──► idle ──(next)──► head …           refused: nothing more is read, ever
 *
 * `receive` stops behind the end of a request, so that a pipelined one stays where it is until `next` is called and
 * the rest is fed in again. The sink is called during `receive`; spans are only good during the call.
 */
import { BodyReader, type BodySink } from './body.ts';
import type { MessageFault } from './faults.ts';
import { INCOMPLETE, REFUSED, RequestHead } from './head.ts';
import type { MessageLimits } from './limits.ts';
import { PartialHead } from './partial-head.ts';

export interface RequestSink extends BodySink {
  /** A good head. The sink may call `body.begin` again to choose the form in which it wants the body. */
  requestHead(head: RequestHead): void;
  /** The request is whole. `trailers` as in `BodyReader.trailers`. */
  requestEnd(trailers: string | undefined): void;
  /** The bytes are not HTTP/1.1 as we accept it; the connection cannot be read any further. */
  requestRefused(fault: MessageFault): void;
}

export type RequestPhase = 'head' | 'body' | 'idle' | 'refused';

export class RequestReader {
  readonly head: RequestHead;
  readonly body: BodyReader;
  phase: RequestPhase = 'head';
  readonly #sink: RequestSink;
  readonly #partial = new PartialHead();

  constructor(sink: RequestSink, limits: MessageLimits) {
    this.#sink = sink;
    this.head = new RequestHead(limits);
    this.head.clear();
    this.body = new BodyReader(limits);
  }

  /** True while a head has begun and is not whole: the time for which head time-outs count. */
  get midHead(): boolean {
    return this.phase === 'head' && this.#partial.length > 0;
  }

  /** Returns how far it read: `end`, or less behind the end of a request or at a fault. */
  receive(buf: Buffer, from: number, end: number): number {
    let pos = from;
    if (this.phase === 'head') {
      pos = this.#readHead(buf, from, end);
    }
    if (this.phase !== 'body') return pos;
    pos = this.body.read(buf, pos, end, this.#sink);
    if (this.phase !== 'body') return pos;
    if (this.body.fault !== undefined) this.#refuse(this.body.fault);
    else if (this.body.done) {
      this.phase = 'idle';
      this.#sink.requestEnd(this.body.trailers);
    }
    return pos;
  }

  /** Be ready for the next request on this connection. */
  next(): void {
    this.phase = 'head';
    this.head.clear();
  }

  /** Read nothing more; whatever comes is ignored. */
  stop(): void {
    this.phase = 'refused';
    this.#partial.clear();
  }

  #readHead(buf: Buffer, from: number, end: number): number {
    const before = this.#partial.length;
    let length: number;
    if (before === 0) {
      length = this.head.parse(buf, from, end);
    } else {
      const held = this.#partial.add(buf, from, end);
      length = this.head.parse(held, 0, this.#partial.length);
    }
    if (length === REFUSED) {
      this.#refuse(this.head.fault ?? 'bad_start_line');
      return from;
    }
    if (length === INCOMPLETE) {
      if (before === 0) this.#partial.add(buf, from, end);
      return end;
    }
    if (before > 0) this.#partial.clear();
    this.phase = 'body';
    const head = this.head;
    this.body.begin(head.chunked ? 'chunked' : 'length', Math.max(0, head.contentLength), true);
    this.#sink.requestHead(head);
    return from + length - before;
  }

  #refuse(fault: MessageFault): void {
    this.stop();
    this.#sink.requestRefused(fault);
  }
}
