import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config-file.ts';
import { balancer, config, errorsIn, monitor, type Plain, pool, proxied, warningsIn } from './support.ts';

function warnings(value: Plain): string[] {
  const { findings } = parseConfig(value, { pops: new Set(['LHR', 'FRA']), countries: new Set(['DE', 'GB']) });
  expect(errorsIn(findings)).toEqual([]);
  return warningsIn(findings);
}
const one = (body: Plain, more: Plain = {}): string[] => warnings(config({ load_balancers: [body], ...more }));
const LB = 'load_balancers[0]';

describe('advice on sound configurations', () => {
  it('there is none for a plain one', () => {
    expect(warnings(config())).toEqual([]);
    expect(one(proxied({ session_affinity: 'cookie' }))).toEqual([]);
  });

  it.each([
    [
      'LB-176 cookie affinity on a DNS-only balancer',
      balancer({ session_affinity: 'cookie' }),
      `${LB}.session_affinity: session_affinity "cookie" has no effect on a DNS-only balancer`,
    ],
    [
      'ip_cookie on a DNS-only balancer',
      balancer({ session_affinity: 'ip_cookie' }),
      `${LB}.session_affinity: session_affinity "ip_cookie" only picks`,
    ],
    [
      'a drain without affinity',
      proxied({ session_affinity_attributes: { drain_duration: 60 } }),
      `${LB}.session_affinity_attributes.drain_duration: `,
    ],
    [
      'rules on top of geo',
      proxied({ region_pools: { WEU: ['p1'] }, rules: [{ overrides: { steering_policy: 'off' } }] }),
      `${LB}.rules: the product’s manual`,
    ],
    [
      'a map that the policy does not look at',
      balancer({ steering_policy: 'random', region_pools: { WEU: ['p1'] } }),
      `${LB}.region_pools: region_pools is dormant`,
    ],
    [
      'geo without places',
      balancer({ steering_policy: 'geo' }),
      `${LB}.steering_policy: steering_policy "geo" without`,
    ],
    [
      'dynamic_latency without monitors',
      balancer({ steering_policy: 'dynamic_latency' }),
      `${LB}.steering_policy: dynamic_latency needs a monitor for round-trip times; without one: "p1", "p2"`,
    ],
    [
      'proximity without coordinates',
      balancer({ steering_policy: 'proximity' }),
      `${LB}.steering_policy: proximity needs coordinates; without any: "p1", "p2"`,
    ],
    ['a ttl on a proxied balancer', proxied({ ttl: 60 }), `${LB}.ttl: ttl has no effect on a proxied balancer`],
    [
      'a pool twice in a list',
      balancer({ default_pools: ['p1', 'p2', 'p1'] }),
      `${LB}.default_pools[2]: pool "p1" is twice in this list; it counts once`,
    ],
    [
      'an empty list for a place',
      balancer({ region_pools: { WEU: [], ENAM: ['p1'] } }),
      `${LB}.region_pools.WEU: WEU has no pools`,
    ],
    [
      'a PoP that is in no table',
      balancer({ pop_pools: { LHX: ['p1'] } }),
      `${LB}.pop_pools.LHX: no PoP with the code LHX is known`,
    ],
    [
      'a country that is in no table',
      balancer({ country_pools: { UK: ['p1'] } }),
      `${LB}.country_pools.UK: no country with the code UK is known`,
    ],
    [
      'a country in region_pools that is in no table',
      balancer({ region_pools: { ZZ: ['p1'] } }),
      `${LB}.region_pools.ZZ: no country`,
    ],
    [
      'two rules of one priority',
      balancer({
        rules: [
          { priority: 3, overrides: { ttl: 60 } },
          { priority: 3, overrides: { ttl: 60 } },
        ],
      }),
      `${LB}.rules[1].priority: rules[0] has the priority 3, too`,
    ],
    [
      'two rules of one name',
      balancer({
        rules: [
          { name: 'a', overrides: { ttl: 60 } },
          { name: 'a', overrides: { ttl: 60 } },
        ],
      }),
      `${LB}.rules[1].name: rules[0] has the name "a", too`,
    ],
    [
      'weights of a pool that is not drawn',
      balancer({ default_pools: ['p1'], steering_policy: 'random', random_steering: { pool_weights: { p2: 1 } } }),
      `${LB}.random_steering.pool_weights: pool_weights names "p2"`,
    ],
  ])('%s', (_, body, message) => {
    const found = one(body as Plain);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  it.each([
    [
      'a pool that nobody uses',
      { pools: [pool(), pool({ name: 'p2' }), pool({ name: 'p3' })] },
      'pools[2]: no balancer uses pool "p3"',
    ],
    ['a monitor that nobody uses', { monitors: [monitor()] }, 'monitors[0]: no pool uses monitor "m1"'],
    ['a railgun that nobody uses', { railguns: [{ name: 'wan' }] }, 'railguns[0]: no balancer uses railgun "wan"'],
    [
      'a railgun on a DNS-only balancer',
      { railguns: [{ name: 'wan' }], load_balancers: [balancer({ railgun: 'wan' })] },
      `${LB}.railgun: railgun has no effect`,
    ],
    [
      'more minimum_origins than origins',
      { pools: [pool({ minimum_origins: 2 }), pool({ name: 'p2' })] },
      'pools[0].minimum_origins: minimum_origins is 2, but only 1 of 1 origins are enabled: the pool is always critical',
    ],
    [
      'only weights of zero',
      { pools: [pool({ origins: [{ address: '192.0.2.1', weight: 0 }] }), pool({ name: 'p2' })] },
      'pools[0].origins: every enabled origin has weight 0',
    ],
    [
      'a group without a vote',
      { monitors: [monitor()], monitor_groups: [{ members: [{ monitor_id: 'm1', monitoring_only: true }] }] },
      'monitor_groups[0].members: no member of this group has a vote',
    ],
  ])('%s', (_, more, message) => {
    const found = warnings(config(more as Plain));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });
});

describe('the lenient profile', () => {
  const lenient = (value: Plain) => parseConfig(value, { profile: 'lenient' });

  it('ranges, formats and references are warnings, and the field counts as not given', () => {
    const { model, findings } = lenient(
      config({
        monitors: [monitor({ interval: 0, timeout: 0 })],
        pools: [pool({ monitor: 'gone', minimum_origins: 0, latitude: 5 }), pool({ name: 'p2' })],
        load_balancers: [
          balancer({
            networks: ['string'],
            ttl: 5,
            region_pools: { NOWHERE: ['p1'] },
            rules: [{ fixed_response: { status_code: 0 } }],
          }),
        ],
      }),
    );
    expect(errorsIn(findings)).toEqual([]);
    expect(model?.monitors[0]).toMatchObject({ intervalSeconds: 60, timeoutSeconds: 5 });
    expect(model?.pools[0]).toMatchObject({ monitor: undefined, minimumOrigins: 0, latitude: undefined });
    expect(model?.loadBalancers[0]).toMatchObject({
      ttlSeconds: 30,
      regionPools: new Map(),
      rules: [{ fixedResponse: { statusCode: 200 } }],
    });
  });

  it('an origin without an address and a balancer without pools are left out', () => {
    const { model, findings } = lenient(
      config({
        pools: [pool({ origins: [{}] }), pool({ name: 'p2' })],
        load_balancers: [balancer({ fallback_pool: 'gone' })],
      }),
    );
    expect(errorsIn(findings)).toEqual([]);
    expect(model?.pools[0]?.origins).toEqual([]);
    expect(model?.loadBalancers).toEqual([]);
  });

  it('wrong types and unknown keys stay errors', () => {
    expect(lenient(config({ pools: [pool({ enabled: 'yes' }), pool({ name: 'p2' })] })).model).toBeUndefined();
    expect(lenient(config({ pols: [] })).model).toBeUndefined();
  });
});
