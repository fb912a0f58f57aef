import { describe, expect, it } from 'vitest';
import { fc, test } from '@fast-check/vitest';
import { TimerWheel, WheelTimer } from '../../src/live/timer-wheel.ts';

function wheel(): { wheel: TimerWheel; fired: string[]; timer: (name: string) => WheelTimer } {
  const fired: string[] = [];
  return {
    wheel: new TimerWheel(0, { tickMs: 10, slots: 8 }),
    fired,
    timer: (name) => new WheelTimer(() => fired.push(name)),
  };
}

describe('a timer on the wheel', () => {
  it('fires at its deadline and not before, also far beyond one round', () => {
    const { wheel: w, fired, timer } = wheel();
    w.at(timer('soon'), 25);
    w.at(timer('far'), 1_000);
    w.advance(20);
    expect(fired).toEqual([]);
    w.advance(30);
    expect(fired).toEqual(['soon']);
    w.advance(990);
    expect(fired).toEqual(['soon']);
    w.advance(1_000);
    expect(fired).toEqual(['soon', 'far']);
    expect(w.size).toBe(0);
  });

  it('may be put off, brought forward, cleared and removed', () => {
    const { wheel: w, fired, timer } = wheel();
    const [later, sooner, never, gone] = ['later', 'sooner', 'never', 'gone'].map(timer) as [
      WheelTimer,
      WheelTimer,
      WheelTimer,
      WheelTimer,
    ];
    w.at(later, 20);
    w.at(later, 60);
    w.at(sooner, 500);
    w.at(sooner, 40);
    w.at(never, 30);
    w.clear(never);
    w.at(gone, 30);
    w.remove(gone);
    w.advance(50);
    expect(fired).toEqual(['sooner']);
    w.advance(70);
    expect(fired).toEqual(['sooner', 'later']);
    expect(w.size).toBe(0);
  });

  it('may set itself again, and remove others that are due in the same tick', () => {
    const { wheel: w, fired } = wheel();
    let rounds = 0;
    const victim = new WheelTimer(() => fired.push('victim'));
    const self: WheelTimer = new WheelTimer(() => {
      fired.push('self');
      w.remove(victim);
      if (++rounds < 3) w.in(self, 10);
    });
    w.at(victim, 20);
    w.at(self, 20);
    for (let now = 10; now <= 200; now += 10) w.advance(now);
    expect(fired).toEqual(['self', 'self', 'self']);
  });

  it('a jump over many rounds fires all that is due once', () => {
    const { wheel: w, fired, timer } = wheel();
    for (const at of [10, 95, 3_000, 9_999]) w.at(timer(String(at)), at);
    w.advance(10_000);
    expect(fired.sort()).toEqual(['10', '3000', '95', '9999']);
  });

  test.prop([
    fc.array(
      fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 400 }), fc.integer({ min: 0, max: 60 })),
      { maxLength: 60 },
    ),
  ])('fires no earlier than its deadline and within a tick of it', (steps) => {
    const w = new TimerWheel(0, { tickMs: 10, slots: 8 });
    let now = 0;
    const due = new Map<number, number>();
    const timers = Array.from(
      { length: 6 },
      (_, id) =>
        new WheelTimer(() => {
          const deadline = due.get(id);
          expect(deadline).toBeDefined();
          expect(now).toBeGreaterThanOrEqual(deadline as number);
          due.delete(id);
        }),
    );
    for (const [id, ahead, pass] of steps) {
      w.at(timers[id] as WheelTimer, now + ahead);
      due.set(id, now + ahead);
      now += pass;
      w.advance(now);
      for (const deadline of due.values()) expect(deadline + 10).toBeGreaterThan(now);
    }
  });
});
