/**
 * Which bytes go out next (spec 12.10): control frames, then streams that one frame completes, then one frame from each stream in
 * turn. Frames are cut at the moment of sending, from credit that exists then, and everything that is ready leaves as one buffer, so
 * that TLS makes one record of a small answer (12.11, RG-129).
 */
import { assert } from '../core/assert.ts';
import { Flag, FrameType, encodeFrame, frameLength } from './frame.ts';
import type { SendCredit } from './flow.ts';
import { MAX_FLUSH_BYTES, MAX_FRAME_PAYLOAD, SEND_QUEUE_HIGH_WATER } from './limits.ts';
import { writeVarint } from './varint.ts';

interface Outgoing {
  readonly stream: number;
  readonly credit: SendCredit;
  /** REQUEST or RESPONSE that has not left yet. */
  head: { readonly type: number; readonly bytes: Uint8Array } | undefined;
  chunks: Uint8Array[];
  queued: number;
  ended: boolean;
  /** The producer was asked to wait. */
  waiting: boolean;
  /** Tells the machine that the last byte has been handed to the driver. */
  readonly onFinished: (() => void) | undefined;
}

export class SendScheduler {
  readonly #laneCredit: SendCredit;
  #control: Uint8Array[] = [];
  /** In the order of service: a stream that has had its turn goes to the end. */
  readonly #streams = new Map<number, Outgoing>();
  #drained: number[] = [];

  constructor(laneCredit: SendCredit) {
    this.#laneCredit = laneCredit;
  }

  control(frame: Uint8Array): void {
    this.#control.push(frame);
  }

  /** Begin a message; its body bytes follow by `append`. A RESYNC answer begins again on the same stream. */
  begin(stream: number, type: number, head: Uint8Array, credit: SendCredit, onFinished?: () => void): void {
    assert(!this.#streams.has(stream), `stream ${stream} sends two messages at once`);
    this.#streams.set(stream, {
      stream,
      credit,
      head: { type, bytes: head },
      chunks: [],
      queued: 0,
      ended: false,
      waiting: false,
      onFinished,
    });
  }

  /** False: enough is queued, wait for the stream's number in `takeDrained`. */
  append(stream: number, bytes: Uint8Array, end: boolean): boolean {
    const out = this.#streams.get(stream);
    assert(out !== undefined && !out.ended, `bytes for stream ${stream}, which sends nothing`);
    if (bytes.length > 0) out.chunks.push(bytes);
    out.queued += bytes.length;
    out.ended = end;
    if (out.queued <= SEND_QUEUE_HIGH_WATER) return true;
    out.waiting = !end;
    return false;
  }

  /** False while the stream's producer should wait. */
  mayAppend(stream: number): boolean {
    return this.#streams.get(stream)?.waiting !== true;
  }

  /** Drop what the stream has not sent. Returns whether its head had left. */
  forget(stream: number): boolean {
    const out = this.#streams.get(stream);
    this.#streams.delete(stream);
    return out === undefined || out.head === undefined;
  }

  /** Has this stream's head gone to the driver? */
  headSent(stream: number): boolean {
    return this.#streams.get(stream)?.head === undefined;
  }

  queuedFor(stream: number): number {
    return this.#streams.get(stream)?.queued ?? 0;
  }

  /** Streams whose producers may go on. */
  takeDrained(): readonly number[] {
    const drained = this.#drained;
    this.#drained = [];
    return drained;
  }

  clear(): void {
    this.#control = [];
    this.#streams.clear();
    this.#drained = [];
  }

  /** Everything ready, up to the flush limit; `undefined` when nothing is. */
  flush(): Uint8Array | undefined {
    const pieces: Uint8Array[] = this.#control;
    this.#control = [];
    let size = 0;
    for (const piece of pieces) size += piece.length;
    while (size < MAX_FLUSH_BYTES) {
      const out = this.#next();
      if (out === undefined) break;
      size += this.#cut(out, pieces);
    }
    if (pieces.length === 0) return undefined;
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, size);
  }

  #next(): Outgoing | undefined {
    let first: Outgoing | undefined;
    for (const out of this.#streams.values()) {
      if (!this.#sendable(out)) continue;
      if (out.ended && out.queued + (out.head?.bytes.length ?? 0) <= MAX_FRAME_PAYLOAD && out.queued <= this.#room(out))
        return out;
      first ??= out;
    }
    return first;
  }

  #room(out: Outgoing): number {
    return Math.min(out.credit.available, this.#laneCredit.available);
  }

  #sendable(out: Outgoing): boolean {
    if (out.head !== undefined) return true;
    return out.queued === 0 ? out.ended : this.#room(out) > 0;
  }

  /** One frame (several for a head that is larger than a frame). Returns its length. */
  #cut(out: Outgoing, pieces: Uint8Array[]): number {
    let size = 0;
    let head = out.head?.bytes;
    const type = out.head?.type ?? FrameType.data;
    while (head !== undefined && head.length > MAX_FRAME_PAYLOAD) {
      const piece = encodeFrame(type, Flag.more, out.stream, head.subarray(0, MAX_FRAME_PAYLOAD));
      pieces.push(piece);
      size += piece.length;
      head = head.subarray(MAX_FRAME_PAYLOAD);
    }
    const headLength = head?.length ?? 0;
    const take = Math.min(out.queued, this.#room(out), MAX_FRAME_PAYLOAD - headLength);
    const end = out.ended && take === out.queued;
    const frame = new Uint8Array(frameLength(out.stream, headLength + take));
    frame[0] = (type << 4) | (end ? Flag.end : 0);
    let at = writeVarint(frame, writeVarint(frame, 1, out.stream), headLength + take);
    if (head !== undefined) frame.set(head, at);
    at += headLength;
    this.#pull(out, take, frame, at);
    out.credit.take(take);
    this.#laneCredit.take(take);
    out.head = undefined;
    pieces.push(frame);
    this.#streams.delete(out.stream);
    if (end) out.onFinished?.();
    else this.#streams.set(out.stream, out);
    if (out.waiting && out.queued * 2 <= SEND_QUEUE_HIGH_WATER) {
      out.waiting = false;
      this.#drained.push(out.stream);
    }
    return size + frame.length;
  }

  #pull(out: Outgoing, length: number, target: Uint8Array, from: number): void {
    let at = from;
    let used = 0;
    while (at < from + length) {
      const chunk = out.chunks[used];
      assert(chunk !== undefined, 'queued bytes are in chunks');
      const room = from + length - at;
      if (chunk.length <= room) {
        target.set(chunk, at);
        at += chunk.length;
        used += 1;
      } else {
        target.set(chunk.subarray(0, room), at);
        out.chunks[used] = chunk.subarray(room);
        at += room;
      }
    }
    if (used > 0) out.chunks.splice(0, used);
    out.queued -= length;
  }
}
