/** Small sound objects to spoil, and short ways to ask what the checks say of them. */
import type { ParseOptions } from '../../src/config/config-file.ts';
import { parseConfig } from '../../src/config/config-file.ts';
import type { ParseContext, Profile } from '../../src/config/context.ts';
import { emptyContext } from '../../src/config/context.ts';
import { printPath } from '../../src/config/document.ts';
import type { Finding } from '../../src/config/finding.ts';
import type { MonitorId, PoolId } from '../../src/core/ids.ts';
import type { Model } from '../../src/core/model.ts';

export type Plain = Record<string, unknown>;

export const pool = (more: Plain = {}): Plain => ({
  name: 'p1',
  origins: [{ name: 'o1', address: '192.0.2.1' }],
  ...more,
});
export const origin = (more: Plain = {}): Plain => pool({ origins: [{ name: 'o1', address: '192.0.2.1', ...more }] });
export const monitor = (more: Plain = {}): Plain => ({ id: 'm1', ...more });
export const balancer = (more: Plain = {}): Plain => ({
  name: 'www.example.com',
  default_pools: ['p1', 'p2'],
  fallback_pool: 'p2',
  ...more,
});
export const proxied = (more: Plain = {}): Plain => balancer({ proxied: true, ...more });

export const config = (more: Plain = {}): Plain => ({
  version: 1,
  pools: [pool(), pool({ name: 'p2' })],
  load_balancers: [balancer()],
  ...more,
});

/** Surroundings with two pools and a monitor. */
export function surroundings(profile: Profile = 'strict', more: Partial<ParseContext> = {}): ParseContext {
  const context = { ...emptyContext(profile), ...more };
  for (const id of ['p1', 'p2']) context.pools.add(id as PoolId, id);
  context.monitors.add('m1' as MonitorId, '');
  return context;
}

/** `path: message` of each error. */
export function errorsIn(findings: readonly Finding[]): string[] {
  return findings.flatMap((each) => (each.severity === 'error' ? [`${printPath(each.path)}: ${each.message}`] : []));
}

export function warningsIn(findings: readonly Finding[]): string[] {
  return findings.flatMap((each) => (each.severity === 'warning' ? [`${printPath(each.path)}: ${each.message}`] : []));
}

/** The model of a configuration that must be sound. */
export function modelOf(value: Plain, options: ParseOptions = {}): Model {
  const { model, findings } = parseConfig(value, options);
  if (model === undefined) throw new Error(errorsIn(findings).join('\n'));
  return model;
}
