/**
 * Every codec: there and back for any pair of pages, and nothing but a page or a refusal for any bytes.
 * `FUZZ_EDITS=100000` tries more edited pages.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALL_CODECS, CODEC, decode, digest16 } from '../../../src/railgun/delta/codec.ts';
import { CODERS, PAIRS, SMALL, editedPage, noise } from './cases.ts';

/** Why it is not that page; undefined when it is. */
function wrong(decoded: ReturnType<typeof decode>, page: Uint8Array): string | undefined {
  if (decoded.kind === 'refused') return decoded.why;
  return Buffer.compare(decoded.bytes, page) === 0 ? undefined : 'another page';
}

describe.each(CODERS)('$name', ({ codec, encode }) => {
  it.each(PAIRS)('brings back: $name', ({ old, page }) => {
    const delta = encode(old, page);
    expect(delta).toBeDefined();
    expect(wrong(decode(codec, old, delta!, page.length), page)).toBeUndefined();
  });

  it('brings it back into memory that is given, whatever was there before', () => {
    const { old, page } = SMALL;
    const into = new Uint8Array(page.length + 8).fill(0x5a).subarray(3, 3 + page.length);
    const decoded = decode(codec, old, encode(old, page)!, page.length, into);
    expect(wrong(decoded, page)).toBeUndefined();
    const { buffer } = into;
    expect([...new Uint8Array(buffer, 0, 3), ...new Uint8Array(buffer, 3 + page.length)]).toEqual(Array(8).fill(0x5a));
  });

  it('brings back any edited page', () => {
    fc.assert(
      fc.property(editedPage, ({ old, page }) => {
        const delta = encode(old, page)!;
        expect(wrong(decode(codec, old, delta, page.length), page)).toBeUndefined();
      }),
      { numRuns: Number(process.env.FUZZ_EDITS ?? 100) },
    );
  });

  it('a delta cut at any length is refused, or gives a page that its digest gives away', () => {
    const { old, page } = SMALL;
    const delta = encode(old, page)!;
    const digest = digest16(page);
    for (let length = 0; length < delta.length; length++) {
      const decoded = decode(codec, old, delta.subarray(0, length), page.length);
      if (decoded.kind === 'page') expect(digest16(decoded.bytes)).not.toEqual(digest);
    }
  });

  it('a delta with one bit flipped anywhere is refused, or gives a page that its digest gives away', () => {
    const { old, page } = SMALL;
    const delta = encode(old, page)!;
    const digest = digest16(page);
    let harmless = 0;
    for (let bit = 0; bit < delta.length * 8; bit++) {
      const bent = Uint8Array.from(delta);
      bent[bit >> 3]! ^= 1 << (bit & 7);
      const decoded = decode(codec, old, bent, page.length);
      if (decoded.kind === 'refused') continue;
      expect(decoded.bytes.length).toBe(page.length);
      if (Buffer.compare(digest16(decoded.bytes), digest) === 0) harmless++;
    }
    // Some formats have bits without meaning (reserved, or behind the last symbol): the page is right then.
    expect(harmless).toBeLessThanOrEqual(32);
  });

  it('bytes after the end are refused', () => {
    for (const { old, page } of PAIRS.slice(0, 4)) {
      const delta = encode(old, page)!;
      // The hybrid leaves out zeros at its end and reads four bytes ahead: only what it never reads is surely foreign.
      const extra = codec === CODEC.hybrid ? 8 : 1;
      const longer = Buffer.concat([delta, new Uint8Array(extra)]);
      expect(decode(codec, old, longer, page.length).kind).toBe('refused');
    }
  });

  it('any other length than the announced one is refused, or gives a page of the announced length', () => {
    const { old, page } = SMALL;
    const delta = encode(old, page)!;
    for (const length of [0, 1, page.length - 1, page.length + 1, page.length * 2]) {
      const decoded = decode(codec, old, delta, length);
      if (decoded.kind === 'page') {
        expect(decoded.bytes.length).toBe(length);
        expect(digest16(decoded.bytes)).not.toEqual(digest16(page));
      }
    }
  });

  it('against the wrong version it is refused, or gives a page that its digest gives away', () => {
    const { old, page } = SMALL;
    const delta = encode(old, page)!;
    for (const wrong of [new Uint8Array(0), page, noise(old.length, 9), old.subarray(1)]) {
      const decoded = decode(codec, wrong, delta, page.length);
      if (decoded.kind === 'page') expect(digest16(decoded.bytes)).not.toEqual(digest16(page));
    }
  });

  it('the same pages give the same delta, whatever was coded before', () => {
    const [first, second] = [PAIRS[0]!, PAIRS[2]!];
    const once = encode(first.old, first.page);
    encode(second.old, second.page);
    expect(encode(first.old, first.page)).toEqual(once);
  });

  it('a refused delta leaves nothing behind for the next one', () => {
    const { old, page } = SMALL;
    const delta = encode(old, page)!;
    decode(codec, old, noise(300, 11), page.length);
    decode(codec, old, delta.subarray(0, delta.length >> 1), page.length);
    expect(wrong(decode(codec, old, delta, page.length), page)).toBeUndefined();
  });
});

describe('the registry', () => {
  it('bit n of the mask is codec n (spec 12.4 id 10); SAME has none', () => {
    expect(ALL_CODECS).toBe(0b11110);
  });

  it('SAME is the previous version itself, and nothing else', () => {
    const page = noise(50, 1);
    expect(decode(CODEC.same, page, new Uint8Array(0), 50)).toEqual({ kind: 'page', bytes: page });
    expect(decode(CODEC.same, page, Buffer.of(0), 50).kind).toBe('refused');
    expect(decode(CODEC.same, page, new Uint8Array(0), 49).kind).toBe('refused');
  });

  it.each([5, 17, 255, -1])('codec %i is refused', (codec) => {
    expect(decode(codec, noise(50, 1), noise(10, 1), 50)).toEqual({ kind: 'refused', why: 'unknown codec' });
  });

  it('the digest is the first half of SHA-256', () => {
    expect(Buffer.from(digest16(Buffer.from('abc'))).toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223');
  });
});
