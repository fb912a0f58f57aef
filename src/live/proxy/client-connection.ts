/**
 * One connection from a client: reads requests, one after the other, and writes what their exchange gives it. It owns
 * the socket and one timer; what a request means is `exchange.ts`.
 *
 *     head ─► body ─► (answer) ─► head …            tunnel: raw bytes both ways
 *       └────────┴──────► lingering ─► closed       lingering: our side is ended, theirs is read and thrown away
 *
 * What comes lies in a buffer that all clients share, and is good only until the read returns. So bytes of the next
 * request (pipelining) that come too early are copied into a bounded backlog.
 */
import { TLSSocket } from 'node:tls';
import { REQUEST_LIMITS } from '../../http1/limits.ts';
import type { MessageFault } from '../../http1/faults.ts';
import { refusalStatus } from '../../http1/faults.ts';
import type { RequestHead } from '../../http1/head.ts';
import { RequestReader, type RequestSink } from '../../http1/request-reader.ts';
import { WheelTimer } from '../timer-wheel.ts';
import type { ClientInfo, Outcome, RefusalFault, SeenRequest } from './brain.ts';
import type { ClientSocket } from './client-socket.ts';
import type { ProxyEngine } from './engine.ts';
import { Exchange } from './exchange.ts';
import { answerHead, bareAnswer } from './local-answer.ts';
import { NOTHING_SEEN, seenRequest } from './seen-request.ts';

type Phase = 'open' | 'tunnel' | 'lingering' | 'closed';

const EMPTY = Buffer.alloc(0);
const NOTHING = Buffer.alloc(0);

export class ClientConnection implements RequestSink {
  readonly reader: RequestReader;
  readonly info: ClientInfo;
  /** Some of what was written is still in this process. */
  blocked = false;
  /** Bytes written for the current exchange. */
  bytesWritten = 0;

  readonly #engine: ProxyEngine;
  readonly #socket: ClientSocket;
  readonly #encrypts: boolean;
  readonly #exchange: Exchange;
  readonly #timer: WheelTimer;
  #phase: Phase = 'open';
  #feeding = false;
  #backlog = NOTHING;
  #paused = false;
  /** The client has ended its side. */
  #ended = false;
  /** The read side of the time-outs: what it waits for, and until when; the write side counts beside it. */
  #readDeadline = Infinity;
  #writeDeadline = Infinity;
  /** Payload bytes at the last look for a dripping body; -1 while the time for a head runs. */
  #mark = 0;
  #writtenAtEnd = 0;
  #lingered = 0;
  /** What is wrong with the head that was just read. */
  #fault: MessageFault | undefined;

  constructor(engine: ProxyEngine, socket: ClientSocket, info: ClientInfo) {
    this.#engine = engine;
    this.#socket = socket;
    this.#encrypts = socket instanceof TLSSocket;
    this.info = info;
    this.reader = new RequestReader(this, REQUEST_LIMITS);
    this.#exchange = new Exchange(engine, this, info);
    this.#timer = new WheelTimer(() => this.#expired());
    this.#readWithin(engine.limits.headMs);
    socket.on('end', () => this.#end());
    socket.on('error', () => this.#gone());
    socket.on('close', () => this.#gone());
  }

  /** No request is running or has begun to come. */
  get idle(): boolean {
    return !this.#exchange.active && this.#phase === 'open' && !this.reader.midHead && this.#backlog.length === 0;
  }

  // ---- from the socket ---------------------------------------------------------------------------------------------

  /** `count` bytes at the start of `buf`, which is ours during the call only. */
  receive(count: number, buf: Buffer): void {
    if (this.#phase === 'open') {
      if (this.#backlog.length > 0 || this.reader.phase === 'idle' || (this.blocked && !this.#exchange.active)) {
        this.#keep(buf, 0, count);
      } else this.#feed(buf, 0, count);
    } else if (this.#phase === 'tunnel') {
      this.#readWithin(this.#engine.limits.tunnelIdleMs);
      this.#exchange.tunnelSpan(buf, 0, count);
    } else if (this.#phase === 'lingering') {
      this.#lingered += count;
      if (this.#lingered > this.#engine.limits.lingerBytes) this.#destroy();
    }
  }

  #feed(buf: Buffer, from: number, end: number): void {
    this.#feeding = true;
    let pos = from;
    while (pos < end && this.#phase === 'open') {
      pos = this.reader.receive(buf, pos, end);
      this.#exchange.requestFlush();
      if (this.reader.phase === 'head') {
        // Either part of a head, or a request was answered at once and the next may follow.
        if (this.reader.midHead) this.#armHead();
        else if (this.blocked) break;
      } else {
        if (this.#fault !== undefined) this.#refuseHead(this.#fault, buf, pos, end);
        break;
      }
    }
    this.#feeding = false;
    if (pos < end && (this.#phase as Phase) === 'tunnel') this.#exchange.tunnelSpan(buf, pos, end);
    else if (pos < end && this.#phase === 'open') this.#keep(buf, pos, end);
  }

  /** The next request is early: keep a little of it. */
  #keep(buf: Buffer, start: number, end: number): void {
    const piece = buf.subarray(start, end);
    this.#backlog = this.#backlog.length === 0 ? Buffer.from(piece) : Buffer.concat([this.#backlog, piece]);
    if (this.#backlog.length >= this.#engine.limits.backlogBytes) this.pauseReading();
  }

  #feedBacklog(): void {
    const backlog = this.#backlog;
    if (backlog.length === 0 || this.#feeding || this.reader.phase !== 'head' || this.blocked) return;
    this.#backlog = NOTHING;
    this.resumeReading();
    this.#feed(backlog, 0, backlog.length);
  }

  #end(): void {
    this.#ended = true;
    if (this.#phase === 'tunnel') return this.#exchange.tunnelEnd();
    if (this.#phase === 'closed') return;
    if (this.#phase === 'lingering') return this.#bothEnded();
    const exchange = this.#exchange;
    if (!exchange.active) {
      if (this.#backlog.length === 0) this.#linger();
      return;
    }
    if (this.reader.phase !== 'idle') return this.#gone();
    // Request complete, then FIN: a client that has left, or one that has only closed its side. Writing shows which.
    exchange.closeAfter = exchange.closeAfter || this.#backlog.length === 0;
    this.#writtenAtEnd = this.#socket.bytesWritten;
    this.#readWithin(this.#engine.limits.halfCloseMs);
  }

  #gone(outcome: Outcome = 'client_gone'): void {
    if (this.#phase === 'closed') return;
    this.#destroy();
    this.#exchange.clientGone(outcome);
  }

  // ---- from the reader ---------------------------------------------------------------------------------------------

  requestHead(head: RequestHead): void {
    this.bytesWritten = 0;
    this.#mark = 0;
    if (head.chunked || head.contentLength > 0) this.#readWithin(this.#engine.limits.dripMs);
    else this.#readWithin(Infinity);
    this.#exchange.begin(head);
  }

  bodySpan(buf: Buffer, start: number, end: number): void {
    this.#exchange.requestSpan(buf, start, end);
  }

  bodyText(text: string): void {
    this.#exchange.requestText(text);
  }

  requestEnd(trailers: string | undefined): void {
    this.#readWithin(Infinity);
    this.#exchange.requestEnd(trailers);
  }

  requestRefused(fault: MessageFault): void {
    if (this.#exchange.active) return this.#exchange.requestBroken(fault);
    // Answered when the reader has returned, which leaves the bytes of a refused head where they are.
    this.#fault = fault;
  }

  #refuseHead(fault: MessageFault, buf: Buffer, from: number, end: number): void {
    this.#fault = undefined;
    this.refuse(refusalStatus(fault), fault, seenRequest(this.reader.head, buf, from, end));
  }

  /** Answer a request that has no exchange, and read nothing more. */
  refuse(status: number, fault: RefusalFault, seen: SeenRequest): void {
    this.reader.stop();
    this.bytesWritten = 0;
    const client = this.info;
    const answer = this.#engine.refusal(status, fault, client) ?? bareAnswer(status);
    this.writeAnswer(answerHead(answer, { close: true, date: this.#engine.dateLine() }), answer.body);
    this.#engine.unrouted({ client, status, fault, seen, responseBytes: this.bytesWritten });
    this.#linger();
  }

  // ---- from the exchange -------------------------------------------------------------------------------------------

  write(text: string): void {
    if (this.#phase === 'closed') return;
    this.bytesWritten += text.length;
    const queued = this.#socket.writableLength > 0;
    this.#socket.write(text, 'latin1');
    this.#wrote(queued);
  }

  writeSpan(buf: Buffer, start: number, end: number): void {
    if (this.#phase === 'closed') return;
    this.bytesWritten += end - start;
    const queued = this.#socket.writableLength > 0;
    this.#socket.write(buf.subarray(start, end));
    this.#wrote(queued);
  }

  /** One write where there is room in front of the span and nothing before it is still on its way. */
  writeTextAndSpan(text: string, buf: Buffer, start: number, end: number): void {
    if (this.#phase === 'closed') return;
    if (text.length <= start && !this.blocked) {
      buf.write(text, start - text.length, 'latin1');
      return this.writeSpan(buf, start - text.length, end);
    }
    this.bytesWritten += text.length + end - start;
    const queued = this.#socket.writableLength > 0;
    this.#socket.cork();
    this.#socket.write(text, 'latin1');
    this.#socket.write(buf.subarray(start, end));
    this.#socket.uncork();
    this.#wrote(queued);
  }

  writeAnswer(head: string, body: string | Uint8Array): void {
    if (this.#phase === 'closed') return;
    if (body.length === 0) return this.write(head);
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const whole = Buffer.allocUnsafe(head.length + bytes.length);
    whole.write(head, 'latin1');
    whole.set(bytes, head.length);
    this.writeSpan(whole, 0, whole.length);
  }

  pauseReading(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resumeReading(): void {
    if (!this.#paused || this.#backlog.length >= this.#engine.limits.backlogBytes) return;
    this.#paused = false;
    this.#mark = this.reader.body.payloadBytes;
    this.#socket.resume();
  }

  /** The answer cannot be finished: end the connection so that the client notices. */
  cut(reset: boolean): void {
    if (this.#phase === 'closed') return;
    // A TLS socket cannot be reset, but neither does it say goodbye (close_notify), which means the same.
    if (reset && !this.blocked && !this.#encrypts) {
      this.#close();
      this.#socket.resetAndDestroy();
    } else this.#destroy();
  }

  exchangeDone(requestEnded: boolean): void {
    if (this.#phase === 'tunnel') return this.#linger();
    if (this.#phase !== 'open') return;
    if (!requestEnded || this.#exchange.closeAfter || this.reader.phase !== 'idle') {
      this.reader.stop();
      return this.#linger();
    }
    this.reader.next();
    // A leg that could take no more, or never came about, may have left us paused.
    this.resumeReading();
    this.#readWithin(this.#engine.limits.clientIdleMs);
    if (this.#engine.draining && this.#backlog.length === 0) return this.#linger();
    if (this.#backlog.length > 0) this.#feedBacklog();
    if (this.#ended && this.idle) this.#linger();
  }

  beginTunnel(): void {
    this.#phase = 'tunnel';
    this.#readWithin(this.#engine.limits.tunnelIdleMs);
    const early = this.#backlog;
    this.#backlog = NOTHING;
    this.resumeReading();
    if (early.length > 0) this.#exchange.tunnelSpan(early, 0, early.length);
    if (this.#ended) this.#exchange.tunnelEnd();
  }

  /** The origin has ended its side of the tunnel. */
  endTunnel(): void {
    this.#socket.end();
    if (this.#ended) this.#exchange.clientGone();
  }

  // ---- from the engine ---------------------------------------------------------------------------------------------

  /** Close when idle; a running exchange is the last one. */
  drain(): void {
    if (this.idle) this.#linger();
    else this.#exchange.closeAfter = true;
  }

  stop(): void {
    this.#gone('stopped');
  }

  // ---- inside ------------------------------------------------------------------------------------------------------

  /**
   * Has the kernel taken all? TLS never says so at once, but it encrypts (so, copies) at once what is not queued
   * behind something else: there it counts only what was `queued` before the write.
   */
  #wrote(queued: boolean): void {
    if (this.#encrypts ? queued : this.#socket.writableLength > 0) this.#block();
  }

  #block(): void {
    if (this.blocked) return;
    this.blocked = true;
    this.#writeDeadline = this.#engine.wheel.nowMs + this.#engine.wheel.tickMs + this.#engine.limits.clientWriteMs;
    this.#arm();
    this.#socket.write(EMPTY, () => {
      this.blocked = false;
      this.#writeDeadline = Infinity;
      if (this.#phase === 'closed') return;
      if (this.#phase === 'lingering') {
        if (this.#ended) return this.#close();
        return this.#readWithin(this.#engine.limits.lingerMs);
      }
      this.#exchange.clientDrained();
      this.#feedBacklog();
    });
  }

  #linger(): void {
    if (this.#phase === 'closed' || this.#phase === 'lingering') return;
    this.#phase = 'lingering';
    this.#backlog = NOTHING;
    this.#socket.end();
    if (this.#ended) return this.#bothEnded();
    this.resumeReading();
    // What the client has not taken yet counts against the time to write; the rest of the wait begins after it.
    this.#readWithin(this.blocked ? Infinity : this.#engine.limits.lingerMs);
  }

  /** Nobody will say anything more; what is still to be written has its time, and then Node closes the socket. */
  #bothEnded(): void {
    if (this.#socket.writableLength === 0) this.#close();
    else if (!this.blocked) this.#readWithin(this.#engine.limits.clientWriteMs);
  }

  #armHead(): void {
    // From the first byte of the head, not from the last: a byte now and then buys no time.
    if (this.#mark === -1) return;
    this.#mark = -1;
    this.#readWithin(this.#engine.limits.headMs);
  }

  #readWithin(ms: number): void {
    this.#readDeadline = this.#engine.wheel.nowMs + this.#engine.wheel.tickMs + ms;
    this.#arm();
  }

  #arm(): void {
    this.#engine.wheel.at(this.#timer, Math.min(this.#readDeadline, this.#writeDeadline));
  }

  #expired(): void {
    const { wheel, limits } = this.#engine;
    if (this.#writeDeadline <= wheel.nowMs) return this.#gone();
    if (this.#readDeadline > wheel.nowMs) return this.#arm();
    if (this.#phase === 'lingering') return this.#destroy();
    if (this.#phase === 'tunnel') return this.#gone();
    if (!this.#exchange.active) {
      if (this.reader.midHead) return this.refuse(408, 'timeout', NOTHING_SEEN);
      return this.#linger();
    }
    if (this.#ended) {
      // Nothing was written since the FIN, so nothing could show whether anyone is left.
      if (this.#socket.bytesWritten === this.#writtenAtEnd) return this.#gone();
      return this.#readWithin(Infinity);
    }
    const payload = this.reader.body.payloadBytes;
    const waiting = this.#paused || (this.reader.head.expectContinue && payload === 0);
    if (!waiting && payload - this.#mark < limits.dripBytes) {
      if (!this.#exchange.unanswered) return this.#gone('client_broken');
      this.reader.stop();
      return this.#exchange.requestTimedOut();
    }
    this.#mark = payload;
    this.#readWithin(limits.dripMs);
  }

  #destroy(): void {
    if (this.#phase === 'closed') return;
    this.#close();
    this.#socket.destroy();
  }

  #close(): void {
    this.#phase = 'closed';
    this.reader.stop();
    this.#backlog = NOTHING;
    this.#engine.wheel.remove(this.#timer);
    this.#engine.closed(this);
  }
}
