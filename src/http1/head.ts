/**
 * Strict request and response heads (RFC 9112 2 to 6), read in one pass over the bytes.
 *
 * A head object is a table of spans over one latin-1 string: `text` holds the head as it came, and field `i` is four
 * offsets into it. Nothing is copied or lower-cased until someone asks. The object is made once per connection and
 * read into again and again, so nobody may keep it beyond the message. What to forward of it is `write-head.ts`.
 *
 *     GET /a?b HTTP/1.1\r\n          line [lineStart, fieldsStart)
 *     Host: example.com\r\n          name [0] .. [1], value [2] .. [3]; the line ends where the next name starts
 *     \r\n                           fieldsEnd
 */
import { COLON, CR, FIELD_TEXT, LF, SP, TAB, TARGET_TEXT, TOKEN } from './chars.ts';
import type { MessageFault } from './faults.ts';
import { type FieldName, hashName, sameName } from './field-set.ts';
import { LEADING_CRLF_MAX, LENGTH_DIGITS_MAX, METHOD_BYTES_MAX, type MessageLimits } from './limits.ts';

/** More bytes are needed. */
export const INCOMPLETE = 0;
/** The head is refused; `fault` says why. */
export const REFUSED = -1;

/** What a field means to the message itself; 0 is any other field. Kinds from HOP_BY_HOP up are never forwarded. */
export const PLAIN = 0;
export const HOST = 1;
export const CONTENT_LENGTH = 2;
export const DATE = 3;
export const EXPECT = 4;
export const MAX_FORWARDS = 5;
export const TRAILER = 6;
export const HOP_BY_HOP = 7;
export const CONNECTION = 8;
export const TRANSFER_ENCODING = 9;
export const UPGRADE = 10;

const KNOWN: readonly (readonly [string, number])[] = [
  ['host', HOST],
  ['content-length', CONTENT_LENGTH],
  ['date', DATE],
  ['expect', EXPECT],
  ['max-forwards', MAX_FORWARDS],
  ['trailer', TRAILER],
  // RFC 9110 7.6.1, and RFC 7540 3.2.1 for the last.
  ['keep-alive', HOP_BY_HOP],
  ['proxy-connection', HOP_BY_HOP],
  ['te', HOP_BY_HOP],
  ['proxy-authorization', HOP_BY_HOP],
  ['proxy-authenticate', HOP_BY_HOP],
  ['http2-settings', HOP_BY_HOP],
  ['connection', CONNECTION],
  ['transfer-encoding', TRANSFER_ENCODING],
  ['upgrade', UPGRADE],
];
const KNOWN_BUCKETS = 512;
const KNOWN_AT = new Uint8Array(KNOWN_BUCKETS);
const KNOWN_HASH = new Int32Array(KNOWN.length + 1);
const KNOWN_NAME: Uint8Array[] = [new Uint8Array()];
const KNOWN_KIND = new Uint8Array(KNOWN.length + 1);
for (const [index, [name, kind]] of KNOWN.entries()) {
  const hash = hashName(name);
  const bucket = hash & (KNOWN_BUCKETS - 1);
  if (KNOWN_AT[bucket] !== 0) throw new Error(`two well-known field names share a bucket: ${name}`);
  KNOWN_AT[bucket] = index + 1;
  KNOWN_HASH[index + 1] = hash;
  KNOWN_NAME[index + 1] = Buffer.from(name);
  KNOWN_KIND[index + 1] = kind;
}

const FIRST_FIELDS = 32;
const OTHER_OPTIONS: readonly string[] = [];

/** The table of fields that requests and responses share. */
export class MessageHead {
  text = '';
  fault: MessageFault | undefined;
  /** Minor version: 0 or 1. */
  minor = 1;
  count = 0;
  lineStart = 0;
  fieldsStart = 0;
  /** Where the empty line starts. */
  fieldsEnd = 0;
  /** Four offsets per field: name start and end, value start and end. */
  spans = new Int32Array(FIRST_FIELDS * 4);
  hashes = new Int32Array(FIRST_FIELDS);
  kinds = new Uint8Array(FIRST_FIELDS);

  /** -1 when there is none. */
  contentLength = -1;
  chunked = false;
  /** `Connection` options. */
  close = false;
  keepAlive = false;
  upgradeOption = false;
  /** Lower-case names of other fields that `Connection` lists, to be removed with it. */
  connectionNames: readonly string[] = OTHER_OPTIONS;
  /** Value of `Upgrade`, whatever `Connection` says. */
  upgrade = '';

  protected readonly limits: MessageLimits;
  /** Where to go on: 0 is the start line, else the start of a field line. */
  protected resumeAt = 0;
  /** Fields whose kind is not PLAIN, so that `settle` need not look at the others. */
  #special = 0;

  constructor(limits: MessageLimits) {
    this.limits = limits;
  }

  protected begin(): void {
    this.resumeAt = 0;
    this.text = '';
    this.fault = undefined;
    this.count = 0;
    this.lineStart = 0;
    this.contentLength = -1;
    this.chunked = false;
    this.close = false;
    this.keepAlive = false;
    this.upgradeOption = false;
    this.connectionNames = OTHER_OPTIONS;
    this.upgrade = '';
    this.#special = 0;
  }

  protected refuse(fault: MessageFault): typeof REFUSED {
    this.fault = fault;
    return REFUSED;
  }

  /** The first field of this name, as it came without surrounding blanks; undefined when there is none. */
  get(field: FieldName): string | undefined {
    for (let i = 0; i < this.count; i++) {
      if (this.hashes[i] !== field.hash) continue;
      const at = i * 4;
      if (sameName(field.name, this.text, this.spans[at] ?? 0, this.spans[at + 1] ?? 0)) return this.value(i);
    }
    return undefined;
  }

  /** All fields of this name, in order. */
  all(field: FieldName): string[] {
    const values: string[] = [];
    for (let i = 0; i < this.count; i++) {
      if (this.hashes[i] === field.hash && this.name(i).toLowerCase() === field.name) values.push(this.value(i));
    }
    return values;
  }

  name(index: number): string {
    return this.text.slice(this.spans[index * 4], this.spans[index * 4 + 1]);
  }

  value(index: number): string {
    return this.text.slice(this.spans[index * 4 + 2], this.spans[index * 4 + 3]);
  }

  /** `[name, value]` pairs as they came, for tests and tools. */
  fields(): [string, string][] {
    return Array.from({ length: this.count }, (_, i) => [this.name(i), this.value(i)]);
  }

  /**
   * Field lines up to the empty line, starting at `base + resumeAt`. Returns the length of the head from `base`,
   * INCOMPLETE, or REFUSED. A line that is not whole yet is read again from its start when more has come.
   */
  protected parseFields(buf: Uint8Array, base: number, end: number): number {
    let pos = base + this.resumeAt;
    while (true) {
      if (pos >= end) return INCOMPLETE;
      const lineStart = pos;
      let c = buf[pos] as number;
      if (c === CR) {
        if (pos + 1 >= end) return INCOMPLETE;
        if (buf[pos + 1] !== LF) return this.refuse('bad_line_end');
        this.fieldsEnd = pos - base;
        const length = pos + 2 - base;
        if (length > this.limits.headBytes) return this.refuse('head_too_large');
        return length;
      }
      let hash = 0;
      let lower = 0;
      while ((lower = TOKEN[c] as number) !== 0) {
        hash = (Math.imul(hash, 31) + lower) | 0;
        if (++pos >= end) return INCOMPLETE;
        c = buf[pos] as number;
      }
      if (c !== COLON || pos === lineStart) return this.refuse(nameFault(c, pos === lineStart, this.count));
      const nameEnd = pos;
      pos += 1;
      while (pos < end && (buf[pos] === SP || buf[pos] === TAB)) pos += 1;
      const valueStart = pos;
      while (pos < end && FIELD_TEXT[buf[pos] as number] === 1) pos += 1;
      if (pos >= end) return INCOMPLETE;
      if (buf[pos] !== CR) return this.refuse(buf[pos] === LF ? 'bad_line_end' : 'bad_field_value');
      if (pos + 1 >= end) return INCOMPLETE;
      if (buf[pos + 1] !== LF) return this.refuse('bad_line_end');
      let valueEnd = pos;
      while (valueEnd > valueStart && (buf[valueEnd - 1] === SP || buf[valueEnd - 1] === TAB)) valueEnd -= 1;
      pos += 2;

      const index = this.count;
      if (index >= this.limits.fields) return this.refuse('too_many_fields');
      if (index === this.hashes.length) this.#grow();
      const at = index * 4;
      this.spans[at] = lineStart - base;
      this.spans[at + 1] = nameEnd - base;
      this.spans[at + 2] = valueStart - base;
      this.spans[at + 3] = valueEnd - base;
      this.hashes[index] = hash;
      const known = KNOWN_AT[hash & (KNOWN_BUCKETS - 1)] as number;
      let kind = PLAIN;
      if (
        known !== 0 &&
        KNOWN_HASH[known] === hash &&
        sameBytes(KNOWN_NAME[known] as Uint8Array, buf, lineStart, nameEnd)
      ) {
        kind = KNOWN_KIND[known] as number;
        this.#special += 1;
      }
      this.kinds[index] = kind;
      this.count = index + 1;
      this.resumeAt = pos - base;
    }
  }

  /** Framing and connection fields, once the text is there. Returns false when the head is refused. */
  protected settle(): boolean {
    let special = this.#special;
    for (let i = 0; special > 0; i++) {
      const kind = this.kinds[i] as number;
      if (kind === PLAIN) continue;
      special -= 1;
      if (!this.settleField(kind, i)) return false;
    }
    if (this.chunked && this.contentLength >= 0) return this.#no('length_and_chunked');
    if (this.chunked && this.minor === 0) return this.#no('transfer_coding_in_1_0');
    return true;
  }

  protected settleField(kind: number, index: number): boolean {
    if (kind === CONTENT_LENGTH) {
      if (!this.#tight(index)) return this.#no('bad_content_length');
      if (this.contentLength >= 0) return this.#no('two_content_lengths');
      this.contentLength = decimal(this.text, this.spans[index * 4 + 2] as number, this.spans[index * 4 + 3] as number);
      if (this.contentLength < 0) return this.#no('bad_content_length');
    } else if (kind === TRANSFER_ENCODING) {
      // Two fields make a list of two codings, and `chunked` twice is no coding at all (RFC 9112 6.1).
      if (this.chunked) return this.#no('bad_transfer_coding');
      if (!this.#tight(index)) return this.#no('bad_transfer_coding');
      const coding = this.value(index).toLowerCase();
      if (coding !== 'chunked') {
        return this.#no(/(^|[,\t ])chunked$/.test(coding) ? 'unknown_transfer_coding' : 'bad_transfer_coding');
      }
      this.chunked = true;
    } else if (kind === CONNECTION) {
      return this.#settleConnection(this.value(index));
    } else if (kind === UPGRADE) {
      this.upgrade = this.upgrade === '' ? this.value(index) : `${this.upgrade}, ${this.value(index)}`;
    }
    return true;
  }

  /**
   * No blanks but one space before the value. Attack: `Transfer-Encoding: chunked` with a tab behind it is chunked to
   * one parser and an unknown coding to the next (llhttp among them), and we would pass the line on as it is.
   */
  #tight(index: number): boolean {
    const at = index * 4;
    const before = (this.spans[at + 2] as number) - (this.spans[at + 1] as number);
    const behind = this.text.charCodeAt(this.spans[at + 3] as number);
    return (
      behind === CR &&
      (before === 1 || (before === 2 && this.text.charCodeAt((this.spans[at + 2] as number) - 1) === SP))
    );
  }

  #settleConnection(value: string): boolean {
    if (value === 'keep-alive' || value === 'Keep-Alive') {
      this.keepAlive = true;
      return true;
    }
    for (const piece of value.split(',')) {
      const option = piece.trim().toLowerCase();
      if (option === '' || option === 'te') continue;
      if (option === 'close') this.close = true;
      else if (option === 'keep-alive') this.keepAlive = true;
      else if (option === 'upgrade') this.upgradeOption = true;
      else if (!isTokenText(option) || PROTECTED.has(option)) return this.#no('bad_connection_option');
      else this.connectionNames = [...this.connectionNames, option];
    }
    return true;
  }

  #no(fault: MessageFault): false {
    this.fault = fault;
    return false;
  }

  protected no(fault: MessageFault): false {
    return this.#no(fault);
  }

  #grow(): void {
    const room = Math.min(this.hashes.length * 2, this.limits.fields);
    this.spans = grown(this.spans, new Int32Array(room * 4));
    this.hashes = grown(this.hashes, new Int32Array(room));
    this.kinds = grown(this.kinds, new Uint8Array(room));
  }
}

/**
 * Fields that `Connection` may not name. Attack: `Connection: content-length` makes a naive proxy forward a body
 * whose length it has just removed.
 */
const PROTECTED = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'trailer', 'date', 'expect']);

export class RequestHead extends MessageHead {
  method = '';
  /** As it came. */
  target = '';
  /** What is forwarded: the target, or its path and query when it came in absolute form (RFC 9112 3.2.2). */
  path = '';
  /** Host and port as the client wrote them; the authority of an absolute target outranks `Host`. Empty if none. */
  host = '';
  /** The target came in absolute form. */
  absolute = false;
  expectContinue = false;
  maxForwards = -1;
  #targetStart = 0;
  #targetEnd = 0;
  #hosts = 0;

  /**
   * Read a head from `buf[start, end)`. Returns its length in bytes, INCOMPLETE, or REFUSED. After INCOMPLETE call
   * again with the same bytes and more behind them; call `clear` before another head.
   */
  parse(buf: Buffer, start: number, end: number): number {
    if (this.resumeAt === 0) {
      const result = this.#parseLine(buf, start, end);
      if (result !== 1) return result === REFUSED ? REFUSED : this.#unfinished(end - start);
    }
    const length = this.parseFields(buf, start, end);
    if (length === REFUSED) return REFUSED;
    if (length === INCOMPLETE) return this.#unfinished(end - start);
    this.text = buf.toString('latin1', start, start + length);
    return this.settle() && this.#settleRequest() ? length : REFUSED;
  }

  clear(): void {
    this.begin();
    this.method = '';
    this.host = '';
    this.absolute = false;
    this.expectContinue = false;
    this.maxForwards = -1;
    this.#hosts = 0;
  }

  #unfinished(have: number): number {
    if (have < this.limits.headBytes) return INCOMPLETE;
    return this.refuse('head_too_large');
  }

  /** 1 when the line is whole and good. */
  #parseLine(buf: Buffer, start: number, end: number): number {
    let pos = start;
    while (pos < end && buf[pos] === CR && pos - start < LEADING_CRLF_MAX * 2) {
      if (pos + 1 >= end) return INCOMPLETE;
      if (buf[pos + 1] !== LF) return this.refuse('bad_line_end');
      pos += 2;
    }
    this.lineStart = pos - start;
    const methodStart = pos;
    while (pos < end && TOKEN[buf[pos] as number] !== 0) pos += 1;
    if (pos - methodStart > METHOD_BYTES_MAX) return this.refuse('bad_method');
    if (pos >= end) return INCOMPLETE;
    if (pos === methodStart || buf[pos] !== SP) return this.refuse('bad_method');
    this.#targetStart = pos + 1 - start;
    pos += 1;
    const targetStart = pos;
    while (pos < end && TARGET_TEXT[buf[pos] as number] === 1) pos += 1;
    if (pos - targetStart > this.limits.targetBytes) return this.refuse('target_too_long');
    if (pos >= end) return INCOMPLETE;
    if (pos === targetStart || buf[pos] !== SP) return this.refuse('bad_target');
    this.#targetEnd = pos - start;
    pos += 1;
    // `HTTP/1.x` and its line end, byte by byte so that a wrong one is refused as soon as it is seen.
    for (let i = 0; i < VERSION_LINE.length; i++, pos++) {
      if (pos >= end) return INCOMPLETE;
      const c = buf[pos] as number;
      if (i === 5 || i === 7) {
        if (c < 48 || c > 57) return this.refuse('bad_start_line');
        if (i === 5 ? c !== 49 : c !== 48 && c !== 49) return this.refuse('version_not_supported');
        if (i === 7) this.minor = c - 48;
      } else if (c !== VERSION_LINE.charCodeAt(i)) {
        return this.refuse(i >= 8 && (c === LF || c === CR) ? 'bad_line_end' : 'bad_start_line');
      }
    }
    this.fieldsStart = pos - start;
    this.resumeAt = pos - start;
    return 1;
  }

  #settleRequest(): boolean {
    const text = this.text;
    this.method = methodOf(text, this.lineStart, this.#targetStart - 1);
    this.target = text.slice(this.#targetStart, this.#targetEnd);
    if (this.method === 'CONNECT') return this.no('method_not_supported');
    if (!this.#settleTarget()) return false;
    if (this.#hosts === 0 && this.minor === 1) return this.no('no_host');
    return true;
  }

  #settleTarget(): boolean {
    const target = this.target;
    this.path = target;
    if (target.charCodeAt(0) === 47) return true;
    if (target === '*') return this.method === 'OPTIONS' || this.no('bad_target');
    // Authority form belongs to CONNECT, which a gateway in front of origins has no use for.
    const match = /^https?:\/\/([^/?@]+)([/?].*)?$/i.exec(target);
    if (match === null) return this.no('bad_target');
    const authority = match[1] as string;
    if (!HOST_TEXT.test(authority)) return this.no('bad_host');
    const rest = match[2] ?? '';
    this.absolute = true;
    this.host = authority;
    this.path = rest.startsWith('/') ? rest : `/${rest}`;
    if (rest === '' && this.method === 'OPTIONS') this.path = '*';
    return true;
  }

  protected override settleField(kind: number, index: number): boolean {
    if (kind === HOST) {
      this.#hosts += 1;
      if (this.#hosts > 1) return this.no('two_hosts');
      this.host = this.value(index);
      return HOST_TEXT.test(this.host) || this.no('bad_host');
    }
    if (kind === EXPECT) {
      if (this.value(index).toLowerCase() !== '100-continue') return this.no('unknown_expectation');
      // RFC 9110 10.1.1: an expectation in HTTP/1.0 is ignored.
      this.expectContinue = this.minor === 1;
      return true;
    }
    if (kind === MAX_FORWARDS) {
      this.maxForwards = decimal(this.text, this.spans[index * 4 + 2] as number, this.spans[index * 4 + 3] as number);
      return true;
    }
    return super.settleField(kind, index);
  }
}

const VERSION_LINE = 'HTTP/1.1\r\n';
/** `uri-host [ ":" port ]` without the comma (a list of two hosts reads differently to different readers), or empty. */
const HOST_TEXT =
  /^(?:(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})*|\[[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\])(?::[0-9]{0,5})?$/;

export class ResponseHead extends MessageHead {
  status = 0;
  /** Whether the origin sent `Date`. */
  dated = false;

  /** As `RequestHead.parse`. */
  parse(buf: Buffer, start: number, end: number): number {
    if (this.resumeAt === 0) {
      const result = this.#parseLine(buf, start, end);
      if (result !== 1) return result === REFUSED ? REFUSED : this.#unfinished(end - start);
    }
    const length = this.parseFields(buf, start, end);
    if (length === REFUSED) return REFUSED;
    if (length === INCOMPLETE) return this.#unfinished(end - start);
    this.text = buf.toString('latin1', start, start + length);
    return this.settle() ? length : REFUSED;
  }

  clear(): void {
    this.begin();
    this.status = 0;
    this.dated = false;
  }

  /** 1xx, 204 and 304 never have a body, whatever their fields say (RFC 9112 6.3). */
  get bodiless(): boolean {
    return this.status < 200 || this.status === 204 || this.status === 304;
  }

  #unfinished(have: number): number {
    if (have < this.limits.headBytes) return INCOMPLETE;
    return this.refuse('head_too_large');
  }

  #parseLine(buf: Buffer, start: number, end: number): number {
    // "HTTP/1.1 200 " reason; the blank after the code may be missing when the reason is, as many origins have it.
    let pos = start;
    let status = 0;
    for (let i = 0; i < 12; i++, pos++) {
      if (pos >= end) return INCOMPLETE;
      const c = buf[pos] as number;
      if (i >= 9) {
        if (c < 48 || c > 57) return this.refuse('bad_start_line');
        status = status * 10 + c - 48;
      } else if (i === 7) {
        if (c !== 48 && c !== 49) return this.refuse('version_not_supported');
        this.minor = c - 48;
      } else if (c !== STATUS_LINE.charCodeAt(i)) {
        return this.refuse('bad_start_line');
      }
    }
    if (status < 100) return this.refuse('bad_status');
    if (pos >= end) return INCOMPLETE;
    if (buf[pos] !== CR && buf[pos] !== SP) return this.refuse('bad_start_line');
    while (pos < end && FIELD_TEXT[buf[pos] as number] === 1) pos += 1;
    if (pos >= end) return INCOMPLETE;
    if (buf[pos] !== CR) return this.refuse(buf[pos] === LF ? 'bad_line_end' : 'bad_start_line');
    if (pos + 1 >= end) return INCOMPLETE;
    if (buf[pos + 1] !== LF) return this.refuse('bad_line_end');
    this.status = status;
    this.fieldsStart = pos + 2 - start;
    this.resumeAt = pos + 2 - start;
    return 1;
  }

  protected override settleField(kind: number, index: number): boolean {
    if (kind === DATE) this.dated = true;
    return super.settleField(kind, index);
  }
}

const STATUS_LINE = 'HTTP/1.1 ';

/** Common methods without a new string. */
function methodOf(text: string, start: number, end: number): string {
  const length = end - start;
  const first = text.charCodeAt(start);
  if (length === 3 && first === 71 && text.startsWith('GET', start)) return 'GET';
  if (length === 4 && first === 80 && text.startsWith('POST', start)) return 'POST';
  if (length === 4 && first === 72 && text.startsWith('HEAD', start)) return 'HEAD';
  return text.slice(start, end);
}

function nameFault(c: number, empty: boolean, fieldsBefore: number): MessageFault {
  if (empty && (c === SP || c === TAB)) return fieldsBefore > 0 ? 'obs_fold' : 'bad_field_name';
  if (c === SP || c === TAB) return 'space_before_colon';
  if (c === LF || c === CR) return 'bad_line_end';
  return 'bad_field_name';
}

/** 1*DIGIT and nothing else, at most 15 of them; -1 otherwise. */
function decimal(text: string, start: number, end: number): number {
  if (end === start || end - start > LENGTH_DIGITS_MAX) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function sameBytes(lower: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) if (TOKEN[buf[start + i] as number] !== lower[i]) return false;
  return true;
}

function isTokenText(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 255 || TOKEN[text.charCodeAt(i)] === 0) return false;
  return text.length > 0;
}

function grown<T extends Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
