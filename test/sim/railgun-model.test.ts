import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { micros } from '../../src/core/time.ts';
import { LinkState } from '../../src/sim/link.ts';
import { DYING_US, RailgunEstate, type RailgunTraits } from '../../src/sim/railgun-estate.ts';
import { PAGE_SHARES } from '../../src/sim/page-shares.ts';
import { LOST, PASSES, RailgunModel } from '../../src/sim/railgun-model.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

const S = 1_000_000;
const RTT = 80_000;
/** Runs begin somewhere in this century, not in 1970. */
const T0 = 1_772_366_400 * S;
const PAGE = 92_516;
const traits: RailgunTraits = {
  topology: 'in-front',
  listeners: 1,
  storeNodes: 1,
  sharedStore: true,
  expirationUs: 600 * S,
  streamSize: 1_048_576,
  replaceAfterUs: 0,
};

class Bed {
  readonly clock = new VirtualClock(micros(T0));
  readonly link = new LinkState(RTT / 2, 0);
  readonly estate: RailgunEstate;
  readonly model: RailgunModel;
  constructor(more: Partial<RailgunTraits> = {}) {
    this.estate = new RailgunEstate({ ...traits, ...more }, this.clock);
    this.model = new RailgunModel({
      ...{ estate: this.estate, link: this.link, scheduler: this.clock, startUs: T0 },
      placeRandom: (pop) => seededRandom(1).fork(`P${pop}`),
    });
  }
  at(at: number): void {
    this.clock.runUntil(micros(T0 + at));
  }
  /** A request that is over at once when it is on a lane that lives; one that hangs stays under way. */
  ask(at: number, pop = 0): string {
    this.at(at);
    if (!this.model.place(pop, T0 + at, RTT)) return this.model.reason;
    if (this.model.hangsUntil > 0) return 'hangs';
    this.model.left(pop, this.model.lane, T0 + at);
    return 'lane';
  }
  bytes(at: number, page = 1, pop = 0, size = PAGE): number {
    this.at(at);
    this.model.transfer(pop, page, size, true, T0 + at);
    return this.model.wanBytes;
  }
}

describe('lanes of the flow model', () => {
  it('RG-001 RG-002 RG-003 the first request opens a lane and goes direct, the next ones wait for nothing', () => {
    const bed = new Bed();
    expect(bed.ask(0)).toBe('starting new WAN connection');
    expect(bed.ask(2 * RTT)).toBe('waiting for pending WAN connection');
    // TCP, TLS 1.3, and SETTINGS both ways.
    expect(bed.ask(3 * RTT)).toBe('lane');
    expect(bed.model.lanesOpened).toBe(1);
  });

  it('RG-018 each PoP has a lane of its own', () => {
    const bed = new Bed();
    bed.ask(0, 0);
    bed.ask(3 * RTT, 0);
    expect(bed.ask(3 * RTT, 1)).toBe('starting new WAN connection');
  });

  it('RG-004 more requests than a lane has streams open another, and go direct until it serves', () => {
    const bed = new Bed();
    bed.ask(0);
    bed.at(S);
    const under = Array.from({ length: 101 }, () => bed.model.place(0, T0 + S, RTT));
    expect(under.filter(Boolean)).toHaveLength(100);
    expect(bed.model.reason).toBe('starting new WAN connection');
    expect(bed.ask(S + 3 * RTT)).toBe('lane');
  });

  it('RG-008 RG-010 with the listener killed all goes direct, and back by itself when it returns', () => {
    const bed = new Bed();
    bed.ask(0);
    bed.ask(S);
    bed.at(2 * S);
    const heal = bed.estate.setListener('1', 'gone');
    // The edge hears of it one way later.
    for (let at = 2 * S + RTT; at < 30 * S; at += S / 4) expect(bed.ask(at)).not.toMatch(/lane|hangs/);
    bed.at(30 * S);
    heal();
    const answers = Array.from({ length: 100 }, (_, step) => bed.ask(30 * S + step * S));
    expect(answers.at(-1)).toBe('lane');
  });

  it('RG-012 a request that would end after its lane broke is lost, one that ends before is not', () => {
    const bed = new Bed();
    bed.ask(0);
    bed.at(S);
    expect(bed.model.place(0, T0 + S, RTT)).toBe(true);
    const { lane } = bed.model;
    bed.estate.setListener('1', 'gone');
    expect(bed.model.fateOf(0, lane, T0 + S + RTT / 2 - 1)).toBe(PASSES);
    bed.at(S + RTT);
    expect(bed.model.fateOf(0, lane, T0 + S + RTT)).toBe(LOST);
  });

  it('RG-012 a killed listener writes nothing more, although its lanes stand until the kernel has closed their sockets', () => {
    const bed = new Bed();
    bed.ask(0);
    bed.at(S);
    expect(bed.model.place(0, T0 + S, RTT)).toBe(true);
    const { lane } = bed.model;
    bed.estate.setListener('1', 'gone');
    // An answer that left before, and one that would have left after.
    expect(bed.model.fateOf(0, lane, T0 + S + RTT / 2)).toBe(PASSES);
    bed.at(S + RTT / 2 + 1);
    expect(bed.model.fateOf(0, lane, T0 + S + RTT / 2 + 1)).toBe(LOST);
    expect(bed.model.lanesLost).toBe(0);
    bed.at(S + RTT / 2 + DYING_US);
    expect(bed.model.lanesLost).toBe(1);
  });

  it('a kill that is undone before the process is gone has killed it all the same', () => {
    const bed = new Bed();
    bed.ask(0);
    bed.at(S);
    bed.estate.setListener('1', 'gone')();
    bed.at(2 * S);
    expect([bed.estate.listeners[0]?.state, bed.estate.listeners[0]?.generation]).toEqual(['up', 1]);
    expect(bed.model.lanesLost).toBe(1);
  });

  it('RG-011 failed opens are spaced ever further apart, up to half a minute', () => {
    const bed = new Bed();
    bed.estate.setListener('1', 'gone');
    const opens: number[] = [];
    for (let at = 0; at < 600 * S; at += S / 20) if (bed.ask(at) === 'starting new WAN connection') opens.push(at);
    const gaps = opens.slice(1).map((at, index) => at - opens[index]!);
    expect(gaps[0]!).toBeLessThan(S);
    expect(Math.max(...gaps)).toBeGreaterThan(15 * S);
    expect(Math.max(...gaps)).toBeLessThan(31 * S);
  });

  it('a frozen listener: requests of a second hang for ten more, the next go direct, and it may be heard of again', () => {
    const bed = new Bed();
    bed.ask(0);
    expect(bed.ask(S)).toBe('lane');
    bed.at(2 * S);
    const wake = bed.estate.setListener('1', 'silent');
    expect(bed.ask(3 * S)).toBe('hangs');
    const { hangsUntil, lane } = bed.model;
    expect(hangsUntil).toBe(T0 + 3 * S + 10.5 * S);
    expect(bed.ask(3.9 * S)).toBe('hangs');
    expect(bed.ask(4 * S)).toBe('starting new WAN connection');
    expect(bed.model.fateOf(0, lane, hangsUntil)).toBe(LOST);
    wake();
    expect(bed.model.fateOf(0, lane, hangsUntil)).toBe(PASSES);
    expect(bed.ask(5 * S)).toBe('lane');
  });

  it('RG-080 a draining listener: nothing is lost, new requests go direct', () => {
    const bed = new Bed();
    bed.ask(0);
    bed.at(S);
    expect(bed.model.place(0, T0 + S, RTT)).toBe(true);
    const { lane } = bed.model;
    bed.estate.setListener('1', 'draining');
    expect(bed.ask(S + RTT)).not.toBe('lane');
    expect(bed.model.fateOf(0, lane, T0 + S + RTT)).toBe(PASSES);
    bed.model.left(0, lane, T0 + S + RTT);
    expect(bed.model.lanesLost).toBe(1);
  });
});

describe('bytes of the flow model', () => {
  it('RG-049 RG-050 a page not held crosses packed, unchanged it costs nothing, then deltas that grow with its versions', () => {
    const bed = new Bed({ expirationUs: 0 });
    const { base, step, full } = PAGE_SHARES.news;
    expect(bed.bytes(0)).toBe(Math.ceil(PAGE * full));
    expect(bed.bytes(1)).toBe(0);
    expect(bed.bytes(300 * S)).toBe(Math.ceil(PAGE * (base + step)));
    expect(bed.bytes(900 * S)).toBe(Math.ceil(PAGE * (base + 2 * step)));
  });

  it('RG-056 an entry older than its expiration is a miss, one that is asked for all the time is not', () => {
    const bed = new Bed();
    expect(bed.bytes(0)).toBeGreaterThan(10_000);
    expect(bed.bytes(601 * S)).toBeGreaterThan(10_000);
    for (let at = 700; at < 2_000; at += 100) expect(bed.bytes(at * S)).toBeLessThan(1_000);
  });

  it('RG-036 RG-042 bodies too large, too small, or of another type are not delta-coded', () => {
    const bed = new Bed();
    expect([bed.bytes(0, 1, 0, 2_000_000), bed.bytes(1, 1, 0, 2_000_000)]).toEqual([2_000_000, 2_000_000]);
    expect([bed.bytes(2, 2, 0, 500), bed.bytes(3, 2, 0, 500)]).toEqual([500, 500]);
    bed.model.transfer(0, 3, 50_000, false, T0);
    expect(bed.model.wanBytes).toBe(50_000);
  });

  it('RG-116 RG-117 of two store nodes one is lost: about half of the pages cost one full transfer, then deltas again', () => {
    const bed = new Bed({ storeNodes: 2 });
    for (let page = 1; page <= 4_000; page += 1) bed.bytes(0, page * 7919);
    bed.estate.setStore('2', 'gone');
    const full = (at: number): number => {
      let count = 0;
      for (let page = 1; page <= 4_000; page += 1) if (bed.bytes(at, page * 7919) > 10_000) count += 1;
      return count / 4_000;
    };
    const lost = full(60 * S);
    expect(lost).toBeGreaterThan(0.45);
    expect(lost).toBeLessThan(0.55);
    expect(full(61 * S)).toBe(0);
  });

  it('RG-053 without any store pages pass as they are', () => {
    const bed = new Bed();
    bed.bytes(0);
    const heal = bed.estate.setStore('1', 'gone');
    expect(bed.bytes(S)).toBe(PAGE);
    heal();
    expect(bed.bytes(2 * S)).toBe(Math.ceil(PAGE * PAGE_SHARES.news.full));
  });
});

describe('an autoscaling group', () => {
  it('RG-112 puts a new machine in the place of a dead one, which the fault no longer touches', () => {
    const bed = new Bed({ listeners: 1, replaceAfterUs: 120 * S });
    bed.ask(0);
    bed.ask(S);
    expect(bed.ask(2 * S)).toBe('lane');
    bed.at(10 * S);
    const heal = bed.estate.setListener('1', 'gone');
    let replaced = 0;
    bed.estate.onReplaced = (_, at) => (replaced = at);
    for (let at = 11; at < 130; at += 1) expect(bed.ask(at * S)).not.toBe('lane');
    const later = Array.from({ length: 100 }, (_, step) => bed.ask((131 + step) * S));
    expect(later.at(-1)).toBe('lane');
    expect(replaced).toBe(T0 + 130 * S);
    heal();
    expect(bed.estate.listeners[0]!.state).toBe('up');
    expect(bed.ask(300 * S)).toBe('lane');
  });

  it('without one a dead listener stays dead', () => {
    const bed = new Bed();
    bed.ask(0);
    bed.at(10 * S);
    bed.estate.setListener('1', 'gone');
    for (let at = 11; at < 2_000; at += 10) expect(bed.ask(at * S)).not.toBe('lane');
  });
});

describe('the balancer of T3', () => {
  const t3 = { topology: 'behind-l4', listeners: 2, replaceAfterUs: 60 * S } as const;

  it('RG-108 RG-110 a dead listener is out of service within 12 s and gets no lane from then on', () => {
    const bed = new Bed(t3);
    expect(bed.estate.inService()).toEqual([true, true]);
    bed.at(3 * S);
    bed.estate.setListener('1', 'silent');
    bed.at(15 * S);
    expect(bed.estate.inService()).toEqual([false, true]);
    expect(Array.from({ length: 4 }, () => bed.estate.accept())).toEqual([1, 1, 1, 1]);
  });

  it('RG-109 RG-112 RG-113 its replacement serves when it has passed two checks', () => {
    const bed = new Bed(t3);
    bed.at(3 * S);
    bed.estate.setListener('1', 'gone');
    bed.at(62 * S);
    expect(bed.estate.inService()).toEqual([false, true]);
    bed.at(63 * S + 11 * S);
    expect([...bed.estate.inService()].sort()).toEqual([true, true]);
  });

  it('RG-104 RG-114 with nobody in service a new lane is refused at once', () => {
    const bed = new Bed({ topology: 'behind-l4', listeners: 2 });
    bed.estate.setListener('all', 'gone');
    bed.at(20 * S);
    expect(bed.estate.accept()).toBe(-1);
    expect(bed.ask(20 * S)).toBe('starting new WAN connection');
    expect(bed.ask(20 * S + 3 * RTT)).toBe('waiting for pending WAN connection');
  });
});

describe('a cut between edge and listener', () => {
  it('looks like a frozen listener: requests in the lane hang until PING gives it up, later ones go direct', () => {
    const bed = new Bed();
    bed.ask(0);
    expect(bed.ask(9 * S)).toBe('lane');
    bed.at(10 * S);
    const heal = bed.link.apply({ cut: true }, bed.clock.now());
    expect(bed.ask(12 * S)).toBe('hangs');
    expect(bed.model.hangsUntil).toBe(T0 + 22.5 * S);
    expect(bed.ask(36 * S)).not.toMatch(/lane|hangs/);
    bed.at(100 * S);
    heal();
    const back = Array.from({ length: 80 }, (_, step) => bed.ask((100 + step) * S));
    expect(back.at(-1)).toBe('lane');
  });
});
