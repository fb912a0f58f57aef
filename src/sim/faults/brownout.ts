/** Slowly worse: in ten steps latency grows and errors appear, as when a database behind the origins is dying. */
import { US_PER_MINUTE, US_PER_SECOND, after } from '../../core/time.ts';
import { type Fault, onOrigins } from './fault.ts';

const STEPS = 10;

export const brownout: Fault = {
  name: 'brownout',
  summary: 'answers grow slower and then fail, step by step',
  targets: ['pool', 'origin'],
  parameters: {
    over: { kind: 'duration', default: 2 * US_PER_MINUTE, summary: 'until the worst is reached' },
    add: { kind: 'duration', default: 5 * US_PER_SECOND, summary: 'latency added at the worst' },
    share: { kind: 'share', default: 0.3, summary: 'of requests that fail at the worst' },
    capacity: { kind: 'share', default: 0.5, summary: 'of the capacity that is left at the worst' },
  },
  live: true,
  start(world, target, parameters) {
    const begun = world.scheduler.now();
    let healed = false;
    let undo = (): void => {};
    const worsen = (step: number): void => {
      if (healed) return;
      undo();
      const depth = step / STEPS;
      undo = onOrigins(world, target, {
        latencyAddUs: (parameters.add ?? 0) * depth,
        errorShare: (parameters.share ?? 0) * depth,
        capacityFactor: 1 - (1 - (parameters.capacity ?? 1)) * depth,
      });
      if (step < STEPS) {
        world.scheduler.at(after(begun, ((parameters.over ?? 0) * (step + 1)) / STEPS), () => worsen(step + 1));
      }
    };
    worsen(1);
    return () => {
      healed = true;
      undo();
    };
  },
};
