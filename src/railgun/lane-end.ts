/**
 * One end of a lane: what sender and listener have in common. It reads frames, makes the handshake, answers PING, counts lane credit,
 * notices silence, asks for calm, and says GOAWAY once. Frames of streams go on to the machine that owns this object; it knows
 * nothing of requests and answers.
 *
 *   handshake  →  open  →  draining  →  closed          (any state → closed on a fault)
 */
import type { Random } from '../core/random.ts';
import { after, type Micros, US_PER_SECOND } from '../core/time.ts';
import { BLOCK_MASK } from './block-compression.ts';
import { ErrorCode, type LaneFault } from './faults.ts';
import { ReceiveCredit, SendCredit } from './flow.ts';
import { FIRST_EXTENSION_TYPE, Flag, type Frame, FrameDecoder, FrameType, encodeFrame } from './frame.ts';
import { MAX_FRAME_PAYLOAD, MAX_MESSAGE_BYTES, MAX_STREAM_ID, type LaneLimits } from './limits.ts';
import { type GoAway, encodeGoAway, encodeNumber, parseGoAway, parseNumber } from './messages.ts';
import { SendScheduler } from './scheduler.ts';
import {
  type Role,
  type Settings,
  commonVersion,
  encodeSettings,
  ownSettings,
  parseSettings,
  proofHolds,
  proofOf,
} from './settings.ts';

export interface LaneEndOptions {
  readonly role: Role;
  readonly limits: LaneLimits;
  readonly random: Random;
  /** The activation token: 32 characters. */
  readonly token: string;
  /** 32 bytes from the TLS session (settings.ts, EXPORTER_LABEL). */
  readonly exporter: Uint8Array;
  readonly railgunId: string;
  /** Four hex digits of the build. */
  readonly agent: string;
  /** Bit n: delta codec n can be decoded here. */
  readonly codecs: number;
  readonly listenerId: string;
  /** The sender's edge place; empty at a listener. */
  readonly place: string;
}

export interface LaneHooks {
  ready(peer: Settings): void;
  goAway(message: GoAway): void;
  /** The listener's first GOAWAY has been seen by the sender: nothing newer is under way than what we have. */
  drainHeard(now: Micros): void;
  closed(fault: LaneFault): void;
  /** Highest stream that this end acted on, for GOAWAY. */
  lastActed(): number;
}

export type LaneState = 'handshake' | 'open' | 'draining' | 'closed';

const EMPTY = new Uint8Array(0);

/** What both ends show of their lane. */
export type LaneView = Pick<LaneEnd, 'rttUs' | 'credit'>;

export class LaneEnd {
  readonly limits: LaneLimits;
  readonly #options: LaneEndOptions;
  readonly #hooks: LaneHooks;
  readonly #decoder = new FrameDecoder();
  readonly #sendCredit = new SendCredit(0);
  readonly #receiveCredit: ReceiveCredit;
  readonly scheduler: SendScheduler;
  #nonce: Uint8Array = EMPTY;
  #state: LaneState = 'handshake';
  #peer: Settings | undefined;
  /** Pieces of a REQUEST or RESPONSE that MORE continues. */
  #pieces: { readonly type: number; readonly stream: number; readonly list: Uint8Array[] } | undefined;
  #handshakeBy: Micros | undefined;
  #pingAt: Micros | undefined;
  #deadBy: Micros | undefined;
  /** Answers are awaited: silence is looked into much sooner. */
  #awaiting = false;
  #suspectAt: Micros | undefined;
  #suspect = false;
  #ping: Uint8Array = EMPTY;
  #pingSentAt = 0 as Micros;
  #drainPing: Uint8Array = EMPTY;
  #rttUs: number | undefined;
  #calmFrom: Micros;
  #calmCount = 0;

  constructor(options: LaneEndOptions, hooks: LaneHooks, now: Micros) {
    this.#options = options;
    this.#hooks = hooks;
    this.limits = options.limits;
    this.#receiveCredit = new ReceiveCredit(options.limits.laneCredit);
    this.scheduler = new SendScheduler(this.#sendCredit);
    this.#handshakeBy = after(now, options.limits.settingsTimeoutUs);
    this.#calmFrom = now;
    if (options.role === 'sender') {
      this.#nonce = Uint8Array.from({ length: 8 }, () => options.random.below(256));
      this.#sendSettings();
    }
  }

  get state(): LaneState {
    return this.#state;
  }

  get peer(): Settings | undefined {
    return this.#peer;
  }

  get nonce(): Uint8Array {
    return this.#nonce;
  }

  /** Silent although it was asked: nothing more should be entrusted to it. Any byte clears it. */
  get suspect(): boolean {
    return this.#suspect;
  }

  /** Whether streams are under way. A lane that holds nobody's request may be silent for long. */
  await(answers: boolean, now: Micros): void {
    if (answers === this.#awaiting) return;
    this.#awaiting = answers;
    if (this.#deadBy === undefined) this.#armPing(now);
    else this.#armSuspicion(now);
  }

  /** Round trip of the last PING; `undefined` before the first. */
  get rttUs(): number | undefined {
    return this.#rttUs;
  }

  /** Bytes that may still be sent, and received: for tests of RG flow control. Never negative. */
  get credit(): { readonly send: number; readonly receive: number } {
    return { send: this.#sendCredit.available, receive: this.#receiveCredit.open };
  }

  /** Frames of streams; everything else is dealt with here. Stops when the lane closes. */
  *frames(bytes: Uint8Array, now: Micros): Generator<Frame, void, void> {
    if (this.#state === 'closed') return;
    this.#heard(now);
    for (const frame of this.#decoder.push(bytes)) {
      const forStream = this.#onFrame(frame, now);
      if (this.closed) return;
      if (forStream !== undefined) yield forStream;
      if (this.closed) return;
    }
    if (this.#decoder.problem !== undefined) this.fail(ErrorCode.protocol, this.#decoder.problem);
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** Silence, and a handshake that takes too long. */
  wake(now: Micros): void {
    if (this.#handshakeBy !== undefined && now >= this.#handshakeBy)
      return this.fail(ErrorCode.protocol, 'no SETTINGS in time');
    if (this.#deadBy !== undefined && now >= this.#deadBy) return this.lost('no answer to PING');
    if (this.#suspectAt !== undefined && now >= this.#suspectAt) {
      this.#suspectAt = undefined;
      this.#suspect = true;
    }
    if (this.#pingAt !== undefined && now >= this.#pingAt) this.#sendPing(now);
  }

  wakeAt(): Micros | undefined {
    if (this.#state === 'closed') return undefined;
    return earliest(this.#handshakeBy, this.#deadBy, this.#pingAt, this.#suspectAt);
  }

  transmit(): Uint8Array | undefined {
    return this.scheduler.flush();
  }

  send(type: number, stream: number, payload: Uint8Array = EMPTY, flags = 0): void {
    if (this.#state !== 'closed') this.scheduler.control(encodeFrame(type, flags, stream, payload));
  }

  reset(stream: number, code: number): void {
    const known = this.scheduler.forget(stream) || this.#options.role === 'listener';
    // A REQUEST that never left is no stream to the peer: its number is simply skipped.
    if (known) this.send(FrameType.reset, stream, encodeNumber(code));
  }

  /**
   * Body bytes arrived: false = more than the credit; the lane has failed. The lane's credit goes back at once, the stream's when the
   * bytes leave our buffer (`released`): a visitor who takes nothing stops his own stream, never those of others.
   */
  received(bytes: number, credit: ReceiveCredit | undefined): boolean {
    if (!this.#receiveCredit.receive(bytes) || credit?.receive(bytes) === false) {
      this.fail(ErrorCode.flowControl, 'more bytes than credit');
      return false;
    }
    const increment = this.#receiveCredit.release(bytes);
    if (increment > 0) this.send(FrameType.credit, 0, encodeNumber(increment));
    return true;
  }

  /** Body bytes of a living stream left our buffer. */
  released(bytes: number, stream: number, credit: ReceiveCredit): void {
    const increment = credit.release(bytes);
    if (increment > 0) this.send(FrameType.credit, stream, encodeNumber(increment));
  }

  /** A frame that does no work. Too many a second, and the lane ends: the peer is broken or hostile. */
  useless(now: Micros): void {
    if (now - this.#calmFrom >= US_PER_SECOND) {
      this.#calmFrom = now;
      this.#calmCount = 0;
    }
    this.#calmCount += 1;
    if (this.#calmCount > this.limits.calmDownPerSecond) this.fail(ErrorCode.internal, 'calm down');
  }

  /** First step of a drain: "open no more", and a PING that tells when this was read. */
  announceDrain(drainMs: number, now: Micros): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    this.goAway(MAX_STREAM_ID, ErrorCode.noError, drainMs, 'draining');
    this.#drainPing = stamp(now, 1);
    this.send(FrameType.ping, 0, this.#drainPing);
  }

  /** The sender stops opening streams, of itself or because it was told to. */
  markDraining(): void {
    if (this.#state === 'open') this.#state = 'draining';
  }

  goAway(lastStream: number, code: number, drainMs: number, debug: string): void {
    this.send(FrameType.goaway, 0, encodeGoAway({ lastStream, code, drainMs, debug }));
  }

  /** The peer did wrong, or we must stop: one GOAWAY, then nothing more in either direction. */
  fail(code: number, why: string, side: LaneFault['side'] = 'remote'): void {
    this.#close({ code, side, why }, true);
  }

  /** An orderly end: all streams are done, nothing is queued but control frames, and those still go out. */
  finish(why: string): void {
    if (this.closed) return;
    this.goAway(this.#hooks.lastActed(), ErrorCode.noError, 0, why);
    this.#state = 'closed';
    this.#hooks.closed({ code: ErrorCode.noError, side: 'local', why });
  }

  /** The connection under us broke, or went silent. */
  lost(why: string): void {
    this.#close({ code: ErrorCode.noError, side: 'network', why }, false);
  }

  /** The machine hears of it before the queue is emptied: it must know which requests had not left. */
  #close(fault: LaneFault, tell: boolean): void {
    if (this.closed) return;
    this.#state = 'closed';
    this.#handshakeBy = undefined;
    const goAway = { lastStream: this.#hooks.lastActed(), code: fault.code, drainMs: 0, debug: fault.why };
    this.#hooks.closed(fault);
    this.scheduler.clear();
    if (tell) this.scheduler.control(encodeFrame(FrameType.goaway, 0, 0, encodeGoAway(goAway)));
  }

  #onFrame(frame: Frame, now: Micros): Frame | undefined {
    if (this.#state === 'handshake') {
      this.#onFirst(frame, now);
      return undefined;
    }
    if (frame.type >= FIRST_EXTENSION_TYPE) {
      this.useless(now);
      return undefined;
    }
    if (this.#pieces !== undefined || (frame.flags & Flag.more) !== 0) return this.#onPiece(frame);
    switch (frame.type) {
      case FrameType.settings:
        this.#onLaterSettings(frame, now);
        return undefined;
      case FrameType.ping:
        this.#onPing(frame, now);
        return undefined;
      case FrameType.goaway:
        this.#onGoAway(frame);
        return undefined;
      case FrameType.credit:
        if (frame.stream !== 0) return frame;
        this.addCredit(frame, this.#sendCredit);
        return undefined;
      default:
        return frame;
    }
  }

  /** CREDIT for the lane or for a stream. */
  addCredit(frame: Frame, credit: SendCredit): void {
    const increment = parseNumber(frame.payload);
    if (increment === undefined || increment === 0) return this.fail(ErrorCode.protocol, 'CREDIT without an increment');
    if (!credit.add(increment)) this.fail(ErrorCode.flowControl, 'credit beyond the limit');
  }

  #onFirst(frame: Frame, now: Micros): void {
    const { role, token, exporter, railgunId } = this.#options;
    // How a listener says AUTH or VERSION: it does not show its own SETTINGS to a stranger.
    const refusal = role === 'sender' && frame.type === FrameType.goaway ? parseGoAway(frame.payload) : undefined;
    if (refusal !== undefined) return this.#close({ code: refusal.code, side: 'remote', why: refusal.debug }, false);
    if (frame.type !== FrameType.settings || frame.flags !== 0)
      return this.fail(ErrorCode.protocol, 'SETTINGS must come first');
    const from: Role = role === 'sender' ? 'listener' : 'sender';
    const peer = parseSettings(frame.payload, from);
    if (typeof peer === 'string') return this.fail(ErrorCode.protocol, peer);
    if (commonVersion(peer) === undefined) return this.fail(ErrorCode.version, 'no common version');
    if (!proofHolds(peer.proof, proofOf(from, token, exporter, railgunId))) {
      return this.fail(ErrorCode.auth, 'Invalid or missing railgun token or tag');
    }
    this.#peer = peer;
    this.#state = 'open';
    this.#handshakeBy = undefined;
    this.#sendCredit.add(peer.laneCredit);
    // The listener shows itself only to a sender that has proved itself: a scanner learns nothing.
    if (role === 'listener') {
      this.#nonce = peer.laneNonce;
      this.#sendSettings();
    }
    this.#heard(now);
    this.#hooks.ready(peer);
  }

  #onLaterSettings(frame: Frame, now: Micros): void {
    this.useless(now);
    if (this.closed) return;
    if ((frame.flags & Flag.ack) !== 0) {
      if (frame.payload.length > 0) this.fail(ErrorCode.protocol, 'SETTINGS ACK with a payload');
      return;
    }
    const peer = parseSettings(frame.payload, this.#options.role === 'sender' ? 'listener' : 'sender');
    if (typeof peer === 'string') return this.fail(ErrorCode.protocol, peer);
    if (this.#peer !== undefined) this.#peer = { ...this.#peer, maxStreams: peer.maxStreams };
    this.send(FrameType.settings, 0, EMPTY, Flag.ack);
  }

  #onPing(frame: Frame, now: Micros): void {
    if (frame.payload.length !== 8) return this.fail(ErrorCode.protocol, 'PING of a wrong length');
    if ((frame.flags & Flag.ack) === 0) {
      this.useless(now);
      this.send(FrameType.ping, 0, frame.payload.slice(), Flag.ack);
      return;
    }
    if (Buffer.compare(frame.payload, this.#drainPing) === 0) {
      this.#drainPing = EMPTY;
      this.#hooks.drainHeard(now);
    } else if (Buffer.compare(frame.payload, this.#ping) === 0) {
      this.#rttUs = now - this.#pingSentAt;
      this.#ping = EMPTY;
    } else {
      this.useless(now);
    }
  }

  #onGoAway(frame: Frame): void {
    const message = parseGoAway(frame.payload);
    if (message === undefined) return this.fail(ErrorCode.protocol, 'malformed GOAWAY');
    if (message.code === ErrorCode.noError) {
      this.markDraining();
      this.#hooks.goAway(message);
      return;
    }
    this.#hooks.goAway(message);
    this.#close({ code: message.code, side: 'remote', why: message.debug }, false);
  }

  /** A head larger than a frame: full frames with MORE, one after the other, then the rest. */
  #onPiece(frame: Frame): Frame | undefined {
    const begun = this.#pieces ?? { type: frame.type, stream: frame.stream, list: [] };
    const more = (frame.flags & Flag.more) !== 0;
    const fits = frame.type === begun.type && frame.stream === begun.stream;
    const whole = !more || (frame.payload.length === MAX_FRAME_PAYLOAD && (frame.flags & Flag.end) === 0);
    if (!fits || !whole || (begun.list.length + 1) * MAX_FRAME_PAYLOAD > MAX_MESSAGE_BYTES + MAX_FRAME_PAYLOAD) {
      this.fail(ErrorCode.protocol, 'a head in pieces that do not fit');
      return undefined;
    }
    begun.list.push(frame.payload.slice());
    this.#pieces = more ? begun : undefined;
    return more ? undefined : { ...frame, payload: Buffer.concat(begun.list) };
  }

  #sendSettings(): void {
    const { role, limits, token, exporter, railgunId, agent, codecs, listenerId, place } = this.#options;
    const proof = proofOf(role, token, exporter, railgunId);
    const laneNonce = role === 'sender' ? this.#nonce : EMPTY;
    const settings = ownSettings(role, limits, {
      agent,
      codecs,
      blockCompressions: BLOCK_MASK,
      proof,
      laneNonce,
      listenerId,
      place,
    });
    this.send(FrameType.settings, 0, encodeSettings(settings));
  }

  /** Any byte is a sign of life. */
  #heard(now: Micros): void {
    this.#deadBy = undefined;
    this.#suspectAt = undefined;
    this.#suspect = false;
    if (this.#state !== 'handshake') this.#armPing(now);
  }

  #armPing(now: Micros): void {
    const { pingIdleUs, probeUs } = this.limits;
    // ± 10 %, so that a thousand lanes do not ping in step.
    this.#pingAt = after(now, (this.#awaiting ? probeUs : pingIdleUs) * (0.9 + this.#options.random.next() * 0.2));
  }

  #armSuspicion(now: Micros): void {
    const { suspectUs } = this.limits;
    this.#suspectAt = this.#awaiting ? after(now, Math.max(suspectUs, 4 * (this.#rttUs ?? 0))) : undefined;
  }

  #sendPing(now: Micros): void {
    this.#ping = stamp(now, 0);
    this.#pingSentAt = now;
    this.#pingAt = undefined;
    this.#deadBy = after(now, this.limits.pingTimeoutUs);
    this.#armSuspicion(now);
    this.send(FrameType.ping, 0, this.#ping);
  }
}

/** The moment in 8 bytes, as FnPing carried it; the lowest bit tells a drain from a plain PING. */
function stamp(now: Micros, mark: 0 | 1): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(now) * 2n + BigInt(mark));
  return bytes;
}

export function earliest(...times: readonly (Micros | undefined)[]): Micros | undefined {
  let first: Micros | undefined;
  for (const time of times) if (time !== undefined && (first === undefined || time < first)) first = time;
  return first;
}
