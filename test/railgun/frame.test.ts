import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Flag, type Frame, FrameDecoder, FrameType, encodeFrame } from '../../src/railgun/frame.ts';
import { byteByByte } from './pretend-link.ts';

interface Plain {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: readonly number[];
}

function plain(frame: Frame): Plain {
  return { type: frame.type, flags: frame.flags, stream: frame.stream, payload: [...frame.payload] };
}

function decode(pieces: readonly Uint8Array[]): {
  frames: readonly Plain[];
  problem: string | undefined;
  pending: number;
} {
  const decoder = new FrameDecoder();
  const frames: Plain[] = [];
  for (const piece of pieces) for (const frame of decoder.push(piece)) frames.push(plain(frame));
  return { frames, problem: decoder.problem, pending: decoder.pending };
}

const anyFrame = fc
  .record({
    kind: fc.constantFrom(
      { type: FrameType.settings, flags: 0, lane: true },
      { type: FrameType.data, flags: Flag.end, lane: false },
      { type: FrameType.data, flags: 0, lane: false },
      { type: FrameType.ping, flags: Flag.ack, lane: true },
      { type: FrameType.response, flags: Flag.more, lane: false },
      { type: 14, flags: 0, lane: true },
      { type: 15, flags: 0x0f, lane: false },
    ),
    stream: fc.integer({ min: 1, max: 2 ** 30 - 1 }),
    payload: fc.uint8Array({ maxLength: 300 }),
  })
  .map(({ kind, stream, payload }) => ({
    type: kind.type,
    flags: kind.flags,
    stream: kind.lane ? 0 : stream,
    payload,
  }));

describe('frames', () => {
  const three = [
    encodeFrame(FrameType.data, Flag.end, 7, Uint8Array.of(1, 2, 3)),
    encodeFrame(FrameType.ping, 0, 0, new Uint8Array(8)),
    encodeFrame(FrameType.data, 0, 70_000, new Uint8Array(16_383)),
  ];
  const all = Buffer.concat(three);

  it('a small frame is three bytes and its payload', () => {
    expect([...encodeFrame(FrameType.data, Flag.end, 7, Uint8Array.of(9))]).toEqual([0x21, 7, 1, 9]);
  });

  it('whole and byte by byte give the same frames', () => {
    const whole = decode([all]);
    expect(whole.frames).toHaveLength(3);
    expect(decode(byteByByte(all))).toEqual(whole);
  });

  it('with trailing bytes the frames come out and the rest is held', () => {
    const { frames, pending, problem } = decode([Buffer.concat([all, Uint8Array.of(0x20)])]);
    expect(frames).toHaveLength(3);
    expect(pending).toBe(1);
    expect(problem).toBeUndefined();
  });

  it('cut at every length: no frame appears early, none is lost', () => {
    const small = Buffer.concat(three.slice(0, 2));
    for (let cut = 0; cut <= small.length; cut += 1) {
      const first = decode([small.subarray(0, cut)]);
      const expected = cut >= small.length ? 2 : cut >= (three[0]?.length ?? 0) ? 1 : 0;
      expect(first.frames).toHaveLength(expected);
      expect(decode([small.subarray(0, cut), small.subarray(cut)]).frames).toHaveLength(2);
    }
  });

  it.each([
    { name: 'reserved type 10', bytes: [0xa0, 1, 0] },
    { name: 'reserved type 13', bytes: [0xd0, 1, 0] },
    { name: 'the flag that must be 0', bytes: [0x28, 1, 0] },
    { name: 'END on SETTINGS', bytes: [0x01, 0, 0] },
    { name: 'ACK on DATA', bytes: [0x22, 1, 0] },
    { name: 'MORE on DATA', bytes: [0x24, 1, 0] },
    { name: 'DATA on the lane', bytes: [0x20, 0, 0] },
    { name: 'PING on a stream', bytes: [0x50, 1, 8] },
    { name: 'GOAWAY on a stream', bytes: [0x90, 1, 0] },
    { name: 'a stream id in a longer form than needed', bytes: [0x20, 0x40, 1, 0] },
    { name: 'a stream id of 2^30', bytes: [0x20, 0xc0, 0, 0, 0, 0x40, 0, 0, 0, 0] },
    { name: 'a length in a longer form than needed', bytes: [0x20, 1, 0x40, 1] },
    { name: 'a length of 16,384', bytes: [0x20, 1, 0x80, 0, 0x40, 0] },
  ])('$name is a problem, whole and byte by byte, and nothing comes after it', ({ bytes }) => {
    const after = [...bytes, ...encodeFrame(FrameType.data, 0, 1, Uint8Array.of(1))];
    for (const pieces of [[Uint8Array.from(after)], byteByByte(Uint8Array.from(after))]) {
      const { frames, problem } = decode(pieces);
      expect(problem).toBeTypeOf('string');
      expect(frames).toEqual([]);
    }
  });

  it('any frames, split anywhere, come out as they went in', () => {
    const cuts = fc.array(fc.nat({ max: 2_000 }), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 8 }), cuts, (frames, places) => {
        const wire = Buffer.concat(
          frames.map((frame) => encodeFrame(frame.type, frame.flags, frame.stream, frame.payload)),
        );
        const sorted = [...new Set(places.map((place) => Math.min(place, wire.length)))].toSorted((a, b) => a - b);
        const pieces: Uint8Array[] = [];
        let from = 0;
        for (const to of [...sorted, wire.length]) {
          pieces.push(wire.subarray(from, to));
          from = to;
        }
        expect(decode(pieces).frames).toEqual(frames.map((frame) => ({ ...frame, payload: [...frame.payload] })));
      }),
    );
  });

  it('garbage gives frames or a problem, the same however it is split, and holds at most one frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (garbage) => {
        const whole = decode([garbage]);
        expect(decode(byteByByte(garbage))).toEqual(whole);
        expect(whole.pending).toBeLessThanOrEqual(garbage.length);
      }),
    );
  });
});
