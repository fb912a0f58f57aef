/**
 * What clients of a drill ask for: the request of an arrival as it goes on the wire. Where they are is the replay's to say
 * (`replay/whereabouts.ts`).
 */
import type { Location } from '../core/location.ts';
import type { Model } from '../core/model.ts';
import type { Arrival } from '../replay/arrivals.ts';
import { pageTarget } from '../replay/page-target.ts';
import type { TrafficSpec } from '../replay/scenario.ts';
import { BYTES_FIELD, KEY_FIELD, TEXT_FIELD } from './lab.ts';

/** Cookies, and what says something else than who it is. */
const NOT_OWN = /^(?:cookie(?::.*)?|host|referer|user-agent)$/;

/** Path and query: what the log says, or the URL of a population's page. */
export function targetOf(spec: TrafficSpec, arrival: Arrival): string {
  if (spec.kind === 'log') return arrival.path === '' ? '/' : arrival.path;
  return pageTarget(arrival.path, arrival.page);
}

/** Items of all header affinities: in each of them a client carries its own number, as in the replay (`replay/arrival-facts.ts`). */
export function sessionItems({ loadBalancers }: Model): readonly string[] {
  const affinities = loadBalancers.flatMap(({ affinity, rules }) => [
    affinity,
    ...rules.map((rule) => rule.overrides.affinity),
  ]);
  return [...new Set(affinities.flatMap((affinity) => (affinity?.kind === 'header' ? (affinity.headers ?? []) : [])))];
}

/**
 * The fields that say who asks and for what. Edges of a lab are given their PoP, so the country moves nobody.
 *
 * @param items Of `sessionItems`.
 */
export function fieldsOf(
  arrival: Arrival,
  address: string,
  location: Location,
  cookie: string,
  items: readonly string[],
): Readonly<Record<string, string>> {
  const own = `c${arrival.client}`;
  const inCookie = items.some((item) => item === 'cookie' || item.startsWith('cookie:'));
  const cookies = [cookie, inCookie ? `session=${own}` : ''].filter((one) => one !== '').join('; ');
  return {
    ...Object.fromEntries(items.filter((item) => !NOT_OWN.test(item)).map((item) => [item, own])),
    'CF-Connecting-IP': address,
    'CF-IPCountry': location.country,
    [BYTES_FIELD]: String(arrival.bodyBytes),
    [TEXT_FIELD]: arrival.text ? '1' : '0',
    [KEY_FIELD]: String(arrival.key >>> 0),
    ...(cookies === '' ? {} : { Cookie: cookies }),
  };
}
