/** Faults of the way between edge and origin: `delay`, `rate`, `loss`, `cut`, `half_open`. */
import { US_PER_MS } from '../../core/time.ts';
import type { Fault } from './fault.ts';

export const delay: Fault = {
  name: 'delay',
  summary: 'the way grows longer',
  targets: ['link'],
  parameters: { add: { kind: 'duration', default: 100 * US_PER_MS, summary: 'each way' } },
  live: true,
  start: (world, _target, parameters) => world.link.apply({ addDelayUs: parameters.add ?? 0 }),
};

export const rate: Fault = {
  name: 'rate',
  summary: 'the way grows narrower',
  targets: ['link'],
  parameters: { limit: { kind: 'bitrate', default: 1_250_000, summary: 'that is left' } },
  live: true,
  start: (world, _target, parameters) =>
    world.link.apply(parameters.limit === undefined ? {} : { rate: parameters.limit }),
};

export const loss: Fault = {
  name: 'loss',
  summary: 'segments are lost and sent again: time, not bytes',
  targets: ['link'],
  parameters: { share: { kind: 'share', default: 0.02, summary: 'of segments' } },
  live: true,
  start: (world, _target, parameters) => world.link.apply({ loss: parameters.share ?? 0 }),
};

export const cut: Fault = {
  name: 'cut',
  summary: 'nothing passes any more: origins behind it time out',
  targets: ['link'],
  parameters: {},
  live: true,
  start: (world) => world.link.apply({ cut: true }, world.scheduler.now()),
};

export const halfOpen: Fault = {
  name: 'half_open',
  summary: 'a box on the way forgets the lanes that stand: nothing passes on them and nobody is told; new ones work',
  targets: ['link'],
  parameters: {},
  live: true,
  start(world) {
    world.link.forget(world.scheduler.now());
    return () => {};
  },
};
