import { describe, expect, it } from 'vitest';
import { apiError } from '../../src/config/finding.ts';
import {
  parseLoadBalancer,
  parseMonitor,
  parseMonitorGroup,
  parsePool,
  parseRailgun,
  parseZone,
} from '../../src/config/parse-object.ts';
import {
  balancer,
  config,
  errorsIn,
  modelOf,
  monitor,
  origin,
  pool,
  type Plain,
  proxied,
  surroundings,
  warningsIn,
} from './support.ts';

const balancerErrors = (body: unknown): string[] => errorsIn(parseLoadBalancer(body, surroundings()).findings);
const poolErrors = (body: unknown): string[] => errorsIn(parsePool(body, surroundings()).findings);
const monitorErrors = (body: unknown): string[] => errorsIn(parseMonitor(body, surroundings()).findings);
const readBalancer = (body: unknown) => {
  const { value, findings } = parseLoadBalancer(body, surroundings());
  if (value === undefined) throw new Error(errorsIn(findings).join('\n'));
  return value;
};

describe('load balancers', () => {
  it.each(['name', 'default_pools', 'fallback_pool'])(
    'LB-001 without %s a balancer is refused with code 1002',
    (field) => {
      const body = balancer();
      delete body[field];
      const { value, findings } = parseLoadBalancer(body, surroundings());
      expect(value).toBeUndefined();
      expect(findings.map(apiError)).toEqual([{ code: 1002, message: `${field} is required: validation failed` }]);
    },
  );

  it('LB-002 a name without a dot is an invalid hostname', () => {
    const { findings } = parseLoadBalancer(balancer({ name: 'www' }), surroundings());
    expect(findings.map(apiError)).toEqual([{ code: 1002, message: 'invalid hostname: www: validation failed' }]);
    expect(findings[0]?.hint).toContain('www.example.com');
  });

  it.each([
    ['a space', 'www example.com'],
    ['a scheme', 'https://www.example.com'],
    ['a port', 'www.example.com:443'],
    ['an address', '192.0.2.1'],
    ['an empty label', 'www..example.com'],
    ['a label that begins with a hyphen', '-www.example.com'],
    ['a label of 64 characters', `${'a'.repeat(64)}.example.com`],
    ['254 characters', `${'a.'.repeat(126)}abc`],
    ['letters beyond ASCII', 'wüw.example.com'],
    ['a star inside', 'w*w.example.com'],
  ])('LB-002 a name with %s is an invalid hostname', (_, name) => {
    expect(balancerErrors(balancer({ name }))).toEqual([`name: invalid hostname: ${name.slice(0, 80)}`]);
  });

  it.each([
    ['www.example.com', 'www.example.com'],
    ['*.example.com', '*.example.com'],
    ['example.com', 'example.com'],
    ['WWW.Example.COM.', 'www.example.com'],
    ['_sip.example.com', '_sip.example.com'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ])('the name %s is kept as %s', (name, kept) => {
    expect(readBalancer(balancer({ name })).name).toBe(kept);
  });

  it('LB-003 a name outside the zone is refused', () => {
    const context = surroundings('strict', {
      zones: [{ name: 'example.com', alwaysUseHttps: false, railgun: undefined }],
    });
    expect(errorsIn(parseLoadBalancer(balancer({ name: 'www.example.org' }), context).findings)).toEqual([
      'name: name "www.example.org" is outside the zone example.com',
    ]);
    expect(errorsIn(parseLoadBalancer(balancer({ name: 'notexample.com' }), context).findings)).toHaveLength(1);
    for (const name of ['example.com', 'a.b.example.com', '*.example.com']) {
      expect(errorsIn(parseLoadBalancer(balancer({ name }), context).findings)).toEqual([]);
    }
  });

  it.each([
    ['LB-004 enabled is true when left out', 'enabled', true],
    ['LB-005 proxied is false when left out', 'proxied', false],
    ['LB-006 steering_policy is empty when left out', 'steeringPolicy', ''],
    ['ttl is 30 when left out', 'ttlSeconds', 30],
    ['description is empty when left out', 'description', ''],
    ['a retry stays in the pool when adaptive_routing is left out', 'failoverAcrossPools', false],
  ] as const)('%s', (_, field, value) => {
    expect(readBalancer(balancer())[field]).toEqual(value);
  });

  it('null counts as left out', () => {
    const nulls = Object.fromEntries(
      [
        'enabled',
        'proxied',
        'ttl',
        'steering_policy',
        'region_pools',
        'rules',
        'pool_sets',
        'session_affinity_attributes',
        'random_steering',
        'description',
      ].map((key) => [key, null]),
    );
    expect(readBalancer(balancer(nulls))).toEqual(readBalancer(balancer()));
  });

  it.each(['off', 'geo', 'random', 'dynamic_latency', ''])('LB-007 steering_policy "%s" is accepted', (policy) => {
    expect(readBalancer(balancer({ steering_policy: policy })).steeringPolicy).toBe(policy);
  });

  it.each(['proximity', 'least_outstanding_requests', 'least_connections'])(
    'LB-008 steering_policy "%s" is accepted',
    (policy) => {
      expect(readBalancer(balancer({ steering_policy: policy })).steeringPolicy).toBe(policy);
    },
  );

  it.each(['random_steering', 'Geo', 'failover', 'none'])('LB-009 steering_policy "%s" is refused', (policy) => {
    expect(balancerErrors(balancer({ steering_policy: policy }))).toEqual([
      expect.stringContaining(`steering_policy "${policy}" is not one of`),
    ]);
  });

  it.each([
    ['none', 'none'],
    ['cookie', 'cookie'],
    ['ip_cookie', 'ip_cookie'],
    ['', 'none'],
  ])('LB-010 session_affinity "%s" is accepted as %s', (word, kind) => {
    expect(readBalancer(proxied({ session_affinity: word })).affinity.kind).toBe(kind);
  });

  it('LB-011 header affinity without headers is refused', () => {
    expect(balancerErrors(proxied({ session_affinity: 'header' }))).toEqual([
      expect.stringMatching(/^session_affinity: .*headers/),
    ]);
    expect(
      balancerErrors(proxied({ session_affinity: 'header', session_affinity_attributes: { headers: [] } })),
    ).toHaveLength(1);
    expect(
      balancerErrors(proxied({ session_affinity: 'header', session_affinity_attributes: { headers: ['x-user'] } })),
    ).toEqual([]);
  });

  it.each([
    [1799, false],
    [1800, true],
    [604_800, true],
    [604_801, false],
    [0, true],
    [-1, false],
  ])('LB-012 a cookie TTL of %d is accepted: %s', (ttl, accepted) => {
    for (const kind of ['cookie', 'ip_cookie']) {
      const errors = balancerErrors(proxied({ session_affinity: kind, session_affinity_ttl: ttl }));
      expect(errors).toEqual(
        accepted ? [] : ['session_affinity_ttl: session_affinity_ttl is not in range [1800, 604800]'],
      );
    }
  });

  it('LB-013 a cookie session lasts 82800 s when no TTL is set', () => {
    expect(readBalancer(proxied({ session_affinity: 'cookie' })).affinity.ttlSeconds).toBe(82_800);
    expect(readBalancer(proxied({ session_affinity: 'cookie', session_affinity_ttl: 0 })).affinity.ttlSeconds).toBe(
      82_800,
    );
  });

  it.each(['', 'none', undefined])('LB-014 with affinity %o a TTL of 5 is accepted and ignored', (kind) => {
    const body = proxied({ session_affinity_ttl: 5, ...(kind === undefined ? {} : { session_affinity: kind }) });
    expect(readBalancer(body).affinity).toMatchObject({ kind: 'none', ttlSeconds: 82_800 });
  });

  it.each([
    [29, false],
    [30, true],
    [3600, true],
    [3601, false],
  ])('LB-015 a header session TTL of %d is accepted: %s', (ttl, accepted) => {
    const body = proxied({
      session_affinity: 'header',
      session_affinity_ttl: ttl,
      session_affinity_attributes: { headers: ['a'] },
    });
    expect(balancerErrors(body)).toEqual(
      accepted ? [] : ['session_affinity_ttl: session_affinity_ttl is not in range [30, 3600]'],
    );
  });

  it('LB-015 a header session lasts 1800 s when no TTL is set', () => {
    const body = proxied({ session_affinity: 'header', session_affinity_attributes: { headers: ['a'] } });
    expect(readBalancer(body).affinity.ttlSeconds).toBe(1800);
  });

  it('LB-016 samesite None with secure Never is refused', () => {
    const errors = balancerErrors(
      proxied({ session_affinity: 'cookie', session_affinity_attributes: { samesite: 'None', secure: 'Never' } }),
    );
    expect(errors).toEqual([
      expect.stringContaining('session_affinity_attributes.secure: samesite "None" with secure "Never"'),
    ]);
    for (const [samesite, secure] of [
      ['None', 'Auto'],
      ['None', 'Always'],
      ['Lax', 'Never'],
    ]) {
      expect(
        balancerErrors(proxied({ session_affinity: 'cookie', session_affinity_attributes: { samesite, secure } })),
      ).toEqual([]);
    }
  });

  it('LB-017 a description of 1025 characters is refused, 1024 are accepted', () => {
    expect(balancerErrors(balancer({ description: 'x'.repeat(1025) }))).toEqual([
      'description: description must have at most 1024 characters',
    ]);
    expect(balancerErrors(balancer({ description: 'x'.repeat(1024) }))).toEqual([]);
  });

  it.each([
    ['default_pools', { default_pools: ['p1', 'p9'] }, 'default_pools[1]'],
    ['fallback_pool', { fallback_pool: 'p9' }, 'fallback_pool'],
    ['region_pools', { region_pools: { WEU: ['p9'] } }, 'region_pools.WEU[0]'],
    ['country_pools', { country_pools: { DE: ['p1', 'p9'] } }, 'country_pools.DE[1]'],
    ['pop_pools', { pop_pools: { LHR: ['p9'] } }, 'pop_pools.LHR[0]'],
    ['pool_weights', { random_steering: { pool_weights: { p9: 1 } } }, 'random_steering.pool_weights.p9'],
    ['a rule', { rules: [{ overrides: { default_pools: ['p9'] } }] }, 'rules[0].overrides.default_pools[0]'],
    ['a rule’s fallback', { rules: [{ overrides: { fallback_pool: 'p9' } }] }, 'rules[0].overrides.fallback_pool'],
    ['a pool set', { pool_sets: [{ overrides: { pools: ['p9'] } }] }, 'pool_sets[0].overrides.pools[0]'],
  ])('LB-018 an id in %s that does not exist is refused', (_, fields, path) => {
    expect(balancerErrors(balancer(fields as Plain))).toEqual([`${path}: no pool has the id or name "p9"`]);
  });

  it('LB-018 under the lenient profile a dangling id is a warning, and is left out', () => {
    const { value, findings } = parseLoadBalancer(balancer({ default_pools: ['p1', 'gone'] }), surroundings('lenient'));
    expect(errorsIn(findings)).toEqual([]);
    expect(warningsIn(findings)).toHaveLength(1);
    expect(value?.defaultPools).toEqual(['p1']);
  });

  it('LB-019 region_pools takes a region', () => {
    expect([...readBalancer(balancer({ region_pools: { WNAM: ['p2', 'p1'] } })).regionPools]).toEqual([
      ['WNAM', ['p2', 'p1']],
    ]);
  });

  it('LB-020 region_pools takes a country', () => {
    const read = readBalancer(balancer({ region_pools: { DE: ['p1'] } }));
    expect([...read.regionCountryPools]).toEqual([['DE', ['p1']]]);
    expect(read.regionPools.size).toBe(0);
  });

  it('LB-021 the key ME is the Middle East; Montenegro goes into country_pools', () => {
    const read = readBalancer(balancer({ region_pools: { ME: ['p1'] }, country_pools: { ME: ['p2'] } }));
    expect([...read.regionPools.keys()]).toEqual(['ME']);
    expect(read.regionCountryPools.size).toBe(0);
    expect([...read.countryPools]).toEqual([['ME', ['p2']]]);
  });

  it('LB-022 region_pools refuses XX1', () => {
    expect(balancerErrors(balancer({ region_pools: { XX1: ['p1'] } }))).toEqual([
      'region_pools.XX1: "XX1" is neither a region nor a country',
    ]);
  });

  it('LB-023 codes in lower case are normalised, in every map alike', () => {
    const read = readBalancer(
      balancer({
        pop_pools: { lax: ['p1'] },
        region_pools: { weu: ['p1'], de: ['p2'] },
        country_pools: { fr: ['p1'] },
      }),
    );
    expect([
      ...read.popPools.keys(),
      ...read.regionPools.keys(),
      ...read.regionCountryPools.keys(),
      ...read.countryPools.keys(),
    ]).toEqual(['LAX', 'WEU', 'DE', 'FR']);
  });

  it('LB-023 the same code in two spellings is refused', () => {
    expect(balancerErrors(balancer({ pop_pools: { lax: ['p1'], LAX: ['p2'] } }))).toEqual([
      expect.stringContaining('pop_pools.LAX: value not unique'),
    ]);
  });

  it('LB-026 id and timestamps in a body do not disturb', () => {
    const body = balancer({
      id: 'x1',
      created_on: '2014-01-01T05:20:00.12345Z',
      modified_on: 'anything',
      zone_name: 'example.com',
    });
    expect(readBalancer(body)).toEqual({ ...readBalancer(balancer()), id: 'x1' });
  });

  it.each([
    [29, false],
    [30, true],
    [600, true],
    [601, false],
    [0, false],
  ])('a DNS-only ttl of %d is accepted: %s', (ttl, accepted) => {
    expect(balancerErrors(balancer({ ttl }))).toEqual(accepted ? [] : ['ttl: ttl is not in range [30, 600]']);
  });

  it('a proxied balancer ignores its ttl, whatever it is', () => {
    for (const ttl of [0, 30, 9999]) expect(readBalancer(proxied({ ttl })).ttlSeconds).toBe(30);
  });

  it('LB-192 sticky zero-downtime failover is refused with header affinity', () => {
    const attributes = { headers: ['a'], zero_downtime_failover: 'sticky' };
    expect(balancerErrors(proxied({ session_affinity: 'header', session_affinity_attributes: attributes }))).toEqual([
      expect.stringContaining('session_affinity_attributes.zero_downtime_failover: '),
    ]);
    expect(balancerErrors(proxied({ session_affinity: 'cookie', session_affinity_attributes: attributes }))).toEqual(
      [],
    );
  });

  it('LB-183 header names are kept in lower case, cookies with their case', () => {
    const attributes = { headers: ['X-User', 'cookie:Sid,theme'] };
    const read = readBalancer(proxied({ session_affinity: 'header', session_affinity_attributes: attributes }));
    expect(read.affinity.headers).toEqual(['x-user', 'cookie:Sid', 'cookie:theme']);
  });

  it.each([
    ['six', ['a', 'b', 'c', 'd', 'e', 'f'], 'headers must have at most 5 entries'],
    ['one twice', ['a', 'A'], 'value not unique'],
    ['a space', ['a b'], 'is not a header name'],
    ['101 characters', ['a'.repeat(101)], 'is not a header name'],
    ['an empty one', [''], 'is not a header name'],
  ])('affinity headers: %s is refused', (_, headers, message) => {
    expect(balancerErrors(proxied({ session_affinity: 'header', session_affinity_attributes: { headers } }))).toEqual([
      expect.stringContaining(message),
    ]);
  });

  it.each([
    ['drain_duration', { session_affinity_attributes: { drain_duration: 86_401 } }, '[0, 86400]'],
    ['default_weight', { random_steering: { default_weight: 1.1 } }, '[0, 1]'],
    ['default_weight', { random_steering: { default_weight: 0.25 } }, 'multiple of 0.1'],
    ['pool_weights', { random_steering: { pool_weights: { p1: -0.1 } } }, '[0, 1]'],
    ['mode', { location_strategy: { mode: 'client' } }, 'is not one of'],
    ['prefer_ecs', { location_strategy: { prefer_ecs: 'yes' } }, 'is not one of'],
    ['networks', { networks: ['string'] }, 'is not one of'],
    ['id', { id: 'x'.repeat(33) }, 'at most 32 characters'],
    ['id', { id: 'a b' }, 'without spaces'],
    ['railgun', { railgun: 'r1' }, 'no railgun has the id or name "r1"'],
  ])('%s out of its range is refused', (_, fields, message) => {
    expect(balancerErrors(proxied(fields as Plain))).toEqual([expect.stringContaining(message)]);
  });

  it('every field of a full balancer arrives in the model', () => {
    const read = readBalancer(
      proxied({
        random_steering: { default_weight: 0.5, pool_weights: { p1: 0.25 } },
        location_strategy: { mode: 'resolver_ip', prefer_ecs: 'always' },
        adaptive_routing: { failover_across_pools: true },
        session_affinity: 'cookie',
        session_affinity_ttl: 3600,
        session_affinity_attributes: {
          samesite: 'Lax',
          secure: 'Always',
          drain_duration: 100,
          zero_downtime_failover: 'temporary',
          require_all_headers: true,
        },
      }),
    );
    expect(read).toMatchObject({
      randomSteering: { defaultWeight: 0.5, poolWeights: new Map([['p1', 0.25]]) },
      locationStrategy: { mode: 'resolver_ip', preferEcs: 'always' },
      failoverAcrossPools: true,
      affinity: {
        kind: 'cookie',
        ttlSeconds: 3600,
        samesite: 'Lax',
        secure: 'Always',
        drainSeconds: 100,
        zeroDowntime: 'temporary',
        headers: [],
        requireAllHeaders: true,
      },
    });
  });
});

describe('pools and origins', () => {
  it.each(['a b', 'a.b', 'a/b', 'ä', ''])('LB-028 the pool name "%s" is refused', (name) => {
    expect(poolErrors(pool({ name }))).toHaveLength(1);
    expect(poolErrors(pool({ name }))[0]).toMatch(/^name: name/);
  });

  it('LB-029 a pool without origins is refused in the words of the API', () => {
    const { findings } = parsePool(pool({ origins: [] }), surroundings());
    expect(findings.map(apiError)).toEqual([
      { code: 1002, message: 'the origin list length must be in range [1, 1000]: validation failed' },
    ]);
  });

  it('LB-029 the plan’s limit of origins is told', () => {
    const origins = [1, 2, 3].map((n) => ({ address: `192.0.2.${n}` }));
    const limits = { intervalSeconds: [60, 3600], originsPerPool: 2, affinityHeaders: 1 } as const;
    const { findings } = parsePool(pool({ origins }), surroundings('strict', { limits }));
    expect(errorsIn(findings)).toEqual(['origins: the origin list length must be in range [1, 2]']);
  });

  it.each([
    ['one address', '192.0.2.1', '192.0.2.1'],
    ['two spellings of an IPv6 address', '2001:db8::1', '2001:0DB8:0:0::1'],
    ['two spellings of a host name', 'origin.example', 'Origin.Example.'],
  ])('LB-030 two origins with %s are refused', (_, first, second) => {
    expect(poolErrors(pool({ origins: [{ address: first }, { address: second }] }))).toEqual([
      expect.stringContaining('origins[1].address: value not unique'),
    ]);
  });

  it.each([1.01, 0.005, -0.01, 2])('LB-031 the weight %d is refused', (weight) => {
    expect(poolErrors(origin({ weight }))).toEqual([expect.stringMatching(/^origins\[0\]\.weight: /)]);
  });

  it('LB-031 each weight from 0 to 1 in steps of 0.01 is accepted and kept in hundredths', () => {
    for (let hundredths = 0; hundredths <= 100; hundredths += 1) {
      const { value, findings } = parsePool(origin({ weight: hundredths / 100 }), surroundings());
      expect(errorsIn(findings)).toEqual([]);
      expect(value?.origins[0]?.weight).toBe(hundredths);
    }
  });

  it.each([
    ['another name', { 'X-Host': ['a.example'] }],
    ['two values', { Host: ['a.example', 'b.example'] }],
    ['a line break', { Host: ['a.example\r\nX: y'] }],
    ['no list', { Host: 'a.example' }],
  ])('LB-032 an origin header with %s is refused', (_, header) => {
    expect(poolErrors(origin({ header }))).toHaveLength(1);
  });

  it('LB-032 one Host is accepted, with or without a port', () => {
    for (const host of ['a.example', 'a.example:8443']) {
      const { value } = parsePool(origin({ header: { Host: [host] } }), surroundings());
      expect(value?.origins[0]?.hostHeader).toBe(host);
    }
  });

  it('LB-033 a Host outside the zones that is not the address is refused under the strict profile', () => {
    const zones = [{ name: 'example.com', alwaysUseHttps: false, railgun: undefined }];
    const body = (host: string): Plain => origin({ address: 'origin.example.net', header: { Host: [host] } });
    const refused = parsePool(body('www.example.org'), surroundings('strict', { zones }));
    expect(refused.findings.map(apiError)).toEqual([
      {
        code: 1002,
        message: 'Host header "www.example.org" not allowed for origin domain "origin.example.net": validation failed',
      },
    ]);
    for (const host of ['www.example.com', 'example.com', 'origin.example.net']) {
      expect(errorsIn(parsePool(body(host), surroundings('strict', { zones })).findings)).toEqual([]);
    }
    expect(errorsIn(parsePool(body('www.example.org'), surroundings('lenient', { zones })).findings)).toEqual([]);
  });

  it('LB-034 latitude and longitude come together', () => {
    expect(poolErrors(pool({ latitude: 1 }))).toEqual(['latitude: latitude without longitude']);
    expect(poolErrors(pool({ longitude: 1 }))).toEqual(['longitude: longitude without latitude']);
    expect(parsePool(pool({ latitude: -90, longitude: 180 }), surroundings()).value).toMatchObject({
      latitude: -90,
      longitude: 180,
    });
  });

  it.each([101, -1])('LB-035 load_shedding of %d percent is refused', (percent) => {
    expect(poolErrors(pool({ load_shedding: { default_percent: percent } }))).toEqual([
      'load_shedding.default_percent: default_percent is not in range [0, 100]',
    ]);
    expect(poolErrors(pool({ load_shedding: { session_percent: percent } }))).toHaveLength(1);
  });

  it('LB-036 sessions are shed by hash only', () => {
    expect(poolErrors(pool({ load_shedding: { session_policy: 'random' } }))).toEqual([
      expect.stringContaining('load_shedding.session_policy: '),
    ]);
    expect(poolErrors(pool({ load_shedding: { session_policy: 'hash' } }))).toEqual([]);
  });

  it('LB-201 load_shedding null removes it', () => {
    expect(parsePool(pool({ load_shedding: null }), surroundings()).value?.loadShedding).toBeUndefined();
  });

  it.each([[['global']], [['regional']], [['global', 'regional']], [[]], [['regional', 'global', 'global']]])(
    'LB-037 health_sources %o is refused',
    (sources) => {
      expect(poolErrors(pool({ health_sources: sources }))).toEqual([expect.stringContaining('health_sources: ')]);
    },
  );

  it('LB-038 regional health needs a check region', () => {
    const sources = ['regional', 'global'];
    expect(poolErrors(pool({ health_sources: sources, check_regions: null }))).toEqual([
      expect.stringContaining('health_sources: '),
    ]);
    expect(poolErrors(pool({ health_sources: sources, check_regions: ['WEU'] }))).toEqual([]);
  });

  it('check_regions: null is every data center, left out is every region, ALL_REGIONS is expanded', () => {
    const regions = (more: Plain) => parsePool(pool(more), surroundings()).value?.checkRegions;
    expect(regions({ check_regions: null })).toBeNull();
    expect(regions({})).toHaveLength(13);
    expect(regions({ check_regions: ['ALL_REGIONS'] })).toEqual(regions({}));
    expect(regions({ check_regions: ['weu', 'WEU'] })).toEqual(['WEU']);
    expect(poolErrors(pool({ check_regions: [] }))).toHaveLength(1);
    expect(poolErrors(pool({ check_regions: ['WUE'] }))).toEqual(['check_regions[0]: "WUE" is not a region']);
  });

  it('minimum_origins 0 is a value', () => {
    expect(parsePool(pool({ minimum_origins: 0 }), surroundings()).value?.minimumOrigins).toBe(0);
    expect(poolErrors(pool({ minimum_origins: -1 }))).toHaveLength(1);
  });

  it('monitor: a known id, none for empty, refused otherwise or beside a group', () => {
    expect(parsePool(pool({ monitor: 'm1' }), surroundings()).value?.monitor).toBe('m1');
    expect(parsePool(pool({ monitor: '' }), surroundings()).value?.monitor).toBeUndefined();
    expect(poolErrors(pool({ monitor: 'm2' }))).toEqual(['monitor: no monitor has the id or name "m2"']);
    const context = surroundings();
    context.monitorGroups.add('g1', '');
    expect(errorsIn(parsePool(pool({ monitor: 'm1', monitor_group: 'g1' }), context).findings)).toEqual([
      'monitor_group: monitor_group may not stand beside monitor',
    ]);
    expect(parsePool(pool({ monitor_group: 'g1' }), context).value?.monitorGroup).toBe('g1');
  });

  it.each([
    ['https://192.0.2.1/', 'without the scheme'],
    ['192.0.2.1:80', 'in "port"'],
    ['[2001:db8::1]', 'without brackets'],
    ['192.0.2.256', 'four parts'],
    ['1.2.3', 'four parts'],
    ['fe80::1%eth0', ''],
    ['a b', 'space'],
  ])('the address %s is refused', (address, hint) => {
    const { findings } = parsePool(origin({ address }), surroundings());
    expect(errorsIn(findings)).toEqual([
      `origins[0].address: address "${address}" is neither an IP address nor a host name`,
    ]);
    expect(findings[0]?.hint).toContain(hint);
  });

  it('an origin without a name is called by its address', () => {
    expect(parsePool(pool({ origins: [{ address: '192.0.2.9' }] }), surroundings()).value?.origins[0]?.name).toBe(
      '192.0.2.9',
    );
  });

  it('LB-044 disabled_at counts while disabled only', () => {
    const at = { disabled_at: '2026-03-01T12:00:00.000001Z' };
    const off = parsePool(origin({ enabled: false, ...at }), surroundings()).value?.origins[0];
    expect(off?.disabledAt).toBe(1_772_366_400_000_001);
    expect(parsePool(origin({ enabled: true, ...at }), surroundings()).value?.origins[0]?.disabledAt).toBeUndefined();
    expect(parsePool(pool({ enabled: false, ...at }), surroundings()).value?.disabledAt).toBe(1_772_366_400_000_001);
    expect(poolErrors(pool({ disabled_at: 'yesterday' }))).toEqual(['disabled_at: disabled_at is not a moment']);
  });
});

describe('monitors', () => {
  it.each([9, 3601, 0, -5])('LB-039 an interval of %d is refused with the range', (interval) => {
    const { findings } = parseMonitor(monitor({ interval }), surroundings());
    expect(findings.map(apiError)).toEqual([
      { code: 1002, message: 'interval is not in range [10, 3600]: validation failed' },
    ]);
  });

  it('LB-039 the range is the plan’s', () => {
    const limits = { intervalSeconds: [60, 3600], originsPerPool: 5, affinityHeaders: 1 } as const;
    const { findings } = parseMonitor(monitor({ interval: 55 }), surroundings('strict', { limits }));
    expect(errorsIn(findings)).toEqual(['interval: interval is not in range [60, 3600]']);
  });

  it.each(['tcp', 'udp_icmp', 'smtp'])('LB-040 a %s monitor needs a port', (type) => {
    expect(monitorErrors(monitor({ type }))).toEqual([`port: port is required for ${type} monitors`]);
    expect(monitorErrors(monitor({ type, port: 0 }))).toHaveLength(1);
    expect(monitorErrors(monitor({ type, port: 25 }))).toEqual([]);
  });

  it('LB-041 a User-Agent is told and never sent', () => {
    const { value, findings } = parseMonitor(
      monitor({ header: { 'user-agent': ['x'], 'X-App': ['a'] } }),
      surroundings(),
    );
    expect(warningsIn(findings)).toEqual(['header.user-agent: the header User-Agent cannot be set and is not sent']);
    expect([...(value?.headers ?? [])]).toEqual([['X-App', ['a']]]);
  });

  it.each([
    ['200', [[200, 200]]],
    ['2xx', [[200, 299]]],
    [
      '200, 301,4XX',
      [
        [200, 200],
        [301, 301],
        [400, 499],
      ],
    ],
    ['', []],
  ])('expected_codes "%s"', (codes, ranges) => {
    expect(parseMonitor(monitor({ expected_codes: codes }), surroundings()).value?.expectedCodes).toEqual(ranges);
  });

  it.each(['600', '20', '2x', 'ok', '200-299', '200,,301'])('expected_codes "%s" is refused', (codes) => {
    expect(monitorErrors(monitor({ expected_codes: codes }))[0]).toMatch(/^expected_codes: /);
  });

  it.each([
    [{ timeout: 0 }, 'timeout'],
    [{ timeout: 11 }, 'timeout'],
    [{ retries: 6 }, 'retries'],
    [{ retries: -1 }, 'retries'],
    [{ consecutive_up: -1 }, 'consecutive_up'],
    [{ port: 65_536 }, 'port'],
    [{ type: 'ldap' }, 'type'],
    [{ path: 'health' }, 'path'],
    [{ method: 'GE T' }, 'method'],
    [{ header: { 'X-A': ['b\nc'] } }, 'header.X-A[0]'],
  ])('%o is refused', (fields, path) => {
    expect(monitorErrors(monitor(fields as Plain))).toEqual([
      expect.stringMatching(new RegExp(`^${path.replace(/[[\].]/g, '\\$&')}: `)),
    ]);
  });

  it('defaults are those of the documentation', () => {
    expect(parseMonitor({}, surroundings(), 'm9').value).toMatchObject({
      id: 'm9',
      type: 'http',
      method: 'GET',
      path: '/',
      port: 0,
      timeoutSeconds: 5,
      retries: 2,
      intervalSeconds: 60,
      expectedCodes: [[200, 200]],
      expectedBody: '',
      followRedirects: false,
      allowInsecure: false,
      consecutiveUp: 0,
      consecutiveDown: 0,
    });
    expect(parseMonitor({ type: 'tcp', port: 1 }, surroundings()).value?.method).toBe('connection_established');
  });

  it('a group names monitors that exist, each once', () => {
    const group = (...ids: string[]): Plain => ({ members: ids.map((id) => ({ monitor_id: id })) });
    expect(parseMonitorGroup(group('m1'), surroundings(), 'g1').value).toMatchObject({
      id: 'g1',
      members: [{ monitor: 'm1', enabled: true, monitoringOnly: false, mustBeHealthy: false }],
    });
    expect(errorsIn(parseMonitorGroup(group('m2'), surroundings()).findings)).toEqual([
      'members[0].monitor_id: no monitor has the id or name "m2"',
    ]);
    expect(errorsIn(parseMonitorGroup(group('m1', 'm1'), surroundings()).findings)).toEqual([
      expect.stringContaining('members[1].monitor_id: value not unique'),
    ]);
  });
});

describe('zones and railguns', () => {
  it('a zone has an SOA even when none is written', () => {
    expect(parseZone({ name: 'Example.com.' }, surroundings()).value).toEqual({
      name: 'example.com',
      alwaysUseHttps: false,
      soa: {
        mname: 'ns1.example.com',
        rname: 'dns.example.com',
        serial: 1,
        refresh: 10_000,
        retry: 2_400,
        expire: 604_800,
        minimum: 1_800,
      },
      records: [],
    });
  });

  it.each([
    ['@', 'example.com'],
    ['www', 'www.example.com'],
    ['a.b.example.com', 'a.b.example.com'],
    ['*', '*.example.com'],
    ['*.shop.example.com', '*.shop.example.com'],
    ['*.shop', '*.shop.example.com'],
  ])('the record name %s is %s', (name, full) => {
    const { value, findings } = parseZone(
      { name: 'example.com', records: [{ name, type: 'A', content: '192.0.2.1' }] },
      surroundings(),
    );
    expect(errorsIn(findings)).toEqual([]);
    expect(value?.records[0]).toMatchObject({ name: full, ttlSeconds: 300 });
  });

  it.each([
    [{ name: 'www.example.org', type: 'A', content: '192.0.2.1' }, 'name'],
    [{ name: 'www', type: 'A', content: '2001:db8::1' }, 'content'],
    [{ name: 'www', type: 'AAAA', content: '192.0.2.1' }, 'content'],
    [{ name: 'www', type: 'CNAME', content: 'a b' }, 'content'],
    [{ name: 'www', type: 'PTR', content: 'x' }, 'type'],
    [{ name: 'www', type: 'A', content: '192.0.2.1', ttl: 29 }, 'ttl'],
  ])('the record %o is refused at its %s', (record, field) => {
    expect(errorsIn(parseZone({ name: 'example.com', records: [record] }, surroundings()).findings)).toEqual([
      expect.stringContaining(`records[0].${field}: `),
    ]);
  });

  it.each([true, 'on'])('always_use_https %o is on', (word) => {
    expect(parseZone({ name: 'example.com', always_use_https: word }, surroundings()).value?.alwaysUseHttps).toBe(true);
  });

  it('LB-177 a balancer takes Always Use HTTPS from the longest zone around it', () => {
    const zones = [{ name: 'example.com', always_use_https: true }, { name: 'b.example.com' }];
    const names = ['www.example.com', 'www.b.example.com'];
    const { loadBalancers } = modelOf(config({ zones, load_balancers: names.map((name) => balancer({ name })) }));
    expect(loadBalancers.map((each) => each.alwaysUseHttps)).toEqual([true, false]);
  });

  it('a railgun has the documented port', () => {
    expect(parseRailgun({ name: 'wan' }, surroundings()).value).toEqual({
      id: 'wan',
      name: 'wan',
      enabled: true,
      host: '',
      port: 2408,
      activationKey: '',
    });
  });

  it('RG-015 a balancer uses the railgun of its zone, its own instead, none when disabled or emptied', () => {
    const link = (zone: Plain, own: Plain, railgun: Plain = {}) =>
      modelOf(
        config({
          zones: [{ name: 'example.com', ...zone }],
          railguns: [{ name: 'wan', ...railgun }, { name: 'other' }],
          load_balancers: [proxied(own)],
        }),
      ).loadBalancers[0]?.railgun;
    expect(link({}, {})).toBeUndefined();
    expect(link({ railgun: 'wan' }, {})).toBe('wan');
    expect(link({ railgun: 'wan' }, { railgun: 'other' })).toBe('other');
    expect(link({ railgun: 'wan' }, { railgun: '' })).toBeUndefined();
    expect(link({ railgun: 'wan' }, {}, { enabled: false })).toBeUndefined();
  });
});
