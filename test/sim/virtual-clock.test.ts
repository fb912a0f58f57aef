import { describe, expect, it } from 'vitest';
import { micros } from '../../src/core/time.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

describe('virtual time', () => {
  it('jumps from event to event, ties in the order they were set', () => {
    const clock = new VirtualClock(micros(0));
    const seen: string[] = [];
    const note = (name: string) => () => void seen.push(`${name}@${clock.now()}`);
    clock.at(micros(20), note('c'));
    clock.at(micros(10), note('a'));
    clock.at(micros(10), note('b'));
    while (clock.step());
    expect(seen).toEqual(['a@10', 'b@10', 'c@20']);
  });

  it('a timer set in the past runs now, and a cancelled one never', () => {
    const clock = new VirtualClock(micros(100));
    const seen: number[] = [];
    const handle = clock.at(micros(150), () => seen.push(-1));
    clock.at(micros(50), () => seen.push(clock.now()));
    clock.cancel(handle);
    while (clock.step());
    expect(seen).toEqual([100]);
  });

  it('runs until a moment and stands there', () => {
    const clock = new VirtualClock(micros(0));
    let runs = 0;
    const again = (): void => {
      runs += 1;
      clock.at(micros(clock.now() + 10), again);
    };
    clock.at(micros(10), again);
    clock.runUntil(micros(55));
    expect([runs, clock.now()]).toEqual([5, 55]);
  });

  it('a cancelled timer before that moment does not bring a later one forward', () => {
    const clock = new VirtualClock(micros(0));
    const seen: number[] = [];
    clock.cancel(clock.at(micros(10), () => seen.push(-1)));
    clock.at(micros(100), () => seen.push(clock.now()));
    clock.runUntil(micros(50));
    expect([seen, clock.now()]).toEqual([[], 50]);
    clock.runUntil(micros(100));
    expect(seen).toEqual([100]);
  });
});
