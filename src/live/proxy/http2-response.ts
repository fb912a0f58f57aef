/**
 * A head of HTTP/1.1 as the fields of HTTP/2: lower-case names, nothing about connections (RFC 9113 8.2.2), several fields of one
 * name as a list of them. The reason phrase is lost, as it should be.
 */
import type { OutgoingHttpHeaders } from 'node:http2';
import { HOP_BY_HOP, type ResponseHead } from '../../http1/head.ts';
import { readTrailers } from '../../http1/trailers.ts';

/** `status` in place of the head's own: 200 for the 101 that answers an extended CONNECT (RFC 8441 5). */
export function streamHead(head: ResponseHead, status: number): OutgoingHttpHeaders {
  const fields = noFields();
  fields[':status'] = status;
  const { count, kinds } = head;
  for (let i = 0; i < count; i++) {
    if ((kinds[i] as number) >= HOP_BY_HOP) continue;
    add(fields, head.name(i).toLowerCase(), head.value(i));
  }
  return fields;
}

/** The trailer section of a chunked body (as `BodyReader.trailers`); empty when there are none that may be sent. */
export function streamTrailers(section: string | undefined): OutgoingHttpHeaders {
  const fields = noFields();
  if (section === undefined || section === '') return fields;
  const read = readTrailers(section, []);
  if (read.kind === 'refused') return fields;
  for (const line of read.lines) {
    const colon = line.indexOf(':');
    add(fields, line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return fields;
}

type Fields = Record<string, string | string[] | number>;

/** Without a prototype: a field may be called `constructor`. */
function noFields(): Fields {
  return Object.create(null) as Fields;
}

function add(fields: Fields, name: string, value: string): void {
  const there = fields[name];
  if (there === undefined) fields[name] = value;
  else if (Array.isArray(there)) there.push(value);
  else fields[name] = [String(there), value];
}
