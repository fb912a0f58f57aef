import { describe, expect, it } from 'vitest';
import { fc, test } from '@fast-check/vitest';
import { BodyReader, type BodyKind } from '../../src/http1/body.ts';
import { REQUEST_LIMITS } from '../../src/http1/limits.ts';
import { readTrailers, writeLastChunk } from '../../src/http1/trailers.ts';

interface Outcome {
  readonly out: string;
  readonly done: boolean;
  readonly fault: string | undefined;
  readonly trailers: string | undefined;
  readonly consumed: number;
  readonly payload: number;
}

function read(kind: BodyKind, length: number, bytes: string, sizes: readonly number[], wire: boolean): Outcome {
  const reader = new BodyReader(REQUEST_LIMITS);
  reader.begin(kind, length, wire);
  let out = '';
  const sink = {
    bodySpan: (buf: Buffer, start: number, end: number) => {
      out += buf.toString('latin1', start, end);
    },
    bodyText: (text: string) => {
      out += text;
    },
  };
  let consumed = 0;
  for (let at = 0, i = 0; at < bytes.length && !reader.done && reader.fault === undefined; i++) {
    const end = Math.min(bytes.length, at + (sizes[i % sizes.length] ?? bytes.length));
    consumed = at + reader.read(Buffer.from(bytes.slice(at, end), 'latin1'), 0, end - at, sink);
    at = end;
  }
  return {
    out,
    done: reader.done,
    fault: reader.fault,
    trailers: reader.trailers,
    consumed,
    payload: reader.payloadBytes,
  };
}

const payloads = fc.array(
  fc.string({ unit: fc.constantFrom('a', '\r', '\n', '0', ';', '\xff'), minLength: 1, maxLength: 30 }),
  { maxLength: 12 },
);
const cuts = fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1, maxLength: 6 });

function chunked(pieces: readonly string[], tail = '\r\n'): string {
  return `${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n${tail}`;
}

describe('a body with a length', () => {
  it.each([[1], [3], [100]])('ends where it should, in reads of %i', (size) => {
    expect(read('length', 5, 'helloGET /', [size], true)).toMatchObject({
      out: 'hello',
      done: true,
      consumed: 5,
      payload: 5,
    });
  });
  it('is not done before, and says so when the peer is gone', () => {
    const reader = new BodyReader(REQUEST_LIMITS);
    reader.begin('length', 5, true);
    reader.read(Buffer.from('hell'), 0, 4, { bodySpan: () => {}, bodyText: () => {} });
    expect(reader.end()).toBe(false);
    expect(reader.fault).toBe('cut_short');
  });
  it('of nought is done at once', () =>
    expect(read('length', 0, 'x', [1], true)).toMatchObject({ out: '', done: true }));
});

it('a body until the end is done when the peer is gone', () => {
  const reader = new BodyReader(REQUEST_LIMITS);
  reader.begin('close', 0, true);
  expect(reader.done).toBe(false);
  expect(reader.end()).toBe(true);
});

describe('a chunked body', () => {
  test.prop([payloads, cuts])('its payload comes out, however it is cut', (pieces, sizes) => {
    const bytes = chunked(pieces);
    const got = read('chunked', 0, `${bytes}GET /`, sizes, false);
    expect(got).toMatchObject({
      out: pieces.join(''),
      done: true,
      fault: undefined,
      consumed: bytes.length,
      payload: pieces.join('').length,
    });
  });

  test.prop([payloads, cuts])('in wire form what comes out is the same body again', (pieces, sizes) => {
    const got = read('chunked', 0, chunked(pieces), sizes, true);
    const forwarded = got.out + (got.trailers === undefined ? '' : writeLastChunk([]));
    expect(forwarded).toBe(chunked(pieces));
  });

  test.prop([payloads, cuts, fc.double({ min: 0, max: 1, noNaN: true })])(
    'cut anywhere, what comes out is unfinished',
    (pieces, sizes, where) => {
      const bytes = chunked(pieces);
      const cut = bytes.slice(0, Math.floor(where * (bytes.length - 1)));
      const got = read('chunked', 0, cut, sizes, true);
      expect(got.done).toBe(false);
      // Read again, what was forwarded is a good beginning and no more.
      expect(read('chunked', 0, got.out, [7], true)).toMatchObject({ done: false, fault: undefined });
      expect(got.out.endsWith('0\r\n\r\n') && chunked(pieces.slice(0, 0)) === got.out).toBe(false);
    },
  );

  it('extensions are dropped, whatever lies in one read', () => {
    const bytes = '5;a=b;c="d\\"e"\r\nhello\r\n3\r\nabc\r\n0;z\r\n\r\n';
    for (let size = 1; size <= bytes.length; size++) {
      const got = read('chunked', 0, bytes, [size], true);
      expect(got.out + (got.trailers === undefined ? '' : writeLastChunk([]))).toBe(
        '5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n',
      );
    }
  });

  it('one-byte chunks with long extensions are too much overhead, fair chunks are not', () => {
    expect(read('chunked', 0, '1;aaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n'.repeat(2_000), [65_536], true).fault).toBe(
      'chunk_overhead',
    );
    expect(read('chunked', 0, chunked(Array.from({ length: 5_000 }, () => 'x')), [65_536], true).fault).toBeUndefined();
  });

  it('a trailer section comes out as it was, cut at every length', () => {
    const bytes = chunked(['abc'], 'X-A: 1\r\nX-B:  2 \r\n\r\n');
    for (let size = 1; size <= bytes.length; size++) {
      expect(read('chunked', 0, `${bytes}GET`, [size], true)).toMatchObject({
        out: '3\r\nabc\r\n',
        done: true,
        trailers: 'X-A: 1\r\nX-B:  2 \r\n',
        consumed: bytes.length,
      });
    }
  });
});

describe('trailers', () => {
  it.each([
    ['', []],
    ['X-A: 1\r\nX-Hop: 2\r\n', ['X-A: 1\r\n']],
    ['X-A:\r\n', ['X-A:\r\n']],
  ])('%j is good', (section, lines) => {
    expect(readTrailers(section, ['x-hop'])).toEqual({ kind: 'fields', lines });
  });
  it.each([
    'Content-Length: 1\r\n',
    'hOsT: a\r\n',
    ': x\r\n',
    'x\r\n',
    'x : 1\r\n',
    ' x: 1\r\n',
    'x: \0\r\n',
    'x: a\nb\r\n',
    'x: 1',
  ])('%j is refused', (section) => {
    expect(readTrailers(section, [])).toEqual({ kind: 'refused' });
  });
});
