/**
 * What an operator wrote, as plain readonly data: the objects of the public API (spec 1), names in camelCase.
 *
 * `config` is the only room that makes these, from JSON or YAML; every other room reads them. Pools and origins are
 * also known by their place in the lists (`PoolIndex` = index in `Model.pools`), so that the hot path can count in
 * typed arrays. References between objects have been checked: a PoolId found here is a pool of the same model.
 */
import type { CountryCode, LoadBalancerId, MonitorId, PoolId, PopCode, RailgunId, RegionCode } from './ids.ts';
import type { Expression } from './expression.ts';
import type { Micros } from './time.ts';

export interface Model {
  readonly loadBalancers: readonly LoadBalancer[];
  readonly pools: readonly Pool[];
  readonly monitors: readonly Monitor[];
  readonly monitorGroups: readonly MonitorGroup[];
  readonly railguns: readonly Railgun[];
  readonly zones: readonly Zone[];
}

export type SteeringPolicy =
  | ''
  | 'off'
  | 'geo'
  | 'random'
  | 'dynamic_latency'
  | 'proximity'
  | 'least_outstanding_requests'
  | 'least_connections';

export type AffinityKind = 'none' | 'cookie' | 'ip_cookie' | 'header';
export type ZeroDowntimeMode = 'none' | 'temporary' | 'sticky';

/** The fields that a rule may override per request are kept together, so that an override is one merge. */
export interface SteeringSettings {
  readonly defaultPools: readonly PoolId[];
  readonly fallbackPool: PoolId;
  readonly regionPools: ReadonlyMap<RegionCode, readonly PoolId[]>;
  readonly countryPools: ReadonlyMap<CountryCode, readonly PoolId[]>;
  /** Country keys that were written into `region_pools` (C2); `countryPools` beats them. */
  readonly regionCountryPools: ReadonlyMap<CountryCode, readonly PoolId[]>;
  readonly popPools: ReadonlyMap<PopCode, readonly PoolId[]>;
  readonly steeringPolicy: SteeringPolicy;
  readonly randomSteering: RandomSteering;
  readonly locationStrategy: LocationStrategy;
  readonly failoverAcrossPools: boolean;
  readonly affinity: Affinity;
  /** DNS-only answers, seconds. */
  readonly ttlSeconds: number;
}

export interface LoadBalancer extends SteeringSettings {
  readonly id: LoadBalancerId;
  /** Lower-case host name without a trailing dot; may begin with `*.`. */
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly proxied: boolean;
  readonly rules: readonly Rule[];
  readonly poolSets: readonly PoolSet[];
  /** From the zone: Always Use HTTPS decides `Auto` cookie attributes (LB-177, LB-178). */
  readonly alwaysUseHttps: boolean;
  /** The link to use towards the origins, when one is connected and enabled (RG-015, RG-088). */
  readonly railgun: RailgunId | undefined;
}

export interface RandomSteering {
  /** 0..1 */
  readonly defaultWeight: number;
  readonly poolWeights: ReadonlyMap<PoolId, number>;
}

export interface LocationStrategy {
  readonly mode: 'pop' | 'resolver_ip';
  readonly preferEcs: 'always' | 'never' | 'proximity' | 'geo';
}

export interface Affinity {
  readonly kind: AffinityKind;
  readonly ttlSeconds: number;
  readonly samesite: 'Auto' | 'Lax' | 'None' | 'Strict';
  readonly secure: 'Auto' | 'Always' | 'Never';
  readonly drainSeconds: number;
  readonly zeroDowntime: ZeroDowntimeMode;
  /** Lower-case header names; `cookie` = all cookies, `cookie:name` = that cookie. */
  readonly headers: readonly string[];
  readonly requireAllHeaders: boolean;
}

export interface Pool {
  readonly id: PoolId;
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly disabledAt: Micros | undefined;
  readonly minimumOrigins: number;
  readonly monitor: MonitorId | undefined;
  readonly monitorGroup: string | undefined;
  /** `null` = every data center; otherwise region codes (ALL_REGIONS is expanded). */
  readonly checkRegions: readonly RegionCode[] | null;
  /** `null` acts as local, then global. */
  readonly healthSources: readonly ['regional', 'global'] | null;
  readonly origins: readonly Origin[];
  readonly originSteering: 'random' | 'hash' | 'least_outstanding_requests' | 'least_connections';
  readonly loadShedding: LoadShedding | undefined;
  readonly latitude: number | undefined;
  readonly longitude: number | undefined;
}

export interface LoadShedding {
  readonly defaultPercent: number;
  readonly defaultPolicy: 'random' | 'hash';
  readonly sessionPercent: number;
}

export interface Origin {
  /** Unique in its pool; the address when the operator gave no name. */
  readonly name: string;
  readonly address: string;
  readonly enabled: boolean;
  /** When it was disabled: the start of a drain (LB-186). */
  readonly disabledAt: Micros | undefined;
  /** Whole hundredths, 0..100: the API's 0..1 in steps of 0.01. */
  readonly weight: number;
  /** 0 = the default of the protocol. */
  readonly port: number;
  readonly hostHeader: string | undefined;
  readonly virtualNetworkId: string | undefined;
  readonly flattenCname: boolean;
}

export type MonitorType = 'http' | 'https' | 'tcp' | 'udp_icmp' | 'icmp_ping' | 'smtp';

export interface Monitor {
  readonly id: MonitorId;
  readonly type: MonitorType;
  readonly description: string;
  readonly method: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly port: number;
  readonly timeoutSeconds: number;
  readonly retries: number;
  readonly intervalSeconds: number;
  /** Parsed `expected_codes`: inclusive ranges; empty = any code. */
  readonly expectedCodes: readonly (readonly [number, number])[];
  /** Lower-case substring; empty = not checked. */
  readonly expectedBody: string;
  readonly followRedirects: boolean;
  readonly allowInsecure: boolean;
  readonly probeZone: string;
  readonly consecutiveUp: number;
  readonly consecutiveDown: number;
}

export interface MonitorGroup {
  readonly id: string;
  readonly description: string;
  readonly members: readonly {
    readonly monitor: MonitorId;
    readonly enabled: boolean;
    readonly monitoringOnly: boolean;
    readonly mustBeHealthy: boolean;
  }[];
}

export interface Rule {
  readonly name: string;
  /** `undefined` = always. */
  readonly condition: Expression | undefined;
  readonly conditionText: string;
  readonly disabled: boolean;
  readonly priority: number;
  readonly terminates: boolean;
  readonly fixedResponse: FixedResponse | undefined;
  readonly overrides: Overrides;
}

/** What one rule changes. Affinity is merged field by field, so that two rules can set kind and TTL apart. */
export type Overrides = Partial<Omit<SteeringSettings, 'affinity'>> & { readonly affinity?: Partial<Affinity> };

export interface FixedResponse {
  readonly statusCode: number;
  readonly contentType: string;
  readonly location: string;
  readonly messageBody: string;
}

export interface PoolSet {
  readonly name: string;
  readonly disabled: boolean;
  /** Absent lists match everything; lists are ANDed (C16). */
  readonly match: {
    readonly pops: readonly PopCode[];
    readonly countries: readonly CountryCode[];
    readonly regions: readonly RegionCode[];
  };
  readonly fixedResponse: FixedResponse | undefined;
  readonly pools: readonly PoolId[];
  readonly poolWeights: ReadonlyMap<PoolId, number>;
  readonly poolDefaultWeight: number;
  readonly fallbackPool: PoolId | undefined;
  /** `off` when omitted; `geo` is not offered. */
  readonly steeringPolicy: SteeringPolicy;
}

export interface Railgun {
  readonly id: RailgunId;
  readonly name: string;
  readonly enabled: boolean;
  /** `activation.railgun_host`: where lanes are opened. */
  readonly host: string;
  readonly port: number;
  readonly activationKey: string;
}

export interface Zone {
  readonly name: string;
  readonly alwaysUseHttps: boolean;
  readonly soa: SoaRecord;
  readonly records: readonly DnsRecord[];
}

export interface SoaRecord {
  readonly mname: string;
  readonly rname: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

export interface DnsRecord {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'MX' | 'TXT' | 'NS' | 'CAA' | 'SRV';
  readonly content: string;
  readonly ttlSeconds: number;
  readonly proxied: boolean;
  /** MX and SRV. */
  readonly priority: number;
}
