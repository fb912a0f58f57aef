import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config-file.ts';
import { parseLoadBalancer } from '../../src/config/parse-object.ts';
import type { LoadBalancer } from '../../src/core/model.ts';
import { balancer, config, errorsIn, type Plain, proxied, surroundings, warningsIn } from './support.ts';

function read(body: Plain): LoadBalancer {
  const { value, findings } = parseLoadBalancer(body, surroundings());
  if (value === undefined) throw new Error(errorsIn(findings).join('\n'));
  return value;
}
const errors = (body: Plain): string[] => errorsIn(parseLoadBalancer(body, surroundings()).findings);
const rules = (...list: Plain[]): Plain => proxied({ rules: list });
const random = { steering_policy: 'random' };

describe('rules', () => {
  it('LB-202 an empty condition, or none, is always true', () => {
    for (const rule of [
      { overrides: random },
      { condition: '', overrides: random },
      { condition: '  ', overrides: random },
    ]) {
      expect(read(rules(rule)).rules[0]?.condition).toBeUndefined();
    }
  });

  it('LB-203 priorities are kept with the rules, which stay in the order of the list', () => {
    const made = read(
      rules({ name: 'a', priority: 5, overrides: random }, { name: 'b', priority: 1, overrides: random }),
    ).rules;
    expect(made.map((rule) => [rule.name, rule.priority])).toEqual([
      ['a', 5],
      ['b', 1],
    ]);
  });

  it('LB-204 without priorities all are 0', () => {
    expect(
      read(rules({ overrides: random }, { overrides: random })).rules.map((rule) => [rule.name, rule.priority]),
    ).toEqual([
      ['rule 1', 0],
      ['rule 2', 0],
    ]);
  });

  it('LB-205 only what a rule overrides is in its overrides', () => {
    expect(read(rules({ overrides: { default_pools: ['p2'] } })).rules[0]?.overrides).toEqual({ defaultPools: ['p2'] });
  });

  it('LB-206 terminates is kept', () => {
    expect(read(rules({ overrides: random, terminates: true })).rules[0]?.terminates).toBe(true);
    expect(read(rules({ overrides: random })).rules[0]?.terminates).toBe(false);
  });

  it('LB-207 a fixed response is kept whole and implies terminates', () => {
    const fixed = {
      status_code: 302,
      content_type: 'text/plain',
      location: 'https://example.org/',
      message_body: 'gone',
    };
    expect(read(rules({ fixed_response: fixed })).rules[0]).toMatchObject({
      terminates: true,
      fixedResponse: {
        statusCode: 302,
        contentType: 'text/plain',
        location: 'https://example.org/',
        messageBody: 'gone',
      },
    });
  });

  it.each([
    [{ status_code: 99 }, 'status_code'],
    [{ content_type: 'x'.repeat(33) }, 'content_type'],
    [{ location: 'x'.repeat(2049) }, 'location'],
    [{ message_body: 'x'.repeat(1025) }, 'message_body'],
  ])('a fixed response beyond its limits is refused', (fixed, field) => {
    expect(errors(rules({ fixed_response: fixed }))).toEqual([
      expect.stringContaining(`rules[0].fixed_response.${field}: `),
    ]);
  });

  it('LB-208 disabled is kept', () => {
    expect(read(rules({ overrides: random, disabled: true })).rules[0]?.disabled).toBe(true);
  });

  it('LB-209 an override of session affinity changes the kind alone', () => {
    const made = read(
      proxied({
        session_affinity: 'cookie',
        session_affinity_ttl: 3600,
        rules: [{ overrides: { session_affinity: 'none' } }],
      }),
    );
    expect(made.rules[0]?.overrides).toEqual({ affinity: { kind: 'none' } });
  });

  it('a change of kind brings the TTL of that kind along; a change of TTL is checked against the balancer’s kind', () => {
    const base = { session_affinity: 'cookie', session_affinity_attributes: { headers: ['a'] } };
    const affinity = (overrides: Plain) =>
      read(proxied({ ...base, rules: [{ overrides }] })).rules[0]?.overrides.affinity;
    expect(affinity({ session_affinity: 'header' })).toEqual({ kind: 'header', ttlSeconds: 1800 });
    expect(affinity({ session_affinity: 'ip_cookie' })).toEqual({ kind: 'ip_cookie' });
    expect(affinity({ session_affinity_ttl: 2000 })).toEqual({ ttlSeconds: 2000 });
    expect(errors(proxied({ ...base, rules: [{ overrides: { session_affinity_ttl: 60 } }] }))).toEqual([
      'rules[0].overrides.session_affinity_ttl: session_affinity_ttl is not in range [1800, 604800]',
    ]);
  });

  it('drain_duration cannot be overridden, and is said to be ignored', () => {
    const { value, findings } = parseLoadBalancer(
      rules({ overrides: { session_affinity_attributes: { drain_duration: 5, samesite: 'Lax' } } }),
      surroundings(),
    );
    expect(value?.rules[0]?.overrides).toEqual({ affinity: { samesite: 'Lax' } });
    expect(warningsIn(findings)).toEqual([expect.stringContaining('drain_duration')]);
  });

  it('every override arrives', () => {
    const overrides = {
      default_pools: ['p2'],
      fallback_pool: 'p1',
      region_pools: { WEU: ['p1'], FR: ['p2'] },
      country_pools: { DE: ['p1'] },
      pop_pools: { LHR: ['p2'] },
      steering_policy: 'geo',
      random_steering: { default_weight: 0.5 },
      adaptive_routing: { failover_across_pools: true },
      location_strategy: { mode: 'resolver_ip' },
    };
    expect(read(rules({ overrides })).rules[0]?.overrides).toEqual({
      defaultPools: ['p2'],
      fallbackPool: 'p1',
      regionPools: new Map([['WEU', ['p1']]]),
      regionCountryPools: new Map([['FR', ['p2']]]),
      countryPools: new Map([['DE', ['p1']]]),
      popPools: new Map([['LHR', ['p2']]]),
      steeringPolicy: 'geo',
      randomSteering: { defaultWeight: 0.5, poolWeights: new Map() },
      failoverAcrossPools: true,
      locationStrategy: { mode: 'resolver_ip', preferEcs: 'proximity' },
    });
    const newer = { pools: ['p2'], pool_weights: { p2: 0.2 }, pool_default_weight: 0.7 };
    expect(read(rules({ overrides: newer })).rules[0]?.overrides).toEqual({
      defaultPools: ['p2'],
      randomSteering: { defaultWeight: 0.7, poolWeights: new Map([['p2', 0.2]]) },
    });
    expect(read(balancer({ rules: [{ overrides: { ttl: 60 } }] })).rules[0]?.overrides).toEqual({ ttlSeconds: 60 });
  });

  it.each([
    [{ name: 'x' }, 'rules[0]: rule "x" needs fixed_response or overrides'],
    [{ overrides: {} }, 'rules[0]: rule "rule 1" needs fixed_response or overrides'],
    [{ overrides: random, name: 'x'.repeat(201) }, 'rules[0].name: name must have at most 200 characters'],
    [{ overrides: random, priority: -1 }, 'rules[0].priority: priority must be at least 0'],
    [{ overrides: { proxied: true } }, 'rules[0].overrides.proxied: unknown key "proxied"'],
    [
      { overrides: { pools: ['p1'], default_pools: ['p1'] } },
      'rules[0].overrides.pools: pools may not stand beside default_pools',
    ],
    [
      { overrides: { pool_weights: { p1: 1 }, random_steering: {} } },
      'rules[0].overrides.pool_weights: pool_weights may not stand beside random_steering',
    ],
    [{ overrides: { session_affinity: 'header' } }, expect.stringContaining('rules[0].overrides.session_affinity: ')],
  ])('%o is refused', (rule, message) => {
    expect(errors(rules(rule as Plain))).toEqual([message]);
  });

  it('LB-212 a condition that cannot be read is refused, with the column', () => {
    expect(errors(rules({ condition: 'http.host = "a"', overrides: random }))).toEqual([
      'rules[0].condition: condition, column 11: = is not an operator',
    ]);
  });

  it('LB-213 an HTTP field on a DNS-only balancer gets a warning, and a DNS field on a proxied one', () => {
    const warnings = (body: Plain): string[] => warningsIn(parseLoadBalancer(body, surroundings()).findings);
    const rule = (condition: string): Plain => ({ rules: [{ condition, overrides: random }] });
    expect(warnings(balancer(rule('http.host eq "a"')))).toEqual([
      'rules[0].condition: http.host exists only on an HTTP request: on a DNS-only balancer the comparison is never true',
    ]);
    expect(warnings(proxied(rule('dns.qry.qu or dns.qry.type eq 1')))).toEqual([
      'rules[0].condition: dns.qry.qu, dns.qry.type exist only on a DNS query: on a proxied balancer the comparison is never true',
    ]);
    expect(warnings(proxied(rule('http.host eq "a"')))).toEqual([]);
  });
});

describe('pool sets', () => {
  const sets = (...list: Plain[]): Plain => proxied({ pool_sets: list });

  it('a full set arrives', () => {
    const set = {
      name: 'eu',
      match: { topology: { pops: ['lhr'], countries: ['DE'], regions: ['WEU'] } },
      overrides: {
        pools: ['p2', 'p1'],
        pool_weights: { p1: 0.5 },
        pool_default_weight: 0.2,
        fallback_pool: 'p1',
        steering_policy: 'random',
      },
    };
    expect(read(sets(set)).poolSets).toEqual([
      {
        name: 'eu',
        disabled: false,
        match: { pops: ['LHR'], countries: ['DE'], regions: ['WEU'] },
        fixedResponse: undefined,
        pools: ['p2', 'p1'],
        poolWeights: new Map([['p1', 0.5]]),
        poolDefaultWeight: 0.2,
        fallbackPool: 'p1',
        steeringPolicy: 'random',
      },
    ]);
  });

  it('what is left out: matches everything, failover order, the balancer’s fallback', () => {
    expect(read(sets({ overrides: { pools: ['p1'] } })).poolSets[0]).toMatchObject({
      match: { pops: [], countries: [], regions: [] },
      steeringPolicy: 'off',
      fallbackPool: undefined,
      poolDefaultWeight: 1,
    });
  });

  it.each([
    ['POOL_SET_NO_INTENT', {}],
    ['POOL_SET_NO_INTENT', { overrides: { steering_policy: 'random' } }],
    ['POOL_SET_EMPTY_MATCH', { match: {}, overrides: { pools: ['p1'] } }],
    [
      'POOL_SET_DEFAULT_WITH_MATCH',
      { match: { default: true, topology: { pops: ['LHR'] } }, overrides: { pools: ['p1'] } },
    ],
    ['POOL_SET_EMPTY_TOPOLOGY', { match: { topology: { pops: [] } }, overrides: { pools: ['p1'] } }],
    ['value not unique', { overrides: { pools: ['p1', 'p1'] } }],
    ['value not unique', { match: { topology: { pops: ['LHR', 'lhr'] } }, overrides: { pools: ['p1'] } }],
    ['"XX" is not a region', { match: { topology: { regions: ['XX'] } }, overrides: { pools: ['p1'] } }],
    ['steering_policy "geo" is not one of', { overrides: { pools: ['p1'], steering_policy: 'geo' } }],
    ['at most 200 characters', { name: 'x'.repeat(201), overrides: { pools: ['p1'] } }],
  ])('%s', (message, set) => {
    expect(errors(sets(set as Plain))).toEqual([expect.stringContaining(message)]);
  });

  it('more than 1000 sets are refused', () => {
    const many = Array.from({ length: 1001 }, () => ({ overrides: { pools: ['p1'] } }));
    expect(errors(sets(...many))).toEqual(['pool_sets: pool_sets must have at most 1000 entries']);
  });
});

describe('the whole file', () => {
  const problems = (value: unknown): string[] => errorsIn(parseConfig(value).findings);

  it('every section may be left out or null', () => {
    expect(problems({ version: 1 })).toEqual([]);
    expect(problems({ version: 1, load_balancers: null, pools: null })).toEqual([]);
  });

  it.each([
    [undefined, 'the file is empty'],
    [null, 'the file is empty'],
    [[], 'the file must be an object, not a list'],
    ['text', 'the file must be an object, not "text"'],
    [{}, 'version is required'],
    [{ version: 2 }, 'version must be 1, not 2'],
    [{ version: '1' }, 'version must be 1, not "1"'],
    [{ version: 1, pool: [] }, 'unknown key "pool"'],
    [{ version: 1, pools: {} }, 'pools must be a list, not an object'],
    [{ success: true, result: [], errors: [], messages: [] }, 'this is an answer of the API, not a configuration'],
    [
      { format_version: '1.0', terraform_version: '1.9.0', values: {} },
      'this is Terraform output, not a configuration',
    ],
    [{ version: 1, timeline: [] }, 'this is a scenario, not a configuration'],
  ])('%o', (value, message) => {
    expect(problems(value)).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    [
      'pools',
      {
        pools: [
          { name: 'a', origins: [{ address: 'o.example' }] },
          { name: 'a', origins: [{ address: 'o.example' }] },
        ],
      },
      'pools[1].name: value not unique: name "a" is also that of pools[0]',
    ],
    [
      'ids',
      {
        pools: [
          { id: 'x', name: 'a', origins: [{ address: 'o.example' }] },
          { id: 'x', name: 'b', origins: [{ address: 'o.example' }] },
        ],
      },
      'pools[1].id: value not unique: id "x" is also that of pools[0]',
    ],
    [
      'monitors',
      { monitors: [{ id: 'm' }, { id: 'm' }] },
      'monitors[1].id: value not unique: id "m" is also that of monitors[0]',
    ],
    [
      'zones',
      { zones: [{ name: 'example.com' }, { name: 'EXAMPLE.com' }] },
      'zones[1].name: value not unique: name "example.com" is also that of zones[0]',
    ],
  ])('two %s of one name are refused, and both holders named', (_, more, message) => {
    expect(problems({ version: 1, ...more })).toEqual([message]);
  });

  it('two balancers of one host name are refused', () => {
    expect(problems(config({ load_balancers: [balancer(), balancer({ name: 'WWW.example.com' })] }))).toEqual([
      expect.stringContaining('load_balancers[1].name: value not unique'),
    ]);
  });

  it('a reference may be an id or a name, and an ambiguous name is refused', () => {
    const two = [
      { id: 'i1', name: 'same', origins: [{ address: 'o.example' }] },
      { id: 'same', name: 'other', origins: [{ address: 'o.example' }] },
    ];
    const lb = (pool: string): Plain => ({
      version: 1,
      pools: two,
      load_balancers: [{ name: 'www.example.com', default_pools: [pool], fallback_pool: pool }],
    });
    expect(parseConfig(lb('i1')).model?.loadBalancers[0]?.defaultPools).toEqual(['i1']);
    expect(parseConfig(lb('other')).model?.loadBalancers[0]?.defaultPools).toEqual(['same']);
    // An id beats a name.
    expect(parseConfig(lb('same')).model?.loadBalancers[0]?.defaultPools).toEqual(['same']);
  });

  it.each([
    [
      'a CNAME that names itself',
      { zones: [{ name: 'example.com', records: [{ name: 'a', type: 'CNAME', content: 'a.example.com' }] }] },
      'zones[0].records[0].content',
    ],
    [
      'CNAMEs in a ring',
      {
        zones: [
          {
            name: 'example.com',
            records: [
              { name: 'a', type: 'CNAME', content: 'b.example.com' },
              { name: 'b', type: 'CNAME', content: 'A.example.com.' },
            ],
          },
        ],
      },
      'zones[0].records[1].content',
    ],
    [
      'a balancer whose origin is the balancer',
      config({
        pools: [
          { name: 'p1', origins: [{ address: 'www.example.com' }] },
          { name: 'p2', origins: [{ address: 'o.example' }] },
        ],
      }),
      'pools[0].origins[0].address',
    ],
    [
      'a balancer that comes back through a CNAME',
      config({
        pools: [
          { name: 'p1', origins: [{ address: 'back.example.com' }] },
          { name: 'p2', origins: [{ address: 'o.example' }] },
        ],
        zones: [{ name: 'example.com', records: [{ name: 'back', type: 'CNAME', content: 'www.example.com' }] }],
      }),
      'pools[0].origins[0].address',
    ],
  ])('%s is a cycle', (_, more, path) => {
    expect(problems({ version: 1, ...more })).toEqual([
      expect.stringContaining(`${path}: this leads back to itself: `),
    ]);
  });

  it('a CNAME under an enabled balancer is superseded, so it closes no ring', () => {
    expect(
      problems(
        config({
          zones: [{ name: 'example.com', records: [{ name: 'www', type: 'CNAME', content: 'www.example.com' }] }],
        }),
      ),
    ).toEqual([]);
  });
});
