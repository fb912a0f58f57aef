import { describe, expect, test } from 'vitest';
import type { AttemptFault } from '../../src/core/attempt-fault.ts';
import { PureEdge, shop, where } from './support.ts';

const STATUS: readonly (readonly [AttemptFault, number, string])[] = [
  ['refused', 521, '521'],
  ['connect_timeout', 522, '522'],
  ['overloaded', 522, '522'],
  ['unreachable', 523, '523'],
  ['read_timeout', 524, '524'],
  ['write_timeout', 524, '524'],
  ['tls_handshake', 525, '525'],
  ['tls_certificate', 526, '526'],
  ['reset', 520, '520'],
  ['empty', 520, '520'],
  ['malformed', 520, '520'],
];

describe('what a fault is called', () => {
  test.each(STATUS)('%s is %i, and the page says so in cf-error-type', (fault, status, type) => {
    const edge = new PureEdge(shop({ default_pools: ['b'] }));
    const { flight } = edge.ask();
    const { answer } = edge.fail(flight, fault);
    expect(answer?.status).toBe(status);
    expect(answer?.fields).toContain(`cf-error-type: ${type}\r\n`);
    expect(answer?.fields).toContain('cf-error-origin: ');
    expect(answer?.fields).toContain(`CF-Ray: ${flight.ray}-LHR\r\n`);
  });

  test('LB-222 what an origin answers, be it a 503, carries no cf-error-type', () => {
    const edge = new PureEdge(shop());
    expect(edge.respond(edge.ask().flight, 503)).not.toContain('cf-error-type');
  });

  test('LB-223 a client that accepts JSON gets a problem document with the code', () => {
    const edge = new PureEdge(shop({ default_pools: ['b'] }));
    const { flight } = edge.ask(['Accept: application/json']);
    const { answer } = edge.fail(flight, 'connect_timeout');
    expect(answer?.fields).toContain('Content-Type: application/problem+json\r\n');
    expect(answer?.fields).toContain('Retry-After: 120\r\n');
    expect(JSON.parse(answer!.body)).toMatchObject({
      status: 522,
      error_code: 522,
      ray_id: `${flight.ray}-LHR`,
      zone: 'www.example.com',
      retryable: true,
      retry_after: 120,
    });
  });
});

describe('another attempt', () => {
  test.each(['refused', 'connect_timeout', 'unreachable', 'tls_handshake', 'tls_certificate'] as const)(
    'LB-193 %s: exactly one retry, on the other origin of the pool',
    (fault) => {
      const edge = new PureEdge(shop());
      const { flight } = edge.ask();
      const first = where(flight);
      expect(edge.fail(flight, fault).kind).toBe('http1');
      expect(new Set([first, where(flight)])).toEqual(new Set(['a/a-1', 'a/a-2']));
      expect(edge.fail(flight, fault).kind).toBe('answer');
      expect(flight.attempts).toBe(2);
    },
  );

  test.each(['reset', 'empty', 'malformed', 'read_timeout', 'write_timeout'] as const)(
    'LB-194 %s is not retried, whatever else is healthy',
    (fault) => {
      const edge = new PureEdge(shop());
      expect(edge.fail(edge.ask().flight, fault).kind).toBe('answer');
    },
  );

  test('LB-194 a request that cannot be sent again is not retried', () => {
    const edge = new PureEdge(shop());
    expect(edge.fail(edge.ask().flight, 'refused', false).answer?.status).toBe(521);
  });

  test('LB-195 the only origin of its pool: the error is passed on', () => {
    const edge = new PureEdge(shop({ default_pools: ['b', 'a'] }));
    expect(edge.fail(edge.ask().flight, 'refused').answer?.status).toBe(521);
  });

  test('LB-196 with failover across pools: one retry on the next pool in order', () => {
    const edge = new PureEdge(shop({ default_pools: ['b', 'a'], adaptive_routing: { failover_across_pools: true } }));
    const { flight } = edge.ask();
    expect(where(flight)).toBe('b/b-1');
    expect(edge.fail(flight, 'refused').kind).toBe('http1');
    expect(where(flight)).toMatch(/^a\//);
    expect(flight.failedOver).toBe(true);
  });

  test('LB-161 the fallback pool refuses: 521, and nobody else is asked', () => {
    const edge = new PureEdge(shop());
    edge.set('a', 'critical');
    edge.set('b', 'critical');
    const { flight } = edge.ask();
    expect(where(flight)).toBe('f/f-1');
    expect(edge.fail(flight, 'refused').answer?.status).toBe(521);
  });

  test('LB-114 attempts under way are counted where they are, and nowhere after the end', () => {
    const edge = new PureEdge(shop());
    const { flight } = edge.ask();
    const first = where(flight);
    expect(edge.outstanding.get(first)).toBe(1);
    edge.fail(flight, 'refused');
    expect(edge.outstanding.get(first)).toBe(0);
    expect(edge.outstanding.get(where(flight))).toBe(1);
    edge.respond(flight);
    edge.respond(flight);
    expect([...edge.outstanding.values()]).toEqual([0, 0]);
  });
});

describe('names that do not resolve', () => {
  const named = {
    pools: [
      { name: 'a', origins: [{ name: 'a-1', address: 'a.invalid' }] },
      { name: 'b', origins: [{ name: 'b-1', address: '192.0.2.3' }] },
      { name: 'f', origins: [{ name: 'f-1', address: 'f.invalid' }] },
    ],
  };

  test('LB-164 a connection that finds out makes the decision anew, without waiting for the next request', () => {
    const edge = new PureEdge(shop({}, named));
    const { flight } = edge.ask();
    expect(where(flight)).toBe('a/a-1');
    expect(edge.fail(flight, 'dns').kind).toBe('http1');
    expect(where(flight)).toBe('b/b-1');
    expect(where(edge.ask().flight)).toBe('b/b-1');
  });

  test('LB-165 nor does the fallback: 530 with 1016', () => {
    const edge = new PureEdge(shop({ default_pools: ['a'] }, named));
    edge.lost.add('a.invalid');
    const { flight } = edge.ask();
    expect(where(flight)).toBe('f/f-1');
    const { answer } = edge.fail(flight, 'dns');
    expect(answer?.status).toBe(530);
    expect(answer?.fields).toContain('cf-error-type: 1016\r\n');
  });
});
