import { describe, expect, it } from 'vitest';
import { parseRailgunNat } from '../../src/config/railgun-nat.ts';
import type { NatMap } from '../../src/core/nat-map.ts';
import type { HeadLine } from '../../src/railgun/head.ts';
import type { RequestMessage } from '../../src/railgun/messages.ts';
import { type OriginRequest, originRequest } from '../../src/railgun/origin-request.ts';
import { RULES } from './pretend-link.ts';

const MESSAGE: RequestMessage = {
  https: false,
  hasBody: false,
  wantsDelta: true,
  idempotent: true,
  rawTarget: false,
  method: 'GET',
  zone: 'example.com',
  authority: 'www.example.com',
  path: '/',
  originAddress: '203.0.113.10',
  deadlineMs: 0,
  named: undefined,
  codecs: 2,
  head: new Uint8Array(0),
};
const HEAD: readonly HeadLine[] = [['Host', 'www.example.com']];

function nat(text: string): NatMap {
  const parsed = parseRailgunNat('railgun-nat.conf', text);
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  return parsed.value;
}

function ask(
  message: Partial<RequestMessage>,
  rules: Partial<typeof RULES> = {},
  head: readonly HeadLine[] = HEAD,
): OriginRequest {
  const request = originRequest({ ...MESSAGE, ...message }, head, '0123456789', '5360', { ...RULES, ...rules });
  if ('kind' in request) throw new Error(request.kind);
  return request;
}

function where(request: OriginRequest): string {
  return `${request.tls ? 'tls' : 'tcp'} ${request.address} ${request.port}`;
}

describe('where the listener connects', () => {
  it.each([
    { name: 'RG-019 http goes to port 80 of CF-ORIGIN-IP', message: {}, map: '', to: 'tcp 203.0.113.10 80' },
    { name: 'RG-019 https goes to port 443', message: { https: true }, map: '', to: 'tls 203.0.113.10 443' },
    {
      name: 'RG-029 an IPv6 origin keeps the scheme port',
      message: { originAddress: '2001:db8::1' },
      map: '',
      to: 'tcp 2001:db8::1 80',
    },
    {
      name: 'RG-029 … under https too',
      message: { originAddress: '2001:db8::1', https: true },
      map: '',
      to: 'tls 2001:db8::1 443',
    },
    {
      name: 'RG-029 … and a mapped one its mapped port',
      message: {},
      map: 'www.example.com = [2001:db8::2]:8080',
      to: 'tcp 2001:db8::2 8080',
    },
    {
      name: 'RG-081 a host in the map',
      message: {},
      map: 'www.example.com=127.0.0.1\ndefault=10.0.0.1',
      to: 'tcp 127.0.0.1 80',
    },
    {
      name: 'RG-081 another host takes the default',
      message: { authority: 'api.example.com' },
      map: 'www.example.com=127.0.0.1\ndefault=10.0.0.1',
      to: 'tcp 10.0.0.1 80',
    },
    {
      name: 'RG-082 no default and no match: CF-ORIGIN-IP',
      message: { authority: 'api.example.com' },
      map: 'www.example.com=127.0.0.1',
      to: 'tcp 203.0.113.10 80',
    },
    {
      name: 'RG-083 a port without an entry goes to the scheme port',
      message: { authority: 'x.example:2083', https: true },
      map: 'x.example = 127.0.0.1',
      to: 'tls 127.0.0.1 443',
    },
    {
      name: 'RG-083 without any map too',
      message: { authority: 'x.example:2083' },
      map: '',
      to: 'tcp 203.0.113.10 80',
    },
    {
      name: 'RG-083 with its own entry it goes there',
      message: { authority: 'x.example:2083', https: true },
      map: 'x.example = 10.0.0.9\nx.example:2083 = 127.0.0.1:2083',
      to: 'tls 127.0.0.1 2083',
    },
    { name: 'RG-085 localhost:8080', message: {}, map: 'default = localhost:8080', to: 'tcp 127.0.0.1 8080' },
    {
      name: 'names compare without case',
      message: { authority: 'WWW.Example.COM' },
      map: 'www.EXAMPLE.com = 127.0.0.1',
      to: 'tcp 127.0.0.1 80',
    },
    {
      name: 'an IPv6 host in the map',
      message: { authority: '[2001:DB8::5]:81' },
      map: '[2001:db8::5]:81 = 127.0.0.1:81',
      to: 'tcp 127.0.0.1 81',
    },
    {
      name: 'an explicit port in CF-ORIGIN-IP (ours)',
      message: { originAddress: '203.0.113.10:8443', https: true },
      map: '',
      to: 'tls 203.0.113.10 8443',
    },
  ])('$name', ({ message, map, to }) => {
    expect(where(ask(message, { nat: nat(map) }))).toBe(to);
  });

  it('RG-022 insecure.origin: plain HTTP for an https request', () => {
    expect(where(ask({ https: true }, { insecureOrigin: true }))).toBe('tcp 203.0.113.10 80');
  });

  it.each(['origin.example.com', '', '1.2.3', '256.1.1.1', '203.0.113.10:0', '203.0.113.10:99999', ':::::x'])(
    'RG-021 %j is no address, and no name is ever looked up',
    (originAddress) => {
      expect(originRequest({ ...MESSAGE, originAddress }, HEAD, 'id', '5360', RULES)).toEqual({ kind: 'no_address' });
    },
  );

  it('RG-023 RG-024 the certificate is to be checked, or not, as configured', () => {
    expect(ask({ https: true }).validateCert).toBe(true);
    expect(ask({ https: true }, { validateCert: false }).validateCert).toBe(false);
    expect(ask({ https: true, authority: 'www.example.com:8443' }).serverName).toBe('www.example.com');
  });
});

describe('what the origin is asked', () => {
  it('RG-020 CF-ORIGIN-IP and CF-WAN-ID are gone, however they are spelt', () => {
    const request = ask({}, {}, [...HEAD, ['CF-ORIGIN-IP', '1.2.3.4'], ['cf-wan-id', 'x'], ['Accept', '*/*']]);
    expect(request.head.map(([name]) => name)).toEqual(['Host', 'Accept', 'User-Agent']);
  });

  it('RG-027 a client without User-Agent gets a Railgun one; one that has it keeps it', () => {
    expect(ask({}).head).toContainEqual(['User-Agent', 'Railgun/rgx']);
    const own = ask({}, {}, [...HEAD, ['user-agent', 'curl/8']]);
    expect(own.head.filter(([name]) => name.toLowerCase() === 'user-agent')).toEqual([['user-agent', 'curl/8']]);
  });

  it.each(['/%', '/%zz', '/a%2', '/%C3%28?x=%%', '/caf\xe9'])('RG-028 %j goes on byte for byte', (path) => {
    expect(ask({ path, rawTarget: true }).path).toBe(path);
  });

  it('RG-032 origin.cf-railgun: the header with the word origin in second place', () => {
    const request = ask({ named: new Uint8Array(8) }, { originCfRailgun: true, nat: nat('default = 127.0.0.1') });
    expect(request.head).toContainEqual(['Cf-Railgun', '0123456789 origin 0.000000 0011 5360']);
    expect(ask({}).head.some(([name]) => name === 'Cf-Railgun')).toBe(false);
  });

  it.each([
    {
      name: 'RG-026 a POST without length or chunks',
      message: { method: 'POST' },
      head: HEAD,
      result: { kind: 'bad_length', value: '-1' },
    },
    { name: 'RG-026 a PUT', message: { method: 'PUT' }, head: HEAD, result: { kind: 'bad_length', value: '-1' } },
    { name: 'RG-026 a PATCH', message: { method: 'PATCH' }, head: HEAD, result: { kind: 'bad_length', value: '-1' } },
    {
      name: 'RG-026 a negative length',
      message: { method: 'POST', hasBody: true },
      head: [...HEAD, ['Content-Length', '-1']],
      result: { kind: 'bad_length', value: '-1' },
    },
    {
      name: 'a length that is no number',
      message: { method: 'POST', hasBody: true },
      head: [...HEAD, ['Content-Length', '0x10']],
      result: { kind: 'bad_length', value: '0x10' },
    },
    {
      name: 'a length without a body',
      message: { method: 'POST' },
      head: [...HEAD, ['Content-Length', '5']],
      result: { kind: 'bad_length', value: '5' },
    },
  ] as const)('$name is refused', ({ message, head, result }) => {
    expect(originRequest({ ...MESSAGE, ...message }, head, 'id', '5360', RULES)).toEqual(result);
  });

  it.each([
    { name: 'chunked', message: { method: 'POST', hasBody: true }, head: HEAD, body: 'chunked' },
    {
      name: 'with a length',
      message: { method: 'POST', hasBody: true },
      head: [...HEAD, ['Content-Length', '5']],
      body: 'length',
    },
    { name: 'of length 0', message: { method: 'POST' }, head: [...HEAD, ['Content-Length', '0']], body: 'none' },
    { name: 'none', message: {}, head: HEAD, body: 'none' },
  ] as const)('a body $name', ({ message, head, body }) => {
    expect(ask(message, {}, head).body).toBe(body);
  });
});
