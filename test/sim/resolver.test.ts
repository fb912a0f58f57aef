import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssertionFailed } from '../../src/core/assert.ts';
import { fromSeconds } from '../../src/core/time.ts';
import {
  MAX_NEGATIVE_TTL_SECONDS,
  MAX_SLOTS,
  MAX_TTL_SECONDS,
  ResolverCaches,
  type TtlPolicy,
} from '../../src/sim/resolver.ts';

const START = 1_772_366_400;
const at = (seconds: number) => fromSeconds(START + seconds);
const honour: TtlPolicy = { kind: 'honour' };

describe('how long a resolver keeps an answer', () => {
  it.each<{ name: string; policy: TtlPolicy; ttl: number; negative?: boolean; kept: number }>([
    { name: 'its TTL, when it honours TTLs', policy: honour, ttl: 30, kept: 30 },
    { name: 'not at all with a TTL of 0', policy: honour, ttl: 0, kept: 0 },
    { name: 'no longer than a day', policy: honour, ttl: 604_800, kept: MAX_TTL_SECONDS },
    {
      name: 'a negative answer no longer than three hours',
      policy: honour,
      ttl: 86_400,
      negative: true,
      kept: MAX_NEGATIVE_TTL_SECONDS,
    },
    { name: 'a negative answer for the minimum of the SOA', policy: honour, ttl: 900, negative: true, kept: 900 },
    {
      name: 'at least its own minimum',
      policy: { kind: 'clamp', minimumSeconds: 60, maximumSeconds: 3600 },
      ttl: 30,
      kept: 60,
    },
    {
      name: 'at most its own maximum',
      policy: { kind: 'clamp', minimumSeconds: 0, maximumSeconds: 10 },
      ttl: 30,
      kept: 10,
    },
    {
      name: 'the TTL between the two',
      policy: { kind: 'clamp', minimumSeconds: 10, maximumSeconds: 3600 },
      ttl: 30,
      kept: 30,
    },
    { name: 'for as long as it sticks, whatever the TTL', policy: { kind: 'stick', seconds: 600 }, ttl: 30, kept: 600 },
    { name: 'even an answer that is not to be kept', policy: { kind: 'stick', seconds: 600 }, ttl: 0, kept: 600 },
  ])('$name', ({ policy, ttl, negative = false, kept }) => {
    const caches = new ResolverCaches<string>([policy], 1);
    expect(caches.get(0, 0, at(0))).toBeUndefined();
    caches.put(0, 0, 'old', ttl, negative, at(0));
    if (kept > 0) expect(caches.get(0, 0, fromSeconds(START + kept - 0.000_001))).toBe('old');
    expect(caches.get(0, 0, at(kept))).toBeUndefined();
  });

  it('hits past the TTL are counted apart', () => {
    const caches = new ResolverCaches<string>([{ kind: 'stick', seconds: 600 }], 1);
    caches.get(0, 0, at(0));
    caches.put(0, 0, 'old', 30, false, at(0));
    caches.get(0, 0, at(29));
    caches.get(0, 0, at(30));
    caches.get(0, 0, at(599));
    caches.get(0, 0, at(600));
    expect(caches.counts).toEqual({ hits: 3, pastTtl: 2, misses: 2 });
  });

  it('resolvers and questions do not see one another’s answers', () => {
    const caches = new ResolverCaches<string>([honour, honour], 3);
    caches.put(1, 2, 'there', 30, false, at(0));
    for (const resolver of [0, 1]) {
      for (const question of [0, 1, 2]) {
        expect(caches.get(resolver, question, at(1))).toBe(resolver === 1 && question === 2 ? 'there' : undefined);
      }
    }
  });

  it('a new answer replaces the old one and starts its time anew', () => {
    const caches = new ResolverCaches<string>([honour], 1);
    caches.put(0, 0, 'old', 30, false, at(0));
    caches.put(0, 0, 'new', 30, false, at(20));
    expect(caches.get(0, 0, at(45))).toBe('new');
    expect(caches.get(0, 0, at(50))).toBeUndefined();
  });

  it('flushed, it asks again', () => {
    const caches = new ResolverCaches<string>([honour], 1);
    caches.put(0, 0, 'old', 30, false, at(0));
    caches.flush();
    expect(caches.get(0, 0, at(1))).toBeUndefined();
  });
});

describe('the fault ignore_ttl', () => {
  it('holds what is held, lets new answers in, and lets go at its end', () => {
    const caches = new ResolverCaches<string>([honour], 2);
    caches.put(0, 0, 'old', 30, false, at(0));
    caches.setIgnoreTtl(true);
    expect(caches.get(0, 0, at(3_600))).toBe('old');
    expect(caches.get(0, 1, at(3_600))).toBeUndefined();
    expect(caches.counts).toEqual({ hits: 1, pastTtl: 1, misses: 1 });
    caches.setIgnoreTtl(false);
    expect(caches.get(0, 0, at(3_600))).toBeUndefined();
  });
});

describe('a failover seen through many resolvers', () => {
  it('those that honour the TTL are over within it, those that stick are not, and holding() tells how many', () => {
    const policies = Array.from(
      { length: 100 },
      (_, i): TtlPolicy => (i < 80 ? honour : { kind: 'stick', seconds: 300 }),
    );
    const caches = new ResolverCaches<'eu' | 'us'>(policies, 1);
    // Each asks once in the half minute before the failover, at second 30; then once a second.
    for (let i = 0; i < 100; i++) caches.put(i, 0, 'eu', 30, false, at(i * 0.3));
    const stillOld = (second: number): number => {
      for (let i = 0; i < 100; i++) {
        if (caches.get(i, 0, at(second)) === undefined) caches.put(i, 0, 'us', 30, false, at(second));
      }
      return caches.holding(0, at(second), (answer) => answer === 'eu');
    };
    const trace = [31, 45, 61, 100, 331].map(stillOld);
    expect(trace[0]).toBeGreaterThan(90);
    expect(trace[1]).toBeLessThan(trace[0]!);
    expect(trace.slice(2)).toEqual([20, 20, 0]);
  });
});

describe('whatever happens', () => {
  it('agrees with the plain rule: the last answer, while it is younger than its time', () => {
    const policy = fc.oneof(
      fc.constant(honour),
      fc.record({ kind: fc.constant('stick' as const), seconds: fc.nat(100) }),
      fc
        .tuple(fc.nat(50), fc.nat(50))
        .map(
          ([a, b]): TtlPolicy => ({ kind: 'clamp', minimumSeconds: Math.min(a, b), maximumSeconds: Math.max(a, b) }),
        ),
    );
    const step = fc.record({
      wait: fc.nat(60),
      put: fc.boolean(),
      ttl: fc.nat(80),
      ignore: fc.option(fc.boolean(), { freq: 8 }),
    });
    fc.assert(
      fc.property(policy, fc.array(step, { maxLength: 40 }), (policy, steps) => {
        const caches = new ResolverCaches<number>([policy], 1);
        let now = START;
        let last: { answer: number; until: number } | undefined;
        let ignore = false;
        steps.forEach(({ wait, put, ttl, ignore: change }, i) => {
          now += wait;
          if (change !== null) {
            ignore = change;
            caches.setIgnoreTtl(ignore);
          }
          const expected = last !== undefined && (ignore || now < last.until) ? last.answer : undefined;
          expect(caches.get(0, 0, fromSeconds(now))).toBe(expected);
          if (!put) return;
          caches.put(0, 0, i, ttl, false, fromSeconds(now));
          const kept =
            policy.kind === 'stick'
              ? policy.seconds
              : policy.kind === 'clamp'
                ? Math.max(policy.minimumSeconds, Math.min(policy.maximumSeconds, ttl))
                : ttl;
          last = { answer: i, until: now + kept };
        });
      }),
    );
  });

  it('too many, none, or a clamp upside down are our own mistakes', () => {
    expect(() => new ResolverCaches([honour], MAX_SLOTS + 1)).toThrow(AssertionFailed);
    expect(() => new ResolverCaches([], 1)).toThrow(AssertionFailed);
    expect(() => new ResolverCaches([honour], 0)).toThrow(AssertionFailed);
    expect(() => new ResolverCaches([{ kind: 'clamp', minimumSeconds: 2, maximumSeconds: 1 }], 1)).toThrow(
      AssertionFailed,
    );
  });
});
