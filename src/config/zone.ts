/**
 * Zones: the domain around a balancer. Its records answer when the balancer does not (spec 4.1), its SOA when nothing may serve,
 * and its Always Use HTTPS decides `Auto` cookie attributes. Field names follow the DNS record and SOA objects of the public API.
 */
import * as z from 'zod';
import type { DnsRecord, Zone } from '../core/model.ts';
import type { ParseContext } from './context.ts';
import type { Path } from './document.ts';
import type { Findings } from './finding.ts';
import { shown } from './finding.ts';
import { canonicalHost, hostHint, isHostName, isIpv4, isIpv6, isWithin } from './host-names.ts';
import { idField } from './identity.ts';
import { checkShape, checked, maybe, optional, readOnly, required, stored } from './shape.ts';

const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'TXT', 'NS', 'CAA', 'SRV'] as const;
/** The API's "automatic" TTL is 1, and means this many seconds (spec 4.2). */
const AUTOMATIC_TTL_SECONDS = 300;
const seconds = z.int().min(0).max(2_147_483_647);

export const recordShape = z
  .strictObject({
    name: required(z.string().min(1), 'Full name, `@` for the zone itself, or one label below it.'),
    type: required(z.enum(RECORD_TYPES), 'Type of the record.'),
    content: required(z.string().min(1), 'Address, target or text.'),
    ttl: optional(
      checked(z.int(), (ttl) =>
        ttl === 1 || (ttl >= 30 && ttl <= 86_400)
          ? undefined
          : { kind: 'out_of_range', message: 'ttl is not 1 (automatic) or in range [30, 86400]', hint: `it is ${ttl}` },
      ),
      1,
      'Seconds; 1 = automatic, 300 s.',
      '1, or 30 to 86400',
    ),
    proxied: optional(z.boolean(), false, 'Answered with the edge’s own addresses.'),
    priority: optional(z.int().min(0).max(65_535), 10, 'Of MX and SRV.'),
    comment: stored(z.string(), 'For people.'),
    tags: stored(z.array(z.string()), 'For people.'),
    ...readOnly(
      'id',
      'zone_id',
      'zone_name',
      'created_on',
      'modified_on',
      'proxiable',
      'locked',
      'meta',
      'data',
      'settings',
      'comment_modified_on',
      'tags_modified_on',
    ),
  })
  .meta({ title: 'DNS record' });

export const zoneShape = z
  .strictObject({
    id: idField,
    name: required(
      checked(z.string(), (name) =>
        isHostName(name) && canonicalHost(name).includes('.')
          ? undefined
          : {
              kind: 'bad_format',
              message: `invalid hostname: ${name.slice(0, 80)}`,
              hint: hostHint(name) || 'a domain such as example.com',
            },
      ),
      'The domain.',
      'unique',
      'stand-in.invalid',
    ),
    always_use_https: optional(
      z.union([z.boolean(), z.enum(['on', 'off'])]),
      false,
      'The zone setting of that name: decides `Auto` cookie attributes, and `serve` redirects clear text when it has HTTPS.',
      'true, false, on or off',
    ),
    railgun: maybe(
      z.string(),
      'Id or name of the Railgun that is connected to the zone; one per domain.',
      'default: none',
    ),
    soa: maybe(
      z.strictObject({
        mname: maybe(z.string(), 'Primary name server.', 'default `ns1.` + zone'),
        rname: maybe(z.string(), 'Mailbox of the administrator, as a name.', 'default `dns.` + zone'),
        serial: optional(z.int().min(0).max(4_294_967_295), 1, 'Version of the zone.'),
        refresh: optional(seconds, 10_000, 'Seconds.'),
        retry: optional(seconds, 2_400, 'Seconds.'),
        expire: optional(seconds, 604_800, 'Seconds.'),
        min_ttl: optional(seconds, 1_800, 'Seconds for which "no such name" may be kept.'),
        ...readOnly('ttl'),
      }),
      'The record that is served when nothing else may be (spec 4.3).',
    ),
    records: maybe(z.array(recordShape), 'Records beside the balancers.', 'default: none'),
    ...readOnly(
      'status',
      'paused',
      'type',
      'account',
      'owner',
      'plan',
      'name_servers',
      'created_on',
      'modified_on',
      'activated_on',
    ),
  })
  .meta({ title: 'Zone' });

/** The model's zone, and the railgun that it names (as text: the links are read later). */
export interface ReadZone {
  readonly zone: Zone;
  readonly railgun: string | undefined;
}

export function readZone(value: unknown, path: Path, _context: ParseContext, findings: Findings): ReadZone | undefined {
  const raw = checkShape(zoneShape, value, path, findings);
  if (raw === undefined) return undefined;
  const name = canonicalHost(raw.name);
  const soa = raw.soa;
  for (const field of ['mname', 'rname'] as const) {
    const text = soa?.[field];
    if (text !== undefined && !isHostName(text)) {
      findings.error(
        'bad_format',
        [...path, 'soa', field],
        `${field} ${shown(text)} is not a host name`,
        field === 'rname' ? 'write admin.example.com for admin@example.com' : '',
      );
    }
  }
  return {
    railgun: raw.railgun === '' ? undefined : raw.railgun,
    zone: {
      name,
      alwaysUseHttps: raw.always_use_https === true || raw.always_use_https === 'on',
      soa: {
        mname: canonicalHost(soa?.mname ?? `ns1.${name}`),
        rname: canonicalHost(soa?.rname ?? `dns.${name}`),
        serial: soa?.serial ?? 1,
        refresh: soa?.refresh ?? 10_000,
        retry: soa?.retry ?? 2_400,
        expire: soa?.expire ?? 604_800,
        minimum: soa?.min_ttl ?? 1_800,
      },
      records: (raw.records ?? []).flatMap((record, index) => {
        const here = [...path, 'records', index];
        return findings.isMuted(here) ? [] : [readRecord(record, name, here, findings)];
      }),
    },
  };
}

function readRecord(raw: z.output<typeof recordShape>, zone: string, path: Path, findings: Findings): DnsRecord {
  return {
    name: readName(raw.name, zone, [...path, 'name'], findings),
    type: raw.type,
    content: findings.isMuted([...path, 'type'])
      ? raw.content
      : readContent(raw.type, raw.content, [...path, 'content'], findings),
    ttlSeconds: raw.ttl === 1 ? AUTOMATIC_TTL_SECONDS : raw.ttl,
    proxied: raw.proxied,
    priority: raw.priority,
  };
}

function readName(text: string, zone: string, path: Path, findings: Findings): string {
  if (text === '@') return zone;
  const name = canonicalHost(text);
  const bare = name.startsWith('*.') ? name.slice(2) : name === '*' ? zone : name;
  if (!isHostName(bare)) findings.error('bad_format', path, `invalid hostname: ${text.slice(0, 80)}`, hostHint(text));
  else if (name === '*' || !bare.includes('.')) return `${name}.${zone}`;
  else if (!isWithin(bare, zone))
    findings.error(
      'unknown_reference',
      path,
      `name ${shown(text)} is outside the zone ${zone}`,
      'move it, or write one label',
    );
  return name;
}

function readContent(type: DnsRecord['type'], text: string, path: Path, findings: Findings): string {
  const fits = {
    A: isIpv4,
    AAAA: isIpv6,
    CNAME: isHostName,
    MX: isHostName,
    NS: isHostName,
    TXT: always,
    CAA: always,
    SRV: always,
  }[type];
  if (!fits(text)) {
    const wants = { A: 'an IPv4 address', AAAA: 'an IPv6 address' }[type as 'A'] ?? 'a host name';
    const other =
      type === 'A' && isIpv6(text) ? 'use type AAAA' : type === 'AAAA' && isIpv4(text) ? 'use type A' : hostHint(text);
    findings.error('bad_format', path, `content ${shown(text)} is not ${wants}`, other);
  }
  return type === 'TXT' || type === 'CAA' || type === 'SRV' ? text : canonicalHost(text);
}

function always(): boolean {
  return true;
}
