/** The v4 API of railguns without a socket: what is answered, and what it does to the configuration. */
import { describe, expect, it } from 'vitest';
import { CONFIG, PretendEdge, TOKEN } from './pretend-edge.ts';

const used = (edge: PretendEdge): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(edge.model.loadBalancers.map((each) => [each.name, each.railgun]));

describe('the envelope', () => {
  it('has its four fields on success and on failure, and paging on lists alone', async () => {
    const edge = new PretendEdge();
    const list = await edge.call('GET', '/client/v4/railguns');
    expect(Object.keys(list)).toEqual(['status', 'success', 'errors', 'messages', 'result', 'result_info']);
    expect(list.result_info).toEqual({ page: 1, per_page: 50, count: 2, total_count: 2, total_pages: 1 });
    const one = await edge.call('GET', '/client/v4/railguns/rg-1');
    expect(Object.keys(one)).toEqual(['status', 'success', 'errors', 'messages', 'result']);
    const none = await edge.call('GET', '/client/v4/railguns/nobody');
    expect(none).toEqual({
      status: 404,
      success: false,
      errors: [{ code: 1001, message: 'railgun not found' }],
      messages: [],
      result: null,
    });
  });

  it('LB-245 an unknown path is 404 with the codes 7003 and 7000', async () => {
    const answer = await new PretendEdge().call('GET', '/client/v4/railgums');
    expect([answer.status, answer.errors.map((each) => each.code)]).toEqual([404, [7003, 7000]]);
  });

  it.each(['/client/v4', '', '/client/v4/accounts/a', '/client/v4/organizations/o', '/user'])(
    'the same railguns at %s/railguns',
    async (base) => {
      const answer = await new PretendEdge().call('GET', `${base}/railguns`);
      expect((answer.result as { name: string }[]).map((each) => each.name)).toEqual(['first', 'second']);
    },
  );
});

describe('lists', () => {
  it.each([
    { query: '?per_page=1', names: ['first'], info: { page: 1, count: 1, total_pages: 2 } },
    { query: '?per_page=1&page=2', names: ['second'], info: { page: 2, count: 1, total_pages: 2 } },
    { query: '?page=9', names: [], info: { page: 9, count: 0, total_pages: 1 } },
    { query: '?direction=desc', names: ['second', 'first'], info: { page: 1, count: 2, total_pages: 1 } },
  ])('$query', async ({ query, names, info }) => {
    const answer = await new PretendEdge().call('GET', `/railguns${query}`);
    expect((answer.result as { name: string }[]).map((each) => each.name)).toEqual(names);
    expect(answer.result_info).toMatchObject(info);
  });

  it.each(['?page=0', '?page=x', '?per_page=1001', '?direction=up'])('%s is refused', async (query) => {
    const answer = await new PretendEdge().call('GET', `/railguns${query}`);
    expect([answer.status, answer.errors[0]?.code]).toEqual([400, 1002]);
  });
});

describe('a railgun', () => {
  it('shows every documented field', async () => {
    const { result } = await new PretendEdge().call('GET', '/railguns/rg-1');
    expect(result).toEqual({
      id: 'rg-1',
      name: 'first',
      status: 'active',
      enabled: true,
      zones_connected: 1,
      build: '',
      version: '',
      revision: '',
      activation_key: TOKEN,
      activated_on: null,
      created_on: null,
      modified_on: null,
      upgrade_info: null,
    });
  });

  it('is created with an id and a key of its own, and is initializing', async () => {
    const edge = new PretendEdge();
    const { status, result } = await edge.call('POST', '/client/v4/railguns', { name: 'third' });
    expect(status).toBe(200);
    expect(result).toMatchObject({
      id: '00000000000000000000000000000001',
      name: 'third',
      status: 'initializing',
      enabled: true,
      zones_connected: 0,
      activation_key: 'token000000000000000000000000001',
      created_on: '2026-05-28T20:26:40.000000Z',
    });
    expect(edge.model.railguns.map((each) => each.name)).toEqual(['first', 'second', 'third']);
    expect((await edge.call('GET', '/railguns/00000000000000000000000000000001')).result).toEqual(result);
  });

  it.each([
    { body: {}, code: 1002 },
    { body: { name: 7 }, code: 1002 },
    { body: { name: '' }, code: 1002 },
    { body: { name: 'x', enabld: true }, code: 1002 },
    { body: { name: 'first' }, code: 1003 },
    { body: '[]', code: 1002 },
    { body: '{', code: 1002 },
    { body: `{"name":"${'x'.repeat(2_000_000)}"}`, code: 1002 },
  ])('is not created from nonsense', async ({ body, code }) => {
    const edge = new PretendEdge();
    const answer = await edge.call('POST', '/railguns', body);
    expect([Math.floor(answer.status / 100), answer.success, answer.errors[0]?.code]).toEqual([4, false, code]);
    expect(edge.written).toBe(CONFIG);
  });

  it('RG-016 is switched off and on: names that use it have none meanwhile', async () => {
    const edge = new PretendEdge();
    const off = await edge.call('PATCH', '/railguns/rg-1', { enabled: false });
    expect(off.result).toMatchObject({ enabled: false, modified_on: '2026-05-28T20:26:40.000000Z' });
    expect(used(edge)['img.example.com']).toBeUndefined();
    await edge.call('PATCH', '/railguns/rg-1', { enabled: true });
    expect(used(edge)['img.example.com']).toBe('rg-1');
    expect(edge.reasons).toEqual(['railgun first was switched off', 'railgun first was switched on']);
  });

  it.each([{}, { enabled: 'yes' }, { enabled: true, name: 'x' }])('is not edited by %j', async (body) => {
    const edge = new PretendEdge();
    expect((await edge.call('PATCH', '/railguns/rg-1', body)).status).toBe(400);
    expect(edge.reasons).toEqual([]);
  });

  it('is deleted at once for all zones', async () => {
    const edge = new PretendEdge();
    await edge.call('PATCH', '/zones/zone-1/railguns/rg-1', { connected: true });
    expect((await edge.call('DELETE', '/railguns/rg-1')).result).toEqual({ id: 'rg-1' });
    expect(edge.model.railguns.map((each) => each.name)).toEqual(['second']);
    expect(Object.values(used(edge))).toEqual([undefined, undefined, undefined]);
    expect((await edge.call('DELETE', '/railguns/rg-1')).status).toBe(404);
  });

  it('tells which zones use it', async () => {
    const edge = new PretendEdge();
    const zones = (await edge.call('GET', '/railguns/rg-1/zones')).result as { name: string }[];
    expect(zones.map((each) => each.name)).toEqual(['example.com']);
    expect((await edge.call('GET', '/railguns/second/zones')).result).toEqual([]);
  });
});

describe('a zone', () => {
  it('sees every railgun, and which one it is connected to', async () => {
    const edge = new PretendEdge();
    expect((await edge.call('GET', '/zones/zone-1/railguns')).result).toEqual([
      { id: 'rg-1', name: 'first', enabled: true, connected: true },
      { id: 'second', name: 'second', enabled: true, connected: false },
    ]);
    expect((await edge.call('GET', '/zones/OTHER.example/railguns/rg-1')).result).toMatchObject({ connected: false });
    expect((await edge.call('GET', '/zones/nowhere/railguns')).errors[0]?.message).toBe('zone not found');
  });

  it('RG-088 a second railgun that is connected takes the place of the first: one per domain', async () => {
    const edge = new PretendEdge();
    await edge.call('PATCH', '/zones/zone-1/railguns/rg-1', { connected: true });
    expect(used(edge)).toEqual({ 'www.example.com': 'rg-1', 'img.example.com': 'rg-1', 'no.example.com': undefined });
    const second = await edge.call('PATCH', '/zones/zone-1/railguns/second', { connected: true });
    expect(second.result).toEqual({ id: 'second', name: 'second', enabled: true, connected: true });
    expect(used(edge)).toEqual({
      'www.example.com': 'second',
      'img.example.com': 'second',
      // Opted out by the file.
      'no.example.com': undefined,
    });
    const list = (await edge.call('GET', '/zones/zone-1/railguns')).result as { connected: boolean }[];
    expect(list.map((each) => each.connected)).toEqual([false, true]);
  });

  it('lets one go, and only that one', async () => {
    const edge = new PretendEdge();
    await edge.call('PATCH', '/zones/zone-1/railguns/second', { connected: false });
    expect(used(edge)['img.example.com']).toBe('rg-1');
    const gone = await edge.call('PATCH', '/zones/zone-1/railguns/rg-1', { connected: false });
    expect(gone.result).toMatchObject({ connected: false });
    expect(Object.values(used(edge))).toEqual([undefined, undefined, undefined]);
  });
});

describe('diagnose', () => {
  const healthy = {
    host: 'www.example.com',
    url: 'http://www.example.com/',
    status: 200,
    reason: 'OK',
    elapsedUs: 239_013,
    bodyBytes: 63_910,
    bodyHash: 'b'.repeat(40),
    hasLength: false,
    connectionClose: false,
    ray: '0123456789abcdef-LHR',
    cacheStatus: 'DYNAMIC',
    target: '192.0.2.1:80',
    link: { ratio: 0.288, originTimeUs: 50_570, header: '151df128a1 0.29 0.050570 0030 5360' },
    wanError: undefined,
  };

  it('RG-074 with a healthy link every documented field is there, of its type, and railgun is on', async () => {
    const edge = new PretendEdge();
    edge.diagnosis = healthy;
    const { result } = await edge.call('GET', '/client/v4/zones/zone-1/railguns/rg-1/diagnose');
    expect(result).toEqual({
      method: 'GET',
      host_name: 'www.example.com',
      http_status: 200,
      railgun: 'on',
      url: 'http://www.example.com/',
      target: '192.0.2.1:80',
      response_status: '200 OK',
      protocol: 'HTTP/1.1',
      elapsed_time: '0.239013s',
      body_size: '63910 bytes',
      body_hash: 'b'.repeat(40),
      missing_headers: 'No Content-Length or Transfer-Encoding',
      connection_close: false,
      cloudflare: 'on',
      'cf-ray': '0123456789abcdef-LHR',
      'cf-wan-error': null,
      'cf-cache-status': 'DYNAMIC',
      'cf-railgun': '151df128a1 0.29 0.050570 0030 5360',
      compression_ratio: '0.29%',
      origin_response_time: '0.050570s',
    });
    expect(edge.asked).toEqual([{ railgun: 'rg-1', host: 'www.example.com', path: '/' }]);
  });

  it('RG-075 ratio and origin time are absent when the request went direct', async () => {
    const edge = new PretendEdge();
    edge.diagnosis = { ...healthy, link: undefined, wanError: 'direct (starting new WAN connection)' };
    const { result } = await edge.call('GET', '/zones/zone-1/railguns/rg-1/diagnose');
    expect(result).toMatchObject({ railgun: 'off', 'cf-wan-error': 'direct (starting new WAN connection)' });
    expect(result).not.toHaveProperty('compression_ratio');
    expect(result).not.toHaveProperty('origin_response_time');
  });

  it.each([
    { url: '/a?b=c', host: 'www.example.com', path: '/a?b=c' },
    { url: 'https://img.example.com/x.html', host: 'img.example.com', path: '/x.html' },
    { url: 'http://img.example.com', host: 'img.example.com', path: '/' },
  ])('asks for $url', async ({ url, host, path }) => {
    const edge = new PretendEdge();
    edge.diagnosis = healthy;
    await edge.call('GET', `/zones/zone-1/railguns/rg-1/diagnose?url=${encodeURIComponent(url)}`);
    expect(edge.asked).toEqual([{ railgun: 'rg-1', host, path }]);
  });

  it('no more than eight at once', async () => {
    const edge = new PretendEdge();
    edge.diagnosis = healthy;
    const ask = () => edge.call('GET', '/zones/zone-1/railguns/rg-1/diagnose');
    const all = await Promise.all(Array.from({ length: 10 }, ask));
    expect(all.map((each) => each.status)).toEqual([...Array.from({ length: 8 }, () => 200), 400, 400]);
    expect((await ask()).status).toBe(200);
  });

  it.each(['http://elsewhere.example/', 'ftp://www.example.com/', '/a b', 'x', '/\r\nHost: y'])(
    'refuses %j',
    async (url) => {
      const edge = new PretendEdge();
      const answer = await edge.call('GET', `/zones/zone-1/railguns/rg-1/diagnose?url=${encodeURIComponent(url)}`);
      expect([answer.status, edge.asked]).toEqual([400, []]);
    },
  );
});
