/**
 * Every fault of the catalogue on real sockets: which doors, processes and stores it strikes, and how each is undone. The comment beside
 * each name says what really happens. `src/sim/faults` has the same faults on the model.
 */
import { US_PER_MS } from '../../core/time.ts';
import type { Fault, Target } from '../../sim/faults/fault.ts';
import type { OriginEffect } from '../../sim/origin.ts';
import { LabError } from '../lab.ts';
import type { Edge } from './edge.ts';
import type { Listener, StoreNode } from './listeners.ts';
import type { DoorEffect } from './network.ts';

export type Undo = () => Promise<void>;
type Parameters = Readonly<Record<string, number>>;

/** One origin as faults see it. */
export interface LabOrigin {
  readonly number: number;
  /** Relays in front of it, one per edge, and one towards the listeners. */
  readonly doors: readonly string[];
  /** False: not ours to touch. */
  readonly own: boolean;
  kill(): Promise<void>;
  restart(): Promise<void>;
  apply(effect: OriginEffect): Promise<Undo>;
  expireCertificate(): Promise<Undo>;
}

export interface FaultGround {
  originsOf(target: Target): readonly LabOrigin[];
  /** Relays between edges and whatever is far away. */
  readonly wideAreaDoors: readonly string[];
  /** Those of them that lead to the Railgun link. */
  readonly linkDoors: readonly string[];
  readonly listeners: readonly Listener[];
  /** Store nodes by the number that the scenario gives them; several when each listener has its own. */
  readonly stores: readonly (readonly { readonly node: StoreNode; readonly door: string | undefined }[])[];
  readonly edges: readonly Edge[];
  lay(doors: readonly string[], effect: DoorEffect): Promise<Undo>;
  /** What goes wrong in a step of a fault, when nobody is waiting. */
  onTrouble(what: string, error: Error): void;
}

/** Steps of a brown-out, as the model has them (`sim/faults/brownout.ts`). */
const BROWNOUT_STEPS = 10;
/** What a lost segment costs: Linux's smallest retransmission time, as in `sim/link.ts`. */
const RETRANSMISSION_MS = 200;

export async function startFault(ground: FaultGround, fault: Fault, target: Target, values: Parameters): Promise<Undo> {
  switch (target.kind) {
    case 'pool':
    case 'origin':
      return originFault(ground, fault.name, ground.originsOf(target), values);
    case 'link':
      return linkFault(ground, fault.name, values);
    case 'listener':
      return all(picked(ground.listeners, target.name).map((one) => listenerFault(one, fault.name)));
    case 'store':
      return all(picked(ground.stores, target.name).map((nodes) => storeFault(ground, nodes, fault.name, values)));
    case 'pop': {
      if (fault.name !== 'crash') break;
      const edge = ground.edges.find((one) => one.pop === target.name);
      if (edge === undefined) throw new LabError(`there is no edge at ${target.name}`);
      // The process is killed, connections to it are refused; it comes back on its ports.
      await edge.crash();
      return () => edge.up();
    }
    default:
      break;
  }
  throw new LabError(`"${fault.name}" is not for the lab to do`, 'clients and resolvers of the run do it');
}

async function originFault(
  ground: FaultGround,
  name: string,
  origins: readonly LabOrigin[],
  values: Parameters,
): Promise<Undo> {
  const doors = origins.flatMap((origin) => origin.doors);
  const { add = 0, factor = 1, share = 0 } = values;
  switch (name) {
    case 'refuse':
      // Its port is closed and what was open is reset, as when the server process is gone.
      return ground.lay(doors, { mode: 'refuse', cut: true });
    case 'reset':
      // Connections are taken, the request goes through, the answer's first byte is a reset.
      return ground.lay(doors, { mode: 'reset', cut: true });
    case 'blackhole':
      // Nothing passes, SYNs find no answer (hole.ts). What was on its way arrives when it is over.
      return ground.lay(doors, { mode: 'hole' });
    case 'power_loss':
      return powerLoss(ground, origins, doors);
    case 'slow': {
      const undos = origins.map((origin) =>
        origin.own
          ? origin.apply({ latencyFactor: factor, latencyAddUs: add })
          : ground.lay(origin.doors, { addRttMs: add / US_PER_MS }),
      );
      return all(undos);
    }
    case 'errors':
      return all(origins.map((origin) => origin.apply({ errorShare: share || 1 })));
    case 'tls_expired':
      return tlsExpired(ground, origins, doors);
    case 'flap':
      return flap(ground, doors, values);
    case 'brownout':
      return brownout(ground, origins, values);
    default:
      throw new LabError(`"${name}" cannot be done to an origin of the lab`);
  }
}

/**
 * Silence first, then the process is killed, so that nobody hears its kernel say goodbye. When power is back it boots, on the same port and
 * while nothing gets through yet: as in the model, a machine is dark until its server serves.
 */
async function powerLoss(ground: FaultGround, origins: readonly LabOrigin[], doors: readonly string[]): Promise<Undo> {
  const lift = await ground.lay(doors, { mode: 'hole', cut: true });
  await Promise.all(origins.map((origin) => origin.kill()));
  return async () => {
    await Promise.all(origins.map((origin) => origin.restart()));
    await lift();
  };
}

/** A certificate is looked at when a connection begins: those that stand are reset, as when the server is restarted with the new one. */
async function tlsExpired(ground: FaultGround, origins: readonly LabOrigin[], doors: readonly string[]): Promise<Undo> {
  const restore = await all(origins.map((origin) => origin.expireCertificate()));
  const cut = await ground.lay(doors, { cut: true });
  return async () => {
    await restore();
    await cut();
  };
}

function flap(ground: FaultGround, doors: readonly string[], { down = 0, up = 0 }: Parameters): Promise<Undo> {
  return inSteps(ground, 'flap', async (step, lift) => {
    const falls = step % 2 === 0;
    if (!falls) await lift();
    const undo = falls ? await ground.lay(doors, { mode: 'refuse', cut: true }) : nothing;
    return { undo, nextMs: (falls ? down : up) / US_PER_MS };
  });
}

function brownout(ground: FaultGround, origins: readonly LabOrigin[], values: Parameters): Promise<Undo> {
  const { over = 0, add = 0, share = 0, capacity = 1 } = values;
  const begun = performance.now();
  return inSteps(ground, 'brownout', async (step, lift) => {
    const depth = (step + 1) / BROWNOUT_STEPS;
    const effect = {
      latencyAddUs: add * depth,
      errorShare: share * depth,
      capacityFactor: 1 - (1 - capacity) * depth,
    };
    const undo = await all(origins.map((origin) => origin.apply(effect)));
    // The worse is there before the bad goes.
    await lift();
    // As in the model: a tenth at once, two tenths when two tenths of the span are over, all of it at its end.
    const dueMs = begun + (over * (step + 2)) / BROWNOUT_STEPS / US_PER_MS;
    const nextMs = step + 1 < BROWNOUT_STEPS ? Math.max(0, dueMs - performance.now()) : undefined;
    return { undo, nextMs };
  });
}

/**
 * A fault that goes on by itself until it is healed. Each step gets what undoes the one before, and says what undoes it and when the next is
 * due, ms; undefined: it was the last. The first is done before this resolves, and healing waits for a step that is being done.
 */
async function inSteps(
  ground: FaultGround,
  name: string,
  take: (step: number, lift: Undo) => Promise<{ readonly undo: Undo; readonly nextMs: number | undefined }>,
): Promise<Undo> {
  let healed = false;
  let timer: NodeJS.Timeout | undefined;
  let lift: Undo = nothing;
  const go = async (step: number): Promise<void> => {
    const { undo, nextMs } = await take(step, lift);
    lift = undo;
    if (healed || nextMs === undefined) return;
    timer = setTimeout(() => {
      taking = go(step + 1);
      taking.catch((error: Error) => ground.onTrouble(name, error));
    }, nextMs);
  };
  let taking = go(0);
  await taking;
  return async () => {
    healed = true;
    clearTimeout(timer);
    await taking;
    await lift();
  };
}

async function linkFault(ground: FaultGround, name: string, values: Parameters): Promise<Undo> {
  const doors = ground.wideAreaDoors;
  switch (name) {
    case 'delay':
      return ground.lay(doors, { addRttMs: (2 * (values['add'] ?? 0)) / US_PER_MS });
    case 'rate':
      return ground.lay(doors, { rate: values['limit'] ?? 0 });
    case 'loss':
      // A relay on TCP loses no segment; what a loss costs on average is time, and that much is added.
      return ground.lay(doors, { addRttMs: (values['share'] ?? 0) * RETRANSMISSION_MS });
    case 'cut':
      return ground.lay(doors, { mode: 'hole' });
    case 'half_open':
      // Lanes that stand say nothing any more, for good: there is nothing to undo. New ones work.
      await (await ground.lay(ground.linkDoors, { forget: true }))();
      return nothing;
    default:
      throw new LabError(`"${name}" cannot be done to a link of the lab`);
  }
}

function listenerFault(listener: Listener, name: string): Promise<Undo> {
  switch (name) {
    case 'kill':
      return listener.kill();
    case 'stop':
      return listener.stop();
    case 'blackhole':
      return listener.blackhole();
    case 'drain':
      return listener.drain();
    case 'bad_cert':
      // New connections meet a TLS alert; open lanes stay.
      return listener.badCertificate();
    case 'wrong_token':
      // New connections lead to a listener with another token; open lanes stay.
      return listener.wrongToken();
    default:
      throw new LabError(`"${name}" cannot be done to a listener of the lab`);
  }
}

async function storeFault(
  ground: FaultGround,
  nodes: readonly { readonly node: StoreNode; readonly door: string | undefined }[],
  name: string,
  values: Parameters,
): Promise<Undo> {
  switch (name) {
    case 'kill':
    case 'lose_node':
      return all(nodes.map(({ node }) => node.kill()));
    case 'flush':
      await Promise.all(nodes.map(({ node }) => node.flush()));
      return nothing;
    case 'slow': {
      const doors = nodes.flatMap(({ door }) => door ?? []);
      return ground.lay(doors, { addRttMs: (values['add'] ?? 0) / US_PER_MS });
    }
    default:
      throw new LabError(`"${name}" cannot be done to a store of the lab`);
  }
}

/** Undoing all of them; when one cannot be begun, those that were are taken back. */
async function all(begun: readonly Promise<Undo>[]): Promise<Undo> {
  const settled = await Promise.allSettled(begun);
  const undos = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = settled.find((one) => one.status === 'rejected');
  const undo = async (): Promise<void> => {
    await Promise.all(undos.map((each) => each()));
  };
  if (failed === undefined) return undo;
  await undo();
  throw failed.reason;
}

/** `1` is the first, `all` or nothing is every one. */
export function picked<T>(list: readonly T[], name: string): readonly T[] {
  if (name === '' || name === 'all') return list;
  const one = list[Number(name) - 1];
  return one === undefined ? [] : [one];
}

async function nothing(): Promise<void> {}
