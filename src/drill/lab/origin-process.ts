/**
 * The process behind `switchyard lab-origin`: one origin on a real socket that behaves as the replay's model of it does, since the model
 * itself (`sim/origin.ts`) says for each request how it ends and when. Pages change with time by the clock that the replay uses.
 *
 *     GET /shop?page=7   page 7 as it is now, `Drill-Bytes` long; without a page a small answer, and what monitors expect
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { seededRandom } from '../../core/random.ts';
import { micros, US_PER_MS } from '../../core/time.ts';
import { Bodies, type PageSource } from '../../sim/bodies.ts';
import { type OriginEffect, type OriginTraits, SimOrigin } from '../../sim/origin.ts';
import { OVERLOADED, RESET, SERVED } from '../../sim/outcome.ts';
import type { PageKind } from '../../sim/pages.ts';
import { BYTES_FIELD, type Endpoint, KEY_FIELD, TEXT_FIELD } from '../lab.ts';
import { answerCalls } from './calls.ts';

export interface OriginOrder {
  /** `eu/eu-1`: told in every answer. */
  readonly name: string;
  readonly seed: string;
  readonly listen: Endpoint;
  readonly traits: OriginTraits;
  /** Pages are dealt out to these in turn: a kind of the generator, or files, a version each. */
  readonly pages: readonly {
    readonly from: PageKind | readonly string[];
    readonly everyUs: number;
    readonly contentType: string;
  }[];
  /** What monitors want to see, by path. */
  readonly expected: Readonly<Record<string, { readonly status: number; readonly body: string }>>;
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Longer than the edge keeps idle connections (900 s), so that it is the edge that ends them. */
const KEEP_ALIVE_MS = 1_000_000;
/** A page that is larger belongs into no drill. */
const MOST_BODY_BYTES = 64 * 1_048_576;

export function runOrigin(): Promise<number> {
  return new Promise(() => {
    let origin: LabOrigin | undefined;
    const begun = (): LabOrigin => {
      if (origin === undefined) throw new Error('the origin has not begun');
      return origin;
    };
    const tell = answerCalls(
      {
        begin: async (order: OriginOrder) => {
          origin = new LabOrigin(order);
          return origin.listen();
        },
        startAt: (startUs: number) => begun().startAt(startUs),
        apply: (effect: OriginEffect) => begun().apply(effect),
        remove: (effect: number) => begun().remove(effect),
        certificate: (tls: { cert: string; key: string }) => begun().setCertificate(tls),
        rejected: () => begun().rejected,
      },
      () => process.exit(0),
    );
    process.on('SIGTERM', () => process.exit(0));
    tell({ kind: 'ready' });
  });
}

class LabOrigin {
  readonly #order: OriginOrder;
  readonly #model: SimOrigin;
  readonly #server: Server | SecureServer;
  readonly #effects = new Map<number, () => void>();
  readonly #sources: readonly PageSource[];
  #bodies: Bodies;
  #lastEffect = 0;
  /** The first probe from here on is the run's first. */
  #countFromUs = Number.POSITIVE_INFINITY;

  constructor(order: OriginOrder) {
    this.#order = order;
    this.#model = new SimOrigin(order.traits, seededRandom(order.seed).fork(`origins/${order.name}`));
    this.#sources = order.pages.map(({ from, ...rest }) => ({
      ...rest,
      from: typeof from === 'string' ? from : from.map((file) => readFileSync(file)),
    }));
    this.#bodies = this.#bodiesFrom(Date.now() * US_PER_MS);
    const serve = (request: IncomingMessage, response: ServerResponse): void => this.#serve(request, response);
    const options = { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0, headersTimeout: 0, noDelay: true };
    this.#server =
      order.tls === undefined ? createServer(options, serve) : createSecureServer({ ...options, ...order.tls }, serve);
  }

  /** Page versions and probes count from here, of the wall clock. */
  startAt(startUs: number): void {
    this.#countFromUs = startUs;
    this.#bodies = this.#bodiesFrom(startUs);
  }

  get rejected(): number {
    return this.#model.rejected;
  }

  listen(): Promise<Endpoint> {
    const { host, port } = this.#order.listen;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        resolve({ host, port: (this.#server.address() as AddressInfo).port });
      });
    });
  }

  apply(effect: OriginEffect): number {
    this.#lastEffect += 1;
    this.#effects.set(this.#lastEffect, this.#model.apply(effect));
    return this.#lastEffect;
  }

  remove(effect: number): void {
    this.#effects.get(effect)?.();
    this.#effects.delete(effect);
  }

  setCertificate(tls: { readonly cert: string; readonly key: string }): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(tls);
  }

  #bodiesFrom(startUs: number): Bodies {
    const { seed } = this.#order;
    return new Bodies(this.#sources, seed, micros(startUs), seededRandom(seed).fork('bodies'));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    // A body is of no interest, but has to be taken.
    request.resume();
    const model = this.#model;
    const now = Math.round(performance.now() * US_PER_MS);
    const key = wholeNumber(request.headers[KEY_FIELD.toLowerCase()]);
    if (key !== undefined) model.admit(now, 0, key);
    else {
      // A monitor. Those before the run are not counted, as in the replay.
      if (Date.now() * US_PER_MS >= this.#countFromUs) {
        model.countProbes();
        this.#countFromUs = Number.POSITIVE_INFINITY;
      }
      model.probe(now, 0, false);
    }
    const { ending } = model;
    const waitMs = model.afterUs / US_PER_MS;
    if (ending === RESET) return void request.socket.resetAndDestroy();
    if (waitMs < 0.5) return this.#answer(ending, request, response);
    // A timer fires up to a millisecond late and never early; on average this is right.
    setTimeout(() => this.#answer(ending, request, response), Math.max(1, Math.round(waitMs - 0.5)));
  }

  #answer(ending: number, request: IncomingMessage, response: ServerResponse): void {
    if (response.destroyed) return;
    response.setHeader('X-Lab-Origin', this.#order.name);
    if (ending !== SERVED) {
      const overloaded = ending === OVERLOADED;
      const text = overloaded ? 'the queue is full\n' : 'the application has failed\n';
      response.writeHead(overloaded ? 503 : 500, { 'Content-Type': 'text/plain', 'Content-Length': text.length });
      response.end(request.method === 'HEAD' ? undefined : text);
      return;
    }
    const [path = '/', query = ''] = (request.url ?? '/').split('?');
    const page = /(?:^|&)page=(\d{1,9})(?:&|$)/.exec(query)?.[1];
    const bytes = wholeNumber(request.headers[BYTES_FIELD.toLowerCase()]);
    if (page === undefined && bytes === undefined) {
      const { status, body } = this.#order.expected[path] ?? { status: 200, body: 'here\n' };
      // A monitor may want a 204, which has no body.
      const bodiless = status < 200 || status === 204 || status === 304;
      const length = bodiless ? {} : { 'Content-Length': Buffer.byteLength(body) };
      response.writeHead(status, { 'Content-Type': 'text/plain', ...length });
      response.end(request.method === 'HEAD' || bodiless ? undefined : body);
      return;
    }
    const length = Math.min(bytes ?? 0, MOST_BODY_BYTES);
    const body =
      request.headers[TEXT_FIELD.toLowerCase()] === '0'
        ? this.#bodies.noise(length)
        : this.#bodies.body(Number(page ?? 0), Date.now() * US_PER_MS, length);
    response.writeHead(200, {
      'Content-Type': body.contentType,
      'Content-Length': body.length,
      'Cache-Control': 'private, no-cache',
    });
    if (request.method !== 'HEAD') for (const piece of body.pieces) response.write(piece);
    response.end();
  }
}

/** What a client of the run says; undefined when nobody said it. */
function wholeNumber(field: string | readonly string[] | undefined): number | undefined {
  return typeof field === 'string' && /^\d{1,10}$/.test(field) ? Number(field) : undefined;
}
