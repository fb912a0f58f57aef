import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { majority } from '../../src/health/quorum.ts';
import { HEALTHY, UNHEALTHY, UNPROBED } from '../../src/health/verdict.ts';

describe('a vote', () => {
  it.each([
    { name: 'two of three are a majority', healthy: 2, unhealthy: 1, voters: 3, state: HEALTHY },
    { name: 'two of three, the third silent, is settled', healthy: 2, unhealthy: 0, voters: 3, state: HEALTHY },
    { name: 'one of three is none', healthy: 1, unhealthy: 2, voters: 3, state: UNHEALTHY },
    { name: 'one against one with one silent is open', healthy: 1, unhealthy: 1, voters: 3, state: UNPROBED },
    { name: 'an even split is not a majority', healthy: 2, unhealthy: 2, voters: 4, state: UNHEALTHY },
    {
      name: 'half against with the other half silent is settled',
      healthy: 0,
      unhealthy: 2,
      voters: 4,
      state: UNHEALTHY,
    },
    { name: 'half for with the other half silent is open', healthy: 2, unhealthy: 0, voters: 4, state: UNPROBED },
    { name: 'all silent', healthy: 0, unhealthy: 0, voters: 3, state: UNPROBED },
    { name: 'nobody may vote', healthy: 0, unhealthy: 0, voters: 0, state: UNPROBED },
  ])('$name', ({ healthy, unhealthy, voters, state }) => {
    expect(majority(healthy, unhealthy, voters)).toBe(state);
  });

  test.prop([fc.array(fc.constantFrom(true, false, undefined), { minLength: 1, maxLength: 39 })])(
    'once settled, silent voters cannot turn it',
    (votes) => {
      const count = (wanted: boolean | undefined): number => votes.filter((vote) => vote === wanted).length;
      const state = majority(count(true), count(false), votes.length);
      const silent = count(undefined);
      const best = majority(count(true) + silent, count(false), votes.length);
      const worst = majority(count(true), count(false) + silent, votes.length);
      if (state === UNPROBED) expect([worst, best]).toEqual([UNHEALTHY, HEALTHY]);
      else expect([worst, best]).toEqual([state, state]);
    },
  );
});
