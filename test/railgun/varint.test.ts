import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INCOMPLETE, MALFORMED, readVarint, varintLength, writeVarint } from '../../src/railgun/varint.ts';

function written(value: number): Uint8Array {
  const out = new Uint8Array(varintLength(value));
  expect(writeVarint(out, 0, value)).toBe(out.length);
  return out;
}

describe('numbers of RFC 9000, section 16', () => {
  it.each([
    { value: 0, hex: '00' },
    { value: 63, hex: '3f' },
    { value: 64, hex: '4040' },
    { value: 15_293, hex: '7bbd' },
    { value: 16_383, hex: '7fff' },
    { value: 16_384, hex: '80004000' },
    { value: 494_878_333, hex: '9d7f3e7d' },
    { value: 2 ** 30 - 1, hex: 'bfffffff' },
    { value: 2 ** 30, hex: 'c000000040000000' },
    { value: Number.MAX_SAFE_INTEGER, hex: 'c01fffffffffffff' },
  ])('$value is $hex', ({ value, hex }) => {
    expect(Buffer.from(written(value)).toString('hex')).toBe(hex);
    expect(readVarint(Buffer.from(hex, 'hex'), 0, hex.length / 2)).toBe(value);
  });

  it.each([
    { name: '1 in two bytes', hex: '4001' },
    { name: '63 in four bytes', hex: '8000003f' },
    { name: '2^30 - 1 in eight bytes', hex: 'c00000003fffffff' },
    { name: 'more than a number can hold', hex: 'c020000000000000' },
  ])('$name is malformed', ({ hex }) => {
    expect(readVarint(Buffer.from(hex, 'hex'), 0, hex.length / 2)).toBe(MALFORMED);
  });

  it('any value comes back, and every shorter cut is incomplete', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const out = written(value);
        for (let cut = 0; cut < out.length; cut += 1) if (readVarint(out, 0, cut) !== INCOMPLETE) return false;
        return readVarint(out, 0, out.length) === value;
      }),
    );
  });
});
