import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/core/random.ts';
import { micros } from '../../../src/core/time.ts';
import { LinkState } from '../../../src/sim/link.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { INITIAL_WINDOW_BYTES, Line, Pipe, retransmittedAt } from '../../../src/sim/wire/pipe.ts';

const MS = 1_000;
const T0 = 1_772_366_400_000_000;
const ONE_WAY = 40 * MS;

class Bed {
  readonly clock = new VirtualClock(micros(T0));
  readonly link: LinkState;
  readonly pipe: Pipe;
  readonly came: { readonly at: number; readonly bytes: number }[] = [];
  readonly bytes: number[] = [];
  endedAt = -1;

  constructor(rate = 0, seed = '1', line = new Line()) {
    this.link = new LinkState(ONE_WAY, rate);
    this.pipe = new Pipe(
      {
        scheduler: this.clock,
        link: this.link,
        line,
        random: seededRandom(seed),
        delayUs: () => ONE_WAY,
        backUs: () => ONE_WAY,
      },
      {
        received: (bytes) => {
          this.came.push({ at: this.now, bytes: bytes.length });
          this.bytes.push(...bytes);
        },
        drained: () => undefined,
        ended: () => (this.endedAt = this.now),
      },
    );
  }
  get now(): number {
    return this.clock.now() - T0;
  }
  run(until: number): void {
    this.clock.runUntil(micros(T0 + until));
  }
  /** µs until the last byte of a message that begins at the present window. */
  lastByte(size: number): number {
    const from = this.now;
    this.came.length = 0;
    this.pipe.send(new Uint8Array(size));
    this.run(from + 100_000 * MS);
    return this.came.at(-1)!.at - from;
  }
}

describe('one direction of a simulated connection', () => {
  it.each([
    { what: 'a small message: one way', size: 650, rate: 0, ms: 40 },
    { what: 'gzip of the published page (PA-02): two flights', size: 23_529, rate: 0, ms: 120 },
    { what: 'the published page as it is (PA-01): three flights', size: 92_516, rate: 0, ms: 200 },
    { what: '12,500 bytes at 10 Mbit/s: ten milliseconds on the line', size: 12_500, rate: 1_250_000, ms: 50 },
  ])('$what', ({ size, rate, ms }) => {
    expect(new Bed(rate).lastByte(size)).toBe(ms * MS);
  });

  it('a window that has grown is used again at once, and is small again after a pause', () => {
    const bed = new Bed();
    bed.lastByte(92_516);
    // 100 s have passed.
    expect(bed.lastByte(92_516)).toBe(200 * MS);
    const busy = new Bed();
    busy.pipe.send(new Uint8Array(92_516));
    busy.run(300 * MS);
    busy.came.length = 0;
    busy.pipe.send(new Uint8Array(60_000));
    busy.run(400 * MS);
    expect(busy.came.at(-1)).toEqual({ at: 340 * MS, bytes: expect.any(Number) });
  });

  it('connections of one place share the rate of its line', () => {
    const line = new Line();
    const [one, two] = [new Bed(1_250_000, '1', line), new Bed(1_250_000, '2', line)];
    one.pipe.send(new Uint8Array(12_500));
    two.pipe.send(new Uint8Array(12_500));
    one.run(100 * MS);
    two.run(100 * MS);
    expect([one.came.at(-1)!.at, two.came.at(-1)!.at]).toEqual([50 * MS, 60 * MS]);
  });

  it('what is lost comes a retransmission later, and nothing overtakes it', () => {
    const bed = new Bed();
    const heal = bed.link.apply({ loss: 0.999_999 });
    bed.pipe.send(Uint8Array.of(1));
    heal();
    bed.pipe.send(Uint8Array.of(2));
    bed.run(3_600_000 * MS);
    expect(bed.bytes).toEqual([1, 2]);
    expect(bed.came[0]!.at).toBeGreaterThanOrEqual(240 * MS);
    expect(bed.came[1]!.at).toBe(bed.came[0]!.at);
  });

  it('a cut holds everything back; the next retransmission after it brings what was sent', () => {
    const bed = new Bed();
    bed.link.onPass = () => bed.pipe.resume();
    const heal = bed.link.apply({ cut: true }, bed.clock.now());
    bed.pipe.send(Uint8Array.of(1));
    bed.run(1_000 * MS);
    expect(bed.bytes).toEqual([]);
    heal();
    bed.pipe.send(Uint8Array.of(2));
    bed.run(10_000 * MS);
    expect(bed.bytes).toEqual([1, 2]);
    // 0.2, 0.6, 1.4 s: the first after the cut, and one way.
    expect(bed.came[0]!.at).toBe(1_440 * MS);
  });

  it('a frozen receiver reads what came when it runs again', () => {
    const bed = new Bed();
    bed.pipe.hold();
    bed.pipe.send(Uint8Array.of(1));
    bed.pipe.close();
    bed.run(500 * MS);
    expect([bed.bytes, bed.endedAt]).toEqual([[], -1]);
    bed.pipe.release();
    bed.run(501 * MS);
    expect([bed.bytes, bed.came[0]!.at, bed.endedAt]).toEqual([[1], 500 * MS, 500 * MS]);
  });

  it('the end follows the last byte, also of a message larger than the window', () => {
    const bed = new Bed();
    bed.pipe.send(new Uint8Array(3 * INITIAL_WINDOW_BYTES));
    bed.pipe.close();
    bed.run(1_000 * MS);
    expect(bed.bytes).toHaveLength(3 * INITIAL_WINDOW_BYTES);
    expect(bed.endedAt).toBeGreaterThanOrEqual(bed.came.at(-1)!.at);
  });

  it('whatever happens to the link, bytes come in order, once each, and all of them in the end', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('send' as const), bytes: fc.integer({ min: 1, max: 40_000 }) }),
      fc.record({ kind: fc.constantFrom('cut' as const, 'hold' as const), bytes: fc.integer({ min: 1, max: 900 }) }),
      fc.record({ kind: fc.constantFrom('loss' as const, 'wait' as const), bytes: fc.integer({ min: 1, max: 500 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.integer({ min: 0, max: 3 }), (steps, megabytes) => {
        const bed = new Bed(megabytes * 1_000_000);
        bed.link.onPass = () => bed.pipe.resume();
        const sent: number[] = [];
        for (const { kind, bytes } of steps) {
          if (kind === 'send') {
            const piece = Uint8Array.from({ length: bytes }, (_, at) => (sent.length + at) % 251);
            sent.push(...piece);
            bed.pipe.send(piece);
            continue;
          }
          const undo =
            kind === 'cut'
              ? bed.link.apply({ cut: true })
              : kind === 'loss'
                ? bed.link.apply({ loss: 0.3 })
                : undefined;
          if (kind === 'hold') bed.pipe.hold();
          bed.run(bed.now + bytes * MS);
          if (kind === 'hold') bed.pipe.release();
          undo?.();
        }
        bed.run(bed.now + 10_000_000 * MS);
        expect(Buffer.compare(Buffer.from(bed.bytes), Buffer.from(sent))).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    [0, 0, 0],
    [0, 1, 200_000],
    [0, 200_001, 600_000],
    [5, 600_006, 1_400_005],
  ])('sent at %i, passable again at %i: sent anew at %i', (sentAt, now, at) => {
    expect(retransmittedAt(sentAt, now)).toBe(at);
  });
});
