/** What a listener posts, and what becomes of its Railgun. */
import { describe, expect, it } from 'vitest';
import { CONFIG, PretendEdge, TOKEN } from './pretend-edge.ts';

const POST = { rtkn: TOKEN, host: '198.51.100.7', port: '2409', build: 'ab12', version: '1.0.0', instance: 'one' };

/** A railgun as the API makes it: nobody has said where its listener is. */
async function fresh(): Promise<{ edge: PretendEdge; key: string; id: string }> {
  const edge = new PretendEdge();
  const { result } = await edge.call('POST', '/railguns', { name: 'third' });
  const { activation_key: key, id } = result as { activation_key: string; id: string };
  return { edge, key, id };
}

const shown = async (edge: PretendEdge, id: string): Promise<Readonly<Record<string, unknown>>> =>
  (await edge.call('GET', `/railguns/${id}`)).result as Readonly<Record<string, unknown>>;

describe('activation', () => {
  it('RG-087 INI becomes V: the address is known, a certificate comes back, the railgun is active', async () => {
    const { edge, key, id } = await fresh();
    expect(await shown(edge, id)).toMatchObject({ status: 'initializing', activated_on: null });
    edge.now += 1_000_000;
    const { status, body } = await edge.post('activate', { ...POST, rtkn: key, csr: 'a request' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      msg: null,
      result: 'success',
      response: {
        act: 'railgun_activate',
        railgun: {
          railgun_id: id,
          railgun_status: 'V',
          railgun_pubname: '198.51.100.7',
          railgun_port: 2409,
          certificate: `certificate of ${id}.railgun.internal`,
        },
      },
    });
    expect(await shown(edge, id)).toMatchObject({
      status: 'active',
      build: 'ab12',
      version: '1.0.0',
      activated_on: '2026-05-28T20:26:41.000000Z',
      upgrade_info: { latest_version: '1.2.3', download_link: '' },
    });
    expect(edge.model.railguns.at(-1)).toMatchObject({ host: '198.51.100.7', port: 2409 });
    expect(edge.told).toEqual([{ railgun: id, state: 'active', text: 'railgun third was activated' }]);
  });

  it.each([
    { what: 'another token', rtkn: 'x'.repeat(32) },
    { what: 'no token', rtkn: '' },
    { what: 'half a token', rtkn: TOKEN.slice(0, 16) },
  ])('RG-086 $what is refused with the documented sentence, and nothing changes', async ({ rtkn }) => {
    const edge = new PretendEdge();
    for (const act of ['activate', 'heartbeat', 'deactivate']) {
      const { status, body } = await edge.post(act, { ...POST, rtkn });
      expect([status, body.result, body.msg]).toEqual([403, 'error', 'Invalid or missing railgun token or tag']);
    }
    expect(edge.written).toBe(CONFIG);
  });

  it('an address that the file gives outranks the listener’s; a learnt one follows it', async () => {
    const { edge, key } = await fresh();
    await edge.post('activate', POST);
    expect(edge.model.railguns[0]).toMatchObject({ host: '192.0.2.8', port: 2408 });
    await edge.post('activate', { ...POST, rtkn: key });
    await edge.post('activate', { ...POST, rtkn: key, host: '198.51.100.8' });
    expect(edge.model.railguns.at(-1)).toMatchObject({ host: '198.51.100.8', port: 2409 });
  });

  it.each([
    { name: 'without a host', over: { host: '' }, says: /activation\.railgun_host is missing/ },
    { name: 'with nonsense for one', over: { host: 'not a host' }, says: /neither an IP address nor a host name/ },
    { name: 'with a broken certificate request', over: { csr: 'no request' }, says: /certificate request/ },
  ])('$name it is refused', async ({ over, says }) => {
    const { edge, key, id } = await fresh();
    const { status, body } = await edge.post('activate', { ...POST, rtkn: key, ...over });
    expect(status).toBe(400);
    expect(body.msg).toMatch(says);
    expect(await shown(edge, id)).toMatchObject({ status: 'initializing' });
  });

  it('RG-089 several listeners with one token: each is welcome, and the railgun is inactive only without all of them', async () => {
    const { edge, key, id } = await fresh();
    const post = (act: string, instance: string) => edge.post(act, { ...POST, rtkn: key, instance });
    await post('activate', 'one');
    expect((await post('activate', 'two')).status).toBe(200);
    expect(edge.model.railguns).toHaveLength(3);
    await post('deactivate', 'one');
    expect(await shown(edge, id)).toMatchObject({ status: 'active' });
    // RG-080: a listener that drains says goodbye.
    const last = await post('deactivate', 'two');
    expect(last.body.response.railgun).toMatchObject({ railgun_status: 'D' });
    expect(await shown(edge, id)).toMatchObject({ status: 'inactive' });
    await post('activate', 'three');
    expect(await shown(edge, id)).toMatchObject({ status: 'active' });
  });

  it('a heartbeat is answered while the railgun exists, and no longer', async () => {
    const { edge, key, id } = await fresh();
    await edge.post('activate', { ...POST, rtkn: key });
    expect((await edge.post('heartbeat', { rtkn: key, instance: 'one' })).body.response.railgun).toMatchObject({
      railgun_status: 'V',
    });
    await edge.call('DELETE', `/railguns/${id}`);
    expect((await edge.post('heartbeat', { rtkn: key, instance: 'one' })).status).toBe(403);
  });

  it('an endless form is not read', async () => {
    const edge = new PretendEdge();
    const { status } = await edge.post('activate', { ...POST, host: 'x'.repeat(100_000) });
    expect(status).toBe(403);
  });
});
