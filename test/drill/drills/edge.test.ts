/** Drill 13 of scenarios/drills, for real in its pressed form: the process that serves a PoP is killed under load, and comes back. */
import { expect, it } from 'vitest';
import { playByVerb } from './by-verb.ts';

it('13: an edge is killed and started again: only its own visitors fail, only while it is down, and sessions survive it', async () => {
  const { code, why, report, requests } = await playByVerb('13-edge-killed');
  expect({ code, why }).toEqual({ code: 0, why: '' });
  expect(report.drill?.leftovers).toEqual([]);
  const [crash] = report.budget.outages;
  expect(crash).toMatchObject({ subject: 'pop/LHR', fault: 'crash' });
  const [from, healed] = [crash?.fromUs ?? 0, crash?.healedUs ?? 0];
  const late = report.drill?.faultLatenessUs ?? 0;
  const failed = requests.filter(({ cause }) => cause !== '');
  expect(failed.length).toBeGreaterThan(20);
  for (const one of failed) {
    expect(one.pop).toBe('LHR');
    expect(['edge_refused', 'edge_lost']).toContain(one.cause);
    expect(one.status).toBe(0);
    expect(one.at + one.latency_us).toBeGreaterThan(from);
  }
  // While it is down nobody is served there, and once it is up everybody is; how long a process takes to start is the machine's affair.
  const served = requests.filter(({ pop, cause }) => pop === 'LHR' && cause === '').map(({ at }) => at);
  expect(served.filter((at) => at > from + late + 50_000 && at < healed)).toEqual([]);
  const lastFailed = Math.max(...failed.map(({ at }) => at));
  expect(served.filter((at) => at > lastFailed).length).toBeGreaterThan(10);
  expect(report.sessions.lost).toBe(0);
  // Who had no session was steered, and the line says among which pools.
  expect(requests.filter(({ cause }) => cause === '').map(({ candidates }) => candidates)).toContain('site');
  expect(report.drill?.notes.join()).toMatch(/takes this long here, and in the prediction as well: edges /);
}, 400_000);
