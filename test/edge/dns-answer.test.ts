/** Real configuration files, real steering, a real locator; only health, resolving names and chance are made up. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load-config.ts';
import type { HealthView, LoadView, OriginHealth, PoolHealth } from '../../src/core/health-view.ts';
import type { Model } from '../../src/core/model.ts';
import { seededRandom } from '../../src/core/random.ts';
import { fromSeconds } from '../../src/core/time.ts';
import {
  answerQuestion,
  type DnsAnswer,
  type DnsQuestion,
  type DnsWorld,
  type NameLookup,
} from '../../src/edge/dns-answer.ts';
import { findName, indexNames } from '../../src/edge/records.ts';
import { Locator, type Place } from '../../src/geo/locate.ts';
import { hashAddress } from '../../src/steering/hash.ts';
import { compileBalancer } from '../../src/steering/plan.ts';
import { steer } from '../../src/steering/steer.ts';

const POOLS = `
pools:
  - { id: p1, name: p1, monitor: m, origins: [{ name: a, address: 192.0.2.1 }, { name: b, address: 192.0.2.2 }, { name: c, address: 192.0.2.3 }] }
  - { id: p2, name: p2, monitor: m, origins: [{ name: a, address: 198.51.100.1, weight: 0.25 }, { name: b, address: 198.51.100.2, weight: 0.75 }] }
  - { id: fb, name: fb, origins: [{ name: a, address: 203.0.113.1 }, { name: b, address: 203.0.113.2, enabled: false }] }
  - { id: v6, name: v6, origins: [{ name: four, address: 192.0.2.9, weight: 0.5 }, { name: six, address: "2001:db8::9" }, { name: six2, address: "2001:db8::a" }] }
  - { id: named, name: named, origins: [{ name: n, address: web.origin.net }] }
  - { id: alias, name: alias, origins: [{ name: n, address: web.origin.net, flatten_cname: false }] }
  - { id: tokyo, name: tokyo, latitude: 35.7, longitude: 139.7, origins: [{ name: t, address: 192.0.2.50 }] }
  - { id: paris, name: paris, latitude: 48.9, longitude: 2.3, origins: [{ name: p, address: 192.0.2.60 }] }
monitors:
  - { id: m, type: tcp, port: 80 }
`;

const ZONE = `
zones:
  - name: example.com
    soa: { mname: ns.example.com, rname: admin.example.com, serial: 7, min_ttl: 900 }
    records:
      - { name: www, type: A, content: 198.18.0.1, ttl: 120 }
      - { name: www, type: AAAA, content: "2001:db8::1" }
      - { name: www, type: MX, content: mail.example.com, priority: 5 }
      - { name: www, type: TXT, content: hello }
      - { name: y, type: A, content: 198.18.0.2 }
      - { name: "*", type: A, content: 198.18.0.3 }
      - { name: "*.wild.example.com", type: TXT, content: any }
      - { name: orange, type: A, content: 198.18.0.4, proxied: true }
      - { name: to-www, type: CNAME, content: www.example.com, ttl: 60 }
      - { name: away, type: CNAME, content: elsewhere.net }
      - { name: "*.spin.example.com", type: CNAME, content: a.spin.example.com }
      - { name: deep.down.example.com, type: A, content: 198.18.0.5 }
`;

/** The balancer at www.example.com with these fields, and the rest of the file. */
function model(fields: string, more = '', zone = ZONE, pools = POOLS): Model {
  const text = `version: 1\n${pools}${zone}load_balancers:\n  - { id: lb, name: www.example.com, fallback_pool: fb, default_pools: [p1, p2], ${fields} }\n${more}`;
  const loaded = loadConfig(text, 'test.yaml');
  if (!loaded.ok) throw new Error(loaded.problems.map((problem) => `${problem.path}: ${problem.message}`).join('\n'));
  return loaded.value.model;
}

interface Setting {
  readonly pools?: Readonly<Record<string, PoolHealth>>;
  readonly origins?: Readonly<Record<string, OriginHealth>>;
  readonly names?: Readonly<Record<string, readonly string[]>>;
  readonly seed?: string;
  readonly places?: Readonly<Record<string, string>>;
}

const idle: LoadView = {
  poolOutstanding: () => 99,
  poolConnections: () => 99,
  originOutstanding: () => 99,
  originConnections: () => 99,
};

function world(of: Model, setting: Setting = {}): DnsWorld {
  const health: HealthView = {
    version: 0,
    pool: (index) =>
      setting.pools?.[of.pools[index]!.id] ?? (of.pools[index]!.monitor === undefined ? 'unmonitored' : 'healthy'),
    origin(index, at) {
      const pool = of.pools[index]!;
      return (
        setting.origins?.[`${pool.id}/${pool.origins[at]!.name}`] ??
        (pool.monitor === undefined ? 'unmonitored' : 'healthy')
      );
    },
    rttUs: () => undefined,
  };
  const names: NameLookup = {
    resolves: (hostname) => (setting.names?.[hostname]?.length ?? 0) > 0,
    addresses: (hostname, family) =>
      (setting.names?.[hostname] ?? []).filter((text) => text.includes(':') === (family === 6)),
  };
  const random = seededRandom(setting.seed ?? 'dns');
  const networks = new Map(Object.entries(setting.places ?? {}).map(([network, country]) => [network, { country }]));
  const plans = of.loadBalancers.map((_, index) => compileBalancer(of, index));
  return {
    locator: new Locator({ networks }),
    health,
    names,
    random,
    edge: { v4: ['10.9.9.1', '10.9.9.2'], v6: ['fd00::9'] },
    steer: (balancer, query) =>
      steer(
        plans[balancer]!,
        {
          location: query.location,
          clientHash: hashAddress(query.resolver),
          clientAddress: query.resolver,
          claim: undefined,
          facts: { kind: 'dns', name: query.name, type: query.type, clientSubnet: query.clientSubnet },
        },
        { health, load: idle, names, random, now: fromSeconds(1_772_366_400) },
      ),
  };
}

const question = (name: string, type = 'A', more: Partial<DnsQuestion> = {}): DnsQuestion => ({
  name,
  type,
  resolver: '9.9.9.9',
  pop: 'LHR',
  ...more,
});

function ask(of: Model, asked: DnsQuestion, setting?: Setting): DnsAnswer {
  return answerQuestion(indexNames(of), asked, world(of, setting));
}

/** `NOERROR A 192.0.2.1 A 192.0.2.2 | SOA`, contents sorted. */
function told(answer: DnsAnswer): string {
  const list = (records: DnsAnswer['answers']): string =>
    records
      .map((record) => (record.type === 'SOA' ? `SOA ${record.name}` : `${record.type} ${record.content}`))
      .sort()
      .join(' ');
  const authority = answer.authority.length === 0 ? '' : ` | ${list(answer.authority)}`;
  return `${answer.rcode} ${list(answer.answers)}${authority}`.replace('  ', ' ').trim();
}

const ALL_P1 = 'NOERROR A 192.0.2.1 A 192.0.2.2 A 192.0.2.3';
const EDGE = 'NOERROR A 10.9.9.1 A 10.9.9.2';
const EMPTY = 'NOERROR | SOA example.com';
const FALLBACK = 'NOERROR A 203.0.113.1';

describe('who answers for a name', () => {
  const wild = () => `  - { id: wild, name: "*.example.com", fallback_pool: fb, default_pools: [p1] }\n`;
  const disabled = 'enabled: false';
  const bare = ZONE.replace(/.*name: www, type: A.*\n/g, '');
  const gone = bare.replace(/.*name: www, type: (MX|TXT).*\n/g, '').replace(/.*name: "\*", type: A.*\n/, '');

  it.each([
    { name: 'LB-045 the balancer, not the A record of its name', lb: '', q: 'www.example.com', says: ALL_P1 },
    { name: 'LB-045 nor the AAAA record', lb: '', q: 'www.example.com', type: 'AAAA', says: EMPTY },
    {
      name: 'LB-046 MX comes from the zone',
      lb: '',
      q: 'www.example.com',
      type: 'MX',
      says: 'NOERROR MX mail.example.com',
    },
    { name: 'LB-046 TXT comes from the zone', lb: '', q: 'www.example.com', type: 'TXT', says: 'NOERROR TXT hello' },
    {
      name: 'LB-046 with a proxied balancer too',
      lb: 'proxied: true',
      q: 'www.example.com',
      type: 'MX',
      says: 'NOERROR MX mail.example.com',
    },
    { name: 'LB-048 disabled: the A record', lb: disabled, q: 'www.example.com', says: 'NOERROR A 198.18.0.1' },
    {
      name: 'LB-048 disabled and proxied: the A record',
      lb: `${disabled}, proxied: true`,
      q: 'www.example.com',
      says: 'NOERROR A 198.18.0.1',
    },
    {
      name: 'LB-049 disabled, and no record of the name: no such name',
      lb: disabled,
      q: 'www.example.com',
      zone: gone,
      says: 'NXDOMAIN | SOA example.com',
    },
    {
      name: 'LB-049 disabled, and only records of other types: nothing of this type',
      lb: disabled,
      q: 'www.example.com',
      zone: bare,
      says: EMPTY,
    },
    {
      name: 'LB-051 a name whose balancer was deleted answers as one whose balancer is disabled',
      lb: '',
      q: 'deleted.example.com',
      zone: gone,
      says: 'NXDOMAIN | SOA example.com',
    },
    {
      name: 'LB-052 a record of the exact name beats a wildcard balancer',
      lb: '',
      more: wild(),
      q: 'y.example.com',
      says: 'NOERROR A 198.18.0.2',
    },
    {
      name: 'LB-053 a wildcard balancer beats a wildcard record',
      lb: '',
      more: wild(),
      q: 'z.example.com',
      says: ALL_P1,
    },
    {
      name: 'a balancer of the exact name beats a wildcard balancer',
      lb: 'description: exact',
      more: wild().replace('[p1]', '[fb]'),
      q: 'www.example.com',
      says: ALL_P1,
    },
    { name: 'a wildcard reaches names of several labels', lb: '', more: wild(), q: 'a.b.example.com', says: ALL_P1 },
    {
      name: 'but nothing below a name that exists',
      lb: '',
      more: wild(),
      q: 'a.www.example.com',
      says: 'NXDOMAIN | SOA example.com',
    },
    { name: 'nor a name that only has names below it', lb: '', more: wild(), q: 'down.example.com', says: EMPTY },
    {
      name: 'a wildcard record of another type',
      lb: '',
      q: 'x.wild.example.com',
      type: 'TXT',
      says: 'NOERROR TXT any',
    },
    { name: 'a type that the wildcard has not', lb: '', q: 'x.wild.example.com', says: EMPTY },
    {
      name: 'a disabled balancer lets a wildcard through',
      lb: disabled,
      zone: gone,
      more: wild(),
      q: 'www.example.com',
      says: ALL_P1,
    },
    { name: 'a name in no zone of ours', lb: '', q: 'example.org', says: 'REFUSED' },
    { name: 'a name that only ends like our zone', lb: '', q: 'notexample.com', says: 'REFUSED' },
    { name: 'capitals and a trailing dot', lb: '', q: 'WWW.Example.COM.', says: ALL_P1 },
    { name: 'SOA at the apex', lb: '', q: 'example.com', type: 'SOA', says: 'NOERROR SOA example.com' },
    { name: 'SOA elsewhere', lb: '', q: 'www.example.com', type: 'SOA', says: EMPTY },
    { name: 'a proxied record', lb: '', q: 'orange.example.com', says: EDGE },
    {
      name: 'a CNAME into our zone is followed',
      lb: '',
      q: 'to-www.example.com',
      says: `NOERROR A 192.0.2.1 A 192.0.2.2 A 192.0.2.3 CNAME www.example.com`,
    },
    { name: 'a CNAME itself', lb: '', q: 'to-www.example.com', type: 'CNAME', says: 'NOERROR CNAME www.example.com' },
    {
      name: 'a CNAME out of our zones is given as it is',
      lb: '',
      q: 'away.example.com',
      says: 'NOERROR CNAME elsewhere.net',
    },
    {
      name: 'a CNAME that goes round through a wildcard, which no reader of files sees',
      lb: '',
      q: 'b.spin.example.com',
      says: 'SERVFAIL',
    },
    { name: 'ANY gets a small answer', lb: '', q: 'www.example.com', type: 'ANY', says: 'NOERROR HINFO RFC8482' },
    { name: 'a type nobody has', lb: '', q: 'www.example.com', type: 'HTTPS', says: EMPTY },
  ])('$name', ({ lb, q, type, zone, more, says }) => {
    expect(told(ask(model(lb, more, zone), question(q, type)))).toBe(says);
  });

  it('LB-047 a balancer adds no record to the zone', () => {
    const of = model('', '', 'zones: [{ name: example.com }]\n');
    expect(of.zones[0]?.records).toEqual([]);
    expect(findName(indexNames(of), 'www.example.com')).toMatchObject({
      kind: 'found',
      owner: { balancer: 0, records: [] },
    });
  });

  it('LB-050 a disabled balancer: steering is not even asked', () => {
    const of = model(disabled);
    const never: DnsWorld = { ...world(of), steer: () => expect.unreachable('steering was asked') };
    for (const type of ['A', 'AAAA', 'CNAME']) {
      const answer = answerQuestion(indexNames(of), question('www.example.com', type), never);
      expect(told(answer)).not.toMatch(/192\.0\.2\.[123]\b|203\.0\.113/);
      expect([answer.balancer, answer.decision]).toEqual([-1, undefined]);
    }
  });

  it('a file without zones has one for each balancer all the same', () => {
    const of = model('', '', '');
    expect(told(ask(of, question('www.example.com')))).toBe(ALL_P1);
    expect(told(ask(of, question('other.example.com')))).toBe('NXDOMAIN | SOA example.com');
  });
});

describe('proxied balancers', () => {
  it.each([
    { name: 'LB-054 edge addresses, never an origin’s', type: 'A', pools: {}, says: EDGE },
    { name: 'LB-054 AAAA likewise', type: 'AAAA', pools: {}, says: 'NOERROR AAAA fd00::9' },
    { name: 'LB-054 whatever the health', type: 'A', pools: { p1: 'critical', p2: 'critical' }, says: EDGE },
    { name: 'there is no CNAME', type: 'CNAME', pools: {}, says: EMPTY },
  ] as const)('$name', ({ type, pools, says }) => {
    expect(told(ask(model('proxied: true'), question('www.example.com', type), { pools }))).toBe(says);
  });

  it('LB-055 the TTL is the automatic one, whatever ttl says', () => {
    const answer = ask(model('proxied: true, ttl: 30'), question('www.example.com'));
    expect([answer.ttlSeconds, ...answer.answers.map((record) => record.ttlSeconds)]).toEqual([300, 300, 300]);
  });

  it('LB-064 flatten_cname: false is ignored', () => {
    const of = model('proxied: true', '', ZONE, POOLS.replaceAll('id: p1', 'id: old').replace('id: alias', 'id: p1'));
    expect(told(ask(of, question('www.example.com'), { names: { 'web.origin.net': ['192.0.2.77'] } }))).toBe(EDGE);
  });

  it('LB-092 location_strategy is ignored: neither locator nor steering is asked', () => {
    const of = model('proxied: true, location_strategy: { mode: resolver_ip, prefer_ecs: always }');
    const never: DnsWorld = {
      ...world(of),
      locator: undefined as unknown as Locator,
      steer: () => expect.unreachable('steering was asked'),
    };
    const asked = question('www.example.com', 'A', { clientSubnet: { address: '192.0.2.0', prefixBits: 24 } });
    expect(told(answerQuestion(indexNames(of), asked, never))).toBe(EDGE);
  });
});

describe('DNS-only balancers', () => {
  it.each([
    { name: 'LB-056 the balancer’s ttl', fields: 'ttl: 45', ttl: 45 },
    { name: 'LB-057 30 s when none is given', fields: '', ttl: 30 },
    {
      name: 'a rule’s ttl beats it',
      fields: 'ttl: 45, rules: [{ name: r, condition: "", overrides: { ttl: 77 } }]',
      ttl: 77,
    },
  ])('$name', ({ fields, ttl }) => {
    const answer = ask(model(fields), question('www.example.com'));
    expect([answer.ttlSeconds, answer.answers[0]?.ttlSeconds]).toEqual([ttl, ttl]);
  });

  it.each<{ name: string; fields?: string; type?: string; setting?: Setting; says: string }>([
    { name: 'LB-058 equal weights: every address', says: ALL_P1 },
    {
      name: 'LB-060 an unhealthy endpoint is absent',
      setting: { origins: { 'p1/b': 'unhealthy' } },
      says: 'NOERROR A 192.0.2.1 A 192.0.2.3',
    },
    {
      name: 'an endpoint not yet probed is absent',
      setting: { origins: { 'p1/a': 'unprobed' } },
      says: 'NOERROR A 192.0.2.2 A 192.0.2.3',
    },
    { name: 'a disabled endpoint is absent', fields: 'default_pools: [fb]', says: FALLBACK },
    {
      name: 'LB-061 a host name is flattened',
      fields: 'default_pools: [named]',
      setting: { names: { 'web.origin.net': ['192.0.2.7', '192.0.2.8', '2001:db8::7'] } },
      says: 'NOERROR A 192.0.2.7 A 192.0.2.8',
    },
    {
      name: 'LB-061 for AAAA too',
      type: 'AAAA',
      fields: 'default_pools: [named]',
      setting: { names: { 'web.origin.net': ['192.0.2.7', '2001:db8::7'] } },
      says: 'NOERROR AAAA 2001:db8::7',
    },
    {
      name: 'LB-062 flatten_cname: false gives the CNAME',
      fields: 'default_pools: [alias]',
      setting: { names: { 'web.origin.net': ['192.0.2.7'] } },
      says: 'NOERROR CNAME web.origin.net',
    },
    {
      name: 'LB-062 also to a question for the CNAME',
      type: 'CNAME',
      fields: 'default_pools: [alias]',
      setting: { names: { 'web.origin.net': ['192.0.2.7'] } },
      says: 'NOERROR CNAME web.origin.net',
    },
    {
      name: 'a name that does not resolve: the next pool, here the fallback',
      fields: 'default_pools: [named]',
      says: FALLBACK,
    },
    { name: 'LB-065 IPv4 only, asked for AAAA', type: 'AAAA', says: EMPTY },
    {
      name: 'only the asked family, and weights are compared within it',
      type: 'AAAA',
      fields: 'default_pools: [v6]',
      says: 'NOERROR AAAA 2001:db8::9 AAAA 2001:db8::a',
    },
    { name: 'of the other family there is one', fields: 'default_pools: [v6]', says: 'NOERROR A 192.0.2.9' },
    {
      name: 'first pool critical: the second',
      setting: { pools: { p1: 'critical' } },
      says: 'NOERROR A 198.51.100.1 or 2',
    },
    {
      name: 'all critical: the fallback pool, health ignored',
      setting: { pools: { p1: 'critical', p2: 'critical', fb: 'critical' }, origins: { 'fb/a': 'unhealthy' } },
      says: FALLBACK,
    },
    {
      name: 'LB-251 a pool set’s fixed response: NOERROR, no records',
      fields: 'pool_sets: [{ name: s, match: { default: true }, fixed_response: { status_code: 503 } }]',
      says: 'NOERROR',
    },
  ])('$name', ({ fields = '', type, setting, says }) => {
    const answer = told(ask(withPools(fields), question('www.example.com', type), setting));
    expect(says.endsWith('or 2') ? answer.replace(/[12]$/, '1 or 2') : answer).toBe(says);
  });

  it('LB-063 flatten_cname: false at the apex: addresses', () => {
    const of = withPools('default_pools: [alias]', 'example.com');
    expect(told(ask(of, question('example.com'), { names: { 'web.origin.net': ['192.0.2.7'] } }))).toBe(
      'NOERROR A 192.0.2.7',
    );
  });

  it('LB-059 unequal weights: exactly one address, by weight', () => {
    const of = withPools('default_pools: [p2]');
    const index = indexNames(of);
    const one = world(of);
    let second = 0;
    for (let i = 0; i < 4_000; i++) {
      const answer = answerQuestion(index, question('www.example.com'), one);
      expect(answer.answers).toHaveLength(1);
      if (told(answer).endsWith('.2')) second++;
    }
    // 4,000 draws at 0.75: four standard deviations are 110.
    expect(Math.abs(second - 3_000)).toBeLessThan(110);
  });

  it('LB-059 by weight also among those of the family, when steering drew one of the other', () => {
    const pools = `${POOLS.split('monitors:')[0]}  - { id: mix, name: mix, origins: [{ name: six, address: "2001:db8::1", weight: 0.9 }, { name: a, address: 192.0.2.1, weight: 0.1 }, { name: b, address: 192.0.2.2, weight: 0.3 }] }\nmonitors:${POOLS.split('monitors:')[1]}`;
    const of = withPools('default_pools: [mix]', 'www.example.com', pools);
    const index = indexNames(of);
    const one = world(of);
    let b = 0;
    for (let i = 0; i < 4_000; i++) {
      const answer = told(answerQuestion(index, question('www.example.com'), one));
      expect(answer).toMatch(/^NOERROR A 192\.0\.2\.[12]$/);
      if (answer.endsWith('.2')) b++;
    }
    expect(Math.abs(b - 3_000)).toBeLessThan(110);
  });

  it.each([
    { name: 'LB-156 all pools disabled, fallback disabled', disable: ['p1', 'p2', 'fb'], setting: {} },
    {
      name: 'LB-159 all pools unhealthy, fallback disabled',
      disable: ['fb'],
      setting: { pools: { p1: 'critical', p2: 'critical' } } as Setting,
    },
  ])('$name: SOA, and no address', ({ disable, setting }) => {
    const pools = disable.reduce((text, id) => text.replace(`{ id: ${id},`, `{ id: ${id}, enabled: false,`), POOLS);
    const answer = ask(model('', '', ZONE, pools), question('www.example.com'), setting);
    expect(told(answer)).toBe(EMPTY);
    expect(answer).toMatchObject({
      rcode: 'NOERROR',
      authoritative: true,
      ttlSeconds: 900,
      decision: { kind: 'none' },
      authority: [{ type: 'SOA', ttlSeconds: 900, soa: { mname: 'ns.example.com', serial: 7 } }],
    });
  });

  it('LB-113 least_outstanding_requests: by weights only, although one pool looks busy', () => {
    const of = withPools(
      'default_pools: [p1, fb], steering_policy: least_outstanding_requests, random_steering: { pool_weights: { p1: 0.4, fb: 0.6 } }',
    );
    const index = indexNames(of);
    const one = world(of);
    let first = 0;
    for (let i = 0; i < 4_000; i++)
      if (told(answerQuestion(index, question('www.example.com'), one)) === ALL_P1) first++;
    expect(Math.abs(first - 1_600)).toBeLessThan(125);
  });

  it.each(['cookie', 'header'])('LB-176 session_affinity %s: answered by steering, with no session', (kind) => {
    const headers = kind === 'header' ? ', session_affinity_attributes: { headers: [x-user] }' : '';
    const answer = ask(model(`session_affinity: ${kind}${headers}`), question('www.example.com'));
    expect(told(answer)).toBe(ALL_P1);
    expect(answer.decision).toMatchObject({ kind: 'origin', newClaim: undefined });
  });

  it('LB-176 ip_cookie: one address, the same for one resolver, and all in use over many', () => {
    const of = model('session_affinity: ip_cookie');
    const index = indexNames(of);
    const by = (resolver: string, seed: string): string =>
      told(answerQuestion(index, question('www.example.com', 'A', { resolver }), world(of, { seed })));
    const seen = new Set<string>();
    for (let i = 0; i < 100; i++) {
      const resolver = `10.0.${i}.53`;
      expect(by(resolver, 'one')).toMatch(/^NOERROR A (192\.0\.2|198\.51\.100)\.\d$/);
      expect(by(resolver, 'one')).toBe(by(resolver, 'two'));
      seen.add(by(resolver, 'one'));
    }
    expect(seen.size).toBeGreaterThanOrEqual(3);
  });

  it('says which origin each address is', () => {
    const answer = ask(model(''), question('www.example.com'));
    expect(answer.answers.map((record) => 'origin' in record && record.origin)).toEqual([0, 1, 2]);
  });
});

describe('where a DNS-only question comes from', () => {
  const places = { '203.0.113.0/24': 'JP', '198.51.100.0/24': 'FR' };
  const inTokyo = { address: '203.0.113.0', prefixBits: 24 };
  const inParis = '198.51.100.53';
  const geo = (strategy: string) =>
    withPools(`steering_policy: geo, default_pools: [fb], country_pools: { JP: [tokyo], FR: [paris] }, ${strategy}`);

  it('LB-088 geo by region: the region of the PoP that answers, wherever the client is', () => {
    const of = withPools(
      'steering_policy: geo, default_pools: [fb], region_pools: { WEU: [paris], NEAS: [tokyo] }, location_strategy: { prefer_ecs: always }',
    );
    const asked = question('www.example.com', 'A', { pop: 'CDG', resolver: inParis, clientSubnet: inTokyo });
    const answer = ask(of, asked, { places });
    expect(told(answer)).toBe('NOERROR A 192.0.2.60');
    expect(answer.location).toMatchObject({ pop: 'CDG', region: 'WEU' });
  });

  it.each<{ name: string; strategy: string; asked: Partial<DnsQuestion>; says: string; scope: number }>([
    {
      name: 'LB-089 prefer_ecs geo and a client subnet of Japan: the list of Japan',
      strategy: 'location_strategy: { prefer_ecs: geo }',
      asked: { clientSubnet: inTokyo },
      says: '192.0.2.50',
      scope: 24,
    },
    {
      name: 'LB-090 prefer_ecs never, resolver in France: the list of France',
      strategy: 'location_strategy: { prefer_ecs: never, mode: resolver_ip }',
      asked: { clientSubnet: inTokyo, resolver: inParis },
      says: '192.0.2.60',
      scope: 0,
    },
    {
      name: 'LB-091 the resolver cannot be placed: the country of the PoP',
      strategy: 'location_strategy: { prefer_ecs: never, mode: resolver_ip }',
      asked: { pop: 'NRT' },
      says: '192.0.2.50',
      scope: 0,
    },
    {
      name: 'the default prefers the client subnet for proximity only',
      strategy: 'description: default',
      asked: { pop: 'CDG', clientSubnet: inTokyo },
      says: '192.0.2.60',
      scope: 0,
    },
    {
      name: 'always means with geo too',
      strategy: 'location_strategy: { prefer_ecs: always }',
      asked: { pop: 'CDG', clientSubnet: inTokyo },
      says: '192.0.2.50',
      scope: 24,
    },
    {
      name: 'a client subnet that cannot be placed falls to the mode',
      strategy: 'location_strategy: { prefer_ecs: always, mode: resolver_ip }',
      asked: { clientSubnet: { address: '8.8.8.0', prefixBits: 24 }, resolver: inParis },
      says: '192.0.2.60',
      scope: 0,
    },
    {
      name: 'a client subnet of 0 bits says nothing',
      strategy: 'location_strategy: { prefer_ecs: always }',
      asked: { pop: 'CDG', clientSubnet: { address: '203.0.113.0', prefixBits: 0 } },
      says: '192.0.2.60',
      scope: 0,
    },
    {
      name: 'the caller may know where its resolver is',
      strategy: 'location_strategy: { mode: resolver_ip }',
      asked: {
        resolverPlace: { country: 'JP' as Place['country'], latitude: undefined, longitude: undefined, assumed: [] },
      },
      says: '192.0.2.50',
      scope: 0,
    },
  ])('$name', ({ strategy, asked, says, scope }) => {
    const answer = ask(geo(strategy), question('www.example.com', 'A', asked), { places });
    expect([told(answer), answer.scopeBits]).toEqual([`NOERROR A ${says}`, scope]);
  });

  it('LB-089 of a client subnet, geo takes the country and no more: the coordinates stay those of the PoP', () => {
    const asked = question('www.example.com', 'A', { pop: 'CDG', clientSubnet: inTokyo });
    const [geoOnly, always] = ['geo', 'always'].map((prefer) =>
      ask(geo(`location_strategy: { prefer_ecs: ${prefer} }`), asked, { places }),
    );
    expect(geoOnly!.location).toMatchObject({ country: 'JP', latitude: new Locator().pop('CDG').latitude });
    expect(always!.location).toMatchObject({ country: 'JP', latitude: 35.6 });
  });

  it('a rule that changes location_strategy is heeded', () => {
    const of = geo(
      'location_strategy: { prefer_ecs: never }, rules: [{ name: r, condition: "", overrides: { location_strategy: { prefer_ecs: always, mode: pop } } }]',
    );
    const answer = ask(of, question('www.example.com', 'A', { pop: 'CDG', clientSubnet: inTokyo }), { places });
    expect(told(answer)).toBe('NOERROR A 192.0.2.50');
  });

  it.each([
    {
      name: 'LB-109 proximity with a client subnet in Tokyo: the pool nearest Tokyo',
      asked: { pop: 'CDG', clientSubnet: inTokyo },
      says: '192.0.2.50',
    },
    { name: 'without one: the pool nearest the PoP', asked: { pop: 'CDG' }, says: '192.0.2.60' },
  ])('$name', ({ asked, says }) => {
    const of = withPools('steering_policy: proximity, default_pools: [paris, tokyo]');
    expect(told(ask(of, question('www.example.com', 'A', asked), { places }))).toBe(`NOERROR A ${says}`);
  });
});

describe('whatever is asked', () => {
  it('an answer has the form of one: SOA exactly when there is nothing, TTLs that agree, names as asked', () => {
    const of = withPools('');
    const index = indexNames(of);
    const one = world(of);
    const label = fc.constantFrom(
      'www',
      'y',
      'to-www',
      'round',
      'wild',
      'deep',
      'down',
      'orange',
      'example',
      '*',
      'q',
      '',
    );
    const name = fc.array(label, { maxLength: 4 }).map((labels) => [...labels, 'example', 'com'].join('.'));
    fc.assert(
      fc.property(
        fc.oneof(name, fc.string()),
        fc.constantFrom('A', 'AAAA', 'CNAME', 'MX', 'TXT', 'SOA', 'NS', 'ANY', 'DS'),
        (asked, type) => {
          const answer = answerQuestion(index, question(asked, type), one);
          const soa = answer.authority.some((record) => record.type === 'SOA');
          if (answer.rcode === 'NXDOMAIN') expect(soa).toBe(true);
          if (answer.rcode === 'NOERROR' && answer.answers.length === 0) expect(soa).toBe(true);
          if (answer.answers.some((record) => record.type !== 'CNAME')) expect(soa).toBe(false);
          for (const record of [...answer.answers, ...answer.authority])
            expect(answer.ttlSeconds).toBeLessThanOrEqual(record.ttlSeconds);
          expect(answer.authoritative).toBe(answer.rcode !== 'REFUSED' && answer.rcode !== 'SERVFAIL');
        },
      ),
    );
  });
});

/** As `model`, with the pools named in `fields` instead of the default ones, and perhaps another name. */
function withPools(fields: string, name = 'www.example.com', pools = POOLS): Model {
  const list = /default_pools: \[[^\]]*\]/.exec(fields)?.[0] ?? 'default_pools: [p1, p2]';
  const rest = fields.replace(list, '').replace(/^,\s*|,\s*(?=,)|,\s*$/g, '');
  const text = `version: 1\n${pools}${ZONE}load_balancers:\n  - { id: lb, name: ${name}, fallback_pool: fb, ${list}${rest.trim() === '' ? '' : `, ${rest}`} }\n`;
  const loaded = loadConfig(text, 'test.yaml');
  if (!loaded.ok)
    throw new Error(`${text}\n${loaded.problems.map((problem) => `${problem.path}: ${problem.message}`).join('\n')}`);
  return loaded.value.model;
}
