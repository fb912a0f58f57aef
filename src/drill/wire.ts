/**
 * What clients of a drill do to the world, as ports: send one request, ask one DNS server. `clients-http.ts` and `clients-dns.ts` do it on
 * real sockets; tests put a small world of their own in their place.
 */
import type { Endpoint } from './lab.ts';

export interface WireRequest {
  readonly endpoint: Endpoint;
  readonly host: string;
  readonly method: string;
  readonly target: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** How one request ended, as its client saw it. Moments are of the scheduler's clock, µs; 0 = never came to that. */
export interface WireAnswer {
  /** Of the head; 0 = none came. */
  readonly status: number;
  /** Empty when the whole answer came; else an errno, `timeout`, or `cut` when the body broke off. */
  readonly error: string;
  /** The TCP connection stood: what broke, broke later. */
  readonly connected: boolean;
  readonly headAt: number;
  readonly endAt: number;
  /** Of the body. */
  readonly bytes: number;
  /** `CF-Ray` without the PoP. */
  readonly ray: string;
  /** `Cf-Railgun` as it is. */
  readonly railgun: string;
  readonly setCookie: readonly string[];
}

/** Never rejects: every ending is a value. */
export type Send = (request: WireRequest) => Promise<WireAnswer>;

export interface DnsReply {
  /** IPv4 and IPv6 addresses of the answer. */
  readonly addresses: readonly string[];
  /** Least TTL of the answer; of a negative one the SOA's minimum. */
  readonly ttlSeconds: number;
}

/**
 * `undefined` = no answer came in time. Never rejects. `id` of the message, 16 bits: the lab's edge draws about it (`ResolverSources.questionOf`).
 */
export type Ask = (server: Endpoint, name: string, id: number) => Promise<DnsReply | undefined>;

/** Requests under way at once: each is an open socket, and a run that needs more than this measures this machine instead. */
export const MAX_IN_FLIGHT = 4_000;
/** Above the edge's own read time-out of 100 s, so that the edge always speaks first. */
export const ANSWER_LIMIT_MS = 125_000;
/** Of a client that goes to an origin by itself, as the edge's (spec 6.1) and the model's. */
export const CONNECT_LIMIT_MS = 19_000;
/** As common stub resolvers: this long, this many times. */
export const DNS_LIMIT_MS = 2_000;
export const DNS_TRIES = 2;
