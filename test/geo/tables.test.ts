import { geoContains } from 'd3-geo';
import { feature } from 'topojson-client';
import atlas from 'world-atlas/countries-50m.json' with { type: 'json' };
import { describe, expect, it } from 'vitest';
import { CENTROIDS } from '../../src/geo/centroids.ts';
import { distanceKm } from '../../src/core/sphere.ts';
import { COUNTRIES, findCountry, findPop, findRegion, POPS, REGIONS, regionOf } from '../../src/geo/tables.ts';

describe('the tables of places', () => {
  it('LB-256 every PoP resolves to one of the 13 regions, or says that it has none', () => {
    expect(POPS).toHaveLength(357);
    const codes = new Set<string>(REGIONS.map((region) => region.code));
    for (const pop of POPS) {
      expect(pop.region === undefined ? pop.regionIndex === -1 : codes.has(pop.region), pop.code).toBe(true);
      expect(REGIONS[pop.regionIndex]?.code).toBe(pop.region);
      expect(COUNTRIES.has(pop.country), `${pop.code} in ${pop.country}`).toBe(true);
      expect(['documented', 'inferred']).toContain(pop.regionBasis);
    }
  });

  it('PoPs stand in the order of their codes, each once, and know their place', () => {
    const codes = POPS.map((pop) => pop.code);
    expect(codes).toEqual([...new Set(codes)].sort());
    POPS.forEach((pop, index) => expect(pop.index).toBe(index));
  });

  it('the regions are the 13 of the public page', () => {
    expect(REGIONS.map((region) => region.code).join(' ')).toBe(
      'WNAM ENAM WEU EEU NSAM SSAM OC ME NAF SAF SAS SEAS NEAS',
    );
  });

  it.each([
    { what: 'a documented state', pop: 'SJC', region: 'WNAM' },
    { what: 'the other coast', pop: 'IAD', region: 'ENAM' },
    { what: 'London', pop: 'LHR', region: 'WEU' },
    { what: 'Tokyo', pop: 'NRT', region: 'NEAS' },
    { what: 'Dubai', pop: 'DXB', region: 'ME' },
    { what: 'Mexico, documented as WNAM', pop: 'MEX', region: 'WNAM' },
  ])('$what is in $region', ({ pop, region }) => {
    expect(findPop(pop)?.region).toBe(region);
  });

  it('codes are found whatever their case, and unknown ones are not', () => {
    expect(findPop('lhr')?.code).toBe('LHR');
    expect(findCountry('gb')?.code).toBe('GB');
    expect(findRegion('weu')?.name).toBe('Western Europe');
    for (const code of ['', 'XX', '__proto__', 'constructor', 'UK', 'EU']) expect(findCountry(code)).toBeUndefined();
    for (const code of ['', 'ZZZ', 'toString']) expect(findPop(code)).toBeUndefined();
  });

  it('only the United States and Canada are split; three places have no region', () => {
    expect([regionOf('US', 'CA'), regionOf('US', 'NY'), regionOf('US'), regionOf('FR', 'CA')]).toEqual([
      'WNAM',
      'ENAM',
      'ENAM',
      'WEU',
    ]);
    const without = [...COUNTRIES.values()].filter((country) => country.region === undefined);
    expect(without.map((country) => country.code)).toEqual(['AQ', 'BV', 'TF']);
  });
});

describe('the points of countries', () => {
  it('every country has one', () => {
    expect([...CENTROIDS.keys()].sort()).toEqual([...COUNTRIES.keys()].sort());
    for (const [code, { latitude, longitude }] of CENTROIDS) {
      expect(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180, code).toBe(true);
    }
  });

  // The furthest is Mozambique's: Maputo, at the southern end of a long country.
  it('a country with PoPs has one within 1100 km of its point', () => {
    for (const [code, point] of CENTROIDS) {
      const own = POPS.filter((pop) => pop.country === code).map((pop) => distanceKm(point, pop));
      if (own.length > 0) expect(Math.min(...own), `${code}: nearest own PoP, km`).toBeLessThan(1100);
    }
  });

  it('the region that a country has is the region of the PoP nearest to its point, where it has a PoP', () => {
    for (const [code, point] of CENTROIDS) {
      if (!POPS.some((pop) => pop.country === code)) continue;
      const own = POPS.filter((pop) => pop.country === code).sort(
        (a, b) => distanceKm(point, a) - distanceKm(point, b),
      );
      expect(own[0]?.region, code).toBe(COUNTRIES.get(code)?.region);
    }
  });

  it('lies inside the outline of its country, or within 120 km of it', () => {
    // The atlas abbreviates; the rest of its names are ours.
    const spelled: Readonly<Record<string, string>> = {
      'United States of America': 'United States',
      'W. Sahara': 'Western Sahara',
      'Dem. Rep. Congo': 'DR Congo',
      'Dominican Rep.': 'Dominican Republic',
      'Falkland Is.': 'Falkland Islands',
      "Côte d'Ivoire": 'Ivory Coast',
      'Central African Rep.': 'Central African Republic',
      'Eq. Guinea': 'Equatorial Guinea',
      eSwatini: 'Eswatini',
      'Solomon Is.': 'Solomon Islands',
      'Bosnia and Herz.': 'Bosnia and Herzegovina',
      Macedonia: 'North Macedonia',
      'S. Sudan': 'South Sudan',
      'Faeroe Is.': 'Faroe Islands',
      'Cabo Verde': 'Cape Verde',
      'Cayman Is.': 'Cayman Islands',
      'Marshall Is.': 'Marshall Islands',
      'Fr. Polynesia': 'French Polynesia',
      'Cook Is.': 'Cook Islands',
      'British Virgin Is.': 'British Virgin Islands',
      'U.S. Virgin Is.': 'US Virgin Islands',
      'Turks and Caicos Is.': 'Turks and Caicos Islands',
      'N. Mariana Is.': 'Northern Mariana Islands',
      'Antigua and Barb.': 'Antigua and Barbuda',
      'St. Kitts and Nevis': 'Saint Kitts and Nevis',
      'St. Vin. and Gren.': 'Saint Vincent and the Grenadines',
      'São Tomé and Principe': 'Sao Tome and Principe',
      Curaçao: 'Curacao',
    };
    const byName = new Map([...COUNTRIES.values()].map((country) => [country.name, country.code]));
    const topology = atlas as unknown as Parameters<typeof feature>[0];
    const shapes = feature(topology, topology.objects['countries']!) as unknown as GeoJSON.FeatureCollection;
    let seen = 0;
    for (const shape of shapes.features) {
      const name = String((shape.properties as { name: string }).name);
      const code = byName.get(spelled[name] ?? name);
      // Of these the atlas draws only a part, and not the one where people are.
      if (code === undefined || ['W. Sahara', 'Kiribati'].includes(name)) continue;
      seen++;
      const { latitude, longitude } = CENTROIDS.get(code)!;
      // Small islands and bent coasts: the point itself, or one of a ring 120 km out, must be on land of this country.
      const ring = [0, 40, 80, 120].flatMap((km) =>
        Array.from({ length: 24 }, (_, i) => {
          const angle = (i * Math.PI) / 12;
          const north = latitude + (km / 111) * Math.cos(angle);
          return [longitude + ((km / 111) * Math.sin(angle)) / Math.cos((north * Math.PI) / 180), north] as [
            number,
            number,
          ];
        }),
      );
      const hit = ring.some((point) => geoContains(shape, point));
      const onBorder = near(shape.geometry, latitude, longitude);
      expect(hit || onBorder, `${code} ${name}`).toBe(true);
    }
    expect(seen).toBeGreaterThan(210);
  });
});

/** Any corner of the outline within 120 km: for islands smaller than the grid of the ring. */
function near(geometry: GeoJSON.Geometry, latitude: number, longitude: number): boolean {
  if (geometry.type !== 'Polygon' && geometry.type !== 'MultiPolygon') return false;
  const corners = (geometry.coordinates as unknown[]).flat(geometry.type === 'Polygon' ? 1 : 2) as [number, number][];
  return corners.some(
    ([east, north]) => distanceKm({ latitude, longitude }, { latitude: north, longitude: east }) < 120,
  );
}
