import { geoDistance } from 'd3-geo';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cosine, distanceKm, sine, unitVector } from '../../src/core/sphere.ts';

describe('sine and cosine by + - * / alone', () => {
  it('agree with the engine to 15 digits, any angle', () => {
    fc.assert(
      fc.property(fc.double({ min: -1000, max: 1000, noNaN: true }), (degrees) => {
        // Radians of a large angle lose digits themselves, so the engine is asked about the reduced one.
        const reduced = (degrees % 360) * (Math.PI / 180);
        expect(Math.abs(sine(degrees) - Math.sin(reduced))).toBeLessThan(4e-15);
        expect(Math.abs(cosine(degrees) - Math.cos(reduced))).toBeLessThan(4e-15);
      }),
    );
  });

  it.each([
    [0, 0, 1],
    [90, 1, 0],
    [180, 0, -1],
    [270, -1, 0],
    [360, 0, 1],
    [-90, -1, 0],
  ])('are exact at %i degrees', (degrees, sin, cos) => {
    expect(sine(degrees) + 0).toBe(sin);
    expect(cosine(degrees) + 0).toBe(cos);
  });

  it('unit vectors have length one', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -90, max: 90, noNaN: true }),
        fc.double({ min: -180, max: 180, noNaN: true }),
        (lat, lon) => {
          const [x, y, z] = unitVector(lat, lon);
          expect(Math.abs(x * x + y * y + z * z - 1)).toBeLessThan(1e-14);
        },
      ),
    );
  });
});

describe('distance', () => {
  it.each([
    { from: [0, 0], to: [0, 0], km: 0 },
    { from: [90, 0], to: [-90, 0], km: 20_015.1 },
    { from: [0, 0], to: [0, 90], km: 10_007.5 },
    { from: [51.47, -0.4543], to: [40.6413, -73.7781], km: 5_540 }, // Heathrow to JFK
    { from: [0, 179.9], to: [0, -179.9], km: 22.2 }, // across the date line
  ])('$from to $to is $km km', ({ from, to, km }) => {
    const distance = distanceKm({ latitude: from[0]!, longitude: from[1]! }, { latitude: to[0]!, longitude: to[1]! });
    expect(Math.abs(distance - km)).toBeLessThan(km * 0.001 + 0.05);
  });

  it('agrees with an independent formula anywhere, antipodes included', () => {
    const point = fc.record({
      latitude: fc.double({ min: -90, max: 90, noNaN: true }),
      longitude: fc.double({ min: -180, max: 180, noNaN: true }),
    });
    fc.assert(
      fc.property(point, point, (a, b) => {
        const expected = geoDistance([a.longitude, a.latitude], [b.longitude, b.latitude]) * 6371;
        expect(Math.abs(distanceKm(a, b) - expected)).toBeLessThan(1e-6);
      }),
    );
  });
});
