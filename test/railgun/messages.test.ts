import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHead, parseHead } from '../../src/railgun/head.ts';
import {
  type RequestMessage,
  type ResponseMessage,
  encodeGoAway,
  encodeRequest,
  encodeResponse,
  parseGoAway,
  parseNumber,
  parseRequest,
  parseResponse,
  targetIsSafe,
} from '../../src/railgun/messages.ts';
import { bytes } from './pretend-link.ts';

const text = (max: number) =>
  fc.string({ unit: fc.integer({ min: 33, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: max });

const anyRequest: fc.Arbitrary<RequestMessage> = fc.record({
  https: fc.boolean(),
  hasBody: fc.boolean(),
  wantsDelta: fc.boolean(),
  idempotent: fc.boolean(),
  rawTarget: fc.boolean(),
  method: fc.constantFrom('GET', 'HEAD', 'POST', 'PATCH', 'PURGE', 'M-SEARCH'),
  zone: text(40),
  authority: text(60),
  path: text(200),
  originAddress: text(45),
  deadlineMs: fc.nat(),
  named: fc.option(fc.uint8Array({ minLength: 8, maxLength: 8 }), { nil: undefined }),
  codecs: fc.nat({ max: 255 }),
  head: fc.uint8Array({ maxLength: 500 }),
});

const anyResponse: fc.Arbitrary<ResponseMessage> = fc
  .record({
    status: fc.integer({ min: 200, max: 999 }),
    mode: fc.constantFrom('raw' as const, 'full' as const, 'delta' as const, 'same' as const),
    why: fc.nat({ max: 11 }),
    flags: fc.nat({ max: 0xffff }),
    originTimeUs: fc.nat(),
    bodyLength: fc.option(fc.nat(), { nil: undefined }),
    digest: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    codec: fc.nat({ max: 4 }),
    headMode: fc.constantFrom('plain' as const, 'delta' as const),
    head: fc.uint8Array({ maxLength: 500 }),
  })
  .map((message) => ({
    ...message,
    bodyLength: message.mode === 'raw' ? message.bodyLength : (message.bodyLength ?? 0),
    digest: message.mode === 'raw' ? new Uint8Array(0) : message.digest,
    codec: message.mode === 'full' || message.mode === 'delta' ? message.codec : 0,
    headMode: message.mode === 'delta' || message.mode === 'same' ? message.headMode : 'plain',
  }));

describe('REQUEST and RESPONSE', () => {
  it('any REQUEST comes back with the bytes behind it; cut anywhere before them it is refused', () => {
    fc.assert(
      fc.property(anyRequest, fc.uint8Array({ maxLength: 50 }), (message, rest) => {
        const payload = encodeRequest(message);
        const parsed = parseRequest(Buffer.concat([payload, rest]), 65_536);
        expect(parsed?.message).toEqual({ ...message, head: parsed?.message.head, named: parsed?.message.named });
        expect(Buffer.compare(parsed?.message.head ?? bytes('?'), message.head)).toBe(0);
        expect([...(parsed?.message.named ?? [])]).toEqual([...(message.named ?? [])]);
        expect([...(parsed?.rest ?? [])]).toEqual([...rest]);
        for (let cut = 0; cut < payload.length; cut += 1)
          expect(parseRequest(payload.subarray(0, cut), 65_536)).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  it('any RESPONSE comes back with the bytes behind it; cut anywhere before them it is refused', () => {
    fc.assert(
      fc.property(anyResponse, fc.uint8Array({ maxLength: 50 }), (message, rest) => {
        const payload = encodeResponse(message);
        const parsed = parseResponse(Buffer.concat([payload, rest]), 65_536);
        expect(parsed?.message).toEqual({ ...message, head: parsed?.message.head, digest: parsed?.message.digest });
        expect(Buffer.compare(parsed?.message.digest ?? bytes('?'), message.digest)).toBe(0);
        expect([...(parsed?.rest ?? [])]).toEqual([...rest]);
        for (let cut = 0; cut < payload.length; cut += 1)
          expect(parseResponse(payload.subarray(0, cut), 65_536)).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  it('any bytes give a message or nothing, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        parseRequest(garbage, 100);
        parseResponse(garbage, 100);
        parseGoAway(garbage);
        parseNumber(garbage);
        parseHead(garbage);
      }),
    );
  });

  it('a head above the limit is refused', () => {
    const message = { ...fc.sample(anyRequest, 1)[0], head: new Uint8Array(101) } as RequestMessage;
    expect(parseRequest(encodeRequest(message), 100)).toBeUndefined();
  });

  it('a typical GET with a 374-byte head fits one segment of 1,399 bytes', () => {
    const head = new Uint8Array(374).fill(65);
    const message: RequestMessage = {
      https: true,
      hasBody: false,
      wantsDelta: true,
      idempotent: true,
      rawTarget: false,
      method: 'GET',
      zone: 'example.com',
      authority: 'www.example.com',
      path: '/news/index.html?page=2',
      originAddress: '203.0.113.10',
      deadlineMs: 0,
      named: new Uint8Array(8),
      codecs: 0x1e,
      head,
    };
    expect(encodeRequest(message).length).toBeLessThanOrEqual(374 + 90);
  });

  it('GOAWAY comes back, its text cut to what is sent', () => {
    const sent = { lastStream: 2 ** 30 - 1, code: 2, drainMs: 30_000, debug: 'calm down' };
    expect(parseGoAway(encodeGoAway(sent))).toEqual(sent);
    expect(parseGoAway(encodeGoAway({ ...sent, debug: 'x'.repeat(500) }))?.debug).toHaveLength(200);
  });
});

describe('what may stand in a request line', () => {
  const good = { method: 'GET', authority: 'a.example:81', path: '/%zz?a=%&b=\xff' };
  it.each([
    { name: 'odd percent signs and high bytes pass', target: good, safe: true },
    { name: 'OPTIONS *', target: { ...good, method: 'OPTIONS', path: '*' }, safe: true },
    { name: 'a space in the path', target: { ...good, path: '/a b' }, safe: false },
    { name: 'a second request in the path', target: { ...good, path: '/ HTTP/1.1\r\nX:' }, safe: false },
    { name: 'no slash', target: { ...good, path: 'a' }, safe: false },
    { name: 'a method with a space', target: { ...good, method: 'GET /' }, safe: false },
    { name: 'an authority with a line feed', target: { ...good, authority: 'a\nb' }, safe: false },
    { name: 'no authority', target: { ...good, authority: '' }, safe: false },
  ])('$name', ({ target, safe }) => {
    expect(targetIsSafe(target)).toBe(safe);
  });
});

describe('heads', () => {
  it('come back line by line, values with colons and high bytes included', () => {
    const lines = [
      ['Host', 'a:80'],
      ['X-Empty', ''],
      ['Cookie', 'caf\xe9=1; b=2'],
    ] as const;
    const head = encodeHead(lines);
    expect(head).toBeDefined();
    expect(parseHead(head ?? bytes(''))).toEqual(lines);
  });

  it.each([
    { name: 'a line feed in a value', lines: [['A', 'b\nC:d']] as const },
    { name: 'a carriage return in a value', lines: [['A', 'b\r']] as const },
    { name: 'a NUL in a value', lines: [['A', 'b\0']] as const },
    { name: 'a space in a name', lines: [['A b', 'c']] as const },
    { name: 'an empty name', lines: [['', 'c']] as const },
  ])('$name is not written', ({ lines }) => {
    expect(encodeHead(lines)).toBeUndefined();
  });

  it.each(['A:b', ':b\n', 'A b:c\n', 'A:b\r\n', 'A\n', 'A:b\n\n', 'A:\0\n'])('%j is not read', (head) => {
    expect(parseHead(bytes(head))).toBeUndefined();
  });
});
