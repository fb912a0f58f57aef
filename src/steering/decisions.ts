/**
 * Decisions as shared objects. Two requests that get the same answer for the same reason get the same `Decision`: a session
 * that is kept, a request without affinity, a new session of the same second. It is plain readonly data, so nobody can tell,
 * and a million decisions a second leave no garbage.
 */
import type { AffinityClaim, AffinityOutcome, Decision, Reason } from '../core/decision.ts';
import type { SteeringSettings } from '../core/model.ts';
import type { OriginPlan } from './pool-plan.ts';

export type OriginDecision = Extract<Decision, { kind: 'origin' | 'fallback' }>;

export class DecisionTable {
  readonly #loadBalancer: string;
  readonly #settings: SteeringSettings;
  readonly #policy: Reason;
  readonly #plain: (OriginDecision | undefined)[];
  readonly #kept: (OriginDecision | undefined)[];
  readonly #fresh: (OriginDecision | undefined)[];

  constructor(loadBalancer: string, settings: SteeringSettings, policy: Reason, origins: number) {
    this.#loadBalancer = loadBalancer;
    this.#settings = settings;
    this.#policy = policy;
    this.#plain = Array.from({ length: origins }, () => undefined);
    this.#kept = Array.from({ length: origins }, () => undefined);
    this.#fresh = Array.from({ length: origins }, () => undefined);
  }

  /** By policy, no affinity for this request. */
  plain(origin: OriginPlan): OriginDecision {
    return (this.#plain[origin.flat] ??= this.make('origin', origin, this.#policy, 'off', undefined, undefined));
  }

  /** A cookie session that is honoured. */
  kept(origin: OriginPlan, because: Reason): OriginDecision {
    const known = this.#kept[origin.flat];
    if (known !== undefined && known.because === because) return known;
    return (this.#kept[origin.flat] = this.make('origin', origin, because, 'kept', undefined, undefined));
  }

  /** A new cookie session, made at `issuedAt` (seconds). */
  fresh(origin: OriginPlan, because: Reason, affinity: AffinityOutcome, issuedAt: number): OriginDecision {
    const known = this.#fresh[origin.flat];
    if (
      known !== undefined &&
      known.newClaim?.issuedAt === issuedAt &&
      known.affinity === affinity &&
      known.because === because
    ) {
      return known;
    }
    const claim = this.claim(origin, issuedAt);
    return (this.#fresh[origin.flat] = this.make('origin', origin, because, affinity, claim, undefined));
  }

  /** Any other decision; a new object. */
  make(
    kind: 'origin' | 'fallback',
    origin: OriginPlan,
    because: Reason,
    affinity: AffinityOutcome,
    newClaim: AffinityClaim | undefined,
    sessionKey: string | undefined,
  ): OriginDecision {
    return {
      kind,
      pool: origin.pool.index,
      origin: origin.index,
      because,
      affinity,
      newClaim,
      sessionKey,
      settings: this.#settings,
    };
  }

  claim(origin: OriginPlan, issuedAt: number): AffinityClaim {
    return { loadBalancer: this.#loadBalancer, pool: origin.pool.id, origin: origin.name, issuedAt };
  }
}
