/**
 * `report.html` as text and in a real browser (the system's Chromium, from disk). The browser half is skipped, loudly, where there is
 * no Chromium.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContextOptions, type Page, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../src/core/report.ts';
import { renderJunit } from '../../src/report/junit.ts';
import { escapeText, html, inlineJson, trusted } from '../../src/report/markup.ts';
import { renderHtml } from '../../src/report/page.ts';
import { stepsOf } from '../../src/report/steps.ts';
import { checkedSample } from './checked-sample.ts';
import { drilledSample } from './drilled-sample.ts';
import { sampleReport } from './sample.ts';

const EVIL = `</script><script>window.evil=1</script><img src=x onerror="window.evil=2">'"&`;

function hostile(): RunReport {
  const report = checkedSample();
  const named = <T extends { readonly name: string }>(things: readonly T[]): T[] =>
    things.map((thing) => ({ ...thing, name: `${thing.name}${EVIL}` }));
  return {
    ...report,
    scenario: { name: EVIL, file: EVIL, description: EVIL },
    seed: EVIL,
    repeat: EVIL,
    warnings: [EVIL],
    pools: named(report.pools).map((pool) => ({ ...pool, origins: named(pool.origins) })),
    placement: {
      ...report.placement,
      regions: report.placement.regions.map((region) => region + EVIL),
      pools: report.placement.pools.map((pool) => pool + EVIL),
    },
    timeline: report.timeline.map((entry) => ({ ...entry, text: EVIL })),
    checks: report.checks.map((check) => ({ ...check, check: EVIL, text: EVIL, unit: EVIL })),
    capacity: report.capacity.map((row) => ({ ...row, pool: EVIL, origin: EVIL })),
    pops: report.pops.map((pop) => ({ ...pop, city: EVIL, region: pop.region + EVIL })),
  };
}

describe('markup', () => {
  it('escapes what is put in, and nothing twice', () => {
    const inner = html`<b title="${'"x"'}">${'<i>'}</b>`;
    expect(html`<p>${inner}${[inner, '&']}${undefined}${false}${0}</p>`.text).toBe(
      '<p><b title="&quot;x&quot;">&lt;i&gt;</b><b title="&quot;x&quot;">&lt;i&gt;</b>&amp;0</p>',
    );
    expect(html`${trusted('<hr>')}`.text).toBe('<hr>');
    expect(escapeText(`<>&"'`)).toBe('&lt;&gt;&amp;&quot;&#39;');
  });

  it('JSON cannot end the script it stands in', () => {
    const text = inlineJson({ a: '</script>\u2028' }).text;
    expect(text).not.toContain('<');
    expect(text).not.toContain('\u2028');
    expect(JSON.parse(text)).toEqual({ a: '</script>\u2028' });
  });
});

describe('steps of the page', () => {
  it('are at most 240, and lose no request', () => {
    for (const bucketUs of [1_000_000, 5_000_000, 60_000_000]) {
      const report = sampleReport({ bucketUs });
      const steps = stepsOf(report);
      const total = (row: readonly number[]): number => row.reduce((sum, n) => sum + n, 0);
      expect(steps.count).toBeLessThanOrEqual(240);
      expect(total(steps.requests)).toBe(report.totals.requests);
      expect(total(steps.poolRequests.map(total))).toBe(report.totals.requests);
      expect(total(steps.regionPool.flat().map(total))).toBe(report.totals.requests);
      expect(total(steps.seconds)).toBeCloseTo(1_200, 6);
    }
  });

  it('shows seven pools and the rest together', () => {
    const base = sampleReport();
    const rows = base.series.poolRequests;
    const report: RunReport = {
      ...base,
      pools: Array.from({ length: 12 }, (_, i) => ({ ...base.pools[i % 3]!, name: `pool-${i}`, requests: 100 - i })),
      series: { ...base.series, poolRequests: Array.from({ length: 12 }, (_, i) => rows[i % 3]!) },
    };
    expect(stepsOf(report).pools.map((pool) => pool.name)).toEqual([
      ...Array.from({ length: 7 }, (_, i) => `pool-${i}`),
      '5 other pools',
    ]);
  });
});

describe('report.html as text', () => {
  it('asks nobody for anything', async () => {
    const text = await renderHtml(checkedSample());
    expect(text).not.toMatch(/https?:|\/\/[a-z]|url\((?!#)|@import|<link|<iframe|\ssrc=/i);
    expect(text).toContain("default-src 'none'");
    expect([...text.matchAll(/href="([^"]*)"/g)].every(([, target]) => target!.startsWith('#'))).toBe(true);
  });

  it('paints with the variables of the style sheet only', async () => {
    const drawings = (await renderHtml(checkedSample())).match(/<svg class="(?:chart|map)[\s\S]*?<\/svg>/g) ?? [];
    expect(drawings.length).toBeGreaterThan(8);
    for (const drawing of drawings)
      expect(drawing.replace(/<clipPath[\s\S]*?<\/clipPath>/g, '')).not.toMatch(/#[0-9a-f]{3,6}"|rgb/i);
  });

  it('a name that is markup stays a name', async () => {
    const text = await renderHtml(hostile());
    expect(text).not.toContain('<script>window.evil');
    expect(text).not.toContain('<img');
    expect(text.match(/<script/g)).toHaveLength(2);
  });
});

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

describe.skipIf(CHROMIUM === undefined)('report.html in a browser, from disk', () => {
  let browser: Browser;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'switchyard-page-'));
    writeFileSync(join(folder, 'sample.html'), await renderHtml(checkedSample()));
    writeFileSync(
      join(folder, 'quiet.html'),
      await renderHtml(sampleReport({ failover: false, railgun: false, dns: false })),
    );
    writeFileSync(join(folder, 'empty.html'), await renderHtml(sampleReport({ minutes: 0 })));
    writeFileSync(join(folder, 'hostile.html'), await renderHtml(hostile()));
    writeFileSync(join(folder, 'drill.html'), await renderHtml(drilledSample));
    browser = await chromium.launch({
      executablePath: CHROMIUM!,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(
    name: string,
    options: BrowserContextOptions = {},
  ): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext({
      viewport: { width: 1_200, height: 900 },
      reducedMotion: 'reduce',
      ...options,
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (request.url().replace(/#.*$/, '') !== pathToFileURL(join(folder, `${name}.html`)).href)
        complaints.push(`asked for ${request.url()}`);
    });
    await page.goto(pathToFileURL(join(folder, `${name}.html`)).href);
    return { page, complaints };
  }

  const background = (page: Page): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');

  it.each(['sample', 'quiet', 'empty', 'hostile', 'drill'])(
    '%s opens without a complaint or a request',
    async (name) => {
      const { page, complaints } = await open(name);
      expect(await page.locator('h1').count()).toBe(1);
      expect(complaints).toEqual([]);
      expect(await page.evaluate('window.evil')).toBeUndefined();
      await page.context().close();
    },
  );

  it('the time moves by keyboard, and everything follows', async () => {
    const { page, complaints } = await open('sample');
    const slider = page.getByRole('slider', { name: 'Moment of the run' });
    const clock = page.locator('#clock');
    const weu = page.locator('.goes > li', { hasText: 'WEU' }).locator('.words');
    expect(await clock.textContent()).toBe('Whole run');
    await slider.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    expect(await clock.textContent()).toBe('12:00:05');
    expect(await weu.textContent()).toBe('eu 100\u00a0%');
    expect(await page.locator('.flow:not([visibility])').count()).toBe(6);
    // 12:03:00 is step 36: the pool is dark and not noticed yet, so all of WEU fails there.
    for (let i = 0; i < 35; i += 1) await page.keyboard.press('ArrowRight');
    expect(await clock.textContent()).toBe('12:03:00');
    expect(await page.locator('.goes > li', { hasText: 'WEU' }).locator('.head').textContent()).toContain(
      '100\u00a0% failed',
    );
    expect(await page.locator('.map .pop.f3').count()).toBe(4);
    await page.keyboard.press('End');
    expect(await clock.textContent()).toBe('12:19:55');
    expect(await slider.getAttribute('aria-valuetext')).toMatch(/^12:19:55, \d+ requests\/s, none failed, p99 \d+ ms$/);
    const cursor = page.locator('.chart.wide .cursor').first();
    expect(Number(await cursor.getAttribute('x1'))).toBeGreaterThan(1_000);
    await page.getByRole('button', { name: 'Whole run' }).click();
    expect(await clock.textContent()).toBe('Whole run');
    expect(await weu.textContent()).toMatch(/^eu 52\.\d\u00a0%, us 47\.\d\u00a0%$/);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('a time of the story is shown at the slider', async () => {
    const { page } = await open('sample');
    await page.getByRole('button', { name: 'Show 12:08:00 on map and charts' }).click();
    expect(await page.locator('#clock').textContent()).toBe('12:08:00');
    expect(await page.locator('.story .now').textContent()).toContain('lanes reopen');
    await page.context().close();
  });

  it('a click on a chart is a moment too', async () => {
    const { page } = await open('sample');
    const chart = page.locator('.chart.wide').first();
    await chart.scrollIntoViewIfNeeded();
    const box = (await chart.boundingBox())!;
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    expect(await page.locator('#clock').textContent()).toMatch(/^12:0?9:[0-5]\d$/);
    await page.context().close();
  });

  it('follows the system into the dark, and the button out of it', async () => {
    const { page } = await open('sample', { colorScheme: 'dark' });
    const dark = await background(page);
    const button = page.getByRole('button', { name: 'Dark' });
    expect(await button.getAttribute('aria-pressed')).toBe('true');
    await button.click();
    expect(await background(page)).not.toBe(dark);
    expect(await button.getAttribute('aria-pressed')).toBe('false');
    await page.context().close();
    const light = await open('sample', { colorScheme: 'light' });
    expect(await background(light.page)).not.toBe(dark);
    await light.page.context().close();
  });

  it.each([
    ['sample', 1_200],
    ['sample', 768],
    ['sample', 390],
    ['sample', 320],
    ['drill', 1_200],
    ['drill', 390],
    ['drill', 320],
  ])('%s is not wider than a screen of %i points', async (name, width) => {
    const { page } = await open(name, { viewport: { width, height: 800 } });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    await page.context().close();
  });

  it('a cause of failures leads to the story of its first request, which opens and is in sight', async () => {
    const { page, complaints } = await open('drill');
    const story = page.locator('#failed-4711');
    const summary = page.locator('details.failed', { has: story }).locator('summary');
    expect(await story.isVisible()).toBe(false);
    await page.locator('#fidelity').getByRole('link', { name: 'origin_refused' }).click();
    expect(await story.isVisible()).toBe(true);
    for (const part of [story, summary]) {
      const box = (await part.boundingBox())!;
      expect(box.y).toBeGreaterThanOrEqual(0);
      expect(box.y + box.height).toBeLessThanOrEqual(900);
    }
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it.each([1_200, 400])('on a screen of %i points a drill reads without a letter a line', async (width) => {
    const { page } = await open('drill', { viewport: { width, height: 800 } });
    await page.locator('details.failed summary').first().click();
    // Sentences use the width of their card, names of a story's lines are on one line, figures are seen without scrolling.
    const sentence = (await page.locator('#fidelity .sentences li').first().boundingBox())!;
    expect(sentence.width).toBeGreaterThan(Math.min(width, 1_000) * 0.7);
    const heights = await page
      .locator('.told dt')
      .evaluateAll((terms) => terms.map((term) => term.getBoundingClientRect().height));
    expect(Math.max(...heights)).toBeLessThan(32);
    const measured = (await page.locator('.compared tbody tr').first().locator('td').nth(1).boundingBox())!;
    expect(measured.x + measured.width).toBeLessThanOrEqual(width);
    await page.context().close();
  });

  it('without scripts it is whole, only still', async () => {
    const { page } = await open('sample', { javaScriptEnabled: false });
    expect(await page.locator('.scrub').isVisible()).toBe(false);
    expect(await page.locator('.goes .words').first().textContent()).toBe('us 100\u00a0%');
    expect(await page.locator('.map .pop').count()).toBe(11);
    await page.context().close();
  });

  it.each([
    ['light', 'sample', ''],
    ['dark', 'sample', ''],
    ['light', 'sample', '44'],
    ['dark', 'sample', '44'],
    ['light', 'quiet', ''],
    ['light', 'empty', ''],
    ['light', 'drill', ''],
    ['dark', 'drill', ''],
  ] as const)(
    'axe finds nothing wrong (%s, %s, step %j)',
    async (colorScheme, name, step) => {
      const { page } = await open(name, { colorScheme });
      if (step !== '') await page.locator('#at').fill(step);
      if (name === 'drill') await page.locator('details.failed summary').first().click();
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes[0]?.html}`)).toEqual([]);
      await page.context().close();
    },
    60_000,
  );

  it('junit.xml is well formed, whatever the names', async () => {
    const { page } = await open('empty');
    for (const report of [
      checkedSample(),
      {
        ...hostile(),
        seed: `\u0000\u0007${EVIL}]]>\ud800`,
        checks: [...hostile().checks, { ...hostile().checks[0]!, text: `]]>\u0001${EVIL}` }],
      },
    ]) {
      const found = await page.evaluate(`(() => {
        const parsed = new DOMParser().parseFromString(${JSON.stringify(renderJunit(report))}, 'text/xml');
        return { wrong: parsed.querySelector('parsererror')?.textContent ?? '', cases: parsed.querySelectorAll('testcase').length };
      })()`);
      expect(found).toEqual({ wrong: '', cases: report.checks.length });
    }
    await page.context().close();
  });
});
