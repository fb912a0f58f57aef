/** What is asked before a run: the prediction of a drill begins with open lanes, and nothing of it is in the report. */
import { describe, expect, it } from 'vitest';
import { STEADY_ROUNDS } from '../../src/drill/steady.ts';
import { play } from './play.ts';

const story = (fidelity: string): string => `version: 1
name: lanes at the start
config:
  version: 1
  load_balancers:
    - { name: www.example.com, proxied: true, default_pools: [site], fallback_pool: site, railgun: rg }
  pools: [{ name: site, origins: [{ name: web, address: 198.51.100.1 }] }]
  railguns: [{ name: rg, enabled: true, railgun_host: 198.51.100.1, activation_key: 0123456789abcdef0123456789abcdef }]
seed: 7
start: 2026-03-01T12:00:00Z
duration: 10s
fidelity: ${fidelity}
trace: all
world:
  pops: [LHR, CDG]
  links: { edge-origin: { delay: 20ms } }
  railgun: { topology: in-front }
  origins: { '*': { latency: 40ms } }
traffic:
  - clients: { count: 100, rate: 20/s, pages: 5 }
  - { pages: news, every: 20s }
`;

describe.each(['wire', 'flow'])('steady rounds at %s fidelity', (fidelity) => {
  it('lanes are open when the first request comes, and no other request is told or counted', async () => {
    const [cold, warm] = [await play(story(fidelity)), await play(story(fidelity), { steady: STEADY_ROUNDS })];
    expect(cold.requests[0]?.path).toMatch(/^http1 \(starting/);
    expect(warm.requests.every(({ path }) => path === 'railgun')).toBe(true);
    expect(warm.requests.map(({ at, client }) => [at, client])).toEqual(
      cold.requests.map(({ at, client }) => [at, client]),
    );
    expect(warm.report.totals.requests).toBe(warm.requests.length);
    expect(warm.events.every(({ at }) => at >= warm.report.startUs)).toBe(true);
    expect(warm.report.railgun?.lanesOpened).toBe(2);
  });
});

describe('steady rounds at wire fidelity', () => {
  it('only answers and bytes of the run count', async () => {
    const { requests, report } = await play(story('wire'), { steady: STEADY_ROUNDS });
    const { same = 0, delta = 0, full = 0, raw = 0, laneBytes = 0 } = report.railgun?.wire ?? {};
    expect(same + delta + full + raw).toBe(requests.length);
    const carried = requests.reduce((sum, { link }) => sum + (link?.wan_bytes ?? 0), 0);
    expect(carried).toBe(report.railgun?.wanBytes);
    // Request, head and records around each answer's body; 26 requests before the run would be as many times that.
    expect((laneBytes - carried) / requests.length).toBeLessThan(600);
  });

  it('two runs are equal byte for byte', async () => {
    const [one, two] = [
      await play(story('wire'), { steady: STEADY_ROUNDS }),
      await play(story('wire'), { steady: STEADY_ROUNDS }),
    ];
    expect(two.digest).toBe(one.digest);
    expect(two.json).toBe(one.json);
  });
});
