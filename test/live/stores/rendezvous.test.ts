/** Which node a key lives on. Real nodes that are lost are in faults.test.ts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseNode, type WeightedNode } from '../../../src/live/stores/rendezvous.ts';

const nodes = (...weights: readonly number[]): WeightedNode[] =>
  weights.map((weight, i) => ({ name: `10.0.${i}.1:11211`, weight }));
const keys = (count: number): string[] => Array.from({ length: count }, (_, i) => `rg1l:page-${i}:LHR:${i % 32}`);
const home = (list: readonly WeightedNode[], key: string, without?: string): string | undefined =>
  chooseNode(list, key, (node) => node.name !== without)?.name;

describe('the home of a key', () => {
  it('RG-116 loses about half of the keys with one of two nodes', () => {
    const list = nodes(1, 1);
    const lost = keys(10_000).filter((key) => home(list, key) === list[1]?.name).length;
    expect(lost).toBeGreaterThan(4_500);
    expect(lost).toBeLessThan(5_500);
  });

  it.each([2, 3, 5])(
    'RG-116 moves the keys of the lost one of %d nodes and no others, to all that are left',
    (count) => {
      const list = nodes(...Array.from({ length: count }, () => 1));
      const gone = list[0]?.name ?? '';
      const landed = new Map<string, number>();
      for (const key of keys(20_000)) {
        const before = home(list, key);
        const now = home(list, key, gone) ?? '';
        if (before !== gone) expect(now).toBe(before);
        else landed.set(now, (landed.get(now) ?? 0) + 1);
      }
      expect(landed.size).toBe(count - 1);
      for (const [, number] of landed) expect(number / (20_000 / count / (count - 1))).toBeCloseTo(1, 0);
    },
  );

  it('RG-059 is one node, whatever the order in which they are listed', () => {
    const list = nodes(1, 2, 3);
    for (const key of keys(500)) expect(home(list.toReversed(), key)).toBe(home(list, key));
  });

  it("gives each node its weight's share", () => {
    const list = nodes(1, 2, 5);
    const count = [0, 0, 0];
    for (const key of keys(40_000)) {
      const i = list.findIndex((node) => node.name === home(list, key));
      count[i] = (count[i] ?? 0) + 1;
    }
    for (const [i, weight] of [1, 2, 5].entries()) {
      expect(Math.abs((count[i] ?? 0) / 40_000 - weight / 8)).toBeLessThan(0.01);
    }
  });

  it('only moves keys to a node whose weight grows', () => {
    const before = nodes(1, 1, 1);
    const after = nodes(1, 1, 2);
    for (const key of keys(3_000)) {
      if (home(before, key) !== home(after, key)) expect(home(after, key)).toBe(after[2]?.name);
    }
  });

  it('is nowhere when no node is usable', () => {
    expect(chooseNode(nodes(1, 1), 'a', () => false)).toBeUndefined();
    expect(chooseNode([], 'a', () => true)).toBeUndefined();
  });

  it('is found for any key and weights', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.array(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 9 }),
        (key, weights) => {
          expect(chooseNode(nodes(...weights), key, () => true)).toBeDefined();
        },
      ),
    );
  });
});
