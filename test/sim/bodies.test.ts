import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { micros } from '../../src/core/time.ts';
import { Bodies, type SimBody, bodyHas } from '../../src/sim/bodies.ts';
import { versionAt } from '../../src/sim/page-clock.ts';

const T0 = micros(1_772_366_400_000_000);
const MINUTE = 60_000_000;
const news = { from: 'news', everyUs: 5 * MINUTE, contentType: 'text/html' } as const;
const bodies = (): Bodies => new Bodies([news], 'seed', T0, seededRandom(1));
const bytesOf = (body: SimBody): Buffer => Buffer.concat(body.pieces);

describe('bodies of simulated origins', () => {
  it('a page is the same until its version changes, and pages change at moments of their own', () => {
    const all = bodies();
    const changes = Array.from({ length: 40 }, (_, page) => {
      const versions = Array.from({ length: 11 }, (__, minute) => all.versionOf(page, T0 + minute * MINUTE));
      expect(versions.at(-1)! - versions[0]!).toBe(2);
      return versions.findIndex((version) => version !== versions[0]);
    });
    expect(new Set(changes).size).toBeGreaterThan(3);
    const [first, again] = [all.body(3, T0, 0), bodies().body(3, T0, 0)];
    expect(bytesOf(first).equals(bytesOf(again))).toBe(true);
    expect(bytesOf(all.body(3, T0 + 5 * MINUTE, 0)).equals(bytesOf(first))).toBe(false);
    expect(bytesOf(all.body(4, T0, 0)).equals(bytesOf(first))).toBe(false);
  });

  it.each([1, 1_500, 92_516, 300_000])('has exactly the %i bytes that were asked for', (length) => {
    const body = bodies().body(7, T0, length);
    expect([body.length, bytesOf(body).length]).toEqual([length, length]);
    expect(bodies().noise(length * 9).length).toBe(length * 9);
    expect(bytesOf(bodies().noise(length * 9))).toHaveLength(length * 9);
  });

  it('a folder is lived through version by version, round and round', () => {
    const from = ['a', 'b', 'c'].map((text) => Buffer.from(text));
    const all = new Bodies([{ from, everyUs: MINUTE, contentType: 'text/plain' }], 's', T0, seededRandom(1));
    const seen = Array.from({ length: 6 }, (_, minute) =>
      bytesOf(all.body(0, T0 + minute * MINUTE, 0)).toString(),
    ).join('');
    expect('abcabcabcabc').toContain(seen);
  });

  it('notices a wrong byte, wherever it is and however the body is cut', () => {
    const pieces = [Buffer.from('abc'), Buffer.from('defgh'), Buffer.from('i')];
    const body = { contentType: '', length: 9, pieces };
    const whole = Buffer.concat(pieces);
    fc.assert(
      fc.property(fc.nat(8), fc.nat(9), fc.nat(8), (from, size, wrong) => {
        const part = Buffer.from(whole.subarray(from, from + size));
        expect(bodyHas(body, from, part)).toBe(true);
        if (wrong >= part.length) return;
        part[wrong]! ^= 1;
        expect(bodyHas(body, from, part)).toBe(false);
      }),
    );
    expect(bodyHas(body, 8, Buffer.from('ij'))).toBe(false);
  });

  it('versions grow by one with each span', () => {
    for (let page = 0; page < 50; page += 1) {
      expect(versionAt(page, 0, 60)).toBeLessThanOrEqual(1);
      expect(versionAt(page, 600, 60) - versionAt(page, 0, 60)).toBe(10);
    }
  });
});
