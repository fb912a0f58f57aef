import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HeadLine, encodeHead, parseHead } from '../../src/railgun/head.ts';
import { applyHeadDelta, encodeHeadDelta, headDeltaHolds, storableHead } from '../../src/railgun/head-delta.ts';
import { bytes } from './pretend-link.ts';

const HEAD: readonly HeadLine[] = [
  ['Date', 'Sun, 01 Mar 2026 12:00:00 GMT'],
  ['Content-Type', 'text/html; charset=utf-8'],
  ['Server', 'nginx/1.24.0'],
  ['X-Request-Id', '7f0c9b7e-9a52-4f0d-8c0e-0d7f6a1f4f55'],
  ['Cache-Control', 'no-cache, no-store, max-age=0, must-revalidate'],
  ['Vary', 'Accept-Encoding'],
  ['Content-Length', '92516'],
];

function head(lines: readonly HeadLine[]): Uint8Array {
  return encodeHead(lines) ?? bytes('');
}

const name = fc.constantFrom('Date', 'Server', 'Vary', 'X-Id', 'Set-Cookie', 'ETag', 'Age');
const value = fc.string({
  unit: fc.integer({ min: 32, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 30,
});
const lines = fc.array(fc.tuple(name, value), { maxLength: 12 });

describe('head deltas', () => {
  it('a changed date and id cost a few dozen bytes of 250', () => {
    const later = HEAD.map(([key, text]): HeadLine => {
      if (key === 'Date') return [key, 'Sun, 01 Mar 2026 12:05:07 GMT'];
      return key === 'X-Request-Id' ? [key, '0a1b2c3d-1111-4222-8333-444455556666'] : [key, text];
    });
    const delta = encodeHeadDelta(head(HEAD), head(later));
    expect(delta?.length).toBeLessThanOrEqual(60);
    expect(parseHead(applyHeadDelta(head(HEAD), delta ?? bytes('')) ?? bytes(''))).toEqual(later);
  });

  it('an unchanged head costs one byte', () => {
    expect(encodeHeadDelta(head(HEAD), head(HEAD))?.length).toBe(1);
  });

  it('no shorter delta, no delta', () => {
    expect(encodeHeadDelta(head([]), head([['A', 'b']]))).toBeUndefined();
  });

  it('any two heads: the delta gives back exactly the new one', () => {
    fc.assert(
      fc.property(lines, lines, (old, fresh) => {
        const [a, b] = [head(old), head(fresh)];
        const delta = encodeHeadDelta(a, b);
        if (delta === undefined) return;
        expect(delta.length).toBeLessThan(b.length);
        expect(headDeltaHolds(a, delta, b)).toBe(true);
      }),
    );
  });

  it('any bytes against any stored head: a head of bounded size or a refusal', () => {
    fc.assert(
      fc.property(lines, fc.uint8Array({ maxLength: 100 }), (old, garbage) => {
        const result = applyHeadDelta(head(old), garbage);
        expect(result === undefined || result.length <= 65_536).toBe(true);
      }),
    );
  });

  it('D9: cookies and credentials never enter a stored head, however they are spelt', () => {
    const secret: readonly HeadLine[] = [
      ['Set-Cookie', 'session=verysecret'],
      ['SET-COOKIE', 'b=verysecret'],
      ['Authorization', 'Basic verysecret'],
      ['Proxy-Authorization', 'verysecret'],
      ['WWW-Authenticate', 'Digest nonce="verysecret"'],
      ['Authentication-Info', 'nextnonce="verysecret"'],
      ['Cookie', 'verysecret'],
    ];
    const stored = storableHead([...HEAD.slice(0, 3), ...secret, ...HEAD.slice(3)]);
    expect(Buffer.from(stored).includes('verysecret')).toBe(false);
    expect(parseHead(stored)).toEqual(HEAD);
  });
});
