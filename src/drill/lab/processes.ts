/**
 * The processes of a lab and the way to its network: each child is known from its start to its end, so that none is left behind. What they
 * are for is `build.ts`; what they do is in their own files.
 */
import { micros, US_PER_MS } from '../../core/time.ts';
import { type Endpoint, LabError, type LabEvent, type LabOptions } from '../lab.ts';
import { Child, type ChildOrder } from './child.ts';
import type { Undo } from './faults.ts';
import { lives, readLedger } from './ledger.ts';
import type { DoorEffect, DoorOrder } from './network.ts';

export class Processes {
  /** Holds all doors; the first to come and the last to go. */
  network: Child | undefined;
  /** What ends from now on ends because it is told to, and nothing new is started. */
  closing = false;
  readonly #folder: string;
  readonly #signal: AbortSignal;
  readonly #onEvent: (event: LabEvent) => void;
  readonly #children = new Set<Child>();
  /** Those that come up just now: a fault may have begun to boot a machine when all ends. */
  readonly #starting = new Set<Promise<Child>>();

  constructor({ folder, signal }: LabOptions, onEvent: (event: LabEvent) => void) {
    this.#folder = folder;
    this.#signal = signal;
    this.#onEvent = onEvent;
  }

  async start(order: Omit<ChildOrder, 'folder' | 'onDied' | 'signal'>): Promise<Child> {
    const starting = Child.start({
      ...order,
      folder: this.#folder,
      signal: this.closing ? AbortSignal.abort() : this.#signal,
      onDied: (dead, code) => {
        const at = micros(Date.now() * US_PER_MS);
        this.tell({ kind: 'died', at, what: dead.what, code, tail: dead.tail });
      },
    });
    this.#starting.add(starting);
    try {
      const child = await starting;
      this.#children.add(child);
      return child;
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** Rejects with a LabError. */
  ask(name: string, data: unknown = null): Promise<unknown> {
    const { network } = this;
    if (network === undefined) throw new LabError('the network has not been started');
    return network.calls.call(name, data).catch((error: Error) => {
      throw new LabError(`the network cannot "${name}": ${error.message}`);
    });
  }

  async door(order: DoorOrder): Promise<Endpoint> {
    return (await this.ask('door', order)) as Endpoint;
  }

  async lay(doors: readonly string[], effect: DoorEffect): Promise<Undo> {
    const number = await this.ask('lay', { doors, effect });
    return async () => {
      await this.ask('lift', number);
    };
  }

  tell(event: LabEvent): void {
    if (!this.closing) this.#onEvent(event);
  }

  trouble(what: string, error: Error): void {
    this.tell({ kind: 'died', at: micros(Date.now() * US_PER_MS), what, code: error.message, tail: [] });
  }

  /** Returns a sentence for each that could not be ended. */
  async end(children: readonly (Child | undefined)[]): Promise<readonly string[]> {
    const told = await Promise.all(children.map((child) => child?.end()));
    return told.flatMap((sentence) => sentence ?? []);
  }

  /** All that are left, and whatever else the ledger says still lives. */
  async endAll(): Promise<readonly string[]> {
    const { network } = this;
    await Promise.allSettled(this.#starting);
    if (network?.alive === true) await network.calls.call('leave').catch(() => {});
    // The network keeps the others: it goes last.
    const left = [...(await this.end([...this.#children].filter((child) => child !== network)))];
    left.push(...(await this.end([network])));
    const living = readLedger(this.#folder).slice(1).filter(lives);
    left.push(...living.filter(({ pid }) => !left.some((one) => one.includes(`process ${pid}`))).map(spelled));
    return left;
  }
}

function spelled({ what, pid }: { readonly what: string; readonly pid: number }): string {
  return `${what} (process ${pid}) is still there`;
}
