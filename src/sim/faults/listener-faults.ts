/** Faults of a Railgun listener: `kill`, `stop` (SIGSTOP), `drain`, `bad_cert`, `wrong_token`. */
import type { Fault } from './fault.ts';

export const kill: Fault = {
  name: 'kill',
  summary: 'the process is gone at once: lanes break, a store forgets everything',
  targets: ['listener', 'store'],
  parameters: {},
  live: true,
  restarts: { listener: 'listener', store: 'store' },
  start: (world, target) =>
    target.kind === 'store'
      ? world.railgun().setStore(target.name, 'gone')
      : world.railgun().setListener(target.name, 'gone'),
};

export const stop: Fault = {
  name: 'stop',
  summary: 'the process is frozen: connections stand, nothing is answered',
  targets: ['listener'],
  parameters: {},
  live: true,
  start: (world, target) => world.railgun().setListener(target.name, 'silent'),
};

export const drain: Fault = {
  name: 'drain',
  summary: 'the listener finishes what it has and takes nothing new',
  targets: ['listener'],
  parameters: {},
  live: true,
  restarts: { listener: 'listener' },
  start: (world, target) => world.railgun().setListener(target.name, 'draining'),
};

export const badCert: Fault = {
  name: 'bad_cert',
  summary: 'new lanes fail at the certificate; open ones stay',
  targets: ['listener'],
  parameters: {},
  live: true,
  start: (world, target) => world.railgun().setListener(target.name, 'refusing'),
};

export const wrongToken: Fault = {
  name: 'wrong_token',
  summary: 'new lanes fail at the activation token; open ones stay',
  targets: ['listener'],
  parameters: {},
  live: true,
  start: (world, target) => world.railgun().setListener(target.name, 'wrong_token'),
};

export const loseNode: Fault = {
  name: 'lose_node',
  summary: 'one memcached node is gone, and with it its share of the page versions',
  targets: ['store'],
  parameters: {},
  live: true,
  restarts: { store: 'store' },
  start: (world, target) => world.railgun().setStore(target.name, 'gone'),
};

export const flush: Fault = {
  name: 'flush',
  summary: 'all stored page versions are forgotten',
  targets: ['store'],
  parameters: {},
  live: true,
  start(world, target) {
    world.railgun().flush(target.name);
    return () => {};
  },
};
