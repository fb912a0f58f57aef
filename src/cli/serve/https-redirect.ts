/**
 * `always_use_https`, the zone's setting, as serve keeps it: a request in clear text is sent to the same place over HTTPS, before anything
 * is decided about it. Only where this edge listens for HTTPS at all: a redirect to a port that nobody listens at would help no one.
 *
 * 301 for GET and HEAD, as the service answers; 308 for the others, because a client may turn a POST into a GET after a 301.
 */
import type { Model } from '../../core/model.ts';
import type { Micros } from '../../core/time.ts';
import { type Edge, type EdgeClient, memoOf } from '../../edge/edge.ts';
import { Flight } from '../../edge/flight.ts';
import type { HostOwner } from '../../edge/edge-config.ts';
import { fieldLine, fieldName } from '../../http1/field-set.ts';
import type { RequestHead } from '../../http1/head.ts';
import type { LocalAnswer } from '../../live/proxy/brain.ts';

const FORWARDED_PROTO = fieldName('x-forwarded-proto');
const HTTPS_PORT = 443;

/** Does any zone ask for it? Else no request need be looked at. */
export function asksForHttps(model: Model): boolean {
  return model.zones.some((zone) => zone.alwaysUseHttps) || model.loadBalancers.some((each) => each.alwaysUseHttps);
}

/** The redirect, or undefined when the request may go on. `port`: where HTTPS is. The client's flight is set for the log, as in `handleRequest`. */
export function httpsRedirect(
  edge: Edge,
  head: RequestHead,
  client: EdgeClient,
  now: Micros,
  port: number,
): LocalAnswer | undefined {
  // Without a name or a path there is nowhere to send it.
  if (head.host === '' || !head.path.startsWith('/')) return undefined;
  const { state } = edge;
  const owner = state.config.owner(head.host);
  if (!wantsHttps(state.config.model, owner)) return undefined;
  const memo = memoOf(edge, client);
  // The visitor came by HTTPS to a proxy in front of us, and would be sent in a circle.
  if (memo.trust === 'proxy' && head.get(FORWARDED_PROTO)?.toLowerCase() === 'https') return undefined;
  const flight = (memo.flight = new Flight(head, state, memo.own, false, edge.rays.next(), now));
  flight.host = owner.host;
  if (owner.kind === 'balancer') flight.plan = state.config.plans[owner.index];
  const name = head.host.replace(/:\d*$/, '');
  const location = `https://${name}${port === HTTPS_PORT ? '' : `:${port}`}${head.path}`;
  return {
    kind: 'answer',
    status: head.method === 'GET' || head.method === 'HEAD' ? 301 : 308,
    fields: `${fieldLine('Location', location)}Content-Type: text/plain\r\nCF-Ray: ${flight.rayId}\r\n`,
    body: `${location}\n`,
  };
}

function wantsHttps(model: Model, owner: HostOwner): boolean {
  if (owner.kind === 'balancer') return model.loadBalancers[owner.index]?.alwaysUseHttps === true;
  if (owner.kind === 'nobody') return false;
  return model.zones.some(
    (zone) => zone.alwaysUseHttps && (owner.host === zone.name || owner.host.endsWith(`.${zone.name}`)),
  );
}
