/**
 * `railgun-nat.conf` may name hosts as targets. They are looked up here, once, when the file is read: a request never waits for DNS
 * (RG-021).
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { NatMap, NatTarget } from '../../core/nat-map.ts';

export type ResolvedNat =
  | { readonly ok: true; readonly nat: NatMap }
  /** Names that do not resolve: the old map stays. */
  | { readonly ok: false; readonly unresolved: readonly string[] };

export type FindAddress = (name: string) => Promise<string>;

const bySystem: FindAddress = async (name) => (await lookup(name)).address;

export async function resolveNat(nat: NatMap, find: FindAddress = bySystem): Promise<ResolvedNat> {
  const targets = [...nat.entries.values(), ...(nat.fallback === undefined ? [] : [nat.fallback])];
  const names = new Set(targets.map((one) => one.address).filter((one) => !isLiteral(one)));
  const addresses = new Map<string, string>();
  const unresolved: string[] = [];
  for (const name of names) {
    try {
      addresses.set(name, await find(name));
    } catch {
      unresolved.push(name);
    }
  }
  if (unresolved.length > 0) return { ok: false, unresolved };
  const placed = (one: NatTarget): NatTarget => ({ ...one, address: addresses.get(one.address) ?? one.address });
  const entries = new Map([...nat.entries].map(([key, one]) => [key, placed(one)]));
  return { ok: true, nat: { entries, fallback: nat.fallback === undefined ? undefined : placed(nat.fallback) } };
}

/** The machine's own name needs no resolver. */
function isLiteral(address: string): boolean {
  return isIP(address) !== 0 || address.toLowerCase() === 'localhost';
}
