import { describe, expect, it } from 'vitest';
import { micros } from '../../src/core/time.ts';
import { Waker } from '../../src/core/waker.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

function bed(): { clock: VirtualClock; waker: Waker; woken: number[] } {
  const clock = new VirtualClock(micros(0));
  const woken: number[] = [];
  return { clock, woken, waker: new Waker(clock, () => woken.push(clock.now())) };
}

describe('a machine is woken', () => {
  it.each([
    { name: 'when it wants to', wants: [50], at: [50] },
    { name: 'sooner, when it changes its mind so', wants: [50, 20], at: [20] },
    { name: 'later, when it changes its mind so', wants: [20, 50], at: [50] },
    { name: 'at the last wish, whatever came before', wants: [50, 20, 70, 30], at: [30] },
    { name: 'never, when nothing is pending any more', wants: [20, undefined], at: [] },
    { name: 'when something is pending again', wants: [20, undefined, 40], at: [40] },
  ])('$name', ({ wants, at }) => {
    const { clock, waker, woken } = bed();
    for (const time of wants) waker.arm(time === undefined ? undefined : micros(time));
    clock.runUntil(micros(100));
    expect(woken).toEqual(at);
  });

  it('never after it was stopped', () => {
    const { clock, waker, woken } = bed();
    waker.arm(micros(20));
    waker.stop();
    clock.runUntil(micros(100));
    expect(woken).toEqual([]);
  });
});
