/**
 * The same as `differential.test.ts` for answers: what we accept from an origin, llhttp accepts and reads alike.
 * `HTTP1_FUZZ` and `HTTP1_FUZZ_SEED` as there.
 */
import { createRequire } from 'node:module';
import seedrandom from 'seedrandom';
import { expect, it } from 'vitest';
import { RESPONSE_LIMITS } from '../../src/http1/limits.ts';
import { ResponseReader } from '../../src/http1/response-reader.ts';
import { readTrailers } from '../../src/http1/trailers.ts';

const COUNT = Math.ceil(Number(process.env['HTTP1_FUZZ'] ?? 20_000) / 2);
const SEED = Number(process.env['HTTP1_FUZZ_SEED'] ?? 1);

interface Answer {
  status: number;
  fields: [string, string][];
  body: string;
  complete: boolean;
}

interface Llhttp {
  new (): {
    [index: number]: unknown;
    initialize(type: number, resource: object, maxHeaderSize?: number, lenient?: number): void;
    execute(data: Buffer): number | Error;
    finish(): Error | undefined;
    /** Gives the native half back; nothing else does. */
    close(): void;
  };
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}
const { HTTPParser } = createRequire(import.meta.url)('node:_http_common') as { HTTPParser: Llhttp };

/** The first final answer that llhttp reads, with the origin closing behind the bytes. */
function llhttp(bytes: Buffer): Answer | undefined {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.RESPONSE, {}, 1 << 20, 0);
  const answers: Answer[] = [];
  let early: string[] = [];
  parser[HTTPParser.kOnHeaders] = (list: string[]) => {
    early = early.concat(list);
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    list: string[] | undefined,
    _method: unknown,
    _url: unknown,
    status: number,
  ) => {
    const flat = early.concat(list ?? []);
    const fields: [string, string][] = [];
    for (let i = 0; i + 1 < flat.length; i += 2) fields.push([flat[i] as string, flat[i + 1] as string]);
    answers.push({ status, fields, body: '', complete: false });
    early = [];
    return 0;
  };
  parser[HTTPParser.kOnBody] = (piece: Buffer) => {
    const last = answers.at(-1);
    if (last !== undefined) last.body += piece.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    const last = answers.at(-1);
    if (last !== undefined) last.complete = true;
    early = [];
  };
  if (typeof parser.execute(bytes) === 'number') parser.finish();
  parser.close();
  return answers.find(({ status }) => status >= 200);
}

/** What we make of them, cut into pieces of these sizes. */
function ours(bytes: Buffer, sizes: readonly number[]): Answer | undefined {
  let answer: Answer | undefined;
  const reader: ResponseReader = new ResponseReader(
    {
      responseInterim: () => {},
      responseHead: (head) => {
        answer = { status: head.status, fields: head.fields(), body: '', complete: false };
        if (reader.bodyKind === 'chunked') reader.body.begin('chunked', 0, false);
      },
      bodySpan: (buf, start, end) => {
        if (answer !== undefined) answer.body += buf.toString('latin1', start, end);
      },
      bodyText: () => {},
      responseEnd: (trailers) => {
        if (answer !== undefined)
          answer.complete = trailers === undefined || readTrailers(trailers, []).kind === 'fields';
      },
      responseRefused: () => {
        answer = undefined;
      },
    },
    RESPONSE_LIMITS,
  );
  reader.begin('GET');
  for (let at = 0, i = 0; at < bytes.length && reader.phase !== 'refused'; i++) {
    const end = Math.min(bytes.length, at + (sizes[i % sizes.length] ?? 1));
    const piece = Buffer.from(bytes.subarray(at, end));
    reader.receive(piece, 0, piece.length);
    at = end;
  }
  reader.end();
  return answer;
}

const FIELDS = [
  'Content-Length: 5',
  'Content-Length: 0',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Connection: close',
  'X-A: 1',
  'X-B:',
  'Date: today',
  'Set-Cookie: a=b',
  'transfer-encoding: Chunked',
  'Trailer: X-T',
  'Upgrade: h2c',
];
const GARBAGE = [
  '\r',
  '\n',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  '\x80',
  '\r\n ',
  '\r\n',
  'HTTP/1.1 200 OK\r\n',
  '\x01',
  '0',
  '5\r\n',
];

function make(seed: number, index: number): Buffer {
  const random = seedrandom.alea(`answer ${seed}:${index}`);
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const status = pick([
    '200 OK',
    '200',
    '404 Not Found',
    '204 No Content',
    '304 Not Modified',
    '500 \xe4',
    '201 ',
    '599 x',
  ]);
  let text = random() < 0.2 ? 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n' : '';
  text += `HTTP/1.${random() < 0.1 ? 0 : 1} ${status}\r\n`;
  for (let i = below(4); i > 0; i--) text += `${pick(FIELDS)}\r\n`;
  const body = Array.from({ length: below(30) }, () => String.fromCharCode(below(256))).join('');
  const kind = below(3);
  if (kind === 0) text += `Content-Length: ${body.length}\r\n\r\n${body}`;
  else if (kind === 1)
    text += `Transfer-Encoding: chunked\r\n\r\n${body === '' ? '' : `${body.length.toString(16)}${random() < 0.1 ? ';a=b' : ''}\r\n${body}\r\n`}0\r\n${random() < 0.2 ? 'X-T: 1\r\n' : ''}\r\n`;
  else text += `\r\n${body}`;
  for (let edits = random() < 0.4 ? 0 : 1 + below(2); edits > 0; edits--) {
    const at = below(text.length + 1);
    const kindOfEdit = below(3);
    if (kindOfEdit === 0) text = text.slice(0, at) + pick(GARBAGE) + text.slice(at);
    else if (kindOfEdit === 1) text = text.slice(0, at) + text.slice(at + 1 + below(3));
    else text = text.slice(0, at) + String.fromCharCode(below(256)) + text.slice(at + 1);
  }
  return Buffer.from(text, 'latin1');
}

it(`what we accept from an origin, llhttp accepts and reads alike: seed ${SEED}, ${COUNT} inputs`, () => {
  let accepted = 0;
  for (let index = 0; index < COUNT; index++) {
    const bytes = make(SEED, index);
    const say = (): string => `seed ${SEED}, input ${index}: ${JSON.stringify(bytes.toString('latin1'))}`;
    const whole = ours(bytes, [bytes.length]);
    for (const sizes of [[1], [7, 2, 5]]) {
      const cut = ours(bytes, sizes);
      if (JSON.stringify(cut) !== JSON.stringify(whole) && (cut?.complete === true || whole?.complete === true))
        expect(cut, say()).toEqual(whole);
    }
    if (whole === undefined || !whole.complete) continue;
    accepted += 1;
    const theirs = llhttp(bytes);
    if (JSON.stringify(theirs) !== JSON.stringify(whole)) expect(theirs, say()).toEqual(whole);
  }
  expect(accepted / COUNT).toBeGreaterThan(0.2);
}, 3_600_000);
