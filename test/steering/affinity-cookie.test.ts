import { createHash, createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AffinityCookies, cookieValue, setCookie } from '../../src/steering/affinity-cookie.ts';
import { HmacSha256, sha256 } from '../../src/steering/hmac-sha256.ts';
import { affinity, model, pool } from './builders.ts';

const key = Buffer.from('0123456789abcdef0123456789abcdef');
const pools = [pool('p1', { origins: ['a', 'b'] }), pool('p2', { origins: ['a'] }), pool('fb')];
const claim = { loadBalancer: 'lb', pool: 'p1', origin: 'b', issuedAt: 1_772_366_400 };

describe('HMAC-SHA-256', () => {
  it('equals node:crypto for every length around the block borders, and keys of any length', () => {
    for (const keyLength of [0, 1, 32, 63, 64, 65, 200]) {
      const own = Buffer.alloc(keyLength, 7);
      const hmac = new HmacSha256(own);
      for (let length = 0; length <= 200; length += 1) {
        const message = Buffer.from(Array.from({ length }, (_, i) => (i * 31 + length) & 255));
        const out = Buffer.alloc(32);
        hmac.sign(message, out);
        expect(out.toString('hex')).toBe(createHmac('sha256', own).update(message).digest('hex'));
      }
    }
  });

  it('equals node:crypto for any key and message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 150 }), fc.uint8Array({ maxLength: 1000 }), (own, message) => {
        const out = Buffer.alloc(32);
        new HmacSha256(own).sign(message, out);
        expect(out.equals(createHmac('sha256', own).update(message).digest())).toBe(true);
        sha256(message, out);
        expect(out.equals(createHash('sha256').update(message).digest())).toBe(true);
      }),
    );
  });
});

describe('__cflb', () => {
  it('gives back what was put in, at the first reading and from memory', () => {
    const cookies = new AffinityCookies(key, model(pools));
    const text = cookies.encode(claim);
    expect(text).toMatch(/^[A-Za-z0-9_-]{52}$/);
    expect(cookies.decode(text)).toEqual(claim);
    expect(cookies.decode(text)).toEqual(claim);
  });

  it('another edge with the same key and configuration reads it', () => {
    const text = new AffinityCookies(key, model(pools)).encode(claim);
    expect(new AffinityCookies(key, model(pools)).decode(text)).toEqual(claim);
  });

  it('names neither pool nor origin to the visitor', () => {
    const secret = [pool('secret-pool', { origins: ['db-7.internal'] }), pool('fb')];
    const text = new AffinityCookies(key, model(secret)).encode({
      ...claim,
      pool: 'secret-pool',
      origin: 'db-7.internal',
    });
    expect(Buffer.from(text, 'base64url').toString('latin1')).not.toMatch(/secret|internal/);
  });

  it('LB-179 tampered at any bit: as if absent', () => {
    const cookies = new AffinityCookies(key, model(pools));
    const bytes = Buffer.from(cookies.encode(claim), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(cookies.decode(altered.toString('base64url')), `bit ${bit}`).toBeUndefined();
    }
  });

  it('LB-179 malformed: as if absent, never an error', () => {
    const cookies = new AffinityCookies(key, model(pools));
    const text = cookies.encode(claim);
    for (const bad of [
      '',
      'x',
      text.slice(1),
      `${text}A`,
      `${text.slice(0, 51)}!`,
      '='.repeat(52),
      'é'.repeat(52),
      text.toUpperCase(),
    ]) {
      expect(cookies.decode(bad), bad).toBeUndefined();
    }
    fc.assert(fc.property(fc.string({ minLength: 52, maxLength: 52 }), (noise) => cookies.decode(noise) === undefined));
  });

  it('signed with another key: as if absent', () => {
    const other = new AffinityCookies(Buffer.alloc(32, 1), model(pools));
    expect(new AffinityCookies(key, model(pools)).decode(other.encode(claim))).toBeUndefined();
  });

  it('an origin that left the configuration decodes to one that nothing has', () => {
    const text = new AffinityCookies(key, model(pools)).encode(claim);
    const smaller = new AffinityCookies(key, model([pool('p1', { origins: ['a'] }), pool('fb')]));
    expect(smaller.decode(text)).toEqual({ ...claim, origin: '(gone)' });
    expect(new AffinityCookies(key, model([pool('p9'), pool('fb')])).decode(text)).toMatchObject({ pool: '(gone)' });
  });

  it('origins of one name in two pools are told apart', () => {
    const cookies = new AffinityCookies(key, model(pools));
    for (const of of ['p1', 'p2']) {
      const own = { ...claim, pool: of, origin: 'a' };
      expect(cookies.decode(cookies.encode(own))).toEqual(own);
    }
  });
});

describe('Set-Cookie', () => {
  it.each([
    { name: 'LB-177 Always Use HTTPS on', https: true, fields: {}, wanted: 'SameSite=Lax; Secure' },
    { name: 'LB-178 Always Use HTTPS off', https: false, fields: {}, wanted: 'SameSite=None' },
    {
      name: 'as configured',
      https: false,
      fields: { samesite: 'Strict', secure: 'Always' },
      wanted: 'SameSite=Strict; Secure',
    },
    { name: 'never secure', https: true, fields: { samesite: 'Lax', secure: 'Never' }, wanted: 'SameSite=Lax' },
  ] as const)('$name', ({ https, fields, wanted }) => {
    const of = affinity({ kind: 'cookie', ttlSeconds: 1800, ...fields });
    expect(setCookie('VALUE', of, https)).toBe(`__cflb=VALUE; Max-Age=1800; Path=/; HttpOnly; ${wanted}`);
  });
});

describe('finding one cookie', () => {
  it.each([
    ['__cflb=x', 'x'],
    ['a=1; __cflb=x; b=2', 'x'],
    ['a=1;__cflb=x', 'x'],
    ['a=__cflb=no; __cflb=x', 'x'],
    ['x__cflb=no; __cflb=x', 'x'],
    ['__cflb2=no; __cflb=x', 'x'],
    ['__cflb=first; __cflb=second', 'first'],
    ['__cflb=', ''],
    ['__cflb', undefined],
    ['a=1', undefined],
    ['', undefined],
  ])('%j', (header, wanted) => {
    expect(cookieValue(header, '__cflb')).toBe(wanted);
  });
});
