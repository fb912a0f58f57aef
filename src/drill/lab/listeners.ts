/**
 * The origin's end of the link: listeners as processes, page stores behind them, and the group that replaces the dead. A listener keeps
 * its port for life, its replacements too, so that doors and balancer need not be told.
 */
import { createConnection } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { micros, US_PER_MS } from '../../core/time.ts';
import { type Endpoint, LabError, type LabEvent } from '../lab.ts';
import type { Child } from './child.ts';
import type { DoorEffect } from './network.ts';

/** memcached and Redis listen within some ten milliseconds of their start. */
const LISTENING_MS = 5_000;
const LOOK_MS = 20;
const FLUSH_MS = 2_000;

/** Listeners are at 127.0.0.1: at their ports nobody is here. */
const NOBODY = '127.0.0.2';

export interface ListenerOptions {
  readonly index: number;
  readonly folder: string;
  readonly token: string;
  /** Lines of `railgun.conf` besides port and token. */
  readonly conf: readonly string[];
  readonly start: (what: string, args: readonly string[]) => Promise<Child>;
  /** 0 = never. */
  readonly replaceAfterUs: number;
  /** Lays an effect on the doors before it. */
  readonly lay: (effect: DoorEffect) => Promise<() => Promise<void>>;
  /** Where the balancer is to forget it, and to take its replacement. */
  readonly leave: () => Promise<void>;
  readonly join: () => Promise<void>;
  readonly onEvent: (event: LabEvent) => void;
  /** What goes wrong when nobody is waiting. */
  readonly onTrouble: (what: string, error: Error) => void;
  /** `railgun-nat.conf`. */
  readonly nat: string;
  readonly store: string;
}

export class Listener {
  child: Child | undefined;
  /** A second process with another token, where new lanes are led for a while. */
  #other: Child | undefined;
  port = 0;
  /** How many faults lead new lanes to that other one; and whether there is any listener to be led to. */
  #strange = 0;
  #gone = false;
  #closed: Promise<() => Promise<void>> | undefined;
  readonly #options: ListenerOptions;
  /** Grows with each replacement: faults that struck the machine before it are not this one's. */
  #generation = 0;
  #replacement: NodeJS.Timeout | undefined;
  readonly #undo = new Set<() => Promise<void>>();

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  get #what(): string {
    return `listener ${this.#options.index + 1}`;
  }

  async up(): Promise<void> {
    this.child = await this.#start(this.#what, this.#options.token, this.port);
    const match = /:(\d+)$/.exec(String(this.child.ready['wan']));
    this.port = Number(match?.[1] ?? 0);
  }

  /** Each returns what undoes it; on a machine that was replaced meanwhile that does nothing. */
  async kill(): Promise<() => Promise<void>> {
    const generation = this.#dies();
    this.#gone = true;
    await this.child?.kill();
    await this.#closeToLanes();
    return () => this.#restart(generation);
  }

  async stop(): Promise<() => Promise<void>> {
    const generation = this.#dies();
    this.child?.signal('SIGSTOP');
    return async () => {
      this.#lives(generation);
      if (generation === this.#generation) this.child?.signal('SIGCONT');
    };
  }

  async blackhole(): Promise<() => Promise<void>> {
    const generation = this.#dies();
    const lift = await this.#lay({ mode: 'hole' });
    return async () => {
      this.#lives(generation);
      await lift();
    };
  }

  async drain(): Promise<() => Promise<void>> {
    const generation = this.#generation;
    const { child } = this;
    this.#gone = true;
    if (child !== undefined) child.mayEnd = true;
    child?.signal('SIGQUIT');
    await this.#closeToLanes();
    return () => this.#restart(generation);
  }

  badCertificate(): Promise<() => Promise<void>> {
    return this.#lay({ divert: 'tls_alert' });
  }

  /** Its process stands by, so that the fault begins when it is meant to. */
  async prepareWrongToken(): Promise<void> {
    const token = this.#options.token.replaceAll(/./g, (digit) => (digit === '0' ? '1' : '0'));
    this.#other ??= await this.#start(`${this.#what} with a wrong token`, token, 0);
  }

  async wrongToken(): Promise<() => Promise<void>> {
    await this.prepareWrongToken();
    const port = Number(/:(\d+)$/.exec(String(this.#other?.ready['wan']))?.[1] ?? 0);
    const generation = this.#generation;
    const lift = await this.#lay({ divert: { host: '127.0.0.1', port } });
    this.#strange += 1;
    await this.#closeToLanes();
    return async () => {
      if (generation === this.#generation) this.#strange -= 1;
      await lift();
    };
  }

  /** The one with another token stands for this one: it is not there while this one is dead. */
  async #closeToLanes(): Promise<void> {
    if (!this.#gone || this.#strange === 0) return;
    this.#closed ??= this.#lay({ divert: { host: NOBODY, port: this.port } });
    await this.#closed;
  }

  async #opensToLanes(): Promise<void> {
    this.#gone = false;
    const lift = await this.#closed;
    this.#closed = undefined;
    await lift?.();
  }

  children(): readonly Child[] {
    return [this.child, this.#other].filter((child) => child !== undefined);
  }

  close(): void {
    clearTimeout(this.#replacement);
  }

  async #lay(effect: DoorEffect): Promise<() => Promise<void>> {
    const lift = await this.#options.lay(effect);
    const undo = async (): Promise<void> => {
      this.#undo.delete(undo);
      await lift();
    };
    this.#undo.add(undo);
    return undo;
  }

  /** The group notices the dead after as long as the replay's model says. */
  #dies(): number {
    const { replaceAfterUs, onTrouble } = this.#options;
    if (replaceAfterUs > 0 && this.#replacement === undefined) {
      this.#replacement = setTimeout(() => {
        this.#replace().catch((error: Error) => onTrouble(`the replacement of ${this.#what}`, error));
      }, replaceAfterUs / US_PER_MS);
    }
    return this.#generation;
  }

  #lives(generation: number): void {
    if (generation !== this.#generation) return;
    clearTimeout(this.#replacement);
    this.#replacement = undefined;
  }

  async #restart(generation: number): Promise<void> {
    this.#lives(generation);
    if (generation !== this.#generation) return;
    const { child } = this;
    // A drain may take as long as its slowest request; a second word ends it.
    if (child?.alive === true && !(await child.ended(0))) await child.end();
    await this.up();
    await this.#opensToLanes();
  }

  async #replace(): Promise<void> {
    const { leave, join: rejoin, onEvent, index } = this.#options;
    this.#replacement = undefined;
    this.#generation += 1;
    await leave();
    await this.child?.kill();
    for (const undo of [...this.#undo]) await undo();
    this.#strange = 0;
    await this.up();
    await this.#opensToLanes();
    await rejoin();
    onEvent({ kind: 'replaced', at: micros(Date.now() * US_PER_MS), listener: index });
  }

  #start(what: string, token: string, port: number): Promise<Child> {
    const { folder, conf, nat, store, start } = this.#options;
    const name = what.replaceAll(' ', '-');
    const file = join(folder, `${name}.railgun.conf`);
    writeFileSync(file, [`activation.token = ${token}`, ...conf, ''].join('\n'), { mode: 0o600 });
    const map = join(folder, `${name}.railgun-nat.conf`);
    writeFileSync(map, nat);
    const place = ['--listen', `127.0.0.1:${port}`, '--store', store];
    return start(what, ['listener', '--config', file, '--nat', map, ...place]);
  }
}

export interface StoreOptions {
  readonly kind: 'memcached' | 'redis';
  readonly what: string;
  readonly port: number;
  readonly binary: string;
  readonly start: (what: string, command: string, args: readonly string[]) => Promise<Child>;
}

/** One memcached or Redis server. It forgets everything when it is killed, as the real ones do without a disk. */
export class StoreNode {
  readonly at: Endpoint;
  child: Child | undefined;
  readonly #options: StoreOptions;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.at = { host: '127.0.0.1', port: options.port };
  }

  async up(): Promise<void> {
    const { kind, what, binary, start, port } = this.#options;
    const memcached = ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-m', '64', '-t', '1'];
    // memcached will not run as root without being told whom to become.
    if (process.getuid?.() === 0) memcached.push('-u', 'root');
    const redis = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no', '--dir', '/'];
    this.child = await start(what, binary, kind === 'memcached' ? memcached : redis);
    await this.#listening();
  }

  async kill(): Promise<() => Promise<void>> {
    await this.child?.kill();
    return async () => {
      if (this.child?.alive !== true) await this.up();
    };
  }

  flush(): Promise<void> {
    const { kind, what } = this.#options;
    const [words, answer] = kind === 'memcached' ? ['flush_all\r\n', 'OK'] : ['FLUSHALL\r\n', '+OK'];
    return new Promise((resolve, reject) => {
      const socket = createConnection(this.at);
      const fail = (why: string): void => {
        socket.destroy();
        reject(new LabError(`${what} cannot be flushed: ${why}`));
      };
      socket.setTimeout(FLUSH_MS, () => fail('no answer'));
      socket.on('error', (error) => fail(error.message));
      socket.on('connect', () => socket.write(words));
      socket.once('data', (data) => {
        if (!String(data).startsWith(answer)) return fail(String(data).trim());
        socket.destroy();
        return resolve();
      });
    });
  }

  async #listening(): Promise<void> {
    const { what } = this.#options;
    for (let waited = 0; waited < LISTENING_MS; waited += LOOK_MS) {
      if (this.child?.alive !== true) {
        throw new LabError(`${what} has ended`, `its last words: ${this.child?.tail.slice(-3).join(' | ') ?? ''}`);
      }
      if (await connects(this.at, LISTENING_MS)) return;
      await new Promise((resolve) => {
        setTimeout(resolve, LOOK_MS);
      });
    }
    throw new LabError(`${what} does not listen at port ${this.at.port}`);
  }
}

/** Does anything listen there? */
export function connects(at: Endpoint, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: at.host, port: at.port });
    const tell = (listens: boolean): void => {
      socket.destroy();
      resolve(listens);
    };
    socket.setTimeout(withinMs, () => tell(false));
    socket.on('error', () => tell(false));
    socket.on('connect', () => tell(true));
  });
}
