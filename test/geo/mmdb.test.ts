import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineDatabases, type GeoDatabase, openMmdb } from '../../src/geo/mmdb.ts';
import { buildMmdb } from './build-mmdb.ts';

const shipped = readFileSync(new URL('../../data/geoip/GeoIP2-City-Test.mmdb', import.meta.url));

function opened(bytes: Uint8Array): GeoDatabase {
  const result = openMmdb(bytes);
  if (result.kind !== 'opened') throw new Error(result.reason);
  return result.database;
}

describe('the nested schema: the file that is shipped', () => {
  const database = opened(shipped);

  it.each([
    { address: '81.2.69.160', country: 'GB', latitude: 51.5142, longitude: -0.0931 },
    { address: '216.160.83.56', country: 'US', latitude: 47.2513, longitude: -122.3149 },
    { address: '175.16.199.1', country: 'CN', latitude: 43.88, longitude: 125.3228 },
    { address: '2001:218::1', country: 'JP', latitude: 35.68536, longitude: 139.75309 },
    { address: '::ffff:81.2.69.160', country: 'GB', latitude: 51.5142, longitude: -0.0931 },
  ])('$address is in $country', ({ address, ...expected }) => {
    expect(database.find(address)).toEqual(expected);
  });

  it('an address that no network holds is not found', () => {
    expect(database.find('8.8.8.8')).toBeUndefined();
    expect(database.damaged).toBe(0);
  });

  it('says what it is', () => {
    expect(database.description).toMatch(/^GeoIP2-City, IPv6, built 20\d\d-\d\d-\d\d$/);
    expect(database.hasCoordinates).toBe(true);
  });

  it('asked twice, the same object answers', () => {
    expect(database.find('81.2.69.160')).toBe(database.find('81.2.69.161'));
  });
});

describe('the flat schema', () => {
  const countries = opened(
    buildMmdb({
      type: 'country ipvAll',
      ipVersion: 6,
      networks: [
        ['198.18.0.0/15', { country_code: 'FR' }],
        ['2a00::/16', { country_code: 'de' }],
        ['100.0.0.0/8', { country_code: 'EU' }],
      ],
    }),
  );

  it.each([
    ['198.19.255.255', 'FR'],
    ['2a00:1450::1', 'DE'],
  ])('%s is in %s, without coordinates', (address, country) => {
    expect(countries.find(address)).toEqual({ country, latitude: undefined, longitude: undefined });
  });

  it('a country that is none is as good as nothing', () => {
    expect(countries.find('100.1.2.3')).toBeUndefined();
  });

  it('coordinates as text or as numbers; impossible ones are left out', () => {
    const cities = opened(
      buildMmdb({
        type: 'city ipv4',
        ipVersion: 4,
        networks: [
          ['1.0.0.0/24', { country_code: 'AU', latitude: '-33.87', longitude: '151.21' }],
          ['2.0.0.0/24', { country_code: 'FR', latitude: 48.86, longitude: 2.35 }],
          ['3.0.0.0/24', { country_code: 'US', latitude: 480, longitude: 2.35 }],
          ['4.0.0.0/24', { latitude: 48.86, longitude: 2.35 }],
          ['5.0.0.0/24', { country_code: '__proto__' }],
        ],
      }),
    );
    expect(cities.find('1.0.0.1')).toEqual({ country: 'AU', latitude: -33.87, longitude: 151.21 });
    expect(cities.find('2.0.0.1')).toEqual({ country: 'FR', latitude: 48.86, longitude: 2.35 });
    expect(cities.find('3.0.0.1')).toEqual({ country: 'US', latitude: undefined, longitude: undefined });
    expect(cities.find('4.0.0.1')).toEqual({ country: undefined, latitude: 48.86, longitude: 2.35 });
    expect(cities.find('5.0.0.1')).toBeUndefined();
  });
});

describe('one file for IPv4 and one for IPv6', () => {
  const four = opened(
    buildMmdb({ type: 'country ipv4', ipVersion: 4, networks: [['32.1.0.0/16', { country_code: 'US' }]] }),
  );
  const six = opened(
    buildMmdb({ type: 'country ipv6', ipVersion: 6, networks: [['2001:db0::/32', { country_code: 'JP' }]] }),
  );

  it('an IPv6 address is not looked for among IPv4 networks whose first bits are the same', () => {
    expect(four.find('32.1.2.3')?.country).toBe('US');
    expect(four.find('2001:1::1')).toBeUndefined(); // 0x2001 = 32.1
  });

  it('together they answer for both', () => {
    const both = combineDatabases([four, six]);
    expect([both.find('32.1.2.3')?.country, both.find('2001:db0::1')?.country, both.find('9.9.9.9')]).toEqual([
      'US',
      'JP',
      undefined,
    ]);
    expect(both.description).toContain(' + ');
  });
});

describe('damaged files', () => {
  it.each([
    ['empty', new Uint8Array(0)],
    ['text', new TextEncoder().encode('not a database at all')],
    ['the first half of one', shipped.subarray(0, 9_000)],
    ['only the end of one', shipped.subarray(shipped.length - 600)],
  ])('%s: refused with a reason', (_, bytes) => {
    const result = openMmdb(bytes);
    expect(result.kind).toBe('not_mmdb');
    expect(result.kind === 'not_mmdb' && result.reason.length).toBeGreaterThan(5);
  });

  it('bytes changed anywhere never throw: refused, not found, or found', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(shipped.length - 1), fc.nat(255)), { minLength: 1, maxLength: 30 }),
        (changes) => {
          const bytes = Uint8Array.from(shipped);
          for (const [at, value] of changes) bytes[at] = value;
          const result = openMmdb(bytes);
          if (result.kind === 'not_mmdb') return;
          for (const address of ['81.2.69.160', '216.160.83.56', '2001:218::1', '8.8.8.8']) {
            const hit = result.database.find(address);
            if (hit?.latitude !== undefined) expect(Math.abs(hit.latitude)).toBeLessThanOrEqual(90);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
