/**
 * One object at a time, for the control API: a plain value and its surroundings in, the model's object or findings out. Paths are
 * within the object; `apiError` (finding.ts) words a finding as the public API does.
 */
import type { LoadBalancer, Model, Monitor, MonitorGroup, Pool, Railgun, Zone } from '../core/model.ts';
import type { ParseContext, Profile } from './context.ts';
import { DEFAULT_LIMITS, emptyContext } from './context.ts';
import type { Finding } from './finding.ts';
import { Findings } from './finding.ts';
import { readLoadBalancer } from './load-balancer.ts';
import { readMonitorGroup } from './monitor-group.ts';
import { readMonitor } from './monitor.ts';
import { findUnsafe } from './plain-value.ts';
import { readPool } from './pool.ts';
import { readRailgun } from './railgun.ts';
import { readZone } from './zone.ts';

export interface ParsedObject<T> {
  /** `undefined` when there are errors; under the lenient profile also when the object is not fit to steer by. */
  readonly value: T | undefined;
  readonly findings: readonly Finding[];
}

/** `id`: what the object is called when its body names no id. Dangling pools are errors, or warnings when lenient (LB-018). */
export function parseLoadBalancer(value: unknown, context: ParseContext): ParsedObject<LoadBalancer> {
  return parse(value, context, (findings) => readLoadBalancer(value, [], context, findings));
}

export function parsePool(value: unknown, context: ParseContext, id = ''): ParsedObject<Pool> {
  return parse(value, context, (findings) => readPool(value, [], id || nameOf(value), context, findings));
}

export function parseMonitor(value: unknown, context: ParseContext, id = 'monitor'): ParsedObject<Monitor> {
  return parse(value, context, (findings) => readMonitor(value, [], id, context, findings));
}

export function parseMonitorGroup(value: unknown, context: ParseContext, id = 'group'): ParsedObject<MonitorGroup> {
  return parse(value, context, (findings) => readMonitorGroup(value, [], id, context, findings));
}

export function parseRailgun(value: unknown, context: ParseContext, id = ''): ParsedObject<Railgun> {
  return parse(value, context, (findings) => readRailgun(value, [], id || nameOf(value), findings));
}

export function parseZone(value: unknown, context: ParseContext): ParsedObject<Zone> {
  return parse(value, context, (findings) => {
    const read = readZone(value, [], context, findings);
    if (read?.railgun !== undefined) context.railguns.resolve(read.railgun, ['railgun'], findings);
    return read?.zone;
  });
}

/**
 * The surroundings that a model makes for the next object. Pools are known by id alone, as in the API.
 * @public for the API that is to come
 */
export function contextOf(model: Model, profile: Profile = 'strict'): ParseContext {
  const context = { ...emptyContext(profile), limits: DEFAULT_LIMITS };
  for (const pool of model.pools) context.pools.add(pool.id, '');
  for (const monitor of model.monitors) context.monitors.add(monitor.id, '');
  for (const group of model.monitorGroups) context.monitorGroups.add(group.id, '');
  for (const railgun of model.railguns) context.railguns.add(railgun.id, '');
  return {
    ...context,
    zones: model.zones.map((zone) => ({ name: zone.name, alwaysUseHttps: zone.alwaysUseHttps, railgun: undefined })),
  };
}

function parse<T>(value: unknown, context: ParseContext, read: (findings: Findings) => T | undefined): ParsedObject<T> {
  const unsafe = findUnsafe(value);
  if (unsafe !== undefined) return { value: undefined, findings: [unsafe] };
  const findings = new Findings(context.profile);
  const made = read(findings);
  return { value: findings.errors === 0 ? made : undefined, findings: findings.list };
}

function nameOf(value: unknown): string {
  const name = typeof value === 'object' && value !== null ? (value as { name?: unknown }).name : '';
  return typeof name === 'string' ? name : '';
}
