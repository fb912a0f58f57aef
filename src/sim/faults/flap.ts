/** Down and up again, over and over: the test of streaks (`consecutive_up`, `consecutive_down`) and of sticky sessions. */
import { US_PER_SECOND, after } from '../../core/time.ts';
import { type Fault, onOrigins } from './fault.ts';

export const flap: Fault = {
  name: 'flap',
  summary: 'refuses and serves in turn',
  targets: ['pool', 'origin'],
  parameters: {
    down: { kind: 'duration', default: 20 * US_PER_SECOND, summary: 'of each outage' },
    up: { kind: 'duration', default: 20 * US_PER_SECOND, summary: 'between two outages' },
  },
  live: true,
  start(world, target, parameters) {
    let healed = false;
    let undo = (): void => {};
    const fall = (): void => {
      if (healed) return;
      undo = onOrigins(world, target, { mode: 'refuse' }, true);
      world.scheduler.at(after(world.scheduler.now(), parameters.down ?? 0), rise);
    };
    const rise = (): void => {
      undo();
      if (!healed) world.scheduler.at(after(world.scheduler.now(), parameters.up ?? 0), fall);
    };
    fall();
    return () => {
      healed = true;
      undo();
    };
  },
};
