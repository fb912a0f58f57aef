/**
 * The built edge from outside: `switchyard serve` as a process, origins in this one, and the tools that people use (curl, dig,
 * openssl). Every port is free-chosen on loopback; every process is ended by whoever started it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import {
  type Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
} from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ownPort } from '../../contract/own-port.ts';

const CLI = join(import.meta.dirname, '../../../bin/switchyard.js');

export interface Ready {
  readonly listen?: string;
  readonly listen_tls?: string;
  readonly admin?: string;
  readonly dns?: string;
  readonly ca?: string;
  readonly workers: number;
}

export function tempFolder(): string {
  return mkdtempSync(join(tmpdir(), 'switchyard-serve-'));
}

/** Ends with the test that asked for it: `afterAll(() => serve.end())`. */
export class Serve {
  readonly process: ChildProcess;
  readonly folder: string;
  out = '';
  err = '';
  code: number | null | undefined;
  #waiting: (() => void)[] = [];

  /** `home`: no `--state`, and this in place of the folder where a user's data is. */
  constructor(
    config: object | string | undefined,
    flags: readonly string[] = [],
    folder = tempFolder(),
    home?: string,
  ) {
    this.folder = folder;
    const state = home === undefined ? ['--state', join(folder, 'state')] : [];
    const given = config === undefined ? [] : ['--config', this.write(config)];
    const ports = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', ...state, '--min-interval', '1'];
    this.process = spawn(process.execPath, [CLI, 'serve', ...ports, ...given, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(home === undefined ? {} : { env: { ...process.env, XDG_DATA_HOME: home } }),
    });
    this.process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
      this.#wake();
    });
    this.process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
      this.#wake();
    });
    this.process.on('exit', (code) => {
      this.code = code;
      this.#wake();
    });
  }

  get config(): string {
    return join(this.folder, 'config.json');
  }

  /** In one step: whoever watches the file never sees half of it. */
  write(config: object | string): string {
    const fresh = `${this.config}.new`;
    writeFileSync(fresh, typeof config === 'string' ? config : JSON.stringify({ version: 1, ...config }));
    renameSync(fresh, this.config);
    return this.config;
  }

  async ready(): Promise<Ready> {
    await this.when(() => this.out.includes('\n') || this.code !== undefined);
    if (this.code !== undefined) throw new Error(`serve ended with ${this.code}: ${this.err}${this.out}`);
    return JSON.parse(this.out) as Ready;
  }

  async ended(): Promise<number | null> {
    await this.when(() => this.code !== undefined);
    return this.code ?? null;
  }

  /** Waits for a line on stderr that holds this. */
  async says(text: string | RegExp): Promise<void> {
    await this.when(
      () => (typeof text === 'string' ? this.err.includes(text) : text.test(this.err)) || this.code !== undefined,
    );
    if (!(typeof text === 'string' ? this.err.includes(text) : text.test(this.err)))
      throw new Error(`never said ${text}: ${this.err}`);
  }

  async end(): Promise<void> {
    if (this.code === undefined) this.process.kill('SIGKILL');
    await this.ended();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async when(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const each of this.#waiting.splice(0)) each();
  }
}

/** An origin that says its name, and remembers who came. */
export class NamedOrigin {
  readonly name: string;
  readonly requests: { url: string; headers: IncomingHttpHeaders }[] = [];
  /** Answers these requests in place of the usual way. */
  answer: ((request: IncomingMessage, respond: (status: number, body: string) => void) => boolean) | undefined;
  port = 0;
  readonly host: string;
  readonly sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(name: string, host = '127.0.0.1') {
    this.name = name;
    this.host = host;
  }

  static async start(name: string, host?: string): Promise<NamedOrigin> {
    const origin = new NamedOrigin(name, host);
    await origin.start();
    return origin;
  }

  /** Where it was before, if it was. Does nothing while it is there. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    if (this.port === 0) this.port = await ownPort(this.host);
    const server = createServer((message, response) => {
      const respond = (status: number, body: string): void => {
        response.writeHead(status, { 'content-type': 'text/plain', 'x-origin': this.name });
        response.end(body);
      };
      if (message.url === '/health') {
        message.resume();
        return respond(200, 'ok');
      }
      this.requests.push({ url: message.url ?? '', headers: message.headers });
      if (this.answer?.(message, respond) === true) return;
      message.resume();
      message.on('end', () => respond(200, this.name));
    });
    server.keepAliveTimeout = 0;
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, this.host, () => resolve());
    });
    this.#server = server;
  }

  /** Gone, as a killed process is: connections reset, new ones refused. */
  kill(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  config(fields: object = {}): object {
    return { name: this.name, address: this.host, port: this.port, ...fields };
  }
}

export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Asking {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent?: Agent;
}

/** One request to `host:port`; rejects when the connection breaks. */
export function ask(at: string, asking: Asking = {}): Promise<Got> {
  const [host, port] = at.split(':');
  const { path = '/', method = 'GET', headers = {}, body, agent } = asking;
  return new Promise((resolve, reject) => {
    const sent = request(
      { host, port, path, method, headers, ...(agent === undefined ? {} : { agent }) },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Asks again until it holds; the test's own time-out ends it. */
export async function until<T>(look: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look();
    if (holds(value)) return value;
    // Room for those that it waits for: they may share one processor with us.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export function run(command: string, args: readonly string[], input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(command, [...args], { encoding: 'utf8' }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err });
    });
    // A tool that ends before it has read all is no fault.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Skip reason when a tool is missing; in CI everything must be there. */
export async function missing(tool: string, version: string): Promise<boolean> {
  if (process.env['CI'] === 'true') return false;
  return (await run(tool, [version])).code === 1 && (await run('which', [tool])).code !== 0;
}

/** A refusal counts at once. Silence does not: an origin of ours, in the process of the test, is late at times and never dead. */
export const MONITOR = {
  id: 'm',
  type: 'http',
  path: '/health',
  interval: 1,
  timeout: 10,
  retries: 2,
  expected_codes: '200',
};

/** One balancer `www.example.com` over these pools of origins; the last one is the fallback. */
export function configOf(
  pools: Readonly<Record<string, readonly NamedOrigin[]>>,
  balancer: object = {},
  more: object = {},
): object {
  const names = Object.keys(pools);
  return {
    monitors: [MONITOR],
    pools: names.map((name) => ({ name, monitor: 'm', origins: pools[name]!.map((origin) => origin.config()) })),
    load_balancers: [
      {
        name: 'www.example.com',
        proxied: true,
        default_pools: names.length > 1 ? names.slice(0, -1) : names,
        fallback_pool: names.at(-1),
        ...balancer,
      },
    ],
    ...more,
  };
}
