/**
 * Tells when one of some files (the configuration, a certificate and its key) was changed, however an editor goes about it. Looks at
 * the files themselves, a few microseconds each: watching folders instead costs a core when the folder is a busy one, such as /tmp.
 */
import { resolve } from 'node:path';
import { type Stats, unwatchFile, watchFile } from 'node:fs';

export interface FileWatch {
  close(): Promise<void>;
}

const LOOK_MS = 200;
/** An editor may write in several steps; the files are read once they have been quiet for so long. */
const QUIET_MS = 100;

export function watchFiles(files: readonly string[], changed: () => void): FileWatch {
  let timer: NodeJS.Timeout | undefined;
  const looked = (now: Stats): void => {
    // Gone: most likely about to be put back.
    if (now.nlink === 0) return;
    clearTimeout(timer);
    timer = setTimeout(changed, QUIET_MS);
  };
  const paths = files.map((file) => resolve(file));
  for (const path of paths) watchFile(path, { interval: LOOK_MS, persistent: false }, looked);
  return {
    close: async () => {
      clearTimeout(timer);
      for (const path of paths) unwatchFile(path, looked);
    },
  };
}
