/**
 * Networks and ranges of addresses: is a text a CIDR, and which CIDRs make up a range. IPv6 counts in BigInt.
 */
import ipaddr from 'ipaddr.js';
import { isIpv4, isIpv6 } from './host-names.ts';

export function isCidr(text: string): boolean {
  const match = /^(.+)\/(\d{1,3})$/.exec(text);
  if (match?.[1] === undefined) return false;
  const bits = Number(match[2]);
  return (isIpv4(match[1]) && bits <= 32) || (isIpv6(match[1]) && bits <= 128);
}

/** The fewest CIDRs that hold exactly `from` to `to`; `undefined` unless both are of one family and in order. */
export function addressRange(from: string, to: string): string[] | undefined {
  const isV4 = isIpv4(from) && isIpv4(to);
  if (!isV4 && !(isIpv6(from) && isIpv6(to))) return undefined;
  const width = isV4 ? 32 : 128;
  let first = toBits(from);
  const last = toBits(to);
  if (first > last) return undefined;
  const cidrs: string[] = [];
  while (first <= last) {
    let size = 0;
    // The largest block that begins here and does not pass the end.
    while (
      size < width &&
      (first & ((1n << BigInt(size + 1)) - 1n)) === 0n &&
      first + (1n << BigInt(size + 1)) - 1n <= last
    )
      size += 1;
    cidrs.push(`${fromBits(first, width)}/${width - size}`);
    first += 1n << BigInt(size);
  }
  return cidrs;
}

function toBits(text: string): bigint {
  return ipaddr
    .parse(text)
    .toByteArray()
    .reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function fromBits(bits: bigint, width: number): string {
  const bytes = Array.from({ length: width / 8 }, (_, index) => Number((bits >> BigInt(width - 8 - index * 8)) & 255n));
  return ipaddr.fromByteArray(bytes).toString();
}
