/**
 * What the edge would do with a request, rung by rung, without doing it: the real steering in the world as it is now, with its own
 * draws, so that asking changes nothing. `switchyard explain` asks the same of a scenario.
 */
import type { Decision, Rung } from '../core/decision.ts';
import { seededRandom } from '../core/random.ts';
import type { Micros } from '../core/time.ts';
import { parseAddress } from '../geo/addresses.ts';
import { findCountry, findPop } from '../geo/tables.ts';
import { hashAddress } from '../steering/hash.ts';
import { httpFacts, type SteerRequest } from '../steering/request.ts';
import { steer } from '../steering/steer.ts';
import type { Edge } from './edge.ts';

/** All may be missing: then the first balancer is asked by a client at the default PoP. */
export interface ExplainQuestion {
  readonly host?: string;
  readonly ip?: string;
  readonly pop?: string;
  readonly country?: string;
  readonly path?: string;
  readonly method?: string;
  /** A `__cflb` value, or `pool/origin` for a session that was made just now. */
  readonly cookie?: string;
}

export interface Explained {
  readonly balancer: string;
  readonly client: {
    readonly address: string;
    readonly pop: string;
    readonly region: string;
    readonly country: string;
  };
  /** Kind, pool and origin by name, and why. */
  readonly decision: Readonly<Record<string, unknown>>;
  readonly rungs: readonly Rung[];
}

export function explainRequest(
  edge: Edge,
  question: ExplainQuestion,
  now: Micros,
): Explained | { readonly problem: string } {
  const { config, world } = edge.state;
  const owner = config.owner(question.host ?? '');
  if (owner.kind === 'nobody') return { problem: `${question.host ?? ''}: ${owner.why}` };
  if (owner.kind === 'record') return { problem: `${owner.host}: a record of the zone answers, no load balancer` };
  if (question.ip !== undefined && parseAddress(question.ip) === undefined)
    return { problem: `ip: "${question.ip}" is no address` };
  if (question.pop !== undefined && findPop(question.pop) === undefined)
    return { problem: `pop: unknown PoP "${question.pop}"` };
  if (question.country !== undefined && findCountry(question.country) === undefined) {
    return { problem: `country: unknown country "${question.country}"` };
  }
  const plan = config.plans[owner.index]!;
  const address = parseAddress(question.ip ?? '127.0.0.1')!.text;
  const place = edge.clients.place(address, question.country);
  const location =
    question.pop === undefined ? place.location : edge.clients.at(question.pop, address, question.country);
  const target = question.path ?? '/';
  const at = target.indexOf('?');
  const request: SteerRequest = {
    location,
    clientHash: hashAddress(address),
    clientAddress: address,
    claim: undefined,
    facts: httpFacts({
      method: question.method ?? 'GET',
      host: owner.host,
      path: at < 0 ? target : target.slice(0, at),
      query: at < 0 ? '' : target.slice(at + 1),
      headers: { host: owner.host, ...(question.cookie === undefined ? {} : { cookie: `__cflb=${question.cookie}` }) },
    }),
  };
  if (question.cookie !== undefined) {
    const [pool, origin] = question.cookie.split('/');
    const named = config.model.pools.find((each) => each.id === pool || each.name === pool);
    if (origin !== undefined && named !== undefined) {
      request.claim = { loadBalancer: plan.balancer.id, pool: named.id, origin, issuedAt: Math.floor(now / 1e6) };
    } else {
      const claim = config.cookies.decode(question.cookie);
      if (claim === undefined || claim.loadBalancer !== plan.balancer.id) request.claimProblem = 'foreign';
      else request.claim = claim;
    }
  }
  const rungs: Rung[] = [];
  const random = seededRandom(`explain/${now}`);
  const decision = steer(plan, request, { ...world, random, now }, { add: (rung) => rungs.push(rung) });
  return {
    balancer: plan.balancer.name,
    client: { address, pop: location.pop, region: location.region ?? '', country: location.country },
    decision: shown(edge, decision),
    rungs,
  };
}

function shown(edge: Edge, decision: Decision): Readonly<Record<string, unknown>> {
  const { kind, because } = decision;
  if (kind === 'fixed_response') return { kind, because, status: decision.response.statusCode };
  if (kind !== 'origin' && kind !== 'fallback') return { kind, because };
  const target = edge.state.config.targets[decision.pool]![decision.origin]!;
  return {
    kind,
    because,
    pool: target.poolName,
    origin: target.originName,
    address: target.address,
    affinity: decision.affinity,
    new_session: decision.newClaim !== undefined,
  };
}
