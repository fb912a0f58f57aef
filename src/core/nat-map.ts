/**
 * `railgun-nat.conf` as data (spec/railgun.md 2.5): made by `config/railgun-nat.ts`, read by `railgun/origin-request.ts`.
 */
export interface NatTarget {
  /** Address literal, or a name that was resolved when the file was read: the listener asks no DNS per request (RG-021). */
  readonly address: string;
  /** `undefined`: the port of the request's scheme. */
  readonly port: number | undefined;
}

export interface NatMap {
  /** Keys in lower case: `host` or `host:port`, IPv6 in brackets. */
  readonly entries: ReadonlyMap<string, NatTarget>;
  /** The entry named `default`. */
  readonly fallback: NatTarget | undefined;
}

export const EMPTY_NAT_MAP: NatMap = { entries: new Map(), fallback: undefined };
