/**
 * Caching DNS resolvers of a simulated world: why a DNS-only balancer fails over as slowly as it really does. Clients come in
 * groups, each behind one resolver; a resolver keeps each answer for its TTL, or for what it makes of the TTL.
 *
 *     get() ──► held ──► freshUntil passed, still held: a hit past its TTL, counted apart
 *           └─► nothing held: the caller asks the edge (edge/dns-answer.ts) and hands the answer to put()
 *
 * Knows neither names nor answers: questions are numbers, answers whatever the caller keeps. A hit reads two numbers from flat
 * arrays and allocates nothing, so millions a second cost little. The fault `ignore_ttl` is `setIgnoreTtl`.
 */
import { assert } from '../core/assert.ts';
import { type Micros, US_PER_SECOND } from '../core/time.ts';

/** What a resolver makes of a TTL. */
export type TtlPolicy =
  | { readonly kind: 'honour' }
  /** Some resolvers keep nothing for less than a minute, many nothing for longer than a day. */
  | { readonly kind: 'clamp'; readonly minimumSeconds: number; readonly maximumSeconds: number }
  /** Keeps every answer for so long, whatever the TTL says: runtimes that look a name up once and stick to it. */
  | { readonly kind: 'stick'; readonly seconds: number };

/** Longer TTLs are cut, as unbound and BIND do by default: a day. */
export const MAX_TTL_SECONDS = 86_400;
/** "No such name" is not believed for longer: BIND's default of three hours, the upper end of RFC 2308's advice. */
export const MAX_NEGATIVE_TTL_SECONDS = 10_800;
/** Resolvers times questions: 24 bytes each, so 400 MB. A world that needs more has made a resolver of every client. */
export const MAX_SLOTS = 16_777_216;

export interface ResolverCounts {
  /** Answered from the cache, of which `pastTtl` after the answer's own TTL had run out. */
  hits: number;
  pastTtl: number;
  /** Nothing held: the edge was, or is about to be, asked. */
  misses: number;
}

export class ResolverCaches<Answer> {
  readonly counts: ResolverCounts = { hits: 0, pastTtl: 0, misses: 0 };
  readonly #questions: number;
  readonly #policies: readonly TtlPolicy[];
  /** Per slot: until when the TTL itself allows the answer, and until when this resolver keeps it. 0 = holds nothing. */
  readonly #freshUntil: Float64Array;
  readonly #keptUntil: Float64Array;
  readonly #answers: (Answer | undefined)[];
  #ignoreTtl = false;

  /**
   * @param policies One per resolver.
   * @param questions How many different questions there are: names times types.
   */
  constructor(policies: readonly TtlPolicy[], questions: number) {
    const slots = policies.length * questions;
    assert(Number.isInteger(questions) && questions > 0 && policies.length > 0, 'resolvers and questions');
    assert(slots <= MAX_SLOTS, `${policies.length} resolvers with ${questions} questions each are too many`);
    for (const policy of policies) {
      if (policy.kind === 'clamp')
        assert(policy.minimumSeconds <= policy.maximumSeconds, 'clamp: minimum above maximum');
    }
    this.#questions = questions;
    this.#policies = policies;
    this.#freshUntil = new Float64Array(slots);
    this.#keptUntil = new Float64Array(slots);
    // Filled at once, so that it stays one flat array.
    this.#answers = Array.from({ length: slots });
  }

  /** The answer that this resolver holds; `undefined` = it must ask. */
  get(resolver: number, question: number, now: Micros): Answer | undefined {
    const slot = resolver * this.#questions + question;
    if (now >= this.#keptUntil[slot]! && !(this.#ignoreTtl && this.#answers[slot] !== undefined)) {
      this.counts.misses++;
      return undefined;
    }
    this.counts.hits++;
    if (now >= this.#freshUntil[slot]!) this.counts.pastTtl++;
    return this.#answers[slot];
  }

  /**
   * An answer came. A TTL of 0 is not kept, unless the policy keeps it.
   * @param ttlSeconds Of a negative answer: the SOA's minimum (RFC 2308).
   * @param negative No such name, or nothing of the type.
   */
  put(resolver: number, question: number, answer: Answer, ttlSeconds: number, negative: boolean, now: Micros): void {
    const slot = resolver * this.#questions + question;
    const policy = this.#policies[resolver]!;
    const ttl = Math.min(ttlSeconds, negative ? MAX_NEGATIVE_TTL_SECONDS : MAX_TTL_SECONDS);
    this.#answers[slot] = answer;
    this.#freshUntil[slot] = now + ttl * US_PER_SECOND;
    this.#keptUntil[slot] = now + kept(policy, ttl) * US_PER_SECOND;
  }

  /** While on, whatever is held stays held. When it ends, answers whose time is over are asked for again. */
  setIgnoreTtl(ignore: boolean): void {
    this.#ignoreTtl = ignore;
  }

  /** Forgets everything, as an operator's flush does. */
  flush(): void {
    this.#freshUntil.fill(0);
    this.#keptUntil.fill(0);
    this.#answers.fill(undefined);
  }

  /** How many hold an answer for this question that `matches`, now: how far a failover has come. */
  holding(question: number, now: Micros, matches: (answer: Answer) => boolean): number {
    let count = 0;
    for (let resolver = 0; resolver < this.#policies.length; resolver++) {
      const slot = resolver * this.#questions + question;
      const answer = this.#answers[slot];
      if (answer === undefined) continue;
      if ((this.#ignoreTtl || now < this.#keptUntil[slot]!) && matches(answer)) count++;
    }
    return count;
  }
}

/** Seconds for which this resolver keeps an answer of this TTL. */
function kept(policy: TtlPolicy, ttlSeconds: number): number {
  switch (policy.kind) {
    case 'honour':
      return ttlSeconds;
    case 'clamp':
      return Math.min(Math.max(ttlSeconds, policy.minimumSeconds), policy.maximumSeconds);
    case 'stick':
      return policy.seconds;
  }
}
