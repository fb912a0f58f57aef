/** Each kind of problem, with the line and column where a person should look. `^` in the text marks the place. */
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load-config.ts';

/** Takes the `^` out of the text and says where it was. */
function marked(text: string): { text: string; line: number; column: number } {
  const at = text.indexOf('^');
  const before = text.slice(0, at);
  return { text: before + text.slice(at + 1), line: before.split('\n').length, column: at - before.lastIndexOf('\n') };
}

function problems(text: string): string[] {
  const loaded = loadConfig(text, 'f.yaml');
  const list = loaded.ok ? loaded.warnings : loaded.problems;
  return list.map(
    (each) =>
      `${each.line}:${each.column}: ${each.severity}: ${each.message}${each.hint === '' ? '' : `, ${each.hint}`}`,
  );
}

const POOLS = 'pools:\n- {name: a, origins: [{address: 192.0.2.1}]}\n- {name: b, origins: [{address: 192.0.2.2}]}\n';
const lb = (fields: string): string =>
  `version: 1\n${POOLS}load_balancers:\n- name: www.example.com\n  default_pools: [a, b]\n  fallback_pool: b\n${fields}`;

describe('where a problem is shown', () => {
  it.each([
    ['wrong_type', lb('  enabled: ^"yes"\n'), 'error: enabled must be true or false, not "yes", write true'],
    ['wrong_type', lb('  ttl: ^"60"\n'), 'error: ttl must be a whole number, not "60", write 60 without quotes'],
    ['wrong_type', lb('  region_pools: {WEU: ^a}\n'), 'error: WEU must be a list, not "a", write [a]'],
    [
      'unknown_key',
      lb('  ^steering_polcy: off\n'),
      'error: unknown key "steering_polcy", did you mean "steering_policy"?',
    ],
    ['unknown_key', lb('  session_affinity_attributes: {samesite: Lax, ^drain: 5}\n'), 'error: unknown key "drain"'],
    [
      'missing',
      `version: 1\n${POOLS}load_balancers:\n- ^name: www.example.com\n  default_pools: [a, b]\n`,
      'error: fallback_pool is required, it must be text',
    ],
    [
      'missing',
      lb('').replace('fallback_pool: b', 'fallback_pool: ^'),
      'error: fallback_pool is empty, it must be text',
    ],
    ['missing', 'pools: []\n'.replace('pools', '^pools'), 'error: version is required, write 1'],
    ['out_of_range', lb('  ttl: ^29\n'), 'error: ttl is not in range [30, 600], it is 29'],
    [
      'out_of_range',
      `version: 1\npools:\n- name: a\n  origins: ^[]\n`,
      'error: the origin list length must be in range [1, 1000], add an origin',
    ],
    ['unknown_word', lb('  steering_policy: ^geos\n'), 'error: steering_policy "geos" is not one of'],
    [
      'unknown_word',
      lb('  region_pools:\n    ^WENAM: [a]\n'),
      'error: "WENAM" is neither a region nor a country, did you mean "WNAM"?',
    ],
    [
      'unknown_word',
      lb('  pop_pools: {LHR: [a], ^London: [a]}\n'),
      'error: "London" is not a PoP, three letters, such as LHR',
    ],
    [
      'unknown_word',
      lb('  country_pools: {^WNAM: [a]}\n'),
      'error: "WNAM" is not a country, regions belong in region_pools',
    ],
    [
      'bad_format',
      lb('').replace('name: www.example.com', 'name: ^www'),
      'error: invalid hostname: www, needs the full name, for example www.example.com',
    ],
    [
      'bad_format',
      `version: 1\npools:\n- name: a\n  origins:\n  - address: ^http://192.0.2.1\n`,
      'error: address "http://192.0.2.1" is neither an IP address nor a host name, give the host alone',
    ],
    [
      'not_unique',
      `version: 1\npools:\n- {name: a, origins: [{address: 192.0.2.1}]}\n- {name: ^a, origins: [{address: 192.0.2.1}]}\n`,
      'error: value not unique: name "a" is also that of pools[0], give each its own',
    ],
    ['unknown_reference', lb('').replace('[a, b]', '[a, ^c]'), 'error: no pool has the id or name "c", known: a, b'],
    [
      'unknown_reference',
      lb('  random_steering:\n    pool_weights: {^aa: 1}\n'),
      'error: no pool has the id or name "aa"',
    ],
    [
      'conflict',
      `version: 1\npools:\n- name: a\n  ^latitude: 1.5\n  origins: [{address: 192.0.2.1}]\n`,
      'error: latitude without longitude, give both, or neither',
    ],
    [
      'cycle',
      lb('').replace('192.0.2.1', '^www.example.com'),
      'error: this leads back to itself: www.example.com → www.example.com',
    ],
    ['unsafe', 'version: 1\npools: [{^__proto__: {a: 1}}]\n', 'error: the key "__proto__" is not allowed, remove it'],
    ['advice', lb('  proxied: true\n  ^ttl: 60\n'), 'warning: ttl has no effect on a proxied balancer'],
    ['syntax', 'version: 1\npools: [a\n^', 'error: '],
    ['syntax', 'version: 1\n^version: 1\n', 'error: this key is here twice'],
    ['syntax', 'version: 1\n^---\nversion: 1\n', 'error: the file holds more than one document'],
  ])('%s: %#', (_, source, message) => {
    const { text, line, column } = marked(source);
    const found = problems(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${line}:${column}: ${message}`);
  });

  const rule = (condition: string): string =>
    lb(`  proxied: true\n  rules:\n  - overrides: {steering_policy: random}\n${condition}`);
  it.each([
    ['a plain text', rule('    condition: http.host eq "a" and ^http.hst eq "b"\n')],
    ['a plain text over two lines', rule('    condition: http.host eq "a" and\n      ^http.hst eq "b"\n')],
    ['a single-quoted text', rule('    condition: \'http.host eq "it\'\'s" and ^http.hst eq "b"\'\n')],
    ['a double-quoted text', rule('    condition: "http.host eq \\"a\\" and ^http.hst eq \\"b\\""\n')],
    ['a literal block', rule('    condition: |\n      http.host eq "a"\n      and ^http.hst eq "b"\n')],
    ['a folded block', rule('    condition: >-\n      http.host eq "a"\n\n      and ^http.hst eq "b"\n')],
  ])('bad_expression in %s points into the condition', (_, source) => {
    const { text, line, column } = marked(source);
    const found = problems(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${line}:${column}: error: condition, column `);
    expect(found[0]).toContain('unknown field http.hst, did you mean "http.host"?');
  });

  it('in JSON, with tabs and CRLF, places are the same', () => {
    const source =
      '{\r\n\t"version": 1,\r\n\t"pools": [\r\n\t\t{"name": "a", "origins": [{"address": "192.0.2.1", "weight": ^7}]}\r\n\t]\r\n}\r\n';
    const { text, line, column } = marked(source);
    expect(problems(text)).toEqual([`${line}:${column}: error: weight is not in range [0, 1], it is 7`]);
  });

  it('a fault in a part that an alias repeats is shown where it was written', () => {
    const { text, line, column } = marked(
      'version: 1\npools:\n- &a {name: a, origins: [{address: 192.0.2.1}], ^enabledd: true}\n',
    );
    expect(problems(text)).toEqual([expect.stringContaining(`${line}:${column}: error: unknown key "enabledd"`)]);
  });

  it('all problems of a file come at once, in the order of the file', () => {
    const found = problems(
      `version: 1\npools:\n- name: a b\n  origins: [{address: "", weight: 2}]\nmonitors:\n- {type: tcp}\n- {interval: 5, tiemout: 3}\nzones:\n- {name: x}\n`,
    );
    expect(found.map((each) => each.split(': ')[0])).toEqual(['3:9', '4:23', '4:35', '6:3', '7:14', '7:17', '9:10']);
  });
});
