/**
 * What steering says about one request: where, and why. `steering` makes decisions, `edge` acts on them, `replay` counts
 * them; all three read these types. Pools and origins are named by index in the model (`Model.pools[pool].origins[origin]`).
 */
import type { FixedResponse, SteeringSettings } from './model.ts';

/** Why this pool and origin were chosen. Stable codes, listed in docs/explain.md. */
export type Reason =
  | 'affinity_cookie' //   a live session named this origin
  | 'affinity_ip' //       first selection of ip_cookie: stable by client address
  | 'affinity_header' //   a live header session
  | 'affinity_drain' //    a live session on a draining origin
  | 'policy_off'
  | 'policy_geo'
  | 'policy_random'
  | 'policy_dynamic_latency'
  | 'policy_proximity'
  | 'policy_least_outstanding_requests'
  | 'policy_least_connections'
  | 'fallback_pool' //     nothing on the list could serve
  | 'zero_downtime_same_pool'
  | 'zero_downtime_next_pool'
  | 'fixed_response'
  | 'balancer_disabled' // the zone's own records answer, if any
  | 'nothing_may_serve'; // SOA for DNS-only, 530 with 1016 for proxied

/** Why a pool on the list was passed over. */
export type PoolSkip =
  | 'pool_disabled'
  | 'pool_critical'
  | 'pool_unprobed'
  | 'pool_shed'
  | 'pool_no_usable_origin'
  | 'pool_not_drawn'; //    another pool came first by policy (only in an explained ladder)

/** Why an origin of the chosen pool was passed over. */
export type OriginSkip =
  | 'origin_disabled'
  | 'origin_draining'
  | 'origin_unhealthy'
  | 'origin_unprobed'
  | 'origin_unresolvable'
  | 'origin_weight_zero'
  | 'origin_already_tried'
  | 'origin_not_drawn';

/** What became of the session that the request brought. */
export type AffinityOutcome =
  | 'off' //          no affinity for this request
  | 'no_claim' //     none brought; a new one is made
  | 'kept' //         honoured
  | 'expired'
  | 'foreign' //      another balancer's, or tampered with: as if absent
  | 'origin_gone' //  origin, pool or its place in the balancer is gone
  | 'origin_unhealthy'
  | 'pool_unavailable'
  | 'drained' //      the drain ended
  | 'shed'
  | 'moved' //        zero-downtime failover with `sticky`
  | 'visiting'; //    zero-downtime failover with `temporary`: the claim stays

/** After these the session's state at its old origin is of no use any more. */
export const LOSES_STATE: ReadonlySet<string> = new Set([
  'foreign',
  'origin_gone',
  'origin_unhealthy',
  'pool_unavailable',
  'shed',
  'moved',
]);

/**
 * A session's claim as the core handles it, after signature and syntax were checked at the rim. Names the origin by
 * stable keys, since indices change with the configuration.
 */
export interface AffinityClaim {
  readonly loadBalancer: string;
  readonly pool: string;
  readonly origin: string;
  /** Seconds since the epoch when the session was made. */
  readonly issuedAt: number;
}

export type Decision =
  | {
      readonly kind: 'origin' | 'fallback';
      readonly pool: number;
      readonly origin: number;
      readonly because: Reason;
      readonly affinity: AffinityOutcome;
      /** A new session to hand to the client; `undefined` = send none. */
      readonly newClaim: AffinityClaim | undefined;
      /** `header` affinity: the session's key, to be handed to `HeaderSessions.record` once the request went through. */
      readonly sessionKey: string | undefined;
      /** Settings in force for this request: pool set and rules merged in, `""` as policy resolved to `geo` or `off`. */
      readonly settings: SteeringSettings;
    }
  | { readonly kind: 'fixed_response'; readonly because: 'fixed_response'; readonly response: FixedResponse }
  /** The balancer is disabled: answer from the zone's own records (LB-048, LB-049). */
  | { readonly kind: 'records'; readonly because: 'balancer_disabled' }
  /** SOA for a DNS query, 530 with 1016 for a proxied request (L10). */
  | { readonly kind: 'none'; readonly because: 'nothing_may_serve' };

/** One rung of an explained decision: what was looked at, and what came of it. */
export interface Rung {
  readonly step:
    | 'balancer'
    | 'location'
    | 'pool_set'
    | 'rule'
    | 'affinity'
    | 'candidates'
    | 'order'
    | 'pool'
    | 'origin'
    | 'fallback'
    | 'answer';
  /** The object: a pool id, `pool/origin`, a rule's name, a list's source such as `region_pools[WNAM]`. */
  readonly subject: string;
  readonly outcome: 'chosen' | 'passed_over' | 'matched' | 'not_matched' | 'noted';
  /** A code of the unions above where one applies, else a short fact. */
  readonly reason: string;
  /** Numbers and words behind the reason, in stable order: `{ health: 'critical', healthy_origins: 1, minimum_origins: 2 }`. */
  readonly detail: Readonly<Record<string, string | number | boolean>>;
}

/** Collects rungs. The hot path passes `undefined` and pays nothing. */
export interface Ladder {
  add(rung: Rung): void;
}
