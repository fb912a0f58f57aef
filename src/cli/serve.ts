/**
 * `switchyard serve`: the edge on real sockets. One JSON line on stdout when it is ready, logs on stderr, SIGHUP reads the file again,
 * SIGTERM and Ctrl-C drain, a second one stops. What runs is in `serve/service.ts`.
 *
 * Exit code 0 after a drain, 2 when it cannot start.
 */
import cluster from 'node:cluster';
import { flushCompileCache } from 'node:module';
import { EXIT, type Io } from './io.ts';
import { refuse } from './refuse.ts';
import { readOptions, type ServeFlags } from './serve/options.ts';
import { VERSION } from './version.ts';

export async function runServe(flags: ServeFlags, io: Io): Promise<number> {
  if (cluster.isWorker) {
    const { runWorker } = await import('./serve/worker.ts');
    return runWorker();
  }
  const [{ pino }, { EdgeService }] = await Promise.all([import('pino'), import('./serve/service.ts')]);
  const read = readOptions(flags);
  if (!read.ok) return refuse(read.problems, flags, io);
  const log = pino({ base: { name: 'switchyard' } }, { write: (line) => io.err(line) });
  const started = await EdgeService.start(read.options, log);
  if (started.kind === 'refused') return refuse(started.problems, flags, io);
  const { service } = started;
  const { ready } = service;
  // A process that is killed some day would not leave its compiled code to the next one, which then needs 30 MiB more.
  flushCompileCache();
  log.info({ version: VERSION, ...ready }, 'serving');
  return new Promise((resolve) => {
    const end = (): void => {
      process.off('SIGTERM', terminate);
      process.off('SIGHUP', reload);
      io.interrupted.removeEventListener('abort', terminate);
      resolve(EXIT.ok);
    };
    const terminate = (): void => {
      // The second one: no more patience.
      if (service.draining) void service.stop().then(end);
      else void service.drain().then(end);
    };
    const reload = (): void => void service.reload('SIGHUP');
    process.on('SIGTERM', terminate);
    process.on('SIGHUP', reload);
    io.interrupted.addEventListener('abort', terminate);
    // Last: whoever reads it may send a signal at once.
    io.out(`${JSON.stringify(ready)}\n`);
  });
}
