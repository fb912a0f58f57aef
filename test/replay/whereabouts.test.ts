import { describe, expect, it } from 'vitest';
import { Locator } from '../../src/geo/locate.ts';
import { findPop } from '../../src/geo/tables.ts';
import { Whereabouts } from '../../src/replay/whereabouts.ts';

const POPS = ['LHR', 'FRA', 'IAD'];

function world(pops: readonly string[] = POPS) {
  const out = new Set<number>();
  const locator = new Locator(pops.length > 0 ? { pops } : {});
  const whereabouts = new Whereabouts(locator, pops, (pop) => out.has(pop));
  const set = (...codes: string[]): void => {
    out.clear();
    for (const code of codes) out.add(findPop(code)!.index);
    whereabouts.changed();
  };
  return { locator, whereabouts, set };
}

describe('where clients are while PoPs are withdrawn', () => {
  it('everybody is at home while nothing is withdrawn, and again once all is back', () => {
    const { locator, whereabouts, set } = world();
    const home = locator.pop('LHR');
    expect(whereabouts.locate(home)).toBe(home);
    set('LHR');
    expect(whereabouts.locate(home)).not.toBe(home);
    set();
    expect(whereabouts.locate(home)).toBe(home);
  });

  it.each([
    { name: 'clients of a withdrawn PoP go to the nearest left', out: ['LHR'], home: 'LHR', pop: 'FRA' },
    { name: 'clients of other PoPs stay', out: ['LHR'], home: 'IAD', pop: 'IAD' },
    { name: 'with two withdrawn one takes all', out: ['LHR', 'FRA'], home: 'FRA', pop: 'IAD' },
    { name: 'a PoP that this world does not have moves nobody', out: ['NRT'], home: 'LHR', pop: 'LHR' },
    { name: 'with nobody left they stay where they are', out: POPS, home: 'IAD', pop: 'IAD' },
  ])('$name', ({ out, home, pop }) => {
    const { locator, whereabouts, set } = world();
    set(...out);
    expect(whereabouts.locate(locator.pop(home)).pop).toBe(pop);
  });

  it('when the last PoP goes, clients that had moved to it stay there', () => {
    const { locator, whereabouts, set } = world();
    const home = locator.pop('LHR');
    set('LHR', 'FRA');
    expect(whereabouts.locate(home).pop).toBe('IAD');
    set(...POPS);
    expect(whereabouts.locate(home).pop).toBe('IAD');
  });

  it('a world that names no PoPs has all of the table', () => {
    const { locator, whereabouts, set } = world([]);
    expect(whereabouts.pops).toHaveLength(locator.popsInUse.length);
    set('LHR');
    expect(whereabouts.locate(locator.pop('LHR')).pop).not.toBe('LHR');
  });
});
