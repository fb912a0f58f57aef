/** Runs a reader over bytes cut as told, and writes down what it said. */
import type { MessageFault } from '../../src/http1/faults.ts';
import { REQUEST_LIMITS } from '../../src/http1/limits.ts';
import { RequestReader } from '../../src/http1/request-reader.ts';
import { readTrailers } from '../../src/http1/trailers.ts';

export interface Collected {
  readonly method: string;
  readonly target: string;
  readonly minor: number;
  readonly fields: readonly (readonly [string, string])[];
  readonly close: boolean;
  /** Asks to leave HTTP: whoever grants it reads nothing behind it. */
  readonly upgrade: boolean;
  /** Payload, framing stripped. */
  body: string;
  /** What would be forwarded as the body. */
  wire: string;
  trailers: string | undefined;
  complete: boolean;
}

export interface Run {
  readonly requests: Collected[];
  fault: MessageFault | undefined;
}

/** Read `bytes` in pieces of the given sizes (the last one repeats), one request after the other. */
export function readRequests(bytes: Buffer, sizes: readonly number[], wire: boolean): Run {
  const run: Run = { requests: [], fault: undefined };
  let current: Collected | undefined;
  const text = { out: '' };
  const reader = new RequestReader(
    {
      requestHead(head) {
        const close = head.close || (head.minor === 0 && !head.keepAlive);
        current = {
          method: head.method,
          target: head.target,
          minor: head.minor,
          fields: head.fields(),
          close,
          upgrade: head.upgradeOption && head.upgrade !== '',
          body: '',
          wire: '',
          trailers: undefined,
          complete: false,
        };
        text.out = '';
        run.requests.push(current);
        if (head.chunked) reader.body.begin('chunked', 0, wire);
      },
      bodySpan(buf, start, end) {
        text.out += buf.toString('latin1', start, end);
      },
      bodyText(piece) {
        text.out += piece;
      },
      requestEnd(trailers) {
        if (current === undefined) return;
        if (trailers !== undefined && readTrailers(trailers, []).kind === 'refused') {
          run.fault = 'bad_trailer';
          reader.stop();
          return;
        }
        current.complete = true;
        // In payload form it makes no difference whether an empty trailer section came in the same read.
        current.trailers = wire ? trailers : (trailers ?? '');
        current.body = wire ? '' : text.out;
        current.wire = wire ? text.out : '';
      },
      requestRefused(fault) {
        run.fault = fault;
      },
    },
    REQUEST_LIMITS,
  );
  let at = 0;
  for (let piece = 0; at < bytes.length; piece++) {
    const size = sizes[Math.min(piece, sizes.length - 1)] ?? bytes.length;
    const end = Math.min(bytes.length, at + Math.max(1, size));
    // Every piece in a buffer of its own, scribbled over afterwards: nobody may keep a view of it.
    const chunk = Buffer.from(bytes.subarray(at, end));
    let pos = 0;
    while (pos < chunk.length && reader.phase !== 'refused') {
      const stop = reader.receive(chunk, pos, chunk.length);
      if (reader.phase === 'idle') reader.next();
      else if (stop <= pos || stop >= chunk.length) break;
      pos = stop;
    }
    chunk.fill(0x21);
    if (reader.phase === 'refused') break;
    at = end;
  }
  return run;
}
