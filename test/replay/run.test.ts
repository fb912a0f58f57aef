import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filesBeside } from '../../src/cli/files.ts';
import { micros } from '../../src/core/time.ts';
import { candidatesText } from '../../src/steering/candidates-text.ts';
import { prepareReplay } from '../../src/replay/load.ts';
import { explainAt } from '../../src/replay/run.ts';
import { httpFacts } from '../../src/steering/request.ts';
import { play } from './play.ts';

/** Two pools behind one balancer, one of which refuses for a minute. */
const STORY = `
version: 1
name: story
config:
  version: 1
  load_balancers:
    - { name: www.example.com, proxied: true, default_pools: [one, two], fallback_pool: two, session_affinity: cookie, steering_policy: random }
  pools:
    - { name: one, monitor: tcp, check_regions: [WEU], origins: [{ name: a, address: 192.0.2.1 }, { name: b, address: 192.0.2.2 }] }
    - { name: two, monitor: tcp, check_regions: [WEU], origins: [{ name: c, address: 192.0.2.3 }] }
  monitors: [{ id: tcp, type: tcp, port: 443, interval: 10, timeout: 2, retries: 0 }]
seed: 5
start: 2026-03-01T12:00:00Z
duration: 3m
trace: all
world: { pops: [LHR, FRA, IAD], origins: { '*': { capacity: 50/s, latency: 20ms, jitter: 10ms } } }
traffic:
  - clients: { count: 200, rate: 30/s }
timeline:
  - { at: +1m, fault: refuse, target: pool/one, for: 1m }
`;

describe('a replay is a function of its input', () => {
  it('LB-254 two runs of one seed give the same trace and the same report, byte for byte', async () => {
    const [one, other] = [await play(STORY), await play(STORY)];
    expect(other.trace).toBe(one.trace);
    expect(other.json).toBe(one.json);
    expect(one.requests.length).toBeGreaterThan(4_000);
  });

  it('LB-097 LB-254 another seed gives another trace', async () => {
    const [one, other] = [await play(STORY), await play(STORY, { seed: '6' })];
    expect(other.digest).not.toBe(one.digest);
  });

  it('LB-254 time zone and locale of the machine do not matter', async () => {
    const here = (await play(STORY)).digest;
    const script = `import { play } from './test/replay/play.ts';
      const played = await play(${JSON.stringify(STORY)});
      console.log(played.digest, new Date(0).getHours());`;
    const hours = new Set<string>();
    for (const TZ of ['Pacific/Kiritimati', 'America/St_Johns']) {
      const out = execFileSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
        encoding: 'utf8',
        env: { ...process.env, TZ, LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8' },
      });
      const [digest, hour] = out.trim().split(' ');
      expect(digest).toBe(here);
      hours.add(hour!);
    }
    // The zones really were in force.
    expect(hours.size).toBe(2);
  });

  it('a new fault late in the run leaves everything before it as it was', async () => {
    // At the end of the file, so that the line numbers of the other events stay.
    const longer = `${STORY}  - { at: +2m30s, fault: slow, target: pool/two, add: 1s }\n`;
    const before = (text: string): string =>
      text
        .split('\n')
        .filter((line) => Number(/"at":(\d+)/.exec(line)?.[1]) < 1772366400000000 + 149e6)
        .join('\n');
    expect(before((await play(longer)).trace)).toBe(before((await play(STORY)).trace));
  });
});

describe('what a trace line tells', () => {
  it('LB-255 names balancer, place, policy, candidates with reasons, choice, affinity and fallback', async () => {
    const { requests } = await play(STORY);
    const during = requests.filter((event) => event.candidates.includes('pool_critical'));
    // Only a visitor whose session is broken looks at candidates: some half of the 200 had theirs in the dead pool.
    expect(during.length).toBeGreaterThan(60);
    const broken = requests.filter((event) => event.affinity === 'pool_unavailable');
    expect(broken.length).toBeGreaterThan(60);
    for (const event of broken) expect(event.candidates).toBe('one:pool_critical,two');
    for (const event of requests.filter(({ affinity }) => affinity === 'kept')) expect(event.candidates).toBe('');
    const [line] = during.filter((event) => event.pool === 'two');
    expect(Object.keys(line!)).toEqual([
      ...[
        'at',
        'event',
        'n',
        'lb',
        'pop',
        'region',
        'country',
        'client',
        'policy',
        'candidates',
        'pool',
        'origin',
        'because',
      ],
      ...['affinity', 'fallback', 'attempts', 'path', 'status', 'cause', 'latency_us'],
    ]);
    expect(line).toMatchObject({
      lb: 'www.example.com',
      policy: 'random',
      pool: 'two',
      origin: 'c',
      fallback: false,
      status: 200,
    });
    expect(line!.candidates).toMatch(/one:pool_critical/);
    expect(['LHR', 'FRA', 'IAD']).toContain(line!.pop);
  });

  it('LB-162 a request that the fallback pool served says so', async () => {
    const disabled = STORY.replace(
      'fault: refuse, target: pool/one, for: 1m',
      'set: { pool/one: { enabled: false }, pool/two: { enabled: false } }',
    )
      .replace('fallback_pool: two', 'fallback_pool: last')
      .replace('  monitors:', '    - { name: last, origins: [{ name: z, address: 192.0.2.9 }] }\n  monitors:');
    const { requests } = await play(disabled);
    const late = requests.filter((event) => event.at > 1772366400000000 + 61e6);
    expect(late.length).toBeGreaterThan(1_000);
    expect(late.every((event) => event.fallback && event.pool === 'last' && event.because === 'fallback_pool')).toBe(
      true,
    );
  });

  it('LB-257 a change of health affects only requests after it', async () => {
    const { events } = await play(STORY);
    const critical = events.findIndex(
      (event) => event.event === 'health' && event.scope === 'pool' && event.pool === 'one' && event.to === 'critical',
    );
    const at = events[critical]!.at;
    expect(at).toBeGreaterThan(1772366400000000 + 60e6);
    const chosen = events.filter((event) => event.event === 'request' && event.pool === 'one');
    expect(chosen.some((event) => event.at < at && event.at > at - 2e6)).toBe(true);
    const back = events.find(
      (event) =>
        event.event === 'health' &&
        event.scope === 'pool' &&
        event.pool === 'one' &&
        event.at > at &&
        event.to !== 'critical',
    )!.at;
    expect(chosen.filter((event) => event.at > at && event.at < back)).toEqual([]);
  });
});

describe('candidates without a ladder', () => {
  it.each(['off', 'geo', 'random', 'dynamic_latency', 'proximity', 'least_outstanding_requests', 'least_connections'])(
    'LB-255 %s: what is remembered is what the full ladder tells',
    async (policy) => {
      // No affinity, so that every request looks at candidates; everything is down for a while, so that the fallback is told of too.
      const text = STORY.replace('session_affinity: cookie, ', '')
        .replace('steering_policy: random', `steering_policy: ${policy}`)
        .replace('fault: refuse', 'fault: flap, down: 15s, up: 12s')
        .concat('  - { at: +1m30s, fault: refuse, target: pool/two, for: 30s }\n');
      // A rule that never matches makes every request take the way with the ladder.
      const rule =
        'rules: [{ name: never, condition: \'http.request.uri.path eq "/never"\', overrides: { steering_policy: off } }]';
      const [quick, told] = [await play(text), await play(text.replace('proxied: true,', `proxied: true, ${rule},`))];
      const lines = (trace: string): string[] => trace.split('\n').filter((line) => line.includes('"event":"request"'));
      expect(lines(quick.trace)).toEqual(lines(told.trace));
      const spelled = new Set(quick.requests.map(({ candidates }) => candidates));
      expect(spelled.size).toBeGreaterThan(2);
      expect(quick.requests.some(({ fallback }) => fallback)).toBe(true);
    },
  );

  it('the trace level changes nothing but the trace', async () => {
    const run = async (trace: string): Promise<string> =>
      (await play(STORY.replace('trace: all', `trace: ${trace}`))).json.replaceAll(/"hash[^,]*/g, '');
    const body = (json: string): unknown => ({ ...(JSON.parse(json) as object), scenarioHash: '', scenario: '' });
    const all = body(await run('all'));
    expect(body(await run('notable'))).toEqual(all);
    expect(body(await run('none'))).toEqual(all);
  });

  it('notable keeps what failed, moved, was tried twice or fell back, and nothing else', async () => {
    const [all, notable] = [await play(STORY), await play(STORY.replace('trace: all', 'trace: notable'))];
    const numbers = new Set(notable.requests.map(({ n }) => n));
    const wanted = all.requests.filter((event) => event.cause !== '' || event.attempts > 1 || event.fallback);
    expect(wanted.length).toBeGreaterThan(50);
    expect(wanted.every(({ n }) => numbers.has(n))).toBe(true);
    const byNumber = new Map(all.requests.map((event) => [event.n, event]));
    for (const event of notable.requests) expect(event).toEqual(byNumber.get(event.n));
    expect(notable.requests.length).toBe(
      wanted.length + all.report.sessions.byReason.reduce((sum, { count }) => sum + count, 0),
    );
  });
});

describe('explain', () => {
  it('at the moment of a trace line gives the candidates and the choice of that line', async () => {
    const text = STORY.replace('session_affinity: cookie, ', '').replace(
      'steering_policy: random',
      'steering_policy: off',
    );
    const prepared = await prepareReplay(text, 'scenarios/test.yaml', filesBeside('scenarios/test.yaml', undefined), {
      version: '',
      repeat: '',
    });
    if (!prepared.ok) throw new Error('sound');
    const { requests } = await play(text);
    const sampled = requests.filter((_, at) => at % 200 === 7);
    expect(sampled.length).toBeGreaterThan(20);
    for (const line of sampled) {
      const location = prepared.value.locator.pop(line.pop);
      const asked = await explainAt(prepared.value, {
        at: micros(line.at),
        balancer: 0,
        location,
        clientAddress: line.client,
        facts: httpFacts({ host: 'www.example.com' }),
        claim: undefined,
      });
      expect(candidatesText(asked.rungs)).toBe(line.candidates);
      expect(asked.decision).toMatchObject({ because: line.because });
      if (asked.decision.kind !== 'origin') throw new Error('some pool serves');
      // A second attempt may have gone elsewhere: the line names where it ended.
      if (line.attempts === 1) expect(asked.model.pools[asked.decision.pool]!.id).toBe(line.pool);
    }
  });
});

describe('nothing is lost or counted twice', () => {
  it('LB-114 for any rate, capacity and fault, the report adds up', async () => {
    const scenario = fc.record({
      rate: fc.integer({ min: 1, max: 60 }),
      capacity: fc.integer({ min: 1, max: 80 }),
      fault: fc.constantFrom(
        'refuse',
        'power_loss',
        'reset',
        'slow',
        'errors',
        'tls_expired',
        'unreachable',
        'flap',
        'brownout',
      ),
      target: fc.constantFrom('pool/one', 'origin/one/a', 'pool/all'),
      policy: fc.constantFrom(
        'off',
        'random',
        'least_outstanding_requests',
        'least_connections',
        'dynamic_latency',
        'proximity',
      ),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ rate, capacity, fault, target, policy, seed }) => {
        const text = STORY.replace('30/s', `${rate}/s`)
          .replace('50/s', `${capacity}/s`)
          .replace('fault: refuse, target: pool/one', `fault: ${fault}, target: ${target}`)
          .replace('steering_policy: random', `steering_policy: ${policy}`);
        const { report, requests } = await play(text, { seed: String(seed) });
        const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
        const { totals, series, placement, traffic } = report;
        expect(requests.length).toBe(totals.requests);
        expect(new Set(requests.map(({ n }) => n)).size).toBe(totals.requests);
        expect(sum(traffic.map((source) => source.requests))).toBe(totals.requests);
        expect(sum(series.requests)).toBe(totals.requests);
        expect(sum(series.poolRequests.flat())).toBe(totals.requests);
        expect(sum(series.regionRequests.flat())).toBe(totals.requests);
        expect(sum(placement.counts.flat(2))).toBe(totals.requests);
        expect(sum(series.failed)).toBe(totals.failed);
        expect(sum(placement.failed.flat(2))).toBe(totals.failed);
        expect(sum(totals.causes.map(({ count }) => count))).toBe(totals.failed);
        expect(requests.filter((event) => event.cause !== '').length).toBe(totals.failed);
        expect(totals.served + totals.failed).toBe(totals.requests);
        // Every attempt is counted at its origin: one a request, two where it was retried.
        expect(sum(series.originRequests.flat())).toBe(totals.requests + totals.retried);
        expect(sum(report.budget.outages.map(({ failed }) => failed))).toBeLessThanOrEqual(totals.failed);
        for (const { latency_us } of requests) expect(Number.isSafeInteger(latency_us) && latency_us >= 0).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});

describe('an interrupted run', () => {
  it('is a valid report that says it is partial, and whose counts are true', async () => {
    const signal = { aborted: false };
    const text = STORY.replace('30/s', '3000/s');
    const turn = play(text, { signal });
    signal.aborted = true;
    const { report, requests, events } = await turn;
    expect(report.partial?.reason).toBe('interrupted');
    expect(report.totals.requests).toBeGreaterThan(0);
    expect(requests.length).toBe(report.totals.requests);
    expect(events.at(-1)!.event).toBe('interrupted');
  });
});
