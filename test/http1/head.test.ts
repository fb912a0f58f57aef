import { describe, expect, it } from 'vitest';
import { fc, test } from '@fast-check/vitest';
import { refusalStatus } from '../../src/http1/faults.ts';
import { FieldSet, fieldLine, fieldName } from '../../src/http1/field-set.ts';
import { INCOMPLETE, REFUSED, RequestHead, ResponseHead } from '../../src/http1/head.ts';
import { REQUEST_LIMITS, RESPONSE_LIMITS } from '../../src/http1/limits.ts';
import { type RequestEdit, writeRequestHead } from '../../src/http1/write-head.ts';
import { readRequests } from './collect.ts';

const EDIT: RequestEdit = { drop: undefined, add: '', host: undefined, upgrade: false, via: '' };

function request(text: string): RequestHead {
  const head = new RequestHead(REQUEST_LIMITS);
  head.clear();
  head.parse(Buffer.from(text, 'latin1'), 0, text.length);
  return head;
}

function response(text: string): ResponseHead {
  const head = new ResponseHead(RESPONSE_LIMITS);
  head.clear();
  head.parse(Buffer.from(text, 'latin1'), 0, text.length);
  return head;
}

describe('a request head', () => {
  it('is read where it lies, with bytes before and behind', () => {
    const text = 'XXXGET /a HTTP/1.1\r\nHost: h:8\r\nCookie: \t a=b \r\nContent-Length: 3\r\n\r\nabcGET';
    const head = new RequestHead(REQUEST_LIMITS);
    head.clear();
    const length = head.parse(Buffer.from(text), 3, text.length);
    expect(text.slice(3 + length)).toBe('abcGET');
    expect(head).toMatchObject({
      method: 'GET',
      target: '/a',
      host: 'h:8',
      contentLength: 3,
      chunked: false,
      minor: 1,
    });
    expect(head.get(fieldName('COOKIE'))).toBe('a=b');
    expect(head.get(fieldName('cookie2'))).toBeUndefined();
    expect(head.fields()).toEqual([
      ['Host', 'h:8'],
      ['Cookie', 'a=b'],
      ['Content-Length', '3'],
    ]);
  });

  it.each([
    ['Connection: close', { close: true, keepAlive: false, upgradeOption: false }],
    ['Connection: Keep-Alive, Upgrade', { close: false, keepAlive: true, upgradeOption: true }],
    ['Connection: x-one\r\nConnection: X-Two , te', { connectionNames: ['x-one', 'x-two'] }],
    ['Expect: 100-Continue', { expectContinue: true }],
    ['Max-Forwards: 3', { maxForwards: 3 }],
    ['Max-Forwards: three', { maxForwards: -1 }],
    ['Upgrade: a\r\nUpgrade: b', { upgrade: 'a, b' }],
    ['Transfer-Encoding: CHUNKED', { chunked: true, contentLength: -1 }],
  ])('%s is understood', (field, expected) => {
    expect(request(`GET / HTTP/1.1\r\nHost: a\r\n${field}\r\n\r\n`)).toMatchObject({ fault: undefined, ...expected });
  });

  it.each([
    ['GET / HTTP/1.1\r\n\r\n', 'no_host', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', 'two_hosts', 400],
    ['GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 'bad_host', 400],
    ['GET / HTTP/2.0\r\n', 'version_not_supported', 505],
    ['GET / HTTP/1.1\n', 'bad_line_end', 400],
    ['G@T /', 'bad_method', 400],
    ['CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 'method_not_supported', 501],
    ['GET /\x01', 'bad_target', 400],
    [`GET /${'a'.repeat(20_000)}`, 'target_too_long', 414],
    ['GET / HTTP/1.1\r\nHost: a\r\nX : 1', 'space_before_colon', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\n x', 'obs_fold', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\nX: a\0', 'bad_field_value', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\nX: a\rb', 'bad_line_end', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n', 'two_content_lengths', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 'length_and_chunked', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 'unknown_transfer_coding', 501],
    ['GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n', 'bad_transfer_coding', 400],
    ['GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 'transfer_coding_in_1_0', 400],
    ['GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n', 'unknown_expectation', 417],
    [`GET / HTTP/1.1\r\nHost: a\r\n${'X: 1\r\n'.repeat(200)}`, 'too_many_fields', 431],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}`, 'head_too_large', 431],
  ])('%# is refused as %s as soon as it is seen', (text, fault, status) => {
    const head = request(text);
    expect(head.fault).toBe(fault);
    expect(refusalStatus(fault as Parameters<typeof refusalStatus>[0])).toBe(status);
  });

  it('cut at any length it is incomplete, and whole when the rest comes', () => {
    const text = 'POST /a?b HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n';
    const bytes = Buffer.from(text);
    for (let cut = 0; cut < text.length; cut++) {
      const head = new RequestHead(REQUEST_LIMITS);
      head.clear();
      expect(head.parse(bytes, 0, cut)).toBe(INCOMPLETE);
      expect(head.parse(bytes, 0, text.length)).toBe(text.length);
      expect(head.fields()).toHaveLength(3);
    }
  });

  it('its object is read into again without traces of the last one', () => {
    const head = request(
      'POST http://x/ HTTP/1.0\r\nConnection: close, x-a, upgrade\r\nUpgrade: b\r\nContent-Length: 9\r\n\r\n',
    );
    head.clear();
    const second = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(head.parse(second, 0, second.length)).toBe(second.length);
    const fresh = request(second.toString());
    expect({ ...head, spans: [], hashes: [], kinds: [] }).toEqual({ ...fresh, spans: [], hashes: [], kinds: [] });
  });
});

describe('a response head', () => {
  it.each([
    ['HTTP/1.1 200 OK\r\n\r\n', { status: 200, minor: 1 }],
    ['HTTP/1.1 200\r\n\r\n', { status: 200 }],
    ['HTTP/1.1 200 \r\n\r\n', { status: 200 }],
    ['HTTP/1.0 999 Odd \xe4\r\nDate: x\r\n\r\n', { status: 999, minor: 0, dated: true }],
    ['HTTP/1.1 204 No\r\n\r\n', { bodiless: true }],
  ])('%j is read', (text, expected) => {
    expect(response(text)).toMatchObject({ fault: undefined, ...expected });
  });

  it.each([
    'HTTP/1.1 20 OK\r\n\r\n',
    'HTTP/1.1 099 X\r\n\r\n',
    'HTTP/1.1  200 OK\r\n\r\n',
    'HTTP/1.1 2000 OK\r\n\r\n',
    'http/1.1 200 OK\r\n\r\n',
    'HTTP/1.1 200 O\0K\r\n\r\n',
    'ICY 200 OK\r\n\r\n',
    'HTTP/2 200\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: 1\r\n B\r\n\r\n',
  ])('%j is refused', (text) => {
    const head = new ResponseHead(RESPONSE_LIMITS);
    head.clear();
    expect(head.parse(Buffer.from(text, 'latin1'), 0, text.length)).toBe(REFUSED);
  });
});

describe('sets and lines of fields', () => {
  it('a set finds names in any case, and only those', () => {
    const set = new FieldSet(['X-Forwarded-For', 'cf-ray', 'CF-Ray']);
    expect(set.size).toBe(2);
    expect(['x-forwarded-for', 'cf-ray'].every((name) => set.hasName(name))).toBe(true);
    expect(set.hasName('cf-rax')).toBe(false);
  });

  it.each([
    ['X', 'a\r\nEvil: 1'],
    ['X', 'a\nb'],
    ['X Y', 'a'],
    ['X', 'Ā'],
    ['', 'a'],
  ])('fieldLine(%j, %j) is our own mistake', (name, value) => {
    expect(() => fieldLine(name, value)).toThrow('a field');
  });
});

const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_!~'), minLength: 1, maxLength: 12 });
const text = fc.string({ unit: fc.constantFrom(...'aZ09 \t;,=/"\xe4\xff:'), maxLength: 30 });
const field = fc.tuple(
  token.map((name) => `X-${name}`),
  text.map((value) => value.trim()),
);

describe('what is written', () => {
  test.prop([
    fc.array(field, { maxLength: 40 }),
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
  ])('a head that is written reads as the head that was read, however it is cut', (fields, sizes) => {
    const source = `GET /p HTTP/1.1\r\nHost: a\r\n${fields.map(([name, value]) => `${name}:${value}\r\n`).join('')}\r\n`;
    const written = writeRequestHead(request(source), EDIT);
    const again = readRequests(Buffer.from(written, 'latin1'), sizes, true);
    expect(again.fault).toBeUndefined();
    expect(again.requests[0]?.fields).toEqual([['Host', 'a'], ...fields, ['Connection', 'Keep-Alive']]);
  });

  test.prop([fc.array(field, { maxLength: 20 }), fc.infiniteStream(fc.boolean())])(
    'any of the fields may be dropped, and the others keep their order',
    (fields, coin) => {
      const names = [...new Set(fields.map(([name]) => name.toLowerCase()))].filter(() => coin.next().value);
      const drop = new FieldSet(names);
      const source = `GET /p HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}Host: a\r\n\r\n`;
      const written = writeRequestHead(request(source), { ...EDIT, drop });
      const kept = fields.filter(([name]) => !names.includes(name.toLowerCase()));
      expect(request(written).fields()).toEqual([...kept, ['Host', 'a'], ['Connection', 'Keep-Alive']]);
    },
  );
});
