/**
 * Real `redis-server` and `memcached` for tests, on ports of their own of 127.0.0.1 and on Unix sockets, and what may happen to them: stopped,
 * killed, started again, flushed. Everything is gone after `endServers`, and also when the test process ends.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ownPort } from './own-port.ts';

export type Program = 'redis-server' | 'memcached';

/**
 * Why tests of this server cannot run, or undefined. Under CI a missing server is no reason: the tests run, and fail.
 */
export function missing(program: Program): string | undefined {
  if (process.env['CI'] === 'true') return undefined;
  const { error } = spawnSync(program, ['--version'], { stdio: 'ignore' });
  return error === undefined ? undefined : `${program} is not installed`;
}

export interface RealServer {
  readonly port: number;
  /** Its Unix socket, or empty when it listens on the port. */
  readonly path: string;
  /** SIGSTOP: accepts (the kernel does), answers nothing. */
  stall(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGKILL, and gone when this resolves. */
  kill(): Promise<void>;
  /** On the same port, empty. */
  restart(): Promise<void>;
  /** Forget everything, keep the connections. */
  flush(): Promise<void>;
  /** One line of the text protocol; the answer up to where `until` matches. */
  tell(line: string, until: RegExp): Promise<string>;
}

export interface ServerOptions {
  readonly unixSocket?: boolean;
  readonly args?: readonly string[];
  /** Of a Redis that was given one by `args`. */
  readonly password?: string;
}

const servers = new Set<Running>();
let folder = '';
let started = 0;

process.on('exit', () => {
  for (const server of servers) server.child?.kill('SIGKILL');
  removeFolder();
});

export async function endServers(): Promise<void> {
  await Promise.all([...servers].map((server) => server.kill()));
  servers.clear();
  removeFolder();
}

function removeFolder(): void {
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
  folder = '';
}

export async function startServer(program: Program, options: ServerOptions = {}): Promise<RealServer> {
  for (let attempt = 0; ; attempt++) {
    started += 1;
    if (folder === '') folder = mkdtempSync(join(tmpdir(), 'switchyard-stores-'));
    const port = await ownPort();
    const path = options.unixSocket === true ? join(folder, `${started}.sock`) : '';
    const server = new Running(program, port, path, options);
    servers.add(server);
    try {
      await server.restart();
      return server;
    } catch (error) {
      // Somebody else may have taken the port in the meantime.
      await server.kill();
      servers.delete(server);
      if (attempt === 2) throw error;
    }
  }
}

class Running implements RealServer {
  readonly #program: Program;
  readonly port: number;
  readonly path: string;
  readonly #options: ServerOptions;
  child: ChildProcess | undefined;

  constructor(program: Program, port: number, path: string, options: ServerOptions) {
    this.#program = program;
    this.port = port;
    this.path = path;
    this.#options = options;
  }

  stall(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await gone;
  }

  async restart(): Promise<void> {
    await this.kill();
    if (this.path !== '') rmSync(this.path, { force: true });
    const child = spawn(this.#program, [...this.#ownArgs(), ...(this.#options.args ?? [])], {
      stdio: 'ignore',
      cwd: folder,
    });
    let failed: Error | undefined;
    child.once('error', (error) => {
      failed = error;
    });
    this.child = child;
    const [ask, answer] = this.#program === 'memcached' ? ['version', /^VERSION /] : ['PING', /\+PONG/];
    // Ten seconds at least, and longer where each look takes its time.
    for (let attempt = 0; attempt < 400; attempt++) {
      if (failed !== undefined) throw failed;
      if (child.exitCode !== null) throw new Error(`${this.#program} ended with ${child.exitCode}`);
      try {
        await this.tell(ask as string, answer as RegExp);
        return;
      } catch {
        await new Promise((done) => setTimeout(done, 25));
      }
    }
    throw new Error(`${this.#program} does not answer`);
  }

  async flush(): Promise<void> {
    if (this.#program === 'memcached') await this.tell('flush_all', /^OK/);
    else await this.tell('FLUSHALL', /^\+OK/);
  }

  tell(line: string, until: RegExp): Promise<string> {
    return new Promise((settle, reject) => {
      const socket = this.path === '' ? connect(this.port, '127.0.0.1') : connect(this.path);
      let text = '';
      socket.setTimeout(30_000, () => socket.destroy(new Error(`no answer to ${line}`)));
      socket.on('error', reject);
      socket.on('close', () => reject(new Error(`"${text.slice(0, 80)}" is no answer to ${line}`)));
      socket.on('data', (data) => {
        text += data.toString('latin1');
        if (!until.test(text)) return;
        settle(text);
        socket.destroy();
      });
      const { password } = this.#options;
      socket.write(`${password === undefined ? '' : `AUTH "${password}"\r\n`}${line}\r\n`);
    });
  }

  #ownArgs(): string[] {
    const { port, path } = this;
    if (this.#program === 'memcached') {
      // As root it wants to be told whom to run as.
      const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
      return path === '' ? [...user, '-l', '127.0.0.1', '-p', `${port}`, '-U', '0'] : [...user, '-s', path];
    }
    const place = path === '' ? ['--port', `${port}`, '--bind', '127.0.0.1'] : ['--port', '0', '--unixsocket', path];
    return [...place, '--save', '', '--appendonly', 'no', '--dir', folder, '--dbfilename', `${port}.rdb`];
  }
}
