/** A whole drill in virtual time, against a small world that keeps the lab's contract. */
import { describe, expect, it } from 'vitest';
import { exitCode } from '../../src/cli/drill.ts';
import type { RequestEvent } from '../../src/core/trace.ts';
import { LabError } from '../../src/drill/lab.ts';
import type { DrillOutcome } from '../../src/drill/run.ts';
import { STEADY_SPAN_US } from '../../src/drill/steady.ts';
import { ROUND_TRIP_US } from './fake-lab.ts';
import { type Staged, WALL, stage } from './stage.ts';

const SCENARIO = `
version: 1
name: the first pool refuses for ten seconds
config:
  version: 1
  load_balancers:
    - { name: www.example.com, proxied: true, default_pools: [one, two], fallback_pool: two, steering_policy: off }
  pools:
    - { name: one, monitor: web, check_regions: [WEU], origins: [{ name: a, address: 192.0.2.1 }] }
    - { name: two, monitor: web, check_regions: [WEU], origins: [{ name: b, address: 192.0.2.2 }] }
  monitors:
    - { id: web, type: http, interval: 10, timeout: 5, retries: 0 }
seed: 7
start: 2026-03-01T12:00:00Z
duration: 40s
world: { pops: [LHR, IAD] }
traffic:
  - clients: { count: 50, rate: 20/s, pages: 5 }
timeline:
  - { at: +10s, fault: refuse, target: pool/one, for: 10s }
checks:
  - failed_requests < 20%
  - recovered within 5s of +10s
`;
const BY_NAME = SCENARIO.replace('proxied: true', 'proxied: false, ttl: 30');

type Ran = Extract<DrillOutcome, { kind: 'ran' }>;

function ran({ outcome }: Staged): Ran {
  if (outcome.kind !== 'ran') throw new Error(`it did not run: ${JSON.stringify(outcome)}`);
  return outcome;
}

function requests(trace: string): RequestEvent[] {
  return trace
    .split('\n')
    .filter((line) => line.includes('"event":"request"'))
    .map((line) => JSON.parse(line) as RequestEvent);
}

describe('zero-downtime failover', async () => {
  const staged = await stage(SCENARIO, { failover: true, set: ['trace=all'] });
  const { report } = ran(staged);

  it('a first attempt that failed counts at its origin, and is in the story of the request', () => {
    const again = requests(staged.trace).filter(({ attempts }) => attempts === 2);
    expect(again.length).toBeGreaterThan(10);
    for (const request of again)
      expect(request).toMatchObject({ pool: 'two', cause: '', wire: { tried: ['one/a 521'] } });
    const [one, two] = report.pools.map(({ origins }) => origins[0]!);
    expect(report.totals.failed).toBe(0);
    expect(one!.failed).toBe(again.length);
    // Who asked in the last moment has no line in time.
    const known = report.totals.requests - report.drill!.unjoined;
    expect(one!.requests + two!.requests).toBe(known + again.length);
    expect(requests(staged.trace).filter(({ wire }) => wire?.tried !== undefined)).toHaveLength(again.length);
  });
});

describe('a drill that goes as planned', async () => {
  const staged = await stage(SCENARIO);
  const outcome = ran(staged);
  const { report } = outcome;

  it('sends exactly the requests of the replay, and every one of them has a fate', () => {
    expect(report.totals.requests).toBe(report.fidelity?.rows.find(({ figure }) => figure === 'requests')?.predicted);
    expect(report.totals.served + report.totals.failed).toBe(report.totals.requests);
  });

  it('writes everything down in the time of the scenario', () => {
    expect(report.startUs).toBe(Date.UTC(2026, 2, 1, 12) * 1_000);
    expect(report.drill!.wallStartUs).toBeGreaterThan(WALL);
    expect(report.budget.outages).toHaveLength(1);
    const [outage] = report.budget.outages;
    expect(outage).toMatchObject({ fromUs: report.startUs + 10e6, healedUs: report.startUs + 20e6 });
    expect(outage!.detectedUs).toBe(report.startUs + 11.5e6);
    expect(outage!.backUs).toBe(report.startUs + 21.5e6);
  });

  it('begins at a moment of the wall at which the calendar of the probes stands as at the start of the scenario', () => {
    const [wallStart] = staged.lab.begun;
    expect((wallStart! - report.startUs) % 10e6).toBe(0);
  });

  it('fails what was sent to the dead pool until health noticed, and nothing after', () => {
    const failed = requests(staged.trace).filter(({ cause }) => cause !== '');
    expect(failed.length).toBeGreaterThan(10);
    for (const request of failed) {
      expect(request).toMatchObject({ cause: 'origin_refused', status: 521, pool: 'one', origin: 'a' });
      expect(request.at).toBeGreaterThanOrEqual(report.startUs + 10e6);
      expect(request.at).toBeLessThan(report.startUs + 11.5e6);
    }
    expect(report.totals.causes).toEqual([{ cause: 'origin_refused', status: 521, count: failed.length }]);
    expect(report.failures).toHaveLength(failed.length);
    expect(report.failures![0]).toMatchObject({ n: failed[0]!.n, ray: failed[0]!.wire!.ray, attempts: 1 });
  });

  it('asks for one URL a page, and says where the client is', () => {
    const seen = staged.lab.seen.filter(({ fields }) => 'CF-Connecting-IP' in fields);
    expect(new Set(seen.map(({ target }) => target))).toEqual(new Set([1, 2, 3, 4, 5].map((page) => `/?page=${page}`)));
    expect(seen[0]!.fields).toMatchObject({ 'Drill-Bytes': '92516', 'Drill-Text': '1' });
    // Whom its draws are about: the requests of the first source are numbered from 0.
    expect(seen.map(({ fields }) => fields['Drill-Key'])).toEqual(seen.map((_, n) => String(n)));
    for (const { fields, endpoint } of seen)
      expect(fields['CF-IPCountry']).toBe(endpoint.port === 10_000 ? 'GB' : 'US');
  });

  it('waits for steady state before and after, rolls back once, and passes', () => {
    expect(report.drill).toMatchObject({ ended: 'finished', leftovers: [], pace: 1 });
    expect(report.drill!.steadyBeforeUs).toBeGreaterThanOrEqual(STEADY_SPAN_US);
    expect(report.drill!.steadyAfterUs).toBeGreaterThanOrEqual(STEADY_SPAN_US);
    expect(staged.lab.stops).toBe(1);
    expect(report.checks.map(({ check, pass }) => [check, pass])).toEqual([
      ['failed_requests < 20%', true],
      ['recovered within 5s of +10s', true],
      ['fidelity', report.fidelity!.pass],
      ['steady state after the run', true],
    ]);
  });

  it('goes through its phases in order', () => {
    const phases = staged.views.map(({ phase }) => phase).filter((phase, at, all) => phase !== all[at - 1]);
    expect(phases).toEqual(['lab', 'steady state', 'calendar', 'running', 'draining', 'recovery', 'rollback', 'done']);
  });
});

describe('a DNS-only balancer', async () => {
  const staged = await stage(BY_NAME);
  const { report } = ran(staged);

  it('keeps sending clients to the dead pool for as long as resolvers hold the answer, and charges it to the cache', () => {
    const failed = requests(staged.trace).filter(({ cause }) => cause !== '');
    expect(failed.every(({ path, status }) => path === 'dns' && status === 0)).toBe(true);
    // The fake server's TTL is 3 s: noticed after 1.5 s, over after 4.5 s at the latest.
    const last = Math.max(...failed.map(({ at }) => at));
    expect(last).toBeGreaterThan(report.startUs + 11.5e6);
    expect(last).toBeLessThan(report.startUs + 14.6e6);
    const [outage] = report.budget.outages;
    expect(outage!.parts.map(({ part }) => part)).toContain('dns_cache');
  });

  it('a refusal takes a round trip, as from a machine that is far away', () => {
    const failed = requests(staged.trace).filter(({ cause }) => cause === 'origin_refused');
    expect(failed.length).toBeGreaterThan(10);
    for (const { wire } of failed) expect(wire!.end_us - wire!.sent_us).toBe(1_000 + ROUND_TRIP_US);
  });

  it('asks the server once per resolver and TTL, not once per request', () => {
    expect(report.dns!.queries).toBeLessThan(report.totals.requests / 4);
    expect(report.dns!.queries + report.dns!.cacheHits).toBe(report.totals.requests);
  });
});

describe('ways to end early', () => {
  it('an edge that does not serve: nothing is injected, exit code 4', async () => {
    const { outcome, lab } = await stage(SCENARIO, { deadEdge: 'IAD' });
    expect(outcome).toMatchObject({ kind: 'not_steady', leftovers: [] });
    expect(outcome.kind === 'not_steady' ? outcome.why : '').toContain('IAD');
    expect(lab.faults).toEqual([]);
    expect(lab.stops).toBe(1);
    expect(exitCode(outcome)).toBe(4);
  });

  it('a stop condition that is met: healed, rolled back, a partial report, exit code 5', async () => {
    const staged = await stage(`${SCENARIO}stop_if: failed_requests > 50% for 1s\n`);
    const outcome = ran(staged);
    expect(outcome).toMatchObject({
      ended: 'stopped',
      report: { partial: { reason: expect.stringContaining('stop_if') } },
    });
    expect(outcome.report.partial!.atUs).toBeLessThan(outcome.report.startUs + 20e6);
    expect(outcome.report.drill!.steadyAfterUs).toBeNull();
    expect(staged.lab.stops).toBe(1);
    expect(exitCode(outcome)).toBe(5);
  });

  it('a stop condition that is not met changes nothing', async () => {
    const outcome = ran(await stage(`${SCENARIO}stop_if: failed_requests > 50% for 5s\n`));
    expect(outcome.ended).toBe('finished');
  });

  it('Ctrl-C in the middle: rolled back, a partial report, exit code 130', async () => {
    const staged = await stage(SCENARIO, { meanwhile: { afterUs: 15e6, run: (_, abort) => abort() } });
    const outcome = ran(staged);
    expect(outcome.ended).toBe('interrupted');
    expect(outcome.report.partial!.atUs).toBe(outcome.report.startUs + 15e6);
    expect(staged.trace).toContain('"event":"interrupted"');
    expect(exitCode(outcome)).toBe(130);
  });

  it('Ctrl-C while the last answers are waited for: they are not, exit code 130', async () => {
    // The fault lasts to the end, and a dead pool takes its time to say so.
    const slow = SCENARIO.replace('duration: 40s', 'duration: 15s');
    const staged = await stage(slow, { refuseUs: 60e6, meanwhile: { afterUs: 16e6, run: (_, abort) => abort() } });
    const outcome = ran(staged);
    expect(outcome.ended).toBe('interrupted');
    expect(outcome.report.partial).not.toBeNull();
    expect(staged.lab.stops).toBe(1);
    expect(exitCode(outcome)).toBe(130);
  });

  it('a process of the lab that dies by itself ends the drill, and says which', async () => {
    const outcome = ran(await stage(SCENARIO, { meanwhile: { afterUs: 5e6, run: (lab) => lab.die() } }));
    expect(outcome).toMatchObject({ ended: 'broken' });
    expect(outcome.why).toContain('edge LHR');
    expect(outcome.why).toContain('the last words');
    expect(exitCode(outcome)).toBe(1);
  });

  it('a fault that cannot be done ends the drill, and names it', async () => {
    const outcome = ran(await stage(SCENARIO, { impossible: ['refuse'] }));
    expect(outcome).toMatchObject({
      ended: 'broken',
      why: expect.stringContaining('pool/one: refuse could not be done'),
    });
  });

  it('what cannot be undone, or does not go, is named: exit code 6, before all others', async () => {
    const outcome = ran(await stage(SCENARIO, { stuck: ['refuse'], leftovers: ['process 4711'] }));
    expect(outcome.leftovers).toEqual(['pool/one: refuse was not undone: it holds on', 'process 4711']);
    expect(outcome.report.drill!.leftovers).toEqual(outcome.leftovers);
    expect(exitCode(outcome)).toBe(6);
  });

  it('a lab that cannot be built is told with what would be right', async () => {
    const { outcome } = await stage(SCENARIO, {
      startLab: () => Promise.reject(new LabError('no memcached here', 'install it')),
    });
    expect(outcome).toEqual({ kind: 'lab_failed', message: 'no memcached here', hint: 'install it', leftovers: [] });
  });

  it('a fault that nobody heals is undone for the recovery, and the budget says that it was not healed in the run', async () => {
    const outcome = ran(await stage(SCENARIO.replace(', for: 10s', '')));
    expect(outcome.report.budget.outages[0]).toMatchObject({ healedUs: null, backUs: null });
    expect(outcome.report.drill!.steadyAfterUs).not.toBeNull();
  });
});

describe('what a drill is honest about', () => {
  it('requests without a line in the edge’s log are counted, and their pool is unknown', async () => {
    const { report } = ran(await stage(SCENARIO, { mute: true }));
    expect(report.drill!.unjoined).toBe(report.totals.requests);
    expect(report.warnings.join()).toContain('no line in an edge’s log');
    expect(report.pools.map((pool) => pool.requests)).toEqual([0, 0]);
  });

  it('a measurement far from the prediction fails the check fidelity: exit code 3', async () => {
    // Noticed after 9 s, where the replay's monitor of 10 s notices sooner and the allowance is taken away.
    const strict = `${SCENARIO}drill: { fidelity: { detect: 1s, recover: 1s, failed: "3", share: 1% } }\n`;
    const outcome = ran(await stage(strict, { noticeUs: 9_000_000 }));
    const check = outcome.report.checks.find((each) => each.check === 'fidelity')!;
    expect(check.pass).toBe(false);
    expect(check.text).toContain('time_to_detect');
    expect(exitCode(outcome)).toBe(3);
  });

  it('--no-compare judges the scenario’s checks alone', async () => {
    const { report } = ran(await stage(SCENARIO, { compare: false, noticeUs: 9_000_000 }));
    expect(report.fidelity).toBeUndefined();
    expect(report.checks.map(({ check }) => check)).not.toContain('fidelity');
  });
});

describe('a pressed drill', async () => {
  const staged = await stage(
    SCENARIO.replace('duration: 40s', 'duration: 4m')
      .replace('+10s, fault', '+60s, fault')
      .replace('for: 10s', 'for: 60s')
      .replace('5s of +10s', '30s of +60s'),
    {
      pace: 10,
    },
  );
  const { report } = ran(staged);

  it('takes a tenth of the time, with as many requests per second', () => {
    expect(report.endUs - report.startUs).toBe(24e6);
    expect(report.totals.requests).toBeGreaterThan(350);
    expect(report.totals.requests).toBeLessThan(620);
    expect(report.budget.outages[0]).toMatchObject({ fromUs: report.startUs + 6e6, healedUs: report.startUs + 12e6 });
  });

  it('says so, and presses the checks alike', () => {
    expect(report.drill!.notes.join()).toMatch(/Pressed by 10/);
    expect(report.checks[1]).toMatchObject({ check: 'recovered within 30s of +60s (pressed by 10)', limit: 3 });
  });
});

describe('changes of the configuration', () => {
  it('reach the edges with what they were, and are taken back for the recovery', async () => {
    const changing = SCENARIO.replace(
      'timeline:',
      'timeline:\n  - { at: +5s, set: { origin/two/b: { enabled: false } } }',
    );
    const staged = await stage(changing);
    expect(ran(staged).ended).toBe('finished');
    expect(staged.lab.adopted).toHaveLength(2);
    const [changed, restored] = staged.lab.adopted.map((raw) => JSON.stringify(raw));
    expect(changed).toContain('"enabled":false');
    // A drain counts from the wall's time, which is what the edges have.
    expect(changed).toContain('"disabled_at":"2026-11-21T10:');
    expect(restored).not.toContain('"enabled":false');
  });
});

describe('a drill from a log', async () => {
  const staged = await stage(
    SCENARIO.replace(/traffic:\n.*\n/, 'traffic:\n  - { log: data/drill.log, host: www.example.com }\n').replace(
      'duration: 40s\n',
      'duration: 30s\n',
    ),
  );
  const { report } = ran(staged);

  it('reads it anew for the prediction and for the run, and counts its lines once', () => {
    expect(report.totals.requests).toBe(60);
    expect(report.traffic[0]).toMatchObject({ kind: 'log', requests: 60, lines: 61, brokenLines: 1 });
    expect(report.fidelity!.rows.find(({ figure }) => figure === 'requests')).toMatchObject({
      predicted: 60,
      measured: 60,
    });
  });

  it('asks for the paths of the log as they are', () => {
    expect(staged.lab.seen.some(({ target }) => target === '/page/7')).toBe(true);
  });
});

describe('processes that are started again', () => {
  it('take in the prediction, and in the story, as long as the lab found', async () => {
    const dark = SCENARIO.replace('fault: refuse', 'fault: power_loss');
    const { report, prediction } = ran(await stage(dark, { pace: 2 }));
    expect(report.drill?.notes.join()).toContain(
      'a process takes this long here, and in the prediction as well: origins 30 ms.',
    );
    for (const told of [report, prediction])
      expect(told.timeline.map(({ text }) => text)).toContain('pool/one: power_loss is over; it takes 30 ms to start');
  });

  it('are not mentioned where none is', async () => {
    const { report, prediction } = ran(await stage(SCENARIO));
    expect(report.drill?.notes.join()).not.toContain('to start');
    expect(prediction.timeline.map(({ text }) => text)).toContain('pool/one: refuse is over');
  });
});
