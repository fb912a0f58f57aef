/**
 * Bodies, span by span (RFC 9112 6 and 7): bytes go in, and the spans that may be passed on come out through a sink,
 * unchanged. Nothing is copied, and good chunk framing is passed through as it is; only what is odd about it (chunk
 * extensions, a size line split over two reads) is written anew.
 *
 * The last chunk is held back until its trailer section is whole, so that a body which is cut never looks finished.
 *
 *     5;ext CRLF hello CRLF 0 CRLF Trailer: x CRLF CRLF
 *     ~~~~~~~~~~ rewritten  ~~~~~~~~~~~~~~~~~~~~~~~~~~~ held, then handed over as `trailers`
 */
import { CR, FIELD_TEXT, HEX, LF, SEMICOLON, TOKEN } from './chars.ts';
import type { MessageFault } from './faults.ts';
import { CHUNK_DIGITS_MAX, CHUNK_EXTENSION_BYTES_MAX, type MessageLimits } from './limits.ts';

export interface BodySink {
  /** `buf[start, end)` belongs to the body as it should be forwarded. The bytes are only good during the call. */
  bodySpan(buf: Buffer, start: number, end: number): void;
  /** A few bytes of framing that are not in any buffer. */
  bodyText(text: string): void;
}

export type BodyKind = 'none' | 'length' | 'chunked' | 'close';

const NONE = 0;
const LENGTH = 1;
const CLOSE = 2;
/** States from here on belong to a chunked body. */
const SIZE = 3;
const EXTENSION = 4;
const SIZE_LF = 5;
const DATA = 6;
const DATA_CR = 7;
const DATA_LF = 8;
const TRAILER = 9;

/** Parts of a chunk extension. */
const NAME_START = 0;
const NAME = 1;
const VALUE_START = 2;
const VALUE = 3;
const QUOTED = 4;
const QUOTED_PAIR = 5;
const QUOTED_END = 6;
const QUOTE = 34;
const EQUALS = 61;
const BACKSLASH = 92;

/** What `read` found out besides how far it came. */
export class BodyReader {
  done = true;
  fault: MessageFault | undefined;
  /** Payload bytes so far, framing not counted. */
  payloadBytes = 0;
  /**
   * The trailer section as it came, without the empty line; set when a chunked body is done. Undefined when the end of
   * the body has already been part of a span (there were no trailers), or in payload form when there were none.
   */
  trailers: string | undefined;

  readonly #limits: MessageLimits;
  #state = NONE;
  /** Hand out chunk framing too (wire form), or payload alone. */
  #wire = true;
  #left = 0;
  #digits = 0;
  /** Bytes of the extension in this size line, and which part of it comes next. */
  #extension = 0;
  #part = NAME_START;
  #overhead = 0;
  #trailerText = '';

  constructor(limits: MessageLimits) {
    this.#limits = limits;
  }

  /** Begin a body. `length` counts only for kind `length`; `wire` false strips chunk framing. */
  begin(kind: BodyKind, length: number, wire: boolean): void {
    this.fault = undefined;
    this.trailers = undefined;
    this.payloadBytes = 0;
    this.#wire = wire;
    this.#left = length;
    this.#overhead = 0;
    this.#state = kind === 'length' ? LENGTH : kind === 'chunked' ? SIZE : kind === 'close' ? CLOSE : NONE;
    this.done = kind === 'none' || (kind === 'length' && length === 0);
    if (kind === 'chunked') this.#beginSize();
  }

  /** The peer has closed. True when that is the proper end of this body. */
  end(): boolean {
    if (this.#state === CLOSE) this.done = true;
    else if (!this.done) this.fault = 'cut_short';
    return this.done;
  }

  /**
   * Walk over `buf[from, end)`, handing spans to the sink. Returns where this body stopped: `end`, or less when it is
   * done or `fault` is set.
   */
  read(buf: Buffer, from: number, end: number, sink: BodySink): number {
    if (this.done || from >= end) return from;
    if (this.#state === LENGTH) {
      const stop = end - from < this.#left ? end : from + this.#left;
      this.#left -= stop - from;
      this.payloadBytes += stop - from;
      if (this.#left === 0) this.done = true;
      sink.bodySpan(buf, from, stop);
      return stop;
    }
    if (this.#state === CLOSE) {
      this.payloadBytes += end - from;
      sink.bodySpan(buf, from, end);
      return end;
    }
    return this.#readChunked(buf, from, end, sink);
  }

  #beginSize(): void {
    this.#state = SIZE;
    this.#left = 0;
    this.#digits = 0;
    this.#extension = 0;
  }

  #readChunked(buf: Buffer, from: number, end: number, sink: BodySink): number {
    let pos = from;
    // Start of the bytes not yet handed out, or -1 while walking over bytes that stay behind.
    let run = this.#wire && this.#state >= DATA && this.#state !== TRAILER ? from : -1;
    // Start of the size line, while it lies in this buffer from its first digit.
    let line = this.#state === SIZE && this.#digits === 0 ? from : -1;
    if (line !== -1 && this.#wire) run = from;
    while (pos < end) {
      const c = buf[pos] as number;
      switch (this.#state) {
        case SIZE: {
          const digit = HEX[c] as number;
          if (digit !== 0) {
            this.#left = this.#left * 16 + digit - 1;
            this.#digits += 1;
            if (this.#digits > CHUNK_DIGITS_MAX) return this.#bad('bad_chunk', pos);
            pos += 1;
            continue;
          }
          if (this.#digits === 0) return this.#bad('bad_chunk', pos);
          if (c === CR) {
            this.#state = SIZE_LF;
            pos += 1;
            continue;
          }
          // Blanks before the semicolon (BWS) are grammar, but parsers disagree about them, and nobody sends them.
          if (c !== SEMICOLON) return this.#bad('bad_chunk', pos);
          // The extension stays behind (RFC 9112 7.1.1): hand out what is before this line, write the line anew.
          if (run !== -1 && line > run) sink.bodySpan(buf, run, line);
          run = -1;
          line = -1;
          this.#state = EXTENSION;
          this.#part = QUOTED_END;
          continue;
        }
        case EXTENSION:
          if (c === CR && (this.#part === NAME || this.#part === VALUE || this.#part === QUOTED_END))
            this.#state = SIZE_LF;
          else if (!this.#extensionByte(c)) return this.#bad('bad_chunk', pos);
          if (++this.#extension > CHUNK_EXTENSION_BYTES_MAX) return this.#bad('chunk_overhead', pos);
          this.#overhead += 1;
          pos += 1;
          continue;
        case SIZE_LF:
          if (c !== LF) return this.#bad('bad_chunk', pos);
          pos += 1;
          this.#overhead = Math.max(0, this.#overhead + this.#digits + 4 - 16 - 2 * this.#left);
          if (this.#overhead > this.#limits.chunkOverheadBytes) return this.#bad('chunk_overhead', pos);
          if (this.#left === 0) {
            // Last chunk. The common end, two more bytes and both here, goes out with the span.
            if (pos + 1 < end && buf[pos] === CR && buf[pos + 1] === LF) {
              pos += 2;
              this.done = true;
              if (run !== -1 && line !== -1) sink.bodySpan(buf, run, pos);
              else if (this.#wire) this.trailers = '';
              return pos;
            }
            if (run !== -1 && line > run) sink.bodySpan(buf, run, line);
            run = -1;
            this.#state = TRAILER;
            this.#trailerText = '';
            continue;
          }
          if (this.#wire && line === -1) {
            sink.bodyText(`${this.#left.toString(16)}\r\n`);
            run = pos;
          } else if (!this.#wire) {
            run = pos;
          }
          this.#state = DATA;
          continue;
        case DATA: {
          if (run === -1) run = pos;
          const stop = end - pos < this.#left ? end : pos + this.#left;
          this.#left -= stop - pos;
          this.payloadBytes += stop - pos;
          pos = stop;
          if (this.#left > 0) continue;
          if (!this.#wire) {
            sink.bodySpan(buf, run, pos);
            run = -1;
          }
          this.#state = DATA_CR;
          continue;
        }
        case DATA_CR:
          if (c !== CR) return this.#bad('bad_chunk', pos);
          this.#state = DATA_LF;
          pos += 1;
          continue;
        case DATA_LF:
          if (c !== LF) return this.#bad('bad_chunk', pos);
          pos += 1;
          this.#beginSize();
          line = pos;
          continue;
        default:
          return this.#readTrailer(buf, pos, end);
      }
    }
    // Out of bytes. An unfinished size line stays behind and is written anew when it is whole.
    if (run !== -1) {
      const stop = this.#state === SIZE || this.#state === SIZE_LF ? line : pos;
      if (stop > run) sink.bodySpan(buf, run, stop);
    }
    return pos;
  }

  /** One byte of `;name=value;name="quoted \"text\""`, without blanks (RFC 9112 7.1.1). False: not that. */
  #extensionByte(c: number): boolean {
    switch (this.#part) {
      case NAME_START:
      case VALUE_START:
        if (c === QUOTE && this.#part === VALUE_START) this.#part = QUOTED;
        else if (TOKEN[c] === 0) return false;
        else this.#part = this.#part === NAME_START ? NAME : VALUE;
        return true;
      case NAME:
        if (c === EQUALS) this.#part = VALUE_START;
        else if (c === SEMICOLON) this.#part = NAME_START;
        else return TOKEN[c] !== 0;
        return true;
      case VALUE:
        if (c === SEMICOLON) this.#part = NAME_START;
        else return TOKEN[c] !== 0;
        return true;
      case QUOTED:
        if (c === QUOTE) this.#part = QUOTED_END;
        else if (c === BACKSLASH) this.#part = QUOTED_PAIR;
        else return FIELD_TEXT[c] === 1;
        return true;
      case QUOTED_PAIR:
        this.#part = QUOTED;
        return FIELD_TEXT[c] === 1;
      default:
        this.#part = NAME_START;
        return c === SEMICOLON;
    }
  }

  /** Collect the trailer section until the empty line; what it says is for `trailers.ts`. */
  #readTrailer(buf: Buffer, from: number, end: number): number {
    const before = this.#trailerText.length;
    const room = this.#limits.trailerBytes + 2 - before;
    const text = this.#trailerText + buf.toString('latin1', from, Math.min(end, from + room));
    const stop = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n', Math.max(0, before - 3));
    if (stop === -1) {
      if (text.length > this.#limits.trailerBytes) return this.#bad('trailer_too_large', end);
      this.#trailerText = text;
      return end;
    }
    const length = stop === 0 ? 0 : stop + 2;
    this.trailers = text.slice(0, length);
    this.#trailerText = '';
    this.done = true;
    return from + (length + 2 - before);
  }

  #bad(fault: MessageFault, pos: number): number {
    this.fault = fault;
    return pos;
  }
}
