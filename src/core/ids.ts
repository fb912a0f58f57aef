/**
 * Branded ids: a pool's id cannot be handed over where a PoP's code is wanted. Minted in `config` and in
 * `geo/tables.ts`, nowhere else.
 */

declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type LoadBalancerId = Brand<string, 'LoadBalancerId'>;
export type PoolId = Brand<string, 'PoolId'>;
export type MonitorId = Brand<string, 'MonitorId'>;
export type RailgunId = Brand<string, 'RailgunId'>;
/** Three capital letters: `LHR`. */
export type PopCode = Brand<string, 'PopCode'>;
/** One of the 13 load balancing regions: `WNAM`. */
export type RegionCode = Brand<string, 'RegionCode'>;
/** ISO 3166-1 alpha-2 in capitals; `XX` is unknown. */
export type CountryCode = Brand<string, 'CountryCode'>;
