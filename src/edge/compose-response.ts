/**
 * What the edge changes in an origin's answer (spec 6.3, 5.1): a new session's cookie, the ray, the cache status; nginx's
 * instructions to its own front end stay behind. Body and framing are the engine's.
 */
import type { Micros } from '../core/time.ts';
import { FieldSet } from '../http1/field-set.ts';
import { type AffinityCookies, setCookie } from '../steering/affinity-cookie.ts';
import type { AffinityClaim } from '../core/decision.ts';
import type { SteeringSettings } from '../core/model.ts';
import type { Edge } from './edge.ts';
import type { Flight } from './flight.ts';

const RESPONSE_NAMES = [
  ...['x-accel-buffering', 'x-accel-charset', 'x-accel-limit-rate', 'x-accel-redirect'],
  ...['cf-ray', 'cf-cache-status'],
];
const RESPONSE_DROP = new FieldSet(RESPONSE_NAMES);
/** Only the link may speak of itself: an origin that was asked directly may not (RG-015). */
const DIRECT_DROP = new FieldSet([...RESPONSE_NAMES, 'cf-railgun']);

export interface ResponseChange {
  readonly drop: FieldSet;
  /** Lines, each with its line end. */
  readonly add: string;
}

export function composeResponse(edge: Edge, flight: Flight, status: number, now: Micros): ResponseChange {
  flight.originStatus = status;
  const { decision, directReason } = flight;
  let add = `CF-Ray: ${flight.rayId}\r\nCF-Cache-Status: DYNAMIC\r\n`;
  if (directReason !== '') add += `Cf-Railgun: direct (${directReason})\r\n`;
  if (decision !== undefined && (decision.kind === 'origin' || decision.kind === 'fallback')) {
    if (decision.sessionKey !== undefined) {
      edge.sessions.record(decision, now);
      edge.onSession?.(decision, now);
    } else if (decision.newClaim !== undefined) {
      const { cookies } = flight.state.config;
      const always = flight.plan?.balancer.alwaysUseHttps === true;
      add += cookieLine(cookies, decision.newClaim, decision.settings, always);
    }
  }
  return { drop: flight.attempt.kind === 'railgun' ? RESPONSE_DROP : DIRECT_DROP, add };
}

/** Steering hands out one claim object per origin and second, so a line serves many visitors. */
const lines = new WeakMap<AffinityClaim, { readonly settings: SteeringSettings; readonly line: string }>();

function cookieLine(
  cookies: AffinityCookies,
  claim: AffinityClaim,
  settings: SteeringSettings,
  alwaysUseHttps: boolean,
): string {
  const known = lines.get(claim);
  if (known !== undefined && known.settings === settings) return known.line;
  const line = `Set-Cookie: ${setCookie(cookies.encode(claim), settings.affinity, alwaysUseHttps)}\r\n`;
  lines.set(claim, { settings, line });
  return line;
}
