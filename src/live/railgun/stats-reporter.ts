/**
 * The listener's statistics, told to whoever wants them (spec 2.4): JSON for `GET /` at `stats.listen`, a POST to `stats.url` every
 * interval, a line for the log. A target that is slow or gone costs nothing but its own report (RG-073).
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StatsJson } from '../../railgun/stats.ts';

/** A target that takes longer than this has had its chance. */
const POST_TIMEOUT_MS = 10_000;
/** Requests to `stats.listen` at once; it is for one monitoring system. */
const MAX_CONNECTIONS = 64;

export interface StatsReporting {
  /** `host:port`; empty = nobody asks. */
  readonly listen: string;
  readonly url: () => string;
  readonly intervalMs: number;
  readonly log: boolean;
}

export interface StatsSource {
  readonly json: () => StatsJson;
  readonly line: (text: string) => void;
  /** What went wrong with a report; for the log. */
  readonly problem: (text: string) => void;
}

export class StatsReporter {
  readonly #reporting: StatsReporting;
  readonly #source: StatsSource;
  readonly #server: Server;
  readonly #timer: NodeJS.Timeout;

  constructor(reporting: StatsReporting, source: StatsSource) {
    this.#reporting = reporting;
    this.#source = source;
    this.#server = createServer((request, response) => {
      if (request.url !== '/' || (request.method !== 'GET' && request.method !== 'HEAD')) {
        response.writeHead(request.url === '/' ? 405 : 404).end();
        return;
      }
      const body = `${JSON.stringify(source.json())}\n`;
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
      response.end(request.method === 'HEAD' ? '' : body);
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.unref();
    this.#timer = setInterval(() => this.report(), reporting.intervalMs);
    this.#timer.unref();
  }

  /** Rejects with Node's error. Resolves to where it listens; `undefined` when nobody asked for it. */
  start(): Promise<AddressInfo | undefined> {
    const { listen } = this.#reporting;
    if (listen === '') return Promise.resolve(undefined);
    const colon = listen.lastIndexOf(':');
    const host = listen.slice(0, colon).replace(/^\[|\]$/g, '');
    const port = Number(listen.slice(colon + 1));
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ ...(host === '' ? {} : { host }), port }, () => {
        this.#server.removeListener('error', reject);
        this.#server.on('error', (error) => this.#source.problem(error.message));
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  /** What the interval does. */
  report(): void {
    const json = JSON.stringify(this.#source.json());
    if (this.#reporting.log) this.#source.line(json);
    const url = this.#reporting.url();
    if (url !== '') void this.#post(url, json);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #post(url: string, body: string): Promise<void> {
    try {
      const headers = { 'Content-Type': 'application/json' };
      const signal = AbortSignal.timeout(POST_TIMEOUT_MS);
      const response = await fetch(url, { method: 'POST', headers, body, signal });
      await response.body?.cancel();
      if (!response.ok) this.#source.problem(`stats.url answered ${response.status}`);
    } catch (error) {
      const cause =
        error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : String(error);
      this.#source.problem(`stats.url: ${cause}`);
    }
  }
}
