import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssertionFailed } from '../../src/core/assert.ts';
import { Locator, type LocatorOptions } from '../../src/geo/locate.ts';
import { openMmdb } from '../../src/geo/mmdb.ts';
import { COUNTRIES, POPS, REGIONS } from '../../src/geo/tables.ts';
import { buildMmdb } from './build-mmdb.ts';

function database(bytes: Uint8Array) {
  const result = openMmdb(bytes);
  if (result.kind !== 'opened') throw new Error(result.reason);
  return result.database;
}

const cities = database(readFileSync(new URL('../../data/geoip/GeoIP2-City-Test.mmdb', import.meta.url)));
const countries = database(
  buildMmdb({
    type: 'country',
    ipVersion: 6,
    networks: [
      ['1.0.0.0/24', { country_code: 'AU' }],
      ['133.0.0.0/8', { country_code: 'JP' }],
      ['8.0.0.0/8', { country_code: 'US' }],
      ['10.1.0.0/16', { country_code: 'BR' }],
      ['203.0.113.0/24', { country_code: 'AU' }],
      ['2001:db8::/32', { country_code: 'JP' }],
    ],
  }),
);
const pops = ['LHR', 'FRA', 'IAD', 'SJC', 'NRT', 'SYD'];

describe('where a client is', () => {
  it('LB-256 a request at each PoP of the table is in the region of that PoP, or in none, and nothing is assumed', () => {
    const locator = new Locator();
    for (const pop of POPS) {
      const location = locator.pop(pop.code);
      expect(location).toMatchObject({ pop: pop.code, popIndex: pop.index, country: pop.country, assumed: [] });
      expect(location.region).toBe(location.regionIndex === -1 ? undefined : REGIONS[location.regionIndex]?.code);
    }
  });

  const table: readonly {
    name: string;
    options?: LocatorOptions;
    find: Parameters<Locator['find']>[0];
    pop: string;
    country: string;
    assumed: readonly string[];
  }[] = [
    {
      name: 'coordinates of the file lead to the nearest PoP',
      options: { database: cities },
      find: { address: '81.2.69.160' },
      pop: 'LHR',
      country: 'GB',
      assumed: [],
    },
    {
      name: 'an address near Seattle goes west',
      options: { database: cities },
      find: { address: '216.160.83.56' },
      pop: 'SJC',
      country: 'US',
      assumed: [],
    },
    {
      name: 'IPv6, in brackets',
      options: { database: cities },
      find: { address: '[2001:218::1]' },
      pop: 'NRT',
      country: 'JP',
      assumed: [],
    },
    {
      name: 'a country alone stands at its point',
      options: { database: countries },
      find: { address: '133.11.0.1' },
      pop: 'NRT',
      country: 'JP',
      assumed: ['country_centroid'],
    },
    {
      name: 'the United States as a country are in the east',
      options: { database: countries },
      find: { address: '8.8.8.8' },
      pop: 'IAD',
      country: 'US',
      assumed: ['country_centroid'],
    },
    {
      name: 'a scenario may say where a country stands',
      options: { database: countries, countries: new Map([['US', { pop: 'SJC' }]]) },
      find: { address: '8.8.8.8' },
      pop: 'SJC',
      country: 'US',
      assumed: ['country_override'],
    },
    {
      name: 'the file does not know it',
      options: { database: countries },
      find: { address: '9.9.9.9' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['not_in_geo_database', 'default_pop'],
    },
    {
      name: 'there is no file',
      find: { address: '9.9.9.9' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['no_geo_database', 'default_pop'],
    },
    {
      name: 'the default PoP may be named',
      options: { defaultPop: 'IAD' },
      find: {},
      pop: 'IAD',
      country: 'US',
      assumed: ['default_pop'],
    },
    {
      name: 'a private address',
      options: { database: countries },
      find: { address: '192.168.1.5' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['private_address', 'default_pop'],
    },
    {
      name: 'a private address that the file lists',
      options: { database: countries },
      find: { address: '10.1.2.3' },
      pop: 'IAD',
      country: 'US',
      assumed: ['country_centroid'],
    },
    {
      name: 'unique local IPv6',
      find: { address: 'fd00::1' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['private_address', 'default_pop'],
    },
    {
      name: 'shared address space',
      find: { address: '100.64.0.1' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['private_address', 'default_pop'],
    },
    {
      name: 'link-local with a zone',
      find: { address: 'fe80::1%eth0' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['private_address', 'default_pop'],
    },
    {
      name: 'loopback',
      find: { address: '127.0.0.1' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['loopback_address', 'default_pop'],
    },
    {
      name: 'IPv6 loopback',
      find: { address: '::1' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['loopback_address', 'default_pop'],
    },
    {
      name: 'documentation, although the file lists it',
      options: { database: countries },
      find: { address: '203.0.113.9' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['documentation_address', 'default_pop'],
    },
    {
      name: 'IPv6 documentation, although the file lists it',
      options: { database: countries },
      find: { address: '2001:db8::5' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['documentation_address', 'default_pop'],
    },
    {
      name: 'multicast',
      find: { address: '224.0.0.1' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['reserved_address', 'default_pop'],
    },
    {
      name: 'benchmarking',
      find: { address: '198.18.0.1' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['reserved_address', 'default_pop'],
    },
    {
      name: 'IPv4 in IPv6 is IPv4',
      options: { database: countries },
      find: { address: '::ffff:1.0.0.7' },
      pop: 'SYD',
      country: 'AU',
      assumed: ['country_centroid'],
    },
    {
      name: 'a host name',
      options: { database: countries },
      find: { address: 'crawl-66-249-73-135.example.net' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['host_name', 'default_pop'],
    },
    {
      name: 'not an address at all',
      find: { address: '999.1.1.1' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['host_name', 'default_pop'],
    },
    {
      name: 'forms that only some programs read as addresses',
      options: { database: countries },
      find: { address: '0x8.8.8.8' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['host_name', 'default_pop'],
    },
    { name: 'a country is told', find: { country: 'au' }, pop: 'SYD', country: 'AU', assumed: ['country_centroid'] },
    {
      name: 'a country that is none',
      find: { country: 'T1' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['unknown_country', 'default_pop'],
    },
    {
      name: 'a told country beats the file',
      options: { database: cities },
      find: { address: '81.2.69.160', country: 'JP' },
      pop: 'NRT',
      country: 'JP',
      assumed: ['country_centroid'],
    },
    {
      name: 'a told country with which the file agrees keeps the file’s coordinates',
      options: { database: cities },
      find: { address: '216.160.83.56', country: 'US' },
      pop: 'SJC',
      country: 'US',
      assumed: [],
    },
    {
      name: 'coordinates beat all but a PoP',
      options: { database: cities },
      find: { address: '81.2.69.160', latitude: -33.9, longitude: 151 },
      pop: 'SYD',
      country: 'AU',
      assumed: [],
    },
    {
      name: 'impossible coordinates are not used',
      find: { latitude: 95, longitude: 0, country: 'JP' },
      pop: 'NRT',
      country: 'JP',
      assumed: ['country_centroid'],
    },
    {
      name: 'a named PoP beats all',
      options: { database: cities },
      find: { pop: 'FRA', address: '216.160.83.56' },
      pop: 'FRA',
      country: 'DE',
      assumed: [],
    },
    {
      name: 'a named PoP not in use hands over to the nearest',
      find: { pop: 'CDG' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['pop_not_in_use'],
    },
    {
      name: 'a PoP that does not exist',
      find: { pop: 'ZZZ' },
      pop: 'LHR',
      country: 'GB',
      assumed: ['unknown_pop', 'default_pop'],
    },
    {
      name: 'a named network',
      options: { networks: new Map([['203.0.113.0/24', { country: 'JP' }]]) },
      find: { address: '203.0.113.9' },
      pop: 'NRT',
      country: 'JP',
      assumed: ['country_centroid'],
    },
    {
      name: 'of named networks, the longest prefix',
      options: {
        networks: new Map([
          ['10.0.0.0/8', { pop: 'SYD' }],
          ['10.1.0.0/16', { pop: 'IAD' }],
        ]),
      },
      find: { address: '10.1.2.3' },
      pop: 'IAD',
      country: 'US',
      assumed: [],
    },
  ];
  it.each(table)('$name', ({ options, find, pop, country, assumed }) => {
    const location = new Locator({ pops, ...options }).find(find);
    expect([location.pop, location.country, location.assumed]).toEqual([pop, country, assumed]);
  });

  it.each([
    { name: 'the client’s country', find: { address: '81.2.69.160' }, pops: ['FRA'], country: 'GB', region: 'WEU' },
    {
      name: 'the PoP’s where the client’s is unknown',
      find: { address: '9.9.9.9' },
      pops: ['FRA'],
      country: 'DE',
      region: 'WEU',
    },
    {
      name: 'while the region stays that of the PoP',
      find: { address: '2001:218::1' },
      pops: ['FRA'],
      country: 'JP',
      region: 'WEU',
    },
  ])('with the client country switch on: $name', ({ find, country, region, ...options }) => {
    const location = new Locator({ ...options, country: 'client', database: cities }).find(find);
    expect([location.country, location.region]).toEqual([country, region]);
  });

  it('coordinates are the client’s when known, else those of the PoP', () => {
    const locator = new Locator({ pops, database: cities });
    expect(locator.address('81.2.69.160')).toMatchObject({ latitude: 51.5142, longitude: -0.0931 });
    expect(locator.address('9.9.9.9')).toMatchObject({ latitude: locator.pop('LHR').latitude });
    expect(locator.find({ pop: 'FRA', address: '81.2.69.160' })).toMatchObject({ pop: 'FRA', latitude: 51.5142 });
  });

  it('coordinates of the PoP, when so asked: the same PoPs, and far fewer places', () => {
    const [client, pop] = (['client', 'pop'] as const).map(
      (coordinates) => new Locator({ pops, database: cities, coordinates }),
    );
    for (const address of ['81.2.69.160', '216.160.83.56', '2001:218::1', '9.9.9.9']) {
      expect(pop!.address(address).pop).toBe(client!.address(address).pop);
      expect(pop!.address(address)).toMatchObject({ latitude: pop!.pop(pop!.address(address).pop).latitude });
    }
    expect(pop!.address('81.2.69.160')).toBe(pop!.pop('LHR'));
    expect(pop!.find({ pop: 'FRA', address: '81.2.69.160' })).toBe(pop!.pop('FRA'));
  });

  it('one object per distinct place, from whichever side it is asked for', () => {
    const locator = new Locator({ pops, database: cities });
    expect(locator.address('81.2.69.160')).toBe(locator.address('81.2.69.161'));
    expect(locator.address('81.2.69.160')).toBe(locator.find({ address: '81.2.69.160' }));
    expect(locator.using([...pops, 'CDG']).address('81.2.69.160')).toBe(locator.address('81.2.69.160'));
    expect(locator.pop('FRA')).toBe(locator.find({ pop: 'fra' }));
  });

  it('a PoP is withdrawn: its clients go to the nearest one left, and home again when it is back', () => {
    const locator = new Locator({ pops, database: cities });
    const home = locator.address('81.2.69.160');
    const without = locator.using(pops.filter((pop) => pop !== 'LHR'));
    const away = without.moved(home);
    expect([away.pop, away.region, away.latitude]).toEqual(['FRA', 'WEU', home.latitude]);
    expect(without.address('81.2.69.160').pop).toBe('FRA');
    expect(without.moved(locator.pop('SJC'))).toBe(locator.pop('SJC'));
    expect(locator.moved(home)).toBe(home);
    expect(without.find({ pop: 'LHR' })).toMatchObject({ pop: 'FRA', assumed: ['pop_not_in_use'] });
  });

  it('the default PoP is withdrawn: its neighbour serves whom nothing places', () => {
    const locator = new Locator({ pops, defaultPop: 'LHR' }).using(['SYD', 'FRA']);
    expect(locator.find({}).pop).toBe('FRA');
  });

  it('for DNS: the PoP asked, with the place of somebody else', () => {
    const locator = new Locator({ pops, database: cities, country: 'client' });
    const location = locator.at('FRA', locator.place('2001:218::1'));
    expect(location).toMatchObject({ pop: 'FRA', region: 'WEU', country: 'JP', latitude: 35.6854 });
    expect(locator.at('FRA', locator.place('9.9.9.9'))).toBe(locator.pop('FRA'));
  });

  it('a client near every country’s point is served within its reach, with a region or none', () => {
    const locator = new Locator({ country: 'client' });
    for (const code of COUNTRIES.keys()) {
      const location = locator.country(code);
      expect(location.country, code).toBe(code);
      expect(location.assumed).toEqual(['country_centroid']);
    }
  });

  it('a PoP or network that does not exist, in the options, is our own mistake', () => {
    expect(() => new Locator({ pops: ['ZZZ'] })).toThrow(AssertionFailed);
    expect(() => new Locator({ pops: [] })).toThrow(AssertionFailed);
    expect(() => new Locator({ networks: new Map([['10.0.0.0/33', { pop: 'LHR' }]]) })).toThrow(AssertionFailed);
  });

  it('any text for an address gives a Location in use, and the same one again', () => {
    const locator = new Locator({ pops, database: cities });
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), (text) => {
        const location = locator.address(text);
        expect(pops).toContain(location.pop);
        expect(locator.address(text)).toBe(location);
        expect(new Locator({ pops, database: cities }).address(text)).toEqual(location);
      }),
    );
  });
});
