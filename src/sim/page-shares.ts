/**
 * What pages cost on the link at flow fidelity, as shares of their size. Those of the shipped generator were measured with the real codec;
 * test/sim/page-shares.test.ts fails when they are off by more than a fifth. Those of a folder of versions are measured when it is loaded.
 */
import { BLOCK_MASK, packBlock } from '../railgun/block-compression.ts';
import { LOOP_BUDGET_US, deltaCodec } from '../railgun/delta/choose.ts';

/** Of one kind of page: shares of the body that a delta over k versions (`base` + k × `step`, at most `most`) and a whole page cost. */
export interface PageShare {
  readonly base: number;
  readonly step: number;
  readonly most: number;
  readonly full: number;
}

/** Measured over the shipped generator, five-minute versions. */
export const PAGE_SHARES = {
  news: { base: 0.0013, step: 0.00078, most: 0.03, full: 0.12 },
  shop: { base: 0.0058, step: 0.00035, most: 0.012, full: 0.12 },
  account: { base: 0.022, step: 0, most: 0.022, full: 0.1215 },
  incidents: { base: 0.0009, step: 0.0032, most: 0.06, full: 0.1485 },
  forecast: { base: 0, step: 0.0183, most: 0.112, full: 0.2145 },
} as const satisfies Readonly<Record<string, PageShare>>;

/** Pairs of versions that are coded to learn a folder's shares: 50 ms. */
const MEASURED_PAIRS = 16;

/** Over neighbouring versions; the last one is followed by the first. */
export function measureShare(versions: readonly Uint8Array[]): PageShare {
  const codec = deltaCodec(LOOP_BUDGET_US);
  const pairs = Math.min(MEASURED_PAIRS, versions.length);
  let [delta, whole, body] = [0, 0, 0];
  for (let at = 0; at < pairs; at += 1) {
    const current = versions[(at + 1) % versions.length]!;
    delta += codec.encode(versions[at]!, current, codec.mask)?.bytes.length ?? current.length;
    whole += packBlock(current, BLOCK_MASK).bytes.length;
    body += current.length;
  }
  return { base: delta / body, step: 0, most: delta / body, full: whole / body };
}
