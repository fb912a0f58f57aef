/**
 * Pools and their origins (spec 1.2, 1.3). Which pool serves is `steering`'s; whether it is healthy is `health`'s.
 */
import * as z from 'zod';
import type { PoolId } from '../core/ids.ts';
import type { Pool } from '../core/model.ts';
import type { ParseContext } from './context.ts';
import type { Path } from './document.ts';
import type { Findings } from './finding.ts';
import { shown } from './finding.ts';
import { idField } from './identity.ts';
import { originShape, readOrigins } from './origin.ts';
import { REGION_CODES } from '../core/regions.ts';
import { readRegion } from './places.ts';
import { checkShape, checked, maybe, optional, readOnly, required, stored } from './shape.ts';
import { didYouMean } from '../core/suggest.ts';
import { momentField, readMoment } from './moment.ts';

export const ORIGIN_POLICIES = ['random', 'hash', 'least_outstanding_requests', 'least_connections'] as const;

const percent = z.number().min(0).max(100);
const notification = z.strictObject({
  disable: stored(z.boolean(), 'No mail.'),
  healthy: stored(z.boolean(), 'Mail on this change only.'),
});

export const poolShape = z
  .strictObject({
    id: idField,
    name: required(
      checked(z.string(), (name) => {
        if (name === '') return { kind: 'missing', message: 'name is required', hint: 'letters, digits, "-" and "_"' };
        if (/^[A-Za-z0-9_-]+$/.test(name)) return undefined;
        const better = name.trim().replace(/[^A-Za-z0-9_-]+/g, '-');
        return {
          kind: 'bad_format',
          message: `name ${shown(name)} may hold only letters, digits, "-" and "_"`,
          hint: `${shown(better)} would do`,
        };
      }),
      'Unique in the account.',
      'letters, digits, `-`, `_`',
      'stand-in',
    ),
    description: optional(z.string(), '', 'For people.'),
    enabled: optional(z.boolean(), true, 'Off: no traffic, no probes; balancers go to the next pool.'),
    disabled_at: momentField,
    minimum_origins: optional(
      z.int().min(0),
      1,
      'Healthy origins that the pool needs to be healthy itself; 0 is a value.',
    ),
    monitor: maybe(
      z.string(),
      'Id of the monitor that probes the origins. Empty or null: none, and health is not considered.',
      'default: none',
    ),
    monitor_group: maybe(
      z.string(),
      'Id of a monitor group instead of one monitor.',
      'default: none; not beside `monitor`',
    ),
    check_regions: required(
      z.array(z.string()).min(1).nullish(),
      'Regions that probe, `ALL_REGIONS`, or null = every data center.',
      'default: all 13 regions; null and left out differ',
    ),
    health_sources: maybe(
      z.array(z.enum(['regional', 'global'])),
      'Whose opinion a PoP follows: null = its own data center, then global; or its region, then global.',
      'null or exactly `[regional, global]`',
    ),
    origins: required(z.array(originShape), 'The servers.', 'at least 1; at most 1000 (our limit)'),
    origin_steering: maybe(
      z.strictObject({ policy: optional(z.enum(ORIGIN_POLICIES), 'random', 'How an origin of the pool is chosen.') }),
      'How an origin is chosen.',
      'default `{policy: random}`',
    ),
    load_shedding: maybe(
      z.strictObject({
        default_percent: optional(percent, 0, 'Share of requests without a session that skip this pool, in percent.'),
        default_policy: optional(
          z.enum(['random', 'hash']),
          'random',
          'By chance, or always the same client addresses.',
        ),
        session_percent: optional(percent, 0, 'Share of live sessions that skip this pool, in percent.'),
        session_policy: optional(z.literal('hash'), 'hash', 'Sessions are shed by address only.'),
      }),
      'Keeps a share of the traffic away from the pool; null removes it.',
      'default: none',
    ),
    latitude: maybe(z.number().min(-90).max(90), 'Decimal degrees, for proximity steering.', 'both or neither'),
    longitude: maybe(z.number().min(-180).max(180), 'Decimal degrees.', 'both or neither'),
    notification_email: stored(z.string(), 'Deprecated by the service; nobody is mailed.'),
    notification_filter: stored(
      z.strictObject({
        origin: stored(notification, 'Mails about origins.'),
        pool: stored(notification, 'Mails about the pool.'),
      }),
      'Which changes would be mailed.',
    ),
    networks: stored(z.array(z.string()), 'Networks that serve the pool.'),
    ...readOnly('created_on', 'modified_on', 'healthy', 'health', 'load_balancers', 'account_id'),
  })
  .meta({ title: 'Pool' });

export function readPool(
  value: unknown,
  path: Path,
  fallbackId: string,
  context: ParseContext,
  findings: Findings,
): Pool | undefined {
  const raw = checkShape(poolShape, value, path, findings);
  if (raw === undefined) return undefined;
  const at = (...rest: (string | number)[]): Path => [...path, ...rest];
  const origins = readOrigins(raw.origins, at('origins'), context, findings);

  const monitor = raw.monitor ? context.monitors.resolve(raw.monitor, at('monitor'), findings) : undefined;
  const monitorGroup = raw.monitor_group
    ? context.monitorGroups.resolve(raw.monitor_group, at('monitor_group'), findings)
    : undefined;
  if (raw.monitor && raw.monitor_group) {
    findings.error(
      'conflict',
      at('monitor_group'),
      'monitor_group may not stand beside monitor',
      'remove one of the two',
      'key',
    );
  }
  if ((raw.latitude === undefined) !== (raw.longitude === undefined)) {
    const [there, other] = raw.latitude === undefined ? ['longitude', 'latitude'] : ['latitude', 'longitude'];
    if (!findings.isMuted(at(other))) {
      findings.error('conflict', at(there), `${there} without ${other}`, `give both, or neither`, 'key');
    }
  }
  const checkRegions = readCheckRegions(raw.check_regions, at('check_regions'), findings);
  const sources = raw.health_sources;
  const regional =
    sources !== undefined && sources.length === 2 && sources[0] === 'regional' && sources[1] === 'global';
  if (sources !== undefined && !regional) {
    findings.error(
      'out_of_range',
      at('health_sources'),
      'health_sources must be null or exactly [regional, global]',
      'write [regional, global]',
    );
  }
  if (regional && checkRegions === null) {
    findings.error(
      'conflict',
      at('health_sources'),
      'health_sources "regional" needs at least one check region',
      'list check_regions, or set health_sources to null',
    );
  }
  const enabled = origins.filter((origin) => origin.enabled).length;
  if (raw.minimum_origins > enabled && raw.enabled && raw.origins.length > 0 && !findings.isTouched(at('origins'))) {
    findings.warn(
      at('minimum_origins'),
      `minimum_origins is ${raw.minimum_origins}, but only ${enabled} of ${origins.length} origins are enabled: the pool is always critical`,
      `${Math.max(enabled, 0)} is the most that can be met`,
    );
  }
  if (
    raw.enabled &&
    origins.length > 0 &&
    enabled > 0 &&
    origins.every((origin) => !origin.enabled || origin.weight === 0)
  ) {
    findings.warn(at('origins'), 'every enabled origin has weight 0: the pool can serve nothing');
  }
  const shedding = raw.load_shedding;
  const coordinates = raw.latitude !== undefined && raw.longitude !== undefined;
  return {
    id: (raw.id ?? fallbackId) as PoolId,
    name: raw.name,
    description: raw.description,
    enabled: raw.enabled,
    disabledAt: raw.enabled ? undefined : readMoment(raw.disabled_at),
    minimumOrigins: raw.minimum_origins,
    monitor,
    monitorGroup: monitor === undefined ? monitorGroup : undefined,
    checkRegions,
    healthSources: regional ? ['regional', 'global'] : null,
    origins,
    originSteering: raw.origin_steering?.policy ?? 'random',
    loadShedding:
      shedding === undefined
        ? undefined
        : {
            defaultPercent: shedding.default_percent,
            defaultPolicy: shedding.default_policy,
            sessionPercent: shedding.session_percent,
          },
    latitude: coordinates ? raw.latitude : undefined,
    longitude: coordinates ? raw.longitude : undefined,
  };
}

/** Left out: the dashboard's default, all regions (spec 1.2, RA). `null`: every data center (C20). */
function readCheckRegions(raw: string[] | null | undefined, path: Path, findings: Findings): Pool['checkRegions'] {
  if (raw === null) return null;
  if (raw === undefined) return REGION_CODES;
  const regions = new Set<Exclude<ReturnType<typeof readRegion>, undefined>>();
  for (const [index, text] of raw.entries()) {
    if (findings.isMuted([...path, index])) continue;
    const code = readRegion(text);
    if (text.toUpperCase() === 'ALL_REGIONS') for (const each of REGION_CODES) regions.add(each);
    else if (code !== undefined) regions.add(code);
    else {
      const hint =
        didYouMean(text, [...REGION_CODES, 'ALL_REGIONS']) || `one of ${REGION_CODES.join(', ')}, ALL_REGIONS`;
      findings.error('unknown_word', [...path, index], `${shown(text)} is not a region`, hint);
    }
  }
  return [...regions];
}
