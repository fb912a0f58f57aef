/**
 * The sender's machine for one lane: requests in, rebuilt answers out. Sans-I/O: bytes, commands and `now` come in; bytes to write,
 * events and the next wake-up go out. After any `receive`, `wake` or command the driver takes the events and drains `transmit()`.
 *
 * An answer is released whole and only when its digest matched (RG-052); RAW bodies pass through. It knows no sockets, no other
 * lanes (lanes.ts) and no visitors (sender-link.ts). The life of a stream is the table in streams.ts.
 */
import { assert } from '../core/assert.ts';
import { after, type Micros } from '../core/time.ts';
import { unpackBlock } from './block-compression.ts';
import { type CfRailgun, type RatioWord, ratioOf } from './cf-railgun.ts';
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
import { ErrorCode, type Fault, type LaneFault, faultOfReset, isIdempotent } from './faults.ts';
import { Flag, type Frame, FrameType } from './frame.ts';
import { HOP_BY_HOP_FIELDS, type HeadLine, encodeHead, parseHead, without } from './head.ts';
import { applyHeadDelta, storableHead } from './head-delta.ts';
import { LaneEnd, type LaneState, type LaneView, earliest } from './lane-end.ts';
import {
  DIGEST_BYTES,
  MAX_PATH,
  Why,
  type GoAway,
  type ResponseMessage,
  encodeNumber,
  encodeRequest,
  isRawTarget,
  parseNumber,
  parseResponse,
  targetIsSafe,
} from './messages.ts';
import { joined, sameBytes } from './payload.ts';
import {
  type LinkRequest,
  type Placement,
  ResyncReason,
  type SenderEvent,
  type SenderOptions,
} from './sender-events.ts';
import { type SenderStream, newSenderStream } from './sender-stream.ts';
import type { Settings } from './settings.ts';
import { type StoreAnswer, isConditional } from './store-dialogue.ts';
import { type SenderInput, type SenderState, stepSender, visibleId } from './streams.ts';

/** Fields of one connection, and those that only edge and sender read (RG-020). */
const DROPPED: ReadonlySet<string> = new Set([...HOP_BY_HOP_FIELDS, 'cf-origin-ip', 'cf-wan-id']);

export class Sender {
  readonly #options: SenderOptions;
  readonly #lane: LaneEnd;
  readonly #streams = new Map<number, SenderStream>();
  #events: SenderEvent[] = [];
  #lastStream = 0;
  #resets = 0;
  #now: Micros;

  constructor(options: SenderOptions, now: Micros) {
    this.#options = options;
    this.#now = now;
    const lane = { ...options, role: 'sender' as const, codecs: options.codec.mask, listenerId: '' };
    this.#lane = new LaneEnd(
      lane,
      {
        ready: (peer) => this.#events.push({ kind: 'ready', peer }),
        goAway: (message) => this.#onGoAway(message),
        drainHeard: () => undefined,
        closed: (fault) => this.#onClosed(fault),
        lastActed: () => 0,
      },
      now,
    );
  }

  get state(): LaneState {
    return this.#lane.state;
  }

  /** Streams under way. */
  get busy(): number {
    return this.#streams.size;
  }

  /** Streams that may be opened now. */
  get free(): number {
    if (this.#lane.state !== 'open' || this.#lane.suspect) return 0;
    if (this.#lastStream >= this.#lane.limits.maxStreamId) return 0;
    return Math.max(0, Math.min(this.#lane.limits.maxStreams, this.#lane.peer?.maxStreams ?? 0) - this.#streams.size);
  }

  /** Round trip and credit, for whoever watches. */
  get lane(): LaneView {
    return this.#lane;
  }

  streamState(stream: number): SenderState {
    return this.#streams.get(stream)?.state ?? 'closed';
  }

  /** Bytes from the listener. */
  receive(bytes: Uint8Array, now: Micros): readonly SenderEvent[] {
    this.#now = now;
    for (const frame of this.#lane.frames(bytes, now)) this.#onFrame(frame);
    return this.#take();
  }

  wake(now: Micros): readonly SenderEvent[] {
    this.#now = now;
    this.#lane.wake(now);
    for (const stream of this.#streams.values()) {
      if (stream.base?.kind === 'asked' && now >= stream.base.until) {
        this.#options.dictionary.storeFailed(now);
        this.#baseLost(stream, 'down');
      }
      if (stream.deadline !== undefined && now >= stream.deadline)
        this.#give(stream, { kind: 'deadline' }, ErrorCode.cancel);
    }
    return this.#take();
  }

  wakeAt(): Micros | undefined {
    let first = this.#lane.wakeAt();
    for (const stream of this.#streams.values()) {
      first = earliest(first, stream.deadline, stream.base?.kind === 'asked' ? stream.base.until : undefined);
    }
    return first;
  }

  /** Next bytes to write, everything ready in one buffer; `undefined` when there is nothing. */
  transmit(): Uint8Array | undefined {
    return this.#lane.transmit();
  }

  /** Events since the last call; `receive` and `wake` return them themselves, commands leave them here. */
  takeEvents(): readonly SenderEvent[] {
    return this.#take();
  }

  /** Place a request. Never waits: the version to name is known from memory, its bytes are fetched while the origin works. */
  request(request: LinkRequest, now: Micros): Placement {
    this.#now = now;
    if (this.#lane.state !== 'open') return { kind: 'refused', why: 'not_open' };
    if (this.#lastStream >= this.#lane.limits.maxStreamId) return { kind: 'refused', why: 'exhausted' };
    if (this.free === 0) return { kind: 'refused', why: 'busy' };
    const head = encodeHead(without(request.head, DROPPED));
    if (head === undefined || !targetIsSafe(request)) return { kind: 'refused', why: 'bad_head' };
    const peer = this.#lane.peer;
    assert(peer !== undefined, 'an open lane has a peer');
    const maxHead = Math.min(this.#lane.limits.maxHeadBytes, peer.maxHeadBytes);
    if (head.length > maxHead || request.path.length > MAX_PATH || request.authority.length > 255) {
      return { kind: 'refused', why: 'too_large' };
    }
    return this.#open(request, head, peer, now);
  }

  #open(request: LinkRequest, head: Uint8Array, peer: Settings, now: Micros): Placement {
    const { dictionary, codec } = this.#options;
    const number = this.#lastStream + 1;
    this.#lastStream = number;
    const key = dictionaryKey(request);
    const storeDown = dictionary.resting(now);
    const wantsDelta = request.wantsDelta && !storeDown;
    const named = wantsDelta && request.method === 'GET' ? dictionary.latest(key, now) : undefined;
    const stream = newSenderStream(
      {
        number,
        id: visibleId(this.#lane.nonce, number),
        method: request.method,
        key,
        hasBody: request.hasBody,
        storeDown: storeDown && request.wantsDelta,
        deadline: request.timeoutUs > 0 ? after(now, request.timeoutUs) : undefined,
      },
      { send: peer.streamCredit, receive: this.#lane.limits.streamCredit },
    );
    this.#streams.set(number, stream);
    this.#lane.await(true, now);
    if (named !== undefined) {
      stream.base = { kind: 'named', name: named };
      if (!isConditional(request.head)) this.#askBase(stream);
    }
    const payload = encodeRequest({
      https: request.https,
      hasBody: request.hasBody,
      wantsDelta,
      idempotent: isIdempotent(request.method),
      rawTarget: isRawTarget(request.path),
      method: request.method,
      zone: request.zone,
      authority: request.authority,
      path: request.path,
      originAddress: request.originAddress,
      deadlineMs: Math.ceil(request.timeoutUs / 1_000),
      named,
      codecs: codec.mask & 0xff,
      head,
    });
    const { scheduler } = this.#lane;
    scheduler.begin(number, FrameType.request, payload, stream.sendCredit, () => this.#uploaded(stream));
    if (!request.hasBody) scheduler.append(number, new Uint8Array(0), true);
    if (number >= this.#lane.limits.maxStreamId) this.#retire();
    return { kind: 'placed', stream: number, id: stream.id };
  }

  /** The last stream id is taken. */
  #retire(): void {
    this.#lane.markDraining();
    this.#events.push({ kind: 'draining' });
  }

  /** A piece of the request body; the machine keeps the bytes until they are sent. False: wait for `request_drain`. */
  body(number: number, bytes: Uint8Array, end: boolean, now: Micros): boolean {
    this.#now = now;
    const stream = this.#streams.get(number);
    // The answer may have ended the stream a moment ago; the event is on its way to the caller.
    if (stream === undefined || !stream.uploading || stream.appended) return true;
    stream.appended = end;
    return this.#lane.scheduler.append(number, bytes, end);
  }

  /** The visitor took this many RAW bytes; after the end it does not matter any more. */
  consumed(number: number, bytes: number): void {
    const stream = this.#streams.get(number);
    if (stream === undefined) return;
    const taken = Math.min(bytes, stream.outstanding);
    stream.outstanding -= taken;
    this.#lane.released(taken, number, stream.receiveCredit);
  }

  /** The visitor left. No event follows for this stream. */
  cancel(number: number, now: Micros): void {
    this.#now = now;
    const stream = this.#streams.get(number);
    if (stream === undefined) return;
    this.#close(stream, 'cancel');
    this.#lane.reset(number, ErrorCode.cancel);
    this.#afterClose();
  }

  /** The store's answer to `store_get`. */
  dictResult(number: number, answer: StoreAnswer, now: Micros): void {
    this.#now = now;
    const stream = this.#streams.get(number);
    if (answer.kind === 'down') this.#options.dictionary.storeFailed(now);
    else this.#options.dictionary.storeWorks();
    if (stream?.base?.kind !== 'asked') return;
    const { name } = stream.base;
    const { expirationSeconds } = this.#options.dictionary.options;
    const version = answer.kind === 'hit' ? unpackVersion(answer.value, name, now, expirationSeconds) : undefined;
    if (version === undefined) return this.#baseLost(stream, answer.kind === 'hit' ? 'corrupt' : answer.kind);
    stream.base = { kind: 'have', name, version };
    if (stream.state === 'verify') this.#rebuild(stream);
  }

  /** How `store_set` went. */
  dictStored(ok: boolean, now: Micros): void {
    if (ok) this.#options.dictionary.storeWorks();
    else this.#options.dictionary.storeFailed(now);
  }

  /** Open no more streams; when the last one ends the lane says GOAWAY and closes. */
  drain(now: Micros): void {
    this.#now = now;
    this.#lane.markDraining();
    this.#afterClose();
  }

  /** The connection broke. */
  lost(why: string, now: Micros): readonly SenderEvent[] {
    this.#now = now;
    this.#lane.lost(why);
    return this.#take();
  }

  #take(): readonly SenderEvent[] {
    for (const stream of this.#lane.scheduler.takeDrained()) this.#events.push({ kind: 'request_drain', stream });
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #onFrame(frame: Frame): void {
    if (frame.type === FrameType.request || frame.type === FrameType.commit || frame.type === FrameType.resync) {
      return this.#lane.fail(ErrorCode.protocol, `frame type ${frame.type} from a listener`);
    }
    if (frame.stream > this.#lastStream)
      return this.#lane.fail(ErrorCode.protocol, `frame for stream ${frame.stream}, never opened`);
    const stream = this.#streams.get(frame.stream);
    if (stream === undefined) return this.#onLate(frame);
    switch (frame.type) {
      case FrameType.response:
        return this.#onResponse(stream, frame);
      case FrameType.data:
        return this.#onData(stream, frame.payload, (frame.flags & Flag.end) !== 0, true);
      case FrameType.reset:
        return this.#onReset(stream, frame);
      default:
        return this.#lane.addCredit(frame, stream.sendCredit);
    }
  }

  /** For a stream that is over: its body bytes still count against the lane. */
  #onLate(frame: Frame): void {
    if (frame.type === FrameType.reset) return this.#countReset();
    let bytes = frame.type === FrameType.data ? frame.payload.length : 0;
    if (frame.type === FrameType.response) {
      const parsed = parseResponse(frame.payload, this.#lane.limits.maxHeadBytes);
      if (parsed === undefined) return this.#lane.fail(ErrorCode.protocol, 'malformed RESPONSE');
      bytes = parsed.rest.length;
    }
    this.#lane.received(bytes, undefined);
  }

  #step(stream: SenderStream, input: SenderInput): boolean {
    const next = stepSender(stream.state, input);
    if (next === undefined) {
      this.#lane.fail(ErrorCode.protocol, `${input} while ${stream.state}`);
      return false;
    }
    stream.state = next;
    return true;
  }

  #onResponse(stream: SenderStream, frame: Frame): void {
    const parsed = parseResponse(frame.payload, this.#lane.limits.maxHeadBytes);
    if (parsed === undefined) return this.#lane.fail(ErrorCode.protocol, 'malformed RESPONSE');
    if (!this.#step(stream, 'response')) return;
    const { message, rest } = parsed;
    if (stream.resynced && message.mode !== 'full')
      return this.#lane.fail(ErrorCode.protocol, 'RESYNC not answered by FULL');
    if (message.mode !== 'raw' && (message.bodyLength ?? 0) > this.#lane.limits.maxTargetBytes) {
      if (!this.#lane.received(rest.length, stream.receiveCredit)) return;
      return this.#give(stream, { kind: 'limit', acted: true }, ErrorCode.limit);
    }
    stream.answer = message;
    if (message.mode === 'delta' || message.mode === 'same') this.#askBase(stream);
    if (message.mode === 'raw') {
      const head = parseHead(message.head);
      if (head === undefined) return this.#lane.fail(ErrorCode.protocol, 'malformed head');
      stream.deadline = undefined;
      const { status, bodyLength } = message;
      this.#events.push({
        kind: 'response',
        stream: stream.number,
        status,
        head,
        bodyLength,
        cfRailgun: this.#header(stream, message),
      });
    }
    this.#onData(stream, rest, (frame.flags & Flag.end) !== 0, false);
  }

  #onData(stream: SenderStream, bytes: Uint8Array, end: boolean, isData: boolean): void {
    if (isData && !this.#step(stream, 'data')) return;
    if (isData && bytes.length === 0 && !end) return this.#lane.useless(this.#now);
    if (!this.#lane.received(bytes.length, stream.receiveCredit)) return;
    const answer = stream.answer;
    assert(answer !== undefined, 'receiving follows a RESPONSE');
    stream.received += bytes.length;
    if (answer.mode === 'raw') return this.#onRaw(stream, answer, bytes, end);
    // A delta that is longer than the body was no use to anybody: the listener is wrong.
    if (stream.received > (answer.bodyLength ?? 0))
      return this.#lane.fail(ErrorCode.protocol, 'more coded bytes than the body has');
    if (bytes.length > 0) stream.pieces.push(bytes.slice());
    this.#lane.released(bytes.length, stream.number, stream.receiveCredit);
    if (end && this.#step(stream, 'response_end_coded')) this.#rebuild(stream);
  }

  #onRaw(stream: SenderStream, answer: ResponseMessage, bytes: Uint8Array, end: boolean): void {
    const { number, received } = stream;
    const length = answer.bodyLength;
    stream.outstanding += bytes.length;
    if (length !== undefined && received > length)
      return this.#give(stream, { kind: 'origin_reset' }, ErrorCode.protocol);
    if (bytes.length > 0) this.#events.push({ kind: 'body', stream: number, bytes });
    if (!end) return;
    if (length !== undefined && received < length)
      return this.#give(stream, { kind: 'origin_reset' }, ErrorCode.protocol);
    this.#events.push({ kind: 'end', stream: number, mode: 'raw', wanBytes: received, bodyBytes: received });
    this.#close(stream, 'response_end_raw');
    this.#afterClose();
  }

  #onReset(stream: SenderStream, frame: Frame): void {
    const code = parseNumber(frame.payload);
    if (code === undefined) return this.#lane.fail(ErrorCode.protocol, 'malformed RESET');
    this.#countReset();
    if (this.#lane.closed) return;
    this.#fail(stream, faultOfReset(code, stream.answer !== undefined), 'reset');
    this.#lane.scheduler.forget(stream.number);
    this.#afterClose();
  }

  /** One RESET per stream is an answer; more than that is a flood. */
  #countReset(): void {
    this.#resets += 1;
    if (this.#resets > this.#lastStream) this.#lane.useless(this.#now);
  }

  /** All of a coded answer is here. Wait for the base if it is still being fetched; then the truth is in the digest. */
  #rebuild(stream: SenderStream): void {
    const { answer, base } = stream;
    assert(answer !== undefined && stream.state === 'verify', 'rebuild follows an answer');
    const needsBase = answer.mode === 'delta' || answer.mode === 'same';
    if (needsBase && base?.kind === 'asked') return;
    if (needsBase && base === undefined) return this.#lane.fail(ErrorCode.protocol, 'a delta against nothing');
    if (needsBase && base?.kind === 'lost')
      return this.#wrong(stream, ResyncReason.lost, 'the named version is gone here');
    const version = base?.kind === 'have' ? base.version : undefined;
    const headBytes =
      answer.headMode === 'plain' ? answer.head : applyHeadDelta(version?.head ?? new Uint8Array(0), answer.head);
    const head = headBytes === undefined ? undefined : parseHead(headBytes);
    const room = head === undefined ? undefined : this.#room(answer, head);
    const body = this.#body(stream, answer, version, room?.body);
    if (typeof body === 'string') return this.#wrong(stream, ResyncReason.undecodable, body);
    const digest = answer.mode === 'same' && version !== undefined ? version.digest : sha256(body);
    if (!sameBytes(digest.subarray(0, DIGEST_BYTES), answer.digest) || body.length !== answer.bodyLength) {
      return this.#wrong(stream, ResyncReason.digest, 'digest differs');
    }
    if (head === undefined) return this.#wrong(stream, ResyncReason.head, 'head delta does not fit');
    this.#release(stream, answer, head, body);
    // The visitor has his answer: what follows is for the next one.
    if (answer.mode === 'same') this.#refresh(stream, version);
    else if (room !== undefined) this.#store(stream, room, digest);
  }

  /** Where a new version is put together, when it will be stored. */
  #room(answer: ResponseMessage, head: readonly HeadLine[]): Room | undefined {
    const { dictionary } = this.#options;
    const length = answer.bodyLength ?? 0;
    if (answer.mode === 'same' || !dictionary.fits(length) || dictionary.resting(this.#now)) return undefined;
    return new Room(storableHead(head), length);
  }

  /** The page, or why there is none. In `room` if there is one. */
  #body(
    stream: SenderStream,
    answer: ResponseMessage,
    version: Version | undefined,
    room: Uint8Array | undefined,
  ): Uint8Array | string {
    if (answer.mode === 'same') return version?.body ?? 'no base';
    const payload = joined(stream.pieces);
    const length = answer.bodyLength ?? 0;
    let body: Uint8Array | undefined;
    if (answer.mode === 'full') {
      body = unpackBlock(answer.codec, payload, length);
      if (body === undefined) return 'block compression refused';
    } else {
      const base = version?.body ?? new Uint8Array(0);
      const decoded = this.#options.codec.decode(answer.codec, base, payload, length, room);
      if (decoded.kind !== 'page') return decoded.why;
      body = decoded.bytes;
    }
    if (room === undefined || body === room || body.length !== length) return body;
    room.set(body);
    return room;
  }

  #release(stream: SenderStream, answer: ResponseMessage, head: readonly HeadLine[], body: Uint8Array): void {
    const { number } = stream;
    const wanBytes = stream.earlier + stream.received;
    const cfRailgun = this.#header(stream, answer);
    this.#events.push({
      kind: 'response',
      stream: number,
      status: answer.status,
      head,
      bodyLength: body.length,
      cfRailgun,
    });
    if (body.length > 0) this.#events.push({ kind: 'body', stream: number, bytes: body });
    this.#events.push({ kind: 'end', stream: number, mode: answer.mode, wanBytes, bodyBytes: body.length });
    this.#lane.send(FrameType.commit, number);
    this.#close(stream, 'verified');
    this.#afterClose();
  }

  #store(stream: SenderStream, room: Room, digest: Uint8Array): void {
    const name = versionName(room.head, digest);
    this.#keep(stream, name, room.pack(name, digest, this.#now));
  }

  /** An unchanged page, stored anew before its time is over. */
  #refresh(stream: SenderStream, base: Version | undefined): void {
    const { dictionary } = this.#options;
    const now = this.#now;
    if (base === undefined || !dictionary.wantsRefresh(base, now)) return;
    if (!dictionary.fits(base.body.length) || dictionary.resting(now)) return;
    const version = makeVersion(base.head, base.body, base.digest, now);
    this.#keep(stream, version.name, packVersion(version));
  }

  #keep(stream: SenderStream, name: Uint8Array, value: Uint8Array): void {
    const { dictionary } = this.#options;
    dictionary.learn(stream.key, name, this.#now);
    const { expirationSeconds } = dictionary.options;
    this.#events.push({ kind: 'store_set', key: this.#storeKey(stream, name), value, expirationSeconds });
  }

  /** Never pass it on: drop the entry and ask once for the whole body (RG-052). */
  #wrong(stream: SenderStream, reason: number, why: string): void {
    const { dictionary } = this.#options;
    const name = stream.base?.name;
    if (name !== undefined) {
      // Of a version that was not to be had, `#baseLost` has thought already: a store that is down may come back with it.
      if (reason !== ResyncReason.lost) {
        dictionary.forget(stream.key, name);
        this.#events.push({ kind: 'store_delete', key: this.#storeKey(stream, name) });
      }
    }
    if (stream.resynced) return this.#give(stream, { kind: 'integrity' }, ErrorCode.integrity);
    if (!this.#step(stream, 'wrong')) return;
    stream.resynced = true;
    stream.earlier += stream.received;
    stream.received = 0;
    stream.pieces = [];
    stream.answer = undefined;
    this.#lane.send(FrameType.resync, stream.number, encodeNumber(reason));
    this.#events.push({ kind: 'resync', stream: stream.number, why });
  }

  #storeKey(stream: SenderStream, name: Uint8Array): string {
    return this.#options.dictionary.storeKey(stream.key, name, this.#options.place);
  }

  #askBase(stream: SenderStream): void {
    if (stream.base?.kind !== 'named') return;
    const { name } = stream.base;
    const { dictionary } = this.#options;
    stream.base = { kind: 'asked', name, until: after(this.#now, dictionary.options.lookupBudgetUs) };
    this.#events.push({ kind: 'store_get', stream: stream.number, key: this.#storeKey(stream, name) });
  }

  #baseLost(stream: SenderStream, why: 'miss' | 'down' | 'corrupt'): void {
    if (stream.base?.kind !== 'asked') return;
    const { name } = stream.base;
    const { dictionary } = this.#options;
    stream.base = { kind: 'lost', name };
    if (why !== 'down') dictionary.forget(stream.key, name);
    if (why === 'corrupt') this.#events.push({ kind: 'store_delete', key: this.#storeKey(stream, name) });
    if (stream.state === 'verify') this.#rebuild(stream);
  }

  #header(stream: SenderStream, answer: ResponseMessage): CfRailgun {
    const word: RatioWord = answer.why === Why.policy && !stream.storeDown ? 'normal' : 'stream';
    const ratio = answer.mode === 'raw' ? word : ratioOf(stream.earlier + stream.received, answer.bodyLength ?? 0);
    const version = (this.#lane.peer?.agent ?? '').padEnd(4, '0').slice(0, 4);
    return { kind: 'link', id: stream.id, ratio, originTimeUs: answer.originTimeUs, flags: answer.flags, version };
  }

  #uploaded(stream: SenderStream): void {
    stream.uploading = false;
    const next = stepSender(stream.state, 'our_end');
    assert(next !== undefined, `our END while ${stream.state}`);
    stream.state = next;
  }

  /** Give a stream up: the peer is told, the edge is told. */
  #give(stream: SenderStream, fault: Fault, code: number): void {
    this.#fail(stream, fault, 'cancel');
    this.#lane.reset(stream.number, code);
    this.#afterClose();
  }

  #fail(stream: SenderStream, fault: Fault, input: SenderInput): void {
    const headSent = stream.answer?.mode === 'raw';
    this.#events.push({ kind: 'failed', stream: stream.number, fault, headSent });
    this.#close(stream, input);
  }

  #close(stream: SenderStream, input: SenderInput): void {
    const next = stepSender(stream.state, input);
    assert(next === 'closed', `${input} while ${stream.state} does not close`);
    stream.state = next;
    this.#streams.delete(stream.number);
    this.#lane.await(this.#streams.size > 0, this.#now);
    if (!stream.uploading) return;
    if (input === 'verified' || input === 'response_end_raw') {
      this.#lane.reset(stream.number, ErrorCode.noError);
      this.#events.push({ kind: 'request_unwanted', stream: stream.number });
    }
  }

  #afterClose(): void {
    if (this.#lane.state === 'draining' && this.#streams.size === 0) this.#lane.finish('drained');
  }

  #onGoAway(message: GoAway): void {
    this.#events.push({ kind: 'draining' });
    for (const stream of this.#streams.values()) {
      if (stream.number <= message.lastStream) continue;
      if (stream.answer !== undefined) continue;
      const code = message.code === ErrorCode.noError ? ErrorCode.draining : message.code;
      this.#fail(stream, { kind: 'listener_refused', code }, 'cancel');
      this.#lane.scheduler.forget(stream.number);
    }
    if (message.code === ErrorCode.noError) this.#afterClose();
  }

  #onClosed(fault: LaneFault): void {
    for (const stream of this.#streams.values()) {
      const sent = this.#lane.scheduler.headSent(stream.number);
      const answered = stream.answer !== undefined;
      const lost: Fault =
        fault.side === 'network' || !sent
          ? { kind: 'link_lost', sent, answered, why: fault.why }
          : { kind: 'link_protocol', code: fault.code, side: fault.side, why: fault.why };
      this.#events.push({
        kind: 'failed',
        stream: stream.number,
        fault: lost,
        headSent: stream.answer?.mode === 'raw',
      });
      stream.state = 'closed';
    }
    this.#streams.clear();
    this.#events.push({ kind: 'closed', fault });
  }
}
