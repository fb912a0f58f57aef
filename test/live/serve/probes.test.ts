/** Whose probes reach an origin: one that stands for all data centers of its check regions, or one of each. */
import { afterEach, expect, test } from 'vitest';
import { ask, configOf, NamedOrigin, Serve, until } from './support.ts';

const running: (Serve | NamedOrigin)[] = [];

afterEach(async () => {
  for (const each of running.splice(0)) {
    if (each instanceof Serve) await each.end();
    else each.kill();
  }
});

/** Results that health has recorded, and probes that the origin had seen just before and just after they were read. */
async function probed(flags: readonly string[]): Promise<{ results: number; before: number; after: number }> {
  const origin = await NamedOrigin.start('one');
  running.push(origin);
  const pool = { name: 'main', monitor: 'm', check_regions: ['WEU'], origins: [origin.config()] };
  const monitor = { id: 'm', type: 'http', path: '/up', interval: 10, timeout: 10, retries: 0, expected_codes: '200' };
  const serve = new Serve(configOf({ main: [origin] }, {}, { pools: [pool], monitors: [monitor] }), flags);
  running.push(serve);
  const { admin } = await serve.ready();
  return until(
    async () => {
      const before = origin.requests.length;
      const { body } = await ask(admin!, { path: '/metrics' });
      const results = [...body.matchAll(/^switchyard_probes_total\{[^}]*\} (\d+)$/gm)].map(([, count]) =>
        Number(count),
      );
      return { results: results.reduce((sum, count) => sum + count, 0), before, after: origin.requests.length };
    },
    ({ results }) => results >= 3,
  );
}

test('one probe stands for the three data centers of a region', async () => {
  const { results, before } = await probed([]);
  // One more may be on its way; three data centers that probe for themselves would be seen three times.
  expect(before * 2).toBeLessThanOrEqual(results + 2);
});

test('--probe each: every data center sends its own', async () => {
  const { results, after } = await probed(['--probe', 'each']);
  expect(after).toBeGreaterThanOrEqual(results);
});

test('another word is refused', async () => {
  const serve = new Serve(configOf({}), ['--probe', 'apart']);
  running.push(serve);
  expect(await serve.ended()).toBe(2);
  expect(serve.err).toContain('--probe: error: "apart" is unknown, write together or each');
});
