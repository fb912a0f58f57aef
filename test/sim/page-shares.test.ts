/** The shares that the flow model takes for pages of the generator are those of the real codec. */
import { describe, expect, it } from 'vitest';
import { BLOCK_MASK, packBlock } from '../../src/railgun/block-compression.ts';
import { LOOP_BUDGET_US, deltaCodec } from '../../src/railgun/delta/choose.ts';
import { PAGE_KINDS, type PageKind, pageAt } from '../../src/sim/pages.ts';
import { PAGE_SHARES, measureShare } from '../../src/sim/page-shares.ts';

const codec = deltaCodec(LOOP_BUDGET_US);

function measured(kind: PageKind, apart: number): { readonly delta: number; readonly full: number } {
  let [delta, full, body] = [0, 0, 0];
  for (const seed of ['a']) {
    for (let version = 0; version < 12; version += 1) {
      const current = pageAt(kind, seed, version + apart);
      delta += codec.encode(pageAt(kind, seed, version), current, codec.mask)?.bytes.length ?? current.length;
      full += packBlock(current, BLOCK_MASK).bytes.length;
      body += current.length;
    }
  }
  return { delta: delta / body, full: full / body };
}

describe('shares of the flow model', () => {
  it.each(PAGE_KINDS)('%s: deltas and whole pages cost what they measure, within a fifth, and a twentieth', (kind) => {
    const share = PAGE_SHARES[kind];
    for (const apart of [1, 8]) {
      const { delta, full } = measured(kind, apart);
      const model = Math.min(share.base + share.step * apart, share.most);
      expect(model / delta).toBeGreaterThan(0.8);
      expect(model / delta).toBeLessThan(1.25);
      expect(Math.abs(share.full / full - 1)).toBeLessThan(0.05);
    }
  });
});

describe('shares of a folder of versions', () => {
  it('are those of its neighbours, the last followed by the first', () => {
    const versions = Array.from({ length: 6 }, (_, version) => pageAt('shop', 'a', version));
    const { base, step, most, full } = measureShare(versions);
    expect([step, most]).toEqual([0, base]);
    expect(base / (PAGE_SHARES.shop.base + PAGE_SHARES.shop.step)).toBeGreaterThan(0.8);
    expect(base / (PAGE_SHARES.shop.base + PAGE_SHARES.shop.step)).toBeLessThan(1.3);
    expect(Math.abs(full / PAGE_SHARES.shop.full - 1)).toBeLessThan(0.05);
    expect(measureShare([versions[0]!]).base).toBe(0);
  });
});
