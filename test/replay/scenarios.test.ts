import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { expectedFile, libraryNames, playVerdict } from './verdict.ts';

/** Above this a scenario is too long for a library that is played with every test run. */
const MOST_REQUESTS = 250_000;

describe('the library of scenarios', () => {
  const names = libraryNames();

  it('has at least twelve, and an expected verdict for each and for nothing else', () => {
    expect(names.length).toBeGreaterThanOrEqual(12);
    expect(readdirSync('scenarios/expected').sort()).toEqual(names.map((name) => `${name}.json`));
  });

  it.each(names)('LB-254 %s ends as expected, byte for byte (else: npm run scenarios:accept)', async (name) => {
    expect(existsSync(expectedFile(name))).toBe(true);
    const expected: unknown = JSON.parse(readFileSync(expectedFile(name), 'utf8'));
    const verdict = await playVerdict(name);
    expect(verdict).toEqual(expected);
    // A scenario of the library is an example: all its checks hold, and it says something.
    expect(verdict.checks.length).toBeGreaterThanOrEqual(3);
    expect(verdict.checks.filter(({ pass }) => !pass)).toEqual([]);
    expect(verdict.totals.requests).toBeLessThanOrEqual(MOST_REQUESTS);
  });
});
