/**
 * `switchyard listener --config railgun.conf [--nat railgun-nat.conf]`: the end of the link beside an origin. One JSON line on stdout
 * when it is ready; log lines in the original's shapes on stderr, and to `syslog.addr`.
 *
 *   SIGHUP   read the files again; keys that need a restart are reported and keep their values (RG-079)
 *   SIGQUIT  end running requests, take no new ones, stop (RG-080); so does SIGTERM, and Ctrl-C
 *   SIGUSR1  heap profile to `memprofile.file`; CPU profile to `cpuprofile.file`, on and off
 *   SIGUSR2  a successor takes over the port, then this process drains (package upgrades)
 *
 * Exit code 0 after a drain, 2 when the files or the port are not to be had. What runs is `live/railgun/listener-service.ts`.
 */
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Server } from 'node:net';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { parseRailgunConf, planReload, type RailgunConf, type RailgunProfile } from '../config/railgun-conf.ts';
import { parseRailgunNat } from '../config/railgun-nat.ts';
import { EMPTY_NAT_MAP, type NatMap } from '../core/nat-map.ts';
import type { Problem } from '../core/problem.ts';
import { seededRandom } from '../core/random.ts';
import { RealClock } from '../live/clock.ts';
import { Activation, activationUrl } from '../live/railgun/activation.ts';
import { buildOf, type Certificate } from '../live/railgun/identity.ts';
import { ListenerService } from '../live/railgun/listener-service.ts';
import { resolveNat } from '../live/railgun/nat-names.ts';
import { fileProblem, readTextFile, reasonOf } from './files.ts';
import { EXIT, type Io } from './io.ts';
import { Profiles, startSuccessor } from './listener-signals.ts';
import { formatProblems } from './problems.ts';
import { parseEndpoint } from './serve/options.ts';
import { refuse } from './refuse.ts';
import { VERSION } from './version.ts';

export interface ListenerFlags {
  readonly config: string;
  readonly nat?: string;
  readonly listen?: string;
  readonly store?: string;
  readonly classic?: boolean;
  readonly json?: boolean;
}

/** What the files say, or every problem with them. */
interface Files {
  readonly conf: RailgunConf;
  readonly nat: NatMap;
  readonly ca: string | undefined;
  readonly certificate: Certificate | undefined;
  readonly warnings: readonly Problem[];
}

export async function runListener(flags: ListenerFlags, io: Io): Promise<number> {
  const read = await readFiles(flags);
  if ('problems' in read) return refuse(read.problems, flags, io);
  let { conf } = read;
  warn(read.warnings, io);
  const write = (line: string): void => io.err(`${new Date().toISOString()} ${line}\n`);
  const activation = activationOf(conf, (level, line) => {
    if (level <= conf.logLevel) write(`railgun: ${line}`);
  });
  if (activation === 'bad address') {
    const problem = fileProblem(flags.config, `activate.server "${conf.activateServer}" is no address`);
    return refuse([problem], flags, io);
  }
  // RG-086: before the door is open.
  const outcome = await activation?.activate(conf.wanPort, conf.wanTls && read.certificate === undefined);
  if (outcome?.kind === 'refused') return refuse([fileProblem('activation.token', outcome.message)], flags, io);
  if (outcome?.kind === 'unreachable') write(`railgun: [Activation] ${outcome.message}`);
  const made = await ListenerService.make({
    settings: conf,
    nat: read.nat,
    ca: read.ca,
    certificate: outcome?.kind === 'activated' ? (outcome.certificate ?? read.certificate) : read.certificate,
    activated: outcome?.kind === 'activated',
    clock: new RealClock(),
    random: seededRandom(`${process.pid} ${performance.timeOrigin}`),
    build: buildOf(VERSION),
    classic: flags.classic === true,
    store: flags.store,
    write,
  });
  if ('problem' in made)
    return refuse([fileProblem(flags.store ?? flags.config, `names no store: ${made.problem}`)], flags, io);
  const service = made;
  watchForCrash(conf.stderrFile, io);

  const inherited = await inheritedServer();
  let addresses: Awaited<ReturnType<ListenerService['listen']>>;
  try {
    addresses = await service.listen(inherited);
  } catch (error) {
    await service.stop();
    return refuse([listenProblem(conf, error)], flags, io);
  }
  if (conf.pidFile !== '') writeFileSync(conf.pidFile, `${process.pid}\n`);
  const { wan, stats } = addresses;
  // Port 0 was nothing that a sender could use.
  if (outcome?.kind === 'activated' && conf.wanPort !== wan.port) await activation?.activate(wan.port, false);
  activation?.keepAlive(wan.port);
  const ready = {
    ready: true,
    wan: place(wan.address, wan.port),
    ...(stats === undefined ? {} : { stats: place(stats.address, stats.port) }),
    pid: process.pid,
    version: VERSION,
    build: buildOf(VERSION),
  };
  io.out(`${JSON.stringify(ready)}\n`);
  process.send?.({ ready: true });

  const profiles = new Profiles(conf, (line) => service.log(0, `railgun: ${line}`));
  const reload = async (): Promise<void> => {
    const again = await readFiles(flags);
    if ('problems' in again) {
      io.err(formatProblems(again.problems, { colour: false, sources: new Map() }));
      return service.log(0, 'railgun: SIGHUP: the files are wrong, everything stays as it was');
    }
    const plan = planReload(conf, again.conf);
    conf = plan.conf;
    await service.reload(conf, again.nat);
    service.log(
      0,
      `railgun: SIGHUP: ${plan.applied.length === 0 ? 'nothing changed' : `now in force: ${plan.applied.join(', ')}`}`,
    );
    if (plan.ignored.length > 0) service.log(0, `railgun: SIGHUP: needs a restart: ${plan.ignored.join(', ')}`);
  };
  return new Promise((resolveCode) => {
    let ending = false;
    const end = (how: Promise<void>): void => {
      void how.then(() => {
        if (conf.pidFile !== '' && ownPidFile(conf.pidFile)) rmSync(conf.pidFile, { force: true });
        for (const [signal, handler] of handlers) process.off(signal, handler);
        resolveCode(EXIT.ok);
      });
    };
    const drain = (): void => {
      // The second one: no more patience.
      if (ending) return end(service.stop());
      ending = true;
      end(service.drain().then(() => activation?.deactivate()));
    };
    const handlers: readonly (readonly [NodeJS.Signals, () => void])[] = [
      ['SIGHUP', () => void reload()],
      ['SIGQUIT', drain],
      ['SIGTERM', drain],
      ['SIGUSR1', () => void profiles.toggle()],
      [
        'SIGUSR2',
        () => {
          startSuccessor(service.server.server, (outcome) => {
            service.log(0, `railgun: SIGUSR2: ${outcome.text}`);
            if (outcome.ok) drain();
          });
        },
      ],
    ];
    for (const [signal, handler] of handlers) process.on(signal, handler);
    io.interrupted.addEventListener('abort', drain);
  });
}

/** `undefined`: `activate.server` names nobody, and activation is a matter of the token alone. */
function activationOf(
  conf: RailgunConf,
  say: (level: 0 | 1, line: string) => void,
): Activation | 'bad address' | undefined {
  if (conf.activateServer === '') return undefined;
  const url = activationUrl(conf.activateServer);
  return url === undefined
    ? 'bad address'
    : new Activation(conf, url, { build: buildOf(VERSION), version: VERSION }, say);
}

async function readFiles(flags: ListenerFlags): Promise<Files | { readonly problems: readonly Problem[] }> {
  const profile: RailgunProfile = flags.classic === true ? 'classic' : 'rgx';
  const text = readTextFile(flags.config);
  if ('reason' in text) return { problems: [fileProblem(flags.config, text.reason)] };
  const parsed = parseRailgunConf(flags.config, text.text, profile);
  // With a store of its own the listener needs no memcached.
  const problems = parsed.ok
    ? []
    : parsed.problems.filter((one) => !(flags.store !== undefined && isMissingStore(one)));
  const conf = parsed.ok
    ? parsed
    : parseRailgunConf(flags.config, `${text.text}\nmemcached.servers = 127.0.0.1:11211\n`, profile);
  if (problems.some((one) => one.severity === 'error') || !conf.ok) return { problems };
  const found: Problem[] = [];
  const value = withListen(conf.value, flags.listen, found);
  const besides = (path: string): string => (isAbsolute(path) ? path : join(dirname(resolve(flags.config)), path));
  const nat = await readNat(flags.nat ?? (value.mapFile === '' ? undefined : besides(value.mapFile)), found);
  const pem = (path: string): string | undefined => {
    if (path === '') return undefined;
    const file = readTextFile(besides(path));
    if ('text' in file) return file.text;
    found.push(fileProblem(path, file.reason));
    return undefined;
  };
  const ca = pem(value.caBundle);
  const cert = pem(value.certFile);
  const key = pem(value.keyFile);
  if (found.length > 0) return { problems: found };
  const certificate = cert === undefined || key === undefined ? undefined : { cert, key };
  return { conf: value, nat, ca, certificate, warnings: parsed.ok ? parsed.warnings : [] };
}

/** `--listen` instead of `wan.ip` and `wan.port`. */
function withListen(conf: RailgunConf, listen: string | undefined, problems: Problem[]): RailgunConf {
  if (listen === undefined) return conf;
  const at = parseEndpoint(listen);
  if (at !== undefined) return { ...conf, wanIp: at.host, wanPort: at.port };
  const [message, hint] = [`"${listen}" is no address and port`, 'write 127.0.0.1:2408, or port 0 for a free one'];
  problems.push({ severity: 'error', file: '--listen', line: 0, column: 0, path: '', message, hint });
  return conf;
}

function isMissingStore(problem: Problem): boolean {
  return problem.path === 'memcached.servers' && problem.line === 0;
}

async function readNat(path: string | undefined, problems: Problem[]): Promise<NatMap> {
  if (path === undefined) return EMPTY_NAT_MAP;
  const text = readTextFile(path);
  if ('reason' in text) {
    problems.push(fileProblem(path, text.reason));
    return EMPTY_NAT_MAP;
  }
  const parsed = parseRailgunNat(path, text.text);
  if (!parsed.ok) {
    problems.push(...parsed.problems);
    return EMPTY_NAT_MAP;
  }
  const resolved = await resolveNat(parsed.value);
  if (resolved.ok) return resolved.nat;
  problems.push(
    fileProblem(path, `names hosts that do not resolve: ${resolved.unresolved.join(', ')}`, 'write addresses'),
  );
  return EMPTY_NAT_MAP;
}

function warn(warnings: readonly Problem[], io: Io): void {
  if (warnings.length > 0) io.err(formatProblems(warnings, { colour: false, sources: new Map() }));
}

/** The server socket of a predecessor that was asked to step aside (SIGUSR2). */
function inheritedServer(): Promise<Server | undefined> {
  if (process.env['SWITCHYARD_TAKES_OVER'] !== '1' || process.send === undefined) return Promise.resolve(undefined);
  return new Promise((done) => {
    process.once('message', (_message: unknown, handle: unknown) =>
      done(handle instanceof Server ? handle : undefined),
    );
  });
}

/** `stderr.file`: what brought the process down is written there too. */
function watchForCrash(path: string, io: Io): void {
  process.on('uncaughtExceptionMonitor', (error) => {
    const text = `${new Date().toISOString()} switchyard ${VERSION} listener crashed: ${error.stack ?? error.message}\n`;
    if (path === '') return;
    try {
      appendFileSync(path, text);
    } catch (problem) {
      io.err(`${path} ${reasonOf(problem)}\n`);
    }
  });
}

function ownPidFile(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').trim() === String(process.pid);
  } catch {
    return false;
  }
}

function listenProblem(conf: RailgunConf, error: unknown): Problem {
  const { code, message } = error as NodeJS.ErrnoException;
  const where = `${conf.wanIp === '' ? '*' : conf.wanIp}:${conf.wanPort}`;
  const why = code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be listened at: ${message}`;
  const hint = code === 'EADDRINUSE' ? 'stop it, or choose another wan.port' : '';
  return { severity: 'error', file: 'wan.port', line: 0, column: 0, path: '', message: `${where} ${why}`, hint };
}

function place(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
