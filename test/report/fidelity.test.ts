/** What a drill's report has more than a replay's: the fidelity table and the stories of failed requests, in every file. */
import { describe, expect, it } from 'vitest';
import { readReport, renderJson } from '../../src/report/json.ts';
import { renderJunit } from '../../src/report/junit.ts';
import { renderMarkdown } from '../../src/report/markdown.ts';
import { renderHtml } from '../../src/report/page.ts';
import { renderTerminal } from '../../src/report/terminal.ts';
import { base, drilledSample as drill } from './drilled-sample.ts';

describe('report.json of a drill', () => {
  it('comes back as it was', () => {
    const read = readReport(renderJson(drill));
    expect(read).toEqual({ ok: true, report: drill });
  });

  it('a replay has none of it', () => {
    expect(renderJson(base)).not.toContain('"fidelity"');
  });
});

describe('the terminal', () => {
  it.each([
    { colour: false, width: 80, plain: true },
    { colour: false, width: 120, plain: false },
  ])('lays prediction and measurement side by side on paper of $width columns', (paper) => {
    const text = renderTerminal(drill, paper);
    expect(text).toContain('2 of 4 judged figures are further from the prediction');
    const flat = text.replace(/\n?\s+(?:predicted|measured|difference)? ?/g, ' ').replaceAll(',', '');
    expect(flat).toContain('time to recover pool/eu power_loss 14 s 21.5 s +7.5 s (53.6 %)');
    expect(flat).toContain('healthy again after the heal pool/eu power_loss never 3 s –');
    expect(flat).toContain('share eu 40 % 40.5 % +0.50 points');
    expect(text).toContain('TCP & friends');
    expect(text).toContain('Not rolled back: process <4711>.');
    const section = text.slice(text.search(/prediction and measurement/i), text.search(/\n\n.*checks?/i));
    expect(section.split('\n').length).toBeGreaterThan(8);
    for (const line of section.split('\n')) expect(line.length, line).toBeLessThanOrEqual(paper.width);
  });
});

describe('report.html', () => {
  it('links a cause to the first story of it, and tells the story step by step', async () => {
    const page = await renderHtml(drill);
    expect(page).toContain('<a href="#failed-4711">origin_refused</a>');
    expect(page).toContain('id="failed-4711"');
    expect(page).toContain('decided: eu/eu-1 because policy_geo, affinity no_claim, after eu/eu-2 521');
    expect(page).toContain('00112233445566aa');
    expect(page).toContain('/&lt;b&gt;?page=1');
    expect(page).not.toContain('<4711>');
  });

  it('says how many stories are elsewhere', async () => {
    const page = await renderHtml({ ...drill, totals: { ...drill.totals, failed: 900 } });
    expect(page).toContain('all 900 in events.ndjson');
  });

  it('has neither section for a replay', async () => {
    const page = await renderHtml(base);
    expect(page).not.toContain('id="fidelity"');
    expect(page).not.toContain('id="failed"');
  });
});

describe('summary.md and junit.xml', () => {
  it('the summary puts what is outside first', () => {
    const rows = renderMarkdown(drill)
      .split('\n')
      .filter((line) => /^\| \S+ \| (?:time|healthy|share|failed|p99)/.test(line));
    expect(rows.map((row) => row.split('|')[1]!.trim())).toEqual(['❌', '❌', '✅', '✅', '▫️']);
  });

  it('every judged figure is a test case', () => {
    const xml = renderJunit(drill);
    expect(xml.match(/<testcase [^>]*fidelity"/g)).toHaveLength(4);
    expect(xml).toContain('name="time to recover: pool/eu power_loss"');
    expect(xml).toContain('type="fidelity"');
  });
});
