/**
 * `header` affinity (LB-180..184): the session's key is made from configured headers, its state lives at the edge, and its
 * time to live starts anew with each use. One table serves every PoP and every balancer (scope unknown, spec 5.1: our choice).
 *
 * Steering only looks (`find`); the caller writes with `record` once a decision stands, so that an explanation changes nothing.
 */
import type { AffinityClaim, Decision } from '../core/decision.ts';
import type { Affinity } from '../core/model.ts';
import type { Micros } from '../core/time.ts';
import { cookiePairs, cookieValue } from './affinity-cookie.ts';
import { sha256Text } from './hmac-sha256.ts';
import type { HttpFacts } from './request.ts';

export interface SessionLookup {
  /** The session of this key; `expired` when it idled for its time to live; `undefined` when there is none. */
  find(key: string, ttlSeconds: number, now: Micros): AffinityClaim | 'expired' | undefined;
}

/** About 250 B each: 250 MB at most. The least recently used go first, and are then steered anew. */
export const HEADER_SESSIONS_LIMIT = 1_000_000;
/** Longer keys are kept as their digest: a cookie header may be many kilobytes. */
const KEY_CHARS_LIMIT = 160;

interface Session {
  readonly claim: AffinityClaim;
  usedAt: Micros;
}

export class HeaderSessions implements SessionLookup {
  readonly #limit: number;
  /** Least recently used first. */
  readonly #sessions = new Map<string, Session>();

  constructor(limit: number = HEADER_SESSIONS_LIMIT) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#sessions.size;
  }

  find(key: string, ttlSeconds: number, now: Micros): AffinityClaim | 'expired' | undefined {
    const session = this.#sessions.get(key);
    if (session === undefined) return undefined;
    return now < session.usedAt + ttlSeconds * 1_000_000 ? session.claim : 'expired';
  }

  /** Keep what a decision made of its session: a new one is stored, a live one starts its time to live anew. */
  record(decision: Decision, now: Micros): void {
    if (decision.kind !== 'origin' && decision.kind !== 'fallback') return;
    const key = decision.sessionKey;
    if (key === undefined) return;
    const claim = decision.newClaim ?? this.#sessions.get(key)?.claim;
    if (claim === undefined) return;
    this.#sessions.delete(key);
    this.#sessions.set(key, { claim, usedAt: now });
    if (this.#sessions.size > this.#limit) {
      for (const oldest of this.#sessions.keys()) {
        this.#sessions.delete(oldest);
        break;
      }
    }
  }
}

/**
 * The key of a request, or `undefined` when it has no session: no configured header came, or not all of them where all are
 * required. An item `cookie` is present when any cookie is, `cookie:a,b` when one of the named ones is.
 */
export function sessionKey(loadBalancer: string, affinity: Affinity, facts: HttpFacts): string | undefined {
  let key = loadBalancer;
  let present = 0;
  for (const item of affinity.headers) {
    const part = item === 'cookie' || item.startsWith('cookie:') ? cookiePart(item, facts) : headerPart(item, facts);
    if (part !== undefined) {
      present += 1;
      key += `\n${item}=${part}`;
    } else if (affinity.requireAllHeaders) {
      return undefined;
    }
  }
  if (present === 0) return undefined;
  return key.length <= KEY_CHARS_LIMIT ? key : `${loadBalancer}\n#${sha256Text(key)}`;
}

function headerPart(name: string, facts: HttpFacts): string | undefined {
  const values = facts.header(name);
  return values.length === 0 ? undefined : values.join(',');
}

function cookiePart(item: string, facts: HttpFacts): string | undefined {
  const headers = facts.header('cookie');
  const header = headers.length === 1 ? headers[0]! : headers.join('; ');
  if (item === 'cookie') {
    const pairs = cookiePairs(header);
    return pairs.length === 0 ? undefined : pairs.sort().join(';');
  }
  const found: string[] = [];
  for (const name of item.slice('cookie:'.length).split(',')) {
    const value = cookieValue(header, name.trim());
    if (value !== undefined) found.push(`${name.trim()}=${value}`);
  }
  return found.length === 0 ? undefined : found.join(';');
}
