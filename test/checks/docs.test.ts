import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { TABLE_BEGIN, TABLE_END, metricsTable } from '../../src/checks/metrics-table.ts';
import { METRICS, signatureOf } from '../../src/checks/metrics.ts';
import { parseCheck } from '../../src/checks/parse-check.ts';

const page = readFileSync(new URL('../../docs/checks.md', import.meta.url), 'utf8');

it('docs/checks.md holds the table of metrics as it is', () => {
  const written = page.slice(page.indexOf(TABLE_BEGIN) + TABLE_BEGIN.length, page.indexOf(TABLE_END)).trim();
  expect(written).toBe(metricsTable());
});

it('every check that docs/checks.md shows can be read', () => {
  const block = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const checks = [...block.matchAll(/^ {2}- (.*)$/gm)].map(([, text]) => text!);
  expect(checks.length).toBeGreaterThan(5);
  for (const text of checks) expect(parseCheck(text), text).toMatchObject({ ok: true });
});

it('every metric says what it means, and no name is there twice', () => {
  expect(new Set(METRICS.map((metric) => metric.name)).size).toBe(METRICS.length);
  for (const metric of METRICS) {
    expect(metric.meaning, metric.name).toMatch(/\.$/);
    expect(signatureOf(metric).startsWith(metric.name)).toBe(true);
  }
});
