/** Every way in which a scenario can be wrong that we could think of: one clear complaint, at its place, and nothing is played. */
import { describe, expect, it } from 'vitest';
import { Refused, play } from './play.ts';

const BASE = `version: 1
name: story
config:
  version: 1
  load_balancers:
    - { name: www.example.com, proxied: true, default_pools: [one, two], fallback_pool: two }
  pools:
    - { name: one, origins: [{ name: a, address: 192.0.2.1 }] }
    - { name: two, origins: [{ name: b, address: 192.0.2.2 }] }
start: 2026-03-01T12:00:00Z
duration: 2m
world: { pops: [LHR], railgun: { listeners: 2 } }
traffic:
  - clients: { count: 10, rate: 1/s }
timeline:
  - { at: +1m, fault: refuse, target: pool/one }
checks:
  - failed_requests < 100%
`;

/** `line:column: what is wrong; what would be right`, one per problem. */
async function complaints(text: string, set: readonly string[] = []): Promise<string[]> {
  try {
    await play(text, { set });
  } catch (error) {
    if (error instanceof Refused) return error.message.split('\n');
    throw error;
  }
  return [];
}

const MORE_ORIGINS = '{ origins: [{ name: a, address: 192.0.2.1 }, { name: c, address: 192.0.2.3 }] }';
const LETTERS = ['a', 'b', 'c', 'd', 'e', 'f'];
const BOMB = LETTERS.map(
  (letter, at) =>
    `${letter}: &${letter} [${Array(9)
      .fill(at === 0 ? 'x' : `*${LETTERS[at - 1]}`)
      .join()}]`,
);

describe('a wrong scenario is refused with the place and a way out', () => {
  it('the scenario that the others are made from is sound', async () => {
    expect(await complaints(BASE)).toEqual([]);
  });

  it.each([
    // The file itself.
    ['an unknown key', 'duration: 2m', 'duratoin: 2m', '11:1: unknown key "duratoin"; did you mean "duration"?'],
    ['a list for a text', 'name: story', 'name: [story]', '2:7: name must be text, not a list; '],
    ['no name', 'name: story\n', '', '1:1: name is required; it must be text'],
    ['another version', 'version: 1\nname', 'version: 2\nname', '1:10: version must be 1, not 2; '],
    [
      'a key twice',
      'duration: 2m',
      'duration: 2m\nduration: 3m',
      '12:1: this key is here twice; remove one of the two',
    ],
    [
      'a __proto__ key',
      'duration: 2m',
      'duration: 2m\n__proto__: { polluted: 1 }',
      '12:1: the key "__proto__" is not allowed; remove it',
    ],
    [
      'a YAML bomb',
      'duration: 2m',
      BOMB.join('\n'),
      '1:1: Excessive alias count indicates a resource exhaustion attack; write the repeated part out, or use fewer aliases',
    ],
    // Quantities.
    [
      'a duration without a unit that is known',
      'duration: 2m',
      'duration: 2 parsecs',
      '11:11: "2 parsecs" cannot be read; write a span with its unit, such as "90s", "5m" or "1h30m"',
    ],
    [
      'no duration at all',
      'duration: 2m',
      'duration: 0s',
      '11:11: "0s" is out of range; it must be longer than nothing',
    ],
    ['more than a year', 'duration: 2m', 'duration: 400d', '11:11: "400d" is out of range; at most 366 days'],
    ['a bad rate', 'rate: 1/s', 'rate: 1/x', '14:33: "1/x" cannot be read; write a rate such as "400/s" or "30/m"'],
    ['fewer than no clients', 'count: 10', 'count: -1', '14:23: count is not in range [1, 5000000]; it is -1'],
    [
      'more than everything',
      'fault: refuse',
      'fault: errors, share: 140%',
      '16:38: "140%" cannot be read; write a share such as "40%" or 0.4',
    ],
    [
      'a clamp the wrong way round',
      'rate: 1/s',
      'rate: 1/s, resolver_ttl: { min: 5m, max: 1m }',
      '14:59: "5m" is longer than "max"; swap the two',
    ],
    // Moments.
    [
      'a moment that is none',
      'at: +1m',
      'at: soon',
      '16:11: "soon" cannot be read; write "+3m", "12:03", "12:03:30", or RFC 3339',
    ],
    [
      'an event before the start',
      'at: +1m',
      'at: 11:59',
      '16:11: "11:59" is before the start; move it, or set an earlier "start"',
    ],
    [
      'an event the day before',
      'at: +1m',
      'at: 2026-02-28T12:00:00Z',
      '16:11: "2026-02-28T12:00:00Z" is before the start; move it, or set an earlier "start"',
    ],
    [
      'an event after the end',
      'at: +1m',
      'at: +3m',
      '16:11: "+3m" is after the end; move it, or set a longer "duration"',
    ],
    [
      'a start that is no time',
      'start: 2026-03-01T12:00:00Z',
      'start: yesterday',
      '10:8: "yesterday" cannot be read; write RFC 3339, such as "2026-03-01T12:00:00Z"',
    ],
    // Faults and what they are aimed at.
    ['an unknown fault', 'fault: refuse', 'fault: refuze', '16:23: unknown fault "refuze"; did you mean "refuse"?'],
    [
      "a parameter that is not the fault's",
      'fault: refuse, ',
      'fault: slow, ad: 3s, ',
      '16:29: unknown key "ad" for the fault "slow"; did you mean "add"?',
    ],
    [
      'a fault aimed at nothing',
      ', target: pool/one',
      '',
      '16:5: the fault "refuse" needs a target; add "target: pool/NAME"',
    ],
    [
      'an unknown kind of target',
      'target: pool/one',
      'target: pol/one',
      '16:39: unknown target "pol/one"; did you mean "pool"?',
    ],
    [
      'the wrong kind of target',
      'target: pool/one',
      'target: pop/LHR',
      '16:39: "refuse" cannot be aimed at a pop; its targets are: pool/NAME, origin/NAME',
    ],
    [
      'a pool that is not there',
      'target: pool/one',
      'target: pool/onee',
      '16:39: there is no pool "onee"; did you mean "one"?',
    ],
    [
      'an origin that is not there',
      'target: pool/one',
      'target: origin/one/z',
      '16:39: there is no origin "one/z"; did you mean "one/a"?',
    ],
    [
      'a listener that is not there',
      'fault: refuse, target: pool/one',
      'fault: kill, target: listener/3',
      '16:37: there is no listener "3"; known: 1, 2',
    ],
    [
      'an entry that does nothing',
      'fault: refuse, target: pool/one',
      'flaut: refuse',
      '16:5: an entry of the timeline needs "fault", "heal", "set" or "note"; for example "fault: power_loss"',
    ],
    [
      'an entry that does two things',
      'fault: refuse, target: pool/one',
      'heal: all, set: {}',
      '16:27: unknown key "set"; known here: at, heal, note',
    ],
    [
      'a heal of nothing',
      'fault: refuse, target: pool/one',
      'heal: pol/one',
      '16:22: unknown target "pol/one"; did you mean "pool"?',
    ],
    // The world and the traffic.
    ['an unknown PoP', 'pops: [LHR]', 'pops: [LHX]', '12:17: unknown PoP "LHX"; did you mean "LAX"?'],
    [
      'an unknown link',
      'pops: [LHR]',
      'pops: [LHR], links: { edge-orign: { delay: 3ms } }',
      '12:32: unknown link "edge-orign"; the only link is "edge-origin"',
    ],
    [
      'clients from nowhere',
      'rate: 1/s',
      'rate: 1/s, from: { XX: 3 }',
      '14:46: "XX" is no region, country or PoP; write WEU, DE or LHR',
    ],
    [
      'a host without a balancer',
      'rate: 1/s',
      'rate: 1/s, host: ww.example.com',
      '14:44: no load balancer answers for "ww.example.com"; did you mean "www.example.com"?',
    ],
    [
      'traffic of no kind',
      '  - clients: { count: 10, rate: 1/s }',
      '  - nothing: 3',
      '14:5: a traffic source needs "log", "clients" or "pages"; write "log: FILE" or "clients: { count, rate }"',
    ],
    [
      'no traffic',
      'traffic:\n  - clients: { count: 10, rate: 1/s }',
      'traffic: []',
      '13:10: traffic must have at least 1 entry; it is empty',
    ],
    [
      'a log that is not there',
      'clients: { count: 10, rate: 1/s }',
      'log: nowhere.log',
      '14:10: the log "nowhere.log" does not exist; the path is looked up beside the scenario',
    ],
    [
      'a directory for a log',
      'clients: { count: 10, rate: 1/s }',
      'log: expected',
      '14:10: the log "expected" is a directory, not a file; the path is looked up beside the scenario',
    ],
    // Configuration, changes, conditions.
    [
      'a pool that no balancer could have',
      'default_pools: [one, two]',
      'default_pools: [one, tow]',
      '6:68: no pool has the id or name "tow"; did you mean "two"?',
    ],
    [
      'a change to a wrong value',
      'fault: refuse, target: pool/one',
      'set: { pool/one: { enabled: maybe } }',
      '16:21: pools[0].enabled: enabled must be true or false, not "maybe"; ',
    ],
    [
      'a change of something that is not there',
      'fault: refuse, target: pool/one',
      'set: { pool/onee: { enabled: false } }',
      '16:23: there is no pool "onee"; did you mean "one"?',
    ],
    [
      'a change of a field that is not there',
      'fault: refuse, target: pool/one',
      'set: { pool/one: { enabeld: false } }',
      '16:21: pools[0].enabeld: unknown key "enabeld"; did you mean "enabled"?',
    ],
    [
      'a change that adds an origin',
      'fault: refuse, target: pool/one',
      `set: { pool/one: ${MORE_ORIGINS} }`,
      '16:21: a change may not add, remove or reorder pools and origins; write them into the configuration from the start, with "enabled: false"',
    ],
    [
      'a stop condition on an unknown metric',
      'checks:',
      'stop_if: failed_reqests > 3%\nchecks:',
      '17:10: unknown metric "failed_reqests"; did you mean "failed_requests"?',
    ],
  ])('%s', async (_, from, to, complaint) => {
    expect(BASE).toContain(from);
    expect(await complaints(BASE.replace(from, to))).toEqual([complaint]);
  });

  it('all problems are named at once', async () => {
    const text = BASE.replace('rate: 1/s', 'rate: 1/x')
      .replace('at: +1m', 'at: soon')
      .replace('fault: refuse', 'fault: refuze');
    expect(await complaints(text)).toHaveLength(3);
  });

  it('a polluted prototype is not what a __proto__ key leaves behind', async () => {
    await complaints(BASE.replace('duration: 2m', 'duration: 2m\n__proto__: { polluted: 1 }'));
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('values put in from outside', () => {
  it('change what the file says, and make what it does not have', async () => {
    const set = ['traffic[0].clients.rate=20/s', 'duration=1m', 'timeline=[]', 'world.origins.a.latency=7ms'];
    const { report } = await play(BASE, { set });
    expect(report.endUs - report.startUs).toBe(60_000_000);
    expect(report.totals.requests).toBeGreaterThan(1_000);
    expect(report.latency.p50Us).toBe(27_000);
  });

  it.each([
    [
      'no equals sign',
      'duration',
      '"duration" cannot be read; write --set PATH=VALUE, such as duration=5m or traffic[0].clients.rate=10/s',
    ],
    [
      'no path',
      '=5m',
      '"=5m" cannot be read; write --set PATH=VALUE, such as duration=5m or traffic[0].clients.rate=10/s',
    ],
    [
      'a path into a prototype',
      '__proto__.x=1',
      '"__proto__.x=1" cannot be read; write --set PATH=VALUE, such as duration=5m or traffic[0].clients.rate=10/s',
    ],
    [
      'a path through a text',
      'name.first=x',
      '"name.first" leads through a value that is no map or list; see the keys of the scenario file',
    ],
  ])('%s is refused', async (_, set, complaint) => {
    expect(await complaints(BASE, [set])).toEqual([`0:0: ${complaint}`]);
  });

  it('a value of the wrong type is refused like one in the file', async () => {
    expect((await complaints(BASE, ['duration=long']))[0]).toMatch(/"long" cannot be read; write a span/);
  });
});
