import { describe, expect, it } from 'vitest';
import { micros } from '../../../src/core/time.ts';
import type { SimStoreNode } from '../../../src/sim/railgun-estate.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { StoreClient, StoreNode, homeOf } from '../../../src/sim/wire/page-store.ts';

const T0 = 1_772_366_400_000_000;

class Bed {
  readonly clock = new VirtualClock(micros(T0));
  readonly states: SimStoreNode[];
  readonly nodes: StoreNode[];
  readonly client: StoreClient;
  constructor(count: number) {
    this.states = Array.from({ length: count }, () => ({ state: 'up' as const, generation: 0, effects: [] }));
    this.nodes = this.states.map(() => new StoreNode());
    this.client = new StoreClient(this.clock, this.nodes, this.states);
  }
  get(key: string): string {
    let told = '';
    this.client.get(key, (answer) => (told = answer.kind));
    while (told === '' && this.clock.step());
    return told;
  }
  set(key: string, seconds = 600): boolean {
    let told: boolean | undefined;
    this.client.set(key, Uint8Array.of(1), seconds, (ok) => (told = ok));
    while (told === undefined && this.clock.step());
    return told === true;
  }
  wait(ms: number): void {
    this.clock.runUntil(micros(this.clock.now() + ms * 1_000));
  }
}

const keys = Array.from({ length: 1_000 }, (_, n) => `rg1l:${n}:LHR:${n % 32}`);

describe('simulated stores of page versions', () => {
  it('RG-059 each key lives on one node, about as many on each', () => {
    const bed = new Bed(4);
    for (const key of keys) expect(bed.set(key)).toBe(true);
    expect(bed.nodes.reduce((sum, { items }) => sum + items, 0)).toBe(keys.length);
    for (const { items } of bed.nodes) expect(items).toBeGreaterThan(180);
  });

  it('RG-116 RG-117 a dead node costs its share, which then lives on the next; when it is back its keys go home', () => {
    const bed = new Bed(2);
    for (const key of keys) bed.set(key);
    bed.states[1]!.state = 'gone';
    bed.states[1]!.generation += 1;
    const missing = keys.filter((key) => bed.get(key) === 'miss');
    expect(missing.length / keys.length).toBeGreaterThan(0.45);
    expect(missing.length / keys.length).toBeLessThan(0.55);
    for (const key of missing) bed.set(key);
    expect(keys.filter((key) => bed.get(key) !== 'hit')).toEqual([]);
    bed.states[1]!.state = 'up';
    bed.wait(2_001);
    expect(keys.filter((key) => bed.get(key) === 'miss')).toHaveLength(missing.length);
  });

  it('with the only node dead nobody can be asked, and what is not stored is told when it rests', () => {
    const bed = new Bed(1);
    bed.states[0]!.state = 'gone';
    expect([bed.get('a'), bed.get('a'), bed.set('a'), bed.set('a')]).toEqual(['down', 'down', false, false]);
    expect(bed.get('a')).toBe('down');
  });

  it('a dead node is probed at doubled distances, so a short absence is noticed soon and a long one within two seconds', () => {
    for (const [awayMs, noticedMs] of [
      [100, 175],
      [1_000, 1_575],
      [60_000, 61_175],
    ] as const) {
      const bed = new Bed(1);
      bed.states[0]!.state = 'gone';
      for (const key of ['a', 'b', 'c']) expect(bed.get(key)).toBe('down');
      bed.wait(awayMs);
      bed.states[0]!.state = 'up';
      bed.wait(noticedMs - awayMs - 1);
      expect(bed.get('a')).toBe('down');
      bed.wait(2);
      expect(bed.get('a')).toBe('miss');
    }
  });

  it('RG-055 a frozen node costs its first askers the whole budget, and the next ones nothing', () => {
    const bed = new Bed(2);
    const on = keys.filter((key) => homeOfText(bed, key) === 0);
    bed.states[0]!.state = 'silent';
    const spans = on.slice(0, 6).map((key) => {
      const from = bed.clock.now();
      bed.get(key);
      return bed.clock.now() - from;
    });
    expect(spans).toEqual([100_000, 100_000, 100_000, 200, 200, 200]);
  });

  it('RG-056 forgets what has expired, and everything when it is flushed', () => {
    const bed = new Bed(1);
    bed.set('a', 10);
    bed.set('b', 0);
    bed.wait(9_000);
    expect([bed.get('a'), bed.get('b')]).toEqual(['hit', 'hit']);
    bed.wait(2_000);
    expect([bed.get('a'), bed.get('b')]).toEqual(['miss', 'hit']);
    bed.states[0]!.generation += 1;
    expect(bed.get('b')).toBe('miss');
  });

  it('never holds more than its memory: the least recently used goes first', () => {
    const node = new StoreNode();
    const page = new Uint8Array(1_000_000);
    for (let n = 0; n < 100; n += 1) {
      node.set(`k${n}`, page, Number.POSITIVE_INFINITY, 0);
      node.get('k0', micros(T0), 0);
    }
    expect(node.items).toBeLessThan(68);
    expect(node.get('k0', micros(T0), 0)).toBeDefined();
    expect(node.get('k1', micros(T0), 0)).toBeUndefined();
  });
});

function homeOfText(bed: Bed, key: string): number {
  const before = bed.nodes.map(({ items }) => items);
  bed.set(key);
  const home = bed.nodes.findIndex(({ items }, at) => items > before[at]!);
  bed.client.delete(key);
  bed.wait(1);
  expect(homeOf(1, 2, () => false)).toBe(-1);
  return home;
}
