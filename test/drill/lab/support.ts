/** Labs of a few processes for tests: scenario texts in, a lab out; a plain client; everything ended by whoever started it. */
import { get, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Endpoint, KEY_FIELD, type Lab, type LabEvent } from '../../../src/drill/lab.ts';
import { makeFolder } from '../../../src/drill/lab/ledger.ts';
import type { Machine } from '../../../src/drill/lab/machine.ts';
import { makePlan } from '../../../src/drill/lab/plan.ts';
import { startLab } from '../../../src/drill/lab/start.ts';
import { thisMachine } from '../../../src/drill/lab/machine.ts';
import { prepareReplay, type ReplayInput } from '../../../src/replay/load.ts';
import { FAULTS } from '../../../src/sim/faults/catalogue.ts';

export const SELF = [process.execPath, join(import.meta.dirname, '../../../bin/switchyard.js')];

/** A machine on which everything fits. */
export const ROOMY: Machine = {
  platform: 'linux',
  openFiles: 1e6,
  processes: 1e6,
  freeBytes: 2 ** 36,
  memcached: '/usr/bin/memcached',
  redis: '/usr/bin/redis-server',
};

const NO_FILES = {
  readText: () => ({ reason: 'is not there' }),
  readBytes: () => ({ reason: 'is not there' }),
  geoDatabase: undefined,
};

export async function inputOf(text: string): Promise<ReplayInput> {
  const read = await prepareReplay(text, 'test.yaml', NO_FILES, { version: 'test', repeat: '' });
  if (!read.ok) throw new Error(read.problems.map((one) => one.message).join('; '));
  return read.value;
}

export interface Running {
  readonly lab: Lab;
  readonly input: ReplayInput;
  readonly folder: string;
  readonly events: LabEvent[];
  readonly host: string;
  /** Resolves when an event, past or to come, is such. */
  when(holds: (event: LabEvent) => boolean): Promise<LabEvent>;
  fault(name: string, target: string, values?: Readonly<Record<string, number>>): Promise<() => Promise<void>>;
  /** Takes back whatever a test that failed has left, so that the next one, or the same one again, finds a sound lab. */
  heal(): Promise<void>;
}

export async function runningLab(
  text: string,
  externals: ReadonlyMap<number, Endpoint> = new Map(),
  pages?: ReplayInput['pages'],
): Promise<Running> {
  const read = await inputOf(text);
  const input = pages === undefined ? read : { ...read, pages };
  const plan = makePlan(input, externals, thisMachine());
  const folder = makeFolder();
  const { signal } = new AbortController();
  const lab = await startLab({ input, raw: input.raw, plan, self: SELF, folder, onProgress: () => {}, signal });
  const events: LabEvent[] = [];
  let waiting: (() => void)[] = [];
  lab.onEvent = (event) => {
    events.push(event);
    for (const wake of waiting.splice(0)) wake();
  };
  const when = async (holds: (event: LabEvent) => boolean): Promise<LabEvent> => {
    for (;;) {
      const found = events.find(holds);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (waiting = [...waiting, resolve]));
    }
  };
  const undone: (() => Promise<void>)[] = [];
  const fault: Running['fault'] = async (name, target, values = {}) => {
    const known = FAULTS.get(name);
    if (known === undefined) throw new Error(`no fault ${name}`);
    const defaults = Object.fromEntries(
      Object.entries(known.parameters).map(([key, { default: value }]) => [key, value]),
    );
    const [word = '', ...rest] = target.split('/');
    const kind = word === 'memcached' || word === 'redis' ? 'store' : word;
    const undo = await lab.startFault(
      known,
      { kind: kind as 'pool', name: rest.join('/') },
      { ...defaults, ...values },
    );
    undone.push(undo);
    return undo;
  };
  const heal = async (): Promise<void> => {
    // What was taken back already is so twice.
    for (const undo of undone.splice(0).toReversed()) await undo();
  };
  return { lab, input, folder, events, host: input.model.loadBalancers[0]?.name ?? '', when, fault, heal };
}

/** Patience with what answers: a machine may be busy for long. */
export const ANSWERED_MS = 120_000;
/** And with what does not: a machine that is busy cannot make it answer. */
export const SILENT_MS = 500;

export interface Seen {
  /** 0 = no answer. */
  readonly status: number;
  /** A system's error code; `silent` when nothing came in time; empty with an answer. */
  readonly error: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One request on a connection of its own. `patienceMs`: then it counts as silent. */
export function ask(
  at: Endpoint,
  host: string,
  {
    page = 1,
    bytes = 20_000,
    patienceMs = ANSWERED_MS,
    key,
  }: { page?: number; bytes?: number; patienceMs?: number; key?: number } = {},
): Promise<Seen> {
  return new Promise((resolve) => {
    const told = key === undefined ? {} : { [KEY_FIELD]: String(key >>> 0) };
    const headers = { Host: host, 'Drill-Bytes': String(bytes), 'Drill-Text': '1', ...told };
    const request = get({ ...at, path: `/?page=${page}`, agent: false, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => resolve({ status: 0, error: error.message, headers: {}, body: Buffer.alloc(0) }));
      response.on('end', () => {
        const { statusCode: status = 0, headers: fields } = response;
        resolve({ status, error: '', headers: fields, body: Buffer.concat(chunks) });
      });
    });
    request.setTimeout(patienceMs, () => {
      resolve({ status: 0, error: 'silent', headers: {}, body: Buffer.alloc(0) });
      request.destroy();
    });
    request.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ status: 0, error: error.code ?? error.message, headers: {}, body: Buffer.alloc(0) }),
    );
  });
}

/** How a connection begins: `connected`, a system's error code, or `unanswered`, which is asked for with `SILENT_MS`. */
export function knock(at: Endpoint, patienceMs = ANSWERED_MS): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: at.host, port: at.port });
    const tell = (what: string): void => {
      socket.destroy();
      resolve(what);
    };
    socket.setTimeout(patienceMs, () => tell('unanswered'));
    socket.on('connect', () => tell('connected'));
    socket.on('error', (error: NodeJS.ErrnoException) => tell(error.code ?? error.message));
  });
}
