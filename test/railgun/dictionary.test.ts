import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { after, micros } from '../../src/core/time.ts';
import {
  Dictionary,
  MAX_NAMES,
  dictionaryKey,
  makeVersion,
  packVersion,
  sha256,
  unpackVersion,
  versionName,
} from '../../src/railgun/dictionary.ts';
import { START, STORE_OPTIONS, bytes } from './pretend-link.ts';

const KEY = { zone: 'example.com', https: true, authority: 'www.example.com', path: '/a?b=c' };
const body = bytes('<html>a page</html>'.repeat(100));
const head = bytes('Content-Type:text/html\n');
const version = makeVersion(head, body, sha256(body), START);
const packed = packVersion(version);
const dictionary = (): Dictionary => new Dictionary({ ...STORE_OPTIONS, side: 'sender' });

describe('keys and names', () => {
  it('RG-060 zone, scheme, host, path and query each make another key; case of zone and host does not', () => {
    const keys = [
      KEY,
      { ...KEY, zone: 'example.net' },
      { ...KEY, https: false },
      { ...KEY, authority: 'example.com' },
      { ...KEY, path: '/a' },
      { ...KEY, path: '/A?b=c' },
    ].map(dictionaryKey);
    expect(new Set(keys).size).toBe(keys.length);
    expect(dictionaryKey({ ...KEY, zone: 'EXAMPLE.com', authority: 'WWW.example.com' })).toBe(keys[0]);
  });

  it('RG-060 fields cannot flow into one another', () => {
    expect(dictionaryKey({ ...KEY, authority: 'a', path: '/b' })).not.toBe(
      dictionaryKey({ ...KEY, authority: 'a/', path: 'b' }),
    );
  });

  it('a name covers head and body', () => {
    const digest = sha256(body);
    expect(versionName(head, digest)).toHaveLength(8);
    expect(versionName(bytes('X:1\n'), digest)).not.toEqual(versionName(head, digest));
    expect(versionName(head, sha256(bytes('other')))).not.toEqual(versionName(head, digest));
  });

  it('store keys fit memcached, differ between the two ends, and a URL has few of them', () => {
    const listener = new Dictionary({ ...STORE_OPTIONS, side: 'listener' });
    const keys = new Set<string>();
    for (let first = 0; first < 256; first += 1)
      keys.add(dictionary().storeKey(dictionaryKey(KEY), Uint8Array.of(first, 0, 0, 0, 0, 0, 0, 0), 'LHR'));
    expect(keys.size).toBe(32);
    for (const key of keys) expect(key).toMatch(/^[!-~]{1,250}$/);
    expect(keys.has(dictionary().storeKey(dictionaryKey(KEY), version.name, 'NRT'))).toBe(false);
    expect(keys.has(listener.storeKey(dictionaryKey(KEY), version.name, 'LHR'))).toBe(false);
  });
});

describe('stored versions', () => {
  it('come back whole', () => {
    const again = unpackVersion(packed, version.name, START, 600);
    expect(again?.body).toEqual(Uint8Array.from(body));
    expect(Buffer.from(again?.head ?? [])).toEqual(Buffer.from(head));
  });

  it('RG-062 every single flipped bit and every cut is a miss', () => {
    for (let at = 0; at < packed.length; at += 1) {
      const spoiled = packed.slice();
      spoiled[at] = (spoiled[at] ?? 0) ^ (1 << (at % 8));
      expect(unpackVersion(spoiled, version.name, START, 600)).toBeUndefined();
    }
    for (let cut = 0; cut < packed.length; cut += 1)
      expect(unpackVersion(packed.subarray(0, cut), version.name, START, 600)).toBeUndefined();
  });

  it('another version under the same key is a miss', () => {
    const other = bytes('another page');
    expect(
      unpackVersion(packVersion(makeVersion(head, other, sha256(other), START)), version.name, START, 600),
    ).toBeUndefined();
  });

  it('garbage is a miss, never an exception', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        (garbage) => unpackVersion(garbage, version.name, START, 600) === undefined,
      ),
    );
  });

  it.each([
    { name: 'RG-056 just before the end of its life', ageUs: 599_999_999, expiration: 600, found: true },
    { name: 'RG-056 at the end of its life', ageUs: 600_000_000, expiration: 600, found: false },
    { name: 'RG-056 with 0 it never ends', ageUs: 10_000_000_000, expiration: 0, found: true },
  ])('$name', ({ ageUs, expiration, found }) => {
    expect(unpackVersion(packed, version.name, after(START, ageUs), expiration) !== undefined).toBe(found);
  });
});

describe('what a sender remembers', () => {
  const key = dictionaryKey(KEY);
  it('RG-063 the last version learnt is named, and forgetting an older one changes nothing', () => {
    const memory = dictionary();
    const [first, second] = [Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0)];
    memory.learn(key, first, START);
    memory.learn(key, second, START);
    memory.forget(key, first);
    expect(memory.latest(key, START)).toEqual(second);
    memory.forget(key, second);
    expect(memory.latest(key, START)).toBeUndefined();
  });

  it('RG-056 a name older than memcached.expiration is not asked for', () => {
    const memory = dictionary();
    memory.learn(key, version.name, START);
    expect(memory.latest(key, after(START, 599_000_000))).toBeDefined();
    expect(memory.latest(key, after(START, 600_000_000))).toBeUndefined();
  });

  it('RG-054 while the store rests after a failure nothing is named; then it is again', () => {
    const memory = dictionary();
    memory.learn(key, version.name, START);
    memory.storeFailed(START);
    expect(memory.latest(key, after(START, 999_999))).toBeUndefined();
    expect(memory.latest(key, after(START, 1_000_000))).toBeDefined();
    memory.storeFailed(after(START, 2_000_000));
    memory.storeWorks();
    expect(memory.latest(key, after(START, 2_000_001))).toBeDefined();
  });

  it('names are bounded: the one unused for longest goes', () => {
    const memory = dictionary();
    for (let url = 0; url <= MAX_NAMES; url += 1) {
      memory.learn(`key ${url}`, version.name, micros(START + url));
      if (url === 1_000) memory.latest('key 0', micros(START + url));
    }
    expect(memory.size).toBe(MAX_NAMES);
    expect(memory.latest('key 0', START)).toBeDefined();
    expect(memory.latest('key 1', START)).toBeUndefined();
  });

  it('RG-057 a body larger than memcached.limit does not fit', () => {
    const small = new Dictionary({ ...STORE_OPTIONS, side: 'sender', limitBytes: 10 });
    expect(small.fits(10)).toBe(true);
    expect(small.fits(11)).toBe(false);
  });
});
