import { describe, expect, test } from 'vitest';
import { writeRequestHead } from '../../src/http1/write-head.ts';
import { acceptEncoding } from '../../src/edge/request-fields.ts';
import { type Answered, headOf, PureEdge, shop } from './support.ts';

/** The head as the origin gets it, by lower-case name. */
function sent({ flight }: Answered): Map<string, string[]> {
  const text = writeRequestHead(flight.head, {
    drop: flight.requestDrop,
    add: flight.requestAdd,
    host: flight.attempt.host,
    upgrade: false,
    via: '',
  });
  const fields = new Map<string, string[]>();
  for (const line of text.trimEnd().split('\r\n').slice(1)) {
    const [name, ...value] = line.split(': ');
    const key = name!.toLowerCase();
    fields.set(key, [...(fields.get(key) ?? []), value.join(': ')]);
  }
  return fields;
}

describe('what the origin is told', () => {
  test('LB-224 client, ray with the PoP, scheme, loop mark', () => {
    const edge = new PureEdge(shop(), { pop: 'FRA' });
    const asked = edge.ask(['User-Agent: x']);
    expect(Object.fromEntries(sent(asked))).toMatchObject({
      'cf-connecting-ip': ['198.51.100.7'],
      'cf-ray': [`${asked.flight.ray}-FRA`],
      'x-forwarded-for': ['198.51.100.7'],
      'x-forwarded-proto': ['http'],
      'cf-visitor': ['{"scheme":"http"}'],
      'cf-ipcountry': ['XX'],
      'cdn-loop': ['cloudflare'],
      'user-agent': ['x'],
    });
  });

  test('LB-224 over TLS the scheme is https', () => {
    const edge = new PureEdge(
      shop(
        {},
        {
          pools: [{ name: 'a', origins: [{ name: 'x', address: '192.0.2.1', port: 8080 }] }],
          load_balancers: [{ name: 'www.example.com', proxied: true, default_pools: ['a'], fallback_pool: 'a' }],
        },
      ),
    );
    const fields = sent(edge.ask([], { client: edge.client('198.51.100.7', 'https') }));
    expect(fields.get('x-forwarded-proto')).toEqual(['https']);
    expect(fields.get('cf-visitor')).toEqual(['{"scheme":"https"}']);
  });

  test('LB-225 an X-Forwarded-For that came is kept, the connecting address behind it', () => {
    const edge = new PureEdge(shop());
    expect(sent(edge.ask(['X-Forwarded-For: a'])).get('x-forwarded-for')).toEqual(['a,198.51.100.7']);
  });

  test('LB-226 an X-Forwarded-Proto that came is overwritten', () => {
    const edge = new PureEdge(shop());
    expect(sent(edge.ask(['X-Forwarded-Proto: ftp'])).get('x-forwarded-proto')).toEqual(['http']);
  });

  test('forged fields of the edge are left behind', () => {
    const edge = new PureEdge(shop());
    const forged = [
      'CF-IPCountry: KP',
      'CF-Ray: 0-XXX',
      'CF-Visitor: {}',
      'True-Client-IP: 1.1.1.1',
      'CDN-Loop: other',
    ];
    const fields = sent(edge.ask(forged));
    expect(fields.get('cf-ipcountry')).toEqual(['XX']);
    expect(fields.get('cf-ray')).toHaveLength(1);
    expect(fields.get('true-client-ip')).toBeUndefined();
    expect(fields.get('cdn-loop')).toEqual(['other, cloudflare']);
  });

  test('LB-228 the Host of an origin that has one of its own; without, the client’s', () => {
    const header = { Host: ['inner.example.net'] };
    const edge = new PureEdge(
      shop(
        { default_pools: ['h'] },
        {
          pools: [
            { name: 'h', origins: [{ name: 'x', address: '192.0.2.1', header }] },
            { name: 'f', origins: [{ name: 'y', address: '192.0.2.2' }] },
          ],
        },
      ),
    );
    expect(sent(edge.ask()).get('host')).toEqual(['inner.example.net']);
    expect(sent(new PureEdge(shop()).ask()).get('host')).toEqual(['www.example.com']);
  });

  test('LB-229 the ray is the same to the origin and to the client, and no two requests share one', () => {
    const edge = new PureEdge(shop());
    const asked = edge.ask();
    const ray = sent(asked).get('cf-ray')![0]!;
    expect(edge.respond(asked.flight)).toContain(`CF-Ray: ${ray}\r\n`);
    const rays = new Set(Array.from({ length: 5_000 }, () => edge.ask().flight.ray));
    expect(rays.size).toBe(5_000);
  });

  test.each([
    ['gzip, deflate, br, zstd', 'br, gzip'],
    ['gzip', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['*', 'br, gzip'],
    ['identity', 'identity'],
    ['deflate', 'identity'],
    ['gzip;q=0', 'identity'],
  ])('Accept-Encoding %j asks the origin for %j', (asked, expected) => {
    expect(acceptEncoding(asked)).toBe(`Accept-Encoding: ${expected}\r\n`);
  });

  test('a client that asks for no coding is promised none', () => {
    const edge = new PureEdge(shop());
    expect(sent(edge.ask()).has('accept-encoding')).toBe(false);
  });
});

describe('LB-227 loops and forgeries: error 1000', () => {
  const LONG = 'a'.repeat(101);
  test.each([
    ['CF-Connecting-IP from outside', ['CF-Connecting-IP: 203.0.113.9']],
    ['two X-Forwarded-For', ['X-Forwarded-For: a', 'X-Forwarded-For: b']],
    ['X-Forwarded-For above 100 characters', [`X-Forwarded-For: ${LONG}`]],
    ['the mark of an edge in CDN-Loop', ['CDN-Loop: a.example; x=1, Cloudflare']],
  ])('%s', (_name, lines) => {
    const edge = new PureEdge(shop());
    const { answer } = edge.ask(lines);
    expect(answer?.status).toBe(403);
    expect(answer?.fields).toContain('cf-error-type: 1000\r\n');
  });

  test('an origin that is this edge is never asked', () => {
    const edge = new PureEdge(shop({ default_pools: ['b'] }), { own: ['192.0.2.3:80'] });
    const { answer, flight } = edge.ask();
    expect(answer?.status).toBe(403);
    expect(answer?.body).toContain('this edge itself');
    expect(flight.open).toBe(false);
  });

  test('loopback may say who it speaks for; CDN-Loop stops it all the same', () => {
    const edge = new PureEdge(shop());
    const client = edge.client('127.0.0.1');
    const { flight } = edge.ask(['CF-Connecting-IP: 203.0.113.9', 'CF-IPCountry: DE'], { client });
    expect(flight.place).toMatchObject({ address: '203.0.113.9', country: 'DE' });
    expect(flight.place.location.country).toBe('DE');
    expect(edge.ask(['CDN-Loop: cloudflare', 'CF-Connecting-IP: 203.0.113.9'], { client }).answer?.status).toBe(403);
  });

  test('an edge that was given its PoP is that PoP for everybody, whatever country is told', () => {
    const edge = new PureEdge(shop(), { pop: 'LHR', onePop: true });
    for (const country of ['US', 'GB', 'JP']) {
      const { flight } = edge.ask([`CF-IPCountry: ${country}`], { client: edge.client('127.0.0.1') });
      expect(flight.place).toMatchObject({ country, location: { pop: 'LHR', country: 'GB' } });
      expect(
        sent(edge.ask([`CF-IPCountry: ${country}`], { client: edge.client('127.0.0.1') })).get('cf-ipcountry'),
      ).toEqual([country]);
    }
  });

  test('the next request of the same connection stands for itself', () => {
    const edge = new PureEdge(shop());
    const client = edge.client('127.0.0.1');
    edge.ask(['CF-Connecting-IP: 203.0.113.9'], { client });
    expect(edge.ask([], { client }).flight.place.address).toBe('127.0.0.1');
  });
});

describe('trusted proxies', () => {
  const trust = ['10.0.0.0/8'];

  test.each([
    {
      name: 'the address before the proxies',
      lines: ['X-Forwarded-For: 203.0.113.5, 10.1.1.1'],
      client: '203.0.113.5',
    },
    {
      name: 'not what stands left of an untrusted hop',
      lines: ['X-Forwarded-For: 1.1.1.1, 203.0.113.5'],
      client: '203.0.113.5',
    },
    {
      name: 'CF-Connecting-IP before X-Forwarded-For',
      lines: ['CF-Connecting-IP: 203.0.113.6', 'X-Forwarded-For: 203.0.113.5'],
      client: '203.0.113.6',
    },
    { name: 'garbage ends the chain', lines: ['X-Forwarded-For: 203.0.113.5, unknown'], client: '10.0.0.9' },
    {
      name: 'several fields are one list',
      lines: ['X-Forwarded-For: 203.0.113.5', 'X-Forwarded-For: 10.1.1.1'],
      client: '203.0.113.5',
    },
    { name: 'nothing said: the proxy itself', lines: [], client: '10.0.0.9' },
  ])('$name', ({ lines, client }) => {
    const edge = new PureEdge(shop(), { trust });
    const asked = edge.ask(lines, { client: edge.client('10.0.0.9') });
    expect(asked.answer).toBeUndefined();
    expect(asked.flight.place.address).toBe(client);
    expect(sent(asked).get('cf-connecting-ip')).toEqual([client]);
    expect(sent(asked).get('x-forwarded-for')![0]!.endsWith('10.0.0.9')).toBe(
      lines.some((line) => line.startsWith('X-F')) || client === '10.0.0.9',
    );
  });

  test('others are not believed', () => {
    const edge = new PureEdge(shop(), { trust });
    expect(edge.ask(['X-Forwarded-For: 10.1.1.1']).flight.place.address).toBe('198.51.100.7');
  });
});

test('a head without the fields costs no line more', () => {
  const edge = new PureEdge(shop());
  const head = headOf([]);
  edge.edge.fields.read(head);
  expect(edge.edge.fields.cookie).toBe('');
  expect(edge.edge.fields.connectingIp).toBeUndefined();
});
