/** Each field of each object, by the tables that docs/configuration.md shows: what is read is checked, what is read-only is ignored. */
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config-file.ts';
import { OBJECT_NAMES, type ObjectName, fieldTable } from '../../src/config/field-tables.ts';

type Tree = Record<string, unknown>;

/** A sound configuration with one of every object in it. */
function sound(): Tree {
  return {
    version: 1,
    load_balancers: [
      {
        name: 'www.example.com',
        default_pools: ['a'],
        fallback_pool: 'a',
        rules: [{ name: 'r', condition: '', overrides: { ttl: 30 } }],
        pool_sets: [{ name: 's', overrides: { pools: ['a'] } }],
      },
    ],
    pools: [{ name: 'a', monitor: 'm', origins: [{ name: 'o', address: '192.0.2.1' }] }],
    monitors: [{ id: 'm', type: 'http' }],
    monitor_groups: [{ id: 'g', description: 'both', members: [{ monitor_id: 'm', enabled: true }] }],
    railguns: [
      { name: 'r', enabled: true, railgun_host: '192.0.2.9', activation_key: '0123456789abcdef0123456789abcdef' },
    ],
    zones: [
      { name: 'example.com', railgun: 'r', records: [{ name: 'mail.example.com', type: 'A', content: '192.0.2.3' }] },
    ],
  };
}

const WAY: Readonly<Record<ObjectName, readonly (string | number)[]>> = {
  file: [],
  load_balancer: ['load_balancers', 0],
  rule: ['load_balancers', 0, 'rules', 0],
  pool_set: ['load_balancers', 0, 'pool_sets', 0],
  pool: ['pools', 0],
  origin: ['pools', 0, 'origins', 0],
  monitor: ['monitors', 0],
  monitor_group: ['monitor_groups', 0],
  railgun: ['railguns', 0],
  zone: ['zones', 0],
  record: ['zones', 0, 'records', 0],
};

interface Field {
  readonly object: ObjectName;
  /** `members[].enabled` */
  readonly field: string;
  readonly type: string;
}

const READ: Field[] = [];
const IGNORED: Field[] = [];
for (const object of OBJECT_NAMES) {
  const table = fieldTable(object);
  for (const row of table.matchAll(/^\| `([^`]+)` \| ([^|]*) \|.* \| (?:modelled|stored) \| /gm)) {
    READ.push({ object, field: row[1]!, type: row[2]! });
  }
  const ignored = /^Taken from exports and ignored: (.*)\.$/m.exec(table)?.[1] ?? '';
  for (const one of ignored.matchAll(/`([^`]+)`/g)) IGNORED.push({ object, field: one[1]!, type: '' });
}

/** The sound configuration with `value` put into one field; what stands on the way to it is made. */
function withField({ object, field }: Field, value: unknown): Tree {
  const root = sound();
  let here = root;
  for (const part of WAY[object]) here = (here as Record<string | number, Tree>)[part]!;
  const parts = field.split('.');
  for (const part of parts.slice(0, -1)) {
    const name = part.replace('[]', '');
    here[name] ??= part.endsWith('[]') ? [{}] : {};
    const next = here[name] as Tree | Tree[];
    here = Array.isArray(next) ? next[0]! : next;
  }
  here[parts.at(-1)!] = value;
  return root;
}

function named(fields: readonly Field[]): [string, Field][] {
  return fields.map((field) => [`${field.object}.${field.field}`, field]);
}

function errors(root: Tree): string[] {
  return parseConfig(root)
    .findings.filter((finding) => finding.severity === 'error')
    .map((finding) => finding.path.join('.'));
}

it('the configuration that the fields are put into is sound', () => {
  expect(parseConfig(sound()).findings).toEqual([]);
  expect(READ.length).toBeGreaterThan(100);
  expect(IGNORED.length).toBeGreaterThan(30);
});

describe('a field that is read', () => {
  it.each(named(READ))('%s: nonsense is refused where it stands', (_, { object, field, type }) => {
    const nonsense = /object|map|list|\[/.test(type) ? -7.5 : { nonsense: true };
    const last = field.split('.').at(-1)!;
    const found = errors(withField({ object, field, type }, nonsense));
    expect(found.length).toBeGreaterThan(0);
    expect(found.some((path) => path.split('.').includes(last))).toBe(true);
  });
});

describe('a field that only the service writes', () => {
  it.each(named(IGNORED))('%s: taken from exports and ignored', (_, field) => {
    const told = (value: unknown): string[] =>
      parseConfig(withField(field, value)).findings.map((finding) => finding.path.join('.'));
    // Whatever it holds, nothing is said about it.
    const last = field.field.split('.').at(-1)!;
    for (const value of ['x', { nonsense: true }, null, 7]) {
      expect(told(value).filter((path) => path.split('.').includes(last))).toEqual([]);
    }
  });
});

describe('a field that nobody knows', () => {
  it.each(OBJECT_NAMES)('%s: refused by name', (object) => {
    const found = errors(withField({ object, field: 'nonsense', type: '' }, 1));
    expect(found).toEqual([[...WAY[object], 'nonsense'].join('.')]);
  });
});
