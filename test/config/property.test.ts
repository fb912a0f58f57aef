/** Any sound configuration is read; spoil any one field of it and that very field is named. */
import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { parseConfig } from '../../src/config/config-file.ts';
import type { Path } from '../../src/config/document.ts';
import { printPath } from '../../src/config/document.ts';
import { configHash } from '../../src/config/hash.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { errorsIn } from './support.ts';

const POOLS = ['p0', 'p1', 'p2'];
const REGIONS = ['WNAM', 'ENAM', 'WEU', 'EEU', 'NSAM', 'SSAM', 'OC', 'ME', 'NAF', 'SAF', 'SAS', 'SEAS', 'NEAS'];
const HEX = fc.constantFrom('192.0.2.', '198.51.100.', '2001:db8::');

/** A record with each field there or not. */
const some = <T extends Record<string, fc.Arbitrary<unknown>>>(
  must: T,
  may: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<Record<string, unknown>> =>
  fc.tuple(fc.record(must), fc.record(may, { requiredKeys: [] })).map(([a, b]) => ({ ...a, ...b }));

const poolIds = fc.uniqueArray(fc.constantFrom(...POOLS), { minLength: 1 });
const hundredths = fc.nat({ max: 100 }).map((n) => n / 100);
const tenths = fc.nat({ max: 10 }).map((n) => n / 10);
const places = (codes: readonly string[]): fc.Arbitrary<unknown> =>
  fc.dictionary(fc.constantFrom(...codes), poolIds, { maxKeys: 3 });
const words = fc.string({ maxLength: 20 });

const origins = fc
  .array(
    some({}, { weight: hundredths, port: fc.nat({ max: 65_535 }), enabled: fc.boolean(), flatten_cname: fc.boolean() }),
    { minLength: 1, maxLength: 4 },
  )
  .chain((list) =>
    HEX.map((prefix) =>
      list.map((origin, index) => ({ ...origin, name: `o${index}`, address: `${prefix}${index + 1}` })),
    ),
  );

const pool = (name: string): fc.Arbitrary<unknown> =>
  some(
    { name: fc.constant(name), origins },
    {
      description: words,
      enabled: fc.boolean(),
      minimum_origins: fc.nat({ max: 5 }),
      monitor: fc.constantFrom('m0', 'm1'),
      check_regions: fc.uniqueArray(fc.constantFrom(...REGIONS, 'ALL_REGIONS'), { minLength: 1, maxLength: 4 }),
      health_sources: fc.constant(['regional', 'global']),
      origin_steering: fc.record({
        policy: fc.constantFrom('random', 'hash', 'least_outstanding_requests', 'least_connections'),
      }),
      load_shedding: fc.record({
        default_percent: fc.nat({ max: 100 }),
        default_policy: fc.constantFrom('random', 'hash'),
        session_percent: fc.nat({ max: 100 }),
      }),
      notification_email: words,
    },
  );

const monitor = (id: string): fc.Arbitrary<unknown> =>
  some(
    { id: fc.constant(id) },
    {
      type: fc.constantFrom('http', 'https', 'icmp_ping'),
      path: fc.constantFrom('/', '/health'),
      port: fc.nat({ max: 65_535 }),
      timeout: fc.integer({ min: 1, max: 10 }),
      retries: fc.nat({ max: 5 }),
      interval: fc.integer({ min: 10, max: 3600 }),
      expected_codes: fc.constantFrom('200', '2xx', '200,301'),
      expected_body: words,
      header: fc.constant({ Host: ['www.example.com'], 'X-A': ['b', 'c'] }),
      consecutive_up: fc.nat({ max: 9 }),
      consecutive_down: fc.nat({ max: 9 }),
      follow_redirects: fc.boolean(),
    },
  );

const steering = {
  region_pools: places([...REGIONS, 'DE', 'FR']),
  country_pools: places(['DE', 'FR', 'ME']),
  pop_pools: places(['LHR', 'FRA', 'IAD']),
  steering_policy: fc.constantFrom(
    'off',
    'geo',
    'random',
    'dynamic_latency',
    'proximity',
    'least_outstanding_requests',
    'least_connections',
    '',
  ),
  adaptive_routing: fc.record({ failover_across_pools: fc.boolean() }),
  location_strategy: fc.record({
    mode: fc.constantFrom('pop', 'resolver_ip'),
    prefer_ecs: fc.constantFrom('always', 'never', 'proximity', 'geo'),
  }),
  random_steering: fc.record({
    default_weight: tenths,
    pool_weights: fc.dictionary(fc.constantFrom(...POOLS), hundredths),
  }),
  session_affinity: fc.constantFrom('none', 'cookie', 'ip_cookie', 'header', ''),
};

const balancer = some(
  { name: fc.constant('www.example.com'), default_pools: poolIds, fallback_pool: fc.constantFrom(...POOLS) },
  {
    ...steering,
    description: words,
    enabled: fc.boolean(),
    proxied: fc.boolean(),
    ttl: fc.integer({ min: 30, max: 600 }),
    session_affinity_ttl: fc.integer({ min: 1800, max: 3600 }),
    rules: fc.array(
      some(
        { overrides: some({ default_pools: poolIds }, steering) },
        {
          name: fc.string({ minLength: 1, maxLength: 10 }),
          priority: fc.nat({ max: 9 }),
          disabled: fc.boolean(),
          terminates: fc.boolean(),
          condition: fc.constantFrom('', 'ip.src in {192.0.2.0/24}', 'http.host eq "a" or dns.qry.qu'),
        },
      ),
      { maxLength: 3 },
    ),
    pool_sets: fc.array(
      some(
        { overrides: fc.record({ pools: poolIds }) },
        {
          name: words,
          disabled: fc.boolean(),
          match: fc.constantFrom({ default: true }, { topology: { regions: ['WEU'], pops: ['LHR'] } }),
        },
      ),
      { maxLength: 2 },
    ),
  },
).map((body) => ({
  ...body,
  session_affinity_attributes: {
    headers: ['x-user', 'cookie:sid'],
    samesite: 'Lax',
    drain_duration: 60,
    zero_downtime_failover: 'temporary',
  },
}));

const configuration = fc.record({
  version: fc.constant(1),
  pools: fc.tuple(...POOLS.map(pool)),
  monitors: fc.tuple(monitor('m0'), monitor('m1')),
  load_balancers: fc.tuple(balancer),
  zones: fc.constant([
    {
      name: 'example.com',
      always_use_https: true,
      soa: { serial: 3 },
      records: [{ name: 'www', type: 'A', content: '192.0.2.9', ttl: 60 }],
    },
  ]),
  railguns: fc.constant([{ name: 'wan', enabled: true, port: 2408 }]),
});

test.prop([configuration])(
  'a sound configuration is read, the same from a value, from JSON and from YAML flow',
  (value) => {
    const { model, findings } = parseConfig(value);
    expect(errorsIn(findings)).toEqual([]);
    const loaded = loadConfig(JSON.stringify(value), 'f.json');
    expect(loaded.ok && configHash(loaded.value.model)).toBe(configHash(model));
    expect(model?.pools.map((each) => each.id)).toEqual(POOLS);
  },
);

/** Every path in a value, the root left out. */
function pathsIn(value: unknown, at: Path = []): Path[] {
  const children: [string | number, unknown][] = Array.isArray(value)
    ? value.map((child, index) => [index, child])
    : typeof value === 'object' && value !== null
      ? Object.entries(value)
      : [];
  return children.flatMap(([key, child]) => [[...at, key], ...pathsIn(child, [...at, key])]);
}

function replaced(value: unknown, path: Path, make: (old: unknown) => unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return make(value);
  if (Array.isArray(value)) return value.with(Number(first), replaced(value[Number(first)], rest, make));
  const record = value as Record<string, unknown>;
  return { ...record, [first]: replaced(record[first], rest, make) };
}

/** A value of a type that the field cannot have. */
function spoil(old: unknown): unknown {
  return typeof old === 'object' ? 'spoilt' : { spoilt: true };
}

test.prop([configuration, fc.nat()])('any one field with a wrong type is named by its path', (value, pick) => {
  const paths = pathsIn(value);
  const path = paths[pick % paths.length] as Path;
  const { model, findings } = parseConfig(replaced(value, path, spoil));
  expect(model).toBeUndefined();
  const named = findings.filter((finding) => finding.severity === 'error').map((finding) => printPath(finding.path));
  expect(named).toContain(printPath(path));
});

test.prop([configuration, fc.nat(), fc.constantFrom('nonsense', 'Proxied', 'x')])(
  'any one unknown key is named by its path',
  (value, pick, key) => {
    const objects = [[], ...pathsIn(value)].filter((path) => {
      const last = path.at(-1);
      const parent = path.at(-2);
      const at = path.reduce<unknown>((here, part) => (here as Record<string | number, unknown>)[part], value);
      // Maps take any key; what they hold is checked elsewhere.
      const isMap =
        ['region_pools', 'country_pools', 'pop_pools', 'pool_weights', 'header'].includes(String(last)) ||
        parent === 'header';
      return typeof at === 'object' && at !== null && !Array.isArray(at) && !isMap;
    });
    const path = objects[pick % objects.length] as Path;
    const { findings } = parseConfig(replaced(value, path, (old) => ({ ...(old as object), [key]: 1 })));
    expect(findings.map((finding) => [finding.kind, printPath(finding.path)])).toContainEqual([
      'unknown_key',
      printPath([...path, key]),
    ]);
  },
);

test.prop([configuration, fc.nat()])(
  'leaving out any one required field is named, and nothing else but a problem comes of it',
  (value, pick) => {
    const required = [
      ['version'],
      ['load_balancers', 0, 'name'],
      ['load_balancers', 0, 'default_pools'],
      ['load_balancers', 0, 'fallback_pool'],
      ['pools', 1, 'name'],
      ['pools', 2, 'origins'],
      ['pools', 0, 'origins', 0, 'address'],
      ['zones', 0, 'name'],
      ['railguns', 0, 'name'],
    ];
    const path = required[pick % required.length] as Path;
    const { model, findings } = parseConfig(replaced(value, path, () => undefined));
    expect(model).toBeUndefined();
    expect(errorsIn(findings)).toContain(`${printPath(path)}: ${String(path.at(-1))} is required`);
  },
);
