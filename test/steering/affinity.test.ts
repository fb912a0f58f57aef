import { describe, expect, it } from 'vitest';
import type { AffinityClaim, Decision } from '../../src/core/decision.ts';
import { after, US_PER_SECOND } from '../../src/core/time.ts';
import { steerAgain } from '../../src/steering/failover.ts';
import { HeaderSessions, sessionKey } from '../../src/steering/header-sessions.ts';
import { httpFacts } from '../../src/steering/request.ts';
import type { SteerRequest } from '../../src/steering/request.ts';
import { affinity, at, bench, ids, origin, places, pool, poolId, requestOf, START } from './builders.ts';
import type { Bench } from './builders.ts';

const cookie = (fields = {}) => ({ affinity: affinity({ kind: 'cookie', ttlSeconds: 3600, ...fields }) });
const two = () => [pool('p1', { origins: ['a', 'b', 'c'] }), pool('p2', { origins: ['a', 'b'] }), pool('fb')];
const nowSeconds = START / US_PER_SECOND;

function claim(name: string, fields: Partial<AffinityClaim> = {}): AffinityClaim {
  const [poolName, originName] = name.split('/');
  return { loadBalancer: 'lb', pool: poolName!, origin: originName!, issuedAt: nowSeconds - 60, ...fields };
}

function outcome(decision: Decision): string {
  return decision.kind === 'origin' || decision.kind === 'fallback' ? decision.affinity : decision.kind;
}

describe('cookie', () => {
  it('LB-167 the first request is given a session with the endpoint that serves it', () => {
    const lb = bench(two(), cookie());
    const decision = lb.ask();
    expect(decision).toMatchObject({ kind: 'origin', affinity: 'no_claim', because: 'policy_off' });
    const made = decision.kind === 'origin' ? decision.newClaim : undefined;
    expect(made).toEqual({ loadBalancer: 'lb', pool: 'p1', origin: lb.name(decision).slice(3), issuedAt: nowSeconds });
  });

  it('a session made a second later says so', () => {
    const lb = bench([pool('p1'), pool('fb')], cookie());
    expect(lb.ask()).toMatchObject({ newClaim: { issuedAt: nowSeconds } });
    lb.world.now = after(START, US_PER_SECOND);
    expect(lb.ask()).toMatchObject({ newClaim: { issuedAt: nowSeconds + 1 } });
  });

  it('LB-168 the second request with it goes to the same endpoint, and is given none', () => {
    const lb = bench(two(), cookie());
    for (let i = 0; i < 50; i += 1) {
      const first = lb.ask();
      const again = lb.ask({ claim: first.kind === 'origin' ? first.newClaim : undefined });
      expect(lb.name(again)).toBe(lb.name(first));
      expect(again).toMatchObject({ because: 'affinity_cookie', affinity: 'kept', newClaim: undefined });
    }
  });

  it.each([
    { name: 'LB-169 cookie of another balancer', claim: claim('p2/a', { loadBalancer: 'other' }), outcome: 'foreign' },
    {
      name: 'LB-170 cookie of exactly its TTL',
      claim: claim('p2/a', { issuedAt: nowSeconds - 3600 }),
      outcome: 'expired',
    },
    { name: 'an endpoint that no longer exists', claim: claim('p2/z'), outcome: 'origin_gone' },
    { name: 'a pool that no longer exists', claim: claim('gone/a'), outcome: 'origin_gone' },
    {
      name: 'a pool that only the fallback knows, while others serve',
      claim: claim('fb/a'),
      outcome: 'pool_unavailable',
    },
  ])('$name: new selection, new session', (row) => {
    const lb = bench(two(), cookie());
    const decision = lb.ask({ claim: row.claim });
    expect(outcome(decision)).toBe(row.outcome);
    expect(decision).toMatchObject({ pool: 0, newClaim: { pool: 'p1', issuedAt: nowSeconds } });
  });

  it('LB-170 a second before its TTL it still holds', () => {
    const lb = bench(two(), cookie());
    expect(lb.to({ claim: claim('p2/a', { issuedAt: nowSeconds - 3599 }) })).toBe('p2/a');
  });

  it('LB-179 what the rim found tampered with is as if absent, and said', () => {
    const lb = bench(two(), cookie());
    expect(lb.ask({ claimProblem: 'foreign' })).toMatchObject({ affinity: 'foreign', newClaim: { pool: 'p1' } });
  });

  it.each([
    {
      name: 'LB-171 its endpoint is unhealthy',
      said: { p2: 'degraded', 'p2/a': 'unhealthy', 'p2/b': 'healthy' },
      outcome: 'origin_unhealthy',
    },
    {
      name: 'its pool is critical',
      said: { p2: 'critical', 'p2/a': 'healthy', 'p2/b': 'unhealthy' },
      outcome: 'pool_unavailable',
    },
    {
      name: 'its pool was given a monitor that has no result yet',
      said: { p2: 'unprobed' },
      outcome: 'pool_unavailable',
    },
  ] as const)('$name: new endpoint, new session', (row) => {
    const lb = bench(two(), cookie());
    for (const [what, health] of Object.entries(row.said)) lb.health.set(what, health);
    const decision = lb.ask({ claim: claim('p2/a') });
    expect(outcome(decision)).toBe(row.outcome);
    expect(decision).toMatchObject({ pool: 0, newClaim: { pool: 'p1' } });
  });

  it('its pool is disabled: the session is broken', () => {
    const lb = bench([pool('p1'), pool('p2', { enabled: false }), pool('fb')], cookie());
    expect(lb.ask({ claim: claim('p2/a') })).toMatchObject({ pool: 0, affinity: 'pool_unavailable' });
  });

  it('LB-172 a hundred uses do not move its end', () => {
    const lb = bench(two(), cookie());
    const session = claim('p2/a', { issuedAt: nowSeconds });
    for (let i = 1; i <= 100; i += 1) {
      lb.world.now = after(START, i * 35 * US_PER_SECOND);
      expect(lb.ask({ claim: session })).toMatchObject({ affinity: 'kept', newClaim: undefined });
    }
    lb.world.now = after(START, 3600 * US_PER_SECOND);
    expect(outcome(lb.ask({ claim: session }))).toBe('expired');
  });

  it('LB-175 each request is judged by its own cookie, whatever its connection', () => {
    const lb = bench(two(), cookie());
    expect([claim('p1/b'), claim('p2/a'), claim('p1/b')].map((each) => lb.to({ claim: each }))).toEqual([
      'p1/b',
      'p2/a',
      'p1/b',
    ]);
  });

  it('LB-176 DNS-only: no session, steering as usual', () => {
    const lb = bench(two(), { ...cookie(), proxied: false });
    expect(lb.ask({ claim: claim('p2/a') })).toMatchObject({ pool: 0, affinity: 'off', newClaim: undefined });
  });

  it('LB-185 a session outranks weights, a weight of zero too', () => {
    const weightless = pool('p2', { origins: [origin('a', { weight: 0 }), 'b'] });
    const randomSteering = { defaultWeight: 1, poolWeights: new Map([[poolId('p2'), 0]]) };
    const lb = bench([pool('p1'), weightless, pool('fb')], { ...cookie(), steeringPolicy: 'random', randomSteering });
    expect(lb.ask({ claim: claim('p2/a') })).toMatchObject({ affinity: 'kept', pool: 1, origin: 0 });
  });

  it('under geo a session follows its client to another region, but not to a pool that geo does not list', () => {
    const maps = { regionPools: places({ WEU: ['p1'], WNAM: ['p2'] }), defaultPools: ids('p1') };
    const lb = bench([...two().slice(0, 2), pool('p3'), pool('fb')], { ...cookie(), steeringPolicy: 'geo', ...maps });
    expect(lb.to({ claim: claim('p2/b'), location: at('LHR') })).toBe('p2/b');
    expect(outcome(lb.ask({ claim: claim('p3/a'), location: at('LHR') }))).toBe('origin_gone');
  });

  it('health of the place decides: unhealthy at one PoP breaks the session there alone', () => {
    const lb = bench(two(), cookie());
    lb.health.set('p2', 'healthy').set('p2/a', 'healthy').set('p2/a@LHR', 'unhealthy');
    expect(outcome(lb.ask({ claim: claim('p2/a'), location: at('LHR') }))).toBe('origin_unhealthy');
    expect(outcome(lb.ask({ claim: claim('p2/a'), location: at('FRA') }))).toBe('kept');
  });

  it('affinity switched off: cookies are ignored', () => {
    const lb = bench(two());
    expect(lb.ask({ claim: claim('p2/a') })).toMatchObject({ pool: 0, affinity: 'off', newClaim: undefined });
  });

  it('an endpoint whose name does not resolve loses the request', () => {
    const named = pool('p2', { origins: [origin('a', { address: 'a.example.net' })] });
    const lb = bench([pool('p1'), named, pool('fb')], cookie());
    expect(lb.to({ claim: claim('p2/a') })).toBe('p2/a');
    lb.names.broken.add('a.example.net');
    expect(lb.to({ claim: claim('p2/a') })).toBe('p1/a');
  });
});

describe('sessions in the fallback pool', () => {
  const down = (): Bench => {
    const lb = bench([pool('p1'), pool('fb', { origins: ['a', 'b', 'c'] })], cookie());
    lb.health.set('p1', 'critical').set('fb', 'critical').set('fb/a', 'unhealthy');
    return lb;
  };

  it('a new client is given one, and stays with its endpoint whatever the health', () => {
    const lb = down();
    for (let i = 0; i < 30; i += 1) {
      const first = lb.ask();
      expect(first).toMatchObject({ kind: 'fallback', because: 'fallback_pool' });
      const session = first.kind === 'fallback' ? first.newClaim : undefined;
      const again = lb.ask({ claim: session });
      expect(lb.name(again)).toBe(lb.name(first));
      expect(again).toMatchObject({ affinity: 'kept', newClaim: undefined });
    }
  });

  it('it ends when a listed pool is back', () => {
    const lb = down();
    lb.health.set('p1', 'healthy').set('p1/a', 'healthy');
    expect(lb.ask({ claim: claim('fb/a') })).toMatchObject({ kind: 'origin', pool: 0, affinity: 'pool_unavailable' });
  });

  it('an expired one is not honoured', () => {
    const lb = down();
    expect(lb.ask({ claim: claim('fb/b', { issuedAt: 0 }) })).toMatchObject({
      affinity: 'expired',
      newClaim: { pool: 'fb' },
    });
  });
});

describe('ip_cookie', () => {
  const addresses = Array.from({ length: 300 }, (_, i) => `203.0.113.${i}`);
  const ip = () => ({ ...cookie({ kind: 'ip_cookie' }) });

  it.each(['off', 'random', 'least_connections'] as const)(
    'LB-173 two first requests from one address, %s: one endpoint',
    (steeringPolicy) => {
      const lb = bench(two(), { ...ip(), steeringPolicy });
      const seen = new Set<string>();
      for (const clientAddress of addresses) {
        const first = lb.ask({ clientAddress });
        expect(first).toMatchObject({ because: 'affinity_ip', affinity: 'no_claim' });
        expect(lb.to({ clientAddress })).toBe(lb.name(first));
        seen.add(lb.name(first));
      }
      expect(seen.size).toBe(steeringPolicy === 'off' ? 3 : 5);
    },
  );

  it('LB-174 a valid cookie counts more than the address', () => {
    const lb = bench(two(), ip());
    for (const clientAddress of addresses) expect(lb.to({ clientAddress, claim: claim('p2/b') })).toBe('p2/b');
  });

  it('policy weights are kept: half of them to a pool of weight .5', () => {
    const randomSteering = { defaultWeight: 1, poolWeights: new Map([[poolId('p1'), 0.5]]) };
    const lb = bench([pool('p1'), pool('p2'), pool('fb')], { ...ip(), steeringPolicy: 'random', randomSteering });
    let toFirst = 0;
    for (let i = 0; i < 9000; i += 1)
      if (lb.to({ clientAddress: `10.0.${i >> 8}.${i & 255}` }) === 'p1/a') toFirst += 1;
    expect(Math.abs(toFirst / 9000 - 1 / 3)).toBeLessThan(4 * Math.sqrt(((1 / 3) * (2 / 3)) / 9000));
  });
});

describe('header', () => {
  const header = (fields = {}) => ({
    affinity: affinity({ kind: 'header', ttlSeconds: 600, headers: ['x-user'], ...fields }),
  });

  function withSessions(fields = {}): {
    lb: Bench;
    ask(headers: Record<string, string>, more?: Partial<SteerRequest>): Decision;
  } {
    const lb = bench(two(), { steeringPolicy: 'random', ...header(fields) });
    const sessions = new HeaderSessions();
    lb.world.sessions = sessions;
    return {
      lb,
      ask: (headers, more = {}) => {
        const decision = lb.ask({ facts: httpFacts({ headers }), ...more });
        sessions.record(decision, lb.world.now);
        return decision;
      },
    };
  }

  it('LB-180 one value keeps its endpoint, at another PoP too; other values have sessions of their own', () => {
    const { lb, ask } = withSessions();
    const seen = new Set<string>();
    for (let user = 0; user < 40; user += 1) {
      const first = ask({ 'x-user': `u${user}` });
      expect(outcome(first)).toBe('no_claim');
      for (const location of [at('LHR'), at('SJC')]) {
        const again = ask({ 'x-user': `u${user}` }, { location });
        expect(lb.name(again)).toBe(lb.name(first));
        expect(again).toMatchObject({ because: 'affinity_header', affinity: 'kept' });
      }
      seen.add(lb.name(first));
    }
    expect(seen.size).toBe(5);
  });

  it('LB-181 without the header: normal steering, no session', () => {
    const { ask } = withSessions();
    expect(ask({ 'x-other': '1' })).toMatchObject({ affinity: 'off', newClaim: undefined, sessionKey: undefined });
  });

  it('LB-182 require_all_headers, one of two present: no session', () => {
    const { ask } = withSessions({ headers: ['x-user', 'x-team'], requireAllHeaders: true });
    expect(outcome(ask({ 'x-user': '1' }))).toBe('off');
    expect(outcome(ask({ 'x-user': '1', 'x-team': '2' }))).toBe('no_claim');
    expect(outcome(ask({ 'x-user': '1', 'x-team': '2' }))).toBe('kept');
  });

  it('any one of several suffices otherwise', () => {
    const { ask } = withSessions({ headers: ['x-user', 'x-team'] });
    expect(outcome(ask({ 'x-team': '2' }))).toBe('no_claim');
    expect(outcome(ask({ 'x-team': '2' }))).toBe('kept');
  });

  it('LB-183 cookie:sid: that cookie alone counts', () => {
    const { ask } = withSessions({ headers: ['cookie:sid'] });
    expect(outcome(ask({ cookie: 'theme=dark; sid=7' }))).toBe('no_claim');
    expect(outcome(ask({ cookie: 'sid=7; theme=light' }))).toBe('kept');
    expect(outcome(ask({ cookie: 'sid=8; theme=light' }))).toBe('no_claim');
    expect(outcome(ask({ cookie: 'xsid=7' }))).toBe('off');
  });

  it('cookie: all of them count, in any order, and ours does not', () => {
    const facts = (text: string) => httpFacts({ headers: { cookie: text } });
    const of = affinity({ kind: 'header', headers: ['cookie'] });
    expect(sessionKey('lb', of, facts('a=1; b=2'))).toBe(sessionKey('lb', of, facts('b=2; a=1; __cflb=x')));
    expect(sessionKey('lb', of, facts('a=1; b=2'))).not.toBe(sessionKey('lb', of, facts('a=1')));
    expect(sessionKey('lb', of, facts('__cflb=x'))).toBeUndefined();
  });

  it('keys of two balancers differ, and long ones are digested', () => {
    const of = affinity({ kind: 'header', headers: ['x-user'] });
    const long = httpFacts({ headers: { 'x-user': 'v'.repeat(5000) } });
    const longer = httpFacts({ headers: { 'x-user': 'v'.repeat(5001) } });
    expect(sessionKey('one', of, long)).not.toBe(sessionKey('two', of, long));
    expect(sessionKey('one', of, long)).not.toBe(sessionKey('one', of, longer));
    expect(sessionKey('one', of, long)!.length).toBeLessThan(60);
  });

  it('LB-184 idle for its TTL: a new selection; used before: the timer starts anew', () => {
    const { lb, ask } = withSessions();
    ask({ 'x-user': '1' });
    for (const [seconds, wanted] of [
      [599, 'kept'],
      [1198, 'kept'],
      [1798, 'expired'],
      [1799, 'kept'],
    ] as const) {
      lb.world.now = after(START, seconds * US_PER_SECOND);
      expect(outcome(ask({ 'x-user': '1' })), `at ${seconds} s`).toBe(wanted);
    }
  });

  it('an explanation does not prolong or make a session', () => {
    const { lb, ask } = withSessions();
    const facts = httpFacts({ headers: { 'x-user': '1' } });
    lb.explain({ facts });
    expect(outcome(ask({ 'x-user': '1' }))).toBe('no_claim');
    lb.world.now = after(START, 500 * US_PER_SECOND);
    lb.explain({ facts });
    lb.world.now = after(START, 700 * US_PER_SECOND);
    expect(outcome(ask({ 'x-user': '1' }))).toBe('expired');
  });

  it('the table forgets the least recently used', () => {
    const sessions = new HeaderSessions(2);
    const decision = (key: string, fresh: boolean): Decision => ({
      kind: 'origin',
      pool: 0,
      origin: 0,
      because: 'affinity_header',
      affinity: 'kept',
      newClaim: fresh ? claim(`p1/${key}`) : undefined,
      sessionKey: key,
      settings: bench(two()).plan.base.settings,
    });
    sessions.record(decision('one', true), START);
    sessions.record(decision('two', true), START);
    sessions.record(decision('one', false), START);
    sessions.record(decision('three', true), START);
    expect(sessions.size).toBe(2);
    expect(sessions.find('one', 60, START)).toEqual(claim('p1/one'));
    expect(sessions.find('two', 60, START)).toBeUndefined();
  });

  it('cookies bind nobody here', () => {
    const { ask } = withSessions();
    expect(outcome(ask({}, { claim: claim('p2/a') }))).toBe('off');
  });
});

describe('drain', () => {
  const drained = (seconds: number, fields = {}): Bench => {
    const origins = ['a', origin('b', { enabled: false, disabledAt: START })];
    const lb = bench([pool('p1', { origins }), pool('fb')], cookie({ drainSeconds: 100, ...fields }));
    lb.world.now = after(START, seconds * US_PER_SECOND);
    return lb;
  };

  it('LB-186 a session at 99 s keeps its endpoint', () => {
    expect(drained(99).ask({ claim: claim('p1/b') })).toMatchObject({
      origin: 1,
      because: 'affinity_drain',
      affinity: 'kept',
      newClaim: undefined,
    });
  });

  it('LB-186 at 100 s and later it is steered anew', () => {
    for (const seconds of [100, 101]) {
      expect(drained(seconds).ask({ claim: claim('p1/b') })).toMatchObject({
        origin: 0,
        affinity: 'drained',
        newClaim: { origin: 'a' },
      });
    }
  });

  it('LB-187 a new client never goes there', () => {
    const lb = drained(1);
    for (let i = 0; i < 200; i += 1) expect(lb.to()).toBe('p1/a');
  });

  it('LB-188 without affinity it is over at once', () => {
    const lb = drained(1, { kind: 'none' });
    expect(lb.ask({ claim: claim('p1/b') })).toMatchObject({ origin: 0, affinity: 'off' });
  });

  it('without a drain_duration it is over at once', () => {
    expect(drained(1, { drainSeconds: 0 }).ask({ claim: claim('p1/b') })).toMatchObject({
      origin: 0,
      affinity: 'drained',
    });
  });

  it('a draining endpoint is no longer probed: no result does not end its sessions, a known failure does', () => {
    const lb = drained(1);
    lb.health.set('p1', 'healthy').set('p1/a', 'healthy').set('p1/b', 'unprobed');
    expect(outcome(lb.ask({ claim: claim('p1/b') }))).toBe('kept');
    lb.health.set('p1/b', 'unhealthy');
    expect(outcome(lb.ask({ claim: claim('p1/b') }))).toBe('origin_unhealthy');
  });
});

describe('zero-downtime failover', () => {
  const failed = (status = 521, fields = {}) => ({ status, attempts: 1, replayable: true, ...fields });
  const again = (lb: Bench, fields: Partial<SteerRequest>, fault = failed()): Decision | undefined => {
    const request = requestOf(fields);
    return steerAgain(lb.plan, request, lb.world, lb.ask(fields), fault);
  };

  it('LB-189 none: a pinned session sees the error', () => {
    expect(again(bench(two(), cookie()), { claim: claim('p1/b') })).toBeUndefined();
  });

  it('LB-190 temporary: another endpoint for now, the session stays and leads back', () => {
    const lb = bench(two(), cookie({ zeroDowntime: 'temporary' }));
    const next = again(lb, { claim: claim('p1/b') })!;
    expect(next).toMatchObject({
      pool: 0,
      because: 'zero_downtime_same_pool',
      affinity: 'visiting',
      newClaim: undefined,
    });
    expect(lb.name(next)).not.toBe('p1/b');
    expect(lb.to({ claim: claim('p1/b') })).toBe('p1/b');
  });

  it('LB-191 sticky: the session moves to the endpoint that serves', () => {
    const lb = bench(two(), cookie({ zeroDowntime: 'sticky' }));
    const next = again(lb, { claim: claim('p1/b') })!;
    expect(next).toMatchObject({ affinity: 'moved', newClaim: { pool: 'p1', issuedAt: nowSeconds } });
    expect(lb.name(next)).not.toBe('p1/b');
    expect(next.kind === 'origin' ? next.newClaim?.origin : '').toBe(lb.name(next).slice(3));
  });

  it('LB-192 sticky with header sessions is treated as none, and said', () => {
    const lb = bench(two(), {
      affinity: affinity({ kind: 'header', headers: ['x-user'], zeroDowntime: 'sticky', ttlSeconds: 60 }),
    });
    const sessions = new HeaderSessions();
    lb.world.sessions = sessions;
    const facts = httpFacts({ headers: { 'x-user': '1' } });
    sessions.record(lb.ask({ facts }), lb.world.now);
    expect(again(lb, { facts })).toBeUndefined();
    expect(lb.explain({ facts }).find((rung) => rung.step === 'affinity')?.detail['zero_downtime']).toMatch(/^none/);
  });

  it.each([521, 522, 523, 525, 526])('LB-193 %i: one retry on another endpoint, and never a second', (status) => {
    const lb = bench(two());
    for (let i = 0; i < 30; i += 1) {
      const first = lb.ask();
      const next = steerAgain(lb.plan, requestOf(), lb.world, first, failed(status))!;
      expect(next).toMatchObject({ pool: 0, because: 'zero_downtime_same_pool' });
      expect(lb.name(next)).not.toBe(lb.name(first));
      expect(steerAgain(lb.plan, requestOf(), lb.world, next, failed(status, { attempts: 2 }))).toBeUndefined();
    }
  });

  it.each([520, 524, 502, 500, 527, 530])('LB-194 %i: no retry', (status) => {
    expect(again(bench(two()), {}, failed(status))).toBeUndefined();
  });

  it('a body that is gone cannot be sent again', () => {
    expect(again(bench(two()), {}, failed(521, { replayable: false }))).toBeUndefined();
  });

  const single = () => [pool('p1'), pool('p2'), pool('p3'), pool('fb')];

  it('LB-195 no other endpoint, and not across pools: the error', () => {
    expect(again(bench(single()), {})).toBeUndefined();
  });

  it('LB-195 the other endpoints are unhealthy: the error', () => {
    const lb = bench([pool('p1', { origins: ['a', 'b'] }), pool('p2'), pool('fb')]);
    lb.health.set('p1', 'degraded').set('p1/a', 'healthy').set('p1/b', 'unhealthy');
    expect(again(lb, {})).toBeUndefined();
  });

  it('LB-196 across pools: the next in order', () => {
    const lb = bench(single(), { failoverAcrossPools: true });
    expect(again(lb, {})).toMatchObject({ pool: 1, because: 'zero_downtime_next_pool' });
    lb.health.set('p2', 'critical');
    expect(again(lb, {})).toMatchObject({ pool: 2 });
  });

  it('across pools when the last pool failed: from the top of the order', () => {
    const lb = bench(single(), { ...cookie({ zeroDowntime: 'sticky' }), failoverAcrossPools: true });
    expect(again(lb, { claim: claim('p3/a') })).toMatchObject({ pool: 0, affinity: 'moved' });
  });

  it('across pools under a drawn policy: never the one that failed', () => {
    const lb = bench(single(), { steeringPolicy: 'random', failoverAcrossPools: true });
    for (let i = 0; i < 100; i += 1) {
      const first = lb.ask();
      const next = steerAgain(lb.plan, requestOf(), lb.world, first, failed())!;
      expect(lb.name(next)).not.toBe(lb.name(first));
    }
  });

  it('no other pool left: the error, not the fallback pool', () => {
    const lb = bench([pool('p1'), pool('fb')], { failoverAcrossPools: true });
    expect(again(lb, {})).toBeUndefined();
  });

  it('a session made by this very request is made with the endpoint that answers', () => {
    for (const zeroDowntime of ['none', 'temporary', 'sticky']) {
      const lb = bench(two(), cookie({ zeroDowntime }));
      const first = lb.ask();
      const next = steerAgain(lb.plan, requestOf(), lb.world, first, failed())!;
      expect(next).toMatchObject({ affinity: 'no_claim', newClaim: { origin: lb.name(next).slice(3) } });
      expect(lb.name(next)).not.toBe(lb.name(first));
    }
  });

  it('works under a rule that switches it on', () => {
    const lb = bench(single(), { rules: [{ ...rule0, overrides: { failoverAcrossPools: true } }] });
    expect(again(lb, {})).toMatchObject({ pool: 1 });
  });
});

const rule0 = {
  name: 'always',
  condition: undefined,
  conditionText: '',
  disabled: false,
  priority: 0,
  terminates: false,
  fixedResponse: undefined,
};
