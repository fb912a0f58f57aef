/**
 * What stands at the origin's end of the link in one simulated run: listeners and memcached nodes with the faults that act on them, the
 * layer-4 balancer before them, the group that replaces the dead. Both fidelities look at the same estate, so a fault means the same to
 * `railgun-model.ts` (flow) and to `wire/` (real machines).
 *
 *     lane ──► L4 balancer (l4-checks.ts, the real one) ──► listener 1..n ──► store node 1..m
 *
 * It knows no lanes and no pages. Who depends on a change is told by `watch`.
 */
import type { NatMap } from '../core/nat-map.ts';
import type { Scheduler } from '../core/ports.ts';
import { L4_CHECK_MINIMA, type L4Event, L4Targets } from '../railgun/l4-checks.ts';
import type { Micros } from '../core/time.ts';

/**
 * From harmless to worst: where several faults meet at one listener or store, the later one in the list holds. `wrong_token` and
 * `refusing` (certificate) fail new lanes only; `draining` takes no connection and finishes what it has; `silent` is there and says nothing.
 */
const LISTENER_STATES = ['up', 'wrong_token', 'refusing', 'draining', 'silent', 'gone'] as const;
const STORE_STATES = ['up', 'silent', 'gone'] as const;
export type ListenerState = (typeof LISTENER_STATES)[number];
export type StoreState = (typeof STORE_STATES)[number];
export type Topology = 'in-front' | 'behind' | 'behind-l4';

export interface RailgunTraits {
  readonly topology: Topology;
  readonly listeners: number;
  readonly storeNodes: number;
  /** Listeners share their stores, or each has its own (RG-101, RG-102). */
  readonly sharedStore: boolean;
  /** `memcached.expiration`; 0 = never. */
  readonly expirationUs: number;
  /** Larger bodies stream untouched. */
  readonly streamSize: number;
  /** Replacement of a dead listener by its autoscaling group; 0 = none. */
  readonly replaceAfterUs: number;
  /** `map.file` of each listener (spec 2.5); listeners beyond the list, and all without one, have none. */
  readonly nat?: readonly NatMap[];
}

export interface SimListener {
  state: ListenerState;
  since: number;
  /** Grows when its process ends: lanes and what it remembered are lost. */
  generation: number;
  /** Of the faults that act on it now. */
  effects: { readonly state: ListenerState }[];
  /** When it was killed last: nothing left it after this. It is `silent` until its sockets are closed. */
  killedAt: number;
}

export interface SimStoreNode {
  state: StoreState;
  /** Grows when it forgets. */
  generation: number;
  effects: { readonly state: StoreState }[];
}

export interface EstateWatcher {
  /** The process ended, with every connection it had. */
  listenerLost(listener: number): void;
  listenerChanged(listener: number, before: ListenerState): void;
}

/**
 * From a SIGKILL until the sockets are closed and peers hear of it: the kernel takes the process's memory back before its files (Linux,
 * do_exit). 11 to 25 ms for an idle listener of 140 MB with 12 threads on two cores, 15 in the middle.
 */
export const DYING_US = 15_000;
const DYING = { state: 'silent' } as const;
/** A machine that is there, and whose listener does not serve yet. */
const STARTING = { state: 'gone' } as const;

export class RailgunEstate {
  readonly traits: RailgunTraits;
  readonly listeners: readonly SimListener[];
  readonly stores: readonly SimStoreNode[];
  onReplaced: ((listener: number, at: number) => void) | undefined;
  readonly #scheduler: Scheduler;
  readonly #watchers: EstateWatcher[] = [];
  readonly #balancer: L4Targets | undefined;
  readonly #startUpUs: number;
  #wakesAt = Number.POSITIVE_INFINITY;
  #turn = 0;

  /**
   * @param serving False: nothing in this run uses the link, so no check of a balancer costs an event.
   * @param startUpUs A listener takes so long to start on the machine that replaces a dead one.
   */
  constructor(traits: RailgunTraits, scheduler: Scheduler, serving = true, startUpUs = 0) {
    this.traits = traits;
    this.#startUpUs = startUpUs;
    this.#scheduler = scheduler;
    const since = scheduler.now();
    this.listeners = Array.from({ length: traits.listeners }, () => {
      return { state: 'up' as const, since, generation: 0, effects: [], killedAt: Number.NEGATIVE_INFINITY };
    });
    this.stores = Array.from({ length: traits.storeNodes }, () => {
      return { state: 'up' as const, generation: 0, effects: [] };
    });
    if (traits.topology === 'behind-l4' && serving) this.#balancer = this.#openBalancer();
  }

  watch(watcher: EstateWatcher): void {
    this.#watchers.push(watcher);
  }

  /**
   * Which listener a new connection reaches now; -1 = the balancer has nobody in service and refuses. Without checks, listeners take
   * turns whatever their state.
   */
  accept(): number {
    if (this.#balancer === undefined) return this.#turn++ % this.listeners.length;
    const target = this.#balancer.choose();
    return target === undefined ? -1 : Number(target);
  }

  /** For reports and tests: as the balancer of T3 sees them; empty without one. */
  inService(): readonly boolean[] {
    return this.#balancer?.targets().map(({ state }) => state === 'InService') ?? [];
  }

  natOf(listener: number): NatMap | undefined {
    return this.traits.nat?.[listener];
  }

  setListener(name: string, state: ListenerState): () => void {
    const effect = { state };
    const chosen = pick(this.listeners, name);
    let undone = false;
    for (const index of chosen) {
      // A frozen process that is woken keeps its lanes only if nobody gave them up meanwhile; a killed one has lost them.
      if (state === 'gone') this.#kill(index, () => (undone ? [] : [effect]));
      else {
        this.listeners[index]!.effects.push(effect);
        this.#settle(index);
      }
    }
    return () => {
      undone = true;
      for (const index of chosen) {
        // The autoscaling group may have put another machine in its place, on which the fault does not act.
        if (remove(this.listeners[index]!.effects, effect)) this.#settle(index);
      }
    };
  }

  setStore(name: string, state: StoreState): () => void {
    const effect = { state };
    const chosen = pick(this.stores, name).map((index) => this.stores[index]!);
    for (const store of chosen) {
      store.effects.push(effect);
      if (state === 'gone') store.generation += 1;
      store.state = worst(STORE_STATES, store.effects);
    }
    return () => {
      for (const store of chosen) {
        if (remove(store.effects, effect)) store.state = worst(STORE_STATES, store.effects);
      }
    };
  }

  flush(name: string): void {
    for (const index of pick(this.stores, name)) this.stores[index]!.generation += 1;
  }

  #kill(index: number, effects: () => SimListener['effects']): void {
    const listener = this.listeners[index]!;
    const now = this.#scheduler.now();
    listener.killedAt = now;
    listener.effects.push(DYING);
    this.#settle(index);
    this.#scheduler.at((now + DYING_US) as Micros, () => {
      // Not when another machine took its place meanwhile.
      if (!remove<SimListener['effects'][number]>(listener.effects, DYING)) return;
      listener.effects.push(...effects());
      this.#end(index);
      this.#settle(index);
    });
  }

  #end(index: number): void {
    this.listeners[index]!.generation += 1;
    for (const watcher of this.#watchers) watcher.listenerLost(index);
  }

  #settle(index: number): void {
    const listener = this.listeners[index]!;
    const before = listener.state;
    const state = worst(LISTENER_STATES, listener.effects);
    if (state === before) return;
    listener.state = state;
    const wasDead = isDead({ state: before });
    // Dead in another way is dead since the first.
    if (!wasDead || !isDead(listener)) listener.since = this.#scheduler.now();
    for (const watcher of this.#watchers) watcher.listenerChanged(index, before);
    const { replaceAfterUs } = this.traits;
    if (replaceAfterUs === 0 || wasDead || !isDead(listener) || listener.effects.includes(STARTING)) return;
    const { since } = listener;
    this.#scheduler.at((since + replaceAfterUs) as Micros, () => {
      if (listener.since === since && isDead(listener)) this.#replace(index);
    });
  }

  /** Another machine, configured like the first (RG-112, RG-113). */
  #replace(index: number): void {
    const listener = this.listeners[index]!;
    listener.effects = this.#startUpUs > 0 ? [STARTING] : [];
    if (listener.state !== 'gone') this.#end(index);
    else listener.generation += 1;
    this.#settle(index);
    this.#balancer?.remove(String(index));
    if (this.#startUpUs === 0) return this.#join(index);
    this.#scheduler.at((this.#scheduler.now() + this.#startUpUs) as Micros, () => {
      if (!remove<SimListener['effects'][number]>(listener.effects, STARTING)) return;
      this.#settle(index);
      this.#join(index);
    });
    return undefined;
  }

  /** A balancer must find it healthy before it gets a lane (RG-109). */
  #join(index: number): void {
    this.#balancer?.add(String(index), zoneOf(index), this.#scheduler.now());
    this.#arm();
    this.onReplaced?.(index, this.#scheduler.now());
  }

  // The balancer

  #openBalancer(): L4Targets {
    const balancer = new L4Targets({ checks: L4_CHECK_MINIMA, crossZone: true, policy: 'round_robin' });
    const now = this.#scheduler.now();
    const { healthy, intervalUs } = L4_CHECK_MINIMA;
    // The run begins with a balancer that has been there for long.
    const from = (now - healthy * intervalUs) as Micros;
    for (const index of this.listeners.keys()) balancer.add(String(index), zoneOf(index), from);
    for (let at = from; at <= now; at = (at + intervalUs) as Micros) {
      for (const event of balancer.wake(at))
        if (event.kind === 'probe') balancer.result(event.target, event.probe, true);
    }
    this.#scheduler.at((now + intervalUs) as Micros, () => this.#wake());
    this.#wakesAt = now + intervalUs;
    return balancer;
  }

  #wake(): void {
    this.#wakesAt = Number.POSITIVE_INFINITY;
    const balancer = this.#balancer;
    if (balancer === undefined) return;
    for (const event of balancer.wake(this.#scheduler.now())) this.#probe(balancer, event);
    this.#arm();
  }

  /** A TCP check: does anybody accept? A frozen or unreachable listener lets it time out. */
  #probe(balancer: L4Targets, event: L4Event): void {
    if (event.kind !== 'probe') return;
    const listener = this.listeners[Number(event.target)]!;
    const { state } = listener;
    if (state === 'silent' && !isDying(listener)) return;
    balancer.result(event.target, event.probe, state !== 'gone' && state !== 'draining' && !isDying(listener));
  }

  #arm(): void {
    const at = this.#balancer?.wakeAt();
    if (at === undefined || at >= this.#wakesAt) return;
    this.#wakesAt = at;
    this.#scheduler.at(at, () => {
      if (this.#wakesAt === at) this.#wake();
    });
  }
}

/** Killed, with its sockets still open. */
export function isDying({ effects }: Pick<SimListener, 'effects'>): boolean {
  return effects.includes(DYING);
}

export function isDead({ state }: Pick<SimListener, 'state'>): boolean {
  return state === 'gone' || state === 'silent';
}

/** Two availability zones, listeners in turn. */
function zoneOf(index: number): string {
  return index % 2 === 0 ? 'a' : 'b';
}

/** `1` is the first; `all` or an empty name is every one. */
function pick(list: readonly unknown[], name: string): readonly number[] {
  if (name === '' || name === 'all') return [...list.keys()];
  const index = Number(name) - 1;
  return list[index] === undefined ? [] : [index];
}

function worst<State extends string>(order: readonly State[], effects: readonly { readonly state: State }[]): State {
  let at = 0;
  for (const { state } of effects) at = Math.max(at, order.indexOf(state));
  return order[at]!;
}

/** True when it was there. */
function remove<T>(list: T[], item: T): boolean {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}
