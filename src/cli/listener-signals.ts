/** What SIGUSR1 and SIGUSR2 do to a listener (spec 2.2): profiles for whoever looks into it, and a successor for package upgrades. */
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import type { Server } from 'node:net';
import { writeHeapSnapshot } from 'node:v8';
import type { RailgunConf } from '../config/railgun-conf.ts';

/** A successor that is not ready by then is given up, and this process goes on. */
const SUCCESSOR_MS = 30_000;

export class Profiles {
  readonly #files: Pick<RailgunConf, 'memprofileFile' | 'cpuprofileFile'>;
  readonly #say: (line: string) => void;
  #session: Session | undefined;

  constructor(conf: RailgunConf, say: (line: string) => void) {
    this.#files = conf;
    this.#say = say;
    if (conf.cpuprofileInitial && conf.cpuprofileFile !== '') void this.#startCpu();
  }

  async toggle(): Promise<void> {
    const { memprofileFile, cpuprofileFile } = this.#files;
    if (memprofileFile !== '') this.#say(`heap profile written to ${writeHeapSnapshot(memprofileFile)}`);
    if (cpuprofileFile === '') return;
    if (this.#session === undefined) await this.#startCpu();
    else await this.#stopCpu(this.#session, cpuprofileFile);
  }

  async #startCpu(): Promise<void> {
    const session = new Session();
    this.#session = session;
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    this.#say('CPU profile started');
  }

  async #stopCpu(session: Session, file: string): Promise<void> {
    this.#session = undefined;
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    writeFileSync(file, JSON.stringify(profile));
    this.#say(`CPU profile written to ${file}`);
  }
}

export interface Successor {
  readonly ok: boolean;
  readonly text: string;
}

/** Starts this program again and hands it the server socket: no connection is refused in between. */
export function startSuccessor(server: Server, done: (outcome: Successor) => void): void {
  const [, script = '', ...args] = process.argv;
  const env = { ...process.env, SWITCHYARD_TAKES_OVER: '1' };
  const child = fork(script, args, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'], detached: true });
  let told = false;
  const tell = (outcome: Successor): void => {
    if (told) return;
    told = true;
    clearTimeout(timer);
    done(outcome);
    if (!outcome.ok) return void child.kill();
    child.disconnect();
    child.unref();
  };
  const timer = setTimeout(() => tell({ ok: false, text: 'the successor was not ready in time' }), SUCCESSOR_MS);
  child.once('error', (error) => tell({ ok: false, text: `no successor: ${error.message}` }));
  child.once('exit', (code) => tell({ ok: false, text: `the successor ended with code ${code ?? 'none'}` }));
  child.once('message', () => tell({ ok: true, text: `process ${child.pid ?? 0} takes over` }));
  child.send('server', server);
}
