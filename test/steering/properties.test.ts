/**
 * What holds for any balancer, health and request. Cases are drawn by fast-check, which prints the seed and a small
 * counter-example when one fails.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AffinityClaim, Decision } from '../../src/core/decision.ts';
import type { OriginHealth, PoolHealth } from '../../src/core/health-view.ts';
import type { LoadBalancer, Model, Pool, Rule, SteeringPolicy } from '../../src/core/model.ts';
import type { Random } from '../../src/core/random.ts';
import { seededRandom } from '../../src/core/random.ts';
import { after, US_PER_SECOND } from '../../src/core/time.ts';
import { steerAgain } from '../../src/steering/failover.ts';
import { hashAddress } from '../../src/steering/hash.ts';
import { HeaderSessions } from '../../src/steering/header-sessions.ts';
import { compileBalancer } from '../../src/steering/plan.ts';
import { httpFacts } from '../../src/steering/request.ts';
import type { SteerRequest, SteerWorld } from '../../src/steering/request.ts';
import { steer } from '../../src/steering/steer.ts';
import {
  affinity,
  at,
  balancer,
  HealthTable,
  ids,
  LoadTable,
  model,
  NameTable,
  nameOf,
  origin,
  places,
  pool,
  poolId,
  rule,
  START,
} from './builders.ts';

const POOLS = ['p0', 'p1', 'p2', 'p3', 'fb'];
const ORIGINS = ['a', 'b', 'c'];
const POPS = ['LHR', 'FRA', 'SJC', 'NRT', 'XXX'];

const list = fc.uniqueArray(fc.constantFrom('p0', 'p1', 'p2', 'p3'), { minLength: 1 });
const percent = fc.constantFrom(0, 0, 0, 30, 100);

const anyOrigin = (name: string) =>
  fc
    .record({
      enabled: fc.boolean().map((flag) => flag || name === 'a'),
      weight: fc.constantFrom(0, 1, 50, 100),
      address: fc.constantFrom('192.0.2.1', `${name}.example.net`),
      age: fc.integer({ min: 0, max: 300 }),
    })
    .map(({ age, ...fields }) =>
      origin(name, { ...fields, disabledAt: fields.enabled ? undefined : after(START, -age * US_PER_SECOND) }),
    );

const anyPool = (id: string): fc.Arbitrary<Pool> =>
  fc
    .record({
      enabled: fc.constantFrom(true, true, true, false),
      origins: fc.tuple(...ORIGINS.map(anyOrigin)),
      originSteering: fc.constantFrom('random', 'hash', 'least_outstanding_requests', 'least_connections'),
      loadShedding: fc.option(
        fc.record({
          defaultPercent: percent,
          defaultPolicy: fc.constantFrom('random', 'hash'),
          sessionPercent: percent,
        }),
        { nil: undefined },
      ),
      latitude: fc.constantFrom(undefined, -30, 0, 51),
    })
    .map(({ latitude, ...fields }) => pool(id, { ...fields, latitude, longitude: latitude }));

const policy: fc.Arbitrary<SteeringPolicy> = fc.constantFrom(
  '',
  'off',
  'geo',
  'random',
  'dynamic_latency',
  'proximity',
  'least_outstanding_requests',
  'least_connections',
);

const anyRule: fc.Arbitrary<Rule> = fc
  .record({
    path: fc.constantFrom('/', '/a', '/b'),
    overrides: fc.constantFrom<Rule['overrides']>(
      { defaultPools: ids('p2') },
      { affinity: { kind: 'none' } },
      { steeringPolicy: 'random', randomSteering: { defaultWeight: 0.5, poolWeights: new Map([[poolId('p1'), 0]]) } },
      { failoverAcrossPools: true, affinity: { zeroDowntime: 'temporary' } },
    ),
    terminates: fc.boolean(),
  })
  .map(({ path, ...fields }) =>
    rule(path, {
      ...fields,
      condition: {
        kind: 'compare',
        operator: 'eq',
        left: { kind: 'field', name: 'http.request.uri.path' },
        right: { kind: 'text', text: path },
      },
    }),
  );

const anyBalancer: fc.Arbitrary<Partial<LoadBalancer>> = fc
  .record({
    proxied: fc.constantFrom(true, true, false),
    steeringPolicy: policy,
    defaults: list,
    weu: fc.option(list),
    sjc: fc.option(list),
    kind: fc.constantFrom('none', 'cookie', 'ip_cookie', 'header'),
    zeroDowntime: fc.constantFrom('none', 'temporary', 'sticky'),
    failoverAcrossPools: fc.boolean(),
    weights: fc.array(fc.constantFrom(0, 0.3, 1), { minLength: 4, maxLength: 4 }),
    rules: fc.array(anyRule, { maxLength: 2 }),
  })
  .map(({ defaults, weu, sjc, kind, zeroDowntime, weights, ...fields }) => ({
    ...fields,
    defaultPools: ids(...defaults),
    regionPools: places(weu === null ? {} : { WEU: weu }),
    popPools: places(sjc === null ? {} : { SJC: sjc }),
    randomSteering: { defaultWeight: 1, poolWeights: new Map(weights.map((weight, i) => [poolId(`p${i}`), weight])) },
    affinity: affinity({ kind, zeroDowntime, drainSeconds: 150, ttlSeconds: 3600, headers: ['x-user'] }),
  }));

const anyModel: fc.Arbitrary<Model> = fc
  .tuple(fc.tuple(...POOLS.map(anyPool)), anyBalancer)
  .map(([pools, fields]) => model(pools, fields));

interface Step {
  readonly pop: string;
  readonly client: number;
  readonly path: string;
  readonly claim: AffinityClaim | undefined;
  /** Something about the world changes before the request. */
  readonly change: readonly [what: string, health: PoolHealth | OriginHealth] | 'name' | undefined;
}

const anyClaim: fc.Arbitrary<AffinityClaim> = fc.record({
  loadBalancer: fc.constantFrom('lb', 'lb', 'lb', 'other'),
  pool: fc.constantFrom(...POOLS, 'gone'),
  origin: fc.constantFrom(...ORIGINS, 'gone'),
  issuedAt: fc.constantFrom(0, START / US_PER_SECOND - 10),
});

const anyChange: fc.Arbitrary<Step['change']> = fc.oneof(
  fc.constant(undefined),
  fc.constant('name' as const),
  fc.tuple(
    fc.constantFrom(...POOLS),
    fc.constantFrom<PoolHealth>('healthy', 'degraded', 'critical', 'unprobed', 'unmonitored'),
  ),
  fc.tuple(
    fc.constantFrom(...POOLS.flatMap((id) => ORIGINS.map((name) => `${id}/${name}`))),
    fc.constantFrom<OriginHealth>('healthy', 'unhealthy', 'unprobed'),
  ),
  fc.tuple(fc.constantFrom(...POOLS.map((id) => `${id}@LHR`)), fc.constantFrom<PoolHealth>('healthy', 'critical')),
);

const anySteps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    pop: fc.constantFrom(...POPS),
    client: fc.integer({ min: 0, max: 9 }),
    path: fc.constantFrom('/', '/a', '/b'),
    claim: fc.option(anyClaim, { nil: undefined }),
    change: anyChange,
  }),
  { minLength: 1, maxLength: 25 },
);

/** A generator that counts its draws, so that two runs can be compared to the draw. */
function counting(seed: string): Random & { draws: number } {
  const inner = seededRandom(seed);
  const counted = {
    draws: 0,
    next: (): number => {
      counted.draws += 1;
      return inner.next();
    },
    below: (limit: number): number => Math.floor(counted.next() * limit),
    fork: (name: string): Random => inner.fork(name),
  };
  return counted;
}

class Run {
  readonly health: HealthTable;
  readonly names = new NameTable();
  readonly random = counting('steering');
  readonly world: SteerWorld;

  constructor(of: Model) {
    this.health = new HealthTable(of);
    for (const [where, ms] of [
      ['p1@WEU', 30],
      ['p2@WEU', 20],
      ['p0@SJC', 40],
    ] as const) {
      const [id, place] = where.split('@');
      this.health.setRttMs(id!, place!, ms);
    }
    const load = new LoadTable(of);
    load.outstanding.set('p0', 5).set('p1/a', 2);
    load.connections.set('p1', 5).set('p0/b', 2);
    this.world = {
      health: this.health,
      load,
      names: this.names,
      random: this.random,
      now: START,
      sessions: new HeaderSessions(),
    };
  }

  apply(step: Step): SteerRequest {
    if (step.change === 'name') {
      if (!this.names.broken.delete('a.example.net')) this.names.broken.add('a.example.net');
    } else if (step.change !== undefined) {
      this.health.set(...step.change);
    }
    const clientAddress = `198.51.100.${step.client}`;
    return {
      location: at(step.pop),
      clientHash: hashAddress(clientAddress),
      clientAddress,
      claim: step.claim,
      facts: httpFacts({ path: step.path, headers: step.client < 5 ? { 'x-user': String(step.client) } : {} }),
    };
  }
}

const FAILED = { status: 522, attempts: 1, replayable: true };

/** Play the steps, each with a failed attempt after it; `observe` sees every decision. */
function play(
  of: Model,
  steps: readonly Step[],
  observe: (decision: Decision, request: SteerRequest, run: Run, draws: number) => void,
  options: { readonly explained?: boolean; readonly freshPlans?: boolean } = {},
): void {
  const run = new Run(of);
  const ladder = options.explained ? { add: () => undefined } : undefined;
  let plan = compileBalancer(of, 0);
  for (const step of steps) {
    const request = run.apply(step);
    if (options.freshPlans) plan = compileBalancer(of, 0);
    const decision = steer(plan, request, run.world, ladder);
    observe(decision, request, run, run.random.draws);
    const next = steerAgain(plan, request, run.world, decision, FAILED, ladder);
    if (next !== undefined) observe(next, request, run, run.random.draws);
    (run.world.sessions as HeaderSessions).record(next ?? decision, run.world.now);
  }
}

function record(of: Model, steps: readonly Step[], options = {}): unknown[] {
  const seen: unknown[] = [];
  play(of, steps, (decision, _, __, draws) => seen.push([decision, draws]), options);
  return seen;
}

const runs = { numRuns: 400 };

describe('steering', () => {
  it('decides the same, with the same draws, whether or not it explains itself', () => {
    fc.assert(
      fc.property(anyModel, anySteps, (of, steps) => {
        expect(record(of, steps, { explained: true })).toEqual(record(of, steps));
      }),
      runs,
    );
  });

  it('decides the same with a plan that remembers and with one just made', () => {
    fc.assert(
      fc.property(anyModel, anySteps, (of, steps) => {
        expect(record(of, steps, { freshPlans: true })).toEqual(record(of, steps));
      }),
      runs,
    );
  });

  it('never sends anyone to a disabled pool, and to the fallback pool only when nothing on the list could serve', () => {
    fc.assert(
      fc.property(anyModel, anySteps, (of, steps) => {
        play(of, steps, (decision) => {
          if (decision.kind !== 'origin' && decision.kind !== 'fallback') return;
          expect(of.pools[decision.pool]!.enabled).toBe(true);
          if (decision.kind === 'fallback') expect(of.pools[decision.pool]!.id).toBe(decision.settings.fallbackPool);
        });
      }),
      runs,
    );
  });

  it('sends new clients to enabled endpoints with a weight, that resolve and, outside the fallback pool, are not down', () => {
    fc.assert(
      fc.property(anyModel, anySteps, (of, steps) => {
        play(of, steps, (decision, request, run) => {
          if ((decision.kind !== 'origin' && decision.kind !== 'fallback') || decision.affinity === 'kept') return;
          const chosen = of.pools[decision.pool]!.origins[decision.origin]!;
          expect(chosen.enabled).toBe(true);
          expect(chosen.weight).toBeGreaterThan(0);
          expect(run.names.broken.has(chosen.address)).toBe(false);
          if (decision.kind === 'fallback') return;
          const state = run.health.pool(decision.pool, request.location);
          expect(['healthy', 'degraded', 'unmonitored']).toContain(state);
          expect(['healthy', 'unmonitored']).toContain(
            run.health.origin(decision.pool, decision.origin, request.location),
          );
        });
      }),
      runs,
    );
  });

  it('sends a live session on a healthy endpoint of a listed pool to that endpoint', () => {
    fc.assert(
      fc.property(
        anyModel,
        fc.constantFrom('p0', 'p1', 'p2', 'p3'),
        fc.constantFrom(...ORIGINS),
        policy,
        (of, id, name, policyName) => {
          const pools = of.pools.map((each) => ({
            ...each,
            enabled: true,
            loadShedding: undefined,
            origins: each.origins.map((own) => ({ ...own, enabled: true, address: '192.0.2.1' })),
          }));
          const healthy = model(pools, {
            ...of.loadBalancers[0]!,
            proxied: true,
            rules: [],
            defaultPools: ids('p0', 'p1', 'p2', 'p3'),
            steeringPolicy: policyName,
            affinity: affinity({ kind: 'cookie' }),
          });
          const claim = { loadBalancer: 'lb', pool: id, origin: name, issuedAt: START / US_PER_SECOND - 10 };
          const step: Step = { pop: 'LHR', client: 1, path: '/', claim, change: [id, 'healthy'] };
          play(healthy, [step], (decision) => {
            if (decision.kind === 'origin' && decision.because.startsWith('zero_downtime')) return;
            expect(nameOf(healthy, decision)).toBe(`${id}/${name}`);
          });
        },
      ),
      runs,
    );
  });

  it('tries another endpoint after a failure, never the fallback pool, and hands out a claim to the one that serves', () => {
    fc.assert(
      fc.property(anyModel, anySteps, (of, steps) => {
        let previous: Decision | undefined;
        play(of, steps, (decision) => {
          if ((decision.kind === 'origin' || decision.kind === 'fallback') && decision.newClaim !== undefined) {
            expect(nameOf(of, decision).endsWith(`${decision.newClaim.pool}/${decision.newClaim.origin}`)).toBe(true);
          }
          if (decision.kind === 'origin' && decision.because.startsWith('zero_downtime')) {
            expect(nameOf(of, decision)).not.toBe(nameOf(of, previous!));
          }
          previous = decision;
        });
      }),
      runs,
    );
  });

  it('does not hang on where a pool stands in the file', () => {
    fc.assert(
      fc.property(anyModel, anySteps, fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }), (of, steps, order) => {
        const shuffled: Model = { ...of, pools: order.map((i) => of.pools[i]!) };
        const told = (some: Model): unknown[] => {
          const seen: unknown[] = [];
          play(some, steps, (decision, _, __, draws) => seen.push([nameOf(some, decision), decision.because, draws]));
          return seen;
        };
        expect(told(shuffled)).toEqual(told(of));
      }),
      runs,
    );
  });

  it('by hash or by address, does not hang on the order of the endpoints in their pool', () => {
    const byHash = fc.record({ kind: fc.constantFrom('none', 'ip_cookie') });
    fc.assert(
      fc.property(anyModel, anySteps, byHash, (of, steps, { kind }) => {
        const hashed = (reverse: boolean): Model => {
          const pools = of.pools.map((each) => ({
            ...each,
            originSteering: 'hash' as const,
            loadShedding: undefined,
            origins: reverse ? each.origins.toReversed() : each.origins,
          }));
          const fields = {
            ...of.loadBalancers[0]!,
            proxied: true,
            steeringPolicy: 'off' as const,
            rules: [],
            affinity: affinity({ kind }),
          };
          return { ...of, pools, loadBalancers: [balancer(pools, fields)] };
        };
        const told = (some: Model): string[] => {
          const seen: string[] = [];
          play(some, steps, (decision) => seen.push(nameOf(some, decision)));
          return seen;
        };
        expect(told(hashed(true))).toEqual(told(hashed(false)));
      }),
      runs,
    );
  });
});
