import { describe, expect, it } from 'vitest';
import { nextHop } from '../../../src/live/prober/http-probe.ts';
import { reasonOf } from '../../../src/live/prober/socket-reasons.ts';

describe("from the machine's words to the public list", () => {
  it.each([
    ['ECONNREFUSED', 'tcp_connection_failed'],
    ['EHOSTUNREACH', 'no_route_to_host'],
    ['ENETUNREACH', 'network_unreachable'],
    ['ETIMEDOUT', 'tcp_timeout'],
    ['EAI_AGAIN', 'dns_unknown_host'],
    ['CERT_HAS_EXPIRED', 'tls_untrusted_certificate'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_name_mismatch'],
    ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'tls_unrecognized_name'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls_protocol_error'],
    ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', 'tls_handshake_failure'],
    ['HPE_INVALID_CONSTANT', 'http_invalid_response'],
    ['SOMETHING_NEW', 'other_failure'],
  ])('%s is %s', (code, reason) => {
    expect(reasonOf(Object.assign(new Error('x'), { code }))).toBe(reason);
  });

  it('whatever was thrown has a name', () => {
    expect(reasonOf('a string')).toBe('other_failure');
  });
});

describe('where a redirect leads', () => {
  const hop = {
    secure: true,
    host: '192.0.2.1',
    port: 443,
    path: '/a/b',
    headers: [
      ['Host', 'shop.example'],
      ['User-Agent', 'probe'],
      ['Authorization', 'secret'],
    ],
    serverName: 'shop.example',
    left: 3,
  } as const;

  it.each([
    { name: 'a path', location: '/c', to: { host: '192.0.2.1', port: 443, path: '/c', serverName: 'shop.example' } },
    { name: 'a relative path', location: 'c?d', to: { host: '192.0.2.1', path: '/a/c?d' } },
    { name: 'the same server by name', location: 'https://shop.example/c', to: { host: '192.0.2.1', path: '/c' } },
    {
      name: 'another name',
      location: 'https://www.example/c',
      to: { host: 'www.example', port: 443, serverName: 'www.example' },
    },
    { name: 'plain HTTP', location: 'http://shop.example/c', to: { secure: false, host: 'shop.example', port: 80 } },
    {
      name: 'an IPv6 address',
      location: 'http://[2001:db8::1]:81/',
      to: { host: '2001:db8::1', port: 81, serverName: undefined },
    },
  ])('$name: $location', ({ location, to }) => {
    expect(nextHop(hop, 302, location, 7)).toMatchObject({ ...to, left: 2, rttUs: 7 });
  });

  it.each([
    { status: 304, location: '/c' },
    { status: 302, location: undefined },
    { status: 302, location: 'mailto:x@example' },
    { status: 302, location: 'http://[' },
  ])('$status to $location is the answer itself', ({ status, location }) => {
    expect(nextHop(hop, status, location, 7)).toBeUndefined();
  });
});
