/**
 * What steering is asked, and the world it may look at. The caller may keep one mutable `SteerRequest` and one mutable
 * `SteerWorld` and refill them: nothing here is remembered past the call, except `Location` objects, which are interned.
 *
 * Facts about the message are read only when a rule or header affinity wants them, so they are methods: the live edge
 * answers from the head it parsed, the replay from a log line, without building a map of headers for every request.
 */
import type { AffinityClaim } from '../core/decision.ts';
import type { HealthView, LoadView, NameView } from '../core/health-view.ts';
import type { Location } from '../core/location.ts';
import type { Random } from '../core/random.ts';
import type { Micros } from '../core/time.ts';
import type { SessionLookup } from './header-sessions.ts';

export interface SteerRequest {
  location: Location;
  /** `hashAddress(clientAddress)`: memoise it with the connection. */
  clientHash: number;
  clientAddress: string;
  /** The session that the cookie names, signature checked (`AffinityCookies.decode`). Age and balancer are judged here. */
  claim: AffinityClaim | undefined;
  /** Why there is no claim although a cookie came; only for the trace. */
  claimProblem?: 'expired' | 'foreign' | undefined;
  facts: RequestFacts | undefined;
}

export interface SteerWorld {
  health: HealthView;
  load: LoadView;
  names: NameView;
  random: Random;
  now: Micros;
  /** Header sessions, world-wide; without it `header` affinity never finds a session. */
  sessions?: SessionLookup | undefined;
}

export type RequestFacts = HttpFacts | DnsFacts;

export interface HttpFacts {
  readonly kind: 'http';
  readonly method: string;
  readonly host: string;
  /** Raw path without the query. */
  readonly path: string;
  /** Without the `?`; empty when there is none. */
  readonly query: string;
  /** `HTTP/1.1` */
  readonly version: string;
  /** Values of one header by lower-case name, in order; empty when absent. */
  header(name: string): readonly string[];
  /** Every header: lower-case names, each once. */
  headerNames(): readonly string[];
  /** Number of the client's autonomous system, when known. */
  readonly asn?: number | undefined;
}

export interface DnsFacts {
  readonly kind: 'dns';
  /** Lower case, without a trailing dot. */
  readonly name: string;
  /** `A` */
  readonly type: string;
  /** Client subnet option, when one came. */
  readonly clientSubnet?: string | undefined;
  readonly asn?: number | undefined;
}

/** Facts from plain data, for replays and tests; `headers` has lower-case names. */
export function httpFacts(message: {
  readonly method?: string;
  readonly host?: string;
  readonly path?: string;
  readonly query?: string;
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly asn?: number;
}): HttpFacts {
  const headers = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    headers.set(name, typeof value === 'string' ? [value] : value);
  }
  return {
    kind: 'http',
    method: message.method ?? 'GET',
    host: message.host ?? '',
    path: message.path ?? '/',
    query: message.query ?? '',
    version: message.version ?? 'HTTP/1.1',
    header: (name) => headers.get(name) ?? NONE,
    headerNames: () => [...headers.keys()],
    asn: message.asn,
  };
}

const NONE: readonly string[] = [];
