/** The JSON Schema of scenarios: what editors are told is what the reader takes. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { FAULTS } from '../../src/sim/faults/catalogue.ts';
import { switchyard } from './terminal.ts';

const ROOT = join(import.meta.dirname, '../..');
const { out: printed } = await switchyard(['schema', 'scenario']);
const schema = z.fromJSONSchema(JSON.parse(printed) as Parameters<typeof z.fromJSONSchema>[0]);

interface Scenario {
  readonly timeline?: Record<string, unknown>[];
}

function small(entry: Record<string, unknown>): Scenario {
  return { version: 1, name: 'x', config: 'x.yaml', traffic: [{ log: 'a.log' }], timeline: [entry] } as Scenario;
}

describe('schema scenario', () => {
  it('schema/scenario.schema.json is what the verb prints; `vitest run FILE -u` renews it', async () => {
    await expect(printed).toMatchFileSnapshot('../../schema/scenario.schema.json');
  });

  const files = readdirSync(join(ROOT, 'scenarios')).filter((file) => file.endsWith('.yaml'));
  it.each(files)('%s is written by it, and names it', (file) => {
    const text = readFileSync(join(ROOT, 'scenarios', file), 'utf8');
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=../schema/scenario.schema.json');
    const read = schema.safeParse(parse(text));
    expect(read.success ? [] : read.error.issues).toEqual([]);
  });

  it.each([...FAULTS.values()])('offers the fault $name with its parameters', ({ name, targets, parameters }) => {
    const entry: Record<string, unknown> = {
      at: '+1m',
      fault: name,
      target: `${targets[0] === 'store' ? 'memcached' : targets[0]}/x`,
    };
    expect(schema.safeParse(small(entry)).success).toBe(true);
    const examples = { duration: '5s', share: '40%', number: 3, bitrate: '5Mbit' } as const;
    for (const [key, { kind }] of Object.entries(parameters)) entry[key] = examples[kind];
    expect(schema.safeParse(small(entry)).success).toBe(true);
    expect(schema.safeParse(small({ ...entry, nonsense: 1 })).success).toBe(false);
    expect(schema.safeParse(small({ ...entry, target: 'moon/1' })).success).toBe(false);
  });

  it('refuses a fault that is not in the catalogue', () => {
    expect(schema.safeParse(small({ at: '+1m', fault: 'gremlins', target: 'pool/a' })).success).toBe(false);
  });
});
