/**
 * What a fault is: a name, what it may be aimed at, its parameters, and a `start` that does the harm and returns the function
 * that undoes it. Each fault is one small file beside this one; `catalogue.ts` lists them; README.md shows how to add yours.
 */
import type { Random } from '../../core/random.ts';
import type { Scheduler } from '../../core/ports.ts';
import type { LinkState } from '../link.ts';
import type { RailgunEstate } from '../railgun-estate.ts';
import type { SimOrigin } from '../origin.ts';

export type TargetKind = 'pool' | 'origin' | 'link' | 'listener' | 'store' | 'pop' | 'region' | 'resolver';

/** What a fault can lay hands on. `originsAt` gives those of the pool, or the one origin, that the target names. */
export interface FaultWorld {
  readonly scheduler: Scheduler;
  readonly random: Random;
  originsAt(target: Target): readonly SimOrigin[];
  readonly link: LinkState;
  railgun(): RailgunEstate;
  /** Takes PoPs out of service or back: their clients go to the nearest one left. */
  setWithdrawn(target: Target, withdrawn: boolean): void;
  /** Kills the edges of PoPs or starts them again: until then their clients are refused. */
  setCrashed(target: Target, crashed: boolean): void;
  /** Resolvers keep answers past their TTL while set. */
  setIgnoreTtl(ignore: boolean): void;
}

export interface Target {
  readonly kind: TargetKind;
  /** `eu`, `eu/eu-1`, `1`, `LHR`, `edge-origin`; as written behind the first slash. */
  readonly name: string;
}

export type ParameterKind = 'duration' | 'share' | 'number' | 'bitrate';

export interface Parameter {
  readonly kind: ParameterKind;
  /** µs, 0..1, number, bytes per second. */
  readonly default: number;
  readonly summary: string;
}

/** Processes that a fault takes away, and that are started again when it ends. */
export type ProcessKind = 'edge' | 'listener' | 'store' | 'origin';
/** µs from the start of a process until it serves. */
export type StartUp = Readonly<Record<ProcessKind, number>>;

export interface Fault {
  readonly name: string;
  readonly summary: string;
  readonly targets: readonly TargetKind[];
  readonly parameters: Readonly<Record<string, Parameter>>;
  /** True when the live lab can do the same on real sockets. */
  readonly live: boolean;
  /**
   * What is started again when it ends, by the kind of its target: whoever ends the fault waits for as long as such a process takes to
   * start, and undoes it then.
   */
  readonly restarts?: Readonly<Partial<Record<TargetKind, ProcessKind>>>;
  start(world: FaultWorld, target: Target, parameters: Readonly<Record<string, number>>): () => void;
}

/** How long what this fault took away takes to start, µs; 0 = nothing has to. */
export function startUpOf({ restarts }: Fault, { kind }: Target, startUp: StartUp): number {
  const process = restarts?.[kind];
  return process === undefined ? 0 : startUp[process];
}

/** What is undone twice is undone once. */
export function once(undo: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    undo();
  };
}

/** Lays one effect on every origin of the target; undoing takes all of them off. */
export function onOrigins(
  world: FaultWorld,
  target: Target,
  effect: Parameters<SimOrigin['apply']>[0],
  cut = false,
): () => void {
  const undo = world.originsAt(target).map((origin) => origin.apply(effect, cut));
  return () => {
    for (const each of undo) each();
  };
}
