/**
 * Deterministic hashing by client address: endpoint policy `hash`, `ip_cookie`, load shedding by hash. The real functions are
 * unknown (spec 11); ours are 32-bit FNV-1a with murmur3's finaliser, and weighted rendezvous, so that a client moves only
 * when its own endpoint leaves or returns (LB-121, LB-122), at every PoP alike.
 *
 * Not for secrets: signatures are in hmac-sha256.ts.
 */
import { finalise, hashText } from '../core/hash.ts';

/** Hash of a client address as text, uint32. Hand in the canonical spelling: two spellings of one address differ. */
export function hashAddress(text: string): number {
  return hashText(text);
}

/** One hash of two: independent of either alone. uint32. */
export function mix(a: number, b: number): number {
  return finalise(Math.imul(a, 0x9e3779b1) ^ b);
}

/** Where a hash falls in [0, 100): the share of the hash space that load shedding speaks of. */
export function percentile(hash: number): number {
  return (hash * 100) / 4294967296;
}

/**
 * Price of an item for a client in weighted rendezvous: the lowest price wins, and each item wins in proportion to its
 * weight. It is an exponential variable of rate `weight`, made from the hash. `weight` must be positive.
 */
export function rendezvousPrice(clientHash: number, itemHash: number, weight: number): number {
  return minusLog(mix(clientHash, itemHash)) / weight;
}

/**
 * -ln((hash + 0.5) / 2^32) by + - * / alone, since Math.log may differ between engines in its last bit, and with it a choice.
 * The hash is scaled to m in [0.5, 1), then ln m = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1), |s| <= 1/3.
 */
export function minusLog(hash: number): number {
  const zeros = Math.clz32(hash);
  const m = ((hash + 0.5) * POWERS[zeros]!) / 4294967296;
  const s = (m - 1) / (m + 1);
  const q = s * s;
  let sum = 0;
  for (let k = 19; k >= 1; k -= 2) sum = sum * q + 1 / k;
  return zeros * LN2 - 2 * s * sum;
}

const { LN2 } = Math;
const POWERS: readonly number[] = Array.from({ length: 33 }, (_, zeros) => 2 ** zeros);
