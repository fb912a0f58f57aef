import { describe, expect, it } from 'vitest';
import { diffTraces } from '../../src/replay/trace-diff.ts';
import { play } from './play.ts';

async function* lines(all: readonly string[]): AsyncIterable<string> {
  yield* all;
}

const line = (more: Record<string, unknown> = {}): string =>
  JSON.stringify({
    at: 5,
    event: 'request',
    n: 1,
    candidates: 'one',
    pool: 'one',
    origin: 'a',
    affinity: 'off',
    cause: '',
    status: 200,
    latency_us: 7,
    ...more,
  });
const START = JSON.stringify({ at: 0, event: 'start', seed: '1', config: 'c' });
const FAULT = JSON.stringify({ at: 3, event: 'fault', fault: 'refuse', target: 'pool/one', line: 9 });

describe('the first difference of two traces', () => {
  it('equal ones have none', async () => {
    expect(await diffTraces(lines([START, line()]), lines([START, line()]))).toEqual({ kind: 'equal', lines: 2 });
  });

  it.each([
    ['another seed', START.replace('"1"', '"2"'), START, /not of one seed, configuration and scenario/, ['seed']],
    [
      'another kind of event',
      FAULT,
      line(),
      /a fault event against a request event: the agendas have parted/,
      undefined,
    ],
    ['another time', line({ at: 6 }), line(), /the same kind of event at another time/, ['at']],
    [
      'another draw',
      line({ pool: 'two', origin: 'b' }),
      line(),
      /the same candidates, but another was drawn: chance differs/,
      ['pool', 'origin'],
    ],
    [
      'other candidates',
      line({ pool: 'two', candidates: 'one:pool_critical,two' }),
      line(),
      /steering chose otherwise because it saw other candidates/,
      ['candidates', 'pool'],
    ],
    [
      'the same candidates in the order of the draw',
      line({ policy: 'random', pool: 'two', candidates: 'two,one:pool_not_drawn' }),
      line({ policy: 'random', candidates: 'one,two:pool_not_drawn' }),
      /the same candidates, but another was drawn/,
      ['candidates', 'pool'],
    ],
    [
      'another order of the same pools',
      line({ policy: 'dynamic_latency', pool: 'two', candidates: 'two,one:pool_not_drawn' }),
      line({ policy: 'dynamic_latency', candidates: 'one,two:pool_not_drawn' }),
      /it saw other candidates/,
      ['candidates', 'pool'],
    ],
    [
      'another judgement of the session',
      line({ affinity: 'kept' }),
      line(),
      /the session was judged otherwise/,
      ['affinity'],
    ],
    [
      'another ending',
      line({ cause: 'origin_refused', status: 521 }),
      line(),
      /the same choice ended otherwise/,
      ['cause', 'status'],
    ],
    ['another latency', line({ latency_us: 8 }), line(), /line 3: latency_us differs/, ['latency_us']],
    ['no event', 'oops', line(), /line 3 differs, and is not an event in both/, ['(line)']],
  ])('%s', async (_, a, b, sentence, fields) => {
    const found = await diffTraces(lines([START, FAULT, a]), lines([START, FAULT, b]));
    if (found.kind === 'equal') throw new Error('they differ');
    expect(found.line).toBe(3);
    expect(found.sentence).toMatch(sentence);
    expect(found.before).toBe(FAULT);
    if (fields !== undefined) expect(found.fields.map(({ field }) => field)).toEqual(fields);
  });

  it('a trace that ends early', async () => {
    const found = await diffTraces(lines([START]), lines([START, line()]));
    expect(found).toMatchObject({
      kind: 'differs',
      line: 2,
      a: undefined,
      sentence: 'the first trace ends before line 2',
    });
  });

  it('of two real runs that differ in one setting: the first request that went elsewhere, and the event before it', async () => {
    const text = (weight: string): string => `
version: 1
name: two
config:
  version: 1
  load_balancers:
    - { name: www.example.com, proxied: true, steering_policy: random, default_pools: [one, two], fallback_pool: two, random_steering: { default_weight: ${weight} } }
  pools:
    - { name: one, origins: [{ name: a, address: 192.0.2.1 }] }
    - { name: two, origins: [{ name: b, address: 192.0.2.2 }] }
start: 2026-03-01T12:00:00Z
duration: 1m
trace: all
world: { pops: [LHR] }
traffic: [{ clients: { count: 50, rate: 20/s } }]
timeline:
  - { at: +20s, set: { load_balancer/www.example.com: { random_steering: { default_weight: 1, pool_weights: { one: ${weight} } } } } }
`;
    const body = async (weight: string): Promise<string[]> => {
      const all = (await play(text(weight))).trace.split('\n').filter((one) => one !== '');
      return all.filter((one) => !/"event":"(?:start|end|change)"/.test(one));
    };
    const found = await diffTraces(lines(await body('0.9')), lines(await body('0.1')));
    if (found.kind === 'equal') throw new Error('they differ');
    const [at] = [Number(/"at":(\d+)/.exec(found.a!)![1])];
    expect(at).toBeGreaterThanOrEqual(1_772_366_420_000_000);
    expect(found.sentence).toMatch(/another was drawn/);
  });
});
