/**
 * Which codec a page gets. Rules, in order:
 *
 *   1. equal to the previous version   -> SAME
 *   2. hybrid, if both ends speak it: thorough when its estimate fits the budget, else quick; where that gave a large
 *      delta, brotli is tried too
 *   3. brotli with dictionary, if its estimate fits (the hybrid gave up, or is not spoken)
 *   4. zstd with dictionary: level 9, or 3 when the budget is tight
 *   5. copy/add, when nothing else is common
 *
 * Whether the delta is worth sending at all, against the compressed body, is asked in `../answer.ts` (RG-044).
 *
 * Pure: no clock is read, the budget is compared with estimates. A caller that must not block asks `estimateEncodeUs`
 * first and hands what takes too long to a worker (`src/live/delta-worker.ts`), where the budget is larger.
 */
import type { DeltaCodec, Encoded } from '../codec-port.ts';
import type { CodecId } from './codec.ts';
import { ALL_CODECS, CODEC, decode } from './codec.ts';
import { encodeCopyAdd } from './copy-add.ts';
import { encodeBrotli, encodeZstd } from './dictionary.ts';
import { MAX_TOKENS, QUICK, THOROUGH, encodeHybrid, prepareHybrid } from './hybrid.ts';
import type { ParseLimits } from './parse.ts';

export interface EncodeOptions {
  /** Mask of the codecs that both ends speak. */
  readonly codecs: number;
  /** What this page may cost, in microseconds of one core. */
  readonly budgetUs: number;
  /** Bytes that the delta will probably have, say those of the last one for this page; else a share of the page. */
  readonly expectedDelta?: number;
}

/** The event loop may be held this long; more belongs in a worker (DESIGN 6). */
export const LOOP_BUDGET_US = 5_000;
/** In a worker: enough for the thorough hybrid on the largest body that is kept. */
export const WORKER_BUDGET_US = 50_000;

/** The codecs as the machines want them, for pages that may take `budgetUs` each. */
export function deltaCodec(budgetUs: number): DeltaCodec {
  return {
    mask: ALL_CODECS,
    prepare: (previous, allowed) => {
      if ((allowed & (1 << CODEC.hybrid)) !== 0) prepareHybrid(previous);
    },
    encode: (previous, current, allowed) => encode(previous, current, { codecs: allowed, budgetUs }),
    decode,
  };
}

/** The delta of `current` against `previous`; undefined when the mask holds no codec of ours. */
export function encode(previous: Uint8Array, current: Uint8Array, options: EncodeOptions): Encoded | undefined {
  if (Buffer.compare(previous, current) === 0) return { codec: CODEC.same, bytes: new Uint8Array(0) };
  const { codecs, budgetUs, expectedDelta } = options;
  const sizes = { previous: previous.length, current: current.length };
  const affords = (codec: CodecId): boolean => estimateEncodeUs({ ...sizes, expectedDelta }, codec) <= budgetUs;
  const may = (codec: CodecId): boolean => (codecs & (1 << codec)) !== 0;
  if (may(CODEC.hybrid)) {
    const effort = affords(CODEC.hybrid) ? THOROUGH : QUICK;
    const bytes = encodeHybrid(previous, current, effort, limitsFor(budgetUs));
    if (bytes !== undefined) {
      const hybrid = { codec: CODEC.hybrid, bytes };
      if (bytes.length * LARGE_SHARE < current.length || !may(CODEC.brotli) || !affords(CODEC.brotli)) return hybrid;
      const other = { codec: CODEC.brotli, bytes: encodeBrotli(previous, current, BROTLI_QUALITY) };
      return other.bytes.length < bytes.length ? other : hybrid;
    }
  }
  if (may(CODEC.brotli) && (affords(CODEC.brotli) || !may(CODEC.zstd)))
    return { codec: CODEC.brotli, bytes: encodeBrotli(previous, current, BROTLI_QUALITY) };
  if (may(CODEC.zstd)) {
    const level = affords(CODEC.zstd) ? ZSTD_LEVEL : ZSTD_LEVEL_TIGHT;
    return { codec: CODEC.zstd, bytes: encodeZstd(previous, current, level) };
  }
  if (may(CODEC.copyAdd)) return { codec: CODEC.copyAdd, bytes: encodeCopyAdd(previous, current) };
  return undefined;
}

/** brotli's first quality that uses the dictionary at all; zstd's best value, and the one for busy hours. */
const BROTLI_QUALITY = 5;
const ZSTD_LEVEL = 9;
const ZSTD_LEVEL_TIGHT = 3;

/** A delta of more than 1/24 of its page: perhaps brotli's is smaller, and the page is a rare one. */
const LARGE_SHARE = 24;

/** What the hybrid does in a microsecond, at least: positions weighed, tokens coded. */
const WEIGHED_PER_US = 2;
const TOKENS_PER_US = 2.5;
/** Below this it would hardly ever finish. */
const MIN_TOKENS = 1_000;

function limitsFor(budgetUs: number): ParseLimits {
  const tokens = Math.min(MAX_TOKENS, Math.max(MIN_TOKENS, Math.round(budgetUs * TOKENS_PER_US)));
  return { tokens, weighed: Math.round(budgetUs * WEIGHED_PER_US) };
}

export interface EncodeSizes {
  readonly previous: number;
  readonly current: number;
  readonly expectedDelta?: number | undefined;
}

/** Share of a page that its delta usually has, where nothing is known of this page: the mean measured. */
const USUAL_SHARE = 0.004;

/**
 * Microseconds that encoding will take on one core (2 shared virtual cores, Node 26.10; rounded up): a fixed part, the
 * old page, the new page, and for the hybrid what differs. Right to a factor of two or so, which is enough to decide
 * whether the event loop may wait for it.
 */
export function estimateEncodeUs(sizes: EncodeSizes, codec: CodecId): number {
  const { previous, current } = sizes;
  switch (codec) {
    case CODEC.same:
      return current * 0.0002;
    case CODEC.hybrid:
      return 150 + previous * 0.006 + current * 0.001 + (sizes.expectedDelta ?? current * USUAL_SHARE) * 3;
    case CODEC.brotli:
      return 100 + previous * 0.008 + current * 0.015;
    case CODEC.zstd:
      return 100 + previous * 0.004 + current * 0.02;
    case CODEC.copyAdd:
      return 50 + (previous + current) * 0.003;
  }
}
