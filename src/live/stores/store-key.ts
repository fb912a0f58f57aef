/**
 * Keys that every store takes: memcached allows 250 bytes without blanks and control characters. Other keys are replaced by their
 * hash. The mark before a hash is refused in plain keys, so no plain key is ever another's hash.
 */
import { hash } from 'node:crypto';

const PLAIN = /^[\x21-\x7e]{1,250}$/;
const HASHED = '#sha256:';

export function storeKey(key: string): string {
  if (PLAIN.test(key) && !key.startsWith(HASHED)) return key;
  return HASHED + hash('sha256', key, 'base64url');
}
