/**
 * What can be wrong with a message, one code each, and the status a server answers with. The codes are stable: they
 * appear in logs and in tests. Our policy is to refuse whatever two parsers might read in two ways.
 */
export type MessageFault =
  | 'bad_start_line'
  | 'bad_method'
  | 'method_not_supported'
  | 'bad_target'
  | 'target_too_long'
  | 'version_not_supported'
  | 'bad_line_end'
  | 'obs_fold'
  | 'bad_field_name'
  | 'space_before_colon'
  | 'bad_field_value'
  | 'head_too_large'
  | 'too_many_fields'
  | 'no_host'
  | 'two_hosts'
  | 'bad_host'
  | 'bad_content_length'
  | 'two_content_lengths'
  | 'length_and_chunked'
  | 'unknown_transfer_coding'
  | 'bad_transfer_coding'
  | 'transfer_coding_in_1_0'
  | 'bad_connection_option'
  | 'unknown_expectation'
  | 'bad_status'
  | 'bad_upgrade'
  | 'bad_chunk'
  | 'chunk_overhead'
  | 'bad_trailer'
  | 'trailer_too_large'
  | 'cut_short';

/** Status for a request that is refused (RFC 9110 15.5, RFC 9112 3 and 6). */
export function refusalStatus(fault: MessageFault): number {
  switch (fault) {
    case 'target_too_long':
      return 414;
    case 'head_too_large':
    case 'too_many_fields':
    case 'trailer_too_large':
      return 431;
    case 'version_not_supported':
      return 505;
    case 'unknown_transfer_coding':
    case 'method_not_supported':
      return 501;
    case 'unknown_expectation':
      return 417;
    default:
      return 400;
  }
}
