import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import type { Expression, Value } from '../../src/core/expression.ts';
import { parseExpression } from '../../src/config/expression.ts';
import { addressRange } from '../../src/config/address-range.ts';

/** A tree as text with every bracket written, so that tables stay readable. */
function show(expression: Expression): string {
  switch (expression.kind) {
    case 'and':
    case 'or':
    case 'xor':
      return `(${show(expression.left)} ${expression.kind} ${show(expression.right)})`;
    case 'not':
      return `not(${show(expression.operand)})`;
    case 'truth':
      return value(expression.value);
    case 'compare':
      return `${value(expression.left)} ${expression.operator} ${value(expression.right)}`;
    case 'in':
      return `${value(expression.left)} in {${expression.set
        .map((each) =>
          each.kind === 'text'
            ? JSON.stringify(each.text)
            : each.kind === 'address'
              ? each.cidr
              : `${each.from}..${each.to}`,
        )
        .join(' ')}}`;
  }
}

function value(of: Value | Expression): string {
  switch (of.kind) {
    case 'text':
      return JSON.stringify(of.text);
    case 'number':
      return String(of.number);
    case 'boolean':
      return String(of.boolean);
    case 'address':
      return of.cidr;
    case 'field':
      return `${of.name}${of.key === undefined ? '' : `[${JSON.stringify(of.key)}]`}${of.index === undefined ? '' : `[${of.index}]`}${of.every ? '[*]' : ''}`;
    case 'call':
      return `${of.name}(${of.arguments.map(value).join(', ')})`;
    default:
      return show(of);
  }
}

function read(text: string): string {
  const parsed = parseExpression(text);
  return parsed.ok
    ? show(parsed.expression)
    : parsed.faults.map((fault) => `${fault.column}: ${fault.message}`).join('; ');
}

describe('what a condition means', () => {
  it.each([
    ['http.host eq "a"', 'http.host eq "a"'],
    ['http.host == "a"', 'http.host eq "a"'],
    ['http.host != "a"', 'http.host ne "a"'],
    ['dns.qry.type lt 28', 'dns.qry.type lt 28'],
    ['dns.qry.type<=28', 'dns.qry.type le 28'],
    ['dns.qry.type > 0x1c', 'dns.qry.type gt 28'],
    ['dns.qry.type ge -1', 'dns.qry.type ge -1'],
    ['http.request.uri.path contains "/a"', 'http.request.uri.path contains "/a"'],
    ['http.request.uri.path ~ "^/a"', 'http.request.uri.path matches "^/a"'],
    ['http.host wildcard "*.example.com"', 'http.host wildcard "*.example.com"'],
    ['http.host strict wildcard "*.Example.com"', 'http.host strict_wildcard "*.Example.com"'],
    ['http.host in {"a" "b"}', 'http.host in {"a" "b"}'],
    ['dns.qry.type in {1 28 64..65}', 'dns.qry.type in {1..1 28..28 64..65}'],
    [
      'ip.src in {192.0.2.1 198.51.100.0/24 2001:db8::/32 ::1}',
      'ip.src in {192.0.2.1 198.51.100.0/24 2001:db8::/32 ::1}',
    ],
    ['ip.src in {192.0.2.1..192.0.2.3}', 'ip.src in {192.0.2.1/32 192.0.2.2/31}'],
    ['ip.src in {2001:db8::1..2001:db8::2}', 'ip.src in {2001:db8::1/128 2001:db8::2/128}'],
    ['ip.src eq 192.0.2.1', 'ip.src eq 192.0.2.1'],
    ['ip.src.asnum in {64496 64500..64511}', 'ip.src.asnum in {64496..64496 64500..64511}'],
    ['cf.load_balancer.region eq "WEU"', 'cf.load_balancer.region eq "WEU"'],
    ['dns.rr.opt.client', 'dns.rr.opt.client'],
    ['not dns.rr.opt.client', 'not(dns.rr.opt.client)'],
    ['true', 'true'],
    ['((dns.qry.qu))', 'dns.qry.qu'],
    ['http.request.headers["Accept"][0] eq "x"', 'http.request.headers["accept"][0] eq "x"'],
    ['http.request.uri.args["Q"][0] eq "x"', 'http.request.uri.args["Q"][0] eq "x"'],
    ['any(http.request.headers["accept"][*] == "x")', 'any(http.request.headers["accept"][*] eq "x")'],
    ['all(http.request.uri.args.names[*] in {"a" "b"})', 'all(http.request.uri.args.names[*] in {"a" "b"})'],
    [
      'any(lower(http.request.uri.args.values[*])[*] contains "x")',
      'any(lower(http.request.uri.args.values[*]) contains "x")',
    ],
    [
      'any(starts_with(http.request.uri.args.values[*], "x"))',
      'any(starts_with(http.request.uri.args.values[*], "x"))',
    ],
    [
      'all(not len(http.request.uri.args["f"][*])[*] in {3 4})',
      'all(not(len(http.request.uri.args["f"][*]) in {3..3 4..4}))',
    ],
    ['len(http.request.uri.args["f"]) >= 0', 'len(http.request.uri.args["f"]) ge 0'],
    ['len(http.host) gt 3', 'len(http.host) gt 3'],
    ['starts_with(lower(http.host), "www.")', 'starts_with(lower(http.host), "www.")'],
    ['not ends_with(http.host, ".com")', 'not(ends_with(http.host, ".com"))'],
    ['concat(http.host, http.request.uri.path, "x") eq "a"', 'concat(http.host, http.request.uri.path, "x") eq "a"'],
    ['url_decode(http.request.uri.query) contains "a b"', 'url_decode(http.request.uri.query) contains "a b"'],
    ['upper(http.request.method) eq "GET"', 'upper(http.request.method) eq "GET"'],
    ['substring(http.host, 0, 3) eq "www"', 'substring(http.host, 0, 3) eq "www"'],
    ['to_string(dns.qry.type) eq "1"', 'to_string(dns.qry.type) eq "1"'],
    ['regex_replace(http.host, "^www", "") eq "x"', 'regex_replace(http.host, "^www", "") eq "x"'],
    ['http.host eq http.referer', 'http.host eq http.referer'],
  ])('%s', (text, tree) => {
    expect(read(text)).toBe(tree);
  });

  it('LB-210 lower() of a path contains a word', () => {
    expect(read('lower(http.request.uri.path) contains "/blog"')).toBe('lower(http.request.uri.path) contains "/blog"');
  });

  const [a, b, c, d] = ['dns.qry.qu', 'dns.rr.opt.client', 'true', 'false'];
  it.each([
    [`${a} and ${b} or ${c}`, `((${a} and ${b}) or ${c})`],
    [`${a} or ${b} and ${c}`, `(${a} or (${b} and ${c}))`],
    [`${a} and ${b} xor ${c}`, `((${a} and ${b}) xor ${c})`],
    [`${a} xor ${b} and ${c}`, `(${a} xor (${b} and ${c}))`],
    [`${a} xor ${b} or ${c}`, `((${a} xor ${b}) or ${c})`],
    [`${a} or ${b} xor ${c}`, `(${a} or (${b} xor ${c}))`],
    [`not ${a} and ${b}`, `(not(${a}) and ${b})`],
    [`not (${a} and ${b})`, `not((${a} and ${b}))`],
    [`!${a} && ${b} || ${c} ^^ ${d}`, `((not(${a}) and ${b}) or (${c} xor ${d}))`],
    [`not not ${a}`, `not(not(${a}))`],
    [`${a} and ${b} and ${c}`, `((${a} and ${b}) and ${c})`],
  ])('LB-211 %s', (text, tree) => {
    expect(read(text)).toBe(tree);
  });
});

describe('how texts are written', () => {
  it.each([
    [String.raw`"a\"b"`, 'a"b'],
    [String.raw`"a\\b"`, 'a\\b'],
    [String.raw`"\x41\101"`, 'AA'],
    [String.raw`r"a\b"`, 'a\\b'],
    [String.raw`r#"a"b"#`, 'a"b'],
    [String.raw`r##"a"#b"##`, 'a"#b'],
    ['"ü ☃"', 'ü ☃'],
    ['""', ''],
  ])('%s', (written, text) => {
    expect(read(`http.host eq ${written}`)).toBe(`http.host eq ${JSON.stringify(text)}`);
  });

  it('in a pattern a quoted text keeps its backslashes, except before a quote', () => {
    expect(read(String.raw`http.host matches "a\.b\"c"`)).toBe(`http.host matches ${JSON.stringify('a\\.b"c')}`);
  });

  it('a pattern may begin with (?i)', () => {
    expect(read('http.host matches "(?i)^www"')).toBe('http.host matches "(?i:^www)"');
  });
});

describe('LB-212 what is wrong, and in which column', () => {
  it.each([
    ['http.hst eq "a"', 1, 'unknown field http.hst', 'did you mean "http.host"?'],
    ['http.host eq "a" and ip.geoip.country eq "DE"', 22, 'unknown field ip.geoip.country', 'country_pools'],
    ['http.user_agent contains "x"', 1, 'unknown field http.user_agent', 'headers["user-agent"]'],
    ['lowr(http.host) eq "a"', 1, 'unknown function lowr', 'did you mean "lower"?'],
    ['contains(http.host, "a")', 1, 'unknown function contains', 'between two values'],
    ['http.host = "a"', 11, '= is not an operator', 'did you mean ==?'],
    ['http.host EQ "a"', 11, 'EQ is not an operator', 'did you mean eq?'],
    ['dns.qry.qu AND dns.qry.qu', 12, 'AND is not an operator', 'did you mean and?'],
    ['dns.qry.qu & dns.qry.qu', 12, '& is not an operator', 'did you mean &&?'],
    ['http.host starts_with "a"', 11, 'starts_with is a function, not an operator', 'starts_with(http.host, "…")'],
    ['http.host not in {"a"}', 11, '"not" stands before a comparison', 'not http.host in'],
    ['http.host', 1, 'http.host is text, not true or false', 'compare it'],
    ['http.host eq', 13, 'the condition ends too early', 'a field'],
    ['eq "a"', 1, 'unexpected "eq"', 'a field'],
    ['http.host eq "a" "b"', 18, 'unexpected value', 'and, or'],
    ['(http.host eq "a"', 1, 'this bracket is not closed', ')'],
    ['http.host eq "a")', 17, 'unexpected ")"', ''],
    ['http.host eq "a', 14, 'this string does not end', '"'],
    ['http.host eq r#"a"', 14, 'this raw string does not end', '"#'],
    [String.raw`http.host eq "a\qb"`, 16, 'unknown escape \\q', 'raw string'],
    ["http.host eq 'a'", 14, 'unexpected character "\'"', 'double quotes'],
    ['http.host eq 5', 14, 'http.host is text, and this is a number', 'in quotes'],
    ['dns.qry.type eq "A"', 17, 'dns.qry.type is a number, and this is text', '1 is A'],
    ['ip.src eq "192.0.2.1"', 11, 'ip.src is an address, and this is text', 'without quotes'],
    ['ip.src contains "192"', 8, 'contains needs text, and ip.src is an address', 'networks'],
    ['ip.src lt 192.0.2.1', 8, 'an address has no order', ''],
    ['dns.qry.qu gt true', 12, 'true or false has no order', ''],
    ['ip.src in {192.0.2.300}', 12, '192.0.2.300 is not an address or network', ''],
    ['ip.src in {192.0.2.0/33}', 12, '192.0.2.0/33 is not an address or network', ''],
    ['ip.src in {192.0.2.9..192.0.2.1}', 12, 'this is not a range of addresses', ''],
    ['ip.src in $office', 11, 'lists by name are not supported', ''],
    ['ip.src in 192.0.2.0/24', 11, 'expected "{" here', '{"a" "b"}'],
    ['http.host in {}', 14, 'an empty set holds nothing', ''],
    ['http.host in {"a", "b"}', 18, 'separated by spaces', 'comma'],
    ['http.host in {"a" "b"', 14, 'this set does not end', '}'],
    ['http.host in {"a" 1}', 19, 'http.host is text, and this is a number', ''],
    ['dns.qry.type in {9..1}', 18, 'this range ends before it begins', '1..9'],
    ['http.request.headers eq "a"', 1, 'http.request.headers is a map, not one value', '["name"]'],
    ['http.request.headers["a"] eq "a"', 1, 'is a list, not one value', '[0]'],
    ['http.request.headers["a"][*] eq "a"', 1, '[*] stands for several values', 'any('],
    ['http.host[0] eq "a"', 11, 'http.host cannot be looked into', 'remove'],
    ['http.request.headers[0] eq "a"', 22, 'cannot be looked into', '["name"]'],
    ['any(lower(http.request.uri.args.names[*]) eq "a")', 5, 'lower() is a list, not one value', '[*]'],
    ['lower() eq "a"', 1, 'lower takes 1 argument, not 0', ''],
    ['starts_with(http.host) ', 1, 'starts_with takes 2 arguments, not 1', ''],
    ['lower(dns.qry.type) eq "a"', 7, 'lower needs text here, and this is a number', ''],
    ['any(any(dns.qry.qu))', 5, 'any cannot stand inside any or all', ''],
    ['http.host matches "("', 19, 'this is not a pattern', ''],
    ['http.host matches "(?=a)"', 19, 'look-around', ''],
    [String.raw`http.host matches r"(a)\1"`, 19, 'back references', ''],
    ['http.host wildcard "a**"', 20, 'two * in a row', ''],
    ['http.host matches http.referer', 19, 'a pattern must be a fixed text', ''],
    ['http.host wildcard lower(http.host)', 20, 'wildcard needs a fixed text on the right', ''],
    ['"a" eq http.host', 1, 'a fixed value stands on the left', ''],
    ['"a" eq "a"', 1, 'two fixed values', ''],
    ['http.host strict "a"', 11, '"strict" stands only before "wildcard"', ''],
    ['1.2.3 eq 1', 1, 'neither a whole number nor an address', ''],
    ['http.host eq "a" § ', 18, 'unexpected character "§"', ''],
  ])('%s', (text, column, message, hint) => {
    const parsed = parseExpression(text);
    if (parsed.ok) throw new Error(`was read as ${show(parsed.expression)}`);
    expect(parsed.faults).toHaveLength(1);
    expect(parsed.faults[0]?.message).toContain(message);
    expect(parsed.faults[0]?.hint).toContain(hint);
    expect(parsed.faults[0]?.column).toBe(column);
  });

  it('more than 4096 characters are refused', () => {
    expect(read(`http.host eq "${'a'.repeat(4096)}"`)).toBe('4096: longer than 4096 characters');
    expect(read(`http.host eq "${'a'.repeat(4096 - 15)}"`)).toContain('aaa');
  });

  it('brackets 65 deep are refused, 64 are read', () => {
    expect(read(`${'('.repeat(65)}true${')'.repeat(65)}`)).toBe('65: nested more than 64 levels deep');
    expect(read(`${'('.repeat(64)}true${')'.repeat(64)}`)).toBe('true');
  });

  it('every fault of meaning is told at once, in order', () => {
    expect(read('http.hst eq "a" or ip.src eq "b" or dns.qry.type eq "A"')).toMatch(/^1: .*; 30: .*; 53: /);
  });
});

describe('LB-213 which kind of request a condition needs', () => {
  it.each([
    ['http.host eq "a" and ip.src eq 192.0.2.1', ['http.host'], []],
    ['dns.qry.qu or http.cookie eq "a"', ['http.cookie'], ['dns.qry.qu']],
    ['cf.load_balancer.region eq "WEU"', [], []],
  ])('%s', (text, httpFields, dnsFields) => {
    expect(parseExpression(text)).toMatchObject({ ok: true, httpFields, dnsFields });
  });
});

const words = [
  'http.host',
  'ip.src',
  'dns.qry.type',
  'eq',
  '==',
  'and',
  'or',
  'xor',
  'not',
  '(',
  ')',
  '{',
  '}',
  '[*]',
  '[0]',
  '"a"',
  '1',
  '192.0.2.1',
  '..',
  'in',
  'any',
  'lower',
  ',',
  'strict',
  'wildcard',
  'matches',
  '"("',
  'r#"',
  '$x',
  '::',
  'true',
];

test.prop([fc.array(fc.constantFrom(...words), { maxLength: 20 }).map((list) => list.join(' '))])(
  'any row of words is read or refused, with columns inside the text',
  (text) => {
    const parsed = parseExpression(text);
    if (parsed.ok) return;
    expect(parsed.faults.length).toBeGreaterThan(0);
    for (const fault of parsed.faults) {
      expect(fault.column).toBeGreaterThanOrEqual(1);
      expect(fault.column).toBeLessThanOrEqual(text.length + 1);
    }
  },
);

test.prop([fc.string({ unit: 'binary', maxLength: 200 })])('any text is read or refused', (text) => {
  expect(() => parseExpression(text)).not.toThrow();
});

test.prop([fc.string({ unit: 'grapheme', maxLength: 60 })])(
  'a text written with escapes comes back as it was',
  (text) => {
    const written = text.replace(/[\\"]/g, '\\$&');
    expect(read(`http.host eq "${written}"`)).toBe(`http.host eq ${JSON.stringify(text)}`);
  },
);

const address = fc.nat({ max: 0xffffffff });
const dotted = (n: number): string => [24, 16, 8, 0].map((shift) => (n >>> shift) & 255).join('.');

test.prop([address, address])('a range of addresses becomes networks that hold it and nothing else', (one, other) => {
  const [from, to] = one < other ? [one, other] : [other, one];
  const cidrs = addressRange(dotted(from), dotted(to)) ?? [];
  let next = from;
  for (const cidr of cidrs) {
    const [base = '', bits = ''] = cidr.split('/');
    const start = base.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    expect(start).toBe(next);
    next = start + 2 ** (32 - Number(bits));
  }
  expect(next).toBe(to + 1);
  expect(cidrs.length).toBeLessThanOrEqual(62);
});
