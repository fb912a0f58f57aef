/**
 * Real HTTP/1.1 clients: keep-alive connections by endpoint, bodies read to their end and counted, every way in which it can go wrong told
 * as a value. Requests are never sent again: a drill measures what a visitor meets, not what a library hides.
 */
import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import type { Clock } from '../core/ports.ts';
import { ANSWER_LIMIT_MS, CONNECT_LIMIT_MS, MAX_IN_FLIGHT, type WireAnswer, type WireRequest } from './wire.ts';

/** Idle connections are closed by us long before the other end may do so (the edge: 400 s), so that no request meets a closing socket. */
const IDLE_MS = 15_000;

export class HttpClients {
  readonly #clock: Clock;
  readonly #agent = new Agent({
    keepAlive: true,
    maxSockets: MAX_IN_FLIGHT,
    maxFreeSockets: 1_024,
    scheduling: 'lifo',
    timeout: IDLE_MS,
  });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly send = (wire: WireRequest): Promise<WireAnswer> =>
    new Promise((resolve) => {
      new Exchange(this.#clock, this.#agent, wire, resolve).begin();
    });

  close(): void {
    this.#agent.destroy();
  }
}

class Exchange {
  readonly #clock: Clock;
  readonly #agent: Agent;
  readonly #wire: WireRequest;
  readonly #resolve: (answer: WireAnswer) => void;
  #request: ClientRequest | undefined;
  #response: IncomingMessage | undefined;
  #connected = false;
  #headAt = 0;
  #bytes = 0;
  #why = '';
  #settled = false;
  #limit: NodeJS.Timeout | undefined;
  #connectLimit: NodeJS.Timeout | undefined;

  constructor(clock: Clock, agent: Agent, wire: WireRequest, resolve: (answer: WireAnswer) => void) {
    this.#clock = clock;
    this.#agent = agent;
    this.#wire = wire;
    this.#resolve = resolve;
  }

  begin(): void {
    const { endpoint, host, method, target, fields } = this.#wire;
    const request = httpRequest({
      agent: this.#agent,
      host: endpoint.host,
      port: endpoint.port,
      method,
      path: target,
      headers: { Host: host, 'User-Agent': 'switchyard-drill', Accept: '*/*', ...fields },
      setDefaultHeaders: false,
    });
    this.#request = request;
    this.#limit = setTimeout(() => this.#give('timeout'), ANSWER_LIMIT_MS);
    request.on('socket', (socket) => {
      this.#connected = !socket.connecting;
      if (this.#connected) return;
      this.#connectLimit = setTimeout(() => this.#give('ETIMEDOUT'), CONNECT_LIMIT_MS);
      socket.once('connect', () => {
        this.#connected = true;
        clearTimeout(this.#connectLimit);
      });
    });
    request.on('response', (response) => {
      this.#headAt = this.#clock.now();
      this.#response = response;
      response.on('data', (chunk: Buffer) => (this.#bytes += chunk.length));
      response.on('end', () => this.#settle(''));
      response.on('error', () => this.#settle(this.#why || 'cut'));
      response.on('close', () => this.#settle(response.complete ? '' : this.#why || 'cut'));
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      this.#settle(this.#why || (this.#response === undefined ? (error.code ?? error.message) : 'cut'));
    });
    request.end();
  }

  #give(why: string): void {
    this.#why = why;
    this.#request?.destroy(new Error(why));
  }

  #settle(error: string): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#limit);
    clearTimeout(this.#connectLimit);
    const head = this.#response?.headers ?? {};
    this.#resolve({
      status: this.#response?.statusCode ?? 0,
      error,
      connected: this.#connected,
      headAt: this.#headAt,
      endAt: this.#clock.now(),
      bytes: this.#bytes,
      ray: rayOf(textOf(head['cf-ray'])),
      railgun: textOf(head['cf-railgun']),
      setCookie: head['set-cookie'] ?? [],
    });
  }
}

/** The 16 digits before the PoP. */
export function rayOf(field: string): string {
  const dash = field.indexOf('-');
  return dash < 0 ? field : field.slice(0, dash);
}

function textOf(value: string | string[] | undefined): string {
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}
