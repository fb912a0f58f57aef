/** Answers made at the edge: error pages and fixed responses, with the ray that the log has too. */
import type { FixedResponse } from '../core/model.ts';
import { type Micros, toRfc3339 } from '../core/time.ts';
import type { Edge } from './edge.ts';
import { type EdgeErrorCode, errorAnswer } from './error-page.ts';
import type { EdgeAnswer, Flight } from './flight.ts';

/** `detail`: what was found out, for people. */
export function errorPage(edge: Edge, flight: Flight, code: EdgeErrorCode, detail: string, now: Micros): EdgeAnswer {
  flight.error = code;
  edge.fields.read(flight.head);
  const made = errorAnswer(code, {
    accept: edge.fields.accept,
    rayId: flight.rayId,
    host: flight.host,
    timestamp: toRfc3339(now),
    detail,
  });
  const retry = made.retryAfter > 0 ? `Retry-After: ${made.retryAfter}\r\n` : '';
  return {
    kind: 'answer',
    status: made.status,
    fields: `Content-Type: ${made.contentType}\r\ncf-error-type: ${made.errorType}\r\ncf-error-origin: ${made.errorOrigin}\r\nCache-Control: private, no-store\r\n${retry}CF-Ray: ${flight.rayId}\r\n`,
    body: made.body,
  };
}

/** LB-207: as it was written, and nothing of a pool. */
export function fixedAnswer(flight: Flight, response: FixedResponse): EdgeAnswer {
  const type = response.contentType === '' ? 'text/plain; charset=utf-8' : response.contentType;
  const location = response.location === '' ? '' : `Location: ${oneLine(response.location)}\r\n`;
  return {
    kind: 'answer',
    status: response.statusCode,
    fields: `Content-Type: ${oneLine(type)}\r\n${location}CF-Ray: ${flight.rayId}\r\n`,
    body: response.messageBody,
  };
}

/** Attack: a line break in a configured value would be a second field. Anything beyond latin-1 has no place in a head. */
function oneLine(value: string): string {
  return value.replace(/[^\t\x20-\x7e\x80-\xff]/g, ' ').trim();
}
