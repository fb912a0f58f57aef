import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReceiveCredit, SendCredit } from '../../src/railgun/flow.ts';
import { FrameDecoder, FrameType, Flag } from '../../src/railgun/frame.ts';
import { SendScheduler } from '../../src/railgun/scheduler.ts';

describe('credit', () => {
  it('is returned in batches of half a window, and all of it', () => {
    const credit = new ReceiveCredit(100);
    expect(credit.receive(80)).toBe(true);
    expect(credit.release(30)).toBe(0);
    expect(credit.release(20)).toBe(50);
    expect(credit.open).toBe(70);
    expect(credit.release(30)).toBe(0);
  });

  it('one byte beyond it is refused and costs nothing', () => {
    const credit = new ReceiveCredit(10);
    expect(credit.receive(11)).toBe(false);
    expect(credit.receive(10)).toBe(true);
    expect(credit.receive(1)).toBe(false);
    expect(credit.open).toBe(0);
  });

  it('a peer cannot add it up beyond the limit', () => {
    const credit = new SendCredit(2 ** 31 - 1);
    expect(credit.add(1)).toBe(false);
    credit.take(5);
    expect(credit.add(5)).toBe(true);
  });

  it('both ends together: whatever is sent and consumed, neither side goes below zero and no byte is stuck for ever', () => {
    const steps = fc.array(fc.record({ send: fc.nat({ max: 400 }), consume: fc.nat({ max: 400 }) }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), steps, (window, list) => {
        const send = new SendCredit(window);
        const receive = new ReceiveCredit(window);
        let buffered = 0;
        for (const step of list) {
          const take = Math.min(step.send, send.available);
          send.take(take);
          expect(receive.receive(take)).toBe(true);
          buffered += take;
          const eaten = Math.min(step.consume, buffered);
          buffered -= eaten;
          const back = receive.release(eaten);
          if (back > 0) expect(send.add(back)).toBe(true);
          expect(send.available).toBeGreaterThanOrEqual(0);
          expect(receive.open).toBe(send.available);
        }
        const back = receive.release(buffered);
        if (back > 0) send.add(back);
        // Everything was consumed: at least half the window is open again.
        expect(send.available * 2).toBeGreaterThan(window - 1);
      }),
    );
  });
});

function frames(
  wire: Uint8Array | undefined,
): readonly { type: number; flags: number; stream: number; length: number }[] {
  const decoder = new FrameDecoder();
  return [...decoder.push(wire ?? new Uint8Array(0))].map(({ type, flags, stream, payload }) => ({
    type,
    flags,
    stream,
    length: payload.length,
  }));
}

describe('the send scheduler', () => {
  const head = new Uint8Array(30);
  const plenty = (): SendCredit => new SendCredit(1_000_000);

  it('puts a small answer in one frame and one buffer', () => {
    const scheduler = new SendScheduler(plenty());
    scheduler.begin(1, FrameType.response, head, plenty());
    scheduler.append(1, new Uint8Array(200), true);
    expect(frames(scheduler.flush())).toEqual([{ type: FrameType.response, flags: Flag.end, stream: 1, length: 230 }]);
    expect(scheduler.flush()).toBeUndefined();
  });

  it('sends control frames first, then what one frame completes, then one frame each in turn', () => {
    const scheduler = new SendScheduler(plenty());
    scheduler.begin(1, FrameType.response, head, plenty());
    scheduler.append(1, new Uint8Array(40_000), true);
    scheduler.begin(2, FrameType.response, head, plenty());
    scheduler.append(2, new Uint8Array(40_000), true);
    scheduler.begin(3, FrameType.response, head, plenty());
    scheduler.append(3, new Uint8Array(10), true);
    scheduler.control(Uint8Array.of(0x50, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0));
    const order: number[] = [];
    for (let wire = scheduler.flush(); wire !== undefined; wire = scheduler.flush())
      for (const frame of frames(wire)) order.push(frame.stream);
    // Of 40,030 bytes the third frame is the last: whoever is one frame from its end goes first.
    expect(order).toEqual([0, 3, 1, 2, 1, 1, 2, 2]);
  });

  it('never sends more body than stream and lane credit, and goes on when either grows', () => {
    const lane = new SendCredit(100);
    const stream = new SendCredit(60);
    const scheduler = new SendScheduler(lane);
    scheduler.begin(1, FrameType.response, head, stream);
    scheduler.append(1, new Uint8Array(150), true);
    expect(frames(scheduler.flush()).map((frame) => frame.length)).toEqual([30 + 60]);
    expect(scheduler.flush()).toBeUndefined();
    stream.add(90);
    expect(frames(scheduler.flush()).map((frame) => frame.length)).toEqual([40]);
    lane.add(50);
    expect(frames(scheduler.flush())).toEqual([{ type: FrameType.data, flags: Flag.end, stream: 1, length: 50 }]);
  });

  it('cuts a head larger than a frame into full frames with MORE', () => {
    const scheduler = new SendScheduler(plenty());
    scheduler.begin(1, FrameType.response, new Uint8Array(40_000), plenty());
    scheduler.append(1, new Uint8Array(0), true);
    expect(frames(scheduler.flush()).map(({ flags, length }) => [flags, length])).toEqual([
      [Flag.more, 16_383],
      [Flag.more, 16_383],
      [Flag.end, 40_000 - 2 * 16_383],
    ]);
  });

  it('asks a producer to wait above the high water mark, and calls it back at half', () => {
    const credit = new SendCredit(0);
    const scheduler = new SendScheduler(plenty());
    scheduler.begin(1, FrameType.request, head, credit);
    expect(scheduler.append(1, new Uint8Array(131_072), false)).toBe(true);
    expect(scheduler.append(1, new Uint8Array(1), false)).toBe(false);
    scheduler.flush();
    expect(scheduler.takeDrained()).toEqual([]);
    credit.add(100_000);
    while (scheduler.flush() !== undefined);
    expect(scheduler.takeDrained()).toEqual([1]);
  });

  it('no stream starves: with ten large bodies every stream has a frame in any twenty', () => {
    const scheduler = new SendScheduler(new SendCredit(100_000_000));
    for (let stream = 1; stream <= 10; stream += 1) {
      scheduler.begin(stream, FrameType.response, head, new SendCredit(10_000_000));
      scheduler.append(stream, new Uint8Array(1_000_000), true);
    }
    const order: number[] = [];
    for (let flushes = 0; flushes < 50; flushes += 1)
      for (const frame of frames(scheduler.flush())) order.push(frame.stream);
    for (let at = 0; at + 20 <= order.length; at += 1) expect(new Set(order.slice(at, at + 20)).size).toBe(10);
  });
});
