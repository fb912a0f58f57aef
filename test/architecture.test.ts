/** Two things are more than taste, because replays break without them: who imports whom, and no hidden clock, chance or network. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findHiddenInputs } from './architecture/hidden-inputs.ts';
import { brokenImportRules, readImports } from './architecture/import-rules.ts';

const HOUSE = join(import.meta.dirname, '..');
/** Fewer would mean that the readers have gone blind. The house had 200 files when this was written. */
const SURELY = 150;

describe('the house', () => {
  it('imports only what the plan allows', async () => {
    const imports = await readImports(HOUSE);
    expect(imports.modules.length).toBeGreaterThan(SURELY);
    expect(imports.imports.length).toBeGreaterThan(imports.modules.length);
    expect(brokenImportRules(imports)).toEqual([]);
  });

  it('has no hidden clock, chance or network outside src/live and src/cli', () => {
    const found = findHiddenInputs(HOUSE);
    expect(found.files).toBeGreaterThan(SURELY);
    expect(found.hidden).toEqual([]);
  });
});
