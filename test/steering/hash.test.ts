import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distanceBetween as kilometres, nearness, unitVector } from '../../src/core/sphere.ts';
import { drawWeighted } from '../../src/steering/draw.ts';
import { hashAddress, minusLog, mix, percentile, rendezvousPrice } from '../../src/steering/hash.ts';
import { seededRandom } from '../../src/core/random.ts';

describe('hash', () => {
  it('stays what it was: sessions by address survive an upgrade', () => {
    // FNV-1a and murmur3's finaliser, worked out apart from this code.
    expect([hashAddress(''), hashAddress('192.0.2.1'), hashAddress('2001:db8::1')]).toEqual([
      2_872_998_923, 1_941_296_713, 3_849_813_818,
    ]);
  });

  it('spreads neighbouring addresses evenly over a hundred shares', () => {
    const counts = Array.from({ length: 100 }, () => 0);
    for (let i = 0; i < 65_536; i += 1) counts[Math.floor(percentile(hashAddress(`10.0.${i >> 8}.${i & 255}`)))]! += 1;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 655.36) ** 2 / 655.36, 0);
    // 99 degrees of freedom: 161 is passed once in ten thousand.
    expect(chiSquare).toBeLessThan(161);
  });

  it('mixes two hashes into one that neither tells', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), (a, b) => {
        const mixed = mix(a, b);
        return Number.isInteger(mixed) && mixed >= 0 && mixed <= 0xffffffff;
      }),
    );
  });

  it('takes logarithms to twelve digits by arithmetic alone', () => {
    for (const hash of [0, 1, 2, 3, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]) {
      expect(minusLog(hash)).toBeCloseTo(-Math.log((hash + 0.5) / 2 ** 32), 9);
    }
    fc.assert(
      fc.property(fc.nat(0xffffffff), (hash) => Math.abs(minusLog(hash) + Math.log((hash + 0.5) / 2 ** 32)) < 1e-9),
    );
  });

  it('a heavier item costs less: it can only win more clients', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.integer({ min: 1, max: 99 }), (client, item, weight) => {
        return rendezvousPrice(client, item, weight + 1) < rendezvousPrice(client, item, weight);
      }),
    );
  });
});

describe('distance', () => {
  // Great-circle distances on a sphere of 6371 km.
  it.each([
    ['London to New York', [51.5074, -0.1278], [40.7128, -74.006], 5570],
    ['Sydney to Santiago', [-33.8688, 151.2093], [-33.4489, -70.6693], 11_347],
    ['pole to pole', [90, 0], [-90, 0], 20_015],
    ['the same place', [12, 34], [12, 34], 0],
    ['across the date line', [0, 179.5], [0, -179.5], 111],
  ] as const)('%s', (_, from, to, km) => {
    expect(Math.abs(kilometres(unitVector(from[0], from[1]), unitVector(to[0], to[1])) - km)).toBeLessThanOrEqual(1);
  });

  it('the more near, the fewer kilometres; a vector has length one', () => {
    const place = fc.tuple(fc.integer({ min: -90, max: 90 }), fc.integer({ min: -180, max: 180 }));
    fc.assert(
      fc.property(place, place, place, (a, b, c) => {
        const [from, one, other] = [unitVector(...a), unitVector(...b), unitVector(...c)];
        expect(nearness(from, from)).toBeCloseTo(1, 12);
        if (nearness(from, one) > nearness(from, other)) {
          expect(kilometres(from, one)).toBeLessThanOrEqual(kilometres(from, other) + 1e-6);
        }
      }),
    );
  });
});

describe('drawing by weight', () => {
  const draw = (weights: number[], out: number[], seed = 1): number =>
    drawWeighted(Float64Array.from(weights), Uint8Array.from(out), weights.length, seededRandom(seed));

  it('nothing left to draw: -1', () => {
    expect(draw([], [])).toBe(-1);
    expect(draw([1, 2], [1, 1])).toBe(-1);
  });

  it('never draws what is out, nor a zero beside a positive weight', () => {
    for (let seed = 0; seed < 300; seed += 1) {
      expect([0, 3]).toContain(draw([1, 5, 0, 2], [0, 1, 0, 0], seed));
    }
  });

  it('one item costs no draw', () => {
    const random = {
      next: () => expect.unreachable(),
      below: () => expect.unreachable(),
      fork: () => expect.unreachable(),
    };
    expect(drawWeighted(Float64Array.of(3, 4), Uint8Array.of(1, 0), 2, random)).toBe(1);
  });
});
