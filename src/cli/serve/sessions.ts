/**
 * Header sessions between workers: whoever makes or uses one tells the others, since the next request of the same key may come to
 * any of them. Two first requests of one key at one moment at two workers may make two sessions; the later one stands.
 */
import type { Decision } from '../../core/decision.ts';
import type { Micros } from '../../core/time.ts';
import type { Edge } from '../../edge/edge.ts';
import type { SharedSession } from './messages.ts';

/** A session in steady use is told again after this share of its time to live, so that it does not end elsewhere. */
const AGAIN_SHARE = 8;
const TOLD_MAX = 100_000;

const told = new Map<string, { at: number; claim: SharedSession[1] }>();

/** What to tell of a decision; undefined = nothing new. */
export function sessionOf(decision: Decision, now: Micros): SharedSession | undefined {
  if (decision.kind !== 'origin' && decision.kind !== 'fallback') return undefined;
  const { sessionKey: key, newClaim, settings } = decision;
  if (key === undefined) return undefined;
  const known = told.get(key);
  const claim = newClaim ?? known?.claim;
  if (claim === undefined) return undefined;
  const due = known === undefined || now - known.at > (settings.affinity.ttlSeconds * 1_000_000) / AGAIN_SHARE;
  if (newClaim === undefined && !due) return undefined;
  remember(key, claim, now);
  return [key, claim, now];
}

export function takeSession(edge: Edge, [key, claim, usedAt]: SharedSession): void {
  const settings = edge.state.config.model.loadBalancers[0];
  if (settings === undefined) return;
  remember(key, claim, usedAt);
  const decision: Decision = {
    kind: 'origin',
    pool: -1,
    origin: -1,
    because: 'affinity_header',
    affinity: 'kept',
    newClaim: claim,
    sessionKey: key,
    settings,
  };
  edge.sessions.record(decision, usedAt as Micros);
}

function remember(key: string, claim: SharedSession[1], at: number): void {
  if (told.size >= TOLD_MAX) told.clear();
  told.set(key, { at, claim });
}
