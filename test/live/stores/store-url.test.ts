/** Where a store is, as people write it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../../src/live/stores/open-store.ts';
import { parseStore } from '../../../src/live/stores/store-url.ts';
import { storeKey } from '../../../src/live/stores/store-key.ts';

describe('where a store is', () => {
  it.each([
    ['memory', { kind: 'memory', bytes: undefined }],
    ['memory?bytes=1000', { kind: 'memory', bytes: 1_000 }],
    ['mock', { kind: 'mock', bytes: undefined }],
    ['redis://localhost', { kind: 'redis', tls: false, address: { host: 'localhost', port: 6_379 }, db: 0 }],
    ['redis://h:1/3', { kind: 'redis', tls: false, address: { host: 'h', port: 1 }, db: 3 }],
    [
      'rediss://u:p%40s@h',
      { kind: 'redis', tls: true, username: 'u', password: 'p@s', address: { host: 'h', port: 6_379 }, db: 0 },
    ],
    ['redis://:p@[::1]:7', { kind: 'redis', tls: false, password: 'p', address: { host: '::1', port: 7 }, db: 0 }],
    ['redis:///run/redis.sock', { kind: 'redis', tls: false, address: { path: '/run/redis.sock' }, db: 0 }],
    [
      'redis-cluster://a:1,b',
      {
        kind: 'redis-cluster',
        tls: false,
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 6_379 },
        ],
      },
    ],
  ])('reads %s', (text, target) => {
    expect(parseStore(text)).toEqual({ ok: true, target });
  });

  it.each<[string | string[], [string, number][]]>([
    [
      'memcached://a,b:2',
      [
        ['a:11211', 1],
        ['b:2', 1],
      ],
    ],
    [
      'memcached://a,b:2?weight=2,0.5',
      [
        ['a:11211', 2],
        ['b:2', 0.5],
      ],
    ],
    ['memcached:///run/m.sock', [['/run/m.sock', 1]]],
    [
      '10.0.0.1:11211 10.0.0.2:11211',
      [
        ['10.0.0.1:11211', 1],
        ['10.0.0.2:11211', 1],
      ],
    ],
    ['/run/memcached.sock', [['/run/memcached.sock', 1]]],
    [
      ['10.0.0.1:11211', '[fd00::1]:11211'],
      [
        ['10.0.0.1:11211', 1],
        ['fd00::1:11211', 1],
      ],
    ],
  ])('reads memcached as %s', (text, expected) => {
    const parsed = parseStore(text);
    if (!parsed.ok || parsed.target.kind !== 'memcached') throw new Error('not memcached');
    expect(parsed.target.nodes.map((node) => [node.name, node.weight])).toEqual(expected);
  });

  it.each([
    ['', 'no memcached server'],
    ['postgres://a', 'unknown kind of store "postgres"'],
    ['memory?size=3', 'bytes=NUMBER'],
    ['redis://', 'not host:port'],
    ['redis://h:99999', 'not host:port'],
    ['redis://h/x', 'database'],
    ['redis://%zz:1@h', 'percent-encoding'],
    ['memcached://a,a', 'named twice'],
    ['memcached://a,b?weight=1', 'weight='],
    ['memcached://a?weight=0', 'weight='],
    ['memcached://a b', 'neither host:port'],
  ])('refuses %j', (text, why) => {
    const parsed = parseStore(text);
    expect(parsed).toEqual({ ok: false, message: expect.stringContaining(why) });
  });

  it('never repeats a password in what it says is wrong', () => {
    const opened = openStore('redis://user:secret@host:99999');
    expect(JSON.stringify(opened)).not.toContain('secret');
  });

  it('never throws, whatever is written', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof parseStore(text).ok === 'boolean'));
  });
});

describe('a key for memcached', () => {
  it('is short, without blanks and control characters, and another one for every key', () => {
    const key = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 200, maxLength: 300 }));
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(storeKey(a)).toMatch(/^[\x21-\x7e]{1,250}$/);
        if (a !== b) expect(storeKey(a)).not.toBe(storeKey(b));
        expect(storeKey(storeKey(a).slice(1))).not.toBe(storeKey(a));
      }),
    );
  });

  it('stays readable when it may', () => {
    expect(storeKey('rg1l:abc:LHR:3')).toBe('rg1l:abc:LHR:3');
    expect(storeKey(storeKey('a b'))).not.toBe(storeKey('a b'));
  });
});
