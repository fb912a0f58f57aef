/**
 * Bytes to frames and back (spec 12.3). Nothing here knows what a frame means; `messages.ts` reads payloads, `lane-end.ts` and the
 * machines act on them.
 *
 *   byte 0     type (high nibble) | flags (low nibble)
 *   varint     stream id, 0 = the lane itself
 *   varint     payload length, 0..16383
 *   payload
 */
import { assert } from '../core/assert.ts';
import { MAX_FRAME_PAYLOAD, MAX_STREAM_ID } from './limits.ts';
import { INCOMPLETE, MALFORMED, readVarint, varintLength, varintLengthFrom, writeVarint } from './varint.ts';

export const FrameType = {
  settings: 0,
  request: 1,
  data: 2,
  response: 3,
  credit: 4,
  ping: 5,
  resync: 6,
  commit: 7,
  reset: 8,
  goaway: 9,
} as const;

/** Types 14 and 15 are ignored by whoever does not know them, so that they stay usable ("grease"). */
export const FIRST_EXTENSION_TYPE = 14;

export const Flag = { end: 0x1, ack: 0x2, more: 0x4, reserved: 0x8 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  /** A view of the received bytes where possible: copy what outlives the call. */
  readonly payload: Uint8Array;
}

/** Flags that a type may carry, and whether it belongs to the lane (0), a stream (1) or either (2). */
const RULES: readonly { readonly flags: number; readonly on: 0 | 1 | 2 }[] = [
  { flags: Flag.ack, on: 0 },
  { flags: Flag.end | Flag.more, on: 1 },
  { flags: Flag.end, on: 1 },
  { flags: Flag.end | Flag.more, on: 1 },
  { flags: 0, on: 2 },
  { flags: Flag.ack, on: 0 },
  { flags: 0, on: 1 },
  { flags: 0, on: 1 },
  { flags: 0, on: 1 },
  { flags: 0, on: 0 },
];

export function frameLength(stream: number, payloadLength: number): number {
  return 1 + varintLength(stream) + varintLength(payloadLength) + payloadLength;
}

export function encodeFrame(type: number, flags: number, stream: number, payload: Uint8Array): Uint8Array {
  assert(payload.length <= MAX_FRAME_PAYLOAD, `frame payload of ${payload.length} B`);
  const frame = new Uint8Array(frameLength(stream, payload.length));
  frame[0] = (type << 4) | flags;
  const at = writeVarint(frame, writeVarint(frame, 1, stream), payload.length);
  frame.set(payload, at);
  return frame;
}

/** What is wrong with a frame's type, flags and stream, as one sentence; `undefined` when nothing is. */
function complaint(type: number, flags: number, stream: number): string | undefined {
  if (type >= FIRST_EXTENSION_TYPE) return undefined;
  const rule = RULES[type];
  if (rule === undefined) return `frame type ${type} is reserved`;
  if ((flags & ~rule.flags) !== 0) return `frame type ${type} with flags 0x${flags.toString(16)}`;
  if (rule.on === 0 && stream !== 0) return `frame type ${type} on stream ${stream}`;
  if (rule.on === 1 && stream === 0) return `frame type ${type} on the lane`;
  return undefined;
}

/** Type, flags and one or two varints of four bytes at most. */
const MAX_FRAME_HEADER = 1 + 8 + 8;

/**
 * Finds frames in a byte stream that arrives in any pieces. At most one frame is held back; once `problem` is set, nothing more
 * comes out. A frame that lies whole inside one piece is not copied.
 */
export class FrameDecoder {
  #held = new Uint8Array(0);
  #heldLength = 0;
  /** Length of the frame that is being collected; 0 while its header is not complete. */
  #wanted = 0;
  #problem: string | undefined;

  /** Why the bytes are no frames; the lane must end with PROTOCOL. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Bytes of an unfinished frame. */
  get pending(): number {
    return this.#heldLength;
  }

  /** Frames completed by `bytes`, one by one, so that the caller can stop at the first that offends. */
  *push(bytes: Uint8Array): Generator<Frame, void, void> {
    let at = 0;
    while (this.#problem === undefined) {
      if (this.#heldLength > 0) {
        at = this.#collect(bytes, at);
        if (this.#wanted === 0 || this.#heldLength < this.#wanted) return;
        const whole = this.#held.slice(0, this.#heldLength);
        this.#heldLength = 0;
        this.#wanted = 0;
        const frame = this.#parse(whole, 0, whole.length);
        assert(frame !== undefined || this.#problem !== undefined, 'a collected frame is whole');
        if (frame !== undefined) yield frame.frame;
        continue;
      }
      if (at >= bytes.length) return;
      const parsed = this.#parse(bytes, at, bytes.length);
      if (this.#problem !== undefined) return;
      if (parsed === undefined) {
        this.#hold(bytes.subarray(at, at + 1));
        at += 1;
        continue;
      }
      at = parsed.next;
      yield parsed.frame;
    }
  }

  /** A whole frame at `at`, or `undefined` when bytes are missing. Sets `problem` as soon as it can be known. */
  #parse(source: Uint8Array, at: number, end: number): { frame: Frame; next: number } | undefined {
    const header = this.#header(source, at, end);
    if (header === undefined || at + header.total > end) return undefined;
    const first = source[at] ?? 0;
    const next = at + header.total;
    const payload = source.subarray(next - header.length, next);
    return { frame: { type: first >> 4, flags: first & 0xf, stream: header.stream, payload }, next };
  }

  #header(source: Uint8Array, at: number, end: number): { stream: number; length: number; total: number } | undefined {
    if (at >= end) return undefined;
    const stream = readVarint(source, at + 1, end);
    if (stream === INCOMPLETE) return undefined;
    if (stream === MALFORMED || stream > MAX_STREAM_ID) return this.#refuse('malformed stream id');
    const first = source[at] ?? 0;
    const wrong = complaint(first >> 4, first & 0xf, stream);
    if (wrong !== undefined) return this.#refuse(wrong);
    const lengthAt = at + 1 + varintLengthFrom(source[at + 1] ?? 0);
    if (lengthAt >= end) return undefined;
    // The two larger forms can only say too much: they are refused before their bytes arrive, however the bytes were split.
    const large = varintLengthFrom(source[lengthAt] ?? 0) > 2;
    const length = large ? MALFORMED : readVarint(source, lengthAt, end);
    if (length === INCOMPLETE) return undefined;
    if (length === MALFORMED) return this.#refuse('payload length above 16383 or malformed');
    return { stream, length, total: lengthAt - at + varintLengthFrom(source[lengthAt] ?? 0) + length };
  }

  /** Takes header bytes one by one, then as much of the payload as there is. Returns the new position in `bytes`. */
  #collect(bytes: Uint8Array, from: number): number {
    let at = from;
    while (this.#wanted === 0) {
      const header = this.#header(this.#held, 0, this.#heldLength);
      if (this.#problem !== undefined) return at;
      if (header !== undefined) this.#wanted = header.total;
      else if (at < bytes.length) this.#hold(bytes.subarray(at, ++at));
      else return at;
    }
    const take = Math.min(this.#wanted - this.#heldLength, bytes.length - at);
    if (take > 0) this.#hold(bytes.subarray(at, at + take));
    return at + take;
  }

  #hold(piece: Uint8Array): void {
    if (this.#held.length === 0) this.#held = new Uint8Array(MAX_FRAME_HEADER + MAX_FRAME_PAYLOAD);
    this.#held.set(piece, this.#heldLength);
    this.#heldLength += piece.length;
  }

  #refuse(why: string): undefined {
    this.#problem = why;
    this.#heldLength = 0;
    return undefined;
  }
}
