/**
 * A whole configuration, from a plain value to a `Model` and findings. Three passes: collect the names of everything, read each
 * object against them, then look at the whole (cycles, unused parts). Knows nothing of text; load-config.ts adds places.
 */
import * as z from 'zod';
import type { MonitorId, PoolId, RailgunId } from '../core/ids.ts';
import type { LoadBalancer, Model } from '../core/model.ts';
import { adviseOn } from './advice.ts';
import type { Limits, ParseContext, Profile, ZoneFacts } from './context.ts';
import { DEFAULT_LIMITS, Names } from './context.ts';
import { findCycles } from './cycles.ts';
import type { Path } from './document.ts';
import type { Finding } from './finding.ts';
import { Findings, shown } from './finding.ts';
import { canonicalHost } from './host-names.ts';
import { loadBalancerShape, readLoadBalancer } from './load-balancer.ts';
import { monitorGroupShape, readMonitorGroup } from './monitor-group.ts';
import { monitorShape, readMonitor } from './monitor.ts';
import { findUnsafe, isRecord } from './plain-value.ts';
import { poolShape, readPool } from './pool.ts';
import { railgunShape, readRailgun } from './railgun.ts';
import { checkShape, maybe, required } from './shape.ts';
import { readZone, zoneShape } from './zone.ts';

export interface ParseOptions {
  readonly profile?: Profile;
  readonly limits?: Limits;
  /** Codes that the caller's place tables know; others get a warning. */
  readonly pops?: ReadonlySet<string>;
  readonly countries?: ReadonlySet<string>;
}

export interface ParsedConfig {
  /** `undefined` when there are errors. */
  readonly model: Model | undefined;
  readonly findings: readonly Finding[];
}

const version = required(z.literal(1), 'Version of this format.', '1');
const schemaField = maybe(z.string(), 'Where an editor finds the JSON Schema.', '', 'stored');

/** The whole file, for the JSON Schema. */
export const configShape = z
  .strictObject({
    version,
    $schema: schemaField,
    load_balancers: maybe(z.array(loadBalancerShape), 'The names whose traffic is balanced.'),
    pools: maybe(z.array(poolShape), 'Groups of origins.'),
    monitors: maybe(z.array(monitorShape), 'Probes.'),
    monitor_groups: maybe(z.array(monitorGroupShape), 'Monitors that vote together.'),
    railguns: maybe(z.array(railgunShape), 'Links to origins.'),
    zones: maybe(z.array(zoneShape), 'Domains: records, SOA, settings.'),
  })
  .meta({ title: 'Switchyard configuration' });

const objects = z.array(z.unknown());
/** The same, one level deep: each object is read by itself. */
const outerShape = z.strictObject({
  version,
  $schema: schemaField,
  load_balancers: maybe(objects, ''),
  pools: maybe(objects, ''),
  monitors: maybe(objects, ''),
  monitor_groups: maybe(objects, ''),
  railguns: maybe(objects, ''),
  zones: maybe(objects, ''),
});

type Section = 'load_balancers' | 'pools' | 'monitors' | 'monitor_groups' | 'railguns' | 'zones';

export function parseConfig(value: unknown, options: ParseOptions = {}): ParsedConfig {
  const findings = new Findings(options.profile);
  const done = (model?: Model): ParsedConfig => ({
    model: findings.errors === 0 ? model : undefined,
    findings: findings.list,
  });
  const unsafe = findUnsafe(value);
  if (unsafe !== undefined) return { model: undefined, findings: [unsafe] };
  const stranger = recogniseStranger(value);
  if (stranger !== undefined) {
    findings.error('wrong_type', [], stranger.message, stranger.hint);
    return done();
  }
  const outer = checkShape(outerShape, value, [], findings);
  if (outer === undefined) return done();

  const names = collectNames(outer, findings);
  const base: ParseContext = {
    profile: options.profile ?? 'strict',
    limits: options.limits ?? DEFAULT_LIMITS,
    ...names,
    zones: [],
    ...(options.pops === undefined ? {} : { pops: options.pops }),
    ...(options.countries === undefined ? {} : { countries: options.countries }),
  };
  const each = <T>(section: Section, read: (value: unknown, path: Path, fallbackId: string) => T | undefined): T[] =>
    (outer[section] ?? []).flatMap((item, index) => {
      const path: Path = [section, index];
      const made = findings.isMuted(path) ? undefined : read(item, path, identityOf(section, item, index).id);
      return made === undefined ? [] : [made];
    });

  const railguns = each('railguns', (item, path, id) => readRailgun(item, path, id, findings));
  const zoneFacts: ZoneFacts[] = [];
  const zones = each('zones', (item, path) => {
    const read = readZone(item, path, base, findings);
    if (read === undefined) return undefined;
    const railgun =
      read.railgun === undefined ? undefined : base.railguns.resolve(read.railgun, [...path, 'railgun'], findings);
    zoneFacts.push({ name: read.zone.name, alwaysUseHttps: read.zone.alwaysUseHttps, railgun });
    return read.zone;
  });
  const context: ParseContext = { ...base, zones: zoneFacts };
  const monitors = each('monitors', (item, path, id) => readMonitor(item, path, id, context, findings));
  const monitorGroups = each('monitor_groups', (item, path, id) => readMonitorGroup(item, path, id, context, findings));
  const pools = each('pools', (item, path, id) => readPool(item, path, id, context, findings));
  const enabledRailguns = new Set<RailgunId>(
    railguns.filter((railgun) => railgun.enabled).map((railgun) => railgun.id),
  );
  const loadBalancers = each('load_balancers', (item, path): LoadBalancer | undefined => {
    const balancer = readLoadBalancer(item, path, context, findings);
    if (balancer?.railgun === undefined || enabledRailguns.has(balancer.railgun)) return balancer;
    return { ...balancer, railgun: undefined };
  });
  const model: Model = { loadBalancers, pools, monitors, monitorGroups, railguns, zones };
  findCycles(model, findings);
  // Under the lenient profile objects may be missing from the model, and its users know what they do.
  if (findings.errors === 0 && context.profile === 'strict') adviseOn(model, outer, findings);
  return done(model);
}

/** Files that people hand over by mistake get one sentence instead of a page of unknown keys. */
function recogniseStranger(value: unknown): { message: string; hint: string } | undefined {
  if (value === null || value === undefined) return { message: 'the file is empty', hint: 'begin with "version: 1"' };
  if (!isRecord(value)) return undefined;
  if ('success' in value && 'result' in value) {
    return { message: 'this is an answer of the API, not a configuration', hint: 'read it with "switchyard import"' };
  }
  if ('terraform_version' in value)
    return { message: 'this is Terraform output, not a configuration', hint: 'read it with "switchyard import"' };
  if ('timeline' in value || 'traffic' in value)
    return { message: 'this is a scenario, not a configuration', hint: 'play it with "switchyard replay"' };
  return undefined;
}

interface Identity {
  readonly id: string;
  readonly name: string;
  /** The field that a clash of names should point at. */
  readonly field: 'id' | 'name';
}

/** The id of an object before it is read, and the name that may stand for it. Monitors have no name: `monitor-3`. */
function identityOf(section: Section, item: unknown, index: number): Identity {
  const record = isRecord(item) ? item : {};
  const text = (key: string): string => (typeof record[key] === 'string' ? record[key] : '');
  const given = text('id');
  if (section === 'monitors') return { id: given || `monitor-${index + 1}`, name: '', field: 'id' };
  if (section === 'monitor_groups') return { id: given || `group-${index + 1}`, name: '', field: 'id' };
  const name = section === 'load_balancers' || section === 'zones' ? canonicalHost(text('name')) : text('name');
  return { id: given || name, name, field: given === '' ? 'name' : 'id' };
}

/** Every id and name, each once of its kind (code 1003 of the API: say which value, and who else holds it, #8). */
function collectNames(
  outer: { readonly [Key in Section]?: readonly unknown[] | undefined },
  findings: Findings,
): Pick<ParseContext, 'pools' | 'monitors' | 'monitorGroups' | 'railguns'> {
  const pools = new Names<PoolId>('pool');
  const monitors = new Names<MonitorId>('monitor');
  const monitorGroups = new Names<string>('monitor group');
  const railguns = new Names<RailgunId>('railgun');
  const sections: readonly [Section, ((id: string, name: string) => void) | undefined][] = [
    ['load_balancers', undefined],
    ['zones', undefined],
    ['pools', (id, name) => pools.add(id as PoolId, name)],
    ['monitors', (id, name) => monitors.add(id as MonitorId, name)],
    ['monitor_groups', (id, name) => monitorGroups.add(id, name)],
    ['railguns', (id, name) => railguns.add(id as RailgunId, name)],
  ];
  for (const [section, add] of sections) {
    const ids = new Map<string, number>();
    const names = new Map<string, number>();
    for (const [index, item] of (outer[section] ?? []).entries()) {
      const { id, name, field } = identityOf(section, item, index);
      const clash = (seen: Map<string, number>, value: string, key: string): boolean => {
        const first = seen.get(value);
        if (value === '' || first === undefined) {
          seen.set(value, index);
          return false;
        }
        findings.error(
          'not_unique',
          [section, index, key],
          `value not unique: ${key} ${shown(value)} is also that of ${section}[${first}]`,
          'give each its own',
        );
        return true;
      };
      const sameName = clash(names, name, 'name');
      if (!sameName || field === 'id') clash(ids, id, field);
      if (id !== '') add?.(id, name);
    }
  }
  return { pools, monitors, monitorGroups, railguns };
}
