/**
 * A lab that stands: what the run may ask of it while it lasts (the contract is in `../lab.ts`), and how it is taken down. `build.ts` puts in
 * what it consists of.
 */
import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { configHash } from '../../config/hash.ts';
import type { Model } from '../../core/model.ts';
import { type Micros, US_PER_MS } from '../../core/time.ts';
import { originsNamed } from '../../replay/named-origins.ts';
import type { Fault, ProcessKind, Target } from '../../sim/faults/fault.ts';
import { type EdgeRecord, type Endpoint, type Lab, LabError, type LabEvent, type LabOptions } from '../lab.ts';
import type { LabCertificates } from './certificates.ts';
import { type Edge, FLUSHED_MS } from './edge.ts';
import { edgeConfig } from './edge-config.ts';
import { type FaultGround, type LabOrigin, startFault, type Undo } from './faults.ts';
import type { Listener, StoreNode } from './listeners.ts';
import type { DoorCounts } from './network.ts';
import type { OwnOrigin } from './own-origin.ts';
import { usesLink } from './plan.ts';
import { Processes } from './processes.ts';

/** How old the count of bytes over the WAN may be. */
const COUNT_MS = 200;

/** A door that an edge goes through. */
export interface Far {
  readonly pop: string;
  /** -1 = the link. */
  readonly origin: number;
  readonly id: string;
  readonly at: Endpoint;
  /** There and back, without what faults add. */
  readonly rttMs: number;
}

export class RunningLab implements Lab {
  onRecord: (record: EdgeRecord) => void = () => {};
  readonly options: LabOptions;
  readonly processes: Processes;
  edges: readonly Edge[] = [];
  /** By global number; `undefined` = not ours. */
  origins: readonly (OwnOrigin | undefined)[] = [];
  listeners: readonly Listener[] = [];
  readonly stores: { readonly node: StoreNode; readonly door: string | undefined }[] = [];
  readonly far: Far[] = [];
  /** Doors between listeners and origins, by the origin's number. */
  readonly near = new Map<number, { readonly id: string; readonly at: Endpoint }>();
  certificates: LabCertificates | undefined;
  /** At which every origin answers, each at an address of its own. */
  port = 0;
  linkKey = '';
  readonly startUp = new Map<ProcessKind, number>();
  #onEvent: ((event: LabEvent) => void) | undefined;
  /** Events before anybody listens. */
  readonly #early: LabEvent[] = [];
  #wan = { toListener: 0, toEdge: 0 };
  #counting: NodeJS.Timeout | undefined;
  #stopped: Promise<readonly string[]> | undefined;

  constructor(options: LabOptions) {
    this.options = options;
    this.processes = new Processes(options, (event) => this.onEvent(event));
  }

  get onEvent(): (event: LabEvent) => void {
    return this.#onEvent ?? ((event) => void this.#early.push(event));
  }

  /** Whoever begins to listen is told what there was before. */
  set onEvent(listener: (event: LabEvent) => void) {
    this.#onEvent = listener;
    for (const event of this.#early.splice(0)) listener(event);
  }

  /** All stands: begin to count what crosses the WAN. */
  opened(): void {
    this.#counting = setInterval(() => void this.#count().catch(() => {}), COUNT_MS);
    this.#counting.unref();
  }

  endpointOf(pop: string, address: string): ReturnType<Lab['endpointOf']> {
    const far = this.far.find((one) => one.pop === pop && one.at.host === address && one.origin >= 0);
    return far === undefined ? undefined : { origin: far.origin, endpoint: far.at, roundTripUs: far.rttMs * US_PER_MS };
  }

  async begin(wallStart: Micros): Promise<void> {
    await Promise.all(this.origins.map((origin) => origin?.startAt(wallStart)));
  }

  async settle(): Promise<void> {
    await pause(FLUSHED_MS);
    await this.#count();
  }

  async startFault(fault: Fault, target: Target, parameters: Readonly<Record<string, number>>): Promise<Undo> {
    const undo = await startFault(this.#ground, fault, target, parameters);
    let undone: Promise<void> | undefined;
    return () => (undone ??= undo());
  }

  async adopt(model: Model, raw: unknown): Promise<void> {
    await Promise.all(
      this.edges.map((edge) => {
        const { text, hash } = this.configFor(edge.pop, model, raw);
        return edge.adopt(text, hash);
      }),
    );
  }

  wanBytes(): { readonly toListener: number; readonly toEdge: number } {
    return this.#wan;
  }

  rejected(): Promise<readonly number[]> {
    return Promise.all(this.origins.map(async (origin) => (origin === undefined ? 0 : origin.rejected())));
  }

  stop(): Promise<readonly string[]> {
    this.#stopped ??= this.#takeDown();
    return this.#stopped;
  }

  async #takeDown(): Promise<readonly string[]> {
    const { processes, edges, listeners } = this;
    processes.closing = true;
    clearInterval(this.#counting);
    for (const listener of listeners) listener.close();
    // Whoever asks goes before whoever answers.
    const left = [...(await processes.end(edges.map((edge) => edge.child)))];
    for (const edge of edges) edge.close();
    left.push(...(await processes.end(listeners.flatMap((listener) => listener.children()))));
    left.push(...(await processes.endAll()));
    // What is left is found by the next start, by this very ledger.
    if (left.length === 0) rmSync(this.options.folder, { recursive: true, force: true });
    return left;
  }

  // For those who build

  linkDoors(): readonly string[] {
    return this.far.filter((one) => one.origin === -1).map((one) => one.id);
  }

  /** Origins of a listener have host names of their own, by which its map tells them apart. */
  get hasOwnHosts(): boolean {
    const { plan, input } = this.options;
    return usesLink(input.model) && plan.origins.length > 1;
  }

  configFor(pop: string, model: Model, raw: unknown): { readonly text: string; readonly hash: string } {
    const link = this.far.find((one) => one.pop === pop && one.origin === -1);
    const value = edgeConfig(raw, model, {
      origins: this.far.filter((one) => one.pop === pop && one.origin >= 0).map((one) => one.at),
      link: link === undefined ? undefined : { ...link.at, key: this.linkKey },
      ownHosts: this.hasOwnHosts,
      tls: this.certificates !== undefined,
      port: this.port,
    });
    const text = JSON.stringify(value, null, 1);
    return { text, hash: configHash(JSON.parse(text)) };
  }

  // Inside

  get #ground(): FaultGround {
    const { plan, input } = this.options;
    const nodes = Math.max(1, plan.stores.length / (input.scenario.world.railgun.sharedStore ? 1 : plan.listeners));
    return {
      originsOf: (target) => originsNamed(this.options.input.model, target).map((number) => this.#struck(number)),
      wideAreaDoors: this.far.map((far) => far.id),
      linkDoors: this.linkDoors(),
      listeners: this.listeners,
      stores: Array.from({ length: nodes }, (_, n) => this.stores.filter((__, index) => index % nodes === n)),
      edges: this.edges,
      lay: (doors, effect) => this.processes.lay(doors, effect),
      onTrouble: (what, error) => this.processes.trouble(what, error),
    };
  }

  #struck(number: number): LabOrigin {
    const own = this.origins[number];
    const near = this.near.get(number);
    const far = this.far.filter((one) => one.origin === number).map((one) => one.id);
    const stranger = (): never => {
      throw new LabError('that needs an origin of the lab’s own');
    };
    return {
      number,
      doors: near === undefined ? far : [...far, near.id],
      own: own !== undefined,
      kill: async () => own?.kill(),
      restart: async () => own?.up(),
      apply: async (effect) => (own === undefined ? stranger() : own.apply(effect)),
      expireCertificate: async () => (own === undefined ? stranger() : own.expireCertificate()),
    };
  }

  async #count(): Promise<void> {
    if (this.processes.network?.alive !== true) return;
    const counts = (await this.processes.ask('counts')) as readonly DoorCounts[];
    const links = new Set(this.linkDoors());
    let [toListener, toEdge] = [0, 0];
    for (const { id, toTarget, toClient } of counts) {
      if (!links.has(id)) continue;
      toListener += toTarget;
      toEdge += toClient;
    }
    this.#wan = { toListener, toEdge };
  }
}
