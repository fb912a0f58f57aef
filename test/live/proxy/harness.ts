/**
 * A bench for the engine: a raw origin that records what it is sent and answers what it is told, a raw client, and a
 * clock that a test moves. No sleeps: everything waits for bytes or for an end.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { fieldLine } from '../../../src/http1/field-set.ts';
import type { AttemptFailure } from '../../../src/core/attempt-fault.ts';
import type {
  Attempt,
  ExchangeReport,
  Http1Attempt,
  LocalAnswer,
  Outcome,
  Plan,
  ProxyBrain,
} from '../../../src/live/proxy/brain.ts';
import type { ProxyClock } from '../../../src/live/proxy/clock.ts';
import { ProxyEngine, type ProxyEngineOptions } from '../../../src/live/proxy/engine.ts';
import { bareAnswer } from '../../../src/live/proxy/local-answer.ts';

/** One end of a raw connection: what has come so far, and ways to wait for more. */
export class Wire {
  readonly socket: Socket;
  text = '';
  ended = false;
  closed = false;
  error: NodeJS.ErrnoException | undefined;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('end', () => {
      this.ended = true;
      this.#wake();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error;
      this.#wake();
    });
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  send(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** Resolves when the text holds the pattern; rejects when the connection ends without it. */
  async until(pattern: string | RegExp): Promise<string> {
    await this.when(() => this.#has(pattern) || this.closed || this.ended);
    if (!this.#has(pattern))
      throw new Error(`ended without ${String(pattern)}: ${JSON.stringify(this.text.slice(0, 2_000))}`);
    return this.text;
  }

  /** Resolves with all that came, once the other side has ended or closed. */
  async end(): Promise<string> {
    await this.when(() => this.ended || this.closed);
    return this.text;
  }

  async close(): Promise<void> {
    await this.when(() => this.closed);
  }

  async when(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #has(pattern: string | RegExp): boolean {
    return typeof pattern === 'string' ? this.text.includes(pattern) : pattern.test(this.text);
  }

  #wake(): void {
    for (const each of this.#waiting.splice(0)) each();
  }
}

export async function dial(port: number): Promise<Wire> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return new Wire(socket);
}

/** A raw origin: every connection is handed to the test, in the order in which they came. */
export class RawOrigin {
  readonly wires: Wire[] = [];
  readonly server: Server;
  #next: ((wire: Wire) => void)[] = [];
  #taken = 0;

  private constructor(onWire?: (wire: Wire) => void) {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const wire = new Wire(socket);
      this.wires.push(wire);
      onWire?.(wire);
      this.#next.shift()?.(wire);
    });
  }

  static async start(onWire?: (wire: Wire) => void): Promise<RawOrigin> {
    const origin = new RawOrigin(onWire);
    await new Promise<void>((resolve) => origin.server.listen(0, '127.0.0.1', resolve));
    return origin;
  }

  /** Answers every request head at once with the same bytes. For requests without a body. */
  static answering(answer: string): Promise<RawOrigin> {
    return RawOrigin.start((wire) => {
      let seen = 0;
      wire.socket.on('data', () => {
        for (let at = wire.text.indexOf('\r\n\r\n', seen); at !== -1; at = wire.text.indexOf('\r\n\r\n', seen)) {
          seen = at + 4;
          wire.send(answer);
        }
      });
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The next connection that no one has asked for yet. */
  async wire(): Promise<Wire> {
    const at = this.#taken++;
    const there = this.wires[at];
    if (there !== undefined) return there;
    return new Promise((resolve) => this.#next.push(resolve));
  }

  stop(): void {
    this.server.close();
    for (const wire of this.wires) wire.socket.destroy();
  }
}

/** Time that stands still until a test moves it. */
export class ManualClock implements ProxyClock {
  #now = 1_000;
  readonly #runs = new Set<() => void>();

  nowMs(): number {
    return this.#now;
  }
  every(_periodMs: number, run: () => void): () => void {
    this.#runs.add(run);
    return () => this.#runs.delete(run);
  }
  advance(ms: number): void {
    const target = this.#now + ms;
    while (this.#now < target) {
      this.#now = Math.min(target, this.#now + 250);
      for (const run of [...this.#runs]) run();
    }
  }
}

export interface Told {
  readonly outcome: Outcome;
  readonly status: number;
  readonly attempts: number;
  readonly requestBytes: number;
}

/** A brain that remembers what it was told. Fields may be replaced by a test. */
export class TestBrain implements ProxyBrain {
  attempts: Attempt[];
  readonly failures: AttemptFailure[] = [];
  readonly told: Told[] = [];
  readonly targets: string[] = [];
  plan: Partial<Plan> = {};
  answer: ((target: string) => LocalAnswer | undefined) | undefined;
  edit: ReturnType<ProxyBrain['responseHead']>;
  unrouted: NonNullable<ProxyBrain['unrouted']> = () => {};
  #next = 0;
  #waiting: (() => void)[] = [];

  constructor(attempts: Attempt[]) {
    this.attempts = attempts;
  }

  route: ProxyBrain['route'] = (head) => {
    this.targets.push(head.target);
    const local = this.answer?.(head.target);
    if (local !== undefined) return local;
    this.#next = 1;
    return {
      kind: 'forward',
      attempt: this.attempts[0] as Attempt,
      requestDrop: undefined,
      requestAdd: '',
      ...this.plan,
    };
  };
  attemptFailed: ProxyBrain['attemptFailed'] = (_plan, failure) => {
    this.failures.push(failure);
    const next = failure.mayRetry ? this.attempts[this.#next++] : undefined;
    return next ?? bareAnswer(STATUS[failure.kind] ?? 520, fieldLine('X-Fault', failure.kind));
  };
  responseHead: ProxyBrain['responseHead'] = () => this.edit;
  done(_plan: Plan | undefined, report: ExchangeReport): void {
    const { outcome, status, attempts, requestBytes } = report;
    this.told.push({ outcome, status, attempts, requestBytes });
    for (const each of this.#waiting.splice(0)) each();
  }

  /** Resolves when `count` requests are done. */
  async whenDone(count: number): Promise<void> {
    while (this.told.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** Spec 6.2. */
export const STATUS: Readonly<Record<string, number>> = {
  refused: 521,
  connect_timeout: 522,
  unreachable: 523,
  read_timeout: 524,
  write_timeout: 524,
  tls_handshake: 525,
  tls_certificate: 526,
  dns: 530,
};

export function toOrigin(port: number, more: Partial<Http1Attempt> = {}): Http1Attempt {
  return {
    kind: 'http1',
    host: undefined,
    address: '127.0.0.1',
    port,
    key: `127.0.0.1:${port}`,
    tls: undefined,
    ...more,
  };
}

export interface Edge {
  readonly engine: ProxyEngine;
  readonly brain: TestBrain;
  readonly clock: ManualClock;
  readonly port: number;
}

/** An engine on a free port with its own clock, in front of these origins. */
export async function startEdge(attempts: Attempt[], options: Partial<ProxyEngineOptions> = {}): Promise<Edge> {
  const brain = new TestBrain(attempts);
  const clock = new ManualClock();
  const engine = new ProxyEngine({
    brain,
    clock,
    via: '',
    onMistake: (error) => {
      throw error;
    },
    ...options,
  });
  const { port } = await engine.listen({ host: '127.0.0.1', port: 0 });
  return { engine, brain, clock, port };
}

/** Lines of a raw head, start line first. */
export function headLines(text: string): string[] {
  return text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');
}

/** Values of a field in a raw head. */
export function fieldValues(text: string, name: string): string[] {
  return headLines(text)
    .slice(1)
    .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    .map((line) => line.slice(name.length + 1).trim());
}
