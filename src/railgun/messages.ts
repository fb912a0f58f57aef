/**
 * The insides of REQUEST, RESPONSE, RESET, RESYNC, CREDIT and GOAWAY (spec 12.5, 12.6). Pure: bytes to values and back. A payload
 * that does not fit its layout is `undefined`, and the lane ends with PROTOCOL.
 *
 *   REQUEST    flags8 | method | zone | authority | path | origin address | deadline ms | [name 8 B] | codecs8 | head | body bytes…
 *   RESPONSE   status | mode8 | why8 | flags16 | origin time µs | body length + 1 | [digest 16 B] | [codec8 or block8]
 *              | head mode8 | head | body bytes…
 *
 * Numbers without a width are varints; texts and heads have a varint length before them.
 */
import { PayloadReader, PayloadWriter } from './payload.ts';

/** First bytes of a version's hash that name it on the wire. */
export const NAME_BYTES = 8;
/** First bytes of the body's SHA-256 that prove it. */
export const DIGEST_BYTES = 16;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'] as const;
const MAX_METHOD = 64;
const MAX_NAME = 255;
const MAX_AUTHORITY = 512;
/** A path of 16 KiB is longer than any server takes. */
export const MAX_PATH = 16_384;

const RequestFlag = { https: 1, body: 2, named: 4, noDelta: 8, idempotent: 16, rawTarget: 32 } as const;

export interface RequestMessage {
  readonly https: boolean;
  /** A body follows: DATA until END. */
  readonly hasBody: boolean;
  readonly wantsDelta: boolean;
  readonly idempotent: boolean;
  /** The target has percent signs that are no escapes: pass it on as it is (RG-028). */
  readonly rawTarget: boolean;
  readonly method: string;
  readonly zone: string;
  readonly authority: string;
  readonly path: string;
  /** `CF-ORIGIN-IP`; empty: the listener's map alone decides. */
  readonly originAddress: string;
  /** 0 = none. */
  readonly deadlineMs: number;
  /** The stored version to compress against. */
  readonly named: Uint8Array | undefined;
  /** Bit n: the sender can decode codec n. */
  readonly codecs: number;
  readonly head: Uint8Array;
}

export type Mode = 'raw' | 'full' | 'delta' | 'same';
const MODES: readonly Mode[] = ['raw', 'full', 'delta', 'same'];

/** Why an answer is not a delta (spec 12.6). */
export const Why = {
  none: 0,
  noneNamed: 1,
  notFound: 2,
  lookupTimedOut: 3,
  tooLarge: 4,
  type: 5,
  small: 6,
  deltaNotSmaller: 7,
  storeDown: 8,
  policy: 9,
  notGet200: 10,
  resync: 11,
} as const;

export interface ResponseMessage {
  readonly status: number;
  readonly mode: Mode;
  readonly why: number;
  /** The bits that `Cf-Railgun` shows. */
  readonly flags: number;
  readonly originTimeUs: number;
  /** `undefined`: not known (RAW only). */
  readonly bodyLength: number | undefined;
  /** First 16 B of the body's SHA-256; empty for RAW. */
  readonly digest: Uint8Array;
  /** DELTA: which delta codec. FULL: which block compression. Otherwise 0. */
  readonly codec: number;
  readonly headMode: 'plain' | 'delta';
  readonly head: Uint8Array;
}

export interface Inline<T> {
  readonly message: T;
  /** First body bytes, in the same frame. */
  readonly rest: Uint8Array;
}

/** A percent sign that two hex digits do not follow. */
const RAW_PERCENT = /%(?![0-9A-Fa-f]{2})/;

export function isRawTarget(path: string): boolean {
  return RAW_PERCENT.test(path);
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// oxlint-disable-next-line no-control-regex -- these are the bytes a request line must not have
const UNSAFE = /[\0-\x20\x7f]/;

/**
 * May these three stand in a request line? Attack: a space or line feed in a path would be a second request at the origin. Asked at
 * both ends.
 */
export function targetIsSafe(target: {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
}): boolean {
  const { method, authority, path } = target;
  const pathFits = path.startsWith('/') || (path === '*' && method === 'OPTIONS');
  return TOKEN.test(method) && authority !== '' && !UNSAFE.test(authority) && pathFits && !UNSAFE.test(path);
}

export function encodeRequest(message: RequestMessage): Uint8Array {
  const flags =
    (message.https ? RequestFlag.https : 0) |
    (message.hasBody ? RequestFlag.body : 0) |
    (message.named === undefined ? 0 : RequestFlag.named) |
    (message.wantsDelta ? 0 : RequestFlag.noDelta) |
    (message.idempotent ? RequestFlag.idempotent : 0) |
    (message.rawTarget ? RequestFlag.rawTarget : 0);
  const code = METHODS.findIndex((method) => method === message.method) + 1;
  const out = new PayloadWriter().byte(flags).byte(code);
  if (code === 0) out.text(message.method);
  out
    .text(message.zone)
    .text(message.authority)
    .text(message.path)
    .text(message.originAddress)
    .varint(message.deadlineMs);
  if (message.named !== undefined) out.raw(message.named);
  return out.byte(message.codecs).block(message.head).finish();
}

export function parseRequest(payload: Uint8Array, maxHeadBytes: number): Inline<RequestMessage> | undefined {
  const reader = new PayloadReader(payload);
  const flags = reader.byte();
  const code = reader.byte();
  const method = code === 0 ? reader.text(MAX_METHOD) : METHODS[code - 1];
  const zone = reader.text(MAX_NAME);
  const authority = reader.text(MAX_AUTHORITY);
  const path = reader.text(MAX_PATH);
  const originAddress = reader.text(MAX_NAME);
  const deadlineMs = reader.varint();
  const named = (flags & RequestFlag.named) === 0 ? undefined : Uint8Array.from(reader.take(NAME_BYTES));
  const codecs = reader.byte();
  const head = Uint8Array.from(reader.block(maxHeadBytes));
  if (!reader.ok || flags >= 64 || method === undefined || method === '') return undefined;
  const message: RequestMessage = {
    https: (flags & RequestFlag.https) !== 0,
    hasBody: (flags & RequestFlag.body) !== 0,
    wantsDelta: (flags & RequestFlag.noDelta) === 0,
    idempotent: (flags & RequestFlag.idempotent) !== 0,
    rawTarget: (flags & RequestFlag.rawTarget) !== 0,
    method,
    zone,
    authority,
    path,
    originAddress,
    deadlineMs,
    named,
    codecs,
    head,
  };
  return { message, rest: reader.rest() };
}

export function encodeResponse(message: ResponseMessage): Uint8Array {
  const out = new PayloadWriter()
    .varint(message.status)
    .byte(MODES.indexOf(message.mode))
    .byte(message.why)
    .uint16(message.flags)
    .varint(message.originTimeUs)
    .varint(message.bodyLength === undefined ? 0 : message.bodyLength + 1);
  if (message.mode !== 'raw') out.raw(message.digest);
  if (message.mode === 'full' || message.mode === 'delta') out.byte(message.codec);
  return out
    .byte(message.headMode === 'plain' ? 0 : 1)
    .block(message.head)
    .finish();
}

export function parseResponse(payload: Uint8Array, maxHeadBytes: number): Inline<ResponseMessage> | undefined {
  const reader = new PayloadReader(payload);
  const status = reader.varint();
  const mode = MODES[reader.byte()];
  const why = reader.byte();
  const flags = reader.uint16();
  const originTimeUs = reader.varint();
  const length = reader.varint();
  const digest = mode === 'raw' ? new Uint8Array(0) : Uint8Array.from(reader.take(DIGEST_BYTES));
  const codec = mode === 'full' || mode === 'delta' ? reader.byte() : 0;
  const headMode = reader.byte();
  const head = Uint8Array.from(reader.block(maxHeadBytes));
  if (!reader.ok || mode === undefined || headMode > 1 || status < 200 || status > 999) return undefined;
  if (length === 0 && mode !== 'raw') return undefined;
  if (headMode === 1 && mode !== 'delta' && mode !== 'same') return undefined;
  const message: ResponseMessage = {
    status,
    mode,
    why,
    flags,
    originTimeUs,
    bodyLength: length === 0 ? undefined : length - 1,
    digest,
    codec,
    headMode: headMode === 0 ? 'plain' : 'delta',
    head,
  };
  return { message, rest: reader.rest() };
}

/** CREDIT, RESET and RESYNC carry one varint. */
export function encodeNumber(value: number): Uint8Array {
  return new PayloadWriter().varint(value).finish();
}

export function parseNumber(payload: Uint8Array): number | undefined {
  const reader = new PayloadReader(payload);
  const value = reader.varint();
  return reader.ok && reader.left === 0 ? value : undefined;
}

export interface GoAway {
  readonly lastStream: number;
  readonly code: number;
  readonly drainMs: number;
  readonly debug: string;
}

export function encodeGoAway(message: GoAway): Uint8Array {
  const debug = Buffer.from(message.debug.slice(0, 200), 'utf8');
  return new PayloadWriter()
    .varint(message.lastStream)
    .varint(message.code)
    .varint(message.drainMs)
    .raw(debug)
    .finish();
}

export function parseGoAway(payload: Uint8Array): GoAway | undefined {
  const reader = new PayloadReader(payload);
  const lastStream = reader.varint();
  const code = reader.varint();
  const drainMs = reader.varint();
  const debug = Buffer.from(reader.rest()).toString('utf8');
  return reader.ok ? { lastStream, code, drainMs, debug } : undefined;
}
