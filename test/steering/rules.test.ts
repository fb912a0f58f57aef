import { describe, expect, it } from 'vitest';
import type { CompareOperator, Expression, Value } from '../../src/core/expression.ts';
import { compileCondition } from '../../src/steering/evaluate.ts';
import { httpFacts } from '../../src/steering/request.ts';
import type { RequestFacts } from '../../src/steering/request.ts';
import { affinity, at, balancer, bench, ids, places, pool, poolSet, requestOf, rule, START } from './builders.ts';

const field = (name: string, more: { key?: string; index?: number; every?: boolean } = {}): Value => ({
  kind: 'field',
  name,
  ...more,
});
const call = (name: string, ...list: (Value | Expression)[]): Value => ({ kind: 'call', name, arguments: list });
const text = (value: string): Value => ({ kind: 'text', text: value });
const compare = (left: Value, operator: CompareOperator, right: Value | string | number): Expression => ({
  kind: 'compare',
  operator,
  left,
  right:
    typeof right === 'string' ? text(right) : typeof right === 'number' ? { kind: 'number', number: right } : right,
});
const truth = (value: Value): Expression => ({ kind: 'truth', value });
const path = field('http.request.uri.path');
const pathIs = (value: string): Expression => compare(path, 'eq', value);

const pools = () => [pool('p1'), pool('p2'), pool('p3'), pool('fb')];
const toPool = (name: string) => ({ overrides: { defaultPools: ids(name) } });
const request = (fields: Parameters<typeof httpFacts>[0] = {}) => ({ facts: httpFacts(fields) });

describe('rules', () => {
  it('LB-202 without a condition it always applies', () => {
    expect(bench(pools(), { rules: [rule('r', toPool('p2'))] }).to()).toBe('p2/a');
  });

  it('LB-203 the lower priority runs first, so the higher one stands', () => {
    const rules = [rule('late', { ...toPool('p2'), priority: 5 }), rule('early', { ...toPool('p3'), priority: 1 })];
    expect(bench(pools(), { rules }).to()).toBe('p2/a');
  });

  it('LB-204 without priorities, array order', () => {
    const rules = [
      rule('one', toPool('p2')),
      rule('two', toPool('p3')),
      rule('three', { overrides: { ttlSeconds: 60 } }),
    ];
    expect(bench(pools(), { rules }).to()).toBe('p3/a');
  });

  it('LB-205 two rules override default_pools: the later one stands, other fields of the earlier one stay', () => {
    const rules = [
      rule('one', { overrides: { defaultPools: ids('p2'), failoverAcrossPools: true } }),
      rule('two', toPool('p3')),
    ];
    expect(bench(pools(), { rules }).ask()).toMatchObject({ pool: 2, settings: { failoverAcrossPools: true } });
  });

  it('LB-206 terminates: later rules do not run', () => {
    const rules = [rule('one', { ...toPool('p2'), terminates: true }), rule('two', toPool('p3'))];
    expect(bench(pools(), { rules }).to()).toBe('p2/a');
  });

  it('a rule that does not match terminates nothing', () => {
    const rules = [
      rule('one', { ...toPool('p2'), terminates: true, condition: pathIs('/x') }),
      rule('two', toPool('p3')),
    ];
    expect(bench(pools(), { rules }).to(request({ path: '/y' }))).toBe('p3/a');
  });

  it('LB-207 a fixed response: no pool is reached, and later rules do not run', () => {
    const fixedResponse = { statusCode: 503, contentType: 'text/plain', location: '', messageBody: 'later' };
    const rules = [rule('one', { fixedResponse, overrides: toPool('p2').overrides }), rule('two', toPool('p3'))];
    expect(bench(pools(), { rules }).ask()).toEqual({
      kind: 'fixed_response',
      because: 'fixed_response',
      response: fixedResponse,
    });
  });

  it('LB-208 a disabled rule is not run', () => {
    expect(bench(pools(), { rules: [rule('r', { ...toPool('p2'), disabled: true })] }).to()).toBe('p1/a');
  });

  it('LB-209 affinity none on a path: no session there, one elsewhere', () => {
    const rules = [rule('r', { condition: pathIs('/static'), overrides: { affinity: { kind: 'none' } } })];
    const lb = bench(pools(), { affinity: affinity({ kind: 'cookie' }), rules });
    const claim = { loadBalancer: 'lb', pool: 'p2', origin: 'a', issuedAt: START / 1e6 };
    lb.plan.resolve(ids('p2'));
    expect(lb.ask(request({ path: '/static' }))).toMatchObject({ affinity: 'off', newClaim: undefined });
    expect(lb.ask({ ...request({ path: '/static' }), claim })).toMatchObject({ pool: 0, affinity: 'off' });
    expect(lb.ask(request({ path: '/cart' }))).toMatchObject({ affinity: 'no_claim', newClaim: { pool: 'p1' } });
  });

  it('affinity is merged field by field, and the drain is not a rule’s to change', () => {
    const rules = [
      rule('kind', { overrides: { affinity: { kind: 'ip_cookie' } } }),
      rule('ttl', { overrides: { affinity: { ttlSeconds: 1800, drainSeconds: 5 } } }),
    ];
    const decision = bench(pools(), { affinity: affinity({ drainSeconds: 60 }), rules }).ask();
    expect(decision).toMatchObject({
      settings: { affinity: { kind: 'ip_cookie', ttlSeconds: 1800, drainSeconds: 60 } },
    });
  });

  it('maps of places can be overridden, and "" is resolved after the merge', () => {
    const rules = [rule('r', { overrides: { popPools: places({ LHR: ['p3'] }) } })];
    const lb = bench(pools(), { steeringPolicy: '', rules });
    expect(lb.to({ location: at('LHR') })).toBe('p3/a');
    expect(lb.to({ location: at('FRA') })).toBe('p1/a');
  });

  it('each combination of matching rules has settings of its own', () => {
    const on = (value: string) => compare(field('http.request.uri.query'), 'contains', value);
    const rules = [
      rule('a', { condition: on('a'), overrides: { defaultPools: ids('p2') } }),
      rule('b', { condition: on('b'), overrides: { affinity: { kind: 'cookie' } } }),
      rule('c', { condition: on('c'), overrides: { defaultPools: ids('p3') } }),
    ];
    const lb = bench(pools(), { rules });
    const told = (query: string) => {
      const decision = lb.ask(request({ query }));
      return decision.kind === 'origin' ? `${lb.name(decision)} ${decision.affinity}` : decision.kind;
    };
    const wanted: Record<string, string> = {
      '': 'p1/a off',
      a: 'p2/a off',
      b: 'p1/a no_claim',
      ab: 'p2/a no_claim',
      c: 'p3/a off',
      ac: 'p3/a off',
      abc: 'p3/a no_claim',
    };
    for (let round = 0; round < 2; round += 1) {
      for (const [query, answer] of Object.entries(wanted)) expect(told(query)).toBe(answer);
    }
  });

  it('more combinations than are remembered are still decided right', () => {
    const names = Array.from({ length: 11 }, (_, i) => i);
    const rules = names.map((i) =>
      rule(`r${i}`, {
        condition: compare(field('http.request.uri.query'), 'contains', `[${i}]`),
        overrides: i % 2 === 0 ? { defaultPools: ids(`p${(i % 3) + 1}`) } : { ttlSeconds: 30 + i },
      }),
    );
    const lb = bench(pools(), { rules });
    for (let mask = 0; mask < 2048; mask += 1) {
      const on = names.filter((i) => (mask & (1 << i)) !== 0);
      const last = on.filter((i) => i % 2 === 0).at(-1);
      const ttl = on.filter((i) => i % 2 === 1).at(-1);
      expect(lb.ask(request({ query: on.map((i) => `[${i}]`).join('') }))).toMatchObject({
        pool: last === undefined ? 0 : last % 3,
        settings: { ttlSeconds: ttl === undefined ? 30 : 30 + ttl },
      });
    }
  });
});

describe('conditions', () => {
  const dns: RequestFacts = { kind: 'dns', name: 'www.example.com', type: 'AAAA', clientSubnet: '203.0.113.0/24' };
  const http = httpFacts({
    method: 'POST',
    host: 'www.example.com',
    path: '/Blog/First',
    query: 'a=1&b=2&a=3&flag',
    headers: { 'x-tag': ['red', 'blue'], cookie: 'sid=7', referer: 'https://example.org/' },
    asn: 64500,
  });
  const holds = (expression: Expression, facts: RequestFacts | undefined = http, fields = {}): boolean =>
    compileCondition(expression, balancer(pools()))(requestOf({ facts, ...fields }), START);
  const and = (kind: 'and' | 'or' | 'xor', left: Expression, right: Expression): Expression => ({ kind, left, right });
  const yes = pathIs('/Blog/First');
  const no = pathIs('/');

  it('LB-210 lower() makes contains case-insensitive; without it case counts', () => {
    expect(holds(compare(call('lower', path), 'contains', '/blog'))).toBe(true);
    expect(holds(compare(path, 'contains', '/blog'))).toBe(false);
  });

  it.each([
    [true, true, true, false],
    [true, false, true, true],
    [false, true, true, true],
    [false, false, false, false],
  ])('LB-211 %s, %s: or %s, xor %s', (left, right, or, xor) => {
    const a = left ? yes : no;
    const b = right ? yes : no;
    expect(holds(and('or', a, b))).toBe(or);
    expect(holds(and('xor', a, b))).toBe(xor);
    expect(holds(and('and', a, b))).toBe(left && right);
    expect(holds({ kind: 'not', operand: a })).toBe(!left);
  });

  it.each([
    ['cf.load_balancer.name eq', compare(field('cf.load_balancer.name'), 'eq', 'www.example.com'), true],
    ['cf.load_balancer.region eq', compare(field('cf.load_balancer.region'), 'eq', 'WEU'), true],
    [
      'ip.src in a network',
      { kind: 'in', left: field('ip.src'), set: [{ kind: 'address', cidr: '198.51.100.0/24' }] },
      true,
    ],
    [
      'ip.src in another',
      { kind: 'in', left: field('ip.src'), set: [{ kind: 'address', cidr: '2001:db8::/32' }] },
      false,
    ],
    ['ip.src eq an address', compare(field('ip.src'), 'eq', { kind: 'address', cidr: '198.51.100.1' }), true],
    ['ip.src ne an address', compare(field('ip.src'), 'ne', { kind: 'address', cidr: '198.51.100.1' }), false],
    [
      'asnum in a range',
      { kind: 'in', left: field('ip.src.asnum'), set: [{ kind: 'range', from: 64496, to: 64511 }] },
      true,
    ],
    [
      'method in a set',
      { kind: 'in', left: field('http.request.method'), set: [{ kind: 'text', text: 'POST' }] },
      true,
    ],
    ['method ne', compare(field('http.request.method'), 'ne', 'GET'), true],
    ['host strict wildcard', compare(field('http.host'), 'strict_wildcard', '*.example.com'), true],
    ['path wildcard, any case', compare(path, 'wildcard', '/blog/*'), true],
    ['path strict wildcard, other case', compare(path, 'strict_wildcard', '/blog/*'), false],
    ['wildcard must match the whole', compare(path, 'wildcard', '/blog'), false],
    ['wildcard takes signs literally', compare(path, 'wildcard', '/blog.first'), false],
    ['path matches', compare(path, 'matches', '^/[A-Z]'), true],
    ['uri has path and query', compare(field('http.request.uri'), 'eq', '/Blog/First?a=1&b=2&a=3&flag'), true],
    ['timestamp.sec', compare(field('http.request.timestamp.sec'), 'eq', 1_772_366_400), true],
    ['referer', compare(field('http.referer'), 'contains', 'example.org'), true],
    ['cookie', compare(field('http.cookie'), 'contains', 'sid=7'), true],
    ['len of the path', compare(call('len', path), 'eq', 11), true],
    ['len of a list', compare(call('len', field('http.request.uri.args.names')), 'eq', 4), true],
    [
      'any header value',
      truth(call('any', compare(field('http.request.headers', { key: 'x-tag', every: true }), 'eq', 'blue'))),
      true,
    ],
    [
      'all header values',
      truth(call('all', compare(field('http.request.headers', { key: 'x-tag', every: true }), 'eq', 'blue'))),
      false,
    ],
    [
      'all of none is false',
      truth(call('all', compare(field('http.request.headers', { key: 'x-none', every: true }), 'ne', 'x'))),
      false,
    ],
    [
      'any starts_with',
      truth(call('any', truth(call('starts_with', field('http.request.uri.args.values', { every: true }), text('3'))))),
      true,
    ],
    [
      'any len',
      truth(call('any', compare(call('len', field('http.request.headers', { key: 'x-tag', every: true })), 'eq', 4))),
      true,
    ],
    [
      'the second value of an argument',
      compare(field('http.request.uri.args', { key: 'a', index: 1 }), 'eq', '3'),
      true,
    ],
    ['a value that is not there', compare(field('http.request.uri.args', { key: 'a', index: 2 }), 'ne', '3'), false],
    ['starts_with', truth(call('starts_with', path, text('/Blog'))), true],
    ['ends_with', truth(call('ends_with', path, text('/blog'))), false],
    ['concat', compare(call('concat', field('http.host'), path), 'eq', 'www.example.com/Blog/First'), true],
    [
      'substring',
      compare(call('substring', path, { kind: 'number', number: 1 }, { kind: 'number', number: 5 }), 'eq', 'Blog'),
      true,
    ],
    ['regex_replace', compare(call('regex_replace', path, text('^/(\\w+)/.*$'), text('/${1}')), 'eq', '/Blog'), true],
    ['remove_bytes', compare(call('remove_bytes', path, text('/')), 'eq', 'BlogFirst'), true],
    ['a number does not equal its text', compare(field('ip.src.asnum'), 'eq', '64500'), false],
  ] as [string, Expression, boolean][])('%s', (_, expression, wanted) => {
    expect(holds(expression)).toBe(wanted);
  });

  it('url_decode leaves what cannot be decoded', () => {
    const decoded = compare(call('url_decode', path), 'eq', '/a b');
    expect(holds(decoded, httpFacts({ path: '/a%20b' }))).toBe(true);
    expect(holds(compare(call('url_decode', path), 'eq', '/%zz'), httpFacts({ path: '/%zz' }))).toBe(true);
  });

  it('a mapped IPv4 address is found in its IPv4 network', () => {
    const within: Expression = { kind: 'in', left: field('ip.src'), set: [{ kind: 'address', cidr: '192.0.2.0/24' }] };
    expect(holds(within, http, { clientAddress: '::ffff:192.0.2.9' })).toBe(true);
    expect(holds(within, http, { clientAddress: 'not an address' })).toBe(false);
  });

  it.each([
    ['dns.qry.name', compare(field('dns.qry.name'), 'eq', 'www.example.com'), true],
    ['dns.qry.name.len', compare(field('dns.qry.name.len'), 'eq', 15), true],
    ['dns.qry.type', compare(field('dns.qry.type'), 'eq', 28), true],
    ['dns.rr.opt.client', truth(field('dns.rr.opt.client')), true],
    [
      'dns.rr.opt.client.addr',
      { kind: 'in', left: field('dns.rr.opt.client.addr'), set: [{ kind: 'address', cidr: '203.0.113.0/24' }] },
      true,
    ],
    ['LB-213 an HTTP field has no value: eq', compare(field('http.host'), 'eq', 'www.example.com'), false],
    ['LB-213 an HTTP field has no value: ne', compare(field('http.host'), 'ne', 'other'), false],
    ['LB-213 an HTTP field inside a function', truth(call('starts_with', path, text('/'))), false],
  ] as [string, Expression, boolean][])('on a DNS query: %s', (_, expression, wanted) => {
    expect(holds(expression, dns)).toBe(wanted);
  });

  it('LB-213 a rule with an HTTP field on a DNS-only balancer does not match', () => {
    const rules = [rule('r', { ...toPool('p2'), condition: compare(field('http.host'), 'contains', 'example') })];
    expect(bench(pools(), { proxied: false, rules }).to({ facts: dns })).toBe('p1/a');
    expect(bench(pools(), { rules }).to({ facts: http })).toBe('p2/a');
  });
});

describe('pool sets', () => {
  const set = (name: string, fields: Parameters<typeof poolSet>[1] = {}) =>
    poolSet(name, { pools: ids('p2'), ...fields });

  it('LB-246 two match: the first in the array decides', () => {
    const poolSets = [set('one', { pools: ids('p3') }), set('two')];
    expect(bench(pools(), { poolSets }).to()).toBe('p3/a');
  });

  it('a disabled one is skipped', () => {
    expect(bench(pools(), { poolSets: [set('one', { pools: ids('p3'), disabled: true }), set('two')] }).to()).toBe(
      'p2/a',
    );
  });

  it('LB-247 countries and regions must both match', () => {
    const lb = bench(pools(), { poolSets: [set('us west', { match: { countries: ['US'], regions: ['WNAM'] } })] });
    expect(lb.to({ location: at('IAD') })).toBe('p1/a');
    expect(lb.to({ location: at('SJC') })).toBe('p2/a');
  });

  it('LB-248 none matches: ordinary steering', () => {
    const lb = bench(pools(), { poolSets: [set('one', { match: { pops: ['NRT'] } })] });
    expect(lb.to({ location: at('LHR') })).toBe('p1/a');
    expect(lb.to({ location: at('NRT') })).toBe('p2/a');
  });

  it('LB-249 without a fallback of its own: that of the balancer', () => {
    const lb = bench(pools(), { poolSets: [set('one')] });
    lb.health.set('p2', 'critical');
    expect(lb.to()).toBe('fallback fb/a');
  });

  it('LB-250 with one: that pool', () => {
    const lb = bench(pools(), { poolSets: [set('one', { fallbackPool: ids('p3')[0]! })] });
    lb.health.set('p2', 'critical');
    expect(lb.to()).toBe('fallback p3/a');
  });

  it('LB-251 a fixed response ends it, on DNS-only too', () => {
    const fixedResponse = { statusCode: 403, contentType: '', location: '', messageBody: '' };
    const lb = bench(pools(), {
      proxied: false,
      poolSets: [set('one', { fixedResponse })],
      rules: [rule('r', toPool('p3'))],
    });
    expect(lb.ask()).toMatchObject({ kind: 'fixed_response', response: fixedResponse });
  });

  it('LB-252 a set and a rule: the set first, the rule on top', () => {
    const poolSets = [set('one', { fallbackPool: ids('p1')[0]! })];
    const lb = bench(pools(), { poolSets, rules: [rule('r', toPool('p3'))] });
    expect(lb.to()).toBe('p3/a');
    lb.health.set('p3', 'critical');
    expect(lb.to()).toBe('fallback p1/a');
  });

  it('its own weights and policy', () => {
    const poolSets = [
      set('one', {
        pools: ids('p1', 'p2'),
        steeringPolicy: 'random',
        poolWeights: new Map([[ids('p1')[0]!, 0]]),
        poolDefaultWeight: 0.5,
      }),
    ];
    const lb = bench(pools(), { poolSets });
    for (let i = 0; i < 50; i += 1) expect(lb.to()).toBe('p2/a');
  });
});
