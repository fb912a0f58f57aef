/** The lab with a link: listeners, stores and the balancer as processes, and every fault on them as the edge's answers show it. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LabEdge } from '../../../src/drill/lab.ts';
import { thisMachine } from '../../../src/drill/lab/machine.ts';
import { ANSWERED_MS, ask, type Running, runningLab, type Seen } from './support.ts';

const S = 1_000_000;
const { memcached, redis } = thisMachine();

function linked(railgun: string, timeline = '[]'): string {
  return `
version: 1
name: linked
config:
  version: 1
  load_balancers: [{ name: news.example.com, proxied: true, default_pools: [news], fallback_pool: news, railgun: near }]
  pools: [{ name: news, origins: [{ name: one, address: 192.0.2.1 }, { name: two, address: 192.0.2.2 }] }]
  railguns: [{ id: near, name: near }]
duration: 10m
world: { pops: [LHR], links: { edge-origin: { delay: 2ms } }, origins: { '*': { latency: 1ms } }, railgun: { ${railgun} } }
traffic: [{ clients: { count: 10, rate: 1/s } }]
timeline: ${timeline}
`;
}

const railgunOf = ({ headers }: Seen): string => String(headers['cf-railgun'] ?? 'none');
/** Over the link: an id, not `direct (…)`. */
const crossed = (seen: Seen): boolean => /^[0-9a-f]{10} /.test(railgunOf(seen));
/** Bytes of the answer that crossed, share of the body in %; an answer that is passed on as it comes is all of it. */
const ratioOf = (seen: Seen): number => {
  const [, share = ''] = railgunOf(seen).split(' ');
  return share === 'stream' ? 100 : Number(share);
};

class Site {
  readonly running: Running;

  private constructor(running: Running) {
    this.running = running;
  }

  static async up(railgun: string, timeline?: string): Promise<Site> {
    return new Site(await runningLab(linked(railgun, timeline)));
  }

  get(page = 1, patienceMs = ANSWERED_MS): Promise<Seen> {
    const [edge] = this.running.lab.edges as [LabEdge];
    return ask(edge.listen, this.running.host, { page, patienceMs });
  }

  /** Asks until an answer is such. Every answer on the way is one, whatever the path it took. */
  async until(holds: (seen: Seen) => boolean, page = 1): Promise<Seen> {
    for (;;) {
      const seen = await this.get(page);
      if (holds(seen)) return seen;
    }
  }
}

describe('one listener and two memcached nodes', () => {
  let site: Site;
  beforeAll(async () => {
    site = await Site.up(
      'listeners: 1, memcached: { nodes: 2 }',
      '[{ at: +1m, fault: blackhole, target: listener/1 }]',
    );
  });
  afterEach(() => site.running.heal());
  afterAll(() => site.running.lab.stop());

  it('carries pages of the origin that the edge chose, byte for byte, and less of them when they are known', async () => {
    const first = await site.until(crossed, 7);
    const again = await site.until((seen) => crossed(seen) && ratioOf(seen) < 1, 7);
    expect(again.body.equals(first.body)).toBe(true);
    const from = new Set<unknown>();
    while (from.size < 2) from.add((await site.until(crossed, 7)).headers['x-lab-origin']);
    expect(from).toEqual(new Set(['news/one', 'news/two']));
  });

  it('counts what crosses the wide area', async () => {
    await site.running.lab.settle();
    const before = site.running.lab.wanBytes();
    const seen = await site.until(crossed, 8);
    await site.running.lab.settle();
    const after = site.running.lab.wanBytes();
    expect(seen.body.length).toBe(20_000);
    expect(after.toListener).toBeGreaterThan(before.toListener);
    expect(after.toEdge).toBeGreaterThan(before.toEdge);
  });

  it.each(['kill', 'drain', 'stop', 'blackhole'])(
    '%s: pages go direct, and over the link when it is undone',
    async (name) => {
      await site.until(crossed);
      const lost = site.running.events.length;
      const undo = await site.running.fault(name, 'listener/1');
      if (name === 'kill' || name === 'drain') {
        const direct = await site.until((seen) => railgunOf(seen).startsWith('direct ('));
        expect([direct.status, direct.body.length]).toEqual([200, 20_000]);
        await site.running.when(
          (event) => event.kind === 'lane' && event.state === 'lost' && site.running.events.indexOf(event) >= lost,
        );
      } else {
        // Its connections stand and say nothing: a request that is on a lane waits.
        expect((await site.get(1, 500)).error).toBe('silent');
      }
      await undo();
      expect((await site.until(crossed)).status).toBe(200);
    },
  );

  it('half_open: the lane that stands says nothing any more, and a new one takes its place without being healed', async () => {
    await site.until(crossed);
    const undo = await site.running.fault('half_open', 'link/edge-origin');
    // In the lane it waits until that is given up. Others, who are impatient, wait too, then go direct, and then over the next lane.
    let waits = true;
    const lost = site.get(1).finally(() => (waits = false));
    let seen = await site.get(2, 500);
    expect(seen.error).toBe('silent');
    while (!crossed(seen)) seen = await site.get(2, 500);
    expect([seen.status, waits]).toEqual([200, true]);
    expect((await lost).status).toBe(527);
    await undo();
    expect(crossed(await site.get(2))).toBe(true);
  });

  it.runIf(memcached !== undefined)('the stores gone, pages cross whole; back, and known again', async () => {
    await site.until((seen) => crossed(seen) && ratioOf(seen) < 1, 3);
    const undo = await site.running.fault('lose_node', 'memcached/all');
    const whole = await site.until(crossed, 3);
    expect([whole.status, ratioOf(whole) > 5]).toEqual([200, true]);
    await undo();
    await site.until((seen) => crossed(seen) && ratioOf(seen) < 1, 3);
    const flushed = await site.running.fault('flush', 'memcached/all');
    expect(ratioOf(await site.until(crossed, 3))).toBeGreaterThan(5);
    await flushed();
  });

  // Last, since an edge that was refused for its token waits a minute before it tries again.
  it.each(['bad_cert', 'wrong_token'])('%s: lanes that stand go on, and no new one comes about', async (name) => {
    await site.until(crossed);
    const undo = await site.running.fault(name, 'listener/1');
    expect(crossed(await site.get())).toBe(true);
    // The lanes are lost with their process; those that follow meet the fault.
    const restart = await site.running.fault('kill', 'listener/1');
    await site.until((seen) => railgunOf(seen).startsWith('direct ('));
    await restart();
    for (let tries = 0; tries < 10; tries += 1) expect(railgunOf(await site.get())).toMatch(/^direct \(/);
    await undo();
    if (name === 'bad_cert') expect((await site.until(crossed)).status).toBe(200);
    else expect((await site.get()).status).toBe(200);
  });
});

describe('two listeners behind the balancer, in a group', () => {
  it('the dead one is replaced by itself, and undoing its death then does nothing', async () => {
    const site = await Site.up('topology: behind-l4, listeners: 2, autoscale: { min: 2, replace_after: 2s }');
    try {
      await site.until(crossed);
      const undo = await site.running.fault('kill', 'listener/all');
      await site.until((seen) => railgunOf(seen).startsWith('direct ('));
      const replaced = (listener: number) =>
        site.running.when((event) => event.kind === 'replaced' && event.listener === listener);
      await Promise.all([replaced(0), replaced(1)]);
      await undo();
      expect((await site.until(crossed)).status).toBe(200);
      expect(site.running.events.filter(({ kind }) => kind === 'died')).toEqual([]);
    } finally {
      expect(await site.running.lab.stop()).toEqual([]);
    }
  });
});

describe.runIf(redis !== undefined)('a link whose pages are kept in Redis', () => {
  it('goes on when it is killed, and knows pages again when it is back', async () => {
    const site = await Site.up(
      'listeners: 1',
      '[{ at: +1m, fault: kill, target: redis }, { at: +2m, fault: slow, target: redis }]',
    );
    try {
      expect((await site.until((seen) => crossed(seen) && ratioOf(seen) < 1)).status).toBe(200);
      const undo = await site.running.fault('kill', 'redis/all');
      const whole = await site.until(crossed);
      expect([whole.status, ratioOf(whole) > 5]).toEqual([200, true]);
      await undo();
      await site.until((seen) => crossed(seen) && ratioOf(seen) < 1);
      // Slower than the budget of a lookup: a store that cannot be waited for is a store without pages.
      const fast = await site.running.fault('slow', 'redis/all', { add: 2 * S });
      expect(ratioOf(await site.until((seen) => crossed(seen) && ratioOf(seen) > 5))).toBeGreaterThan(5);
      await fast();
      await site.until((seen) => crossed(seen) && ratioOf(seen) < 1);
    } finally {
      expect(await site.running.lab.stop()).toEqual([]);
    }
  });
});

describe('origins that speak TLS', () => {
  it('a certificate that ran out is refused by the edge, and taken again when it is renewed', async () => {
    const text = linked('listeners: 1', '[{ at: +1m, fault: tls_expired, target: pool/news }]').replace(
      ', railgun: near',
      '',
    );
    const running = await runningLab(text);
    try {
      const [edge] = running.lab.edges as [LabEdge];
      expect((await ask(edge.listen, running.host)).status).toBe(200);
      const undo = await running.fault('tls_expired', 'pool/news');
      expect((await ask(edge.listen, running.host)).status).toBe(526);
      await undo();
      expect((await ask(edge.listen, running.host)).status).toBe(200);
    } finally {
      await running.lab.stop();
    }
  });
});
