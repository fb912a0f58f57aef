/**
 * Properties run from a fixed seed, so that a change is judged by itself and not by luck. `FC_SEED=random npm test` (or a number) looks
 * elsewhere; fast-check prints the seed of every counter-example.
 *
 * A test that is played once more (vitest.config.ts) says so and why: reporters are silent about it in a file that passed.
 */
import fc from 'fast-check';
import { beforeEach } from 'vitest';

const wanted = process.env.FC_SEED;
if (wanted !== 'random') fc.configureGlobal({ seed: wanted === undefined ? 20_260_301 : Number(wanted) });

beforeEach(({ task }) => {
  const count = task.result?.retryCount ?? 0;
  if (count > 0)
    console.warn(`retry x${count}, since at first: ${task.result?.errors?.at(-1)?.message ?? 'it failed'}`);
});
