import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { ENDINGS } from '../../src/sim/outcome.ts';
import { type OriginEffect, SimOrigin } from '../../src/sim/origin.ts';

const traits = { capacity: 100, queueLimit: 3, latencyUs: 20_000, jitterUs: 0 };
const make = (more: Partial<typeof traits> = {}): SimOrigin => new SimOrigin({ ...traits, ...more }, seededRandom(1));
const ask = (origin: SimOrigin, now: number): { cause: string; afterUs: number } => {
  origin.admit(now, 10_000, now);
  return { cause: ENDINGS[origin.ending]!.cause, afterUs: origin.afterUs };
};

describe('an origin with a rate, a queue and a latency', () => {
  it('answers after the way and its own latency', () => {
    expect(ask(make(), 0)).toEqual({ cause: '', afterUs: 30_000 });
  });

  it('lets requests that come at once wait for each other, and turns away what the queue cannot hold', () => {
    const origin = make();
    const answers = Array.from({ length: 6 }, () => ask(origin, 0));
    // One is served at once, three wait 10, 20, 30 ms; the fluid queue holds 3 × 10 ms, so the fifth and sixth are turned away.
    expect(answers.map(({ cause }) => cause)).toEqual(['', '', '', '', 'origin_overloaded', 'origin_overloaded']);
    expect(answers.slice(0, 4).map(({ afterUs }) => afterUs)).toEqual([30_000, 40_000, 50_000, 60_000]);
    expect(origin.rejected).toBe(2);
  });

  it('serves its stated rate for ever', () => {
    const origin = make();
    for (let request = 0; request < 1_000; request += 1) expect(ask(origin, request * 10_000).cause).toBe('');
  });

  it.each<{ effect: OriginEffect; cause: string; afterUs: number }>([
    { effect: { mode: 'refuse' }, cause: 'origin_refused', afterUs: 10_000 },
    { effect: { mode: 'reset' }, cause: 'origin_reset', afterUs: 10_000 },
    { effect: { mode: 'blackhole' }, cause: 'origin_connect_timeout', afterUs: 19_000_000 },
    { effect: { mode: 'unreachable' }, cause: 'origin_unreachable', afterUs: 10_000 },
    { effect: { mode: 'tls_invalid' }, cause: 'origin_certificate_invalid', afterUs: 20_000 },
    { effect: { errorShare: 1 }, cause: 'origin_error', afterUs: 10_000 },
    { effect: { latencyAddUs: 1_000_000 }, cause: '', afterUs: 1_030_000 },
    { effect: { latencyFactor: 10 }, cause: '', afterUs: 210_000 },
    { effect: { latencyAddUs: 101_000_000 }, cause: 'origin_read_timeout', afterUs: 100_010_000 },
  ])('under $effect ends with "$cause", and is as before once that is taken off', ({ effect, cause, afterUs }) => {
    const origin = make();
    const heal = origin.apply(effect);
    expect(ask(origin, 0)).toEqual({ cause, afterUs });
    heal();
    expect(ask(origin, 1_000_000_000)).toEqual({ cause: '', afterUs: 30_000 });
  });

  it('several effects meet: the worst mode holds, delays add up, and each is taken off by itself', () => {
    const origin = make();
    const heal = [{ mode: 'reset' }, { mode: 'blackhole' }, { latencyAddUs: 5_000 }].map((effect) =>
      origin.apply(effect as OriginEffect),
    );
    expect(ask(origin, 0).cause).toBe('origin_connect_timeout');
    heal[1]!();
    expect(ask(origin, 0).cause).toBe('origin_reset');
    heal[0]!();
    expect(ask(origin, 0).afterUs).toBe(35_000);
    heal[0]!();
    heal[2]!();
    expect(ask(origin, 1_000_000).afterUs).toBe(30_000);
  });

  it('an outage that cuts makes the generation grow, so what was under way is known to be lost', () => {
    const origin = make();
    origin.apply({ mode: 'refuse' }, true);
    expect(origin.generation).toBe(1);
    origin.apply({ latencyAddUs: 1 });
    expect(origin.generation).toBe(1);
  });
});
