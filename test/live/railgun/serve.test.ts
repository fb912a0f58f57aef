/** The real edge (`switchyard serve`, in this process) with a link in its configuration. */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { ratioSamples } from '../../../src/cli/serve/link-metrics.ts';
import type { Samples } from '../../../src/live/counter-table.ts';
import { pageAt } from '../../../src/sim/pages.ts';
import { railgunOf, startListener } from './lab.ts';
import { OTHER_TOKEN, type Served, type ServedOptions, serveSite } from './served.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const each of cleanups.splice(0).toReversed()) await each();
});

async function serve(options: ServedOptions = {}): Promise<Served> {
  const served = await serveSite(options);
  cleanups.push(() => served.end());
  return served;
}

it('RG-001 RG-015 RG-123 the header tells the truth: direct first, then the link, and nothing for a name without one', async () => {
  const { ask, linked } = await serve();
  expect(railgunOf(await ask('link.example.com', '/a'))).toBe('direct (starting new WAN connection)');
  await linked();
  const over = await ask('link.example.com', '/a');
  expect(railgunOf(over)).toMatch(/^[0-9a-f]{10} \d+\.\d\d \d+\.\d{6} 0000 [0-9a-f]{4}$/);
  expect(over.body.equals(pageAt('shop', 5, 0))).toBe(true);
  expect(over.headers['cf-ray']).toMatch(/-LHR$/);
  expect(railgunOf(await ask('plain.example.com', '/a'))).toBe('');
});

it('RG-124 session affinity is decided per request, also over a shared lane', async () => {
  const { ask, linked } = await serve();
  await linked();
  const [one, two] = await Promise.all([ask('link.example.com', '/a'), ask('link.example.com', '/b')]);
  expect([one, two].map((answer) => answer.headers['set-cookie']?.[0]?.split('=')[0])).toEqual(['__cflb', '__cflb']);
});

it('RG-012 a listener that dies with the request: the 527 page; the next request goes direct at once', async () => {
  const { origin, listener, ask, linked } = await serve();
  await linked();
  const held = ask('link.example.com', '/hold');
  while (origin.seen.every((one) => one.url !== '/hold')) await new Promise((resolve) => setImmediate(resolve));
  listener.stop();
  expect((await held).status).toBe(527);
  const next = await ask('link.example.com', '/a');
  expect([next.status, railgunOf(next)]).toEqual([200, 'direct (starting new WAN connection)']);
  expect(origin.seen.filter((one) => one.url === '/hold')).toHaveLength(1);
});

it('an origin that refuses is the origin’s fault, whoever saw it: 521 over the link as without', async () => {
  const { ask, linked } = await serve();
  await linked();
  expect((await ask('broken.example.com', '/a')).status).toBe(521);
});

it('RG-013 with --railgun-retry-direct a GET whose lane breaks goes direct; a POST is still 527', async () => {
  let held = 0;
  const { origin, listener, ask, linked } = await serve({
    flags: { railgunRetryDirect: true },
    handler: (request, response) => {
      // The first of each method is never answered.
      if (request.url === '/once' && origin.seen.filter((one) => one.method === request.method).length === 1) {
        held += 1;
        return;
      }
      request.resume();
      response.end(`${request.method} ${request.url}`);
    },
  });
  // The lane opens without touching the counts above.
  origin.seen.length = 0;
  await linked();
  origin.seen.length = 0;
  const [page, form] = [ask('link.example.com', '/once'), ask('link.example.com', '/once', 'POST')];
  while (held < 2) await new Promise((resolve) => setImmediate(resolve));
  listener.stop();
  const answer = await page;
  expect([answer.status, String(answer.body)]).toEqual([200, 'GET /once']);
  expect(railgunOf(answer)).toMatch(/^direct \(/);
  expect((await form).status).toBe(527);
  expect(origin.seen.filter((one) => one.method === 'POST')).toHaveLength(1);
});

describe('what can be seen of a link', () => {
  const samples = async (admin: string): Promise<ReadonlyMap<string, number>> => {
    const text = await (await fetch(`${admin}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith('switchyard_railgun'));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  };

  it('lanes, answers by kind, bytes saved, direct requests by reason, failures, stores and codec time', async () => {
    let version = 0;
    const { admin, ask, linked, listener, origin } = await serve({
      handler: (request, response) => {
        if (request.url === '/hold') return;
        response.setHeader('Content-Type', request.url === '/raw' ? 'image/png' : 'text/html');
        response.end(pageAt('shop', 5, version));
      },
    });
    await linked();
    const first = await samples(admin);
    for (const path of ['/p', '/p']) await ask('link.example.com', path);
    version = 1;
    for (const path of ['/p', '/raw']) await ask('link.example.com', path);
    const then = await samples(admin);
    const grown = (name: string, labels: string): number => {
      const key = `switchyard_railgun_${name}{railgun="rg"${labels === '' ? '' : `,${labels}`}}`;
      return (then.get(key) ?? Number.NaN) - (first.get(key) ?? 0);
    };
    expect(['same', 'delta', 'full', 'raw'].map((answer) => grown('requests_total', `answer="${answer}"`))).toEqual([
      1, 1, 1, 1,
    ]);
    expect(then.get('switchyard_railgun_lanes{railgun="rg",state="open"}')).toBe(1);
    expect(then.get('switchyard_railgun_direct_total{railgun="rg",reason="starting new WAN connection"}')).toBe(1);
    const [body, wan] = [grown('body_bytes_total', ''), grown('wan_bytes_total', '')];
    expect(body).toBe(4 * pageAt('shop', 5, 1).length);
    expect(grown('saved_bytes_total', '')).toBe(body - wan);
    const all = then.get('switchyard_railgun_wan_bytes_total{railgun="rg"}') ?? 0;
    expect(then.get('switchyard_railgun_compression_ratio{railgun="rg"}')).toBeCloseTo(
      all / (then.get('switchyard_railgun_body_bytes_total{railgun="rg"}') ?? 0),
    );
    expect(grown('store_total', 'outcome="hit"')).toBe(2);
    expect(grown('store_total', 'outcome="stored"')).toBe(2);
    expect(grown('codec_seconds_total', '')).toBeGreaterThan(0);

    const held = ask('link.example.com', '/hold');
    while (origin.seen.every((one) => one.url !== '/hold')) await new Promise((resolve) => setImmediate(resolve));
    expect((await samples(admin)).get('switchyard_railgun_streams{railgun="rg"}')).toBe(1);
    listener.stop();
    await held;
    const end = await samples(admin);
    expect(end.get('switchyard_railgun_failures_total{railgun="rg",code="RG_LINK_LOST"}')).toBe(1);
    expect(end.get('switchyard_railgun_lane_changes_total{railgun="rg",change="closed"}')).toBe(1);
    expect(end.get('switchyard_railgun_lanes{railgun="rg",state="open"}')).toBe(0);
    const edge = await (await fetch(`${admin}/metrics`)).text();
    expect(edge).toContain('switchyard_edge_errors_total{balancer="link.example.com",code="527"} 1');
  });

  it('events: the fall-back begins and ends, lanes open and are lost', async () => {
    const { ask, linked, listener, service } = await serve();
    await linked();
    listener.stop();
    while (!service.events.since(0).some((event) => event['state'] === 'lost'))
      await new Promise((resolve) => setImmediate(resolve));
    await ask('link.example.com', '/a');
    const told = service.events.since(0).filter((event) => event.kind === 'lane' || event.kind === 'railgun');
    expect(told.slice(0, 5).map((event) => [event.kind, event['railgun'], event['state']])).toEqual([
      ['railgun', 'rg', 'fallback'],
      ['lane', 'rg', 'open'],
      ['railgun', 'rg', 'back'],
      ['lane', 'rg', 'lost'],
      ['railgun', 'rg', 'fallback'],
    ]);
    expect(told[2]?.['text']).toMatch(/^railgun rg is back; \d+ requests? went direct meanwhile$/);
  });

  it('two edges in one sum: bytes are added, the ratio is made of the sums', () => {
    const of = (body: number, wan: number): Samples => [
      ['switchyard_railgun_body_bytes_total\nrailgun=rg', body],
      ['switchyard_railgun_wan_bytes_total\nrailgun=rg', wan],
      ['switchyard_railgun_body_bytes_total\nrailgun=idle', 0],
    ];
    expect(ratioSamples([of(1_000, 10), of(3_000, 190)])).toEqual([
      ['switchyard_railgun_compression_ratio\nrailgun=rg', 0.05],
    ]);
  });
});

describe('the control API of the edge', () => {
  const DIAGNOSE = '/client/v4/zones/example.com/railguns/rg/diagnose?url=';

  it('RG-074 diagnose asks through the link, opens a lane where there is none, and reports what it got', async () => {
    const { call, listener, origin } = await serve();
    const { status, body } = await call('GET', `${DIAGNOSE}http://link.example.com/page`);
    expect([status, body.success]).toEqual([200, true]);
    expect(body.result).toMatchObject({
      method: 'GET',
      host_name: 'link.example.com',
      http_status: 200,
      railgun: 'on',
      response_status: '200 OK',
      protocol: 'HTTP/1.1',
      body_size: `${pageAt('shop', 5, 0).length} bytes`,
      connection_close: false,
      cloudflare: 'on',
      'cf-wan-error': null,
    });
    expect(body.result['body_hash']).toBe(sha1(pageAt('shop', 5, 0)));
    expect(body.result['elapsed_time']).toMatch(/^\d+\.\d{6}s$/);
    expect(listener.stats.json(0 as never)['requests_completed']).toBe(1);
    expect(origin.seen.map((one) => one.url)).toEqual(['/page']);
  });

  it('RG-075 the second look is a delta with its ratio and the origin’s time; without a listener both are absent', async () => {
    const { call, listener } = await serve();
    await call('GET', `${DIAGNOSE}http://link.example.com/page`);
    const again = (await call('GET', `${DIAGNOSE}http://link.example.com/page`)).body.result;
    expect([again['compression_ratio'], again['railgun']]).toEqual(['0.00%', 'on']);
    expect(again['origin_response_time']).toMatch(/^\d+\.\d{6}s$/);
    expect(again['cf-railgun']).toMatch(/^[0-9a-f]{10} 0\.00 \d+\.\d{6} 0030 [0-9a-f]{4}$/);
    listener.stop();
    const direct = (await call('GET', `${DIAGNOSE}http://link.example.com/page`)).body.result;
    expect(direct).toMatchObject({ railgun: 'off', http_status: 200, body_hash: again['body_hash'] });
    expect(direct['cf-wan-error']).toMatch(/^direct \(/);
    expect(direct).not.toHaveProperty('compression_ratio');
    expect(direct).not.toHaveProperty('origin_response_time');
  });

  it('an origin that refuses is told as what broke', async () => {
    const { call } = await serve();
    const { result } = (await call('GET', `${DIAGNOSE}http://broken.example.com/`)).body;
    expect(result).toMatchObject({
      http_status: 0,
      response_status: '',
      'cf-wan-error': expect.stringMatching(/refused/i),
    });
  });

  it('RG-016 switched off over the API: no header and no lane for new requests; on again, and it is back', async () => {
    const { ask, call, linked } = await serve();
    await linked();
    await call('PATCH', '/client/v4/railguns/rg', { enabled: false });
    expect(railgunOf(await ask('link.example.com', '/a'))).toBe('');
    expect((await call('GET', '/client/v4/railguns/rg')).body.result).toMatchObject({ enabled: false });
    await call('PATCH', '/client/v4/railguns/rg', { enabled: true });
    await linked();
  });

  it('RG-088 a second railgun connected to the zone: traffic goes to its listener, and no more to the first', async () => {
    const second = await startListener({ token: OTHER_TOKEN });
    cleanups.push(() => second.stop());
    const host = { railgun_host: '127.0.0.1', port: second.port, activation_key: OTHER_TOKEN };
    const { ask, call, linked, listener } = await serve({ railguns: [{ id: 'rg-2', name: 'two', ...host }] });
    await linked();
    const before = listener.stats.json(0 as never)['requests_completed'];
    await call('PATCH', '/client/v4/zones/example.com/railguns/rg-2', { connected: true });
    await linked();
    for (let i = 0; i < 3; i += 1) expect(railgunOf(await ask('link.example.com', '/a'))).toMatch(/^[0-9a-f]{10} /);
    // The zone's Railgun is that of every name in it.
    expect(railgunOf(await ask('plain.example.com', '/a'))).toMatch(/^[0-9a-f]{10} /);
    expect(second.stats.json(0 as never)['requests_completed']).toBeGreaterThanOrEqual(4);
    expect(listener.stats.json(0 as never)['requests_completed']).toBe(before);
  });

  it('asks for the admin token, as a bearer or as a key, and tells in its own envelope when it is missing', async () => {
    const { admin } = await serve({ flags: { adminToken: 'secret' } });
    const asked = async (headers: Record<string, string>): Promise<unknown> =>
      (await fetch(`${admin}/client/v4/railguns`, { headers })).status;
    const bare = await fetch(`${admin}/client/v4/railguns`);
    expect([bare.status, ((await bare.json()) as { errors: { code: number }[] }).errors[0]?.code]).toEqual([
      401, 10_000,
    ]);
    expect(await asked({ Authorization: 'Bearer secret' })).toBe(200);
    expect(await asked({ 'X-Auth-Email': 'a@example.com', 'X-Auth-Key': 'secret' })).toBe(200);
    expect(await asked({ 'X-Auth-Key': 'wrong' })).toBe(401);
  });
});

function sha1(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}
