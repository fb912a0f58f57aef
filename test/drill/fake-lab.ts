/**
 * A small world in the place of a lab: one origin per model origin, edges that pick the first pool with a healthy origin, health that
 * notices after a fixed time. All in virtual time, so a drill of minutes takes none. It knows nothing of the run beyond the contract.
 */
import type { Model } from '../../src/core/model.ts';
import type { Micros } from '../../src/core/time.ts';
import { micros } from '../../src/core/time.ts';
import type { EdgeRecord, Lab, LabEdge, LabEvent } from '../../src/drill/lab.ts';
import type { Ask, Send, WireAnswer, WireRequest } from '../../src/drill/wire.ts';
import { originsNamed } from '../../src/replay/named-origins.ts';
import type { VirtualClock } from '../../src/sim/virtual-clock.ts';

export const ANSWER_US = 20_000;
/** From any PoP to any origin. */
export const ROUND_TRIP_US = 34_000;

export interface FakeOptions {
  /** From a fault or heal until every edge has noticed. */
  readonly noticeUs: number;
  /** Faults that cannot be undone, by name. */
  readonly stuck?: readonly string[];
  /** Faults that cannot be done, by name. */
  readonly impossible?: readonly string[];
  /** What `stop` leaves behind. */
  readonly leftovers?: readonly string[];
  /** An edge that answers nothing but 530. */
  readonly deadEdge?: string;
  /** How long a dead origin takes to refuse; 1 ms when left out. */
  readonly refuseUs?: number;
  /** Lines of the access log are lost. */
  readonly mute?: boolean;
  /** Edges try the next origin when one refuses. */
  readonly failover?: boolean;
}

export class FakeLab implements Lab {
  readonly edges: readonly LabEdge[];
  onRecord: (record: EdgeRecord) => void = () => {};
  /** 30 ms for a server, a second for an edge. */
  readonly startUp = new Map([
    ['edge', 1_000_000],
    ['origin', 30_000],
  ] as const);
  stops = 0;
  readonly adopted: unknown[] = [];
  readonly begun: number[] = [];
  readonly seen: WireRequest[] = [];
  readonly faults: string[] = [];
  #onEvent: (event: LabEvent) => void = () => {};
  readonly #model: Model;
  readonly #clock: VirtualClock;
  readonly #options: FakeOptions;
  readonly #origins: { readonly pool: number; readonly poolName: string; readonly name: string }[] = [];
  readonly #down = new Set<number>();
  readonly #unhealthy = new Set<number>();
  #rays = 0;

  constructor(model: Model, clock: VirtualClock, pops: readonly string[], options: FakeOptions) {
    this.#model = model;
    this.#clock = clock;
    this.#options = options;
    this.edges = pops.map((pop, index) => ({
      pop,
      listen: { host: '127.0.0.1', port: 10_000 + index },
      dns: { host: '127.0.0.1', port: 20_000 + index },
      admin: { host: '127.0.0.1', port: 30_000 + index },
    }));
    model.pools.forEach((pool, at) => {
      for (const origin of pool.origins) this.#origins.push({ pool: at, poolName: pool.name, name: origin.name });
    });
  }

  get onEvent(): (event: LabEvent) => void {
    return this.#onEvent;
  }

  set onEvent(listener: (event: LabEvent) => void) {
    this.#onEvent = listener;
    for (const number of this.#origins.keys()) this.#tell(number, 'unprobed', 'healthy');
  }

  endpointOf(_pop: string, address: string) {
    const match = /^192\.0\.2\.(\d+)$/.exec(address);
    return match === null
      ? undefined
      : {
          origin: Number(match[1]),
          endpoint: { host: address, port: 40_000 + Number(match[1]) },
          roundTripUs: ROUND_TRIP_US,
        };
  }

  async settle(): Promise<void> {}

  async startFault(
    fault: { readonly name: string },
    target: Parameters<Lab['startFault']>[1],
  ): Promise<() => Promise<void>> {
    if (this.#options.impossible?.includes(fault.name) === true) throw new Error('no such thing here');
    this.faults.push(fault.name);
    const struck = originsNamed(this.#model, target);
    for (const number of struck) this.#down.add(number);
    this.#later(this.#options.noticeUs, () => {
      for (const number of struck) if (this.#down.has(number)) this.#turn(number, false);
    });
    return async () => {
      if (this.#options.stuck?.includes(fault.name) === true) throw new Error('it holds on');
      for (const number of struck) this.#down.delete(number);
      this.#later(this.#options.noticeUs, () => {
        for (const number of struck) if (!this.#down.has(number)) this.#turn(number, true);
      });
    };
  }

  async adopt(_model: Model, raw: unknown): Promise<void> {
    this.adopted.push(raw);
  }

  begin(wallStart: Micros): void {
    this.begun.push(wallStart);
  }

  wanBytes() {
    return { toListener: 0, toEdge: 0 };
  }

  async rejected(): Promise<readonly number[]> {
    return this.#origins.map(() => 0);
  }

  async stop(): Promise<readonly string[]> {
    this.stops += 1;
    return this.#options.leftovers ?? [];
  }

  /** A process of the lab dies by itself. */
  die(): void {
    this.#onEvent({ kind: 'died', at: this.#clock.now(), what: 'edge LHR', code: 'SIGSEGV', tail: ['the last words'] });
  }

  // The clients' side

  readonly send: Send = async (request) => {
    this.seen.push(request);
    const { port } = request.endpoint;
    return port >= 40_000 ? this.#atOrigin(port - 40_000) : this.#atEdge(this.edges[port - 10_000]!);
  };

  readonly ask: Ask = async () => {
    const number = this.#choose();
    return number < 0 ? { addresses: [], ttlSeconds: 1 } : { addresses: [`192.0.2.${number}`], ttlSeconds: 3 };
  };

  async #atEdge(edge: LabEdge): Promise<WireAnswer> {
    const startUs = this.#clock.now();
    const dead = this.#options.deadEdge === edge.pop;
    const number = dead ? -1 : this.#choose();
    const first = number >= 0 && this.#down.has(number) ? number : -1;
    // Zero-downtime failover, to the origin after the one that refused.
    const origin = this.#origins[first >= 0 && this.#options.failover === true ? first + 1 : number];
    const refused = first >= 0 && this.#options.failover !== true;
    await this.#sleep(refused ? (this.#options.refuseUs ?? 1_000) : ANSWER_US);
    const status = number < 0 ? 530 : refused ? 521 : 200;
    const ray = String((this.#rays += 1)).padStart(16, '0');
    const again = first >= 0 && !refused;
    const before = this.#origins[first];
    const record: EdgeRecord = {
      pop: edge.pop,
      ray,
      startUs,
      endUs: this.#clock.now(),
      status,
      pool: origin?.poolName ?? '',
      origin: origin?.name ?? '',
      because: number < 0 ? 'nothing_may_serve' : 'policy_off',
      affinity: 'off',
      fallback: false,
      attempts: number < 0 ? 0 : again ? 2 : 1,
      candidates: '',
      tried: again ? [`${before?.poolName}/${before?.name} 521`] : [],
      outcome: status === 200 ? 'completed' : 'local',
      error: status === 200 ? 0 : status === 530 ? 1016 : status,
    };
    // The log is written in pieces: a line comes a while after its answer.
    if (this.#options.mute !== true) this.#later(300_000, () => this.onRecord(record));
    return this.#answer(status, ray);
  }

  async #atOrigin(number: number): Promise<WireAnswer> {
    const down = this.#down.has(number);
    await this.#sleep(down ? 1_000 : ANSWER_US);
    return down
      ? { ...this.#answer(0, ''), error: 'ECONNREFUSED', connected: false, headAt: 0 }
      : this.#answer(200, '');
  }

  #answer(status: number, ray: string): WireAnswer {
    const now = this.#clock.now();
    return { status, error: '', connected: true, headAt: now, endAt: now, bytes: 100, ray, railgun: '', setCookie: [] };
  }

  /** The first origin of the first pool that is not known to be down; -1 = none. */
  #choose(): number {
    return this.#origins.findIndex((_, number) => !this.#unhealthy.has(number));
  }

  #turn(number: number, healthy: boolean): void {
    if (healthy === !this.#unhealthy.has(number)) return;
    if (healthy) this.#unhealthy.delete(number);
    else this.#unhealthy.add(number);
    this.#tell(number, healthy ? 'unhealthy' : 'healthy', healthy ? 'healthy' : 'unhealthy');
  }

  #tell(number: number, from: string, to: string): void {
    const { poolName, name } = this.#origins[number]!;
    for (const { pop } of this.edges) {
      const at = this.#clock.now();
      const reason = to === 'healthy' ? 'no_failures' : 'tcp_connection_failed';
      this.#onEvent({ kind: 'health', at, pop, scope: 'origin', pool: poolName, origin: name, from, to, reason });
    }
  }

  #later(us: number, run: () => void): void {
    this.#clock.at(micros(this.#clock.now() + us), run);
  }

  #sleep(us: number): Promise<void> {
    return new Promise((resolve) => this.#later(us, resolve));
  }
}
