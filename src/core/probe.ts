/**
 * Probes as data: what to send, what came back, and the port between them. `health` decides what to send and what an answer
 * means; `live/prober` sends over real sockets, `sim` answers from a model. Neither knows streaks, votes or pools.
 */
import type { MonitorType } from './model.ts';

/**
 * How a probe ended. `no_failures` is a pass; the others follow the public list of health-check errors (spec 3.1) and go on
 * after it with what that list has no word for. The API spelling is unknown: texts are in `health/reasons.ts`.
 */
export type ProbeReason =
  | 'no_failures'
  | 'tcp_connection_failed'
  | 'http_timeout'
  | 'response_code_mismatch'
  | 'response_body_mismatch'
  | 'tls_untrusted_certificate'
  | 'tls_name_mismatch'
  | 'tls_protocol_error'
  | 'tls_unrecognized_name'
  | 'no_route_to_host'
  | 'tcp_timeout'
  | 'tls_handshake_failure'
  | 'network_unreachable'
  | 'http_invalid_response'
  | 'dns_unknown_host'
  | 'connection_reset'
  | 'monitor_config_error'
  | 'dns_internal'
  | 'other_failure'
  | 'icmp_timeout' //           ours: no echo reply
  | 'icmp_port_unreachable'; // ours: the second half of udp_icmp

/** The end of one probe, judged. */
export interface ProbeOutcome {
  readonly reason: ProbeReason;
  /** From the probe to its response, whole µs; `undefined` when nothing answered. */
  readonly rttUs: number | undefined;
}

/** One probe as it is put on the wire: every precedence and default settled. */
export interface ProbeRequest {
  readonly type: MonitorType;
  /** IPv4, IPv6 or host name. */
  readonly address: string;
  /** 0 only for icmp_ping. */
  readonly port: number;
  readonly timeoutMs: number;
  /** HTTP kinds only; empty otherwise. */
  readonly method: string;
  readonly path: string;
  /** In sending order, `Host` first; `User-Agent` included. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Name for the TLS handshake, and to check the certificate against; `undefined` = none is sent, and `address` is checked. */
  readonly serverName: string | undefined;
  readonly verifyCertificate: boolean;
  /** Redirects to follow; 0 = the redirect itself is the answer. */
  readonly maxRedirects: number;
  /** How much of the body is wanted, bytes; 0 = none. */
  readonly bodyBytes: number;
  /** Zone whose settings the probe takes on; empty = none. Carried for the record: see docs/health.md. */
  readonly probeZone: string;
}

/** What came back, not yet judged. */
export type ProbeAnswer =
  | {
      readonly kind: 'http';
      readonly status: number;
      /** The first bytes of the body, at most `bodyBytes`. */
      readonly body: Uint8Array;
      readonly rttUs: number;
    }
  /** tcp, smtp and ICMP kinds: the dialogue went as it should. */
  | { readonly kind: 'passed'; readonly rttUs: number }
  | {
      readonly kind: 'failed';
      readonly reason: Exclude<ProbeReason, 'no_failures'>;
      /** For people: the socket's own words. */
      readonly detail: string;
      readonly rttUs: number | undefined;
    };

/** Sends probes. `done` is called exactly once, never before `send` has returned, and not at all once cancelled. */
export interface ProbeTransport {
  /** Returns the way to call it off. */
  send(request: ProbeRequest, done: (answer: ProbeAnswer) => void): () => void;
}
