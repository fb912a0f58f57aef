/**
 * What can be said of an address by its text alone: is it one, which text names it uniquely, and does its range mean that
 * no GeoIP file can place it (private, loopback, documentation and the like; RFC 6890, RFC 5737, RFC 3849).
 */
import ipaddr from 'ipaddr.js';

export type AddressRange = 'public' | 'private' | 'loopback' | 'documentation' | 'reserved';

export interface KnownAddress {
  /** The one text of this address: RFC 5952 for IPv6, and IPv4 for `::ffff:192.0.2.1`. */
  readonly text: string;
  readonly range: AddressRange;
  readonly parsed: ipaddr.IPv4 | ipaddr.IPv6;
}

/** Networks for books and examples. 2001:db8::/32 and 3fff::/20 (RFC 9637) for IPv6. */
const DOCUMENTATION = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32', '3fff::/20'].map(
  (network) => ipaddr.parseCIDR(network),
);

/** `undefined` = not an address: a host name, or nonsense. Brackets and an IPv6 zone (`fe80::1%eth0`) are taken off. */
export function parseAddress(text: string): KnownAddress | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  const zone = bare.indexOf('%');
  const address = zone === -1 ? bare : bare.slice(0, zone);
  // Only the forms that are written in logs: ipaddr.js would also read `0x7f.1` and plain numbers.
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !(address.includes(':') && ipaddr.IPv6.isValid(address))) {
    return undefined;
  }
  const parsed = ipaddr.process(address);
  return { text: parsed.toString(), range: rangeOf(parsed), parsed };
}

/** `10.0.0.0/8`, `2001:db8::/32` or a single address; `undefined` when it is none. */
export function parseNetwork(text: string): readonly [ipaddr.IPv4 | ipaddr.IPv6, number] | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash))?.parsed;
  if (address === undefined) return undefined;
  const longest = address.kind() === 'ipv4' ? 32 : 128;
  if (slash === -1) return [address, longest];
  const digits = text.slice(slash + 1);
  const length = /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN;
  return length <= longest ? [address, length] : undefined;
}

export function inNetwork(
  address: ipaddr.IPv4 | ipaddr.IPv6,
  [network, length]: readonly [ipaddr.IPv4 | ipaddr.IPv6, number],
): boolean {
  return address.kind() === network.kind() && address.match(network, length);
}

function rangeOf(address: ipaddr.IPv4 | ipaddr.IPv6): AddressRange {
  if (DOCUMENTATION.some((network) => inNetwork(address, network))) return 'documentation';
  switch (address.range()) {
    case 'private':
    case 'uniqueLocal':
    case 'carrierGradeNat':
    case 'linkLocal':
      return 'private';
    case 'loopback':
      return 'loopback';
    // These carry an IPv4 address or belong to a real network: files list them.
    case 'unicast':
    case '6to4':
    case 'teredo':
    case 'rfc6052':
    case 'as112':
    case 'as112v6':
    case 'amt':
      return 'public';
    default:
      return 'reserved';
  }
}
