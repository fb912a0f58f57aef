/**
 * The delta codecs by their byte on the wire (DELTA responses, spec/railgun.md 12.6), their bits in SETTINGS id 10, and
 * the way back from a delta to a page. Which codec a page gets is decided in `choose.ts`; the machines see all this
 * through `../codec-port.ts`.
 */
import { hash } from 'node:crypto';
import type { Decoded } from '../codec-port.ts';
import { decodeCopyAdd } from './copy-add.ts';
import { decodeBrotli, decodeZstd } from './dictionary.ts';
import { decodeHybrid } from './hybrid.ts';

/** SAME has no body: the page equals the named version. Only `choose.ts` and SAME responses use it. */
export const CODEC = { same: 0, copyAdd: 1, hybrid: 2, zstd: 3, brotli: 4 } as const;
export type CodecId = (typeof CODEC)[keyof typeof CODEC];

/** What this build offers: bit 1 << id for each codec that has a body. */
export const ALL_CODECS = (1 << CODEC.copyAdd) | (1 << CODEC.hybrid) | (1 << CODEC.zstd) | (1 << CODEC.brotli);

/**
 * The page of exactly `length` bytes that a delta makes of the previous version. Any bytes, and any previous version,
 * give such a page or a refusal, in bounded time and memory; only the digest tells whether it is the right page. `into`: codec-port.ts.
 */
export function decode(
  codec: number,
  previous: Uint8Array,
  delta: Uint8Array,
  length: number,
  into?: Uint8Array,
): Decoded {
  switch (codec) {
    case CODEC.same:
      return delta.length === 0 && previous.length === length
        ? { kind: 'page', bytes: previous }
        : { kind: 'refused', why: 'not the same page' };
    case CODEC.copyAdd:
      return decodeCopyAdd(previous, delta, length);
    case CODEC.hybrid:
      return decodeHybrid(previous, delta, length, into);
    case CODEC.zstd:
      return decodeZstd(previous, delta, length);
    case CODEC.brotli:
      return decodeBrotli(previous, delta, length);
    default:
      return { kind: 'refused', why: 'unknown codec' };
  }
}

/** The first 16 bytes of SHA-256: what a response carries so that no wrong byte reaches a visitor (D4). */
export function digest16(page: Uint8Array): Uint8Array {
  return hash('sha256', page, 'buffer').subarray(0, 16);
}
