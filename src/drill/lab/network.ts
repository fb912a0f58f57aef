/**
 * The lab's network, in a process of its own: doors, which are WAN relays with faults in front of whatever stands behind, and the
 * layer-4 balancer. Faults lay effects on doors; the worst mode wins, delays add up, the narrowest rate holds, as in `sim/origin.ts`
 * and `sim/link.ts`.
 *
 *     edge ─► door "LHR>0" ─► origin 0          edge ─► door "LHR>link" ─► [balancer ─► door "listener 0"] ─► listener 0
 *
 * A process of its own because its timing must not suffer from the clients' work, nor theirs from its: docs/drills.md has the numbers.
 * `network-process.ts` puts it behind calls.
 */
import { createServer, type AddressInfo, type Server } from 'node:net';
import type { Random } from '../../core/random.ts';
import { type L4Balancer, type L4BalancerEvent, openL4Balancer } from '../../live/l4-balancer.ts';
import { openWanRelay, symmetric, type WanRelay, type WanShape } from '../../live/wan-relay.ts';
import type { L4CheckSettings } from '../../railgun/l4-checks.ts';
import type { Endpoint } from '../lab.ts';
import { Hole } from './hole.ts';

/** From harmless to worst. `reset`: accepted, and reset before an answer. `hole`: nothing gets through, not even a SYN. */
const MODES = ['open', 'reset', 'refuse', 'hole'] as const;
export type DoorMode = (typeof MODES)[number];

export interface DoorEffect {
  readonly mode?: DoorMode;
  /** Connections that stand are reset now, and again when the effect ends in a hole: the machine behind has been away. */
  readonly cut?: boolean;
  readonly addRttMs?: number;
  /** Bytes per second each way. */
  readonly rate?: number;
  /** Connections that stand say nothing from now on, for good; new ones work. */
  readonly forget?: boolean;
  /** New connections lead elsewhere, open ones stay. `tls_alert`: to a server that ends every TLS handshake. */
  readonly divert?: Endpoint | 'tls_alert';
}

export interface DoorOrder {
  readonly id: string;
  readonly listen: Endpoint;
  readonly target: Endpoint;
  readonly rttMs: number;
  /** Bytes per second each way; 0 = no limit. */
  readonly rate: number;
  /** Windows of connections through it are small at first, as the replay has it on lanes (sim/wire/pipe.ts). */
  readonly slowStart?: boolean;
}

export interface DoorCounts {
  readonly id: string;
  readonly toTarget: number;
  readonly toClient: number;
  readonly open: number;
}

interface Door {
  readonly order: DoorOrder;
  readonly relay: WanRelay;
  readonly effects: DoorEffect[];
  mode: DoorMode;
}

/** RFC 8446 section 6: an alert record, fatal, bad_certificate. */
const BAD_CERTIFICATE = Uint8Array.of(21, 3, 3, 0, 2, 2, 42);

export class LabNetwork {
  readonly #random: Random;
  readonly #doors = new Map<string, Door>();
  readonly #effects = new Map<number, { readonly doors: readonly Door[]; readonly effect: DoorEffect }>();
  /** Holes that are open, with the doors each holds shut; and one that waits. */
  readonly #holes: { readonly hole: Hole; readonly doors: Set<Door> }[] = [];
  #spare: Hole | undefined;
  #lastEffect = 0;
  /** One change after the other: a port changes hands in steps. */
  #turn: Promise<unknown> = Promise.resolve();
  #balancer: L4Balancer | undefined;
  #alert: Promise<Server> | undefined;
  readonly #onBalancer: (event: L4BalancerEvent) => void;

  constructor(random: Random, onBalancer: (event: L4BalancerEvent) => void) {
    this.#random = random;
    this.#onBalancer = onBalancer;
  }

  /** Holes will be wanted: the next one opens without the wait for a thread. */
  prepareHoles(): void {
    this.#spare ??= new Hole();
  }

  async openDoor(order: DoorOrder): Promise<Endpoint> {
    const relay = await openWanRelay({
      listen: order.listen,
      target: order.target,
      shape: shapeOf(order, []),
      random: this.#random.fork(order.id),
      precision: 'coarse',
    });
    this.#doors.set(order.id, { order, relay, effects: [], mode: 'open' });
    return { host: order.listen.host, port: relay.port };
  }

  /** Lays an effect on doors; the number takes it off again. */
  lay(ids: readonly string[], effect: DoorEffect): Promise<number> {
    return this.#inTurn(async () => {
      const doors = ids.map((id) => this.#door(id));
      for (const door of doors) {
        door.effects.push(effect);
        if (effect.cut === true && effect.mode !== 'hole') door.relay.cut();
        if (effect.forget === true) door.relay.forget();
      }
      await this.#settle(doors);
      this.#lastEffect += 1;
      this.#effects.set(this.#lastEffect, { doors, effect });
      return this.#lastEffect;
    });
  }

  /** Twice is once. */
  lift(number: number): Promise<void> {
    return this.#inTurn(async () => {
      const laid = this.#effects.get(number);
      if (laid === undefined) return;
      this.#effects.delete(number);
      for (const door of laid.doors) door.effects.splice(door.effects.indexOf(laid.effect), 1);
      await this.#settle(laid.doors, laid.effect.cut === true);
    });
  }

  counts(): readonly DoorCounts[] {
    return [...this.#doors].map(([id, { relay }]) => {
      const { toTarget, toClient, open } = relay.stats();
      return { id, toTarget: toTarget.deliveredBytes, toClient: toClient.deliveredBytes, open };
    });
  }

  async openBalancer(order: {
    readonly listen: Endpoint;
    readonly checks: L4CheckSettings;
    readonly targets: readonly { readonly id: string; readonly at: Endpoint }[];
  }): Promise<Endpoint> {
    const balancer = await openL4Balancer({
      listen: order.listen,
      checks: order.checks,
      targets: order.targets.map(({ id, at }) => ({ id, zone: 'a', ...at })),
      onEvent: this.#onBalancer,
    });
    this.#balancer = balancer;
    return { host: order.listen.host, port: balancer.port };
  }

  addTarget(id: string, at: Endpoint): void {
    this.#balancer?.add({ id, zone: 'a', ...at });
  }

  removeTarget(id: string): void {
    this.#balancer?.remove(id, true);
  }

  /** Ids of targets that take connections. */
  inService(): readonly string[] {
    return (this.#balancer?.targets() ?? []).filter((one) => one.state === 'InService').map((one) => one.id);
  }

  async close(): Promise<void> {
    await this.#balancer?.close();
    (await this.#alert)?.close();
    for (const { hole } of this.#holes.splice(0)) await hole.close();
    await Promise.all([...this.#doors.values()].map((door) => door.relay.close()));
  }

  #door(id: string): Door {
    const door = this.#doors.get(id);
    if (door === undefined) throw new Error(`there is no door ${id}`);
    return door;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /**
   * In a hole nothing passes on connections that stand, either.
   *
   * @param cut Connections that stand are reset, once new ones can be made: whoever tries again at once must not find a closed port.
   */
  async #settle(doors: readonly Door[], cut = false): Promise<void> {
    const wanted = new Map(doors.map((door) => [door, worst(door.effects)] as const));
    const changed = doors.filter((door) => wanted.get(door) !== door.mode);
    const leaving = new Set(changed.filter((door) => door.mode === 'hole'));
    for (const door of doors) {
      door.relay.set(shapeOf(door.order, door.effects));
      if (!leaving.has(door)) {
        if (cut) door.relay.cut();
        door.relay.blackhole(wanted.get(door) === 'hole');
      }
      door.relay.resetAt('to_client', wanted.get(door) === 'reset' ? 0 : undefined);
      const divert = door.effects.findLast((one) => one.divert !== undefined)?.divert;
      door.relay.retarget(divert === 'tls_alert' ? await this.#alertServer() : divert);
    }
    await this.#leaveHoles(leaving);
    const entering = changed.filter((door) => wanted.get(door) === 'hole');
    for (const door of changed) {
      const mode = wanted.get(door) ?? 'open';
      await door.relay.accepting(mode !== 'refuse' && mode !== 'hole');
      door.mode = mode;
      if (!leaving.has(door)) continue;
      if (cut) door.relay.cut();
      door.relay.blackhole(mode === 'hole');
    }
    await this.#enterHole(entering);
  }

  async #alertServer(): Promise<Endpoint> {
    this.#alert ??= new Promise((resolve) => {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        // What a client says first is of no interest: the answer is the end of the handshake.
        socket.resume();
        socket.end(BAD_CERTIFICATE);
      });
      server.listen(0, '127.0.0.1', () => resolve(server));
    });
    return { host: '127.0.0.1', port: ((await this.#alert).address() as AddressInfo).port };
  }

  async #enterHole(doors: readonly Door[]): Promise<void> {
    if (doors.length === 0) return;
    const hole = this.#spare ?? new Hole();
    this.#spare = undefined;
    await hole.open(doors.map(({ order, relay }) => ({ host: order.listen.host, port: relay.port })));
    this.#holes.push({ hole, doors: new Set(doors) });
    // Only now: while a thread is started, nothing else is done here, and the ports would be refusing for as long.
    this.#spare ??= new Hole();
  }

  /** A hole opens and closes as a whole: doors that are to stay in it fall into a new one. */
  async #leaveHoles(leaving: ReadonlySet<Door>): Promise<void> {
    if (leaving.size === 0) return;
    const staying: Door[] = [];
    for (const one of [...this.#holes]) {
      if (![...one.doors].some((door) => leaving.has(door))) continue;
      this.#holes.splice(this.#holes.indexOf(one), 1);
      staying.push(...[...one.doors].filter((door) => !leaving.has(door)));
      await one.hole.close();
      this.#spare = one.hole;
    }
    await this.#enterHole(staying);
  }
}

function worst(effects: readonly DoorEffect[]): DoorMode {
  return MODES[Math.max(0, ...effects.map((one) => MODES.indexOf(one.mode ?? 'open')))] ?? 'open';
}

function shapeOf({ rttMs, rate, slowStart }: DoorOrder, effects: readonly DoorEffect[]): WanShape {
  const added = effects.reduce((sum, one) => sum + (one.addRttMs ?? 0), 0);
  const rates = [rate, ...effects.map((one) => one.rate ?? 0)].filter((each) => each > 0);
  return symmetric(
    rttMs + added,
    rates.length === 0 ? undefined : Math.min(...rates),
    slowStart === true ? {} : undefined,
  );
}
