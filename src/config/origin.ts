/**
 * Origins of one pool (spec 1.3): address, weight, port, Host override.
 */
import * as z from 'zod';
import type { Origin } from '../core/model.ts';
import type { ParseContext } from './context.ts';
import type { Path } from './document.ts';
import type { Findings } from './finding.ts';
import { shown } from './finding.ts';
import { canonicalHost, hostHint, isAddress, isHostName, isWithin } from './host-names.ts';
import { momentField, readMoment } from './moment.ts';
import { checked, maybe, optional, readOnly, required } from './shape.ts';

const UUID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;

export const originShape = z
  .strictObject({
    name: optional(z.string(), '', 'Unique in the pool.', 'default: the address'),
    address: required(
      checked(z.string(), (text) => {
        if (text === '')
          return { kind: 'missing', message: 'address is required', hint: 'an IPv4 or IPv6 address, or a host name' };
        if (isAddress(text) || isHostName(text)) return undefined;
        return {
          kind: 'bad_format',
          message: `address ${shown(text)} is neither an IP address nor a host name`,
          hint: hostHint(text),
        };
      }),
      'IPv4, IPv6 or host name, without a port. Unique in the pool.',
      '',
      'stand-in.invalid',
    ),
    enabled: optional(z.boolean(), true, 'Off: no traffic in this pool, no probes; sessions may drain.'),
    disabled_at: momentField,
    weight: optional(
      checked(z.number().min(0).max(1), (weight) =>
        Math.abs(weight * 100 - Math.round(weight * 100)) > 1e-9
          ? {
              kind: 'out_of_range',
              message: 'weight must be a multiple of 0.01',
              hint: `${Math.round(weight * 100) / 100} would be one`,
            }
          : undefined,
      ),
      1,
      'Share of the traffic of the pool, beside the other weights. 0: no traffic, still probed.',
      'steps of 0.01',
    ),
    port: optional(z.int().min(0).max(65535), 0, 'Port to connect to; 0 = 80 or 443.'),
    header: maybe(
      z.record(z.string(), z.array(z.string())),
      'Host override: `{Host: [www.example.com]}`, nothing else.',
      'one `Host`, one value',
    ),
    virtual_network_id: maybe(
      checked(z.string(), (text) =>
        text === '' || UUID.test(text)
          ? undefined
          : { kind: 'bad_format', message: 'virtual_network_id is not a UUID' },
      ),
      'Network in which a private address is meant.',
      'UUID',
      'stored',
    ),
    flatten_cname: optional(
      z.boolean(),
      true,
      'DNS-only, host name address, not at the apex: false answers with the CNAME.',
    ),
    ...readOnly('healthy', 'failure_reason', 'ip'),
  })
  .meta({ title: 'Origin' });

type RawOrigin = z.output<typeof originShape>;

export function readOrigins(
  raw: readonly RawOrigin[],
  path: Path,
  context: ParseContext,
  findings: Findings,
): Origin[] {
  const most = context.limits.originsPerPool;
  if (!findings.isMuted(path) && (raw.length === 0 || raw.length > most)) {
    findings.error(
      'out_of_range',
      path,
      `the origin list length must be in range [1, ${most}]`,
      raw.length === 0 ? 'add an origin' : `it is ${raw.length}`,
    );
  }
  const names = new Map<string, number>();
  const addresses = new Map<string, number>();
  const origins: Origin[] = [];
  for (const [index, one] of raw.entries()) {
    const here: Path = [...path, index];
    if (findings.isMuted(here)) continue;
    const address = canonicalHost(one.address);
    const name = one.name === '' ? one.address : one.name;
    const unusable = findings.isMuted([...here, 'address']);
    unique(addresses, address, index, [...here, 'address'], 'address', one.address, findings);
    if (one.name !== '') unique(names, name, index, [...here, 'name'], 'name', name, findings);
    const hostHeader = readHostHeader(one.header, address, [...here, 'header'], context, findings);
    if (one.enabled && one.disabled_at !== undefined) {
      findings.warn([...here, 'disabled_at'], 'disabled_at is ignored while the origin is enabled', '', 'key');
    }
    // Only under the lenient profile does anyone look at the result of a pool with such a fault: there the origin is left out.
    if (unusable) continue;
    origins.push({
      name,
      address,
      enabled: one.enabled,
      disabledAt: one.enabled ? undefined : readMoment(one.disabled_at),
      weight: Math.round(one.weight * 100),
      port: one.port,
      hostHeader,
      virtualNetworkId: one.virtual_network_id || undefined,
      flattenCname: one.flatten_cname,
    });
  }
  return origins;
}

function unique(
  seen: Map<string, number>,
  value: string,
  index: number,
  path: Path,
  field: string,
  asWritten: string,
  findings: Findings,
): void {
  const first = seen.get(value);
  if (first === undefined) seen.set(value, index);
  else {
    const hint =
      field === 'address'
        ? 'an address may stand once in a pool; use "weight" for a larger share'
        : 'give each origin its own name';
    findings.error(
      'not_unique',
      path,
      `value not unique: ${field} ${shown(asWritten)} is also that of origins[${first}]`,
      hint,
    );
  }
}

/** LB-032, LB-033. */
function readHostHeader(
  header: Record<string, string[]> | undefined,
  address: string,
  path: Path,
  context: ParseContext,
  findings: Findings,
): string | undefined {
  let host: string | undefined;
  for (const [name, values] of Object.entries(header ?? {})) {
    const here = [...path, name];
    if (findings.isMuted(here)) continue;
    if (name.toLowerCase() !== 'host') {
      findings.error('conflict', here, `only the header Host can be set, not ${shown(name)}`, 'remove it', 'key');
      continue;
    }
    const [value, ...more] = values;
    if (value === undefined) continue;
    if (more.length > 0) findings.error('conflict', here, 'header Host takes one value', `keep ${shown(value)} alone`);
    const bare = canonicalHost(value.replace(/:\d+$/, ''));
    if (!isHostName(bare) && !isAddress(bare)) {
      findings.error('bad_format', here, `header Host ${shown(value)} is not a host name`, hostHint(value));
      continue;
    }
    const inside =
      context.zones.length === 0 || bare === address || context.zones.some((zone) => isWithin(bare, zone.name));
    if (!inside) {
      findings.error(
        'unknown_reference',
        here,
        `Host header "${value}" not allowed for origin domain "${address}"`,
        `it must equal the address or lie in one of the zones ${context.zones.map((zone) => zone.name).join(', ')}`,
      );
    }
    host = value;
  }
  return host;
}
