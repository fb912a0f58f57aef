/**
 * Railgun links (research in spec/railgun.md 6): which listeners exist, and where lanes to them are opened. How a listener
 * itself is set up is `railgun.conf`'s (railgun-conf.ts).
 */
import * as z from 'zod';
import type { RailgunId } from '../core/ids.ts';
import type { Railgun } from '../core/model.ts';
import type { Path } from './document.ts';
import type { Findings } from './finding.ts';
import { shown } from './finding.ts';
import { canonicalHost, hostHint, isAddress, isHostName } from './host-names.ts';
import { idField } from './identity.ts';
import { checkShape, checked, optional, readOnly, required } from './shape.ts';

/** The documented port of the link (spec/railgun.md 2.1). */
const PORT = 2408;

export const railgunShape = z
  .strictObject({
    id: idField,
    name: required(z.string().min(1).max(160), 'For people; unique.'),
    enabled: optional(z.boolean(), true, 'Off: no balancer and no zone uses it.'),
    railgun_host: optional(
      checked(z.string(), (text) =>
        text === '' || isAddress(text) || isHostName(text)
          ? undefined
          : {
              kind: 'bad_format',
              message: `railgun_host ${shown(text)} is neither an IP address nor a host name`,
              hint: hostHint(text),
            },
      ),
      '',
      'Where lanes are opened: the listener, or the balancer in front of it, as `activation.railgun_host` of railgun.conf. Not needed to simulate.',
    ),
    port: optional(z.int().min(1).max(65_535), PORT, 'Port of the link.'),
    activation_key: optional(
      z.string().max(128),
      '',
      'Shared with the listener, as `activation.token` of railgun.conf.',
    ),
    ...readOnly(
      'status',
      'zones_connected',
      'connected',
      'build',
      'version',
      'revision',
      'activated_on',
      'created_on',
      'modified_on',
      'upgrade_info',
    ),
  })
  .meta({ title: 'Railgun' });

export function readRailgun(value: unknown, path: Path, fallbackId: string, findings: Findings): Railgun | undefined {
  const raw = checkShape(railgunShape, value, path, findings);
  if (raw === undefined) return undefined;
  return {
    id: (raw.id ?? fallbackId) as RailgunId,
    name: raw.name,
    enabled: raw.enabled,
    host: raw.railgun_host === '' ? '' : canonicalHost(raw.railgun_host),
    port: raw.port,
    activationKey: raw.activation_key,
  };
}
