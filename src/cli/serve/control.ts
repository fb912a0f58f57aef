/** The control API's ports, filled by this edge: its configuration, its clock, its links and its certificate authority. */
import { randomBytes, randomInt } from 'node:crypto';
import type { ApiPorts } from '../../api/ports.ts';
import { VERSION } from '../version.ts';
import { changedConfiguration, problemLine } from './configuration.ts';
import type { EdgeService } from './service.ts';
import { stateFolder } from './state-dir.ts';

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz';
const TOKEN_LENGTH = 32;

export function controlPorts(service: EdgeService): ApiPorts {
  const { node, options, log, events } = service;
  return {
    current: () => service.configuration,
    change: (written, why) => {
      const changed = changedConfiguration(service.configuration, written, options.minInterval);
      if (!changed.ok) return { problems: changed.problems };
      for (const warning of changed.warnings) log.debug(problemLine(warning));
      service.adopt(changed.value, why);
      return undefined;
    },
    now: () => node.clock.now(),
    version: VERSION,
    newId: () => randomBytes(16).toString('hex'),
    newToken: () => Array.from({ length: TOKEN_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join(''),
    // Loaded when first needed: few edges are ever asked, and certificates bring a good part of a worker's memory.
    diagnose: async (railgun, host, path) => {
      const { diagnose } = await import('./diagnose.ts');
      return diagnose(node, railgun, host, path);
    },
    sign: async (request, name) => {
      const { openLocalCa } = await import('../../live/local-ca.ts');
      const opened = await openLocalCa(stateFolder(options.state));
      return opened.kind === 'opened' ? opened.ca.sign(request, name) : undefined;
    },
    tell: (facts) => events.tell('railgun', facts),
  };
}
