/** Files that mean harm, or nothing at all: always one clear list of problems, never a throw, never a long wait. */
import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config-file.ts';
import { MAX_FILE_BYTES } from '../../src/config/document.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { parseLoadBalancer, parseMonitor, parsePool } from '../../src/config/parse-object.ts';
import { config, surroundings } from './support.ts';

function messages(text: string): string[] {
  const loaded = loadConfig(text, 'f.yaml');
  return loaded.ok ? [] : loaded.problems.map((problem) => problem.message);
}

describe('attacks', () => {
  it('a bomb of aliases', () => {
    const levels = Array.from(
      { length: 9 },
      (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(', ')}]`,
    ).join('\n');
    expect(messages(`a0: &a0 [x]\n${levels}\n`)).toEqual([expect.stringMatching(/alias/i)]);
  });

  it('a value that holds itself', () => {
    expect(messages('version: 1\npools: &a [*a]\n')).toEqual(['this value contains itself']);
    expect(messages('version: 1\npools: &a\n  x: {y: *a}\n')).toEqual(['this value contains itself']);
  });

  it.each([
    ['open lists', '['.repeat(100_000), 'more than 1000 brackets are open here'],
    ['closed lists', `version: 1\npools: ${'['.repeat(200)}${']'.repeat(200)}\n`, 'nested more than 64 levels deep'],
    ['open maps', '{a: '.repeat(50_000), 'more than 1000 brackets are open here'],
    ['dashes', `${'- '.repeat(20_000)}x`, 'more than 100 lists open on this line'],
    [
      'indentation',
      Array.from({ length: 300 }, (_, n) => `${' '.repeat(n)}a:`).join('\n'),
      'nested more than 64 levels deep',
    ],
    [
      'much indentation',
      Array.from({ length: 3_000 }, (_, n) => `${' '.repeat(n)}a:`).join('\n'),
      'nested more than 64 levels deep',
    ],
    ['too many values', `a: [${'1,'.repeat(500_001)}1]`, 'more than 500000 lines and values'],
  ])('nesting by %s', (_, text, message) => {
    expect(messages(text)).toEqual([message]);
  });

  it('a key twice among a hundred thousand is found', () => {
    const keys = Array.from({ length: 100_000 }, (_, n) => `k${n % 99_999}: 1`).join('\n');
    expect(loadConfig(keys, 'f')).toMatchObject({
      ok: false,
      problems: [{ line: 100_000, column: 1, message: 'this key is here twice' }],
    });
    expect(messages('a: 1\n"a": 2\n')).toEqual(['this key is here twice']);
    expect(messages('{"a": {"b": 1, "b": 2}, "a": 1}')).toHaveLength(2);
  });

  it('__proto__ as a key, plain, quoted, by alias, in JSON, and as a parsed value', () => {
    for (const text of [
      'version: 1\n__proto__: {polluted: true}\n',
      'version: 1\n"__proto__": 1\n',
      'version: 1\npools: [&k __proto__]\n*k : {polluted: true}\n',
      '{"version": 1, "pools": [{"__proto__": {"polluted": true}}]}',
      'version: 1\nload_balancers: [{region_pools: {__proto__: [a]}}]\n',
    ]) {
      expect(messages(text)).toContain('the key "__proto__" is not allowed');
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    const body = JSON.parse(
      '{"name": "p", "origins": [{"address": "192.0.2.1", "__proto__": {"weight": 0}}]}',
    ) as unknown;
    expect(parsePool(body, surroundings()).findings).toMatchObject([{ kind: 'unsafe' }]);
  });

  it.each(['constructor', 'toString', 'hasOwnProperty', 'prototype'])(
    'the key %s is an unknown key like any other',
    (key) => {
      expect(messages(`version: 1\n${key}: 1\n`)).toEqual([`unknown key "${key}"`]);
      const body = {
        version: 1,
        pools: [{ name: key, origins: [{ name: key, address: '192.0.2.1' }] }],
        load_balancers: [{ name: 'www.example.com', default_pools: [key], fallback_pool: key }],
      };
      expect(parseConfig(body).model?.loadBalancers[0]?.defaultPools).toEqual([key]);
      expect(
        parseConfig(config({ load_balancers: [{ name: 'www.example.com', default_pools: [key], fallback_pool: key }] }))
          .model,
      ).toBeUndefined();
    },
  );

  it('huge texts are shown short', () => {
    const long = 'x'.repeat(1_000_000);
    for (const text of [
      `version: ${long}\n`,
      `version: 1\n${long}: 1\n`,
      `version: 1\npools: [{name: "${long} y", origins: [{address: "${long} z"}]}]\n`,
    ]) {
      for (const message of messages(text)) expect(message.length).toBeLessThan(300);
      expect(messages(text).length).toBeGreaterThan(0);
    }
  });

  it('a file above the limit is refused before it is read', () => {
    expect(messages(' '.repeat(MAX_FILE_BYTES + 1))).toEqual(['the file is larger than 16 MiB']);
  });

  it.each([
    ['not a number', '.nan'],
    ['infinity', '.inf'],
    ['beyond safe integers', '9007199254740993'],
    ['hexadecimal', '0xff'],
  ])('a number that is %s is no interval', (_, number) => {
    expect(messages(`version: 1\nmonitors: [{interval: ${number}}]\n`)).toHaveLength(number === '0xff' ? 0 : 1);
  });

  it.each(['!!binary aGk=', '!!set {a}', '!custom x', '!!js/function "f"'])('the tag %s is refused', (value) => {
    expect(messages(`version: 1\npools: ${value}\n`).length).toBeGreaterThan(0);
  });

  it('merge keys are told', () => {
    expect(
      loadConfig('version: 1\npools:\n- {<<: {a: 1}, name: a, origins: [{address: 192.0.2.1}]}\n', 'f'),
    ).toMatchObject({
      ok: false,
      problems: [{ message: 'unknown key "<<"', hint: 'merge keys are not read: write the fields out' }],
    });
  });

  it('a byte order mark and CRLF do not disturb', () => {
    expect(messages('\ufeffversion: 1\r\npools: []\r\n')).toEqual([]);
  });

  it('thousands of faults are found in one go', () => {
    const many = Array.from(
      { length: 3_000 },
      (_, n) => `- {name: p${n}, origins: [{address: 192.0.2.1, wieght: 1}]}`,
    ).join('\n');
    expect(messages(`version: 1\npools:\n${many}\n`)).toHaveLength(3_000);
  });
});

/** A problem list, or a model: nothing else may come of a text. */
function settles(text: string): void {
  const loaded = loadConfig(text, 'f.yaml');
  if (loaded.ok) expect(loaded.value.model.pools).toBeInstanceOf(Array);
  else {
    expect(loaded.problems.some((problem) => problem.severity === 'error')).toBe(true);
    for (const problem of loaded.problems) {
      expect(problem.line).toBeGreaterThanOrEqual(1);
      expect(problem.column).toBeGreaterThanOrEqual(1);
      expect(problem.line).toBeLessThanOrEqual(text.split('\n').length);
    }
  }
}

const keys = [
  'version',
  'pools',
  'name',
  'origins',
  'address',
  'weight',
  'load_balancers',
  'default_pools',
  'fallback_pool',
  'rules',
  'condition',
  'overrides',
  'region_pools',
  'pool_sets',
  'match',
  'topology',
  'header',
  'Host',
  'monitors',
  'zones',
  'records',
  'soa',
  '__proto__',
  'id',
  'enabled',
  'session_affinity_attributes',
  'members',
  'railguns',
];
const anything = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>(
      null,
      true,
      false,
      0,
      1,
      -1,
      0.5,
      1e300,
      '',
      'a',
      'eu',
      'www.example.com',
      '192.0.2.1',
      'geo',
      'http.host eq "a"',
      'WEU',
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string({ maxLength: 5 })), tie('value'), { maxKeys: 6 }),
  ),
})).value;

test.prop([anything])('any JSON value settles, whole or as one object', (value) => {
  settles(JSON.stringify(value));
  settles(
    JSON.stringify({
      version: 1,
      pools: [value],
      load_balancers: [value],
      monitors: [value],
      zones: [value],
      railguns: [value],
      monitor_groups: [value],
    }),
  );
  for (const parse of [parsePool, parseLoadBalancer, parseMonitor]) {
    for (const profile of ['strict', 'lenient'] as const)
      expect(() => parse(value, surroundings(profile))).not.toThrow();
  }
});

const pieces = [
  'version: 1',
  'pools:',
  '- ',
  '  ',
  '\n',
  '\n',
  ': ',
  '{',
  '}',
  '[',
  ']',
  '&a ',
  '*a',
  '"',
  "'",
  '|',
  '>',
  '#',
  '---',
  '? ',
  '!!str ',
  'name',
  'a',
  '192.0.2.1',
  '\t',
  ', ',
  '<<',
  'origins',
  '\u0000',
  'é',
];
test.prop([fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((list) => list.join(''))])(
  'any row of YAML pieces settles',
  settles,
);
test.prop([fc.string({ unit: 'binary', maxLength: 300 })])('any text settles', settles);
