/**
 * The edge's decisions, plugged into the proxy engine: hands each question to `edge/handle-request.ts` with the time, and counts and
 * logs what came of it. Nothing is decided here.
 */
import type { Micros } from '../../core/time.ts';
import { composeResponse } from '../../edge/compose-response.ts';
import { ClientMemo, type Edge } from '../../edge/edge.ts';
import type { EdgeErrorCode } from '../../edge/error-page.ts';
import type { Flight } from '../../edge/flight.ts';
import { attemptFailed, handleRequest, settle } from '../../edge/handle-request.ts';
import type { RequestHead, ResponseHead } from '../../http1/head.ts';
import type { ResponseEdit } from '../../http1/write-head.ts';
import { accessLine, emptyAccessEntry } from '../../live/access-log.ts';
import type { LineFile } from '../../live/line-file.ts';
import type { AttemptFailure } from '../../core/attempt-fault.ts';
import type {
  Attempt,
  ClientInfo,
  ExchangeReport,
  LocalAnswer,
  ProxyBrain,
  RefusalFault,
  RefusedRequest,
} from '../../live/proxy/brain.ts';
import type { EdgeCounters } from './counters.ts';
import { httpsRedirect } from './https-redirect.ts';

export interface BrainPorts {
  readonly edge: Edge;
  readonly counters: EdgeCounters;
  readonly now: () => Micros;
  /** Undefined: no access log. */
  readonly log: LineFile | undefined;
  /** Port to which `always_use_https` sends requests in clear text; 0 = none asks for it, or there is no such port. */
  readonly httpsPort?: () => number;
  /** A request was tried again elsewhere. */
  readonly onFailover: (flight: Flight, from: string, error: EdgeErrorCode | undefined) => void;
}

export class EdgeBrain implements ProxyBrain<Flight> {
  readonly #edge: Edge;
  readonly #counters: EdgeCounters;
  readonly #now: () => Micros;
  readonly #log: LineFile | undefined;
  readonly #httpsPort: () => number;
  readonly #onFailover: BrainPorts['onFailover'];
  readonly #entry = emptyAccessEntry();

  constructor(ports: BrainPorts) {
    this.#edge = ports.edge;
    this.#counters = ports.counters;
    this.#now = ports.now;
    this.#log = ports.log;
    this.#httpsPort = ports.httpsPort ?? (() => 0);
    this.#onFailover = ports.onFailover;
  }

  route(head: RequestHead, client: ClientInfo): Flight | LocalAnswer {
    const httpsPort = client.scheme === 'http' ? this.#httpsPort() : 0;
    if (httpsPort !== 0) {
      const redirect = httpsRedirect(this.#edge, head, client, this.#now(), httpsPort);
      if (redirect !== undefined) return redirect;
    }
    const made = handleRequest(this.#edge, head, client, this.#now());
    if (made.kind === 'forward') this.#counters.attempted(made.target!);
    return made;
  }

  attemptFailed(flight: Flight, failure: AttemptFailure): Attempt | LocalAnswer {
    const from = flight.target!;
    const failovers = flight.failedOver;
    this.#counters.attemptFailed(from, failure.kind);
    const next = attemptFailed(this.#edge, flight, failure, this.#now());
    if (next.kind !== 'answer') {
      this.#counters.attempted(flight.target!);
      if (flight.target !== from) (flight.tried ??= []).push(`${from.label} ${flight.error ?? 0}`);
      if (flight.failedOver && !failovers) {
        this.#counters.failedOver(flight);
        this.#onFailover(flight, from.label, flight.error);
      }
    }
    return next;
  }

  responseHead(flight: Flight, head: ResponseHead): ResponseEdit {
    return composeResponse(this.#edge, flight, head.status, this.#now());
  }

  done(plan: Flight | undefined, report: ExchangeReport): void {
    const { memo } = report.client;
    const found = plan ?? (memo instanceof ClientMemo ? memo.flight : undefined);
    // What the engine answered by itself (TRACE, a full house) never came by `route`: the last flight is another request's.
    const flight = found === undefined || found.finished ? undefined : found;
    if (flight !== undefined) {
      settle(this.#edge, flight);
      flight.finished = true;
    }
    this.#counters.done(flight, report);
    if (this.#log !== undefined) this.#write(this.#log, flight, report);
  }

  refused(status: number, fault: RefusalFault, _client: ClientInfo): LocalAnswer {
    this.#counters.add('switchyard_refused_requests_total', { fault });
    const retry = status === 503 ? 'Retry-After: 1\r\n' : '';
    return {
      kind: 'answer',
      status,
      fields: `Content-Type: text/plain\r\n${retry}`,
      body: `${status}: the edge does not accept this request (${fault})\n`,
    };
  }

  /** What never came to `route` is in the log with what could be read of it. */
  unrouted({ client, status, fault, seen, responseBytes }: RefusedRequest): void {
    if (this.#log === undefined) return;
    const now = this.#now();
    const unknown = emptyAccessEntry();
    this.#log.add(
      accessLine({
        ...unknown,
        clientAddress: client.address,
        clientCountry: 'xx',
        host: seen.host,
        method: seen.method,
        target: seen.target,
        protocol: seen.protocol,
        scheme: client.scheme,
        startUs: now,
        endUs: now,
        status,
        responseBytes,
        because: fault,
        outcome: 'refused',
      }),
    );
  }

  #write(log: LineFile, flight: Flight | undefined, report: ExchangeReport): void {
    const entry = this.#entry;
    const { head, client } = report;
    entry.host = head.host;
    entry.method = head.method;
    entry.target = head.target;
    entry.protocol = client.http2 === true ? 'HTTP/2' : head.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
    entry.scheme = client.scheme;
    entry.requestBytes = report.requestBytes;
    entry.status = report.status;
    entry.responseBytes = report.responseBytes;
    entry.outcome = report.outcome;
    const durationUs = Math.round((report.endMs - report.startMs) * 1_000);
    if (flight === undefined) {
      entry.clientAddress = client.address;
      entry.clientCountry = 'xx';
      entry.pop = '';
      entry.startUs = this.#now() - durationUs;
      entry.ray = '';
      entry.balancer = '';
    } else {
      entry.clientAddress = flight.place.address;
      entry.clientCountry = flight.place.country;
      entry.pop = flight.place.location.pop;
      entry.startUs = flight.startedAt;
      entry.ray = flight.ray;
      entry.balancer = flight.plan?.balancer.name ?? '';
    }
    entry.endUs = entry.startUs + durationUs;
    const target = flight?.target;
    entry.originAddress = target?.address ?? '';
    entry.pool = target?.poolName ?? '';
    entry.origin = target?.originName ?? '';
    entry.originStatus = flight?.originStatus ?? 0;
    entry.attempts = flight?.attempts ?? 0;
    entry.tried = flight?.tried;
    entry.candidates = flight?.candidates;
    entry.error = report.outcome === 'local' ? (flight?.error ?? 0) : 0;
    const decision = flight?.decision;
    entry.because = decision?.because ?? '';
    entry.fallback = decision?.kind === 'fallback';
    entry.affinity = decision !== undefined && 'affinity' in decision ? decision.affinity : '';
    log.add(accessLine(entry));
  }
}
