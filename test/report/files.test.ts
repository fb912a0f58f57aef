import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CheckResult, RunReport } from '../../src/core/report.ts';
import { MAX_ANNOTATIONS, renderGithub } from '../../src/report/github.ts';
import { readReport, renderJson } from '../../src/report/json.ts';
import { renderJunit } from '../../src/report/junit.ts';
import { MAX_SUMMARY_BYTES, renderMarkdown } from '../../src/report/markdown.ts';
import { renderAll } from '../../src/report/render-all.ts';
import { checkedSample } from './checked-sample.ts';
import { sampleReport } from './sample.ts';

const sample = checkedSample();

function failing(count: number, text = 'too many', check = 'failed_requests == 0'): readonly CheckResult[] {
  return Array.from({ length: count }, (_, i) => ({
    check,
    pass: false,
    value: 1,
    limit: 0,
    unit: '',
    text,
    line: i + 1,
  }));
}

describe('report.json', () => {
  it('comes back as it was', () => {
    const read = readReport(renderJson(sample));
    expect(read).toEqual({ ok: true, report: sample });
  });

  it('has its keys in the order of the contract, whatever the order in memory', () => {
    const reversed = reverseKeys(sample) as RunReport;
    expect(Object.keys(reversed)[0]).toBe('checks');
    expect(renderJson(reversed)).toBe(renderJson(sample));
  });

  it('ends in one line feed, begins with the schema, and keeps a series on one line', () => {
    const text = renderJson(sample);
    expect(text.startsWith('{\n  "schema": "switchyard.report/1",\n')).toBe(true);
    expect(text.endsWith('}\n')).toBe(true);
    expect(text.split('\n').filter((line) => line.startsWith('    "requests": [')).length).toBe(1);
  });

  it('keeps what a newer version added', () => {
    const text = renderJson({ ...sample, later: { more: 1 } } as RunReport);
    expect(JSON.parse(text)).toMatchObject({ later: { more: 1 } });
  });

  it('is refused to be written with a figure that is none', () => {
    expect(() => renderJson({ ...sample, totals: { ...sample.totals, failed: Number.NaN } })).toThrow('totals.failed');
  });

  it.each([
    ['', 'not JSON'],
    ['[]', 'not a report of this version'],
    ['{"schema":"switchyard.report/9"}', 'found "switchyard.report/9"'],
    ['{"schema":"switchyard.report/1"}', 'kind: '],
    [JSON.stringify({ ...sample, totals: { ...sample.totals, failed: '3' } }), 'totals.failed: '],
    [JSON.stringify({ ...sample, pools: [{ ...sample.pools[0], origins: 1 }] }), 'pools[0].origins: '],
    [
      JSON.stringify({ ...sample, series: { ...sample.series, buckets: 1e9 } }),
      'series.requests: expected 1000000000 numbers',
    ],
  ])('refuses %.40j', (text, problem) => {
    const read = readReport(text);
    expect(read.ok).toBe(false);
    expect(read.ok ? [] : read.problems.join('\n')).toContain(problem);
  });

  it('comes back as it was, for any run', () => {
    const options = fc.record({
      minutes: fc.constantFrom(0, 1, 20),
      seed: fc.string(),
      railgun: fc.boolean(),
      failover: fc.boolean(),
    });
    fc.assert(
      fc.property(options, (given) => {
        const report = sampleReport(given);
        expect(readReport(renderJson(report))).toEqual({ ok: true, report });
      }),
      { numRuns: 20 },
    );
  });
});

describe('junit.xml', () => {
  it('has one test case a check, the seed as a property, and no time of day', () => {
    const xml = renderJunit(sample);
    expect(xml.match(/<testcase /g)).toHaveLength(sample.checks.length);
    expect(xml.match(/<failure /g)).toHaveLength(sample.checks.filter((check) => !check.pass).length);
    expect(xml).toContain('<property name="seed" value="42"/>');
    expect(xml).not.toMatch(/timestamp=|hostname=/);
  });

  it('a check that measured nothing is a failure of its own kind', () => {
    const checks = [{ ...failing(1)[0]!, value: null }];
    expect(renderJunit({ ...sample, checks })).toContain('type="nothing_to_measure"');
  });
});

describe('summary.md', () => {
  it('puts the failed checks first', () => {
    const text = renderMarkdown(sample);
    const rows = text.split('\n').filter((line) => /^\| [✅❌] (?:held|failed)/.test(line));
    expect(rows.map((row) => row.includes('failed |'))).toEqual([true, true, ...new Array<boolean>(7).fill(false)]);
  });

  it('stays below the limit of GitHub, however long the run', () => {
    const long = 'x'.repeat(5_000);
    const report: RunReport = {
      ...sample,
      checks: failing(5_000, long, long),
      timeline: new Array(5_000).fill({ ...sample.timeline[0]!, text: long }),
      assumptions: new Array<string>(5_000).fill(long),
    };
    const text = renderMarkdown(report);
    expect(Buffer.byteLength(text)).toBeLessThan(MAX_SUMMARY_BYTES);
    expect(text).toContain('4,800 more checks in report.html.');
  });

  it('names from files stay text', () => {
    const text = renderMarkdown({
      ...sample,
      scenario: { ...sample.scenario, name: 'a | b <img src=x> [c](javascript:d) @team\n# e' },
      checks: failing(1, '`x` | **y**', 'share(pool/`a|b`) == 0%'),
    });
    expect(text).toContain('## ❌ a \\| b &lt;img src=x&gt; \\[c\\](javascript:d) @\u200bteam\\\\x0a\\# e');
    expect(text).toContain('| `` share(pool/`a\\|b`) == 0% `` |');
    expect(text).toContain('| \\`x\\` \\| \\*\\*y\\*\\* |');
  });
});

describe('annotations', () => {
  it('point at the line of the scenario', () => {
    expect(renderGithub(sample).split('\n')[0]).toBe(
      `::error file=scenarios/power-loss.yaml,line=37,col=1,title=failed_requests < 0.5%25::${sample.checks[0]!.text.replaceAll('%', '%25')}`,
    );
  });

  it('are at most ten of a kind; the last says how many more', () => {
    const errors = renderGithub({ ...sample, checks: failing(25) })
      .split('\n')
      .filter((line) => line.startsWith('::error'));
    expect(errors).toHaveLength(MAX_ANNOTATIONS);
    expect(errors.at(-1)).toContain('16 more failed checks are in report.html.');
  });

  it('a line feed in a name does not begin a command', () => {
    const text = renderGithub({ ...sample, checks: failing(1, 'a\n::warning::b', 'x,y: z') });
    expect(text.split('\n').filter((line) => line.startsWith('::warning')).length).toBe(sample.warnings.length);
    expect(text).toContain('title=x%2Cy%3A z');
  });
});

describe('all files', () => {
  it('are the same bytes for the same report', async () => {
    const first = await renderAll(checkedSample());
    const second = await renderAll(checkedSample());
    expect([...first.keys()]).toEqual(['report.json', 'junit.xml', 'summary.md', 'report.html']);
    expect([...second]).toEqual([...first]);
  });

  it('are the same bytes in any time zone and locale', () => {
    const script = `
      const { checkedSample } = await import('./checked-sample.ts');
      const { renderAll } = await import('../../src/report/render-all.ts');
      const { renderTerminal } = await import('../../src/report/terminal.ts');
      const { createHash } = await import('node:crypto');
      const report = checkedSample();
      const texts = [...(await renderAll(report)).values(), renderTerminal(report, { width: 100, colour: true, plain: false })];
      console.log(createHash('sha256').update(texts.join('\\0')).digest('hex'));`;
    const here = fileURLToPath(new URL('.', import.meta.url));
    const run = (env: Record<string, string>): string =>
      execFileSync(process.execPath, ['--input-type=module', '-e', script], {
        cwd: here,
        env: { PATH: process.env['PATH'] ?? '', ...env },
        encoding: 'utf8',
      }).trim();
    const plain = run({ TZ: 'UTC', LANG: 'C' });
    expect(plain).toMatch(/^[0-9a-f]{64}$/);
    expect(run({ TZ: 'Asia/Kathmandu', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', NO_COLOR: '1' })).toBe(plain);
    expect(run({ TZ: 'America/St_Johns', LANG: 'ar_EG.UTF-8', LC_ALL: 'ar_EG.UTF-8', FORCE_COLOR: '3' })).toBe(plain);
    expect(createHash('sha256').update('').digest('hex')).not.toBe(plain);
  }, 60_000);

  it('another seed is another report', async () => {
    const first = await renderAll(checkedSample());
    const second = await renderAll(checkedSample({ seed: '43' }));
    expect(second.get('report.json')).not.toBe(first.get('report.json'));
  });

  it.each([
    ['no requests at all', sampleReport({ minutes: 0 })],
    ['nothing went wrong', sampleReport({ failover: false })],
    ['no link, no DNS', sampleReport({ railgun: false, dns: false })],
    ['cut short', { ...sample, partial: { reason: 'interrupted (Ctrl-C)', atUs: sample.startUs + 61_000_000 } }],
    ['no pools known', { ...sampleReport(), pools: [], capacity: [], pops: [] }],
  ])('%s: every file can be made', async (_, report) => {
    const files = await renderAll(report);
    for (const [name, text] of files) {
      expect(text, name).not.toMatch(/\bNaN\b|\bundefined\b|\[object /);
    }
  });
});

function reverseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reverseKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, each]) => [key, reverseKeys(each)]),
  );
}
