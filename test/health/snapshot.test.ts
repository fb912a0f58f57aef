import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import type { HealthEvent } from '../../src/core/trace.ts';
import { describeDataCenters, describeOrigin, describePool } from '../../src/health/describe.ts';
import { adopt, restore, snapshotOf } from '../../src/health/snapshot.ts';
import { Bench, EEU, PLACES, SEAS, WEU, at, model, monitor, origin, pool, popIndex, second } from './build.ts';

const EVERYWHERE = PLACES.pops.map((site) => site.code);

/** What is told when `next` takes over from `bench`. */
function reload(bench: Bench, next: Bench): HealthEvent[] {
  next.now = bench.now + 1;
  adopt(next.board, bench.board, second(next.now));
  return next.events;
}

describe('a reload', () => {
  it('of the same configuration changes nothing and tells nothing', () => {
    const make = (): Bench =>
      new Bench(
        model([pool('eu', ['a', 'b'], { checkRegions: [WEU, EEU] }), pool('all', ['c'], { checkRegions: null })]),
      );
    const old = make();
    old.feed('..', { from: old.centers() });
    old.feed('.x', { origin: 1, from: old.centers() });
    old.feed('.', { pool: 1, from: EVERYWHERE });
    old.feed('x', { pool: 1, from: 'FRA' });
    const next = make();
    expect(reload(old, next)).toEqual([]);
    for (const [p, origins] of [
      [0, 2],
      [1, 1],
    ] as const) {
      for (const code of EVERYWHERE) {
        expect(next.board.pool(p, at(code))).toBe(old.board.pool(p, at(code)));
        expect(next.board.rttUs(p, at(code))).toBe(old.board.rttUs(p, at(code)));
        for (let o = 0; o < origins; o += 1) {
          expect(describeOrigin(next.board, p, o, at(code))).toEqual(describeOrigin(old.board, p, o, at(code)));
          expect(describeDataCenters(next.board, p, o)).toEqual(describeDataCenters(old.board, p, o));
        }
      }
      expect(describePool(next.board, p, undefined)).toEqual(describePool(old.board, p, undefined));
    }
    expect(next.board.version).toBeGreaterThan(old.board.version);
  });

  it('finds pools and origins by id and name, wherever they stand now', () => {
    const old = new Bench(model([pool('eu', ['a', 'b'])]));
    old.feed('.', { origin: 0, from: old.centers() });
    old.feed('x', { origin: 1, from: old.centers() });
    const next = new Bench(model([pool('new', ['z']), pool('eu', ['b', 'a'])]));
    expect(reload(old, next)).toEqual([]);
    expect(next.board.pool(0, at('LHR'))).toBe('unprobed');
    expect([0, 1].map((o) => next.board.origin(1, o, at('LHR')))).toEqual(['unhealthy', 'healthy']);
  });

  it('goes on counting a run where it was', () => {
    const make = (): Bench => new Bench(model([pool('eu', ['a'])], [monitor({ consecutiveDown: 3 })]));
    const old = make();
    old.feed('.xx', { from: old.centers() });
    const next = make();
    reload(old, next);
    next.feed('x', { from: next.centers() });
    expect(next.board.pool(0, at('LHR'))).toBe('critical');
  });

  it('tells what the new configuration changes', () => {
    const old = new Bench(model([pool('eu', ['a', 'b'])]));
    for (const index of [0, 1]) old.feed(index === 0 ? '.' : 'x', { origin: index, from: old.centers() });
    const next = new Bench(model([pool('eu', ['a', 'b'], { minimumOrigins: 2 })]));
    reload(old, next);
    expect(next.told()).toEqual(['pool eu global: degraded > critical']);
    expect(next.events[0]!.reason).toBe('configuration_changed');
  });

  it.each([
    { name: 'its address changed', was: {}, is: { address: '192.0.2.9' } },
    { name: 'its port changed', was: {}, is: { port: 8443 } },
    { name: 'it was switched on again', was: { enabled: false }, is: { enabled: true } },
  ])('forgets an origin when $name', ({ was, is }) => {
    const old = new Bench(model([pool('eu', [origin('a', was)])]));
    old.feed('.', { from: old.centers() });
    const next = new Bench(model([pool('eu', [origin('a', is)])]));
    reload(old, next);
    expect(next.board.origin(0, 0, at('LHR'))).toBe('unprobed');
  });

  it('keeps the verdict on an origin that was switched off: its sessions drain', () => {
    const old = new Bench(model([pool('eu', ['a', 'b'])]));
    for (const index of [0, 1]) old.feed(index === 0 ? '.' : 'x', { origin: index, from: old.centers() });
    const next = new Bench(
      model([
        pool(
          'eu',
          ['a', 'b'].map((name) => origin(name, { enabled: false })),
        ),
      ]),
    );
    reload(old, next);
    expect([0, 1].map((o) => next.board.origin(0, o, at('LHR')))).toEqual(['healthy', 'unhealthy']);
    expect(next.board.pool(0, at('LHR'))).toBe('critical');
  });

  it('asks a new monitor before it believes anything', () => {
    const old = new Bench(model([pool('eu', ['a'])]));
    old.feed('.', { from: old.centers() });
    const next = new Bench(model([pool('eu', ['a'], { monitor: monitor({ id: 'n' }).id })], [monitor({ id: 'n' })]));
    reload(old, next);
    expect(next.board.pool(0, at('LHR'))).toBe('unprobed');
  });

  it("keeps an operator's verdicts", () => {
    const old = new Bench(model([pool('eu', ['a']), pool('us', ['b'])]));
    for (const index of [0, 1]) old.feed('.', { pool: index, from: old.centers() });
    old.board.setVerdict(0, 0, 'unhealthy', second(5000));
    old.board.setPoolVerdict(1, 'critical', second(5000));
    const next = new Bench(model([pool('us', ['b']), pool('eu', ['a'])]));
    expect(reload(old, next)).toEqual([]);
    expect([0, 1].map((p) => next.board.pool(p, at('LHR')))).toEqual(['critical', 'critical']);
    next.board.setVerdict(1, 0, undefined, second(5001));
    expect(next.board.pool(1, at('LHR'))).toBe('healthy');
  });

  it('does not use what went out of date meanwhile', () => {
    const make = (): Bench =>
      new Bench(model([pool('eu', ['a'], { checkRegions: [WEU, EEU, SEAS], healthSources: ['regional', 'global'] })]));
    const old = make();
    old.feed('.', { from: old.centers() });
    old.feed('x', { from: old.centers().filter((code) => PLACES.pops[popIndex(code)]!.regionIndex === 1) });
    const next = make();
    restore(next.board, snapshotOf(old.board), second(old.now + 3600));
    next.board.wake(second(old.now + 3600));
    expect(next.board.pool(0, at('WAW'))).toBe('healthy');
  });
});

describe('a snapshot', () => {
  test.prop([fc.array(fc.tuple(fc.nat(), fc.nat(), fc.boolean()), { maxLength: 80 })])(
    'survives JSON: a board restored from it goes on like the old one',
    (results) => {
      const make = (): Bench =>
        new Bench(
          model(
            [pool('eu', ['a', 'b'], { checkRegions: [WEU, EEU] }), pool('all', ['c', 'd'], { checkRegions: null })],
            [monitor({ consecutiveUp: 2, consecutiveDown: 2 })],
          ),
        );
      const play = (bench: Bench, list: typeof results): void => {
        for (const [target, center, passed] of list) {
          const p = target % 2;
          const centers = bench.centers(p);
          bench.feed(passed ? '.' : 'x', {
            pool: p,
            origin: (target >> 1) % 2,
            from: centers[center % centers.length]!,
          });
        }
      };
      const half = Math.floor(results.length / 2);
      const whole = make();
      play(whole, results);
      const first = make();
      play(first, results.slice(0, half));
      const second_ = make();
      second_.now = first.now;
      restore(second_.board, JSON.parse(JSON.stringify(snapshotOf(first.board))), second(first.now));
      play(second_, results.slice(half));
      const { version: _a, ...left } = snapshotOf(second_.board);
      const { version: _b, ...right } = snapshotOf(whole.board);
      expect(left).toEqual(right);
    },
  );
});
