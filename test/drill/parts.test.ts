/** The small parts of a drill: fates, joining by ray, cookie jars, whereabouts, the calendar, the live view. */
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/core/model.ts';
import { readReply } from '../../src/drill/clients-dns.ts';
import { fateAtEdge, fateAtOrigin } from '../../src/drill/fates.ts';
import { RayJoin } from '../../src/drill/join.ts';
import { DrillClients } from '../../src/drill/jars.ts';
import type { EdgeRecord } from '../../src/drill/lab.ts';
import { calendarSeconds } from '../../src/drill/monitors.ts';
import { type View, drawView, plainView, sparkline } from '../../src/drill/view.ts';
import { pageTarget } from '../../src/replay/page-target.ts';
import { fieldsOf, sessionItems } from '../../src/drill/visitors.ts';
import { Locator } from '../../src/geo/locate.ts';
import { emptyArrival } from '../../src/replay/arrivals.ts';
import type { WireAnswer } from '../../src/drill/wire.ts';
import { prepared } from './stage.ts';

const ANSWER: WireAnswer = {
  status: 200,
  error: '',
  connected: true,
  headAt: 10,
  endAt: 20,
  bytes: 5,
  ray: 'aa',
  railgun: '',
  setCookie: [],
};
const RECORD: EdgeRecord = {
  pop: 'LHR',
  ray: 'aa-LHR',
  startUs: 0,
  endUs: 0,
  status: 200,
  pool: 'one',
  origin: 'a',
  because: 'policy_off',
  affinity: 'off',
  fallback: false,
  attempts: 1,
  candidates: '',
  tried: [],
  outcome: 'completed',
  error: 0,
};

describe('what became of a request', () => {
  it.each([
    ['an answer', 200, 0, '', 'served'],
    ['not found is an answer, too', 404, 0, '', 'served'],
    ['the edge says refused', 521, 521, '', 'origin_refused'],
    ['the edge says timed out', 522, 522, '', 'origin_connect_timeout'],
    ['the link broke', 527, 527, '', 'lane_lost'],
    ['nothing may serve', 530, 1016, '', 'nothing_may_serve'],
    ['TLS that the model does not know', 525, 525, '', 'origin_tls_handshake_failed'],
    ['the edge refuses the request itself', 403, 1000, '', 'edge_error_1000'],
    ['the origin’s own 503', 503, 0, '', 'origin_overloaded'],
    ['the origin’s own 500', 500, 0, '', 'origin_error'],
    ['the origin’s own 521, passed on', 521, 0, '', 'origin_error'],
    ['a body that broke off', 200, 0, 'cut', 'origin_reset'],
    ['no edge there', 0, 0, 'ECONNREFUSED', 'edge_refused'],
    ['an edge that was killed', 0, 0, 'ECONNRESET', 'edge_reset'],
    ['an edge that says nothing', 0, 0, 'timeout', 'edge_timeout'],
  ])('through an edge: %s', (_, status, error, broke, cause) => {
    const fate = fateAtEdge({ ...ANSWER, status, error: broke }, { ...RECORD, error });
    expect(fate.cause || 'served').toBe(cause);
    expect(fate.status).toBe(status);
  });

  it('without a line in the log the status must do', () => {
    expect(fateAtEdge({ ...ANSWER, status: 522 }, undefined).cause).toBe('origin_connect_timeout');
    expect(fateAtEdge({ ...ANSWER, status: 503 }, undefined).cause).toBe('origin_overloaded');
  });

  it.each([
    ['ECONNREFUSED', false, 'origin_refused'],
    ['ETIMEDOUT', false, 'origin_connect_timeout'],
    ['timeout', true, 'origin_read_timeout'],
    ['EHOSTUNREACH', false, 'origin_unreachable'],
    ['ECONNRESET', true, 'origin_reset'],
    ['cut', true, 'origin_reset'],
  ])('by name, %s', (error, connected, cause) => {
    expect(fateAtOrigin({ ...ANSWER, status: 0, error, connected })).toMatchObject({ cause, status: 0 });
  });
});

describe('joining by ray', () => {
  const pairs: [string, string | undefined][] = [];
  const join = new RayJoin<string>((view, record) => void pairs.push([view, record?.origin]));

  it('takes whichever comes first', () => {
    join.view('LHR', 'aa', 'first', 0);
    join.record({ ...RECORD, origin: 'a' });
    join.record({ ...RECORD, ray: 'bb', origin: 'b' });
    join.view('LHR', 'bb', 'second', 1);
    expect(pairs).toEqual([
      ['first', 'a'],
      ['second', 'b'],
    ]);
  });

  it('tells edges apart that number alike', () => {
    pairs.length = 0;
    join.view('LHR', 'cc', 'London', 2);
    join.view('IAD', 'cc', 'Ashburn', 2);
    join.record({ ...RECORD, pop: 'IAD', ray: 'cc', origin: 'us' });
    expect(pairs).toEqual([['Ashburn', 'us']]);
    expect(join.waiting).toBe(1);
  });

  it('gives up after a while, and counts it', () => {
    pairs.length = 0;
    join.view('LHR', 'dd', 'younger', 50);
    join.giveUp(50);
    expect(pairs).toEqual([['London', undefined]]);
    expect(join.unjoined).toBe(1);
  });

  it('does not wait for the line of a request without a ray', () => {
    pairs.length = 0;
    join.view('LHR', '', 'broken', 3);
    expect(pairs).toEqual([['broken', undefined]]);
    expect(join.unjoined).toBe(1);
  });
});

describe('cookie jars', async () => {
  const { model, locator } = await prepared(`
version: 1
name: two names
config: { version: 1, load_balancers: [{ name: a.example.com, proxied: true, default_pools: [one], fallback_pool: one }], pools: [{ name: one, origins: [{ name: a, address: 192.0.2.1 }] }] }
traffic: [{ clients: { count: 1, rate: 1/s } }]
`);
  const clients = new DrillClients(model, () => '');
  const keeper = clients.add(locator.pop('LHR'), 1, true);
  const refuser = clients.add(locator.pop('LHR'), 2, false);

  it('keep, replace and forget', () => {
    clients.keep(keeper, ['__cflb=one; Path=/; HttpOnly', 'cart=7']);
    clients.keep(keeper, ['__cflb=two; Max-Age=60']);
    expect(clients.cookie(keeper)).toBe('__cflb=two; cart=7');
    clients.keep(keeper, ['cart=; Max-Age=0']);
    expect(clients.cookie(keeper)).toBe('__cflb=two');
  });

  it('are empty for a client that keeps none', () => {
    clients.keep(refuser, ['__cflb=one']);
    expect(clients.cookie(refuser)).toBe('');
  });

  it('leave with the visitor', () => {
    clients.endSession(keeper);
    expect(clients.cookie(keeper)).toBe('');
  });
});

describe('what a client says of itself', async () => {
  const { model } = await prepared(`
version: 1
name: who
config:
  version: 1
  load_balancers:
    - { name: plain.example, proxied: true, default_pools: [p], fallback_pool: p, session_affinity: cookie }
    - { name: api.example, proxied: true, default_pools: [p], fallback_pool: p, session_affinity: header,
        session_affinity_attributes: { headers: [x-user, 'cookie:session'] } }
  pools: [{ name: p, origins: [{ name: a, address: 192.0.2.1 }] }]
duration: 10s
traffic: [{ clients: { count: 10, rate: 1/s } }]
`);
  const place = new Locator({ defaultPop: 'LHR' }).find({ address: '192.0.2.7' });
  const told = (cookie: string, items: readonly string[], key = 5) =>
    fieldsOf({ ...emptyArrival(), client: 3, key }, '192.0.2.7', place, cookie, items);

  it('is its own number wherever a header affinity looks for its session, beside the cookies it has', () => {
    const items = sessionItems(model);
    expect(items).toEqual(['x-user', 'cookie:session']);
    expect(told('', items)).toMatchObject({ 'x-user': 'c3', Cookie: 'session=c3' });
    expect(told('__cflb=abc', items)).toMatchObject({ 'x-user': 'c3', Cookie: '__cflb=abc; session=c3' });
    expect(told('__cflb=abc', [])).toMatchObject({ Cookie: '__cflb=abc' });
    expect(Object.keys(told('', []))).not.toContain('Cookie');
  });

  it('is whom its draws are about, without a sign', () => {
    expect(told('', [])).toMatchObject({ 'Drill-Key': '5' });
    expect(told('', [], -1)).toMatchObject({ 'Drill-Key': '4294967295' });
  });
});

describe('the probes’ calendar', () => {
  const model = (intervals: readonly number[]): Model =>
    ({
      pools: intervals.map((_, at) => ({ monitor: `m${at}` })),
      monitors: intervals.map((intervalSeconds, at) => ({ id: `m${at}`, intervalSeconds })),
      monitorGroups: [],
    }) as unknown as Model;

  it.each([
    [[], 1],
    [[6], 6],
    [[4, 6], 12],
    [[6, 6, 3], 6],
    // 7 × 11 is too long to wait for.
    [[7, 11], 11],
    [[600], 60],
  ])('intervals of %j s repeat after %i s', (intervals, seconds) => {
    expect(calendarSeconds(model(intervals))).toBe(seconds);
  });
});

it('a page has a URL of its own, whatever the path', () => {
  expect([pageTarget('/', 3), pageTarget('/shop?x=1', 3), pageTarget('', 1)]).toEqual([
    '/?page=3',
    '/shop?x=1&page=3',
    '/?page=1',
  ]);
});

describe('answers of a DNS server', () => {
  it('the least TTL of the answer holds', () => {
    const answers = [
      { type: 'A' as const, name: 'a', ttl: 30, data: '192.0.2.1' },
      { type: 'A' as const, name: 'a', ttl: 20, data: '192.0.2.2' },
    ];
    expect(readReply({ answers })).toEqual({ addresses: ['192.0.2.1', '192.0.2.2'], ttlSeconds: 20 });
  });

  it('nothing is kept for as long as the SOA allows', () => {
    const authorities = [{ type: 'SOA' as const, name: 'a', ttl: 300, data: { mname: 'n', rname: 'r', minimum: 60 } }];
    expect(readReply({ answers: [], authorities })).toEqual({ addresses: [], ttlSeconds: 60 });
  });
});

describe('the live view', () => {
  const view: View = {
    phase: 'running',
    goneUs: 65e6,
    lengthUs: 120e6,
    requests: 900,
    failed: 12,
    perSecond: 40,
    failedPerSecond: 3,
    inFlight: 2,
    pools: [
      { name: 'eu', shares: [1, 0.5, 0] },
      { name: 'america', shares: [0, 0.5, 1] },
    ],
    lanes: { open: 2, lost: 1 },
    link: { wanBytes: 1_000, pageBytes: 100_000 },
    story: [{ goneUs: 60e6, text: 'pool/eu: refuse' }],
    note: '',
  };

  it('draws shares as sparklines, and no line is wider than the terminal', () => {
    const lines = drawView(view, 60);
    expect(lines[0]).toContain('+1:05 of 2 min');
    expect(lines.find((line) => line.includes('eu'))).toContain('█▅▁');
    expect(lines.join('\n')).toContain('lanes 2 open (1 lost)');
    expect(lines.at(-1)).toContain('+1:00 pool/eu: refuse');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  });

  it('a terminal that does not know its width still gets something to read', () => {
    expect(drawView(view, 0)[0]).toContain('running +1:05');
  });

  it('is one plain line without any drawing where nobody looks', () => {
    const line = plainView(view);
    expect(line).toMatch(/^[\x20-\x7e]+$/);
    expect(line).toContain('eu 0 %, america 100 %');
  });

  it('shares from 0 to 1 reach both ends of the scale', () => {
    expect(sparkline([0, 0.124, 0.126, 0.99, 1])).toBe('▁▁▂██');
  });
});
