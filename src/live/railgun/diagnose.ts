/**
 * One GET for `diagnose`, by the same transport that visitors' requests take, or directly where that has no lane. The first question
 * opens a lane when there is none, and waits while one is being opened; between two tries (back-off) it goes direct as a visitor's does.
 * Measures and hashes, keeps no body.
 */
import { createHash } from 'node:crypto';
import { STATUS_CODES, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import type { RequestHead, ResponseHead } from '../../http1/head.ts';
import type { Attempt } from '../proxy/brain.ts';
import type { LegSink, OriginTransport } from '../proxy/transport.ts';

/** Longest wait for the whole answer: above `lan.timeout`, so that its own verdict is seen. */
const ANSWER_MS = 45_000;
/** Longest wait for a free lane, when all are busy. */
const LANE_MS = 6_000;
const LOOK_AGAIN_MS = 20;

export interface Probed {
  /** 0 = none. */
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
  readonly close: boolean;
  readonly bytes: number;
  /** SHA-1, hex. */
  readonly hash: string;
  readonly elapsedUs: number;
  /** What went wrong instead. */
  readonly fault: string | undefined;
}

/** Over the link; `no_lane` and the reason when there is none and none is being opened (`opening`), which ends by itself after seconds. */
export async function probeLink(
  transport: OriginTransport,
  attempt: Attempt,
  head: RequestHead,
  add: string,
  opening: () => boolean,
): Promise<Probed | { readonly kind: 'no_lane'; readonly reason: string }> {
  const giveUpAt = performance.now() + LANE_MS;
  for (;;) {
    const probe = new Probe();
    const leg = transport.open(attempt, probe, true);
    if (!('kind' in leg)) {
      probe.use(leg, head, { drop: undefined, add, host: attempt.host, upgrade: false, via: '' });
      const timer = setTimeout(() => {
        leg.abort();
        probe.legFault('read_timeout', 'no answer in time', false);
      }, ANSWER_MS);
      const probed = await probe.done;
      clearTimeout(timer);
      return probed;
    }
    if (!opening() || performance.now() >= giveUpAt) return { kind: 'no_lane', reason: leg.detail };
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

type Leg = Exclude<ReturnType<OriginTransport['open']>, { readonly kind: 'fault' }>;
type Edit = Parameters<Leg['begin']>[1];

class Probe implements LegSink {
  readonly clientBlocked = false;
  readonly done: Promise<Probed>;
  readonly #startedAt = performance.now();
  readonly #hash = createHash('sha1');
  #begin: (() => void) | undefined;
  #tell: (probed: Probed) => void = () => {};
  #status = 0;
  #close = false;
  #bytes = 0;
  readonly #fields = new Map<string, string>();

  constructor() {
    this.done = new Promise((resolve) => {
      this.#tell = resolve;
    });
  }

  use(leg: Leg, head: RequestHead, edit: Edit): void {
    this.#begin = () => {
      leg.begin(head, edit);
      leg.sendEnd();
      leg.flush();
    };
    if (leg.ready) this.#begin();
  }

  legReady(): void {
    this.#begin?.();
  }

  legInterim(): void {}

  legHead(head: ResponseHead): 'payload' {
    this.#status = head.status;
    this.#close = head.close;
    for (const line of head.text.split('\r\n').slice(1)) {
      const colon = line.indexOf(':');
      if (colon > 0) this.#fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    return 'payload';
  }

  bodySpan(buf: Buffer, start: number, end: number): void {
    this.#hash.update(buf.subarray(start, end));
    this.#bytes += end - start;
  }

  bodyText(): void {}
  legFlush(): void {}
  legDrained(): void {}
  legTunnelEnd(): void {}

  legEnd(): void {
    this.#end(undefined);
  }

  legFault(kind: string, detail: string, _sawAnswer: boolean): void {
    this.#end(detail === '' ? kind : detail);
  }

  #end(fault: string | undefined): void {
    this.#tell({
      status: fault === undefined ? this.#status : 0,
      fields: this.#fields,
      close: this.#close,
      bytes: this.#bytes,
      hash: this.#hash.digest('hex'),
      elapsedUs: Math.round((performance.now() - this.#startedAt) * 1_000),
      fault,
    });
  }
}

export interface DirectTarget {
  readonly address: string;
  readonly port: number;
  readonly tls: ConnectionOptions | undefined;
}

/** Straight to the origin. */
export function probeDirect(target: DirectTarget, host: string, path: string): Promise<Probed> {
  const startedAt = performance.now();
  const hash = createHash('sha1');
  let bytes = 0;
  return new Promise((resolve) => {
    const end = (status: number, fields: ReadonlyMap<string, string>, fault: string | undefined): void => {
      const elapsedUs = Math.round((performance.now() - startedAt) * 1_000);
      const close = fields.get('connection')?.toLowerCase() === 'close';
      resolve({ status, fields, close, bytes, hash: hash.copy().digest('hex'), elapsedUs, fault });
    };
    const options = { host: target.address, port: target.port, path, agent: false, timeout: ANSWER_MS };
    const headers = { Host: host, 'User-Agent': 'switchyard-diagnose' };
    const request =
      target.tls === undefined
        ? httpRequest({ ...options, headers })
        : httpsRequest({ ...options, headers, ...target.tls });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', (error: NodeJS.ErrnoException) => end(0, new Map(), error.code ?? error.message));
    request.on('response', (response) => {
      response.on('data', (chunk: Buffer) => {
        hash.update(chunk);
        bytes += chunk.length;
      });
      const fields = new Map(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
      response.on('end', () => end(response.statusCode ?? 0, fields, undefined));
      response.on('error', (error) => end(0, new Map(), error.message));
    });
    request.end();
  });
}

export function reasonOf(status: number): string {
  return STATUS_CODES[status] ?? '';
}
