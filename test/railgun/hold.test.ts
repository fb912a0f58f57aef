import { describe, expect, it } from 'vitest';
import { HoldBudget } from '../../src/railgun/hold.ts';
import { Pair, page } from './pretend-link.ts';

describe('the hold budget', () => {
  it('drops the oldest bodies first, and what is dropped twice counts once', () => {
    const budget = new HoldBudget(100);
    const [first, second, third] = [40, 40, 40].map((size) => budget.keep(new Uint8Array(size)));
    expect([first?.body, second?.body?.length, third?.body?.length]).toEqual([undefined, 40, 40]);
    expect(budget.used).toBe(80);
    if (first !== undefined) budget.drop(first);
    if (second !== undefined) budget.drop(second);
    expect(budget.used).toBe(40);
  });

  it('a body larger than all of it is not kept, and pushes nothing out', () => {
    const budget = new HoldBudget(100);
    const kept = budget.keep(new Uint8Array(100));
    expect(budget.keep(new Uint8Array(101)).body).toBeUndefined();
    expect(kept.body).toHaveLength(100);
  });

  it('a sender that never commits costs ten seconds of memory, and the stream is over', () => {
    const hold = new HoldBudget(1_000_000);
    const pair = new Pair({ hold }).ready();
    pair.request();
    pair.run(0);
    // The COMMIT is on its way and never arrives.
    const silent = new Pair({ hold, delayUs: 1_000 }).ready();
    silent.request();
    silent.run(1_500);
    silent.wire = 'cut';
    silent.run(1_000);
    expect(hold.used).toBe(page('home').length);
    silent.run(9_990_000);
    silent.run(20_000);
    expect(hold.used).toBe(0);
    expect(silent.listener.busy).toBe(0);
  });
});
