/** What a run tells: outages and their parts, resolvers, changes, conditions, the link, withdrawn PoPs. End to end, on small worlds. */
import { describe, expect, it } from 'vitest';
import type { Outage } from '../../src/core/report.ts';
import { Story, type Struck } from '../../src/replay/story.ts';
import { CONNECT_TIMEOUT, LANE_LOST, NOTHING_MAY_SERVE, OVERLOADED, REFUSED } from '../../src/sim/outcome.ts';
import { play } from './play.ts';

const S = 1_000_000;

describe('the downtime budget', () => {
  const origins = (...numbers: number[]): Struck => ({ origins: new Set(numbers), listeners: new Set() });
  const parts = (outage: Outage): Record<string, number> =>
    Object.fromEntries(outage.parts.map(({ part, failed }) => [part, failed]));

  it('splits failures by why they were not avoided', () => {
    const story = new Story();
    story.open('pool/eu', 'power_loss', origins(0, 1), 100 * S, new Map());
    story.failed(0, CONNECT_TIMEOUT, 101 * S, 120 * S, false, false);
    story.health(0, false, 110 * S);
    // The second origin is not known to be down yet.
    story.failed(1, CONNECT_TIMEOUT, 111 * S, 130 * S, false, false);
    story.health(1, false, 115 * S);
    story.failed(1, CONNECT_TIMEOUT, 116 * S, 135 * S, false, false);
    story.failed(0, REFUSED, 120 * S, 121 * S, true, false);
    story.failed(0, REFUSED, 120 * S, 121 * S, false, true);
    story.failed(2, OVERLOADED, 120 * S, 121 * S, false, false);
    story.failed(-1, NOTHING_MAY_SERVE, 120 * S, 120 * S, false, false);
    const [outage] = story.budget().outages;
    expect(parts(outage!)).toEqual({
      before_detection: 2,
      dns_cache: 1,
      overload: 1,
      fallback: 1,
      nothing_may_serve: 1,
      other: 1,
    });
    expect(outage).toMatchObject({
      failed: 7,
      fromUs: 100 * S,
      detectedUs: 110 * S,
      recoveredUs: 135 * S,
      healedUs: null,
      backUs: null,
    });
  });

  it('is back when the last of its origins is healthy again, not the first', () => {
    const story = new Story();
    const { heal } = story.open('pool/eu', 'refuse', origins(0, 1), 10 * S, new Map());
    story.health(0, false, 12 * S);
    story.health(1, false, 13 * S);
    heal(50 * S);
    story.health(1, true, 55 * S);
    expect(story.budget().outages[0]!.backUs).toBeNull();
    story.health(0, true, 58 * S);
    expect(story.budget().outages[0]!.backUs).toBe(58 * S);
  });

  it('found before its fault was over, it is back when the fault is over', () => {
    const story = new Story();
    const { heal } = story.open('origin/a', 'flap', origins(0), 10 * S, new Map());
    story.health(0, false, 12 * S);
    story.health(0, true, 20 * S);
    heal(50 * S);
    expect(story.budget().outages[0]).toMatchObject({ detectedUs: 12 * S, healedUs: 50 * S, backUs: 50 * S });
  });

  it('of two outages each is charged with its own', () => {
    const story = new Story();
    story.open('origin/a', 'refuse', origins(0), 10 * S, new Map()).heal(20 * S);
    story.open('origin/b', 'refuse', origins(1), 15 * S, new Map());
    story.failed(0, REFUSED, 16 * S, 16 * S, false, false);
    story.failed(1, REFUSED, 16 * S, 16 * S, false, false);
    story.failed(1, REFUSED, 17 * S, 17 * S, false, false);
    // A survivor that breaks under the load belongs to the youngest that runs.
    story.failed(7, OVERLOADED, 18 * S, 18 * S, false, false);
    expect(story.budget().outages.map(({ failed }) => failed)).toEqual([1, 3]);
  });

  it('a request that was in a lane when it broke belongs to the listener that broke it', () => {
    const story = new Story();
    const listener = (number: number): Struck => ({ origins: new Set(), listeners: new Set([number]) });
    story.open('listener/1', 'kill', listener(0), 10 * S, new Map());
    story.lane(0, false, 11 * S);
    story.open('listener/2', 'kill', listener(1), 60 * S, new Map());
    story.failed(5, LANE_LOST, 60 * S - 1, 60 * S + 5, false, false);
    const [first, second] = story.budget().outages;
    expect([first!.failed, second!.failed]).toEqual([0, 1]);
    expect(parts(second!)).toEqual({ before_detection: 1 });
    expect(first!.detectedUs).toBe(11 * S);
  });

  it('what harms nobody and nothing watches is no outage', () => {
    const story = new Story();
    story.open('pop/LHR', 'withdraw', origins(), 10 * S, new Map());
    expect(story.budget().outages).toEqual([]);
  });

  it('a flapping origin does not fill the report', () => {
    const story = new Story();
    for (let at = 0; at < 500; at += 1)
      story.tell({ atUs: at, kind: 'health', tone: 'bad', text: 'x is down', line: 0 }, 'x');
    expect(story.timeline).toHaveLength(12);
    expect(story.timeline.at(-1)!.text).toMatch(/further repeats are left out/);
  });
});

const DNS = (ttl: string, more = ''): string => `
version: 1
name: names
config:
  version: 1
  load_balancers: [{ name: app.example.com, proxied: false, ttl: 60, default_pools: [one, two], fallback_pool: two }]
  pools:
    - { name: one, monitor: tcp, check_regions: [WEU], origins: [{ name: a, address: 192.0.2.1 }] }
    - { name: two, monitor: tcp, check_regions: [WEU], origins: [{ name: b, address: 192.0.2.2 }] }
  monitors: [{ id: tcp, type: tcp, port: 443, interval: 10, timeout: 2, retries: 0 }]
start: 2026-03-01T12:00:00Z
duration: 10m
trace: all
world: { pops: [LHR, FRA] }
traffic: [{ clients: { count: 300, rate: 20/s, resolver_ttl: ${ttl}, resolvers: 6 } }]
timeline:
  - { at: +3m, fault: refuse, target: pool/one }${more}
`;

describe('resolvers decide how slowly a DNS-only balancer fails over', () => {
  /** Seconds from the fault to the last request that still went to the dead pool. */
  const tail = async (ttl: string, more = ''): Promise<number> => {
    const { requests, report } = await play(DNS(ttl, more));
    const last = requests.filter(({ pool }) => pool === 'one').at(-1)!.at;
    expect(report.dns!.queries + report.dns!.cacheHits).toBe(report.totals.requests);
    return (last - report.startUs) / S - 180;
  };

  it('one that honours the TTL is through within health and TTL', async () => {
    const seconds = await tail('honour');
    expect(seconds).toBeGreaterThan(30);
    expect(seconds).toBeLessThan(12 + 60 + 1);
  });

  it('one that keeps nothing for less than five minutes asks again when those are over', async () => {
    const seconds = await tail('{ min: 5m, max: 10m }');
    // They first asked when the run began, so they ask again after five minutes of it: two after the fault.
    expect(seconds).toBeGreaterThan(115);
    expect(seconds).toBeLessThan(130);
  });

  it('one that keeps nothing for longer than ten seconds is through soon', async () => {
    expect(await tail('{ max: 10s }')).toBeLessThan(12 + 10 + 1);
  });

  it('one that ignores the TTL never notices', async () => {
    expect(await tail('ignore')).toBeGreaterThan(415);
  });

  it('the fault ignore_ttl holds answers while it lasts, and lets go', async () => {
    const seconds = await tail('honour', '\n  - { at: +2m50s, fault: ignore_ttl, for: 4m }');
    expect(seconds).toBeGreaterThan(225);
    expect(seconds).toBeLessThan(231 + 5);
  });

  it('stale requests are counted where steering would have answered otherwise, and charged to the caches', async () => {
    const { report } = await play(DNS('{ min: 2m, max: 5m }'));
    const [outage] = report.budget.outages;
    const cached = outage!.parts.find(({ part }) => part === 'dns_cache')!;
    expect(cached.failed).toBeGreaterThan(500);
    expect(cached.failed).toBeLessThanOrEqual(report.dns!.staleRequests);
    expect(cached.knob).toBe('a shorter ttl, or proxied: true');
  });
});

const WEB = `
version: 1
name: web
config:
  version: 1
  load_balancers: [{ name: www.example.com, proxied: true, default_pools: [one], pop_pools: { FRA: [two] }, steering_policy: geo, fallback_pool: two }]
  pools:
    - { name: one, monitor: web, check_regions: [WEU], origins: [{ name: a, address: 192.0.2.1 }] }
    - { name: two, origins: [{ name: b, address: 192.0.2.2 }] }
  monitors: [{ id: web, type: https, path: /, interval: 10, timeout: 2, retries: 0, expected_codes: 2xx }]
start: 2026-03-01T12:00:00Z
duration: 3m
trace: all
world: { pops: [LHR, FRA, IAD] }
traffic: [{ clients: { count: 300, rate: 20/s, from: { LHR: 1, FRA: 1 } } }]
timeline:
`;

describe('probes in the model fail in the words of the real prober', () => {
  it.each([
    ['blackhole', 'tcp_timeout'],
    ['power_loss', 'tcp_timeout'],
    ['refuse', 'tcp_connection_failed'],
    ['reset', 'connection_reset'],
    ['unreachable', 'no_route_to_host'],
    ['tls_expired', 'tls_untrusted_certificate'],
    ['errors', 'response_code_mismatch'],
    ['slow, add: 3s', 'http_timeout'],
  ])('%s: %s', async (fault, reason) => {
    const { events } = await play(
      `${WEB}  - { at: +1m, fault: ${fault.replace(',', ', target: pool/one,')}${fault.includes(',') ? '' : ', target: pool/one'} }\n`,
    );
    const down = events.find(
      (event) => event.event === 'health' && event.scope === 'origin' && event.to === 'unhealthy',
    );
    expect(down).toMatchObject({ reason, pool: 'one', origin: 'a' });
  });

  /** Under way for most of the time: 9 s of each 10. */
  const SLOW = WEB.replace('timeout: 2', 'timeout: 9').replace(
    'IAD] }',
    "IAD], origins: { '*': { latency: 8900ms } } }",
  );
  it.each([
    ['refuse', '500ms', 'connection_reset'],
    ['reset', '500ms', 'connection_reset'],
    ['power_loss', '500ms', 'connection_reset'],
    ['power_loss', '40s', 'http_timeout'],
    ['blackhole', '40s', 'http_timeout'],
  ])('one that is under way when %s comes for %s: %s', async (fault, span, reason) => {
    const { events } = await play(`${SLOW}  - { at: +1m, fault: ${fault}, target: pool/one, for: ${span} }\n`);
    const down = events.filter((event) => event.event === 'health' && event.to === 'unhealthy');
    expect(down[0]).toMatchObject({ reason, pool: 'one', origin: 'a' });
  });

  it('one that is under way when the way is dark for a moment is answered late', async () => {
    const { events } = await play(`${SLOW}  - { at: +1m, fault: cut, for: 1ms }\n`);
    expect(events.filter((event) => event.event === 'health' && event.to === 'unhealthy')).toEqual([]);
  });

  it('a tcp probe meets what is there when its SYN arrives', async () => {
    const far = WEB.replace('type: https, path: /', 'type: tcp, port: 443')
      .replace('timeout: 2', 'timeout: 9')
      .replace(', expected_codes: 2xx', '')
      .replace('IAD] }', 'IAD], links: { edge-origin: { delay: 4s } } }');
    const { events, report } = await play(`${far}  - { at: +1m, fault: refuse, target: pool/one, for: 20s }\n`);
    const down = events.find((event) => event.event === 'health' && event.to === 'unhealthy');
    expect(down).toMatchObject({ reason: 'tcp_connection_failed' });
    // Sent before the fault by less than the way there, known a way later.
    const at = (down?.at ?? 0) - report.startUs - 60 * S;
    expect(at).toBeGreaterThan(4 * S);
    expect(at).toBeLessThan(8 * S);
  });

  it('a cut link times out before any connection', async () => {
    const { events, report } = await play(`${WEB}  - { at: +1m, fault: cut, for: 40s }\n`);
    expect(events.find((event) => event.event === 'health' && event.to === 'unhealthy')).toMatchObject({
      reason: 'tcp_timeout',
    });
    expect(report.totals.causes[0]).toMatchObject({ cause: 'origin_connect_timeout', status: 522 });
    expect(report.budget.outages[0]!.failed).toBe(report.totals.failed);
  });
});

describe('a withdrawn PoP', () => {
  it('its clients are served at the nearest one left, by the lists of that one, and come back', async () => {
    const { requests, report } = await play(`${WEB}  - { at: +1m, fault: withdraw, target: pop/FRA, for: 1m }\n`);
    const during = requests.filter(({ at }) => at > report.startUs + 60 * S && at < report.startUs + 120 * S);
    expect(new Set(during.map(({ pop, pool }) => `${pop} ${pool}`))).toEqual(new Set(['LHR one']));
    const after = requests.filter(({ at }) => at > report.startUs + 120 * S);
    expect(new Set(after.map(({ pop, pool }) => `${pop} ${pool}`))).toEqual(new Set(['LHR one', 'FRA two']));
    expect(report.totals.failed).toBe(0);
  });

  it('withdrawn twice over, it is back only when both have ended', async () => {
    const { requests, report } = await play(
      `${WEB}  - { at: +1m, fault: withdraw, target: pop/FRA, for: 30s }\n  - { at: +1m10s, fault: withdraw, target: pop/FRA, for: 50s }\n`,
    );
    const until = requests.filter(({ at }) => at > report.startUs + 60 * S && at < report.startUs + 120 * S);
    expect(until.length).toBeGreaterThan(1_000);
    expect(until.every(({ pop }) => pop === 'LHR')).toBe(true);
  });
});

describe('a crashed edge', () => {
  it('its clients are refused where they are, requests under way are lost, and everyone is served again when it is back', async () => {
    const { requests, report } = await play(`${WEB}  - { at: +1m, fault: crash, target: pop/FRA, for: 1m }\n`);
    const during = requests.filter(({ at }) => at >= report.startUs + 60 * S && at < report.startUs + 120 * S);
    const fates = new Set(during.map(({ pop, cause }) => `${pop} ${cause}`));
    expect(fates).toEqual(new Set(['LHR ', 'FRA edge_refused']));
    const outside = requests.filter((one) => !during.includes(one));
    expect(outside.filter(({ pop, cause }) => pop === 'LHR' && cause !== '')).toEqual([]);
    // Sent less than an answer's time before the crash.
    const lost = outside.filter(({ cause }) => cause === 'edge_reset');
    expect(outside.filter(({ cause }) => cause !== '')).toEqual(lost);
    for (const { at, pop } of lost) expect([pop, at > report.startUs + 59 * S]).toEqual(['FRA', true]);
    expect(requests.some(({ at, pop, cause }) => pop === 'FRA' && cause === '' && at > report.startUs + 120 * S)).toBe(
      true,
    );
  });

  it('a request that it has when it dies fails, even if the origin has answered by then', async () => {
    const slow = WEB.replace('pops: [LHR, FRA, IAD]', "pops: [LHR, FRA, IAD], origins: { '*': { latency: 3s } }");
    const { requests, report } = await play(`${slow}  - { at: +1m, fault: crash, target: pop/FRA, for: 1s }\n`);
    const crash = report.startUs + 60 * S;
    const under = requests.filter(({ at, pop }) => pop === 'FRA' && at < crash && at > crash - 2 * S);
    expect(under.length).toBeGreaterThan(5);
    expect(new Set(under.map(({ cause }) => cause))).toEqual(new Set(['edge_reset']));
  });
});

describe('a process that has to start', () => {
  const starting = WEB.replace('world: { pops', 'world: { start_up: { edge: 5s, origin: 7s }, pops');

  it('an edge: its clients are refused until it serves, and the story says why', async () => {
    const { requests, report } = await play(`${starting}  - { at: +1m, fault: crash, target: pop/FRA, for: 30s }\n`);
    const refused = requests.filter(({ cause }) => cause === 'edge_refused').map(({ at }) => at - report.startUs);
    expect(Math.max(...refused)).toBeGreaterThan(94 * S);
    expect(Math.max(...refused)).toBeLessThan(95 * S);
    expect(report.budget.outages[0]).toMatchObject({ healedUs: report.startUs + 90 * S });
    expect(report.timeline.map(({ text }) => text)).toContain('pop/FRA: crash is over; it takes 5 s to start');
  });

  it('an origin that had no power stays dark until it serves; one that refused had only its port closed', async () => {
    const back = async (fault: string): Promise<number> => {
      const { requests, report } = await play(
        `${starting}  - { at: +1m, fault: ${fault}, target: pool/two, for: 30s }\n`,
      );
      const served = requests.filter(
        ({ pool, cause, at }) => pool === 'two' && cause === '' && at > report.startUs + 65 * S,
      );
      return Math.min(...served.map(({ at, latency_us }) => at + latency_us)) - report.startUs;
    };
    expect(await back('power_loss')).toBeGreaterThan(97 * S);
    expect(await back('refuse')).toBeLessThan(91 * S);
  });
});

describe('what an operator changes', () => {
  it('holds from its moment on, in the order of time, and is told with its note and its line', async () => {
    const text = `${WEB}  - { at: +2m, set: { pool/two: { enabled: true } } }
  - { at: +1m, note: night shift, set: { pool/two: { enabled: false } } }
`;
    const { requests, report } = await play(text);
    const byMinute = [0, 1, 2].map((minute) => {
      const from = report.startUs + minute * 60 * S;
      return new Set(
        requests
          .filter(({ pop, at }) => pop === 'FRA' && at >= from && at < from + 60 * S)
          .map(({ pool, status }) => `${pool} ${status}`),
      );
    });
    // Its own list is exhausted, and the fallback pool is the very one that was disabled.
    expect(byMinute).toEqual([new Set(['two 200']), new Set([' 530']), new Set(['two 200'])]);
    expect(report.timeline.filter(({ kind }) => kind === 'change')).toMatchObject([
      { text: 'pool/two: enabled is now false (night shift)', line: 18 },
      { text: 'pool/two: enabled is now true', line: 17 },
    ]);
  });
});

describe('stop conditions', () => {
  it('that are met in a replay are a warning, others are silent', async () => {
    const stops = 'stop_if: [failed_requests > 10% for 5s, failed_requests > 99%]\n';
    const { report } = await play(`${WEB}  - { at: +1m, fault: refuse, target: pool/one, for: 1m }\n${stops}`);
    const [warning, ...more] = report.warnings.filter((text) => text.includes('stop_if'));
    expect(warning).toMatch(/^stop_if "failed_requests > 10% for 5s" was met, a drill would have been stopped: /);
    expect(more).toEqual([]);
  });
});

describe('the way over Railgun', () => {
  const RAILGUN = WEB.replace('proxied: true,', 'proxied: true, railgun: rg,').replace(
    'start:',
    `  railguns: [{ name: rg, enabled: true, railgun_host: 198.51.100.20, activation_key: 0123456789abcdef0123456789abcdef }]
start:`,
  );

  it('is taken when a lane stands; a listener that is killed costs what was in its lanes, and the rest goes direct', async () => {
    const { requests, report } = await play(`${RAILGUN}  - { at: +1m, fault: kill, target: listener/1, for: 1m }\n`);
    const path = (from: number, to: number): Set<string> =>
      new Set(
        requests
          .filter(({ at }) => at > report.startUs + from * S && at < report.startUs + to * S)
          .map((event) => event.path),
      );
    expect(path(10, 59)).toEqual(new Set(['railgun']));
    expect([...path(61, 119)].every((text) => text.startsWith('http1 ('))).toBe(true);
    // Back by itself, after at most the back-off of its sixth try.
    expect(path(165, 180)).toEqual(new Set(['railgun']));
    expect(report.totals.causes.map(({ cause }) => cause)).toEqual(report.totals.failed > 0 ? ['lane_lost'] : []);
    expect(report.totals.failed).toBeLessThan(5);
    // A hundred pages cross whole once at each PoP; what follows is deltas.
    expect(report.railgun!.ratio).toBeLessThan(0.05);
  });

  it('a listener that is frozen for a moment and woken answers late, and nobody fails', async () => {
    const { report } = await play(`${RAILGUN}  - { at: +1m, fault: stop, target: listener/1, for: 5s }\n`);
    expect(report.totals.failed).toBe(0);
    expect(report.railgun!.lanesLost).toBe(0);
    expect(report.latency.maxUs).toBeGreaterThan(4 * S);
  });
});
