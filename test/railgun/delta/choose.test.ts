/** Which codec a page gets, what that costs, and what the listener makes of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/core/random.ts';
import { encodeJob, shapeAnswer } from '../../../src/railgun/answer.ts';
import { BLOCK_MASK, unpackBlock } from '../../../src/railgun/block-compression.ts';
import {
  LOOP_BUDGET_US,
  WORKER_BUDGET_US,
  deltaCodec,
  encode,
  estimateEncodeUs,
} from '../../../src/railgun/delta/choose.ts';
import { ALL_CODECS, CODEC, decode } from '../../../src/railgun/delta/codec.ts';
import { pageAt } from '../../../src/sim/pages.ts';
import { editedPage, noise } from './cases.ts';

const codec = deltaCodec(WORKER_BUDGET_US);
const only = (id: number): number => 1 << id;
const answer = (body: Uint8Array) => ({ head: new Uint8Array(0), body, digest: new Uint8Array(32) });

/** News of exactly `length` bytes. */
function news(length: number, version: number): Uint8Array {
  const page = pageAt('news', 3, version);
  expect(page.length).toBeGreaterThanOrEqual(length);
  return page.subarray(0, length);
}

/** `count` scattered places, each overwritten with `length` fresh characters; the page keeps its length. */
function withEdits(page: Uint8Array, count: number, length: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const edited = Uint8Array.from(page);
  for (let n = 0; n < count; n++) {
    const at = Math.floor(((n + random.next()) * (page.length - length)) / count);
    for (let k = 0; k < length; k++) edited[at + k] = 97 + random.below(26);
  }
  return edited;
}

describe('an old page prepared while the new one is awaited', () => {
  it('gives the very delta that it gives unprepared', () => {
    fc.assert(
      fc.property(editedPage, ({ old, page }) => {
        const plain = codec.encode(old, page, ALL_CODECS);
        codec.prepare?.(old, ALL_CODECS);
        expect(codec.encode(old, page, ALL_CODECS)).toEqual(plain);
      }),
    );
  });

  it('is forgotten when another is asked about first, and no page leaves a trace in the next one', () => {
    const [one, two, three] = [news(92_516, 5), news(92_516, 6), news(60_000, 7)];
    const [plain, other] = [codec.encode(one, two, ALL_CODECS), codec.encode(three, one, ALL_CODECS)];
    codec.prepare?.(one, ALL_CODECS);
    expect(codec.encode(three, one, ALL_CODECS)).toEqual(other);
    expect(codec.encode(one, two, ALL_CODECS)).toEqual(plain);
  });
});

describe('sizes', () => {
  it('RG-050 an unchanged page costs no payload at all', () => {
    const page = news(92_516, 5);
    expect(encode(page, Uint8Array.from(page), { codecs: ALL_CODECS, budgetUs: LOOP_BUDGET_US })).toEqual({
      codec: CODEC.same,
      bytes: new Uint8Array(0),
    });
  });

  it('RG-050 a page with one byte changed costs a few bytes', () => {
    const page = news(92_516, 5);
    const edited = Uint8Array.from(page);
    edited[50_000] = 126;
    expect(codec.encode(page, edited, ALL_CODECS)!.bytes.length).toBeLessThanOrEqual(12);
  });

  it.each([1, 2, 3, 4, 5])('RG-127 92,516 bytes with 16 scattered edits of 10 bytes: at most 266 (seed %i)', (seed) => {
    const page = news(92_516, 5);
    const edited = withEdits(page, 16, 10, seed);
    const delta = codec.encode(page, edited, ALL_CODECS)!;
    expect(delta.bytes.length).toBeLessThanOrEqual(266);
    expect(decode(delta.codec, page, delta.bytes, edited.length)).toEqual({ kind: 'page', bytes: edited });
  });

  it.each([0, 12, 24, 36])('RG-127 RG-128 generated news, five minutes and one hour after version %i', (version) => {
    const page = pageAt('news', 3, version);
    expect(codec.encode(page, pageAt('news', 3, version + 1), ALL_CODECS)!.bytes.length).toBeLessThanOrEqual(600);
    expect(codec.encode(page, pageAt('news', 3, version + 12), ALL_CODECS)!.bytes.length).toBeLessThanOrEqual(2885);
  });

  it.each([1, 2, 3])('RG-128 93,727 bytes of which 3 %% are fresh text: at most 2,885 (seed %i)', (seed) => {
    const page = news(93_727, 5);
    const edited = withEdits(page, 94, 30, seed);
    const delta = codec.encode(page, edited, ALL_CODECS)!;
    expect(delta.bytes.length).toBeLessThanOrEqual(2885);
    expect(decode(delta.codec, page, delta.bytes, edited.length)).toEqual({ kind: 'page', bytes: edited });
  });
});

describe('rules', () => {
  const [page, next] = [pageAt('shop', 1, 3), pageAt('shop', 1, 4)];
  it.each([
    { name: 'all: the hybrid', codecs: ALL_CODECS, expected: CODEC.hybrid },
    { name: 'all but the hybrid: brotli', codecs: ALL_CODECS & ~only(CODEC.hybrid), expected: CODEC.brotli },
    { name: 'zstd and copy/add: zstd', codecs: only(CODEC.zstd) | only(CODEC.copyAdd), expected: CODEC.zstd },
    { name: 'copy/add alone', codecs: only(CODEC.copyAdd), expected: CODEC.copyAdd },
  ])('$name', ({ codecs, expected }) => {
    const delta = encode(page, next, { codecs, budgetUs: WORKER_BUDGET_US })!;
    expect(delta.codec).toBe(expected);
    const back = decode(delta.codec, page, delta.bytes, next.length);
    expect(back.kind === 'page' && Buffer.compare(back.bytes, next)).toBe(0);
  });

  it('no codec in common: no delta', () => {
    expect(encode(page, next, { codecs: 0, budgetUs: WORKER_BUDGET_US })).toBeUndefined();
    expect(encode(page, next, { codecs: only(7), budgetUs: WORKER_BUDGET_US })).toBeUndefined();
  });

  it('a small budget still gives a correct delta, only a larger one', () => {
    const options = { codecs: ALL_CODECS };
    const news = [pageAt('news', 1, 3), pageAt('news', 1, 15)] as const;
    const thorough = encode(...news, { ...options, budgetUs: WORKER_BUDGET_US })!;
    const hasty = encode(...news, { ...options, budgetUs: 1 })!;
    expect(hasty.codec).toBe(CODEC.hybrid);
    expect(hasty.bytes.length).toBeGreaterThan(thorough.bytes.length);
    expect(decode(hasty.codec, news[0], hasty.bytes, news[1].length)).toEqual({ kind: 'page', bytes: news[1] });
  });

  it('pages with nothing in common go to brotli, or to zstd when time is short', () => {
    const [a, b] = [noise(90_000, 1), noise(90_000, 2)];
    expect(encode(a, b, { codecs: ALL_CODECS, budgetUs: WORKER_BUDGET_US })!.codec).toBe(CODEC.brotli);
    expect(encode(a, b, { codecs: ALL_CODECS, budgetUs: 100 })!.codec).toBe(CODEC.zstd);
  });

  it('what last time took a large delta is expected to take one again', () => {
    const sizes = { previous: 80_000, current: 80_000 };
    expect(estimateEncodeUs(sizes, CODEC.hybrid)).toBeLessThan(LOOP_BUDGET_US);
    expect(estimateEncodeUs({ ...sizes, expectedDelta: 3000 }, CODEC.hybrid)).toBeGreaterThan(LOOP_BUDGET_US);
  });
});

describe('in the listener', () => {
  it('RG-044 a delta that is not smaller than the packed body is not sent', () => {
    const [a, b] = [noise(3000, 1), noise(3000, 2).map((byte) => 48 + (byte % 10))];
    const result = encodeJob(codec, { previous: a, current: b, allowed: ALL_CODECS, blockMask: BLOCK_MASK });
    expect(result.full).toBeDefined();
    const base = { head: new Uint8Array(0), body: a, digest: new Uint8Array(32) };
    // As if the codec had done no better than the packed body: a tie goes to the body, which needs no base.
    const tied = { delta: { codec: CODEC.hybrid, bytes: result.full!.bytes }, full: result.full! };
    expect(shapeAnswer(answer(b), base, tied, 7).mode).toBe('full');
    const shaped = shapeAnswer(answer(b), base, result, 7);
    const smallest = Math.min(result.delta!.bytes.length, result.full!.bytes.length);
    expect(shaped.payload.length).toBe(smallest);
  });

  it('RG-044 noise against other noise goes whole, as it is', () => {
    const [a, b] = [noise(3000, 1), noise(3000, 2)];
    const result = encodeJob(codec, { previous: a, current: b, allowed: ALL_CODECS, blockMask: BLOCK_MASK });
    const base = { head: new Uint8Array(0), body: a, digest: new Uint8Array(32) };
    const shaped = shapeAnswer(answer(b), base, result, 7);
    expect(shaped.mode).toBe('full');
    expect(shaped.payload.length).toBeLessThanOrEqual(3000);
  });

  it('RG-045 a first visit is packed for the lane and comes out the same', () => {
    const page = pageAt('news', 1, 1);
    const { full } = encodeJob(codec, {
      previous: undefined,
      current: page,
      allowed: ALL_CODECS,
      blockMask: BLOCK_MASK,
    });
    expect(full!.bytes.length).toBeLessThan(page.length / 5);
    expect(Buffer.from(unpackBlock(full!.block, full!.bytes, page.length)!)).toEqual(Buffer.from(page));
  });
});
