import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { RailgunModel, type RailgunTraits } from '../../src/sim/railgun-model.ts';

const S = 1_000_000;
const RTT = 80_000;
/** Runs begin somewhere in this century, not in 1970. */
const T0 = 1_772_366_400 * S;
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
  now = T0;
  readonly model: RailgunModel;
  constructor(more: Partial<RailgunTraits> = {}) {
    this.model = new RailgunModel({ ...traits, ...more }, 4, () => this.now, seededRandom(1));
  }
  ask(at: number, pop = 0): string {
    this.now = T0 + at;
    return this.model.place(pop, this.now, RTT) ? (this.model.hangsUntil > 0 ? 'hangs' : 'lane') : this.model.reason;
  }
  bytes(at: number, page = 1, pop = 0, size = 92_516): number {
    this.model.transfer(pop, page, size, true, T0 + at);
    return this.model.wanBytes;
  }
}

describe('lanes of the flow model', () => {
  it('RG-001 RG-002 RG-003 the first request opens a lane and goes direct, the next ones wait for nothing', () => {
    const bed = new Bed();
    expect(bed.ask(0)).toBe('starting new WAN connection');
    expect(bed.ask(RTT)).toBe('waiting for pending WAN connection');
    expect(bed.ask(2 * RTT)).toBe('lane');
    expect(bed.model.lanesOpened).toBe(1);
  });

  it('RG-018 each PoP has a lane of its own', () => {
    const bed = new Bed();
    bed.ask(0, 0);
    bed.ask(2 * RTT, 0);
    expect(bed.ask(2 * RTT, 1)).toBe('starting new WAN connection');
  });

  it('RG-008 RG-010 with the listener killed all goes direct, and back by itself when it returns', () => {
    const bed = new Bed();
    bed.ask(0);
    bed.ask(1 * S);
    bed.now = T0 + 2 * S;
    const heal = bed.model.setListener('1', 'gone');
    for (let at = 2 * S; at < 30 * S; at += S / 4) expect(bed.ask(at)).not.toMatch(/lane|hangs/);
    bed.now = T0 + 30 * S;
    heal();
    const answers = Array.from({ length: 400 }, (_, step) => bed.ask(30 * S + step * S));
    expect(answers).toContain('lane');
    expect(answers.at(-1)).toBe('lane');
  });

  it('RG-011 failed opens are spaced ever further apart, up to a minute', () => {
    const bed = new Bed();
    bed.model.setListener('1', 'gone');
    const opens: number[] = [];
    for (let at = 0; at < 600 * S; at += S / 20) if (bed.ask(at) === 'starting new WAN connection') opens.push(at);
    const gaps = opens.slice(1).map((at, index) => at - opens[index]!);
    expect(gaps[0]!).toBeLessThan(2 * S);
    expect(Math.max(...gaps)).toBeGreaterThan(25 * S);
    expect(Math.max(...gaps)).toBeLessThan(62 * S);
    expect(opens.length).toBeLessThan(25);
  });

  it('a frozen listener holds requests until PING finds the lane dead, and nobody after that', () => {
    const bed = new Bed();
    bed.ask(0);
    expect(bed.ask(1 * S)).toBe('lane');
    bed.now = T0 + 2 * S;
    bed.model.setListener('1', 'silent');
    expect(bed.ask(3 * S)).toBe('hangs');
    expect(bed.model.hangsUntil).toBe(T0 + 27 * S);
    expect(bed.ask(28 * S)).toBe('starting new WAN connection');
  });
});

describe('bytes of the flow model', () => {
  it('RG-049 a page seen for the first time costs a full compressed transfer, the next time a delta', () => {
    const bed = new Bed();
    const first = bed.bytes(0);
    const second = bed.bytes(300 * S);
    expect(first).toBeGreaterThan(20_000);
    // 0.2875 % of the page, and the frame around it (PA-03).
    expect(Math.abs(second - 60 - 266)).toBeLessThan(10);
  });

  it('PA-04 after an hour the delta is about three percent', () => {
    const bed = new Bed({ expirationUs: 0 });
    bed.bytes(0, 7, 0, 93_727);
    expect(Math.abs(bed.bytes(3_600 * S, 7, 0, 93_727) - 60 - 2_885)).toBeLessThan(60);
  });

  it('RG-056 an entry older than its expiration is a miss', () => {
    const bed = new Bed();
    bed.bytes(0);
    expect(bed.bytes(601 * S)).toBeGreaterThan(20_000);
  });

  it('RG-036 RG-042 bodies too large, too small, or of another type are not delta-coded', () => {
    const bed = new Bed();
    expect([bed.bytes(0, 1, 0, 2_000_000), bed.bytes(1, 1, 0, 2_000_000)]).toEqual([2_000_060, 2_000_060]);
    expect([bed.bytes(0, 2, 0, 500), bed.bytes(1, 2, 0, 500)]).toEqual([560, 560]);
    bed.model.transfer(0, 3, 50_000, false, T0);
    expect(bed.model.wanBytes).toBe(50_060);
  });

  it('RG-116 of two store nodes one is lost: about half of the pages cost a full transfer again', () => {
    const bed = new Bed({ storeNodes: 2 });
    for (let page = 1; page <= 4_000; page += 1) bed.bytes(0, page * 7919);
    bed.model.setStore('2', 'gone');
    let full = 0;
    for (let page = 1; page <= 4_000; page += 1) if (bed.bytes(60 * S, page * 7919) > 10_000) full += 1;
    expect(full / 4_000).toBeGreaterThan(0.45);
    expect(full / 4_000).toBeLessThan(0.55);
  });
});

describe('an autoscaling group', () => {
  it('RG-112 puts a new machine in the place of a dead one, which the fault no longer touches', () => {
    const bed = new Bed({ listeners: 1, replaceAfterUs: 120 * S });
    bed.ask(0);
    bed.ask(1 * S);
    expect(bed.ask(2 * S)).toBe('lane');
    bed.now = T0 + 10 * S;
    const heal = bed.model.setListener('1', 'gone');
    let replaced = 0;
    bed.model.onReplaced = (_, at) => (replaced = at);
    for (let at = 11; at < 130; at += 1) expect(bed.ask(at * S)).not.toBe('lane');
    const later = Array.from({ length: 100 }, (_, step) => bed.ask((131 + step) * S));
    expect(later).toContain('lane');
    expect(later.at(-1)).toBe('lane');
    expect(replaced).toBe(T0 + 130 * S);
    heal();
    expect(bed.model.listeners[0]!.state).toBe('up');
    expect(bed.ask(300 * S)).toBe('lane');
  });

  it('without one a dead listener stays dead', () => {
    const bed = new Bed();
    bed.ask(0);
    bed.now = T0 + 10 * S;
    bed.model.setListener('1', 'gone');
    for (let at = 11; at < 2_000; at += 10) expect(bed.ask(at * S)).not.toBe('lane');
  });
});

describe('a cut between edge and listener', () => {
  it('looks like a frozen listener: requests in the lane hang until PING gives it up, later ones go direct', () => {
    const bed = new Bed();
    const ask = (at: number): string => {
      bed.now = T0 + at;
      const cutSince = at >= 10 * S && at < 100 * S ? T0 + 10 * S : Number.POSITIVE_INFINITY;
      return bed.model.place(0, bed.now, RTT, cutSince)
        ? bed.model.hangsUntil > 0
          ? 'hangs'
          : 'lane'
        : bed.model.reason;
    };
    ask(0);
    ask(1 * S);
    expect(ask(9 * S)).toBe('lane');
    expect(ask(12 * S)).toBe('hangs');
    expect(bed.model.hangsUntil).toBe(T0 + 35 * S);
    expect(ask(36 * S)).not.toMatch(/lane|hangs/);
    const back = Array.from({ length: 80 }, (_, step) => ask((100 + step) * S));
    expect(back.at(-1)).toBe('lane');
  });
});
