/**
 * The listener's machine for one lane: requests come in, go out as events to whoever speaks to the origin, and the answers return
 * as SAME, DELTA, FULL or RAW. Sans-I/O, like sender.ts. The origin is always asked (RG-051); a stored page is only ever something to
 * compare with.
 *
 * It knows no sockets, no origin connections and no store: `origin_request`, `store_get`, `store_set` and `encode` are questions to
 * the driver. The life of a stream is the table in streams.ts; how an answer is told is answer.ts.
 */
import { assert } from '../core/assert.ts';
import { after, type Micros, US_PER_MS, US_PER_SECOND } from '../core/time.ts';
import {
  type CodedAnswer,
  type EncodeResult,
  type WholeAnswer,
  encodeJob,
  fullAnswer,
  sameAnswer,
  shapeAnswer,
} from './answer.ts';
import { packBlock } from './block-compression.ts';
import { RailgunFlag, ratioOf } from './cf-railgun.ts';
import { identityHead, knownCoding, openCoding } from './content-coding.ts';
import {
  Room,
  type Version,
  dictionaryKey,
  makeVersion,
  packVersion,
  sha256,
  unpackVersion,
  versionName,
} from './dictionary.ts';
import { type Thresholds, whyRawAtEnd, whyRawAtHead } from './eligible.ts';
import { ErrorCode, type LaneFault } from './faults.ts';
import { Flag, type Frame, FrameType } from './frame.ts';
import { type HeadLine, encodeHead, parseHead } from './head.ts';
import { storableHead } from './head-delta.ts';
import { LaneEnd, type LaneState, type LaneView, earliest } from './lane-end.ts';
import type { ListenerEvent, ListenerOptions, ListenerRules, OriginAnswer, OriginFailure } from './listener-events.ts';
import { type ListenerStream, ORIGIN_CODES, newListenerStream } from './listener-stream.ts';
import { Line, type LogLevel, failureLine } from './log-lines.ts';
import {
  type GoAway,
  type Mode,
  type RequestMessage,
  Why,
  encodeResponse,
  parseNumber,
  parseRequest,
  targetIsSafe,
} from './messages.ts';
import { type OriginRequest, originRequest } from './origin-request.ts';
import { copyOf, joined, sameBytes } from './payload.ts';
import { type StoreAnswer, isConditional } from './store-dialogue.ts';
import { type ListenerInput, type ListenerState, stepListener, visibleId } from './streams.ts';

/** When the sender does not answer the PING of a drain: the announcement has been read by then, or never will be. */
const DRAIN_STEP_US = US_PER_SECOND;
/** Versions that were found unchanged at least once, as far as the store gives the same objects back. */
const UNCHANGED = new WeakSet<Version>();

export class Listener {
  readonly #options: ListenerOptions;
  readonly #lane: LaneEnd;
  readonly #streams = new Map<number, ListenerStream>();
  #rules: ListenerRules;
  #events: ListenerEvent[] = [];
  #lastStream = 0;
  #resets = 0;
  #now: Micros;
  #retireAt: Micros | undefined;
  #drainStepAt: Micros | undefined;
  #drainUntil: Micros | undefined;
  #acceptsNew = true;

  constructor(options: ListenerOptions, now: Micros) {
    this.#options = options;
    this.#rules = options.rules;
    this.#now = now;
    if (options.limits.maxAgeUs > 0)
      this.#retireAt = after(now, options.limits.maxAgeUs * (0.9 + options.random.next() * 0.2));
    this.#lane = new LaneEnd(
      { ...options, role: 'listener', place: '', codecs: options.codec.mask },
      {
        ready: (peer) => {
          this.#debug(() => Line.newLane);
          this.#events.push({ kind: 'ready', peer });
        },
        goAway: (message) => this.#onGoAway(message),
        drainHeard: () => this.#drainStep(),
        closed: (fault) => this.#onClosed(fault),
        lastActed: () => this.#lastStream,
      },
      now,
    );
  }

  get state(): LaneState {
    return this.#lane.state;
  }

  get busy(): number {
    return this.#streams.size;
  }

  /** Round trip and credit, for whoever watches. */
  get lane(): LaneView {
    return this.#lane;
  }

  streamState(stream: number): ListenerState {
    return this.#streams.get(stream)?.state ?? 'closed';
  }

  /** Bytes from the sender. */
  receive(bytes: Uint8Array, now: Micros): readonly ListenerEvent[] {
    this.#now = now;
    for (const frame of this.#lane.frames(bytes, now)) this.#onFrame(frame);
    return this.takeEvents();
  }

  wake(now: Micros): readonly ListenerEvent[] {
    this.#now = now;
    this.#lane.wake(now);
    if (this.#retireAt !== undefined && now >= this.#retireAt) {
      this.#retireAt = undefined;
      this.drain(30 * US_PER_SECOND, now);
    }
    if (this.#drainStepAt !== undefined && now >= this.#drainStepAt) this.#drainStep();
    for (const stream of this.#streams.values()) this.#wakeStream(stream);
    if (this.#drainUntil !== undefined && now >= this.#drainUntil) this.#cutRest();
    return this.takeEvents();
  }

  wakeAt(): Micros | undefined {
    if (this.#lane.closed) return undefined;
    let first = earliest(this.#lane.wakeAt(), this.#retireAt, this.#drainStepAt, this.#drainUntil);
    for (const stream of this.#streams.values()) {
      const lookup = stream.lookup.kind === 'asked' ? stream.lookup.until : undefined;
      first = earliest(first, stream.waitUntil, stream.deadline, stream.holdUntil, lookup);
    }
    return first;
  }

  transmit(): Uint8Array | undefined {
    const bytes = this.#lane.transmit();
    for (const number of this.#lane.scheduler.takeDrained()) this.#resume(number);
    return bytes;
  }

  /** Events since the last call; commands and `transmit` leave theirs here. */
  takeEvents(): readonly ListenerEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** SIGHUP: the new rules hold for what happens from now on; no stream is cut (RG-079). */
  configure(rules: ListenerRules): void {
    this.#rules = rules;
  }

  /** The connection to the origin stands (at once for one that was idle). */
  originConnected(number: number, now: Micros): void {
    const stream = this.#at(number, now);
    if (stream === undefined || stream.phase !== 'connecting') return;
    stream.phase = 'asking';
    stream.waitUntil = after(now, this.#rules.lanTimeoutUs);
    this.#debug(() => Line.connected(stream.id, stream.origin.address, stream.origin.port));
    this.#debug(() => Line.requestSent(stream.id));
    this.#debug(() => Line.waitingForResponse(stream.id));
  }

  /** Final head (no 1xx). `bodyLength`: 0 where there is no body, `undefined` where only the end tells. */
  originHead(number: number, answer: OriginAnswer, now: Micros): void {
    const stream = this.#at(number, now);
    if (stream === undefined || stream.answer !== undefined) return;
    stream.answer = answer;
    stream.phase = 'body';
    stream.waitUntil = after(now, this.#rules.lanTimeoutUs);
    stream.originTimeUs = now - stream.askedAt;
    this.#debug(() => Line.responseReady(stream.id));
    this.#debug(() => Line.responseReceived(stream.id));
    const { message } = stream;
    const head = { method: message.method, status: answer.status, lines: answer.lines, bodyLength: answer.bodyLength };
    let why = whyRawAtHead(head, this.#streamRules());
    if (why === undefined && !message.wantsDelta) why = Why.policy;
    if (why === undefined && this.#options.dictionary.resting(now)) why = Why.storeDown;
    if (why !== undefined) {
      if (answer.bodyLength === 0) this.#debug(() => Line.forcingDelta(stream.id));
      this.#tellRaw(stream, why);
    } else if (stream.lookup.kind === 'named') {
      this.#ask(stream);
    }
  }

  /** Body bytes, copied: they may lie in a buffer that is read into again. False: stop reading until `origin_resume`. */
  originBody(number: number, bytes: Uint8Array, now: Micros): boolean {
    const stream = this.#at(number, now);
    if (stream === undefined || stream.answer === undefined || stream.phase === 'done') return true;
    stream.received += bytes.length;
    stream.waitUntil = after(now, this.#rules.lanTimeoutUs);
    const declared = stream.answer.bodyLength;
    if (declared !== undefined && stream.received > declared) {
      this.#fail(stream, ErrorCode.originReset, 'reset', 'more bytes than Content-Length');
      return true;
    }
    if (stream.raw === undefined) {
      this.#collect(stream, bytes);
      if (stream.received > this.#streamRules().streamSize) this.#tellRaw(stream, Why.tooLarge);
      if (stream.raw === undefined) return true;
    } else {
      this.#lane.scheduler.append(number, copyOf(bytes), false);
    }
    if (this.#lane.scheduler.mayAppend(number)) return true;
    stream.phase = 'paused';
    stream.waitUntil = undefined;
    return false;
  }

  originEnd(number: number, now: Micros): void {
    const stream = this.#at(number, now);
    if (stream === undefined || stream.answer === undefined || stream.phase === 'done') return;
    const declared = stream.answer.bodyLength;
    if (declared !== undefined && stream.received < declared) {
      return this.#fail(stream, ErrorCode.originReset, 'reset', 'unexpected EOF');
    }
    stream.phase = 'done';
    stream.waitUntil = undefined;
    if (stream.raw === undefined) return this.#decide(stream);
    this.#told(stream, 'raw', stream.raw, stream.received, stream.received);
    this.#lane.scheduler.append(number, new Uint8Array(0), true);
  }

  /** `detail`: what the log line says, for TLS the x509 sentence. */
  originError(number: number, failure: OriginFailure, detail: string, now: Micros): void {
    const stream = this.#at(number, now);
    if (stream === undefined || stream.phase === 'done') return;
    const untouched = stream.answer === undefined && !stream.message.hasBody && stream.message.idempotent;
    if (failure === 'reset' && untouched && stream.attempt === 1) {
      stream.attempt = 2;
      this.#events.push({ kind: 'retried', stream: number });
      return this.#askOrigin(stream);
    }
    stream.phase = 'done';
    this.#fail(stream, ORIGIN_CODES[failure], failure, detail);
  }

  /** The origin took this many bytes of the request body. */
  originConsumed(number: number, bytes: number): void {
    const stream = this.#streams.get(number);
    if (stream === undefined) return;
    const taken = Math.min(bytes, stream.outstanding);
    stream.outstanding -= taken;
    this.#lane.released(taken, number, stream.receiveCredit);
  }

  /** The store's answer to `store_get`. */
  dictResult(number: number, answer: StoreAnswer, now: Micros): void {
    this.#now = now;
    if (answer.kind === 'down') this.#storeFailed();
    else this.#options.dictionary.storeWorks();
    const stream = this.#streams.get(number);
    if (stream === undefined || stream.lookup.kind !== 'asked') return;
    const { named } = stream.message;
    const { expirationSeconds } = this.#options.dictionary.options;
    const version =
      answer.kind === 'hit' && named !== undefined
        ? unpackVersion(answer.value, named, now, expirationSeconds)
        : undefined;
    this.#looked(stream, version, answer.kind === 'down' ? Why.storeDown : Why.notFound);
  }

  /** How `store_set` went. */
  dictStored(ok: boolean, now: Micros): void {
    this.#now = now;
    if (ok) this.#options.dictionary.storeWorks();
    else this.#storeFailed();
  }

  /** The answer to `encode`; `{}` when it failed or took too long: the body goes as it is. */
  encoded(number: number, result: EncodeResult, now: Micros): void {
    const stream = this.#at(number, now);
    const pending = stream?.pending;
    if (stream === undefined || pending === undefined) return;
    stream.pending = undefined;
    this.#tellCoded(stream, pending, shapeAnswer(pending, pending.base, result, pending.whyFull));
  }

  /** Orderly end (SIGQUIT): no new streams, running ones finish, then the lane closes (RG-080). */
  drain(drainUs: number, now: Micros): void {
    this.#now = now;
    if (this.#lane.state === 'handshake') return this.#lane.lost('draining');
    if (this.#lane.state !== 'open') return;
    this.#lane.announceDrain(Math.floor(drainUs / US_PER_MS), now);
    this.#drainStepAt = after(now, DRAIN_STEP_US);
    this.#drainUntil = after(now, drainUs);
  }

  /** The connection broke. */
  lost(why: string, now: Micros): readonly ListenerEvent[] {
    this.#now = now;
    this.#lane.lost(why);
    return this.takeEvents();
  }

  #at(number: number, now: Micros): ListenerStream | undefined {
    this.#now = now;
    return this.#streams.get(number);
  }

  #streamRules(): Thresholds {
    const { smallBody, types, streamSize } = this.#rules;
    const peerLimit = this.#lane.peer?.maxTargetBytes ?? streamSize;
    return { smallBody, types, streamSize: Math.min(streamSize, this.#lane.limits.maxTargetBytes, peerLimit) };
  }

  // From the sender

  #onFrame(frame: Frame): void {
    if (frame.type === FrameType.response) return this.#lane.fail(ErrorCode.protocol, 'RESPONSE from a sender');
    if (frame.type === FrameType.request) return this.#onRequest(frame);
    if (frame.stream > this.#lastStream)
      return this.#lane.fail(ErrorCode.protocol, `frame for stream ${frame.stream}, never opened`);
    const stream = this.#streams.get(frame.stream);
    if (stream === undefined) return this.#onLate(frame);
    switch (frame.type) {
      case FrameType.data:
        return this.#onData(stream, frame.payload, (frame.flags & Flag.end) !== 0, true);
      case FrameType.credit:
        return this.#lane.addCredit(frame, stream.sendCredit);
      case FrameType.commit:
        if (frame.payload.length > 0) return this.#lane.fail(ErrorCode.protocol, 'COMMIT with a payload');
        if (this.#step(stream, 'commit')) this.#remove(stream);
        return undefined;
      case FrameType.resync:
        return this.#onResync(stream, frame);
      default:
        return this.#onReset(stream, frame);
    }
  }

  #onLate(frame: Frame): void {
    if (frame.type === FrameType.data) {
      this.#lane.received(frame.payload.length, undefined);
    } else if (frame.type === FrameType.resync) {
      this.#lane.reset(frame.stream, ErrorCode.gone);
    } else if (frame.type === FrameType.reset) {
      this.#countReset();
    }
  }

  /** One RESET per stream is a visitor who left; more than that is a flood. */
  #countReset(): void {
    this.#resets += 1;
    if (this.#resets > this.#lastStream) this.#lane.useless(this.#now);
  }

  #step(stream: ListenerStream, input: ListenerInput): boolean {
    const next = stepListener(stream.state, input);
    if (next === undefined) {
      this.#lane.fail(ErrorCode.protocol, `${input} while ${stream.state}`);
      return false;
    }
    stream.state = next;
    return true;
  }

  #onRequest(frame: Frame): void {
    if (frame.stream <= this.#lastStream) return this.#lane.fail(ErrorCode.protocol, 'stream ids must grow');
    const parsed = parseRequest(frame.payload, this.#lane.limits.maxHeadBytes);
    const lines = parsed === undefined ? undefined : parseHead(parsed.message.head);
    if (parsed === undefined || lines === undefined || !targetIsSafe(parsed.message)) {
      return this.#lane.fail(ErrorCode.protocol, 'malformed REQUEST');
    }
    const { message, rest } = parsed;
    const end = (frame.flags & Flag.end) !== 0;
    if (!message.hasBody && (!end || rest.length > 0))
      return this.#lane.fail(ErrorCode.protocol, 'a body that was not announced');
    this.#lastStream = frame.stream;
    const code = this.#refusal();
    const id = visibleId(this.#lane.nonce, frame.stream);
    const origin = originRequest(message, lines, id, this.#options.agent, this.#rules);
    if (code !== undefined || 'kind' in origin) {
      // Refused bytes still crossed the lane.
      if (!this.#lane.received(rest.length, undefined)) return;
      return this.#refuse(frame.stream, id, code, origin);
    }
    this.#open(frame.stream, id, message, lines, origin, rest, end);
  }

  #refusal(): number | undefined {
    if (!this.#acceptsNew) return ErrorCode.draining;
    return this.#streams.size >= this.#lane.limits.maxStreams ? ErrorCode.refused : undefined;
  }

  #refuse(number: number, id: string, code: number | undefined, origin: ReturnType<typeof originRequest>): void {
    let final = code ?? ErrorCode.internal;
    if (code === undefined && 'kind' in origin) {
      if (origin.kind === 'bad_length') {
        final = ErrorCode.badRequestBody;
        this.#log(0, Line.badLength(origin.value));
      } else {
        this.#log(0, Line.noAddress(id));
      }
    }
    this.#lane.reset(number, final);
    this.#events.push({ kind: 'stream_failed', stream: number, id, code: final });
  }

  #open(
    number: number,
    id: string,
    message: RequestMessage,
    lines: readonly HeadLine[],
    origin: OriginRequest,
    rest: Uint8Array,
    end: boolean,
  ): void {
    const credits = { send: this.#lane.peer?.streamCredit ?? 0, receive: this.#lane.limits.streamCredit };
    const stream = newListenerStream({ number, id, message, origin }, credits, this.#now);
    this.#streams.set(number, stream);
    const url = `${message.https ? 'https' : 'http'}://${message.authority}${message.path}`;
    this.#debug(() =>
      Line.received(id, message.method, url, message.originAddress, message.head.length + rest.length, end),
    );
    this.#debug(() => Line.waitingForRequest(id));
    this.#debug(() => Line.request(id, message.method, url, message.originAddress));
    this.#askOrigin(stream);
    // The store works while the origin does, unless the answer may well be a 304 or 206 (RG-046).
    if (stream.lookup.kind === 'named' && message.wantsDelta && !isConditional(lines)) this.#ask(stream);
    this.#onData(stream, rest, end, false);
  }

  #askOrigin(stream: ListenerStream): void {
    stream.phase = 'connecting';
    stream.askedAt = this.#now;
    stream.waitUntil = after(this.#now, this.#rules.lanTimeoutUs);
    this.#debug(() => Line.startingConnection(stream.id));
    const { number, id, attempt, origin } = stream;
    this.#events.push({ kind: 'origin_request', stream: number, id, attempt, request: origin });
  }

  #ask(stream: ListenerStream): void {
    const { dictionary } = this.#options;
    const { named } = stream.message;
    if (named === undefined) return;
    if (dictionary.resting(this.#now)) {
      stream.lookup = { kind: 'missing', why: Why.storeDown };
      return;
    }
    stream.lookup = { kind: 'asked', until: after(this.#now, dictionary.options.lookupBudgetUs) };
    this.#events.push({ kind: 'store_get', stream: stream.number, key: this.#storeKey(stream, named) });
  }

  #onData(stream: ListenerStream, bytes: Uint8Array, end: boolean, isData: boolean): void {
    if (isData && !this.#step(stream, 'their_data')) return;
    if (isData && bytes.length === 0 && !end) return this.#lane.useless(this.#now);
    if (stream.uploadEnded) return this.#lane.fail(ErrorCode.protocol, 'DATA after END');
    if (!this.#lane.received(bytes.length, stream.receiveCredit)) return;
    stream.uploaded += bytes.length;
    if (end) {
      stream.uploadEnded = true;
      if (!this.#step(stream, 'their_end')) return;
    }
    const declared = stream.origin.bodyLength;
    const wrong = declared !== undefined && (stream.uploaded > declared || (end && stream.uploaded < declared));
    // The answer is complete or the origin has been given up: nobody needs the rest.
    const unwanted = stream.state === 'hold' || stream.phase === 'done';
    if (wrong && !unwanted) {
      this.#lane.released(bytes.length, stream.number, stream.receiveCredit);
      return this.#fail(stream, ErrorCode.badRequestBody, 'length', String(declared));
    }
    if (unwanted || !stream.message.hasBody) {
      this.#lane.released(bytes.length, stream.number, stream.receiveCredit);
      return;
    }
    stream.outstanding += bytes.length;
    if (stream.phase === 'asking') stream.waitUntil = after(this.#now, this.#rules.lanTimeoutUs);
    if (bytes.length > 0 || end) this.#events.push({ kind: 'origin_body', stream: stream.number, bytes, end });
  }

  #onReset(stream: ListenerStream, frame: Frame): void {
    if (parseNumber(frame.payload) === undefined) return this.#lane.fail(ErrorCode.protocol, 'malformed RESET');
    this.#countReset();
    if (this.#lane.closed || !this.#step(stream, 'reset')) return;
    this.#cancelOrigin(stream);
    this.#lane.scheduler.forget(stream.number);
    this.#remove(stream);
  }

  #onResync(stream: ListenerStream, frame: Frame): void {
    if (parseNumber(frame.payload) === undefined) return this.#lane.fail(ErrorCode.protocol, 'malformed RESYNC');
    const { held } = stream;
    if (stream.told?.why === Why.resync) return this.#giveUp(stream, ErrorCode.integrity);
    if (stream.state === 'hold' && held?.body === undefined) return this.#giveUp(stream, ErrorCode.gone);
    if (!this.#step(stream, 'resync')) return;
    const { head, digest, status, body } = held ?? {};
    assert(
      head !== undefined && digest !== undefined && status !== undefined && body !== undefined,
      'a held answer is whole',
    );
    stream.holdUntil = undefined;
    const packed = packBlock(body, this.#blockMask());
    this.#send(stream, fullAnswer({ head, body, digest }, Why.resync, packed), body.length, status);
  }

  #onGoAway(message: GoAway): void {
    if (message.code !== ErrorCode.noError) this.#log(0, Line.laneFault(message.debug));
  }

  // From the origin

  #decide(stream: ListenerStream): void {
    if (stream.lookup.kind === 'asked' || stream.answer === undefined) return;
    const { lookup, answer } = stream;
    if (lookup.kind === 'missing' && lookup.why === Why.storeDown) return this.#tellRaw(stream, Why.storeDown);
    const coding = knownCoding(answer.lines);
    assert(coding !== undefined, 'unknown codings are streamed');
    const { streamSize } = this.#streamRules();
    const collected = stream.room?.body ?? joined(stream.pieces);
    const body = coding === 'identity' ? collected : openCoding(coding, collected, streamSize);
    if (body === undefined) return this.#tellRaw(stream, Why.type);
    const why = whyRawAtEnd(body.length, this.#streamRules());
    if (why !== undefined) return this.#tellRaw(stream, why);
    const lines = coding === 'identity' ? answer.lines : identityHead(answer.lines, body.length);
    const head = encodeHead(lines);
    if (head === undefined) return this.#fail(stream, ErrorCode.originReset, 'reset', 'malformed head');
    const digest = sha256(body);
    const base = lookup.kind === 'found' ? lookup.version : undefined;
    if (base !== undefined && sameBytes(base.digest, digest)) {
      const whole = { head, body: base.body, digest };
      UNCHANGED.add(base);
      this.#tellCoded(stream, whole, sameAnswer(whole, base));
      return this.#refresh(stream, base);
    }
    const whyFull = lookup.kind === 'missing' ? lookup.why : base === undefined ? Why.noneNamed : Why.deltaNotSmaller;
    const { room } = stream;
    stream.pending = { head, body, digest, base, whyFull };
    const allowed = stream.message.codecs & this.#options.codec.mask;
    const job = { previous: base?.body, current: body, allowed, blockMask: this.#blockMask() };
    if (body.length > this.#rules.encodeInlineBytes) this.#events.push({ kind: 'encode', stream: stream.number, job });
    else this.encoded(stream.number, encodeJob(this.#options.codec, job), this.#now);
    // The answer is on its way: what follows is for the next one.
    this.#store(stream, room, lines, body, digest);
  }

  /** Bytes of a body that is wanted whole. Where its length and its form are known it is put where the store will keep it. */
  #collect(stream: ListenerStream, bytes: Uint8Array): void {
    const { answer } = stream;
    const length = answer?.bodyLength;
    if (answer !== undefined && length !== undefined && stream.pieces.length === 0) {
      stream.room ??= new Room(storableHead(answer.lines), length);
      stream.room.body.set(bytes, stream.received - bytes.length);
    } else {
      stream.pieces.push(copyOf(bytes));
    }
  }

  #blockMask(): number {
    return this.#rules.compressFull ? (this.#lane.peer?.blockCompressions ?? 0) : 0;
  }

  /** `room`: where the origin's bytes are; if those are the body, it is in its place already. */
  #store(
    stream: ListenerStream,
    room: Room | undefined,
    lines: readonly HeadLine[],
    body: Uint8Array,
    digest: Uint8Array,
  ): void {
    const { dictionary } = this.#options;
    if (dictionary.resting(this.#now) || !dictionary.fits(body.length)) return;
    const own = room !== undefined && room.body === body ? room : Room.of(storableHead(lines), body);
    const name = versionName(own.head, digest);
    this.#keep(stream, name, own.pack(name, digest, this.#now));
  }

  /** An unchanged page, stored anew before its time is over. The sender goes on naming the version it has, old head included. */
  #refresh(stream: ListenerStream, base: Version): void {
    const { dictionary } = this.#options;
    const now = this.#now;
    if (dictionary.resting(now) || !dictionary.wantsRefresh(base, now) || !dictionary.fits(base.body.length)) return;
    const version = makeVersion(base.head, base.body, base.digest, now);
    this.#keep(stream, version.name, packVersion(version));
  }

  #keep(stream: ListenerStream, name: Uint8Array, value: Uint8Array): void {
    const { expirationSeconds } = this.#options.dictionary.options;
    this.#events.push({ kind: 'store_set', key: this.#storeKey(stream, name), value, expirationSeconds });
  }

  #storeKey(stream: ListenerStream, name: Uint8Array): string {
    // Answers that touch no store need no key.
    stream.key ??= dictionaryKey(stream.message);
    return this.#options.dictionary.storeKey(stream.key, name, this.#lane.peer?.place ?? '');
  }

  #looked(stream: ListenerStream, version: Version | undefined, why: number): void {
    if (version !== undefined) stream.flags |= RailgunFlag.foundDictionary;
    stream.lookup = version === undefined ? { kind: 'missing', why } : { kind: 'found', version };
    if (stream.raw !== undefined || stream.state === 'hold') return;
    if (stream.phase === 'done') this.#decide(stream);
    else if (version !== undefined) this.#prepare(stream, version);
  }

  /** Where nobody else waits, the time until the origin's answer is used. Not for a page that was found unchanged already. */
  #prepare(stream: ListenerStream, version: Version): void {
    if (version.body.length > this.#rules.encodeInlineBytes || UNCHANGED.has(version)) return;
    for (const other of this.#streams.values()) if (other !== stream && other.phase !== 'done') return;
    this.#options.codec.prepare?.(version.body, stream.message.codecs & this.#options.codec.mask);
  }

  // To the sender

  /** RAW from the first byte: what was collected goes first (RG-037). */
  #tellRaw(stream: ListenerStream, why: number): void {
    const { answer, number } = stream;
    assert(answer !== undefined, 'an answer has a head');
    const head = encodeHead(answer.lines);
    if (head === undefined || head.length > this.#maxHead())
      return this.#fail(stream, ErrorCode.originReset, 'reset', 'malformed head');
    if (!this.#step(stream, 'our_response')) return;
    stream.raw = why;
    const none = stream.message.method === 'HEAD' || answer.status === 304 || answer.status === 204;
    const payload = encodeResponse({
      status: answer.status,
      mode: 'raw',
      why,
      flags: stream.flags,
      originTimeUs: stream.originTimeUs,
      bodyLength: none ? 0 : answer.bodyLength,
      digest: new Uint8Array(0),
      codec: 0,
      headMode: 'plain',
      head,
    });
    this.#debug(() => Line.status(stream.id, answer.status));
    const { scheduler } = this.#lane;
    scheduler.begin(number, FrameType.response, payload, stream.sendCredit, () => this.#sent(stream));
    const { room } = stream;
    if (room !== undefined) scheduler.append(number, room.body.subarray(0, stream.received), false);
    for (const piece of stream.pieces) scheduler.append(number, piece, false);
    this.#letGo(stream);
    if (stream.phase !== 'done') return;
    this.#told(stream, 'raw', why, stream.received, stream.received);
    scheduler.append(number, new Uint8Array(0), true);
  }

  #tellCoded(stream: ListenerStream, whole: WholeAnswer, shaped: CodedAnswer): void {
    if (whole.head.length > this.#maxHead())
      return this.#fail(stream, ErrorCode.originReset, 'reset', 'head too large');
    if (!this.#step(stream, 'our_response')) return;
    const status = stream.answer?.status ?? 200;
    stream.held = Object.assign(this.#options.hold.keep(whole.body), {
      head: whole.head,
      digest: whole.digest,
      status,
    });
    this.#letGo(stream);
    this.#debug(() => Line.status(stream.id, status));
    this.#send(stream, shaped, whole.body.length, status);
  }

  /** The body is on its way, or held. */
  #letGo(stream: ListenerStream): void {
    stream.room = undefined;
    stream.pieces = [];
  }

  #send(stream: ListenerStream, shaped: CodedAnswer, bodyLength: number, status: number): void {
    const payload = encodeResponse({
      status,
      flags: stream.flags,
      originTimeUs: stream.originTimeUs,
      bodyLength,
      mode: shaped.mode,
      why: shaped.why,
      digest: shaped.digest,
      codec: shaped.codec,
      headMode: shaped.headMode,
      head: shaped.head,
    });
    const before = stream.told?.wanBytes ?? 0;
    this.#told(stream, shaped.mode, shaped.why, bodyLength, before + shaped.payload.length);
    const { scheduler } = this.#lane;
    scheduler.begin(stream.number, FrameType.response, payload, stream.sendCredit, () => this.#sent(stream));
    scheduler.append(stream.number, shaped.payload, true);
  }

  #told(stream: ListenerStream, mode: Mode, why: number, bodyBytes: number, wanBytes: number): void {
    stream.told = { mode, why, bodyBytes, wanBytes };
  }

  /** The last byte of the answer went to the driver. */
  #sent(stream: ListenerStream): void {
    const { told } = stream;
    assert(told !== undefined, 'what was sent was told');
    const spanUs = this.#now - stream.openedAt;
    const { number, id, flags } = stream;
    this.#events.push({ kind: 'completed', stream: number, id, flags, spanUs, ...told });
    this.#debug(() =>
      Line.sent(id, told.mode === 'delta' || told.mode === 'same' ? 'DEDelta' : 'DENone', told.wanBytes),
    );
    const percent = told.mode === 'raw' ? 0 : ratioOf(told.wanBytes, told.bodyBytes);
    this.#debug(() => Line.completed(id, told.bodyBytes, spanUs, percent));
    this.#debug(() => Line.waitingForRequest(id));
    this.#debug(() => Line.pushed(id));
    const next = stepListener(stream.state, told.mode === 'raw' ? 'our_end_raw' : 'our_end_coded');
    assert(next !== undefined, `END while ${stream.state}`);
    stream.state = next;
    stream.deadline = undefined;
    if (!stream.uploadEnded) this.#events.push({ kind: 'origin_cancel', stream: number });
    if (next === 'closed') this.#remove(stream);
    else stream.holdUntil = after(this.#now, this.#lane.limits.holdUs);
  }

  #maxHead(): number {
    return Math.min(this.#lane.limits.maxHeadBytes, this.#lane.peer?.maxHeadBytes ?? 0);
  }

  #resume(number: number): void {
    const stream = this.#streams.get(number);
    if (stream === undefined || stream.phase !== 'paused') return;
    stream.phase = 'body';
    stream.waitUntil = after(this.#now, this.#rules.lanTimeoutUs);
    this.#events.push({ kind: 'origin_resume', stream: number });
  }

  // Time and failure

  #wakeStream(stream: ListenerStream): void {
    const now = this.#now;
    const { lookup } = stream;
    if (lookup.kind === 'asked' && now >= lookup.until) {
      this.#storeFailed();
      this.#looked(stream, undefined, Why.lookupTimedOut);
    }
    if (stream.holdUntil !== undefined && now >= stream.holdUntil && this.#step(stream, 'hold_over'))
      return this.#remove(stream);
    if (stream.waitUntil !== undefined && now >= stream.waitUntil) {
      const failure = stream.phase === 'connecting' ? 'connect_timeout' : 'read_timeout';
      return this.#fail(stream, ORIGIN_CODES[failure], failure, '');
    }
    if (
      stream.deadline !== undefined &&
      now >= stream.deadline &&
      stream.told === undefined &&
      stream.raw === undefined
    ) {
      this.#fail(stream, ErrorCode.originReadTimeout, 'read_timeout', '');
    }
    return undefined;
  }

  #fail(stream: ListenerStream, code: number, failure: OriginFailure | 'length', detail: string): void {
    this.#log(0, failureLine(stream.origin, failure, detail));
    this.#giveUp(stream, code);
  }

  #giveUp(stream: ListenerStream, code: number): void {
    this.#cancelOrigin(stream);
    stream.state = 'closed';
    this.#lane.reset(stream.number, code);
    this.#events.push({ kind: 'stream_failed', stream: stream.number, id: stream.id, code });
    this.#remove(stream);
  }

  #storeFailed(): void {
    this.#log(0, Line.storeDown);
    this.#options.dictionary.storeFailed(this.#now);
  }

  #cancelOrigin(stream: ListenerStream): void {
    if (stream.phase !== 'done' || !stream.uploadEnded)
      this.#events.push({ kind: 'origin_cancel', stream: stream.number });
    stream.phase = 'done';
  }

  #remove(stream: ListenerStream): void {
    if (stream.held !== undefined) this.#options.hold.drop(stream.held);
    this.#streams.delete(stream.number);
    if (!this.#acceptsNew && this.#streams.size === 0) this.#lane.finish('drained');
  }

  /** Second step of a drain: every stream that the sender opened before it read the first is known now. */
  #drainStep(): void {
    if (!this.#acceptsNew || this.#lane.closed) return;
    this.#drainStepAt = undefined;
    this.#acceptsNew = false;
    this.#lane.goAway(this.#lastStream, ErrorCode.noError, 0, 'draining');
    if (this.#streams.size === 0) this.#lane.finish('drained');
  }

  #cutRest(): void {
    this.#drainUntil = undefined;
    this.#acceptsNew = false;
    for (const stream of this.#streams.values()) this.#giveUp(stream, ErrorCode.draining);
    if (!this.#lane.closed) this.#lane.finish('drain deadline');
  }

  #onClosed(fault: LaneFault): void {
    if (fault.side === 'remote' && fault.code !== ErrorCode.noError) this.#log(0, Line.laneFault(fault.why));
    for (const stream of this.#streams.values()) {
      this.#cancelOrigin(stream);
      if (stream.held !== undefined) this.#options.hold.drop(stream.held);
      if (stream.told === undefined || stream.state === 'responding') {
        this.#events.push({ kind: 'stream_failed', stream: stream.number, id: stream.id, code: fault.code });
      }
      stream.state = 'closed';
    }
    this.#streams.clear();
    this.#events.push({ kind: 'closed', fault });
  }

  /** Level 5: the line is made only when somebody wants it. */
  #debug(line: () => string): void {
    if (this.#rules.logLevel >= 5) this.#events.push({ kind: 'log', level: 5, line: line() });
  }

  #log(level: LogLevel, line: string): void {
    if (level <= this.#rules.logLevel) this.#events.push({ kind: 'log', level, line });
  }
}
