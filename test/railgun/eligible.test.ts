import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { forbidsTransform, identityHead, knownCoding, openCoding } from '../../src/railgun/content-coding.ts';
import {
  DEFAULT_THRESHOLDS,
  RAILGUN_TYPES,
  mayTravel,
  typeListed,
  whyRawAtEnd,
  whyRawAtHead,
} from '../../src/railgun/eligible.ts';
import { Why } from '../../src/railgun/messages.ts';

const thresholds = { ...DEFAULT_THRESHOLDS, streamSize: 250_000 };
const head = (over: object = {}) => ({
  method: 'GET',
  status: 200,
  lines: [['Content-Type', 'text/html; charset=utf-8']] as [string, string][],
  bodyLength: 10_000 as number | undefined,
  ...over,
});

describe('RG-040 every listed type is eligible', () => {
  it.each([
    'text/html',
    'text/html; charset=x',
    'TEXT/HTML;charset=utf-8',
    'text/css',
    'text/plain',
    'application/atom+xml',
    'application/rss+xml; charset=utf-8',
    'application/xhtml+xml',
    'application/json',
    'application/ecmascript',
    'application/javascript',
    'application/x-javascript',
    'application/xml',
    'application/dart',
  ])('RG-040 %s', (type) => {
    expect(typeListed(type, RAILGUN_TYPES)).toBe(true);
    expect(whyRawAtHead(head({ lines: [['content-type', type]] }), thresholds)).toBeUndefined();
  });

  it.each([
    undefined,
    '',
    'text',
    'text/',
    'image/png',
    'image/svg+xml',
    'application/octet-stream',
    'application/+xml',
    'application/jsonx',
    'xtext/html',
  ])('%s is not', (type) => {
    expect(typeListed(type, RAILGUN_TYPES)).toBe(false);
  });
});

describe('what is streamed, at the head of the answer', () => {
  it.each([
    { name: 'RG-036 exactly stream.size', answer: head({ bodyLength: 250_000 }), why: undefined },
    { name: 'RG-036 one byte more', answer: head({ bodyLength: 250_001 }), why: Why.tooLarge },
    { name: 'a length that is not known yet', answer: head({ bodyLength: undefined }), why: undefined },
    { name: 'RG-042 below the small-body threshold', answer: head({ bodyLength: 1_023 }), why: Why.small },
    { name: 'at the threshold', answer: head({ bodyLength: 1_024 }), why: undefined },
    { name: 'RG-041 an empty body', answer: head({ bodyLength: 0 }), why: Why.small },
    { name: 'RG-046 a 206', answer: head({ status: 206 }), why: Why.notGet200 },
    { name: 'RG-046 a 304', answer: head({ status: 304, bodyLength: 0 }), why: Why.notGet200 },
    { name: 'RG-046 a POST', answer: head({ method: 'POST' }), why: Why.notGet200 },
    {
      name: 'a coding that we cannot open',
      answer: head({
        lines: [
          ['Content-Type', 'text/html'],
          ['Content-Encoding', 'zstd'],
        ],
      }),
      why: Why.type,
    },
    {
      name: 'two codings',
      answer: head({
        lines: [
          ['Content-Type', 'text/html'],
          ['Content-Encoding', 'gzip, br'],
        ],
      }),
      why: Why.type,
    },
    {
      name: 'gzip that must not be transformed',
      answer: head({
        lines: [
          ['Content-Type', 'text/html'],
          ['Content-Encoding', 'gzip'],
          ['Cache-Control', 'public, no-transform'],
        ],
      }),
      why: Why.type,
    },
    {
      name: 'a short gzip body, which may open to a long one',
      answer: head({
        bodyLength: 500,
        lines: [
          ['Content-Type', 'text/html'],
          ['Content-Encoding', 'gzip'],
        ],
      }),
      why: undefined,
    },
  ])('$name', ({ answer, why }) => {
    expect(whyRawAtHead(answer, thresholds)).toBe(why);
  });

  it('and at the end of a body whose length nobody knew', () => {
    expect(whyRawAtEnd(1_023, thresholds)).toBe(Why.small);
    expect(whyRawAtEnd(1_024, thresholds)).toBeUndefined();
    expect(whyRawAtEnd(250_001, thresholds)).toBe(Why.tooLarge);
  });
});

describe('RG-043 codings', () => {
  it('RG-043 gzip is opened and the head relabelled: no coding, the new length, a weak ETag', () => {
    const body = Buffer.from('x'.repeat(5_000));
    const packed = gzipSync(body);
    expect(openCoding('gzip', packed, 5_000)).toEqual(body);
    const lines = identityHead(
      [
        ['Content-Encoding', 'gzip'],
        ['Content-Length', String(packed.length)],
        ['ETag', '"abc"'],
        ['Vary', 'Accept-Encoding'],
      ],
      5_000,
    );
    expect(lines).toEqual([
      ['Content-Length', '5000'],
      ['ETag', 'W/"abc"'],
      ['Vary', 'Accept-Encoding'],
    ]);
  });

  it('a bomb, and bytes that are no gzip, are refused', () => {
    expect(openCoding('gzip', gzipSync(Buffer.alloc(1_000_000)), 5_000)).toBeUndefined();
    expect(openCoding('gzip', Buffer.from('no gzip'), 5_000)).toBeUndefined();
    expect(openCoding('br', Buffer.from([0xff, 0xff]), 5_000)).toBeUndefined();
  });

  it.each([
    { value: undefined, coding: 'identity' },
    { value: 'identity', coding: 'identity' },
    { value: ' GZIP ', coding: 'gzip' },
    { value: 'x-gzip', coding: 'gzip' },
    { value: 'br', coding: 'br' },
    { value: 'gzip, gzip', coding: undefined },
  ])('$value is $coding', ({ value, coding }) => {
    expect(knownCoding(value === undefined ? [] : [['content-encoding', value]])).toBe(coding);
  });

  it('no-transform is found among other directives only as a word', () => {
    expect(forbidsTransform([['Cache-Control', 'max-age=1, No-Transform']])).toBe(true);
    expect(forbidsTransform([['Cache-Control', 'x-no-transform']])).toBe(false);
  });
});

describe('what may travel the link', () => {
  it('tunnels and upgrades go direct', () => {
    expect(mayTravel('GET', [])).toBe(true);
    expect(mayTravel('CONNECT', [])).toBe(false);
    expect(mayTravel('GET', [['Upgrade', 'websocket']])).toBe(false);
  });
});
