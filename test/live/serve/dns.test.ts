import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missing, MONITOR, NamedOrigin, run, Serve, until } from './support.ts';

const noDig = await missing('dig', '-v');
let serve: Serve;
let origin: NamedOrigin;
let at: string[];

beforeAll(async () => {
  origin = await NamedOrigin.start('a-1');
  serve = new Serve(
    {
      zones: [
        {
          name: 'example.com',
          records: [
            { name: '@', type: 'MX', content: 'mail.example.com', priority: 10 },
            { name: 'plain', type: 'A', content: '192.0.2.80' },
          ],
        },
      ],
      monitors: [MONITOR],
      pools: [
        { name: 'one', monitor: 'm', origins: [origin.config()] },
        {
          name: 'two',
          origins: [
            { name: 'x', address: '192.0.2.1' },
            { name: 'y', address: '192.0.2.2' },
          ],
        },
      ],
      load_balancers: [
        { name: 'www.example.com', proxied: true, default_pools: ['one'], fallback_pool: 'two' },
        { name: 'dns.example.com', proxied: false, ttl: 45, default_pools: ['one', 'two'], fallback_pool: 'two' },
      ],
    },
    ['--dns', '127.0.0.1:0'],
  );
  const { dns } = await serve.ready();
  at = ['@127.0.0.1', '-p', dns!.split(':')[1]!];
});
afterAll(async () => {
  await serve.end();
  origin.kill();
});

async function dig(...words: string[]): Promise<string> {
  return (await run('dig', [...at, '+tries=1', '+time=60', ...words])).out.trim();
}

describe.skipIf(noDig)('dig', () => {
  test('LB-054 a proxied name: the address of the edge', async () => {
    expect(await dig('+short', 'www.example.com')).toBe('127.0.0.1');
  });

  test('LB-056 a DNS-only name: its origin, with the TTL of the balancer', async () => {
    expect(await dig('+noall', '+answer', 'dns.example.com')).toMatch(
      /^dns\.example\.com\.\s+45\s+IN\s+A\s+127\.0\.0\.1$/,
    );
  });

  test('the zone’s own records, NXDOMAIN and REFUSED', async () => {
    expect(await dig('+short', 'example.com', 'MX')).toBe('10 mail.example.com.');
    expect(await dig('+tcp', '+short', 'plain.example.com')).toBe('192.0.2.80');
    expect(await dig('nobody.example.com')).toContain('status: NXDOMAIN');
    expect(await dig('example.org')).toContain('status: REFUSED');
  });

  test('LB-060 the origin dies: the next pool is answered; it comes back: so does its address', async () => {
    try {
      origin.kill();
      await until(
        () => dig('+short', 'dns.example.com'),
        (text) => text === '192.0.2.1\n192.0.2.2',
      );
    } finally {
      await origin.start();
    }
    await until(
      () => dig('+short', 'dns.example.com'),
      (text) => text === '127.0.0.1',
    );
  });
});
