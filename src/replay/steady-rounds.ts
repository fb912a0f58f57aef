/**
 * What a drill asks before its run begins, played in virtual time: every PoP asks for every name that goes over the link, round after round,
 * so that lanes are open and their windows and stores have seen a page when the first arrival comes. Nothing of it is counted or told.
 */
import type { Scheduler } from '../core/ports.ts';
import { type Micros, micros } from '../core/time.ts';
import type { ReplayInput } from './load.ts';
import { PLACES } from './places.ts';

export interface SteadyRounds {
  /** The last round ends so long before the run begins. */
  readonly leadUs: number;
  readonly spanUs: number;
  readonly everyUs: number;
  /** The page, and how long it is to be. */
  readonly page: number;
  readonly bodyBytes: number;
}

export interface SteadyRequest {
  readonly balancer: number;
  readonly host: string;
  readonly path: string;
  readonly page: number;
  readonly bodyBytes: number;
  readonly wire: boolean;
}

/** The clock must not be later than `steadyFrom`. */
export function planSteadyRounds(
  { scenario, model, locator, balancerOf, start }: ReplayInput,
  { leadUs, spanUs, everyUs, page, bodyBytes }: SteadyRounds,
  scheduler: Scheduler,
  ask: (pop: number, request: SteadyRequest) => void,
): void {
  const requests = new Map<number, SteadyRequest>();
  for (const spec of scenario.traffic) {
    const balancer = balancerOf(spec.host);
    const { name, railgun, proxied } = model.loadBalancers[balancer] ?? {
      name: '',
      railgun: undefined,
      proxied: false,
    };
    if (railgun === undefined || !proxied || requests.has(balancer)) continue;
    const path = spec.kind === 'clients' ? spec.path : '/';
    const wire = spec.fidelity === 'wire';
    requests.set(balancer, { balancer, host: spec.host ?? name, path, page, bodyBytes, wire });
  }
  if (requests.size === 0) return;
  const pops = locator.popsInUse.map((code) => PLACES.indexOf(code)!);
  const end = start - leadUs;
  for (let at = end - spanUs; at < end; at += everyUs) {
    scheduler.at(micros(at), () => {
      for (const pop of pops) for (const request of requests.values()) ask(pop, request);
    });
  }
}

/** The moment of the first round. */
export function steadyFrom(start: Micros, { leadUs, spanUs }: SteadyRounds): Micros {
  return micros(start - leadUs - spanUs);
}
