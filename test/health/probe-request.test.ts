import { describe, expect, it } from 'vitest';
import { probeRequest } from '../../src/health/probe-request.ts';
import { monitor, origin, pool } from './build.ts';

const ID = '17b5962d775c646f3f9725cbc7a53df4';
const EU = pool(ID, []);
const host = (value: string): ReadonlyMap<string, readonly string[]> => new Map([['Host', [value]]]);

describe('the Host of a probe', () => {
  it.each([
    {
      name: "LB-145 the origin's override beats the monitor's",
      own: 'own.example',
      theirs: 'mon.example',
      sent: 'own.example',
      sni: 'own.example',
    },
    {
      name: "the monitor's, where the origin has none",
      own: undefined,
      theirs: 'mon.example',
      sent: 'mon.example',
      sni: 'mon.example',
    },
    {
      name: 'LB-146 neither: the address, and no SNI',
      own: undefined,
      theirs: undefined,
      sent: '192.0.2.1',
      sni: undefined,
    },
    {
      name: 'a port in it is no part of the SNI',
      own: 'own.example:8443',
      theirs: undefined,
      sent: 'own.example:8443',
      sni: 'own.example',
    },
  ])('$name', ({ own, theirs, sent, sni }) => {
    const request = probeRequest(
      EU,
      origin('a', { hostHeader: own }),
      monitor({ type: 'https', headers: theirs === undefined ? new Map() : host(theirs) }),
    );
    expect(request.headers.filter(([name]) => name.toLowerCase() === 'host')).toEqual([['Host', sent]]);
    expect(request.serverName).toBe(sni);
  });

  it('LB-146 of an IPv6 address has brackets', () => {
    expect(probeRequest(EU, origin('a', { address: '2001:db8::1' }), monitor()).headers[0]).toEqual([
      'Host',
      '[2001:db8::1]',
    ]);
  });
});

describe('the rest of a probe', () => {
  it('LB-147 carries the User-Agent with 16 characters of the pool id, whatever the monitor says', () => {
    const request = probeRequest(EU, origin('a'), monitor({ headers: new Map([['user-agent', ['mine']]]) }));
    expect(request.headers.filter(([name]) => name.toLowerCase() === 'user-agent')).toEqual([
      [
        'User-Agent',
        'Mozilla/5.0 (compatible; Cloudflare-Traffic-Manager/1.0; +https://www.cloudflare.com/traffic-manager/; pool-id: 17b5962d775c646f)',
      ],
    ]);
  });

  it.each([
    { name: "the monitor's port", type: 'http', own: 8080, theirs: 9000, port: 9000 },
    { name: "the origin's port", type: 'http', own: 8080, theirs: 0, port: 8080 },
    { name: 'http without either', type: 'http', own: 0, theirs: 0, port: 80 },
    { name: 'https without either', type: 'https', own: 0, theirs: 0, port: 443 },
    { name: 'tcp', type: 'tcp', own: 0, theirs: 5432, port: 5432 },
    { name: 'a ping has none', type: 'icmp_ping', own: 8080, theirs: 0, port: 0 },
  ] as const)('goes to $name: $port', ({ type, own, theirs, port }) => {
    expect(probeRequest(EU, origin('a', { port: own }), monitor({ type, port: theirs })).port).toBe(port);
  });

  it('repeats a header that has several values, and asks for a body only when one is expected', () => {
    const request = probeRequest(
      EU,
      origin('a'),
      monitor({ headers: new Map([['X-Try', ['1', '2']]]), expectedBody: 'ok' }),
    );
    expect(request.headers.slice(2)).toEqual([
      ['X-Try', '1'],
      ['X-Try', '2'],
    ]);
    expect(request.bodyBytes).toBe(10_240);
    expect(probeRequest(EU, origin('a'), monitor()).bodyBytes).toBe(0);
  });

  it('of another kind carries no HTTP', () => {
    expect(probeRequest(EU, origin('a'), monitor({ type: 'smtp', port: 25 }))).toMatchObject({
      method: '',
      path: '',
      headers: [],
    });
  });
});
