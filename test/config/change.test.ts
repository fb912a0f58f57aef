import { describe, expect, it } from 'vitest';
import { applyChange, applyChanges, mergeObject, replaceObject } from '../../src/config/change.ts';
import { parseConfig } from '../../src/config/config-file.ts';
import { configHash } from '../../src/config/hash.ts';
import type { Micros } from '../../src/core/time.ts';
import { balancer, config, monitor, type Plain, pool } from './support.ts';

const NOON = 1_772_366_400_000_000 as Micros;
const LATER = (NOON + 60_000_000) as Micros;

function changed(raw: unknown, target: string, fields: unknown, at: Micros = NOON): Plain {
  const result = applyChange(raw, target, fields, at);
  if (!result.ok) throw new Error(result.message);
  return result.value as Plain;
}

describe('PATCH and PUT', () => {
  const stored: Plain = {
    ...balancer({ region_pools: { WEU: ['p1'] }, pool_sets: [{ overrides: { pools: ['p1'] } }] }),
    id: 'x',
    created_on: '2026-01-01T00:00:00.000000Z',
    modified_on: '2026-01-01T00:00:00.000000Z',
  };

  it('LB-024 PATCH without region_pools leaves the map; with it, replaces it whole', () => {
    expect(mergeObject('load_balancer', stored, { enabled: false }, NOON)).toMatchObject({
      region_pools: { WEU: ['p1'] },
      enabled: false,
    });
    expect(mergeObject('load_balancer', stored, { region_pools: { ENAM: ['p2'] } }, NOON)).toMatchObject({
      region_pools: { ENAM: ['p2'] },
    });
  });

  it('LB-025 PUT without region_pools empties the map', () => {
    const after = replaceObject('load_balancer', stored, balancer(), NOON);
    expect(after['region_pools']).toBeUndefined();
    const read = parseConfig(config({ load_balancers: [after] }));
    expect(read.model?.loadBalancers[0]?.regionPools.size).toBe(0);
  });

  it.each([mergeObject, replaceObject])('LB-026 id and timestamps in a body are ignored (%o)', (write) => {
    const after = write(
      'load_balancer',
      stored,
      { ...balancer(), id: 'y', created_on: '1999-01-01T00:00:00Z', modified_on: '1999-01-01T00:00:00Z' },
      NOON,
    );
    expect(after).toMatchObject({ id: 'x', created_on: stored['created_on'] });
    expect(after['modified_on']).not.toBe('1999-01-01T00:00:00Z');
  });

  it.each([mergeObject, replaceObject])(
    'LB-027 modified_on advances with every write, created_on never (%o)',
    (write) => {
      const first = write('load_balancer', stored, balancer(), NOON);
      const second = write('load_balancer', first, balancer(), NOON);
      const third = write('load_balancer', second, balancer(), LATER);
      const stamps = [stored, first, second, third].map((each) => String(each['modified_on']));
      expect(stamps).toEqual([...new Set(stamps)].sort());
      expect([first, second, third].map((each) => each['created_on'])).toEqual(Array(3).fill(stored['created_on']));
    },
  );

  it('LB-253 pool_sets [] clears, null and leaving out change nothing', () => {
    expect(mergeObject('load_balancer', stored, { pool_sets: [] }, NOON)['pool_sets']).toEqual([]);
    expect(mergeObject('load_balancer', stored, { pool_sets: null }, NOON)['pool_sets']).toEqual(stored['pool_sets']);
    expect(mergeObject('load_balancer', stored, {}, NOON)['pool_sets']).toEqual(stored['pool_sets']);
  });

  it('LB-044 a disabled pool has disabled_at, which stays until it is enabled', () => {
    const off = mergeObject('pool', pool(), { enabled: false }, NOON);
    expect(off['disabled_at']).toBe('2026-03-01T12:00:00.000000Z');
    expect(mergeObject('pool', off, { enabled: false, description: 'x' }, LATER)['disabled_at']).toBe(
      '2026-03-01T12:00:00.000000Z',
    );
    expect(mergeObject('pool', off, { enabled: true }, LATER)).not.toHaveProperty('disabled_at');
    expect(mergeObject('pool', off, { disabled_at: '1999-01-01T00:00:00Z' }, LATER)['disabled_at']).toBe(
      '2026-03-01T12:00:00.000000Z',
    );
  });

  it('LB-044 so has an origin, also when the list of origins is written as a whole', () => {
    const origins = [
      { name: 'o1', address: '192.0.2.1', enabled: false },
      { name: 'o2', address: '192.0.2.2' },
    ];
    const off = mergeObject('pool', pool(), { origins }, NOON);
    expect(off['origins']).toEqual([{ ...origins[0], disabled_at: '2026-03-01T12:00:00.000000Z' }, origins[1]]);
    const again = mergeObject('pool', off, { origins: [origins[1], origins[0]] }, LATER);
    expect(again['origins']).toEqual([origins[1], { ...origins[0], disabled_at: '2026-03-01T12:00:00.000000Z' }]);
    const on = mergeObject('pool', off, { origins: [{ name: 'o1', address: '192.0.2.1' }, origins[1]] }, LATER);
    expect(on['origins']).toEqual([{ name: 'o1', address: '192.0.2.1' }, origins[1]]);
  });

  it('a __proto__ in a body is dropped', () => {
    const body = JSON.parse('{"__proto__": {"enabled": false}, "description": "d"}') as Plain;
    const after = mergeObject('pool', pool(), body, NOON);
    expect(after['description']).toBe('d');
    expect(after['enabled']).toBeUndefined();
  });
});

describe('changes of a scenario', () => {
  const raw = config({
    monitors: [monitor(), { type: 'tcp', port: 1 }],
    zones: [{ name: 'example.com' }],
    railguns: [{ name: 'wan' }],
    pools: [pool({ monitor: 'm1' }), pool({ id: 'id2', name: 'p2' })],
  });

  it.each([
    ['load_balancer/www.example.com', 'load_balancers'],
    ['load_balancer/www', 'load_balancers'],
    ['load_balancer/WWW.example.com.', 'load_balancers'],
    ['pool/p1', 'pools'],
    ['monitor/m1', 'monitors'],
    ['zone/example.com', 'zones'],
    ['railgun/wan', 'railguns'],
  ])('%s is found', (target, section) => {
    const after = changed(raw, target, { description: 'new' });
    expect((after[section] as Plain[])[0]).toMatchObject({ description: 'new' });
  });

  it('a pool is found by id, a monitor without one by its place, an origin by name or address', () => {
    expect((changed(raw, 'pool/id2', { enabled: false })['pools'] as Plain[])[1]).toMatchObject({ enabled: false });
    expect((changed(raw, 'monitor/monitor-2', { port: 2 })['monitors'] as Plain[])[1]).toMatchObject({ port: 2 });
    for (const name of ['o1', '192.0.2.1']) {
      expect(changed(raw, `origin/p1/${name}`, { enabled: false })['pools']).toMatchObject([
        { origins: [{ enabled: false, disabled_at: '2026-03-01T12:00:00.000000Z' }] },
        {},
      ]);
    }
  });

  it('what was handed in stays as it was', () => {
    const before = JSON.stringify(raw);
    changed(raw, 'origin/p1/o1', { enabled: false });
    changed(raw, 'pool/p1', { enabled: false });
    expect(JSON.stringify(raw)).toBe(before);
  });

  it('the changed configuration parses, and the drain begins at the moment of the change', () => {
    const off = parseConfig(changed(raw, 'origin/p1/o1', { enabled: false }));
    expect(off.model?.pools[0]?.origins[0]).toMatchObject({ enabled: false, disabledAt: NOON });
    const policy = parseConfig(changed(raw, 'load_balancer/www', { steering_policy: 'random' }));
    expect(policy.model?.loadBalancers[0]?.steeringPolicy).toBe('random');
    const wrong = parseConfig(changed(raw, 'load_balancer/www', { steering_policy: 'rondom' }));
    expect(wrong.model).toBeUndefined();
  });

  it('several changes at once are laid one over the other', () => {
    const result = applyChanges(raw, { 'pool/p1': { enabled: false }, 'origin/p1/o1': { weight: 0.5 } }, NOON);
    expect(result).toMatchObject({ ok: true, value: { pools: [{ enabled: false, origins: [{ weight: 0.5 }] }, {}] } });
  });

  it.each([
    ['pools/p1', 'unknown target "pools/p1"', 'did you mean "pool"?'],
    ['pool/p3', 'there is no pool "p3"', 'known: p1, p2, id2'],
    ['origin/p1/o9', 'there is no origin "o9"', 'known: o1'],
    ['pool/id3', 'there is no pool "id3"', 'did you mean "id2"?'],
    ['origin/px/o1', 'there is no pool "px"', ''],
    ['load_balancer/shop', 'there is no load balancer "shop"', 'known: www.example.com'],
    ['__proto__/x', 'unknown target "__proto__/x"', 'begin with'],
    ['constructor', 'unknown target "constructor"', ''],
    ['', 'unknown target ""', ''],
  ])('%s is not there', (target, message, hint) => {
    const result = applyChange(raw, target, {}, NOON);
    expect(result).toMatchObject({ ok: false, message });
    expect(!result.ok && result.hint).toContain(hint);
  });

  it('fields that are no object are refused', () => {
    expect(applyChange(raw, 'pool/p1', 'off', NOON)).toMatchObject({ ok: false });
    expect(applyChange('text', 'pool/p1', {}, NOON)).toMatchObject({ ok: false });
  });
});

describe('the hash of a configuration', () => {
  it('is 12 hex digits, the same whatever the order of keys, another for another value', () => {
    const one = configHash({ a: 1, b: [{ c: 2, d: 3 }] });
    expect(one).toMatch(/^[0-9a-f]{12}$/);
    expect(configHash({ b: [{ d: 3, c: 2 }], a: 1 })).toBe(one);
    expect(configHash({ a: 1, b: [{ c: 2, d: 4 }] })).not.toBe(one);
    expect(configHash({ a: 1, b: [{ c: 2, d: 3, e: undefined }] })).toBe(one);
    expect(configHash([1, 2])).not.toBe(configHash([2, 1]));
    expect(
      configHash(
        new Map([
          ['a', 1],
          ['b', 2],
        ]),
      ),
    ).toBe(
      configHash(
        new Map([
          ['b', 2],
          ['a', 1],
        ]),
      ),
    );
  });

  it('two spellings of one configuration make one model and one hash', () => {
    const hash = (value: Plain): string => configHash(parseConfig(value).model);
    expect(hash(config())).toBe(
      hash(config({ load_balancers: [balancer({ name: 'WWW.example.com.', enabled: true, proxied: null })] })),
    );
    expect(hash(config())).not.toBe(hash(config({ load_balancers: [balancer({ enabled: false })] })));
  });
});
