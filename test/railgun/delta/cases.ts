/** Pairs of pages that the codec tests share: our own generated pages, awkward bytes, and random edits. */
import fc from 'fast-check';
import { CODEC, type CodecId } from '../../../src/railgun/delta/codec.ts';
import { encodeCopyAdd } from '../../../src/railgun/delta/copy-add.ts';
import { encodeBrotli, encodeZstd } from '../../../src/railgun/delta/dictionary.ts';
import { NO_HURRY, QUICK, THOROUGH, encodeHybrid } from '../../../src/railgun/delta/hybrid.ts';
import { PAGE_KINDS, pageAt } from '../../../src/sim/pages.ts';

export interface Pair {
  readonly name: string;
  readonly old: Uint8Array;
  readonly page: Uint8Array;
}

export interface Coder {
  readonly name: string;
  readonly codec: CodecId;
  encode(old: Uint8Array, page: Uint8Array): Uint8Array | undefined;
}

export const CODERS: readonly Coder[] = [
  { name: 'copy/add', codec: CODEC.copyAdd, encode: encodeCopyAdd },
  { name: 'hybrid, thorough', codec: CODEC.hybrid, encode: (old, page) => encodeHybrid(old, page, THOROUGH, NO_HURRY) },
  { name: 'hybrid, quick', codec: CODEC.hybrid, encode: (old, page) => encodeHybrid(old, page, QUICK, NO_HURRY) },
  {
    name: 'hybrid, in haste',
    codec: CODEC.hybrid,
    encode: (old, page) => encodeHybrid(old, page, THOROUGH, { ...NO_HURRY, weighed: 0 }),
  },
  { name: 'zstd 9', codec: CODEC.zstd, encode: (old, page) => encodeZstd(old, page, 9) },
  { name: 'zstd 3', codec: CODEC.zstd, encode: (old, page) => encodeZstd(old, page, 3) },
  { name: 'brotli 5', codec: CODEC.brotli, encode: (old, page) => encodeBrotli(old, page, 5) },
];

const text = (value: string): Uint8Array => Buffer.from(value, 'latin1');
const all = Uint8Array.from({ length: 256 }, (_, n) => n);
/** Bytes without any pattern, from a fixed recurrence. */
export function noise(length: number, start: number): Uint8Array {
  let state = start >>> 0;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

/** Small enough to try every way of spoiling its delta. */
export const SMALL: Pair = {
  name: 'a piece of JSON',
  old: pageAt('incidents', 1, 20).subarray(0, 9000),
  page: pageAt('incidents', 1, 24).subarray(0, 9100),
};

/** Few words, many times: nearly everything is a short copy. */
function chatter(length: number): Uint8Array {
  const words = ['points ', 'signal ', 'lever ', 'ballast ', 'buffer '];
  return text(Array.from(noise(length >> 2, 8), (byte) => words[byte % 5]).join('')).subarray(0, length);
}

export const PAIRS: readonly Pair[] = [
  ...PAGE_KINDS.flatMap((kind) => [
    { name: `${kind}, five minutes`, old: pageAt(kind, 1, 20), page: pageAt(kind, 1, 21) },
    { name: `${kind}, an hour`, old: pageAt(kind, 1, 20), page: pageAt(kind, 1, 32) },
  ]),
  { name: 'another kind of page', old: pageAt('shop', 1, 1), page: pageAt('incidents', 1, 1) },
  { name: 'nothing before', old: text(''), page: text('first version, first version') },
  { name: 'nothing now', old: text('something was here'), page: text('') },
  { name: 'one byte', old: text('a'), page: text('b') },
  { name: 'every byte value, turned round', old: all, page: Uint8Array.from(all).reverse() },
  { name: 'noise against other noise', old: noise(5000, 1), page: noise(5000, 2) },
  {
    name: 'noise with a hole',
    old: noise(9000, 3),
    page: Buffer.concat([noise(4000, 3), noise(9000, 3).subarray(4100)]),
  },
  { name: 'halves swapped', old: noise(8000, 4), page: Buffer.concat([noise(8000, 4).subarray(4000), noise(4000, 4)]) },
  { name: 'a hundred thousand zeros', old: text('start'), page: new Uint8Array(100_000) },
  {
    name: 'a page repeated four times',
    old: noise(700, 5),
    page: Buffer.concat([1, 2, 3, 4].map(() => noise(700, 5))),
  },
  { name: 'more repetition than history is kept of', old: text('x'), page: chatter(500_000) },
  { name: 'grown at the end', old: noise(3000, 6), page: Buffer.concat([noise(3000, 6), text(' and then some')]) },
  { name: 'cut at the start', old: noise(3000, 7), page: noise(3000, 7).subarray(31) },
];

/** A page made of few words, so that it repeats itself, and a version of it with parts replaced, moved and dropped. */
export const editedPage: fc.Arbitrary<{ old: Uint8Array; page: Uint8Array }> = fc
  .record({
    words: fc.array(fc.string({ minLength: 1, maxLength: 12, unit: 'binary-ascii' }), { minLength: 1, maxLength: 30 }),
    picks: fc.array(fc.nat(1000), { maxLength: 400 }),
    edits: fc.array(
      fc.record({
        at: fc.nat(1000),
        drop: fc.nat(300),
        from: fc.nat(1000),
        moved: fc.nat(200),
        fresh: fc.uint8Array({ maxLength: 20 }),
      }),
      { maxLength: 12 },
    ),
  })
  .map(({ words, picks, edits }) => {
    const old = Buffer.from(picks.map((pick) => words[pick % words.length]!).join(''), 'latin1');
    let page: Buffer = old;
    for (const { at, drop, from, moved, fresh } of edits) {
      const place = Math.floor((at * page.length) / 1001);
      const source = Math.floor((from * old.length) / 1001);
      page = Buffer.concat([
        page.subarray(0, place),
        fresh,
        old.subarray(source, source + moved),
        page.subarray(place + drop),
      ]);
    }
    return { old, page };
  });
