/** What people read beside the code: examples, the page of fields, the JSON Schema. Each must say what the checks do. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { parse } from 'yaml';
import { FIELDS, FUNCTIONS } from '../../src/config/expression-words.ts';
import { fieldTable, OBJECT_NAMES } from '../../src/config/field-tables.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { config, type Plain, pool } from './support.ts';

const root = new URL('../../', import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const examples = readdirSync(new URL('examples/', root)).filter(
  (name) => /\.(ya?ml|json)$/.test(name) && /"?load_balancers"?:/.test(text(`examples/${name}`)),
);

describe('examples', () => {
  it('there are some', () => {
    expect(examples.length).toBeGreaterThanOrEqual(4);
  });

  it.each(examples)('%s is read without a problem or a warning, and names the schema', (name) => {
    const source = text(`examples/${name}`);
    const loaded = loadConfig(source, name);
    expect(loaded.ok ? loaded.warnings : loaded.problems).toEqual([]);
    expect(source).toContain('../schema/config.schema.json');
  });
});

describe('docs/configuration.md', () => {
  const page = text('docs/configuration.md');

  it('has the tables that the shapes make; `vitest run FILE -u` renews them', async () => {
    let made = page;
    for (const name of OBJECT_NAMES) {
      const table = new RegExp(`(<!-- table: ${name} -->\\n\\n).*?(\\n\\n<!-- end -->)`, 's');
      expect(made).toMatch(table);
      made = made.replace(table, (_, before: string, after: string) => `${before}${fieldTable(name).trim()}${after}`);
    }
    await expect(made).toMatchFileSnapshot('../../docs/configuration.md');
  });

  const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] as string);
  it('has examples', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(7);
  });

  it.each(blocks.map((block, index) => [index + 1, block] as const))(
    'example %d is read without errors',
    (_, block) => {
      const loaded = loadConfig(block, 'docs');
      expect(loaded.ok ? [] : loaded.problems).toEqual([]);
    },
  );

  it('names every field and function of conditions', () => {
    for (const word of [...FIELDS.keys(), ...FUNCTIONS.keys()]) expect(page).toContain(`\`${word}`);
  });
});

describe('the JSON Schema', () => {
  const schema = configJsonSchema();

  it('schema/config.schema.json is what the shapes make; `vitest run FILE -u` renews it', async () => {
    await expect(`${JSON.stringify(schema, undefined, 2)}\n`).toMatchFileSnapshot('../../schema/config.schema.json');
  });

  /** Editors validate with the schema alone; zod reads it back here. */
  const reader = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  const accepts = (value: unknown): boolean => reader.safeParse(value).success;

  it.each(examples)('takes %s', (name) => {
    expect(accepts(parse(text(`examples/${name}`)))).toBe(true);
  });

  it.each([
    ['an unknown key', config({ pol: [] })],
    ['a wrong type', config({ pools: [pool({ enabled: 'yes' })] })],
    [
      'a word that is none',
      config({
        load_balancers: [{ name: 'a.example', default_pools: ['p1'], fallback_pool: 'p1', steering_policy: 'x' }],
      }),
    ],
    ['a number out of its range', config({ pools: [pool({ latitude: 91 })] })],
    ['a missing name', config({ pools: [{ origins: [] }] })],
    ['another version', config({ version: 2 })],
  ])('refuses %s', (_, value) => {
    expect(accepts(config())).toBe(true);
    expect(accepts(value)).toBe(false);
  });

  it('has a description for every field', () => {
    const bare: string[] = [];
    const walk = (node: Plain, path: string): void => {
      for (const [key, field] of Object.entries((node['properties'] ?? {}) as Record<string, Plain>)) {
        if (typeof field['description'] !== 'string' || field['description'] === '') bare.push(`${path}.${key}`);
        walk(field, `${path}.${key}`);
      }
      if (node['items'] !== undefined) walk(node['items'] as Plain, `${path}[]`);
    };
    walk(schema, '');
    expect(bare).toEqual([]);
  });
});
