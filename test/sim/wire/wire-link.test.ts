/** The machines on simulated connections, without a run around them: what a run cannot be made to do. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/core/random.ts';
import { micros } from '../../../src/core/time.ts';
import { Bodies, type BodySource, type SimBody } from '../../../src/sim/bodies.ts';
import { LinkState } from '../../../src/sim/link.ts';
import { SimOrigin } from '../../../src/sim/origin.ts';
import { SERVED } from '../../../src/sim/outcome.ts';
import { RailgunEstate, type RailgunTraits } from '../../../src/sim/railgun-estate.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import type { WireOutcome } from '../../../src/sim/wire/sender-place.ts';
import { WireLink } from '../../../src/sim/wire/wire-link.ts';

const S = 1_000_000;
const T0 = 1_772_366_400 * S;
const RTT = 80_000;
const TRAITS: RailgunTraits = {
  topology: 'in-front',
  listeners: 1,
  storeNodes: 1,
  sharedStore: true,
  expirationUs: 600 * S,
  streamSize: 1_048_576,
  replaceAfterUs: 0,
};
const NEWS = { from: 'news', everyUs: 300 * S, contentType: 'text/html' } as const;

class Bed {
  readonly clock = new VirtualClock(micros(T0));
  readonly link = new LinkState(RTT / 2, 0);
  readonly estate: RailgunEstate;
  readonly wire: WireLink;
  readonly ended: { slot: number; ending: number; outcome: WireOutcome | undefined; at: number }[] = [];
  readonly direct: string[] = [];
  readonly lanes: string[] = [];

  constructor(
    bodies: BodySource = new Bodies([NEWS], 's', micros(T0), seededRandom(1)),
    traits: Partial<RailgunTraits> = {},
  ) {
    this.estate = new RailgunEstate({ ...TRAITS, ...traits }, this.clock);
    const origin = { capacity: 0, queueLimit: 0, latencyUs: 20_000, jitterUs: 0 };
    this.wire = new WireLink(
      {
        ...{ estate: this.estate, link: this.link, scheduler: this.clock, random: seededRandom(2), bodies },
        origins: [new SimOrigin(origin, seededRandom(3))],
        originsAtAddress: (address) => (address === '192.0.2.1' ? [0] : []),
        placeName: () => 'LHR',
        placeRandom: () => seededRandom(2).fork('LHR'),
      },
      {
        ended: (slot, ending, outcome) => this.ended.push({ slot, ending, outcome, at: this.clock.now() - T0 }),
        unavailable: (_, reason) => this.direct.push(reason),
      },
    );
    this.wire.onLane = (_, listener, state, reason) => this.lanes.push(`${listener} ${state} ${reason}`.trim());
  }
  ask(at: number, more: { page?: number; address?: string; bodyBytes?: number } = {}): string | undefined {
    this.run(at);
    const { page = 1, address = '192.0.2.1:443', bodyBytes = 0 } = more;
    return this.wire.request(
      0,
      {
        ...{ slot: this.ended.length, method: 'GET', page, host: 'www.example.com', bodyBytes, text: true, origin: 0 },
        ...{ path: `/${page}`, originAddress: address, key: this.ended.length },
      },
      () => RTT,
    );
  }
  run(at: number): void {
    this.clock.runUntil(micros(T0 + at));
  }
  modes(): (string | undefined)[] {
    return this.ended.map(({ outcome }) => outcome?.mode);
  }
}

describe('the machines on simulated connections', () => {
  it('RG-001 RG-006 three round trips until a lane serves; then one round trip and the origin a page', () => {
    const bed = new Bed();
    expect(bed.ask(0)).toBe('starting new WAN connection');
    expect(bed.ask(3 * RTT - 1)).toBe('waiting for pending WAN connection');
    expect(bed.ask(3 * RTT)).toBeUndefined();
    bed.run(S);
    expect(bed.ask(S)).toBeUndefined();
    bed.run(2 * S);
    expect(bed.modes()).toEqual(['full', 'same']);
    expect(bed.ended.map(({ ending }) => ending)).toEqual([SERVED, SERVED]);
    expect(bed.ended[1]!.at).toBe(S + RTT + 20_000);
    expect(bed.lanes).toEqual(['0 open']);
  });

  it('one wrong byte that reached a visitor ends the run', () => {
    const honest = new Bodies([NEWS], 's', micros(T0), seededRandom(1));
    // What is compared with is not what was sent: as if the link had changed a byte behind its own digest.
    const lying: BodySource = {
      noise: (length) => honest.noise(length),
      body: (page: number, now: number, length: number): SimBody => {
        const body = honest.body(page, now, length);
        const other = Uint8Array.from(body.pieces[0]!);
        other[70_000]! ^= 1;
        let looked = 0;
        return {
          ...body,
          get pieces() {
            looked += 1;
            return looked === 1 ? body.pieces : [other];
          },
        };
      },
    };
    const bed = new Bed(lying);
    bed.ask(0);
    bed.ask(S);
    expect(() => bed.run(2 * S)).toThrow('wrong bytes for /1');
  });

  it('RG-086 with a wrong token no lane ever serves, and a minute passes between tries', () => {
    const bed = new Bed();
    bed.estate.setListener('1', 'wrong_token');
    bed.ask(0);
    for (let at = 1; at < 60; at += 1) expect(bed.ask(at * S)).toBe('waiting for pending WAN connection');
    expect(bed.ask(62 * S)).toBe('starting new WAN connection');
    expect(bed.lanes).toEqual(['0 unreachable Invalid or missing railgun token or tag']);
    expect(bed.wire.lanesLost).toBe(0);
  });

  it('RG-035 an address that nobody has is refused at once', () => {
    const bed = new Bed();
    bed.ask(0);
    expect(bed.ask(S, { address: '192.0.2.99:443' })).toBeUndefined();
    bed.run(2 * S);
    expect(bed.ended).toEqual([{ slot: 0, ending: 1, outcome: undefined, at: S + RTT }]);
  });

  it('RG-053 RG-054 without a store pages pass as they are, and nothing fails', () => {
    const bed = new Bed();
    bed.ask(0);
    bed.ask(S);
    bed.run(2 * S);
    const heal = bed.estate.setStore('1', 'gone');
    for (const at of [3, 3.2, 3.4]) bed.ask(at * S);
    bed.run(5 * S);
    heal();
    bed.ask(10 * S);
    bed.ask(12 * S);
    bed.run(14 * S);
    expect(bed.modes()).toEqual(['full', 'raw', 'raw', 'raw', 'full', 'same']);
  });

  it('RG-105 lanes stay where they are when a listener is added, until they are opened again', () => {
    const bed = new Bed(undefined, { topology: 'behind-l4', listeners: 2 });
    const heal = bed.estate.setListener('2', 'gone');
    bed.run(20 * S);
    bed.ask(20 * S);
    bed.run(30 * S);
    heal();
    for (let at = 31; at < 60; at += 1) bed.ask(at * S);
    expect(bed.lanes).toEqual(['0 open']);
    bed.estate.setListener('1', 'gone');
    bed.ask(61 * S);
    bed.ask(62 * S);
    bed.run(63 * S);
    expect(bed.lanes).toEqual(['0 open', '0 lost closed by the peer', '1 open']);
  });
});
