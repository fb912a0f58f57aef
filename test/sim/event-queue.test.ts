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
});
