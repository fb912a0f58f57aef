/**
 * READ THIS FIRST: one request, through the rooms.
 *
 *   handleRequest    who asks? ─► whose name? ─► live session? ─► steer ─► first attempt, or an answer made here
 *   attemptFailed    what the edge calls it ─► the same origin without the link ─► zero-downtime failover ─► error page
 *   composeResponse  (compose-response.ts) the origin's answer: session cookie, ray, fields that stay behind
 *
 * All three are plain functions of what is known at that moment; the waiting between them is the engine's. Clock and chance are
 * handed in; nothing here opens a socket.
 */
import type { AttemptFailure } from '../core/attempt-fault.ts';
import { PART } from '../core/draws.ts';
import type { Micros } from '../core/time.ts';
import type { RequestHead } from '../http1/head.ts';
import { AFFINITY_COOKIE, cookieValue } from '../steering/affinity-cookie.ts';
import { candidatesText } from '../steering/candidates-text.ts';
import { steerAgain } from '../steering/failover.ts';
import type { BalancerPlan } from '../steering/plan.ts';
import type { SteerRequest } from '../steering/request.ts';
import { steer } from '../steering/steer.ts';
import type { EdgeAttempt, OriginTarget } from './attempts.ts';
import { type ClientMemo, type Edge, type EdgeClient, memoOf } from './edge.ts';
import type { HostOwner } from './edge-config.ts';
import { type EdgeAnswer, Flight } from './flight.ts';
import { errorPage, fixedAnswer } from './local-answers.ts';
import { ClientLines } from './request-fields.ts';
import { errorOf } from './retry.ts';

/** A flight to be forwarded, or the answer. `client.memo.flight` is the flight either way. */
export function handleRequest(edge: Edge, head: RequestHead, client: EdgeClient, now: Micros): Flight | EdgeAnswer {
  const memo = memoOf(edge, client);
  const { fields, state } = edge;
  fields.read(head);
  const who = edge.clients.identify(memo.own, memo.trust, fields);
  const secure = client.scheme === 'https';
  const ray = edge.rays.next();
  if ('kind' in who) {
    const flight = (memo.flight = new Flight(head, state, memo.own, secure, ray, now));
    return errorPage(edge, flight, 1000, who.why, now);
  }
  const flight = (memo.flight = new Flight(head, state, who, secure, ray, now));
  const owner = ownerOf(edge, memo, head.host);
  flight.host = owner.host;
  if (owner.kind === 'nobody') return errorPage(edge, flight, 1001, owner.why, now);

  if (memo.lines.place !== who) memo.lines = new ClientLines(who, client.scheme);
  flight.requestAdd = memo.lines.lines(fields, memo.own.address, ray);
  if (owner.kind === 'record') return begin(edge, flight, owner.target, now);

  const plan = state.config.plans[owner.index]!;
  flight.balancer = owner.index;
  flight.plan = plan;
  flight.key = edge.keys.of(head);
  const request = edge.requestFor(flight);
  readClaim(edge, plan, request);
  return decide(edge, flight, plan, request, now);
}

/** The next attempt, or what the client is told. */
export function attemptFailed(
  edge: Edge,
  flight: Flight,
  failure: AttemptFailure,
  now: Micros,
): EdgeAttempt | EdgeAnswer {
  settle(edge, flight);
  const { attempt, target, plan, decision } = flight;
  if (attempt.kind === 'railgun') {
    // Inside one endpoint attempt, and no failover (spec 6.4); once the listener has the request, only the link can know its fate.
    if (failure.kind === 'unavailable' && failure.mayRetry) {
      flight.directReason = failure.detail;
      flight.attempt = attempt.direct;
      hold(edge, flight);
      return attempt.direct;
    }
    if (failure.kind === 'link_lost' || failure.kind === 'unavailable')
      return errorPage(edge, flight, 527, failure.detail, now);
    // What is left happened at the origin, and the listener saw it: the same as if we had.
  }
  const error = errorOf(failure.kind);
  flight.error = error;
  if (plan !== undefined && decision !== undefined && target !== undefined && failure.mayRetry) {
    if (error === 1016 && !flight.restored) {
      // Steering believed in a name that does not resolve: decided anew, which is no failover (L13, L14).
      edge.names.failed(target.address);
      flight.restored = true;
      edge.fields.read(flight.head);
      const request = edge.requestFor(flight);
      readClaim(edge, plan, request);
      const again = steer(plan, request, edge.worldFor(flight, PART.anew, now));
      if ((again.kind === 'origin' || again.kind === 'fallback') && targetOf(flight, again) !== target) {
        flight.decision = again;
        return next(edge, flight, targetOf(flight, again), now);
      }
    } else {
      const failed = { status: error, attempts: flight.attempts, replayable: true };
      const world = edge.worldFor(flight, PART.again, now);
      const again = steerAgain(plan, edge.requestFor(flight), world, decision, failed);
      if (again !== undefined && (again.kind === 'origin' || again.kind === 'fallback')) {
        flight.decision = again;
        flight.failedOver = true;
        return next(edge, flight, targetOf(flight, again), now);
      }
    }
  }
  return errorPage(edge, flight, error, failure.detail, now);
}

/** The exchange is over, however it ended: nothing is outstanding any more. */
export function settle(edge: Edge, flight: Flight): void {
  if (!flight.open || flight.target === undefined) return;
  flight.open = false;
  edge.load.end(flight.target);
}

function ownerOf(edge: Edge, memo: ClientMemo, host: string): HostOwner {
  const { config } = edge.state;
  if (memo.host === host && memo.version === config.version && memo.owner !== undefined) return memo.owner;
  const owner = config.owner(host);
  memo.host = host;
  memo.version = config.version;
  memo.owner = owner;
  return owner;
}

/** The session that a cookie names. A cookie that we did not sign is as if absent (LB-179). */
export function readClaim(edge: Edge, plan: BalancerPlan, request: SteerRequest): void {
  const { cookie } = edge.fields;
  if (cookie === '') return;
  const value = cookieValue(cookie, AFFINITY_COOKIE);
  if (value === undefined) return;
  const claim = edge.state.config.cookies.decode(value);
  if (claim === undefined || claim.loadBalancer !== plan.balancer.id) request.claimProblem = 'foreign';
  else request.claim = claim;
}

function decide(
  edge: Edge,
  flight: Flight,
  plan: BalancerPlan,
  request: SteerRequest,
  now: Micros,
): Flight | EdgeAnswer {
  const { rungs } = edge;
  if (rungs !== undefined) rungs.length = 0;
  const decision = steer(plan, request, edge.worldFor(flight, PART.first, now), edge.ladder);
  flight.decision = decision;
  if (rungs !== undefined) flight.candidates = candidatesText(rungs);
  switch (decision.kind) {
    case 'origin':
    case 'fallback':
      return begin(edge, flight, targetOf(flight, decision), now);
    case 'fixed_response':
      return fixedAnswer(flight, decision.response);
    case 'records':
      return errorPage(edge, flight, 1001, 'the load balancer of this name is disabled', now);
    default:
      return errorPage(edge, flight, 1016, 'every pool is out, and so is the fallback pool', now);
  }
}

function targetOf(flight: Flight, decision: { readonly pool: number; readonly origin: number }): OriginTarget {
  return flight.state.config.targets[decision.pool]![decision.origin]!;
}

function begin(edge: Edge, flight: Flight, target: OriginTarget, now: Micros): Flight | EdgeAnswer {
  const made = next(edge, flight, target, now);
  return made.kind === 'answer' ? made : flight;
}

/** Railgun first where the balancer has a link that somebody carries, then HTTP/1.1. */
function next(edge: Edge, flight: Flight, target: OriginTarget, now: Micros): EdgeAttempt | EdgeAnswer {
  const direct = target.attempt(flight.secure, flight.host);
  flight.target = target;
  flight.directReason = '';
  flight.attempts += 1;
  if (direct.ours) {
    return errorPage(edge, flight, 1000, `the origin ${target.label} is this edge itself`, now);
  }
  const railgun = flight.plan?.balancer.railgun;
  const link = railgun === undefined ? undefined : flight.state.config.options.railguns.get(railgun);
  const attempt = link === undefined || flight.head.upgradeOption ? direct : target.through(link, direct);
  flight.attempt = attempt;
  hold(edge, flight);
  return attempt;
}

function hold(edge: Edge, flight: Flight): void {
  flight.open = true;
  edge.load.begin(flight.target!);
}
