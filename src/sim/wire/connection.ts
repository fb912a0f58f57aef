/**
 * One simulated TCP connection between a sender and a listener: two pipes and the two ends that write into them. An end writes what its
 * machine has ready while less than the live socket's queue is waiting, so the machine schedules the rest (lane-socket.ts does the same).
 */
import { Pipe, type PipeEnd, type PipeWay } from './pipe.ts';

/** As live/railgun/lane-socket.ts. */
const MAX_QUEUED_BYTES = 65_536;

export interface LaneMachine {
  /** Next bytes to write; `undefined` when there is nothing. */
  transmit(): Uint8Array | undefined;
}

/** What an end is told. */
export interface EndEvents {
  received(bytes: Uint8Array): void;
  /** There is room again: flush. */
  drained(): void;
  /** Once, whoever ended it; never after its own `close`. */
  lost(why: string): void;
}

export class Connection {
  readonly sender: ConnectionEnd;
  readonly listener: ConnectionEnd;
  /** Called when neither end uses it any more. */
  onOver: (() => void) | undefined;
  readonly #toListener: Pipe;
  readonly #toSender: Pipe;

  constructor(toListener: PipeWay, toSender: PipeWay) {
    const sender = new ConnectionEnd();
    const listener = new ConnectionEnd();
    this.#toListener = new Pipe(toListener, pipeEnd(listener, sender));
    this.#toSender = new Pipe(toSender, pipeEnd(sender, listener));
    const over = (): void => {
      if (sender.closed && listener.closed) this.onOver?.();
    };
    sender.open(this.#toListener, over);
    listener.open(this.#toSender, over);
    this.sender = sender;
    this.listener = listener;
  }

  /** The listener's process is frozen, or runs again. */
  freeze(frozen: boolean): void {
    if (frozen) this.#toListener.hold();
    else this.#toListener.release();
  }

  /** The link passes bytes again. */
  resume(): void {
    this.#toListener.resume();
    this.#toSender.resume();
  }

  /** The listener's process is gone: its side ends behind what it had sent, and what comes finds nobody. */
  reset(): void {
    this.#toListener.kill();
    this.listener.abandon();
    this.#toSender.close();
  }

  /** The state that some box kept of it is gone: nothing passes, nobody is told. */
  vanish(): void {
    this.#toListener.kill();
    this.#toSender.kill();
  }
}

export class ConnectionEnd {
  #pipe: Pipe | undefined;
  #machine: LaneMachine | undefined;
  #events: EndEvents | undefined;
  #over: (() => void) | undefined;
  #closed = false;

  open(pipe: Pipe, over: () => void): void {
    this.#pipe = pipe;
    this.#over = over;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The process behind it is gone. */
  abandon(): void {
    this.#closed = true;
    this.#over?.();
  }

  /** What came before is nobody's. */
  attach(machine: LaneMachine, events: EndEvents): void {
    this.#machine = machine;
    this.#events = events;
  }

  get sent(): number {
    return this.#pipe?.sent ?? 0;
  }

  /** True when something was written. */
  flush(): boolean {
    const pipe = this.#pipe;
    let wrote = false;
    while (!this.#closed && pipe !== undefined && pipe.queued < MAX_QUEUED_BYTES) {
      const bytes = this.#machine?.transmit();
      if (bytes === undefined) return wrote;
      pipe.send(bytes);
      wrote = true;
    }
    return wrote;
  }

  /** Write what is left, then close. */
  close(): void {
    if (this.#closed) return;
    for (let bytes = this.#machine?.transmit(); bytes !== undefined; bytes = this.#machine?.transmit())
      this.#pipe?.send(bytes);
    this.#closed = true;
    this.#pipe?.close();
    this.#over?.();
  }

  received(bytes: Uint8Array): void {
    if (!this.#closed) this.#events?.received(bytes);
  }

  drained(): void {
    if (!this.#closed) this.#events?.drained();
  }

  lost(why: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pipe?.close();
    this.#events?.lost(why);
    this.#over?.();
  }
}

function pipeEnd(receiver: ConnectionEnd, writer: ConnectionEnd): PipeEnd {
  return {
    received: (bytes) => receiver.received(bytes),
    drained: () => writer.drained(),
    ended: () => receiver.lost('closed by the peer'),
  };
}
