/** Answers that come from here and not from an origin: their heads, and the few that the engine makes itself. */
import { STATUS_CODES } from 'node:http';
import type { LocalAnswer } from './brain.ts';

/** An answer that says no more than its status: for whoever did not plug in anything better. */
export function bareAnswer(status: number, fields = ''): LocalAnswer {
  return {
    kind: 'answer',
    status,
    fields: `Content-Type: text/plain\r\n${fields}`,
    body: `${status} ${STATUS_CODES[status] ?? 'Error'}\n`,
  };
}

export const OVERLOADED = bareAnswer(503, 'Retry-After: 1\r\n');
export const OUR_MISTAKE = bareAnswer(500);
export const METHOD_REFUSED = bareAnswer(405, 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n');
/** OPTIONS with Max-Forwards 0 ends here (RFC 9110 7.6.2). */
export const MAX_FORWARDS_ZERO: LocalAnswer = {
  kind: 'answer',
  status: 200,
  fields: 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n',
  body: '',
};

export function answerHead(answer: LocalAnswer, how: { readonly close: boolean; readonly date: string }): string {
  const { status, fields, body } = answer;
  const bodiless = status < 200 || status === 204 || status === 304;
  const length = bodiless ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  const date = /(^|\n)date:/i.test(fields) ? '' : how.date;
  const reason = STATUS_CODES[status] ?? '';
  return `HTTP/1.1 ${status} ${reason}\r\n${fields}${length}${date}${how.close ? 'Connection: close\r\n' : ''}\r\n`;
}
