/** Tells when the configuration file was changed, however an editor goes about it. */
import { resolve } from 'node:path';
import { watch } from 'chokidar';

export interface ConfigWatch {
  close(): Promise<void>;
}

/** An editor may write in several steps; the file is read once it has been quiet for so long. */
const QUIET_MS = 100;

export function watchConfig(file: string, changed: () => void): ConfigWatch {
  let timer: NodeJS.Timeout | undefined;
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(changed, QUIET_MS);
  };
  const watcher = watch(resolve(file), { ignoreInitial: true });
  watcher.on('add', soon).on('change', soon);
  // A watch that cannot be had (too many of them) is no reason not to serve: SIGHUP works still.
  watcher.on('error', () => {});
  return {
    close: () => {
      clearTimeout(timer);
      return watcher.close();
    },
  };
}
