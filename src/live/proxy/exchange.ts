/**
 * One request and its answer: the joint between a client connection and the leg that carries the attempt. All the
 * decisions that HTTP leaves to a proxy are here: when a request may be sent again, how the answer is framed for this
 * client, whether the connection can live on. Where it goes is the brain's.
 *
 *     begin ─► route ─► leg ─► legHead ─► spans ─► legEnd ─► done
 *                 │      └─ legFault ─► again | next attempt | local answer
 *                 └─ local answer
 *
 * The object is made once per client connection and used for one request after the other.
 */
import { assert } from '../../core/assert.ts';
import { refusalStatus, type MessageFault } from '../../http1/faults.ts';
import type { RequestHead, ResponseHead } from '../../http1/head.ts';
import { readTrailers, writeLastChunk } from '../../http1/trailers.ts';
import {
  type ResponseEdit,
  type ResponseFraming,
  writeResponseHead,
  writeSwitchingHead,
} from '../../http1/write-head.ts';
import type { AttemptFault } from '../../core/attempt-fault.ts';
import type { Attempt, ClientInfo, ExchangeReport, LocalAnswer, Outcome, Plan } from './brain.ts';
import type { ClientConnection } from './client-connection.ts';
import type { ProxyEngine } from './engine.ts';
import { answerHead, bareAnswer, MAX_FORWARDS_ZERO, METHOD_REFUSED, OUR_MISTAKE, OVERLOADED } from './local-answer.ts';
import type { LegBody, LegSink, OriginLeg } from './transport.ts';

/** Attempts of one request, whatever the brain says: a circle of origins that all refuse must end. */
const ATTEMPTS_MAX = 16;
/** Methods of requests that may be sent twice (RFC 9110 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE', 'PROPFIND', 'REPORT', 'SEARCH']);
const NO_NAMES: readonly string[] = [];

export class Exchange implements LegSink, ExchangeReport {
  readonly client: ClientInfo;
  active = false;
  tunnel = false;
  /** The connection to the client ends with this exchange. */
  closeAfter = false;
  outcome: Outcome = 'completed';
  status = 0;
  attempts = 0;
  startMs = 0;
  answerMs = 0;
  endMs = 0;

  readonly #engine: ProxyEngine;
  readonly #connection: ClientConnection;
  /** RFC 9110 7.6.3: Via names the version that the request came in; the head's own writer knows those of HTTP/1. */
  readonly #via: string;
  readonly #viaLine: string;
  #plan: Plan | undefined;
  #attempt: Attempt | undefined;
  #leg: OriginLeg | undefined;
  #local: LocalAnswer | undefined;
  /** The request's head has been handed to the leg, and some of its body. */
  #begun = false;
  #bodySent = false;
  #requestEnded = false;
  #retriedStale = false;
  #upgrade = false;
  /** The request's chunked body comes from the reader without its framing. */
  #payload = false;
  /** Body bytes and text that came before the leg was ready. */
  #held: (Buffer | string)[] = [];
  /** A final head has been handed to the client's connection. */
  #answered = false;
  #pendingText = '';
  #rechunk = false;
  /** In a re-chunked body: a chunk is open whose CRLF is still owed. */
  #chunkOpen = false;
  #wireChunks = false;
  #trailerDrop: readonly string[] = NO_NAMES;
  #legPaused = false;

  constructor(engine: ProxyEngine, connection: ClientConnection, client: ClientInfo) {
    this.#engine = engine;
    this.#connection = connection;
    this.client = client;
    const foreign = client.http2 === true && engine.via !== '';
    this.#via = foreign ? '' : engine.via;
    this.#viaLine = foreign ? `Via: 2.0 ${engine.via}\r\n` : '';
  }

  get head(): RequestHead {
    return this.#connection.reader.head;
  }
  get requestBytes(): number {
    return this.#connection.reader.body.payloadBytes;
  }
  get responseBytes(): number {
    return this.#connection.bytesWritten;
  }
  get clientBlocked(): boolean {
    return this.#connection.blocked;
  }
  /** Nothing of an answer has reached the client yet. */
  get unanswered(): boolean {
    return this.active && !this.#answered;
  }

  // ---- the client's side -------------------------------------------------------------------------------------------

  begin(head: RequestHead): void {
    const engine = this.#engine;
    this.active = true;
    this.tunnel = false;
    this.closeAfter = head.minor === 0 || head.close || engine.draining;
    this.status = 0;
    this.attempts = 0;
    this.startMs = engine.clock.nowMs();
    this.answerMs = 0;
    this.#plan = undefined;
    this.#local = undefined;
    this.#begun = false;
    this.#bodySent = false;
    this.#requestEnded = false;
    this.#retriedStale = false;
    this.#answered = false;
    this.#pendingText = '';
    this.#legPaused = false;
    this.#payload = false;
    this.#upgrade =
      head.upgradeOption &&
      head.upgrade !== '' &&
      head.minor === 1 &&
      !head.chunked &&
      head.contentLength <= 0 &&
      !/\bh2c?\b/i.test(head.upgrade);
    engine.inFlight += 1;
    if (engine.inFlight > engine.limits.exchanges) {
      this.#local = engine.refusal(503, 'overloaded', this.client) ?? OVERLOADED;
      return;
    }
    if (head.maxForwards === 0 && head.method === 'OPTIONS') this.#local = MAX_FORWARDS_ZERO;
    // TRACE would echo cookies and our own fields back to a script (RFC 9110 9.3.8 leaves it to us).
    else if (head.method === 'TRACE') this.#local = METHOD_REFUSED;
    else this.#route(head);
  }

  requestSpan(buf: Buffer, start: number, end: number): void {
    if (this.#local !== undefined || !this.active) return;
    if (this.#begun && this.#leg !== undefined) {
      this.#bodySent = true;
      this.#sendSpan(this.#leg, buf, start, end);
    } else {
      this.#held.push(Buffer.from(buf.subarray(start, end)));
    }
  }

  requestText(text: string): void {
    if (this.#local !== undefined || !this.active) return;
    if (this.#begun && this.#leg !== undefined) this.#sendFraming(this.#leg, text);
    else this.#held.push(text);
  }

  /** The request is whole. */
  requestEnd(trailers: string | undefined): void {
    if (!this.active) return;
    if (trailers !== undefined || (this.#payload && this.head.chunked)) {
      const section = readTrailers(trailers ?? '', this.head.connectionNames);
      if (section.kind === 'refused') {
        this.#connection.reader.stop();
        return this.requestBroken('bad_trailer');
      }
      this.requestText(writeLastChunk(section.lines));
    }
    this.#requestEnded = true;
    if (this.#begun) this.#leg?.sendEnd();
  }

  /** All that came with one read of the client has been handed over. */
  requestFlush(): void {
    if (!this.active) return;
    if (this.#local !== undefined) return this.#answer(this.#local);
    const leg = this.#leg;
    if (leg === undefined || !this.#begun) {
      // Nobody takes the body yet; one read of it is held, more is not.
      if (this.#held.length > 0) this.#connection.pauseReading();
      return;
    }
    leg.flush();
    if (leg.blocked) this.#connection.pauseReading();
  }

  /** The client broke the framing of its own body. */
  requestBroken(fault: MessageFault): void {
    this.#dropLeg();
    if (this.#answered) {
      this.#connection.cut(false);
      return this.#finish('client_broken');
    }
    const status = refusalStatus(fault);
    this.#answer(this.#engine.refusal(status, fault, this.client) ?? bareAnswer(status), 'client_broken');
  }

  /** The client takes too long over its body. */
  requestTimedOut(): void {
    this.#dropLeg();
    this.#answer(this.#engine.refusal(408, 'timeout', this.client) ?? bareAnswer(408), 'client_broken');
  }

  /** The client is gone; nothing can be told to it any more. */
  clientGone(outcome: Outcome = 'client_gone'): void {
    if (!this.active) return;
    this.#dropLeg();
    this.#finish(this.tunnel ? 'tunnel' : outcome);
  }

  /** In a tunnel: raw bytes, and the end of the client's side. */
  tunnelSpan(buf: Buffer, start: number, end: number): void {
    const leg = this.#leg;
    if (leg === undefined) return;
    leg.send(buf, start, end);
    if (leg.blocked) this.#connection.pauseReading();
  }
  tunnelEnd(): void {
    this.#leg?.sendEnd();
  }

  clientDrained(): void {
    if (!this.#legPaused) return;
    this.#legPaused = false;
    this.#leg?.resume();
  }

  // ---- the leg's side ----------------------------------------------------------------------------------------------

  legReady(): void {
    this.#send();
    this.#leg?.flush();
    if (this.#leg !== undefined && !this.#leg.blocked) this.#connection.resumeReading();
  }

  legDrained(): void {
    this.#connection.resumeReading();
  }

  legInterim(head: ResponseHead): void {
    if (this.head.minor === 0) return;
    // RFC 9110 15.2: a 100 that the client did not ask for is ours to drop.
    if (head.status === 100 && !this.head.expectContinue) return;
    this.#connection.write(writeResponseHead(head, undefined, { framing: 'none', close: false, date: '' }));
  }

  legHead(head: ResponseHead, body: LegBody): 'wire' | 'payload' {
    const engine = this.#engine;
    const plan = this.#plan;
    assert(plan !== undefined, 'an answer belongs to a plan');
    this.answerMs = engine.clock.nowMs();
    if (head.status === 101) {
      this.#switch(head, plan);
      return 'wire';
    }
    this.#answered = true;
    this.status = head.status;
    this.#trailerDrop = head.connectionNames;
    if (!this.#requestEnded) this.closeAfter = true;
    this.#rechunk = false;
    this.#chunkOpen = false;
    this.#wireChunks = false;
    let framing: ResponseFraming = 'as_is';
    let form: 'wire' | 'payload' = 'wire';
    const old = this.head.minor === 0;
    if (head.status === 204) framing = 'none';
    else if (body === 'chunked') {
      if (old) {
        framing = 'close';
        form = 'payload';
      } else this.#wireChunks = true;
    } else if (body === 'payload') {
      framing = old ? 'close' : 'chunked';
      this.#rechunk = !old;
    } else if (old && head.chunked) framing = 'close';
    if (framing === 'close') this.closeAfter = true;
    let edit: ResponseEdit | undefined;
    try {
      edit = engine.brain.responseHead(plan, head);
    } catch (error) {
      // Without the edit a field might leak that should not: none of this answer goes out.
      engine.mistake(error);
      this.#dropLeg();
      this.#answer(OUR_MISTAKE);
      return 'wire';
    }
    this.#pendingText = writeResponseHead(head, edit, {
      framing,
      close: this.closeAfter,
      date: head.dated ? '' : engine.dateLine(),
    });
    return form;
  }

  bodySpan(buf: Buffer, start: number, end: number): void {
    if (this.#rechunk) {
      this.#pendingText += `${this.#chunkOpen ? '\r\n' : ''}${(end - start).toString(16)}\r\n`;
      this.#chunkOpen = true;
    }
    const text = this.#pendingText;
    if (text === '') this.#connection.writeSpan(buf, start, end);
    else {
      this.#pendingText = '';
      this.#connection.writeTextAndSpan(text, buf, start, end);
    }
    this.#holdLeg();
  }

  bodyText(text: string): void {
    this.#pendingText += text;
  }

  legFlush(): void {
    if (this.#pendingText === '') return;
    const text = this.#pendingText;
    this.#pendingText = '';
    this.#connection.write(text);
    this.#holdLeg();
  }

  legEnd(trailers: string | undefined): void {
    this.#leg = undefined;
    if (this.#wireChunks && trailers !== undefined) {
      const section = readTrailers(trailers, this.#trailerDrop);
      if (section.kind === 'refused') {
        this.#connection.cut(false);
        return this.#finish('origin_cut');
      }
      this.#pendingText += writeLastChunk(section.lines);
    } else if (this.#rechunk) {
      this.#pendingText += this.#chunkOpen ? '\r\n0\r\n\r\n' : '0\r\n\r\n';
    }
    this.legFlush();
    this.#finish('completed');
  }

  legFault(kind: AttemptFault, detail: string, sawAnswer: boolean): void {
    const stale = this.#leg?.reused === true && !sawAnswer && !this.#retriedStale;
    this.#leg = undefined;
    if (this.tunnel) {
      // Both sides ended in peace, or the origin broke off: then the client should see that too.
      if (detail !== 'closed') this.#connection.cut(true);
      return this.#finish('tunnel');
    }
    if (this.#answered) {
      // What the client has looks cut only if its framing says so; where the end is the end of the connection, a
      // reset must say it.
      this.legFlush();
      this.#connection.cut(this.head.minor === 0);
      return this.#finish('origin_cut');
    }
    this.#again(stale, kind, detail);
    this.#flushLeg();
  }

  legTunnelEnd(): void {
    this.#connection.endTunnel();
  }

  // ---- inside ------------------------------------------------------------------------------------------------------

  /** After a fault that the client knows nothing of: once more on a fresh connection, or as the brain says. */
  #again(stale: boolean, kind: AttemptFault, detail: string): void {
    if (stale && (kind === 'reset' || kind === 'empty') && this.#mayRetry() && this.#attempt !== undefined) {
      this.#retriedStale = true;
      this.#start(this.#attempt, true);
    } else this.#failed(kind, detail);
  }

  #route(head: RequestHead): void {
    let route: Plan | LocalAnswer;
    try {
      route = this.#engine.brain.route(head, this.client);
    } catch (error) {
      this.#engine.mistake(error);
      this.#local = OUR_MISTAKE;
      return;
    }
    if (route.kind === 'answer') {
      this.#local = route;
      return;
    }
    this.#plan = route;
    this.#start(route.attempt, false);
  }

  #start(attempt: Attempt, fresh: boolean): void {
    this.#attempt = attempt;
    this.#begun = false;
    this.attempts += 1;
    const transport = this.#engine.transport(attempt.kind);
    if (transport === undefined) return this.#failed('unavailable', attempt.kind);
    const leg = transport.open(attempt, this, fresh);
    if ('kind' in leg) return this.#failed(leg.fault, leg.detail);
    if (leg.form === 'payload' && this.head.chunked && !this.#payload) {
      // The body's form is settled by the first attempt: its reader cannot go back over what it has handed out.
      if (this.attempts > 1) {
        leg.abort();
        return this.#failed('unavailable', 'body_form');
      }
      this.#payload = true;
      this.#connection.reader.body.begin('chunked', 0, false);
    }
    this.#leg = leg;
    if (leg.ready) this.#send();
  }

  /** Hand over the head, and what has come of the body so far. */
  #send(): void {
    const leg = this.#leg;
    const plan = this.#plan;
    assert(leg !== undefined && plan !== undefined && this.#attempt !== undefined, 'a leg to send on');
    this.#begun = true;
    leg.begin(this.head, {
      drop: plan.requestDrop,
      add: this.#viaLine === '' ? plan.requestAdd : this.#viaLine + plan.requestAdd,
      host: this.#attempt.host,
      upgrade: this.#upgrade,
      via: this.#via,
    });
    if (this.#held.length > 0) {
      for (const piece of this.#held) {
        if (typeof piece === 'string') this.#sendFraming(leg, piece);
        else {
          this.#bodySent = true;
          this.#sendSpan(leg, piece, 0, piece.length);
        }
      }
      this.#held = [];
    }
    if (this.#requestEnded) leg.sendEnd();
  }

  #sendSpan(leg: OriginLeg, buf: Buffer, start: number, end: number): void {
    if (!this.#payload || !this.head.chunked || leg.form === 'payload') return leg.send(buf, start, end);
    leg.sendText(`${(end - start).toString(16)}\r\n`);
    leg.send(buf, start, end);
    leg.sendText('\r\n');
  }

  /** Chunk framing, which a leg that takes payload has no use for. */
  #sendFraming(leg: OriginLeg, text: string): void {
    if (leg.form === 'wire') leg.sendText(text);
  }

  /** Nothing was sent, or what was sent may be sent twice and is still all here. */
  #mayRetry(): boolean {
    return !this.#begun || (!this.#bodySent && IDEMPOTENT.has(this.head.method));
  }

  #failed(kind: AttemptFault, detail: string): void {
    const plan = this.#plan;
    assert(plan !== undefined, 'an attempt belongs to a plan');
    // A transport that cannot serve has sent nothing, whatever it was handed.
    const unsent = kind === 'unavailable' && !this.#bodySent;
    const mayRetry = (unsent || this.#mayRetry()) && this.attempts < ATTEMPTS_MAX;
    let next: Attempt | LocalAnswer;
    try {
      next = this.#engine.brain.attemptFailed(plan, { kind, detail, mayRetry });
    } catch (error) {
      this.#engine.mistake(error);
      next = OUR_MISTAKE;
    }
    if (isAnswer(next)) this.#local = next;
    else if (mayRetry) this.#start(next, false);
    else this.#local = bareAnswer(502);
  }

  #answer(answer: LocalAnswer, outcome: Outcome = 'local'): void {
    this.#local = answer;
    this.#answered = true;
    this.status = answer.status;
    if (!this.#requestEnded) this.closeAfter = true;
    const text = answerHead(answer, { close: this.closeAfter, date: this.#engine.dateLine() });
    this.#connection.writeAnswer(text, this.head.method === 'HEAD' ? '' : answer.body);
    this.#finish(outcome);
  }

  #switch(head: ResponseHead, plan: Plan): void {
    if (!this.#upgrade || head.upgrade === '' || !offers(this.head.upgrade, head.upgrade)) {
      this.#dropLeg();
      this.#failed('malformed', 'bad_upgrade');
      if (this.#local !== undefined) this.requestFlush();
      return;
    }
    this.#answered = true;
    this.tunnel = true;
    this.closeAfter = true;
    this.status = 101;
    this.#connection.write(writeSwitchingHead(head, this.#engine.brain.responseHead(plan, head)));
    this.#connection.beginTunnel();
  }

  /** Outside a read of the client nobody else flushes. */
  #flushLeg(): void {
    if (this.#local !== undefined) this.requestFlush();
    else if (this.#begun) this.#leg?.flush();
  }

  #holdLeg(): void {
    if (this.#legPaused || !this.#connection.blocked || this.#leg === undefined) return;
    this.#legPaused = true;
    this.#leg.pause();
  }

  #dropLeg(): void {
    const leg = this.#leg;
    this.#leg = undefined;
    leg?.abort();
  }

  #finish(outcome: Outcome): void {
    if (!this.active) return;
    const engine = this.#engine;
    this.active = false;
    this.outcome = outcome;
    this.endMs = engine.clock.nowMs();
    if (this.#held.length > 0) this.#held = [];
    this.#pendingText = '';
    engine.inFlight -= 1;
    try {
      engine.brain.done(this.#plan, this);
    } catch (error) {
      engine.mistake(error);
    }
    this.#connection.exchangeDone(this.#requestEnded);
  }
}

function isAnswer(next: Attempt | LocalAnswer): next is LocalAnswer {
  return next.kind === 'answer' && 'status' in next;
}

/** Did the client offer the protocol that the origin switched to? */
function offers(offered: string, chosen: string): boolean {
  const wanted = chosen.trim().toLowerCase();
  return offered.split(',').some((each) => each.trim().toLowerCase() === wanted);
}
