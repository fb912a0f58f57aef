/** Common random numbers: what a request draws has nothing to do with the others, so two runs differ by what was changed between them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { RequestEvent } from '../../src/core/trace.ts';
import { play } from './play.ts';

const folder = mkdtempSync(join(tmpdir(), 'switchyard-draws-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Everything draws: pool, origin, the origin after a failure, who gets a 500, and each answer's time. Health does not change: no monitor. */
const WORLD = `
version: 1
name: common draws
config:
  version: 1
  load_balancers:
    - { name: www.example.com, proxied: true, default_pools: [one, two], fallback_pool: two, steering_policy: random,
        session_affinity_attributes: { zero_downtime_failover: temporary } }
  pools:
    - { name: one, load_shedding: { default_percent: 20, default_policy: random }, origins: [{ name: a, address: 192.0.2.1 }, { name: b, address: 192.0.2.2, weight: 0.5 }, { name: c, address: 192.0.2.3 }] }
    - { name: two, origins: [{ name: d, address: 192.0.2.4 }, { name: e, address: 192.0.2.5 }] }
seed: 5
start: 2026-03-01T12:00:00Z
duration: 5m
trace: all
world: { pops: [LHR, FRA], origins: { '*': { latency: 50ms, jitter: 40ms } } }
timeline:
  - { at: +0s, fault: refuse, target: origin/one/a }
  - { at: +0s, fault: errors, target: pool/two, share: 30% }
traffic:
`;

/** Twelve clients, three to four lines a second, a third of them the very same line as the one before. */
const LINES = Array.from({ length: 240 }, (_, n) => {
  const nth = n - (n % 3 === 2 ? 1 : 0);
  const second = Math.floor(nth / 4);
  const time = `${String(Math.floor(second / 60)).padStart(2, '0')}:${String(second % 60).padStart(2, '0')}`;
  return `203.0.113.${(nth * 5) % 12} - - [01/Mar/2026:12:${time} +0000] "GET /${nth % 7} HTTP/1.1" 200 500`;
});

async function played(lines: readonly string[]): Promise<readonly RequestEvent[]> {
  writeFileSync(join(folder, 'access.log'), `${lines.join('\n')}\n`);
  const { requests } = await play(`${WORLD}  - { log: access.log }\n`, { file: join(folder, 'story.yaml') });
  return [...requests].sort((a, b) => a.n - b.n);
}
const fateOf = ({ at, client, pool, origin, attempts, status, latency_us }: RequestEvent) =>
  `${at} ${client} ${pool}/${origin} ${attempts} ${status} ${latency_us}`;

describe('a log with lines cut out', () => {
  it('leaves every other request where it went, with what became of it, to the microsecond', async () => {
    const whole = await played(LINES);
    expect(whole).toHaveLength(LINES.length);
    // All that can be drawn was drawn.
    expect(new Set(whole.map(({ origin }) => origin))).toEqual(new Set(['b', 'c', 'd', 'e']));
    expect(whole.filter(({ attempts }) => attempts === 2).length).toBeGreaterThan(20);
    expect(whole.filter(({ status }) => status === 500).length).toBeGreaterThan(20);
    // Equal lines of one moment do not draw alike.
    const seconds = whole.filter(({ n, status }) => n % 3 === 2 && status === 200 && whole[n - 1]!.status === 200);
    expect(seconds.length).toBeGreaterThan(40);
    for (const { n, latency_us } of seconds) expect(latency_us).not.toBe(whole[n - 1]!.latency_us);
    await fc.assert(
      // The first line stays: it is where the log's time begins.
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: 239 }), { minLength: 1, maxLength: 60 }),
        async (cut) => {
          const out = new Set(cut);
          const rest = await played(LINES.filter((_, n) => !out.has(n)));
          // Which of two equal lines was cut cannot be told, so whatever is played must be among what was played with it.
          const before = new Map<string, number>();
          for (const event of whole) before.set(fateOf(event), (before.get(fateOf(event)) ?? 0) + 1);
          expect(rest).toHaveLength(LINES.length - out.size);
          for (const event of rest) {
            const left = before.get(fateOf(event)) ?? 0;
            expect(left, fateOf(event)).toBeGreaterThan(0);
            before.set(fateOf(event), left - 1);
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('a population', () => {
  const FIRST = '  - clients: { count: 50, rate: 4/s }\n';
  it('goes where it went when another one joins it', async () => {
    const alone = (await play(WORLD + FIRST)).requests;
    const both = (await play(`${WORLD}${FIRST}  - clients: { count: 50, rate: 4/s }\n`)).requests;
    const fates = new Set(both.map(fateOf));
    expect(alone.length).toBeGreaterThan(1_000);
    expect(both.length).toBeGreaterThan(2_200);
    for (const event of alone) expect(fates).toContain(fateOf(event));
  });

  it.each([
    { few: 'a hundredth of them', line: '  - { at: +0s, fault: errors, target: pool/two, share: 1% }\n' },
    { few: 'none', line: '' },
  ])('is served by the same origins in the same time when more get an error than $few', async ({ line }) => {
    const many = new Map((await play(WORLD + FIRST)).requests.map((event) => [event.n, event]));
    const before = (await play((WORLD + FIRST).replace(/ {2}- \{ at: \+0s, fault: errors.*\n/, line))).requests;
    expect(before.filter(({ status }) => status === 500).length).toBeLessThan(20);
    let failing = 0;
    for (const event of before) {
      const now = many.get(event.n)!;
      // Who failed among few fails among many.
      if (event.status === 500) expect(now.status).toBe(500);
      if (now.status === 500) failing += 1;
      else expect(fateOf(now)).toBe(fateOf(event));
    }
    expect(failing).toBeGreaterThan(100);
  });
});
