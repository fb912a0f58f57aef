/** What can be made out of a head that was refused, for the access log: nothing is decided by it. */
import type { RequestHead } from '../../http1/head.ts';
import { LEADING_CRLF_MAX, METHOD_BYTES_MAX, REQUEST_LIMITS } from '../../http1/limits.ts';
import type { SeenRequest } from './brain.ts';

export const NOTHING_SEEN: SeenRequest = { method: '', target: '', host: '', protocol: '' };

/** As much of a line as is looked at: what the reader itself takes. */
const LINE_BYTES = LEADING_CRLF_MAX * 2 + METHOD_BYTES_MAX + REQUEST_LIMITS.targetBytes + 16;
/** Method, target and version as a strict reader takes them; anything else is not a request that could be named. */
const LINE = /^(?:\r\n)*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21\x22\x24-\x7e]+) (HTTP\/\d\.\d)\r?\n/;
const HOST = /\nhost: *([^\r\n]*)/i;

/** `buf[from, end)` holds the head from its start, unless it came in pieces: then nothing is known of it. */
export function seenRequest(head: RequestHead, buf: Buffer, from: number, end: number): SeenRequest {
  const text = head.text === '' ? buf.toString('latin1', from, Math.min(end, from + LINE_BYTES)) : head.text;
  const line = LINE.exec(text);
  if (line === null) return NOTHING_SEEN;
  const [, method = '', target = '', protocol = ''] = line;
  const blank = text.indexOf('\r\n\r\n');
  const host = HOST.exec(blank === -1 ? text : text.slice(0, blank))?.[1]?.trim() ?? '';
  return { method, target, host, protocol };
}
