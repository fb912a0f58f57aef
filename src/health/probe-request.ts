/**
 * A probe as it is put on the wire: every precedence of spec 3.1 settled, so that it can be shown before it is sent (#24).
 *
 *   Host   the origin's own override, else the monitor's header, else the address       LB-145, LB-146
 *   SNI    that Host when one was set, else none
 *   port   the monitor's, else the origin's, else the protocol's
 *
 * Assumptions: `probe_zone` names the zone whose settings the probe would take on; no such setting changes a probe sent by us, so it
 * is carried in the request and otherwise without effect. A Host set is also the name that the certificate is checked against;
 * without one it is the address.
 */
import type { Monitor, Origin, Pool } from '../core/model.ts';
import type { ProbeRequest } from '../core/probe.ts';
import { BODY_SEARCH_BYTES } from './judge.ts';

/** Hops of a probe with `follow_redirects`; the redirect after them is judged as it is [inferred; unknown in public]. */
const MAX_REDIRECTS = 10;

/** LB-147: with the first 16 characters of the pool's id. */
function userAgentOf(poolId: string): string {
  const id = poolId.slice(0, 16);
  return `Mozilla/5.0 (compatible; Cloudflare-Traffic-Manager/1.0; +https://www.cloudflare.com/traffic-manager/; pool-id: ${id})`;
}

export function probeRequest(pool: Pool, origin: Origin, monitor: Monitor): ProbeRequest {
  const http = monitor.type === 'http' || monitor.type === 'https';
  const host = http ? (origin.hostHeader ?? headerOf(monitor, 'host')) : undefined;
  return {
    type: monitor.type,
    address: origin.address,
    port: portOf(origin, monitor),
    timeoutMs: Math.round(monitor.timeoutSeconds * 1000),
    method: http ? monitor.method : '',
    path: http ? monitor.path : '',
    headers: http ? headersOf(pool, origin, monitor, host) : [],
    serverName: host === undefined ? undefined : hostNameOf(host),
    verifyCertificate: !monitor.allowInsecure,
    maxRedirects: http && monitor.followRedirects ? MAX_REDIRECTS : 0,
    bodyBytes: http && monitor.expectedBody !== '' ? BODY_SEARCH_BYTES : 0,
    probeZone: monitor.probeZone,
  };
}

/** The monitor's port says what is probed; else where the origin is served; else the protocol's. 0 for icmp_ping. */
function portOf(origin: Origin, monitor: Monitor): number {
  if (monitor.type === 'icmp_ping') return 0;
  if (monitor.port !== 0) return monitor.port;
  if (origin.port !== 0) return origin.port;
  return monitor.type === 'https' ? 443 : monitor.type === 'smtp' ? 25 : 80;
}

function headersOf(pool: Pool, origin: Origin, monitor: Monitor, host: string | undefined): [string, string][] {
  const address = origin.address.includes(':') ? `[${origin.address}]` : origin.address;
  const headers: [string, string][] = [
    ['Host', host ?? address],
    ['User-Agent', userAgentOf(pool.id)],
  ];
  for (const [name, values] of monitor.headers) {
    // `User-Agent` cannot be set (LB-041), and a second Host would be an invalid request.
    if (name.toLowerCase() === 'host' || name.toLowerCase() === 'user-agent') continue;
    for (const value of values) headers.push([name, value]);
  }
  return headers;
}

function headerOf(monitor: Monitor, wanted: string): string | undefined {
  for (const [name, values] of monitor.headers) if (name.toLowerCase() === wanted) return values[0];
  return undefined;
}

/** `shop.example:8443` without the port, `[::1]` without brackets. */
function hostNameOf(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(host);
  return bracketed === null ? host.replace(/:\d+$/, '') : bracketed[1]!;
}
