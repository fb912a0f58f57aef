/** One finished request as a line of `events.ndjson`, and the status that its client saw. */
import type { Model } from '../core/model.ts';
import type { RequestEvent } from '../core/trace.ts';
import { ENDINGS, ORIGIN_ERROR, OVERLOADED, SERVED } from '../sim/outcome.ts';
import type { WireOutcome } from '../sim/wire/sender-place.ts';
import { type FlightSlots, SLOT, attemptsOf } from './flight-slots.ts';

const {
  ARRIVED_AT,
  BALANCER,
  CLIENT,
  DIRECT,
  DNS_ONLY,
  DOUBLES,
  FALLBACK,
  INTS,
  NUMBER,
  ORIGIN,
  STATE,
  VIA_LANE,
  WIRE,
} = SLOT;

export function requestLine(
  slots: FlightSlots,
  slot: number,
  ending: number,
  now: number,
  model: Model,
  clients: { address(client: number): string },
): RequestEvent {
  const decision = slots.decisions[slot]!;
  const location = slots.locations[slot]!;
  const toOrigin = decision.kind === 'origin' || decision.kind === 'fallback';
  const pool = toOrigin ? model.pools[decision.pool]! : undefined;
  const row = slot * INTS;
  const flags = slots.ints[row + STATE]!;
  const taken = (flags & DNS_ONLY) === 0 ? -1 : slots.ints[row + ORIGIN]!;
  const origin = toOrigin ? pool!.origins[taken < 0 ? decision.origin : placeInPool(taken, model)]! : undefined;
  const arrivedAt = slots.doubles[slot * DOUBLES + ARRIVED_AT]!;
  const balancer = model.loadBalancers[slots.ints[row + BALANCER]!]!;
  return {
    at: arrivedAt,
    event: 'request',
    n: slots.ints[row + NUMBER]! >>> 0,
    lb: balancer.name,
    pop: location.pop,
    region: location.region ?? '',
    country: location.country,
    client: clients.address(slots.ints[row + CLIENT]!),
    policy: toOrigin && decision.settings !== undefined ? decision.settings.steeringPolicy : balancer.steeringPolicy,
    candidates: slots.candidates[slot] ?? '',
    pool: pool?.id ?? '',
    origin: origin?.name ?? '',
    because: decision.because,
    affinity: toOrigin ? decision.affinity : 'off',
    fallback: (flags & FALLBACK) !== 0,
    attempts: attemptsOf(flags),
    path: pathOf(flags, slots.directReasons[slot]),
    status: decision.kind === 'fixed_response' ? decision.response.statusCode : statusSeen(ending, flags),
    cause: ENDINGS[ending]!.cause,
    latency_us: now - arrivedAt,
    ...linkFields(slots.outcomes[slot], flags),
  };
}

/** Of several addresses in an answer a client took this one, by the origin's number among all: the decision names one for all of them. */
function placeInPool(number: number, model: Model): number {
  let rest = number;
  for (const { origins } of model.pools) {
    if (rest < origins.length) break;
    rest -= origins.length;
  }
  return rest;
}

/** Without an edge between them, a client sees a broken connection (0) where the edge would have answered 52x. */
export function statusSeen(ending: number, flags: number): number {
  const edgeMade = ending !== SERVED && ending !== OVERLOADED && ending !== ORIGIN_ERROR;
  return (flags & DNS_ONLY) !== 0 && edgeMade ? 0 : ENDINGS[ending]!.status;
}

function pathOf(flags: number, directReason: string | undefined): string {
  if ((flags & DNS_ONLY) !== 0) return 'dns';
  if ((flags & VIA_LANE) !== 0) return 'railgun';
  return (flags & DIRECT) !== 0 ? `http1 (${directReason ?? ''})` : 'http1';
}

function linkFields(outcome: WireOutcome | undefined, flags: number): Pick<RequestEvent, 'link'> {
  // The slot's last request may have left its own.
  if (outcome === undefined || (flags & WIRE) === 0 || (flags & VIA_LANE) === 0) return {};
  const { mode, wanBytes, bodyBytes, cfRailgun } = outcome;
  return { link: { mode, wan_bytes: wanBytes, body_bytes: bodyBytes, cf_railgun: cfRailgun } };
}
