import { describe, expect, it } from 'vitest';
import { Locator } from '../../src/geo/locate.ts';
import { emptyArrival } from '../../src/replay/arrivals.ts';
import { ClientTable } from '../../src/replay/clients.ts';
import { openLog } from '../../src/replay/log-handle.ts';
import { LogSource } from '../../src/replay/log-source.ts';
import type { LogTraffic } from '../../src/replay/scenario.ts';
import { modelOf } from './model.ts';

const S = 1_000_000;
const T0 = 1_772_366_400 * S;
const model = modelOf(`
load_balancers: [{ name: www.example.com, proxied: true, default_pools: [one], fallback_pool: one }]
pools: [{ name: one, origins: [{ name: a, address: 192.0.2.1 }] }]`);
const locator = new Locator();

const SPEC: LogTraffic = {
  kind: 'log',
  fidelity: 'flow',
  path: 'access.log',
  host: undefined,
  speed: 1,
  failOnBroken: false,
  resolver: { kind: 'honour', minUs: 0, maxUs: 0 },
  line: 1,
  column: 1,
};

async function* bytes(text: string): AsyncIterable<Uint8Array> {
  yield new TextEncoder().encode(text);
}

const open = (text: string, more: Partial<LogTraffic> = {}, needsSpan = true) =>
  openLog({ ...SPEC, ...more }, () => bytes(text), { needsSpan });

/** `clf(12, '/a')`: twelve seconds past noon. */
const clf = (second: number, path = '/', client = '192.0.2.7'): string =>
  `${client} - - [01/Mar/2026:12:${String(Math.floor(second / 60)).padStart(2, '0')}:${String(second % 60).padStart(2, '0')} +0000] "GET ${path} HTTP/1.1" 200 500 "-" "test"`;
const json = (second: number, host: string): string =>
  JSON.stringify({
    ClientIP: '192.0.2.8',
    EdgeStartTimestamp: T0 / S + second,
    ClientRequestHost: host,
    ClientRequestURI: '/x',
    ClientRequestMethod: 'GET',
  });

async function played(text: string, options: { speed?: number; endAt?: number; hosts?: readonly string[] } = {}) {
  const opened = await open(text);
  if (!opened.ok) throw new Error(opened.message);
  const clients = new ClientTable(model, () => '');
  const hosts = options.hosts ?? ['www.example.com'];
  const source = new LogSource(
    {
      source: 0,
      batches: opened.handle.batches(),
      start: T0,
      speed: options.speed ?? 1,
      endAt: options.endAt ?? T0 + 3_600 * S,
      balancerOf: (host) => (host === undefined ? 0 : hosts.indexOf(host)),
      locate: () => locator.pop('LHR'),
      wire: false,
    },
    clients,
    () => {},
  );
  const seen: { second: number; path: string; client: number; balancer: number; text: boolean; bytes: number }[] = [];
  const arrival = emptyArrival();
  for (;;) {
    if (source.starved) await source.fill();
    if (source.nextAt === Number.POSITIVE_INFINITY) break;
    source.take(arrival);
    const { at, path, client, balancer, text: isText, bodyBytes } = arrival;
    seen.push({ second: (at - T0) / S, path, client, balancer, text: isText, bytes: bodyBytes });
  }
  await source.close();
  return { seen, source, stats: opened.handle.stats, handle: opened.handle };
}

describe('a log as traffic', () => {
  it('is played in the order of time, from the start of the run, each address as one client', async () => {
    const lines = [clf(10, '/a'), clf(12, '/c', '2001:db8::1'), clf(11, '/b'), clf(15, '/d')];
    const { seen, source, stats } = await played(lines.join('\n'));
    expect(seen.map(({ second, path, client }) => [second, path, client])).toEqual([
      [0, '/a', 0],
      [1, '/b', 0],
      [2, '/c', 1],
      [5, '/d', 0],
    ]);
    expect(stats.outOfOrder).toBe(1);
    expect(source.clients.size).toBe(2);
    expect(source.requests).toBe(4);
  });

  it('speed presses it together', async () => {
    const { seen } = await played([clf(0), clf(30), clf(60)].join('\n'), { speed: 60 });
    expect(seen.map(({ second }) => second)).toEqual([0, 0.5, 1]);
  });

  it('ends where the run ends', async () => {
    const { seen } = await played([clf(0), clf(5), clf(9), clf(10), clf(11)].join('\n'), { endAt: T0 + 10 * S });
    expect(seen.map(({ second }) => second)).toEqual([0, 5, 9]);
  });

  it('requests for hosts of others are left out and counted, even when the log begins with them', async () => {
    const lines = [
      json(0, 'other.example'),
      json(1, 'www.example.com'),
      json(2, 'other.example'),
      json(3, 'www.example.com'),
    ];
    const { seen, source } = await played(lines.join('\n'));
    expect(seen.map(({ second }) => second)).toEqual([0, 2]);
    expect(source.foreign).toBe(2);
  });

  it('broken lines are counted with their numbers and do no harm', async () => {
    const { seen, stats } = await played(['what is this', clf(0), '{"half":', clf(1), ''].join('\n'));
    expect(seen).toHaveLength(2);
    expect(stats.brokenLines).toBe(2);
    expect(stats.brokenNamed.map(({ line }) => line)).toEqual([1, 3]);
  });

  it.each([
    ['/', true],
    ['/news/today', true],
    ['/index.html?x=1.png', true],
    ['/feed.rss', true],
    ['/app.js', true],
    ['/logo.png', false],
    ['/film.mp4?t=1', false],
    ['/v1.2/list', true],
  ])('%s may be delta-coded: %s', async (path, text) => {
    expect((await played(clf(0, path))).seen[0]!.text).toBe(text);
  });
});

describe('a log that is opened', () => {
  it('tells its span when asked, whatever the order of its lines', async () => {
    const opened = await open([clf(12), clf(5), clf(40), clf(39)].join('\n'));
    expect(opened.ok && [opened.handle.firstUs, opened.handle.lastUs].map((us) => (us! - T0) / S)).toEqual([5, 40]);
  });

  it('is not read twice when nobody asks for the span', async () => {
    const opened = await open(clf(3), {}, false);
    expect(opened.ok && opened.handle.firstUs).toBeUndefined();
  });

  it.each([
    ['an empty one', '', {}, /is empty/],
    [
      'one without a readable request',
      'a\nb\nc',
      {},
      /has no request that can be read \(line 1: .*; line 2: .*; line 3: /,
    ],
    [
      'a broken line where the scenario wants none',
      `${clf(0)}\noops\n${clf(1)}`,
      { failOnBroken: true },
      /has 1 broken lines \(2\)/,
    ],
  ])('%s is refused', async (_, text, more, message) => {
    const opened = await open(text, more);
    expect(opened.ok).toBe(false);
    expect(!opened.ok && opened.message).toMatch(message);
  });

  it('on_broken: fail lets a sound log pass', async () => {
    expect((await open(clf(0), { failOnBroken: true })).ok).toBe(true);
  });
});
