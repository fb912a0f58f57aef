/**
 * One process of the lab: started, written into the ledger, ready or given up, ended politely and then not. Its last words are kept for
 * whoever has to explain. It never outlives the drill: on its IPC channel it sees the drill go, and the keeper (`network-process.ts`)
 * ends those that have none.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { LabError } from '../lab.ts';
import { Caller } from './calls.ts';
import { record } from './ledger.ts';

/** Node, the program and a configuration take half a second; a busy machine with a dozen of them at once, much longer. */
const READY_MS = 30_000;
/** After SIGTERM: a draining edge was told to take no longer than a second. */
const POLITE_MS = 5_000;
/** After SIGKILL nothing but the kernel can hold a process: a disk that does not answer. */
const KILL_MS = 3_000;
const TAIL_LINES = 30;
const TAIL_LINE_CHARACTERS = 500;

/**
 * Ends a program of ours that does not know it is in a lab, when the drill is gone. The channel must not keep it alive, or a drained edge
 * would never end. Frozen ones are the keeper's.
 */
const ORPHAN = `--import=data:text/javascript,process.on("disconnect",()=>process.exit(1));process.channel?.unref()`;

export interface ChildOrder {
  /** For people: `the edge LHR`. */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly folder: string;
  /** `line`: one line of JSON on stdout; `news`: a first message; `none`: whoever starts it finds out by itself. */
  readonly ready: 'line' | 'news' | 'none';
  readonly onDied: (child: Child, code: string) => void;
  readonly signal: AbortSignal;
}

/** How a verb of this tool is run as a process of the lab. */
export function ownProgram(
  self: readonly string[],
  verb: readonly string[],
  options: { readonly watches: 'itself' | 'import'; readonly nodeFlags?: readonly string[] },
): { readonly command: string; readonly args: readonly string[] } {
  const [command = process.execPath, ...args] = self;
  const flags = [...(options.nodeFlags ?? []), ...(options.watches === 'import' ? [ORPHAN] : [])];
  return { command, args: [...flags, ...args, ...verb] };
}

export class Child {
  readonly what: string;
  readonly calls: Caller;
  /** What the ready line said. */
  ready: Readonly<Record<string, unknown>> = {};
  /** An end from here on is no surprise. */
  mayEnd = false;
  readonly #process: ChildProcess;
  readonly #order: ChildOrder;
  readonly #exit: Promise<string>;
  readonly #tail: string[] = [];
  #code: string | undefined;

  private constructor(order: ChildOrder) {
    this.#order = order;
    this.what = order.what;
    const ipc = order.ready === 'none' ? [] : ['ipc' as const];
    // A session of its own: Ctrl-C in the terminal is for the drill alone.
    this.#process = spawn(order.command, [...order.args], {
      stdio: ['ignore', 'pipe', 'pipe', ...ipc],
      detached: true,
      env: { ...process.env, NO_COLOR: '1' },
    });
    const { pid } = this.#process;
    if (pid !== undefined) record(order.folder, pid, order.what);
    this.calls = new Caller(this.#process);
    this.#exit = new Promise((resolve) => {
      const ended = (code: string): void => {
        if (this.#code !== undefined) return;
        this.#code = code;
        resolve(code);
        if (!this.mayEnd) order.onDied(this, code);
      };
      this.#process.once('exit', (code, signal) => ended(signal ?? `code ${code ?? 'unknown'}`));
      this.#process.once('error', (error) => ended(error.message));
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => this.#remember(text));
  }

  /** Resolves when it is ready; rejects with a LabError that holds its last words. */
  static async start(order: ChildOrder): Promise<Child> {
    if (order.signal.aborted) throw new LabError('interrupted');
    const child = new Child(order);
    const wasSurprise = child.mayEnd;
    child.mayEnd = true;
    const problem = await child.#begin();
    if (problem === undefined) {
      child.mayEnd = wasSurprise;
      return child;
    }
    await child.end();
    const said = child.tail.slice(-5).join(' | ');
    throw new LabError(`${order.what} ${problem}`, said === '' ? '' : `its last words: ${said}`);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get alive(): boolean {
    return this.#code === undefined && this.#process.pid !== undefined;
  }

  get tail(): readonly string[] {
    return this.#tail;
  }

  signal(name: NodeJS.Signals): void {
    if (this.alive) this.#process.kill(name);
  }

  /** At once, as a machine that loses power. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.mayEnd = true;
    this.signal('SIGKILL');
    await this.#gone(KILL_MS);
  }

  /** SIGTERM, patience, SIGKILL. Resolves to a sentence when it will not die. */
  async end(politely: NodeJS.Signals = 'SIGTERM'): Promise<string | undefined> {
    this.mayEnd = true;
    // A frozen process hears nothing else.
    this.signal('SIGCONT');
    this.signal(politely);
    if (await this.#gone(POLITE_MS)) return undefined;
    this.signal('SIGKILL');
    if (await this.#gone(KILL_MS)) return undefined;
    return `${this.what} (process ${this.pid}) will not die, not even by SIGKILL`;
  }

  /** Resolves when it has ended by itself, or after `ms`: false. */
  ended(ms: number): Promise<boolean> {
    this.mayEnd = true;
    return this.#gone(ms);
  }

  async #gone(ms: number): Promise<boolean> {
    if (!this.alive) return true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), ms);
    });
    const gone = await Promise.race([this.#exit.then(() => true), late]);
    clearTimeout(timer);
    return gone;
  }

  /** Undefined when it is ready, else what is wrong. */
  async #begin(): Promise<string | undefined> {
    if (this.#process.pid === undefined) return `cannot be started: ${await this.#exit}`;
    const { ready, signal } = this.#order;
    if (ready === 'none') {
      this.#process.stdout?.resume();
      return undefined;
    }
    const said = ready === 'line' ? this.#line() : this.#news();
    let timer: NodeJS.Timeout | undefined;
    let abort = (): void => {};
    const problem = await Promise.race([
      said,
      this.#exit.then((code) => `ended with ${code} before it was ready`),
      new Promise<string>((resolve) => {
        timer = setTimeout(() => resolve(`was not ready within ${READY_MS / 1_000} s`), READY_MS);
        abort = () => resolve('was interrupted');
        signal.addEventListener('abort', abort, { once: true });
      }),
    ]);
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    return problem;
  }

  #line(): Promise<string | undefined> {
    return new Promise((resolve) => {
      let text = '';
      this.#process.stdout?.setEncoding('utf8').on('data', (part: string) => {
        if (text.includes('\n')) return;
        text += part;
        if (!text.includes('\n')) return;
        try {
          this.ready = JSON.parse(text) as Record<string, unknown>;
          resolve(undefined);
        } catch {
          resolve(`said "${text.slice(0, 200).trim()}" instead of being ready`);
        }
      });
    });
  }

  #news(): Promise<undefined> {
    this.#process.stdout?.resume();
    return new Promise((resolve) => {
      this.calls.onNews = () => resolve(undefined);
    });
  }

  #remember(text: string): void {
    for (const line of text.split('\n')) {
      if (line.trim() === '') continue;
      this.#tail.push(line.slice(0, TAIL_LINE_CHARACTERS));
      if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    }
  }
}
