/**
 * One edge of the lab: `switchyard serve` as a process, what it tells on its admin port, and what it writes into its access log. A
 * crashed one comes back on the same ports.
 */
import { readSync, openSync, closeSync, renameSync, writeFileSync } from 'node:fs';
import { type ClientRequest, get } from 'node:http';
import { join } from 'node:path';
import { isRecord } from '../../config/plain-value.ts';
import { micros } from '../../core/time.ts';
import { type EdgeRecord, type Endpoint, type LabEdge, LabError, type LabEvent } from '../lab.ts';
import type { Child } from './child.ts';

/** The edge writes its log at least twice a second (`live/line-file.ts`); what lies there is read as often. */
const READ_MS = 100;
/** All that an edge had written down when asked is in the file by then. */
export const FLUSHED_MS = 700;
const READ_BYTES = 256 * 1024;
/** A reload that is not told by then did not happen. */
const ADOPT_MS = 15_000;
/** Between two tries to reach the events of an edge that comes up. */
const AGAIN_MS = 50;

export interface EdgeOptions {
  readonly pop: string;
  readonly folder: string;
  /** Starts the process at these ports; 0 picks. */
  readonly start: (at: { listen: number; admin: number; dns: number }) => Promise<Child>;
  readonly onEvent: (event: LabEvent) => void;
  readonly onRecord: (record: EdgeRecord) => void;
}

export class Edge implements LabEdge {
  readonly pop: string;
  listen: Endpoint = { host: '127.0.0.1', port: 0 };
  admin: Endpoint = { host: '127.0.0.1', port: 0 };
  dns: Endpoint | undefined;
  child: Child | undefined;
  readonly #options: EdgeOptions;
  readonly #file: number;
  readonly #timer: NodeJS.Timeout;
  readonly #buffer = Buffer.allocUnsafe(READ_BYTES);
  /** Of a line whose end is not written yet. */
  #rest = '';
  #offset = 0;
  #stream: ClientRequest | undefined;
  #lastEvent = 0;
  /** No lane could be opened, and that was told. */
  #unreachable = false;
  #closed = false;
  readonly #reloads = new Set<(ok: boolean, config: string, text: string) => void>();

  /** What its file holds. */
  #text = '';

  constructor(options: EdgeOptions) {
    this.#options = options;
    this.pop = options.pop;
    this.#file = openSync(logOf(options.folder, options.pop), 'a+', 0o640);
    this.#timer = setInterval(() => this.#read(), READ_MS);
    this.#timer.unref();
  }

  /** Up at first, and again after a crash. */
  async up(): Promise<void> {
    const { start } = this.#options;
    const at = { listen: this.listen.port, admin: this.admin.port, dns: this.dns?.port ?? 0 };
    const child = await start(at);
    this.child = child;
    this.listen = endpointOf(child.ready['listen']) ?? this.listen;
    this.admin = endpointOf(child.ready['admin']) ?? this.admin;
    this.dns = endpointOf(child.ready['dns']) ?? this.dns;
    this.#lastEvent = 0;
    this.#follow();
  }

  /** Killed, with all it was doing. */
  async crash(): Promise<void> {
    this.#stream?.destroy();
    await this.child?.kill();
  }

  write(text: string): void {
    const file = configOf(this.#options.folder, this.pop);
    // In one step: the edge watches the file, and half of a configuration is a broken one.
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
    this.#text = text;
  }

  /** Rejects when the edge refuses the file, or says nothing of it. */
  async adopt(text: string, hash: string): Promise<void> {
    // An edge that finds its file as it was has nothing to tell.
    if (text === this.#text) return;
    this.write(text);
    const { child } = this;
    // One that is down reads it when it comes back.
    if (child?.alive !== true) return;
    const adopted = new Promise<void>((resolve, reject) => {
      const heard = (ok: boolean, config: string, why: string): void => {
        if (ok && config !== hash) return;
        this.#reloads.delete(heard);
        clearTimeout(timer);
        if (ok) resolve();
        else reject(new LabError(`the edge ${this.pop} refuses the changed configuration`, why));
      };
      const timer = setTimeout(() => {
        this.#reloads.delete(heard);
        reject(
          new LabError(`the edge ${this.pop} did not adopt the changed configuration within ${ADOPT_MS / 1_000} s`),
        );
      }, ADOPT_MS);
      this.#reloads.add(heard);
    });
    child.signal('SIGHUP');
    await adopted;
  }

  close(): void {
    this.#closed = true;
    this.#stream?.destroy();
    clearInterval(this.#timer);
    this.#read();
    closeSync(this.#file);
  }

  // What it tells

  #follow(): void {
    if (this.#closed || this.child?.alive !== true) return;
    const { host, port } = this.admin;
    const again = (): void => {
      if (this.#stream !== stream) return;
      setTimeout(() => this.#follow(), AGAIN_MS).unref();
    };
    const stream = get(
      { host, port, path: `/_switchyard/events?since=${this.#lastEvent}`, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          const blocks = (text + part).split('\n\n');
          text = blocks.pop() ?? '';
          for (const block of blocks) this.#heard(block);
        });
        response.on('error', () => {});
        response.on('close', again);
      },
    );
    this.#stream = stream;
    stream.on('error', again);
  }

  #heard(block: string): void {
    const data = /^data: (.*)$/m.exec(block)?.[1];
    if (data === undefined) return;
    let event: unknown;
    try {
      event = JSON.parse(data);
    } catch {
      return;
    }
    if (!isRecord(event) || typeof event['id'] !== 'number') return;
    this.#lastEvent = event['id'];
    const text = (key: string): string => (typeof event[key] === 'string' ? event[key] : '');
    const at = micros(Date.parse(text('at')) * 1_000);
    const { pop } = this;
    switch (event['kind']) {
      case 'health': {
        // What data centers see is one view of many; a verdict is what traffic follows.
        if (text('where') !== 'global') return;
        const scope = text('scope') === 'pool' ? 'pool' : 'origin';
        const [pool, origin, from, to, reason] = [
          text('pool'),
          text('origin'),
          text('from'),
          text('to'),
          text('reason'),
        ];
        return this.#options.onEvent({ kind: 'health', at, pop, scope, pool, origin, from, to, reason });
      }
      case 'lane': {
        const state = text('state') === 'open' ? 'open' : 'lost';
        if (state === 'open') this.#unreachable = false;
        return this.#options.onEvent({ kind: 'lane', at, pop, listener: -1, state, reason: text('reason') });
      }
      case 'railgun': {
        if (text('state') !== 'unreachable' || this.#unreachable) return;
        this.#unreachable = true;
        // "no lane to railgun NAME: why"
        const reason = text('text').split(': ').at(-1) ?? '';
        return this.#options.onEvent({ kind: 'lane', at, pop, listener: -1, state: 'unreachable', reason });
      }
      case 'reload':
        for (const each of [...this.#reloads]) each(event['ok'] === true, text('config'), text('text'));
        return undefined;
      default:
        return undefined;
    }
  }

  // What it writes

  #read(): void {
    for (;;) {
      const length = readSync(this.#file, this.#buffer, 0, READ_BYTES, this.#offset);
      if (length === 0) return;
      this.#offset += length;
      const lines = (this.#rest + this.#buffer.toString('latin1', 0, length)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) {
        const record = recordOf(line, this.pop);
        if (record !== undefined) this.#options.onRecord(record);
      }
    }
  }
}

export function logOf(folder: string, pop: string): string {
  return join(folder, `${pop}.access.ndjson`);
}

export function configOf(folder: string, pop: string): string {
  return join(folder, `${pop}.config.json`);
}

/** A line of the access log; undefined when it is none (the last one before a crash may be cut). */
function recordOf(line: string, pop: string): EdgeRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const text = (key: string): string => (typeof value[key] === 'string' ? value[key] : '');
  const number = (key: string): number => (typeof value[key] === 'number' ? value[key] : 0);
  return {
    pop,
    ray: text('RayID'),
    // Nanoseconds there, more than a double holds to the last digit.
    startUs: Math.round(number('EdgeStartTimestamp') / 1_000),
    endUs: Math.round(number('EdgeEndTimestamp') / 1_000),
    status: number('EdgeResponseStatus'),
    pool: text('pool'),
    origin: text('origin'),
    because: text('because'),
    affinity: text('affinity'),
    fallback: value['fallback'] === true,
    attempts: number('attempts'),
    tried: Array.isArray(value['tried']) ? value['tried'].map(String) : [],
    candidates: text('candidates'),
    outcome: text('outcome'),
    error: number('error'),
  };
}

function endpointOf(text: unknown): Endpoint | undefined {
  const match = typeof text === 'string' ? /^\[?([^\]]+)\]?:(\d+)$/.exec(text) : null;
  return match === null ? undefined : { host: match[1] ?? '', port: Number(match[2]) };
}
