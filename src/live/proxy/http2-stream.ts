/**
 * One stream of HTTP/2 that looks like a connection of HTTP/1.1: its request is told to a `ClientConnection` in HTTP/1.1, and what that
 * writes is read back into frames. So time-outs, retries, trailers, interim answers, limits and logs are those of every other request,
 * and nothing about HTTP is decided twice. When a stream has ended in peace, the half behind it carries the connection's next one.
 *
 *     stream ─► "GET / HTTP/1.1…", chunks ─►  ClientConnection ─► Exchange ─► origin
 *     stream ◄─ HEADERS, DATA, trailers  ◄─ ResponseReader ◄──────┘
 *
 *     free ─► open ─► answered ─► free …       RST from the client, or from us: dead, and the origin's connection with it
 *               └─► tunnel ─► dead             an extended CONNECT that got its 101
 */
import { createHash } from 'node:crypto';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { fieldName } from '../../http1/field-set.ts';
import type { MessageFault } from '../../http1/faults.ts';
import type { ResponseHead } from '../../http1/head.ts';
import { RESPONSE_LIMITS } from '../../http1/limits.ts';
import { ResponseReader, type ResponseSink } from '../../http1/response-reader.ts';
import { WheelTimer } from '../timer-wheel.ts';
import type { ClientInfo, RefusalFault, SeenRequest } from './brain.ts';
import { ClientConnection } from './client-connection.ts';
import type { ClientSocket } from './client-socket.ts';
import type { ProxyEngine } from './engine.ts';
import { lastChunk, type StreamRequest } from './http2-request.ts';
import { streamHead, streamTrailers } from './http2-response.ts';

const { NGHTTP2_NO_ERROR } = constants;

type Phase = 'free' | 'open' | 'answered' | 'tunnel' | 'dead';
type GoodRequest = Extract<StreamRequest, { kind: 'request' }>;

/** What it reads was written by us, from a head within these limits and some fields more. */
const WRITTEN_LIMITS = {
  ...RESPONSE_LIMITS,
  headBytes: RESPONSE_LIMITS.headBytes * 2,
  fields: RESPONSE_LIMITS.fields * 2,
};
const ACCEPT = fieldName('sec-websocket-accept');
/**
 * Spans from this size on are lent to Node where they lie, in the buffer that the origin reads into, and the origin is held back until
 * they are returned; smaller ones are copied, which is cheaper than waiting.
 */
const LENT_BYTES = 16 * 1024;
/** RFC 6455 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Node makes RST_STREAM with INTERNAL_ERROR of any error. */
const CUT = new Error('the stream cannot be finished');

export interface StreamOwner {
  readonly engine: ProxyEngine;
  /** The stream is over. `cut`: the client ended it before it had its answer. */
  streamOver(half: StreamHalf, cut: boolean): void;
  /** It will carry no more streams. */
  halfDead(half: StreamHalf): void;
}

export class StreamHalf implements ClientSocket, ResponseSink {
  bytesWritten = 0;
  readonly #owner: StreamOwner;
  readonly #connection: ClientConnection;
  readonly #reader: ResponseReader;
  /** What we have written has its time to be taken, also when nobody waits for it any more. */
  readonly #timer: WheelTimer;
  readonly #listeners: { end?: () => void; close?: () => void } = {};
  #phase: Phase = 'free';
  #stream: ServerHttp2Stream | undefined;
  #body: GoodRequest['body'] = 'none';
  #key: string | undefined;
  #requestEnded = false;
  #requestTrailers: string | undefined;
  #answerTrailers: string | undefined;
  /** The last span, held until the call that brought it ends: the end of the stream may go into the same frame. */
  #piece: Buffer | undefined;
  /** It is lent, not copied; and how many are out. */
  #lends = false;
  #lent = 0;
  #endSent = false;
  /** We have reset the stream ourselves. */
  #cutByUs = false;
  #whenDrained: (() => void)[] = [];

  constructor(owner: StreamOwner, info: ClientInfo) {
    this.#owner = owner;
    this.#reader = new ResponseReader(this, WRITTEN_LIMITS);
    this.#timer = new WheelTimer(() => this.#reset());
    this.#connection = new ClientConnection(owner.engine, this, info);
  }

  /** Carry a request. */
  begin(stream: ServerHttp2Stream, request: GoodRequest): void {
    this.#take(stream, request.method);
    this.#body = request.body;
    this.#key = request.upgrade?.key;
    this.#requestEnded = request.body === 'none' && this.#key === undefined;
    if (!this.#requestEnded) {
      stream.on('data', this.#onData);
      stream.on('end', this.#onEnd);
      if (this.#body === 'chunked') stream.on('trailers', this.#onTrailers);
    } else stream.resume();
    this.#tell(request.head);
  }

  /** Answer a request that goes nowhere. */
  refuse(stream: ServerHttp2Stream, status: number, fault: RefusalFault, seen: SeenRequest): void {
    this.#take(stream, seen.method);
    this.#requestEnded = stream.readableEnded;
    stream.resume();
    this.#connection.refuse(status, fault, seen);
  }

  drain(): void {
    this.#connection.drain();
  }

  stop(): void {
    this.#connection.stop();
  }

  #take(stream: ServerHttp2Stream, method: string): void {
    this.#phase = 'open';
    this.#stream = stream;
    this.#key = undefined;
    this.#requestTrailers = undefined;
    this.#answerTrailers = undefined;
    this.#endSent = false;
    this.#cutByUs = false;
    this.#reader.begin(method);
    stream.on('error', ignore);
    stream.on('aborted', this.#onAborted);
    stream.on('close', this.#onClose);
    stream.on('drain', this.#onDrain);
    stream.on('finish', this.#onDrain);
  }

  // ---- the stream's side -------------------------------------------------------------------------------------------

  readonly #onData = (chunk: Buffer): void => {
    // A chunk of no bytes would be the last one.
    if (chunk.length === 0 || (this.#phase !== 'open' && this.#phase !== 'tunnel')) return;
    if (this.#body !== 'chunked') return this.#connection.receive(chunk.length, chunk);
    const size = `${chunk.length.toString(16)}\r\n`;
    const framed = Buffer.allocUnsafe(size.length + chunk.length + 2);
    framed.write(size, 'latin1');
    chunk.copy(framed, size.length);
    framed.write('\r\n', size.length + chunk.length, 'latin1');
    this.#connection.receive(framed.length, framed);
  };

  readonly #onTrailers = (_fields: unknown, _flags: number, raw: readonly string[]): void => {
    const last = lastChunk(raw);
    if (last === undefined) this.#reset();
    else this.#requestTrailers = last;
  };

  readonly #onEnd = (): void => {
    const stream = this.#stream;
    // Node ends a stream that was reset, too: that is no end of the request.
    if (
      this.#phase === 'dead' ||
      this.#requestEnded ||
      stream === undefined ||
      stream.aborted ||
      stream.rstCode !== NGHTTP2_NO_ERROR
    )
      return;
    this.#requestEnded = true;
    if (this.#key !== undefined) this.#listeners.end?.();
    else if (this.#body === 'chunked') this.#tell(this.#requestTrailers ?? '0\r\n\r\n');
  };

  /** Reset, by whichever side, before we had said all. What is still unread of the request does not matter any more. */
  readonly #onAborted = (): void => {
    // Node says so in the middle of our own `close`, too, which has its frame still to send.
    if (this.#cutByUs) return;
    this.#stream?.destroy();
    this.#lost();
  };

  readonly #onDrain = (): void => {
    if (this.#lent > 0) return;
    for (const each of this.#whenDrained.splice(0)) each();
  };

  readonly #onClose = (): void => {
    if (this.#stream === undefined) return;
    this.#lost();
    const cut = this.#phase !== 'free' && !this.#cutByUs && !this.#endSent;
    this.#stream = undefined;
    this.#owner.engine.wheel.clear(this.#timer);
    if (this.#phase === 'answered') this.#phase = 'free';
    this.#owner.streamOver(this, cut);
  };

  get free(): boolean {
    return this.#phase === 'free';
  }

  /** The client is gone, as far as this request goes; unless all has been said, and taken. */
  #lost(): void {
    if (this.#phase === 'dead' || this.#phase === 'free') return;
    if (this.#phase === 'answered' && this.#requestEnded && this.#whenDrained.length === 0) return;
    this.#die();
    this.#listeners.close?.();
  }

  #tell(text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    this.#connection.receive(bytes.length, bytes);
  }

  // ---- ClientSocket: what the connection says ----------------------------------------------------------------------

  on(event: 'end' | 'error' | 'close', listener: () => void): void {
    if (event !== 'error') this.#listeners[event] = listener;
  }

  get writableLength(): number {
    const stream = this.#stream;
    if (this.#lent > 0) return LENT_BYTES;
    return stream?.writableNeedDrain === true ? stream.writableLength : 0;
  }

  write(data: string | Buffer, more?: 'latin1' | (() => void)): boolean {
    if (typeof more === 'function') {
      if (this.writableLength > 0) this.#whenDrained.push(more);
      else queueMicrotask(more);
    }
    const stream = this.#stream;
    if (data.length === 0 || stream === undefined || this.#phase === 'dead') return true;
    this.bytesWritten += data.length;
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    if (this.#phase === 'tunnel') stream.write(Buffer.from(bytes));
    else {
      this.#reader.receive(bytes, 0, bytes.length);
      this.#flushPiece();
    }
    return true;
  }

  cork(): void {
    // Node gathers frames by itself until the turn of the event loop ends.
  }

  uncork(): void {}

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  /** The connection says nothing more: after an answer that is its last, or because it has been idle. */
  end(): void {
    const stream = this.#stream;
    if (this.#phase === 'dead') return;
    if (stream === undefined || stream.destroyed) {
      this.#die();
      queueMicrotask(() => this.#listeners.close?.());
    } else if (this.#phase === 'tunnel') {
      this.#endSent = true;
      stream.end();
    } else if (this.#phase === 'open') this.#reset();
    else {
      // RFC 9113 8.1: whole answer, and the rest of the request is not wanted.
      if (!this.#requestEnded) stream.close(NGHTTP2_NO_ERROR);
      this.#die();
      const gone = (): void => this.#listeners.close?.();
      if (this.writableLength > 0) this.#whenDrained.push(gone);
      else queueMicrotask(gone);
    }
  }

  destroy(): void {
    if (this.#phase === 'dead') {
      // The answer was whole, and nobody took it.
      if (this.writableLength > 0) this.#cutStream();
      return;
    }
    const ok = this.#phase === 'answered';
    this.#die();
    if (!ok) this.#cutStream();
  }

  resetAndDestroy(): void {
    this.destroy();
  }

  // ---- ResponseSink: what it says, read back -----------------------------------------------------------------------

  responseInterim(head: ResponseHead): void {
    const stream = this.#stream;
    if (stream === undefined || stream.destroyed || stream.headersSent) return;
    this.#try(() => stream.additionalHeaders(streamHead(head, head.status)));
  }

  responseHead(head: ResponseHead): void {
    const stream = this.#stream;
    if (stream === undefined || stream.destroyed) return;
    if (head.status === 101) return this.#open(stream, head);
    const kind = this.#reader.bodyKind;
    if (kind === 'chunked') this.#reader.body.begin('chunked', 0, false);
    this.#endSent = kind === 'none' || (kind === 'length' && head.contentLength === 0);
    const how = { endStream: this.#endSent, waitForTrailers: kind === 'chunked' };
    if (how.waitForTrailers) stream.on('wantTrailers', this.#onWantTrailers);
    this.#try(() => stream.respond(streamHead(head, head.status), how));
  }

  bodySpan(buf: Buffer, start: number, end: number): void {
    this.#flushPiece();
    const span = buf.subarray(start, end);
    this.#lends = end - start >= LENT_BYTES;
    this.#piece = this.#lends ? span : Buffer.from(span);
  }

  bodyText(): void {
    // Framing, of which HTTP/2 has its own.
  }

  responseEnd(trailers: string | undefined): void {
    this.#phase = 'answered';
    const { engine } = this.#owner;
    engine.wheel.in(this.#timer, engine.limits.clientWriteMs);
    const piece = this.#piece;
    this.#piece = undefined;
    if (!this.#endSent) {
      this.#endSent = true;
      this.#answerTrailers = trailers;
      if (piece === undefined) this.#stream?.end();
      else if (this.#lends) {
        this.#lent += 1;
        this.#stream?.end(piece, this.#returned);
      } else this.#stream?.end(piece);
    }
    if (this.#key !== undefined) {
      // A CONNECT that got another answer than a tunnel: the client's half has nothing more to say.
      this.#requestEnded = true;
      this.#stream?.close(NGHTTP2_NO_ERROR);
    }
  }

  responseRefused(fault: MessageFault): void {
    this.#owner.engine.mistake(new Error(`a head of our own cannot be read: ${fault}`));
    this.#reset();
  }

  readonly #onWantTrailers = (): void => {
    const stream = this.#stream;
    if (stream === undefined || stream.destroyed) return;
    this.#try(() => stream.sendTrailers(streamTrailers(this.#answerTrailers)));
  };

  /** The 101 that an extended CONNECT asked for is a 200 here (RFC 8441 5), and raw bytes from now on. */
  #open(stream: ServerHttp2Stream, head: ResponseHead): void {
    const wanted = createHash('sha1').update(`${this.#key}${WEBSOCKET_GUID}`).digest('base64');
    if (this.#key === undefined || head.get(ACCEPT) !== wanted) return this.#reset();
    const fields = streamHead(head, 200);
    delete fields['sec-websocket-accept'];
    this.#phase = 'tunnel';
    this.#try(() => stream.respond(fields));
  }

  // ---- inside ------------------------------------------------------------------------------------------------------

  #flushPiece(): void {
    const piece = this.#piece;
    if (piece === undefined) return;
    this.#piece = undefined;
    if (this.#lends) {
      this.#lent += 1;
      this.#stream?.write(piece, this.#returned);
    } else this.#stream?.write(piece);
  }

  readonly #returned = (): void => {
    this.#lent -= 1;
    if (this.#lent === 0) this.#onDrain();
  };

  /** Node refuses some heads (a status above 599) by throwing: then the client gets none, and learns so. */
  #try(send: () => void): void {
    try {
      send();
    } catch {
      this.#reset();
    }
  }

  /** Give the stream up, and tell the connection that its client is gone. */
  #reset(): void {
    this.#cutStream();
    if (this.#phase === 'dead') return;
    this.#die();
    queueMicrotask(() => this.#listeners.close?.());
  }

  #cutStream(): void {
    const stream = this.#stream;
    if (stream === undefined || stream.destroyed) return;
    this.#cutByUs = true;
    this.#piece = undefined;
    // Not `close`: before its RST_STREAM it would end the stream, and a client could take what it has for the whole.
    stream.destroy(CUT);
  }

  #die(): void {
    if (this.#phase === 'dead') return;
    this.#phase = 'dead';
    this.#reader.stop();
    this.#owner.halfDead(this);
  }
}

function ignore(): void {
  // `close` follows, and says all that matters.
}
