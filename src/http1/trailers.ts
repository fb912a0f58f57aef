/**
 * The trailer section of a chunked body, checked and written anew. Fields that would change what the message means
 * if someone merged them into the head (framing, routing, authentication: RFC 9110 6.5.1) are refused, since a
 * sender has no honest use for them there.
 */
import { FIELD_TEXT, TOKEN } from './chars.ts';
import { FieldSet, hashName } from './field-set.ts';

const FORBIDDEN = new FieldSet([
  'transfer-encoding',
  'content-length',
  'host',
  'content-encoding',
  'content-type',
  'content-range',
  'trailer',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'upgrade',
  'expect',
  'max-forwards',
  'cache-control',
  'authorization',
  'proxy-authorization',
  'proxy-authenticate',
  'www-authenticate',
  'set-cookie',
  'cookie',
  'range',
]);

export type TrailerSection =
  | { readonly kind: 'fields'; readonly lines: readonly string[] }
  | { readonly kind: 'refused' };

/**
 * Read a trailer section as `BodyReader.trailers` gives it: lines that each end in CRLF. Lines whose names are in
 * `drop` (the names that `Connection` listed, lower-case) stay behind.
 */
export function readTrailers(section: string, drop: readonly string[]): TrailerSection {
  const lines: string[] = [];
  for (let pos = 0; pos < section.length; ) {
    const stop = section.indexOf('\r\n', pos);
    if (stop === -1) return { kind: 'refused' };
    const line = section.slice(pos, stop);
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    if (name === '' || !isFieldLine(line, colon) || FORBIDDEN.has(hashName(name), name, 0, name.length)) {
      return { kind: 'refused' };
    }
    if (!drop.includes(name)) lines.push(`${line}\r\n`);
    pos = stop + 2;
  }
  return { kind: 'fields', lines };
}

/** The end of a chunked body that carries these trailers. */
export function writeLastChunk(lines: readonly string[]): string {
  return `0\r\n${lines.join('')}\r\n`;
}

function isFieldLine(line: string, colon: number): boolean {
  for (let i = 0; i < line.length; i++) {
    const c = line.charCodeAt(i);
    if (i < colon ? TOKEN[c] === 0 : FIELD_TEXT[c] === 0) return false;
  }
  return true;
}
