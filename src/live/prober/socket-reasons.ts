/**
 * From the words of Node and OpenSSL to the public list of failure reasons (spec 3.1). By code only, never by message.
 */
import type { ProbeReason } from '../../core/probe.ts';

type Failure = Exclude<ProbeReason, 'no_failures'>;

const CODES: ReadonlyMap<string, Failure> = new Map([
  ['ECONNREFUSED', 'tcp_connection_failed'],
  ['ECONNRESET', 'connection_reset'],
  ['EPIPE', 'connection_reset'],
  ['ECONNABORTED', 'connection_reset'],
  ['ETIMEDOUT', 'tcp_timeout'],
  ['EHOSTUNREACH', 'no_route_to_host'],
  ['EHOSTDOWN', 'no_route_to_host'],
  ['ENETUNREACH', 'network_unreachable'],
  ['ENETDOWN', 'network_unreachable'],
  ['EADDRNOTAVAIL', 'network_unreachable'],
  ['ENOTFOUND', 'dns_unknown_host'],
  ['ENODATA', 'dns_unknown_host'],
  ['EAI_AGAIN', 'dns_unknown_host'],
  ['EAI_NODATA', 'dns_unknown_host'],
  ['EAI_NONAME', 'dns_unknown_host'],
  ['EAI_FAIL', 'dns_unknown_host'],
  // Ours: the monitor asks for what cannot be sent.
  ['ERR_INVALID_CHAR', 'monitor_config_error'],
  ['ERR_INVALID_HTTP_TOKEN', 'monitor_config_error'],
  ['ERR_UNESCAPED_CHARACTERS', 'monitor_config_error'],
  ['ERR_HTTP_INVALID_HEADER_VALUE', 'monitor_config_error'],
  ['ERR_SOCKET_BAD_PORT', 'monitor_config_error'],
  ['ERR_INVALID_ARG_VALUE', 'monitor_config_error'],
  // Certificates: the name first, for it is the likelier mistake.
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_name_mismatch'],
  ['ERR_TLS_CERT_ALTNAME_FORMAT', 'tls_name_mismatch'],
  ['HOSTNAME_MISMATCH', 'tls_name_mismatch'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'tls_untrusted_certificate'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tls_untrusted_certificate'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls_untrusted_certificate'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls_untrusted_certificate'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'tls_untrusted_certificate'],
  ['CERT_SIGNATURE_FAILURE', 'tls_untrusted_certificate'],
  ['CERT_NOT_YET_VALID', 'tls_untrusted_certificate'],
  ['CERT_HAS_EXPIRED', 'tls_untrusted_certificate'],
  ['CERT_CHAIN_TOO_LONG', 'tls_untrusted_certificate'],
  ['CERT_REVOKED', 'tls_untrusted_certificate'],
  ['CERT_UNTRUSTED', 'tls_untrusted_certificate'],
  ['CERT_REJECTED', 'tls_untrusted_certificate'],
  ['INVALID_CA', 'tls_untrusted_certificate'],
  ['INVALID_PURPOSE', 'tls_untrusted_certificate'],
  ['PATH_LENGTH_EXCEEDED', 'tls_untrusted_certificate'],
  ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'tls_unrecognized_name'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls_protocol_error'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'tls_protocol_error'],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'tls_protocol_error'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'tls_protocol_error'],
  ['ERR_SSL_HTTP_REQUEST', 'tls_protocol_error'],
  ['ERR_SSL_UNEXPECTED_MESSAGE', 'tls_protocol_error'],
  ['ERR_SSL_INVALID_ALERT', 'tls_protocol_error'],
]);

/** What an error of a socket, of TLS or of Node's HTTP parser is called. */
export function reasonOf(error: unknown): Failure {
  const code = codeOf(error);
  const known = CODES.get(code);
  if (known !== undefined) return known;
  if (code.startsWith('HPE_')) return 'http_invalid_response';
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO') return 'tls_handshake_failure';
  return 'other_failure';
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
