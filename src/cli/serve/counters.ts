/**
 * What the edge counts, and under which names Prometheus sees it (docs/metrics.md). The brain adds to places in one array; this file
 * knows which place is which.
 */
import type { AffinityOutcome } from '../../core/decision.ts';
import type { Model } from '../../core/model.ts';
import type { OriginTarget } from '../../edge/attempts.ts';
import type { Flight } from '../../edge/flight.ts';
import { ATTEMPT_FAULTS, type AttemptFault } from '../../core/attempt-fault.ts';
import { CounterTable, type Family, type HistogramFamily } from '../../live/counter-table.ts';
import type { ExchangeReport } from '../../live/proxy/brain.ts';
import { LINK_FAMILIES } from './link-metrics.ts';

const counter = (name: string, help: string, ...labels: string[]): Family => ({ name, help, kind: 'counter', labels });
const gauge = (name: string, help: string, ...labels: string[]): Family => ({ name, help, kind: 'gauge', labels });

export const FAMILIES: readonly Family[] = [
  counter('switchyard_requests_total', 'Requests finished.', 'balancer', 'status'),
  counter('switchyard_request_bytes_total', 'Payload bytes of request bodies.', 'balancer'),
  counter('switchyard_response_bytes_total', 'Bytes written to clients, heads included.', 'balancer'),
  counter('switchyard_fallback_requests_total', 'Requests that the fallback pool got.', 'balancer'),
  counter('switchyard_affinity_total', 'What became of sessions, by request.', 'balancer', 'outcome'),
  counter('switchyard_failovers_total', 'Requests tried again on another origin.', 'balancer', 'scope'),
  counter('switchyard_edge_errors_total', 'Error pages made by the edge.', 'balancer', 'code'),
  counter('switchyard_outcomes_total', 'How exchanges ended.', 'outcome'),
  counter(
    'switchyard_refused_requests_total',
    'Requests that are not HTTP as accepted, too slow or too many.',
    'fault',
  ),
  counter('switchyard_origin_requests_total', 'Attempts, by origin.', 'pool', 'origin'),
  counter('switchyard_origin_faults_total', 'Attempts that failed, by origin.', 'pool', 'origin', 'fault'),
  gauge('switchyard_origin_outstanding', 'Attempts under way.', 'pool', 'origin'),
  gauge('switchyard_origin_healthy', '1 healthy, 0 unhealthy or unprobed, as the world sees it.', 'pool', 'origin'),
  gauge('switchyard_pool_healthy', '1 where the pool may serve.', 'pool'),
  counter('switchyard_probes_total', 'Probe cycles ended.', 'pool', 'origin', 'result'),
  counter('switchyard_health_changes_total', 'Changes of state, of origins and pools.', 'scope'),
  gauge('switchyard_connections', 'Client connections open.'),
  gauge('switchyard_requests_in_flight', 'Requests under way.'),
  gauge('switchyard_origin_connections', 'Connections to origins open.'),
  gauge('switchyard_origin_connections_idle', 'Of those, idle.'),
  counter('switchyard_connections_accepted_total', 'Client connections accepted.'),
  counter('switchyard_connections_turned_away_total', 'Client connections closed because of a limit.'),
  counter('switchyard_dns_queries_total', 'DNS queries, by answer.', 'transport', 'rcode'),
  counter('switchyard_dns_dropped_total', 'DNS messages that were no queries, or too many.'),
  counter('switchyard_access_log_dropped_total', 'Lines of the access log that were lost.'),
  counter('switchyard_reloads_total', 'Configurations offered.', 'result'),
  gauge('switchyard_config_info', 'The configuration in force.', 'hash'),
  gauge('switchyard_workers', 'Workers that serve.'),
  counter('switchyard_worker_restarts_total', 'Workers that died and were replaced.'),
  counter('switchyard_mistakes_total', 'Our own mistakes: see the log.'),
  counter('process_cpu_seconds_total', 'CPU of all processes, user and system.'),
  gauge('process_resident_memory_bytes', 'Memory of all processes.'),
  ...LINK_FAMILIES,
];

const DURATION: HistogramFamily = {
  name: 'switchyard_request_duration_seconds',
  help: 'From the head of a request to the end of its answer.',
  labels: ['balancer'],
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
};
export const HISTOGRAMS: readonly HistogramFamily[] = [DURATION];

/** Of requests that reach no balancer. */
const NOBODY = '(none)';
const OUTCOMES = ['off', 'no_claim', 'kept', 'expired', 'foreign', 'origin_gone', 'origin_unhealthy'] as const;
const MORE_OUTCOMES = ['pool_unavailable', 'drained', 'shed', 'moved', 'visiting'] as const;

interface BalancerSlots {
  /** By hundreds of the status; 0 = none was sent. */
  readonly status: readonly number[];
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly fallback: number;
  readonly affinity: ReadonlyMap<AffinityOutcome, number>;
  readonly samePool: number;
  readonly nextPool: number;
  readonly duration: number;
}

export class EdgeCounters {
  readonly table = new CounterTable();
  #balancers: readonly BalancerSlots[] = [];
  readonly #nobody: BalancerSlots;
  readonly #outcomes = new Map<string, number>();
  /** By slot of a target: attempts, then one per fault. */
  readonly #origins: (Int32Array | undefined)[] = [];

  constructor() {
    this.#nobody = this.#balancer(NOBODY);
  }

  /** Places for the names of a configuration; those of the one before stay. */
  adopt(model: Model): void {
    this.#balancers = model.loadBalancers.map((each) => this.#balancer(each.name));
  }

  add(family: string, labels: Readonly<Record<string, string>> = {}, by = 1): void {
    this.table.values[this.table.slot(family, labels)]! += by;
  }

  attempted(target: OriginTarget): void {
    const slots = (this.#origins[target.slot] ??= this.#origin(target));
    this.table.values[slots[0]!]! += 1;
  }

  attemptFailed(target: OriginTarget, fault: AttemptFault): void {
    const slots = (this.#origins[target.slot] ??= this.#origin(target));
    this.table.values[slots[1 + ATTEMPT_FAULTS.indexOf(fault)]!]! += 1;
  }

  failedOver(flight: Flight): void {
    const slots = this.#of(flight.balancer);
    const next = flight.decision?.because === 'zero_downtime_next_pool';
    this.table.values[next ? slots.nextPool : slots.samePool]! += 1;
  }

  done(flight: Flight | undefined, report: ExchangeReport): void {
    const { values } = this.table;
    const slots = this.#of(flight?.balancer ?? -1);
    values[slots.status[Math.min(5, Math.floor(report.status / 100))]!]! += 1;
    values[slots.requestBytes]! += report.requestBytes;
    values[slots.responseBytes]! += report.responseBytes;
    this.table.observe(slots.duration, DURATION.buckets, (report.endMs - report.startMs) / 1_000);
    const decision = flight?.decision;
    if (decision !== undefined && (decision.kind === 'origin' || decision.kind === 'fallback')) {
      if (decision.kind === 'fallback') values[slots.fallback]! += 1;
      values[slots.affinity.get(decision.affinity)!]! += 1;
    }
    let outcome = this.#outcomes.get(report.outcome);
    if (outcome === undefined) {
      outcome = this.table.slot('switchyard_outcomes_total', { outcome: report.outcome });
      this.#outcomes.set(report.outcome, outcome);
    }
    values[outcome]! += 1;
    if (flight?.error !== undefined && report.outcome === 'local') {
      const balancer = flight.plan?.balancer.name ?? NOBODY;
      this.add('switchyard_edge_errors_total', { balancer, code: String(flight.error) });
    }
  }

  #of(balancer: number): BalancerSlots {
    return this.#balancers[balancer] ?? this.#nobody;
  }

  #balancer(balancer: string): BalancerSlots {
    const { table } = this;
    const words = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'];
    return {
      status: words.map((status) => table.slot('switchyard_requests_total', { balancer, status })),
      requestBytes: table.slot('switchyard_request_bytes_total', { balancer }),
      responseBytes: table.slot('switchyard_response_bytes_total', { balancer }),
      fallback: table.slot('switchyard_fallback_requests_total', { balancer }),
      affinity: new Map(
        [...OUTCOMES, ...MORE_OUTCOMES].map((outcome) => [
          outcome,
          table.slot('switchyard_affinity_total', { balancer, outcome }),
        ]),
      ),
      samePool: table.slot('switchyard_failovers_total', { balancer, scope: 'same_pool' }),
      nextPool: table.slot('switchyard_failovers_total', { balancer, scope: 'next_pool' }),
      duration: table.histogram(DURATION, { balancer }),
    };
  }

  #origin({ poolName: pool, originName: origin }: OriginTarget): Int32Array {
    const faults = ATTEMPT_FAULTS.map((fault) =>
      this.table.slot('switchyard_origin_faults_total', { pool, origin, fault }),
    );
    return Int32Array.of(this.table.slot('switchyard_origin_requests_total', { pool, origin }), ...faults);
  }
}
