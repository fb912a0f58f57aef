/**
 * Heads written anew. What a peer sent is never passed on as it is: hop-by-hop fields and those that `Connection`
 * names stay behind (RFC 9110 7.6.1), our own go in. Fields that stay are copied as whole runs of lines, because a
 * line that passed the strict parser means the same to everyone.
 *
 *     request line | run | (dropped) | run | Via, Connection, brain's fields | empty line
 */
import { type FieldSet, sameName } from './field-set.ts';
import {
  CONTENT_LENGTH,
  EXPECT,
  HOP_BY_HOP,
  HOST,
  MAX_FORWARDS,
  type MessageHead,
  type RequestHead,
  type ResponseHead,
  TRANSFER_ENCODING,
} from './head.ts';

export interface RequestEdit {
  /** Fields to leave behind besides the hop-by-hop ones. */
  readonly drop: FieldSet | undefined;
  /** Lines to add, each with its CRLF; made by `fieldLine`. */
  readonly add: string;
  /** Value of `Host`; undefined keeps the client's. */
  readonly host: string | undefined;
  /** Offer the client's upgrade to the origin. */
  readonly upgrade: boolean;
  /** Pseudonym for `Via` (RFC 9110 7.6.3: a gateway MUST send it inbound); empty writes none. */
  readonly via: string;
}

export function writeRequestHead(head: RequestHead, edit: RequestEdit): string {
  const text = head.text;
  const host = edit.host ?? (head.absolute || head.host === '' ? head.host : undefined);
  let out: string;
  let run: number;
  if (head.minor === 1 && !head.absolute) {
    out = '';
    run = head.lineStart;
  } else {
    out = `${head.method} ${head.path} HTTP/1.1\r\n`;
    run = head.fieldsStart;
  }
  // RFC 9112 3.2: Host first, where it is not simply kept in place.
  if (host !== undefined) {
    if (run < head.fieldsStart) out += text.slice(run, head.fieldsStart);
    out += `Host: ${host}\r\n`;
    run = head.fieldsStart;
  }
  const { kinds, spans, hashes, count } = head;
  const drop = edit.drop;
  const named = head.connectionNames.length > 0;
  let added = '';
  for (let i = 0; i < count; i++) {
    const kind = kinds[i] as number;
    const at = i * 4;
    const start = spans[at] as number;
    let leave: boolean;
    if (kind === 0) {
      leave = drop !== undefined && drop.has(hashes[i] as number, text, start, spans[at + 1] as number);
      if (!leave && named) leave = isNamed(head, start, spans[at + 1] as number);
    } else if (kind >= HOP_BY_HOP) {
      leave = kind !== TRANSFER_ENCODING;
    } else if (kind === HOST) {
      leave = host !== undefined;
    } else if (kind === MAX_FORWARDS) {
      leave = head.method === 'OPTIONS' && head.maxForwards > 0;
      if (leave) added += `Max-Forwards: ${head.maxForwards - 1}\r\n`;
    } else {
      leave = kind === EXPECT && !head.expectContinue;
    }
    if (!leave) continue;
    if (run < start) out += text.slice(run, start);
    run = i + 1 < count ? (spans[at + 4] as number) : head.fieldsEnd;
  }
  if (run < head.fieldsEnd) out += text.slice(run, head.fieldsEnd);
  if (edit.upgrade) added += `Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n`;
  else added += 'Connection: Keep-Alive\r\n';
  if (edit.via !== '') added += head.minor === 1 ? `Via: 1.1 ${edit.via}\r\n` : `Via: 1.0 ${edit.via}\r\n`;
  return `${out}${added}${edit.add}\r\n`;
}

/** How the body goes to the client, which decides what the framing fields say. */
export type ResponseFraming =
  /** As the origin framed it: its Content-Length or Transfer-Encoding stays (also for HEAD and 304). */
  | 'as_is'
  /** We chunk it. */
  | 'chunked'
  /** It ends with the connection. */
  | 'close'
  /** 1xx and 204: no body and no framing fields (RFC 9110 8.6, RFC 9112 6.1). */
  | 'none';

export interface ResponseEdit {
  readonly drop: FieldSet | undefined;
  readonly add: string;
}

export interface ResponseWriting {
  readonly framing: ResponseFraming;
  /** `Connection: close`, and the connection really closes. */
  readonly close: boolean;
  /** A `Date` line for a response that came without one (RFC 9110 6.6.1), or empty. */
  readonly date: string;
}

export function writeResponseHead(head: ResponseHead, edit: ResponseEdit | undefined, how: ResponseWriting): string {
  const text = head.text;
  const { kinds, spans, hashes, count } = head;
  const drop = edit?.drop;
  const named = head.connectionNames.length > 0;
  let out = '';
  let run = 0;
  if (head.minor === 0) {
    out = `HTTP/1.1${text.slice(8, head.fieldsStart)}`;
    run = head.fieldsStart;
  }
  for (let i = 0; i < count; i++) {
    const kind = kinds[i] as number;
    const at = i * 4;
    const start = spans[at] as number;
    let leave: boolean;
    if (kind === 0) {
      leave = drop !== undefined && drop.has(hashes[i] as number, text, start, spans[at + 1] as number);
      if (!leave && named) leave = isNamed(head, start, spans[at + 1] as number);
    } else if (kind === TRANSFER_ENCODING) {
      leave = how.framing !== 'as_is';
    } else if (kind === CONTENT_LENGTH) {
      leave = how.framing !== 'as_is' && how.framing !== 'close';
    } else {
      leave = kind >= HOP_BY_HOP;
    }
    if (!leave) continue;
    if (run < start) out += text.slice(run, start);
    run = i + 1 < count ? (spans[at + 4] as number) : head.fieldsEnd;
  }
  if (run < head.fieldsEnd) out += text.slice(run, head.fieldsEnd);
  if (how.framing === 'chunked') out += 'Transfer-Encoding: chunked\r\n';
  if (how.close) out += 'Connection: close\r\n';
  if (!head.dated) out += how.date;
  return edit === undefined ? `${out}\r\n` : `${out}${edit.add}\r\n`;
}

/** The head of a 101, which keeps exactly the two hop-by-hop fields that make the tunnel. */
export function writeSwitchingHead(head: ResponseHead, edit: ResponseEdit | undefined): string {
  const plain = writeResponseHead(head, edit, { framing: 'none', close: false, date: '' });
  return `${plain.slice(0, -2)}Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n\r\n`;
}

function isNamed(head: MessageHead, start: number, end: number): boolean {
  for (const name of head.connectionNames) if (sameName(name, head.text, start, end)) return true;
  return false;
}
