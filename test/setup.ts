/**
 * Properties run from a fixed seed, so that a change is judged by itself and not by luck. `FC_SEED=random npm test` (or a number) looks
 * elsewhere; fast-check prints the seed of every counter-example.
 */
import fc from 'fast-check';

const wanted = process.env.FC_SEED;
if (wanted !== 'random') fc.configureGlobal({ seed: wanted === undefined ? 20_260_301 : Number(wanted) });
