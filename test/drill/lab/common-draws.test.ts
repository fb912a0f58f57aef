/** Which origin, and which of its requests fail: the lab draws what the replay drew, whether a request goes direct or over the link. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { play } from '../../replay/play.ts';
import { ask, type Running, runningLab } from './support.ts';

const REQUESTS = 300;
const STORY = `
version: 1
name: draws
config:
  version: 1
  load_balancers:
    - { name: link.example.com, proxied: true, default_pools: [news], fallback_pool: news, railgun: near }
    - { name: plain.example.com, proxied: true, default_pools: [news], fallback_pool: news }
  pools: [{ name: news, origins: [{ name: one, address: 192.0.2.1 }, { name: two, address: 192.0.2.2, weight: 0.5 }] }]
  railguns: [{ id: near, name: near }]
seed: 3
start: 2026-03-01T12:00:00Z
duration: 10m
trace: all
world: { pops: [LHR], links: { edge-origin: { delay: 1ms } }, origins: { '*': { latency: 1ms, jitter: 1ms } }, railgun: { listeners: 1 } }
timeline: [{ at: +0s, fault: errors, target: pool/news, share: 40% }]
traffic: [{ clients: { count: 20, rate: 0.55/s, host: HOST } }]
`;

let running: Running;
beforeAll(async () => {
  running = await runningLab(STORY.replace('HOST', 'plain.example.com'));
}, 60_000);
afterAll(() => running.lab.stop());

it.each(['link.example.com', 'plain.example.com'])(
  'every request of %s meets the origin and the error that were predicted',
  async (host) => {
    const { requests } = await play(STORY.replace('HOST', host));
    expect(requests.length).toBeGreaterThanOrEqual(REQUESTS);
    const undo = await running.fault('errors', 'pool/news', { share: 0.4 });
    const { listen } = running.lab.edges[0]!;
    const got: string[] = [];
    let over = 0;
    // The first population numbers its requests from 0.
    for (let key = 0; key < REQUESTS; key += 1) {
      const { status, headers } = await ask(listen, host, { key });
      got.push(`${String(headers['x-lab-origin']).split('/')[1]} ${status}`);
      if (/^[0-9a-f]{10} /.test(String(headers['cf-railgun']))) over += 1;
    }
    await undo();
    const wanted = [...requests].sort((a, b) => a.n - b.n).slice(0, REQUESTS);
    expect(got).toEqual(wanted.map(({ origin, status }) => `${origin} ${status}`));
    expect(new Set(got).size).toBe(4);
    expect(over > REQUESTS / 2).toBe(host === 'link.example.com');
  },
  60_000,
);
