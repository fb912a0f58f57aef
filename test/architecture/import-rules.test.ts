/** The import rules on small houses built wrong on purpose. The real house is in ../architecture.test.ts. */
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { brokenImportRules, readImports } from './import-rules.ts';

const SITE = mkdtempSync(join(tmpdir(), 'switchyard-house-'));
afterAll(() => rmSync(SITE, { recursive: true }));

let houses = 0;
/** A small house in a folder of its own. */
function build(files: Readonly<Record<string, string>>): string {
  houses += 1;
  const base = join(SITE, `house-${houses}`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(base, path)), { recursive: true });
    writeFileSync(join(base, path), text);
  }
  return base;
}

describe('who imports whom', () => {
  const time = { 'src/core/time.ts': 'export type Micros = number;\nexport const zero = 0;\n' };
  it.each([
    {
      name: 'a value from a room that is a stranger',
      files: {
        'src/config/a.ts': "import { b } from '../health/b.ts';\nexport const a = b;\n",
        'src/health/b.ts': 'export const b = 1;\n',
      },
      says: 'src/config/a.ts imports src/health/b.ts: config may import core',
    },
    {
      name: 'only a type from a room that is a stranger',
      files: {
        'src/core/a.ts': "import type { B } from '../edge/b.ts';\nexport type A = B;\n",
        'src/edge/b.ts': 'export type B = 1;\n',
      },
      says: 'src/core/a.ts imports src/edge/b.ts: core may import no other room',
    },
    {
      name: 'a type inside import()',
      files: {
        'src/sim/a.ts': "export type A = import('../live/b.ts').B;\n",
        'src/live/b.ts': 'export type B = 1;\n',
      },
      says: 'src/sim/a.ts imports src/live/b.ts: sim may import core, http1, railgun',
    },
    {
      name: 'a file passed on',
      files: { 'src/steering/a.ts': "export * from '../geo/b.ts';\n", 'src/geo/b.ts': 'export const b = 1;\n' },
      says: 'src/steering/a.ts imports src/geo/b.ts: steering may import core',
    },
    {
      name: 'a file loaded late',
      files: {
        'src/edge/a.ts': "export const a = (): unknown => import('../live/b.ts');\n",
        'src/live/b.ts': 'export const b = 1;\n',
      },
      says: 'src/edge/a.ts imports src/live/b.ts: edge may import core, config, geo, health, steering, http1, railgun',
    },
    {
      name: 'the network',
      files: { ...time, 'src/railgun/a.ts': "import { connect } from 'node:net';\nexport const a = connect;\n" },
      says: 'src/railgun/a.ts imports node:net: railgun may use only assert, buffer, crypto, util, zlib of Node',
    },
    {
      name: 'the network without its prefix',
      files: { ...time, 'src/http1/a.ts': "import { connect } from 'tls';\nexport const a = connect;\n" },
      says: 'src/http1/a.ts imports node:tls: http1 may use only assert, buffer, crypto, util, zlib of Node',
    },
    {
      name: 'a package that belongs to another room',
      files: { ...time, 'src/core/a.ts': "import { z } from 'zod';\nexport const a = z;\n" },
      says: 'src/core/a.ts imports the package zod, which core may not',
    },
    {
      name: 'a part of a package with a scope',
      files: { ...time, 'src/sim/a.ts': "import { x } from '@peculiar/x509/build';\nexport const a = x;\n" },
      says: 'src/sim/a.ts imports the package @peculiar/x509, which sim may not',
    },
    {
      name: 'a room that the plan does not know',
      files: { 'src/utils/a.ts': 'export const a = 1;\n' },
      says: 'src/utils/a.ts is in no room of the house (STYLE 2)',
    },
    {
      name: 'a file that is not there',
      files: { 'src/core/a.ts': "import { b } from './gone.ts';\nexport const a = b;\n" },
      says: 'src/core/a.ts imports ./gone.ts, which is not there',
    },
  ])('refuses $name', async ({ files, says }) => {
    expect(brokenImportRules(await readImports(build(files)))).toEqual([says]);
  });

  it('lets a well-built house stand', async () => {
    const base = build({
      ...time,
      'src/config/a.ts': "import type { Micros } from '../core/time.ts';\nexport const a: Micros = 1;\n",
      'src/live/b.ts': "import { connect } from 'node:net';\nexport const b = connect;\n",
      'src/cli/c.ts': "import { b } from '../live/b.ts';\nexport const c = b;\n",
    });
    const imports = await readImports(base);
    expect(imports.modules).toHaveLength(4);
    expect(brokenImportRules(imports)).toEqual([]);
  });

  it('is broken when it sees no modules', () => {
    expect(brokenImportRules({ modules: [], imports: [] })).toEqual([
      'no module was seen: the reader of imports is broken',
    ]);
  });
});
