/**
 * Real access logs as traffic: bytes in, entries out, in order of time and in flat memory however long the log is.
 *
 *     chunks ─► gzip? ─► lines ─► `{`: access-log-logpush.ts, else access-log-clf.ts ─► access-log-order.ts ─► batches
 *
 * Common Log Format, combined, Apache's vhost_combined, and Cloudflare Logpush NDJSON, told apart line by line. A line that
 * cannot be read is counted and the first few are named by number; it never stops the log. What a client or a host is, is
 * not asked here: a host name in place of an address is passed on as it is (`geo/locate.ts` marks it).
 */
import type { Micros } from '../core/time.ts';
import { type BrokenReason, type LineFields, readClfLine } from './access-log-clf.ts';
import { readLogpushLine } from './access-log-logpush.ts';
import { LogOrder } from './access-log-order.ts';

export interface LogEntry {
  readonly atUs: Micros;
  /** An address or a host name, as written. */
  readonly client: string;
  /** Upper or lower case as written; `GET` where a Logpush line has none. */
  readonly method: string;
  /** Lower case, without a port; `undefined` where the format does not tell. */
  readonly host: string | undefined;
  /** Path and query as sent, `/` where a Logpush line has none. */
  readonly target: string;
  /** 0 = not told. */
  readonly status: number;
  /** Bytes of the answer; 0 = none, or not told. */
  readonly bytes: number;
  /** `EdgeColoCode`, as written. */
  readonly pop: string | undefined;
  /** `ClientCountry`, as written: the service writes lower case. */
  readonly country: string | undefined;
}

export interface BrokenLine {
  /** From 1. */
  readonly line: number;
  readonly reason: BrokenReason;
}

export interface LogStats {
  lines: number;
  entries: number;
  blankLines: number;
  brokenLines: number;
  /** The first `MAX_BROKEN_NAMED` of them. */
  brokenNamed: BrokenLine[];
  /** Whole lines without a request: a connection that timed out, or garbage in place of HTTP. Not entries, and not broken. */
  withoutRequest: number;
  /** Entries older than the one before them in the file. */
  outOfOrder: number;
  /** Of those, the ones too far from their place to be put there; they keep the time of the entry before. */
  tooLate: number;
  logpushLines: number;
  clfLines: number;
  /** Earliest and latest entry; `undefined` without any. */
  firstUs: Micros | undefined;
  lastUs: Micros | undefined;
  /** Why reading ended early: the file could not be read to its end, is packed, or is no log at all. */
  stopped: LogStop | undefined;
}

export type LogStop =
  | { readonly kind: 'read_failed'; readonly message: string }
  /** gzip, and no `gunzip` was handed in. */
  | { readonly kind: 'packed' }
  /** Not one entry in the first `MAX_HOPELESS_BYTES`. */
  | { readonly kind: 'not_a_log' };

/** A longer line is broken, and is skipped without being held: far above any head that an edge takes (16 to 64 KiB). */
export const MAX_LINE_BYTES = 131_072;
/** Broken lines named by number: enough to see what is wrong. */
export const MAX_BROKEN_NAMED = 20;
/** Without one entry in so much, the file is something else, and reading 100 GB of it to say so helps nobody. */
export const MAX_HOPELESS_BYTES = 4_194_304;

const NEWLINE = 0x0a;

/** The streaming parser: push chunks cut anywhere, entries come out in the order of the file. */
export class AccessLogParser {
  readonly stats: LogStats = {
    lines: 0,
    entries: 0,
    blankLines: 0,
    brokenLines: 0,
    brokenNamed: [],
    withoutRequest: 0,
    outOfOrder: 0,
    tooLate: 0,
    logpushLines: 0,
    clfLines: 0,
    firstUs: undefined,
    lastUs: undefined,
    stopped: undefined,
  };
  readonly #timesOnly: boolean;
  readonly #clients = new TextCache(16_384);
  readonly #targets = new TextCache(8_192);
  readonly #hosts = new TextCache(256);
  readonly #codes = new TextCache(512);
  readonly #fields: LineFields = {
    atUs: 0 as Micros,
    clientStart: 0,
    clientEnd: 0,
    hostStart: 0,
    hostEnd: 0,
    methodStart: 0,
    methodEnd: 0,
    targetStart: 0,
    targetEnd: 0,
    popStart: 0,
    popEnd: 0,
    countryStart: 0,
    countryEnd: 0,
    status: 0,
    size: 0,
  };
  /** The start of a line whose end has not come yet. */
  #carry: Buffer = Buffer.alloc(0);
  #carried = 0;
  /** In the middle of a line that is too long. */
  #skipping = false;

  /** @param options.timesOnly No entries come out; only `stats` is kept. For a first pass over a log to learn its span. */
  constructor(options: { readonly timesOnly?: boolean } = {}) {
    this.#timesOnly = options.timesOnly ?? false;
  }

  /** Adds the entries of all lines that end in this chunk to `out`. The chunk may be used again afterwards. */
  push(chunk: Uint8Array, out: LogEntry[]): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    if (this.#carried > 0 || this.#skipping) {
      const newline = bytes.indexOf(NEWLINE);
      this.#keep(bytes, 0, newline === -1 ? bytes.length : newline);
      if (newline === -1) return;
      this.#endCarried(out);
      start = newline + 1;
    }
    for (;;) {
      const newline = bytes.indexOf(NEWLINE, start);
      if (newline === -1) break;
      if (newline - start > MAX_LINE_BYTES) {
        this.stats.lines++;
        this.#broken('too_long');
      } else {
        this.#line(bytes, start, newline, out);
      }
      start = newline + 1;
    }
    this.#keep(bytes, start, bytes.length);
  }

  /** The log is over: a last line without a newline counts too. */
  finish(out: LogEntry[]): void {
    if (this.#carried > 0 || this.#skipping) this.#endCarried(out);
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    if (this.#skipping || start === end) return;
    const length = this.#carried + end - start;
    if (length > MAX_LINE_BYTES) {
      this.#skipping = true;
      this.#carried = 0;
      return;
    }
    if (length > this.#carry.length) {
      const larger = Buffer.alloc(Math.max(4_096, length * 2));
      this.#carry.copy(larger, 0, 0, this.#carried);
      this.#carry = larger;
    }
    bytes.copy(this.#carry, this.#carried, start, end);
    this.#carried = length;
  }

  #endCarried(out: LogEntry[]): void {
    if (this.#skipping) {
      this.stats.lines++;
      this.#broken('too_long');
    } else {
      this.#line(this.#carry, 0, this.#carried, out);
    }
    this.#skipping = false;
    this.#carried = 0;
  }

  #line(bytes: Buffer, from: number, to: number, out: LogEntry[]): void {
    const { stats } = this;
    stats.lines++;
    let start = from;
    let end = to;
    if (end > start && bytes[end - 1] === 0x0d) end--;
    // A byte order mark.
    if (stats.lines === 1 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf)
      start += 3;
    while (start < end && (bytes[start] === 0x20 || bytes[start] === 0x09)) start++;
    if (start >= end) {
      stats.blankLines++;
      return;
    }
    const fields = this.#fields;
    const logpush = bytes[start] === 0x7b;
    const problem = logpush ? readLogpushLine(bytes, start, end, fields) : readClfLine(bytes, start, end, fields);
    if (problem !== undefined) {
      if (problem === 'nothing_asked') stats.withoutRequest++;
      else this.#broken(problem);
      return;
    }
    if (logpush) stats.logpushLines++;
    else stats.clfLines++;
    stats.entries++;
    const { atUs } = fields;
    if (stats.firstUs === undefined || atUs < stats.firstUs) stats.firstUs = atUs;
    if (stats.lastUs === undefined || atUs > stats.lastUs) stats.lastUs = atUs;
    if (!this.#timesOnly) out.push(this.#entry(bytes, logpush));
  }

  #entry(bytes: Buffer, logpush: boolean): LogEntry {
    const fields = this.#fields;
    const { methodStart, methodEnd, targetStart, targetEnd, hostStart, hostEnd } = fields;
    return {
      atUs: fields.atUs,
      client: this.#clients.text(bytes, fields.clientStart, fields.clientEnd, logpush),
      method: methodEnd === methodStart ? 'GET' : this.#codes.text(bytes, methodStart, methodEnd, logpush),
      host: hostEnd === hostStart ? undefined : this.#hosts.text(bytes, hostStart, hostEnd, logpush, bareHost),
      target: targetEnd === targetStart ? '/' : this.#targets.text(bytes, targetStart, targetEnd, logpush),
      status: fields.status,
      bytes: fields.size,
      pop: logpush ? this.#code(bytes, fields.popStart, fields.popEnd) : undefined,
      country: logpush ? this.#code(bytes, fields.countryStart, fields.countryEnd) : undefined,
    };
  }

  #code(bytes: Buffer, start: number, end: number): string | undefined {
    return end === start ? undefined : this.#codes.text(bytes, start, end, true);
  }

  #broken(reason: BrokenReason): void {
    const { stats } = this;
    stats.brokenLines++;
    if (stats.brokenNamed.length < MAX_BROKEN_NAMED) stats.brokenNamed.push({ line: stats.lines, reason });
  }
}

export interface ReadOptions {
  /** Unpacks gzip, found by its first two bytes: node:zlib's `createGunzip` as an iterable, which `cli` has. */
  readonly gunzip?: (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
  /** Only `stats` is filled, no batches come: a first pass that learns the span of a log. */
  readonly timesOnly?: boolean;
  /** Entries held for sorting; the default is `MAX_HELD` of access-log-order.ts. */
  readonly held?: number;
}

export interface AccessLog {
  /** Grows while the batches are read; final when they are over. */
  readonly stats: LogStats;
  /** Entries in order of time. Ends early, with `stats.stopped` set, rather than throwing. */
  batches(): AsyncGenerator<readonly LogEntry[], void, undefined>;
}

/** A whole log, from the chunks of its file. Read it once. */
export function readAccessLog(chunks: AsyncIterable<Uint8Array>, options: ReadOptions = {}): AccessLog {
  const parser = new AccessLogParser({ timesOnly: options.timesOnly ?? false });
  return { stats: parser.stats, batches: () => batches(chunks, parser, options) };
}

async function* batches(
  chunks: AsyncIterable<Uint8Array>,
  parser: AccessLogParser,
  options: ReadOptions,
): AsyncGenerator<readonly LogEntry[], void, undefined> {
  const { stats } = parser;
  const order = new LogOrder(options.held);
  const parsed: LogEntry[] = [];
  const sort = (): void => {
    for (const entry of parsed) order.add(entry);
    parsed.length = 0;
    stats.outOfOrder = order.outOfOrder;
    stats.tooLate = order.tooLate;
  };
  let read = 0;
  try {
    for await (const chunk of await unpacked(chunks, options, stats)) {
      read += chunk.length;
      // A few thousand lines at a time, however large the chunks are.
      for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
        parser.push(chunk.subarray(at, at + SLICE_BYTES), parsed);
        sort();
        const batch = order.take();
        if (batch !== undefined) yield batch;
      }
      if (stats.entries === 0 && read > MAX_HOPELESS_BYTES) {
        stats.stopped = { kind: 'not_a_log' };
        return;
      }
    }
  } catch (error) {
    stats.stopped = { kind: 'read_failed', message: error instanceof Error ? error.message : String(error) };
  }
  parser.finish(parsed);
  sort();
  const rest = order.finish();
  if (rest.length > 0) yield rest;
  if (stats.entries === 0 && stats.brokenLines > 0) stats.stopped ??= { kind: 'not_a_log' };
}

/** Chunks are cut to this, so that what one of them adds stays below the window of the sorting. */
const SLICE_BYTES = 262_144;

/** The chunks, through `gunzip` when the first two bytes say gzip. */
async function unpacked(
  chunks: AsyncIterable<Uint8Array>,
  options: ReadOptions,
  stats: LogStats,
): Promise<AsyncIterable<Uint8Array>> {
  const source = chunks[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let head = 0;
  while (head < 2) {
    const next = await source.next();
    if (next.done === true) break;
    first.push(next.value);
    head += next.value.length;
  }
  const whole = again(first, source);
  if (!looksGzipped(Buffer.concat(first))) return whole;
  if (options.gunzip !== undefined) return options.gunzip(whole);
  stats.stopped = { kind: 'packed' };
  await source.return?.();
  return again([], undefined);
}

/** By the magic number of RFC 1952. */
export function looksGzipped(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

async function* again(
  first: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array> | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* first;
    for (;;) {
      const next = await rest?.next();
      if (next === undefined || next.done === true) return;
      yield next.value;
    }
  } finally {
    await rest?.return?.();
  }
}

/** Lower case, without a port. */
function bareHost(text: string): string {
  const lower = text.toLowerCase();
  const end = lower.startsWith('[') ? lower.indexOf(']') + 1 : lower.indexOf(':');
  return end > 0 ? lower.slice(0, end) : lower;
}

/** A text longer than this is not worth keeping. */
const MAX_CACHED_BYTES = 256;

/**
 * Texts that come again and again (clients, paths), made once: bytes are hashed, and compared with the text that last had this
 * slot. Bounded, since a newcomer takes the slot; and no entry holds on to the chunk that it came from.
 */
class TextCache {
  readonly #mask: number;
  readonly #hashes: Int32Array;
  readonly #lengths: Uint32Array;
  readonly #texts: (string | undefined)[];
  readonly #made: (string | undefined)[];

  /** @param slots A power of two. */
  constructor(slots: number) {
    this.#mask = slots - 1;
    this.#hashes = new Int32Array(slots);
    this.#lengths = new Uint32Array(slots);
    this.#texts = Array<string | undefined>(slots);
    this.#made = Array<string | undefined>(slots);
  }

  /** @param json The bytes are the inside of a JSON string, so a backslash escapes. @param make Applied to the text, once. */
  text(bytes: Buffer, start: number, end: number, json: boolean, make?: (text: string) => string): string {
    const length = end - start;
    let hash = 0x811c9dc5;
    let high = 0;
    let escaped = false;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      hash = Math.imul(hash ^ byte, 0x01000193);
      high |= byte;
      if (byte === 0x5c) escaped = true;
    }
    if (high > 0x7f || length > MAX_CACHED_BYTES || (escaped && json)) {
      const text = escaped && json ? unescaped(bytes, start, end) : bytes.toString('utf8', start, end);
      return make === undefined ? text : make(text);
    }
    const slot = (hash ^ (hash >>> 15)) & this.#mask;
    if (this.#hashes[slot] === hash && this.#lengths[slot] === length && same(this.#texts[slot]!, bytes, start)) {
      return this.#made[slot]!;
    }
    const text = bytes.toString('latin1', start, end);
    const made = make === undefined ? text : make(text);
    this.#hashes[slot] = hash;
    this.#lengths[slot] = length;
    this.#texts[slot] = text;
    this.#made[slot] = made;
    return made;
  }
}

function same(text: string, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

/** `\u0026` and the like; as written when the escapes are not JSON's. */
function unescaped(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}
