/**
 * Monitor groups (spec 1.4, 3.2): several monitors that vote on one origin.
 */
import * as z from 'zod';
import type { MonitorGroup } from '../core/model.ts';
import type { ParseContext } from './context.ts';
import type { Path } from './document.ts';
import type { Findings } from './finding.ts';
import { shown } from './finding.ts';
import { idField } from './identity.ts';
import { checkShape, optional, readOnly, required } from './shape.ts';

export const monitorGroupShape = z
  .strictObject({
    id: idField,
    description: optional(z.string(), '', 'For people.'),
    members: optional(
      z.array(
        z.strictObject({
          monitor_id: required(z.string(), 'Id of a monitor.'),
          enabled: optional(z.boolean(), true, 'Whether this monitor takes part.'),
          monitoring_only: optional(z.boolean(), false, 'Probe and report, without a vote.'),
          must_be_healthy: optional(
            z.boolean(),
            false,
            'When it fails, the origin is unhealthy whatever the others say.',
          ),
          ...readOnly('created_at', 'updated_at'),
        }),
      ),
      [],
      'Monitors whose votes decide together.',
    ),
    ...readOnly('created_at', 'updated_at', 'created_on', 'modified_on'),
  })
  .meta({ title: 'Monitor group' });

export function readMonitorGroup(
  value: unknown,
  path: Path,
  fallbackId: string,
  context: ParseContext,
  findings: Findings,
): MonitorGroup | undefined {
  const raw = checkShape(monitorGroupShape, value, path, findings);
  if (raw === undefined) return undefined;
  const seen = new Set<string>();
  const members = raw.members.flatMap((member, index) => {
    const here = [...path, 'members', index, 'monitor_id'];
    if (findings.isMuted(here)) return [];
    const monitor = context.monitors.resolve(member.monitor_id, here, findings);
    if (monitor === undefined) return [];
    if (seen.has(monitor)) {
      findings.error(
        'not_unique',
        here,
        `value not unique: monitor ${shown(member.monitor_id)} is in this group twice`,
      );
      return [];
    }
    seen.add(monitor);
    return [
      {
        monitor,
        enabled: member.enabled,
        monitoringOnly: member.monitoring_only,
        mustBeHealthy: member.must_be_healthy,
      },
    ];
  });
  if (
    members.length > 0 &&
    !members.some((member) => member.enabled && (!member.monitoringOnly || member.mustBeHealthy))
  ) {
    findings.warn([...path, 'members'], 'no member of this group has a vote, so its origins are never found unhealthy');
  }
  return { id: raw.id ?? fallbackId, description: raw.description, members };
}
