/**
 * Host names and addresses as they may stand in a configuration. Says what is wrong in words; resolves nothing.
 */
import ipaddr from 'ipaddr.js';

/** RFC 1035 2.3.4. */
const MAX_HOST_NAME = 253;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

export function isIpv4(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text);
}

export function isIpv6(text: string): boolean {
  return text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text);
}

export function isAddress(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

/** One spelling for one address (RFC 5952), so that two spellings of it are found equal. Host names in lower case, no last dot. */
export function canonicalHost(text: string): string {
  if (isIpv6(text)) return ipaddr.IPv6.parse(text).toRFC5952String();
  return trimDot(text.toLowerCase());
}

/** Letters, digits, hyphen, underscore in labels; a single label such as `localhost` is one too. */
export function isHostName(text: string): boolean {
  const name = trimDot(text.toLowerCase());
  if (name === '' || name.length > MAX_HOST_NAME) return false;
  const labels = name.split('.');
  // A last label of digits only would be a broken IPv4 address (WHATWG URL, "ends in a number").
  return labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '');
}

/** What to do about a text that is neither an address nor a host name; empty when nothing better is known. */
export function hostHint(text: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return 'give the host alone, without the scheme and the path';
  if (/^[^:]+:\d+$/.test(text) || /^\[.*\]:\d+$/.test(text)) return 'give the port in "port"';
  if (/^\[.*\]$/.test(text)) return 'write an IPv6 address without brackets';
  if (/^\d+(\.\d+)*$/.test(text)) return 'an IPv4 address has four parts from 0 to 255';
  if (/[^\x20-\x7e]/.test(text)) return 'write an international name in its xn-- form';
  if (/\s/.test(text)) return 'remove the space';
  return '';
}

/** Is `name` the zone itself or below it? Both canonical. */
export function isWithin(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}

function trimDot(text: string): string {
  return text.endsWith('.') ? text.slice(0, -1) : text;
}
