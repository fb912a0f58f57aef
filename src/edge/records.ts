/**
 * Who owns a host name: a load balancer, the zone's own records, or nobody (spec 2.1 step 1, spec 4 L1 to L4, spec 4.1).
 *
 * An exact name beats a wildcard; at equal exactness an enabled balancer beats A, AAAA and CNAME, and nothing else. A disabled
 * balancer is as good as deleted. Wildcards follow RFC 4592: `*.example.com` answers for `a.example.com` and `a.b.example.com`,
 * but for nothing at or below a name that exists with records or a balancer of its own.
 *
 * Knows names only. What is answered is `dns-answer.ts`; the HTTP edge asks `findName` for the Host of a request.
 */
import type { DnsRecord, Model, SoaRecord, Zone } from '../core/model.ts';

/** What stands at one name, `*.` names included. */
export interface NameOwner {
  readonly name: string;
  /** Index in `Model.loadBalancers`; -1 = no enabled balancer. */
  readonly balancer: number;
  /** The zone's records of this name, in their order, also those that the balancer supersedes. */
  readonly records: readonly DnsRecord[];
}

export type FoundName =
  /** No zone of ours holds the name. */
  | { readonly kind: 'foreign' }
  /** Ours, and no such name. */
  | { readonly kind: 'absent'; readonly zone: Zone }
  /** `owner` may be empty: the apex, or a name that only has names below it. */
  | { readonly kind: 'found'; readonly zone: Zone; readonly owner: NameOwner; readonly wildcard: boolean };

export interface NameIndex {
  readonly model: Model;
  /** By name. */
  readonly zones: ReadonlyMap<string, Zone>;
  readonly owners: ReadonlyMap<string, NameOwner>;
  /** Every name that exists: owners, zones, and the names on the way between. */
  readonly existing: ReadonlySet<string>;
}

/** Build once per configuration. */
export function indexNames(model: Model): NameIndex {
  const zones = new Map(model.zones.map((zone) => [zone.name, zone]));
  const owners = new Map<string, { name: string; balancer: number; records: DnsRecord[] }>();
  const at = (name: string): { balancer: number; records: DnsRecord[] } => {
    let owner = owners.get(name);
    if (owner === undefined) {
      owner = { name, balancer: -1, records: [] };
      owners.set(name, owner);
    }
    return owner;
  };
  for (const zone of model.zones) for (const record of zone.records) at(record.name).records.push(record);
  model.loadBalancers.forEach((balancer, index) => {
    if (zoneOf(balancer.name, zones) === undefined) {
      const zone = impliedZone(balancer.name, balancer.alwaysUseHttps);
      zones.set(zone.name, zone);
    }
    if (balancer.enabled && at(balancer.name).balancer === -1) at(balancer.name).balancer = index;
  });
  const existing = new Set(zones.keys());
  for (const name of owners.keys()) {
    const apex = zoneOf(name, zones)?.name;
    for (let above: string | undefined = name; above !== undefined && above !== apex; above = parent(above)) {
      existing.add(above);
    }
  }
  return { model, zones, owners, existing };
}

/** @param name Lower case, without a trailing dot. */
export function findName(index: NameIndex, name: string): FoundName {
  const zone = zoneOf(name, index.zones);
  if (zone === undefined) return { kind: 'foreign' };
  const owner = index.owners.get(name);
  if (owner !== undefined) return { kind: 'found', zone, owner, wildcard: false };
  if (index.existing.has(name)) {
    return { kind: 'found', zone, owner: { name, balancer: -1, records: [] }, wildcard: false };
  }
  // The closest name above that exists; the apex always does.
  let encloser = parent(name);
  while (encloser !== undefined && !index.existing.has(encloser)) encloser = parent(encloser);
  const wildcard = index.owners.get(`*.${encloser}`);
  return wildcard === undefined ? { kind: 'absent', zone } : { kind: 'found', zone, owner: wildcard, wildcard: true };
}

/** The zone with the longest name that holds `name`. */
function zoneOf(name: string, zones: ReadonlyMap<string, Zone>): Zone | undefined {
  for (let above: string | undefined = name; above !== undefined; above = parent(above)) {
    const zone = zones.get(above);
    if (zone !== undefined) return zone;
  }
  return undefined;
}

function parent(name: string): string | undefined {
  const dot = name.indexOf('.');
  return dot === -1 ? undefined : name.slice(dot + 1);
}

/**
 * A configuration may leave its zones out. The balancer then stands in one named by the last two labels of its name.
 * Assumption: good enough for a lab; whoever owns `shop.example.co.uk` writes the zone down.
 */
function impliedZone(balancer: string, alwaysUseHttps: boolean): Zone {
  const name = balancer.split('.').slice(-2).join('.');
  return { name, alwaysUseHttps, soa: impliedSoa(name), records: [] };
}

/** The defaults of `config/zone.ts`. */
function impliedSoa(zone: string): SoaRecord {
  return {
    mname: `ns1.${zone}`,
    rname: `dns.${zone}`,
    serial: 1,
    refresh: 10_000,
    retry: 2_400,
    expire: 604_800,
    minimum: 1_800,
  };
}
