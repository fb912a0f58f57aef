/** What a lab refuses before anything starts, and what it says; pure. */
import { describe, expect, it } from 'vitest';
import { LabError } from '../../../src/drill/lab.ts';
import type { Machine } from '../../../src/drill/lab/machine.ts';
import { makePlan, planLab } from '../../../src/drill/lab/plan.ts';
import { inputOf, ROOMY } from './support.ts';

interface Parts {
  readonly world?: string;
  readonly timeline?: string;
  readonly pools?: string;
  readonly monitor?: string;
  readonly railgun?: boolean;
}

function scenario({ world = 'pops: [LHR]', timeline = '[]', pools, monitor = 'http', railgun }: Parts): string {
  return `
version: 1
name: a plan
config:
  version: 1
  load_balancers:
    - { name: www.example.com, proxied: true, default_pools: [one], fallback_pool: one${railgun === true ? ', railgun: near' : ''} }
  pools:
    ${pools ?? '- { name: one, monitor: m, origins: [{ name: a, address: 192.0.2.1 }, { name: b, address: 192.0.2.2 }] }'}
  monitors: [{ id: m, type: ${monitor}, ${monitor === 'tcp' || monitor === 'smtp' || monitor === 'udp_icmp' ? 'port: 25,' : ''} interval: 10, timeout: 2, retries: 0 }]
  ${railgun === true ? 'railguns: [{ id: near, name: near }]' : ''}
duration: 5m
world: { ${world} }
traffic: [{ clients: { count: 10, rate: 1/s } }]
timeline: ${timeline}
`;
}

async function refusal(parts: Parts, machine: Partial<Machine> = {}, externals = new Map()): Promise<string> {
  const input = await inputOf(scenario(parts));
  try {
    makePlan(input, externals, { ...ROOMY, ...machine });
  } catch (error) {
    expect(error).toBeInstanceOf(LabError);
    return error instanceof LabError ? error.message : '';
  }
  return 'nothing';
}

describe('a plan', () => {
  it('names what will be started, and what stands in for what', async () => {
    const world = 'pops: [LHR, FRA], railgun: { topology: behind-l4, listeners: 2, memcached: { nodes: 2 } }';
    const plan = makePlan(await inputOf(scenario({ world, railgun: true })), new Map(), ROOMY);
    expect(plan.edges.map(({ pop }) => pop).toSorted()).toEqual(['FRA', 'LHR']);
    expect(plan.origins.map(({ number, pool, origin }) => [number, pool, origin])).toEqual([
      [0, 'one', 'a'],
      [1, 'one', 'b'],
    ]);
    expect([plan.listeners, plan.l4, plan.stores.map(({ kind }) => kind)]).toEqual([
      2,
      true,
      ['memcached', 'memcached'],
    ]);
    // Two edges, two origins, two listeners, two stores, the network.
    expect(plan.processes).toBe(9);
  });

  it('has a set of stores for each listener where they do not share', async () => {
    const world = 'pops: [LHR], railgun: { listeners: 2, memcached: { nodes: 3, shared: false } }';
    expect(makePlan(await inputOf(scenario({ world, railgun: true })), new Map(), ROOMY).stores).toHaveLength(6);
  });

  it('says that listeners keep their pages themselves where no memcached is installed', async () => {
    const plan = makePlan(await inputOf(scenario({ railgun: true })), new Map(), { ...ROOMY, memcached: undefined });
    expect(plan.stores).toEqual([{ kind: 'embedded', why: 'memcached is not installed' }]);
    expect(plan.notes.join(' ')).toContain('memcached is not installed');
  });

  it('takes Redis when the timeline names it', async () => {
    const timeline = '[{ at: +1m, fault: kill, target: redis }]';
    const plan = makePlan(await inputOf(scenario({ timeline, railgun: true })), new Map(), ROOMY);
    expect(plan.stores.map(({ kind }) => kind)).toEqual(['redis']);
  });

  it('counts a listener that stands by with a wrong token', async () => {
    const timeline =
      '[{ at: +1m, fault: wrong_token, target: listener/1, for: 10s }, { at: +2m, fault: wrong_token, target: listener/1 }]';
    const plan = makePlan(await inputOf(scenario({ timeline, railgun: true })), new Map(), ROOMY);
    // An edge, two origins, two listeners, a store, the network.
    expect(plan.processes).toBe(7);
  });

  it('starts no process for an origin that stands somewhere already', async () => {
    const at = { host: '127.0.0.1', port: 1 };
    const plan = makePlan(await inputOf(scenario({})), new Map([[1, at]]), ROOMY);
    expect(plan.origins.map(({ external }) => external)).toEqual([undefined, at]);
    expect(plan.processes).toBe(3);
  });
});

describe('refused before anything starts', () => {
  it.each<{ name: string; parts: Parts; machine?: Partial<Machine>; says: RegExp }>([
    {
      name: 'every PoP there is',
      parts: { world: '' },
      says: /has \d{2,} PoPs.*at most 12.*name the few that matter under world\.pops/,
    },
    {
      name: 'a fault that sockets cannot play',
      parts: { timeline: '[{ at: +1m, fault: unreachable, target: pool/one }]' },
      says: /line \d+: "unreachable".*cannot be done on real sockets/,
    },
    {
      name: 'more origins than a lab has',
      parts: {
        pools: Array.from(
          { length: 33 },
          (_, n) => `- { name: p${n}, origins: [{ name: o, address: 192.0.2.${n + 1} }] }`,
        )
          .join('\n    ')
          .replace('name: p0', 'name: one'),
      },
      says: /has 33 origins, and a lab starts at most 32/,
    },
    { name: 'too few open files', parts: {}, machine: { openFiles: 256 }, says: /about \d+ open files.*ulimit -n \d+/ },
    { name: 'too few processes', parts: {}, machine: { processes: 20 }, says: /needs 4 processes.*ulimit -u/ },
    {
      name: 'too little memory',
      parts: {},
      machine: { freeBytes: 2 ** 20 },
      says: /needs about \d+ MB of memory, and 1 MB are free/,
    },
    {
      name: 'a broken store without a server',
      parts: { railgun: true, timeline: '[{ at: +1m, fault: lose_node, target: memcached/1 }]' },
      machine: { memcached: undefined },
      says: /breaks its store, and memcached is not installed/,
    },
    {
      name: 'a broken Redis without a server',
      parts: { railgun: true, timeline: '[{ at: +1m, fault: kill, target: redis/1 }]' },
      machine: { redis: undefined },
      says: /redis-server is not installed/,
    },
    {
      name: 'lanes that are forgotten where nobody has a railgun',
      parts: { timeline: '[{ at: +1m, fault: half_open, target: link/edge-origin }]' },
      says: /line \d+: "half_open" makes lanes be forgotten, and no balancer has a railgun/,
    },
    {
      name: 'a listener where nobody has a railgun',
      parts: { timeline: '[{ at: +1m, fault: kill, target: listener/1 }]' },
      says: /aimed at a listener, and no balancer has a railgun/,
    },
    {
      name: 'a crash where no edge stands',
      parts: { timeline: '[{ at: +1m, fault: crash, target: pop/NRT }]' },
      says: /there is no edge at NRT: the lab has LHR/,
    },
    { name: 'a monitor that speaks SMTP', parts: { monitor: 'smtp' }, says: /monitor "m" is of type smtp/ },
  ])('$name', async ({ parts, machine, says }) => {
    expect(await refusal(parts, machine)).toMatch(says);
  });

  it('everything that stands in the way at once', async () => {
    const timeline =
      '[{ at: +1m, fault: unreachable, target: pool/one }, { at: +2m, fault: kill, target: listener/1 }]';
    const said = await refusal({ timeline }, { openFiles: 10 });
    expect(said).toMatch(/unreachable.*listener.*open files/);
  });

  it('a fault that an origin of somebody else cannot be asked for', async () => {
    const externals = new Map([[0, { host: '127.0.0.1', port: 1 }]]);
    const errors = { timeline: '[{ at: +1m, fault: errors, target: pool/one }]' };
    expect(await refusal(errors, {}, externals)).toMatch(/one\/a is not.*refuse.*can be done/);
    const refuse = { timeline: '[{ at: +1m, fault: refuse, target: pool/one }]' };
    expect(await refusal(refuse, {}, externals)).toBe('nothing');
  });

  it('an origin that is said to stand somewhere, and does not', async () => {
    const input = await inputOf(scenario({}));
    await expect(planLab(input, new Map([[0, { host: '127.0.0.1', port: 9 }]]))).rejects.toThrow(
      'no connection to one/a at 127.0.0.1:9',
    );
  });
});
