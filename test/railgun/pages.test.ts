/**
 * "Not one wrong byte", by the number: SWITCHYARD_PAGES pages through a link that keeps breaking (pages.ts). 10,000 by default;
 * docs/railgun.md has the figures of a million. SWITCHYARD_PAGES_SEED moves the whole run elsewhere; a failing seed is in the message.
 */
import { describe, expect, it } from 'vitest';
import { deltaCodec } from '../../src/railgun/delta/choose.ts';
import { type PagesResult, sendPages } from './pages.ts';

const PAGES = Number(process.env.SWITCHYARD_PAGES ?? 10_000);
const FIRST_SEED = Number(process.env.SWITCHYARD_PAGES_SEED ?? 20_260_301);
/** Each world has its own delay, limits, stores and luck. */
const PAGES_A_WORLD = 500;
/** Every so many worlds one speaks with the real codecs; they are slower than the pretend one and proved elsewhere. */
const REAL_EVERY = 4;

const codec = deltaCodec(5_000);

describe('pages through a link under random loss of lanes, listeners, stores and versions', () => {
  it('RG-048, RG-052, RG-062 every page that arrives has the SHA-256 of what the origin sent', () => {
    const total = { same: 0, delta: 0, full: 0, raw: 0, direct: 0, failed: 0, resyncs: 0, lanes: 0, deaths: 0 };
    let [bodyBytes, wanBytes, worlds] = [0, 0, 0];
    const wrong: string[] = [];
    for (let left = PAGES; left > 0; left -= PAGES_A_WORLD) {
      const pages = Math.min(left, PAGES_A_WORLD);
      const seed = FIRST_SEED + worlds;
      const result: PagesResult = sendPages({ seed, pages, ...(worlds % REAL_EVERY === 0 ? { codec } : {}) });
      worlds += 1;
      for (const mode of ['same', 'delta', 'full', 'raw'] as const) total[mode] += result.modes[mode];
      for (const key of ['direct', 'failed', 'resyncs', 'lanes', 'deaths'] as const) total[key] += result[key];
      bodyBytes += result.bodyBytes;
      wanBytes += result.wanBytes;
      wrong.push(...result.wrong);
    }
    if (process.env.SWITCHYARD_PAGES !== undefined)
      process.stdout.write(`${JSON.stringify({ pages: PAGES, worlds, ...total, bodyBytes, wanBytes })}\n`);
    expect(wrong).toEqual([]);
    const { same, delta, full, raw, direct, failed } = total;
    expect(same + delta + full + raw + direct + failed).toBe(PAGES);
    // The trouble was real, and so was the link.
    expect(Math.min(same, delta, full, raw)).toBeGreaterThan(PAGES / 100);
    expect(same + delta).toBeGreaterThan(PAGES / 4);
    expect(Math.min(direct, failed, total.resyncs, total.lanes)).toBeGreaterThan(0);
    expect(total.deaths).toBeGreaterThan(0);
  }, 7_200_000);

  it('one seed gives the same story twice', () => {
    const first = sendPages({ seed: 3, pages: 200 });
    expect(sendPages({ seed: 3, pages: 200 })).toEqual(first);
    expect(sendPages({ seed: 4, pages: 200 })).not.toEqual(first);
  });
});
