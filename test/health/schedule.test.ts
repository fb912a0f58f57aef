import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { micros } from '../../src/core/time.ts';
import { Calendar, phaseOf } from '../../src/health/schedule.ts';

describe('a moment in the interval', () => {
  it('depends on the names and the seed, and on nothing else', () => {
    const names = ['eu', 'a', 'm', 'LHR'];
    expect(phaseOf(1, names, 60_000_000)).toBe(phaseOf(1, [...names], 60_000_000));
    expect(phaseOf(2, names, 60_000_000)).not.toBe(phaseOf(1, names, 60_000_000));
    expect(phaseOf(1, ['eu', 'a', 'm', 'FRA'], 60_000_000)).not.toBe(phaseOf(1, names, 60_000_000));
  });

  it('is spread over the interval: each tenth has its share of a thousand targets', () => {
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 1000; i += 1) tenths[Math.floor(phaseOf('seed', [`origin-${i}`], 1000) / 100)]! += 1;
    for (const count of tenths) expect(count).toBeGreaterThan(60);
  });
});

const targets = fc.uniqueArray(fc.integer({ min: 0, max: 999 }), { minLength: 1, maxLength: 20 });

describe('a calendar', () => {
  test.prop([targets, fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 1, max: 4 })])(
    'has every target once in each interval, at its moment, in order of time',
    (phases, start, rounds) => {
      const calendar = new Calendar(
        1000,
        phases.map((phase, target) => ({ target, phase })),
        micros(start),
      );
      const taken: [number, number][] = [];
      for (let i = 0; i < phases.length * rounds; i += 1) {
        const time = calendar.nextAt;
        taken.push([time, calendar.take()]);
      }
      for (const [i, [time, target]] of taken.entries()) {
        expect(time % 1000).toBe(phases[target]);
        expect(time).toBeGreaterThanOrEqual(i === 0 ? start : taken[i - 1]![0]);
        expect(time).toBeLessThan(start + 1000 * rounds);
      }
      for (const target of phases.keys()) expect(taken.filter((each) => each[1] === target)).toHaveLength(rounds);
    },
  );

  it('without targets is never due', () => {
    expect(new Calendar(1000, [], micros(0)).nextAt).toBe(Infinity);
  });

  it('does not make up for rounds that were slept through', () => {
    const calendar = new Calendar(
      1000,
      [
        { target: 0, phase: 100 },
        { target: 1, phase: 900 },
      ],
      micros(0),
    );
    calendar.catchUp(micros(50_500));
    const times: number[] = [];
    while (calendar.nextAt <= 50_500) {
      times.push(calendar.nextAt);
      calendar.take();
    }
    expect(times.length).toBeLessThanOrEqual(2);
  });
});
