import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventQueue } from '../../src/sim/event-queue.ts';

describe('the agenda', () => {
  it('gives events by time, and equal times in the order they were set', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 300 }), (times) => {
        const queue = new EventQueue();
        times.forEach((time, index) => queue.push(time, 1, index));
        const taken: number[] = [];
        while (queue.size > 0) {
          taken.push(queue.operand);
          queue.drop();
        }
        const wanted = times
          .map((time, index) => ({ time, index }))
          .sort((a, b) => a.time - b.time || a.index - b.index);
        expect(taken).toEqual(wanted.map(({ index }) => index));
      }),
    );
  });

  it('stays in order while events come and go', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(50), fc.constant(-1)), { maxLength: 400 }), (steps) => {
        const queue = new EventQueue();
        let pending: { time: number; id: number }[] = [];
        let now = 0;
        let id = 0;
        for (const step of steps) {
          if (step >= 0) {
            queue.push(now + step, 0, id);
            pending.push({ time: now + step, id });
            id += 1;
          } else if (pending.length > 0) {
            const next = pending.reduce((a, b) => (b.time < a.time ? b : a));
            expect([queue.nextAt, queue.operand]).toEqual([next.time, next.id]);
            now = queue.nextAt;
            queue.drop();
            pending = pending.filter((one) => one !== next);
          }
        }
        expect(queue.size).toBe(pending.length);
      }),
    );
  });

  it('is empty at first: nothing is due', () => {
    expect(new EventQueue().nextAt).toBe(Number.POSITIVE_INFINITY);
  });

  it('keeps its order over slices, over the ring and far beyond, while time goes on', () => {
    const T0 = 1_772_366_400_000_000;
    // From ties over neighbouring slices (1 ms) and the whole ring (4 s) to days ahead, now and then a time that is already past.
    const ahead = fc.oneof(
      fc.constant(0),
      fc.nat(3),
      fc.nat(5_000),
      fc.nat(200_000),
      fc.integer({ min: 3_900_000, max: 4_500_000 }),
      fc.nat(60_000_000),
      fc.nat(86_400_000_000),
      fc.integer({ min: -10_000, max: -1 }),
    );
    const steps = fc.array(
      fc.oneof({ weight: 3, arbitrary: ahead }, { weight: 2, arbitrary: fc.constant('take' as const) }),
      { maxLength: 600 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const queue = new EventQueue();
        const pending: { time: number; id: number }[] = [];
        let now = T0;
        let id = 0;
        const take = (): void => {
          pending.sort((a, b) => a.time - b.time || a.id - b.id);
          const first = pending.shift();
          expect(queue.nextAt).toBe(first?.time ?? Number.POSITIVE_INFINITY);
          if (first === undefined) return;
          expect([queue.operand, queue.kind]).toEqual([first.id, first.id % 16]);
          queue.drop();
          now = Math.max(now, first.time);
        };
        for (const step of all) {
          if (step === 'take') take();
          else {
            pending.push({ time: now + step, id });
            queue.push(now + step, id % 16, id);
            id += 1;
          }
          expect(queue.size).toBe(pending.length);
        }
        while (pending.length > 0) take();
        expect(queue.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('grows with what is under way, near and far, and forgets nothing', () => {
    const queue = new EventQueue();
    const count = 20_000;
    for (let id = 0; id < count; id += 1) queue.push(((id * 7_919) % count) * 997, 3, id);
    let last = -1;
    const seen = new Set<number>();
    while (queue.size > 0) {
      expect(queue.nextAt).toBeGreaterThanOrEqual(last);
      last = queue.nextAt;
      seen.add(queue.operand);
      queue.drop();
    }
    expect(seen.size).toBe(count);
  });
});
