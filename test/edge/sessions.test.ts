import { describe, expect, test } from 'vitest';
import { cookieIn, PureEdge, shop, where } from './support.ts';

const cookie = { session_affinity: 'cookie', session_affinity_ttl: 1800 };
const STICKY = { ...cookie, session_affinity_attributes: { zero_downtime_failover: 'sticky' } };
const TEMPORARY = { ...cookie, session_affinity_attributes: { zero_downtime_failover: 'temporary' } };

function session(edge: PureEdge): { value: string; at: string } {
  const { flight } = edge.ask();
  return { value: cookieIn(edge.respond(flight))!, at: where(flight) };
}

describe('the session cookie on the wire', () => {
  test('LB-167 a first request is given __cflb: HttpOnly, path /, the TTL, and no Domain', () => {
    const edge = new PureEdge(shop(cookie));
    const { flight } = edge.ask();
    expect(edge.respond(flight)).toMatch(
      /^CF-Ray: [0-9a-f]{16}-LHR\r\nCF-Cache-Status: DYNAMIC\r\nSet-Cookie: __cflb=[A-Za-z0-9_-]{52}; Max-Age=1800; Path=\/; HttpOnly; SameSite=None\r\n$/,
    );
  });

  test('LB-168 the cookie leads back to its origin, and no new one is sent', () => {
    const edge = new PureEdge(shop(cookie));
    const { value, at } = session(edge);
    for (let i = 0; i < 20; i += 1) {
      const { flight } = edge.ask([`Cookie: a=b; __cflb=${value}; c=d`]);
      expect(where(flight)).toBe(at);
      expect(edge.respond(flight)).not.toContain('Set-Cookie');
    }
  });

  test('LB-169 the cookie of another balancer is ignored, and a new one is sent', () => {
    const edge = new PureEdge(
      shop(cookie, {
        load_balancers: [
          { name: 'www.example.com', proxied: true, default_pools: ['a'], fallback_pool: 'f', ...cookie },
          { name: 'api.example.com', proxied: true, default_pools: ['b'], fallback_pool: 'f', ...cookie },
        ],
      }),
    );
    const { value } = session(edge);
    const { flight } = edge.ask([`Cookie: __cflb=${value}`], { host: 'api.example.com' });
    expect(where(flight)).toBe('b/b-1');
    expect(flight.decision).toMatchObject({ affinity: 'foreign' });
    expect(cookieIn(edge.respond(flight))).not.toBe(value);
  });

  test('LB-170 a cookie that is older than its TTL is replaced', () => {
    const edge = new PureEdge(shop(cookie));
    const { value } = session(edge);
    edge.now = (edge.now + 1_801_000_000) as typeof edge.now;
    const { flight } = edge.ask([`Cookie: __cflb=${value}`]);
    expect(flight.decision).toMatchObject({ affinity: 'expired' });
    expect(cookieIn(edge.respond(flight))).toBeDefined();
  });

  test('LB-171 an unhealthy origin loses its session to another, with a new cookie', () => {
    const edge = new PureEdge(shop(cookie));
    edge.set('a', 'healthy');
    const both = ['a/a-1', 'a/a-2'];
    for (const each of both) edge.set(each, 'healthy');
    const { value, at } = session(edge);
    edge.set(at, 'unhealthy');
    edge.set('a', 'degraded');
    const { flight } = edge.ask([`Cookie: __cflb=${value}`]);
    expect(where(flight)).toBe(both.find((each) => each !== at));
    expect(cookieIn(edge.respond(flight))).not.toBe(value);
  });

  test('LB-175 two cookies on one connection go to two origins', () => {
    const edge = new PureEdge(shop(cookie));
    const found = new Map<string, string>();
    while (found.size < 2) {
      const { value, at } = session(edge);
      found.set(at, value);
    }
    const client = edge.client();
    for (const [at, value] of [...found, ...found]) {
      expect(where(edge.ask([`Cookie: __cflb=${value}`], { client }).flight)).toBe(at);
    }
  });

  test.each([
    { name: 'LB-177 Always Use HTTPS on: Lax and Secure', on: true, expected: 'SameSite=Lax; Secure\r\n' },
    { name: 'LB-178 Always Use HTTPS off: None and no Secure', on: false, expected: 'SameSite=None\r\n' },
  ])('$name', ({ on, expected }) => {
    const edge = new PureEdge(shop(cookie, { zones: [{ name: 'example.com', always_use_https: on }] }));
    expect(edge.respond(edge.ask().flight)).toContain(expected);
  });

  test.each(['', 'x', 'A'.repeat(52), '%00', '"quoted"'])(
    'LB-179 a cookie that is not ours (%j) is as if absent',
    (value) => {
      const edge = new PureEdge(shop(cookie));
      const { flight, answer } = edge.ask([`Cookie: __cflb=${value}`]);
      expect(answer).toBeUndefined();
      expect(cookieIn(edge.respond(flight))).toMatch(/^[A-Za-z0-9_-]{52}$/);
    },
  );

  test('LB-179 one changed character voids a cookie', () => {
    const edge = new PureEdge(shop(cookie));
    const { value } = session(edge);
    for (let i = 0; i < value.length; i += 1) {
      const changed = `${value.slice(0, i)}${value[i] === 'A' ? 'B' : 'A'}${value.slice(i + 1)}`;
      expect(edge.ask([`Cookie: __cflb=${changed}`]).flight.decision).toMatchObject({ affinity: 'foreign' });
    }
  });

  test('no affinity: no cookie is sent, and none is honoured', () => {
    const edge = new PureEdge(shop());
    expect(edge.respond(edge.ask().flight)).not.toContain('Set-Cookie');
  });

  test('LB-209 a rule that turns affinity off on a path sends no cookie there', () => {
    const rules = [
      {
        name: 'static',
        condition: 'http.request.uri.path contains "/static"',
        overrides: { session_affinity: 'none' },
      },
    ];
    const edge = new PureEdge(shop({ ...cookie, rules }));
    expect(edge.respond(edge.ask([], { target: '/static/x.css' }).flight)).not.toContain('Set-Cookie');
    expect(edge.respond(edge.ask([], { target: '/' }).flight)).toContain('Set-Cookie');
  });
});

describe('header sessions', () => {
  const header = {
    session_affinity: 'header',
    session_affinity_ttl: 1800,
    session_affinity_attributes: { headers: ['x-user'] },
  };

  test('LB-180 the same value goes to the same origin, once the first request went through', () => {
    const edge = new PureEdge(shop(header));
    const first = edge.ask(['X-User: ann']).flight;
    expect(edge.respond(first)).not.toContain('Set-Cookie');
    for (let i = 0; i < 20; i += 1) expect(where(edge.ask(['x-user: ann']).flight)).toBe(where(first));
  });

  test('LB-181 without the header there is no session', () => {
    const edge = new PureEdge(shop(header));
    const seen = new Set(Array.from({ length: 40 }, () => where(edge.ask().flight)));
    expect(seen.size).toBe(2);
  });
});

describe('zero-downtime failover of sessions', () => {
  test('LB-189 mode none: the client sees 521, and keeps its cookie', () => {
    const edge = new PureEdge(shop(cookie));
    const { value } = session(edge);
    const { flight } = edge.ask([`Cookie: __cflb=${value}`]);
    const { answer } = edge.fail(flight, 'refused');
    expect(answer?.status).toBe(521);
    expect(answer?.fields).not.toContain('Set-Cookie');
  });

  test('LB-190 mode temporary: another origin serves, the cookie stays, and leads back', () => {
    const edge = new PureEdge(shop(TEMPORARY));
    const { value, at } = session(edge);
    const { flight } = edge.ask([`Cookie: __cflb=${value}`]);
    expect(edge.fail(flight, 'refused').kind).toBe('http1');
    expect(where(flight)).not.toBe(at);
    expect(edge.respond(flight)).not.toContain('Set-Cookie');
    expect(where(edge.ask([`Cookie: __cflb=${value}`]).flight)).toBe(at);
  });

  test('LB-191 mode sticky: another origin serves, and the cookie points to it from then on', () => {
    const edge = new PureEdge(shop(STICKY));
    const { value, at } = session(edge);
    const { flight } = edge.ask([`Cookie: __cflb=${value}`]);
    edge.fail(flight, 'refused');
    const moved = cookieIn(edge.respond(flight));
    expect(where(flight)).not.toBe(at);
    expect(where(edge.ask([`Cookie: __cflb=${moved}`]).flight)).toBe(where(flight));
  });
});
