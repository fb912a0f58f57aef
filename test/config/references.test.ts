import { describe, expect, it } from 'vitest';
import { referencesOf, referrersOf } from '../../src/config/references.ts';
import { balancer, config, modelOf, monitor, type Plain, pool } from './support.ts';

const withThird = (fields: Plain) =>
  modelOf(
    config({
      pools: [pool(), pool({ name: 'p2' }), pool({ name: 'p3' })],
      load_balancers: [balancer({ steering_policy: 'off', ...fields })],
    }),
  );

describe('LB-042 a pool that a balancer names cannot be deleted', () => {
  it.each([
    ['default_pools', { default_pools: ['p3'] }],
    ['fallback_pool', { fallback_pool: 'p3' }],
    ['region_pools.WEU', { region_pools: { WEU: ['p3'] } }],
    ['region_pools.DE', { region_pools: { DE: ['p1', 'p3'] } }],
    ['country_pools.DE', { country_pools: { DE: ['p3'] } }],
    ['pop_pools.LHR', { pop_pools: { LHR: ['p3'] } }],
    ['rules[0].overrides.default_pools', { rules: [{ overrides: { default_pools: ['p3'] } }] }],
    ['rules[0].overrides.fallback_pool', { rules: [{ disabled: true, overrides: { fallback_pool: 'p3' } }] }],
    ['rules[0].overrides.pop_pools.LHR', { rules: [{ overrides: { pop_pools: { LHR: ['p3'] } } }] }],
    ['pool_sets[0].overrides.pools', { pool_sets: [{ overrides: { pools: ['p3'] } }] }],
    [
      'pool_sets[0].overrides.fallback_pool',
      { pool_sets: [{ disabled: true, overrides: { pools: ['p1'], fallback_pool: 'p3' } }] },
    ],
  ])('%s, also where the policy ignores it', (through, fields) => {
    expect(referrersOf(withThird(fields), 'p3')).toEqual([
      {
        type: 'referrer',
        resourceType: 'load_balancer',
        resourceId: 'www.example.com',
        resourceName: 'www.example.com',
        through: [through],
      },
    ]);
  });

  it('a pool that nobody names may go', () => {
    expect(referrersOf(withThird({}), 'p3')).toEqual([]);
    expect(referrersOf(withThird({}), 'p9')).toEqual([]);
  });
});

it('LB-043 a monitor that a pool or group has attached cannot be deleted', () => {
  const model = modelOf(
    config({
      monitors: [monitor(), monitor({ id: 'm2' }), monitor({ id: 'm3' })],
      monitor_groups: [{ id: 'g', members: [{ monitor_id: 'm2' }] }],
      pools: [pool({ monitor: 'm1' }), pool({ name: 'p2', monitor_group: 'g' })],
    }),
  );
  expect(referrersOf(model, 'm1')).toMatchObject([{ resourceType: 'pool', resourceId: 'p1', through: ['monitor'] }]);
  expect(referrersOf(model, 'm2')).toMatchObject([
    { resourceType: 'monitor_group', resourceId: 'g', through: ['members[0]'] },
  ]);
  expect(referrersOf(model, 'g')).toMatchObject([{ resourceType: 'pool', resourceId: 'p2' }]);
  expect(referrersOf(model, 'm3')).toEqual([]);
});

it('LB-239 the references of a pool are its balancers as referrers and its monitor as referral', () => {
  const model = modelOf(
    config({ monitors: [monitor({ description: 'home' })], pools: [pool({ monitor: 'm1' }), pool({ name: 'p2' })] }),
  );
  expect(referencesOf(model, 'p1')).toEqual([
    {
      type: 'referrer',
      resourceType: 'load_balancer',
      resourceId: 'www.example.com',
      resourceName: 'www.example.com',
      through: ['default_pools'],
    },
    { type: 'referral', resourceType: 'monitor', resourceId: 'm1', resourceName: 'home', through: ['monitor'] },
  ]);
});
