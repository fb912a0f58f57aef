/**
 * The figures of DESIGN 8 on recorded pages of others, which are not part of this repository: set `PAGES` to a folder
 * with one sub-folder per page, its versions in order of their names. Skipped where there is none.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deltaCodec } from '../../../src/railgun/delta/choose.ts';
import { ALL_CODECS, decode } from '../../../src/railgun/delta/codec.ts';

const folder = process.env.PAGES ?? join(import.meta.dirname, '../../../../shared/corpus');
const codec = deltaCodec(1_000_000);

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function sizesOf(series: string): { delta: number; page: number }[] {
  const names = readdirSync(join(folder, series)).toSorted();
  const pages = names.map((name) => readFileSync(join(folder, series, name)));
  return pages.slice(1).map((page, n) => {
    const delta = codec.encode(pages[n]!, page, ALL_CODECS)!;
    const back = decode(delta.codec, pages[n]!, delta.bytes, page.length);
    expect(back.kind === 'page' && Buffer.compare(back.bytes, page)).toBe(0);
    return { delta: delta.bytes.length, page: page.length };
  });
}

describe.skipIf(!existsSync(join(folder, 'synth-cnn-like')))('recorded pages (skipped: no folder of pages)', () => {
  it('RG-127 RG-128 the published pair: five minutes in 185 bytes, an hour in 1,950 (medians)', () => {
    const sizes = sizesOf('synth-cnn-like').map(({ delta }) => delta);
    expect(median(sizes.filter((_, n) => n % 2 === 0))).toBeLessThanOrEqual(185);
    expect(median(sizes.filter((_, n) => n % 2 === 1))).toBeLessThanOrEqual(1950);
  });

  it('all pairs of all pages: at most 0.43 % of their bytes', () => {
    const series = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const sizes = series.flatMap(({ name }) => sizesOf(name));
    const total = sizes.reduce((sum, { page }) => sum + page, 0);
    expect(sizes.reduce((sum, { delta }) => sum + delta, 0) / total).toBeLessThanOrEqual(0.0043);
  }, 60_000);
});
