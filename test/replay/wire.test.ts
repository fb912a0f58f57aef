/** Wire fidelity: the real machines in a replay. Every answer is compared with the origin's bytes by the run itself; here is what comes of it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RequestEvent } from '../../src/core/trace.ts';
import { parseCfRailgun } from '../../src/railgun/cf-railgun.ts';
import { pageAt } from '../../src/sim/pages.ts';
import { type Played, play, playFile } from './play.ts';
import { DYING_US } from '../../src/sim/railgun-estate.ts';

const folder = mkdtempSync(join(tmpdir(), 'switchyard-wire-'));
afterAll(() => rmSync(folder, { recursive: true }));

const CONFIG = `config:
  version: 1
  load_balancers:
    - { name: news.example.com, proxied: true, default_pools: [site], fallback_pool: site, railgun: rg }
  pools:
    - name: site
      latitude: 48.86
      longitude: 2.35
      origin_steering: { policy: random }
      origins:
        - { name: web-1, address: 192.0.2.1 }
        - { name: web-2, address: 192.0.2.2 }
        - { name: web-3, address: 192.0.2.3 }
  railguns:
    - { name: rg, enabled: true, railgun_host: 192.0.2.10, activation_key: 0123456789abcdef0123456789abcdef }`;

interface Story {
  readonly railgun?: string;
  readonly traffic?: string;
  readonly timeline?: string;
  readonly config?: string;
  readonly fidelity?: string;
  readonly origins?: string;
  readonly duration?: string;
}

function story(more: Story = {}): string {
  const {
    railgun = '{ topology: in-front }',
    timeline = '',
    config = CONFIG,
    fidelity = 'wire',
    duration = '90s',
  } = more;
  return `version: 1
name: wire
${config}
seed: 7
start: 2026-03-01T12:00:00Z
duration: ${duration}
fidelity: ${fidelity}
trace: all
world:
  pops: [LHR, CDG]
  links: { edge-origin: { delay: 20ms } }
  railgun: ${railgun}
  origins: { '*': { latency: 40ms } }
traffic:
${more.traffic ?? '  - clients: { count: 100, rate: 8/s, pages: 5 }\n  - { pages: news, every: 20s }'}
timeline: [${timeline}]
`;
}

const overLink = (played: Played): RequestEvent[] => played.requests.filter(({ path }) => path === 'railgun');
const modes = (requests: readonly RequestEvent[]): Record<string, number> => {
  const count: Record<string, number> = {};
  for (const { link } of requests) if (link !== undefined) count[link.mode] = (count[link.mode] ?? 0) + 1;
  return count;
};

describe('a replay at wire fidelity', () => {
  it('LB-254 two runs of one seed are equal byte for byte, another seed is another run', async () => {
    const timeline =
      '{ at: +20s, fault: loss, share: 5%, for: 20s }, { at: +30s, fault: kill, target: listener/1, for: 10s }';
    const [one, two, other] = [
      await play(story({ timeline })),
      await play(story({ timeline })),
      await play(story({ timeline }), { seed: '8' }),
    ];
    expect(two.trace).toBe(one.trace);
    expect(two.json).toBe(one.json);
    expect(other.trace).not.toBe(one.trace);
  });

  it('RG-064 RG-065 each answer says how it was told, and its header says the same', async () => {
    const played = await play(story());
    const requests = overLink(played);
    const { railgun } = played.report;
    expect(requests.length).toBeGreaterThan(600);
    let wan = 0;
    for (const { link } of requests) {
      const header = parseCfRailgun(link?.cf_railgun ?? '');
      if (header?.kind !== 'link' || link === undefined) throw new Error(`no header: ${link?.cf_railgun}`);
      wan += link.wan_bytes;
      expect(header.ratio).toBe(Number(((link.wan_bytes / link.body_bytes) * 100).toFixed(2)));
      expect(header.originTimeUs).toBe(40_000);
      expect(header.flags).toBe(link.mode === 'full' ? header.flags & 0x10 : 0x30);
      if (link.mode === 'same') expect(link.wan_bytes).toBe(0);
    }
    const { same = 0, delta = 0, full = 0 } = modes(requests);
    // Five pages at two places; each has a new version four or five times.
    expect(full).toBe(10);
    expect(delta).toBeGreaterThan(30);
    expect(delta).toBeLessThanOrEqual(50);
    expect(railgun?.wire).toEqual({ same, delta, full, raw: 0, laneBytes: railgun?.wire?.laneBytes });
    expect(railgun?.wanBytes).toBe(wan);
    // Heads, requests and framing are beside the body bytes.
    expect(railgun!.wire!.laneBytes).toBeGreaterThan(wan + 400 * requests.length);
  });

  it('RG-001 RG-006 after three round trips and no more requests take the lane, one round trip and the origin each', async () => {
    const { requests } = await play(story());
    for (const pop of ['LHR', 'CDG']) {
      const here = requests.filter((request) => request.pop === pop);
      const [first] = here;
      expect(first?.path).toBe('http1 (starting new WAN connection)');
      for (const { at, path, latency_us } of here.slice(1)) {
        expect(path).toBe(at < first!.at + 120_000 ? 'http1 (waiting for pending WAN connection)' : 'railgun');
        // Whole pages need the store and more than one flight at first.
        if (path === 'railgun') expect(latency_us).toBeLessThan(2 * 80_000);
      }
      expect(here.filter(({ latency_us }) => latency_us === 80_000).length).toBeGreaterThan(here.length * 0.9);
    }
  });

  it('RG-036 RG-041 RG-042 pages too small or too large, and other methods, pass as they are', async () => {
    const traffic = (more: string): string => `  - clients: { count: 50, rate: 5/s, pages: 3, ${more} }`;
    for (const more of ['page_bytes: 900', 'page_bytes: 1200000', 'method: POST']) {
      const played = await play(story({ traffic: traffic(more), duration: '20s' }));
      expect(Object.keys(modes(overLink(played)))).toEqual(['raw']);
      expect(played.report.totals.failed).toBe(0);
    }
    const heads = await play(story({ traffic: traffic('method: HEAD'), duration: '20s' }));
    expect(overLink(heads).map(({ link }) => link?.body_bytes)).toContain(0);
  });

  it('RG-048 a folder of versions crosses as its deltas, JSON too', async () => {
    mkdirSync(join(folder, 'versions'), { recursive: true });
    for (let version = 0; version < 6; version += 1)
      writeFileSync(join(folder, 'versions', `page-${version}.json`), pageAt('incidents', 'x', version));
    const traffic = '  - clients: { count: 100, rate: 8/s, pages: 3 }\n  - { pages: "./versions/page-*", every: 10s }';
    const played = await play(story({ traffic }), { file: join(folder, 'story.yaml') });
    const { full = 0, delta = 0 } = modes(overLink(played));
    expect(full).toBe(6);
    expect(delta).toBeGreaterThan(40);
    expect(new Set(overLink(played).map(({ link }) => link?.body_bytes)).size).toBeLessThanOrEqual(6);
    expect(played.report.railgun!.ratio).toBeLessThan(0.01);
  });

  it('both fidelities in one scenario: each request is counted once, by its own', async () => {
    const traffic =
      '  - clients: { count: 100, rate: 8/s, pages: 5 }\n    fidelity: flow\n  - clients: { count: 100, rate: 4/s, pages: 5 }';
    const played = await play(story({ traffic }));
    const { railgun, totals } = played.report;
    const [wire, flow] = [
      overLink(played).filter(({ link }) => link !== undefined),
      overLink(played).filter(({ link }) => link === undefined),
    ];
    expect(railgun?.viaLane).toBe(wire.length + flow.length);
    expect(flow.length).toBeGreaterThan(wire.length * 1.5);
    const { same, delta, full, raw } = railgun!.wire!;
    expect(same + delta + full + raw).toBe(wire.length);
    // Two places, and lanes of their own for each fidelity.
    expect(railgun?.lanesOpened).toBe(4);
    expect([totals.failed, totals.requests]).toEqual([0, played.requests.length]);
  });

  it('requests under way at the end of the run are played to their end', async () => {
    const played = await play(story({ timeline: '{ at: +85s, fault: stop, target: listener/1 }' }));
    const last = played.requests.filter(({ at }) => at > played.report.startUs + 85e6);
    expect(last.some(({ cause }) => cause === 'lane_lost')).toBe(true);
    expect(played.requests).toHaveLength(played.report.totals.requests);
  });

  it('RG-012 RG-008 RG-010 a killed listener costs the requests in its lanes, 527, and no other; then direct, and back by itself', async () => {
    const traffic = '  - clients: { count: 100, rate: 60/s, pages: 5 }';
    const timeline = '{ at: +10s, fault: kill, target: listener/1, for: 20s }';
    const { requests, report } = await play(story({ traffic, timeline, duration: '70s' }));
    const died = report.startUs + 10e6;
    const failed = requests.filter(({ cause }) => cause !== '');
    expect(failed.length).toBeGreaterThan(0);
    for (const { status, at, path } of failed) {
      expect([status, path]).toEqual([527, 'railgun']);
      // Sent before the edge heard of it, one way after the sockets were closed, and not answered before the listener was killed.
      expect(at).toBeGreaterThan(died - 80_000);
      expect(at).toBeLessThan(died + DYING_US + 20_000);
    }
    const down = requests.filter(({ at }) => at > died + DYING_US + 20_000 && at < died + 20e6);
    expect(down.every(({ path, status }) => path.startsWith('http1 (') && status === 200)).toBe(true);
    expect(requests.at(-1)?.path).toBe('railgun');
  });
});

describe('topologies at wire fidelity', () => {
  it('RG-090 T1: the site sees the same requests on the same servers as without the link', async () => {
    const linked = await play(story());
    const plain = await play(story({ config: CONFIG.replace(', railgun: rg', '') }));
    const servers = (played: Played): Map<number, string> =>
      new Map(played.requests.map(({ n, origin }) => [n, origin]));
    expect(servers(linked)).toEqual(servers(plain));
    expect(new Set(servers(linked).values()).size).toBe(3);
    expect(overLink(plain)).toEqual([]);
  });

  const behind =
    '{ topology: behind-l4, listeners: 3, maps: [default = 192.0.2.1, default = 192.0.2.2, default = 192.0.2.3] }';

  it('RG-096 RG-099 T2: a map file sends all requests of a lane to the web server beside its listener', async () => {
    const played = await play(
      story({ railgun: behind, timeline: '{ at: +30s, fault: refuse, target: origin/site/web-2 }' }),
    );
    const opened = played.events.flatMap((event) => (event.event === 'link' && event.state === 'open' ? [event] : []));
    expect(opened.map(({ listener }) => listener)).toEqual(['1', '2']);
    const second = opened[1]!.pop;
    for (const { link, pop, at, status } of overLink(played)) {
      // 0x0001: the map was used. Whatever steering chose, the lane's neighbour answers, or nobody.
      if (link !== undefined) expect(Number.parseInt(link.cf_railgun.split(' ')[3]!, 16) & 1).toBe(1);
      const dead = pop === second && at > played.report.startUs + 30e6;
      expect(status).toBe(dead ? 521 : 200);
    }
    expect(played.report.railgun?.lanesLost).toBe(0);
  });

  it('RG-100 RG-101 T2: a listener dies, its lanes move on, and the others find every page in the shared store', async () => {
    const played = await play(story({ railgun: behind, timeline: '{ at: +30s, fault: kill, target: listener/1 }' }));
    const after = overLink(played).filter(({ at }) => at > played.report.startUs + 31e6);
    expect(after.length).toBeGreaterThan(300);
    expect(modes(after)['full']).toBeUndefined();
    expect(played.report.railgun?.lanesLost).toBe(1);
  });

  it('RG-101 RG-102 separate stores of several listeners: each page crosses whole again at each change of listener; shared ones send deltas', async () => {
    const [shared, separate] = [
      await playFile('scenarios/railgun-shared-stores.yaml', { set: ['trace=all'] }),
      await playFile('scenarios/railgun-separate-stores.yaml', { set: ['trace=all'] }),
    ];
    const full = (played: Played): number => modes(overLink(played))['full'] ?? 0;
    const lost = separate.report.railgun!.lanesLost;
    expect(lost).toBe(shared.report.railgun!.lanesLost);
    // Ten pages at three places the first time, then ten for each lane that moved on; now and then one is asked for again before it is stored.
    expect(full(shared)).toBeGreaterThanOrEqual(30);
    expect(full(shared)).toBeLessThanOrEqual(33);
    expect(full(separate)).toBeGreaterThanOrEqual(30 + 10 * lost);
    expect(full(separate)).toBeLessThanOrEqual(33 + 10 * lost);
    expect(separate.report.railgun!.ratio).toBeGreaterThan(2 * shared.report.railgun!.ratio);
  });

  it('RG-116 RG-117 T3: one of two memcached nodes is lost: about half of the pages cross whole once, not all', async () => {
    const t3 = '{ topology: behind-l4, listeners: 2, autoscale: { min: 2 }, memcached: { nodes: 2 } }';
    const traffic = '  - clients: { count: 100, rate: 40/s, pages: 40 }';
    const timeline = '{ at: +30s, fault: lose_node, target: memcached/1 }';
    const { requests, report } = await play(story({ railgun: t3, traffic, timeline, duration: '60s' }));
    const lost = report.startUs + 30e6;
    const full = requests.filter(({ link }) => link?.mode === 'full');
    expect(full.filter(({ at }) => at < lost)).toHaveLength(80);
    const again = full.filter(({ at }) => at >= lost);
    expect(again.length).toBeGreaterThan(80 * 0.35);
    expect(again.length).toBeLessThan(80 * 0.65);
    expect(requests.some(({ link }) => link?.mode === 'raw')).toBe(false);
  });

  it('RG-108 RG-112 RG-113 T3: a dead listener is replaced by a machine that serves new lanes with the pages of the old', async () => {
    const t3 = '{ topology: behind-l4, listeners: 2, autoscale: { min: 2, replace_after: 30s } }';
    const timeline = '{ at: +20s, fault: kill, target: listener/1 }, { at: +80s, fault: kill, target: listener/2 }';
    const played = await play(story({ railgun: t3, timeline, duration: '150s' }));
    const opened = played.events.flatMap((event) =>
      event.event === 'link' && event.state === 'open' ? [event.listener] : [],
    );
    expect(opened).toEqual(['1', '2', '2', '1', '1']);
    const late = overLink(played).filter(({ at }) => at > played.report.startUs + 21e6);
    expect(modes(late)['full']).toBeUndefined();
  });

  it('RG-114 T3: with no listener left everything is served direct', async () => {
    const t3 = '{ topology: behind-l4, listeners: 2 }';
    const played = await play(story({ railgun: t3, timeline: '{ at: +20s, fault: kill, target: listener/all }' }));
    const late = played.requests.filter(({ at }) => at > played.report.startUs + 21e6);
    expect(late.every(({ path, status }) => path.startsWith('http1 (') && status === 200)).toBe(true);
  });
});
