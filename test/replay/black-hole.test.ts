/** Connections to an origin that does not answer: SYNs are sent again, so a hole that ends in time costs time and no request. */
import { describe, expect, it } from 'vitest';
import { play } from './play.ts';

const story = (fault: string, seconds: number): string => `
version: 1
name: a hole of ${seconds} s
config:
  version: 1
  load_balancers: [{ name: www.example.com, proxied: true, default_pools: [one], fallback_pool: one }]
  pools: [{ name: one, origins: [{ name: a, address: 192.0.2.1 }] }]
seed: 3
duration: 2m
trace: all
world: { pops: [LHR], links: { edge-origin: { delay: 5ms } }, origins: { '*': { latency: 10ms } } }
traffic: [{ clients: { count: 10, rate: 20/s } }]
timeline: [{ at: +10s, ${fault}, for: ${seconds}s }]
checks: [requests > 0]
`;

/** Seconds after which Linux sends a SYN again; 19 is the edge's patience. */
const AGAIN = [1, 2, 3, 4, 5, 7, 11];

describe.each(['fault: blackhole, target: pool/one', 'fault: cut, target: link/edge-origin'])('%s', (fault) => {
  it.each([0.5, 3.2, 6, 10.5, 30])('for %s s: a request waits for the first SYN after it, or 19 s', async (seconds) => {
    const { requests } = await play(story(fault, seconds));
    const start = Date.parse('2026-01-01T00:00:10Z') * 1e3;
    const stuck = requests.filter(({ at }) => at >= start && at < start + seconds * 1e6);
    expect(stuck.length).toBeGreaterThan(3);
    for (const { at, cause, latency_us } of stuck) {
      const left = (start + seconds * 1e6 - at) / 1e6;
      const again = AGAIN.find((after) => after >= left);
      if (again === undefined) expect([cause, latency_us]).toEqual(['origin_connect_timeout', 19_000_000]);
      else expect([cause, latency_us]).toEqual(['', again * 1e6 + 20_000]);
    }
  });
});
