/**
 * Heads as the link carries them: `name:value\n` for each field, hop-by-hop fields already removed, bytes as latin1. One order,
 * one spelling: what the origin wrote is what the visitor's edge gets.
 *
 * Attack: a value with a line feed would become two fields at the other end. `encodeHead` refuses to write one, `parseHead` refuses
 * to read anything but a token, a colon and a value without CR, LF or NUL.
 */
import { fromLatin1, latin1 } from './payload.ts';

export type HeadLine = readonly [name: string, value: string];

/** What is said about one connection and never crosses the link, in lower case (RFC 9110 section 7.6.1). */
export const HOP_BY_HOP_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// oxlint-disable-next-line no-control-regex -- these are the bytes a field value must not have
const BAD_VALUE = /[\0\r\n]/;

/** `undefined` when a line cannot be written safely. */
export function encodeHead(lines: readonly HeadLine[]): Uint8Array | undefined {
  let text = '';
  for (const [name, value] of lines) {
    if (!NAME.test(name) || BAD_VALUE.test(value)) return undefined;
    text += `${name}:${value}\n`;
  }
  return fromLatin1(text);
}

/** `undefined` when the bytes are no head. */
export function parseHead(bytes: Uint8Array): readonly HeadLine[] | undefined {
  if (bytes.length === 0) return [];
  const text = latin1(bytes);
  if (!text.endsWith('\n')) return undefined;
  const lines: HeadLine[] = [];
  for (const line of text.slice(0, -1).split('\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const value = line.slice(colon + 1);
    if (colon < 1 || !NAME.test(name) || BAD_VALUE.test(value)) return undefined;
    lines.push([name, value]);
  }
  return lines;
}

/** First value of a field, its name in lower case. */
export function fieldOf(lines: readonly HeadLine[], lowerName: string): string | undefined {
  for (const [name, value] of lines) {
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) return value;
  }
  return undefined;
}

/** Without the named fields (lower case). */
export function without(lines: readonly HeadLine[], lowerNames: ReadonlySet<string>): readonly HeadLine[] {
  return lines.filter(([name]) => !lowerNames.has(name.toLowerCase()));
}
