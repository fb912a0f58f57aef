/**
 * Railguns as the API shows them (spec 6.1), and which zones use which. One Railgun per domain (RG-088): a zone names it, and a
 * balancer of the zone may name another or, with an empty text, none.
 */
import type { Plain } from './ports.ts';
import { balancersIn, findIn, idOf, listOf, text } from './written.ts';

/** `initializing` until a listener has been activated, or until the configuration itself says where the listener is. */
export type RailgunStatus = 'initializing' | 'active' | 'inactive';

export function railgunObject(written: Plain, railgun: Plain, version: string): Plain {
  const built = text(railgun, 'version');
  const zones = zonesUsing(written, idOf(railgun));
  return {
    id: idOf(railgun),
    name: text(railgun, 'name'),
    status: statusOf(railgun),
    enabled: railgun['enabled'] !== false,
    zones_connected: zones.length,
    build: text(railgun, 'build'),
    version: built,
    revision: text(railgun, 'revision'),
    activation_key: text(railgun, 'activation_key'),
    activated_on: momentOf(railgun, 'activated_on'),
    created_on: momentOf(railgun, 'created_on'),
    modified_on: momentOf(railgun, 'modified_on'),
    upgrade_info: built === '' || built === version ? null : { latest_version: version, download_link: '' },
  };
}

export function zoneRailgunObject(written: Plain, railgun: Plain, zone: Plain): Plain {
  const id = idOf(railgun);
  return {
    id,
    name: text(railgun, 'name'),
    enabled: railgun['enabled'] !== false,
    connected: isUsedBy(written, id, zone),
  };
}

/** What the API shows of a zone beside a Railgun: enough to know which it is. */
export function zoneObject(zone: Plain): Plain {
  return { id: idOf(zone), name: text(zone, 'name'), type: 'full', status: 'active' };
}

export function zonesUsing(written: Plain, id: string): readonly Plain[] {
  return listOf(written, 'zones').filter((zone) => isUsedBy(written, id, zone));
}

export function isUsedBy(written: Plain, id: string, zone: Plain): boolean {
  return names(written, zone, id) || balancersIn(written, zone).some((balancer) => names(written, balancer, id));
}

/** A file may write the Railgun's name instead of its id. */
export function names(written: Plain, object: Plain, id: string): boolean {
  const link = text(object, 'railgun');
  if (link === '') return false;
  const found = findIn(listOf(written, 'railguns'), link);
  return found !== undefined && idOf(found) === id;
}

function statusOf(railgun: Plain): RailgunStatus {
  const status = text(railgun, 'status');
  if (status === 'initializing' || status === 'active' || status === 'inactive') return status;
  return text(railgun, 'railgun_host') === '' ? 'initializing' : 'active';
}

function momentOf(railgun: Plain, key: string): string | null {
  return text(railgun, key) || null;
}
