import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { after, type Micros } from '../../src/core/time.ts';
import { ErrorCode } from '../../src/railgun/faults.ts';
import { DEFAULT_LANE_POOL, LanePool, type LanePoolOptions } from '../../src/railgun/lanes.ts';
import { START } from './pretend-link.ts';

const LOST = { code: 0, side: 'network', why: '' } as const;

function pool(options: Partial<LanePoolOptions> = {}, seed = 1): LanePool {
  return new LanePool({ ...DEFAULT_LANE_POOL, ...options }, seededRandom(seed));
}

/** A pool with `lanes` lanes that have `free` streams each. */
function withLanes(lanes: number, free: number, options: Partial<LanePoolOptions> = {}): LanePool {
  const made = pool(options);
  for (let lane = 1; lane <= lanes; lane += 1) {
    for (let other = 1; other < lane; other += 1) made.update(other, 0, 1, START);
    made.place(START);
    made.opened(lane, free, START);
  }
  for (let lane = 1; lane <= lanes; lane += 1) made.update(lane, free, 0, START);
  made.takeEvents();
  return made;
}

describe('where a request goes', () => {
  it('RG-001 RG-002 the first one goes direct, and a lane is opened at the same moment', () => {
    const lanes = pool();
    expect(lanes.place(START)).toEqual({ kind: 'direct', reason: 'starting new WAN connection' });
    expect(lanes.takeEvents()).toEqual([{ kind: 'open_lane', lane: 1 }]);
  });

  it('RG-003 while it opens, others go direct, and no second open is started', () => {
    const lanes = pool();
    lanes.place(START);
    lanes.takeEvents();
    for (let count = 0; count < 50; count += 1) {
      expect(lanes.place(after(START, count))).toEqual({
        kind: 'direct',
        reason: 'waiting for pending WAN connection',
      });
    }
    expect(lanes.takeEvents()).toEqual([]);
  });

  it('RG-006 an open lane with a free stream is used, and nothing is opened', () => {
    const lanes = withLanes(1, 100);
    expect(lanes.place(START)).toEqual({ kind: 'lane', lane: 1 });
    expect(lanes.takeEvents()).toEqual([]);
  });

  it('RG-004 all lanes of wan.lanes busy', () => {
    const lanes = withLanes(3, 1, { maxLanes: 3 });
    for (let lane = 1; lane <= 3; lane += 1) lanes.update(lane, 0, 1, START);
    expect(lanes.place(START)).toEqual({ kind: 'direct', reason: 'all WAN connections are busy' });
    expect(lanes.takeEvents()).toEqual([]);
    lanes.update(2, 1, 0, START);
    expect(lanes.place(START)).toEqual({ kind: 'lane', lane: 2 });
  });

  it('all busy below the limit: another lane is opened', () => {
    const lanes = withLanes(2, 1, { maxLanes: 3 });
    for (let lane = 1; lane <= 2; lane += 1) lanes.update(lane, 0, 1, START);
    expect(lanes.place(START)).toMatchObject({ reason: 'starting new WAN connection' });
  });

  it('the least busy lane is taken', () => {
    const lanes = withLanes(3, 10);
    lanes.update(1, 5, 5, START);
    lanes.update(2, 8, 2, START);
    lanes.update(3, 7, 3, START);
    expect(lanes.place(START)).toEqual({ kind: 'lane', lane: 2 });
  });
});

describe('opens that fail', () => {
  it('RG-011 waits double with jitter up to the ceiling, and requests go direct meanwhile', () => {
    const lanes = pool();
    let now = START;
    const waits: number[] = [];
    for (let turn = 0; turn < 12; turn += 1) {
      expect(lanes.place(now)).toMatchObject({ reason: 'starting new WAN connection' });
      const opened = lanes.takeEvents();
      expect(opened).toHaveLength(1);
      lanes.openFailed(turn + 1, 0, now);
      expect(lanes.place(now)).toMatchObject({ kind: 'direct', reason: 'waiting for pending WAN connection' });
      expect(lanes.takeEvents()).toEqual([]);
      waits.push(lanes.backOffUntil - now);
      now = lanes.backOffUntil;
    }
    waits.forEach((wait, turn) => {
      const full = Math.min(30_000_000, 500_000 * 2 ** turn);
      expect(wait).toBeGreaterThanOrEqual(full / 2);
      expect(wait).toBeLessThanOrEqual(full);
    });
    expect(new Set(waits.slice(7)).size).toBeGreaterThan(1);
  });

  it('RG-011 two edges that lost a listener together do not come back together', () => {
    const delays = [1, 2, 3, 4].map((seed) => {
      const lanes = pool({}, seed);
      lanes.place(START);
      lanes.openFailed(1, 0, START);
      return lanes.backOffUntil;
    });
    expect(new Set(delays).size).toBe(4);
  });

  it('RG-010 once an open succeeds requests return to the lane, and the count starts anew', () => {
    const lanes = pool();
    let now = START;
    for (let turn = 1; turn <= 5; turn += 1) {
      lanes.place(now);
      lanes.openFailed(turn, 0, now);
      now = lanes.backOffUntil;
    }
    lanes.place(now);
    lanes.opened(6, 100, now);
    expect(lanes.failures).toBe(0);
    expect(lanes.place(now)).toEqual({ kind: 'lane', lane: 6 });
  });

  it('RG-017 an open that hangs is given up after five seconds, by the pool itself', () => {
    const lanes = pool();
    lanes.place(START);
    lanes.takeEvents();
    expect(lanes.wakeAt()).toBe(START + 5_000_000);
    lanes.wake(after(START, 4_999_999));
    expect(lanes.takeEvents()).toEqual([]);
    lanes.wake(after(START, 5_000_000));
    expect(lanes.takeEvents()).toEqual([{ kind: 'abandon_lane', lane: 1 }]);
    expect(lanes.opening).toBeUndefined();
    // An answer that comes too late opens nothing.
    lanes.opened(1, 100, after(START, 6_000_000));
    expect(lanes.size).toBe(0);
  });

  it.each([ErrorCode.auth, ErrorCode.version])('after code %i the next try is at least 60 s away', (code) => {
    const lanes = pool();
    lanes.place(START);
    lanes.openFailed(1, code, START);
    expect(lanes.backOffUntil - START).toBeGreaterThanOrEqual(60_000_000);
  });
});

describe('the life of lanes', () => {
  it('RG-105 a lane beyond its age is replaced first, then retired', () => {
    const lanes = withLanes(1, 10, { maxAgeUs: 900_000_000 });
    const due = lanes.wakeAt() as Micros;
    expect(due - START).toBeGreaterThanOrEqual(810_000_000);
    expect(due - START).toBeLessThanOrEqual(990_000_000);
    lanes.wake(due);
    expect(lanes.takeEvents()).toEqual([{ kind: 'open_lane', lane: 2 }]);
    expect(lanes.place(due)).toEqual({ kind: 'lane', lane: 1 });
    lanes.opened(2, 10, due);
    expect(lanes.takeEvents()).toEqual([{ kind: 'retire_lane', lane: 1 }]);
    expect(lanes.place(due)).toEqual({ kind: 'lane', lane: 2 });
  });

  it('RG-105 when the replacement cannot be opened, the old lane goes on', () => {
    const lanes = withLanes(1, 10, { maxAgeUs: 900_000_000 });
    const due = lanes.wakeAt() as Micros;
    lanes.wake(due);
    lanes.openFailed(2, 0, due);
    expect(lanes.place(due)).toEqual({ kind: 'lane', lane: 1 });
    expect(lanes.wakeAt()).toBe(lanes.backOffUntil);
  });

  it('a draining lane takes no more, and its successor is opened at once', () => {
    const lanes = withLanes(1, 10);
    lanes.draining(1, START);
    expect(lanes.takeEvents()).toEqual([{ kind: 'open_lane', lane: 2 }]);
    expect(lanes.place(START)).toMatchObject({ kind: 'direct', reason: 'waiting for pending WAN connection' });
  });

  it('lanes without work for five minutes go, all but one', () => {
    const lanes = withLanes(4, 10);
    const later = after(START, 300_000_000);
    lanes.wake(later);
    expect(lanes.takeEvents()).toEqual([1, 2, 3].map((lane) => ({ kind: 'retire_lane', lane })));
    expect(lanes.place(later)).toEqual({ kind: 'lane', lane: 4 });
    expect(lanes.wakeAt()).toBeUndefined();
  });

  it('a lane that breaks is forgotten; the next request opens another', () => {
    const lanes = withLanes(1, 10);
    lanes.closed(1, LOST, START);
    expect(lanes.place(START)).toEqual({ kind: 'direct', reason: 'starting new WAN connection' });
  });

  it('any story: never two opens at once, never more lanes than allowed, always an answer', () => {
    const step = fc.record({
      what: fc.constantFrom('place', 'ok', 'fail', 'close', 'busy', 'free', 'drain', 'wait'),
      lane: fc.nat({ max: 5 }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 120 }), (maxLanes, steps) => {
        const lanes = pool({ maxLanes, maxAgeUs: 60_000_000 });
        const open = new Set<number>();
        const draining = new Set<number>();
        let opening: number | undefined;
        let now = START;
        const take = (): void => {
          for (const event of lanes.takeEvents()) {
            if (event.kind === 'open_lane') {
              expect(opening).toBeUndefined();
              opening = event.lane;
            } else if (event.kind === 'abandon_lane') {
              opening = undefined;
            } else {
              draining.add(event.lane);
            }
          }
        };
        for (const { what, lane } of steps) {
          const chosen = [...open][lane % Math.max(1, open.size)];
          if (what === 'place') {
            const place = lanes.place(now);
            if (place.kind === 'lane') expect(open.has(place.lane) && !draining.has(place.lane)).toBe(true);
          } else if (what === 'ok' && opening !== undefined) {
            const opened: number = opening;
            opening = undefined;
            open.add(opened);
            lanes.opened(opened, 5, now);
          } else if (what === 'fail' && opening !== undefined) {
            const failed: number = opening;
            opening = undefined;
            lanes.openFailed(failed, 0, now);
          } else if (what === 'close' && chosen !== undefined) {
            open.delete(chosen);
            lanes.closed(chosen, LOST, now);
          } else if (what === 'drain' && chosen !== undefined) {
            draining.add(chosen);
            lanes.draining(chosen, now);
          } else if (chosen !== undefined) {
            lanes.update(chosen, what === 'busy' ? 0 : 5, what === 'busy' ? 5 : 0, now);
          }
          now = after(now, what === 'wait' ? 20_000_000 : 100_000);
          lanes.wake(now);
          take();
          // A lane and its successor may serve side by side for a moment.
          expect([...open].filter((one) => !draining.has(one)).length).toBeLessThanOrEqual(maxLanes + 1);
        }
      }),
    );
  });
});
