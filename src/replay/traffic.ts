/**
 * All requests of a run, in order of time: the scenario's logs and populations as one stream. A function of the scenario and the seed
 * alone, never of answers, so a replay and a drill of one file send the same clients with the same requests at the same moments.
 */
import type { Location } from '../core/location.ts';
import type { TrafficSource as SourceRow } from '../core/report.ts';
import type { LogEntry } from './access-log.ts';
import type { TrafficSource } from './arrivals.ts';
import { ClientSource } from './client-source.ts';
import type { ClientTable } from './clients.ts';
import type { ReplayInput } from './load.ts';
import { LogSource } from './log-source.ts';
import { Population } from './population.ts';
import { type ClientTraffic, type LogTraffic, type ResolverPolicy, momentOf } from './scenario.ts';

/** Numbers the resolvers that a source of traffic asks. */
export type AddResolvers = (policy: ResolverPolicy, perPop: number) => number;

export class Traffic {
  readonly #input: ReplayInput;
  readonly #addResolvers: AddResolvers;
  readonly #sources: TrafficSource[] = [];
  readonly #populations: Population[] = [];
  readonly #logs: { source: LogSource; spec: LogTraffic; index: number }[] = [];
  readonly #addresses: string[] = [];
  readonly #assumed = new Map<string, number>();

  /** @param addResolvers Called once for each entry of `traffic`, in order, when the run begins. */
  constructor(input: ReplayInput, addResolvers: AddResolvers) {
    this.#input = input;
    this.#addResolvers = addResolvers;
  }

  /** @param clients Filled with everyone who will send requests: populations now, clients of a log as they appear. */
  begin(clients: ClientTable): void {
    this.#input.scenario.traffic.forEach((spec, index) => {
      if (spec.kind === 'log') this.#addLog(spec, index, clients);
      else this.#addClients(spec, index, clients);
    });
  }

  /** The source whose request comes next; the first of several at one time. */
  soonest(): TrafficSource | undefined {
    const sources = this.#sources;
    let soonest = sources[0];
    for (let index = 1; index < sources.length; index += 1) {
      if (sources[index]!.nextAt < soonest!.nextAt) soonest = sources[index];
    }
    return soonest;
  }

  get hasLogs(): boolean {
    return this.#logs.length > 0;
  }

  /** A log has more to give but nothing at hand: `fill` before the next `take`. */
  starved(): boolean {
    for (let index = 0; index < this.#logs.length; index += 1) if (this.#logs[index]!.source.starved) return true;
    return false;
  }

  async fill(): Promise<void> {
    for (const { source } of this.#logs) if (source.starved) await source.fill();
  }

  async close(): Promise<void> {
    for (const { source } of this.#logs) await source.close();
  }

  addressOf(client: number): string {
    const spelled = this.#addresses[client];
    if (spelled !== undefined) return spelled;
    const population = this.#populations.find((one) => client >= one.first && client < one.first + one.count);
    return population?.addressOf(client - population.first) ?? '';
  }

  /** Number of clients by what had to be assumed of their place, most first. */
  assumed(): (readonly [string, number])[] {
    return [...this.#assumed].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  }

  rows(): SourceRow[] {
    return this.#input.scenario.traffic.map((spec, index): SourceRow => {
      if (spec.kind === 'clients') {
        const first = this.#populations.find((population) => population.index === index);
        return {
          kind: 'clients',
          name: `${spec.count} clients`,
          requests: (this.#sources[index] as ClientSource).requests,
          lines: 0,
          brokenLines: 0,
          brokenLineNumbers: [],
          outOfOrder: 0,
          clients: first?.count ?? 0,
        };
      }
      const log = this.#logs.find((one) => one.index === index)!;
      const { stats } = this.#input.logs.get(spec)!;
      return {
        kind: 'log',
        name: spec.path,
        requests: log.source.requests,
        lines: stats.lines,
        brokenLines: stats.brokenLines,
        brokenLineNumbers: stats.brokenNamed.map(({ line }) => line),
        outOfOrder: stats.outOfOrder,
        clients: log.source.clients.size,
      };
    });
  }

  warnings(): string[] {
    return this.#logs.flatMap(({ source, spec }) => {
      const { stats } = this.#input.logs.get(spec)!;
      const lines: string[] = [];
      if (stats.stopped?.kind === 'read_failed')
        lines.push(`${spec.path}: reading ended early: ${stats.stopped.message}.`);
      if (stats.withoutRequest > 0)
        lines.push(`${spec.path}: ${stats.withoutRequest} lines hold no request and were left out.`);
      if (stats.brokenLines > 0) {
        const shown = stats.brokenNamed.map(({ line, reason }) => `${line}: ${reason}`).join(', ');
        const more = stats.brokenLines > stats.brokenNamed.length ? ', …' : '';
        lines.push(
          `${spec.path}: ${stats.brokenLines} of ${stats.lines} lines could not be read (line ${shown}${more}).`,
        );
      }
      if (stats.tooLate > 0)
        lines.push(
          `${spec.path}: ${stats.tooLate} lines came too far out of order to be sorted in; they were played late.`,
        );
      if (source.foreign > 0)
        lines.push(`${spec.path}: ${source.foreign} requests are for hosts without a balancer and were left out.`);
      return lines;
    });
  }

  #addClients(spec: ClientTraffic, index: number, clients: ClientTable): void {
    const { locator, start, end, model, balancerOf } = this.#input;
    const random = this.#input.random.fork(`clients/${index}`);
    const population = new Population(spec, index, locator, random.fork('places'));
    this.#populations.push(population);
    const first = clients.count;
    const cookies = random.fork('cookies');
    for (let client = 0; client < spec.count; client += 1) {
      const keeps = spec.cookieShare >= 1 || cookies.next() < spec.cookieShare;
      clients.add(population.locationOf(client), population.hashOf(client), keeps);
    }
    population.first = first;
    const source = this.#addResolvers(spec.resolver, spec.resolversPerPop);
    this.#sources.push(
      new ClientSource(
        {
          source,
          first,
          count: spec.count,
          ramp: spec.ramp.map((point) => ({ at: momentOf(point.moment, start), rate: point.rate })),
          endAt: end,
          sessionUs: spec.sessionUs,
          thinkUs: spec.thinkUs,
          pages: spec.pages,
          pageBytes: spec.pageBytes,
          balancer: balancerOf(spec.host),
          host: spec.host ?? model.loadBalancers[0]?.name ?? '',
          path: spec.path,
          method: spec.method,
          wire: spec.fidelity === 'wire',
        },
        clients,
        random.fork('arrivals'),
      ),
    );
  }

  #addLog(spec: LogTraffic, index: number, clients: ClientTable): void {
    const { logs, start, end, balancerOf } = this.#input;
    const source = new LogSource(
      {
        source: this.#addResolvers(spec.resolver, 1),
        batches: logs.get(spec)!.batches(),
        start,
        speed: spec.speed,
        endAt: end,
        balancerOf: (host) => balancerOf(spec.host ?? host),
        locate: (entry) => this.#locate(entry),
        wire: spec.fidelity === 'wire',
      },
      clients,
      (client, address) => {
        this.#addresses[client] = address;
      },
    );
    this.#sources.push(source);
    this.#logs.push({ source, spec, index });
  }

  #locate(entry: LogEntry): Location {
    const location = this.#input.locator.find({
      address: entry.client,
      ...(entry.pop === undefined ? {} : { pop: entry.pop }),
      ...(entry.country === undefined ? {} : { country: entry.country }),
    });
    for (const code of location.assumed) this.#assumed.set(code, (this.#assumed.get(code) ?? 0) + 1);
    return location;
  }
}
