/** A server for the API without an edge: the configuration in memory, checked by the real reader; clock, ids and diagnosis as told. */
import type { Hono } from 'hono';
import { listenerApi, operatorApi } from '../../src/api/app.ts';
import type { Diagnosis } from '../../src/api/diagnosis.ts';
import type { ApiPorts, Plain } from '../../src/api/ports.ts';
import { readDocument } from '../../src/config/document.ts';
import { checkConfig } from '../../src/config/load-config.ts';
import type { Model } from '../../src/core/model.ts';
import { micros } from '../../src/core/time.ts';

export const TOKEN = 'abcdefghijklmnopqrstuvwxyz012345';

export const CONFIG: Plain = {
  version: 1,
  zones: [{ id: 'zone-1', name: 'example.com' }, { name: 'other.example' }],
  pools: [{ id: 'site', name: 'site', origins: [{ name: 'web', address: '192.0.2.1', enabled: true }] }],
  railguns: [
    { id: 'rg-1', name: 'first', railgun_host: '192.0.2.8', activation_key: TOKEN },
    { name: 'second', railgun_host: '192.0.2.9', activation_key: TOKEN.toUpperCase() },
  ],
  load_balancers: [
    { name: 'www.example.com', proxied: true, default_pools: ['site'], fallback_pool: 'site' },
    { name: 'img.example.com', proxied: true, default_pools: ['site'], fallback_pool: 'site', railgun: 'first' },
    { name: 'no.example.com', proxied: true, default_pools: ['site'], fallback_pool: 'site', railgun: '' },
  ],
};

export class PretendEdge {
  written: Plain;
  model: Model;
  now = 1_780_000_000_000_000;
  readonly reasons: string[] = [];
  readonly told: Plain[] = [];
  readonly asked: { readonly railgun: string; readonly host: string; readonly path: string }[] = [];
  diagnosis: Diagnosis | undefined;
  readonly operator: Hono;
  readonly listener: Hono;
  #ids = 0;

  constructor(written: Plain = CONFIG) {
    this.written = written;
    this.model = parsed(written);
    const ports: ApiPorts = {
      current: () => ({ written: this.written, model: this.model }),
      change: (next, why) => {
        const read = readDocument(JSON.stringify(next), 'api');
        if (!read.ok) return { problems: read.problems };
        const checked = checkConfig(read.value);
        if (!checked.ok) return { problems: checked.problems };
        this.written = next;
        this.model = checked.value.model;
        this.reasons.push(why);
        return undefined;
      },
      now: () => micros(this.now),
      version: '1.2.3',
      newId: () => {
        this.#ids += 1;
        return String(this.#ids).padStart(32, '0');
      },
      newToken: () => `token${String(this.#ids).padStart(27, '0')}`,
      diagnose: (railgun, host, path) => {
        this.asked.push({ railgun: railgun.id, host, path });
        if (this.diagnosis === undefined) throw new Error('nothing to say');
        return Promise.resolve(this.diagnosis);
      },
      sign: (request, name) => Promise.resolve(request === 'no request' ? undefined : `certificate of ${name}`),
      tell: (facts) => void this.told.push(facts),
    };
    this.operator = operatorApi(ports);
    this.listener = listenerApi(ports);
  }

  async call(method: string, path: string, body?: unknown): Promise<Answered> {
    const init =
      body === undefined ? { method } : { method, body: typeof body === 'string' ? body : JSON.stringify(body) };
    const response = await this.operator.request(path, init);
    return { status: response.status, ...((await response.json()) as Envelope) };
  }

  async post(act: string, fields: Readonly<Record<string, string>>): Promise<{ status: number; body: V2 }> {
    const response = await this.listener.request(`/api/v2/railgun/${act}`, {
      method: 'POST',
      body: new URLSearchParams(fields).toString(),
    });
    return { status: response.status, body: (await response.json()) as V2 };
  }
}

export interface Envelope {
  readonly success: boolean;
  readonly errors: readonly { readonly code: number; readonly message: string }[];
  readonly messages: readonly unknown[];
  readonly result: unknown;
  readonly result_info?: Readonly<Record<string, number>>;
}
export type Answered = Envelope & { readonly status: number };

export interface V2 {
  readonly msg: string | null;
  readonly result: string;
  readonly response: { readonly act: string; readonly railgun?: Readonly<Record<string, unknown>> };
}

function parsed(written: Plain): Model {
  const read = readDocument(JSON.stringify(written), 'test');
  if (!read.ok) throw new Error(read.problems[0]?.message);
  const checked = checkConfig(read.value);
  if (!checked.ok) throw new Error(checked.problems[0]?.message);
  return checked.value.model;
}
