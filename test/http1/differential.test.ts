/**
 * Differential fuzzing against the parser of node:http (llhttp, strict). Two things must hold for any bytes:
 *
 * 1. what we accept, llhttp accepts, and reads the same requests out of it: method, target, fields, body;
 * 2. however the bytes are cut into reads, we say the same.
 *
 * The reverse does not hold and should not: we refuse more. `HTTP1_FUZZ=1000000 HTTP1_FUZZ_SEED=7 vitest run
 * test/http1/differential.test.ts` runs more; a failure prints the seed and the input.
 */
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import seedrandom from 'seedrandom';
import { type Collected, readRequests } from './collect.ts';

const COUNT = Number(process.env['HTTP1_FUZZ'] ?? 20_000);
const SEED = Number(process.env['HTTP1_FUZZ_SEED'] ?? 1);
/** Seeds that once failed; each is run for its first 15,000 inputs. */
const KEPT_SEEDS: readonly number[] = [2, 3, 11];

interface LlhttpRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: [string, string][];
  body: string;
  complete: boolean;
}

interface Llhttp {
  new (): {
    [index: number]: unknown;
    initialize(type: number, resource: object, maxHeaderSize?: number, lenient?: number): void;
    execute(data: Buffer): number | (Error & { bytesParsed?: number });
    finish(): Error | undefined;
    /** Gives the native half back; nothing else does. */
    close(): void;
  };
  readonly REQUEST: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

const require = createRequire(import.meta.url);
const { HTTPParser, methods } = require('node:_http_common') as { HTTPParser: Llhttp; methods: readonly string[] };

/** What llhttp makes of the bytes: the requests it read, and whether it found a fault. */
function llhttp(bytes: Buffer): { requests: LlhttpRequest[]; failed: boolean } {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, 1 << 20, 0);
  const requests: LlhttpRequest[] = [];
  let early: string[] = [];
  let url = '';
  parser[HTTPParser.kOnHeaders] = (list: string[], piece: string) => {
    early = early.concat(list);
    url += piece;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    list: string[] | undefined,
    method: number,
    target: string | undefined,
  ) => {
    const flat = early.concat(list ?? []);
    const fields: [string, string][] = [];
    for (let i = 0; i + 1 < flat.length; i += 2) fields.push([flat[i] as string, flat[i + 1] as string]);
    requests.push({
      method: methods[method] as string,
      target: url + (target ?? ''),
      fields,
      body: '',
      complete: false,
    });
    early = [];
    url = '';
    return 0;
  };
  parser[HTTPParser.kOnBody] = (piece: Buffer) => {
    const last = requests.at(-1);
    if (last !== undefined) last.body += piece.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    const last = requests.at(-1);
    if (last !== undefined) last.complete = true;
    // Trailers come through the same callback as fields, with the old target again.
    early = [];
    url = '';
  };
  const result = parser.execute(bytes);
  parser.close();
  return { requests, failed: typeof result !== 'number' };
}

const NAMES = [
  'X-A',
  'Host',
  'Content-Length',
  'Transfer-Encoding',
  'Connection',
  'Cookie',
  'Expect',
  'Accept',
  'Upgrade',
  'TE',
  'Trailer',
  'content-length',
  'TRANSFER-ENCODING',
  'X-' + 'y'.repeat(40),
];
const VALUES = [
  '',
  '1',
  '5',
  '05',
  '10',
  'chunked',
  'Chunked',
  'close',
  'keep-alive',
  'a',
  'example.com',
  '100-continue',
  'gzip, chunked',
  'a=b; c=d',
  '\xe4',
  ' padded ',
  'x'.repeat(200),
  'upgrade',
  'x-a',
];
const TARGETS = ['/', '/a/b?c=d', '/%00', '*', 'http://a/', '//x', '/a#b', '/ä', '/a b', '/' + 'z'.repeat(300)];
const GARBAGE = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  '\x7f',
  '\x80',
  'é',
  '\x0b',
  '0',
  ',',
  '\r\n ',
  '\r\n\r\n',
  'GET / HTTP/1.1\r\n',
  'HTTP/1.1',
  '\x01',
  '"',
];

function fuzzer(seed: number): (index: number) => Buffer {
  return (index) => {
    const random = seedrandom.alea(`${seed}:${index}`);
    const below = (n: number): number => Math.floor(random() * n);
    const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
    const rare = (p: number): boolean => random() < p;

    const one = (): string => {
      const method = pick(['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH']);
      const target = rare(0.15) ? pick(TARGETS) : `/${below(1e6)}`;
      let head = `${method} ${target} HTTP/1.${rare(0.1) ? 0 : 1}\r\n`;
      if (!rare(0.03)) head += 'Host: a.example\r\n';
      for (let i = below(5); i > 0; i--) head += `${rare(0.5) ? `X-${below(99)}` : pick(NAMES)}: ${pick(VALUES)}\r\n`;
      const kind = below(3);
      if (kind === 0) return `${head}\r\n`;
      const body = Array.from({ length: below(40) }, () => String.fromCharCode(below(256))).join('');
      if (kind === 1) return `${head}Content-Length: ${rare(0.05) ? below(50) : body.length}\r\n\r\n${body}`;
      let chunks = '';
      for (let at = 0; at < body.length; ) {
        const size = 1 + below(12);
        const piece = body.slice(at, at + size);
        const digits = rare(0.2)
          ? piece.length
              .toString(16)
              .toUpperCase()
              .padStart(1 + below(4), '0')
          : piece.length.toString(16);
        chunks += `${digits}${rare(0.15) ? pick([';a', ';a=b', ' ;a', ';a="b c"', ';', ' ', ';a;b']) : ''}\r\n${piece}\r\n`;
        at += size;
      }
      const trailer = rare(0.2) ? `${pick(['X-T', 'Y', 'Content-Length', 'Host', 'x t'])}: ${pick(VALUES)}\r\n` : '';
      return `${head}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n${trailer}\r\n`;
    };

    let text = one();
    while (rare(0.3)) text += one();
    for (let edits = rare(0.35) ? 0 : 1 + below(3); edits > 0; edits--) {
      const at = below(text.length + 1);
      switch (below(4)) {
        case 0:
          text = text.slice(0, at) + pick(GARBAGE) + text.slice(at);
          break;
        case 1:
          text = text.slice(0, at) + text.slice(at + 1 + below(4));
          break;
        case 2:
          text = text.slice(0, at) + String.fromCharCode(below(256)) + text.slice(at + 1);
          break;
        default:
          text = text.slice(0, at) + text.slice(below(text.length + 1), below(text.length + 1)) + text.slice(at);
      }
    }
    return Buffer.from(text, 'latin1');
  };
}

/** What must be the same: llhttp trims values at the end only of blanks, as we do, and reports names as they came. */
function readable(request: Pick<Collected, 'method' | 'target' | 'fields' | 'body' | 'complete'>): unknown {
  return [request.method, request.target, request.fields, request.body, request.complete];
}

/** `expect` is too slow to be asked millions of times. */
function same(got: unknown, wanted: unknown, say: () => string): void {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) expect(got, say()).toEqual(wanted);
}

function check(bytes: Buffer, index: number, seed: number): void {
  const whole = readRequests(bytes, [bytes.length], false);
  const say = (): string => `seed ${seed}, input ${index}: ${JSON.stringify(bytes.toString('latin1'))}`;
  const random = seedrandom.alea(`cut ${seed}:${index}`);
  const sizes = Array.from({ length: 8 }, () => 1 + Math.floor(random() * 20));
  for (const cut of [[1], sizes]) {
    const pieces = readRequests(bytes, cut, false);
    same(pieces, whole, say);
  }
  // Methods are open (RFC 9110 9.1), and llhttp has a list: there it stops, and we do not compare any further.
  const complete = whole.requests.filter((request) => request.complete);
  const unknown = complete.findIndex(({ method }) => !methods.includes(method));
  const ours = unknown === -1 ? complete : complete.slice(0, unknown);
  if (ours.length === 0) return;
  // llhttp reads nothing behind `Connection: close` or an upgrade; we keep the latter back until it is answered.
  const until = ours.findIndex(({ close, upgrade }) => close || upgrade);
  const accepted = until === -1 ? ours : ours.slice(0, until + 1);
  const { requests } = llhttp(bytes);
  same(requests.slice(0, accepted.length).map(readable), accepted.map(readable), say);
}

describe('what we accept, llhttp accepts and reads alike', () => {
  it.each([...KEPT_SEEDS.map((seed) => ({ seed, count: Math.min(COUNT, 15_000) })), { seed: SEED, count: COUNT }])(
    'seed $seed, $count inputs',
    ({ seed, count }) => {
      const make = fuzzer(seed);
      let accepted = 0;
      for (let index = 0; index < count; index++) {
        const bytes = make(index);
        check(bytes, index, seed);
        if (readRequests(bytes, [bytes.length], false).requests.some(({ complete }) => complete)) accepted += 1;
      }
      // Neither all garbage nor all good: both sides of the fence are being walked.
      expect(accepted / count).toBeGreaterThan(0.25);
      expect(accepted / count).toBeLessThan(0.9);
    },
    3_600_000,
  );

  it('what we would forward of a body, llhttp reads as the same payload', () => {
    const make = fuzzer(SEED + 1_000);
    for (let index = 0; index < COUNT / 4; index++) {
      const bytes = make(index);
      const payload = readRequests(bytes, [bytes.length], false).requests.filter(({ complete }) => complete);
      const wire = readRequests(bytes, [3, 1, 7], true).requests.filter(({ complete }) => complete);
      for (const [i, request] of wire.entries()) {
        if (!request.fields.some(([name]) => name.toLowerCase() === 'transfer-encoding')) continue;
        // A span that ends the body holds its last chunk; otherwise whoever forwards it writes the last chunk.
        const body = request.wire + (request.trailers === undefined ? '' : '0\r\n\r\n');
        const forwarded = Buffer.from(
          `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
          'latin1',
        );
        const { requests, failed } = llhttp(forwarded);
        const say = `seed ${SEED + 1_000}, input ${index}`;
        expect(failed, say).toBe(false);
        expect(requests, say).toMatchObject([{ body: payload[i]?.body, complete: true }]);
      }
    }
  }, 3_600_000);
});
