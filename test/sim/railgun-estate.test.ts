/** A group that replaces dead listeners: the new machine is there after `replaceAfterUs`, and its listener once it has started. */
import { describe, expect, it } from 'vitest';
import { type Micros, micros } from '../../src/core/time.ts';
import { RailgunEstate } from '../../src/sim/railgun-estate.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

const S = 1_000_000;
const START = micros(1_772_366_400 * S);

class Group {
  readonly clock = new VirtualClock(START);
  readonly estate: RailgunEstate;
  readonly replaced: [listener: number, afterS: number][] = [];

  constructor(startUpUs: number) {
    const traits = { listeners: 2, storeNodes: 1, sharedStore: true, expirationUs: 0, streamSize: 1 << 20 };
    this.estate = new RailgunEstate(
      { ...traits, topology: 'behind-l4', replaceAfterUs: 20 * S },
      this.clock,
      true,
      startUpUs,
    );
    this.estate.onReplaced = (listener, at) => this.replaced.push([listener, (at - START) / S]);
  }

  to(second: number): void {
    this.clock.runUntil((START + second * S) as Micros);
  }
}

describe('a listener of a group that is killed', () => {
  it.each([
    [0, 20],
    [3 * S, 23],
  ])('and takes %d µs to start', (startUpUs, backS) => {
    const group = new Group(startUpUs);
    group.estate.setListener('1', 'gone');
    group.to(backS - 1);
    expect(group.estate.listeners.map(({ state }) => state)).toEqual(['gone', 'up']);
    group.to(backS);
    expect(group.estate.listeners.map(({ state }) => state)).toEqual(['up', 'up']);
    // It is dead once, however long the new one takes to start.
    group.to(600);
    expect(group.replaced).toEqual([[0, backS]]);
    expect(group.estate.inService()).toEqual([true, true]);
  });

  it('a fault that ends while the new machine starts is none of its business', () => {
    const group = new Group(3 * S);
    const wake = group.estate.setListener('1', 'silent');
    group.to(21);
    wake();
    group.to(22);
    expect(group.estate.listeners[0]?.state).toBe('gone');
    group.to(24);
    expect(group.estate.listeners[0]?.state).toBe('up');
  });

  it('a fault that strikes while it starts stays', () => {
    const group = new Group(3 * S);
    group.estate.setListener('1', 'gone');
    group.to(21);
    const heal = group.estate.setListener('1', 'refusing');
    group.to(24);
    expect(group.estate.listeners[0]?.state).toBe('refusing');
    heal();
    expect(group.estate.listeners[0]?.state).toBe('up');
  });
});
