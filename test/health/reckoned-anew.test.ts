/**
 * The board moves counts; this reckons everything anew from the whole history, the long way, straight from the words of spec 3.2.
 * Both must agree after every result.
 */
import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { Bench, EEU, PLACES, SEAS, WEU, at, fail, model, monitor, pool, popIndex, second } from './build.ts';

type Word = 'healthy' | 'unhealthy' | 'unprobed';

/** The last run long enough to decide. */
function verdict(history: readonly boolean[], up: number, down: number): Word {
  for (let end = history.length; end > 0; end -= 1) {
    const last = history[end - 1]!;
    const need = Math.max(1, last ? up : down);
    if (end >= need && history.slice(end - need, end).every((each) => each === last))
      return last ? 'healthy' : 'unhealthy';
  }
  return 'unprobed';
}

/** More than half say healthy; or so many do not that the silent ones cannot make it more than half. */
function vote(words: readonly Word[]): Word {
  const yes = words.filter((word) => word === 'healthy').length;
  const silent = words.filter((word) => word === 'unprobed').length;
  if (yes > words.length / 2) return 'healthy';
  return yes + silent > words.length / 2 ? 'unprobed' : 'unhealthy';
}

const MONITORS = [
  monitor({ id: 'm', consecutiveUp: 2, consecutiveDown: 3 }),
  monitor({ id: 'n' }),
  monitor({ id: 'o' }),
];
const GROUPS = [
  {
    id: 'g',
    description: '',
    members: MONITORS.map(({ id }, i) => ({
      monitor: id,
      enabled: true,
      monitoringOnly: false,
      mustBeHealthy: i === 1,
    })),
  },
];
const POOLS = [
  pool('world', ['a', 'b', 'c'], { checkRegions: [WEU, EEU, SEAS], minimumOrigins: 2 }),
  pool('regional', ['a'], { checkRegions: [WEU, EEU], healthSources: ['regional', 'global'] }),
  pool('local', ['a', 'b'], { checkRegions: null }),
  pool('group', ['a'], { checkRegions: [EEU, SEAS], monitor: undefined, monitorGroup: 'g' }),
];

/** A group of three where the second must be healthy; or one monitor alone. */
function center(words: readonly Word[]): Word {
  if (words.length === 1) return words[0]!;
  if (words[1] === 'unhealthy') return 'unhealthy';
  const bad = words.filter((word) => word === 'unhealthy').length;
  const silent = words.filter((word) => word === 'unprobed').length;
  if (bad > 1.5) return 'unhealthy';
  return words[1] === 'unprobed' || bad + silent > 1.5 ? 'unprobed' : 'healthy';
}

test.prop(
  [
    fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat(), fc.nat(), fc.nat(), fc.boolean()), {
      minLength: 1,
      maxLength: 120,
    }),
    // So that runs and quorums are met often: mostly the same answer.
    fc.boolean(),
  ],
  { numRuns: 200 },
)('votes counted on the way are votes counted anew', (results, usual) => {
  const bench = new Bench(model(POOLS, MONITORS, { groups: GROUPS }));
  const history = new Map<string, boolean[]>();
  const historyOf = (...key: number[]): boolean[] => {
    const name = key.join();
    if (!history.has(name)) history.set(name, []);
    return history.get(name)!;
  };
  for (const [p, o, c, m, odd] of results) {
    const { electorate, members, pool: own } = bench.layout.pools[p]!;
    const origin = o % own.origins.length;
    const member = m % members.length;
    const pop = electorate.slots[c % electorate.slots.length]!;
    const passed = odd && c % 3 === 0 ? !usual : usual;
    historyOf(p, origin, pop, member).push(passed);
    bench.board.record(p, origin, pop, passed ? { reason: 'no_failures', rttUs: 1 } : fail(), second(1), member);
  }
  for (const [p, { pool: own, members, electorate }] of bench.layout.pools.entries()) {
    const needs = members.map(
      ({ monitor: { consecutiveUp, consecutiveDown } }) => [consecutiveUp, consecutiveDown] as const,
    );
    for (const site of PLACES.pops) {
      const from = at(site.code);
      const words = own.origins.map((_, o): Word => {
        const seen = (pop: number): Word =>
          center(needs.map(([up, down], m) => verdict(history.get([p, o, pop, m].join()) ?? [], up, down)));
        const region = (index: number): Word =>
          vote(electorate.slots.filter((pop) => PLACES.pops[pop]!.regionIndex === index).map((pop) => seen(pop)));
        const world =
          own.checkRegions === null
            ? vote(electorate.slots.map((pop) => seen(pop)))
            : vote(own.checkRegions.map((code) => region(PLACES.regions.indexOf(code))));
        let here: Word = 'unprobed';
        if (own.id === 'local') here = seen(popIndex(site.code));
        if (own.id === 'regional' && own.checkRegions!.includes(from.region!)) here = region(from.regionIndex);
        return here === 'unprobed' ? world : here;
      });
      for (const [o, word] of words.entries())
        expect(bench.board.origin(p, o, from), `${own.id}/${o} at ${site.code}`).toBe(word);
      const healthy = words.filter((word) => word === 'healthy').length;
      const silent = words.filter((word) => word === 'unprobed').length;
      let expected = healthy === words.length ? 'healthy' : 'degraded';
      if (healthy < own.minimumOrigins) expected = healthy + silent >= own.minimumOrigins ? 'unprobed' : 'critical';
      expect(bench.board.pool(p, from), `${own.id} at ${site.code}`).toBe(expected);
    }
  }
});
