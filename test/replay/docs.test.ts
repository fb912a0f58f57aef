import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DOCUMENT, withTable } from '../../scripts/faults-table.ts';
import { FAULTS } from '../../src/sim/faults/catalogue.ts';
import { scenarioSchema } from '../../src/replay/scenario-schema.ts';
import { play } from './play.ts';

const text = readFileSync(DOCUMENT, 'utf8');
const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!);

describe('docs/scenarios.md', () => {
  it('has the faults of the catalogue (else: node scripts/faults-table.ts --write)', () => {
    expect(text).toBe(withTable(text));
    for (const name of FAULTS.keys()) expect(text).toContain(`| \`${name}\` |`);
  });

  it('names every field of a scenario', () => {
    for (const field of Object.keys(scenarioSchema.shape))
      if (field !== '$schema') expect(text).toContain(`\`${field}\``);
  });

  it.each(examples.map((example) => [/^name: (.*)$/m.exec(example)![1]!, example]))(
    'its example "%s" runs, and its checks hold',
    async (_, example) => {
      const { report } = await play(example, { file: 'docs/example.yaml' });
      expect(report.totals.requests).toBeGreaterThan(1_000);
      expect(report.checks.length).toBeGreaterThan(0);
      expect(report.checks.filter(({ pass }) => !pass)).toEqual([]);
      expect(report.warnings).toEqual([]);
    },
  );
});
