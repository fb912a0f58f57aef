import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { HEALTHY, NO_RESULT, UNHEALTHY, UNPROBED, type Verdict, observe } from '../../src/health/verdict.ts';

const SHORT: Readonly<Record<number, string>> = {
  [UNPROBED]: 'unprobed',
  [HEALTHY]: 'healthy',
  [UNHEALTHY]: 'unhealthy',
};

function after(probes: string, need: { up: number; down: number }, from: Verdict = NO_RESULT): Verdict {
  return [...probes].reduce((verdict, probe) => observe(verdict, probe === '.', need), from);
}

describe('a run of results becomes a verdict', () => {
  it.each([
    { name: 'before any result nothing is known', probes: '', up: 1, down: 1, state: UNPROBED },
    { name: 'with 0 the first pass is enough (C18)', probes: '.', up: 0, down: 0, state: HEALTHY },
    { name: 'with 0 the first failure is enough (C18)', probes: '.x', up: 0, down: 0, state: UNHEALTHY },
    { name: 'with 1 as with 0', probes: '.x.', up: 1, down: 1, state: HEALTHY },
    {
      name: 'LB-135 two failures of three needed, then a pass: stays healthy',
      probes: '.xx.',
      up: 1,
      down: 3,
      state: HEALTHY,
    },
    { name: 'LB-135 the pass between starts the run anew', probes: '.xx.xx', up: 1, down: 3, state: HEALTHY },
    { name: 'LB-135 three failures in a row flip it', probes: '.xxx', up: 1, down: 3, state: UNHEALTHY },
    { name: 'LB-136 one pass of two needed: stays unhealthy', probes: 'x.', up: 2, down: 1, state: UNHEALTHY },
    { name: 'LB-136 two passes in a row flip it', probes: 'x..', up: 2, down: 1, state: HEALTHY },
    { name: 'a new origin needs its run of passes too', probes: '.', up: 2, down: 1, state: UNPROBED },
    { name: 'a new origin needs its run of failures too', probes: 'x', up: 1, down: 2, state: UNPROBED },
  ])('$name', ({ probes, up, down, state }) => {
    expect(SHORT[after(probes, { up, down }).state]).toBe(SHORT[state]);
  });

  it('counts passes upwards and failures downwards', () => {
    expect(after('...', { up: 1, down: 1 }).streak).toBe(3);
    expect(after('..xx', { up: 1, down: 5 }).streak).toBe(-2);
  });
});

const needs = fc.record({ up: fc.integer({ min: 0, max: 5 }), down: fc.integer({ min: 0, max: 5 }) });
const runs = fc.array(fc.boolean(), { maxLength: 60 });

describe('for any results', () => {
  test.prop([runs, needs])(
    'a verdict flips only after the needed results in a row, all of its kind',
    (results, need) => {
      let verdict = NO_RESULT;
      for (const [i, passed] of results.entries()) {
        const next = observe(verdict, passed, need);
        if (next.state !== verdict.state) {
          const needed = Math.max(1, next.state === HEALTHY ? need.up : need.down);
          const last = results.slice(0, i + 1).slice(-needed);
          expect(last).toHaveLength(needed);
          expect(last.every((each) => each === (next.state === HEALTHY))).toBe(true);
        }
        verdict = next;
      }
    },
  );

  test.prop([runs, needs])(
    'whatever came before, enough passes end in healthy and enough failures in unhealthy',
    (results, need) => {
      const past = results.map((passed) => (passed ? '.' : 'x')).join('');
      expect(after(past + '.'.repeat(Math.max(1, need.up)), need).state).toBe(HEALTHY);
      expect(after(past + 'x'.repeat(Math.max(1, need.down)), need).state).toBe(UNHEALTHY);
    },
  );
});
