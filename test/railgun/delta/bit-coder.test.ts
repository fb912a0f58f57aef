/** The arithmetic coder alone: any sequence of decisions comes back, in about as many bits as their chances say. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BitDecoder, BitEncoder, FRESH, learned, READ_AHEAD } from '../../../src/railgun/delta/bit-coder.ts';
import { noise } from './cases.ts';

const decision = fc.oneof(
  fc.record({ kind: fc.constant('learned' as const), slot: fc.nat(7), bit: fc.integer({ min: 0, max: 1 }) }),
  fc.record({
    kind: fc.constant('chance' as const),
    p: fc.integer({ min: 1, max: 4095 }),
    bit: fc.integer({ min: 0, max: 1 }),
  }),
  fc
    .record({ kind: fc.constant('plain' as const), count: fc.integer({ min: 1, max: 24 }), value: fc.nat(0xffffff) })
    .map((plain) => ({ ...plain, value: plain.value & (2 ** plain.count - 1) })),
);

describe('bit coder', () => {
  it('any decisions come back', () => {
    const encoder = new BitEncoder();
    const decoder = new BitDecoder();
    fc.assert(
      fc.property(fc.array(decision, { maxLength: 3000 }), (decisions) => {
        const slots = new Int32Array(8).fill(FRESH);
        encoder.start();
        for (const d of decisions) {
          if (d.kind === 'learned') encoder.bit(slots, d.slot, d.bit);
          else if (d.kind === 'chance') encoder.chance(d.p, d.bit);
          else encoder.plain(d.count, d.value);
        }
        const bytes = encoder.finish();
        slots.fill(FRESH);
        expect(decoder.start(bytes)).toBe(true);
        for (const d of decisions) {
          if (d.kind === 'learned') expect(decoder.bit(slots, d.slot)).toBe(d.bit);
          else if (d.kind === 'chance') expect(decoder.chance(d.p)).toBe(d.bit);
          else expect(decoder.plain(d.count)).toBe(d.value);
        }
        expect(decoder.unread).toBe(0);
        expect(decoder.missing).toBeLessThanOrEqual(READ_AHEAD);
      }),
    );
  });

  it('a carry runs back through bytes of 255', () => {
    const encoder = new BitEncoder();
    const decoder = new BitDecoder();
    // The least likely side, again and again, then the likely one: low climbs to just below a power of two.
    const bits = [...Array<number>(400).fill(0), 1, ...Array<number>(50).fill(0), 1, 1, 1];
    encoder.start();
    for (const bit of bits) encoder.chance(1, bit);
    decoder.start(encoder.finish());
    for (const bit of bits) expect(decoder.chance(1)).toBe(bit);
  });

  it('a thousand sure decisions cost next to nothing, a thousand even ones 125 bytes', () => {
    const encoder = new BitEncoder();
    const slots = new Int32Array(1).fill(FRESH);
    encoder.start();
    for (let n = 0; n < 1000; n++) encoder.bit(slots, 0, 1);
    expect(encoder.finish().length).toBeLessThanOrEqual(READ_AHEAD);
    encoder.start();
    for (const byte of noise(1000, 1)) encoder.chance(2048, byte & 1);
    expect(encoder.finish().length).toBeLessThanOrEqual(127);
  });

  it('a slot that saw one bit a thousand times still allows the other', () => {
    for (const bit of [0, 1]) {
      let slot = FRESH;
      for (let n = 0; n < 1000; n++) slot = learned(slot, bit);
      expect(slot).toBeGreaterThanOrEqual(0);
      const p12 = (slot >>> 19) | 1;
      expect(p12).toBeGreaterThanOrEqual(1);
      expect(p12).toBeLessThanOrEqual(4095);
      expect(bit === 1 ? p12 : 4096 - p12).toBeGreaterThan(4000);
    }
  });

  it('bytes that no encoder of ours begins with are refused', () => {
    expect(new BitDecoder().start(Buffer.of(0x80, 0, 0, 0))).toBe(false);
    expect(new BitDecoder().start(Buffer.of(0x7f, 0xff, 0xff, 0xff))).toBe(false);
    expect(new BitDecoder().start(new Uint8Array(0))).toBe(true);
  });
});
