/**
 * Why a probe failed, in words. The texts are those of the public troubleshooting page (spec 3.1, LB-126 ff.); codes are ours and
 * stable, and everything in the house matches by code. Two more are ours because the page has none for ICMP.
 */
import type { ProbeReason } from '../core/probe.ts';

/** Order is part of the contract: the place of a reason here is its number in typed arrays and in snapshots. */
export const REASONS: readonly ProbeReason[] = [
  'no_failures',
  'tcp_connection_failed',
  'http_timeout',
  'response_code_mismatch',
  'response_body_mismatch',
  'tls_untrusted_certificate',
  'tls_name_mismatch',
  'tls_protocol_error',
  'tls_unrecognized_name',
  'no_route_to_host',
  'tcp_timeout',
  'tls_handshake_failure',
  'network_unreachable',
  'http_invalid_response',
  'dns_unknown_host',
  'connection_reset',
  'monitor_config_error',
  'dns_internal',
  'other_failure',
  'icmp_timeout',
  'icmp_port_unreachable',
];

const TEXTS: Readonly<Record<ProbeReason, string>> = {
  no_failures: 'No failures',
  tcp_connection_failed: 'TCP connection failed',
  http_timeout: 'HTTP timeout occurred',
  response_code_mismatch: 'Response code mismatch error',
  response_body_mismatch: 'Response body mismatch error',
  tls_untrusted_certificate: 'TLS untrusted certificate error',
  tls_name_mismatch: 'TLS name mismatch error',
  tls_protocol_error: 'TLS protocol error',
  tls_unrecognized_name: 'TLS unrecognized name error',
  no_route_to_host: 'No route to host error',
  tcp_timeout: 'TCP Timeout',
  tls_handshake_failure: 'TLS handshake failure',
  network_unreachable: 'Network Unreachable',
  http_invalid_response: 'HTTP Invalid Response',
  dns_unknown_host: 'DNS unknown host',
  connection_reset: 'Connection reset by peer',
  monitor_config_error: 'Monitor config error',
  dns_internal: 'DNS internal',
  other_failure: 'Other failure',
  icmp_timeout: 'ICMP timeout occurred',
  icmp_port_unreachable: 'ICMP port unreachable',
};

const NUMBERS: ReadonlyMap<ProbeReason, number> = new Map(REASONS.map((reason, number) => [reason, number]));

export function reasonText(reason: ProbeReason): string {
  return TEXTS[reason];
}

export function reasonNumber(reason: ProbeReason): number {
  return NUMBERS.get(reason) ?? 0;
}

/** Only a time-out is tried again at once (LB-128, LB-129, C13). */
export function isTimeout(reason: ProbeReason): boolean {
  return reason === 'http_timeout' || reason === 'tcp_timeout' || reason === 'icmp_timeout';
}
