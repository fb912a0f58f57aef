import { describe, expect, test } from 'vitest';
import { speaksTls } from '../../src/edge/attempts.ts';
import { address, PureEdge, shop, where } from './support.ts';

describe('whose request it is', () => {
  test.each([
    'www.example.com',
    'WWW.Example.COM',
    'www.example.com.',
    'www.example.com:8080',
    '127.0.0.1',
    '127.0.0.1:8080',
    'localhost',
    '[::1]:80',
  ])('Host %s is the balancer', (host) => {
    const edge = new PureEdge(shop());
    expect(where(edge.ask([], { host }).flight)).toMatch(/^a\//);
  });

  test('a name that nobody has: 530 with 1001, and no pool is reached', () => {
    const { answer, flight } = new PureEdge(shop()).ask([], { host: 'other.example.org' });
    expect(answer?.status).toBe(530);
    expect(answer?.fields).toContain('cf-error-type: 1001\r\n');
    expect(flight.attempts).toBe(0);
  });

  test('LB-049 LB-163 a disabled balancer: requests fail, no pool is reached', () => {
    const { answer, flight } = new PureEdge(shop({ enabled: false })).ask();
    expect(answer?.status).toBe(530);
    expect(flight.attempts).toBe(0);
  });

  test('LB-048 … and where the zone has a proxied record of the name, its server answers', () => {
    const zones = [
      { name: 'example.com', records: [{ name: 'www', type: 'A', content: '192.0.2.80', proxied: true }] },
    ];
    const { flight } = new PureEdge(shop({ enabled: false }, { zones })).ask();
    expect(address(flight)).toBe('192.0.2.80:80');
  });

  test('a DNS-only balancer is no name of the proxy’s', () => {
    expect(new PureEdge(shop({ proxied: false })).ask().answer?.body).toContain('DNS-only');
  });

  test('a wildcard balancer takes what has no name of its own', () => {
    const edge = new PureEdge(shop({ name: '*.example.com' }));
    expect(where(edge.ask([], { host: 'any.example.com' }).flight)).toMatch(/^a\//);
  });
});

describe('when nothing may serve', () => {
  test('LB-157 all pools and the fallback disabled: 530 with 1016', () => {
    const pools = ['a', 'b', 'f'].map((name, i) => ({
      name,
      enabled: false,
      origins: [{ name: 'x', address: `192.0.2.${i + 1}` }],
    }));
    const { answer } = new PureEdge(shop({}, { pools })).ask();
    expect(answer?.status).toBe(530);
    expect(answer?.fields).toContain('cf-error-type: 1016\r\n');
  });

  test('LB-207 a fixed response is sent as written, and no pool is reached', () => {
    const fixed_response = {
      status_code: 302,
      location: 'https://x.example/',
      content_type: 'text/plain',
      message_body: 'gone',
    };
    const { answer, flight } = new PureEdge(shop({ rules: [{ name: 'r', fixed_response }] })).ask();
    expect(answer).toMatchObject({ status: 302, body: 'gone' });
    expect(answer?.fields).toMatch(/^Content-Type: text\/plain\r\nLocation: https:\/\/x\.example\/\r\nCF-Ray: /);
    expect(flight.attempts).toBe(0);
  });
});

describe('does the origin speak TLS?', () => {
  const http = [{ type: 'http', port: 0 }];
  const https = [{ type: 'https', port: 0 }];
  test.each([
    ['a well-known port', { port: 443 }, [], 'auto', true],
    ['another port', { port: 9000 }, [], 'auto', false],
    ['another port, probed with https', { port: 9000 }, https, 'auto', true],
    ['another port, https probed elsewhere', { port: 9000 }, [{ type: 'https', port: 8000 }], 'auto', false],
    ['no port: as the client', { port: 0 }, http, 'auto', undefined],
    ['no port, probed with https', { port: 0 }, https, 'auto', true],
    ['the operator says so', { port: 80 }, [], 'on', true],
    ['the operator says no', { port: 443 }, https, 'off', false],
  ] as const)('%s', (_name, origin, monitors, mode, expected) => {
    expect(speaksTls(origin, monitors, mode)).toBe(expected);
  });

  test('LB-125 an origin with a port is asked there; without one, at the default of the scheme', () => {
    const origins = [{ name: 'x', address: '192.0.2.1', port: 8443 }];
    const at = (fields: object, scheme: 'http' | 'https'): string => {
      const edge = new PureEdge(
        shop(
          {},
          {
            pools: [{ name: 'a', origins: [{ ...origins[0], ...fields }] }],
            load_balancers: [{ name: 'www.example.com', proxied: true, default_pools: ['a'], fallback_pool: 'a' }],
          },
        ),
      );
      return address(edge.ask([], { client: edge.client('198.51.100.7', scheme) }).flight);
    };
    expect(at({}, 'http')).toBe('192.0.2.1:8443');
    expect(at({ port: 0 }, 'http')).toBe('192.0.2.1:80');
    expect(at({ port: 0 }, 'https')).toBe('192.0.2.1:443');
  });

  test('with TLS the name asked for is the client’s, or the origin’s own Host', () => {
    const edge = new PureEdge(
      shop(
        { default_pools: ['t'] },
        {
          pools: [
            { name: 't', origins: [{ name: 'x', address: '192.0.2.1', port: 443 }] },
            { name: 'f', origins: [{ name: 'y', address: '192.0.2.2' }] },
          ],
        },
      ),
    );
    expect(edge.ask().flight.attempt).toMatchObject({
      tls: { servername: 'www.example.com' },
      key: '192.0.2.1:443 tls www.example.com',
    });
    expect(edge.ask([], { host: '127.0.0.1' }).flight.attempt).toMatchObject({ tls: {} });
  });
});
