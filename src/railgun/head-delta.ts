/**
 * Response heads against the head that was stored with the named version (D9): two answers to one URL differ in a date and an id. The
 * delta is stateless, so a lost message or a restarted listener changes nothing. Secrets never enter a stored head.
 *
 * The new head is told line by line, with a cursor in the old one. Each operation is a varint `number * 4 + kind`:
 *
 *   0  the next number + 1 old lines, unchanged
 *   1  skip number + 1 old lines
 *   2  the next old line with its value changed: keep `varint` bytes at the start and `varint` at the end of the old value,
 *      `number` new bytes between them
 *   3  a line of `number` bytes, in full
 */
import { type HeadLine, encodeHead, parseHead } from './head.ts';
import { PayloadReader, PayloadWriter, fromLatin1, latin1, sameBytes } from './payload.ts';
import { MAX_HEAD_BYTES } from './limits.ts';

/** Fields whose values belong to one visitor, or prove something: they cross the link each time and are stored nowhere. */
export const SECRET_FIELDS: ReadonlySet<string> = new Set([
  'set-cookie',
  'set-cookie2',
  'cookie',
  'authorization',
  'proxy-authorization',
  'www-authenticate',
  'proxy-authenticate',
  'authentication-info',
  'proxy-authentication-info',
]);

const Op = { keep: 0, skip: 1, change: 2, line: 3 } as const;

/** The part of a head that may be stored. Both ends make it from the same head, so their version names agree. */
export function storableHead(lines: readonly HeadLine[]): Uint8Array {
  const safe = lines.filter(([name]) => !SECRET_FIELDS.has(name.toLowerCase()));
  return encodeHead(safe) ?? new Uint8Array(0);
}

/** How far to look ahead in the old head for a line that went missing: heads are reordered rarely. */
const LOOK_AHEAD = 8;

/** `current` told against `stored`; `undefined` when that would not be shorter. Both are encoded heads. */
export function encodeHeadDelta(stored: Uint8Array, current: Uint8Array): Uint8Array | undefined {
  const [old, fresh] = [linesOf(stored), linesOf(current)];
  const out = new PayloadWriter();
  let cursor = 0;
  let kept = 0;
  const flushKept = (): void => {
    if (kept > 0) out.varint((kept - 1) * 4 + Op.keep);
    kept = 0;
  };
  const skipTo = (to: number): void => {
    if (to === cursor) return;
    flushKept();
    out.varint((to - cursor - 1) * 4 + Op.skip);
    cursor = to;
  };
  for (const line of fresh) {
    const same = indexNear(old, cursor, (candidate) => candidate === line);
    if (same >= 0) {
      skipTo(same);
      kept += 1;
      cursor += 1;
      continue;
    }
    const name = line.slice(0, line.indexOf(':') + 1);
    const renamed = indexNear(old, cursor, (candidate) => candidate.startsWith(name));
    if (renamed < 0) {
      flushKept();
      out.varint(line.length * 4 + Op.line).raw(fromLatin1(line));
      continue;
    }
    skipTo(renamed);
    flushKept();
    const [before, after] = [(old[renamed] ?? '').slice(name.length), line.slice(name.length)];
    const start = sharedStart(before, after);
    const end = sharedEnd(before, after, start);
    const middle = after.slice(start, after.length - end);
    out
      .varint(middle.length * 4 + Op.change)
      .varint(start)
      .varint(end)
      .raw(fromLatin1(middle));
    cursor += 1;
  }
  flushKept();
  const delta = out.finish();
  return delta.length < current.length ? delta : undefined;
}

/** The head again, or `undefined` when the delta does not fit the stored head. */
export function applyHeadDelta(stored: Uint8Array, delta: Uint8Array): Uint8Array | undefined {
  const old = linesOf(stored);
  const reader = new PayloadReader(delta);
  let cursor = 0;
  let text = '';
  while (reader.ok && reader.left > 0) {
    const operation = reader.varint();
    const [kind, number] = [operation % 4, Math.floor(operation / 4)];
    if (kind === Op.keep || kind === Op.skip) {
      if (cursor + number + 1 > old.length) return undefined;
      if (kind === Op.keep) for (const line of old.slice(cursor, cursor + number + 1)) text += `${line}\n`;
      cursor += number + 1;
    } else if (kind === Op.change) {
      const [start, end] = [reader.varint(), reader.varint()];
      const line = old[cursor];
      const middle = latin1(reader.take(number));
      if (line === undefined) return undefined;
      const colon = line.indexOf(':') + 1;
      const value = line.slice(colon);
      if (start + end > value.length) return undefined;
      text += `${line.slice(0, colon)}${value.slice(0, start)}${middle}${value.slice(value.length - end)}\n`;
      cursor += 1;
    } else {
      text += `${latin1(reader.take(number))}\n`;
    }
    if (text.length > MAX_HEAD_BYTES) return undefined;
  }
  return reader.ok ? fromLatin1(text) : undefined;
}

/** Is it a head at all, and does the delta really give it back? Asked by the encoder before it trusts itself. */
export function headDeltaHolds(stored: Uint8Array, delta: Uint8Array, current: Uint8Array): boolean {
  const again = applyHeadDelta(stored, delta);
  return again !== undefined && sameBytes(again, current) && parseHead(again) !== undefined;
}

function linesOf(head: Uint8Array): readonly string[] {
  const text = latin1(head);
  return text === '' ? [] : text.slice(0, -1).split('\n');
}

function indexNear(lines: readonly string[], from: number, fits: (line: string) => boolean): number {
  const end = Math.min(lines.length, from + LOOK_AHEAD);
  for (let at = from; at < end; at += 1) if (fits(lines[at] ?? '')) return at;
  return -1;
}

function sharedStart(a: string, b: string): number {
  const limit = Math.min(a.length, b.length);
  let length = 0;
  while (length < limit && a.charCodeAt(length) === b.charCodeAt(length)) length += 1;
  return length;
}

function sharedEnd(a: string, b: string, start: number): number {
  const limit = Math.min(a.length, b.length) - start;
  let length = 0;
  while (length < limit && a.charCodeAt(a.length - 1 - length) === b.charCodeAt(b.length - 1 - length)) length += 1;
  return length;
}
