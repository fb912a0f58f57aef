/** Our own changing pages: repeatable, different where they should be, and alike where real pages are. */
import { describe, expect, it } from 'vitest';
import { PAGE_KINDS, pageAt, pageType } from '../../src/sim/pages.ts';

const text = (page: Uint8Array): string => Buffer.from(page).toString('utf8');

describe.each(PAGE_KINDS)('%s', (kind) => {
  it('the same seed and version give the same bytes, whatever was made before', () => {
    const once = text(pageAt(kind, 5, 40));
    pageAt(kind, 6, 3);
    expect(text(pageAt(kind, 5, 40))).toBe(once);
  });

  it('another seed gives another page, another version a changed one of about the same length', () => {
    const page = pageAt(kind, 5, 40);
    const later = pageAt(kind, 5, 60);
    expect(text(pageAt(kind, 6, 40))).not.toBe(text(page));
    expect(text(later)).not.toBe(text(page));
    expect(Math.abs(later.length - page.length)).toBeLessThan(page.length / 10);
  });

  it('is what its content type says', () => {
    const page = text(pageAt(kind, 5, 40));
    if (pageType(kind) === 'application/json') expect(() => JSON.parse(page)).not.toThrow();
    else expect(page).toMatch(/^<!doctype html>[^]*<\/html>\n$/);
  });
});

describe('news', () => {
  it('five minutes change few lines, an hour more, a day nearly every card', () => {
    const lines = (version: number): Set<string> => new Set(text(pageAt('news', 1, version)).split('\n'));
    const before = lines(300);
    const fresh = (version: number): number => [...lines(version)].filter((line) => !before.has(line)).length;
    expect(fresh(301)).toBeLessThan(30);
    expect(fresh(312)).toBeGreaterThan(fresh(301));
    expect(fresh(300 + 288)).toBeGreaterThan(before.size / 2);
  });
});
